# SPDX-License-Identifier: Apache-2.0
"""What a body declares is all that a planner knows of acting."""

from __future__ import annotations

import pytest

from brain_nodes.prefrontal.domain import GroundEffect, Operator, State, labels_needed, operators, state_of
from brain_nodes.prefrontal.scene import SOMEWHERE, Scene
from memory.records import Effect, Parameter, Skill
from tests.brain_nodes.conftest import HOUSEHOLD, is_, not_, scene

KITCHEN = {
    "Fridge": (2.0, 2.0, 0.9), "Cabinet": (2.0, -2.0, 0.9), "Sink_1": (4.0, 0.0, 0.9), "Faucet_1": (4.0, 0.1, 1.1),
    "Sink_2": (-4.0, 0.0, 0.9), "Faucet_2": (-4.0, 0.1, 1.1), "Apple": (2.0, 0.0, 0.9), "Mug": (2.0, 0.2, 0.9),
    "CounterTop": (2.0, 0.0, 0.45),
}  # fmt: skip


def operator(believed: Scene, skill: str, *arguments: str) -> Operator:
    found = [
        o
        for o in operators(HOUSEHOLD, believed, tuple(believed.things))
        if (o.skill, o.arguments) == (skill, arguments)
    ]
    assert len(found) == 1, f"{len(found)} operators {skill}{arguments}"
    return found[0]


def state(believed: Scene, *more: tuple[str, ...]) -> State:
    return state_of(believed, believed.things) | set(more)


@pytest.fixture
def kitchen() -> Scene:
    basins = {"Faucet_1": "Sink_1", "Faucet_2": "Sink_2", "Apple": "CounterTop", "Mug": "CounterTop"}
    return scene(KITCHEN, inside=basins)


def test_a_body_without_skills_has_no_operators(kitchen):
    assert operators((), kitchen, tuple(kitchen.things)) == ()


def test_operators_come_from_what_the_body_declares_and_from_nowhere_else(kitchen):
    juggle = Skill("juggle", (Parameter("object", names=("Apple", "Mug")),), (), (Effect(is_("amused", "?object")),))

    found = operators((juggle,), kitchen, tuple(kitchen.things))

    assert [(o.skill, o.arguments) for o in found] == [("juggle", ("Apple",)), ("juggle", ("Mug",))]
    assert found[0].apply(frozenset()) == {("amused", "Apple")}


def test_a_banned_step_is_no_operator(kitchen):
    found = operators(HOUSEHOLD, kitchen, tuple(kitchen.things), banned=[("open", ("Fridge",))])

    assert ("open", ("Fridge",)) not in {(o.skill, o.arguments) for o in found}
    assert ("open", ("Cabinet",)) in {(o.skill, o.arguments) for o in found}


def test_nothing_is_put_into_itself(kitchen):
    assert all(len(set(o.arguments)) == len(o.arguments) for o in operators(HOUSEHOLD, kitchen, tuple(kitchen.things)))


def test_only_what_opens_is_opened(kitchen):
    opened = {o.arguments[0] for o in operators(HOUSEHOLD, kitchen, tuple(kitchen.things)) if o.skill == "open"}

    assert opened == {"Fridge", "Cabinet"}


def test_an_operator_needs_all_of_its_preconditions_and_none_of_the_forbidden():
    pull = Operator("pull", (), frozenset({("near",), ("free",)}), frozenset({("stuck",)}), ())

    assert pull.applicable(frozenset({("near",), ("free",), ("other",)}))
    assert not pull.applicable(frozenset({("near",)}))
    assert not pull.applicable(frozenset({("near",), ("free",), ("stuck",)}))


def test_what_an_operator_takes_away_goes_before_what_it_brings():
    turn = Operator("turn", (), frozenset(), frozenset(), (GroundEffect(("a",), True), GroundEffect(("a",), False)))

    assert turn.apply(frozenset({("b",)})) == {("a",), ("b",)}


def test_conditions_of_effects_are_asked_of_the_state_before():
    chain = (GroundEffect(("b",), True, frozenset({("a",)})), GroundEffect(("c",), True, frozenset({("b",)})))
    operator = Operator("push", (), frozenset(), frozenset(), chain)

    assert operator.apply(frozenset({("a",)})) == {("a",), ("b",)}


