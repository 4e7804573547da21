# SPDX-License-Identifier: Apache-2.0
"""Sleep: what happened again and again becomes one summary, what went on is closed, and waking hours are written down.

Neighbours: lifelong.py offers `sleep`; temporal.py says what is alike; forgetting.py counts time in the waking hours.
Rules of the file: one call is one commit and looks at a bounded number of records; where it has come to is a tally
that is written with that commit, so that a kill anywhere loses nothing and repeats nothing; nothing is deleted: what a
summary stands for is retired, and stays in the history and in its evidence; what has no like is never touched.

A summary is an Event with the name and words of what it stands for, source REFLECTED, an id that begins with
"summary:", valid from the first to the last, how often in the sightings of its tally, and every member in its evidence.
It keeps the name so that "when did it last ..." finds it. A summary has at most MEMBERS members; summaries of one day
that are alike become one in turn, so evidence is a tree down to what was written first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from memory.backend import Backend, Retirement
from memory.draft import Draft
from memory.facts import numbered
from memory.forgetting import Activity
from memory.query import FOREVER_NS, Query
from memory.records import Event, Record, Source, Tally
from memory.searching import telling_words
from memory.temporal import GAP_S, alike, spans_of
from memory.timeline import UNDO, content_id

BUDGET = 1000  # records looked at by one call
KEEP_S = 24 * 3600.0  # what was recorded since then is left as it is
MEMBERS = 64
AWAKE = "awake"  # name of the event that says when the robot was
SUMMARY = "summary"  # ids of summaries begin with it
_CURSORS = ("sleep:awake", "sleep:summaries")  # tallies whose sightings say up to which sequence it was done
_DAY_NS = 24 * 3600 * 1_000_000_000
_Kind = tuple[int, str, str, tuple[str, ...]]  # day, name, place and subjects
_KEPT_AS_IT_IS = frozenset({AWAKE, "undone"})


@dataclass(frozen=True, slots=True)
class Slept:
    """What one call did.

    Attributes:
        examined: Records of the log it looked at.
        closed: Events that had gone on and were ended.
        merged: Events that were retired because a summary stands for them.
        summaries: How many summaries that made.
        progress: Share of the log that is done, in [0, 1]; what is too young to be summarised counts as not done.
        done: True if another call now would find nothing to do.
    """

    examined: int = 0
    closed: int = 0
    merged: int = 0
    summaries: int = 0
    progress: float = 1.0
    done: bool = True

    def __str__(self) -> str:
        return (
            f"{self.examined} records examined, {self.closed} events closed, {self.merged} merged into "
            f"{self.summaries} summaries; {self.progress:.0%} of the log done"
        )


def sleep(draft: Draft, backend: Backend, now_ns: int, *, budget: int = BUDGET, keep_s: float = KEEP_S) -> Slept:
    """Do one bounded part of what there is to do, as one commit; call again until it is done.

    Args:
        draft: With nothing staged.
        now_ns: World time, on the same clock as the store's.
        budget: Records to look at.
        keep_s: What was recorded within this time is left as it is.

    Raises:
        StoreUnavailable: nothing was done.
    """
    closed = _close(draft, now_ns, budget)
    awake, _ = _page(draft, backend, _CURSORS[0], now_ns, budget)
    _write_waking_hours(draft, awake)
    page, upto = _page(draft, backend, _CURSORS[1], now_ns - int(keep_s * 1e9), budget)
    groups = list(_groups(draft, _mergeable(page)))
    for group in groups:
        _summarise(draft, group)
    last = backend.last_sequence()
    try:
        draft.commit(f"sleep/{draft.robot}/{upto}/{last}")
    finally:
        draft.discard()
    return Slept(
        examined=max(len(awake), len(page)),
        closed=closed,
        merged=sum(map(len, groups)),
        summaries=len(groups),
        progress=upto / last if last else 1.0,
        done=not (closed or len(awake) == budget or len(page) == budget),
    )


def unslept(draft: Draft, backend: Backend) -> int:
    """Entries of the log that no sleep has looked at, those of the last one among them."""
    known = draft.tallies(_CURSORS[0]).get(_CURSORS[0])
    return backend.last_sequence() - (known.sightings if known else 0)


def waking_hours(draft: Draft) -> Activity:
    """The robot's, as far as sleep has written them down."""
    return Activity((e.valid_from_ns, e.valid_to_ns or e.valid_from_ns) for e in _awake(draft))


def _page(draft: Draft, backend: Backend, cursor: str, until_ns: int, budget: int) -> tuple[list[Record], int]:
    """The next records of the log that were recorded by then, and the sequence that is done with them."""
    known = draft.tallies(cursor).get(cursor) or Tally(cursor, draft.robot, 0, sightings=0)
    page = list(takewhile(lambda r: r.recorded_ns <= until_ns, backend.changes(known.sightings, budget)))
    if not page:
        return [], known.sightings
    draft.count(replace(known, last_seen_ns=page[-1].recorded_ns, sightings=page[-1].sequence))
    return [record for record in page if record.robot == draft.robot], page[-1].sequence


# ------------------------------------------------------------ what went on


def _close(draft: Draft, now_ns: int, budget: int) -> int:
    """End what was going on and was not witnessed for a while."""
    asked = Query(robot=draft.robot, kinds=(Event.kind,), valid_at_ns=FOREVER_NS, limit=budget)
    running = _events(draft.find(asked).records)
    tallies = draft.tallies(*(event.id for event in running))
    stale: list[Event] = []
    for event in running:
        last_ns = tallies[event.id].last_seen_ns if event.id in tallies else event.valid_from_ns
        if now_ns - last_ns > GAP_S * 1e9:
            stale.append(replace(event, valid_to_ns=max(last_ns, event.valid_from_ns) + 1, cause=event.id))
    _put(draft, stale)
    return len(stale)


