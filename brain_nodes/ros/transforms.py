# SPDX-License-Identifier: Apache-2.0
"""Where one frame was in another, at a stamp: a bounded buffer of transforms, and the listener that fills it from tf.

Neighbours: localisation.py asks the buffer where the robot was when an observation was made; sim/ros/sensors.py is one
of those who tell it.
Rules of the file: the buffer is plain Python, and nothing here is imported from ROS before a listener is made; nothing
is extrapolated, a stamp outside what is known is an error with its name; what is nonsense is counted and set aside.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from memory.errors import NeuraxisError, RejectedInput
from memory.geometry import Pose, Quaternion, Vector

SECOND_NS = 1_000_000_000
TF, TF_STATIC = "/tf", "/tf_static"
_QUEUE = 100


class TransformError(RejectedInput):
    """A pose that cannot be told; `reason` is the name to count it by."""

    reason = "no_transform"


class EmptyFrame(TransformError):
    """A frame without a name."""

    reason = "empty_frame"


class UnknownFrame(TransformError):
    """A frame that no transform ever named."""

    reason = "unknown_frame"


class NotConnected(TransformError):
    """Both frames are known, and no chain of transforms leads from one to the other."""

    reason = "not_connected"


class TooOld(TransformError):
    """From before the buffer begins: it will never be known, drop it at once."""

    reason = "too_old"


class TooNew(TransformError):
    """From after the newest transform: it may be known soon, wait a little."""

    reason = "too_new"


@dataclass(slots=True)
class _Edge:
    """Where a child was in its parent; a static one has one pose and no stamps."""

    parent: str
    static: Pose | None = None
    stamps_ns: list[int] = field(default_factory=list)
    poses: list[Pose] = field(default_factory=list)


class TransformBuffer:
    """The newest transforms of every frame, in any order of arrival; may be used from several threads.

    A stamp that lies more than jump_s before the newest one of the same frame is time that has begun again (a bag in a
    loop, a simulator at its start): everything but the static transforms is forgotten.

    Args:
        keep_s: How much of the past is kept of a frame.
        keep_count: ... and how many transforms at most.
        frames: How many frames it knows at most.

    Attributes:
        jumps: How often time went back.
    """

    def __init__(
        self, *, keep_s: float = 10.0, keep_count: int = 2000, frames: int = 1000, jump_s: float = 1.0
    ) -> None:
        if keep_s <= 0 or keep_count < 1 or frames < 2 or jump_s <= 0:
            raise ValueError(f"a buffer of {keep_s} s, {keep_count} transforms, {frames} frames, jump {jump_s} s")
        self.keep_ns, self.jump_ns = round(keep_s * SECOND_NS), round(jump_s * SECOND_NS)
        self.keep_count, self.most_frames = keep_count, frames
        self.jumps = 0
        self._edges: dict[str, _Edge] = {}  # by child
        self._frames: set[str] = set()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """How many transforms are held."""
        with self._changed:
            return sum(len(edge.stamps_ns) or edge.static is not None for edge in self._edges.values())

    def put(self, parent: str, child: str, parent_from_child: Pose, stamp_ns: int, *, static: bool = False) -> None:
        """Remember one transform.

        Raises:
            EmptyFrame: a frame has no name.
            RejectedInput: a frame is its own parent, the stamp is unset, or there are too many frames.
        """
        parent, child = _named(parent, "parent"), _named(child, "child")
        if parent == child:
            raise RejectedInput(f"frame {child!r} is its own parent")
        if stamp_ns <= 0 and not static:
            raise RejectedInput(f"transform {parent!r} <- {child!r}: stamp {stamp_ns} ns is unset")
        pose = Pose(parent_from_child.position_m, _unit(parent_from_child.orientation_xyzw))
        with self._changed:
            edge = self._edge(parent, child)
            if static:
                edge.static, edge.stamps_ns, edge.poses = pose, [], []
            else:
                self._add(edge, pose, stamp_ns)
            self._changed.notify_all()

    def lookup(self, target: str, source: str, stamp_ns: int) -> Pose:
        """`target_from_source` at the stamp: linear between two positions, slerp between two turns.

        Raises:
            EmptyFrame, UnknownFrame, NotConnected: the frames.
            TooOld, TooNew: the stamp.
        """
        target, source = _named(target, "target"), _named(source, "source")
        with self._changed:
            for frame in (target, source):
                if frame not in self._frames:
                    raise UnknownFrame(f"frame {frame!r} was never heard of")
            return self._chained(target, source, stamp_ns)

    def newest(self, target: str, source: str) -> tuple[Pose, int]:
        """`target_from_source` at the newest stamp that all of the way knows, and that stamp; 0 = it never changes.

        Raises:
            EmptyFrame, UnknownFrame, NotConnected: the frames.
            TooOld, TooNew: one transform ends before another begins, or there is none since time began again.
        """
        with self._changed:
            ways = (set(self._ancestry(_named(f, what))) for f, what in ((target, "target"), (source, "source")))
            moving = [e for child in next(ways) ^ next(ways) if (e := self._edges.get(child)) and e.static is None]
            stamp_ns = min((edge.stamps_ns[-1] if edge.stamps_ns else 0 for edge in moving), default=0)
            return self.lookup(target, source, stamp_ns), stamp_ns

    def wait(self, target: str, source: str, stamp_ns: int, bound_s: float) -> Pose:
        """The same, but wait for what is too new; for a thread of one's own, never inside a callback.

        Raises:
            TooNew: it is, bound_s later, still.
        """
        end_s = time.monotonic() + bound_s
        with self._changed:
            while True:
                try:
                    return self.lookup(target, source, stamp_ns)
                except TooNew:
                    left_s = end_s - time.monotonic()
                    if left_s <= 0:
                        raise
                    self._changed.wait(left_s)

    def clear(self) -> None:
        """Forget where everything was; frames stay known, and static transforms hold at any time."""
        with self._changed:
            for edge in self._edges.values():
                edge.stamps_ns.clear()
                edge.poses.clear()
            self._changed.notify_all()

    def _edge(self, parent: str, child: str) -> _Edge:
        new = {parent, child} - self._frames
        if len(self._frames) + len(new) > self.most_frames:
            raise RejectedInput(f"transform {parent!r} <- {child!r}: {self.most_frames} frames are known already")
        self._frames |= new
        edge = self._edges.get(child)
        if edge is None or edge.parent != parent:
            edge = self._edges[child] = _Edge(parent)
        return edge

    def _add(self, edge: _Edge, pose: Pose, stamp_ns: int) -> None:
        if edge.stamps_ns and stamp_ns < edge.stamps_ns[-1] - self.jump_ns:
            self.clear()
            self.jumps += 1
        edge.static = None
        place = bisect_left(edge.stamps_ns, stamp_ns)
        if place < len(edge.stamps_ns) and edge.stamps_ns[place] == stamp_ns:
            edge.poses[place] = pose
            return
        edge.stamps_ns.insert(place, stamp_ns)
        edge.poses.insert(place, pose)
        past = bisect_left(edge.stamps_ns, edge.stamps_ns[-1] - self.keep_ns)
        past = max(past, len(edge.stamps_ns) - self.keep_count)
        del edge.stamps_ns[:past], edge.poses[:past]

    def _chained(self, target: str, source: str, stamp_ns: int) -> Pose:
        up_from_target, up_from_source = self._ancestry(target), self._ancestry(source)
        shared = set(up_from_target)
        top = next((frame for frame in up_from_source if frame in shared), None)
        if top is None:
            raise NotConnected(f"{source!r} ends in {up_from_source[-1]!r}, {target!r} in {up_from_target[-1]!r}")
        below_source = up_from_source[: up_from_source.index(top)]
        below_target = up_from_target[: up_from_target.index(top)]
        known, too_new = {}, None
        for child in (*below_source, *below_target):
            try:
                known[child] = _at(child, self._edges[child], stamp_ns)
            except TooNew as error:
                too_new = error  # another one may be too old, and then there is nothing to wait for
        if too_new is not None:
            raise too_new
        return _product(known, below_target).inverse() @ _product(known, below_source)

    def _ancestry(self, frame: str) -> list[str]:
        """The frame, its parent, and so on to the root.

        Raises:
            NotConnected: it goes round in a ring.
        """
        chain, seen = [frame], {frame}
        while (edge := self._edges.get(chain[-1])) is not None:
            if edge.parent in seen:
                raise NotConnected(f"the parents of {frame!r} form a ring at {edge.parent!r}")
            chain.append(edge.parent)
            seen.add(edge.parent)
        return chain


class TransformListener:
    """Fills a buffer from /tf and /tf_static, and clears it when the node's clock jumps back; never raises.

    Attributes:
        heard: How many transforms were taken.
        refused: How many were set aside, by the name of the error.

    Raises:
        NeuraxisError: tf2_msgs is not installed.
    """

    def __init__(self, node: Any, buffer: TransformBuffer) -> None:
        try:
            from tf2_msgs.msg import TFMessage
        except ImportError as error:
            raise NeuraxisError("tf2_msgs is not installed: without it no transform can be heard") from error
        from rclpy.clock import JumpThreshold
        from rclpy.duration import Duration
        from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

        reliable = ReliabilityPolicy.RELIABLE
        moving = QoSProfile(depth=_QUEUE, reliability=reliable, durability=DurabilityPolicy.VOLATILE)
        fixed = QoSProfile(depth=_QUEUE, reliability=reliable, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        back = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True)
        self.buffer = buffer
        self.heard = 0
        self.refused: Counter[str] = Counter()
        self._node = node
        self._subscriptions = [
            node.create_subscription(TFMessage, TF, lambda m: self._take(m, static=False), moving),
            node.create_subscription(TFMessage, TF_STATIC, lambda m: self._take(m, static=True), fixed),
        ]
        self._jumped = node.get_clock().create_jump_callback(back, post_callback=lambda _: buffer.clear())

    def close(self) -> None:
        """Hear nothing more."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []
        self._jumped.unregister()

    def _take(self, message: Any, *, static: bool) -> None:
        try:
            transforms = list(message.transforms)
        except (AttributeError, TypeError) as error:
            return self._refuse(error, static)
        for transform in transforms:
            try:
                self.buffer.put(*_parts(transform), static=static)
                self.heard += 1
            except (NeuraxisError, AttributeError, TypeError, ValueError) as error:
                self._refuse(error, static)
        return None

    def _refuse(self, error: Exception, static: bool) -> None:
        name = type(error).__name__
        self.refused[name] += 1
        if self.refused[name] == 1:  # the first of its kind is told, the others are counted
            self._node.get_logger().warning(f"{TF_STATIC if static else TF}: {name}: {error}")


