# SPDX-License-Identifier: Apache-2.0
"""Procedural homes with residents who move things: our own worlds, made from a seed.

Neighbours: home_plan.py builds rooms and furniture, home_catalogue.py holds the tables, home_tasks.py asks for things,
embodied.py lets a robot in.
Rules of the file: the same seed gives the same home and the same nights, whatever else ran before; residents move
things only from one resting place to another, so nothing is ever lost or doubled.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from sim.home_catalogue import EVERYDAY, KEPT, OBJECTS
from sim.home_plan import empty_home
from sim.reach import resting_place
from sim.world import Thing, World, map_named

HABITS = 3  # at most so many places of this home per class
HABITUAL = 0.7  # of the moves end at one of them
_NOT_FOR_KEEPING = frozenset({"Microwave", "CoffeeMachine", "GarbageCan"})
TIDY = 0.7  # of the things stand at a habitual place when the home is made


def make_home(seed: int) -> World:
    """The home of this seed on its first morning, the robot at its dock. Its map_id tells neither suite nor seed.

    >>> world = make_home(7)
    >>> len(world.rooms) > 2, world.robot.holding
    (True, None)
    """
    world = empty_home(seed, map_named(f"home-{seed}"))
    rng = random.Random(f"home-{seed}/objects")
    kept = habits(world, seed)
    objects = sorted(_objects(rng), key=lambda t: t.id)
    largest_first = sorted(objects, key=lambda t: (-t.size_m[0] * t.size_m[1], t.id))
    for thing in largest_first:
        _find_a_place(world, rng, thing, kept[thing.label], TIDY)
    world.things = _in_canonical_order(world.things)
    return world


def habits(world: World, seed: int) -> dict[str, tuple[str, ...]]:
    """Class -> ids of the one to three receptacles of this home where its people usually leave it."""
    rng = random.Random(f"home-{seed}/habits")
    places: dict[str, list[str]] = {}
    for thing in world.things.values():
        if thing.id in world.spots:
            places.setdefault(thing.label, []).append(thing.id)
    return {label: _habitual(rng, places, kept[1]) for label, kept in KEPT.items()}


def live(world: World, seed: int, day: int) -> None:
    """The night before `day`: residents move six to ten things, close doors, put out lights; the robot docks.

    Marks fade, and slices are eaten: what was cut yesterday is whole again in the larder.
    """
    rng = random.Random(f"home-{seed}/night/{day}")
    kept = habits(world, seed)
    dock(world)
    _restock(world, random.Random(f"home-{seed}/larder/{day}"), kept)
    movable = sorted((t for t in world.things.values() if t.pickupable), key=lambda t: t.id)
    favourites = [t for t in movable if t.label in EVERYDAY]
    chosen = rng.sample(favourites, min(rng.randint(4, 6), len(favourites)))
    others = [t for t in movable if t not in chosen]
    chosen += rng.sample(others, rng.randint(6, 10) - len(chosen))
    for thing in chosen:  # chance of its own for each, so that one move more or less changes no other
        own = random.Random(f"home-{seed}/night/{day}/{thing.id}")
        _find_a_place(world, own, thing, kept[thing.label], HABITUAL)
    for thing in world.things.values():
        thing.is_open = thing.is_on = False
        thing.marks.clear()
    world.things = _in_canonical_order(world.things)
    begin_episode(world)


def begin_episode(world: World) -> None:
    """A new task begins: what was ever clean, hot or cool counts from here. The home itself lives on."""
    world.ever.clear()


def dock(world: World) -> None:
    """The robot back at its dock, hand empty; what it held is put away where there is room."""
    robot = world.robot
    if robot.holding is not None:
        _put_away(world, world.things[robot.holding])
    robot.holding, robot.facing = None, ""
    hub = next(r for name in ("hallway", "living room") for r in world.rooms if r.name == name)
    (robot.x_m, robot.y_m), robot.yaw_rad, robot.pitch_rad = hub.waypoint_m, 0.0, 0.35


def _objects(rng: random.Random) -> list[Thing]:
    things: list[Thing] = []
    for label, ((least, most), _) in KEPT.items():
        count = rng.randint(least, most)
        things.extend(_new_object(label, f"{label}|{number + 1}") for number in range(count))
    return things


def _new_object(label: str, id_: str) -> Thing:
    kind = OBJECTS[label]
    thing = Thing(id_, label, (0.0, 0.0, 0.0), kind.size_m, pickupable=True)
    thing.receptacle, thing.sliceable = "receptacle" in kind.can, "sliceable" in kind.can
    return thing


def _habitual(rng: random.Random, places: dict[str, list[str]], labels: Sequence[str]) -> tuple[str, ...]:
    """Likelier labels more often; two or three places, one if there is no more."""
    known = [label for label in labels if label in places]
    weights = [1.0 / (rank + 1) for rank in range(len(known))]
    wanted = min(rng.randint(2, HABITS), sum(len(places[label]) for label in known))
    chosen: list[str] = []
    while len(chosen) < wanted:
        place = rng.choice(places[rng.choices(known, weights)[0]])
        if place not in chosen:
            chosen.append(place)
    return tuple(chosen)


def _find_a_place(world: World, rng: random.Random, thing: Thing, habitual: Sequence[str], tidy: float) -> None:
    """Move the thing to another receptacle: with chance `tidy` to a habitual one, else anywhere that takes it."""
    places = (world.things[i] for i in world.spots)
    anywhere = [p.id for p in places if p.label not in _NOT_FOR_KEEPING and thing.label in world.accepts[p.label]]
    rng.shuffle(anywhere)
    first = rng.sample(list(habitual), len(habitual)) if rng.random() < tidy else []
    for receptacle_id in (*first, *anywhere):
        if receptacle_id != thing.parent and _lay(world, rng, thing, world.things[receptacle_id]):
            return
    if thing.id not in world.things:
        raise AssertionError(f"{world.map_id}: no room for {thing.id}")


def _lay(world: World, rng: random.Random | None, thing: Thing, receptacle: Thing) -> bool:
    spots = list(world.spots[receptacle.id])
    if rng is not None:
        rng.shuffle(spots)
    centre = resting_place(world, thing, receptacle, spots)
    if centre is None:
        return False
    world.things[thing.id] = thing
    world.move(thing, centre)
    thing.parent = receptacle.id
    for moved in (thing, *world.all_contents(thing.id)):
        moved.room = receptacle.room
    return True


def _restock(world: World, rng: random.Random, kept: dict[str, tuple[str, ...]]) -> None:
    """Whatever was cut is eaten, and another one bought: same id, whole, somewhere habitual."""
    cut = {t.whole_id: t.whole_id.split("|")[0] for t in world.things.values() if t.whole_id}
    for whole_id, label in cut.items():
        for slice_id in [t.id for t in world.things.values() if t.whole_id == whole_id]:
            del world.things[slice_id]
        _find_a_place(world, rng, _new_object(label, whole_id), kept[label], 1.0)


def _in_canonical_order(things: dict[str, Thing]) -> dict[str, Thing]:
    """Fixed things first, as they were set up, then objects sorted by id."""
    fixed = {i: t for i, t in things.items() if not t.pickupable}
    return fixed | {i: things[i] for i in sorted(things) if things[i].pickupable}


def _put_away(world: World, thing: Thing) -> None:
    """On the nearest surface with room, in something with a door only if there is none."""
    here = (world.robot.x_m, world.robot.y_m)
    places = [world.things[i] for i in world.spots]
    for receptacle in sorted(places, key=lambda r: (r.openable, math.dist(here, r.position_m[:2]), r.id)):
        if thing.label in world.accepts[receptacle.label] and _lay(world, None, thing, receptacle):
            return
    raise AssertionError(f"{world.map_id}: no room for {thing.id}")
