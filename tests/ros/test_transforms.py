# SPDX-License-Identifier: Apache-2.0
"""Transforms in time, and observations that are given their pose by them: field cases 7 and 11."""

from __future__ import annotations

import math
import sys
import threading
import time
from typing import Any

import pytest

from brain_nodes.ros.localisation import Localiser, located
from brain_nodes.ros.transforms import (
    EmptyFrame,
    NotConnected,
    TooNew,
    TooOld,
    TransformBuffer,
    TransformError,
    UnknownFrame,
    between,
)
from memory.errors import NeuraxisError, RejectedInput
from memory.geometry import Pose, Vector, base_from_optical
from memory.records import Camera, Observation

SECOND_NS = 1_000_000_000
START_NS = 1_767_258_000 * SECOND_NS
CAMERA = base_from_optical(1.5, 0.3)


def at(seconds: float) -> int:
    return START_NS + round(seconds * SECOND_NS)


def close_to(pose: Pose, expected: Pose) -> bool:
    points: tuple[Vector, ...] = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    return all(math.dist(pose.transform(p), expected.transform(p)) < 1e-9 for p in points)


def robot(until_s: float = 10.0, **options: Any) -> TransformBuffer:
    """map -> odom static, odom -> base_link at 10 Hz and 1 m/s, base_link -> head_optical static."""
    buffer = TransformBuffer(**options)
    buffer.put("map", "odom", Pose.planar(1.0, 0.0, math.pi / 2), 0, static=True)
    buffer.put("base_link", "head_optical", CAMERA, 0, static=True)
    drive(buffer, 0.0, until_s)
    return buffer


def drive(buffer: TransformBuffer, from_s: float, until_s: float) -> None:
    for tick in range(round(from_s * 10), round(until_s * 10) + 1):
        buffer.put("odom", "base_link", Pose.planar(tick / 10, 0.0, 0.0), at(tick / 10))


def observation(sequence: int, seconds: float, frame_id: str = "head_optical") -> Observation:
    return Observation(sequence=sequence, stamp_ns=at(seconds), camera=Camera(frame_id=frame_id))


def test_a_chain_is_the_product_of_its_transforms():
    expected = Pose.planar(1.0, 0.0, math.pi / 2) @ Pose.planar(3.0, 0.0, 0.0) @ CAMERA
    assert close_to(robot().lookup("map", "head_optical", at(3.0)), expected)


def test_the_way_back_is_the_inverse():
    buffer = robot()
    there, back = buffer.lookup("map", "head_optical", at(3.0)), buffer.lookup("head_optical", "map", at(3.0))
    assert close_to(there @ back, Pose())
    assert close_to(back @ there, Pose())


def test_two_branches_meet_where_they_part():
    buffer = robot()
    buffer.put("base_link", "gripper", Pose.planar(0.5, 0.1, 0.2), 0, static=True)
    expected = CAMERA.inverse() @ Pose.planar(0.5, 0.1, 0.2)
    assert close_to(buffer.lookup("head_optical", "gripper", at(99.0)), expected)  # no moving edge between: any time


def test_a_frame_seen_from_itself_stands_still():
    assert robot().lookup("base_link", "base_link", at(99.0)) == Pose()


def test_a_chain_may_be_of_any_length():
    buffer = TransformBuffer(frames=3000)
    for n in range(2500):
        buffer.put(f"link_{n}", f"link_{n + 1}", Pose.planar(0.001, 0.0, 0.0), at(1.0))
    assert buffer.lookup("link_0", "link_2500", at(1.0)).position_m == pytest.approx((2.5, 0.0, 0.0))


def test_half_way_in_time_is_half_way_in_place_and_turn():
    buffer = TransformBuffer()
    buffer.put("map", "base_link", Pose.planar(0.0, 2.0, 0.0), at(1.0))
    buffer.put("map", "base_link", Pose.planar(1.0, 4.0, math.pi / 2), at(2.0))
    assert close_to(buffer.lookup("map", "base_link", at(1.5)), Pose.planar(0.5, 3.0, math.pi / 4))
    assert close_to(buffer.lookup("map", "base_link", at(1.25)), Pose.planar(0.25, 2.5, math.pi / 8))
    assert close_to(buffer.lookup("map", "base_link", at(2.0)), Pose.planar(1.0, 4.0, math.pi / 2))


@pytest.mark.parametrize("yaw_rad", [1e-9, 1e-3, 1.0, 3.1])
def test_a_turn_goes_evenly_and_by_the_shorter_way(yaw_rad: float):
    last = Pose.planar(0.0, 0.0, yaw_rad)
    minus = Pose((0.0, 0.0, 0.0), tuple(-v for v in last.orientation_xyzw))  # type: ignore[arg-type]
    for end in (last, minus):
        assert between(Pose(), end, 0.3).yaw_rad == pytest.approx(0.3 * yaw_rad, abs=1e-9)


