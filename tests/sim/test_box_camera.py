# SPDX-License-Identifier: Apache-2.0
"""What the box camera pictures: depths that are true, boxes that hide, nothing that is shut in."""

from __future__ import annotations

import math
import subprocess
import sys
import time

import numpy as np
import pytest

from memory.geometry import in_box
from memory.records import Camera
from sim.box_camera import intrinsics, picture
from sim.homes import make_home
from sim.world import Floor, Robot, Thing, World

CAMERA = Camera()
WALL = ((3.0, 0.0, 1.3), (0.2, 8.0, 2.6))


def room(*things: Thing, walls: tuple = (), **robot) -> World:
    """The robot at the origin looks along +x, level."""
    facing = Robot(**{"pitch_rad": 0.0, **robot})
    return World("room", {t.id: t for t in things}, Floor(frozenset({(0, 0)})), facing, {}, walls=walls)


def mug(x: float = 2.0, y: float = 0.0, z: float = 1.5, **fields) -> Thing:
    return Thing("Mug|1", "Mug", (x, y, z), (0.2, 0.2, 0.2), pickupable=True, **fields)


def cabinet(**fields) -> Thing:
    return Thing("Cabinet|1", "Cabinet", (2.0, 0.0, 1.5), (0.5, 0.6, 0.6), receptacle=True, openable=True, **fields)


def centre(world: World, camera: Camera = CAMERA) -> tuple[tuple[int, ...], float]:
    rgb, depth = picture(world, camera, 65, 65)
    return tuple(rgb[32, 32].tolist()), float(depth[32, 32])


def test_the_middle_of_the_picture_is_as_deep_as_the_wall_is_far():
    assert centre(room(walls=(WALL,)))[1] == pytest.approx(2.9, abs=0.01)


def test_depth_is_measured_along_the_axis_so_that_a_wall_ahead_is_flat():
    _, depth = picture(room(walls=(WALL,)), CAMERA, 64, 48)
    assert np.allclose(depth[24, 16:48], 2.9, atol=1e-5)


@pytest.mark.parametrize("yaw_rad", [0.0, math.pi / 2, math.pi, -math.pi / 2])
def test_the_depth_of_a_box_is_true_whatever_way_the_robot_looks(yaw_rad: float):
    world = room(mug(2.0 * math.cos(yaw_rad), 2.0 * math.sin(yaw_rad)))
    world.robot.yaw_rad = yaw_rad
    assert centre(world)[1] == pytest.approx(1.9, abs=0.01)


def test_a_camera_that_looks_down_sees_the_floor():
    assert centre(room(pitch_rad=math.pi / 6))[1] == pytest.approx(3.0, abs=0.01)


def test_where_nothing_is_hit_there_is_no_depth_and_no_colour():
    rgb, depth = picture(room(), CAMERA, 64, 64)
    assert not depth[:32].any() and not rgb[:32].any()


def test_beyond_the_range_there_is_colour_but_no_depth():
    colour, depth = centre(room(walls=(WALL,)), Camera(range_m=2.0))
    assert depth == 0.0 and any(colour)


def test_a_box_hides_what_is_behind_it():
    crate = Thing("Box|1", "Box", (1.0, 0.0, 1.5), (0.4, 0.4, 0.4))
    assert centre(room(mug(), crate, walls=(WALL,))) == centre(room(crate))


def test_a_closed_cabinet_hides_its_contents_and_an_open_one_shows_them():
    world = room(cabinet(), mug(parent="Cabinet|1"))
    alone = picture(room(cabinet()), CAMERA, 65, 65)
    assert all(np.array_equal(a, b) for a, b in zip(picture(world, CAMERA, 65, 65), alone, strict=True))
    world.things["Cabinet|1"].is_open = True
    assert centre(world) == centre(room(mug()))


def test_what_stands_out_of_a_closed_cabinet_is_not_pictured_either():
    long = mug(x=1.6, parent="Cabinet|1")
    assert centre(room(cabinet(), long)) == centre(room(cabinet()))


def test_one_looks_into_a_bowl_in_an_open_cabinet():
    bowl = Thing("Bowl|1", "Bowl", (2.0, 0.0, 1.5), (0.3, 0.3, 0.3), parent="Cabinet|1", receptacle=True)
    assert centre(room(cabinet(is_open=True), bowl, mug(parent="Bowl|1"))) == centre(room(mug()))


def test_an_open_cabinet_hides_what_stands_behind_it():
    assert centre(room(cabinet(is_open=True), mug(x=3.0))) == centre(room(cabinet(is_open=True)))


