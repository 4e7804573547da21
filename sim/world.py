# SPDX-License-Identifier: Apache-2.0
"""The state of a household: things, floor, robot. Plain data that the rules change and the judge reads.

Neighbours: household.py holds the rules, thor_scenes.py and homes.py build worlds, view.py looks at them,
scoring.py judges them. No brain ever holds one.
Rules of the file: metres in the map frame (x forward/east, y left/north, z up); things keep their canonical order.
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from memory.geometry import Pose, Vector, base_from_optical

Cell = tuple[int, int]


@dataclass(slots=True)
class Thing:
    """One thing of the world: furniture, appliance, fixture or object.

    Attributes:
        id: Unique in the world; never shown to a brain.
        label: Its class, such as "Mug".
        position_m: Centre of its box.
        size_m: Extents of its axis-aligned box.
        parent: Id of the thing it is in or on; None = on the floor, in the hand, or fixed.
        marks: What has become true of it: "clean", "hot", "cool" (may grow only), "dirty".
        whole_id: For a slice, the id of what it was cut from.
        anchor_m: Point a body drives to and measures from, where that is not the centre: a door's handle, say.
        front_yaw_rad: Heading of somebody who stands in front of its door; None = it can be used from anywhere.
    """

    id: str
    label: str
    position_m: Vector
    size_m: Vector = (0.1, 0.1, 0.1)
    parent: str | None = None
    pickupable: bool = False
    receptacle: bool = False
    openable: bool = False
    is_open: bool = False
    toggleable: bool = False
    is_on: bool = False
    sliceable: bool = False
    whole_id: str = ""
    room: str = ""
    marks: set[str] = field(default_factory=set)
    anchor_m: Vector | None = None
    front_yaw_rad: float | None = None

    @property
    def point_m(self) -> Vector:
        """Where a body goes to use it."""
        return self.anchor_m or self.position_m


@dataclass(slots=True)
class Floor:
    """Where the robot may stand: cells of a grid, and walks between them.

    Attributes:
        cells: Free cells (i, j); cell (i, j) has its centre at (i * resolution_m, j * resolution_m).
    """

    cells: frozenset[Cell]
    resolution_m: float = 0.25

    def cell_at(self, x_m: float, y_m: float) -> Cell:
        """Cell that holds the point."""
        return (round(x_m / self.resolution_m), round(y_m / self.resolution_m))

    def centre(self, cell: Cell) -> tuple[float, float]:
        """Centre of a cell, metres."""
        return (cell[0] * self.resolution_m, cell[1] * self.resolution_m)

    def nearest(self, x_m: float, y_m: float) -> Cell:
        """Free cell closest to the point; ties to the smaller cell."""
        return min(self.cells, key=lambda c: (math.dist(self.centre(c), (x_m, y_m)), c))

    def path(self, start: Cell, goal: Cell) -> tuple[Cell, ...]:
        """Shortest walk over free cells in four directions, both ends included; empty if there is none."""
        if start not in self.cells or goal not in self.cells:
            return ()
        came: dict[Cell, Cell] = {start: start}
        queue = deque([start])
        while queue and goal not in came:
            here = queue.popleft()
            for there in _neighbours(here):
                if there in self.cells and there not in came:
                    came[there] = here
                    queue.append(there)
        if goal not in came:
            return ()
        walk = [goal]
        while walk[-1] != start:
            walk.append(came[walk[-1]])
        return tuple(reversed(walk))


@dataclass(slots=True)
class Robot:
    """Where the robot stands, where it looks, what it holds.

    Attributes:
        facing: Id of the thing it was last brought in front of by a body that teleports; "" = by none.
    """

    x_m: float = 0.0
    y_m: float = 0.0
    yaw_rad: float = 0.0
    pitch_rad: float = 0.35  # camera tilt, positive = down
    camera_height_m: float = 1.5
    holding: str | None = None
    facing: str = ""

    @property
    def map_from_base(self) -> Pose:
        """Pose of the base in the map."""
        return Pose.planar(self.x_m, self.y_m, self.yaw_rad)

    @property
    def base_from_camera(self) -> Pose:
        """Mounting of the camera, as tilted now."""
        return base_from_optical(self.camera_height_m, self.pitch_rad)

    def face(self, point_m: Vector) -> None:
        """Turn and tilt so that the point is in the middle of the image."""
        ground_m = math.hypot(point_m[0] - self.x_m, point_m[1] - self.y_m)
        if ground_m > 1e-6:
            self.yaw_rad = math.atan2(point_m[1] - self.y_m, point_m[0] - self.x_m)
        self.pitch_rad = math.atan2(self.camera_height_m - point_m[2], max(ground_m, 1e-6))


@dataclass(frozen=True, slots=True)
class Room:
    """A named rectangle of the floor plan: (x_min, y_min, x_max, y_max) metres, and where a visitor stands."""

    name: str
    bounds_m: tuple[float, float, float, float]
    waypoint_m: tuple[float, float]


@dataclass(slots=True)
class World:
    """Everything that is true of one household now.

    Attributes:
        things: By id, in canonical order (fixed things first, then objects sorted by id).
        accepts: Receptacle label -> labels of what may be put in or on it.
        walls: Boxes (centre, size) that block sight; they are no things.
        ever: (mark, id) pairs that were ever true, for goals that count them: ("clean", "Mug|1").
        spots: Receptacle id -> points under things that rest there; empty where the builder gave none.
    """

    map_id: str
    things: dict[str, Thing]
    floor: Floor
    robot: Robot
    accepts: dict[str, frozenset[str]]
    rooms: tuple[Room, ...] = ()
    walls: tuple[tuple[Vector, Vector], ...] = ()
    ever: set[tuple[str, str]] = field(default_factory=set)
    map_revision: str = "0"
    spots: dict[str, tuple[Vector, ...]] = field(default_factory=dict)

    def contents(self, receptacle_id: str) -> Iterator[Thing]:
        """What lies directly in or on a receptacle."""
        return (t for t in self.things.values() if t.parent == receptacle_id)

    def closed_container(self, thing: Thing) -> Thing | None:
        """The closed thing that hides it, however deep; None if nothing does."""
        return next((h for h in self.holders(thing) if h.openable and not h.is_open), None)

    def all_contents(self, receptacle_id: str) -> list[Thing]:
        """What lies in or on a receptacle, however deep; each thing once, even if parents form a ring."""
        found: dict[str, Thing] = {}
        pending = [receptacle_id]
        while pending:
            holder = pending.pop()
            for thing in self.contents(holder):
                if thing.id not in found and thing.id != receptacle_id:
                    found[thing.id] = thing
                    pending.append(thing.id)
        return list(found.values())

    def holders(self, thing: Thing) -> Iterator[Thing]:
        """What it lies in or on, from the nearest outwards."""
        seen: set[str] = {thing.id}
        parent = thing.parent
        while parent is not None and parent in self.things and parent not in seen:
            seen.add(parent)
            holder = self.things[parent]
            yield holder
            parent = holder.parent

    def move(self, thing: Thing, position_m: Vector) -> None:
        """Put its centre elsewhere; what lies in or on it comes along. Who holds it does not change."""
        shift = tuple(a - b for a, b in zip(position_m, thing.position_m, strict=True))
        for moved in (thing, *self.all_contents(thing.id)):
            x, y, z = moved.position_m
            moved.position_m = (x + shift[0], y + shift[1], z + shift[2])

    def mark(self, thing: Thing, mark: str) -> None:
        """Something becomes clean, hot or cool; the pair is never forgotten."""
        thing.marks.add(mark)
        self.ever.add((mark, thing.id))


def map_named(secret: str) -> str:
    """The map_id of a world: the same for the same world, and of its suite, seed or scene it tells nothing.

    >>> map_named("home-7") == map_named("home-7") != map_named("home-8")
    True
    """
    return f"map-{hashlib.blake2s(secret.encode(), digest_size=4).hexdigest()}"


def _neighbours(cell: Cell) -> tuple[Cell, ...]:
    i, j = cell
    return ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1))
