# SPDX-License-Identifier: Apache-2.0
"""Promises of the household's physics, on a kitchen of a few things."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import household as h
from sim.world import Floor, Robot, Thing, World


def kitchen() -> World:
    def box(id_: str, x: float, y: float, z: float, **kind: object) -> Thing:
        return Thing(id_, id_.split("|")[0], (x, y, z), **kind)  # type: ignore[arg-type]

    things = [
        box("CounterTop|1", 1, 0, 0.45, size_m=(0.6, 1.0, 0.9), receptacle=True),
        box("Fridge|1", 1, 2, 0.9, size_m=(0.7, 0.7, 1.8), receptacle=True, openable=True),
        box("Microwave|1", 1, 1, 1.0, size_m=(0.4, 0.4, 0.3), receptacle=True, openable=True, toggleable=True),
        box("SinkBasin|1", 1, -1, 0.8, size_m=(0.5, 0.5, 0.2), receptacle=True),
        box("SinkBasin|2", 1, -3, 0.8, size_m=(0.5, 0.5, 0.2), receptacle=True),
        box("Faucet|1", 1.2, -1, 1.0, toggleable=True),
        box("Apple|1", 1, 0, 0.95, parent="CounterTop|1", pickupable=True, sliceable=True),
        box("Bowl|1", 1, 0.3, 0.95, parent="CounterTop|1", pickupable=True, receptacle=True),
        box("Egg|1", 1, 2, 0.9, parent="Fridge|1", pickupable=True),
        box("Knife|1", 1, -0.3, 0.95, parent="CounterTop|1", pickupable=True),
    ]
    loose = frozenset({"Apple", "AppleSliced", "Bowl", "Egg", "Knife"})
    accepts = dict.fromkeys(("CounterTop", "Fridge", "Microwave", "SinkBasin"), loose)
    accepts["Microwave"] = loose - {"Knife"}
    accepts["Bowl"] = frozenset({"Apple", "AppleSliced", "Bowl"})
    floor = Floor(frozenset((i, j) for i in range(-2, 3) for j in range(-8, 9)))
    return World("kitchen", {t.id: t for t in things}, floor, Robot(), accepts)


def hold(world: World, id_: str) -> Thing:
    thing = world.things[id_]
    world.robot.holding, thing.parent = id_, None
    return thing


def test_a_picked_thing_is_in_the_hand_and_nowhere_else():
    world = kitchen()
    assert h.pick(world, world.things["Apple|1"]) == ""
    assert world.robot.holding == "Apple|1" and world.things["Apple|1"].parent is None


@pytest.mark.parametrize(
    ("id_", "held", "reason"),
    [
        ("Apple|1", "Knife|1", h.HAND_FULL),
        ("CounterTop|1", "", h.NOT_PICKUPABLE),
        ("Egg|1", "", h.HIDDEN),
    ],
)
def test_what_the_hand_refuses(id_, held, reason):
    world = kitchen()
    if held:
        hold(world, held)
    assert h.pick(world, world.things[id_]) == reason


@pytest.mark.parametrize(
    ("held", "receptacle", "reason"),
    [
        ("", "CounterTop|1", h.HAND_EMPTY),
        ("Apple|1", "Knife|1", h.NOT_RECEPTACLE),
        ("Apple|1", "Fridge|1", h.CLOSED),
        ("Knife|1", "Bowl|1", h.NOT_ACCEPTED),
        ("Bowl|1", "Bowl|1", h.INTO_ITSELF),
    ],
)
def test_what_a_receptacle_refuses(held, receptacle, reason):
    world = kitchen()
    if held:
        hold(world, held)
    before = copy.deepcopy(world)
    assert h.put(world, world.things[receptacle]) == reason
    assert world == before


def test_things_put_in_one_place_do_not_coincide():
    world = kitchen()
    for id_ in ("Apple|1", "Knife|1", "Egg|1", "Bowl|1"):
        hold(world, id_)
        assert h.put(world, world.things["SinkBasin|1"]) == ""
    places = {t.position_m[:2] for t in world.contents("SinkBasin|1")}
    assert len(places) == 4


def test_a_carried_bowl_takes_its_apple_along():
    world = kitchen()
    hold(world, "Apple|1")
    h.put(world, world.things["Bowl|1"])
    h.pick(world, world.things["Bowl|1"])
    h.put(world, world.things["SinkBasin|2"])
    assert world.things["Apple|1"].parent == "Bowl|1"
    assert world.things["Apple|1"].position_m[1] == pytest.approx(-3, abs=0.3)


def test_a_dropped_thing_lies_on_free_floor():
    world = kitchen()
    hold(world, "Apple|1")
    assert h.drop(world) == "" and world.robot.holding is None
    x, y, z = world.things["Apple|1"].position_m
    assert world.floor.cell_at(x, y) in world.floor.cells and z < 0.2
    assert h.drop(world) == h.HAND_EMPTY


def test_a_door_opens_once_and_closes_once():
    world = kitchen()
    fridge = world.things["Fridge|1"]
    assert [h.open_(world, fridge), h.open_(world, fridge)] == ["", h.ALREADY_OPEN]
    assert [h.close(world, fridge), h.close(world, fridge)] == ["", h.ALREADY_CLOSED]
    assert h.open_(world, world.things["Apple|1"]) == h.NOT_OPENABLE


def test_closing_the_fridge_cools_all_it_holds_however_deep():
    world = kitchen()
    world.things["Fridge|1"].is_open = True
    world.things["Bowl|1"].parent = "Fridge|1"
    world.things["Apple|1"].parent = "Bowl|1"
    h.close(world, world.things["Fridge|1"])
    assert world.ever == {("cool", "Apple|1"), ("cool", "Bowl|1"), ("cool", "Egg|1")}


def test_a_faucet_cleans_the_nearest_basin_only():
    world = kitchen()
    world.things["Apple|1"].parent, world.things["Knife|1"].parent = "SinkBasin|1", "SinkBasin|2"
    faucet = world.things["Faucet|1"]
    assert [h.turn_on(world, faucet), h.turn_on(world, faucet)] == ["", h.ALREADY_ON]
    assert world.ever == {("clean", "Apple|1")}
    assert [h.turn_off(world, faucet), h.turn_off(world, faucet)] == ["", h.ALREADY_OFF]


def test_a_microwave_heats_when_closed_and_refuses_when_open():
    world = kitchen()
    microwave = world.things["Microwave|1"]
    world.things["Apple|1"].parent = "Microwave|1"
    microwave.is_open = True
    assert h.turn_on(world, microwave) == h.OPEN and not world.ever
    microwave.is_open = False
    assert h.turn_on(world, microwave) == "" and world.ever == {("hot", "Apple|1")}


def test_slices_replace_the_whole_and_inherit_its_place_but_not_its_marks():
    world = kitchen()
    apple = world.things["Apple|1"]
    world.mark(apple, "clean")
    assert h.slice_(world, apple) == h.NO_KNIFE
    hold(world, "Knife|1")
    assert h.slice_(world, apple) == ""
    slices = [t for t in world.things.values() if t.whole_id == "Apple|1"]
    assert "Apple|1" not in world.things
    assert [t.id for t in slices] == [f"Apple|1|AppleSliced_{n}" for n in range(1, h.SLICES + 1)]
    assert all(t.label == "AppleSliced" and t.pickupable and t.parent == "CounterTop|1" and not t.marks for t in slices)
    assert h.slice_(world, slices[0]) == h.NOT_SLICEABLE


def test_what_the_robot_was_brought_to_is_in_reach_unless_shut_in():
    world = kitchen()
    world.robot.x_m, world.robot.facing = -5.0, "Egg|1"
    assert not h.reachable(world, world.things["Egg|1"]) and h.reachable(world, world.things["Fridge|1"])
    world.things["Fridge|1"].is_open = True
    assert h.visible(world, world.things["Egg|1"]) and not h.reachable(world, world.things["Apple|1"])


def test_behind_the_robot_is_in_reach_but_not_in_view():
    world = kitchen()
    apple = world.things["Apple|1"]
    world.robot.face(apple.position_m)
    assert h.visible(world, apple)
    world.robot.yaw_rad += 3.1
    assert h.reachable(world, apple) and not h.visible(world, apple)


_VERBS = {
    "pick": h.pick, "put": h.put, "drop": lambda world, _: h.drop(world), "open": h.open_, "close": h.close,
    "on": h.turn_on, "off": h.turn_off, "slice": h.slice_,
}  # fmt: skip
_CALLS = st.lists(st.tuples(st.sampled_from(list(_VERBS)), st.integers(0, 14)))


@settings(max_examples=150, deadline=None)
@given(_CALLS)
def test_no_sequence_of_calls_loses_or_doubles_a_thing(calls):
    world = kitchen()
    for name, number in calls:
        things = list(world.things.values())
        thing = things[number % len(things)]
        before = copy.deepcopy(world)
        reason = _VERBS[name](world, thing)
        assert not reason or world == before
        assert before.ever <= world.ever
        assert all(t.parent is None or t.parent in world.things for t in world.things.values())
        assert world.robot.holding is None or world.things[world.robot.holding].parent is None
        assert all(t not in list(world.holders(t)) for t in world.things.values())