def test_transforms_may_come_out_of_order():
    buffer = TransformBuffer()
    for seconds in (1.0, 1.4, 1.2, 1.3, 1.1):
        buffer.put("map", "base_link", Pose.planar(seconds, 0.0, 0.0), at(seconds))
    for seconds in (1.05, 1.15, 1.25, 1.35):
        assert buffer.lookup("map", "base_link", at(seconds)).position_m[0] == pytest.approx(seconds)
    assert buffer.jumps == 0


def test_the_same_stamp_twice_keeps_the_later_word():
    buffer = TransformBuffer()
    buffer.put("map", "base_link", Pose(), at(1.0))
    buffer.put("map", "base_link", Pose.planar(1.0, 0.0, 0.0), at(1.0))
    assert len(buffer) == 1
    assert buffer.lookup("map", "base_link", at(1.0)).position_m[0] == 1.0


def test_what_lies_outside_of_the_buffer_is_named():
    buffer = robot()
    with pytest.raises(TooNew, match=r"0\.200 s too new"):
        buffer.lookup("map", "base_link", at(10.2))
    with pytest.raises(TooOld, match=r"15\.000 s too old"):
        buffer.lookup("map", "base_link", at(-15.0))


def test_too_old_in_one_edge_is_too_old_even_where_another_is_too_new():
    buffer = robot()
    buffer.put("base_link", "arm", Pose(), at(100.0))
    buffer.put("arm", "hand", Pose(), at(1.0))
    for target, source in (("odom", "hand"), ("hand", "odom")):
        with pytest.raises(TooOld):
            buffer.lookup(target, source, at(50.0))


def test_frames_without_a_name_unknown_or_apart_are_named():
    buffer = robot()
    buffer.put("map_of_another", "another", Pose(), at(1.0))
    with pytest.raises(EmptyFrame):
        buffer.lookup("map", "", at(1.0))
    with pytest.raises(UnknownFrame, match="lidar"):
        buffer.lookup("map", "lidar", at(1.0))
    with pytest.raises(NotConnected, match="map_of_another"):
        buffer.lookup("map", "another", at(1.0))
    assert issubclass(TransformError, RejectedInput)


def test_parents_in_a_ring_end_a_lookup_and_do_not_hang_it():
    buffer = TransformBuffer()
    for parent, child in (("a", "b"), ("b", "c"), ("c", "a")):
        buffer.put(parent, child, Pose(), at(1.0))
    with pytest.raises(NotConnected, match="ring"):
        buffer.lookup("a", "c", at(1.0))


def test_a_leading_slash_means_nothing():
    assert robot().lookup("/map", "/base_link", at(3.0)) == robot().lookup("map", "base_link", at(3.0))


@pytest.mark.parametrize(
    ("parent", "child", "stamp_ns"), [("", "a", 1), ("a", "  ", 1), ("/", "a", 1), ("a", "a", 1), ("a", "b", 0)]
)
def test_a_transform_that_is_none_is_refused_and_leaves_nothing(parent: str, child: str, stamp_ns: int):
    buffer = TransformBuffer()
    with pytest.raises(RejectedInput):
        buffer.put(parent, child, Pose(), stamp_ns)
    assert len(buffer) == 0


def test_a_static_transform_holds_at_every_time():
    buffer = robot()
    for seconds in (-1000.0, 0.0, 1000.0):
        assert close_to(buffer.lookup("base_link", "head_optical", at(seconds)), CAMERA)


def test_a_frame_that_is_given_another_parent_leaves_the_first():
    buffer = robot()
    buffer.put("map", "base_link", Pose.planar(7.0, 0.0, 0.0), at(11.0))
    assert buffer.lookup("map", "base_link", at(11.0)).position_m[0] == 7.0
    with pytest.raises(TooOld):
        buffer.lookup("map", "base_link", at(5.0))


def test_a_hundred_thousand_transforms_take_no_more_room_than_it_was_given():
    by_time, by_count = TransformBuffer(keep_s=2.0), TransformBuffer(keep_s=1e6, keep_count=50)
    for n in range(100_000):
        for buffer in (by_time, by_count):
            buffer.put("odom", "base_link", Pose(), START_NS + n * 10_000_000)
    assert (len(by_time), len(by_count)) == (201, 50)
    assert sys.getsizeof(by_time._edges["base_link"].stamps_ns) < 16_000


