# SPDX-License-Identifier: Apache-2.0
"""Input that cannot be, set aside with a reason and counted, so that nothing vanishes in silence.

Neighbours: whoever caught RejectedInput puts the raw input here, draft.py what a store refused; diagnostics and
`neuraxis memory stats` read the counts.
Rules of the file: bounded in what it keeps and in how many reasons it tells apart; counts are never dropped; with a
path it outlives the process, a line a piece, and a disk that takes no more does not stop the robot.
"""

from __future__ import annotations

import base64
import json
import math
import os
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

OTHER = "other"
FILE_BYTES = 4 * 2**20  # of each of the two files; then the older one goes
RAW_LETTERS = 65_536  # of one piece's raw input as JSON; of a longer one its beginning and its length are kept
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Rejected:
    """One piece of raw input and why it was refused.

    Attributes:
        raw: As it came; read back from a file, as JSON has it (a record is an object, NaN the word "nan").
        reason: A few words that are the same for every such case: "position not finite".
        detail: The sentence with the offending value.
    """

    raw: object
    reason: str
    detail: str = ""
    stamp_ns: int = 0


class Quarantine:
    """The newest rejected input, and how often each reason occurred.

    Args:
        keep: Pieces held in memory.
        reasons: How many are told apart; the rest counts as "other".
        path: File to keep them in, `<store>.quarantine.jsonl`; None = they end with the process. When it is full it
            becomes `<path>.1`, in place of the one before, and the next file begins with the counts so far.
        file_bytes: When it is full.

    Attributes:
        unwritten: Pieces that the disk did not take; they are counted all the same.

    >>> quarantine = Quarantine(keep=1)
    >>> quarantine.set_aside({"x": float("nan")}, "position not finite")
    >>> quarantine.set_aside({"t": 0}, "stamp unset")
    >>> quarantine.counts["position not finite"], len(quarantine.kept), quarantine.total
    (1, 1, 2)
    """

    def __init__(
        self, keep: int = 256, reasons: int = 64, *, path: Path | None = None, file_bytes: int = FILE_BYTES
    ) -> None:
        self._kept: deque[Rejected] = deque(maxlen=keep)
        self._reasons = reasons
        self._counts: Counter[str] = Counter()
        self._pages = _Pages(path, file_bytes) if path else None
        self.unwritten = 0
        for line in self._pages.lines() if self._pages else ():
            self._read(line)

    def set_aside(self, raw: object, reason: str, detail: str = "", stamp_ns: int = 0) -> None:
        """Keep it for a look, and count it."""
        rejected = Rejected(raw, reason, detail, stamp_ns)
        self._count(rejected)
        if self._pages and not self._pages.add(_spell(rejected), dict(self._counts)):
            self.unwritten += 1

    def sync(self) -> None:
        """Let what was written survive a power cut; once a step is enough. Costs nothing if nothing was written."""
        if self._pages:
            self._pages.sync()

    @property
    def kept(self) -> tuple[Rejected, ...]:
        """The newest, oldest of them first."""
        return tuple(self._kept)

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each reason occurred."""
        return dict(self._counts)

    @property
    def total(self) -> int:
        """How much was ever set aside."""
        return sum(self._counts.values())

    def _count(self, rejected: Rejected) -> None:
        self._kept.append(rejected)
        known = rejected.reason in self._counts or len(self._counts) < self._reasons
        self._counts[rejected.reason if known else OTHER] += 1

    def _read(self, line: str) -> None:
        try:
            spelled = json.loads(line)
            if "counts" in spelled:
                self._counts = Counter({str(reason): int(n) for reason, n in spelled["counts"].items()})
                return
            piece = Rejected(spelled["raw"], str(spelled["reason"]), str(spelled["detail"]), int(spelled["stamp_ns"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            piece = Rejected(line[:RAW_LETTERS], OTHER, "this line was cut off while it was written")
        self._count(piece)


class _Pages:
    """Two files of lines: the one that grows, and the one before it."""

    def __init__(self, path: Path, file_bytes: int) -> None:
        self._path = path
        self._older = path.with_name(path.name + ".1")
        self._file_bytes = file_bytes
        self._is_behind = False  # the file misses something that was counted
        self._is_dirty = False

    def lines(self) -> Iterator[str]:
        """Of both, oldest first."""
        for path in (self._older, self._path):
            if path.is_file():
                yield from (line.decode("utf-8", "replace") for line in path.read_bytes().splitlines())

    def add(self, line: str, counts: Mapping[str, int]) -> bool:
        """Append a line; counts are those with it. False if the disk did not take it."""
        try:
            size = self._path.stat().st_size if self._path.exists() else 0
            if size and size + len(line) > self._file_bytes:
                self._turn(counts, line)
            elif self._is_behind:
                self._append(_counts_less(counts, line) + line)
            else:
                self._append(line)
        except OSError:
            self._is_behind = True
            return False
        self._is_behind = False
        self._is_dirty = True
        return True

    def sync(self) -> None:
        if not self._is_dirty:
            return
        for path, flags in ((self._path, os.O_RDONLY), (self._path.parent, os.O_RDONLY | os.O_DIRECTORY)):
            try:
                file = os.open(path, flags)
            except OSError:
                return
            try:
                os.fsync(file)
            except OSError:
                return
            finally:
                os.close(file)
        self._is_dirty = False

    def _append(self, text: str) -> None:
        """One write at the end; after a line that was cut off, on a new one."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            end = os.lseek(file, 0, os.SEEK_END)
            torn = end > 0 and os.pread(file, 1, end - 1) != b"\n"
            bytes_ = (("\n" if torn else "") + text).encode()
            if os.write(file, bytes_) != len(bytes_):
                os.ftruncate(file, end)
                raise OSError("the disk is full")
        finally:
            os.close(file)

    def _turn(self, counts: Mapping[str, int], line: str) -> None:
        """Begin the next file with the counts; killed in between, the older one still holds all of them."""
        fresh = self._path.with_name(self._path.name + ".partial")
        fresh.write_text(_counts_less(counts, line) + line, encoding="utf-8")
        os.replace(self._path, self._older)
        os.replace(fresh, self._path)