# ------------------------------------------------------------ waking hours


def _write_waking_hours(draft: Draft, page: Sequence[Record]) -> None:
    """Spans in which something was recorded at least every GAP_S; the last known one is extended."""
    stamps = sorted({r.recorded_ns for r in page if not _written_asleep(r)})
    if not stamps:
        return
    known = max(_awake(draft), key=lambda e: e.valid_from_ns, default=None)
    spans: list[Event] = [known] if known else []
    for stamp_ns in stamps:
        if spans and stamp_ns <= (spans[-1].valid_to_ns or 0) + GAP_S * 1e9:
            spans[-1] = replace(spans[-1], valid_to_ns=max(spans[-1].valid_to_ns or 0, stamp_ns + 1))
        else:
            spans.append(_waking(draft.robot, stamp_ns))
    _put(draft, [span for span in spans if span != known])


def _waking(robot: str, stamp_ns: int) -> Event:
    span_id = content_id(AWAKE, robot, str(stamp_ns))
    return Event(
        id=span_id, robot=robot, name=AWAKE, valid_from_ns=stamp_ns, valid_to_ns=stamp_ns + 1, source=Source.INFERRED
    )


def _written_asleep(record: Record) -> bool:
    return isinstance(record, Event) and (record.name == AWAKE or _is_summary(record))


def _awake(draft: Draft) -> list[Event]:
    asked = Query(robot=draft.robot, kinds=(Event.kind,), equals=(("name", AWAKE),))
    return _events(draft.find(asked).records)


# ------------------------------------------------------------ summaries


def _mergeable(page: Iterable[Record]) -> list[Event]:
    return [
        event
        for event in _events(page)
        if event.retired_ns is None
        and event.valid_to_ns is not None
        and event.name not in _KEPT_AS_IT_IS
        and not event.cause.startswith(f"{UNDO}:")  # somebody wanted it by itself
    ]


def _groups(draft: Draft, events: Sequence[Event]) -> Iterable[list[Event]]:
    """Events of one day, name, place and subjects that say nearly the same, at least two and at most MEMBERS each."""
    kinds: dict[_Kind, list[Event]] = defaultdict(list)
    for event in events:
        kinds[_kind_of(event)].append(event)
    made: dict[_Kind, list[Event]] = defaultdict(list)
    for day in dict.fromkeys(kind[0] for kind in kinds):  # once a day: a day is walked to find them
        for event in _summaries(draft, day):
            made[_kind_of(event)].append(event)
    for kind, fresh in kinds.items():
        old = made[kind]
        same = list({event.id: event for event in (*old, *fresh)}.values())
        while same:
            most = max(same, key=_words)
            joins = [event is most or alike(event.text, most.text) for event in same]
            group = [event for event, joined in zip(same, joins, strict=True) if joined]
            same = [event for event, joined in zip(same, joins, strict=True) if not joined]
            parts = (group[start : start + MEMBERS] for start in range(0, len(group), MEMBERS))
            yield from (part for part in parts if len(part) > 1)


def _kind_of(event: Event) -> _Kind:
    return (event.valid_from_ns // _DAY_NS, event.name, event.place_id, event.subjects)


def _summaries(draft: Draft, day: int) -> list[Event]:
    """Those that were made of the day before."""
    asked = Query(
        robot=draft.robot,
        kinds=(Event.kind,),
        equals=(("source", Source.REFLECTED.value),),
        since_ns=day * _DAY_NS,
        until_ns=(day + 1) * _DAY_NS,
        newest_first=True,  # so that a store reads that day and no other
    )
    found = _mergeable(sorted(draft.find(asked).records, key=lambda record: record.sequence))
    return [event for event in found if _is_summary(event) and event.valid_from_ns >= day * _DAY_NS]


def _words(event: Event) -> int:
    return len(telling_words(event.text))


def _summarise(draft: Draft, members: Sequence[Event]) -> None:
    ids = tuple(member.id for member in members)
    tallies = draft.tallies(*ids)
    span = spans_of(members, tallies)
    most = max(members, key=_words)
    summary_id = content_id(SUMMARY, draft.robot, *ids)
    summary = replace(
        most, id=summary_id, valid_from_ns=span.first_ns, valid_to_ns=span.last_ns + 1, source=Source.REFLECTED,
        evidence=ids, confidence=min(m.confidence for m in members), episode_id="", cause="",
    )  # fmt: skip
    draft.retire(*(Retirement(m.robot, m.id, m.version) for m in members))
    draft.stage(*numbered(draft, [replace(summary, recorded_ns=0, sequence=0)]))
    used = [tallies[one] for one in ids if one in tallies]
    uses, last_used_ns = sum(t.uses for t in used), max((t.last_used_ns for t in used), default=0)
    draft.count(Tally(summary_id, draft.robot, span.last_ns, span.count, uses=uses, last_used_ns=last_used_ns))


def _is_summary(event: Event) -> bool:
    return event.id.startswith(f"{SUMMARY}:")


def _put(draft: Draft, versions: Sequence[Event]) -> None:
    """Further versions of events, or first ones."""
    known = draft.get(*(version.id for version in versions))
    draft.retire(*(Retirement(r.robot, r.id, r.version) for r in known.values()))
    draft.stage(*numbered(draft, [replace(v, recorded_ns=0, sequence=0) for v in versions]))


def _events(records: Iterable[Record]) -> list[Event]:
    return [record for record in records if isinstance(record, Event)]
