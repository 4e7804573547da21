# SPDX-License-Identifier: Apache-2.0
"""Small fakes the regions are tested with: builders of records, a hippocampus with a diary, a body with a script.

Rules of the file: the robot stands at the origin and looks along x unless a test says otherwise; one sample a second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import pytest

from brain_nodes.config import HippocampusConfig
from brain_nodes.hippocampus.hippocampus import Hippocampus
from brain_nodes.prefrontal.planner import Problem
from brain_nodes.prefrontal.scene import Scene, Thing
from memory.backend import Batch, Receipt
from memory.backends.in_memory import InMemoryBackend
from memory.geometry import Pose, Vector, base_from_optical
from memory.lifelong import MEMORIES, LifelongMemory
from memory.records import (
    Action,
    Cue,
    Detection,
    Episode,
    Goal,
    Instance,
    Lesson,
    Literal,
    Observation,
    Outcome,
    OutcomeCode,
    Percept,
    Percepts,
    Place,
    Plan,
    Recall,
    Recollection,
    Record,
    Relation,
    Skill,
    SkillCall,
    Source,
    Status,
    Step,
    StepResult,
    Target,
    Variable,
)
from sim.embodied_skills import embodied_skills
from sim.world import Floor, Robot, World

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
    """A believed scene; a thing is called by its class, with a number after "_" if there are several."""
    believed = {n: Thing(n, n.split("_")[0], p, size_of(n.split("_")[0]), n) for n, p in things.items()}
    return Scene(things=believed, openable=OPENABLE, here_m=(0.0, 0.0, 0.0), **fields)


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


# ---------------------------------------------------------------- a hippocampus through a day


class CountingBackend(InMemoryBackend):
    """Keeps the batches it was given."""

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__(clock)
        self.batches: list[Batch] = []

    def write(self, batch: Batch) -> Receipt:
        self.batches.append(batch)
        return super().write(batch)


class Diary:
    """A hippocampus that is led through samples, a second each, and asked what it believes."""

    def __init__(
        self,
        memories: Iterable[str] | None = MEMORIES,
        config: HippocampusConfig | None = None,
        backend: CountingBackend | None = None,
        robot: str = "robot",
    ) -> None:
        self.backend = backend or CountingBackend(lambda: START_NS)
        kept = tuple(memories) if memories is not None else ()
        self.memory = LifelongMemory(self.backend, memories=kept, robot=robot) if memories is not None else None
        self.hippocampus = Hippocampus(config or HippocampusConfig(), self.memory, robot)
        self.second = 0
        self.robot = ORIGIN

    def begin(
        self, session: str = "day-1", places: tuple[Place, ...] = (), robot: Pose | None = None, **more: object
    ) -> Diary:
        self.second += 1
        self.robot = robot or self.robot
        first = percepts(second=self.second, robot=self.robot, **more)
        self.hippocampus.begin(session, first, HOUSEHOLD, places)
        return self

    def see(self, *seen: Percept, result: StepResult | None = None, robot: Pose | None = None, **more: object) -> Diary:
        """Encode one sample; the robot stays where it was put last."""
        self.second += 1
        self.robot = robot or self.robot
        sample = percepts(*seen, second=self.second, robot=self.robot, **more)
        self.hippocampus.encode(sample, result)
        return self

    def lost(self, *seen: Percept) -> Diary:
        """Encode a sample taken while the robot does not know where it is."""
        self.second += 1
        self.hippocampus.encode(percepts(*seen, second=self.second, robot=None), None)
        return self

    def end(self, session: str = "day-1", wanted: tuple[str, ...] = ("Mug",)) -> Diary:
        self.second += 1
        stamp_ns = at(self.second)
        episode = Episode(
            id=session, robot=self.hippocampus.robot, instruction="bring the mug", valid_from_ns=START_NS,
            valid_to_ns=stamp_ns,
        )  # fmt: skip
        self.hippocampus.end(stamp_ns, episode, wanted)
        return self

    @property
    def scene(self) -> list[Record]:
        return [r.record for r in self.hippocampus.recall(Cue(map_id="map-0", k=0)).recollections]

    def things(self, label: str) -> list[Instance]:
        """Believed instances of a class, from left to right."""
        found = [r for r in self.scene if isinstance(r, Instance) and r.label == label]
        return sorted(found, key=lambda i: (-i.position_m[1], i.position_m))

    def the(self, label: str) -> Instance:
        (only,) = self.things(label)
        return only

    def fact(self, subject: str, predicate: str) -> Relation | None:
        facts = [r for r in self.scene if isinstance(r, Relation) and (r.subject, r.predicate) == (subject, predicate)]
        return facts[0] if facts else None

    def value(self, subject: str, predicate: str) -> str:
        found = self.fact(subject, predicate)
        return found.object if found else ""

    def missing(self, label: str) -> bool:
        return self.value(self.the(label).id, "presence") == "missing"

    @property
    def rows(self) -> list[Record]:
        """Everything the store was ever given, in order."""
        return list(self.backend.changes())


@pytest.fixture
def diary() -> Diary:
    return Diary().begin()


def claimed(
    skill: str, *targets: Target, expects: tuple[Literal, ...] = (), reason: str = "", works: bool = True
) -> StepResult:
    """What a body says became of a step."""
    code = OutcomeCode.SUCCEEDED if works else OutcomeCode.FAILED
    return StepResult(Step(skill, targets, "test", expects), Outcome("call", code, reason))


def picked_up(thing: Instance, source: str = "somewhere", **more: object) -> StepResult:
    expects = (is_("holding", thing.id), not_("hand_empty"), not_("inside", thing.id, source))
    return claimed("pick_up", target(thing), Target(source), expects=expects, **more)


def put_down(thing: Instance, receptacle: Instance, **more: object) -> StepResult:
    expects = (not_("holding", thing.id), is_("hand_empty"), is_("inside", thing.id, receptacle.id))
    return claimed("put_down", target(thing), target(receptacle), expects=expects, **more)


def target(thing: Instance) -> Target:
    return Target(thing.id, thing.label, thing.position_m)


# ---------------------------------------------------------------- a body with a script


@dataclass
class Solid:
    """One thing of the fake home."""

    label: str
    position_m: Vector
    inside: str = ""
    is_open: bool | None = None


def small_home() -> dict[str, Solid]:
    return {
        "counter": Solid("CounterTop", (2.5, 0.0, 0.45)),
        "sofa": Solid("Sofa", (3.5, 2.8, 0.3)),
        "mug": Solid("Mug", (2.5, 0.3, 0.95), "counter"),
    }


@dataclass
class FakeBody:
    """Declares the household's skills and carries them out at once, unless the script says otherwise.

    Attributes:
        script: By skill, the reasons its next calls fail with, in order.
        lies: Skills that claim success and do nothing.
        hangs: Skills that never end.
    """

    home: dict[str, Solid] = field(default_factory=small_home)
    script: dict[str, list[str]] = field(default_factory=dict)
    lies: frozenset[str] = frozenset()
    hangs: frozenset[str] = frozenset()
    pose: Pose = ORIGIN
    held: str = ""
    ticks: int = 0
    running: str = ""
    outcome: Outcome | None = None
    calls: list[SkillCall] = field(default_factory=list)

    def skills(self) -> tuple[Skill, ...]:
        return HOUSEHOLD

    def places(self) -> tuple[Place, ...]:
        return ()

    def start(self, call: SkillCall) -> FakeRun:
        return FakeRun(self, call)

    def stop(self) -> None:
        self.outcome = None

    def observe(self) -> Observation:
        return observation(
            *self._sight(), second=self.ticks, map_from_base=self.pose, gripper_holds=bool(self.held),
            running_call=self.running, outcome=self.outcome,
        )  # fmt: skip

    def step(self, action: Action) -> Observation:
        """One tick."""
        self.outcome, self.running = None, ""
        if isinstance(action, SkillCall):
            self.calls.append(action)
            if action.skill in self.hangs:
                self.running = action.id
            else:
                self.outcome = self.start(action).tick(self.observe())
        self.ticks += 1
        return self.observe()

    def carry_out(self, call: SkillCall) -> Outcome:
        reasons = self.script.get(call.skill, [])
        if reasons:
            return Outcome(call.id, OutcomeCode.FAILED, reasons.pop(0))
        if call.skill not in self.lies:
            self._do(call.skill, *(self._meant(t) for t in call.targets if t.position_m))
        return Outcome(call.id, OutcomeCode.SUCCEEDED)

    def _meant(self, wanted: Target) -> str:
        assert wanted.position_m is not None
        fits = [n for n, t in self.home.items() if t.label == wanted.label]
        return min(fits, key=lambda n: math.dist(self.home[n].position_m, wanted.position_m or ORIGIN.position_m))

    def _do(self, skill: str, *names: str) -> None:
        if skill == "go_to":
            x_m, y_m, _ = self.home[names[0]].position_m
            yaw_rad = math.atan2(y_m - self.pose.position_m[1], x_m - self.pose.position_m[0])
            self.pose = facing((x_m, y_m, 0.0), 1.6, yaw_rad)
        elif skill == "pick_up":
            self.held, self.home[names[0]].inside = names[0], ""
        elif skill == "put_down":
            x_m, y_m, z_m = self.home[names[1]].position_m
            top_m = z_m + size_of(self.home[names[1]].label)[2] / 2
            self.home[names[0]] = replace(self.home[names[0]], position_m=(x_m, y_m, top_m + 0.05), inside=names[1])
            self.held = ""

    def _sight(self) -> Iterator[Detection]:
        camera_from_map = (self.pose @ CAMERA).inverse()
        for name, thing in self.home.items():
            x, y, z = camera_from_map.transform(thing.position_m)
            if name != self.held and z > 0.05 and max(abs(x), abs(y)) < z and math.dist((0, 0, 0), (x, y, z)) < 6:
                yield Detection(thing.label, (x, y, z), size_of(thing.label))


@dataclass
class FakeRun:
    """A skill that ends in its first tick."""

    body: FakeBody
    call: SkillCall

    def tick(self, observation: Observation) -> Outcome:
        return self.body.carry_out(self.call)

    def cancel(self, deadline_s: float) -> Outcome:
        return Outcome(self.call.id, OutcomeCode.PREEMPTED)


class FakeGrounding:
    """Understands every instruction as the goals it was made with."""

    def __init__(self, *goals: Goal) -> None:
        self.goals = goals

    def ground(self, instruction: str, *, labels: object = (), k: int = 5) -> tuple[Goal, ...]:
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
