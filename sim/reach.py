# SPDX-License-Identifier: Apache-2.0
"""Where to stand for something, what is in reach from there, and where things come to rest.

Neighbours: home_plan.py refuses furniture nobody could stand at, embodied.py walks to standing cells and puts
things down on spots, view.py says what a cell can see.
Rules of the file: reach is measured on the floor, from the robot's centre to the nearest edge of a box; a spot is the
point under a resting thing; no two things overlap.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache

from memory.geometry import Vector, in_box
from sim.view import line_of_sight
from sim.world import Cell, Floor, Thing, World

REACH_M = 1.3  # the arm's, from the robot's centre
LEAN_M = 1.5  # ... when the floor comes no nearer than STAND_M
STAND_M = 1.1  # where a walk to something ends, at the furthest
SPOT_M = 1.05  # spots further than this from their receptacle's standing cell are not used
PITCH_M = 0.2  # of the grid of spots
APART_M = 0.13  # a spot is at least so far from a smaller receptacle beside its own
PILE = 2  # what a plate, pot or box holds at once
LEVEL_M = 0.42  # between the boards of something tall and hollow


def gap_m(x_m: float, y_m: float, centre_m: Vector, size_m: Vector) -> float:
    """Horizontal distance from a point to the nearest edge of a box; 0 above or below it."""
    return math.hypot(
        max(0.0, abs(x_m - centre_m[0]) - size_m[0] / 2), max(0.0, abs(y_m - centre_m[1]) - size_m[1] / 2)
    )


def in_reach(world: World, thing: Thing) -> bool:
    """Can the robot touch it from where it stands? It leans over where there is no floor nearer to it."""
    away_m = gap_m(world.robot.x_m, world.robot.y_m, thing.position_m, thing.size_m)
    return away_m <= REACH_M or (away_m <= LEAN_M and not _cells_around(world.floor, thing.position_m, thing.size_m))


def standing_cell(world: World, position_m: Vector, thing: Thing | None = None, home: int | None = None) -> Cell | None:
    """The free cell to stand on for a thing, or for a bare position: the nearest that sees it, else the nearest.

    Args:
        home: Component of the floor that counts, as `components` numbers them; None = any.

    Returns:
        None if no free cell is within STAND_M of it.
    """
    size_m = thing.size_m if thing is not None else (0.0, 0.0, 0.0)
    part = components(world.floor.cells)
    near = [c for c in _cells_around(world.floor, position_m, size_m) if home is None or part[c] == home]
    near.sort(key=lambda c: (round(math.dist(world.floor.centre(c), position_m[:2]), 6), c))
    for cell in near:
        if line_of_sight(world, (*world.floor.centre(cell), world.robot.camera_height_m), position_m, thing):
            return cell
    return near[0] if near else None


@lru_cache(maxsize=64)
def components(cells: frozenset[Cell]) -> dict[Cell, int]:
    """Which connected part of the floor each cell belongs to, numbered by smallest cell."""
    part: dict[Cell, int] = {}
    for number, seed in enumerate(sorted(cells)):
        queue = deque([seed] if seed not in part else [])
        while queue:
            i, j = queue.popleft()
            if (i, j) in cells and (i, j) not in part:
                part[i, j] = number
                queue.extend(((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)))
    return part


def nearest_cell(floor: Floor, position_m: Vector, home: int) -> Cell:
    """The cell of this component nearest to a position; ties to the smaller cell."""
    part = components(floor.cells)
    mine = (c for c in floor.cells if part[c] == home)
    return min(mine, key=lambda c: (math.dist(floor.centre(c), position_m[:2]), c))


def spots(world: World, receptacle: Thing, hollow: bool) -> tuple[Vector, ...]:
    """Where things may rest in or on furniture: a grid, less what the one who stands there cannot see or reach."""
    cell = standing_cell(world, receptacle.position_m, receptacle)
    if cell is None:
        return ()
    x_m, y_m = world.floor.centre(cell)
    eye = (x_m, y_m, world.robot.camera_height_m)
    near = [s for s in _grid(receptacle, hollow) if math.dist(s[:2], (x_m, y_m)) <= SPOT_M]
    return tuple(s for s in near if line_of_sight(world, eye, *_as_probe(s, receptacle)))


def resting_place(world: World, thing: Thing, receptacle: Thing, candidates: Iterable[Vector]) -> Vector | None:
    """Centre of the thing on the first spot where it fits and touches nothing else; None if there is none."""
    others = [t for t in world.things.values() if _solid_to(world, thing, receptacle, t)]
    for x, y, z in candidates:
        centre = (
            _within(x, thing.size_m[0], receptacle, 0),
            _within(y, thing.size_m[1], receptacle, 1),
            z + thing.size_m[2] / 2,
        )
        if not any(_crowds(thing, centre, other) for other in others):
            return centre
    return None


def resting_spot(world: World, thing: Thing, receptacle: Thing) -> Vector | None:
    """Where it would come to rest if put there: as near the middle as is free; None if the receptacle is full."""
    x, y, _ = receptacle.position_m
    if receptacle.id in world.spots:
        nearest_first = sorted(world.spots[receptacle.id], key=lambda s: (math.dist(s[:2], (x, y)), s))
        return resting_place(world, thing, receptacle, nearest_first)
    pile = [t.position_m[2] + t.size_m[2] / 2 for t in world.contents(receptacle.id) if t is not thing]
    if len(pile) >= PILE:
        return None
    top_m = max([receptacle.position_m[2] + receptacle.size_m[2] / 2, *pile]) + 0.001
    return resting_place(world, thing, receptacle, [(x, y, top_m)])


def clear_spots(receptacle: Thing, candidates: Iterable[Vector], others: Iterable[Thing]) -> tuple[Vector, ...]:
    """Those spots of a receptacle that nobody would take for a smaller receptacle's next to it."""
    smaller = [t for t in others if t.receptacle and _volume(t) < _volume(receptacle)]
    return tuple(s for s in candidates if not any(in_box(s, t.position_m, t.size_m, APART_M) for t in smaller))


