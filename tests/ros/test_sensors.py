# SPDX-License-Identifier: Apache-2.0
"""The simulated camera over real DDS: what arrives is enough to put a pixel back into the room."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')", exc_type=ImportError)
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")

import numpy as np
from sensor_msgs.msg import CameraInfo, Image

from brain_nodes.ros.conversions import from_time
from brain_nodes.ros.transforms import TransformBuffer, TransformListener, UnknownFrame
from memory.records import Camera
from sim.ros.sensors import SensorTopics
from sim.world import Floor, Robot, World

pytestmark = pytest.mark.ros

STAMP_NS = 1_767_258_000_123_456_789
CAMERA = Camera(range_m=8.0)
WALL_X_M = 3.0
TOPICS = {"camera/image_raw": Image, "camera/depth/image_raw": Image, "camera/camera_info": CameraInfo}


def room() -> World:
    """A wall whose face is the plane x = 3, seen askew by a robot that does not stand at the origin."""
    wall = ((WALL_X_M + 0.1, 0.0, 1.3), (0.2, 20.0, 2.6))
    robot = Robot(0.4, -0.3, yaw_rad=0.2, pitch_rad=0.15)
    return World("room", {}, Floor(frozenset({(0, 0)})), robot, {}, walls=(wall,))


def expose(corner: Any, sensors: SensorTopics, **options: Any) -> dict[str, Any]:
    """One publish, once everybody is found; what came, by topic."""
    heard = {topic: corner.hear(kind, topic) for topic, kind in TOPICS.items()}
    corner.until(lambda: all(p.get_subscription_count() for p in sensors._publishers[:3]))
    world = room()
    sensors.publish(world, world.robot, CAMERA, STAMP_NS, **options)
    corner.until(lambda: all(heard.values()))
    return {topic: messages[0] for topic, messages in heard.items()}


def test_sizes_encodings_frames_and_stamps_are_those_of_one_exposure(corner: Any):
    came = expose(corner, SensorTopics(corner.me, 64, 48))
    assert {(from_time(m.header.stamp), m.header.frame_id) for m in came.values()} == {(STAMP_NS, "camera_optical")}
    assert {(m.width, m.height) for m in came.values()} == {(64, 48)}
    colour, depth, info = came.values()
    assert (colour.encoding, colour.step, len(colour.data)) == ("rgb8", 64 * 3, 64 * 48 * 3)
    assert (depth.encoding, depth.step, len(depth.data)) == ("32FC1", 64 * 4, 64 * 48 * 4)
    assert colour.is_bigendian == depth.is_bigendian == (sys.byteorder == "big")
    assert (info.distortion_model, list(info.d)) == ("plumb_bob", [0.0] * 5)
    assert list(info.p[:3]) + list(info.p[4:7]) + list(info.p[8:11]) == list(info.k)


def test_a_depth_image_put_back_by_camera_info_and_tf_lies_on_the_wall(corner: Any):
    pytest.importorskip("tf2_msgs", reason="tf2_msgs is not installed")
    buffer = TransformBuffer()
    listener = TransformListener(corner.me, buffer)
    sensors = SensorTopics(corner.me)
    corner.until(lambda: all(p.get_subscription_count() for p in sensors._publishers[3:]))
    came = expose(corner, sensors)
    corner.until(lambda: listener.heard == 3)
    depth, info = came["camera/depth/image_raw"], came["camera/camera_info"]
    map_from_camera = buffer.lookup("map", depth.header.frame_id, from_time(depth.header.stamp))
    fx, cx, fy, cy = info.k[0], info.k[2], info.k[4], info.k[5]
    depth_m = np.frombuffer(depth.data, np.float32).reshape(depth.height, depth.width)
    points = [
        map_from_camera.transform(((u - cx) / fx * z, (v - cy) / fy * z, z))
        for (v, u), z in np.ndenumerate(depth_m.astype(float))
        if math.isfinite(z)
    ]
    on_the_wall = [p for p in points if p[2] > 0.02]
    assert len(on_the_wall) > 1000
    assert all(abs(x_m - WALL_X_M) < 0.02 for x_m, _, _ in on_the_wall)
    assert all(abs(z_m) < 0.02 for _, _, z_m in points if z_m <= 0.02)  # the rest is floor
    listener.close()


def test_where_nothing_is_hit_the_depth_image_holds_nan(corner: Any):
    depth = expose(corner, SensorTopics(corner.me))["camera/depth/image_raw"]
    depth_m = np.frombuffer(depth.data, np.float32).reshape(64, 64)
    assert np.isnan(depth_m[0]).all()  # above the wall
    assert (depth_m[np.isfinite(depth_m)] > 0.0).all()


def test_a_robot_that_is_not_localised_tells_only_where_its_camera_is(corner: Any):
    pytest.importorskip("tf2_msgs", reason="tf2_msgs is not installed")
    buffer = TransformBuffer()
    listener = TransformListener(corner.me, buffer)
    sensors = SensorTopics(corner.me)
    corner.until(lambda: all(p.get_subscription_count() for p in sensors._publishers[3:]))
    expose(corner, sensors, localised=False)
    corner.until(lambda: listener.heard == 1)
    assert buffer.lookup("base_link", "camera_optical", STAMP_NS).position_m == (0.0, 0.0, 1.5)
    with pytest.raises(UnknownFrame):
        buffer.lookup("map", "base_link", STAMP_NS)
    listener.close()


def test_no_picture_is_made_where_nobody_listens(corner: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sim.ros.sensors.picture", lambda *_: pytest.fail("a picture was made"))
    infos = corner.hear(CameraInfo, "camera/camera_info")
    sensors = SensorTopics(corner.me)
    corner.until(lambda: sensors._publishers[2].get_subscription_count())
    world = room()
    sensors.publish(world, world.robot, CAMERA, STAMP_NS)
    corner.until(lambda: infos)


def test_without_images_only_frames_are_published(corner: Any):
    sensors = SensorTopics(corner.me, images=False)
    world = room()
    sensors.publish(world, world.robot, CAMERA, STAMP_NS)
    assert not {topic for topic, _ in corner.me.get_topic_names_and_types() if "/camera/" in topic}
    sensors.close()


def test_without_tf2_msgs_the_pictures_go_on(corner: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", None)
    sensors = SensorTopics(corner.me)
    assert not sensors.tells_frames
    assert len(expose(corner, sensors)) == 3
