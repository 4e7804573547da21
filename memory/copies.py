# SPDX-License-Identifier: Apache-2.0
"""Copies of a store: exports and imports, backups and what brings them back.

Neighbours: cli.py asks for these, serialization.py spells the lines, operations.py opens stores.
Rules of the file: a file appears whole or not at all; what is brought back is checked before it takes its place, and
what it replaces is kept aside; a copy made beside a writer is of one moment.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from memory import serialization
from memory.backend import Backend, Clock, StoreCounts
from memory.errors import RejectedInput, StoreCorrupt, StoreNotEmpty, StoreUnavailable
from memory.operations import Told, made, opened
from memory.records import Record, Tally
from memory.registry import beside, file_of

_SQLITE = b"SQLite format 3\0"


def export_store(url: str, target: Path, told: Told) -> int:
    """Write a store as lines of JSON, as it stood at one moment, also beside the robot that writes it.

    Raises:
        StoreError: it cannot be read, or the file cannot be written.
    """
    try:
        with opened(url, to_write=True) as backend:  # nobody writes meanwhile
            return serialization.export_file(backend, target, told)
    except StoreUnavailable:
        with opened(url) as backend, _scratch(target) as folder:
            if file_of(url) is None:
                return serialization.export_file(backend, target, told)
            backend.maintain("backup", str(folder / "snapshot"))
            with opened(f"sqlite:///{folder}/snapshot") as snapshot:
                return serialization.export_file(snapshot, target, told)


def import_lines(url: str, source: Path, told: Told) -> StoreCounts:
    """Fill an empty store with an export, all of it or nothing.

    Args:
        told: How many bytes were read so far.

    Raises:
        StoreNotEmpty: it was written before.
        StoreError: a line is no record, or the file cannot be read.
    """
    with made(url) as backend:
        _load(backend, source, told)
        backend.maintain("checkpoint")
        return backend.counts()


def _load(backend: Backend, source: Path, told: Told) -> None:
    def lines() -> Iterator[str]:
        read = 0
        with source.open("rb") as file:
            for line in file:
                read += len(line)
                told(read)
                yield line.decode()

    try:
        serialization.load(lines(), backend)
    except OSError as error:
        raise StoreUnavailable(f"cannot read {source}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StoreCorrupt(f"{source} is no export: {error}") from error


def back_up(url: str, target: Path, *, replace: bool) -> str:
    """Copy a store while it may be written; returns one sentence.

    Raises:
        RejectedInput: something is at the target, and replace is False.
        StoreError: it cannot be read, or the copy cannot be written.
    """
    file = file_of(url)
    if file is not None and target.absolute() == file.absolute():
        raise RejectedInput(f"{target} is the store itself")
    if target.exists() and not replace:
        raise RejectedInput(f"{target} is there already; --replace puts the new backup in its place")
    if not target.absolute().parent.is_dir():
        raise StoreUnavailable(f"cannot back up to {target}: there is no such folder")
    with opened(url) as backend:
        return backend.maintain("backup", str(target))


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that was brought back.

    Attributes:
        aside: Where the store it replaced lies now; "" if there was none.
    """

    counts: StoreCounts
    said: str
    aside: str = ""


def restore(url: str, backup: Path, told: Told, clock: Clock = time.time_ns, *, replace: bool = False) -> Restored:
    """Bring a backup back: checked first, then put in its place, the old store kept aside.

    Args:
        backup: A copy of a store's file, or an export.
        replace: A store that holds records may be replaced; only one that is a file can.

    Raises:
        StoreNotEmpty: it holds records, and replace is False or it is no file.
        StoreCorrupt: the backup cannot be trusted; nothing has changed.
        StoreError: either cannot be read or written.
    """
    try:
        with backup.open("rb") as opened_backup:
            is_copy = opened_backup.read(len(_SQLITE)) == _SQLITE
    except OSError as error:
        raise StoreUnavailable(f"cannot read {backup}: {error.strerror}") from error
    file = file_of(url)
    if file is None:
        return _fill(url, backup, is_copy, told)
    _need_room(url, file, replace)
    with _scratch(file) as folder:
        copy = folder / file.name
        if is_copy:
            shutil.copyfile(backup, copy)
        counts, said = _checked(backup, copy, clock, None if is_copy else told)
        aside = _swap(file, copy, clock()) if file.exists() else ""
        if not aside:
            _move(copy, file)
    return Restored(counts, said.replace(str(copy), str(file)), aside)


def _checked(backup: Path, copy: Path, clock: Clock, told: Told | None) -> tuple[StoreCounts, str]:
    """Verify a copy, of which `told` says that it is to be filled with lines first."""
    try:
        with made(f"sqlite:///{copy}", clock) as store:
            if told:
                _load(store, backup, told)
            said = store.maintain("verify")
            store.maintain("checkpoint")
            return store.counts(), said
    except StoreCorrupt as error:
        raise StoreCorrupt(
            f"backup {backup} cannot be trusted: {str(error).replace(str(copy), backup.name)}"
        ) from error


def _fill(url: str, backup: Path, is_copy: bool, told: Told) -> Restored:
    """A store that is a server: only an empty one can be filled."""
    with made(url) as backend:
        if is_copy:
            with opened(f"sqlite:///{backup}") as source:
                backend.restore(_entries(source))
        else:
            _load(backend, backup, told)
        return Restored(backend.counts(), backend.maintain("verify"))


def _entries(source: Backend) -> Iterator[Record | Tally]:
    yield from source.changes()
    for robot in source.robots():
        yield from source.tallies(robot).values()


def _need_room(url: str, file: Path, replace: bool) -> None:
    """Refuse to replace what holds records unasked, or what somebody writes."""
    if not file.exists():
        return
    if replace:
        with suppress(StoreCorrupt), opened(url, to_write=True) as old:
            old.maintain("checkpoint")  # all of it is in the one file now
        return
    with opened(url) as there:
        records = there.counts().records
    if records:
        raise StoreNotEmpty(
            f"{url} holds {records} records; --replace puts the backup in its place and keeps them aside"
        )


def _swap(file: Path, copy: Path, now_ns: int) -> str:
    """Put the copy in the store's place. Killed at any instant, the path holds the old store or the new one."""
    from memory.backends.writer_lock import WriterLock

    lock = WriterLock(file)
    try:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_ns // 1_000_000_000))
        aside = beside(file, f".replaced-{stamp}")
        if aside.exists():
            raise StoreUnavailable(f"{aside} is there already: wait a second")
        try:
            os.link(file, aside)
        except OSError:  # a file system without links
            shutil.copy2(file, aside)
        for suffix in ("-wal", "-shm", ".vectors"):
            if beside(file, suffix).exists():
                os.replace(beside(file, suffix), beside(aside, suffix))
        _move(copy, file)
    finally:
        lock.release()
    return str(aside)


def _move(copy: Path, file: Path) -> None:
    with copy.open("rb+") as written:
        os.fsync(written.fileno())
    os.replace(copy, file)
    if beside(copy, ".vectors").is_dir() and not beside(file, ".vectors").exists():
        os.replace(beside(copy, ".vectors"), beside(file, ".vectors"))
    folder = os.open(file.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    """A folder on the same disk, gone afterwards."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{beside.name}.", dir=beside.absolute().parent))
    except OSError as error:
        raise StoreUnavailable(f"cannot write beside {beside}: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