def _cells_around(floor: Floor, position_m: Vector, size_m: Vector) -> list[Cell]:
    ci, cj = floor.cell_at(position_m[0], position_m[1])
    wide, deep = (math.ceil((s / 2 + STAND_M) / floor.resolution_m) for s in size_m[:2])
    square = ((i, j) for i in range(ci - wide, ci + wide + 1) for j in range(cj - deep, cj + deep + 1))
    return [c for c in square if c in floor.cells and gap_m(*floor.centre(c), position_m, size_m) <= STAND_M]


def _grid(receptacle: Thing, hollow: bool) -> Iterator[Vector]:
    (x, y, z), (wide, deep, high) = receptacle.position_m, receptacle.size_m
    columns, rows = (max(1, int((s - 0.02) // PITCH_M)) for s in (wide, deep))
    if not hollow:
        levels = [z + high / 2]
    else:
        levels = [z - high / 2 + 0.03 + n * LEVEL_M for n in range(max(1, int(high // LEVEL_M)))]
    for level in levels:
        for i in range(columns):
            for j in range(rows):
                yield (x + ((i + 0.5) / columns - 0.5) * wide, y + ((j + 0.5) / rows - 0.5) * deep, level + 0.001)


def _as_probe(spot: Vector, receptacle: Thing) -> tuple[Vector, Thing]:
    """A small thing on the spot, to ask the eye about."""
    centre = (spot[0], spot[1], spot[2] + 0.03)
    return centre, Thing("", "", centre, (0.06, 0.06, 0.06), parent=receptacle.id)


def _volume(thing: Thing) -> float:
    return math.prod(thing.size_m)


def _within(at_m: float, size_m: float, receptacle: Thing, axis: int) -> float:
    """Shift the centre so that the thing does not stick out, where it can."""
    middle, slack = receptacle.position_m[axis], (receptacle.size_m[axis] - size_m) / 2
    return middle if slack <= 0 else min(max(at_m, middle - slack), middle + slack)


def _solid_to(world: World, thing: Thing, receptacle: Thing, other: Thing) -> bool:
    if other.id in (thing.id, receptacle.id, world.robot.holding):
        return False
    near_m = max(*thing.size_m[:2], *receptacle.size_m[:2]) + max(other.size_m[:2])
    return math.dist(other.position_m[:2], receptacle.position_m[:2]) <= near_m and thing not in world.holders(other)


def _crowds(thing: Thing, centre_m: Vector, other: Thing) -> bool:
    """Would they overlap, or one be taken to lie in the other?"""
    boxes = zip(centre_m, other.position_m, thing.size_m, other.size_m, strict=True)
    if all(abs(p - q) < (s + t) / 2 - 1e-6 for p, q, s, t in boxes):
        return True
    if thing.receptacle and other.pickupable and in_box(_underside(other), centre_m, thing.size_m, APART_M):
        return True
    return (
        other.receptacle
        and other.pickupable
        and in_box((*centre_m[:2], centre_m[2] - thing.size_m[2] / 2), other.position_m, other.size_m, APART_M)
    )


def _underside(thing: Thing) -> Vector:
    return (*thing.position_m[:2], thing.position_m[2] - thing.size_m[2] / 2)