def test_frames_beyond_the_bound_are_refused_and_the_known_ones_go_on():
    buffer = TransformBuffer(frames=10)
    refused = 0
    for n in range(1000):
        try:
            buffer.put("map", f"tag_{n}", Pose(), at(1.0))
        except RejectedInput:
            refused += 1
    buffer.put("map", "tag_0", Pose.planar(1.0, 0.0, 0.0), at(2.0))
    assert (len(buffer), refused) == (10, 991)


def test_case_7_time_that_begins_again_clears_what_moves_and_keeps_what_is_fixed():
    buffer = robot(20.0, keep_s=30.0)
    assert buffer.lookup("map", "base_link", at(15.0)).position_m[1] == pytest.approx(15.0)
    buffer.put("odom", "base_link", Pose.planar(-5.0, 0.0, 0.0), at(0.0))
    assert buffer.jumps == 1
    with pytest.raises(TooNew):  # nothing of the first pass is mixed in
        buffer.lookup("map", "base_link", at(15.0))
    assert close_to(buffer.lookup("map", "odom", at(0.0)), Pose.planar(1.0, 0.0, math.pi / 2))
    drive(buffer, 0.1, 20.0)
    assert buffer.lookup("map", "base_link", at(15.0)).position_m[1] == pytest.approx(15.0)
    assert buffer.jumps == 1


def test_one_stamp_from_the_far_future_does_not_stop_the_buffer():
    buffer = robot()
    buffer.put("odom", "base_link", Pose(), at(1e6))
    drive(buffer, 10.1, 12.0)
    assert buffer.lookup("odom", "base_link", at(11.0)).position_m[0] == pytest.approx(11.0)


def test_a_frame_is_known_and_awaited_after_a_clear():
    buffer = robot()
    buffer.clear()
    with pytest.raises(TooNew, match="nothing"):
        buffer.lookup("map", "base_link", at(5.0))


def test_a_wait_ends_when_the_transform_comes_and_else_at_its_bound():
    buffer = robot()
    late = threading.Timer(0.05, lambda: buffer.put("odom", "base_link", Pose.planar(10.3, 0.0, 0.0), at(10.3)))
    late.start()
    assert buffer.wait("odom", "base_link", at(10.2), 10.0).position_m[0] == pytest.approx(10.2)
    late.join()
    start_s = time.monotonic()
    with pytest.raises(TooNew):
        buffer.wait("odom", "base_link", at(10.5), 0.05)
    assert 0.05 <= time.monotonic() - start_s < 5.0
    with pytest.raises(TooOld):
        buffer.wait("odom", "base_link", at(-15.0), 1e9)


def test_a_buffer_of_nothing_is_refused():
    for wrong in ({"keep_s": 0.0}, {"keep_count": 0}, {"frames": 1}, {"jump_s": 0.0}):
        with pytest.raises(ValueError, match="buffer"):
            TransformBuffer(**wrong)


def test_case_11_only_the_first_of_four_bad_observations_is_kept_and_the_others_are_counted():
    buffer, kept, dropped = robot(), [], []
    localiser = Localiser(buffer, lambda *one: kept.append(one), dropped=lambda *one: dropped.append(one), bound_s=0.5)
    localiser.offer(observation(1, 10.2), 0.0, "newer")  # by 0.2 s
    localiser.offer(observation(2, -15.0), 0.0, "older")  # by 15 s
    localiser.offer(observation(3, 5.0, ""), 0.0, "empty")
    localiser.offer(observation(4, 5.0, "lidar"), 0.0, "unknown")
    assert (kept, localiser.waiting) == ([], 1)
    drive(buffer, 10.1, 10.3)
    localiser.retry(now_s=0.3)
    assert localiser.counts == {"localised": 1, "too_old": 1, "empty_frame": 1, "unknown_frame": 1}
    assert [note for note, _ in dropped] == ["older", "empty", "unknown"]
    assert localiser.last_refusal == dropped[-1][1] and "lidar" in dropped[-1][1]
    ((only, note),) = kept
    assert note == "newer"
    assert only.map_from_base.position_m == pytest.approx((1.0, 10.2, 0.0))
    assert close_to(only.base_from_camera, CAMERA)


def test_what_is_still_too_new_at_the_bound_is_dropped():
    localiser = Localiser(robot(), lambda *_: pytest.fail("was kept"), bound_s=0.5)
    localiser.offer(observation(1, 10.2), now_s=7.0)
    localiser.retry(now_s=7.4)
    assert localiser.waiting == 1
    localiser.retry(now_s=7.5)
    assert (localiser.waiting, localiser.counts) == (0, {"too_new": 1})


