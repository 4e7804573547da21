# SPDX-License-Identifier: Apache-2.0
"""The empty home: rooms around a hallway or a living room, walls with doorways, furniture along the walls.

Neighbours: home_catalogue.py says what furniture there is, homes.py moves people's things in.
Rules of the file: everything on a 0.25 m grid, all chance from the given random.Random; furniture leaves doorways free
and every room in one piece; a plan that fails a rule is thrown away by `empty_home`, never repaired.
"""

from __future__ import annotations

import math
import random
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from memory.geometry import Vector
from sim.home_catalogue import ACCEPTS, FIXED, FURNISHING, GROUPS, Group, Piece
from sim.reach import clear_spots, spots, standing_cell
from sim.view import line_of_sight
from sim.world import Cell, Floor, Robot, Room, Thing, World

GRID_M = 0.25
WALL_M = 0.1
WALL_HEIGHT_M = 2.6
BODY_M = 0.15  # the robot's half width beyond which a cell is free
DOOR_M = 1.0
Rectangle = tuple[float, float, float, float]

_WIDTHS_M = {"bathroom": (2.5, 3.0), "bedroom": (3.75, 4.25), "kitchen": (4.0, 4.75), "living room": (4.75, 5.5)}
_STUDY_M = (3.0, 3.75)


@dataclass(slots=True)
class _Shell:
    """Rooms as rectangles, doorways as centres of gaps in walls."""

    rooms: dict[str, Rectangle]
    doors: list[tuple[float, float, bool]]  # x, y, whether the wall runs along x
    hub: str


@dataclass(slots=True)
class _RoomPlan:
    """One room while it is being furnished."""

    bounds: Rectangle
    cells: set[Cell]
    entrances: set[Cell]
    keep_clear: list[Rectangle]
    footprints: list[Rectangle] = field(default_factory=list)


def empty_home(seed: int, map_id: str) -> World:
    """A furnished home without objects; its spots are filled in. The robot stands in the hub."""
    for attempt in range(200):
        world = _attempt(random.Random(f"home-{seed}/{seed}/plan/{attempt}"), map_id)
        if world is not None:
            return world
    raise AssertionError(f"no floor plan for seed {seed} in 200 attempts")


def _attempt(rng: random.Random, map_id: str) -> World | None:
    shell = _draw_shell(rng)
    counts: Counter[str] = Counter()
    things: dict[str, Thing] = {}
    cells: set[Cell] = set()
    for name, bounds in shell.rooms.items():
        room = _RoomPlan(bounds, *_room_cells(shell, bounds), _door_zones(shell, bounds))
        if not _furnish(rng, name, room, counts, things):
            return None
        cells |= room.cells
    floor = Floor(frozenset(cells), GRID_M)
    rooms = tuple(Room(n, b, _waypoint(floor, b)) for n, b in shell.rooms.items())
    hub = next(r for r in rooms if r.name == shell.hub)
    robot = Robot(*hub.waypoint_m, camera_height_m=1.5)
    world = World(map_id, things, floor, robot, dict(ACCEPTS), rooms, tuple(_walls(shell)))
    world.spots = {
        t.id: clear_spots(t, spots(world, t, FIXED[t.label].hollow), things.values())
        for t in things.values()
        if t.receptacle
    }
    usable = all(world.spots.values()) and all(_standable(world, t) for t in things.values())
    return world if usable else None


# ---------------------------------------------------------------- shell


def _draw_shell(rng: random.Random) -> _Shell:
    extra = rng.choice(["study", "second bedroom", ""])
    names = ["kitchen", "bedroom", "bathroom"] + ([extra] if extra else [])
    hub = rng.choice(["hallway", "living room"])
    names += ["living room"] if hub == "hallway" else []
    rng.shuffle(names)
    split = len(names) // 2 if len(names) > 3 else 0
    rows = [row for row in (names[:split], names[split:]) if row]
    widths = [[_snap(rng.uniform(*_width(n))) for n in row] for row in rows]
    total = max(sum(row) for row in widths)
    for row in widths:
        row[-1] += total - sum(row)
    hub_depth = 1.75 if hub == "hallway" else _snap(rng.uniform(3.75, 4.25))
    return _lay_out(rng, rows, widths, hub, hub_depth)


def _lay_out(
    rng: random.Random, rows: list[list[str]], widths: list[list[float]], hub: str, hub_depth: float
) -> _Shell:
    rooms: dict[str, Rectangle] = {}
    doors: list[tuple[float, float, bool]] = []
    bottom = 0.0
    depth = _snap(rng.uniform(3.5, 4.0))
    if len(rows) == 2:
        _lay_row(rng, rows[0], widths[0], (0.0, depth), depth, rooms, doors)
        bottom = depth
    top = bottom + hub_depth
    rooms[hub] = (0.0, bottom, sum(widths[-1]), top)
    _lay_row(rng, rows[-1], widths[-1], (top, top + _snap(rng.uniform(3.5, 4.0))), top, rooms, doors)
    return _Shell(rooms, doors, hub)