def test_an_unless_keeps_an_effect_from_happening():
    operator = Operator("push", (), frozenset(), frozenset(), (GroundEffect(("b",), True, unless=frozenset({("a",)})),))

    assert ("b",) not in operator.apply(frozenset({("a",)}))
    assert ("b",) in operator.apply(frozenset())


def test_going_somewhere_leaves_everywhere_else(kitchen):
    after = operator(kitchen, "go_to", "Fridge").apply(state(kitchen, ("near", "Cabinet"), ("near", "Sink_1")))

    assert {a for a in after if a[0] == "near"} == {("near", "Fridge")}


def test_going_to_a_counter_is_going_to_what_is_on_it(kitchen):
    after = operator(kitchen, "go_to", "CounterTop").apply(state(kitchen))

    assert {("near", "CounterTop"), ("near", "Apple"), ("near", "Mug")} <= after


def test_a_fridge_cools_what_is_in_it_when_it_closes(kitchen):
    before = state(kitchen, ("near", "Fridge"), ("open", "Fridge"), ("inside", "Apple", "Fridge"))

    after = operator(kitchen, "close", "Fridge").apply(before)

    assert ("cool", "Apple") in after
    assert ("cool", "Mug") not in after


def test_a_cabinet_cools_nothing(kitchen):
    before = state(kitchen, ("near", "Cabinet"), ("open", "Cabinet"), ("inside", "Apple", "Cabinet"))

    assert ("cool", "Apple") not in operator(kitchen, "close", "Cabinet").apply(before)


@pytest.mark.parametrize(("faucet", "cleaned"), [("Faucet_1", True), ("Faucet_2", False)])
def test_a_faucet_cleans_only_what_is_in_its_own_basin(kitchen, faucet, cleaned):
    after = operator(kitchen, "turn_on", faucet).apply(state(kitchen, ("inside", "Mug", "Sink_1")))

    assert (("clean", "Mug") in after) is cleaned


def test_what_is_in_hand_is_in_nothing(kitchen):
    after = operator(kitchen, "pick_up", "Mug", "CounterTop").apply(state(kitchen, ("near", "Mug")))

    assert ("holding", "Mug") in after
    assert ("hand_empty",) not in after
    assert not [a for a in after if a[:2] == ("inside", "Mug")]


def test_what_is_nowhere_known_is_somewhere_which_is_open():
    believed = scene({"Mug": (1.0, 0.0, 0.9)})

    assert {("inside", "Mug", SOMEWHERE), ("open", SOMEWHERE), ("hand_empty",)} <= state_of(believed, ["Mug"])


def test_a_full_receptacle_takes_nothing_more(kitchen):
    before = state(kitchen, ("holding", "Mug"), ("near", "Sink_1"))
    put = operator(kitchen, "put_down", "Mug", "Sink_1")

    assert put.applicable(before)
    assert not put.applicable(before | {("full", "Sink_1")})


def test_taking_something_out_of_a_full_receptacle_makes_room(kitchen):
    before = state(kitchen, ("near", "Mug"), ("full", "CounterTop"))

    assert ("full", "CounterTop") not in operator(kitchen, "pick_up", "Mug", "CounterTop").apply(before)


def test_what_cleaning_takes_is_read_off_the_declarations():
    needed = labels_needed(["clean"], HOUSEHOLD)

    assert frozenset({"Faucet"}) in needed
    assert any("Sink" in labels for labels in needed)


@pytest.mark.parametrize(("mark", "tool"), [("hot", "Microwave"), ("cool", "Fridge"), ("sliced", "Knife")])
def test_what_a_mark_takes_is_read_off_the_declarations(mark, tool):
    assert any(tool in labels for labels in labels_needed([mark], HOUSEHOLD))


def test_another_body_needs_other_tools():
    lick = Skill(
        "lick", (Parameter("object"), Parameter("tool", names=("Cat",))), (), (Effect(is_("clean", "?object")),)
    )

    assert labels_needed(["clean"], (lick,)) == (frozenset({"Cat"}),)


def test_what_no_skill_brings_about_needs_nothing():
    assert labels_needed(["clean"], (Skill("soil", effects=(Effect(not_("clean", "?x")),)),)) == ()
