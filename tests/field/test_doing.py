# SPDX-License-Identifier: Apache-2.0
"""Field cases about acting: lies, nonsense, twins, and the replay of somebody who knows everything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from brain_nodes.cerebellum.body import SkillRun
from brain_nodes.prefrontal.planner import Problem
from memory.records import Goal, Literal, Observation, Outcome, OutcomeCode, Plan, SkillCall, Step, Target, Variable
from sim.environment import EmbodiedBody
from sim.runner import RunConfig, make_suite, play_run
from sim.scoring import SUCCESS, Condition

DATA = Path(os.environ.get("NEURAXIS_EB_DATA") or Path(__file__).parents[3] / "shared" / "embodiedbench")


class Claimed:
    """A skill that says it is done and has done nothing."""

    def __init__(self, call: SkillCall) -> None:
        self.call = call

    def tick(self, observation: Observation) -> Outcome:
        return Outcome(self.call.id, OutcomeCode.SUCCEEDED)

    def cancel(self, deadline_s: float) -> Outcome:
        return Outcome(self.call.id, OutcomeCode.PREEMPTED)


class LyingHand(EmbodiedBody):
    """Every grasp is claimed, none happens."""

    def start(self, call: SkillCall) -> SkillRun:
        return Claimed(call) if call.skill == "pick_up" else super().start(call)


def test_done_is_not_finished(life, flats):
    """Row 28: the first of two tasks silently fails; it is called failed, and the second is tried and succeeds."""
    world = flats.build(flats.table(), flats.mug(), flats.lamp("DeskLamp|1", 0.5))
    first = life.home(world, Condition("holding", "Mug"), body=LyingHand)
    sent = life.act("bring the mug", first)
    assert any(call.startswith("pick_up") for call in sent)
    assert first.reason != SUCCESS
    assert not life.memory.episodic.similar("bring the mug", 1)[0].succeeded
    second = life.home(world, Condition("toggled_on_and_visible", "DeskLamp"), body=LyingHand)
    life.act("turn on the desk lamp", second)
    assert second.reason == SUCCESS
    assert [e.succeeded for e in life.memory.episodic.similar("turn on the desk lamp", 1)] == [True]


class Nonsense:
    """Proposes the same illegal plan for ever."""

    name = "nonsense"

    def __init__(self, *steps: Step) -> None:
        self.steps = steps

    def plan(self, problem: Problem) -> Plan:
        return Plan(problem.goals[0], self.steps, planner=self.name)


@pytest.mark.parametrize(
    "steps",
    [
        (Step("done"),), (Step("terminate"),), (), (Step("pick_up", (Target("9999"), Target("somewhere"))),),
        (Step("go_to", (Target("-1"),)),), (Step("go_to"),), (Step(""),),
    ],
    ids=["done", "terminate", "nothing", "unknown_id", "negative_id", "no_argument", "no_name"],
)  # fmt: skip
def test_illegal_actions_end_at_the_cap(planned, flats, steps):
    """Row 29: whatever the planner repeats, the episode ends within its budgets and says why."""
    life = planned(Nonsense(*steps))
    home = life.home(flats.build(flats.table(), flats.mug()))
    sent = life.act("bring the mug", home)
    assert life.brain.plan.reason or home.reason
    assert len(sent) <= home.limits.steps
    assert not [call for call in sent if not call.startswith("go_to")]
    assert life.brain.prefrontal.planner_calls <= life.brain.config.prefrontal.max_replans


def test_both_lamps_are_two_lamps(planned, flats):
    """Row 31: "turn on both lamps" names two things, and none is switched twice."""
    variables = (Variable("?one", "DeskLamp"), Variable("?other", "DeskLamp"))
    both = Goal("turn on both lamps", "on", variables, (Literal("on", ("?one",)), Literal("on", ("?other",))))
    life = planned(goal=both)
    world = flats.build(flats.table(), flats.lamp("DeskLamp|1", -0.5), flats.lamp("DeskLamp|2", 0.5))
    sent = life.act("turn on both lamps", life.home(world))
    assert life.brain.plan.reason == "GOAL_BELIEVED"
    switched = [call for call in sent if call.startswith("turn_on")]
    assert len(switched) == len(set(switched)) == 2
    assert all(lamp.is_on for lamp in world.things.values() if lamp.toggleable)


@pytest.mark.parametrize("mode", ["benchmark", "embodied"])
@pytest.mark.parametrize("suite", ["home", "eb-alfred"])
def test_expert_replay_scores_a_hundred_percent_on_every_episode_there_is(tmp_path, suite, mode):
    """Row 107: a replay that fails is a fault of the world or of the judge, and no model is to be blamed for it."""
    if suite == "eb-alfred" and not DATA.is_dir():
        pytest.skip(f"no EmbodiedBench data in {DATA} (NEURAXIS_EB_DATA)")
    config = RunConfig(suite=suite, mode=mode, planner="oracle", data=str(DATA) if suite == "eb-alfred" else "")
    played = play_run(config, make_suite(config), tmp_path / "run", lambda *_: None)
    assert [(r.id, r.reason) for r in played.results if not r.success] == []
    assert {r.progress for r in played.results} == {1.0}
