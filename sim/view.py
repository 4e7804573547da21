# SPDX-License-Identifier: Apache-2.0
"""What a camera sees of a World: boxes, not pixels.

Neighbours: world.py is what is looked at, embodied.py and the judge ask `visible`, environment.py sends `detections`
to a brain.
Rules of the file:
- a thing is seen through sample points: its centre if it is small, centre and eight corners if it is furniture; one
  point in the pyramid and range, with a clear ray to the lens, suffices; a centre behind the lens is never reported;
- walls hide, and so do fixed things of at least HIDING_M in every extent; thin boards and loose things hide nothing;
- a thing never hides itself, nor what rests in or on it: receptacles are open in front, or at the top, and whatever
  contains the sample point is one of them. What lies in something closed is not seen at all, however deep;
- what the hand holds is not seen, nor what lies in it. Nothing that leaves this file carries an id.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.geometry import Pose, Vector
from memory.records import Camera, Detection
from sim.world import Thing, World

Points = NDArray[np.float64]
Mask = NDArray[np.bool_]

HIDING_M = 0.3  # a fixed thing this large in every extent hides what is behind it
FURNITURE_M = 0.4  # above this extent the corners are looked at too
TOUCH_M = 0.02  # a point this close to a box counts as in it
_CORNERS = np.array([(x, y, z) for x in (-0.45, 0.45) for y in (-0.45, 0.45) for z in (-0.45, 0.45)])
_DEFAULT_CAMERA = Camera()


def detections(world: World, camera: Camera) -> tuple[Detection, ...]:
    """Everything in view, in the world's order, as a perfect detector would report it.

    Positions are box centres in camera.frame_id (x right, y down, z forward).
    """
    things = [t for t in world.things.values() if not _hidden(world, t)]
    if not things:
        return ()
    optical_from_map = _optical_from_map(world)
    seen = _seen(world, things, camera, optical_from_map)
    return tuple(
        Detection(t.label, optical_from_map.transform(t.position_m), t.size_m, 1.0, visible_states(t))
        for t, in_view in zip(things, seen, strict=True)
        if in_view
    )


def visible(world: World, thing: Thing, camera: Camera = _DEFAULT_CAMERA) -> bool:
    """Does the robot see this thing from where it stands and looks?"""
    return not _hidden(world, thing) and bool(_seen(world, [thing], camera, _optical_from_map(world))[0])


def visible_states(thing: Thing) -> tuple[str, ...]:
    """The states a glance can tell: of a door open or closed, of a switch on or off."""
    door = ("open" if thing.is_open else "closed",) if thing.openable else ()
    switch = ("on" if thing.is_on else "off",) if thing.toggleable else ()
    return door + switch


def line_of_sight(world: World, eye_m: Vector, position_m: Vector, thing: Thing | None = None) -> bool:
    """Is some sample point of the thing (or the bare position) free to the eye, whatever the eye is turned to?"""
    if thing is None:
        return not _blocked(world, np.array(eye_m), np.array([position_m]), [frozenset()])[0]
    points, _ = _samples([thing])
    return bool(np.any(~_blocked(world, np.array(eye_m), points, [_chain(world, thing)] * len(points))))


def _optical_from_map(world: World) -> Pose:
    return (world.robot.map_from_base @ world.robot.base_from_camera).inverse()


def _hidden(world: World, thing: Thing) -> bool:
    """In a closed container, or in the hand, however deep."""
    held = world.robot.holding
    if held is None and thing.parent is None:
        return False
    return world.closed_container(thing) is not None or (held is not None and held in _chain(world, thing))


def _chain(world: World, thing: Thing) -> frozenset[str]:
    """The thing and whatever it rests in or on, up to the floor."""
    chain = {thing.id}
    parent = thing.parent
    while parent is not None and parent not in chain and parent in world.things:
        chain.add(parent)
        parent = world.things[parent].parent
    return frozenset(chain)


def _seen(world: World, things: Sequence[Thing], camera: Camera, optical_from_map: Pose) -> Mask:
    """bool [N], which of the things have a sample point in view."""
    points, owner = _samples(things)
    in_view = _in_pyramid(points, camera, optical_from_map)
    in_view &= _in_front(points[: len(things)], optical_from_map)[owner]
    seen = np.zeros(len(things), dtype=bool)
    if in_view.any():
        eye = np.array(optical_from_map.inverse().position_m)
        candidates: list[int] = owner[in_view].tolist()
        chains = {n: _chain(world, things[n]) for n in candidates}
        free = ~_blocked(world, eye, points[in_view], [chains[n] for n in candidates])
        seen[owner[in_view][free]] = True
    return seen


def _samples(things: Sequence[Thing]) -> tuple[Points, NDArray[np.int64]]:
    """Points [M, 3] in the map, all centres first, and which thing each belongs to, [M]."""
    centres = np.array([t.position_m for t in things], dtype=float)  # [N, 3]
    sizes = np.array([t.size_m for t in things], dtype=float)
    large = np.flatnonzero(sizes.max(axis=1) >= FURNITURE_M)
    corners = centres[large, None] + _CORNERS * sizes[large, None]  # [L, 8, 3]
    owner = np.concatenate([np.arange(len(things)), np.repeat(large, len(_CORNERS))])
    return np.concatenate([centres, corners.reshape(-1, 3)]), owner


def _in_front(centres: Points, optical_from_map: Pose) -> Mask:
    forward = _rotation(optical_from_map)[2]
    return np.asarray(centres @ forward + optical_from_map.position_m[2] > 0.0)


def _in_pyramid(points: Points, camera: Camera, optical_from_map: Pose) -> Mask:
    local = points @ _rotation(optical_from_map).T + np.array(optical_from_map.position_m)  # [M, 3]
    right, down, forward = local[:, 0], local[:, 1], local[:, 2]
    inside: Mask = forward > 0.0
    inside &= np.abs(right) <= forward * math.tan(camera.horizontal_fov_rad / 2)
    inside &= np.abs(down) <= forward * math.tan(camera.vertical_fov_rad / 2)
    inside &= np.einsum("md,md->m", local, local) <= camera.range_m**2
    return inside


def _rotation(pose: Pose) -> Points:
    """float64 [3, 3], the pose's turn as a matrix."""
    x, y, z, w = pose.orientation_xyzw
    return np.array(
        [
            (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
            (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
            (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
        ]
    )


def _blocked(world: World, eye: Points, points: Points, chains: Sequence[frozenset[str]]) -> Mask:
    """bool [M], whether a box stands between the eye and each point; chains name what never hides that point.

    Source: the slab method, Kay and Kajiya, SIGGRAPH 1986, for all points and boxes at once.
    """
    walls, fixed = _wall_boxes(world.walls), [t for t in world.things.values() if _hides(t)]
    low, high = _stack(walls, fixed)  # [B, 3]
    if not len(low):
        return np.zeros(len(points), dtype=bool)
    step = points - eye  # [M, 3]
    step = np.where(np.abs(step) < 1e-12, 1e-12, step)[:, None, :]  # [M, 1, 3]
    first, last = (low - eye) / step, (high - eye) / step  # [M, B, 3]
    enter = np.minimum(first, last).max(axis=2)
    leave = np.maximum(first, last).min(axis=2)
    hit: Mask = np.asarray((enter <= leave) & (leave >= 0.0) & (enter <= 1.0))  # [M, B]
    apart = np.maximum(low - points[:, None], points[:, None] - high).max(axis=2)  # [M, B], > 0 outside the box
    first_fixed = len(walls[0])
    hit[:, first_fixed:] &= apart[:, first_fixed:] > TOUCH_M
    for row, column in np.argwhere(hit[:, first_fixed:]).tolist():
        hit[row, first_fixed + column] = fixed[column].id not in chains[row]
    return np.asarray(hit.any(axis=1))


def _hides(thing: Thing) -> bool:
    return not thing.pickupable and min(thing.size_m) >= HIDING_M


@lru_cache(maxsize=64)
def _wall_boxes(walls: tuple[tuple[Vector, Vector], ...]) -> tuple[Points, Points]:
    return _corners([c for c, _ in walls], [s for _, s in walls])


def _stack(walls: tuple[Points, Points], fixed: Sequence[Thing]) -> tuple[Points, Points]:
    low, high = _corners([t.position_m for t in fixed], [t.size_m for t in fixed])
    return np.concatenate([walls[0], low]), np.concatenate([walls[1], high])


def _corners(centres: Sequence[Vector], sizes: Sequence[Vector]) -> tuple[Points, Points]:
    centre: Any = np.array(centres, dtype=float).reshape(-1, 3)
    half: Any = np.array(sizes, dtype=float).reshape(-1, 3) / 2
    return centre - half, centre + half
