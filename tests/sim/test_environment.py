# SPDX-License-Identifier: Apache-2.0
"""One tick at a time, every loop ends, and success is what is true of the world."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import pytest

from brain_nodes.brain import Brain
from brain_nodes.cerebellum.body import RUNNING, Running, SkillRun
from brain_nodes.config import BrainConfig
from brain_nodes.prefrontal.grounding import Grounding
from memory.records import Action, Command, Hold, Observation, Outcome, OutcomeCode, SkillCall, Target
from sim.environment import (
    FIRST_MORNING_NS,
    TICK_NS,
    BenchmarkBody,
    EmbodiedBody,
    HouseholdEnvironment,
    Limits,
    SimClock,
)
from sim.episode import play
from sim.players import BrainPlayer, Player, ScriptedPlayer
from sim.scoring import Judge
from sim.suites import Task
from sim.trace import Trace
from sim.world import Floor, Robot, Thing, World

TASK = Task("tiny/01", "home", "place", 1, "Put the mug on the shelf.")
PHRASES = (
    "find a Mug", "find a Shelf", "find a Table", "pick up the Mug", "put down the object in hand",
    "drop the object in hand",
)  # fmt: skip
LIMITS = Limits()
GOAL = ({"kind": "in_receptacle", "object": "Mug", "receptacle": "Shelf"},)
TABLE_M, SHELF_M, MUG_M = (3.0, 0.0, 0.4), (-3.0, 0.0, 0.6), (3.0, 0.0, 0.86)
MUG, TABLE, SHELF = Target("Mug", "Mug", MUG_M), Target("Table", "Table", TABLE_M), Target("Shelf", "Shelf", SHELF_M)


def tiny_world() -> World:
    """A mug on a table, and a shelf six metres away."""
    things = (
        Thing("Table|1", "Table", TABLE_M, (0.8, 0.8, 0.8), receptacle=True),
        Thing("Shelf|1", "Shelf", SHELF_M, (0.4, 1.0, 0.4), receptacle=True),
        Thing("Mug|1", "Mug", MUG_M, (0.1, 0.1, 0.1), parent="Table|1", pickupable=True),
    )
    free = frozenset(c for c in product(range(-9, 10), range(-6, 7)))
    accepts = {label: frozenset({"Mug"}) for label in ("Table", "Shelf")}
    return World("tiny", {t.id: t for t in things}, Floor(free), Robot(), accepts)


def environment(
    body: Callable[[World], BenchmarkBody | EmbodiedBody], limits: Limits = LIMITS, goal: object = GOAL
) -> HouseholdEnvironment:
    world = tiny_world()
    return HouseholdEnvironment(world, body(world), Judge(goal), limits, SimClock())


def by_phrases(world: World) -> BenchmarkBody:
    return BenchmarkBody(world, PHRASES)


def phrase(number: int, words: str) -> SkillCall:
    return SkillCall(f"call#{number}", "phrase", (), words)


def until_done(tried: HouseholdEnvironment, actions: Iterator[Action], most: int = 1_000) -> int:
    """How many actions it took until the episode ended."""
    for count in range(most):
        if tried.done:
            return count
        tried.step(next(actions))
    raise AssertionError(f"the episode goes on after {most} actions")


def fetched_and_put() -> list[SkillCall]:
    steps = (
        ("go_to", (TABLE,)), ("pick_up", (MUG, TABLE)), ("go_to", (SHELF,)), ("put_down", (MUG, SHELF)),
    )  # fmt: skip
    return [SkillCall(f"call#{n}", skill, targets) for n, (skill, targets) in enumerate(steps)]


def found_and_put() -> list[SkillCall]:
    return [phrase(n, PHRASES[k]) for n, k in enumerate((0, 3, 1, 4))]


# ---------------------------------------------------------------- ticks


@pytest.mark.parametrize("body", [by_phrases, EmbodiedBody])
@pytest.mark.parametrize(
    "action", [Hold(1), Command((0.0,), 1), phrase(1, "find a Mug"), SkillCall("call", "look_around")]
)
def test_one_step_is_one_tick_whatever_the_action(body, action):
    tried = environment(body)
    for number in range(1, 4):
        seen = tried.step(action)
        assert seen.sequence == tried.ticks == number
        assert seen.stamp_ns == tried.clock.now_ns == FIRST_MORNING_NS + number * TICK_NS
        assert len(tried.walked_m) == number + 1


def test_observing_twice_shows_the_same_sample_and_costs_nothing():
    tried = environment(by_phrases)
    assert tried.observe() is tried.observe() and tried.ticks == 0


def test_a_phrase_ends_in_its_tick_and_a_walk_names_its_call_until_it_ends():
    seen = environment(by_phrases).step(phrase(1, "find a Mug"))
    assert seen.outcome == Outcome("call#1", OutcomeCode.SUCCEEDED, "Last action executed successfully.")
    tried, walk = environment(EmbodiedBody), SkillCall("walk", "go_to", (TABLE,))
    seen = tried.step(walk)
    assert (seen.running_call, seen.outcome, tried.steps) == ("walk", None, 0)
    while seen.outcome is None:
        seen = tried.step(walk)
    assert (seen.running_call, seen.outcome.call_id, tried.steps) == ("", "walk", 1)
    assert tried.step(Hold(1)).outcome is None


def test_a_new_call_pre_empts_the_running_one():
    tried = environment(EmbodiedBody)
    tried.step(SkillCall("walk", "go_to", (SHELF,)))
    there = tried.world.robot.x_m
    seen = tried.step(SkillCall("look", "look_around"))
    assert seen.running_call == "look" and tried.world.robot.x_m == there
    while seen.outcome is None:
        seen = tried.step(SkillCall("look", "look_around"))
    assert (seen.outcome.call_id, seen.outcome.code, tried.steps) == ("look", OutcomeCode.SUCCEEDED, 1)


def test_hold_ends_a_walk_at_once_and_says_it_was_pre_empted():
    tried = environment(EmbodiedBody)
    tried.step(SkillCall("walk", "go_to", (SHELF,)))
    there = tried.world.robot.x_m
    seen = tried.step(Hold(1, "stop"))
    assert seen.outcome is not None and (seen.outcome.call_id, seen.outcome.code) == ("walk", OutcomeCode.PREEMPTED)
    assert seen.running_call == "" and tried.step(Hold(1)).outcome is None
    assert tried.world.robot.x_m == there != 0.0


def test_stop_between_ticks_ends_what_is_running():
    tried = environment(EmbodiedBody)
    tried.step(SkillCall("walk", "go_to", (SHELF,)))
    tried.stop()
    seen = tried.observe()
    assert seen.running_call == "" and seen.outcome is not None and seen.outcome.code is OutcomeCode.PREEMPTED


def test_what_the_judge_holds_is_not_in_an_observation():
    told = repr(environment(EmbodiedBody).step(SkillCall("walk", "go_to", (TABLE,))))
    assert "|" not in told and "in_receptacle" not in told


# ---------------------------------------------------------------- ends


def test_so_many_completed_skills_end_an_episode():
    tried = environment(by_phrases, Limits(steps=5))
    assert until_done(tried, (phrase(n, "find a Mug") for n in range(99))) == 5
    assert (tried.reason, tried.steps, tried.invalid_actions) == ("STEP_LIMIT", 5, 0)


def test_so_many_failed_skills_end_an_episode():
    tried = environment(by_phrases, Limits(invalid_actions=4))
    assert until_done(tried, (phrase(n, "pick up the Fridge") for n in range(99))) == 4
    assert (tried.reason, tried.steps, tried.invalid_actions) == ("INVALID_LIMIT", 4, 4)


@pytest.mark.parametrize("action", [Hold(1), Command((0.0,), 1)])
@pytest.mark.parametrize("body", [by_phrases, EmbodiedBody])
def test_so_many_ticks_end_an_episode_in_which_nothing_is_done(body, action):
    tried = environment(body, Limits(ticks=50))
    assert until_done(tried, (action for _ in range(99))) == 50
    assert (tried.reason, tried.steps) == ("STEP_LIMIT", 0)


def test_a_skill_that_never_ends_is_ended_by_the_ticks():
    class Endless(EmbodiedBody):
        def start(self, call: SkillCall) -> SkillRun:
            return Forever(call)

    tried = environment(Endless, Limits(ticks=30))
    assert until_done(tried, (SkillCall("spin", "look_around") for _ in range(99))) == 30
    assert tried.reason == "STEP_LIMIT"


class Forever:
    def __init__(self, call: SkillCall) -> None:
        self.call = call

    def tick(self, observation: Observation) -> Running:
        return RUNNING

    def cancel(self, deadline_s: float) -> Outcome:
        return Outcome(self.call.id, OutcomeCode.PREEMPTED)


@pytest.mark.parametrize("words", ["done", "terminate", "", "[]", "9999", "-1"])
@pytest.mark.parametrize("body", [by_phrases, EmbodiedBody])
def test_an_action_that_does_not_exist_for_ever_ends_at_the_cap_with_its_count(body, words):
    """Field case 29: EmbodiedBench PR#14."""
    tried = environment(body)
    ended = until_done(tried, (SkillCall(f"call#{n}", words, (), words) for n in range(99)))
    assert (ended, tried.reason, tried.invalid_actions) == (10, "INVALID_LIMIT", 10)


