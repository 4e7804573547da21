# SPDX-License-Identifier: Apache-2.0
"""AI2-THOR floor plans and EB-ALFRED episodes as worlds.

Neighbours: embodied_bench.py reads and checks the files, world.py is what comes out.
Rules of the file:
- files speak Unity (left-handed, y up, yaw clockwise from +z, degrees), worlds speak REP-103; from_unity is the border;
- canonical order: fixed things as the floor plan lists them, then objects by id; instance numbers depend on it;
- nothing is random, and everything with a door starts closed, but a Box starts open: the suite's own solutions put
  things into boxes without opening them;
- extents are our own estimates in metres, corrected by where objects were observed to stand; only pictures depend
  on them, the skills go to `anchor_m`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from memory.geometry import Vector
from sim.benchmark import EYE_M
from sim.errors import EpisodeNotLoaded
from sim.world import Cell, Floor, Robot, Room, Thing, World, map_named

FIXED_TOGGLES = frozenset({"Faucet", "DeskLamp", "FloorLamp", "Microwave"})


@dataclass(frozen=True, slots=True)
class Affordances:
    """What classes can do: receptacle -> accepted classes, and the classes with a door, a blade's use, a switch."""

    accepts: Mapping[str, frozenset[str]]
    movable_receptacles: frozenset[str]
    openable: frozenset[str]
    sliceable: frozenset[str]
    toggleable: frozenset[str]


@dataclass(frozen=True, slots=True)
class Placement:
    """One loose object of an episode; position in Unity's frame."""

    id: str
    label: str
    position_m: Vector
    parent: str | None


@dataclass(frozen=True, slots=True)
class Setup:
    """How an episode starts. Angles as the file has them, degrees.

    Attributes:
        lamps_on: Classes of lamps that are on at the start.
    """

    scene: str
    position_m: Vector
    yaw_deg: float
    horizon_deg: float
    placements: tuple[Placement, ...]
    lamps_on: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Shape:
    """Estimate of a class of furniture: extents across and along the view and upwards, and what `pos` marks.

    stands: the box reaches the floor, and objects lie on its top. bottom: pos is the middle of its underside.
    front: pos is on its front, a handle or a hinge. top: pos is on its upper side. centre: pos is its centre.
    """

    across_m: float
    along_m: float
    height_m: float
    marks: str = "centre"


_FURNITURE: Mapping[str, _Shape] = {
    "ArmChair": _Shape(0.8, 0.8, 0.45, "stands"),
    "BathtubBasin": _Shape(1.4, 0.6, 0.4, "bottom"),
    "Bed": _Shape(1.6, 2.0, 0.55, "stands"),
    "Cabinet": _Shape(0.5, 0.5, 0.6, "front"),
    "Cart": _Shape(0.5, 0.4, 0.8, "stands"),
    "CoffeeMachine": _Shape(0.25, 0.3, 0.3, "bottom"),
    "CoffeeTable": _Shape(0.9, 0.6, 0.45, "stands"),
    "CounterTop": _Shape(0.9, 0.6, 0.92, "stands"),
    "Desk": _Shape(1.3, 0.6, 0.73, "stands"),
    "DeskLamp": _Shape(0.2, 0.2, 0.4, "bottom"),
    "DiningTable": _Shape(1.2, 0.8, 0.75, "stands"),
    "Drawer": _Shape(0.4, 0.4, 0.2, "front"),
    "Dresser": _Shape(1.2, 0.45, 0.8, "stands"),
    "Faucet": _Shape(0.1, 0.15, 0.2, "centre"),
    "FloorLamp": _Shape(0.35, 0.35, 1.6, "bottom"),
    "Fridge": _Shape(0.8, 0.7, 1.7, "bottom"),
    "GarbageCan": _Shape(0.3, 0.35, 0.5, "bottom"),
    "HandTowelHolder": _Shape(0.3, 0.08, 0.08, "centre"),
    "Microwave": _Shape(0.5, 0.4, 0.3, "bottom"),
    "Ottoman": _Shape(0.6, 0.5, 0.4, "stands"),
    "Safe": _Shape(0.4, 0.4, 0.45, "bottom"),
    "Shelf": _Shape(0.7, 0.3, 0.03, "top"),
    "SideTable": _Shape(0.5, 0.45, 0.7, "stands"),
    "SinkBasin": _Shape(0.5, 0.4, 0.18, "bottom"),
    "Sofa": _Shape(1.8, 0.8, 0.45, "stands"),
    "StoveBurner": _Shape(0.2, 0.2, 0.02, "top"),
    "Toilet": _Shape(0.4, 0.6, 1.0, "stands"),
    "ToiletPaperHanger": _Shape(0.15, 0.1, 0.1, "centre"),
    "TowelHolder": _Shape(0.6, 0.08, 0.08, "centre"),
    "TVStand": _Shape(1.4, 0.45, 0.5, "stands"),
}
_ANY_FURNITURE = _Shape(0.5, 0.4, 0.4, "bottom")

