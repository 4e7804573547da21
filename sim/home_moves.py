# SPDX-License-Identifier: Apache-2.0
"""What someone who knows everything would do: from the judge's conditions and the true world to moves.

Neighbours: scoring.py holds the conditions, home_oracle.py says the moves as calls to a body, home_tasks.py plays each
task once with `perform` before it is asked of anybody.
Rules of the file: moves are drawn one by one while the world changes, so a caller carries each out before the next; a
goal that cannot be fulfilled ends the moves early, it never raises.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sim import household
from sim.reach import resting_spot
from sim.scoring import Condition
from sim.world import Thing, World

Moves = Iterator["Move"]
_TABLES = ("CounterTop", "DiningTable", "SideTable", "CoffeeTable", "Desk", "Dresser", "Sink", "Drawer")


@dataclass(frozen=True, slots=True)
class Move:
    """One skill on true things: what it works on, and what else it needs (a place to put, a tool)."""

    skill: str
    thing: Thing
    other: Thing | None = None


def oracle_moves(world: World, conditions: Iterable[Condition | Mapping[str, Any]]) -> Moves:
    """Moves that fulfil the conditions, one by one; the world is read again before each."""
    goal = _read([c if isinstance(c, Condition) else Condition.parse(c) for c in conditions])
    if goal.lamp:
        yield from _light(world, goal)
    elif goal.movable:
        yield from _stack(world, goal)
    else:
        for _ in range(goal.count):
            yield from _bring(world, goal)


def perform(world: World, move: Move) -> str:
    """Carry a move out at once, without a body: what the world would be like. The reason if it is refused."""
    if move.skill == "go_to":
        return ""
    if move.skill == "put_down":
        assert move.other is not None
        spot = resting_spot(world, move.thing, move.other)
        reason = household.put(world, move.other) if spot is not None else "it is full"
        if not reason and spot is not None:
            world.move(move.thing, spot)
        return reason
    return _PRIMITIVES[move.skill](world, move.thing)


_PRIMITIVES: Mapping[str, Callable[[World, Thing], str]] = {
    "pick_up": household.pick,
    "open": household.open_,
    "close": household.close,
    "turn_on": household.turn_on,
    "turn_off": household.turn_off,
    "slice": household.slice_,
}


# ---------------------------------------------------------------- what is wanted


@dataclass(slots=True)
class _Goal:
    """All conditions of a task as one wish; names are substrings of ids, as the judge reads them."""

    object: str = ""
    receptacle: str = ""
    movable: str = ""
    state: str = ""
    lamp: str = ""
    count: int = 1
    used: tuple[str, ...] = ()
    receptacle_id: str = ""

    @property
    def whole(self) -> str:
        """Name of what must be cut; "" if a slice is not asked for."""
        name = self.object.rstrip("|")
        return name.removesuffix(household.SLICED) if name.endswith(household.SLICED) else ""


def _read(conditions: list[Condition]) -> _Goal:
    by_kind = {c.kind: c for c in conditions}
    ranked = ("stacked_in_receptacle", "count_in_one_receptacle", "in_receptacle_with_state", "in_receptacle")
    main = next((by_kind[k] for k in ranked if k in by_kind), None)
    lamp = by_kind.get("toggled_on_and_visible")
    if main is None:
        main = next((c for c in conditions if c is not lamp), lamp)
    assert main is not None, "a goal has conditions"
    return _Goal(
        object=main.object if main is not lamp else "",
        receptacle=main.receptacle,
        movable=main.movable,
        state=next((c.state for c in conditions if c.state), ""),
        lamp=lamp.object if lamp is not None else "",
        count=main.most if main.kind == "count_in_one_receptacle" else 1,
    )


# ---------------------------------------------------------------- whole tasks


def _bring(world: World, goal: _Goal) -> Moves:
    """One more object, in the state that is asked for, to the receptacle."""
    thing = yield from _obtain(world, goal)
    if thing is None or not goal.receptacle:
        return
    goal.used = (*goal.used, thing.id)
    place = _place_for(world, thing, goal)
    if place is not None:
        goal.receptacle_id = place.id
        yield from _deliver(world, thing, place)


def _stack(world: World, goal: _Goal) -> Moves:
    movables = [m for m in _named(world, goal.movable) if m.receptacle and m.pickupable]
    objects = [o for o in _named(world, goal.whole or goal.object) if o.pickupable]
    pairs = [(m, o) for m, o in itertools.product(movables, objects) if m is not o and m.id != o.parent]
    pairs = [p for p in pairs if _takes(world, p[0], p[1].label)]
    if not pairs:
        return
    movable, wanted = min(pairs, key=lambda p: (_is_full(world, *p), _trouble(world, p[0]) + _trouble(world, p[1])))
    goal.movable = movable.id
    cramped = _is_full(world, movable, wanted)  # perhaps only for want of height where it stands
    if cramped:
        yield from _carry_to_its_place(world, movable, goal)
    held = yield from _obtain(world, goal, avoid=movable.id)
    if held is None:
        return
    yield from _deliver(world, held, movable)
    if not cramped:
        yield from _carry_to_its_place(world, movable, goal)


def _carry_to_its_place(world: World, movable: Thing, goal: _Goal) -> Moves:
    yield from _fetch(world, movable)
    place = _place_for(world, movable, goal)
    if place is not None:
        yield from _deliver(world, movable, place)


def _light(world: World, goal: _Goal) -> Moves:
    thing = yield from _obtain(world, goal)
    lamps = [t for t in world.things.values() if t.toggleable and goal.lamp in t.id]
    if thing is None or not lamps:
        return
    lamp = min(lamps, key=lambda t: _walk_m(world, t))
    yield Move("go_to", lamp)
    if not lamp.is_on:
        yield Move("turn_on", lamp)


# ---------------------------------------------------------------- parts of tasks; each ends with the thing in the hand


def _obtain(world: World, goal: _Goal, avoid: str = "") -> Generator[Move, None, Thing | None]:
    """Fetch an object of the goal and bring it into its state; returns it."""
    if goal.whole and not _named(world, goal.object):
        yield from _cut(world, goal.whole)
    candidates = [t for t in _named(world, goal.object) if t.pickupable and t.id not in (*goal.used, avoid)]
    candidates = [t for t in candidates if not _served(world, t, goal)]
    if not candidates:
        return None
    thing = min(candidates, key=lambda t: (t.id != world.robot.holding, _trouble(world, t)))
    if thing.id != world.robot.holding:
        yield from _fetch(world, thing)
        taken = household.held(world)  # where a body takes one slice for another, go on with that one
        thing = taken if taken is not None and taken.label == thing.label else thing
    if goal.state and goal.state not in thing.marks:
        yield from {"clean": _clean, "hot": _heat, "cool": _cool}[goal.state](world, thing)
    return thing


def _fetch(world: World, thing: Thing) -> Moves:
    covered = world.closed_container(thing) is not None
    yield from _uncover(world, thing)
    if not (covered and thing.whole_id):  # one slice among many is best taken from where it was just uncovered
        yield Move("go_to", thing)
    yield Move("pick_up", thing, world.things.get(thing.parent or ""))


def _uncover(world: World, thing: Thing) -> Moves:
    """Open what hides it."""
    while (door := world.closed_container(thing)) is not None:
        yield Move("go_to", door)
        yield Move("open", door)
        if not door.is_open:
            return


def _deliver(world: World, thing: Thing, place: Thing) -> Moves:
    if _is_full(world, place, thing):
        yield from _make_room(world, thing, place)
    yield from _put_on(world, thing, place)


def _put_on(world: World, thing: Thing, place: Thing) -> Moves:
    yield from _uncover(world, place)
    yield Move("go_to", place)
    if place.openable and not place.is_open:
        yield Move("open", place)
    yield Move("put_down", thing, place)


def _make_room(world: World, thing: Thing, place: Thing) -> Moves:
    """Lay aside what is held, clear the place of other classes until it fits, and take it up again."""
    aside = _table_for(world, thing, place)
    if aside is None:
        return
    yield from _put_on(world, thing, aside)
    for other in [t for t in world.contents(place.id) if t.label != thing.label]:
        table = _table_for(world, other, place)
        if table is not None:
            yield from _fetch(world, other)
            yield from _put_on(world, other, table)
        if resting_spot(world, thing, place) is not None:
            break
    yield from _fetch(world, thing)


def _clean(world: World, thing: Thing) -> Moves:
    sink = _appliance(world, thing, household.BASINS)
    faucets = [t for t in world.things.values() if t.label == "Faucet"]
    if sink is None or not faucets:
        return
    faucet = min(faucets, key=lambda f: math.dist(f.position_m, sink.position_m))
    yield from _deliver(world, thing, sink)
    yield Move("go_to", faucet)
    if faucet.is_on:
        yield Move("turn_off", faucet)
    yield Move("turn_on", faucet)
    yield Move("turn_off", faucet)
    yield from _fetch(world, thing)


def _heat(world: World, thing: Thing) -> Moves:
    microwave = _appliance(world, thing, frozenset({"Microwave"}))
    if microwave is None:
        return
    yield Move("go_to", microwave)
    if microwave.is_on:
        yield Move("turn_off", microwave)
    yield from _deliver(world, thing, microwave)
    yield Move("close", microwave)
    yield Move("turn_on", microwave)
    yield Move("turn_off", microwave)
    yield from _fetch(world, thing)


def _cool(world: World, thing: Thing) -> Moves:
    fridge = _appliance(world, thing, frozenset({"Fridge"}))
    if fridge is None:
        return
    yield from _deliver(world, thing, fridge)
    yield Move("close", fridge)
    yield from _fetch(world, thing)


def _cut(world: World, name: str) -> Moves:
    """Fetch a knife, cut, and lay the knife aside."""
    wholes = [t for t in _named(world, name) if t.sliceable]
    knives = [t for t in world.things.values() if t.label in household.KNIVES]
    if not wholes or not knives:
        return
    knife = min(knives, key=lambda t: _trouble(world, t))
    whole = min(wholes, key=lambda t: _trouble(world, t))
    yield from _fetch(world, knife)
    yield from _uncover(world, whole)
    yield Move("go_to", whole)
    yield Move("slice", whole, knife)
    table = _table_for(world, knife, whole)
    if table is not None:
        yield from _put_on(world, knife, table)


# ---------------------------------------------------------------- choices


def _named(world: World, name: str) -> list[Thing]:
    return [t for t in world.things.values() if name in t.id]


def _served(world: World, thing: Thing, goal: _Goal) -> bool:
    """Does it count already? Then another one is needed."""
    if not goal.receptacle or goal.movable:
        return False
    holder = world.things.get(thing.parent or "")
    there = holder is not None and (
        holder.id == goal.receptacle_id or (goal.count == 1 and goal.receptacle in holder.id)
    )
    return there and (not goal.state or (goal.state, thing.id) in world.ever)


def _place_for(world: World, thing: Thing, goal: _Goal) -> Thing | None:
    """The receptacle to end in: the one begun with, else the one with most of its kind in it, else the nearest."""
    if goal.receptacle_id:
        return world.things[goal.receptacle_id]
    places = _roomy(world, thing, [t for t in _named(world, goal.receptacle) if t.id != thing.id])
    if goal.count > 1:
        alike = {p.id: sum(goal.object in t.id for t in world.contents(p.id)) for p in places}
        return min(places, key=lambda p: (-_free(world, thing, p), -alike[p.id], _walk_m(world, p)), default=None)
    return min(places, key=lambda p: _walk_m(world, p), default=None)


def _free(world: World, thing: Thing, place: Thing) -> bool:
    """Is there room for two? Judged by spots, less what lies there."""
    lies_there = sum(1 for _ in world.contents(place.id))
    return not world.spots or len(world.spots.get(place.id, ())) >= 2 * (lies_there + 2)


def _roomy(world: World, thing: Thing, places: list[Thing]) -> list[Thing]:
    """Those that take it and have room; if none has room, those that could be cleared."""
    fit = [
        p for p in places if p.receptacle and _takes(world, p, thing.label) and p not in world.all_contents(thing.id)
    ]
    with_room = [p for p in fit if not _is_full(world, p, thing)]
    return with_room or fit


def _is_full(world: World, place: Thing, thing: Thing) -> bool:
    return bool(world.spots) and resting_spot(world, thing, place) is None


def _table_for(world: World, thing: Thing, besides: Thing) -> Thing | None:
    """Where to lay something aside."""
    tables = [t for t in world.things.values() if t.label in _TABLES and t is not besides]
    fit = [t for t in _roomy(world, thing, tables) if not _is_full(world, t, thing)]
    return min(fit, key=lambda t: _walk_m(world, t), default=None)


def _takes(world: World, place: Thing, label: str) -> bool:
    return label in world.accepts.get(place.label, frozenset())


def _appliance(world: World, thing: Thing, labels: frozenset[str]) -> Thing | None:
    fit = _roomy(world, thing, [t for t in world.things.values() if t.label in labels])
    return min(fit, key=lambda t: _walk_m(world, t), default=None)


def _trouble(world: World, thing: Thing) -> float:
    """How unwelcome a candidate is: far away, and a door to open first."""
    return _walk_m(world, thing) + (2.0 if world.closed_container(thing) is not None else 0.0)


def _walk_m(world: World, thing: Thing) -> float:
    return math.dist((world.robot.x_m, world.robot.y_m), thing.position_m[:2])
