# SPDX-License-Identifier: Apache-2.0
"""Which things a goal is about: different variables are different things, and gone things are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain_nodes.prefrontal.binding import bindings, ground, holds, satisfied, unbound_labels
from tests.brain_nodes.conftest import goal, is_, not_, scene

TWO_LAMPS = goal("on", is_("on", "first"), is_("on", "second"), first="DeskLamp", second="DeskLamp")
MUG_TO_SOFA = goal("place", is_("inside", "object", "receptacle"), object="Mug", receptacle="Sofa")
TWO_MUGS = {"Mug_1": (1.0, 0.0, 0.9), "Mug_2": (6.0, 0.0, 0.9), "Sofa": (3.0, 0.0, 0.3)}


def test_two_lamps_are_two_instances():
    believed = scene({"DeskLamp_245": (1.0, 0.0, 1.0), "DeskLamp_1001": (2.0, 0.0, 1.0)})

    assert bindings(TWO_LAMPS, believed)
    assert all(b["first"] != b["second"] for b in bindings(TWO_LAMPS, believed))


def test_one_lamp_is_not_two():
    believed = scene({"DeskLamp": (1.0, 0.0, 1.0)})

    assert bindings(TWO_LAMPS, believed) == []
    assert unbound_labels(TWO_LAMPS, believed) == ["DeskLamp"]


def test_what_is_gone_is_never_bound():
    believed = scene(TWO_MUGS, gone={"Mug_1"})

    assert {b["object"] for b in bindings(MUG_TO_SOFA, believed)} == {"Mug_2"}


def test_with_all_gone_the_class_is_what_is_lacking():
    believed = scene(TWO_MUGS, gone={"Mug_1", "Mug_2"})

    assert bindings(MUG_TO_SOFA, believed) == []
    assert unbound_labels(MUG_TO_SOFA, believed) == ["Mug"]


def test_the_nearer_of_two_comes_first():
    assert bindings(MUG_TO_SOFA, scene(TWO_MUGS))[0]["object"] == "Mug_1"


def test_what_is_in_hand_comes_before_what_is_near():
    assert bindings(MUG_TO_SOFA, scene(TWO_MUGS, holding="Mug_2"))[0]["object"] == "Mug_2"


def test_what_already_serves_comes_before_what_is_near():
    assert bindings(MUG_TO_SOFA, scene(TWO_MUGS, inside={"Mug_2": "Sofa"}))[0]["object"] == "Mug_2"


def test_what_lies_open_comes_before_what_is_shut_away():
    things = {"Mug_1": (2.0, 0.0, 0.9), "Mug_2": (2.0, 0.5, 0.9), "Cabinet": (2.0, 0.0, 0.9), "Sofa": (3.0, 0.0, 0.3)}

    assert bindings(MUG_TO_SOFA, scene(things, inside={"Mug_1": "Cabinet"}))[0]["object"] == "Mug_2"


def test_slices_answer_to_the_name_of_the_whole():
    believed = scene({"AppleSliced": (1.0, 0.0, 0.9)})
    sliced = goal("slice", is_("sliced", "object"), object="Apple")

    assert satisfied(sliced, bindings(sliced, believed)[0], believed)


@pytest.mark.parametrize(
    ("literal", "fields", "true"),
    [
        (is_("inside", "Mug", "Sofa"), {"inside": {"Mug": "Sofa"}}, True),
        (is_("inside", "Mug", "Sofa"), {}, False),
        (is_("inside", "Mug", "Sofa"), {"inside": {"Mug": "Sofa"}, "holding": "Mug"}, False),
        (is_("holding", "Mug"), {"holding": "Mug"}, True),
        (is_("holding", "Mug"), {}, False),
        (is_("on", "DeskLamp"), {"power": {"DeskLamp": "on"}}, True),
        (is_("on", "DeskLamp"), {}, False),
        (is_("open", "Fridge"), {"doors": {"Fridge": "open"}}, True),
        (is_("open", "Fridge"), {}, False),
        (is_("clean", "Mug"), {"marks": {"Mug": {"clean"}}}, True),
        (is_("clean", "Mug"), {"marks": {"Mug": {"hot"}}}, False),
    ],
)
def test_a_literal_holds_where_the_scene_says_so(literal, fields, true):
    believed = scene(dict.fromkeys(("Mug", "Sofa", "DeskLamp", "Fridge"), (1.0, 0.0, 0.9)), **fields)

    assert holds(literal, {}, believed) is true


def test_a_negated_goal_holds_where_the_literal_does_not():
    dark = goal("off", not_("on", "lamp"), lamp="DeskLamp")
    lamp = {"DeskLamp": (1.0, 0.0, 1.0)}

    assert satisfied(dark, {"lamp": "DeskLamp"}, scene(lamp))
    assert not satisfied(dark, {"lamp": "DeskLamp"}, scene(lamp, power={"DeskLamp": "on"}))


def test_a_goal_is_grounded_in_the_things_it_is_bound_to():
    assert ground(MUG_TO_SOFA, {"object": "Mug_2", "receptacle": "Sofa"}) == {("inside", "Mug_2", "Sofa")}


@given(
    st.dictionaries(
        st.builds("{}_{}".format, st.sampled_from(["Mug", "Cup", "Sofa"]), st.integers(1, 9)),
        st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.just(0.5)), max_size=12,
    ),
    st.sets(st.builds("{}_{}".format, st.sampled_from(["Mug", "Cup", "Sofa"]), st.integers(1, 9)), max_size=5),
)  # fmt: skip
def test_bindings_are_complete_distinct_of_the_class_and_there(things, gone):
    wanted = {"a": "Mug", "b": "Mug", "c": "Sofa"}
    believed = scene(things, gone=gone)

    for binding in bindings(goal("place_two", is_("inside", "a", "c"), is_("inside", "b", "c"), **wanted), believed):
        assert {v: believed.label_of(n) for v, n in binding.items()} == wanted
        assert len(set(binding.values())) == 3
        assert not gone.intersection(binding.values())