_OBJECT_SIZE_M: Mapping[str, Vector] = {
    "AlarmClock": (0.12, 0.08, 0.12), "BaseballBat": (0.08, 0.75, 0.08), "BasketBall": (0.24, 0.24, 0.24),
    "Boots": (0.28, 0.28, 0.3), "Book": (0.2, 0.25, 0.04), "Bowl": (0.18, 0.18, 0.08), "Box": (0.35, 0.3, 0.22),
    "Bread": (0.26, 0.13, 0.13), "ButterKnife": (0.03, 0.22, 0.02), "CD": (0.12, 0.12, 0.01),
    "Candle": (0.07, 0.07, 0.14), "CellPhone": (0.08, 0.15, 0.01), "Cloth": (0.2, 0.2, 0.03),
    "CreditCard": (0.09, 0.05, 0.01), "DishSponge": (0.11, 0.07, 0.03), "Egg": (0.05, 0.05, 0.06),
    "Fork": (0.03, 0.2, 0.02), "Glassbottle": (0.07, 0.07, 0.24), "HandTowel": (0.3, 0.05, 0.4),
    "Kettle": (0.2, 0.2, 0.2), "KeyChain": (0.08, 0.06, 0.02), "Knife": (0.04, 0.3, 0.02),
    "Ladle": (0.09, 0.3, 0.08), "Laptop": (0.35, 0.25, 0.03), "Lettuce": (0.18, 0.18, 0.17),
    "Newspaper": (0.3, 0.4, 0.02), "Pan": (0.28, 0.45, 0.06), "Pen": (0.14, 0.01, 0.01),
    "Pencil": (0.18, 0.01, 0.01), "Pillow": (0.45, 0.4, 0.15), "Plate": (0.24, 0.24, 0.02),
    "Plunger": (0.14, 0.14, 0.5), "Pot": (0.26, 0.35, 0.15), "RemoteControl": (0.05, 0.18, 0.02),
    "SaltShaker": (0.04, 0.04, 0.1), "PepperShaker": (0.04, 0.04, 0.1), "SoapBar": (0.1, 0.06, 0.03),
    "SoapBottle": (0.08, 0.08, 0.2), "Spatula": (0.08, 0.32, 0.03), "Spoon": (0.04, 0.17, 0.02),
    "SprayBottle": (0.09, 0.07, 0.24), "Statue": (0.15, 0.12, 0.28), "TeddyBear": (0.3, 0.25, 0.35),
    "TennisRacket": (0.28, 0.68, 0.04), "TissueBox": (0.23, 0.12, 0.1), "Towel": (0.6, 0.06, 0.8),
    "Vase": (0.15, 0.15, 0.28), "Watch": (0.05, 0.22, 0.02), "WateringCan": (0.3, 0.16, 0.25),
    "WineBottle": (0.08, 0.08, 0.31),
}  # fmt: skip
_ANY_OBJECT_M: Vector = (0.1, 0.1, 0.1)
_MARGIN_M = 0.1  # a surface goes on this far beyond the outermost centre seen on it
_SKIN_M = 0.01


def from_unity(position_m: Iterable[float]) -> Vector:
    """Unity (x right, y up, z forward) to REP-103 (x forward, y left, z up).

    >>> from_unity((1.0, 2.0, 3.0))
    (3.0, -1.0, 2.0)
    """
    x, y, z = position_m
    return (float(z), -float(x), float(y))


def build_world(scene: Mapping[str, Any], setup: Setup, affordances: Affordances) -> World:
    """The world an episode starts in.

    Args:
        scene: One floor plan as scenes.json.gz has it.

    Raises:
        EpisodeNotLoaded: an object is said to be in something the floor plan does not have, or an id comes twice.
    """
    cells = frozenset(_cell(x, z, float(scene["grid"])) for x, z in scene["reachable"])
    floor = Floor(cells, float(scene["grid"]))
    room = str(scene["room"])
    things: dict[str, Thing] = {}
    for entry in scene["static"]:
        _add(things, _fixed(entry, floor, room, affordances, setup.lamps_on))
    for placement in sorted(setup.placements, key=lambda p: p.id):
        _add(things, _object(placement, room, affordances))
    _check_parents(things)
    x_m, y_m, _ = from_unity(setup.position_m)
    robot = Robot(x_m, y_m, -math.radians(setup.yaw_deg), math.radians(setup.horizon_deg), EYE_M)
    return World(
        map_named(setup.scene), things, floor, robot, dict(affordances.accepts), (_room(room, floor, (x_m, y_m)),)
    )


def _cell(x: float, z: float, grid_m: float) -> Cell:
    return (round(z / grid_m), round(-x / grid_m))


def _add(things: dict[str, Thing], thing: Thing) -> None:
    if thing.id in things:
        raise EpisodeNotLoaded(f"id {thing.id!r} comes twice")
    things[thing.id] = thing


