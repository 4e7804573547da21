# SPDX-License-Identifier: Apache-2.0
"""Field cases about what is seen: depth, ghosts, twins, names. Through camera, brain and a store that is reopened."""

from __future__ import annotations

import math

import pytest

from memory.records import Detection
from sim.environment import EmbodiedBody


def test_zero_depth_puts_nothing_at_the_camera(life, flats):
    """Row 13: a depth of zero means no depth, not an object on the robot's own path."""

    class NoDepth(EmbodiedBody):
        def sight(self) -> tuple[Detection, ...]:
            return (*super().sight(), *(Detection("Mug", (0.1 * n, 0.0, 0.0)) for n in range(3)))

    world = flats.build(flats.table())
    life.act("bring the mug", life.home(world, body=NoDepth))
    refused = life.brain.thalamus.rejected["at or behind the camera"]
    assert refused > 0
    life.restart()
    kept = life.memory.quarantine.counts["at or behind the camera"]
    assert kept == refused - 3, "every sample once: the thalamus looks at an episode's first one twice"
    assert life.things("Mug") == []
    for x_m, y_m in ((0.0, 0.0), (world.robot.x_m, world.robot.y_m)):
        assert life.memory.spatial.near((x_m, y_m, world.robot.camera_height_m), 0.5, "flat") == []


def test_a_ghost_is_missing_after_a_clear_look_and_is_not_deleted(life, flats):
    """Row 40: removed while the robot was away, looked for in plain view."""
    world = flats.build(flats.table(), flats.mug())
    life.look(world)
    (before,) = life.things("Mug")
    del world.things["Mug|1"]
    life.look(world, times=5)
    assert life.presence("Mug") == "missing"
    (after,) = life.things("Mug")
    assert (after.id, after.position_m) == (before.id, before.position_m)
    assert life.memory.spatial.tally(after.id).misses > 0


def test_a_ghost_is_missing_where_the_rooms_are_not_known_too(life, flats):
    """Row 40: the body was told no floor plan, and names a few areas to look from instead."""
    world = flats.build(flats.table(), flats.mug(), rooms=())
    life.look(world)
    del world.things["Mug|1"]
    life.look(world, times=5)
    assert life.presence("Mug") == "missing"


def test_a_hidden_thing_stays(life, flats):
    """Row 40: removed, but somebody has put a cupboard in between; five looks prove nothing."""
    world = flats.build(flats.table(), flats.mug())
    life.look(world)
    seen_ns = life.memory.spatial.tally(life.things("Mug")[0].id).last_seen_ns
    del world.things["Mug|1"]
    cupboard = flats.desk()
    cupboard.id, cupboard.label, cupboard.size_m = "Dresser|1", "Dresser", (0.4, 1.8, 2.0)
    cupboard.position_m = (1.2, 0.0, 1.0)
    world.things[cupboard.id] = cupboard
    life.look(world, times=5)
    (mug,) = life.things("Mug")
    assert life.presence("Mug") == ""
    assert life.memory.spatial.tally(mug.id).last_seen_ns == seen_ns


@pytest.mark.parametrize("dead", [{"healthy": False, "detections": ()}, {"map_from_base": None, "detections": ()}])
def test_a_dead_camera_and_a_lost_robot_prove_nothing(life, flats, dead):
    """Row 40: removed, but five samples come from a camera that delivers nothing, or from a robot that is lost."""
    world = flats.build(flats.table(), flats.mug())
    life.look(world)
    del world.things["Mug|1"]
    life.look(world, times=5, **dead)
    assert life.presence("Mug") == ""


def test_two_mugs_in_one_image_are_two_and_a_move_keeps_both_places(life, flats):
    """Row 41: a pair, then one of them two metres away, over a restart."""
    world = flats.build(flats.table(), flats.desk(), flats.mug(), flats.mug("Mug|2", 0.3))
    life.look(world)
    pair = {m.id: m.position_m for m in life.things("Mug")}
    assert len(pair) == 2
    before_ns = life.clock.now_ns
    life.restart()
    moved = world.things["Mug|2"]
    world.move(moved, (-2.1, 0.3, 0.75))
    moved.parent = "Desk|1"
    life.look(world, 0.0, math.pi)
    now = {m.id: m.position_m for m in life.things("Mug")}
    assert now.keys() == pair.keys()
    assert sorted(now.values()) == [pytest.approx((-2.1, 0.3, 0.75)), pytest.approx((2.1, 0.0, 0.75))]
    for mug_id, place_m in pair.items():
        assert life.memory.spatial.where_was(mug_id, before_ns - 1).position_m == place_m


def test_one_more_mug_is_a_third(life, flats):
    """Row 41: nothing disappeared, so what appears is new."""
    world = flats.build(flats.table(), flats.mug(), flats.mug("Mug|2", 0.3))
    life.look(world)
    pair = {m.id for m in life.things("Mug")}
    life.restart()
    third = flats.mug("Mug|3", -0.4)
    world.things[third.id] = third
    life.look(world)
    assert len({m.id for m in life.things("Mug")} - pair) == 1
    assert pair < {m.id for m in life.things("Mug")}


def test_names_are_the_same_whichever_is_met_first(life, flats):
    """Row 55: lamp A then B on the first day, B then A on the second, a restart in between."""
    world = flats.build(flats.table(), flats.desk(), flats.lamp("DeskLamp|1", 0.0), flats.lamp("DeskLamp|2", 0.0))
    other = world.things["DeskLamp|2"]
    other.position_m, other.parent = (-2.2, 0.0, 0.9), "Desk|1"
    life.look(world, 0.0, math.pi)
    first_day = {lamp.position_m: (lamp.id, lamp.alias) for lamp in life.things("DeskLamp")}
    assert sorted(alias for _, alias in first_day.values()) == ["DeskLamp 1", "DeskLamp 2"]
    life.restart()
    life.look(world, math.pi, 0.0)
    assert {lamp.position_m: (lamp.id, lamp.alias) for lamp in life.things("DeskLamp")} == first_day
