# SPDX-License-Identifier: Apache-2.0
"""Small fakes the regions are tested with: builders of what is sensed and believed, stand-ins for other parts.

Neighbours: diary.py leads a hippocampus through a day, fake_body.py is a body with a script.

Rules of the file: the robot stands at the origin and looks along x unless a test says otherwise; one sample a second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from brain_nodes.prefrontal.planner import Problem
from brain_nodes.prefrontal.scene import Scene, Thing
from memory.geometry import Pose, Vector, base_from_optical
from memory.records import (
    Cue,
    Detection,
    Episode,
    Goal,
    Instance,
    Lesson,
    Literal,
    Observation,
    Percept,
    Percepts,
    Place,
    Plan,
    Recall,
    Recollection,
    Record,
    Relation,
    Source,
    Status,
    Target,
    Variable,
)
from sim.embodied_skills import embodied_skills
from sim.world import Floor, Robot, World

if TYPE_CHECKING:
    from tests.brain_nodes.diary import Diary

S = 1_000_000_000
START_NS = 1_767_225_600 * S  # 2026-01-01T00:00:00Z
CAMERA = base_from_optical(1.5)
ORIGIN = Pose.planar(0.0, 0.0, 0.0)
SIZES: Mapping[str, Vector] = {
    "CounterTop": (0.6, 2.0, 0.9), "Sofa": (1.0, 2.0, 0.6), "Fridge": (0.7, 0.7, 1.8), "Cabinet": (0.5, 0.5, 0.8),
    "Desk": (1.2, 0.6, 0.8), "Sink": (0.5, 0.5, 0.3), "Microwave": (0.5, 0.4, 0.3), "Shelf": (0.8, 0.4, 0.6),
    "SideTable": (0.6, 0.6, 0.6), "Drawer": (0.5, 0.5, 0.3), "Wardrobe": (0.5, 1.5, 2.4),
}  # fmt: skip
OPENABLE = frozenset({"Fridge", "Microwave", "Cabinet", "Drawer", "Safe"})
SOMEWHERE = Target("somewhere")
HOUSEHOLD = embodied_skills(World("map-0", {}, Floor(frozenset({(0, 0)})), Robot(), {}))


def at(second: float) -> int:
    """Stamp of a second of the day."""
    return START_NS + round(second * S)


# ---------------------------------------------------------------- what is sensed


def size_of(label: str) -> Vector:
    return SIZES.get(label, (0.1, 0.1, 0.1))


def detection(label: str = "Mug", position_m: Vector = (0.0, 0.0, 2.0), **more: object) -> Detection:
    """One thing two metres ahead of the camera, in the camera's frame."""
    return Detection(label, position_m, **more)


def observation(*detections: Detection, second: int = 0, **more: object) -> Observation:
    given = {
        "map_from_base": ORIGIN, "base_from_camera": CAMERA, "sequence": second, "stamp_ns": at(second), **more,
    }  # fmt: skip
    return Observation(detections=detections, **given)


def percept(label: str, position_m: Vector, second: int = 0, **more: object) -> Percept:
    given = {"size_m": size_of(label), "stamp_ns": at(second), **more}
    return Percept(label=label, position_m=position_m, **given)


def percepts(*seen: Percept, second: int = 0, robot: Pose | None = ORIGIN, **more: object) -> Percepts:
    """One sample in the map, with the camera's pose that follows from the robot's."""
    stamped = tuple(replace(p, stamp_ns=at(second)) for p in seen)
    given = {"sequence": second, "stamp_ns": at(second), "map_from_camera": robot @ CAMERA if robot else None, **more}
    return Percepts(seen=stamped, map_from_base=robot, **given)


def facing(point_m: Vector, away_m: float, yaw_rad: float = 0.0) -> Pose:
    """Where a robot stands that looks at the point from so far away, with this heading."""
    return Pose.planar(point_m[0] - away_m * math.cos(yaw_rad), point_m[1] - away_m * math.sin(yaw_rad), yaw_rad)


