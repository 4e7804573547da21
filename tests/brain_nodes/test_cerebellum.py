# SPDX-License-Identifier: Apache-2.0
"""One call at a time, each with an id and an end of its own."""

from __future__ import annotations

import pytest

from brain_nodes.cerebellum.executor import Cerebellum
from brain_nodes.config import CerebellumConfig
from brain_nodes.errors import UnknownSkill
from memory.records import Hold, Outcome, OutcomeCode, Parameter, Skill, SkillCall, Step, Target
from tests.brain_nodes.conftest import HOUSEHOLD, at, observation

GO = Step("go_to", (Target("mug-1", "Mug", (2.0, 0.0, 0.9)),))
OPEN = Step("open", (Target("fridge-1", "Fridge", (2.0, 1.0, 0.9)),))
LISTED = (
    Skill("find", (Parameter("target", names=("Mug", "Mug_2")),), phrase="find a {target}"),
    Skill("pick_up", (Parameter("object", names=("Mug",), by_label=True),), phrase="pick up the {object}"),
)


@pytest.fixture
def cerebellum() -> Cerebellum:
    return begun(HOUSEHOLD)


def begun(skills: tuple[Skill, ...], session: str = "day-1", max_ticks: int = 5) -> Cerebellum:
    cerebellum = Cerebellum(CerebellumConfig(max_ticks=max_ticks))
    cerebellum.begin(session, skills)
    return cerebellum


def call(cerebellum: Cerebellum, step: Step, second: int = 0) -> SkillCall:
    action = cerebellum.execute(step, observation(second=second))
    assert isinstance(action, SkillCall)
    return action


def ended(call_id: str, code: OutcomeCode = OutcomeCode.SUCCEEDED, second: int = 1) -> object:
    return observation(second=second, outcome=Outcome(call_id, code))


def test_a_step_becomes_a_call_with_its_targets(cerebellum):
    started = call(cerebellum, GO)

    assert (started.skill, started.targets) == ("go_to", GO.targets)


def test_call_ids_begin_with_the_session_and_never_repeat(cerebellum):
    ids = [call(cerebellum, step).id for step in (GO, OPEN) * 10]

    assert len(set(ids)) == 20
    assert all(i.startswith("day-1") for i in ids)


def test_another_session_has_other_ids(cerebellum):
    first = call(cerebellum, GO).id
    cerebellum.begin("day-2", HOUSEHOLD)

    assert call(cerebellum, GO).id != first


def test_the_same_step_goes_on_with_the_running_call(cerebellum):
    assert len({call(cerebellum, GO, second).id for second in range(4)}) == 1


def test_another_step_pre_empts_the_running_call(cerebellum):
    first, second = call(cerebellum, GO), call(cerebellum, OPEN, 1)

    assert second.id != first.id
    assert cerebellum.result(ended(first.id)) is None
    assert cerebellum.result(ended(second.id)).step == OPEN


def test_the_outcome_of_the_call_is_the_result_of_its_step(cerebellum):
    running = call(cerebellum, GO)

    result = cerebellum.result(ended(running.id, OutcomeCode.FAILED))

    assert (result.step, result.outcome.code) == (GO, OutcomeCode.FAILED)


@pytest.mark.parametrize("other", ["", "day-1#99", "day-0#1"])
def test_the_outcome_of_another_call_is_not_taken(cerebellum, other):
    call(cerebellum, GO)

    assert cerebellum.result(ended(other)) is None


def test_an_outcome_is_taken_once(cerebellum):
    running = call(cerebellum, GO)
    cerebellum.result(ended(running.id))

    assert cerebellum.result(ended(running.id)) is None


def test_a_step_taken_again_after_its_end_is_another_call(cerebellum):
    first = call(cerebellum, GO)
    cerebellum.result(ended(first.id))

    assert call(cerebellum, GO, 1).id != first.id


def test_without_a_call_there_is_no_result(cerebellum):
    assert cerebellum.result(observation()) is None


def test_a_skill_that_runs_too_long_ends_stuck(cerebellum):
    results = []
    for second in range(6):
        results.append(cerebellum.result(observation(second=second)))
        call(cerebellum, GO, second)

    assert results[:5] == [None] * 5
    assert results[5].step == GO
    assert results[5].outcome.code is OutcomeCode.STUCK


def test_a_skill_that_was_given_up_is_not_ended_by_its_late_outcome(cerebellum):
    given_up = call(cerebellum, GO)
    for second in range(1, 6):
        call(cerebellum, GO, second)
    cerebellum.result(observation(second=6))

    again = call(cerebellum, GO, 6)

    assert again.id != given_up.id
    assert cerebellum.result(ended(given_up.id, second=7)) is None


def test_without_a_step_the_body_holds_with_the_reason(cerebellum):
    assert cerebellum.execute(None, observation(second=3), "GOAL_BELIEVED") == Hold(at(3), "GOAL_BELIEVED")


def test_holding_ends_the_running_call(cerebellum):
    running = call(cerebellum, GO)
    cerebellum.execute(None, observation(second=1), "LOOP")

    assert cerebellum.result(ended(running.id, second=2)) is None


def test_an_unknown_skill_is_named_with_what_there_is():
    with pytest.raises(UnknownSkill, match=r"'levitate'.*find, pick_up"):
        begun(LISTED).execute(Step("levitate"), observation())


@pytest.mark.parametrize(
    ("step", "phrase"),
    [
        (Step("find", (Target("Mug_2", "Mug"),)), "find a Mug_2"),
        (Step("find", (Target("Mug", "Mug"),)), "find a Mug"),
        (Step("find", (Target("mug-1f", "Mug"),)), "find a Mug"),
        (Step("pick_up", (Target("Mug_2", "Mug"),)), "pick up the Mug"),
    ],
)
def test_a_phrase_is_spelled_as_the_body_lists_it(step, phrase):
    assert call(begun(LISTED), step).phrase == phrase


def test_a_phrase_names_every_target(cerebellum):
    put = Step("put_down", (Target("mug-1", "Mug"), Target("sofa-1", "Sofa")))

    assert call(cerebellum, put).phrase == "put the Mug in or on the Sofa"
