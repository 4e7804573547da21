# SPDX-License-Identifier: Apache-2.0
"""Field case 11 over DDS: a thalamus that has its pose from tf."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')", exc_type=ImportError)
pytest.importorskip("tf2_msgs", reason="tf2_msgs is not installed")

from neuraxis_interfaces.msg import Observation, Percepts

from brain_nodes.ros.conversions import to_observation
from brain_nodes.ros.lifecycle_node import SAMPLES
from brain_nodes.ros.thalamus_node import ThalamusNode
from memory import records as r
from sim.ros.sensors import SensorTopics
from sim.world import Floor, Robot, World

pytestmark = pytest.mark.ros

START_NS, TENTH_NS = 1_767_258_000 * 10**9, 10**8
MUG = (r.Detection("Mug", (0.0, 0.0, 2.0), (0.1, 0.1, 0.1), 1.0, ()),)
BAD = ((21, "camera_optical"), (-150, "camera_optical"), (10, ""), (10, "lidar"))  # tenths of a second; tf ends at 19


def test_only_the_observation_that_tf_catches_up_with_becomes_percepts(corner: Any):
    node = corner.up(ThalamusNode, poses="tf", lockstep=False, tf_wait_s=5.0)
    sensors = SensorTopics(corner.me, images=False)
    world = World("room", {}, Floor(frozenset({(0, 0)})), Robot(0.4, 0.0, pitch_rad=0.0), {})
    corner.until(lambda: all(p.get_subscription_count() for p in sensors._publishers))
    for n in range(20):
        sensors.publish(world, world.robot, r.Camera(), START_NS + n * TENTH_NS)
    corner.until(lambda: len(node._localiser.buffer) == 41)
    heard = corner.hear(Percepts, "percepts", SAMPLES)
    observations = corner.me.create_publisher(Observation, "observation", SAMPLES)
    for n, (tenths, frame_id) in enumerate(BAD):
        bad = r.Observation(
            sequence=n, stamp_ns=START_NS + tenths * TENTH_NS, camera=r.Camera(frame_id=frame_id), detections=MUG
        )
        observations.publish(to_observation(bad, "", False))
    corner.until(lambda: node.problems == 3)
    assert not heard
    sensors.publish(world, world.robot, r.Camera(), START_NS + 23 * TENTH_NS)
    corner.until(lambda: heard)
    assert node._localiser.counts == {"localised": 1, "too_old": 1, "empty_frame": 1, "unknown_frame": 1}
    (percept,) = heard[0].seen
    assert percept.header.frame_id == "map" and percept.position.x == pytest.approx(2.4)