@pytest.mark.parametrize("action_id", [9999, -1, "done"])
def test_an_action_that_is_none_is_refused_and_counted_until_the_cap(action_id):
    tried = environment(by_phrases)
    for count in range(1, 11):
        assert not tried.done
        tried.refuse(f"there is no action {action_id}")
        assert tried.invalid_actions == count and (tried.ticks, tried.steps) == (0, 0)
    assert tried.reason == "INVALID_LIMIT" and str(action_id) in tried.feedback


def test_the_first_reason_to_end_stays():
    tried = environment(by_phrases, Limits(steps=1))
    tried.step(phrase(1, "find a Mug"))
    for n in range(20):
        tried.step(phrase(n + 2, "dance"))
    assert tried.reason == "STEP_LIMIT"


# ---------------------------------------------------------------- success is the world's


@pytest.mark.parametrize(
    ("body", "player"),
    [
        (EmbodiedBody, lambda: ScriptedPlayer(fetched_and_put())),
        (by_phrases, lambda: ScriptedPlayer(found_and_put())),
    ],
)
def test_a_mug_that_is_on_the_shelf_is_success(body, player):
    tried = environment(body)
    result = play(TASK, "episode-0001", tried, player(), Trace({}))
    assert (result.success, result.progress, result.reason) == (True, 1.0, "SUCCESS")
    assert tried.world.things["Mug|1"].parent == "Shelf|1"


