# SPDX-License-Identifier: Apache-2.0
"""What the robot's camera would picture, were the world made of boxes: colour and depth by ray casting in numpy.

Neighbours: view.py says which things a detector would report; ros/sensors.py publishes these pictures. A camera that
casts rays at meshes (embreex) is another, later file, render.py.
Rules of the file:
- a thing in something closed is not pictured, however deep, nor what the hand holds, nor what lies in that;
- a box hides what is behind it, except what rests in or on it: receptacles are open, as in view.py;
- a box around the lens is not pictured; the floor is the plane z = 0 and has no end;
- pixel (row v, column u) has its centre at (u, v), as in ROS: column 0 lies half a pixel inside the left edge;
- the same world gives the same bytes.
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from memory.geometry import Pose
from memory.records import Camera
from sim.world import Thing, World

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

TILE = 1024  # rays at a time: the arrays of a tile stay in the cache
WALL, FLOOR = "Wall", "Floor"
NOTHING_RGB = (0, 0, 0)
_LIGHT = np.array((0.36, 0.48, 0.8))  # unit vector of the map towards the light: no two faces of a box look alike
_EDGE_M = 1e-9  # never divide by less


def intrinsics(camera: Camera, width_px: int, height_px: int) -> tuple[float, float, float, float]:
    """Focal lengths and principal point of the picture, (fx, fy, cx, cy) in pixels.

    Pixels are square; where the two angles and the shape of the picture disagree, the whole pyramid of the camera is
    pictured, and more than that along one axis.

    Raises:
        ValueError: no pixels, or an angle that no pinhole has.

    >>> tuple(round(v, 2) for v in intrinsics(Camera(), 64, 64))
    (32.0, 32.0, 31.5, 31.5)
    """
    if min(width_px, height_px) < 1:
        raise ValueError(f"a picture of {width_px} x {height_px} pixels")
    angles_rad = (camera.horizontal_fov_rad, camera.vertical_fov_rad)
    if not all(0.0 < angle < math.pi for angle in angles_rad):
        raise ValueError(f"camera {camera.frame_id!r}: angles of view {angles_rad} rad are not those of a pinhole")
    focal_px = min(n / 2 / math.tan(a / 2) for n, a in zip((width_px, height_px), angles_rad, strict=True))
    return (focal_px, focal_px, (width_px - 1) / 2, (height_px - 1) / 2)


def picture(
    world: World, camera: Camera, width_px: int, height_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """One exposure from where the robot stands and looks.

    Args:
        camera: Its angles; beyond its range_m there is colour but no depth.

    Returns:
        rgb_nhwc: uint8 [H, W, 3], flat shading, one colour per label.
        depth_m: float32 [H, W], metres along the optical axis, 0 = no reading.
    """
    map_from_camera = world.robot.map_from_base @ world.robot.base_from_camera
    eye, axes = np.array(map_from_camera.position_m), _axes(map_from_camera)
    optical = _rays(intrinsics(camera, width_px, height_px), width_px, height_px)  # [R, 3], forward = 1
    rays = optical @ axes.T  # [R, 3] in the map; a ray's parameter is its depth
    boxes = _Boxes(world, eye, optical, axes)
    tiles = [boxes.first_hit(rays[n : n + TILE]) for n in range(0, len(rays), TILE)]
    depth, surface, axis = (np.concatenate(part) for part in zip(*tiles, strict=True))  # [R] each

    lit = surface >= 0
    normals = np.zeros_like(rays)
    rows = np.flatnonzero(lit)
    normals[rows, axis[rows]] = -np.sign(rays[rows, axis[rows]])
    shade = 0.35 + 0.65 * (0.5 + 0.5 * normals @ _LIGHT)  # Lambert's cosine, wrapped so that no face is black
    rgb = np.where(lit[:, None], boxes.colours[surface] * shade[:, None], NOTHING_RGB).astype(np.uint8)
    reads = lit & (depth * np.linalg.norm(optical, axis=1) <= camera.range_m)
    depth = np.where(reads, depth, 0.0).astype(np.float32)
    return rgb.reshape(height_px, width_px, 3), depth.reshape(height_px, width_px)


class _Boxes:
    """What there is to be hit: boxes in the pyramid of the picture, and the floor, which is the last surface."""

    def __init__(self, world: World, eye: Floats, optical: Floats, axes: Floats) -> None:
        things = [t for t in world.things.values() if _pictured(world, t)]
        boxes = [*world.walls, *((t.position_m, t.size_m) for t in things)]
        shape = np.array(boxes, dtype=float).reshape(-1, 2, 3)  # [B, (centre, size), xyz]
        low, high = shape[:, 0] - shape[:, 1] / 2 - eye, shape[:, 0] + shape[:, 1] / 2 - eye  # seen from the lens
        near = _in_pyramid(low, high, optical, axes) & ~((low < 0) & (high > 0)).all(axis=1)
        self.low, self.high = low[near], high[near]  # [B, 3]
        self.floor = -float(eye[2])
        kept = np.flatnonzero(near) - len(world.walls)
        self.things = [things[n] if n >= 0 else None for n in kept.tolist()]
        labels = [WALL if t is None else t.label for t in self.things] + [FLOOR]
        self.colours = np.array([_colour(label) for label in labels], dtype=float)
        self.holds = self._holders(world)  # [B, B], whether one rests in or on the other
        self.holders = np.asarray(self.holds.any(axis=1))

    def first_hit(self, rays: Floats) -> tuple[Floats, Indices, Indices]:
        """Depth, surface (-1 = nothing) and axis of the face met, of each ray, [R] each."""
        enter, axis = self._enter(rays)  # [R, B + 1]
        surface = enter.argmin(axis=1)
        self._look_into(enter, surface)
        every = np.arange(len(rays))
        depth = enter[every, surface]
        return depth, np.where(np.isfinite(depth), surface, -1), axis[every, surface]

    def _enter(self, rays: Floats) -> tuple[Floats, Indices]:
        """Where each ray enters each surface, inf where it does not, and through the face of which axis.

        Source: the slab method, Kay and Kajiya, SIGGRAPH 1986, for all rays of a tile and all boxes at once.
        """
        shape = (len(rays), len(self.low))
        enter, leave, axis = np.full(shape, -np.inf), np.full(shape, np.inf), np.zeros(shape, dtype=np.int64)
        for n in range(3):
            step = rays[:, n]
            inverse = 1.0 / np.where(np.abs(step) < _EDGE_M, _EDGE_M, step)[:, None]  # [R, 1]
            first, last = inverse * self.low[:, n], inverse * self.high[:, n]  # [R, B]
            nearer = np.minimum(first, last)
            np.minimum(leave, np.maximum(first, last, out=last), out=leave)
            axis[nearer > enter] = n
            np.maximum(enter, nearer, out=enter)
        enter[(enter > leave) | (enter <= 0.0)] = np.inf
        down = rays[:, 2:] < -_EDGE_M
        floor = np.where(down & (self.floor < 0), self.floor / np.where(down, rays[:, 2:], -1.0), np.inf)
        return np.hstack([enter, floor]), np.hstack([axis, np.full((len(rays), 1), 2)])

    def _look_into(self, enter: Floats, surface: Indices) -> None:
        """Go from a receptacle to what rests in or on it, where a ray meets that next."""
        looking = np.flatnonzero(np.append(self.holders, False)[surface])
        while len(looking):
            outer = surface[looking]
            behind = enter[looking]  # [L, B + 1], a copy
            behind[behind <= behind[np.arange(len(looking)), outer][:, None]] = np.inf
            inner = behind.argmin(axis=1)
            meets = np.isfinite(behind.min(axis=1)) & (inner < len(self.things))
            looking, outer, inner = looking[meets], outer[meets], inner[meets]
            rests = self.holds[outer, inner]
            looking = looking[rests]
            surface[looking] = inner[rests]
            looking = looking[self.holders[surface[looking]]]

    def _holders(self, world: World) -> NDArray[np.bool_]:
        place = {t.id: n for n, t in enumerate(self.things) if t is not None}
        holds = np.zeros((len(self.things), len(self.things)), dtype=bool)
        for n, thing in enumerate(self.things):
            for holder in world.holders(thing) if thing is not None else ():
                if holder.id in place:
                    holds[place[holder.id], n] = True
        return holds


def _pictured(world: World, thing: Thing) -> bool:
    held = world.robot.holding
    if thing.parent is None:
        return thing.id != held
    if held is not None and (thing.id == held or any(h.id == held for h in world.holders(thing))):
        return False
    return world.closed_container(thing) is None


def _rays(pinhole: tuple[float, float, float, float], width_px: int, height_px: int) -> Floats:
    """One ray per pixel, row by row, in the optical frame, float64 [H * W, 3] with forward = 1."""
    fx, fy, cx, cy = pinhole
    down, right = np.meshgrid((np.arange(height_px) - cy) / fy, (np.arange(width_px) - cx) / fx, indexing="ij")
    return np.stack([right, down, np.ones_like(right)], axis=-1).reshape(-1, 3)


def _in_pyramid(low: Floats, high: Floats, optical: Floats, axes: Floats) -> NDArray[np.bool_]:
    """bool [B], False for a box that lies wholly beyond one side of the picture, or behind it."""
    ends = np.stack([low, high])  # [2, B, 3]
    corners = np.stack([ends[[i, j, k], :, [0, 1, 2]].T for i in (0, 1) for j in (0, 1) for k in (0, 1)])  # [8, B, 3]
    local = corners @ axes  # in the optical frame
    right, down, forward = local[..., 0], local[..., 1], local[..., 2]
    width, height = np.abs(optical[:, :2]).max(axis=0) + _EDGE_M
    beyond = [right > width * forward, right < -width * forward, down > height * forward, down < -height * forward]
    apart = np.array([side.all(axis=0) for side in (*beyond, forward <= 0.0)])
    return np.asarray(~apart.any(axis=0))


def _axes(pose: Pose) -> Floats:
    """float64 [3, 3], the axes of the source frame as columns of the target frame."""
    turn = Pose((0.0, 0.0, 0.0), pose.orientation_xyzw)
    return np.array([turn.transform(axis) for axis in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))]).T


@lru_cache(maxsize=1024)
def _colour(label: str) -> tuple[int, int, int]:
    """Of a label, in every process: Python's own hash of a string is not the same twice."""
    r, g, b = (96 + value * 5 // 8 for value in hashlib.sha256(label.encode()).digest()[:3])
    return (r, g, b)
