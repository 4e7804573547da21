# SPDX-License-Identifier: Apache-2.0
"""From an instruction to the next step, and to an end, whatever planner and critic say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from brain_nodes.config import PrefrontalConfig
from brain_nodes.prefrontal.exploration import SEARCH
from brain_nodes.prefrontal.planner import Planner
from brain_nodes.prefrontal.prefrontal import Prefrontal
from brain_nodes.prefrontal.scene import Scene
from brain_nodes.prefrontal.symbolic_planner import SymbolicPlanner
from memory.records import Goal, Outcome, OutcomeCode, Percepts, Plan, Skill, Step, Target, Verdict
from tests.brain_nodes.conftest import (
    HOUSEHOLD,
    MUG_TO_SOFA,
    START_NS,
    FakeGrounding,
    FakePlanner,
    FakeRecall,
    goal,
    instance,
    is_,
    percepts,
    relation,
)

MUG = instance("mug-1", "Mug", (2.0, 0.3, 0.95))
SOFA = instance("sofa-1", "Sofa", (4.0, 0.0, 0.3))
COUNTER = instance("counter-1", "CounterTop", (2.0, 0.0, 0.45))
ON_COUNTER = relation("mug-1", "inside", "counter-1")
CUP_TO_SOFA = goal("place", is_("inside", "object", "receptacle"), object="Cup", receptacle="Sofa")
CODES = {"GOAL_BELIEVED", "NO_PLAN", "NOT_FOUND", "NOT_UNDERSTOOD", "BUDGET_SPENT", "LOOP"}


def cortex(*goals: Goal, planner: Planner | None = None, **limits: int) -> Prefrontal:
    return Prefrontal(PrefrontalConfig(**limits), planner or SymbolicPlanner(), FakeGrounding(*goals))


def begun(prefrontal: Prefrontal) -> Plan:
    return prefrontal.begin("put the mug on the sofa", HOUSEHOLD, START_NS)


def home() -> FakeRecall:
    return FakeRecall(MUG, SOFA, COUNTER, ON_COUNTER)


def after(step: Step, code: OutcomeCode = OutcomeCode.SUCCEEDED, reason: str = "", second: int = 1) -> Percepts:
    return percepts(second=second, outcome=Outcome("call", code, reason))


def played(prefrontal: Prefrontal, recall: FakeRecall, code: OutcomeCode, reviews: int) -> tuple[Plan, list[str]]:
    """Reviews in which every step ends with the same code and the believed world never changes."""
    plan, taken = begun(prefrontal), []
    sample = percepts()
    for second in range(1, reviews + 1):
        plan = prefrontal.review(plan, sample, recall)
        if plan.current is None:
            return plan, taken
        taken.append(str(plan.current))
        sample = after(plan.current, code, "slipped", second)
    raise AssertionError(f"no end after {reviews} reviews: {taken}")


class RejectsAll:
    """A critic that finds a fault with everything."""

    def judge(self, step: Step, scene: Scene, skills: Sequence[Skill]) -> Verdict:
        return Verdict(False, "PRECONDITION", "I do not like it")


class AcceptsAll:
    """A critic that never looks."""

    def judge(self, step: Step, scene: Scene, skills: Sequence[Skill]) -> Verdict:
        return Verdict(True)


# ---------------------------------------------------------------- the way to a goal


def test_the_first_review_makes_the_first_plan():
    prefrontal = cortex(MUG_TO_SOFA)

    plan = prefrontal.review(begun(prefrontal), percepts(), home())

    assert plan.current is not None
    assert plan.current.skill == "go_to"
    assert prefrontal.planner_calls == 1


def test_an_instruction_that_is_not_understood_ends_the_episode():
    prefrontal = cortex()

    plan = prefrontal.review(begun(prefrontal), percepts(), home())

    assert (plan.current, plan.reason) == (None, "NOT_UNDERSTOOD")


def test_a_goal_that_is_already_true_takes_no_step():
    prefrontal = cortex(MUG_TO_SOFA)

    plan = prefrontal.review(
        begun(prefrontal), percepts(), FakeRecall(MUG, SOFA, relation("mug-1", "inside", "sofa-1"))
    )

    assert (plan.current, plan.reason) == (None, "GOAL_BELIEVED")


def test_an_end_is_final():
    prefrontal = cortex(MUG_TO_SOFA)
    there = FakeRecall(MUG, SOFA, relation("mug-1", "inside", "sofa-1"))
    ended = prefrontal.review(begun(prefrontal), percepts(), there)

    assert prefrontal.review(ended, percepts(second=1), home()) == ended
    assert prefrontal.planner_calls == 1


def test_a_success_leads_to_the_next_step_of_the_same_plan():
    prefrontal, recall = cortex(MUG_TO_SOFA), home()
    first = prefrontal.review(begun(prefrontal), percepts(), recall)
    recall.records.append(relation("robot", "near", "mug-1"))

    second = prefrontal.review(first, after(first.current), recall)

    assert (second.index, second.current.skill) == (1, "pick_up")
    assert prefrontal.planner_calls == 1


def test_a_success_whose_effect_is_not_believed_is_no_progress():
    prefrontal, recall = cortex(MUG_TO_SOFA), home()
    first = prefrontal.review(begun(prefrontal), percepts(), recall)

    second = prefrontal.review(first, after(first.current), recall)

    assert str(second.current) == str(first.current)


def test_nothing_is_decided_while_a_call_is_running():
    prefrontal, recall = cortex(MUG_TO_SOFA), home()
    plan = prefrontal.review(begun(prefrontal), percepts(), recall)

    for second in range(1, 20):
        assert prefrontal.review(plan, percepts(second=second, running_call="call"), recall) == plan
    assert prefrontal.planner_calls == 1


def test_a_failure_leads_to_another_plan():
    prefrontal, recall = cortex(MUG_TO_SOFA), home()
    first = prefrontal.review(begun(prefrontal), percepts(), recall)

    prefrontal.review(first, after(first.current, OutcomeCode.FAILED, "blocked"), recall)

    assert prefrontal.planner_calls == 2


def test_a_target_is_aimed_at_where_it_is_now():
    prefrontal, recall = cortex(MUG_TO_SOFA), home()
    first = prefrontal.review(begun(prefrontal), percepts(), recall)
    moved = instance("sofa-1", "Sofa", (4.0, 1.0, 0.3))
    recall.records = [MUG, moved, COUNTER, relation("mug-1", "held_by", "robot")]

    plan = Plan(first.goal, first.steps, index=2)
    (aimed,) = prefrontal.review(plan, percepts(second=1), recall).current.targets

    assert aimed == Target("sofa-1", "Sofa", (4.0, 1.0, 0.3))


def test_a_search_ends_as_soon_as_the_thing_is_seen():
    prefrontal, recall = cortex(CUP_TO_SOFA), home()
    search = prefrontal.review(begun(prefrontal), percepts(), recall)
    recall.records.append(instance("cup-1", "Cup", (3.0, 0.0, 0.9)))

    found = prefrontal.review(search, percepts(second=1, running_call="call"), recall)

    assert search.current.purpose == "search for Cup"
    assert "cup-1" in {n for step in found.steps for n in step.arguments}


def test_a_step_the_critic_rejects_is_not_taken():
    floating = Plan(MUG_TO_SOFA, (Step("pick_up", (Target("mug-1"), Target("sofa-1"))),), planner="fake")
    prefrontal = cortex(MUG_TO_SOFA, planner=FakePlanner(floating))

    plan = prefrontal.review(begun(prefrontal), percepts(), home())

    assert plan.current is None
    assert not prefrontal.verdict.accept


def test_the_planner_is_told_what_not_to_try_again():
    planner = FakePlanner(Plan(MUG_TO_SOFA, (Step("go_to", (Target("mug-1"),)),)))
    prefrontal = cortex(MUG_TO_SOFA, planner=planner)

    played(prefrontal, home(), OutcomeCode.FAILED, reviews=100)

    assert ("go_to", ("mug-1",)) in planner.asked[-1].banned


def test_a_new_episode_begins_with_new_budgets():
    prefrontal = cortex(MUG_TO_SOFA, max_replans=3)
    played(prefrontal, home(), OutcomeCode.FAILED, reviews=100)

    plan = prefrontal.review(begun(prefrontal), percepts(), home())

    assert plan.current is not None
    assert prefrontal.planner_calls == 1


# ---------------------------------------------------------------- every loop ends


def test_a_critic_that_rejects_everything_ends_with_a_reason():
    prefrontal = cortex(MUG_TO_SOFA, max_replans=10)
    prefrontal.critic = RejectsAll()

    plan = prefrontal.review(begun(prefrontal), percepts(), home())

    assert plan.current is None
    assert plan.reason in CODES - {"GOAL_BELIEVED"}
    assert prefrontal.planner_calls <= 10


@pytest.mark.parametrize("code", [OutcomeCode.SUCCEEDED, OutcomeCode.FAILED, OutcomeCode.STUCK, OutcomeCode.REFUSED])
def test_a_planner_that_repeats_itself_ends_with_a_reason(code):
    same = FakePlanner(Plan(MUG_TO_SOFA, (Step("go_to", (Target("mug-1"),)),), planner="fake"))
    prefrontal = cortex(MUG_TO_SOFA, planner=same, max_replans=10)

    plan, taken = played(prefrontal, home(), code, reviews=60)

    assert plan.reason in CODES - {"GOAL_BELIEVED"}
    assert prefrontal.planner_calls <= 10
    assert len(taken) <= 10


def test_the_same_step_in_the_same_believed_state_is_taken_only_so_often():
    same = FakePlanner(Plan(MUG_TO_SOFA, (Step("go_to", (Target("mug-1"),)),), planner="fake"))
    prefrontal = cortex(MUG_TO_SOFA, planner=same, max_repeats=2)

    _, taken = played(prefrontal, home(), OutcomeCode.SUCCEEDED, reviews=100)

    assert taken == ["go_to(mug-1)"] * 2


@pytest.mark.parametrize(
    "nonsense",
    [
        Step("levitate", (Target("mug-1"),)),
        Step("done"),
        Step("", ()),
        Step("pick_up", ()),
        Step("go_to", (Target("unicorn-1"),)),
        Step("go_to", (Target(""),)),
    ],
    ids=str,
)
def test_a_planner_that_talks_nonsense_ends_with_a_reason_and_moves_nothing(nonsense):
    prefrontal = cortex(MUG_TO_SOFA, planner=FakePlanner(Plan(MUG_TO_SOFA, (nonsense,), planner="fake")))

    plan, taken = played(prefrontal, home(), OutcomeCode.REFUSED, reviews=60)

    assert taken == []
    assert plan.reason in CODES - {"GOAL_BELIEVED"}


def test_a_planner_without_steps_and_without_a_reason_ends_with_a_reason():
    prefrontal = cortex(MUG_TO_SOFA, planner=FakePlanner(Plan(MUG_TO_SOFA, planner="fake")), max_replans=10)
    plan = begun(prefrontal)

    for second in range(12):
        plan = prefrontal.review(plan, percepts(second=second), home())

    assert plan.reason in CODES - {"GOAL_BELIEVED"}
    assert prefrontal.planner_calls <= 10


@pytest.mark.parametrize("code", list(OutcomeCode))
@pytest.mark.parametrize("blind", [False, True], ids=["critic", "no critic"])
def test_a_world_that_never_changes_ends_with_a_reason(code, blind):
    prefrontal = cortex(MUG_TO_SOFA, CUP_TO_SOFA)
    if blind:
        prefrontal.critic = AcceptsAll()

    plan, _ = played(prefrontal, home(), code, reviews=300)

    assert plan.reason in CODES - {"GOAL_BELIEVED"}
    assert prefrontal.planner_calls <= PrefrontalConfig().max_replans


def test_success_is_what_the_scene_shows_and_not_what_the_planner_says():
    boast = Plan(MUG_TO_SOFA, reason="GOAL_BELIEVED", planner="fake")
    prefrontal = cortex(MUG_TO_SOFA, planner=FakePlanner(boast))

    plan, _ = played(prefrontal, home(), OutcomeCode.SUCCEEDED, reviews=60)

    assert plan.reason != "GOAL_BELIEVED"


def test_a_search_that_finds_nothing_rested_on_nothing():
    search = Step("go_to", (Target("sofa-1", "Sofa"),), f"{SEARCH}Cup")
    prefrontal = cortex(CUP_TO_SOFA, planner=FakePlanner(Plan(CUP_TO_SOFA, (search, search), assumes=("lesson-1",))))
    known = home()
    plan = prefrontal.review(begun(prefrontal), percepts(), known)

    plan = prefrontal.review(plan, after(search), known)
    before = prefrontal.rested_on
    known.records.append(instance("cup-1", "Cup", (3.5, 0.0, 0.65)))
    prefrontal.review(plan, after(search, second=2), known)

    assert (before, prefrontal.rested_on) == ((), ("lesson-1",))


def test_each_step_that_succeeds_rests_on_what_its_plan_assumed():
    prefrontal = cortex(MUG_TO_SOFA)
    plan = prefrontal.review(begun(prefrontal), percepts(), home())
    assert prefrontal.rested_on == ()

    prefrontal.review(plan, after(plan.current), home())

    assert prefrontal.rested_on == plan.assumes
    assert {"mug-1", "sofa-1", ON_COUNTER.id} <= set(plan.assumes)
