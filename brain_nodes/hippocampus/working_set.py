# SPDX-License-Identifier: Apache-2.0
"""What the hippocampus believes of the current map right now: the scratch state every memory arm has.

Neighbours: hippocampus.py fills it each step and loads it from memory at the start of an episode; prefrontal/ reads
it as records through recall. It ends with the episode; what lasts is in the memories.
Rules of the file: one current value for each functional relation; no store is touched from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from memory.geometry import Vector, in_box
from memory.records import INSIDE, PREDICATES, Event, Instance, Place, Relation, Source

ROBOT = "robot"  # subject of relations about the robot itself
MISSING = "missing"
CUT_UP = "cut up"


@dataclass(slots=True)
class WorkingSet:
    """Instances, current relations and what was looked at, of one map.

    Attributes:
        relations: By (subject, predicate), functional ones only; the current one.
        confirmed_ns: When each relation was last seen, done or told, if nothing but that is new about it.
        near: Ids of what the robot stands at.
        before: Id of what the body was last brought before; "" if nothing.
        holding: Id of what is in the hand; "" if nothing.
        looked: By id of a receptacle or place: when it was last looked into or over.
        expected: By instance id, the receptacle the robot has just put it in, until it is seen.
        misses: Clear looks in a row without the instance.
        seen_ns: When each instance was last seen, of those seen since the episode began.
    """

    map_id: str = ""
    map_revision: str = ""
    instances: dict[str, Instance] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    relations: dict[tuple[str, str], Relation] = field(default_factory=dict)
    confirmed_ns: dict[tuple[str, str], int] = field(default_factory=dict)
    near: set[str] = field(default_factory=set)
    before: str = ""
    holding: str = ""
    looked: dict[str, Event] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)
    misses: dict[str, int] = field(default_factory=dict)
    seen_ns: dict[str, int] = field(default_factory=dict)

    def add(self, instance: Instance) -> None:
        """Believe an instance (or its new version)."""
        self.instances[instance.id] = instance

    def resolve(self, name: str) -> str:
        """Id of what a plan calls by this name: itself for an instance or a place, else the body's name in this map."""
        if name in self.instances or name in self.places or name == ROBOT:
            return name
        return f"{self.map_id}/{name}"

    def value(self, subject: str, predicate: str) -> str:
        """Current object of a functional relation; "" if unknown."""
        relation = self.relations.get((subject, predicate))
        return relation.object if relation else ""

    def put(self, relation: Relation) -> bool:
        """Believe a functional relation; False if nothing changed."""
        key = (relation.subject, relation.predicate)
        self.confirmed_ns[key] = max(relation.valid_from_ns, self.confirmed_ns.get(key, 0))
        known = self.relations.get(key)
        if known and known.object == relation.object:
            if relation.source is Source.SEEN and known.source is not Source.SEEN:
                self.relations[key] = relation
                return True
            return False
        if PREDICATES.get(relation.predicate) and PREDICATES[relation.predicate].functional:
            self.relations[key] = relation
        return True

    def retract(self, subject: str, predicate: str) -> Relation | None:
        """Stop believing a functional relation; what it was."""
        return self.relations.pop((subject, predicate), None)

    def missing(self, instance_id: str) -> bool:
        """Was it looked for at its place and not there?"""
        return self.value(instance_id, "presence") == MISSING

    def closed(self, instance_id: str) -> bool:
        """Is it a container believed shut?"""
        return self.value(instance_id, "door") == "closed"

    def hidden_in(self, instance_id: str) -> str:
        """The closed container it is believed to be in, however deep; "" if none."""
        seen: set[str] = set()
        holder = self.value(instance_id, INSIDE)
        while holder and holder not in seen:
            if self.closed(holder):
                return holder
            seen.add(holder)
            holder = self.value(holder, INSIDE)
        return ""

    def all_contents(self, holder_id: str) -> list[str]:
        """Ids of what is believed to be in or on it, however deep."""
        found: list[str] = []
        pending = [holder_id]
        while pending:
            here = pending.pop()
            inside = [s for (s, p), r in self.relations.items() if p == INSIDE and r.object == here]
            pending.extend(i for i in inside if i not in found)
            found.extend(i for i in inside if i not in found)
        return found

    def supporter_of(self, position_m: Vector, size_m: Vector, supports: frozenset[str], margin_m: float) -> str:
        """Id of the smallest believed receptacle in or on which a thing of this box lies; "" if none."""
        bottom_m = (position_m[0], position_m[1], position_m[2] - size_m[2] / 2)
        footprint = size_m[0] * size_m[1]
        fits = [
            i
            for i in self.instances.values()
            if i.label in supports
            and i.size_m[0] * i.size_m[1] >= footprint * 0.99
            and in_box(bottom_m, i.position_m, i.size_m, min(margin_m, max(i.size_m[:2]) / 8))
            and i.position_m != position_m
        ]
        return min(fits, key=lambda i: (i.size_m[0] * i.size_m[1] * max(i.size_m[2], 0.01), i.id)).id if fits else ""

    def forget(self, ids: frozenset[str]) -> None:
        """Believe nothing more of things, places and facts with these ids, nor what others are said to have to do."""
        for known in (self.instances, self.places, self.looked, self.expected, self.misses, self.seen_ns):
            for one in ids & known.keys():
                del known[one]
        for key, relation in tuple(self.relations.items()):
            if ids & {relation.id, relation.subject, relation.object}:
                del self.relations[key]
                self.confirmed_ns.pop(key, None)
        self.looked = {place_id: event for place_id, event in self.looked.items() if event.id not in ids}
        self.expected = {one: holder for one, holder in self.expected.items() if holder not in ids}
        self.near -= ids
        self.before = "" if self.before in ids else self.before
        self.holding = "" if self.holding in ids else self.holding

    def load(self, instances: Iterable[Instance], relations: Iterable[Relation], looked: Iterable[Event]) -> None:
        """Take over what the memories hold of this map."""
        for instance in instances:
            self.add(instance)
        for relation in relations:
            self.put(relation)
        for event in looked:
            self.looked.setdefault(event.place_id, event)
