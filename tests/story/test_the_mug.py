# SPDX-License-Identifier: Apache-2.0
"""One mug from observation to action, and one robot that does better the next day. docs/mug.md tells the first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from brain_nodes.brain import Brain
from brain_nodes.config import BrainConfig
from brain_nodes.prefrontal.grounding import Grounding
from memory.backend import Receipt
from memory.lifelong import LifelongMemory
from memory.records import (
    INSIDE,
    Cue,
    Detection,
    Epistemic,
    Hold,
    Instance,
    Observation,
    OutcomeCode,
    SkillCall,
    Status,
)
from sim.environment import DAY_NS, EmbodiedBody, HouseholdEnvironment, Limits, SimClock
from sim.household import held
from sim.scoring import SUCCESS, Judge
from sim.world import Floor, Robot, Room, Thing, World

BRING = "bring the mug"
HOLDING_THE_MUG = ({"kind": "holding", "object": "Mug"},)
CABINETS_M = [(x, -2.3) for x in (-2.0, -1.2, -0.4, 0.4, 1.2, 2.0)]


class Acknowledged(LifelongMemory):
    """A memory that keeps its receipts, so that a test can read them."""

    def __init__(self, *given, **named) -> None:
        super().__init__(*given, **named)
        self.receipts: list[Receipt] = []

    def commit(self, key: str = "") -> Receipt | None:
        receipt = super().commit(key)
        self.receipts += [receipt] if receipt else []
        return receipt


def kitchen(cabinets: int = 1) -> World:
    """A table in front of the robot with a mug on it, a counter to its left, shut cabinets along the wall behind."""
    things = [
        Thing("DiningTable|1", "DiningTable", (2.0, 0.0, 0.4), (0.9, 0.9, 0.8), receptacle=True),
        Thing("CounterTop|1", "CounterTop", (0.0, 2.2, 0.45), (1.6, 0.6, 0.9), receptacle=True),
    ]
    for number, (x, y) in enumerate(CABINETS_M[:cabinets], start=1):
        things.append(
            Thing(f"Cabinet|{number}", "Cabinet", (x, y, 0.4), (0.6, 0.4, 0.8), receptacle=True, openable=True)
        )
    mug = Thing("Mug|1", "Mug", (1.9, 0.1, 0.85), (0.08, 0.08, 0.1), parent="DiningTable|1", pickupable=True)
    cells = [(i, j) for i in range(-10, 18) for j in range(-10, 11)]
    free = frozenset(c for c in cells if not any(under(t, c[0] / 4, c[1] / 4) for t in things))
    accepts = {t.label: frozenset({"Mug"}) for t in things}
    rooms = (Room("kitchen", (-2.6, -2.6, 2.9, 2.6), (0.0, 0.0)), Room("hall", (2.9, -2.6, 4.6, 2.6), (3.75, 0.0)))
    return World("kitchen", {t.id: t for t in [*things, mug]}, Floor(free), Robot(), accepts, rooms)


def under(thing: Thing, x_m: float, y_m: float) -> bool:
    (x, y, _), (wide, deep, _) = thing.position_m, thing.size_m
    return abs(x_m - x) < wide / 2 + 0.15 and abs(y_m - y) < deep / 2 + 0.15


def put_into(world: World, receptacle_id: str) -> None:
    """A resident takes the mug there and shuts every door; the robot is back where it starts."""
    mug, receptacle = world.things["Mug|1"], world.things[receptacle_id]
    world.move(mug, (*receptacle.position_m[:2], receptacle.position_m[2] - 0.3))
    world.robot, mug.parent = Robot(), receptacle.id
    for thing in world.things.values():
        thing.is_open = False


def task(world: World, clock: SimClock, steps: int = 40) -> HouseholdEnvironment:
    return HouseholdEnvironment(world, EmbodiedBody(world), Judge(HOLDING_THE_MUG), Limits(steps=steps), clock)


def play(brain: Brain, home: HouseholdEnvironment, session: str) -> str:
    """Let the brain act until the judge, the limit or the brain itself ends it; the reason."""
    brain.begin(BRING, home, session)
    while not home.done:
        action = brain.step(home.observe())
        if isinstance(action, Hold) and brain.plan.reason:
            break
        home.step(action)
    brain.step(home.observe())
    brain.end(home.clock.now_ns)
    return home.reason or brain.plan.reason


@pytest.fixture(scope="module")
def grounding() -> Grounding:
    return Grounding.load()


# ---------------------------------------------------------------- the walk, file by file


def test_the_camera_reports_a_detection_in_its_own_frame_without_an_id():
    (mug,) = [d for d in task(kitchen(), SimClock()).observe().detections if d.label == "Mug"]
    assert isinstance(mug, Detection)
    right, down, forward = mug.position_m
    assert (right, down, forward) == pytest.approx((-0.1, -0.041, 2.008), abs=1e-3)
    assert "Mug|1" not in repr(mug)


def test_the_thalamus_moves_it_into_the_map_within_a_centimetre(grounding):
    world = kitchen()
    world.robot.x_m, world.robot.y_m, world.robot.yaw_rad = 0.5, -0.5, 0.3
    brain = Brain(BrainConfig(), None, grounding)
    percepts = brain.thalamus.attend(task(world, SimClock()).observe())
    (mug,) = [p for p in percepts.seen if p.label == "Mug"]
    assert (mug.frame_id, mug.map_id, percepts.rejected) == ("map", "kitchen", ())
    assert math.dist(mug.position_m, world.things["Mug|1"].position_m) <= 0.01


def test_the_hippocampus_makes_it_an_instance_on_the_table_and_the_store_acknowledges(tmp_path: Path, grounding):
    clock = SimClock()
    with Acknowledged.open(f"sqlite:///{tmp_path}/robot.db", clock=clock) as memory:
        remember_a_look(Brain(BrainConfig(), memory, grounding), kitchen(), clock)
        (mug,) = memory.spatial.instances("kitchen", "Mug")
        (table,) = memory.spatial.instances("kitchen", "DiningTable")
        support = memory.spatial.supporter(mug.id)
        (receipt,) = [r for r in memory.receipts if r.first_sequence <= mug.sequence <= r.last_sequence]
        assert (support.predicate, support.object) == (INSIDE, table.id)
        assert support.evidence == (mug.id,)
        assert mug.sequence < support.sequence <= receipt.last_sequence
        assert mug.recorded_ns == support.recorded_ns == receipt.recorded_ns >= clock.now_ns


def remember_a_look(brain: Brain, world: World, clock: SimClock) -> None:
    """One observation is taken in, and nothing is done."""
    home = task(world, clock)
    brain.begin("", home, "evening")
    action = brain.step(home.observe())
    assert isinstance(action, Hold)
    brain.end(clock.now_ns)


@pytest.fixture
def restarted(tmp_path: Path, grounding) -> Iterator[tuple[Brain, LifelongMemory, HouseholdEnvironment]]:
    """The next morning: another brain over the store of the evening; the robot looks away from the mug."""
    clock, url = SimClock(), f"sqlite:///{tmp_path}/robot.db"
    with LifelongMemory.open(url, clock=clock) as memory:
        remember_a_look(Brain(BrainConfig(), memory, grounding), kitchen(), clock)
    clock.at_least(clock.now_ns + DAY_NS // 2)
    world = kitchen()
    world.robot.yaw_rad = math.pi
    with LifelongMemory.open(url, clock=clock, continue_=True) as memory:
        yield Brain(BrainConfig(), memory, grounding), memory, task(world, clock)


def test_a_restarted_robot_recalls_it_with_age_evidence_and_how_far_to_trust_it(restarted):
    _, memory, home = restarted
    answer = memory.recall(Cue(text=BRING), home.clock.now_ns)
    assert (answer.status, answer.missing) == (Status.FOUND, ())
    mug = next(r for r in answer.recollections if isinstance(r.record, Instance))
    where = next(r for r in answer.recollections if r.record.kind == "relation")
    assert mug.record.label == "Mug"
    assert mug.age_ns == where.age_ns == DAY_NS // 2
    assert mug.epistemic is where.epistemic is Epistemic.OBSERVED
    assert where.evidence == (mug.record.id,)


def test_the_planner_plans_from_memory_alone(restarted):
    brain, memory, home = restarted
    assert "Mug" not in [d.label for d in home.observe().detections]
    brain.begin(BRING, home, "morning")
    brain.step(home.observe())
    (mug,) = memory.spatial.instances("kitchen", "Mug")
    (table,) = memory.spatial.instances("kitchen", "DiningTable")
    assert [str(s) for s in brain.plan.steps] == [f"go_to({mug.id})", f"pick_up({mug.id}, {table.id})"]
    assert mug.id in brain.plan.assumes


def test_the_executor_calls_the_body_and_the_judge_sees_the_mug_in_the_hand(restarted):
    brain, memory, home = restarted
    brain.begin(BRING, home, "morning")
    call = brain.step(home.observe())
    assert isinstance(call, SkillCall)
    assert (call.id, call.skill, call.phrase) == ("morning#1", "go_to", "go to the Mug")
    seen = carry_on(brain, home, call)
    assert seen.outcome.code is OutcomeCode.SUCCEEDED
    call = brain.step(seen)
    assert (call.id, call.phrase) == ("morning#2", "pick up the Mug from the DiningTable")
    assert held(home.world) is None
    seen = carry_on(brain, home, call)
    assert held(home.world).id == "Mug|1"
    assert (home.reason, home.steps, home.invalid_actions) == (SUCCESS, 2, 0)
    brain.step(seen)
    assert brain.end(home.clock.now_ns).succeeded
    assert memory.episodic.similar(BRING, 1)[0].goal == "holding(Mug)"


def carry_on(brain: Brain, home: HouseholdEnvironment, call: SkillCall) -> Observation:
    """Tick the call to its end; the brain goes on with it, whatever comes into view."""
    seen = home.step(call)
    while seen.outcome is None:
        assert brain.step(seen).id == call.id
        seen = home.step(call)
    return seen


# ---------------------------------------------------------------- the next day


def test_a_robot_looks_for_a_mug_fails_remembers_and_does_better_the_next_day(tmp_path: Path, grounding):
    clock, world, url = SimClock(), kitchen(cabinets=6), f"sqlite:///{tmp_path}/robot.db"
    with LifelongMemory.open(url, clock=clock) as memory:
        brain = Brain(BrainConfig(), memory, grounding)
        assert look_for_the_mug(brain, world, "Cabinet|1", "day-1/morning", clock, steps=5) == ("STEP_LIMIT", 5)
        reason, searched = look_for_the_mug(brain, world, "Cabinet|1", "day-1/noon", clock)
        assert reason == SUCCESS
        assert look_for_the_mug(brain, world, "Cabinet|4", "day-1/evening", clock)[0] == SUCCESS
    clock.at_least(clock.now_ns + DAY_NS)
    with LifelongMemory.open(url, clock=clock, continue_=True) as memory:
        brain = Brain(BrainConfig(), memory, grounding)
        reason, remembering = look_for_the_mug(brain, world, "Cabinet|1", "day-2", clock)
    assert reason == SUCCESS
    forgetful = Brain(BrainConfig(memories=()), None, grounding)
    reason, forgetting = look_for_the_mug(forgetful, world, "Cabinet|1", "day-2", clock)
    assert reason == SUCCESS
    assert remembering < min(searched, forgetting)


def look_for_the_mug(
    brain: Brain, world: World, receptacle_id: str, session: str, clock: SimClock, steps: int = 40
) -> tuple[str, int]:
    """Reason and steps of one attempt, with the mug in a shut cabinet."""
    put_into(world, receptacle_id)
    home = task(world, clock, steps)
    return play(brain, home, session), home.steps
