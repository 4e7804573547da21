# SPDX-License-Identifier: Apache-2.0
"""Pictures and other raw bytes beside the store, each under the hash of what it holds.

Neighbours: lifelong.py opens `<store>.blobs`, pictures.py knows which are in use; records name them as evidence,
"blob:<sha256>"; provenance.py and erasure.py follow that name.
Rules of the file: a file appears whole or not at all, and before the record that names it; its name is checked against
its bytes whenever it is read; beyond the budget the oldest that nothing refers to goes first, and one that a record
refers to never goes, however large they are together: that is reported instead.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from memory.errors import StoreCorrupt, StoreUnavailable

BUDGET_BYTES = 4 * 1024**3
PREFIX = "blob:"
_NAME = re.compile(r"blob:[0-9a-f]{64}")
_PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is there, and what does not fit together.

    Attributes:
        files, size_bytes: How many and how much.
        budget_bytes: What they may take together.
        unreferenced: Files that no record names.
        missing: Names that a record has and no file bears.
        corrupt: Files whose bytes are not what their name says; only a deep look finds them.
        dropped: How many went for the budget since the store was opened.
    """

    files: int = 0
    size_bytes: int = 0
    budget_bytes: int = BUDGET_BYTES
    unreferenced: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    corrupt: tuple[str, ...] = ()
    dropped: int = 0

    @property
    def over_bytes(self) -> int:
        """How far beyond the budget they are, because records refer to them."""
        return max(0, self.size_bytes - self.budget_bytes)

    def __str__(self) -> str:
        return (
            f"{self.files} blobs, {self.size_bytes} of {self.budget_bytes} bytes ({self.over_bytes} over), "
            f"{len(self.unreferenced)} unreferenced, {len(self.missing)} missing, {len(self.corrupt)} corrupt, "
            f"{self.dropped} dropped"
        )


@dataclass(frozen=True, slots=True)
class _File:
    stamp_ns: int
    size_bytes: int


class Blobs:
    """A folder of content-addressed files; made when the first one is put.

    Args:
        folder: Where; one process writes there.
        budget_bytes: See `make_room`.

    Raises:
        StoreUnavailable: the folder cannot be read.
    """

    def __init__(self, folder: Path, *, budget_bytes: int = BUDGET_BYTES) -> None:
        self.folder = folder
        self.budget_bytes = budget_bytes
        self.dropped = 0
        try:
            self._files = dict(sorted(self._listed()))
        except OSError as error:
            raise StoreUnavailable(f"cannot read the blobs in {folder}: {error.strerror}") from error

    def __contains__(self, name: str) -> bool:
        return name in self._files

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, oldest first."""
        return tuple(sorted(self._files, key=lambda name: (self._files[name].stamp_ns, name)))

    @property
    def size_bytes(self) -> int:
        """Of all of them together."""
        return sum(file.size_bytes for file in self._files.values())

    def put(self, content: bytes, stamp_ns: int) -> str:
        """Keep it, on disk before this returns; the name to put into a record's evidence. The same again adds nothing.

        Args:
            stamp_ns: Its age counts from here.

        Raises:
            StoreUnavailable: it cannot be written; nothing was kept.
        """
        name = PREFIX + hashlib.sha256(content).hexdigest()
        path = self._path(name)
        if name in self._files and path.is_file() and path.stat().st_size == len(content):
            return name
        partial = path.with_name(f"{path.name}.{os.getpid()}{_PARTIAL}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            os.utime(partial, ns=(stamp_ns, stamp_ns))
            os.replace(partial, path)
            for folder in (path.parent, self.folder, self.folder.parent):
                _sync(folder)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise StoreUnavailable(f"cannot keep {len(content)} bytes in {self.folder}: {error.strerror}") from error
        self._files[name] = _File(stamp_ns, len(content))
        return name

    def get(self, name: str) -> bytes:
        """Its bytes, checked.

        Raises:
            StoreCorrupt: it is gone, or its bytes are not what was put.
            ValueError: that is no name of a blob.
        """
        try:
            content = self._path(name).read_bytes()
        except OSError as error:
            raise StoreCorrupt(f"{name} is not in {self.folder}: {error.strerror}") from error
        if PREFIX + hashlib.sha256(content).hexdigest() != name:
            raise StoreCorrupt(f"{name} in {self.folder} holds {len(content)} bytes that are not what was put there")
        return content

    def corrupt(self) -> tuple[str, ...]:
        """Names of those whose bytes are not what was put; reads every file."""
        wrong: list[str] = []
        for name in self.names:
            try:
                self.get(name)
            except StoreCorrupt:
                wrong.append(name)
        return tuple(wrong)

    def make_room(self, in_use: Callable[[str], bool]) -> tuple[str, ...]:
        """Drop the oldest that are not in use until the rest fits the budget, or is all in use; what was dropped."""
        over_bytes = self.size_bytes - self.budget_bytes
        gone: list[str] = []
        for name in self.names if over_bytes > 0 else ():
            if over_bytes <= 0:
                break
            if not in_use(name):
                over_bytes -= self._files[name].size_bytes
                gone.append(name)
        self.drop(gone)
        self.dropped += len(gone)
        return tuple(gone)

    def drop(self, names: Iterable[str]) -> int:
        """Erase them, on disk before this returns; how many there were.

        Raises:
            StoreUnavailable: one cannot be erased; those before it are.
        """
        count = 0
        for name in names:
            path = self._path(name)
            try:
                if path.is_file():
                    path.unlink()
                    _sync(path.parent)
                    count += 1
            except OSError as error:
                raise StoreUnavailable(f"cannot erase {name} in {self.folder}: {error.strerror}") from error
            self._files.pop(name, None)
        return count

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a blob")
        digest = name[len(PREFIX) :]
        return self.folder / digest[:2] / digest[2:]

    def _listed(self) -> Iterable[tuple[str, _File]]:
        """The files there are; what a crash left half-written is removed."""
        if not self.folder.is_dir():
            return
        for path in self.folder.glob("*/*"):
            name = f"{PREFIX}{path.parent.name}{path.name}"
            if path.name.endswith(_PARTIAL):
                path.unlink(missing_ok=True)
            elif _NAME.fullmatch(name):
                known = path.stat()
                yield name, _File(known.st_mtime_ns, known.st_size)


def _sync(folder: Path) -> None:
    """Make what was renamed or removed in it last."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