def _lay_row(
    rng: random.Random,
    names: list[str],
    widths: list[float],
    y_m: tuple[float, float],
    door_y: float,
    rooms: dict[str, Rectangle],
    doors: list[tuple[float, float, bool]],
) -> None:
    left = 0.0
    for name, width in zip(names, widths, strict=True):
        rooms[name] = (left, y_m[0], left + width, y_m[1])
        doors.append((_snap(rng.uniform(left + 0.75, left + width - 0.75)), door_y, True))
        left += width
        if name in ("kitchen", "living room") and name != names[-1] and rng.random() < 0.5:
            doors.append((left, _snap(rng.uniform(y_m[0] + 1.0, y_m[1] - 1.0)), False))


def _width(name: str) -> tuple[float, float]:
    return _WIDTHS_M.get(name.removeprefix("second "), _STUDY_M)


def _snap(value_m: float) -> float:
    return round(value_m / GRID_M) * GRID_M


def _walls(shell: _Shell) -> Iterator[tuple[Vector, Vector]]:
    """Every edge of every room once, less the doorways."""
    edges = set()
    for x0, y0, x1, y1 in shell.rooms.values():
        edges |= {(x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)}
    for x0, y0, x1, y1 in sorted(edges):
        along_x = y0 == y1
        gaps = sorted(
            (x if along_x else y) for x, y, flat in shell.doors if flat == along_x and (y == y0 if along_x else x == x0)
        )
        start = x0 if along_x else y0
        for gap in [g for g in gaps if start < g < (x1 if along_x else y1)] + [math.inf]:
            end = min(gap - DOOR_M / 2, x1 if along_x else y1)
            if end - start > 0.01:
                yield _wall(x0, y0, start, end, along_x)
            start = gap + DOOR_M / 2


def _wall(x0: float, y0: float, start: float, end: float, along_x: bool) -> tuple[Vector, Vector]:
    middle, length = (start + end) / 2, end - start
    if along_x:
        return (middle, y0, WALL_HEIGHT_M / 2), (length, WALL_M, WALL_HEIGHT_M)
    return (x0, middle, WALL_HEIGHT_M / 2), (WALL_M, length, WALL_HEIGHT_M)


# ---------------------------------------------------------------- floor


def _room_cells(shell: _Shell, bounds: Rectangle) -> tuple[set[Cell], set[Cell]]:
    """Cells of the empty room with its thresholds, and the thresholds alone."""
    i0, j0, i1, j1 = (round(b / GRID_M) for b in bounds)
    cells = {(i, j) for i in range(i0 + 1, i1) for j in range(j0 + 1, j1)}
    thresholds = set()
    for x, y, along_x in _doors_of(shell, bounds):
        i, j = round(x / GRID_M), round(y / GRID_M)
        thresholds |= {(i + n, j) if along_x else (i, j + n) for n in (-1, 0, 1)}
    return cells | thresholds, thresholds


def _doors_of(shell: _Shell, bounds: Rectangle) -> list[tuple[float, float, bool]]:
    x0, y0, x1, y1 = bounds
    return [
        (x, y, flat)
        for x, y, flat in shell.doors
        if (flat and y in (y0, y1) and x0 < x < x1) or (not flat and x in (x0, x1) and y0 < y < y1)
    ]


def _door_zones(shell: _Shell, bounds: Rectangle) -> list[Rectangle]:
    return [
        (x - 0.5, y - 0.7, x + 0.5, y + 0.7) if flat else (x - 0.7, y - 0.5, x + 0.7, y + 0.5)
        for x, y, flat in _doors_of(shell, bounds)
    ]


def _waypoint(floor: Floor, bounds: Rectangle) -> tuple[float, float]:
    x0, y0, x1, y1 = bounds
    inside = [c for c in floor.cells if x0 < c[0] * GRID_M < x1 and y0 < c[1] * GRID_M < y1]
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    return floor.centre(min(inside, key=lambda c: (math.dist(floor.centre(c), middle), c)))


def _standable(world: World, thing: Thing) -> bool:
    cell = standing_cell(world, thing.position_m, thing)
    if cell is None:
        return False
    return line_of_sight(world, (*world.floor.centre(cell), world.robot.camera_height_m), thing.position_m, thing)


# ---------------------------------------------------------------- furniture


