# SPDX-License-Identifier: Apache-2.0
"""The graph store: a Neo4j server (5.26 or later, Community is enough) that people can look into beside the robot.

Neighbours: backend.py says what each method promises; neo4j_schema.py says what a database looks like; the statements
are in neo4j_rows.py (nodes), neo4j_graph.py (relationships), neo4j_filters.py, neo4j_search.py and neo4j_vectors.py
(find); neo4j_link.py holds the driver, neo4j_ledger.py the numbers and keys of a commit, neo4j_lease.py the one writer,
neo4j_migration.py what becomes of an earlier format.
Rules of the file: one batch is one transaction; a reader asks the server each time, so it is never behind. What is
forgotten leaves nodes, indexes and relationships at once, and the server's transaction logs when it prunes them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from memory.backend import (
    Batch,
    Capability,
    Clock,
    Forgotten,
    Found,
    Receipt,
    Retirement,
    StoreCounts,
    StoreSizes,
    current_of,
    digest_of,
)
from memory.backends import neo4j_graph as graph
from memory.backends import neo4j_rows as rows
from memory.backends import neo4j_schema as schema
from memory.backends import neo4j_upkeep as upkeep
from memory.backends.meter import Meter
from memory.backends.neo4j_filters import filters_of
from memory.backends.neo4j_lease import Lease
from memory.backends.neo4j_ledger import Before, Ledger
from memory.backends.neo4j_link import Link
from memory.backends.neo4j_migration import migrate
from memory.backends.neo4j_search import Search, warm_up
from memory.backends.neo4j_vectors import Shares, VectorSearch
from memory.errors import RejectedInput, StoreUnavailable
from memory.query import Query
from memory.records import RECORD_KINDS, Record, Relation, Tally

_PAGE = 500
_COUNTED = ("Record", "Current", "Tally", "Embedded", *(schema.LABELS[kind] for kind in sorted(RECORD_KINDS)))
_NEXT_ROBOT = (
    "CALL { MATCH (r:Record) USING INDEX SEEK r:Record(robot, seq) WHERE r.robot > $last AND r.seq IS NOT NULL "
    "RETURN r.robot AS robot ORDER BY r.robot LIMIT 1 UNION MATCH (t:Tally) USING INDEX SEEK t:Tally(robot, record_id) "
    "WHERE t.robot > $last AND t.record_id IS NOT NULL RETURN t.robot AS robot ORDER BY t.robot LIMIT 1 } "
    "RETURN min(robot)"
)
_NAMELESS = (
    "RETURN EXISTS { MATCH (r:Record) WHERE r.robot = '' AND r.seq IS NOT NULL } OR "
    "EXISTS { MATCH (t:Tally) WHERE t.robot = '' AND t.record_id IS NOT NULL }"
)
_LINES = (
    f"UNWIND $keys AS k MATCH (r:Record) WHERE r.robot = $robot AND r.id = k[0] AND r.version = k[1] RETURN {rows.ROW}"
)
_EMBED = (
    "UNWIND $rows AS row MATCH (r:Record) WHERE r.robot = row.properties.robot AND r.id = row.properties.id "
    "AND r.version = row.properties.version WITH r, row, [l IN labels(r) WHERE l STARTS WITH 'Embedded'] AS old "
    f"REMOVE r:$(old) SET r:$(row.labels) {rows.PUT_PROPERTIES}"
)


class _NeedsSpaces(Exception):
    """A write brings vectors of an encoder that has no index yet; an index is not made inside a write."""

    def __init__(self, new: list[schema.Space]) -> None:
        self.new = new


class Neo4jBackend:
    """A store in one database of a Neo4j server or cluster.

    Args:
        url: neo4j://user@host:7687/database, or bolt:// for one server alone; +s and +ssc for TLS. Without a database
            the server's default. The password is read from the environment, NEO4J_PASSWORD.
        read_only: For processes beside the writer.
        patience_s: How long a write outlasts an outage before it raises StoreUnavailable; asking again with the same
            key, or the same versions, then never writes twice. Also how long a silent server is waited for where no
            deadline is given.
        warm_up_s: How long opening may take at most for having the server plan the usual questions.

    Raises:
        ValueError: the URL is none of these. StoreUnavailable: no server, no log-in, or another writer holds the store.
    """

    capabilities = (
        Capability.DURABLE | Capability.REOPENS | Capability.BACKUP | Capability.READERS | Capability.SIDE_BY_SIDE
    )

    def __init__(
        self, url: str, clock: Clock, *, read_only: bool = False, patience_s: float = 30.0, warm_up_s: float = 2.0
    ) -> None:
        self._clock = clock
        self._turn = threading.RLock()
        self._large: set[Hashable] = set()
        self._shares: Shares = {}
        self._spaces: dict[str, schema.Space] = {}
        self._ready: set[str] = set()  # labels whose index is there
        self._lease: Lease | None = None
        self._open = True
        self._link = Link(url, patience_s)
        try:
            self._begin_reading() if read_only else self._begin_writing()
            warm_up(self._link, warm_up_s)
        except BaseException:
            self.close()
            raise

    def write(self, batch: Batch) -> Receipt:
        with self._writing() as ledger:
            reading = cache(self._clock)  # asked once, however often the commit is tried

            def body(transaction: rows.Transaction, before: Before) -> Receipt:
                return self._put(transaction, batch, before, max(reading(), before.recorded_ns + 1))

            return self._with_spaces(lambda: ledger.commit(body, repr(batch), batch.key))

    def get(self, robot: str, ids: tuple[str, ...]) -> dict[str, Record]:
        asked = f"MATCH (r:Current) WHERE r.robot = $robot AND r.id IN $ids RETURN {rows.ROW}"
        versions: dict[str, list[Record]] = {}
        for record in self._records(asked, robot=robot, ids=rows.names(ids)):
            versions.setdefault(record.id, []).append(record)
        best = ((one, current_of(versions.get(one, ()))) for one in ids)
        return {one: record for one, record in best if record is not None}

    def find(self, query: Query, *, deadline_s: float | None = None, record_budget: int = 0) -> Found:
        self._need_open()
        search = Search(self._link, query, deadline_s, Meter(deadline_s, record_budget))
        return search.found(self._by_vector)

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
        asked = Query(robot=robot, kinds=(Relation.kind,), valid_at_ns=valid_at_ns, recorded_at_ns=recorded_at_ns)
        filters, end = filters_of(asked), "object" if reverse else "subject"
        led = f"MATCH (r:{'Current' if recorded_at_ns is None else 'Record'}) WHERE {filters.where} "
        chosen = "AND r.predicate IN $predicates " if predicates else ""
        cut = f" LIMIT {limit:d}" if limit else ""
        statement = f"{led}AND r.{end} IN $nodes {chosen}WITH r ORDER BY r.seq{cut} {rows.ROWS}"
        shown = {"nodes": rows.shown_all(frontier), "predicates": rows.shown_all(predicates)}
        self._need_open()
        found = self._link.rows(statement, **filters.values, **shown) if filters.possible else []
        records = (rows.answer_of(row) for (some,) in found for row in some)
        nodes = frozenset(frontier)
        edges = (edge for edge in records if isinstance(edge, Relation))  # what begins alike may go on otherwise
        return tuple(
            edge
            for edge in edges
            if (edge.object if reverse else edge.subject) in nodes and (not predicates or edge.predicate in predicates)
        )

    def tallies(self, robot: str, ids: tuple[str, ...] = ()) -> dict[str, Tally]:
        self._need_open()
        if not rows.names((robot,)):
            return {}
        some = "AND t.record_id IN $ids" if ids else "AND t.record_id IS NOT NULL"
        statement = f"MATCH (t:Tally) WHERE t.robot = $robot {some} RETURN t.line"
        found = (rows.tally_of(line) for (line,) in self._link.rows(statement, robot=robot, ids=rows.names(ids)))
        return {tally.record_id: tally for tally in found}

    def changes(self, since: int = 0, limit: int = 0) -> Iterator[Record]:
        self._need_open()
        return self._log(since, limit)

    def embed(self, robot: str, encoder: str, vectors: Mapping[tuple[str, int], bytes]) -> int:
        with self._writing() as ledger:
            count = 0

            def body(transaction: rows.Transaction, before: Before) -> Receipt:
                nonlocal count
                held = transaction.rows(_LINES, robot=robot, keys=[list(key) for key in vectors if rows.names(key[:1])])
                versions = map(rows.record_of, held)
                changed = [replace(r, embedding=vectors[r.id, r.version], encoder=encoder) for r in versions]
                nodes = [rows.node_of(record) for record in changed]
                new = self._new_spaces(changed)
                transaction.rows(_EMBED, rows=nodes)
                rows.put(transaction, [], [], new)
                count = len(nodes)
                return Receipt(before.recorded_ns, before.sequence, before.sequence)

            if rows.names((robot,)):
                self._with_spaces(lambda: ledger.commit(body, repr((encoder, sorted(vectors)))))
            return count

    def restore(self, entries: Iterable[Record | Tally]) -> None:
        with self._writing() as ledger:
            upkeep.Restore(self._link, ledger, self._spaces).run(entries)

    def robots(self) -> tuple[str, ...]:
        self._need_open()
        found = [""] if self._link.rows(_NAMELESS)[0][0] else []
        last = ""
        while (last := self._link.rows(_NEXT_ROBOT, last=last)[0][0]) is not None:
            found.append(last)
        return tuple(sorted(found))

    def last_sequence(self) -> int:
        self._need_open()
        return int(self._link.rows("MATCH (s:Store {name: 'memory'}) RETURN s.sequence")[0][0])

    def counts(self) -> StoreCounts:
        self._need_open()
        spaces = sorted(schema.spaces(self._link).items())
        labels = (*_COUNTED, *(space.label for _, space in spaces))
        asked = ", ".join(f"COUNT {{ (:{label}) }}" for label in labels)
        ((records, current, tallies, vectors, *held),) = self._link.rows(f"RETURN {asked}")
        kinds, encoders = sorted(RECORD_KINDS), [encoder for encoder, _ in spaces]
        by_kind = tuple((kind, count) for kind, count in zip(kinds, held, strict=False) if count)
        by_encoder = tuple((one, n) for one, n in zip(encoders, held[len(kinds) :], strict=True) if n)
        return StoreCounts(records, current, tallies, by_kind, vectors, by_encoder)

    def sizes(self) -> StoreSizes:
        self._need_open()
        ((format_,),) = self._link.rows("MATCH (s:Store {name: 'memory'}) RETURN s.format")
        waiting = "SHOW VECTOR INDEXES YIELD labelsOrTypes, state WHERE state <> 'ONLINE' RETURN labelsOrTypes[0]"
        labels = {label for (label,) in self._link.rows(waiting)}
        ours = [label for space in schema.spaces(self._link).values() for label in space.labels() if label in labels]
        counted = (self._link.rows(f"MATCH (r:{label}) RETURN count(r)")[0][0] for label in ours)
        return StoreSizes(unindexed=sum(counted), format=format_)

    def forget(self, robot: str, ids: tuple[str, ...]) -> int:
        with self._writing() as ledger:
            named = rows.names(ids) if rows.names((robot,)) else []
            reading = cache(self._clock)

            def body(transaction: rows.Transaction, before: Before) -> Receipt:
                now = max(reading(), before.recorded_ns + 1)
                went = transaction.rows(graph.FORGET, robot=robot, ids=named)
                erased = [(one, count) for one, count in went if count]
                audits = [
                    {"at_ns": now, "robot": robot, "digest": digest_of(robot, one), "rows": count, "number": number}
                    for number, (one, count) in enumerate(erased)
                ]
                transaction.rows("UNWIND $audits AS audit CREATE (f:Forgotten) SET f = audit", audits=audits)
                return Receipt(now, before.sequence, before.sequence)

            at_ns = ledger.commit(body, repr((robot, named))).recorded_ns
            rows.forget_parsed()
            gone = self._link.rows("MATCH (f:Forgotten) WHERE f.at_ns = $at_ns RETURN sum(f.rows)", at_ns=at_ns)
            return int(gone[0][0])

    def audits(self) -> tuple[Forgotten, ...]:
        self._need_open()
        asked = "MATCH (f:Forgotten) RETURN f.at_ns, f.robot, f.digest, f.rows ORDER BY f.at_ns, f.number"
        return tuple(Forgotten(*row) for row in self._link.rows(asked))

    def maintain(self, task: str, argument: str = "") -> str:
        self._need_open()
        if task == "verify":
            return upkeep.verify(self._link)
        if task == "rebuild":
            with self._writing():
                return upkeep.rebuild(self._link)
        if task == "checkpoint":
            self._link.order("CALL db.awaitIndexes(600)")
            return f"{self._link.name} has synced every commit, its indexes included"
        if task == "backup" and argument:
            return upkeep.backup(self, Path(argument))
        known = "verify, rebuild, checkpoint, backup (to a path)"
        raise ValueError(f"task {task!r} with argument {argument!r}; known: {known}")

    def close(self) -> None:
        with self._turn:
            if not self._open:
                return
            self._open = False
            if self._lease is not None:
                self._lease.release()
            self._link.close()

    def _begin_writing(self) -> None:
        schema.prepare(self._link)
        self._lease = Lease(self._link)
        self._ledger = Ledger(self._link, self._lease)
        upkeep.finish_restore(self._link)
        migrate(self._link, self._ledger)
        self._spaces = schema.spaces(self._link)

    def _begin_reading(self) -> None:
        schema.check_server(self._link, whole=True)
        for (restoring,) in self._link.rows("MATCH (s:Store {name: 'memory'}) RETURN s.restoring"):
            if not restoring:
                return
            raise StoreUnavailable(f"{self._link.name} is being restored")
        raise StoreUnavailable(f"{self._link.name} holds no store yet; the process that writes makes it")

    @contextmanager
    def _writing(self) -> Iterator[Ledger]:
        with self._turn:
            self._need_open()
            if self._lease is None:
                raise StoreUnavailable(f"{self._link.name} was opened to read")
            yield self._ledger

    def _need_open(self) -> None:
        if not self._open:
            raise StoreUnavailable(f"store {self._link.name} is closed")

    def _with_spaces(self, commit: Any) -> Receipt:
        try:
            return commit()  # type: ignore[no-any-return]
        except _NeedsSpaces as needed:
            for space in needed.new:
                space.make(self._link)
            self._ready |= {space.label for space in needed.new}
        receipt: Receipt = commit()
        self._spaces = schema.spaces(self._link)
        return receipt

    def _put(self, transaction: rows.Transaction, batch: Batch, before: Before, now: int) -> Receipt:
        last = before.sequence
        records = [
            replace(record, sequence=number, recorded_ns=now, retired_ns=None)
            for number, record in enumerate(batch.records, start=last + 1)
        ]
        gone = [[r.robot, r.id, r.version] for r in batch.retire]
        _check(records, batch.retire)
        nodes = [rows.node_of(record) for record in records]
        tallies = [rows.tally_node(tally) for tally in batch.tallies]
        rows.put(transaction, nodes, tallies, self._new_spaces(records))
        retired = transaction.rows(graph.RETIRE, gone=gone, now=now) if gone else []
        for key in gone:
            if key not in [row[:3] for row in retired]:
                raise RejectedInput(f"version {key[2]} of record {key[1]!r} of {key[0]!r} is not current")
        graph.draw(transaction, records, retired)
        return Receipt(now, last + bool(records), last + len(records))

    def _new_spaces(self, records: Iterable[Record]) -> list[schema.Space]:
        new = rows.new_spaces(records, self._spaces)
        unmade = [space for space in new if space.label not in self._ready]
        if unmade:
            raise _NeedsSpaces(unmade)
        return new

    def _by_vector(self, search: Search) -> None:
        spaces = self._spaces if self._lease else schema.spaces(self._link, search.left_s())
        VectorSearch(search, spaces, self._large, self._shares).run()

    def _records(self, statement: str, /, *, robot: str, **parameters: Any) -> list[Record]:
        self._need_open()
        if not rows.names((robot,)):
            return []
        return [rows.answer_of(row) for row in self._link.rows(statement, robot=robot, **parameters)]

    def _log(self, since: int, limit: int) -> Iterator[Record]:
        statement = "MATCH (r:Record) USING INDEX SEEK r:Record(seq) WHERE r.seq > $since "
        left = limit or -1
        while left:
            self._need_open()
            size = _PAGE if left < 0 else min(_PAGE, left)
            page = self._link.rows(f"{statement}RETURN {rows.ROW} ORDER BY r.seq LIMIT {size}", since=since)
            yield from map(rows.record_of, page)
            if len(page) < size:
                return
            since, left = page[-1][0], left - len(page) if left > 0 else left


def _check(records: list[Record], retire: tuple[Retirement, ...]) -> None:
    fresh = Counter((record.robot, record.id, record.version) for record in records)
    gone = Counter((one.robot, one.id, one.version) for one in retire)
    for (robot, one, version), times in fresh.items():
        if times > 1:
            raise RejectedInput(f"version {version} of record {one!r} of {robot!r} already exists")
    for (robot, one, version), times in gone.items():
        if times > 1 or len(rows.names((robot, one))) < len({robot, one}):
            raise RejectedInput(f"version {version} of record {one!r} of {robot!r} is not current")
