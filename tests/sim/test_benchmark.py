# SPDX-License-Identifier: Apache-2.0
"""Every sentence of EB-ALFRED's feedback, byte for byte, and the rules behind it, on a hand-made flat."""

from __future__ import annotations

import math

import pytest

from sim.benchmark import DONE, BenchmarkSkills
from sim.world import Floor, Robot, Thing, World

BASE = (
    "find a Apple", "find a Book", "find a Cabinet", "find a Fridge", "find a Sink", "pick up the Apple",
    "pick up the Book", "put down the object in hand", "drop the object in hand", "open the Cabinet",
    "close the Cabinet", "open the Fridge", "close the Fridge", "turn on the Microwave", "turn off the Microwave",
    "turn on the Faucet", "turn off the Faucet", "slice the Apple",
)  # fmt: skip
PUT, DROP = "put down the object in hand", "drop the object in hand"
_KINDS = {
    "Fridge": {"receptacle": True, "openable": True, "size_m": (0.7, 0.7, 1.8)},
    "Cabinet": {"receptacle": True, "openable": True, "size_m": (0.5, 0.5, 0.6)},
    "Microwave": {"receptacle": True, "openable": True, "toggleable": True, "size_m": (0.4, 0.4, 0.3)},
    "CounterTop": {"receptacle": True, "size_m": (0.6, 0.9, 0.9)},
    "SinkBasin": {"receptacle": True, "size_m": (0.5, 0.4, 0.2)},
    "Faucet": {"toggleable": True},
    "DeskLamp": {"toggleable": True},
    "Apple": {"pickupable": True, "sliceable": True},
    "Bowl": {"pickupable": True, "receptacle": True},
}


def flat(*places: tuple[str, float, float, str | None]) -> World:
    """Things from (id, x, y, parent) on a floor of 10 m by 4 m; loose things lie at 0.9 m."""
    things = {}
    for id_, x, y, parent in places:
        label = "SinkBasin" if id_.endswith("SinkBasin") else id_.split("|")[0]
        kind = _KINDS.get(label, {"pickupable": True})
        things[id_] = Thing(id_, label, (x, y, 0.9), parent=parent, **kind)  # type: ignore[arg-type]
    goods = frozenset({"Apple", "AppleSliced", "Book", "Bowl", "Egg", "Knife"})
    accepts = dict.fromkeys(("CounterTop", "Cabinet", "Fridge", "Microwave", "SinkBasin", "Bowl"), goods)
    cells = frozenset((i, j) for i in range(-20, 21) for j in range(-8, 9))
    return World("flat", things, Floor(cells), Robot(camera_height_m=1.65), accepts)


def play(world: World, *phrases: str) -> list[str]:
    skills = BenchmarkSkills(world, BASE)
    return [skills.act(p)[1] for p in phrases]


COUNTER = ("CounterTop|1", 3.0, 0.0, None)
APPLE = ("Apple|1", 3.0, 0.1, "CounterTop|1")
BOOK = ("Book|1", 3.0, -0.1, "CounterTop|1")
FRIDGE = ("Fridge|1", -3.0, 0.0, None)
EGG = ("Egg|1", -3.0, 0.0, "Fridge|1")
INVALID = "Last action is invalid. "


def test_success_is_one_fixed_sentence():
    assert play(flat(COUNTER, APPLE), "find a Apple") == ["Last action executed successfully."]


def test_find_of_what_does_not_exist():
    expected = (
        "Last action is invalid. Cannot find Book. This object may not exist in this scene. "
        "Try to explore other instances instead."
    )
    assert play(flat(COUNTER, APPLE), "find a Book") == [expected]


def test_find_without_a_floor_cannot_move():
    world = flat(COUNTER, APPLE)
    world.floor = Floor(frozenset())
    assert play(world, "find a Apple") == [INVALID + "Cannot move to Apple"]


def test_find_stands_on_the_nearest_cell_faces_the_thing_and_tilts_nine_tenths():
    world = flat(("Apple|1", 6.0, 0.0, None))
    play(world, "find a Apple")
    robot = world.robot
    assert (robot.x_m, robot.y_m, robot.yaw_rad) == (5.0, 0.0, 0.0)
    assert robot.pitch_rad == pytest.approx(0.9 * math.atan2(1.65 - 0.9, 1.0))


def test_a_fridge_is_approached_from_its_front():
    world = flat(FRIDGE)
    world.things["Fridge|1"].front_yaw_rad = math.pi / 2  # from the south
    world.floor = Floor(frozenset({(-11, 0), (-12, -4), (-8, 0)}))
    play(world, "find a Fridge")
    assert (world.robot.x_m, world.robot.y_m) == (-3.0, -1.0)


