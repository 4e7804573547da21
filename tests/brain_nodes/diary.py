# SPDX-License-Identifier: Apache-2.0
"""A hippocampus that is led through a day, and the few things it meets there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from brain_nodes.config import HippocampusConfig
from brain_nodes.hippocampus.hippocampus import Hippocampus
from memory.backend import Batch, Receipt
from memory.backends.in_memory import InMemoryBackend
from memory.geometry import Pose
from memory.lifelong import MEMORIES, LifelongMemory
from memory.records import (
    Cue,
    Episode,
    Instance,
    Literal,
    Outcome,
    OutcomeCode,
    Percept,
    Place,
    Record,
    Relation,
    Step,
    StepResult,
    Target,
)
from tests.brain_nodes.conftest import (
    HOUSEHOLD,
    ORIGIN,
    START_NS,
    at,
    is_,
    not_,
    percept,
    percepts,
    room,
)

ASIDE = Pose.planar(0.0, 0.0, 1.2)  # nothing below is in the image from here
COUNTER = percept("CounterTop", (2.4, 0.0, 0.45))
MUG = percept("Mug", (2.4, 0.3, 0.95))
CUP_LIKE_IT = percept("Mug", (2.4, 0.0, 0.95))
FRIDGE = percept("Fridge", (2.4, 1.5, 0.9), states=("closed",))
SOFA = percept("Sofa", (2.8, -2.1, 0.3))
FAR_MUG = percept("Mug", (2.5, -1.5, 0.65))
WARDROBE = percept("Wardrobe", (1.2, 0.0, 1.2))
KITCHEN, HALL = room("kitchen", (3.0, 0.0, 0.0)), room("hall", (-1.0, 0.0, 0.0))


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

    def lost(self, *seen: Percept, result: StepResult | None = None) -> Diary:
        """Encode a sample taken while the robot does not know where it is."""
        self.second += 1
        self.hippocampus.encode(percepts(*seen, second=self.second, robot=None), result)
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
