# SPDX-License-Identifier: Apache-2.0
"""The believed scene, as the prefrontal cortex reads it out of one recall.

Neighbours: hippocampus/ answers the recall; domain.py, search.py and binding.py look things up here.
Rules of the file: only records come in; a body's own name stands for an instance wherever it has one; what is not
known is absent here, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from memory.geometry import Vector, planar_distance_m
from memory.records import INSIDE, Event, Instance, Place, Recall, Recollection, Record, Relation, Skill, Source, Target

SOMEWHERE = "somewhere"
MARK_PREDICATES = frozenset({"cleanliness", "temperature", "sliced"})


@dataclass(frozen=True, slots=True)
class Thing:
    """One believed instance, or a name on the body's list that was never seen (then without a position)."""

    name: str
    label: str
    position_m: Vector | None = None
    size_m: Vector = (0.1, 0.1, 0.1)
    record_id: str = ""


@dataclass(slots=True)
class Scene:
    """What is believed now, by name.

    Attributes:
        full: Receptacles that took nothing more when it was tried.
        tight: Those that were full once: what is taken out makes room for one thing.
        fresh: Names of what was seen, or put where it is, since the episode began; the rest may be out of date.
        hearsay: Names of things whose place was only told: good for looking, not for being done.
        gone: Names that are missing from their place or known not to exist.
        marks: "clean", "hot", "cool", "sliced" by name, only what came about since the episode began.
        looked: When a receptacle or room was last looked over, by name, ns.
        grounds: Ids of the records that say where a thing is and in what state, by its name.
        named: True if the body acts on a list of names of its own, wherever the things are.
    """

    things: dict[str, Thing] = field(default_factory=dict)
    rooms: dict[str, Place] = field(default_factory=dict)
    inside: dict[str, str] = field(default_factory=dict)
    doors: dict[str, str] = field(default_factory=dict)
    power: dict[str, str] = field(default_factory=dict)
    full: set[str] = field(default_factory=set)
    tight: set[str] = field(default_factory=set)
    marks: dict[str, set[str]] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    hearsay: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    near: set[str] = field(default_factory=set)
    before: str = ""
    holding: str = ""
    looked: dict[str, int] = field(default_factory=dict)
    openable: frozenset[str] = frozenset()
    named: bool = False
    here_m: Vector | None = None
    grounds: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def label_of(self, name: str) -> str:
        """Class of a thing; "" if it is not in the scene."""
        thing = self.things.get(name)
        return thing.label if thing else ""

    def closed(self, name: str) -> bool:
        """Is it believed shut? Openable things of unknown state are taken to be shut."""
        label = self.label_of(name)
        if label not in self.openable and name not in self.openable:
            return False
        return self.doors.get(name, "closed") != "open"

    def powered(self, name: str) -> bool:
        """Is it believed to be switched on?"""
        return self.power.get(name) == "on"

    def source_of(self, name: str) -> str:
        """Where it must be taken from: the outermost shut container around it, else what it is in or on."""
        holder, seen = self.inside.get(name, SOMEWHERE), {name}
        source = holder
        while holder in self.things and holder not in seen:
            seen.add(holder)
            if self.closed(holder):
                source = holder
            holder = self.inside.get(holder, SOMEWHERE)
        return source

    def contents(self, name: str) -> list[str]:
        """What is believed to be in or on it and there."""
        return [n for n, holder in self.inside.items() if holder == name and n in self.things and n not in self.gone]

    def present(self, label: str) -> list[str]:
        """Names of things of this class that may be there, nearest first; slices answer to the whole's name."""
        fits = [
            t
            for t in self.things.values()
            if t.name not in self.gone and t.label in (label, f"{label}Sliced", f"{label}Basin")
        ]
        return [t.name for t in sorted(fits, key=lambda t: (self.away_m(t.name), _number(t.name), t.name))]

    def assumed(self, names: Iterable[str]) -> tuple[str, ...]:
        """Ids of the records that whoever acts on these things rests on, each once."""
        return tuple(dict.fromkeys(one for name in names for one in self.grounds.get(name, ())))

    def away_m(self, name: str) -> float:
        """Distance on the floor from the robot; what has no position is far, but not out of the world."""
        thing = self.things.get(name)
        if thing is None or thing.position_m is None or self.here_m is None:
            return 5.0
        return planar_distance_m(self.here_m, thing.position_m)

    def gap_m(self, one: str, other: str) -> float:
        """Distance on the floor between two things; infinite where a position is not known."""
        a, b = self.things.get(one), self.things.get(other)
        if a is None or b is None or a.position_m is None or b.position_m is None:
            return float("inf")
        return planar_distance_m(a.position_m, b.position_m)

    def target(self, name: str) -> Target:
        """How a body can be told of it."""
        if name in self.rooms:
            return Target(name, "room", self.rooms[name].position_m)
        thing = self.things.get(name)
        if thing is None:
            return Target(name)
        return Target(name, thing.label, thing.position_m)