def test_a_thing_found_beyond_reach_can_still_be_picked_up():
    world = flat(("Apple|1", 8.0, 0.0, None))
    assert play(world, "find a Apple", "pick up the Apple") == [DONE, DONE]


def test_pick_up_of_a_class_that_is_not_there():
    expected = INVALID + "Cannot find Book to pick up. Find the object before picking up it"
    assert play(flat(COUNTER, APPLE), "pick up the Book") == [expected]


def test_pick_up_of_what_is_shut_in_names_the_place():
    expected = INVALID + "Egg is not visible because it is in Fridge. Go there to pick the object instead."
    assert play(flat(FRIDGE, EGG), "find a Egg", "pick up the Egg")[1] == expected


def test_the_place_is_named_by_its_number_where_it_has_one():
    world = flat(("Cabinet|1", 3, 0, None), ("Cabinet|2", -3, 0, None), ("Apple|1", -3, 0, "Cabinet|2"))
    expected = INVALID + "Apple is not visible because it is in Cabinet_2. Go there to pick the object instead."
    assert play(world, "pick up the Apple") == [expected]


def test_pick_up_with_a_full_hand():
    said = play(flat(COUNTER, APPLE, BOOK), "find a Apple", "pick up the Apple", "find a Book", "pick up the Book")
    assert said[3] == INVALID + "Robot is currently holding Apple"


def test_pick_up_out_of_reach_gives_the_misleading_sentence():
    assert play(flat(("Apple|1", 5, 0, None)), "pick up the Apple") == [INVALID + "Robot is not holding any object"]


def test_pick_up_takes_the_nearest_instance_in_view():
    world = flat(COUNTER, ("Apple|1", 3.0, 1.5, "CounterTop|1"), ("Apple|2", 3.0, 0.1, "CounterTop|1"))
    play(world, "find a CounterTop", "pick up the Apple")
    assert world.robot.holding == "Apple|2"


def test_pick_up_after_find_takes_the_instance_found_even_beside_a_closer_one():
    world = flat(("Apple|1", 5.4, 0.0, None), ("Apple|2", 5.9, 0.0, None))
    play(world, "find a Apple_2", "pick up the Apple")
    assert world.robot.holding == "Apple|2"


def test_put_down_with_an_empty_hand():
    assert play(flat(COUNTER), "find a CounterTop", PUT)[1] == INVALID + "Robot is not holding any object"


PUT_FAILED = (
    "Last action is invalid. Putting the object on Fridge failed. First check whether the receptacle is open or not. "
    "Also try other instances of the receptacle"
)


def test_put_down_on_what_is_closed():
    assert (
        play(flat(COUNTER, APPLE, FRIDGE), "find a Apple", "pick up the Apple", "find a Fridge", PUT)[3] == PUT_FAILED
    )


def test_find_then_open_then_put_down_works():
    world = flat(COUNTER, APPLE, FRIDGE)
    said = play(world, "find a Apple", "pick up the Apple", "find a Fridge", "open the Fridge", PUT)
    assert said == [DONE] * 5 and world.things["Apple|1"].parent == "Fridge|1"


@pytest.mark.parametrize("between", ["close the Fridge", "turn off the Faucet", "slice the Apple", "sing"])
def test_any_other_skill_forgets_the_receptacle_and_put_down_becomes_a_drop(between):
    world = flat(COUNTER, APPLE, FRIDGE)
    said = play(world, "find a Apple", "pick up the Apple", "find a CounterTop", between, PUT)
    assert said[4] == DONE
    assert world.robot.holding is None and world.things["Apple|1"].parent is None


def test_put_down_tries_another_instance_of_the_type():
    world = flat(COUNTER, APPLE, ("Cabinet|1", -3, 0, None), ("Cabinet|2", -3, 1, None))
    world.things["Cabinet|2"].is_open = True
    said = play(world, "find a Apple", "pick up the Apple", "find a Cabinet", PUT)
    assert said[3] == DONE and world.things["Apple|1"].parent == "Cabinet|2"


def test_a_failure_at_the_third_try_on_a_receptacle_drops_the_object():
    world = flat(COUNTER, APPLE, FRIDGE)
    said = play(world, "find a Apple", "pick up the Apple", *["find a Fridge", PUT] * 3)
    assert said[5] == PUT_FAILED
    assert said[7] == PUT_FAILED + ". The robot dropped the object instead."
    assert world.robot.holding is None and world.things["Apple|1"].parent is None


