# SPDX-License-Identifier: Apache-2.0
"""A flat with a brain in it, and stores to remember in, for the cases that broke other people's robots.

Rules of the file: the robot stands at the origin and looks along x; a test changes the world, never a region.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from brain_nodes.brain import Brain
from brain_nodes.config import BrainConfig
from brain_nodes.prefrontal.grounding import Grounding
from brain_nodes.prefrontal.planner import Planner
from memory.lifelong import LifelongMemory
from memory.records import Goal, Hold, Instance
from sim.environment import DAY_NS, EmbodiedBody, HouseholdEnvironment, Limits, SimClock
from sim.scoring import Condition, Judge
from sim.world import Floor, Robot, Room, Thing, World

NEVER = Condition("holding", "Unicorn")
LIVING = Room("living room", (-1.0, -3.0, 4.0, 3.0), (0.0, 0.0))
HALL = Room("hall", (-4.0, -3.0, -1.0, 3.0), (-2.0, 0.0))


def table() -> Thing:
    return Thing("DiningTable|1", "DiningTable", (2.2, 0.0, 0.35), (0.8, 1.6, 0.7), receptacle=True)


def desk() -> Thing:
    return Thing("Desk|1", "Desk", (-2.2, 0.0, 0.35), (0.8, 1.6, 0.7), receptacle=True)


def mug(name: str = "Mug|1", y_m: float = 0.0, x_m: float = 2.1, on: str = "DiningTable|1") -> Thing:
    return Thing(name, "Mug", (x_m, y_m, 0.75), (0.08, 0.08, 0.1), parent=on, pickupable=True)


def lamp(name: str, y_m: float) -> Thing:
    return Thing(name, "DeskLamp", (2.2, y_m, 0.9), (0.15, 0.15, 0.4), parent="DiningTable|1", toggleable=True)


def flat(*things: Thing, rooms: tuple[Room, ...] = (LIVING, HALL)) -> World:
    """An open floor of two rooms with the things in it."""
    fixed = [t for t in things if t.receptacle]
    cells = frozenset((i, j) for i in range(-15, 16) for j in range(-11, 12) if not any(_under(t, i, j) for t in fixed))
    accepts = {t.label: frozenset({"Mug"}) for t in fixed}
    return World("flat", {t.id: t for t in things}, Floor(cells), Robot(), accepts, rooms)


def _under(thing: Thing, i: int, j: int) -> bool:
    (x, y, _), (wide, deep, _) = thing.position_m, thing.size_m
    return abs(i / 4 - x) < wide / 2 + 0.15 and abs(j / 4 - y) < deep / 2 + 0.15


@dataclass
class Life:
    """One robot over many episodes on one store: it can look, act, sleep and be restarted."""

    url: str
    grounding: Grounding
    clock: SimClock = field(default_factory=SimClock)
    episodes: int = 0

    def __post_init__(self) -> None:
        self.memory = LifelongMemory.open(self.url, clock=self.clock)
        self.brain = Brain(BrainConfig(), self.memory, self.grounding)

    def restart(self) -> None:
        """A new process the next morning; a store in memory would not survive it."""
        self.memory.close()
        self.clock.at_least(self.clock.now_ns + DAY_NS)
        self.memory = LifelongMemory.open(self.url, clock=self.clock, continue_=True)
        self.brain = Brain(BrainConfig(), self.memory, self.grounding)

    def look(self, world: World, *yaws_rad: float, times: int = 1, **sample: object) -> None:
        """An episode of looking only, so many times in each direction; `sample` changes what the sensor delivers."""
        home = self.home(world)
        self._begin("", home)
        for yaw_rad in yaws_rad or (world.robot.yaw_rad,):
            world.robot.yaw_rad = yaw_rad
            for _ in range(times):
                seen = self.home(world).observe()
                self.brain.step(replace(seen, sequence=self.clock.now_ns, **sample))  # type: ignore[arg-type]
                self.clock.tick()
        self.brain.end(self.clock.now_ns)

    def act(self, instruction: str, home: HouseholdEnvironment) -> list[str]:
        """An episode of acting until the judge, a limit or the brain ends it; the calls that were sent."""
        self._begin(instruction, home)
        sent: dict[str, str] = {}
        while not home.done:
            action = self.brain.step(home.observe())
            if isinstance(action, Hold) and self.brain.plan.reason:
                break
            if not isinstance(action, Hold):
                sent[action.id] = f"{action.skill}({', '.join(t.name for t in action.targets)})"
            home.step(action)
        if home.done:
            self.brain.step(home.observe())
        self.brain.end(self.clock.now_ns)
        return list(sent.values())

    def home(self, world: World, *goal: Condition, body: type[EmbodiedBody] = EmbodiedBody) -> HouseholdEnvironment:
        return HouseholdEnvironment(world, body(world), Judge(goal or (NEVER,)), Limits(), self.clock)

    def things(self, label: str) -> list[Instance]:
        return self.memory.spatial.instances("flat", label)

    def presence(self, label: str) -> str:
        (thing,) = self.things(label)
        known = self.memory.spatial.state(thing.id, "presence")
        return known.object if known else ""

    def _begin(self, instruction: str, home: HouseholdEnvironment) -> None:
        self.episodes += 1
        self.brain.begin(instruction, home, f"episode-{self.episodes}")


class Meant(Grounding):
    """Understands every instruction as one goal, for goals that no sentence of ours says yet."""

    def __init__(self, goal: Goal) -> None:
        self.goal = goal

    def ground(self, *_: object, **__: object) -> tuple[Goal, ...]:
        return (self.goal,)


@pytest.fixture(scope="session")
def grounding() -> Grounding:
    return Grounding.load()


@pytest.fixture
def life(tmp_path: Path, grounding: Grounding) -> Iterator[Life]:
    """A robot whose store survives a restart."""
    lived = Life(f"sqlite:///{tmp_path}/robot.db", grounding)
    yield lived
    lived.memory.close()


@pytest.fixture
def parked(any_store: str, grounding: Grounding) -> Iterator[Life]:
    """A robot over each kind of store."""
    lived = Life(any_store, grounding)
    yield lived
    lived.memory.close()


@pytest.fixture
def memory(any_store: str) -> Iterator[LifelongMemory]:
    with LifelongMemory.open(any_store, clock=SimClock()) as opened:
        yield opened


@pytest.fixture
def flats() -> type:
    """What the tests build worlds from; they cannot import it, since tests/ is no package."""

    class Flats:
        build = staticmethod(flat)
        table, desk, mug, lamp = staticmethod(table), staticmethod(desk), staticmethod(mug), staticmethod(lamp)
        LIVING = LIVING

    return Flats


@pytest.fixture
def planned(life: Life):
    """Give the robot another planner or another understanding of instructions."""

    def change(planner: Planner | None = None, goal: Goal | None = None) -> Life:
        life.brain = Brain(BrainConfig(), life.memory, Meant(goal) if goal else life.grounding, planner)
        return life

    return change
