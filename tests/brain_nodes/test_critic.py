# SPDX-License-Identifier: Apache-2.0
"""No step is taken that the believed world does not allow, and the critic says why."""

from __future__ import annotations

import pytest

from brain_nodes.prefrontal.critic import Critic
from brain_nodes.prefrontal.scene import Scene
from memory.records import Parameter, Skill, Step, Target, Verdict
from tests.brain_nodes.conftest import HOUSEHOLD, is_, not_, room, scene

THINGS = {
    "Mug": (1.0, 0.0, 0.9), "CounterTop": (1.0, 0.0, 0.45), "Fridge": (2.0, 0.0, 0.9), "Sofa": (3.0, 0.0, 0.3),
    "Sink": (1.0, 1.0, 0.9),
}  # fmt: skip


def judged(believed: Scene, skill: str, *names: str) -> Verdict:
    return Critic().judge(Step(skill, tuple(Target(n) for n in names)), believed, HOUSEHOLD)


def test_a_step_whose_preconditions_hold_is_accepted():
    believed = scene(THINGS, near={"Mug"}, inside={"Mug": "CounterTop"})

    assert judged(believed, "pick_up", "Mug", "CounterTop") == Verdict(True)


@pytest.mark.parametrize(
    ("fields", "step", "violated"),
    [
        ({"inside": {"Mug": "CounterTop"}}, ("pick_up", "Mug", "CounterTop"), is_("near", "Mug")),
        ({"near": {"Mug"}}, ("pick_up", "Mug", "CounterTop"), is_("inside", "Mug", "CounterTop")),
        ({"near": {"Mug"}, "holding": "Sofa"}, ("pick_up", "Mug", "somewhere"), is_("hand_empty")),
        ({"near": {"Mug"}, "inside": {"Mug": "Fridge"}}, ("pick_up", "Mug", "Fridge"), is_("open", "Fridge")),
        ({"near": {"Sofa"}}, ("put_down", "Mug", "Sofa"), is_("holding", "Mug")),
        ({"holding": "Mug"}, ("put_down", "Mug", "Sofa"), is_("near", "Sofa")),
        ({"holding": "Mug", "near": {"Fridge"}}, ("put_down", "Mug", "Fridge"), is_("open", "Fridge")),
        ({"holding": "Mug", "near": {"Sink"}, "full": {"Sink"}}, ("put_down", "Mug", "Sink"), not_("full", "Sink")),
        ({}, ("open", "Fridge"), is_("near", "Fridge")),
        ({"near": {"Fridge"}, "doors": {"Fridge": "open"}}, ("open", "Fridge"), not_("open", "Fridge")),
        ({"near": {"Fridge"}}, ("close", "Fridge"), is_("open", "Fridge")),
    ],
)
def test_a_violated_precondition_is_named(fields, step, violated):
    verdict = judged(scene(THINGS, **fields), *step)

    assert (verdict.accept, verdict.code) == (False, "PRECONDITION")
    assert verdict.violated == (violated,)
    assert str(violated) in verdict.reason


def test_all_violated_preconditions_are_named():
    verdict = judged(scene(THINGS, holding="Sofa"), "pick_up", "Mug", "Fridge")

    assert set(verdict.violated) == {
        is_("near", "Mug"), is_("hand_empty"), is_("inside", "Mug", "Fridge"), is_("open", "Fridge"),
    }  # fmt: skip


def test_an_unknown_skill_is_rejected_by_name():
    verdict = judged(scene(THINGS), "levitate", "Mug")

    assert (verdict.accept, verdict.code) == (False, "UNKNOWN_SKILL")
    assert "levitate" in verdict.reason


@pytest.mark.parametrize("names", [(), ("Mug",), ("Mug", "Sofa", "Sink")])
def test_a_wrong_number_of_targets_is_rejected(names):
    assert judged(scene(THINGS), "put_down", *names).code == "WRONG_ARGUMENTS"


@pytest.mark.parametrize("step", [("open", "Mug"), ("slice", "Mug", "Sofa"), ("turn_on", "Sofa")])
def test_what_the_body_did_not_declare_for_a_skill_is_rejected(step):
    verdict = judged(scene(THINGS, near={"Mug", "Sofa"}), *step)

    assert not verdict.accept
    assert verdict.code == "WRONG_TARGET"


def test_what_is_gone_is_not_gone_to():
    assert judged(scene(THINGS, gone={"Mug"}), "go_to", "Mug").code == "TARGET_GONE"


def test_what_is_in_hand_cannot_be_gone():
    believed = scene(THINGS, gone={"Mug"}, holding="Mug", near={"Sofa"})

    assert judged(believed, "put_down", "Mug", "Sofa").accept


def test_a_room_may_be_gone_to():
    assert judged(scene(THINGS, rooms={"kitchen": room("kitchen", (0.0, 0.0, 0.0))}), "go_to", "kitchen").accept


def test_a_thing_nobody_has_heard_of_is_no_target():
    assert not judged(scene(THINGS), "go_to", "Unicorn").accept


def test_looking_around_needs_nothing():
    assert judged(scene({}), "look_around").accept


def test_the_verdict_follows_the_declaration_and_no_rule_of_its_own():
    touch = Skill("touch", (Parameter("target"),), (is_("warm", "?target"),))

    verdict = Critic().judge(Step("touch", (Target("Mug"),)), scene(THINGS), (touch,))

    assert verdict.violated == (is_("warm", "Mug"),)