def read_scene(
    recall: Recall,
    skills: Iterable[Skill],
    map_id: str,
    began_ns: int,
    here_m: Vector | None,
    now_ns: int | None = None,
) -> Scene:
    """Turn the records of a scene recall into lookups by name.

    Args:
        began_ns: Start of the episode: what was cleaned, heated, switched or found full before does not count.
        now_ns: When the recall was answered, which its ages count from; None = go by when each thing became true.
        here_m: Where the robot stands, map frame; None while not localised.
    """
    listed = body_names(skills)
    scene = Scene(here_m=here_m, named=bool(listed), openable=_openable(skills))
    records = [r.record for r in recall.recollections]
    names = _Names(listed, map_id)
    of_today = {r.record.id for r in recall.recollections if _last_ns(r, now_ns) >= began_ns}
    scene.fresh = {names(r.id) for r in records if isinstance(r, Instance) and r.id in of_today}
    for record in records:
        if isinstance(record, Instance):
            name = names(record.id)
            scene.things[name] = Thing(name, record.label, record.position_m, record.size_m, record.id)
            if record.label.endswith("Sliced"):
                scene.marks.setdefault(name, set()).add("sliced")
        elif isinstance(record, Place):
            scene.rooms[record.id] = record
        elif isinstance(record, Event):
            scene.looked[names(record.place_id)] = record.valid_from_ns
    for record in records:
        if isinstance(record, Relation):
            _take(scene, record, names, record.id in of_today)
    for name in listed:
        scene.things.setdefault(name, Thing(name, name.split("_")[0]))
    scene.fresh.update(listed)
    scene.grounds = _grounds(records, names)
    return scene


def _grounds(records: Iterable[Record], names: _Names) -> dict[str, tuple[str, ...]]:
    grounds: dict[str, tuple[str, ...]] = {}
    for record in records:
        if isinstance(record, Instance | Relation):
            about = names(record.id if isinstance(record, Instance) else record.subject)
            grounds[about] = (*grounds.get(about, ()), record.id)
    return grounds


def body_names(skills: Iterable[Skill]) -> tuple[str, ...]:
    """The names a body lists as places of its own to go to (EmbodiedBench's `find`); empty for a body with a map."""
    return tuple(n for s in skills if s.name == "find" for p in s.parameters for n in p.names)


class _Names:
    """Record id -> the name used in plans: what the body lists is kept under its name in this map."""

    def __init__(self, listed: tuple[str, ...], map_id: str) -> None:
        self.listed = frozenset(listed)
        self.prefix = f"{map_id}/"

    def __call__(self, record_id: str) -> str:
        bare = record_id.removeprefix(self.prefix)
        return bare if bare in self.listed else record_id


def _openable(skills: Iterable[Skill]) -> frozenset[str]:
    return frozenset(n for s in skills if s.name == "open" for p in s.parameters for n in p.names)


def _last_ns(recollection: Recollection, now_ns: int | None) -> int:
    """When it was last seen, done or told."""
    return recollection.record.valid_from_ns if now_ns is None else now_ns - recollection.age_ns


def _take(scene: Scene, relation: Relation, names: _Names, since_then: bool) -> None:
    subject, predicate, value = names(relation.subject), relation.predicate, relation.object
    if scene.named and not since_then:
        return  # a body that goes by names shows no places: what was so in an earlier episode cannot be checked
    if predicate == INSIDE:
        scene.inside[subject] = names(value)
        if since_then:
            scene.fresh.add(subject)
        if relation.source is Source.TOLD:
            scene.hearsay.add(subject)
    elif predicate == "door":
        scene.doors[subject] = value
    elif predicate == "power":
        if since_then or subject in scene.fresh:
            scene.power[subject] = value
    elif predicate == "fill" and since_then:
        scene.tight.add(subject)
        if value == "full":
            scene.full.add(subject)
    elif predicate in MARK_PREDICATES and since_then:
        scene.marks.setdefault(subject, set()).add(value)
    elif predicate == "presence" and value != "present":
        scene.gone.add(subject)
    elif predicate == "near":
        scene.near.add(names(value))
    elif predicate == "before":
        scene.before = names(value)
    elif predicate == "held_by":
        scene.holding = subject


def _number(name: str) -> int:
    tail = name.rpartition("_")[2]
    return int(tail) if tail.isdigit() else 1
