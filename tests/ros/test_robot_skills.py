# SPDX-License-Identifier: Apache-2.0
"""What a robot declares is what the simulated body declares, and claims no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from brain_nodes.ros.robot_skills import CLOSE_GRIPPER, FORWARDED, GO_TO, OPEN_GRIPPER, move_arm, of_classes
from memory.records import Effect, Literal, Skill
from sim.environment import SimClock
from sim.runner import RunConfig, make_suite

OF_KITCHENS_ONLY = {"close", "turn_on"}  # a simulated fridge cools and a faucet washes; of a robot's that is not known


@pytest.fixture(scope="module")
def simulated() -> dict[str, Skill]:
    """The skills of the simulated body, for any class of things."""
    suite = make_suite(RunConfig(mode="embodied", seed=7, episodes=1))
    body: Any = suite.open(suite.tasks()[0], SimClock())
    return {s.name: replace(s, parameters=tuple(replace(p, names=()) for p in s.parameters)) for s in body.skills()}


@pytest.mark.parametrize("name", ["go_to", *sorted(set(FORWARDED) - OF_KITCHENS_ONLY)])
def test_a_skill_is_declared_as_the_simulated_body_declares_it(simulated: dict[str, Skill], name: str) -> None:
    assert {**FORWARDED, "go_to": GO_TO}[name] == simulated[name]


@pytest.mark.parametrize("name", sorted(OF_KITCHENS_ONLY))
def test_a_skill_claims_no_more_than_the_motion_brings_about(simulated: dict[str, Skill], name: str) -> None:
    ours, theirs = FORWARDED[name], simulated[name]

    assert (ours.parameters, ours.preconditions) == (theirs.parameters, theirs.preconditions)
    assert ours.effects == tuple(e for e in theirs.effects if not e.when)


def test_closing_a_gripper_claims_nothing_and_opening_it_lets_go() -> None:
    assert not CLOSE_GRIPPER.effects
    assert Effect(Literal("hand_empty")) in OPEN_GRIPPER.effects
    assert Effect(Literal("holding", ("?object",), negated=True)) in OPEN_GRIPPER.effects


def test_classes_bound_what_a_skill_takes() -> None:
    labels = {"pickupable": ("Mug",), "receptacle": ("Table",)}

    assert [p.names for p in of_classes(FORWARDED["pick_up"], labels).parameters] == [("Mug",), ("Table",)]
    assert [p.names for p in of_classes(FORWARDED["put_down"], {}).parameters] == [(), ()]
    assert move_arm(["home"]).parameters[0].names == ("home",)
