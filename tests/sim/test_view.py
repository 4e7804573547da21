# SPDX-License-Identifier: Apache-2.0
"""What a camera sees of a world, and what it must never tell."""

from __future__ import annotations

import math
import time

import pytest

from memory.records import Camera
from sim.homes import make_home
from sim.view import detections, line_of_sight, visible
from sim.world import Floor, Robot, Thing, World

CAMERA = Camera()
WALL = ((1.0, 0.0, 1.3), (0.1, 4.0, 2.6))


def room(*things: Thing, walls: tuple = ()) -> World:
    """The robot at the origin looks along +x, level."""
    cells = frozenset((i, j) for i in range(-12, 13) for j in range(-12, 13))
    robot = Robot(0.0, 0.0, 0.0, pitch_rad=0.0)
    return World("room", {t.id: t for t in things}, Floor(cells), robot, {}, walls=walls)


def mug(x: float = 2.0, y: float = 0.0, z: float = 1.2, **fields) -> Thing:
    return Thing("Mug|1", "Mug", (x, y, z), (0.09, 0.09, 0.1), pickupable=True, **fields)


def cabinet(**fields) -> Thing:
    return Thing("Cabinet|1", "Cabinet", (2.0, 0.0, 1.2), (0.5, 0.4, 0.6), receptacle=True, openable=True, **fields)


def labels(world: World) -> list[str]:
    return [d.label for d in detections(world, CAMERA)]


def test_a_thing_in_a_closed_cabinet_is_never_detected_and_opening_shows_it():
    world = room(cabinet(), mug(parent="Cabinet|1"))
    assert labels(world) == ["Cabinet"]
    world.things["Cabinet|1"].is_open = True
    assert labels(world) == ["Cabinet", "Mug"]


def test_a_closed_container_hides_however_deep_a_thing_lies_in_it():
    bowl = Thing("Bowl|1", "Bowl", (2.0, 0.0, 1.0), parent="Cabinet|1", pickupable=True, receptacle=True)
    assert labels(room(cabinet(), bowl, mug(parent="Bowl|1"))) == ["Cabinet"]


def test_no_pose_in_a_home_ever_shows_what_is_shut_in():
    world = make_home(11)
    shut_in = {t.id for t in world.things.values() if world.closed_container(t) is not None}
    assert shut_in
    for cell in sorted(world.floor.cells)[::7]:
        world.robot.x_m, world.robot.y_m = world.floor.centre(cell)
        for world.robot.yaw_rad in (0.0, math.pi / 2, math.pi, -math.pi / 2):
            assert not any(visible(world, world.things[i], CAMERA) for i in shut_in)


def test_a_wall_hides():
    assert labels(room(mug(), walls=(WALL,))) == []
    assert labels(room(mug(), walls=())) == ["Mug"]


def test_furniture_hides_what_is_behind_it_and_a_board_does_not():
    fridge = Thing("Fridge|1", "Fridge", (1.0, 0.0, 0.9), (0.7, 0.7, 1.8))
    board = Thing("Shelf|1", "Shelf", (1.0, 0.0, 1.3), (0.3, 0.8, 0.03))
    assert labels(room(fridge, mug(x=2.5, z=0.5))) == ["Fridge"]
    assert labels(room(board, mug(x=2.5, z=0.5))) == ["Shelf", "Mug"]


def test_furniture_is_seen_by_a_corner_when_its_centre_is_hidden():
    fridge = Thing("Fridge|1", "Fridge", (1.0, 0.0, 0.9), (0.7, 0.7, 1.8))
    sofa = Thing("Sofa|1", "Sofa", (2.5, 0.0, 0.25), (0.8, 3.0, 0.5))
    assert labels(room(fridge, sofa)) == ["Fridge", "Sofa"]


def test_nothing_behind_the_camera_or_out_of_range_is_seen():
    assert labels(room(mug(x=-2.0))) == []
    assert labels(room(mug(x=4.5))) == []
    assert labels(room(mug(x=1.0, y=1.5))) == []
    bed = Thing("Bed|1", "Bed", (-0.3, 0.0, 0.5), (2.0, 1.4, 0.5))
    assert labels(room(bed)) == []


def test_what_the_hand_holds_is_not_seen_nor_what_lies_in_it():
    bowl = Thing("Bowl|1", "Bowl", (1.0, 0.0, 1.4), pickupable=True, receptacle=True)
    world = room(bowl, mug(x=1.0, z=1.45, parent="Bowl|1"))
    world.robot.holding = "Bowl|1"
    assert labels(world) == []


def test_doors_and_switches_show_their_state_and_other_things_have_none():
    lamp = Thing("DeskLamp|1", "DeskLamp", (2.0, 0.6, 1.2), toggleable=True, is_on=True)
    world = room(cabinet(), lamp, mug(y=-0.8))
    assert [d.states for d in detections(world, CAMERA)] == [("closed",), ("on",), ()]


def test_no_detection_carries_an_id():
    world = make_home(5)
    ids = set(world.things)
    for cell in sorted(world.floor.cells)[::29]:
        world.robot.x_m, world.robot.y_m = world.floor.centre(cell)
        assert not [d for d in detections(world, CAMERA) if ids & {d.label, *d.states} or "|" in repr(d)]


@pytest.mark.parametrize(("yaw_rad", "pitch_rad"), [(0.0, 0.0), (0.7, 0.35), (-2.5, -0.2), (3.1, 0.9)])
def test_positions_in_the_camera_frame_come_back_to_the_map(yaw_rad: float, pitch_rad: float):
    world = room(*(mug(2 * math.cos(a), 2 * math.sin(a), 1.0) for a in (yaw_rad,)))
    world.robot.yaw_rad, world.robot.pitch_rad = yaw_rad, pitch_rad
    (seen,) = detections(world, CAMERA)
    map_from_camera = world.robot.map_from_base @ world.robot.base_from_camera
    assert map_from_camera.transform(seen.position_m) == pytest.approx(world.things["Mug|1"].position_m)
    assert seen.position_m[2] > 0


def test_a_line_of_sight_is_free_or_cut():
    eye = (0.0, 0.0, 1.5)
    assert line_of_sight(room(), eye, (2.0, 0.0, 1.0))
    assert not line_of_sight(room(walls=(WALL,)), eye, (2.0, 0.0, 1.0))


def test_looking_at_a_furnished_home_takes_a_few_milliseconds_at_most():
    world = make_home(2)
    cells = sorted(world.floor.cells)[::20]
    seconds = []
    for cell in cells:
        world.robot.x_m, world.robot.y_m = world.floor.centre(cell)
        started = time.perf_counter()
        detections(world, CAMERA)
        seconds.append(time.perf_counter() - started)
    assert sorted(seconds)[len(seconds) // 2] < 0.005