def test_the_hand_and_what_lies_in_it_are_not_pictured():
    bowl = Thing("Bowl|1", "Bowl", (1.0, 0.0, 1.5), (0.3, 0.3, 0.3), receptacle=True)
    world = room(bowl, mug(x=1.0, parent="Bowl|1"), walls=(WALL,), holding="Bowl|1")
    assert centre(world) == centre(room(walls=(WALL,)))


def test_a_box_around_the_lens_is_not_pictured():
    around = Thing("Tent|1", "Tent", (0.0, 0.0, 1.5), (1.0, 1.0, 1.0))
    assert centre(room(around, walls=(WALL,))) == centre(room(walls=(WALL,)))


@pytest.mark.parametrize("size_px", [(64, 64), (65, 49), (40, 80)])
def test_a_pixel_put_back_into_the_room_lies_on_the_face_of_its_box(size_px: tuple[int, int]):
    world = room(mug(2.0, 0.4, 1.1), walls=(WALL,), yaw_rad=0.2, pitch_rad=0.25)
    rgb, depth = picture(world, CAMERA, *size_px)
    bare, _ = picture(room(walls=(WALL,), yaw_rad=0.2, pitch_rad=0.25), CAMERA, *size_px)
    fx, fy, cx, cy = intrinsics(CAMERA, *size_px)
    map_from_camera = world.robot.map_from_base @ world.robot.base_from_camera
    pixels = np.argwhere((rgb != bare).any(axis=2)).tolist()
    assert len(pixels) >= 4
    for v, u in pixels:
        z = float(depth[v, u])
        point = map_from_camera.transform(((u - cx) / fx * z, (v - cy) / fy * z, z))
        thing = world.things["Mug|1"]
        assert in_box(point, thing.position_m, thing.size_m, 1e-4)
        assert not in_box(point, thing.position_m, thing.size_m, -1e-4)


def test_pixels_are_square_and_the_whole_pyramid_is_pictured():
    fx, fy, cx, cy = intrinsics(Camera(horizontal_fov_rad=1.2, vertical_fov_rad=0.9), 64, 48)
    assert fx == fy
    assert (cx + 0.5) / fx >= math.tan(0.6) - 1e-9 and (cy + 0.5) / fy >= math.tan(0.45) - 1e-9


@pytest.mark.parametrize("camera", [Camera(horizontal_fov_rad=0.0), Camera(vertical_fov_rad=math.pi)])
def test_an_angle_that_no_pinhole_has_is_refused(camera: Camera):
    with pytest.raises(ValueError, match="rad"):
        intrinsics(camera, 64, 64)


def test_a_picture_without_pixels_is_refused():
    with pytest.raises(ValueError, match="0 x 64"):
        picture(room(), CAMERA, 0, 64)


def test_a_label_has_one_colour_and_the_faces_of_a_box_differ():
    tilted = room(mug(1.0, 0.0, 1.1), pitch_rad=0.4)
    rgb, _ = picture(tilted, CAMERA, 65, 65)
    floor, _ = picture(room(pitch_rad=0.4), CAMERA, 65, 65)
    faces = {tuple(c) for c in rgb[(rgb != floor).any(axis=2)].tolist()}
    assert len(faces) == 2  # front and top


def test_the_same_home_gives_the_same_bytes_in_another_process():
    tell = (
        "import hashlib; from sim.box_camera import picture; from sim.homes import make_home;"
        "from memory.records import Camera; a, b = picture(make_home(7), Camera(), 64, 64);"
        "print(hashlib.sha256(a.tobytes() + b.tobytes()).hexdigest())"
    )
    told = {subprocess.run([sys.executable, "-c", tell], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(told) == 1


def test_the_order_of_the_things_does_not_show():
    world = make_home(7)
    before = picture(world, CAMERA, 64, 64)[1]
    world.things = dict(reversed(world.things.items()))
    assert np.array_equal(before, picture(world, CAMERA, 64, 64)[1])


def test_64_by_64_pixels_of_a_home_take_no_longer_than_40_ms():
    world = make_home(7)
    best_s = math.inf
    for cell in sorted(world.floor.cells)[::40]:
        world.robot.x_m, world.robot.y_m = world.floor.centre(cell)
        start_s = time.process_time()
        rgb, depth = picture(world, CAMERA, 64, 64)
        best_s = min(best_s, time.process_time() - start_s)
        assert (rgb.shape, rgb.dtype, depth.shape, depth.dtype) == ((64, 64, 3), np.uint8, (64, 64), np.float32)
    assert best_s <= 0.04
