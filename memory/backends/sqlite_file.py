# SPDX-License-Identifier: Apache-2.0
"""The open file of a SQLite store: one connection that writes, one that reads, whose turn it is, and what can go wrong.

Neighbours: sqlite.py asks here for every statement; sqlite_migration.py makes or checks a file as it is opened,
writer_lock.py keeps the second writer out, room.py watches the disk.
Rules of the file: one writer at a time, with a connection of its own, so that a question never waits for the disk;
`writing` is taken before `reading_turn`, never the other way round; every error leaves as one of ours and names the
file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from memory.backends import sqlite_migration
from memory.backends import sqlite_upkeep as upkeep
from memory.backends.meter import Meter
from memory.backends.room import Limits, Room
from memory.backends.writer_lock import WriterLock
from memory.errors import NeuraxisError, RejectedInput, StoreCorrupt, StoreUnavailable
from memory.vector_manifest import size_of

_STEPS_BETWEEN_LOOKS = 1000  # virtual machine steps between two looks at the deadline: about 10 us of work
_WAITED_FOR_S = 5.0  # for a lock that another process holds for a moment
_LET_GO_S = 1.0  # for readers to finish, before a checkpoint is given up
_STATEMENTS_KEPT = 500  # prepared, for each connection
_CACHE_KIB = 65_536
THEIRS = (sqlite3.DatabaseError, UnicodeEncodeError, OverflowError, OSError)
_LOG_KEPT = "journal_size_limit = 16777216"  # bytes; a log that a reader has made longer is cut when it is free again


class StoreFile:
    """Held open from construction until `close`, and with it the lock that keeps other writers out.

    Args:
        path: The file; made if it is not there, its folder is not.
        beside: What is made from the rows: where it is there and they are not, the rows are lost.
        read_only: Read beside the process that writes.
        limits: How much room it may take.

    Attributes:
        writing: The writer's turn.
        reading_turn: That of whoever asks the connection that reads.
        room: Asked before a write that adds something.
        writer: The connection that writes; None in a reader.
        is_open: False once closed.

    Raises:
        StoreUnavailable: it cannot be opened, or another writer holds it.
        StoreCorrupt: the file is no store of ours, or it is gone and what belongs to it is still there.
        StoreTooNew: a later version wrote it.
    """

    def __init__(self, path: Path, beside: Path, *, read_only: bool, limits: Limits) -> None:
        self.path = path
        self.writing, self.reading_turn = threading.RLock(), threading.RLock()
        self.room = Room(path, limits)
        self.writer: sqlite3.Connection | None = None
        self._log_path = path.with_name(path.name + "-wal")
        if not path.parent.is_dir():
            raise StoreUnavailable(f"cannot open store {path}: folder {path.parent} does not exist")
        with ExitStack() as opened:
            if not read_only:
                opened.callback(WriterLock(path).release)
            self._refuse_remains(beside)
            if not read_only:
                self.writer = self._connect()
                opened.callback(self.writer.close)
            self._reader = self._connect(read_only=True)
            opened.callback(self._reader.close)
            self._opened = opened.pop_all()
        self.is_open = True

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The writer's turn, all or nothing."""
        with self.writing, self.our_errors("write to"):
            self.need_open()
            if self.writer is None:
                raise StoreUnavailable(f"store {self.path} was opened to read")
            self.writer.execute("BEGIN IMMEDIATE")
            try:
                yield self.writer
                self.writer.execute("COMMIT")
            finally:
                if self.writer.in_transaction:
                    self.writer.execute("ROLLBACK")

    def begin(self, meter: Meter) -> sqlite3.Connection:
        """Take the reader's turn until `end`, all of it on one state of the store.

        The meter's deadline ends a statement under way.
        """
        self.reading_turn.acquire()
        try:
            self.need_open()
            if meter.timed:
                self._reader.set_progress_handler(meter.late, _STEPS_BETWEEN_LOOKS)
            self._reader.execute("BEGIN")  # one state, and one lock for all that is asked of it
        except BaseException:
            self.end()
            raise
        return self._reader

    def end(self) -> None:
        """Give the turn back."""
        try:
            if self.is_open:
                self._reader.set_progress_handler(None, 0)
                if self._reader.in_transaction:
                    self._reader.execute("COMMIT")
        finally:
            self.reading_turn.release()

    def rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Every row of one question."""
        with self.reading_turn, self.our_errors("read"):
            self.need_open()
            try:
                return self._reader.execute(statement, values).fetchall()
            except UnicodeEncodeError:  # a lone surrogate in what is asked for: no stored text has one
                return []

    @contextmanager
    def view(self, verb: str) -> Iterator[sqlite3.Connection]:
        """A connection of its own to read from: no question waits for it."""
        with self.our_errors(verb):
            self.need_open()
            view = self._connect(read_only=True)
            try:
                yield view
            finally:
                view.close()

    def emptied(self) -> bool:
        """Bring the log into the file; False if a reader keeps it from being emptied."""
        with self.writing, self.our_errors("write to"):
            self.need_open()
            return self.writer is None or upkeep.emptied(self.writer, _LET_GO_S)

    def size_bytes(self) -> int:
        """Of file and log, on disk."""
        self.need_open()
        return size_of(self.path) + size_of(self._log_path)

    def close(self) -> None:
        """Let everything go; whoever calls has both turns."""
        self.is_open = False
        if self.writer is not None:
            with suppress(sqlite3.Error):  # what is committed is safe in the log; the next open reads it
                upkeep.emptied(self.writer)
        self._opened.close()

    def need_open(self) -> None:
        """Nothing is asked of a store that was closed.

        Raises:
            StoreUnavailable: it was.
        """
        if not self.is_open:
            raise StoreUnavailable(f"store {self.path} is closed")

    @contextmanager
    def our_errors(self, verb: str) -> Iterator[None]:
        """What SQLite and the disk raise, as errors of ours that name the file and what was tried."""
        try:
            yield
        except THEIRS as error:
            raise self.ours(verb, error) from error

    def ours(self, verb: str, error: BaseException) -> NeuraxisError:
        """One of THEIRS as an error of ours."""
        if isinstance(error, (sqlite3.IntegrityError, UnicodeEncodeError, OverflowError)):
            return RejectedInput(f"{self.path}: {error}")
        if isinstance(error, (sqlite3.OperationalError, sqlite3.ProgrammingError, OSError)):
            return StoreUnavailable(f"cannot {verb} store {self.path}: {error}")
        return StoreCorrupt(f"cannot {verb} store {self.path}: {error}")

    def _refuse_remains(self, beside: Path) -> None:
        """A file that went and left the rest behind is a loss to be told of, not an empty store."""
        if size_of(self.path):
            return
        left = [str(file) for file in (self._log_path, beside) if size_of(file)]
        if left:
            raise StoreCorrupt(
                f"the rows of store {self.path} are gone, but {' and '.join(left)} of it is there: put the file or a "
                "backup in its place; to begin anew, remove that too"
            )

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        with self.our_errors("open"):
            if read_only and not self.path.is_file():
                raise StoreUnavailable(f"cannot read store {self.path}: there is no such file")
            address = f"file:{quote(str(self.path.absolute()))}?mode={'ro' if read_only else 'rwc'}"
            if read_only and self._is_still():
                address += "&immutable=1"
            sql = sqlite3.connect(
                address,
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=_WAITED_FOR_S,
                cached_statements=_STATEMENTS_KEPT,
            )
            try:
                if read_only:
                    sqlite_migration.check(sql, self.path, whole=True)
                else:
                    sql = sqlite_migration.prepare(sql, self.path)
                    for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", _LOG_KEPT):
                        sql.execute(f"PRAGMA {pragma}")
                    with suppress(sqlite3.OperationalError):  # a full disk: what is committed is read from the log
                        upkeep.emptied(sql)  # that of a killed writer may hold what was forgotten
                sql.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            except BaseException:
                sql.close()
                raise
            return sql

    def _is_still(self) -> bool:
        """On a disk where nothing can be written and nothing is left to take in from a log, SQLite needs no lock."""
        return not os.access(self.path.parent, os.W_OK) and not size_of(self._log_path)
