# SPDX-License-Identifier: Apache-2.0
"""Poses and frames, in plain Python.

Neighbours: records.py stores what is computed here; thalamus/ moves detections into the map with it.
Rules of the file: x forward, y left, z up (REP-103); quaternions are (x, y, z, w); optical frames are x right,
y down, z forward and end in ``_optical``; a transform is named ``target_from_source`` so that products read
by eye: ``map_from_base @ base_from_camera``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from memory.errors import RejectedInput

MAP = "map"
ODOM = "odom"
BASE = "base_link"
CAMERA_OPTICAL = "camera_optical"
FRAMES = frozenset({MAP, ODOM, BASE, CAMERA_OPTICAL})

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Pose:
    """A rigid transform ``target_from_source``; equally the pose of the source frame in the target frame.

    Attributes:
        position_m: Origin of the source frame, (x, y, z) in metres of the target frame.
        orientation_xyzw: Unit quaternion turning source axes into target axes.

    Raises:
        RejectedInput: a component is not finite, or the quaternion is not of unit length.

    >>> map_from_base = Pose.planar(1.0, 2.0, math.pi / 2)
    >>> tuple(round(v, 6) for v in map_from_base.transform((1.0, 0.0, 0.0)))
    (1.0, 3.0, 0.0)
    """

    position_m: Vector = (0.0, 0.0, 0.0)
    orientation_xyzw: Quaternion = (0.0, 0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.position_m, *self.orientation_xyzw))):
            raise RejectedInput(f"pose {self.position_m} {self.orientation_xyzw} is not finite")
        norm = math.sqrt(sum(v * v for v in self.orientation_xyzw))
        if abs(norm - 1.0) > 1e-3:
            raise RejectedInput(f"quaternion {self.orientation_xyzw} has length {norm:.4f}, not 1")

    @classmethod
    def planar(cls, x_m: float, y_m: float, yaw_rad: float, z_m: float = 0.0) -> Pose:
        """Pose on the floor: position and heading (0 along x, counter-clockwise positive)."""
        return cls((x_m, y_m, z_m), (0.0, 0.0, math.sin(yaw_rad / 2), math.cos(yaw_rad / 2)))

    @property
    def yaw_rad(self) -> float:
        """Heading about z in (-pi, pi]."""
        x, y, z, w = self.orientation_xyzw
        return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))

    def __matmul__(self, other: Pose) -> Pose:
        """``a_from_b @ b_from_c`` is ``a_from_c``."""
        return Pose(self.transform(other.position_m), _multiply(self.orientation_xyzw, other.orientation_xyzw))

    def inverse(self) -> Pose:
        """``source_from_target``."""
        x, y, z, w = self.orientation_xyzw
        back = (-x, -y, -z, w)
        px, py, pz = _rotate(back, self.position_m)
        return Pose((-px, -py, -pz), back)

    def transform(self, point_m: Vector) -> Vector:
        """A point of the source frame, expressed in the target frame."""
        px, py, pz = _rotate(self.orientation_xyzw, point_m)
        ox, oy, oz = self.position_m
        return (px + ox, py + oy, pz + oz)


def base_from_optical(height_m: float, pitch_rad: float = 0.0) -> Pose:
    """Mounting of a camera above the base: looks along base x, tilted down by pitch_rad (positive = down).

    >>> camera = base_from_optical(1.5)
    >>> tuple(round(v, 6) for v in camera.transform((0.0, 0.0, 2.0)))
    (2.0, 0.0, 1.5)
    """
    axes = (-0.5, 0.5, -0.5, 0.5)  # optical (right, down, forward) -> body (forward, left, up)
    tilt = (0.0, math.sin(pitch_rad / 2), 0.0, math.cos(pitch_rad / 2))
    return Pose((0.0, 0.0, height_m), _multiply(tilt, axes))


def distance_m(a: Vector, b: Vector) -> float:
    """Euclidean distance in metres."""
    return math.dist(a, b)


def planar_distance_m(a: Vector, b: Vector) -> float:
    """Distance on the floor, heights ignored."""
    return math.hypot(a[0] - b[0], a[1] - b[1])


def in_box(point_m: Vector, centre_m: Vector, size_m: Vector, margin_m: float = 0.0) -> bool:
    """Is the point inside the axis-aligned box (edges included), grown by margin_m on every side?"""
    return all(abs(p - c) <= s / 2 + margin_m for p, c, s in zip(point_m, centre_m, size_m, strict=True))


def segment_hits_box(start_m: Vector, end_m: Vector, centre_m: Vector, size_m: Vector) -> bool:
    """Does the straight segment pass through the axis-aligned box?

    Source: the slab method, Kay and Kajiya, SIGGRAPH 1986.

    >>> segment_hits_box((0, 0, 1), (4, 0, 1), (2, 0, 1), (1, 1, 1))
    True
    >>> segment_hits_box((0, 0, 3), (4, 0, 3), (2, 0, 1), (1, 1, 1))
    False
    """
    low, high = 0.0, 1.0
    for a, b, centre, size in zip(start_m, end_m, centre_m, size_m, strict=True):
        near, far, step = centre - size / 2, centre + size / 2, b - a
        if abs(step) < 1e-12:
            if not near <= a <= far:
                return False
            continue
        first, last = sorted(((near - a) / step, (far - a) / step))
        low, high = max(low, first), min(high, last)
        if low > high:
            return False
    return True


def finite(values: Iterable[float]) -> bool:
    """True if every value is a finite number."""
    return all(map(math.isfinite, values))


def _multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def _rotate(q: Quaternion, v: Vector) -> Vector:
    x, y, z, w = q
    vx, vy, vz = v
    tx, ty, tz = 2 * (y * vz - z * vy), 2 * (z * vx - x * vz), 2 * (x * vy - y * vx)
    return (vx + w * tx + y * tz - z * ty, vy + w * ty + z * tx - x * tz, vz + w * tz + x * ty - y * tx)
