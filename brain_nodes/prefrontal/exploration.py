# SPDX-License-Identifier: Apache-2.0
"""Where to look next for something whose place is not known.

Neighbours: symbolic_planner.py asks when a goal cannot be bound; the memories answer through recall: this home's
habits (lessons), earlier attempts (episodes), today's looks (events, in the scene).
Rules of the file: every place is looked at once in an episode at most, so a search ends; the order is chance per
effort; what this home taught outweighs what homes are like in general.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from brain_nodes.prefrontal.common_sense import chance_in, chance_in_room
from brain_nodes.prefrontal.planner import Problem
from brain_nodes.prefrontal.scene import Scene, Thing
from memory.geometry import planar_distance_m
from memory.records import Cue, Episode, Lesson, Literal, Skill, Step

SEARCH = "search for "  # how the purpose of every step of a look begins
HABIT_STRENGTH = 2.0  # sightings that weigh as much as general knowledge
LOOKED_TODAY = 0.15  # of its chance is left to a place that was looked over earlier today
EFFORT_PER_M = 0.15
OPENING_EFFORT = 1.0
LOOKING_EFFORT = 1.0
_TOOK = re.compile(r"pick_up\((?P<thing>[^,]+), (?P<source>[^)]+)\): succeeded")


@dataclass(frozen=True, slots=True)
class Look:
    """One way of looking: its steps, and the chance that the thing is seen then.

    Attributes:
        grounds: Ids of the lessons and episodes that speak for looking there.
    """

    name: str
    steps: tuple[Step, ...]
    chance: float
    effort: float
    grounds: tuple[str, ...] = ()


def look_for(label: str, problem: Problem) -> Look | None:
    """The most promising look for a thing of this class; None if there is nowhere left to look."""
    habits, grounds = _habits(label, problem)
    looks = [*_rooms(label, problem, habits), *_receptacles(label, problem, habits)]
    open_looks = [k for k in looks if not any((s.skill, s.arguments) in problem.banned for s in k.steps)]
    if not open_looks:
        return None
    best = max(open_looks, key=lambda k: (k.chance / k.effort, k.name))
    return replace(best, grounds=grounds.get(best.name, ()))


def _rooms(label: str, problem: Problem, habits: Counter[str]) -> Iterator[Look]:
    scene = problem.scene
    skills = {s.name: s for s in problem.skills}
    if "look_around" not in skills:
        return
    for name, room in scene.rooms.items():
        if _looked_since(scene, name, problem.began_ns):
            continue
        chance = _learned(chance_in_room(label, room.name or name), habits, name)
        chance *= LOOKED_TODAY if name in scene.looked else 1.0
        away_m = planar_distance_m(scene.here_m, room.position_m) if scene.here_m else 5.0
        look = Step("look_around", (), f"{SEARCH}{label}", (Literal("looked", (name,)),))
        yield Look(name, (_go(scene, name, label), look), chance, 1 + LOOKING_EFFORT + EFFORT_PER_M * away_m)


def _receptacles(label: str, problem: Problem, habits: Counter[str]) -> Iterator[Look]:
    scene = problem.scene
    counts = Counter(t.label for t in scene.things.values())
    supports = _supports(problem.skills)
    for thing in scene.things.values():
        if thing.label not in supports or thing.name in scene.gone or thing.position_m is None:
            continue
        if _looked_since(scene, thing.name, problem.began_ns):
            continue
        chance = _learned(chance_in(label, thing.label) / counts[thing.label], habits, thing.name)
        chance *= LOOKED_TODAY if thing.name in scene.looked else 1.0
        shut = scene.closed(thing.name)
        effort = 1 + OPENING_EFFORT * shut + EFFORT_PER_M * scene.away_m(thing.name)
        yield Look(thing.name, _steps_to(scene, thing, label, shut), chance, effort)


def _steps_to(scene: Scene, thing: Thing, label: str, shut: bool) -> tuple[Step, ...]:
    seen = Literal("looked", (thing.name,))
    go = _go(scene, thing.name, label)
    if not shut:
        return (Step(go.skill, go.targets, go.purpose, (*go.expects, seen)),)
    opened = (Literal("open", (thing.name,)), seen)
    return (go, Step("open", (scene.target(thing.name),), f"{SEARCH}{label}", opened))


def _go(scene: Scene, name: str, label: str) -> Step:
    return Step("go_to", (scene.target(name),), f"{SEARCH}{label}", (Literal("near", (name,)),))


def _supports(skills: Sequence[Skill]) -> frozenset[str]:
    return frozenset(n for s in skills for p in s.parameters if p.kind == "receptacle" for n in p.names)


def _looked_since(scene: Scene, name: str, began_ns: int) -> bool:
    return scene.looked.get(name, 0) >= began_ns


def _learned(prior: float, habits: Counter[str], name: str) -> float:
    total = sum(habits.values())
    return (habits[name] + HABIT_STRENGTH * prior) / (total + HABIT_STRENGTH)


def _habits(label: str, problem: Problem) -> tuple[Counter[str], dict[str, tuple[str, ...]]]:
    """How often this home's things of the class were met, by name of receptacle or room; and which records say so."""
    met: Counter[str] = Counter()
    grounds: dict[str, tuple[str, ...]] = {}

    def note(record: Lesson | Episode, places: Mapping[str, int]) -> None:
        for place, times in places.items():
            met[place] += times
            grounds[place] = (*grounds.get(place, ()), record.id)

    cue = Cue(kinds=("lesson",), subject=label, map_id=problem.map_id, k=20)
    for recollection in problem.recall(cue).recollections:
        lesson = recollection.record
        if isinstance(lesson, Lesson) and lesson.scope in ("where", "where_room"):
            note(lesson, {lesson.value: lesson.successes})
    cue = Cue(kinds=("episode",), text=label, map_id=problem.map_id, k=5)
    for recollection in problem.recall(cue).recollections:
        if isinstance(recollection.record, Episode):
            note(recollection.record, Counter(_sources(recollection.record, label)))
    return met, grounds


def _sources(episode: Episode, label: str) -> Iterator[str]:
    for line in episode.steps:
        took = _TOOK.match(line)
        if took and took["thing"].startswith(f"{label.lower()}-"):
            yield took["source"]
