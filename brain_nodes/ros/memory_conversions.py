# SPDX-License-Identifier: Apache-2.0
"""Records <-> messages, the half that is about memory: recall, the log, what came of steps.

Neighbours: conversions.py is the other half, for what is sensed and intended. The rules are the same.
A record travels as its line (memory/serialization.py). Making and reading a line is the dear part of a recall of the
whole scene, where little changes from one observation to the next, so both ends keep the lines they know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, TypeVar

from geometry_msgs.msg import Point
from neuraxis_interfaces import msg as m
from neuraxis_interfaces.srv import Recall as RecallSrv

from brain_nodes.ros.conversions import from_outcome, from_step, from_xyz, to_header, to_outcome, to_point, to_step
from memory import records as r
from memory import strategies
from memory.backend import Batch, Receipt, Retirement
from memory.errors import RejectedInput
from memory.geometry import finite
from memory.serialization import from_line, to_line

LINES_KEPT = 20_000
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Kept(Generic[_Key, _Value]):
    """What was made of a key before; emptied when it has grown too large."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[_Key, _Value] = {}

    def get(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        value = self._known.get(key)
        if value is None:
            if len(self._known) >= self._limit:
                self._known.clear()
            value = self._known[key] = make()
        return value


class RecordWriter:
    """Record -> message. The message of a record object is made once: records never change."""

    def __init__(self) -> None:
        self._kept: _Kept[int, tuple[r.Record, m.Record]] = _Kept(LINES_KEPT)

    def __call__(self, record: r.Record) -> m.Record:
        """Its message, not to be changed; holding the record keeps its identity from being given to another."""
        return self._kept.get(id(record), lambda: (record, to_record(record)))[1]


class RecordReader:
    """Message -> record. A line is read once."""

    def __init__(self) -> None:
        self._kept: _Kept[str, r.Record] = _Kept(LINES_KEPT)

    def __call__(self, message: Any) -> r.Record:
        """The record its line spells."""
        line = message.line
        return self._kept.get(line, lambda: from_record(message))


def to_record(record: r.Record) -> m.Record:
    """One record of the log."""
    return m.Record(
        kind=record.kind, id=record.id, robot=record.robot, version=record.version, sequence=record.sequence,
        line=to_line(record),
    )  # fmt: skip


def from_record(message: Any) -> r.Record:
    """One record of the log; the line is the record.

    Raises:
        StoreCorrupt: the line is no record.
        RejectedInput: it is a tally, or the fields beside the line say another thing.
    """
    record = from_line(message.line)
    if isinstance(record, r.Tally) or (record.kind, record.id) != (message.kind, message.id):
        raise RejectedInput(f"record {message.kind} {message.id!r}: its line says otherwise: {message.line[:80]!r}")
    return record


def to_retirement(record: r.Record) -> m.Retirement:
    """A version that is no longer believed."""
    return m.Retirement(
        robot=record.robot, id=record.id, version=record.version, retired_ns=record.retired_ns or 0
    )  # fmt: skip


def to_batch(batch: Batch, receipt: Receipt) -> m.RecordBatch:
    """One commit; whose occasion it was is for the sender to say."""
    stamped = (
        replace(record, sequence=number, recorded_ns=receipt.recorded_ns, retired_ns=None)
        for number, record in enumerate(batch.records, start=receipt.first_sequence)
    )
    gone = [m.Retirement(robot=g.robot, id=g.id, version=g.version, retired_ns=receipt.recorded_ns)
            for g in batch.retire]  # fmt: skip
    return m.RecordBatch(
        key=batch.key, recorded_ns=receipt.recorded_ns, first_sequence=receipt.first_sequence,
        last_sequence=receipt.last_sequence, records=list(map(to_record, stamped)), retired=gone,
        tallies=list(map(to_line, batch.tallies)),
    )  # fmt: skip


def from_batch(message: Any) -> Batch:
    """One commit, for the store of a follower.

    Raises:
        StoreCorrupt: a line is none.
        RejectedInput: a line is of another kind than it should be.
    """
    return Batch(
        records=tuple(map(from_record, message.records)), tallies=tuple(map(from_tally, message.tallies)),
        retire=tuple(Retirement(g.robot, g.id, g.version) for g in message.retired), key=message.key,
    )  # fmt: skip


def from_tally(line: str) -> r.Tally:
    """One counter.

    Raises:
        StoreCorrupt: the line is none.
        RejectedInput: it is a record.
    """
    tally = from_line(line)
    if not isinstance(tally, r.Tally):
        raise RejectedInput(f"no tally but a {tally.kind}: {line[:80]!r}")
    return tally


def to_cue(cue: r.Cue) -> RecallSrv.Request:
    """What recall is asked with; a vector stays behind, since whoever answers makes it of the text."""
    return RecallSrv.Request(
        text=cue.text, label=cue.label, subject=cue.subject, predicate=cue.predicate, place_id=cue.place_id,
        map_id=cue.map_id, has_near=cue.near_m is not None, near=to_point(cue.near_m) if cue.near_m else Point(),
        since_ns=cue.since_ns or 0, until_ns=cue.until_ns or 0, as_of_recorded_ns=cue.as_of_recorded_ns or 0,
        kinds=list(cue.kinds), strategy=cue.strategy, k=cue.k, deadline_s=float(cue.deadline_s),
        record_budget=cue.record_budget,
    )  # fmt: skip


def from_cue(request: Any) -> r.Cue:
    """What recall is asked with.

    Raises:
        RejectedInput: a kind or strategy that does not exist, or a point that is not finite.
    """
    unknown = sorted(set(request.kinds) - set(r.RECORD_KINDS))
    if unknown:
        raise RejectedInput(f"cue asks for kind {unknown[0]!r}; there are {', '.join(r.RECORD_KINDS)}")
    near = from_xyz(request.near) if request.has_near else None
    if near is not None and not finite(near):
        raise RejectedInput(f"cue is near {near}, which is not finite")
    try:
        strategies.check(request.strategy)
    except ValueError as error:
        raise RejectedInput(f"cue: {error}") from None
    return r.Cue(
        text=request.text, label=request.label, subject=request.subject, predicate=request.predicate,
        place_id=request.place_id, map_id=request.map_id, near_m=near, since_ns=request.since_ns or None,
        until_ns=request.until_ns or None, as_of_recorded_ns=request.as_of_recorded_ns or None,
        kinds=tuple(request.kinds), strategy=request.strategy, k=request.k, deadline_s=request.deadline_s,
        record_budget=request.record_budget,
    )  # fmt: skip


def to_recall(recall: r.Recall, response: Any, write: Callable[[r.Record], m.Record] = to_record) -> Any:
    """Fill the answer as a whole; returns the response."""
    response.status, response.examined = recall.status.value, recall.examined
    response.missing, response.notes = list(recall.missing), list(recall.notes)
    response.has_nearest, response.nearest = recall.nearest is not None, recall.nearest or 0.0
    response.recollections = [
        m.Recollection(
            record=write(one.record), score=float(one.score), memory=one.memory, age_ns=one.age_ns,
            epistemic=one.epistemic.value, evidence=list(one.evidence),
        )
        for one in recall.recollections
    ]  # fmt: skip
    return response


def from_recall(response: Any, read: Callable[[Any], r.Record] = from_record) -> r.Recall:
    """The answer as a whole."""
    return r.Recall(
        status=r.Status(response.status),
        missing=tuple(response.missing),
        examined=response.examined,
        notes=tuple(response.notes),
        nearest=response.nearest if response.has_nearest else None,
        recollections=tuple(
            r.Recollection(
                record=read(one.record), score=one.score, memory=one.memory, age_ns=one.age_ns,
                epistemic=_EPISTEMIC[one.epistemic], evidence=tuple(one.evidence),
            )
            for one in response.recollections
        ),
    )  # fmt: skip


def to_step_event(result: r.StepResult | None, session: str, sequence: int, stamp_ns: int) -> m.Event:
    """What ended with one observation: a step, or nothing."""
    event = m.Event(header=to_header(stamp_ns), session=session, sequence=sequence, name=m.Event.NOTHING)
    if result is not None:
        event.name, event.has_result = m.Event.STEP_ENDED, True
        event.step, event.outcome = to_step(result.step), to_outcome(result.outcome)
        event.text = result_line(result)
    return event


def from_step_event(event: Any) -> r.StepResult | None:
    """What ended with one observation."""
    return r.StepResult(from_step(event.step), from_outcome(event.outcome)) if event.has_result else None


def result_line(result: r.StepResult) -> str:
    """A step and what came of it, as an episode keeps it."""
    reason = f", {result.outcome.reason}" if result.outcome.reason else ""
    return f"{result.step}: {result.outcome.code.value}{reason}"


def add_recalled(message: m.Plan, recall: r.Recall) -> None:
    """Put a summary of the recall that a plan was reviewed with into the plan's message."""
    counts: dict[str, int] = {}
    for one in recall.recollections:
        counts[one.record.kind] = counts.get(one.record.kind, 0) + 1
    message.recall_status, message.recall_missing = recall.status.value, list(recall.missing)
    message.recall_kinds, message.recall_counts = list(counts), list(counts.values())


_EPISTEMIC = {e.value: e for e in r.Epistemic}
