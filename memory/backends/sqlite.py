# SPDX-License-Identifier: Apache-2.0
"""The embedded store: one SQLite file per robot, durable before it acknowledges.

Neighbours: sqlite_schema.py holds the tables and spells a Query in SQL; in_memory.py is the specification.
Rules of the file: one batch is one transaction (WAL, synchronous=FULL); rows hold a record's canonical line, columns
and side tables only narrow a search, and `Query.matches` has the last word; one writer at a time; every error leaves
as one of ours and names the file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from memory.backend import (
    Batch,
    Capability,
    Clock,
    Forgotten,
    Found,
    Receipt,
    StoreCounts,
    digest_of,
)
from memory.backends import sqlite_rows as rows
from memory.backends import sqlite_schema as schema
from memory.backends.meter import Meter
from memory.backends.writer_lock import WriterLock
from memory.errors import RejectedInput, StoreCorrupt, StoreNotEmpty, StoreTooNew, StoreUnavailable
from memory.geometry import Vector
from memory.query import Query
from memory.records import Record, Relation, Tally

_PAGE = 500
_STEPS_BETWEEN_LOOKS = 1000  # virtual machine steps between two looks at the deadline: about 10 us of work
_FIRST_RADIUS_M, _LAST_RADIUS_M = 1.0, 1e5


class SqliteBackend:
    """A store in one file, beside it the write-ahead log and a lock file.

    Args:
        path: The file; made if it is not there, its folder is not.
        clock: Where recorded_ns comes from.

    Raises:
        StoreUnavailable: it cannot be opened for writing, or another writer holds it.
        StoreCorrupt: the file is no store of ours.
        StoreTooNew: a later version wrote it.
    """

    capabilities = Capability.DURABLE | Capability.REOPENS | Capability.BACKUP

    def __init__(self, path: str | Path, clock: Clock) -> None:
        self._path = Path(path)
        self._clock = clock
        self._turn = threading.RLock()
        self._open = False
        if not self._path.parent.is_dir():
            raise StoreUnavailable(f"cannot open store {self._path}: folder {self._path.parent} does not exist")
        self._lock = WriterLock(self._path)
        try:
            self._connection = self._connect()
        except BaseException:
            self._lock.release()
            raise
        self._open = True

    def write(self, batch: Batch) -> Receipt:
        with self._transaction() as sql:
            known = sql.execute(
                "SELECT recorded_ns, first_sequence, last_sequence FROM receipts WHERE key = ?", (batch.key,)
            ).fetchone()
            if known:
                return Receipt(*known)
            last, now = self._next_stamp(sql)
            stamped = [
                replace(record, sequence=number, recorded_ns=now, retired_ns=None)
                for number, record in enumerate(batch.records, start=last + 1)
            ]
            rows.insert(sql, stamped)
            for gone in batch.retire:
                rows.retire(sql, gone, now)
            rows.put_tallies(sql, batch.tallies)
            receipt = Receipt(now, last + bool(stamped), last + len(stamped))
            sql.execute("UPDATE last SET sequence = ?, recorded_ns = ?", (receipt.last_sequence, now))
            rows.remember(sql, batch.key, receipt)
        return receipt

    def get(self, robot: str, ids: tuple[str, ...]) -> dict[str, Record]:
        answers: dict[str, Record] = {}
        for some in _slices(ids):
            believed = f"r.robot = ? AND r.id IN {schema.listed(some)} AND r.retired_ns IS NULL"
            best_first = "r.valid_to_ns IS NOT NULL, r.version DESC"  # as current_of has it
            asked = f"SELECT r.id, {rows.ROW} FROM records r WHERE {believed} ORDER BY {best_first}"
            for one, *row in self._rows(asked, (robot, *some)):
                if one not in answers:
                    answers[one] = rows.record_of(row)
        return answers

    def find(self, query: Query, *, deadline_s: float | None = None, record_budget: int = 0) -> Found:
        meter = Meter(deadline_s, record_budget)
        with self._reading(meter):
            hits = self._nearest(query, query.near_m, meter) if query.near_m else self._in_order(query, meter)
        return Found(tuple(hits), meter.examined, complete=not meter.cut)

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
        terms, values = schema.where(asked, indexed=True, walked=False)
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
            lines = self._rows("SELECT line FROM tallies WHERE robot = ? ORDER BY id", (robot,))
        else:
            asked = "SELECT line FROM tallies WHERE robot = ? AND id IN "
            lines = [row for some in _slices(ids) for row in self._rows(asked + schema.listed(some), (robot, *some))]
        return {tally.record_id: tally for tally in map(rows.tally_of, lines)}

    def changes(self, since: int = 0, limit: int = 0) -> Iterator[Record]:
        self._rows("SELECT 1 FROM last", ())
        return self._log(since, limit)

    def restore(self, entries: Iterable[Record | Tally]) -> None:
        with self._transaction() as sql:
            if sql.execute("SELECT recorded_ns FROM last").fetchone()[0]:
                count = sql.execute("SELECT count(*) FROM records").fetchone()[0]
                raise StoreNotEmpty(f"cannot restore into {self._path}: it was written before ({count} records)")
            last = now = 0
            for entry in entries:
                if isinstance(entry, Tally):
                    rows.put_tallies(sql, (entry,))
                    continue
                if entry.sequence <= last or entry.recorded_ns <= 0:
                    raise RejectedInput(f"cannot restore version {entry.version} of {entry.id!r} at {entry.sequence}")
                rows.insert(sql, [entry])
                last, now = entry.sequence, max(now, entry.recorded_ns, entry.retired_ns or 0)
            sql.execute("UPDATE last SET sequence = ?, recorded_ns = ?", (last, now))

    def robots(self) -> tuple[str, ...]:
        found = self._rows("SELECT robot FROM records UNION SELECT robot FROM tallies", ())
        return tuple(sorted(robot for (robot,) in found))

    def last_sequence(self) -> int:
        return int(self._rows("SELECT sequence FROM last", ())[0][0])

    def counts(self) -> StoreCounts:
        records, current = self._rows("SELECT count(*), count(*) - count(retired_ns) FROM records", ())[0]
        kinds = self._rows("SELECT kind, count(*) FROM records GROUP BY kind ORDER BY kind", ())
        return StoreCounts(records, current, self._rows("SELECT count(*) FROM tallies", ())[0][0], tuple(kinds))

    def forget(self, robot: str, ids: tuple[str, ...]) -> int:
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
            self.maintain("checkpoint")  # what was erased must not live on in the write-ahead log
        return gone

    def audits(self) -> tuple[Forgotten, ...]:
        found = self._rows("SELECT at_ns, robot, digest, rows FROM audits ORDER BY number", ())
        return tuple(Forgotten(*row) for row in found)

    def maintain(self, task: str, argument: str = "") -> str:
        if task == "verify":
            return self._verify()
        if task == "checkpoint":
            self._rows("PRAGMA wal_checkpoint(TRUNCATE)", ())
            return f"{self._path} holds every committed record"
        if task == "backup" and argument:
            return self._backup(Path(argument))
        raise ValueError(f"task {task!r} with argument {argument!r}; known: verify, checkpoint, backup (to a path)")

    def close(self) -> None:
        with self._turn:
            if not self._open:
                return
            self._open = False
            with suppress(sqlite3.Error):  # what is committed is safe in the log; the next open reads it
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()
            self._lock.release()

    def _connect(self) -> sqlite3.Connection:
        with self._our_errors("open"):
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            return connection

    def _prepare(self, sql: sqlite3.Connection) -> None:
        version = sql.execute("PRAGMA user_version").fetchone()[0]
        owner = sql.execute("PRAGMA application_id").fetchone()[0]
        blank = not sql.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not blank and owner != schema.APPLICATION:
            raise StoreCorrupt(f"{self._path} is a database of another program, not a store")
        if version > schema.FORMAT:
            raise StoreTooNew(f"{self._path} has format {version}, this version reads up to {schema.FORMAT}")
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "cache_size = -65536"):
            sql.execute(f"PRAGMA {pragma}")
        if blank:
            sql.executescript(f"BEGIN IMMEDIATE; {schema.SCHEMA} COMMIT;")

    @contextmanager
    def _our_errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.IntegrityError, UnicodeEncodeError, OverflowError) as error:
            raise RejectedInput(f"{self._path}: {error}") from error
        except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
            raise StoreUnavailable(f"cannot {verb} store {self._path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreCorrupt(f"cannot {verb} store {self._path}: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._turn, self._our_errors("write to"):
            self._need_open()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _reading(self, meter: Meter) -> Iterator[None]:
        with self._turn, self._our_errors("read"):
            self._need_open()
            if meter.timed:
                self._connection.set_progress_handler(meter.late, _STEPS_BETWEEN_LOOKS)
            try:
                yield
            finally:
                self._connection.set_progress_handler(None, 0)

    def _need_open(self) -> None:
        if not self._open:
            raise StoreUnavailable(f"store {self._path} is closed")

    def _rows(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        with self._turn, self._our_errors("read"):
            self._need_open()
            try:
                return self._connection.execute(statement, values).fetchall()
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

    def _in_order(self, query: Query, meter: Meter) -> list[Record]:
        hits: list[Record] = []
        for record in self._examined(*schema.in_order(query), meter):
            if query.matches(record):
                hits.append(record)
                if len(hits) == query.limit:
                    break
        return hits

    def _nearest(self, query: Query, centre_m: Vector, meter: Meter) -> list[Record]:
        """Search growing boxes until the answers inside the inscribed ball suffice."""
        seen: dict[int, Record] = {}
        for radius_m in _radii(query):
            for record in self._examined(*schema.near(query, centre_m, radius_m), meter, known=seen):
                seen[record.sequence] = record
            hits = sorted((r for r in seen.values() if query.matches(r)), key=query.rank)
            if meter.cut or (query.limit and sum(query.rank(r)[0] <= radius_m for r in hits) >= query.limit):
                break
        return hits[: query.limit or None]

    def _examined(
        self, search: str, values: list[Any], meter: Meter, known: dict[int, Record] | None = None
    ) -> Iterator[Record]:
        if meter.late():
            return
        try:
            for row in self._connection.execute(f"SELECT {rows.ROW} {search}", values):
                if known and row[0] in known:
                    continue
                if not meter.take():
                    return
                yield rows.record_of(row)
        except UnicodeEncodeError:  # as in _rows
            return
        except sqlite3.OperationalError:
            if not meter.cut:
                raise

    def _verify(self) -> str:
        said = self._rows("PRAGMA integrity_check(1)", ())[0][0]
        if said != "ok":
            raise StoreCorrupt(f"{self._path}: {said}")
        count, since = 0, 0
        while page := self._rows(
            f"SELECT {rows.ROW}, r.checksum FROM records r WHERE r.sequence > ? ORDER BY r.sequence LIMIT ?",
            (since, _PAGE),
        ):
            for *row, checksum in page:
                if rows.checksum_of(row[1]) != checksum:
                    raise StoreCorrupt(f"{self._path}: row {row[0]} does not fit its checksum: {row[1][:80]!r}")
                rows.record_of(row)
            count, since = count + len(page), page[-1][0]
        return f"{self._path}: {count} records verified"

    def _backup(self, target: Path) -> str:
        partial = target.with_name(target.name + ".partial")
        partial.unlink(missing_ok=True)
        with self._turn, self._our_errors("back up"):
            self._need_open()
            copy = sqlite3.connect(partial)
            try:
                self._connection.backup(copy)
            finally:
                copy.close()
        os.replace(partial, target)
        return f"copied {self._path} to {target}"

    def _next_stamp(self, sql: sqlite3.Connection) -> tuple[int, int]:
        sequence, recorded_ns = sql.execute("SELECT sequence, recorded_ns FROM last").fetchone()
        return sequence, max(self._clock(), recorded_ns + 1)


def _radii(query: Query) -> Iterator[float]:
    """Radii to try, metres; 0 stands for everywhere."""
    reach = _LAST_RADIUS_M if query.within_m is None else min(query.within_m, _LAST_RADIUS_M)
    radius = _FIRST_RADIUS_M
    while query.limit and radius < reach:
        yield radius
        radius *= 4
    yield query.within_m or 0.0


def _slices(values: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (values[start : start + schema.LISTED] for start in range(0, len(values), schema.LISTED))