def _counts_less(counts: Mapping[str, int], line: str) -> str:
    """The counts before this line, which is counted again where it is read."""
    reason = json.loads(line)["reason"]
    known = reason if reason in counts else OTHER
    before = {name: n - (name == known) for name, n in counts.items()}
    return json.dumps({"counts": {name: n for name, n in before.items() if n}}) + "\n"


def _spell(rejected: Rejected) -> str:
    raw = _plain(rejected.raw)
    spelled = json.dumps(raw)
    if len(spelled) > RAW_LETTERS:
        raw = {"beginning": spelled[:RAW_LETTERS], "letters": len(spelled)}
    told = {"reason": rejected.reason, "detail": rejected.detail[:RAW_LETTERS], "stamp_ns": _plain(rejected.stamp_ns)}
    return json.dumps({**told, "raw": raw}) + "\n"


def _plain(raw: object, depth: int = 0) -> Any:
    """As JSON can spell it, whatever it is; what JSON has no word for is told in words."""
    if raw is None or isinstance(raw, bool | str):
        return raw
    if isinstance(raw, int):
        return raw if abs(raw) < 2**63 else hex(raw)
    if isinstance(raw, float):
        return raw if math.isfinite(raw) else repr(raw)
    if isinstance(raw, bytes):
        return base64.b64encode(raw).decode()
    if depth >= _DEEPEST:
        return f"a {type(raw).__name__}, nested too deep"
    if is_dataclass(raw) and not isinstance(raw, type):
        told = {f.name: _plain(getattr(raw, f.name), depth + 1) for f in fields(raw)}
        return {"is": type(raw).__name__, **told}
    if isinstance(raw, Mapping):
        return {str(name): _plain(value, depth + 1) for name, value in raw.items()}
    if isinstance(raw, tuple | list):
        return [_plain(value, depth + 1) for value in raw]
    return repr(raw)