def _check_parents(things: Mapping[str, Thing]) -> None:
    for thing in things.values():
        if thing.parent is None:
            continue
        parent = things.get(thing.parent)
        if parent is None or not parent.receptacle or parent is thing:
            raise EpisodeNotLoaded(f"{thing.id!r} is in {thing.parent!r}, which is no receptacle of this scene")


def _room(name: str, floor: Floor, start_m: tuple[float, float]) -> Room:
    xs, ys = zip(*map(floor.centre, floor.cells), strict=True) if floor.cells else ((start_m[0],), (start_m[1],))
    half = floor.resolution_m / 2
    return Room(name, (min(xs) - half, min(ys) - half, max(xs) + half, max(ys) + half), start_m)


def _object(placement: Placement, room: str, affordances: Affordances) -> Thing:
    size_m = _OBJECT_SIZE_M.get(placement.label, _ANY_OBJECT_M)
    x, y, z = from_unity(placement.position_m)
    return Thing(
        placement.id,
        placement.label,
        (x, y, z + size_m[2] / 2),
        size_m,
        parent=placement.parent,
        pickupable=True,
        receptacle=placement.label in affordances.movable_receptacles,
        openable=placement.label in affordances.openable,
        is_open=placement.label in affordances.openable & affordances.movable_receptacles,
        sliceable=placement.label in affordances.sliceable,
        room=room,
    )


def _fixed(entry: Mapping[str, Any], floor: Floor, room: str, affordances: Affordances, on: frozenset[str]) -> Thing:
    label = str(entry["type"])
    anchor_m = from_unity(entry["pos"])
    yaw_rad = -math.radians(entry["view"][2]) if "view" in entry else None
    position_m, size_m = _box(_FURNITURE.get(label, _ANY_FURNITURE), anchor_m, yaw_rad, entry.get("surface"), floor)
    return Thing(
        str(entry["id"]),
        label,
        position_m,
        size_m,
        receptacle=entry["kind"] == "receptacle",
        openable=label in affordances.openable,
        toggleable=label in affordances.toggleable | FIXED_TOGGLES,
        is_on=label in on,
        room=room,
        anchor_m=anchor_m,
        front_yaw_rad=yaw_rad if label in ("Fridge", "Microwave") else None,
    )


def _box(
    shape: _Shape, anchor_m: Vector, yaw_rad: float | None, surface: Mapping[str, Any] | None, floor: Floor
) -> tuple[Vector, Vector]:
    """Centre and extents: the estimate for the class, stretched over what was seen to stand on or in it."""
    heading = round((yaw_rad or 0.0) / (math.pi / 2)) * (math.pi / 2)
    along_x = abs(math.cos(heading)) > 0.5
    length, width = (shape.along_m, shape.across_m) if along_x else (shape.across_m, shape.along_m)
    x, y, z = anchor_m
    if shape.marks == "front":
        x, y = x + math.cos(heading) * shape.along_m / 2, y + math.sin(heading) * shape.along_m / 2
    support_m: float | None = None
    if surface is not None:
        support_m = float(surface["y"])
        seen_x, seen_y = _span(surface["z"]), _span((-surface["x"][1], -surface["x"][0]))
        if shape.marks in ("stands", "top"):  # a table top is what was used of it
            seen = ((seen_x[0], seen_x[1] + 2 * _MARGIN_M), (seen_y[0], seen_y[1] + 2 * _MARGIN_M))
            if not _covers_floor(seen, floor):  # the span of an L-shaped counter takes in free floor
                (x, length), (y, width) = seen
    bottom_m, height_m = _upright(shape, z, support_m)
    return (x, y, bottom_m + height_m / 2), (length, width, height_m)


def _upright(shape: _Shape, pos_z_m: float, support_m: float | None) -> tuple[float, float]:
    """Underside and height of the box."""
    if shape.marks == "stands":
        top_m = support_m if support_m is not None else max(pos_z_m, shape.height_m)
        return 0.0, max(top_m, 0.1)
    if shape.marks == "top":
        return (support_m if support_m is not None else pos_z_m) - shape.height_m, shape.height_m
    if support_m is not None:  # a hollow thing: objects stand on its inner floor
        bottom_m = min(support_m - _SKIN_M, pos_z_m)
        return bottom_m, max(shape.height_m, support_m - bottom_m + shape.height_m / 2)
    return (pos_z_m if shape.marks == "bottom" else pos_z_m - shape.height_m / 2), shape.height_m


def _span(ends_m: Iterable[float]) -> tuple[float, float]:
    """Middle and length of an interval."""
    low, high = ends_m
    return (low + high) / 2, high - low


def _covers_floor(box: tuple[tuple[float, float], tuple[float, float]], floor: Floor) -> bool:
    (x, length), (y, width) = box
    reach = ((abs(cx - x), abs(cy - y)) for cx, cy in map(floor.centre, floor.cells))
    return any(dx < length / 2 - _MARGIN_M and dy < width / 2 - _MARGIN_M for dx, dy in reach)