def test_successes_count_as_tries_too_and_the_counter_outlives_an_episode():
    counts: dict[str, int] = {"Fridge": 2}
    skills = BenchmarkSkills(flat(COUNTER, APPLE, FRIDGE), BASE, counts)
    for phrase in ("find a Apple", "pick up the Apple", "find a Fridge"):
        skills.act(phrase)
    assert skills.act(PUT)[1].endswith(". The robot dropped the object instead.")
    assert counts == {"Fridge": 3}


def test_put_down_in_the_sink_goes_into_its_basin():
    world = flat(COUNTER, APPLE, ("Sink|1|SinkBasin", 0, 3, None))
    assert play(world, "find a Apple", "pick up the Apple", "find a Sink", PUT) == [DONE] * 4
    assert world.things["Apple|1"].parent == "Sink|1|SinkBasin"


def test_drop_frees_the_hand_and_counts_as_no_placement():
    world = flat(COUNTER, APPLE)
    assert play(world, "find a Apple", "pick up the Apple", DROP) == [DONE] * 3
    assert world.things["Apple|1"].parent is None
    assert play(world, DROP) == [INVALID + "Robot is not holding any object"]


def test_open_sentences():
    world = flat(COUNTER, FRIDGE)
    said = play(
        world, "open the Cabinet", "open the Fridge", "find a Fridge", "open the Fridge", "open the Fridge",
        "open the CounterTop",
    )  # fmt: skip
    assert said == [
        INVALID + "Cannot find Cabinet to open. Find the object before opening it",
        INVALID + "Open action failed.",
        DONE,
        DONE,
        INVALID + "Open action failed. The Fridge is already open",
        INVALID + "Open action failed.",
    ]


def test_close_sentences():
    world = flat(COUNTER, FRIDGE)
    said = play(
        world, "close the Cabinet", "find a Fridge", "close the Fridge", "open the Fridge", "find a CounterTop",
        "close the Fridge", "find a Fridge", "close the Fridge",
    )  # fmt: skip
    assert said == [
        INVALID + "Cannot find Cabinet to close",
        DONE,
        INVALID + "Close action failed. The Fridge is already closed",
        DONE,
        DONE,
        INVALID + "Close action failed",
        DONE,
        DONE,
    ]


def test_open_takes_an_instance_name_and_answers_with_the_class():
    world = flat(("Cabinet|1", 3, 0, None), ("Cabinet|2", -3, 0, None))
    said = play(world, "find a Cabinet_2", "open the Cabinet_2", "open the Cabinet_2", "find a Cabinet")
    assert said[:3] == [DONE, DONE, INVALID + "Open action failed. The Cabinet is already open"]
    assert world.things["Cabinet|2"].is_open and world.robot.facing == "Cabinet|1"


def test_closing_the_fridge_cools_its_content():
    world = flat(FRIDGE, EGG)
    play(world, "find a Fridge", "open the Fridge", "close the Fridge")
    assert world.ever == {("cool", "Egg|1")}


def test_switch_sentences():
    world = flat(COUNTER, ("DeskLamp|1", 3, 0, "CounterTop|1"))
    said = play(
        world, "turn on the Faucet", "turn off the Faucet", "turn on the DeskLamp", "find a DeskLamp",
        "turn off the DeskLamp", "turn on the DeskLamp", "turn on the DeskLamp", "turn off the DeskLamp",
    )  # fmt: skip
    assert said == [
        INVALID + "Cannot find Faucet to turn on",
        INVALID + "Cannot find Faucet to turn off",
        INVALID + "Turn on action failed",
        DONE,
        INVALID + "Turn off action failed",
        DONE,
        INVALID + "Turn on action failed",
        DONE,
    ]


def test_a_microwave_must_be_closed_to_heat():
    world = flat(("Microwave|1", 3, 0, None), ("Egg|1", 3, 0, "Microwave|1"))
    said = play(
        world, "find a Microwave", "open the Microwave", "turn on the Microwave", "close the Microwave",
        "turn on the Microwave",
    )  # fmt: skip
    assert said == [DONE, DONE, INVALID + "Turn on action failed", DONE, DONE]
    assert world.ever == {("hot", "Egg|1")}


SINK = ("Sink|1|SinkBasin", 3.0, 0.0, None)


def test_a_faucet_cleans_what_is_in_the_basin_in_view():
    world = flat(SINK, ("Faucet|1", 3.2, 0.0, None), ("Apple|1", 3.0, 0.0, "Sink|1|SinkBasin"))
    assert play(world, "find a Sink", "turn on the Faucet") == [DONE, DONE]
    assert world.ever == {("clean", "Apple|1")}


