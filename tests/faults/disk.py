# SPDX-License-Identifier: Apache-2.0
"""A disk that loses power: what recorder.c saw, played up to a cut, and what may be found afterwards.

Neighbours: test_power_cuts.py records a life, cuts it and opens what is left.
Rules of the file: what was synced is kept; of what was not, a seeded choice survives, and so it does of names that
were given, changed or removed without a sync of their directory. A directory's sync makes its names durable, a
file's sync its bytes and nothing else.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_HEADER = struct.Struct("<cIQQQ")
_SECTOR, _PAGE = 512, 4096
CUTS = ("dropped", "cut off", "scattered")


class Event(NamedTuple):
    """One call; the head of recorder.c says what its fields mean."""

    op: str
    name: str
    inode: int
    offset: int
    data: bytes


def events(log: bytes) -> Iterator[Event]:
    """What was recorded, in order."""
    at = 0
    while at < len(log):
        op, named, inode, offset, length = _HEADER.unpack_from(log, at)
        at += _HEADER.size
        yield Event(op.decode(), log[at : at + named].decode(), inode, offset, log[at + named : at + named + length])
        at += named + length


@dataclass
class _File:
    """Bytes on the disk, and writes that are not yet."""

    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, Event]] = field(default_factory=list)

    def sync(self, event: Event) -> None:
        if event.offset:
            self.synced[:] = event.data
        else:
            for _, one in self.pending:
                _apply(self.synced, one)
        self.pending.clear()


class Disk:
    """The files of one folder, as the kernel has them and as the disk does.

    Args:
        before: Files that were there and durable when the recording began, by name.
    """

    def __init__(self, before: Mapping[str, bytes] | None = None) -> None:
        self._now: dict[str, _File | None] = {name: _File(bytearray(held)) for name, held in (before or {}).items()}
        self._kept = dict(self._now)  # None: a directory
        self._names: list[tuple[int, Event, _File | None]] = []
        self._by_inode: dict[int, _File] = {}
        self._count = 0

    def play(self, event: Event) -> None:
        """One more call."""
        self._count += 1
        if event.op in "wt":
            self._file(event).pending.append((self._count, event))
        elif event.op == "s":
            self._file(event).sync(event)
        elif event.op == "d":
            self._sync_names(event.name)
        else:
            made = _File() if event.op == "c" else None
            if made is not None:
                self._by_inode[event.inode] = made
            self._name(event, made)

    def cut(self, rng: random.Random, how: str) -> dict[str, bytes | None]:
        """What is found after the power comes back, by name; None = a directory.

        Args:
            how: One of CUTS: nothing that was not synced; all of it up to some call, that one by sectors; or any
                pages and names of it.
        """
        end = rng.randint(0, self._count) if how == "cut off" else 0
        share = rng.choice([0.1, 0.5, 0.9]) if how == "scattered" else 0.0
        names = dict(self._kept)
        for number, event, file in self._names:
            if number < end or rng.random() < share:
                _rename(names, event, file)
        contents = {id(file): _survivors(file, rng, end, share) for file in names.values() if file is not None}
        lost = {event.name for _, event, _ in self._names if event.op == "m" and event.name not in names}
        return {
            name: None if file is None else contents[id(file)]
            for name, file in names.items()
            if str(PurePosixPath(name).parent) not in lost
        }

    def _file(self, event: Event) -> _File:
        if event.inode not in self._by_inode and (known := self._now.get(event.name)) is not None:
            self._by_inode[event.inode] = known
        if event.inode not in self._by_inode:  # made by a library whose calls are not seen
            self._by_inode[event.inode] = _File()
            self._name(event._replace(op="c"), self._by_inode[event.inode])
        return self._by_inode[event.inode]

    def _name(self, event: Event, file: _File | None) -> None:
        self._names.append((self._count, event, file))
        gone = self._now.get(event.name if event.op == "u" else event.data.decode() if event.op == "r" else "")
        _rename(self._now, event, file)
        for inode in [inode for inode, one in self._by_inode.items() if gone is not None and one is gone]:
            del self._by_inode[inode]

    def _sync_names(self, folder: str) -> None:
        mine = [entry for entry in self._names if str(PurePosixPath(entry[1].name).parent) == folder]
        for _, event, file in mine:
            _rename(self._kept, event, file)
        self._names = [entry for entry in self._names if entry not in mine]


def write_out(found: dict[str, bytes | None], source: Path, target: Path, without: Iterable[str]) -> None:
    """Make the files of `source` that were found, in `target`."""
    target.mkdir(parents=True)
    for name in sorted(found):
        content, path = found[name], target / Path(name).relative_to(source)
        if path.name.endswith(tuple(without)):
            continue
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content)


def _rename(names: dict[str, _File | None], event: Event, file: _File | None) -> None:
    if event.op in "cm":
        names[event.name] = file
    elif event.op == "u":
        names.pop(event.name, None)
    elif event.name in names:
        names[event.data.decode()] = names.pop(event.name)


def _survivors(file: _File, rng: random.Random, end: int, share: float) -> bytes:
    content = bytearray(file.synced)
    for number, event in file.pending:
        if number < end:
            _apply(content, event)
        elif number == end and event.op == "w":
            kept = rng.randint(0, len(event.data) // _SECTOR) * _SECTOR
            _apply(content, event._replace(data=event.data[:kept]))
        elif share:
            for piece in _pieces(event):
                if rng.random() < share:
                    _apply(content, piece)
    return bytes(content)


def _pieces(event: Event) -> Iterator[Event]:
    """A write page by page; a truncation is one piece."""
    if event.op == "t":
        yield event
    for start in range(0, len(event.data), _PAGE):
        yield event._replace(offset=event.offset + start, data=event.data[start : start + _PAGE])


def _apply(content: bytearray, event: Event) -> None:
    if event.op == "t":
        del content[event.offset :]
        content.extend(bytes(event.offset - len(content)))
        return
    if event.data and len(content) < event.offset:
        content.extend(bytes(event.offset - len(content)))
    content[event.offset : event.offset + len(event.data)] = event.data
