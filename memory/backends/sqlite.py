# SPDX-License-Identifier: Apache-2.0
"""The embedded store: one SQLite file per robot, durable before it acknowledges.

Neighbours: sqlite_file.py holds the file open, sqlite_schema.py the tables; sqlite_search.py answers a Query,
sqlite_rows.py reads and writes rows, sqlite_vectors.py shows them to the vector index, sqlite_upkeep.py looks after
them; in_memory.py is the specification.
Rules of the file: one batch is one transaction (WAL, synchronous=FULL); rows hold a record's canonical line, columns
and side tables only narrow a search, and `Query.matches` has the last word; the vector index takes in what is
committed, never before.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
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
    StoreSizes,
    digest_of,
)
from memory.backends import sqlite_rows as rows
from memory.backends import sqlite_schema as schema
from memory.backends import sqlite_upkeep as upkeep
from memory.backends.meter import Meter
from memory.backends.room import Limits
from memory.backends.sqlite_file import StoreFile
from memory.backends.sqlite_reading import Kept, Reading
from memory.backends.sqlite_search import Searching
from memory.backends.sqlite_vectors import VectorRows
from memory.errors import StoreError, StoreNotEmpty, StoreUnavailable
from memory.query import Query
from memory.records import Record, Relation, Tally
from memory.vector_files import VectorIndex
from memory.vector_manifest import MANIFEST

_PAGE = 500
_IDLE_AFTER_S = 0.05  # without a write the vector index may take the processor

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
        path = Path(path)
        self._clock = clock
        self._read_only = read_only
        self._index_folder = path.with_name(path.name + ".vectors")
        manifest = self._index_folder / MANIFEST
        self._file = StoreFile(path, manifest, read_only=read_only, limits=limits or Limits())
        self._vector_rows = VectorRows(self._file)
        self._vectors: VectorIndex | None = None
        self._wrote_s = 0.0
        self._kept = Kept()
        self._unmerged = not read_only
        try:
            if self._vector_rows.spaces():  # now: a question's deadline would end it, and the next begin it again
                self._vector_index()
        except BaseException:
            self._file.close()
            raise

    def write(self, batch: Batch) -> Receipt:
        with self._file.writing:  # until the index has the vectors too, which it takes in by rising numbers
            receipt, embedded = self._commit(batch)
            self._index(embedded)
        return receipt

    def get(self, robot: str, ids: tuple[str, ...]) -> dict[str, Record]:
        answers: dict[str, Record] = {}
        with self._reading() as reading:
            owner, _ = reading.robot(robot)
            for some in _slices(ids):
                believed = f"r.robot = ? AND r.id IN {schema.listed(some)} AND r.retired_ns IS NULL"
                best_first = "r.valid_to_ns IS NOT NULL, r.version DESC"  # as current_of has it
                asked = f"SELECT r.id, r.sequence FROM records r WHERE {believed} ORDER BY {best_first}"
                best: dict[str, int] = {}
                for one, number in reading.all(asked, (owner, *some)):
                    best.setdefault(one, number)
                answers |= {row.record.id: row.record for row in reading.numbered(list(best.values()))}
        return answers

    def find(self, query: Query, *, deadline_s: float | None = None, record_budget: int = 0) -> Found:
        with self._reading(Meter(deadline_s, record_budget)) as reading:
            return Searching(reading, query).answer(self._vector_index)

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
        with self._reading() as reading:
            terms, values = schema.where(asked, reading.robot(robot)[0], indexed=True, walked=False)
            if predicates:
                terms += f" AND r.predicate IN {schema.listed(predicates)}"
                values += predicates
            numbers: list[int] = []
            for nodes in _slices(tuple(dict.fromkeys(frontier))):
                led = f"SELECT r.sequence FROM records r WHERE {terms} AND r.{end} IN {schema.listed(nodes)}"
                first = f"{led} ORDER BY +r.sequence LIMIT ?"
                numbers += [number for (number,) in reading.all(first, (*values, *nodes, limit or -1))]
            return tuple(row.record for row in reading.numbered(sorted(numbers)[: limit or None]))

    def tallies(self, robot: str, ids: tuple[str, ...] = ()) -> dict[str, Tally]:
        if not ids:
            lines = self._file.rows(f"SELECT line FROM tallies r WHERE {_OWNED} ORDER BY id", (robot,))
        else:
            asked = f"SELECT line FROM tallies r WHERE {_OWNED} AND id IN "
            slices = ((asked + schema.listed(some), (robot, *some)) for some in _slices(ids))
            lines = [row for one in slices for row in self._file.rows(*one)]
        return {tally.record_id: tally for tally in map(rows.tally_of, lines)}

    def changes(self, since: int = 0, limit: int = 0) -> Iterator[Record]:
        self._file.rows("SELECT 1 FROM last")
        return self._log(since, limit)

    def embed(self, robot: str, encoder: str, vectors: Mapping[tuple[str, int], bytes]) -> int:
        with self._file.writing:
            with self._file.transaction() as sql:
                self._file.room.need(sql)
                found, embedded = rows.embed(sql, robot, encoder, vectors)
            self._index(embedded)
        return found

    def restore(self, entries: Iterable[Record | Tally]) -> None:
        with self._file.writing:
            with self._file.transaction() as sql:
                self._file.room.need(sql)
                if sql.execute("SELECT recorded_ns FROM last").fetchone()[0]:
                    count = sql.execute("SELECT count(*) FROM records").fetchone()[0]
                    path = self._file.path
                    raise StoreNotEmpty(f"cannot restore into {path}: it was written before ({count} records)")
                rows.restore(sql, entries)
                self._unmerged = True
            self._forget_index()

    def robots(self) -> tuple[str, ...]:
        held = "SELECT robot FROM records UNION SELECT robot FROM tallies"
        found = self._file.rows(f"SELECT name FROM robots WHERE number IN ({held})")
        return tuple(sorted(robot for (robot,) in found))

    def last_sequence(self) -> int:
        return int(self._file.rows("SELECT sequence FROM last")[0][0])

    def counts(self) -> StoreCounts:
        ((records,),) = self._file.rows("SELECT count(*) FROM records")
        ((retired,),) = self._file.rows("SELECT count(*) FROM records WHERE retired_ns IS NOT NULL")
        names = {number: kind for kind, number in schema.KINDS.items()}
        kinds = self._file.rows("SELECT kind, count(*) FROM records GROUP BY kind")
        by_kind = tuple(sorted((names[number], count) for number, count in kinds))
        ((tallies,),) = self._file.rows("SELECT count(*) FROM tallies")
        asked = "SELECT encoder, sum(rows) FROM spaces WHERE rows > 0 GROUP BY encoder ORDER BY encoder"
        encoders = tuple(self._file.rows(asked))
        return StoreCounts(records, records - retired, tallies, by_kind, sum(n for _, n in encoders), encoders)

    def sizes(self) -> StoreSizes:
        on_disk = self._file.size_bytes()
        index = self._vector_index()
        return StoreSizes(on_disk, index.files_bytes(), index.unindexed, schema.FORMAT, index.error)

    def forget(self, robot: str, ids: tuple[str, ...]) -> int:
        with self._file.writing, self._vector_index().saving:  # else the index may save again what goes
            gone = self._erase(robot, ids)
            with self._file.reading_turn:
                self._kept.clear()  # or its text would stay in the process
            if gone:  # what was erased must not live on in the vector index or in the write-ahead log
                self._forget_index()
                try:
                    why = "" if self._checkpoint() else "a reader holds on to it"
                except StoreUnavailable as error:  # the rows are gone, and that is the answer
                    why = str(error)
                if why:
                    path = self._file.path
                    log.warning("%s-wal may hold what was forgotten until the next checkpoint: %s", path, why)
        return gone

    def audits(self) -> tuple[Forgotten, ...]:
        found = self._file.rows("SELECT at_ns, robot, digest, rows FROM audits ORDER BY number")
        return tuple(Forgotten(*row) for row in found)

    def maintain(self, task: str, argument: str = "") -> str:
        if task == "verify":
            return self._verify()
        if task == "rebuild":
            return self._rebuild()
        if task == "checkpoint":
            held = "holds" if self._checkpoint() else "will, once its readers let go, hold"
            return f"{self._file.path} {held} every committed record"
        if task == "backup" and argument:
            return self._backup(Path(argument))
        known = "verify, rebuild, checkpoint, backup (to a path)"
        raise ValueError(f"task {task!r} with argument {argument!r}; known: {known}")

    def close(self) -> None:
        if self._vectors is not None:
            self._vectors.rest()
        with self._file.writing:
            if not self._file.is_open:
                return
            with suppress(StoreError):  # the words are there, only slower to look up
                self._merge_words()
            if self._vectors is not None:
                with suppress(OSError):  # a full disk costs a slower next start, nothing else
                    self._vectors.save()
            with self._file.reading_turn:
                self._file.close()
                if self._vectors is not None:
                    self._vectors.close()

    def _commit(self, batch: Batch) -> tuple[Receipt, rows.Embedded]:
        with self._file.transaction() as sql:
            known = sql.execute(
                "SELECT recorded_ns, first_sequence, last_sequence FROM receipts WHERE key = ?", (batch.key,)
            ).fetchone()
            if known:
                return Receipt(*known), rows.Embedded()
            self._file.room.need(sql)
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
            self._unmerged = self._unmerged or bool(stamped)
        return receipt, embedded

    def _erase(self, robot: str, ids: tuple[str, ...]) -> int:
        gone = 0
        with self._file.transaction() as sql:
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

    # ---- the vector index

    def _vector_index(self) -> VectorIndex:
        with self._file.reading_turn:
            if self._vectors is None:
                self._vectors = VectorIndex(
                    self._index_folder, self._vector_rows, self._busy, self._when_idle, read_only=self._read_only
                )
            return self._vectors

    def _index(self, embedded: rows.Embedded) -> None:
        self._wrote_s = time.monotonic()
        for space, fresh in embedded.rows.items():
            if fresh:
                numbers, vectors = zip(*fresh, strict=True)
                self._vector_index().append(embedded.spaces[space], list(numbers), list(vectors))

    def _when_idle(self) -> None:
        with suppress(StoreError):  # what is wrong with the disk, the next write says
            self._merge_words(idle=True)

    def _merge_words(self, *, idle: bool = False) -> None:
        """Bring the text indexes into one piece each, in steps that a writer may come between; it ends an idle one."""
        while self._unmerged and self._file.is_open and not (idle and self._busy()):
            with self._file.transaction() as sql:
                self._unmerged = rows.merge_words(sql)

    def _forget_index(self) -> None:
        self._vector_index().discard()

    def _busy(self) -> bool:
        return time.monotonic() - self._wrote_s < _IDLE_AFTER_S

    # ---- rows and files

    def _reading(self, meter: Meter | None = None) -> Reading:
        return Reading(self._file, self._kept, meter)

    def _records(self, statement: str, values: tuple[Any, ...]) -> list[Record]:
        return [rows.record_of(row) for row in self._file.rows(statement, values)]

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
        with self._file.view("read") as view:
            return f"{self._file.path}: {upkeep.verified(view, self._file.path)} records verified"

    def _checkpoint(self) -> bool:
        """Bring the log into the file and save the index; False if a reader keeps the log from being emptied."""
        with self._file.writing, self._file.our_errors("write to"):
            self._merge_words()
            emptied = self._file.emptied()
            if self._vectors is not None:
                self._vectors.save()
        return emptied

    def _rebuild(self) -> str:
        with self._file.writing:
            with self._file.transaction() as sql:
                count = rows.rebuild(sql)
                self._unmerged = True
            index = self._vector_index()
            index.discard()
        index.digest_all()
        index.save()
        return f"{self._file.path}: every index was made anew from {count} records"

    def _backup(self, target: Path) -> str:
        path = self._file.path
        if target.exists() and target.samefile(path):
            raise StoreUnavailable(f"cannot back {path} up to itself")
        with self._file.view("back up") as view:
            upkeep.copied(view, target)
        return f"copied {path} to {target}"

    def _next_stamp(self, sql: sqlite3.Connection) -> tuple[int, int]:
        sequence, recorded_ns = sql.execute("SELECT sequence, recorded_ns FROM last").fetchone()
        return sequence, max(self._clock(), recorded_ns + 1)


def _slices(values: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (values[start : start + schema.LISTED] for start in range(0, len(values), schema.LISTED))


_OWNED = "r.robot = (SELECT number FROM robots WHERE name = ?)"
