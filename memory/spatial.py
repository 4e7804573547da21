# SPDX-License-Identifier: Apache-2.0
"""Where things are: instances, places, and what is inside, open, on or held.

Neighbours: hippocampus/ writes it; recall.py asks it; facts.py keeps its relations.
Rules of the file: a move is a new version and the old place stays in history; seeing a thing where it already is only
moves its tally; a sighting that arrives late is cut in where it belongs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from memory.backend import Retirement
from memory.draft import Draft
from memory.facts import Facts
from memory.geometry import Vector, distance_m
from memory.query import FOREVER_NS, Query
from memory.records import INSIDE, Cue, Instance, Place, Positioned, Record, Relation, Source, Tally
from memory.searching import POOL, Answer, Limits, Search, of_map, query_of, telling_words
from memory.strategies import Graph, distances_of

PREDICATES = frozenset({INSIDE, "door", "power", "presence", "held_by", "in_room", "fill"})
LINKS = (INSIDE, "in_room", "held_by")  # those between two ids; a door's "open" links nothing
SAME_PLACE_M = 0.25

_P = TypeVar("_P", bound=Positioned)


@dataclass(frozen=True, slots=True)
class Stay:
    """One thing in or on another for a while.

    Attributes:
        place: Id of what it was in or on.
        first_ns, last_ns: From when until when; last is when it left, or was last confirmed if it is there still.
        sightings: How often it was confirmed to be there, the first time included.
        over: False if it is believed to be there still.
        source: Whether it was seen there or only told.
    """

    place: str
    first_ns: int
    last_ns: int
    sightings: int
    over: bool
    source: Source

    @property
    def duration_s(self) -> float:
        """How long it was there, seconds."""
        return (self.last_ns - self.first_ns) / 1e9


class SpatialMemory:
    """Instances, places and spatial relations of one robot.

    Args:
        draft: The running step over the store.
        same_place_m: A known thing seen within this distance of its stored position has not moved.
    """

    name = "spatial"

    def __init__(self, draft: Draft, *, same_place_m: float = SAME_PLACE_M) -> None:
        self._draft = draft
        self._facts = Facts(draft)
        self._same_place_m = same_place_m

    def see(self, instance: Instance) -> Instance:
        """Believe that it is there from valid_from_ns on; returns the version now believed of that time.

        A new id becomes version 1. A known one that moved, or looks different, ends its old version and begins another.
        """
        kept, new = self._keep(instance)
        if kept.valid_to_ns is None:
            if new:
                before = self.tally(kept.id) or Tally(kept.id, kept.robot, 0)
                fresh = Tally(kept.id, kept.robot, kept.valid_from_ns, 1, kept.position_m)
                self._draft.count(replace(fresh, uses=before.uses, last_used_ns=before.last_used_ns))
            else:
                self.confirm(instance.id, instance.valid_from_ns, instance.position_m)
        return kept

    def confirm(self, instance_id: str, stamp_ns: int, position_m: Vector) -> None:
        """Count one more sighting where it already was; forgives earlier misses.

        Source of the running mean and spread: Welford, Technometrics 4(3), 1962.

        Raises:
            ValueError: no such instance.
        """
        before = self._tally_of(instance_id)
        n = before.sightings + 1
        triples = [_welford(m, s, x, n) for m, s, x in zip(before.mean_m, before.spread_m, position_m, strict=True)]
        (mx, sx), (my, sy), (mz, sz) = triples
        last_seen_ns = max(before.last_seen_ns, stamp_ns)
        seen = replace(before, last_seen_ns=last_seen_ns, sightings=n, mean_m=(mx, my, mz), spread_m=(sx, sy, sz))
        self._draft.count(replace(seen, misses=0))

    def miss(self, instance_id: str) -> None:
        """Count that it was not where it should have been visible.

        Raises:
            ValueError: no such instance.
        """
        before = self._tally_of(instance_id)
        self._draft.count(replace(before, misses=before.misses + 1))

    def add_place(self, place: Place) -> Place:
        """Believe in a room or area; the same place again adds nothing."""
        return self._keep(place)[0]

    def relate(self, relation: Relation) -> Relation:
        """Let a spatial fact change what is believed (timeline.py); returns the version that now says it.

        Raises:
            ValueError: the predicate is not spatial.
        """
        if relation.predicate not in PREDICATES:
            raise ValueError(f"{relation.predicate!r} is not spatial {sorted(PREDICATES)}: tell it to semantic memory")
        return self._facts.put(relation)

    def retract(self, subject: str, predicate: str, stamp_ns: int, cause: str) -> tuple[Relation, ...]:
        """End what holds at the stamp, without a successor, such as the support of a thing that was picked up."""
        return self._facts.end(subject, predicate, stamp_ns, cause)

    def instances(self, map_id: str, label: str = "") -> list[Instance]:
        """What is believed to be in the map now, in log order."""
        return self._still(Instance, _given(map_id=map_id, label=label))

    def places(self, map_id: str) -> list[Place]:
        """Rooms and areas of the map, in log order."""
        return self._still(Place, _given(map_id=map_id))

    def relations(self, map_id: str) -> list[Relation]:
        """Every spatial relation that still holds in the map, in log order."""
        return [r for r in self._facts.matching((("map_id", map_id),)) if r.predicate in PREDICATES]

    def state(self, subject: str, predicate: str) -> Relation | None:
        """The claim to act on: a sighting before the rest, then the newest."""
        return self._facts.state(subject, predicate)

    def claims(self, subject: str, predicate: str) -> list[Relation]:
        """Everything open; more than one object means that somebody contradicts a sighting."""
        return self._facts.claims(subject, predicate)

    def supporter(self, instance_id: str) -> Relation | None:
        """What it is in or on now."""
        return self.state(instance_id, INSIDE)

    def contents(self, receptacle_id: str) -> list[Relation]:
        """What is in or on it now, in log order; a claim that a sighting contradicts does not count."""
        inside = self._facts.matching((("predicate", INSIDE), ("object", receptacle_id)))
        return [r for r in inside if r.source is Source.SEEN or self.supporter(r.subject) == r]

    def where_was(self, instance_id: str, valid_at_ns: int) -> Instance | None:
        """The believed version that covers a moment of the world."""
        asked = Query(robot=self._draft.robot, ids=(instance_id,), kinds=(Instance.kind,), valid_at_ns=valid_at_ns)
        versions = [r for r in self._draft.find(asked).records if isinstance(r, Instance)]
        return max(versions, key=lambda v: v.version, default=None)

    def stays(self, subject: str) -> list[Stay]:
        """Everything it was in or on, first to last: where, from when, until when, how often confirmed."""
        asked = Query(
            robot=self._draft.robot, kinds=(Relation.kind,), equals=(("subject", subject), ("predicate", INSIDE))
        )
        facts = [r for r in self._draft.find(asked).records if isinstance(r, Relation)]
        lasting = sorted((r for r in facts if r.valid_to_ns != r.valid_from_ns), key=lambda r: r.valid_from_ns)
        tallies = self._draft.tallies(subject, *(fact.id for fact in lasting))
        return [_stay(fact, tallies.get(fact.id), tallies.get(subject)) for fact in lasting]

    def near(self, position_m: Vector, radius_m: float, map_id: str) -> list[Instance]:
        """Instances of the map within the radius now, nearest first."""
        asked = Query(
            robot=self._draft.robot,
            kinds=(Instance.kind,),
            equals=(("map_id", map_id),),
            near_m=position_m,
            within_m=radius_m,
            valid_at_ns=FOREVER_NS,
        )
        return [r for r in self._draft.find(asked).records if isinstance(r, Instance)]

    def within_hops(self, ids: Iterable[str], hops: int) -> dict[str, int]:
        """Ids linked to these by what is inside, in or held by what, either way, with their distance in links."""
        every = Graph(lambda nodes, reverse, _: self._edges(nodes, reverse=reverse), sys.maxsize - 1, evidence=False)
        return distances_of(every, ids, hops)

    def tally(self, record_id: str) -> Tally | None:
        """How often and when it was confirmed."""
        return self._draft.tallies(record_id).get(record_id)

    def search(self, cue: Cue, limits: Limits) -> Answer:
        """Things and places by label, words, id or distance; facts by subject, predicate or place; and where each is.

        A cue with a predicate asks for facts alone; one with near_m for things alone.
        """
        search = Search(self._draft, cue, limits)
        things = [] if cue.predicate else self._things(search, cue)
        facts = [] if cue.near_m else self._relations(search, cue, things)
        return search.answer(things, facts)

    def _things(self, search: Search, cue: Cue) -> list[Record]:
        asked = query_of(cue, self._draft.robot, kinds=(Instance.kind, Place.kind), current=True)
        ids: tuple[str, ...] = (cue.subject,) if cue.subject else ()
        if cue.place_id:
            inside = self._edges((cue.place_id,), reverse=True, recorded_at_ns=cue.as_of_recorded_ns)
            ids = tuple(edge.subject for edge in inside if not cue.subject or edge.subject == cue.subject)
        if not asked.kinds or (cue.place_id and not ids):
            return []
        if cue.near_m:
            asked = replace(asked, near_m=cue.near_m, newest_first=False)
        return search.about(replace(asked, ids=ids, equals=_given(map_id=cue.map_id, label=cue.label)), cue.text)

    def _relations(self, search: Search, cue: Cue, things: Sequence[Record]) -> list[Record]:
        """Facts of the subject or place; else where the things are, and where what the words name was said to be."""
        asked = query_of(cue, self._draft.robot, kinds=(Relation.kind,), current=True, pool=POOL)
        if not asked.kinds:
            return []
        if cue.subject or cue.predicate or cue.place_id:
            equals = _given(subject=cue.subject, predicate=cue.predicate, object=cue.place_id)
            found = search.about(replace(asked, equals=equals), cue.text, lambda r: _fits(r, cue))
        else:
            named = [thing.id for thing in things[: cue.k or None]] + (telling_words(cue.text) if cue.text else [])
            edges = self._edges(tuple(dict.fromkeys(named)), recorded_at_ns=cue.as_of_recorded_ns) if named else ()
            found = [edge for edge in edges if asked.matches(edge)]
        return [r for r in found if _fits(r, cue)]

    def _edges(
        self, nodes: tuple[str, ...], *, reverse: bool = False, recorded_at_ns: int | None = None
    ) -> tuple[Relation, ...]:
        return self._draft.expand(
            nodes, predicates=LINKS, reverse=reverse, valid_at_ns=FOREVER_NS, recorded_at_ns=recorded_at_ns, limit=0
        )

    def _still(self, kind: type[_P], equals: tuple[tuple[str, str], ...]) -> list[_P]:
        asked = Query(robot=self._draft.robot, kinds=(kind.kind,), equals=equals, valid_at_ns=FOREVER_NS)
        return [r for r in self._draft.find(asked).records if isinstance(r, kind)]

    def _keep(self, seen: _P) -> tuple[_P, bool]:
        """Cut a positioned record into the versions of its id; True if it is a new version."""
        start, kind = seen.valid_from_ns, type(seen)
        current = self._draft.get(seen.id).get(seen.id)
        if isinstance(current, kind) and _covers(current, start) and self._is_same(current, seen):
            return current, False
        believed = self._draft.find(Query(robot=seen.robot, ids=(seen.id,))).records
        versions = [version for version in believed if isinstance(version, kind)]
        here = next((version for version in versions if _covers(version, start)), None)
        if here and self._is_same(here, seen):
            return here, False
        parts, until_ns = self._cut(here, start) if here else ([], _next_start(versions, start))
        kept = replace(seen, valid_to_ns=until_ns, cause=seen.id if until_ns else "")
        first = 1 + max((record.version for record in believed), default=0)
        numbered = [replace(part, version=number) for number, part in enumerate((*parts, kept), start=first)]
        self._draft.stage(*numbered)
        return numbered[-1], True

    def _cut(self, here: _P, stamp_ns: int) -> tuple[list[_P], int | None]:
        """Retire a version; what is left of it before the stamp, and after if it was confirmed later; where that is."""
        self._draft.retire(Retirement(here.robot, here.id, here.version))
        before = replace(here, valid_to_ns=stamp_ns, cause=here.id)
        known = self.tally(here.id)
        if here.valid_to_ns is not None or known is None or known.last_seen_ns <= stamp_ns:
            return [before], here.valid_to_ns
        return [before, replace(here, valid_from_ns=known.last_seen_ns)], known.last_seen_ns

    def _is_same(self, before: Positioned, now: Positioned) -> bool:
        if distance_m(before.position_m, now.position_m) > self._same_place_m:
            return False
        return _looks(before) == _looks(now)

    def _tally_of(self, instance_id: str) -> Tally:
        known = self.tally(instance_id)
        if known:
            return known
        instance = self._draft.get(instance_id).get(instance_id)
        if not isinstance(instance, Instance):
            raise ValueError(f"robot {self._draft.robot!r} knows no instance {instance_id!r}")
        return Tally(instance_id, instance.robot, instance.valid_from_ns, 1, instance.position_m)


def _stay(fact: Relation, tally: Tally | None, thing: Tally | None) -> Stay:
    """While a fact is open, seeing the thing itself confirms it: had the thing moved, the fact would have ended."""
    known = tally or Tally(fact.id, fact.robot, fact.valid_from_ns)
    seen_ns = thing.last_seen_ns if thing and fact.source is Source.SEEN else 0
    last_ns = fact.valid_to_ns or max(known.last_seen_ns, fact.valid_from_ns, seen_ns)
    return Stay(fact.object, fact.valid_from_ns, last_ns, known.sightings, fact.valid_to_ns is not None, fact.source)


def _fits(record: Record, cue: Cue) -> bool:
    spatial = isinstance(record, Relation) and record.predicate in PREDICATES
    return spatial and of_map(record, cue.map_id)


def _covers(version: Record, stamp_ns: int) -> bool:
    return version.valid_from_ns <= stamp_ns and (version.valid_to_ns is None or stamp_ns < version.valid_to_ns)


def _next_start(versions: Iterable[Record], stamp_ns: int) -> int | None:
    return min((v.valid_from_ns for v in versions if v.valid_from_ns > stamp_ns), default=None)


def _looks(record: Positioned) -> tuple[object, ...]:
    """What makes another version of a record that did not move; sizes of things are measured, of rooms declared."""
    known_as = record.alias if isinstance(record, Instance) else ""
    declared = (record.name, record.size_m) if isinstance(record, Place) else ()
    return (record.label, record.map_id, record.map_revision, known_as, declared)


def _welford(mean: float, spread: float, value: float, n: int) -> tuple[float, float]:
    new = mean + (value - mean) / n
    return new, spread + (value - mean) * (value - new)


def _given(**fields: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in fields.items() if value)
