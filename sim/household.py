# SPDX-License-Identifier: Apache-2.0
"""The world's own rules: what a hand, a door, a switch and a knife do, and what follows from it.

Neighbours: world.py is the state; benchmark.py and embodied.py are the two front-ends, each with its own idea of
reach and its own words for failure; scoring.py judges the result.
Rules of the file:
- a primitive takes the world and things, changes the world, and answers "" or the reason why it refused;
- a refused primitive changes nothing;
- only physics is checked here: who can reach what is the front-end's business;
- what follows from a switch or a door is data (FOLLOWS), not code;
- a receptacle is never full: no source says how much each holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from memory.geometry import Vector
from sim.world import Thing, World

HAND_EMPTY = "the hand is empty"
HAND_FULL = "the hand is full"
NOT_PICKUPABLE = "it cannot be picked up"
HIDDEN = "it is inside something closed"
NOT_RECEPTACLE = "nothing can be put there"
CLOSED = "it is closed"
OPEN = "it is open"
NOT_ACCEPTED = "this does not go there"
INTO_ITSELF = "a thing cannot go into itself"
NOT_OPENABLE = "it has no door"
ALREADY_OPEN = "it is already open"
ALREADY_CLOSED = "it is already closed"
NOT_TOGGLEABLE = "it has no switch"
ALREADY_ON = "it is already on"
ALREADY_OFF = "it is already off"
NO_KNIFE = "no knife in the hand"
NOT_SLICEABLE = "it cannot be sliced"

KNIVES = frozenset({"Knife", "ButterKnife"})
BASINS = frozenset({"SinkBasin", "Sink"})
SLICED = "Sliced"
SLICES = 5  # a whole becomes this many
REACH_M = 1.5  # horizontal; EmbodiedBench's visibility limit
HALF_VIEW = math.tan(math.radians(30.0))  # AI2-THOR's image spans 60 degrees both ways

_HOLLOW = frozenset({"BathtubBasin", "Bathtub", "GarbageCan", "LaundryHamper", "Bowl", "Mug", "Cup", "Pot"}) | BASINS
_TALL_M = 0.6  # a hollow thing taller than this has a shelf half way up
_SPOTS = tuple(product((0.0, -0.28, 0.28, -0.14, 0.14), repeat=2))  # fractions of a receptacle's extents
_CORNERS = tuple(product((-0.5, 0.5), repeat=3))
_HAND_M = 0.4  # the hand is this far in front of the base
_HAND_HEIGHT_M = 1.0


@dataclass(frozen=True, slots=True)
class Follow:
    """A mark that a switch or a door leaves on things.

    Attributes:
        primitive: "turn_on" or "close".
        label: Class of the thing it is done to.
        mark: What the things become.
        basin: The things are those in the nearest sink basin, not those inside.
    """

    primitive: str
    label: str
    mark: str
    basin: bool = False


FOLLOWS = (
    Follow("turn_on", "Faucet", "clean", basin=True),
    Follow("turn_on", "Microwave", "hot"),
    Follow("close", "Fridge", "cool"),
)


def pick(world: World, thing: Thing) -> str:
    """Take a thing into the hand; what lies in it comes along."""
    if world.robot.holding is not None:
        return HAND_FULL
    if not thing.pickupable:
        return NOT_PICKUPABLE
    if world.closed_container(thing) is not None:
        return HIDDEN
    world.robot.holding, thing.parent = thing.id, None
    carry(world)
    return ""


def put(world: World, receptacle: Thing) -> str:
    """Put what the hand holds in or on a receptacle."""
    thing = held(world)
    if thing is None:
        return HAND_EMPTY
    if not receptacle.receptacle:
        return NOT_RECEPTACLE
    if receptacle is thing or _within(world, receptacle, thing):
        return INTO_ITSELF
    if receptacle.openable and not receptacle.is_open:
        return CLOSED
    if world.closed_container(receptacle) is not None:
        return HIDDEN
    if thing.label not in world.accepts.get(receptacle.label, frozenset()):
        return NOT_ACCEPTED
    world.move(thing, spot(world, receptacle, thing))
    world.robot.holding, thing.parent = None, receptacle.id
    return ""


def drop(world: World) -> str:
    """Let go: the thing falls on the floor in front of the robot."""
    thing = held(world)
    if thing is None:
        return HAND_EMPTY
    x_m, y_m = _front(world)
    if world.floor.cells:
        x_m, y_m = world.floor.centre(world.floor.nearest(x_m, y_m))
    world.move(thing, (x_m, y_m, thing.size_m[2] / 2))
    world.robot.holding, thing.parent = None, None
    return ""


def open_(world: World, thing: Thing) -> str:
    """Open a door, drawer or lid."""
    if not thing.openable:
        return NOT_OPENABLE
    if thing.is_open:
        return ALREADY_OPEN
    if world.closed_container(thing) is not None:
        return HIDDEN
    thing.is_open = True
    return ""


def close(world: World, thing: Thing) -> str:
    """Close a door, drawer or lid. What a fridge closes on becomes cool."""
    if not thing.openable:
        return NOT_OPENABLE
    if not thing.is_open:
        return ALREADY_CLOSED
    if world.closed_container(thing) is not None:
        return HIDDEN
    thing.is_open = False
    _follow(world, "close", thing, None)
    return ""


def turn_on(world: World, thing: Thing, basin: Thing | None = None) -> str:
    """Switch on. A faucet cleans what lies in the basin, by default the nearest; a microwave heats what it holds."""
    if not thing.toggleable:
        return NOT_TOGGLEABLE
    if thing.is_on:
        return ALREADY_ON
    if thing.openable and thing.is_open:
        return OPEN
    if world.closed_container(thing) is not None:
        return HIDDEN
    thing.is_on = True
    _follow(world, "turn_on", thing, basin)
    return ""


def turn_off(world: World, thing: Thing) -> str:
    """Switch off."""
    if not thing.toggleable:
        return NOT_TOGGLEABLE
    if not thing.is_on:
        return ALREADY_OFF
    if world.closed_container(thing) is not None:
        return HIDDEN
    thing.is_on = False
    return ""


def slice_(world: World, thing: Thing) -> str:
    """Cut a whole into slices that lie where it lay. They are new things: no mark of the whole passes to them."""
    tool = held(world)
    if tool is None or tool.label not in KNIVES:
        return NO_KNIFE
    if not thing.sliceable:
        return NOT_SLICEABLE
    if world.closed_container(thing) is not None:
        return HIDDEN
    del world.things[thing.id]
    label = thing.label + SLICED
    x, y, z = thing.position_m
    length, width, height = thing.size_m
    for number in range(1, SLICES + 1):
        id_ = f"{thing.id}|{label}_{number}"
        shift = ((number - 1) / (SLICES - 1) - 0.5) * length
        world.things[id_] = Thing(
            id_, label, (x + shift, y, z), (length / SLICES, width, height),
            parent=thing.parent, pickupable=True, whole_id=thing.id, room=thing.room,
        )  # fmt: skip
    return ""


# ---------------------------------------------------------------- what the front-ends and the judge also ask


def held(world: World) -> Thing | None:
    """The thing in the hand."""
    return world.things.get(world.robot.holding) if world.robot.holding is not None else None


def in_hand(world: World, thing: Thing) -> bool:
    """Is it in the hand, or in something that is?"""
    hand = held(world)
    return hand is not None and (thing is hand or _within(world, thing, hand))


def carry(world: World) -> None:
    """After the robot moved: what it holds is in front of it again."""
    thing = held(world)
    if thing is not None:
        world.move(thing, (*_front(world), _HAND_HEIGHT_M))


def nearest_basin(world: World, faucet: Thing) -> Thing | None:
    """The sink basin closest to a faucet."""
    basins = (t for t in world.things.values() if t.label in BASINS)
    return min(basins, key=lambda b: math.dist(b.position_m, faucet.position_m), default=None)


def reachable(world: World, thing: Thing, reach_m: float = REACH_M) -> bool:
    """Within reach on the floor plan, or what the robot was brought in front of, and not behind a closed door.

    A body that teleports stands as close to its target as the floor allows; that can be further than reach_m, and
    counts as near. So does what holds the target: who was brought to the apple can open the fridge it is in.
    """
    near = ground_distance_m(world, thing) <= reach_m or _faced(world, thing) or in_hand(world, thing)
    return near and world.closed_container(thing) is None


def visible(world: World, thing: Thing, reach_m: float = REACH_M) -> bool:
    """Reachable, and in the image; what the robot was brought in front of, and what lies in it, are taken to be.

    This is AI2-THOR's meaning of the word; view.py has the one with occlusion, for cameras.
    """
    if not reachable(world, thing, reach_m):
        return False
    facing = world.things.get(world.robot.facing)
    if _faced(world, thing) or (facing is not None and _within(world, thing, facing)):
        return True
    return in_hand(world, thing) or _in_image(world, thing)


def ground_distance_m(world: World, thing: Thing) -> float:
    """How far the robot stands from it on the floor plan: from its anchor, or from its box where that is closer."""
    robot = world.robot
    (x, y, _), (length, width, _) = thing.position_m, thing.size_m
    to_box_m = math.hypot(max(abs(robot.x_m - x) - length / 2, 0.0), max(abs(robot.y_m - y) - width / 2, 0.0))
    return min(to_box_m, math.hypot(robot.x_m - thing.point_m[0], robot.y_m - thing.point_m[1]))


def spot(world: World, receptacle: Thing, thing: Thing) -> Vector:
    """Where the centre of a thing comes to rest: the emptiest of a few fixed spots, on top or inside."""
    x, y, z = receptacle.position_m
    length, width, height = receptacle.size_m
    others = [o.position_m for o in world.contents(receptacle.id) if o is not thing]
    spots = [(x + dx * length, y + dy * width) for dx, dy in _SPOTS]
    room_m = [min((math.hypot(o[0] - sx, o[1] - sy) for o in others), default=1.0) for sx, sy in spots]
    best = max(range(len(spots)), key=lambda n: (round(room_m[n], 6), -n))
    hollow = receptacle.openable or receptacle.label in _HOLLOW
    base = z + height / 2 if not hollow else z if height > _TALL_M else z - height / 2
    return (*spots[best], base + thing.size_m[2] / 2)


def _front(world: World) -> tuple[float, float]:
    robot = world.robot
    return (robot.x_m + _HAND_M * math.cos(robot.yaw_rad), robot.y_m + _HAND_M * math.sin(robot.yaw_rad))


def _follow(world: World, primitive: str, thing: Thing, basin: Thing | None) -> None:
    for follow in FOLLOWS:
        if (follow.primitive, follow.label) != (primitive, thing.label):
            continue
        scope = (basin or nearest_basin(world, thing)) if follow.basin else thing
        for other in world.all_contents(scope.id) if scope is not None else ():
            world.mark(other, follow.mark)


def _faced(world: World, thing: Thing) -> bool:
    """Is it what the robot was brought in front of, or what holds that?"""
    facing = world.things.get(world.robot.facing)
    return facing is not None and (thing is facing or _within(world, facing, thing))


def _within(world: World, inner: Thing, outer: Thing) -> bool:
    return any(holder is outer for holder in world.holders(inner))


def _in_image(world: World, thing: Thing) -> bool:
    """Does its centre, its anchor or a corner of its box fall into the image?"""
    robot = world.robot
    cos_yaw, sin_yaw = math.cos(robot.yaw_rad), math.sin(robot.yaw_rad)
    cos_pitch, sin_pitch = math.cos(robot.pitch_rad), math.sin(robot.pitch_rad)
    for x, y, z in _samples(thing):
        dx, dy, up = x - robot.x_m, y - robot.y_m, z - robot.camera_height_m
        ahead, left = dx * cos_yaw + dy * sin_yaw, dy * cos_yaw - dx * sin_yaw
        depth, above = ahead * cos_pitch - up * sin_pitch, ahead * sin_pitch + up * cos_pitch
        if depth > 0 and abs(left) <= depth * HALF_VIEW and abs(above) <= depth * HALF_VIEW:
            return True
    return False


def _samples(thing: Thing) -> Iterator[Vector]:
    yield thing.position_m
    if thing.anchor_m is not None:
        yield thing.anchor_m
    (x, y, z), (length, width, height) = thing.position_m, thing.size_m
    for dx, dy, dz in _CORNERS:
        yield (x + dx * length, y + dy * width, z + dz * height)
