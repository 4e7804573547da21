# SPDX-License-Identifier: Apache-2.0
"""The in-memory store: the slow, obvious specification every other backend is compared with.

Neighbours: backend.py says what each method promises; query.py says what matches; tests/contract compares.
Rules of the file: a list in log order and a dict by id, nothing cleverer; a batch is checked whole before any of it
is kept.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from memory import serialization
from memory.backend import (
    KEYS_KEPT,
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
    mismatch,
    wrong_size,
)
from memory.backends.meter import Meter
from memory.embedding import cosine
from memory.errors import RejectedInput, StoreNotEmpty, StoreUnavailable
from memory.query import Query
from memory.records import Record, Relation, Tally

_Key = tuple[str, str, int]


class InMemoryBackend:
    """Everything in dicts; gone with the process."""

    capabilities = Capability.BACKUP

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._log: dict[_Key, Record] = {}  # insertion order is log order
        self._by_id: dict[tuple[str, str], list[_Key]] = {}
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._receipts: dict[str, Receipt] = {}
        self._audits: list[Forgotten] = []
        self._vector_bytes: dict[str, int] = {}
        self._last_sequence = 0
        self._last_recorded_ns = 0
        self._closed = False

    def write(self, batch: Batch) -> Receipt:
        self._need_open()
        if batch.key and batch.key in self._receipts:
            return self._receipts[batch.key]
        self._check(batch)
        now = self._next_stamp()
        first = self._last_sequence + 1
        for record in batch.records:
            self._append(replace(record, sequence=self._last_sequence + 1, recorded_ns=now, retired_ns=None))
        for gone in batch.retire:
            self._log[_key(gone)] = replace(self._log[_key(gone)], retired_ns=now)
        self._tallies.update({(t.robot, t.record_id): t for t in batch.tallies})
        receipt = Receipt(now, min(first, self._last_sequence), self._last_sequence)
        self._remember(batch.key, receipt)
        return receipt

    def get(self, robot: str, ids: tuple[str, ...]) -> dict[str, Record]:
        self._need_open()
        answers = {one: current_of(self._log[key] for key in self._by_id.get((robot, one), ())) for one in ids}
        return {one: record for one, record in answers.items() if record is not None}

    def find(self, query: Query, *, deadline_s: float | None = None, record_budget: int = 0) -> Found:
        self._need_open()
        self._check_encoder(query)
        meter = Meter(deadline_s, record_budget)
        hits: list[Record] = []
        for record in sorted(self._candidates(query), key=query.rank):
            if (query.limit and len(hits) == query.limit) or not meter.take():
                break
            if query.matches(record):
                hits.append(record)
        cosines = tuple(cosine(query.vector, record.embedding) for record in hits) if query.vector else ()
        return Found(tuple(hits), meter.examined, complete=not meter.cut, cosines=cosines)

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
        nodes = frozenset(frontier)
        asked = Query(robot=robot, kinds=(Relation.kind,), valid_at_ns=valid_at_ns, recorded_at_ns=recorded_at_ns)
        edges = (
            edge
            for edge in self.find(asked).records
            if isinstance(edge, Relation)
            and (edge.object if reverse else edge.subject) in nodes
            and (not predicates or edge.predicate in predicates)
        )
        return tuple(itertools.islice(edges, limit or None))

    def tallies(self, robot: str, ids: tuple[str, ...] = ()) -> dict[str, Tally]:
        self._need_open()
        if ids:
            return {one: self._tallies[robot, one] for one in ids if (robot, one) in self._tallies}
        return {one: tally for (owner, one), tally in self._tallies.items() if owner == robot}

    def changes(self, since: int = 0, limit: int = 0) -> Iterator[Record]:
        self._need_open()
        return itertools.islice((r for r in list(self._log.values()) if r.sequence > since), limit or None)

    def embed(self, robot: str, encoder: str, vectors: Mapping[tuple[str, int], bytes]) -> int:
        self._need_open()
        changed: dict[_Key, Record] = {}
        for (one, version), vector in vectors.items():
            if (robot, one, version) in self._log:
                old = self._log[robot, one, version]
                changed[robot, one, version] = replace(old, embedding=vector, encoder=encoder)
        for record in changed.values():
            serialization.to_line(record)
        self._check_vectors(changed.values())
        self._log.update(changed)
        self._note_vectors(changed.values())
        return len(changed)

    def restore(self, entries: Iterable[Record | Tally]) -> None:
        self._need_open()
        if self._last_recorded_ns:
            raise StoreNotEmpty(f"cannot restore into a store that was written before ({len(self._log)} records)")
        fresh = InMemoryBackend(self._clock)
        for entry in entries:
            fresh._restore_one(entry)
        self.__dict__.update(fresh.__dict__)

    def robots(self) -> tuple[str, ...]:
        self._need_open()
        return tuple(sorted({robot for robot, _ in (*self._by_id, *self._tallies)}))

    def last_sequence(self) -> int:
        self._need_open()
        return self._last_sequence

    def counts(self) -> StoreCounts:
        self._need_open()
        records = self._log.values()
        kinds = Counter(record.kind for record in records)
        current = sum(record.retired_ns is None for record in records)
        encoders = Counter(record.encoder for record in records if record.embedding)
        by_kind, by_encoder = tuple(sorted(kinds.items())), tuple(sorted(encoders.items()))
        return StoreCounts(len(records), current, len(self._tallies), by_kind, encoders.total(), by_encoder)

    def sizes(self) -> StoreSizes:
        self._need_open()
        return StoreSizes()

    def forget(self, robot: str, ids: tuple[str, ...]) -> int:
        self._need_open()
        now = self._next_stamp()
        audits = [Forgotten(now, robot, digest_of(robot, one), self._erase(robot, one)) for one in dict.fromkeys(ids)]
        self._audits += [audit for audit in audits if audit.rows]
        return sum(audit.rows for audit in audits)

    def audits(self) -> tuple[Forgotten, ...]:
        self._need_open()
        return tuple(self._audits)

    def maintain(self, task: str, argument: str = "") -> str:
        self._need_open()
        if task == "verify":
            return f"{len(self._log)} records in memory; there is no file to verify"
        if task in ("checkpoint", "rebuild"):
            return f"nothing to {task}: the store lives in memory and has no index"
        if task == "backup" and argument:
            with Path(argument).open("w", encoding="utf-8", newline="\n") as out:
                return f"wrote {serialization.export(self, out)} lines to {argument}"
        raise ValueError(
            f"task {task!r} with argument {argument!r}; known: verify, rebuild, checkpoint, backup (to a path)"
        )

    def close(self) -> None:
        self._closed = True

    def _need_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the in-memory store is closed")

    def _candidates(self, query: Query) -> Iterator[Record]:
        """Records of the robot and the kinds, or of the ids: what counts as examined."""
        if query.ids:
            keys = (key for one in dict.fromkeys(query.ids) for key in self._by_id.get((query.robot, one), ()))
            return (self._log[key] for key in keys)
        log = (record for record in self._log.values() if record.robot == query.robot)
        return (record for record in log if not query.kinds or record.kind in query.kinds)

    def _check(self, batch: Batch) -> None:
        fresh = [_key(record) for record in batch.records]
        for key, times in Counter(fresh).items():
            if times > 1 or key in self._log:
                raise RejectedInput(f"version {key[2]} of record {key[1]!r} of {key[0]!r} already exists")
        entries: tuple[Record | Tally, ...] = (*batch.records, *batch.tallies)
        for entry in entries:
            serialization.to_line(entry)
        self._check_vectors(batch.records)
        for gone, times in Counter(map(_key, batch.retire)).items():
            if times > 1 or (gone not in fresh and (gone not in self._log or self._log[gone].retired_ns is not None)):
                raise RejectedInput(f"version {gone[2]} of record {gone[1]!r} of {gone[0]!r} is not current")

    def _check_vectors(self, records: Iterable[Record]) -> None:
        sizes = dict(self._vector_bytes)
        for record in records:
            if record.embedding and sizes.setdefault(record.encoder, len(record.embedding)) != len(record.embedding):
                raise wrong_size(record, sizes[record.encoder])

    def _check_encoder(self, query: Query) -> None:
        if query.vector:
            asked = replace(query, ids=())
            others = {r.encoder for r in self._candidates(asked) if r.embedding} - {query.encoder}
            if others:
                raise mismatch(query, min(others))

    def _next_stamp(self) -> int:
        self._last_recorded_ns = max(self._clock(), self._last_recorded_ns + 1)
        return self._last_recorded_ns

    def _append(self, record: Record) -> None:
        self._log[_key(record)] = record
        self._by_id.setdefault((record.robot, record.id), []).append(_key(record))
        self._last_sequence = record.sequence
        self._note_vectors((record,))

    def _note_vectors(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.embedding:
                self._vector_bytes.setdefault(record.encoder, len(record.embedding))

    def _remember(self, key: str, receipt: Receipt) -> None:
        if key:
            self._receipts[key] = receipt
        while len(self._receipts) > KEYS_KEPT:
            del self._receipts[next(iter(self._receipts))]

    def _restore_one(self, entry: Record | Tally) -> None:
        serialization.to_line(entry)
        if isinstance(entry, Tally):
            self._tallies[entry.robot, entry.record_id] = entry
            return
        self._check_vectors((entry,))
        if _key(entry) in self._log or entry.sequence <= self._last_sequence or entry.recorded_ns <= 0:
            raise RejectedInput(f"cannot restore version {entry.version} of {entry.id!r} at {entry.sequence}")
        self._append(entry)
        self._last_recorded_ns = max(self._last_recorded_ns, entry.recorded_ns, entry.retired_ns or 0)

    def _erase(self, robot: str, record_id: str) -> int:
        keys = self._by_id.pop((robot, record_id), [])
        for key in keys:
            del self._log[key]
        return len(keys) + (self._tallies.pop((robot, record_id), None) is not None)


def _key(version: Record | Retirement) -> _Key:
    return (version.robot, version.id, version.version)