def _parts(transform: Any) -> tuple[str, str, Pose, int]:
    """Parent, child, pose and stamp of a TransformStamped."""
    stamp, moved, turned = transform.header.stamp, transform.transform.translation, transform.transform.rotation
    pose = Pose((moved.x, moved.y, moved.z), (turned.x, turned.y, turned.z, turned.w))
    return transform.header.frame_id, transform.child_frame_id, pose, stamp.sec * SECOND_NS + stamp.nanosec


def _named(frame: str, what: str) -> str:
    """Names of the first tf began with a slash; they mean the same."""
    bare = frame.strip().lstrip("/")
    if not bare:
        raise EmptyFrame(f"the {what} frame has no name: {frame!r}")
    return bare


def _at(child: str, edge: _Edge, stamp_ns: int) -> Pose:
    """Where the child was in its parent.

    Raises:
        TooOld, TooNew: the stamp lies outside of what is known.
    """
    if edge.static is not None:
        return edge.static
    if not edge.stamps_ns:
        raise TooNew(f"{edge.parent!r} <- {child!r}: nothing since time began again")
    first_ns, last_ns = edge.stamps_ns[0], edge.stamps_ns[-1]
    if stamp_ns < first_ns:
        raise TooOld(f"{edge.parent!r} <- {child!r}: {stamp_ns} is {(first_ns - stamp_ns) / 1e9:.3f} s too old")
    if stamp_ns > last_ns:
        raise TooNew(f"{edge.parent!r} <- {child!r}: {stamp_ns} is {(stamp_ns - last_ns) / 1e9:.3f} s too new")
    after = bisect_left(edge.stamps_ns, stamp_ns)
    if edge.stamps_ns[after] == stamp_ns:
        return edge.poses[after]
    before_ns, after_ns = edge.stamps_ns[after - 1], edge.stamps_ns[after]
    return between(edge.poses[after - 1], edge.poses[after], (stamp_ns - before_ns) / (after_ns - before_ns))


