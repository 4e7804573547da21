# SPDX-License-Identifier: Apache-2.0
"""Taking back an invalidation: what was closed by mistake is believed again, as a further version.

Neighbours: lifelong.py offers it; timeline.py and spatial.py close facts; provenance.py shows what was done.
Rules of the file: no row is changed; what closed it by mistake stays in the log with an empty span, [t, t), so it never
was true; nothing that another fact has taken since is taken back; every version written names the undo as its cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memory.backend import Retirement
from memory.draft import Draft
from memory.facts import numbered
from memory.query import FOREVER_NS, Query
from memory.records import Event, Record, Relation, Source
from memory.timeline import UNDO, content_id, is_functional, never_was

NAME = "undone"  # name of the event that records one


def undo(draft: Draft, record_id: str, version: int, now_ns: int, reason: str) -> tuple[Record, Event]:
    """Stage the undoing of what closed, retired or merged a version.

    Args:
        version: The one that was closed, or the one that its closing wrote.

    Returns:
        The version now believed, and the event that says what was undone and why; the caller stages the event.

    Raises:
        ValueError: no such version, nothing closed it, or another fact holds in its place.
    """
    robot = draft.robot
    every = draft.find(Query(robot=robot, ids=(record_id,), history=True)).records
    asked = next((r for r in every if r.version == version), None)
    if asked is None:
        raise ValueError(f"robot {robot!r} has no version {version} of record {record_id!r} ({len(every)} versions)")
    believed = draft.find(Query(robot=robot, ids=(record_id,))).records
    cause = content_id(UNDO, robot, record_id, str(version), str(now_ns))
    change = [(asked, replace(asked, cause=cause))]
    if believed:
        closed = _closing(asked, believed)
        change = reopen(draft.find(_timeline_of(robot, closed)).records, closed, cause)
        draft.retire(*(Retirement(robot, old.id, old.version) for old, _ in change))
    written = numbered(draft, [replace(new, recorded_ns=0, retired_ns=None, sequence=0) for _, new in change])
    draft.stage(*written)
    evidence = tuple(dict.fromkeys(r.id for r in written))
    event = Event(
        id=cause, robot=robot, name=NAME, text=reason, subjects=(record_id,), evidence=evidence,
        source=Source.TOLD, valid_from_ns=now_ns, valid_to_ns=now_ns + 1,
    )  # fmt: skip
    return written[0], event


def reopen(believed: Sequence[Record], closed: Record, cause: str) -> list[tuple[Record, Record]]:
    """What to write in place of what: the reopened version first, then those that give way to it.

    Args:
        believed: Every believed version of the same timeline: a subject's facts of one predicate, or a thing's places.
        closed: The one to take up again.
        cause: Id of the undo.

    Raises:
        ValueError: another fact holds there too, which this one was not closed by.
    """
    assert closed.valid_to_ns is not None
    end_ns = closed.valid_to_ns
    rivals = [r for r in believed if _name(r) != _name(closed) and _excludes(r, closed)]
    mistaken = [r for r in rivals if _did(r, closed, end_ns)]
    others = [r for r in rivals if r not in mistaken]
    holds = next((r for r in others if _same_layer(r, closed) and r.valid_from_ns <= end_ns < _end(r)), None)
    if holds:
        raise ValueError(f"record {closed.id!r} has given way to {holds.id!r} as well: undo that first")
    starts = [r.valid_from_ns for r in others if r.valid_from_ns > end_ns and not never_was(r)]
    until_ns = mistaken[0].valid_to_ns if mistaken else min(starts, default=None)
    change = [(closed, replace(closed, valid_to_ns=until_ns, cause=cause))]
    return change + [(r, replace(r, valid_to_ns=max(r.valid_from_ns, end_ns), cause=cause)) for r in mistaken]


def _did(record: Record, closed: Record, end_ns: int) -> bool:
    """Did it close the other one: by beginning there, or because an earlier undo took it up again?"""
    if not _same_layer(record, closed) or _end(record) <= end_ns:
        return False
    if closed.cause.startswith(f"{UNDO}:"):
        return record.cause == closed.cause and record.valid_from_ns <= end_ns
    return record.id == closed.cause and record.valid_from_ns == end_ns


def _excludes(record: Record, closed: Record) -> bool:
    """Can they not both hold? As in timeline.py: a sighting ends what was told, and not the other way round."""
    if not isinstance(record, Relation):
        return True
    return is_functional(record.predicate) and (record.source is Source.SEEN or closed.source is not Source.SEEN)


def _same_layer(record: Record, closed: Record) -> bool:
    """What was told and what was seen stand side by side; of things, there is one layer."""
    return not isinstance(record, Relation) or (record.source is Source.SEEN) is (closed.source is Source.SEEN)


def _end(record: Record) -> int:
    return FOREVER_NS if record.valid_to_ns is None else record.valid_to_ns


def _name(record: Record) -> tuple[str, int]:
    return (record.id, record.version)


def _closing(asked: Record, believed: Sequence[Record]) -> Record:
    """The believed version that says that the asked one was closed."""
    versions = [asked] if asked in believed else [r for r in believed if r.valid_from_ns == asked.valid_from_ns]
    closed = next((r for r in versions if r.valid_to_ns is not None and r.cause), None)
    if closed is None:
        raise ValueError(f"version {asked.version} of record {asked.id!r} was closed by nothing")
    return closed


def _timeline_of(robot: str, closed: Record) -> Query:
    if isinstance(closed, Relation):
        equals = (("subject", closed.subject), ("predicate", closed.predicate))
        return Query(robot=robot, kinds=(Relation.kind,), equals=equals)
    return Query(robot=robot, ids=(closed.id,), kinds=(closed.kind,))
