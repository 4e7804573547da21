# SPDX-License-Identifier: Apache-2.0
"""Where a frame is now: at the newest stamp that the whole way between two frames knows."""

from __future__ import annotations

import pytest

from brain_nodes.ros.transforms import NotConnected, TooNew, TransformBuffer, UnknownFrame
from memory.geometry import Pose

SECOND_NS = 1_000_000_000


@pytest.fixture
def buffer() -> TransformBuffer:
    """A map that is heard of seldom, an odometry that is heard of often, and a camera that is screwed on."""
    made = TransformBuffer()
    for second in (1, 2):
        made.put("map", "odom", Pose.planar(second, 0.0, 0.0), second * SECOND_NS)
    for tenth in range(10, 31):
        made.put("odom", "base", Pose.planar(tenth / 10, 0.0, 0.0), tenth * SECOND_NS // 10)
    made.put("base", "camera", Pose.planar(0.0, 0.0, 0.0, 1.5), 0, static=True)
    return made


def test_the_slowest_transform_of_the_way_decides_the_stamp(buffer: TransformBuffer) -> None:
    pose, stamp_ns = buffer.newest("map", "base")

    assert (pose.position_m[0], stamp_ns) == (4.0, 2 * SECOND_NS)
    assert buffer.newest("odom", "base")[1] == 3 * SECOND_NS


def test_what_is_not_on_the_way_is_not_asked(buffer: TransformBuffer) -> None:
    assert buffer.newest("base", "camera") == (Pose.planar(0.0, 0.0, 0.0, 1.5), 0)
    assert buffer.newest("odom", "camera")[1] == 3 * SECOND_NS


def test_a_way_that_is_not_there_is_named(buffer: TransformBuffer) -> None:
    buffer.put("other", "island", Pose(), SECOND_NS)

    with pytest.raises(UnknownFrame):
        buffer.newest("map", "arm")
    with pytest.raises(NotConnected):
        buffer.newest("map", "island")
    buffer.clear()
    with pytest.raises(TooNew):
        buffer.newest("map", "base")