def test_those_who_wait_are_bounded_and_leave_in_order():
    buffer, kept = robot(), []
    localiser = Localiser(buffer, lambda o, _: kept.append(o), bound_s=10.0, capacity=3)
    for n in range(5):
        localiser.offer(observation(n, 10.1 + n / 10), now_s=0.0)
    assert (localiser.waiting, localiser.counts) == (3, {"crowded": 2})
    drive(buffer, 10.1, 11.0)
    localiser.retry(now_s=1.0)
    assert [o.sequence for o in kept] == [2, 3, 4]


def test_the_pose_is_that_of_the_stamp_and_the_frame_gets_its_name_in_memory():
    found = located(observation(1, 4.55), robot())
    assert found.map_from_base is not None
    assert found.map_from_base.position_m == pytest.approx((1.0, 4.55, 0.0))
    assert found.camera.frame_id == "camera_optical"


@pytest.fixture
def tf(request: pytest.FixtureRequest) -> Any:
    """TFMessage and its neighbours, and a corner of the graph."""
    for name in ("rclpy", "tf2_msgs", "geometry_msgs"):
        pytest.importorskip(name, reason=f"{name} is not installed", exc_type=ImportError)
    return request.getfixturevalue("corner")


def message(parent: str, child: str, x_m: float, stamp_ns: int, w: float = 1.0) -> Any:
    from geometry_msgs.msg import TransformStamped

    told = TransformStamped(child_frame_id=child)
    told.header.frame_id = parent
    told.header.stamp.sec, told.header.stamp.nanosec = divmod(stamp_ns, SECOND_NS)
    told.transform.translation.x, told.transform.rotation.w = x_m, w
    return told


@pytest.mark.ros
def test_a_listener_fills_the_buffer_and_sets_nonsense_aside(tf: Any):
    from rclpy.qos import DurabilityPolicy, QoSProfile
    from tf2_msgs.msg import TFMessage

    from brain_nodes.ros.transforms import TransformListener

    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    fixed = tf.me.create_publisher(TFMessage, "/tf_static", latched)
    fixed.publish(TFMessage(transforms=[message("map", "odom", 1.0, at(0.0))]))  # before anybody listens
    buffer = TransformBuffer()
    listener = TransformListener(tf.me, buffer)
    moving = tf.me.create_publisher(TFMessage, "/tf", 100)
    tf.until(lambda: moving.get_subscription_count())
    wrong = [
        message("", "base_link", 0.0, at(1.0)),
        message("odom", "base_link", math.nan, at(1.0)),
        message("odom", "base_link", 0.0, at(1.0), w=0.0),
        message("odom", "odom", 0.0, at(1.0)),
        message("odom", "base_link", 0.0, 0),
    ]
    right = [message("odom", "base_link", 2.0, at(1.0)), message("odom", "base_link", 4.0, at(2.0))]
    moving.publish(TFMessage(transforms=[*wrong, *right]))
    tf.until(lambda: listener.heard == 3)
    assert buffer.lookup("map", "base_link", at(1.5)).position_m == pytest.approx((4.0, 0.0, 0.0))
    assert listener.refused == {"EmptyFrame": 1, "RejectedInput": 4}


@pytest.mark.ros
def test_a_listener_counts_what_is_no_message_at_all(tf: Any):
    from brain_nodes.ros.transforms import TransformListener

    listener = TransformListener(tf.me, TransformBuffer())
    for wrong in (None, object(), 7):
        listener._take(wrong, static=False)
    assert listener.refused == {"AttributeError": 3}
    listener.close()


@pytest.mark.ros
def test_a_clock_that_jumps_back_clears_the_buffer(tf: Any):
    from rclpy.parameter import Parameter
    from rosgraph_msgs.msg import Clock

    from brain_nodes.ros.transforms import TransformListener

    tf.me.set_parameters([Parameter("use_sim_time", value=True)])
    buffer = TransformBuffer()
    listener = TransformListener(tf.me, buffer)
    clock = tf.me.create_publisher(Clock, "/clock", 10)
    tf.until(lambda: clock.get_subscription_count())

    def tell(seconds: int) -> None:
        told = Clock()
        told.clock.sec = seconds
        clock.publish(told)
        tf.until(lambda: tf.me.get_clock().now().nanoseconds == seconds * SECOND_NS)

    tell(100)
    buffer.put("odom", "base_link", Pose(), 100 * SECOND_NS)
    tell(50)
    tf.until(lambda: not len(buffer))
    listener.close()


@pytest.mark.ros
def test_without_tf2_msgs_a_listener_says_what_is_missing(tf: Any, monkeypatch: pytest.MonkeyPatch):
    from brain_nodes.ros.transforms import TransformListener

    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", None)
    with pytest.raises(NeuraxisError, match="tf2_msgs is not installed"):
        TransformListener(tf.me, TransformBuffer())
