# SPDX-License-Identifier: Apache-2.0
"""The places a robot is told of before it has seen anything: where to stand to look at each room.

Neighbours: embodied.py hands them out and walks there; Place records go into memory as a map server's would.
Rules of the file: every waypoint is a free cell of the robot's own part of the floor; nothing but rooms is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from memory.records import Place, Source
from sim.reach import components, nearest_cell
from sim.world import Cell, Room, World

ROOM = "room"
ROOM_SPAN_M = 5.5  # longer rooms have more than one place to look from
AREA_M2 = 8.0  # of floor for each waypoint where the rooms are not known
MOST_AREAS = 4
MAP_STAMP_NS = 1_767_225_600_000_000_000  # 2026-01-01: maps are older than any episode


def waypoints(world: World) -> tuple[Place, ...]:
    """Each room's waypoint, two or more for a long one; a few spread ones where the rooms are not known."""
    if not world.floor.cells:
        return ()
    home = components(world.floor.cells)[world.floor.nearest(world.robot.x_m, world.robot.y_m)]
    if len(world.rooms) >= 2:
        return tuple(place for room in world.rooms for place in _of_room(world, room, home))
    cells = _spread(world, home)
    return tuple(_place(world, f"area {n + 1}", "", world.floor.centre(c), (2.0, 2.0)) for n, c in enumerate(cells))


def _of_room(world: World, room: Room, home: int) -> Iterator[Place]:
    x0, y0, x1, y1 = room.bounds_m
    wide, deep = x1 - x0, y1 - y0
    parts = math.ceil(max(wide, deep) / ROOM_SPAN_M)
    if parts == 1:
        yield _place(world, room.name, "", room.waypoint_m, (wide, deep))
        return
    for n in range(parts):
        share = (n + 0.5) / parts
        middle = (x0 + share * wide, y0 + deep / 2) if wide >= deep else (x0 + wide / 2, y0 + share * deep)
        cell = nearest_cell(world.floor, (*middle, 0.0), home)
        size = (wide / parts, deep) if wide >= deep else (wide, deep / parts)
        yield _place(world, room.name, f" ({n + 1})" if n else "", world.floor.centre(cell), size)


def _spread(world: World, home: int) -> list[Cell]:
    """Cells far from each other that cover the floor: the middle one, then whatever is farthest from all so far."""
    part = components(world.floor.cells)
    cells = sorted(c for c in world.floor.cells if part[c] == home)
    floor_m2 = len(cells) * world.floor.resolution_m**2
    wanted = min(max(2, round(floor_m2 / AREA_M2)), MOST_AREAS, len(cells))
    centroid = (sum(c[0] for c in cells) / len(cells), sum(c[1] for c in cells) / len(cells))
    chosen = [min(cells, key=lambda c: (math.dist(c, centroid), c))]
    while len(chosen) < wanted:
        chosen.append(max(cells, key=lambda c: (min(math.dist(c, d) for d in chosen), c)))
    return chosen


def _place(world: World, name: str, suffix: str, at_m: tuple[float, float], size_m: tuple[float, float]) -> Place:
    return Place(
        id=f"{world.map_id}/{name}{suffix}",
        valid_from_ns=MAP_STAMP_NS,
        source=Source.TOLD,
        label=ROOM,
        name=name,
        position_m=(*at_m, 0.0),
        size_m=(*size_m, 2.5),
        map_id=world.map_id,
        map_revision=world.map_revision,
    )