# ---------------------------------------------------------------- what is believed


def is_(predicate: str, *arguments: str) -> Literal:
    return Literal(predicate, arguments)


def not_(predicate: str, *arguments: str) -> Literal:
    return Literal(predicate, arguments, negated=True)


def instance(id: str, label: str, position_m: Vector, **more: object) -> Instance:
    given = {"size_m": size_of(label), "valid_from_ns": START_NS, **more}
    return Instance(id=id, label=label, position_m=position_m, **given)


def relation(subject: str, predicate: str, value: str, source: Source = Source.SEEN, second: int = 0) -> Relation:
    return Relation(
        id=f"{subject}:{predicate}:{value}", subject=subject, predicate=predicate, object=value, source=source,
        valid_from_ns=at(second), map_id="map-0", map_revision="0",
    )  # fmt: skip


def room(id: str, position_m: Vector, size_m: Vector = (4.0, 4.0, 2.5)) -> Place:
    return Place(id=id, label="room", name=id, position_m=position_m, size_m=size_m, valid_from_ns=START_NS)


def lesson(subject: str, value: str, successes: int, scope: str = "where") -> Lesson:
    return Lesson(
        id=f"{subject}-{value}", scope=scope, subject=subject, value=value, successes=successes,
        valid_from_ns=START_NS, source=Source.REFLECTED,
    )  # fmt: skip


def scene(things: Mapping[str, Vector], **fields: object) -> Scene:
    """A believed scene, all seen just now; a thing is called by its class, with a number after "_" if several."""
    believed = {n: Thing(n, n.split("_")[0], p, size_of(n.split("_")[0]), n) for n, p in things.items()}
    return Scene(
        **{"things": believed, "openable": OPENABLE, "here_m": (0.0, 0.0, 0.0), "fresh": set(things), **fields}
    )


def goal(family: str, *literals: Literal, confidence: float = 0.9, **labels: str) -> Goal:
    variables = tuple(Variable(name, label) for name, label in labels.items())
    return Goal("please", family, variables, literals, confidence)


class FakeRecall:
    """Answers a cue from a list of records, which a test may change."""

    def __init__(self, *records: Record) -> None:
        self.records = list(records)

    def __call__(self, cue: Cue) -> Recall:
        fits = [r for r in self.records if self._fits(r, cue)]
        found = tuple(Recollection(record=r, score=1.0, memory="fake", age_ns=0) for r in fits)
        return Recall(status=Status.FOUND if found else Status.NONE, recollections=found)

    def _fits(self, record: Record, cue: Cue) -> bool:
        if cue.k == 0:
            return not isinstance(record, Lesson | Episode)
        return record.kind in cue.kinds and cue.subject in ("", getattr(record, "subject", ""))


def problem(scene: Scene, *goals: Goal, recall: Callable[[Cue], Recall] | None = None, **more: object) -> Problem:
    given = {"skills": HOUSEHOLD, "map_id": "map-0", "began_ns": START_NS, **more}
    return Problem(goals=goals, scene=scene, recall=recall or FakeRecall(), **given)


# ---------------------------------------------------------------- what stands in for other parts


class FakeGrounding:
    """Understands every instruction as the goals it was made with."""

    def __init__(self, *goals: Goal) -> None:
        self.goals = goals

    def ground(self, instruction: str, *, labels: object = (), also: object = (), k: int = 5) -> tuple[Goal, ...]:
        return self.goals


class FakePlanner:
    """Proposes the same plan for ever."""

    name = "fake"

    def __init__(self, plan: Plan) -> None:
        self.proposed = plan
        self.asked: list[Problem] = []

    def plan(self, problem: Problem) -> Plan:
        self.asked.append(problem)
        return self.proposed


MUG_TO_SOFA = goal("place", is_("inside", "object", "receptacle"), object="Mug", receptacle="Sofa")


@pytest.fixture
def diary() -> Diary:
    """A hippocampus on its first morning, with all memories."""
    from tests.brain_nodes.diary import Diary

    return Diary().begin()