def test_a_faucet_without_a_basin_in_view_is_reported_as_failed():
    world = flat(("Faucet|1", 3.2, 0.0, None), ("Sink|1|SinkBasin", -3.0, 0.0, None))
    assert play(world, "find a Faucet", "turn on the Faucet") == [DONE, INVALID + "Turn on action failed"]


def test_slice_sentences():
    world = flat(COUNTER, APPLE, BOOK, ("Knife|1", 3, 0.2, "CounterTop|1"))
    said = play(
        world, "slice the Tomato", "find a Apple", "slice the Apple", "pick up the Knife", "slice the Book",
        "slice the Apple",
    )  # fmt: skip
    assert said == [
        INVALID + "Cannot find Tomato to slice",
        DONE,
        INVALID + "Slice action failed",
        DONE,
        INVALID + "Slice action failed",
        DONE,
    ]


def test_after_slicing_the_name_of_the_whole_means_its_slices():
    world = flat(COUNTER, APPLE, ("Apple|2", -3, 0, None), ("Knife|1", 3, 0.2, "CounterTop|1"))
    said = play(
        world, "find a Knife", "pick up the Knife", "find a Apple", "slice the Apple", "find a CounterTop", PUT,
        "find a Apple", "pick up the Apple",
    )  # fmt: skip
    assert said == [DONE] * 8
    assert world.things[world.robot.holding or ""].whole_id == "Apple|1"


@pytest.mark.parametrize("phrase", ["dance", "", "find", "pick up Apple", "turn the Faucet", "look around"])
def test_anything_else_is_not_supported(phrase):
    assert play(flat(COUNTER, APPLE), phrase) == [INVALID + "instruction not supported"]


def test_the_list_grows_by_the_further_instances_in_the_benchmark_s_order():
    world = flat(
        ("Cabinet|1", 3, 0, None), ("Cabinet|2", 3, 1, None), ("CounterTop|1", 0, 3, None),
        ("CounterTop|2", 1, 3, None), ("Egg|1", 0, 3, None), ("Egg|2", 0, 3, None),
        ("Apple|1", 0, 3, "CounterTop|1"), ("Apple|2", 0, 3, "CounterTop|1"), ("Apple|3", 0, 3, "CounterTop|1"),
        ("Bowl|1", 0, 3, "CounterTop|1"), ("Bowl|2", 0, 3, "CounterTop|1"),
    )  # fmt: skip
    assert BenchmarkSkills(world, BASE).phrases == (
        *BASE, "find a Bowl_2", "find a Cabinet_2", "find a CounterTop_2", "open the Cabinet_2", "close the Cabinet_2",
        "find a Apple_2", "find a Apple_3",
    )  # fmt: skip


def test_a_name_alone_is_the_first_instance_and_a_number_too_high_is_not_found():
    world = flat(("Apple|1", -3, 0, None), ("Apple|2", 3, 0, None))
    play(world, "find a Apple")
    assert world.robot.facing == "Apple|1"
    assert play(world, "find a Apple_9")[0].startswith(INVALID + "Cannot find Apple_9. This object")


def test_declared_skills_say_what_the_list_says_and_nothing_else():
    full = BenchmarkSkills(flat(COUNTER, APPLE, BOOK, FRIDGE, EGG), BASE)
    bare = BenchmarkSkills(flat(COUNTER), BASE)
    assert full.phrases == bare.phrases and full.skills() == bare.skills()
    skills = {s.name: s for s in full.skills()}
    assert skills["find"].parameters[0].names == ("Apple", "Book", "Cabinet", "Fridge", "Sink")
    assert skills["turn_on"].parameters[0].names == ("Faucet",)
    assert skills["turn_on_microwave"].parameters[0].names == ("Microwave",)


def test_every_declared_phrase_with_its_names_is_in_the_list():
    skills = BenchmarkSkills(flat(COUNTER, FRIDGE), BASE)
    for skill in skills.skills():
        listed = next((p for p in skill.parameters if "{" + p.name + "}" in skill.phrase), None)
        spelled = [skill.phrase.replace("{" + listed.name + "}", n) for n in listed.names] if listed else [skill.phrase]
        assert set(spelled) <= set(skills.phrases)
        free = {a for e in skill.effects for a in e.literal.arguments if a.startswith("?")}
        bound = {"?" + p.name for p in skill.parameters} | {
            a for e in skill.effects for w in e.when for a in w.arguments
        }
        assert free <= bound | {"?other"}
