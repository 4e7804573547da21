# SPDX-License-Identifier: Apache-2.0
"""The embedded store: one SQLite file per robot, durable before it acknowledges.

Neighbours: sqlite_schema.py holds the tables and spells a Query in SQL, sqlite_search.py answers one, sqlite_rows.py
reads and writes rows, sqlite_migration.py brings older files up; in_memory.py is the specification.
Rules of the file: one batch is one transaction (WAL, synchronous=FULL); rows hold a record's canonical line, columns
and side tables only narrow a search, and `Query.matches` has the last word; the vector index takes in what is
committed, never before; one writer at a time, with a connection of its own, so that a question never waits for the
disk; every error leaves as one of ours and names the file.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from memory.backend import (
    Batch,
    Capability,
    Clock,
    Forgotten,
    Found,
    Receipt,
    StoreCounts,
    StoreSizes,
    digest_of,
)
from memory.backends import sqlite_migration
from memory.backends import sqlite_rows as rows
from memory.backends import sqlite_schema as schema
from memory.backends import sqlite_upkeep as upkeep
from memory.backends.meter import Meter
from memory.backends.room import Limits, Room
from memory.backends.sqlite_search import Searching
from memory.backends.writer_lock import WriterLock
from memory.errors import RejectedInput, StoreCorrupt, StoreNotEmpty, StoreUnavailable
from memory.query import Query
from memory.records import Record, Relation, Tally
from memory.vector_files import MANIFEST, Space, VectorIndex, size_of

_PAGE = 500
_STEPS_BETWEEN_LOOKS = 1000  # virtual machine steps between two looks at the deadline: about 10 us of work
_WAITED_FOR_S = 5.0  # for a lock that another process holds for a moment
_LET_GO_S = 1.0  # for readers to finish, before a checkpoint is given up
_IDLE_AFTER_S = 0.05  # without a write the vector index may take the processor
_STATEMENTS_KEPT = 500  # prepared, for each connection
_CACHE_KIB = 65_536
_LOG_KEPT = "journal_size_limit = 16777216"  # bytes; a log that a reader has made longer is cut when it is free again

log = logging.getLogger(__name__)


class SqliteBackend:
    """A store in one file, beside it the write-ahead log, a lock file and the folder of the vector index.

    Args:
        path: The file; made if it is not there, its folder is not.
        clock: Where recorded_ns comes from.
        read_only: Read beside the process that writes.
        limits: How much room it may take.

    Raises:
        StoreUnavailable: it cannot be opened, or another writer holds it.
        StoreCorrupt: the file is no store of ours, or it is gone and what belongs to it is still there.
        StoreTooNew: a later version wrote it.
    """

    capabilities = Capability.DURABLE | Capability.REOPENS | Capability.BACKUP | Capability.READERS

    def __init__(
        self, path: str | Path, clock: Clock, *, read_only: bool = False, limits: Limits | None = None
    ) -> None:
        self._path = Path(path)
        self._room = Room(self._path, limits or Limits())
        self._clock = clock
        self._read_only = read_only
        self._writing, self._reading_turn = threading.RLock(), threading.RLock()
        self._open = False
        self._index_folder = self._path.with_name(self._path.name + ".vectors")
        self._vectors: VectorIndex | None = None
        self._wrote_s = 0.0
        if not self._path.parent.is_dir():
            raise StoreUnavailable(f"cannot open store {self._path}: folder {self._path.parent} does not exist")
        self._lock = None if read_only else WriterLock(self._path)
        try:
            self._refuse_remains()
            self._writer = None if read_only else self._connect()
            self._reader = self._connect(read_only=True)
        except BaseException:
            self._let_go()
            raise
        self._open = True
        if self.spaces():  # now: a question's deadline would end it, and the next one begin it again, for ever
            self._vector_index()

    def write(self, batch: Batch) -> Receipt:
        with self._writing:  # until the index has the vectors too, which it takes in by rising numbers
            receipt, embedded = self._commit(batch)
            self._index(embedded)
        return receipt

    def get(self, robot: str, ids: tuple[str, ...]) -> dict[str, Record]:
        answers: dict[str, Record] = {}
        for some in _slices(ids):
            believed = f"{_OWNED} AND r.id IN {schema.listed(some)} AND r.retired_ns IS NULL"
            best_first = "r.valid_to_ns IS NOT NULL, r.version DESC"  # as current_of has it
            asked = f"SELECT r.id, {rows.ROW} {rows.FROM} WHERE {believed} ORDER BY {best_first}"
            for one, *row in self._rows(asked, (robot, *some)):
                if one not in answers:
                    answers[one] = rows.record_of(row)
        return answers

    def find(self, query: Query, *, deadline_s: float | None = None, record_budget: int = 0) -> Found:
        meter = Meter(deadline_s, record_budget)
        with self._reading(meter) as sql:
            try:
                robot = rows.number_of(sql, query.robot, make=False)
            except UnicodeEncodeError:
                robot = 0
            spaces = self._spaces_of(query, robot) if query.vector else ()
            alone = sql.execute("SELECT count(*) FROM robots").fetchone()[0] == 1
            return Searching(sql, query, robot, meter, alone=alone).answer(
                self._vector_index() if spaces else None, spaces
            )

    def expand(
        self,
        robot: str,
        frontier: tuple[str, ...],
        *,
        predicates: tuple[str, ...] = (),
        reverse: bool = False,
        valid_at_ns: int | None = None,
        recorded_at_ns: int | None = None,
        limit: int = 1000,
    ) -> tuple[Record, ...]:
        end = "object" if reverse else "subject"
        asked = Query(robot=robot, kinds=(Relation.kind,), valid_at_ns=valid_at_ns, recorded_at_ns=recorded_at_ns)
        owner = self._rows("SELECT number FROM robots WHERE name = ?", (robot,))
        terms, values = schema.where(asked, owner[0][0] if owner else 0, indexed=True, walked=False)
        if predicates:
            terms += f" AND r.predicate IN {schema.listed(predicates)}"
            values += predicates
        edges: list[Record] = []
        for nodes in _slices(tuple(dict.fromkeys(frontier))):
            ordered = f"{rows.SELECT}{terms} AND r.{end} IN {schema.listed(nodes)} ORDER BY +r.sequence LIMIT ?"
            edges += self._records(ordered, (*values, *nodes, limit or -1))
        return tuple(sorted(edges, key=lambda edge: edge.sequence)[: limit or None])

    def tallies(self, robot: str, ids: tuple[str, ...] = ()) -> dict[str, Tally]:
        if not ids:
            lines = self._rows(f"SELECT line FROM tallies r WHERE {_OWNED} ORDER BY id", (robot,))
        else:
            asked = f"SELECT line FROM tallies r WHERE {_OWNED} AND id IN "
            lines = [row for some in _slices(ids) for row in self._rows(asked + schema.listed(some), (robot, *some))]
        return {tally.record_id: tally for tally in map(rows.tally_of, lines)}

    def changes(self, since: int = 0, limit: int = 0) -> Iterator[Record]:
        self._rows("SELECT 1 FROM last", ())
        return self._log(since, limit)

    def embed(self, robot: str, encoder: str, vectors: Mapping[tuple[str, int], bytes]) -> int:
        with self._writing:
            with self._transaction() as sql:
                self._room.need(sql)
                found, embedded = rows.embed(sql, robot, encoder, vectors)
            self._index(embedded)
        return found

    def restore(self, entries: Iterable[Record | Tally]) -> None:
        with self._transaction() as sql:
            self._room.need(sql)
            if sql.execute("SELECT recorded_ns FROM last").fetchone()[0]:
                count = sql.execute("SELECT count(*) FROM records").fetchone()[0]
                raise StoreNotEmpty(f"cannot restore into {self._path}: it was written before ({count} records)")
            rows.restore(sql, entries)
        self._forget_index()

    def robots(self) -> tuple[str, ...]:
        held = "SELECT robot FROM records UNION SELECT robot FROM tallies"
        found = self._rows(f"SELECT name FROM robots WHERE number IN ({held})", ())
        return tuple(sorted(robot for (robot,) in found))

    def last_sequence(self) -> int:
        return int(self._rows("SELECT sequence FROM last", ())[0][0])

    def counts(self) -> StoreCounts:
        records, current = self._rows("SELECT count(*), count(*) - count(retired_ns) FROM records", ())[0]
        names = {number: kind for kind, number in schema.KINDS.items()}
        kinds = self._rows("SELECT kind, count(*) FROM records GROUP BY kind", ())
        by_kind = tuple(sorted((names[number], count) for number, count in kinds))
        ((tallies,),) = self._rows("SELECT count(*) FROM tallies", ())
        asked = "SELECT encoder, sum(rows) FROM spaces WHERE rows > 0 GROUP BY encoder ORDER BY encoder"
        encoders = tuple(self._rows(asked, ()))
        return StoreCounts(records, current, tallies, by_kind, sum(n for _, n in encoders), encoders)

    def sizes(self) -> StoreSizes:
        self._need_open()
        files = (self._path, self._path.with_name(self._path.name + "-wal"))
        index = self._vector_index()
        on_disk = sum(map(size_of, files))
        return StoreSizes(on_disk, index.files_bytes(), index.unindexed, schema.FORMAT)

    def forget(self, robot: str, ids: tuple[str, ...]) -> int:
        with self._writing:
            gone = self._erase(robot, ids)
            if gone:  # what was erased must not live on in the vector index or in the write-ahead log
                self._forget_index()
                try:
                    why = "" if self._checkpoint() else "a reader holds on to it"
                except StoreUnavailable as error:  # the rows are gone, and that is the answer
                    why = str(error)
                if why:
                    log.warning("%s-wal may hold what was forgotten until the next checkpoint: %s", self._path, why)
        return gone

    def audits(self) -> tuple[Forgotten, ...]:
        found = self._rows("SELECT at_ns, robot, digest, rows FROM audits ORDER BY number", ())
        return tuple(Forgotten(*row) for row in found)

    def maintain(self, task: str, argument: str = "") -> str:
        if task == "verify":
            return self._verify()
        if task == "rebuild":
            return self._rebuild()
        if task == "checkpoint":
            whole = self._checkpoint()
            return f"{self._path} {'holds' if whole else 'will, once its readers let go, hold'} every committed record"
        if task == "backup" and argument:
            return self._backup(Path(argument))
        known = "verify, rebuild, checkpoint, backup (to a path)"
        raise ValueError(f"task {task!r} with argument {argument!r}; known: {known}")

    def close(self) -> None:
        if self._vectors is not None:
            self._vectors.rest()
        with self._writing, self._reading_turn:
            if not self._open:
                return
            if self._vectors is not None:
                self._vectors.close()
            self._open = False
            if self._writer is not None:
                with suppress(sqlite3.Error):  # what is committed is safe in the log; the next open reads it
                    upkeep.emptied(self._writer)
            self._let_go()

    def _commit(self, batch: Batch) -> tuple[Receipt, rows.Embedded]:
        with self._transaction() as sql:
            known = sql.execute(
                "SELECT recorded_ns, first_sequence, last_sequence FROM receipts WHERE key = ?", (batch.key,)
            ).fetchone()
            if known:
                return Receipt(*known), rows.Embedded()
            self._room.need(sql)
            last, now = self._next_stamp(sql)
            stamped = [
                replace(record, sequence=number, recorded_ns=now, retired_ns=None)
                for number, record in enumerate(batch.records, start=last + 1)
            ]
            embedded = rows.insert(sql, stamped)
            for gone in batch.retire:
                rows.retire(sql, gone, now)
            rows.put_tallies(sql, batch.tallies)
            receipt = Receipt(now, last + bool(stamped), last + len(stamped))
            sql.execute("UPDATE last SET sequence = ?, recorded_ns = ?", (receipt.last_sequence, now))
            rows.remember(sql, batch.key, receipt)
        return receipt, embedded

    def _erase(self, robot: str, ids: tuple[str, ...]) -> int:
        gone = 0
        with self._transaction() as sql:
            _, now = self._next_stamp(sql)
            for one in dict.fromkeys(ids):
                erased = rows.erase(sql, robot, one)
                gone += erased
                if erased:
                    audit = (now, robot, digest_of(robot, one), erased)
                    sql.execute("INSERT INTO audits(at_ns, robot, digest, rows) VALUES(?, ?, ?, ?)", audit)
            sql.execute("UPDATE last SET recorded_ns = ?", (now,))
            if gone:
                rows.drop_erased_words(sql)
                self._vector_index().discard_files()  # before the commit: a death between them leaves no vector behind
        return gone

    # ---- what the vector index asks of the rows

    def spaces(self) -> list[Space]:
        """Every partition that ever held a vector."""
        return [Space(*row) for row in self._rows("SELECT number, robot, kind, encoder, size, rows FROM spaces", ())]

    def last_vector(self) -> int:
        """Highest number given out."""
        return int(self._rows("SELECT vector FROM last", ())[0][0])

    def vectors_after(self, space: int, number: int, limit: int) -> list[tuple[int, bytes]]:
        """(number, vector) of a partition with higher numbers, in order."""
        asked = "SELECT number, vector FROM vectors WHERE space = ? AND number > ? ORDER BY number LIMIT ?"
        return self._rows(asked, (space, number, limit))

    def rows_up_to(self, space: int, number: int) -> int:
        """How many of a partition have at most this number."""
        asked = "SELECT count(*) FROM vectors WHERE space = ? AND number <= ?"
        return int(self._rows(asked, (space, number))[0][0])

    def _vector_index(self) -> VectorIndex:
        with self._reading_turn:
            if self._vectors is None:
                self._vectors = VectorIndex(self._index_folder, self, self._busy, read_only=self._read_only)
            return self._vectors

    def _index(self, embedded: rows.Embedded) -> None:
        self._wrote_s = time.monotonic()
        for space, fresh in embedded.rows.items():
            if fresh:
                numbers, vectors = zip(*fresh, strict=True)
                self._vector_index().append(embedded.spaces[space], list(numbers), list(vectors))

    def _forget_index(self) -> None:
        with self._reading_turn:
            self._vector_index().discard()

    def _busy(self) -> bool:
        return time.monotonic() - self._wrote_s < _IDLE_AFTER_S

    def _spaces_of(self, query: Query, robot: int) -> list[Space]:
        kinds = {schema.KINDS.get(kind, 0) for kind in query.kinds or schema.KINDS}
        return [one for one in self.spaces() if one.robot == robot and one.kind in kinds and one.rows]

    # ---- connections

    def _refuse_remains(self) -> None:
        """A file that went and left the rest behind is a loss to be told of, not an empty store."""
        if size_of(self._path):
            return
        beside = (self._path.with_name(self._path.name + "-wal"), self._index_folder / MANIFEST)
        left = [str(file) for file in beside if size_of(file)]
        if left:
            raise StoreCorrupt(
                f"the rows of store {self._path} are gone, but {' and '.join(left)} of it is there: put the file or a "
                "backup in its place; to begin anew, remove that too"
            )

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        with self._our_errors("open"):
            if read_only and not self._path.is_file():
                raise StoreUnavailable(f"cannot read store {self._path}: there is no such file")
            address = f"file:{quote(str(self._path.absolute()))}?mode={'ro' if read_only else 'rwc'}"
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
                    sqlite_migration.check(sql, self._path, whole=True)
                else:
                    sql = sqlite_migration.prepare(sql, self._path)
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
        wal = self._path.with_name(self._path.name + "-wal")
        return not os.access(self._path.parent, os.W_OK) and not size_of(wal)

    def _let_go(self) -> None:
        for name in ("_reader", "_writer"):
            connection = self.__dict__.get(name)
            if connection is not None:
                connection.close()
        if self._lock is not None:
            self._lock.release()

    @contextmanager
    def _our_errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.IntegrityError, UnicodeEncodeError, OverflowError) as error:
            raise RejectedInput(f"{self._path}: {error}") from error
        except (sqlite3.OperationalError, sqlite3.ProgrammingError, OSError) as error:
            raise StoreUnavailable(f"cannot {verb} store {self._path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreCorrupt(f"cannot {verb} store {self._path}: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing, self._our_errors("write to"):
            self._need_open()
            if self._writer is None:
                raise StoreUnavailable(f"store {self._path} was opened to read")
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    @contextmanager
    def _reading(self, meter: Meter) -> Iterator[sqlite3.Connection]:
        with self._reading_turn, self._our_errors("read"):
            self._need_open()
            if meter.timed:
                self._reader.set_progress_handler(meter.late, _STEPS_BETWEEN_LOOKS)
            try:
                yield self._reader
            finally:
                self._reader.set_progress_handler(None, 0)

    def _need_open(self) -> None:
        if not self._open:
            raise StoreUnavailable(f"store {self._path} is closed")

    def _rows(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        with self._reading_turn, self._our_errors("read"):
            self._need_open()
            try:
                return self._reader.execute(statement, values).fetchall()
            except UnicodeEncodeError:  # a lone surrogate in what is asked for: no stored text has one
                return []

    def _records(self, statement: str, values: tuple[Any, ...]) -> list[Record]:
        return [rows.record_of(row) for row in self._rows(statement, values)]

    def _log(self, since: int, limit: int) -> Iterator[Record]:
        left = limit or -1
        while left:
            size = _PAGE if left < 0 else min(_PAGE, left)
            page = self._records(f"{rows.SELECT} r.sequence > ? ORDER BY r.sequence LIMIT ?", (since, size))
            yield from page
            if len(page) < size:
                return
            since, left = page[-1].sequence, left - len(page) if left > 0 else left

    def _verify(self) -> str:
        with self._our_errors("read"):
            self._need_open()
            view = self._connect(read_only=True)  # of its own: no question waits for it
            try:
                return f"{self._path}: {upkeep.verified(view, self._path)} records verified"
            finally:
                view.close()

    def _checkpoint(self) -> bool:
        """Bring the log into the file and save the index; False if a reader keeps the log from being emptied."""
        with self._writing, self._our_errors("write to"):
            self._need_open()
            emptied = self._writer is None or upkeep.emptied(self._writer, _LET_GO_S)
            if self._vectors is not None:
                self._vectors.save()
        return emptied

    def _rebuild(self) -> str:
        if self._read_only:
            raise StoreUnavailable(f"store {self._path} was opened to read")
        with self._transaction() as sql:
            count = rows.rebuild(sql)
        index = self._vector_index()
        index.discard()
        index.digest_all()
        index.save()
        return f"{self._path}: every index was made anew from {count} records"

    def _backup(self, target: Path) -> str:
        if target.exists() and target.samefile(self._path):
            raise StoreUnavailable(f"cannot back {self._path} up to itself")
        with self._our_errors("back up"):
            self._need_open()
            view = self._connect(read_only=True)
            try:
                upkeep.copied(view, target)
            finally:
                view.close()
        return f"copied {self._path} to {target}"

    def _next_stamp(self, sql: sqlite3.Connection) -> tuple[int, int]:
        sequence, recorded_ns = sql.execute("SELECT sequence, recorded_ns FROM last").fetchone()
        return sequence, max(self._clock(), recorded_ns + 1)


def _slices(values: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (values[start : start + schema.LISTED] for start in range(0, len(values), schema.LISTED))


_OWNED = "r.robot = (SELECT number FROM robots WHERE name = ?)"