class Liar(EmbodiedBody):
    """Says that everything worked and does nothing."""

    def start(self, call: SkillCall) -> SkillRun:
        return Lie(call)


class Lie(Forever):
    def tick(self, observation: Observation) -> Outcome:
        return Outcome(self.call.id, OutcomeCode.SUCCEEDED, "done, all tasks achieved")


def scripted() -> Player:
    return ScriptedPlayer(fetched_and_put())


def thinking() -> Player:
    return BrainPlayer(Brain(BrainConfig(memories=()), None, Grounding.load()))


@pytest.mark.parametrize("player", [scripted, thinking])
def test_a_body_that_lies_never_gives_success(player):
    """Field case 28: executed is not achieved."""
    tried = environment(Liar)
    result = play(TASK, "episode-0001", tried, player(), Trace({}))
    assert not result.success and result.progress == 0.0 and result.reason != "SUCCESS"
    assert tried.world.things["Mug|1"].parent == "Table|1"


def test_half_of_a_goal_is_half_and_no_success():
    """Field case 28: the first of two tasks fails silently, the second is done; overall it is one of two."""
    goal = (*GOAL, {"kind": "holding", "object": "Mug"})
    tried = environment(EmbodiedBody, goal=goal)
    result = play(TASK, "episode-0001", tried, ScriptedPlayer(fetched_and_put()[:2]), Trace({}))
    assert (result.success, result.progress, result.reason) == (False, 0.5, "SCRIPT_ENDED")


def test_success_is_noticed_though_the_outcome_says_failed():
    class Modest(BenchmarkBody):
        def act(self, words: str) -> tuple[bool, str]:
            super().act(words)
            return False, "Last action is invalid."

    tried = environment(lambda world: Modest(world, PHRASES))
    result = play(TASK, "episode-0001", tried, ScriptedPlayer(found_and_put()), Trace({}))
    assert (result.success, result.reason, result.invalid_actions) == (True, "SUCCESS", 4)
