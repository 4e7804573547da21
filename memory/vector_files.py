# SPDX-License-Identifier: Apache-2.0
"""Every partition of one store's vector index, and its files beside the store.

Neighbours: vectors.py is one partition, vector_manifest.py names the files; backends/sqlite.py gives the rows.
Rules of the file: a file is trusted only if its whole checksum is the manifest's and its numbers and some of its
vectors fit the rows, and it is checked before the native library opens it; one that is not is moved aside, and its
partition grows anew from the rows; a file is replaced whole, never written over; nothing that is wrong with the files
ever fails a write or a question.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from memory.vector_manifest import MANIFEST, Saved, checksum, read_manifest, size_of, write_manifest
from memory.vectors import TAIL_KEPT, Indexer, Partition, unit_vector

SAVED_AFTER = 20_000  # vectors the index may have taken in before it is saved in an idle moment
_PAGE = 2000
_SAMPLES = 16  # vectors of a partition that must be the rows' own: else the files are of another store, or of a copy

Candidates = list[tuple[int, float]]  # numbers, and about the cosine of each, falling

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Space:
    """What one partition is for, as the rows know it.

    Attributes:
        number: Of the partition, in the store.
        size: D of its vectors.
        rows: How many it has.
    """

    number: int
    robot: int
    kind: int
    encoder: str
    size: int
    rows: int


class Rows(Protocol):
    """Where the vectors are kept."""

    def spaces(self) -> list[Space]:
        """Every partition that ever held a vector."""
        ...

    def last_vector(self) -> int:
        """Highest number given out."""
        ...

    def vectors_after(self, space: int, number: int, limit: int) -> list[tuple[int, bytes]]:
        """(number, vector) of a partition with higher numbers, in order."""
        ...

    def rows_up_to(self, space: int, number: int) -> int:
        """How many of a partition have at most this number."""
        ...


class VectorIndex:
    """The index of one store.

    Args:
        folder: For its files; made when first saved.
        rows: The store.
        busy: Is a writer at work?
        idle: Called by the index's thread now and then while nobody writes.
        read_only: Nothing is saved, moved or indexed; files another process saves are taken up.

    Attributes:
        saving: Held while files are written. Whoever erases rows holds it from before `discard_files` until after
            `discard`: nothing that goes is saved in between.

    Several threads use it at once. Locks are taken in this order: the store's writing turn, `saving`, refilling, the
    store's reading turn, replacing, a partition's own.
    """

    def __init__(
        self,
        folder: Path,
        rows: Rows,
        busy: Callable[[], bool],
        idle: Callable[[], None] = lambda: None,
        *,
        read_only: bool = False,
    ) -> None:
        self._folder = folder
        self._rows = rows
        self._read_only = read_only
        self._partitions: dict[int, Partition] = {}  # never changed but replaced: others walk over it meanwhile
        self._replacing = threading.Lock()
        self._manifest: dict[int, Saved] | None = None
        self._manifest_read: tuple[int, int] = (0, 0)
        self._seen = 0
        self._unsaved_from = 0
        self._refilling = threading.Lock()
        self.saving = threading.RLock()
        self._idle = idle
        self._indexer = Indexer(lambda: list(self._partitions.values()), busy, self._refill, self._rest)
        self._load()
        if not read_only:
            self._indexer.wake()

    def append(self, space: Space, numbers: list[int], vectors: list[bytes]) -> None:
        """Take in committed rows of one partition."""
        self._of(space).append(numbers, vectors)
        self._seen = max(self._seen, numbers[-1])
        if not self._read_only:
            self._indexer.wake()

    def nearest(self, spaces: Iterable[Space], vector: bytes, count: int) -> tuple[Candidates, bool]:
        """About the `count` nearest of all these partitions; False if one is behind the rows."""
        if self._read_only:
            self._follow_writer()
        asked = unit_vector(vector)
        parts = [self._of(space) for space in spaces]
        whole = not any(part.behind for part in parts)  # as it was before: later ones are not in the answer either
        found = [part.nearest(asked, count) for part in parts]
        closeness, numbers = (np.concatenate(some) for some in zip(*found, strict=True))
        best_first = np.lexsort((numbers, closeness))[::-1]
        best_first = best_first[:count]
        return list(zip(numbers[best_first].tolist(), closeness[best_first].tolist(), strict=True)), whole

    def closest(self, numbers: Mapping[Space, Sequence[int]], vector: bytes, count: int) -> Candidates:
        """About the `count` closest of these numbers, and before them all that their partitions do not hold yet."""
        every = [number for some in numbers.values() for number in some]
        if len(every) <= count:
            return [(number, math.inf) for number in every]
        if self._read_only:
            self._follow_writer()
        asked = unit_vector(vector)
        found = [self._of(space).closeness(np.array(some, np.int64), asked) for space, some in numbers.items() if some]
        closeness = np.nan_to_num(np.concatenate(found), nan=np.inf)
        taken = count + int(np.isinf(closeness).sum())
        best = np.argsort(-closeness, kind="stable")[:taken]
        return list(zip(np.array(every, np.int64)[best].tolist(), closeness[best].tolist(), strict=True))

    @property
    def unindexed(self) -> int:
        """Vectors still compared one by one."""
        return sum(part.unindexed for part in self._partitions.values())

    @property
    def error(self) -> str:
        """Why nothing moves from the tails into the index; "" if it does."""
        return self._indexer.error

    def files_bytes(self) -> int:
        """On disk."""
        return sum(size_of(path) for path in self._folder.glob("*"))

    def digest_all(self, progress: Callable[[int], None] = lambda left: None) -> None:
        """Move every long tail into its index, now; `progress` is told how many vectors are left."""
        for number, part in self._partitions.items():
            while part.digest(gulps=64) or part.behind:
                self._refill_one(number, part)
                progress(self.unindexed)

    def save(self) -> None:
        """Write what has grown since the last time."""
        with self.saving:
            if self._read_only or not any(part.dirty for part in self._partitions.values()):
                return
            self._folder.mkdir(exist_ok=True)
            saved = {} if self._manifest is None else dict(self._manifest)
            spaces = {space.number: space for space in self._rows.spaces()}
            for number, part in self._partitions.items():
                if part.dirty and number in spaces:
                    saved[number] = self._save_one(number, part, spaces[number].encoder)
            self._write_manifest(saved)
            self._unsaved_from = sum(part.indexed for part in self._partitions.values())

    def discard(self) -> None:
        """Throw the index away, files too, and begin again from the rows; whoever calls has the writing turn."""
        with self.saving:
            self.discard_files()
            self._load()
        self._indexer.wake()

    def discard_files(self) -> None:
        """Nothing of a vector stays on the disk, in what was moved aside or left half written neither."""
        with self.saving:
            for path in self._folder.glob("*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            self._manifest = None
            for part in self._partitions.values():  # if the rows stay after all, they are saved again
                part.dirty = part.indexed > 0

    def rest(self) -> None:
        """Let the thread end; it may wait for the rows meanwhile, so whoever holds them must not wait for it."""
        self._indexer.end()

    def close(self) -> None:
        """Let the thread end, and hold nothing; whoever asks now would be told of an empty index."""
        self.rest()
        self._partitions = {}

    # ---- from the rows

    def _of(self, space: Space) -> Partition:
        part = self._partitions.get(space.number)
        if part is None:
            with self._replacing:  # two that make it at once would each fill their own
                part = self._partitions.get(space.number) or Partition(space.size)
                self._partitions = {**self._partitions, space.number: part}
        return part

    def _load(self) -> None:
        """Begin with the files and the rows; until it is done, what was there before answers."""
        self._manifest = self._read_manifest()
        self._seen = self._rows.last_vector()
        begun: dict[int, Partition] = {}
        for space in self._rows.spaces():
            part = begun[space.number] = Partition(space.size)
            self._take_up(space, part)
            part.behind = space.rows - self._rows.rows_up_to(space.number, part.applied)
            self._read_on(space.number, part)
        with self._replacing:
            self._partitions = begun
        self._unsaved_from = sum(part.indexed for part in begun.values())

    def _refill(self) -> None:
        for number, part in self._partitions.items():
            self._refill_one(number, part)

    def _refill_one(self, number: int, part: Partition) -> None:
        with self._refilling:
            self._read_on(number, part)

    def _read_on(self, number: int, part: Partition) -> None:
        """Read on in the rows where the tail ends, as far as it may grow."""
        while (behind := part.behind) and part.unindexed - part.behind < TAIL_KEPT // 2:
            page = self._rows.vectors_after(number, part.newest, _PAGE)
            if not page:
                part.caught_up(behind)
                return
            part.take_in(*zip(*page, strict=True))

    def _rest(self) -> None:
        self._save_much()
        self._idle()

    def _save_much(self) -> None:
        """In an idle moment, so that readers and the next start have less to compare one by one."""
        if sum(part.indexed for part in self._partitions.values()) - self._unsaved_from >= SAVED_AFTER:
            with suppress(OSError):
                self.save()

    def _follow_writer(self) -> None:
        """A reader: what another process has committed since the last look."""
        if self.unindexed > 2 * TAIL_KEPT // 10 and self._stat() != self._manifest_read:
            self._load()
        last = self._rows.last_vector()
        if last == self._seen:
            return
        for space in self._rows.spaces():
            part = self._of(space)
            while not part.behind and (page := self._rows.vectors_after(space.number, part.newest, _PAGE)):
                part.append(*map(list, zip(*page, strict=True)))
        self._seen = last

    # ---- files

    def _take_up(self, space: Space, part: Partition) -> None:
        saved = (self._manifest or {}).get(space.number)
        if saved is None:
            return
        path = self._folder / saved.file
        try:
            why = self._distrust(path, saved, space)
            if not why:
                part.take_up(_restored(path), saved.applied, read_only=True)
        except (OSError, RuntimeError) as error:  # it went meanwhile, or cannot be read
            why = str(error)
        if why:
            log.warning("vector index %s is built again from the rows: %s", path, why)
            self._put_aside(path)
            (self._manifest or {}).pop(space.number, None)

    def _distrust(self, path: Path, saved: Saved, space: Space) -> str:
        """Why a file must not be opened; "" if it may."""
        if (saved.encoder, saved.size) != (space.encoder, space.size):
            return f"it is of encoder {saved.encoder!r} with {saved.size} values, the rows of {space.encoder!r}"
        if saved.applied > self._rows.last_vector():
            return f"it is newer ({saved.applied}) than the rows ({self._rows.last_vector()})"
        rows = self._rows.rows_up_to(space.number, saved.applied)
        if rows > saved.count:
            return f"it holds {saved.count} vectors, the rows up to there {rows}"
        if rows and not self._is_of_these_rows(space.number, saved):
            return "it was made from other rows"
        if not path.is_file():
            return "the file is missing"
        if checksum(path) != saved.sha256:
            return "its checksum is not the manifest's"
        return ""

    def _samples(self, space: int, numbers: Iterable[int]) -> dict[int, int]:
        """number -> crc32 of the first vector at each of these numbers or after it."""
        pages = (self._rows.vectors_after(space, number - 1, 1) for number in numbers)
        return {number: zlib.crc32(vector) for page in pages for number, vector in page}

    def _is_of_these_rows(self, space: int, saved: Saved) -> bool:
        """A number names one vector for good, so those of its samples that are still there must be the same."""
        expected = {one[0]: one[1] for one in saved.samples}
        held = {number: crc for number, crc in self._samples(space, expected).items() if number in expected}
        return bool(held) and all(expected[number] == crc for number, crc in held.items())

    def _put_aside(self, path: Path) -> None:
        if not self._read_only:
            with suppress(OSError):
                os.replace(path, path.with_name(path.name + ".bad"))

    def _save_one(self, number: int, part: Partition, encoder: str) -> Saved:
        partial = self._folder / f"{number}.partial"
        try:
            applied, count = part.save(str(partial))
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        name = f"{number}-{applied}.usearch"
        digest = checksum(partial)
        os.replace(partial, self._folder / name)
        spread = {1 + (applied - 1) * n // (_SAMPLES - 1) for n in range(_SAMPLES)}
        samples = [[at, crc] for at, crc in sorted(self._samples(number, spread).items()) if at <= applied]
        return Saved(name, digest, applied, count, part.size, encoder, samples)

    def _write_manifest(self, saved: dict[int, Saved]) -> None:
        write_manifest(self._folder, saved)
        self._manifest = saved
        kept = {one.file for one in saved.values()}
        for path in self._folder.glob("*.usearch"):
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def _read_manifest(self) -> dict[int, Saved] | None:
        path = self._folder / MANIFEST
        self._manifest_read = self._stat()
        try:
            return read_manifest(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("the vector index beside the store is built again from the rows: %s: %s", path, error)
            self._put_aside(path)
            return None

    def _stat(self) -> tuple[int, int]:
        try:
            told = (self._folder / MANIFEST).stat()
        except OSError:
            return (0, 0)
        return (told.st_mtime_ns, told.st_ino)


def _restored(path: Path) -> Any:
    from usearch.index import Index

    return Index.restore(str(path), view=True)