def _furnish(rng: random.Random, name: str, room: _RoomPlan, counts: Counter[str], things: dict[str, Thing]) -> bool:
    """Set up what the room must have, then what fits. False if something it must have does not fit."""
    needed, welcome = FURNISHING[name.removeprefix("second ")]
    for index, group_name in enumerate(needed + welcome):
        group = GROUPS[group_name]
        placed = _place(rng, room, group)
        if placed is None and index < len(needed):
            return False
        if placed is not None:
            for piece in group.pieces:
                thing = _thing(piece, placed, counts, name)
                things[thing.id] = thing
    return True


def _place(rng: random.Random, room: _RoomPlan, group: Group) -> tuple[float, float, int] | None:
    """Where the group's back edge has its middle and which way it faces (0 = along +y, then counter-clockwise)."""
    candidates = list(_free_spots(room, group) if group.freestanding else _wall_spots(room, group))
    rng.shuffle(candidates)
    for candidate in candidates:
        footprint = _footprint(candidate, group)
        if any(_meet(footprint, other) for other in (*room.keep_clear, *room.footprints)):
            continue
        left = _one_piece(room, footprint)
        if left is not None:
            room.cells = left
            room.footprints.append(footprint)
            return candidate
    return None


def _wall_spots(room: _RoomPlan, group: Group) -> Iterator[tuple[float, float, int]]:
    x0, y0, x1, y1 = room.bounds
    edge, half = WALL_M / 2 + 0.01, group.width_m / 2
    for x in _steps(x0 + edge + half, x1 - edge - half):
        yield (x, y0 + edge, 0)
        yield (x, y1 - edge, 2)
    for y in _steps(y0 + edge + half, y1 - edge - half):
        yield (x1 - edge, y, 1)
        yield (x0 + edge, y, 3)


def _free_spots(room: _RoomPlan, group: Group) -> Iterator[tuple[float, float, int]]:
    """Away from the walls, so that one can walk around it."""
    x0, y0, x1, y1 = room.bounds
    away = 0.9 + max(group.width_m, group.depth_m) / 2
    for x in _steps(x0 + away, x1 - away):
        for y in _steps(y0 + 0.9, y1 - 0.9 - group.depth_m):
            yield (x, y, 0)


def _steps(low: float, high: float) -> list[float]:
    """Positions a grid step apart, both ends among them: corners are the best places."""
    if high < low:
        return []
    return [low + n * GRID_M for n in range(int((high - low) / GRID_M) + 1)] + [high]


def _footprint(at: tuple[float, float, int], group: Group) -> Rectangle:
    a, b = _to_room(at, -group.width_m / 2, 0.0), _to_room(at, group.width_m / 2, group.depth_m)
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]))


def _to_room(at: tuple[float, float, int], u_m: float, v_m: float) -> tuple[float, float]:
    x, y, turn = at
    return ((x + u_m, y + v_m), (x - v_m, y + u_m), (x - u_m, y - v_m), (x + v_m, y - u_m))[turn]


def _meet(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _one_piece(room: _RoomPlan, footprint: Rectangle) -> set[Cell] | None:
    """The cells still reached from the doors with this footprint taken; None if a door or a piece is cut off."""
    left = {c for c in room.cells if not _under(c, footprint, BODY_M)}
    reached = _flood(left, next(iter(sorted(room.entrances))))
    if not room.entrances <= reached or len(reached) < 0.9 * len(left):
        return None
    fronts = (footprint, *room.footprints)
    return reached if all(any(_under(c, f, 0.45) for c in reached) for f in fronts) else None


def _under(cell: Cell, footprint: Rectangle, margin_m: float) -> bool:
    x, y = cell[0] * GRID_M, cell[1] * GRID_M
    x0, y0, x1, y1 = footprint
    return x0 - margin_m < x < x1 + margin_m and y0 - margin_m < y < y1 + margin_m


def _flood(cells: set[Cell], start: Cell) -> set[Cell]:
    reached, queue = {start}, deque([start])
    while queue:
        i, j = queue.popleft()
        for there in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
            if there in cells and there not in reached:
                reached.add(there)
                queue.append(there)
    return reached


def _thing(piece: Piece, at: tuple[float, float, int], counts: Counter[str], room: str) -> Thing:
    counts[piece.label] += 1
    kind = FIXED[piece.label]
    wide, deep, high = piece.size_m or kind.size_m
    x, y = _to_room(at, piece.u_m, piece.v_m)
    return Thing(
        id=f"{piece.label}|{counts[piece.label]}",
        label=piece.label,
        position_m=(round(x, 4), round(y, 4), round(piece.z_m + high / 2, 4)),
        size_m=(wide, deep, high) if at[2] % 2 == 0 else (deep, wide, high),
        receptacle="receptacle" in kind.can,
        openable="openable" in kind.can,
        toggleable="toggleable" in kind.can,
        room=room,
    )
