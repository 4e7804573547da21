# SPDX-License-Identifier: Apache-2.0
"""A body that walks, looks and reaches: what it does, what it refuses, and that its declaration is true."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

import pytest

from brain_nodes.cerebellum.body import Running
from memory.records import Observation, Outcome, OutcomeCode, SkillCall, Target
from sim.embodied import EmbodiedSkills
from sim.home_oracle import oracle_calls
from sim.home_tasks import suite
from sim.homes import begin_episode, dock, live, make_home
from sim.reach import REACH_M, STAND_M, components, gap_m, in_reach
from sim.scoring import Judge
from sim.view import visible
from sim.world import Thing, World

OBSERVATION = Observation(sequence=0, stamp_ns=1)


@pytest.fixture
def world() -> World:
    return make_home(7)


@pytest.fixture
def body(world: World) -> EmbodiedSkills:
    return EmbodiedSkills(world)


def at(thing: Thing) -> Target:
    return Target(thing.label, thing.label, thing.position_m)


def do(body: EmbodiedSkills, skill: str, *targets: Target) -> tuple[Outcome, int]:
    """Run a skill to its end: its outcome, and the ticks it took."""
    run = body.start(SkillCall("call", skill, targets))
    for tick in range(1, 1000):
        ended = run.tick(OBSERVATION)
        if not isinstance(ended, Running):
            assert isinstance(ended, Outcome)
            return ended, tick
    raise AssertionError("the skill never ended")


def done(body: EmbodiedSkills, skill: str, *targets: Target) -> bool:
    return do(body, skill, *targets)[0].succeeded


def lying(world: World, label: str) -> Thing:
    """One that lies open."""
    return next(t for t in world.things.values() if t.label == label and world.closed_container(t) is None)


def test_going_to_furniture_ends_within_reach_facing_it(world: World, body: EmbodiedSkills):
    for thing in [t for t in world.things.values() if not t.pickupable]:
        assert done(body, "go_to", at(thing))
        assert gap_m(world.robot.x_m, world.robot.y_m, thing.position_m, thing.size_m) <= STAND_M
        assert visible(world, thing, body.camera)


def test_a_walk_advances_a_metre_per_tick_and_looks_where_it_goes(world: World, body: EmbodiedSkills):
    far = max(body.places(), key=lambda p: math.dist(p.position_m[:2], (world.robot.x_m, world.robot.y_m)))
    run = body.start(SkillCall("walk", "go_to", (Target(far.id),)))
    x_m, y_m = world.robot.x_m, world.robot.y_m
    while isinstance(run.tick(OBSERVATION), Running):
        moved = math.hypot(world.robot.x_m - x_m, world.robot.y_m - y_m)
        assert 0 < moved <= 1.0 + 1e-9
        before, here = body.walk[-2:]
        assert world.robot.yaw_rad == pytest.approx(math.atan2(here[1] - before[1], here[0] - before[0]))
        x_m, y_m = world.robot.x_m, world.robot.y_m
    assert body.distance_m == pytest.approx(0.25 * (len(body.walk) - 1))
    assert (world.robot.x_m, world.robot.y_m) == pytest.approx(far.position_m[:2])


def test_a_cancelled_walk_leaves_the_robot_where_it_is(world: World, body: EmbodiedSkills):
    run = body.start(SkillCall("walk", "go_to", (Target("x", "room", body.places()[0].position_m),)))
    run.tick(OBSERVATION)
    there = (world.robot.x_m, world.robot.y_m)
    assert run.cancel(0.0).code is OutcomeCode.PREEMPTED
    assert (world.robot.x_m, world.robot.y_m) == there


def test_walking_ends_at_a_reachable_pose_for_ten_thousand_targets():
    world = make_home(3)
    body, chance = EmbodiedSkills(world), random.Random(0)
    part = components(world.floor.cells)
    home = part[body.here()]
    labels = sorted({t.label for t in world.things.values()})
    width, depth = (max(r.bounds_m[axis] for r in world.rooms) for axis in (2, 3))
    for _ in range(10_000):
        position = (chance.uniform(-1, width + 1), chance.uniform(-1, depth + 1), chance.uniform(0, 2))
        outcome, _ = do(body, "go_to", Target("x", chance.choice(labels), position))
        cell = world.floor.cell_at(world.robot.x_m, world.robot.y_m)
        assert part[cell] == home and world.floor.centre(cell) == (world.robot.x_m, world.robot.y_m)
        assert outcome.succeeded or "no free floor within 1.1 m" in outcome.reason


def test_looking_around_takes_four_quarter_turns_and_comes_back(world: World, body: EmbodiedSkills):
    yaw = world.robot.yaw_rad
    outcome, ticks = do(body, "look_around")
    assert (outcome.succeeded, ticks) == (True, 4)
    assert math.remainder(world.robot.yaw_rad - yaw, 2 * math.pi) == pytest.approx(0.0)


def test_an_unknown_skill_and_a_missing_target_are_refused_with_a_reason(body: EmbodiedSkills):
    for skill, targets in (
        ("fly", ()), ("go_to", ()), ("open", (Target("Fridge", "Fridge"),)), ("put_down", (Target("Mug", "Mug"),)),
    ):  # fmt: skip
        outcome, ticks = do(body, skill, *targets)
        assert (outcome.code, ticks) == (OutcomeCode.REFUSED, 1)
        assert outcome.reason


def test_what_is_out_of_reach_is_not_touched_and_the_reason_says_where_it_was_looked_for(
    world: World, body: EmbodiedSkills
):
    fridge = world.things["Fridge|1"]
    while in_reach(world, fridge):
        do(body, "go_to", Target("x", "room", body.places()[0].position_m))
    outcome, _ = do(body, "open", at(fridge))
    assert outcome.code is OutcomeCode.FAILED
    assert outcome.reason.startswith("no Fridge in reach within 0.6 m of (")
    assert not fridge.is_open


def test_a_thing_that_is_not_where_it_was_said_to_be_is_not_taken_for_it(world: World, body: EmbodiedSkills):
    paper = lying(world, "Newspaper")
    do(body, "go_to", at(paper))
    x, y, z = paper.position_m
    beside = Target(paper.label, paper.label, (x + 0.5, y + 0.5, z))
    assert do(body, "pick_up", beside, Target("somewhere"))[0].code is OutcomeCode.FAILED


def test_a_shut_cabinet_must_be_opened_before_its_content_is_taken(world: World, body: EmbodiedSkills):
    hidden = next(t for t in world.things.values() if t.pickupable and world.closed_container(t) is not None)
    holder = world.things[hidden.parent or ""]
    do(body, "go_to", at(holder))
    assert not done(body, "pick_up", at(hidden), at(holder))
    assert done(body, "open", at(holder)) and done(body, "pick_up", at(hidden), at(holder))
    assert world.robot.holding == hidden.id
    assert "already open" in do(body, "open", at(holder))[0].reason


def test_a_full_receptacle_takes_nothing_more(world: World, body: EmbodiedSkills):
    burner, pan, kettle = (world.things[i] for i in ("StoveBurner|1", "Pan|1", "Kettle|1"))
    world.move(kettle, (*burner.position_m[:2], burner.position_m[2] + 0.12))
    kettle.parent, pan.parent, world.robot.holding = burner.id, None, pan.id
    do(body, "go_to", at(burner))
    assert do(body, "put_down", at(pan), at(burner))[0].reason == "The StoveBurner is full"
    assert world.robot.holding == pan.id


def test_the_hand_must_hold_what_the_call_says(world: World, body: EmbodiedSkills):
    book = lying(world, "Book")
    do(body, "go_to", at(book))
    assert done(body, "pick_up", at(book), Target("somewhere"))
    table = world.things["CounterTop|1"]
    do(body, "go_to", at(table))
    outcome, _ = do(body, "put_down", Target("Mug", "Mug", table.position_m), at(table))
    assert outcome.reason == "the hand holds Book, not Mug"
    assert done(body, "put_down", at(book), at(table))
    assert book.parent == table.id and book.room == "kitchen"


def test_a_slice_answers_to_the_name_of_the_whole(world: World, body: EmbodiedSkills):
    bread, knife = world.things["Bread|1"], world.things["Knife|1"]
    world.robot.holding, knife.parent = knife.id, None
    holder = world.things[bread.parent or ""]
    holder.is_open = holder.openable
    do(body, "go_to", at(bread))
    assert done(body, "slice", at(bread), at(knife))
    assert done(body, "drop", at(knife))
    assert done(body, "pick_up", at(bread), Target("somewhere"))
    assert world.things[world.robot.holding or ""].label == "BreadSliced"


def test_going_to_a_receptacle_brings_all_its_contents_into_reach_and_the_other_way_round():
    for seed in range(6):
        world = make_home(seed)
        body = EmbodiedSkills(world)
        for receptacle in [world.things[i] for i in world.spots]:
            do(body, "go_to", at(receptacle))
            receptacle.is_open = receptacle.openable
            for content in list(world.contents(receptacle.id)):
                do(body, "go_to", at(receptacle))
                body.face(content.position_m)
                assert body.find(at(content)) is content
                do(body, "go_to", at(content))
                body.face(receptacle.position_m)
                assert body.find(at(receptacle)) is receptacle


def test_skills_are_declared_over_bound_variables_and_classes_only(world: World, body: EmbodiedSkills):
    names = [s.name for s in body.skills()]
    assert {
        "go_to",
        "look_around",
        "open",
        "close",
        "turn_on",
        "turn_off",
        "pick_up",
        "put_down",
        "slice",
        "drop",
    } <= set(names)
    for skill in body.skills():
        bound = {f"?{p.name}" for p in skill.parameters}
        assert {a for t in skill.preconditions for a in t.arguments if a.startswith("?")} <= bound
        assert not [n for p in skill.parameters for n in p.names if "|" in n or "_" in n]
        assert skill.phrase.format(**{p.name: "x" for p in skill.parameters})


def test_places_are_free_cells_in_named_rooms(world: World, body: EmbodiedSkills):
    assert {p.name for p in body.places()} == {r.name for r in world.rooms}
    for place in body.places():
        assert place.label == "room" and place.map_id == world.map_id
        assert world.floor.cell_at(*place.position_m[:2]) in world.floor.cells
    world.rooms = ()
    assert 2 <= len(EmbodiedSkills(world).places()) <= 4


def test_someone_who_knows_everything_solves_every_task_of_thirty_homes_by_walking_and_reaching():
    longest = 0
    for seed in range(30):
        world, day = make_home(seed), 1
        for task in suite(10, seed):
            if task.day > day:
                day = task.day
                live(world, seed, day)
            begin_episode(world)
            dock(world)
            judge = Judge(task.conditions, visible)
            assert not judge.satisfied(world), task
            steps = play(EmbodiedSkills(world), oracle_calls(world, task.conditions), judge)
            assert judge.satisfied(world), task
            longest = max(longest, steps)
    assert longest <= 40


def play(body: EmbodiedSkills, calls: Iterable[SkillCall], judge: Judge) -> int:
    """Carry calls out until the judge is content; how many that took."""
    for steps, call in enumerate(calls, start=1):
        outcome, _ = do(body, call.skill, *call.targets)
        assert outcome.succeeded, (call, outcome)
        if judge.satisfied(body.world):
            return steps
    return 0


def test_nothing_further_than_the_arm_is_ever_found(world: World, body: EmbodiedSkills):
    for cell in sorted(world.floor.cells)[::17]:
        world.robot.x_m, world.robot.y_m = world.floor.centre(cell)
        for thing in [t for t in world.things.values() if t.pickupable][::5]:
            body.face(thing.position_m)
            found = body.find(at(thing))
            assert found is None or gap_m(*world.floor.centre(cell), found.position_m, found.size_m) <= REACH_M
