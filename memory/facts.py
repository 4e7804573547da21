# SPDX-License-Identifier: Apache-2.0
"""Relations of one robot: told, looked up and ended, whatever they are about.

Neighbours: spatial.py and semantic.py each keep their own predicates through here; timeline.py holds the rules.
Rules of the file: an id comes from the fact's content, whatever the caller wrote there; a fact that adds nothing moves
its tally.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from memory import timeline
from memory.draft import Draft
from memory.query import FOREVER_NS, Query
from memory.records import Record, Relation, Source, Tally

R = TypeVar("R", bound=Record)


class Facts:
    """The timelines in one draft."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def put(self, incoming: Relation) -> Relation:
        """Let a fact change what is believed; returns the version now believed to say it."""
        named = replace(incoming, id=_id_of(incoming), version=1)
        believed = self._since(incoming.subject, incoming.predicate, incoming.valid_from_ns)
        change = timeline.place(believed, named, self._last_seen(believed))
        written = self._apply(change)
        if change.same is None:
            return written[-1]
        if _confirms(incoming, change.same):
            self._confirm(change.same, incoming.valid_from_ns)
        return change.same

    def end(self, subject: str, predicate: str, stamp_ns: int, cause: str) -> tuple[Relation, ...]:
        """End what holds at the stamp, without a successor; returns the ended versions."""
        believed = self._since(subject, predicate, stamp_ns)
        change = timeline.end(believed, stamp_ns, cause, self._last_seen(believed))
        return tuple(record for record in self._apply(change) if record.valid_to_ns == stamp_ns)

    def claims(self, subject: str, predicate: str) -> list[Relation]:
        """Everything now believed of the subject; more than one object of a functional predicate is a conflict."""
        return self.matching((("subject", subject), ("predicate", predicate)))

    def state(self, subject: str, predicate: str) -> Relation | None:
        """The claim to act on: a sighting before the rest, then the newest."""
        return timeline.state_of(self.claims(subject, predicate))

    def matching(self, equals: tuple[tuple[str, str], ...]) -> list[Relation]:
        """Facts still true with these fields, in log order."""
        asked = Query(robot=self._draft.robot, kinds=(Relation.kind,), equals=equals, valid_at_ns=FOREVER_NS)
        return [r for r in self._draft.find(asked).records if isinstance(r, Relation)]

    def _since(self, subject: str, predicate: str, stamp_ns: int) -> list[Relation]:
        asked = Query(
            robot=self._draft.robot,
            kinds=(Relation.kind,),
            since_ns=stamp_ns - 1,
            equals=(("subject", subject), ("predicate", predicate)),
        )
        return [r for r in self._draft.find(asked).records if isinstance(r, Relation)]

    def _last_seen(self, believed: list[Relation]) -> dict[str, int]:
        tallies = self._draft.tallies(*(fact.id for fact in believed))
        return {fact_id: tally.last_seen_ns for fact_id, tally in tallies.items()}

    def _apply(self, change: timeline.Change) -> Sequence[Relation]:
        again = any(record.version > 1 for record in change.records)  # undoing may have numbered past what is here
        written = numbered(self._draft, change.records) if again else change.records
        self._draft.stage(*written)
        self._draft.retire(*change.retire)
        return written

    def _confirm(self, fact: Relation, stamp_ns: int) -> None:
        before = self._draft.tallies(fact.id).get(fact.id) or Tally(fact.id, fact.robot, fact.valid_from_ns)
        last_seen_ns = max(before.last_seen_ns, stamp_ns)
        self._draft.count(replace(before, last_seen_ns=last_seen_ns, sightings=before.sightings + 1))


_WEIGHT = {Source.SEEN: 2, Source.TOLD: 1, Source.INFERRED: 0, Source.REFLECTED: 0}


def _confirms(incoming: Relation, same: Relation) -> bool:
    """Hearsay confirms no sighting, a guess no hearsay, and what rests on a fact is no new evidence of it."""
    return same.id not in incoming.evidence and _WEIGHT[incoming.source] >= _WEIGHT[same.source]


def numbered(draft: Draft, records: Sequence[R]) -> list[R]:
    """The records as the next versions of their ids, in their order."""
    highest = dict.fromkeys((record.id for record in records), 0)
    if not highest:
        return []
    for known in draft.find(Query(robot=draft.robot, ids=tuple(highest), history=True)).records:
        highest[known.id] = max(known.version, highest[known.id])
    further: list[R] = []
    for record in records:
        highest[record.id] += 1
        further.append(replace(record, version=highest[record.id]))
    return further


def _id_of(fact: Relation) -> str:
    return timeline.relation_id(fact.robot, fact.subject, fact.predicate, fact.object, fact.valid_from_ns)
