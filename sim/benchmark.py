# SPDX-License-Identifier: Apache-2.0
"""EB-ALFRED's way of acting: a list of phrases, a teleporting `find`, and the sentences it answers with.

Neighbours: household.py has the physics, embodied_bench.py wraps this into the benchmark's class, language.py is not
involved: a phrase is looked up, never understood.
Rules of the file:
- the sentences are an interface and stay byte for byte what EmbodiedBench answers, misleading ones included;
- `find` knows where everything is; pick up, slice and the switches take no instance, the score chooses it;
- a phrase counts as done exactly when its reason is empty;
- skills() says what the list of phrases says and nothing else about the scene.

Deviations, all of them lenient. Where AI2-THOR would try again with other head and base poses, this world needs one
try. The thing that was just found counts as distance 0 in the score: the suite's own solutions rely on it, though
AI2-THOR takes a neighbour that happens to be closer to the grid point; likewise a faucet runs into the basin that was
just found, since the floor plans place fewer faucets than basins. The name of a whole that was cut leads to its
slices, and `slice` prefers wholes to slices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from heapq import nsmallest

from memory.records import Skill
from sim import household
from sim.benchmark_skills import declared
from sim.world import Thing, World

DONE = "Last action executed successfully."
INVALID = "Last action is invalid. "
NOT_SUPPORTED = "instruction not supported"
NOT_HOLDING = "Robot is not holding any object"
DROPPED = ". The robot dropped the object instead."

EYE_M = 1.65  # camera height EmbodiedBench reckons with: 0.9 + 0.75
AGENT_Z_M = 0.9  # distances are measured from here
TILT = 0.9  # the camera follows the target's elevation only so far
PUTS_BEFORE_DROP = 3
_DOOR_TRIES = 10
_DOOR_RAD = math.radians(20.0)
_UNSEEN, _SHUT_IN, _BURNER_TAKEN, _SLICE = 1_000.0, 100_000.0, 10_000.0, -100.0  # what the score adds
_KEEPS_CURRENT = ("put down ", "open ")


@lru_cache(maxsize=1024)
def skill_name(label: str) -> str:
    """What a phrase calls a class: slices go by their whole, basins by what they are part of.

    >>> skill_name("AppleSliced"), skill_name("SinkBasin"), skill_name("Mug")
    ('Apple', 'Sink', 'Mug')
    """
    return label.removesuffix(household.SLICED).removesuffix("Basin")


class BenchmarkSkills:
    """The action list of one episode, and what becomes of each phrase.

    Attributes:
        phrases: The language skill set: the base list, then one for each further instance.
        put_counts: Put attempts by receptacle name. The benchmark never resets them, not even between episodes, so
            a caller that wants the same hands one dict from episode to episode.
    """

    def __init__(self, world: World, base: Sequence[str] = (), put_counts: dict[str, int] | None = None) -> None:
        self.world = world
        self.put_counts = {} if put_counts is None else put_counts
        self._receptacles = _instances(t for t in world.things.values() if t.receptacle)
        self._objects = _instances(t for t in world.things.values() if t.pickupable and not t.receptacle)
        self._ids = {**self._receptacles, **self._objects}
        self._names = {id_: name for name, id_ in self._ids.items()}
        self.phrases = (*base, *self._further(base))
        self._declared = declared(self.phrases)
        self._current: str | None = None
        self._sliced = False
        self._verbs: tuple[tuple[str, Callable[[str], str]], ...] = (
            ("find a ", self._find),
            ("find an ", self._find),
            ("pick up the ", self._pick),
            ("put down ", self._put),
            ("drop", self._drop),
            ("open the ", self._open),
            ("close the ", self._close),
            ("turn on the ", self._turn_on),
            ("turn off the ", self._turn_off),
            ("slice the ", self._slice),
        )

    def skills(self) -> tuple[Skill, ...]:
        """The same list as data for a planner."""
        return self._declared

    def act(self, phrase: str) -> tuple[bool, str]:
        """Carry out a phrase; whether it worked, and the benchmark's sentence about it."""
        if not phrase.startswith(_KEEPS_CURRENT):
            self._current = None
        for prefix, verb in self._verbs:
            if phrase.startswith(prefix):
                reason = verb(phrase[len(prefix) :])
                break
        else:
            reason = NOT_SUPPORTED
        return (False, INVALID + reason) if reason else (True, DONE)

    def _further(self, base: Sequence[str]) -> Iterable[str]:
        """Phrases for the second and later instances, in the order the benchmark generates them."""
        opens = {p.removeprefix("open the ") for p in base if p.startswith("open the ")}
        picks = {p.removeprefix("pick up the ") for p in base if p.startswith("pick up the ")}
        receptacles = sorted(n for n in self._receptacles if "_" in n)
        yield from (f"find a {name}" for name in receptacles)
        for name in receptacles:
            if name.split("_")[0] in opens:
                yield from (f"open the {name}", f"close the {name}")
        yield from (f"find a {name}" for name in sorted(self._objects) if "_" in name and name.split("_")[0] in picks)

    # ---- the verbs: each answers "" or the reason

    def _find(self, name: str) -> str:
        self._current = self._ids.get(name, name)
        thing = self._named(name)
        if thing is None:
            shown = name.split("_")[0] if name in self._ids else name
            return (
                f"Cannot find {shown}. This object may not exist in this scene. Try to explore other instances instead."
            )
        if not household.in_hand(self.world, thing) and not self._go_to(thing):
            return f"Cannot move to {skill_name(thing.label)}"
        return ""

    def _pick(self, name: str) -> str:
        thing = self._best(name, lambda t: t.pickupable, visible_first=True)
        if thing is None:
            return f"Cannot find {name} to pick up. Find the object before picking up it"
        seen = household.visible(self.world, thing)
        if not seen and thing.parent is not None:
            place = self._place(thing.parent)
            return f"{name} is not visible because it is in {place}. Go there to pick the object instead."
        held_before, place_id = household.held(self.world), thing.parent
        if seen and not household.pick(self.world, thing):
            if self.world.robot.facing == thing.id:
                self.world.robot.facing = place_id or ""  # it still stands there
            return ""
        return NOT_HOLDING if held_before is None else f"Robot is currently holding {held_before.label}"

    def _put(self, _: str) -> str:
        if self._current is None:
            return self._drop("")
        tries = self.put_counts[self._current] = self.put_counts.get(self._current, 0) + 1
        reason = self._put_on(self._current)
        if reason and tries >= PUTS_BEFORE_DROP:
            household.drop(self.world)
            return reason + DROPPED
        return reason

    def _put_on(self, current: str) -> str:
        if household.held(self.world) is None:
            return NOT_HOLDING
        first = self.world.things.get(current) or self._best(current)
        name = skill_name(first.label) if first is not None else current
        second = self._best(name, lambda t: t is not first)
        near = (r for r in (first, second) if r is not None and household.reachable(self.world, r))
        if any(not household.put(self.world, receptacle) for receptacle in near):
            return ""
        return (
            f"Putting the object on {name} failed. First check whether the receptacle is open or not. "
            "Also try other instances of the receptacle"
        )

    def _drop(self, _: str) -> str:
        return NOT_HOLDING if household.drop(self.world) else ""

    def _open(self, name: str) -> str:
        thing = self._named(name, scored=False)
        if thing is None:
            return f"Cannot find {name} to open. Find the object before opening it"
        was_open = thing.openable and thing.is_open
        if household.visible(self.world, thing) and not household.open_(self.world, thing):
            return ""
        return "Open action failed." + (f" The {skill_name(thing.label)} is already open" if was_open else "")

    def _close(self, name: str) -> str:
        thing = self._named(name, scored=False)
        if thing is None:
            return f"Cannot find {name} to close"
        was_closed = thing.openable and not thing.is_open
        if household.visible(self.world, thing) and not household.close(self.world, thing):
            return ""
        return "Close action failed" + (f". The {skill_name(thing.label)} is already closed" if was_closed else "")

    def _turn_on(self, name: str) -> str:
        thing = self._best(name, lambda t: t.toggleable)
        if thing is None:
            return f"Cannot find {name} to turn on"
        basin = self._basin(thing) if thing.label == "Faucet" else None
        if not household.reachable(self.world, thing) or household.turn_on(self.world, thing, basin):
            return "Turn on action failed"
        no_basin = thing.label == "Faucet" and basin is None  # the water runs, and the benchmark calls it a failure
        return "Turn on action failed" if no_basin else ""

    def _turn_off(self, name: str) -> str:
        thing = self._best(name, lambda t: t.toggleable)
        if thing is None:
            return f"Cannot find {name} to turn off"
        done = household.reachable(self.world, thing) and not household.turn_off(self.world, thing)
        return "" if done else "Turn off action failed"

    def _slice(self, name: str) -> str:
        self._sliced = True  # from the first attempt on, slices are preferred, as in the benchmark
        thing = self._best(name, lambda t: t.sliceable) or self._best(name)
        if thing is None:
            return f"Cannot find {name} to slice"
        if not household.visible(self.world, thing) or household.slice_(self.world, thing):
            return "Slice action failed"
        if self.world.robot.facing == thing.id:
            self.world.robot.facing = next(t.id for t in self.world.things.values() if t.whole_id == thing.id)
        return ""

    # ---- which instance

    def _named(self, name: str, *, scored: bool = True) -> Thing | None:
        """The instance of that name; where the name is only a class, the one with the best score."""
        id_ = self._ids.get(name)
        if id_ is None:
            return self._best(name, visible_first=scored)
        slices = partial(_is_slice_of, id_)
        return self.world.things.get(id_) or self._best(name.split("_")[0], slices, visible_first=True)

    def _best(
        self, name: str, allowed: Callable[[Thing], bool] = lambda _: True, *, visible_first: bool = False
    ) -> Thing | None:
        """The thing of that class with the smallest score; ties to the first in the world's order."""
        wanted = name.casefold()
        things = [t for t in self.world.things.values() if skill_name(t.label).casefold() == wanted and allowed(t)]
        if len(things) < 2:
            return things[0] if things else None
        return min(things, key=partial(self._score, visible_first))

    def _score(self, visible_first: bool, thing: Thing) -> float:
        robot, world = self.world.robot, self.world
        in_front = thing.id == robot.facing
        score = 0.0 if in_front else math.dist((robot.x_m, robot.y_m, AGENT_Z_M), thing.point_m)
        if world.closed_container(thing) is not None:
            score += _SHUT_IN
        if thing.label == "StoveBurner" and next(world.contents(thing.id), None) is not None:
            score += _BURNER_TAKEN
        if visible_first:
            score += 0.0 if household.visible(world, thing) else _UNSEEN
            score += _SLICE if self._sliced and thing.whole_id else 0.0
        return score

    def _basin(self, faucet: Thing) -> Thing | None:
        """The sink basin the robot was brought in front of, else the one in view that is nearest to the faucet."""
        facing = self.world.things.get(self.world.robot.facing)
        if facing is not None:
            for place in (facing, *self.world.holders(facing)):
                if place.label in household.BASINS:
                    return place
        basins = [t for t in self.world.things.values() if t.label in household.BASINS]
        seen = (b for b in basins if household.visible(self.world, b))
        return min(seen, key=lambda b: math.dist(b.position_m, faucet.position_m), default=None)

    def _place(self, id_: str) -> str:
        """How the feedback names a receptacle: its instance name if it has one, else its class."""
        holder = self.world.things.get(id_)
        return self._names.get(id_) or (skill_name(holder.label) if holder is not None else id_)

    # ---- going there

    def _go_to(self, thing: Thing) -> bool:
        """Stand on the nearest free cell and face the thing; False if there is no floor to stand on."""
        x_m, y_m, z_m = thing.point_m
        floor, robot = self.world.floor, self.world.robot
        distances = (((x - x_m) ** 2 + (y - y_m) ** 2, x, y) for x, y in map(floor.centre, floor.cells))
        centres = nsmallest(_DOOR_TRIES, distances)
        if not centres:
            return False
        front = (c for c in centres if _before_door(thing, c[1], c[2]))
        _, robot.x_m, robot.y_m = next(front, centres[0])
        robot.face((x_m, y_m, z_m))
        robot.pitch_rad *= TILT
        robot.facing = thing.id
        household.carry(self.world)
        return True


def _instances(things: Iterable[Thing]) -> Mapping[str, str]:
    """Name -> id for every class of which there are several: Mug, Mug_2, Mug_3, ..."""
    by_name: dict[str, list[str]] = {}
    for thing in things:
        by_name.setdefault(skill_name(thing.label), []).append(thing.id)
    return {
        name if number == 1 else f"{name}_{number}": id_
        for name, ids in by_name.items()
        if len(ids) > 1
        for number, id_ in enumerate(ids, start=1)
    }


def _is_slice_of(whole_id: str, thing: Thing) -> bool:
    return thing.whole_id == whole_id


def _before_door(thing: Thing, x_m: float, y_m: float) -> bool:
    """Is this a place from which its door can be used? Everywhere, for a thing without a front."""
    if thing.front_yaw_rad is None:
        return True
    heading = math.atan2(thing.point_m[1] - y_m, thing.point_m[0] - x_m)
    off = math.remainder(heading - thing.front_yaw_rad, 2 * math.pi)
    return abs(off) < _DOOR_RAD
