# SPDX-License-Identifier: Apache-2.0
"""One step's writes, kept until they are committed as one batch.

Neighbours: the four memories stage here and read through here; lifelong.py commits.
Rules of the file: a read sees what the step has staged as if it were already written; what fails to commit because the
store is unreachable stays staged for the next try; what the store refuses is dropped, so one bad record cannot block
every later step; the quarantine keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from memory.backend import Backend, Batch, Found, Receipt, Retirement, current_of
from memory.embedding import cosine
from memory.errors import RejectedInput
from memory.quarantine import Quarantine
from memory.query import Query
from memory.records import Record, Relation, Tally
from memory.serialization import to_line

Follow = Callable[[Batch, Receipt], None]


class Draft:
    """A backend of one robot, with the running step laid over it.

    Args:
        quarantine: Where refused records are set aside; one of its own if not given.

    Attributes:
        robot: Namespace; records of another one are refused.
        follow: Told of every batch that was committed, with its acknowledgement.
    """

    def __init__(self, backend: Backend, robot: str, quarantine: Quarantine | None = None) -> None:
        self.robot = robot
        self._quarantine = quarantine or Quarantine()
        self._backend = backend
        self.follow: Follow = _nobody
        self._clear()

    def __bool__(self) -> bool:
        return bool(self._staged or self._retired or self._tallies)

    @property
    def staged(self) -> tuple[Record, ...]:
        """New versions of the running step, in order."""
        return tuple(self._staged.values())

    def stage(self, *records: Record) -> None:
        """Add versions to the batch.

        Raises:
            RejectedInput: a version cannot be stored, or was staged before; none of them is added.
            ValueError: one is of another robot.
        """
        fresh: dict[Retirement, Record] = {}
        for record in records:
            version = _version(record)
            if record.robot != self.robot:
                raise ValueError(f"{record.kind} {record.id!r} is of robot {record.robot!r}, not {self.robot!r}")
            if version in self._staged or version in fresh:
                message = f"version {record.version} of record {record.id!r} was already staged in this step"
                raise self._refused((record,), "staged twice", RejectedInput(message))
            try:
                to_line(record)
            except RejectedInput as error:
                raise self._refused((record,), "cannot be stored", error) from error
            fresh[version] = record
        first = self._backend.last_sequence() + len(self._staged) + 1
        for number, (version, record) in enumerate(fresh.items(), start=first):
            self._staged[version] = replace(record, sequence=number, recorded_ns=0, retired_ns=None)

    def stage_once(self, record: Record) -> None:
        """Add a record that is written once: the same again adds nothing.

        Raises:
            RejectedInput: another record has its id.
        """
        known = self.get(record.id).get(record.id)
        if known is None:
            self.stage(record)
        elif replace(known, sequence=0, recorded_ns=0) != replace(record, sequence=0, recorded_ns=0, retired_ns=None):
            message = f"{record.kind} {record.id!r} was already kept, and was different"
            raise self._refused((record,), "kept before, and different", RejectedInput(message))

    def retire(self, *versions: Retirement) -> None:
        """Stop believing versions, stored or staged."""
        self._retired.update(dict.fromkeys(versions))

    def count(self, tally: Tally) -> None:
        """Put a counter in place of the stored one."""
        try:
            to_line(tally)
        except RejectedInput as error:
            raise self._refused((tally,), "cannot be stored", error) from error
        self._tallies[tally.record_id] = tally

    def get(self, *ids: str) -> dict[str, Record]:
        """The currently believed record of each id."""
        touched = {version.id for version in (*self._staged, *self._retired)}
        answers = self._backend.get(self.robot, tuple(one for one in ids if one not in touched))
        mine = tuple(one for one in ids if one in touched)
        versions = self.find(Query(robot=self.robot, ids=mine)).records if mine else ()
        for one in mine:
            current = current_of(v for v in versions if v.id == one)
            if current:
                answers[one] = current
        return answers

    def find(self, query: Query, *, deadline_s: float | None = None, record_budget: int = 0) -> Found:
        """As the backend's, with this step's writes; the past of the store is asked as it was."""
        if query.robot != self.robot:
            raise ValueError(f"the query is about robot {query.robot!r}, not {self.robot!r}")
        if not (self._staged or self._retired):
            return self._backend.find(query, deadline_s=deadline_s, record_budget=record_budget)
        wider = replace(query, limit=query.limit + len(self._retired)) if query.limit else query
        found = self._backend.find(wider, deadline_s=deadline_s, record_budget=record_budget)
        if query.recorded_at_ns is not None:
            end = query.limit or None
            return replace(found, records=found.records[:end], cosines=found.cosines[:end])
        kept = [r for r in (*found.records, *filter(query.matches, self._staged.values())) if self._shows(r, query)]
        ranked = sorted(kept, key=query.rank)[: query.limit or None]
        cosines = tuple(cosine(query.vector, record.embedding) for record in ranked) if query.vector else ()
        return replace(found, records=tuple(ranked), cosines=cosines)

    def expand(
        self,
        frontier: tuple[str, ...],
        *,
        predicates: tuple[str, ...] = (),
        reverse: bool = False,
        valid_at_ns: int | None = None,
        recorded_at_ns: int | None = None,
        limit: int = 1000,
    ) -> tuple[Relation, ...]:
        """Relations that leave (or, reversed, reach) the frontier, in log order; limit 0 = all."""
        stored = self._backend.expand(
            self.robot,
            frontier,
            predicates=predicates,
            reverse=reverse,
            valid_at_ns=valid_at_ns,
            recorded_at_ns=recorded_at_ns,
            limit=limit + len(self._retired) if limit else 0,
        )
        asked = Query(
            robot=self.robot,
            kinds=(Relation.kind,),
            valid_at_ns=valid_at_ns,
            recorded_at_ns=recorded_at_ns,
            history=recorded_at_ns is not None,
        )
        staged = () if recorded_at_ns is not None else tuple(filter(asked.matches, self._staged.values()))
        edges = [
            edge
            for edge in (*stored, *staged)
            if isinstance(edge, Relation)
            and (edge.object if reverse else edge.subject) in frontier
            and (not predicates or edge.predicate in predicates)
            and self._shows(edge, asked)
        ]
        return tuple(edges[: limit or None])

    def tallies(self, *ids: str) -> dict[str, Tally]:
        """Counters of these records, where there are any."""
        stored = self._backend.tallies(self.robot, ids) if ids else {}
        return {**stored, **{one: self._tallies[one] for one in ids if one in self._tallies}}

    def commit(self, key: str = "") -> Receipt | None:
        """Write the step as one batch; None if there was nothing to write.

        Raises:
            StoreUnavailable: not written, and still staged.
            RejectedInput: refused as a whole, and dropped.
        """
        if not self:
            return None
        records = tuple(replace(record, sequence=0) for record in self._staged.values())
        batch = Batch(records=records, retire=tuple(self._retired), tallies=tuple(self._tallies.values()), key=key)
        try:
            receipt = self._backend.write(batch)
        except RejectedInput as error:
            self._clear()
            raise self._refused((*records, *batch.tallies), "refused by the store", error) from None
        self._clear()
        self.follow(batch, receipt)
        return receipt

    def discard(self) -> None:
        """Forget what was staged."""
        self._clear()

    def _clear(self) -> None:
        self._staged: dict[Retirement, Record] = {}
        self._retired: dict[Retirement, None] = {}
        self._tallies: dict[str, Tally] = {}

    def _refused(self, entries: tuple[Record | Tally, ...], reason: str, error: RejectedInput) -> RejectedInput:
        for entry in entries:
            stamp_ns = entry.last_seen_ns if isinstance(entry, Tally) else entry.valid_from_ns
            self._quarantine.set_aside(entry, reason, str(error), stamp_ns)
        self._quarantine.sync()
        return error

    def _shows(self, record: Record, query: Query) -> bool:
        return query.history or _version(record) not in self._retired


def _nobody(batch: Batch, receipt: Receipt) -> None:
    """Nobody follows."""


def _version(record: Record) -> Retirement:
    return Retirement(record.robot, record.id, record.version)
