# SPDX-License-Identifier: Apache-2.0
"""From a floor plan in Unity's frame to a world in ours."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sim.errors import EpisodeNotLoaded
from sim.thor_scenes import Affordances, Placement, Setup, build_world, from_unity

AFFORDANCES = Affordances(
    accepts={"Fridge": frozenset({"Apple"}), "CounterTop": frozenset({"Apple", "Box"})},
    movable_receptacles=frozenset({"Box"}),
    openable=frozenset({"Fridge", "Drawer", "Box", "Laptop"}),
    sliceable=frozenset({"Apple"}),
    toggleable=frozenset({"DeskLamp"}),
)


def scene(*more: dict[str, Any]) -> dict[str, Any]:
    static = [
        {"id": "Fridge|1", "type": "Fridge", "kind": "receptacle", "pos": [1, 0, 2], "view": [0, 2, 90, 0]},
        {"id": "Drawer|1", "type": "Drawer", "kind": "receptacle", "pos": [0, 0.5, 3], "view": [0, 2, 0, 30]},
        {
            "id": "CounterTop|1", "type": "CounterTop", "kind": "receptacle", "pos": [-2, 0.95, 0],
            "surface": {"x": [-2.2, -1.8], "z": [-0.5, 0.7], "y": 0.9, "n": 9},
        },
        {"id": "DeskLamp|1", "type": "DeskLamp", "kind": "fixture", "pos": [-2, 0.9, 0]},
        *more,
    ]  # fmt: skip
    return {"room": "Kitchen", "grid": 0.25, "reachable": [[0, 0], [0.25, 0], [0, 0.25]], "static": static}


def setup(*placements: Placement, **more: Any) -> Setup:
    return Setup("FloorPlan0", (0.25, 0.9, 0.0), 90.0, 30.0, placements, **more)


APPLE = Placement("Apple|1", "Apple", (-2.0, 0.9, 0.1), "CounterTop|1")
BOX = Placement("Box|1", "Box", (-2.0, 0.9, 0.3), "CounterTop|1")


def test_axes_turn_from_unity_to_ours():
    assert from_unity((1.0, 2.0, 3.0)) == (3.0, -1.0, 2.0)


def test_the_robot_starts_where_and_as_the_episode_says():
    robot = build_world(scene(), setup(), AFFORDANCES).robot
    assert (robot.x_m, robot.y_m) == (0.0, -0.25)
    assert robot.yaw_rad == pytest.approx(-math.pi / 2) and robot.pitch_rad == pytest.approx(math.radians(30))


def test_the_floor_is_the_grid():
    assert build_world(scene(), setup(), AFFORDANCES).floor.cells == {(0, 0), (0, -1), (1, 0)}


def test_things_come_in_canonical_order():
    world = build_world(scene(), setup(BOX, APPLE), AFFORDANCES)
    assert list(world.things) == ["Fridge|1", "Drawer|1", "CounterTop|1", "DeskLamp|1", "Apple|1", "Box|1"]


def test_everything_with_a_door_starts_closed_but_boxes():
    laptop = Placement("Laptop|1", "Laptop", (0, 0, 0), None)
    things = build_world(scene(), setup(BOX, laptop), AFFORDANCES).things
    assert [things[i].is_open for i in ("Fridge|1", "Drawer|1", "Laptop|1", "Box|1")] == [False, False, False, True]


def test_lamps_start_off_unless_the_episode_says_on():
    assert not build_world(scene(), setup(), AFFORDANCES).things["DeskLamp|1"].is_on
    assert build_world(scene(), setup(lamps_on=frozenset({"DeskLamp"})), AFFORDANCES).things["DeskLamp|1"].is_on


def test_a_counter_reaches_from_the_floor_to_where_things_were_seen_to_stand():
    counter = build_world(scene(), setup(), AFFORDANCES).things["CounterTop|1"]
    assert counter.position_m == pytest.approx((0.1, 2.0, 0.45))
    assert counter.size_m == pytest.approx((1.4, 0.6, 0.9))
    assert counter.anchor_m == (0.0, 2.0, 0.95)


def test_a_drawer_lies_behind_its_handle_and_a_fridge_has_a_front():
    things = build_world(scene(), setup(), AFFORDANCES).things
    assert things["Drawer|1"].position_m[0] > 3.0 == things["Drawer|1"].point_m[0]
    assert things["Fridge|1"].front_yaw_rad == pytest.approx(-math.pi / 2)
    assert things["Drawer|1"].front_yaw_rad is None


def test_a_span_over_free_floor_is_no_table_top():
    wide = {
        "id": "CounterTop|2", "type": "CounterTop", "kind": "receptacle", "pos": [-1, 0.95, -1],
        "surface": {"x": [-2, 1], "z": [-2, 1], "y": 0.9, "n": 9},
    }  # fmt: skip
    assert max(build_world(scene(wide), setup(), AFFORDANCES).things["CounterTop|2"].size_m[:2]) < 1.0


@pytest.mark.parametrize("parent", ["Cabinet|9", "DeskLamp|1", "Apple|1"])
def test_a_parent_that_is_no_receptacle_of_the_scene_is_named(parent):
    with pytest.raises(EpisodeNotLoaded, match=parent.replace("|", r"\|")):
        build_world(scene(), setup(Placement("Apple|1", "Apple", (0, 0, 0), parent)), AFFORDANCES)


def test_an_id_that_comes_twice_is_named():
    with pytest.raises(EpisodeNotLoaded, match="Apple"):
        build_world(scene(), setup(APPLE, APPLE), AFFORDANCES)