def between(first: Pose, last: Pose, share: float) -> Pose:
    """The pose at a share in [0, 1] of the way: straight on, and turning evenly by the shorter way.

    Source: Shoemake, Animating rotation with quaternion curves, SIGGRAPH 1985.

    >>> import math
    >>> half = between(Pose(), Pose.planar(2.0, 0.0, math.pi / 2), 0.5)
    >>> half.position_m, round(half.yaw_rad / math.pi, 6)
    ((1.0, 0.0, 0.0), 0.25)
    """
    ax, ay, az = first.position_m
    bx, by, bz = last.position_m
    moved: Vector = (ax + (bx - ax) * share, ay + (by - ay) * share, az + (bz - az) * share)
    p, q = first.orientation_xyzw, last.orientation_xyzw
    cosine = sum(a * b for a, b in zip(p, q, strict=True))
    sign = -1.0 if cosine < 0.0 else 1.0  # q and -q are one turn; take the nearer
    angle = math.acos(min(1.0, abs(cosine)))
    if angle < 1e-6:  # sin(angle) would vanish, and the chord is the arc
        from_p, from_q = 1.0 - share, sign * share
    else:
        from_p, from_q = (math.sin(part * angle) / math.sin(angle) for part in (1.0 - share, share))
        from_q *= sign
    x, y, z, w = (a * from_p + b * from_q for a, b in zip(p, q, strict=True))
    return Pose(moved, _unit((x, y, z, w)))


def _unit(q: Quaternion) -> Quaternion:
    x, y, z, w = q
    norm = math.sqrt(x * x + y * y + z * z + w * w)
    return (x / norm, y / norm, z / norm, w / norm)


def _product(known: dict[str, Pose], chain: list[str]) -> Pose:
    """Of the transforms of a chain that begins below and goes up: `top_from_first`."""
    pose = Pose()
    for child in chain:
        pose = known[child] @ pose
    return pose
