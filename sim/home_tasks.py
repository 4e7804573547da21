# SPDX-License-Identifier: Apache-2.0
"""What the people of our homes ask for: tasks that can be done, in the order they come up.

Neighbours: homes.py makes the homes, home_words.py finds the words, home_moves.py plays each task once here to be
sure of it; suites.py hands them out.
Rules of the file: chance from the seed alone, so every robot is asked the same; a task of a day supposes that the
earlier ones were done; condition names end in "|" where the bare class is part of another's name (Pot, Potato).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sim import household
from sim.home_catalogue import ACCEPTS, EVERYDAY, KEPT, MOVABLE_RECEPTACLES, OBJECTS
from sim.home_moves import oracle_moves, perform
from sim.home_words import phrase
from sim.homes import begin_episode, dock, live, make_home
from sim.reach import standing_cell
from sim.scoring import Judge
from sim.view import visible
from sim.world import World

FAMILIES = ("place", "place_two", "stack", "clean", "heat", "cool", "slice", "light")
DAYS = 2
TASKS_A_DAY = 5
HABIT = 0.65  # of the tasks are about one of the few things this home keeps asking for
PROPOSALS = 400
MOST_MOVES = 40

Labels = dict[str, str]
_HEATED = ("Mug", "Cup", "Apple", "Potato", "Bread", "Egg", "Tomato", "Plate")
_COOLED = ("Apple", "Tomato", "Lettuce", "Potato", "Egg", "Mug", "Cup", "Bowl", "Plate", "Pan", "WineBottle")
_CLEANED = (
    "Mug", "Cup", "Plate", "Bowl", "Fork", "Spoon", "ButterKnife", "Spatula", "Ladle", "Pot", "Pan", "Apple", "Tomato",
    "Lettuce", "Potato", "Cloth", "DishSponge",
)  # fmt: skip
_SLICED = ("Apple", "Bread", "Lettuce", "Potato", "Tomato")
_LIT = ("Book", "Newspaper", "CreditCard", "Watch", "CellPhone", "KeyChain", "Pen", "Pencil", "CD", "Statue", "Mug",
        "RemoteControl", "Vase", "Box", "Laptop", "AlarmClock", "Pillow")  # fmt: skip
_NOT_TO = frozenset({"Microwave", "CoffeeMachine", "StoveBurner"})


@dataclass(frozen=True, slots=True)
class HomeTask:
    """One task of one home on one day.

    Attributes:
        id: Such as "home-7/day-1/03".
        subset: Its family.
        conditions: The judge's; no brain sees them.
        labels: Classes by role: "object", "receptacle", "movable", "lamp". The judge's, too.
    """

    id: str
    subset: str
    day: int
    instruction: str
    conditions: tuple[Mapping[str, Any], ...]
    home_seed: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """Place within the day, from 1."""
        return int(self.id.rpartition("/")[2])


def suite(n_episodes: int, seed: int, subset: str | None = None) -> Iterator[HomeTask]:
    """The first n tasks: home after home (seed, seed + 1, ...), two days each, five tasks a day.

    Args:
        subset: Only this family.

    >>> [t.id for t in suite(7, 3)][4:6]
    ['home-3/day-1/05', 'home-3/day-2/01']
    """
    left, home_seed = n_episodes, seed
    while left > 0:
        world = make_home(home_seed)
        for day in range(1, DAYS + 1):
            if day > 1:
                live(world, home_seed, day)
            asked = tasks(world, home_seed, day, min(TASKS_A_DAY, left), subset)
            yield from asked
            left -= len(asked)
            if left <= 0:
                return
        home_seed += 1


def tasks(world: World, seed: int, day: int, n: int, subset: str | None = None) -> tuple[HomeTask, ...]:
    """The day's first n tasks, each possible once the earlier ones were done. The world is left as after doing them."""
    asked: list[HomeTask] = []
    for number in range(1, n + 1):
        asked.append(_next_task(world, seed, day, number, subset, {t.labels["object"] for t in asked}))
    return tuple(asked)


def solvable(world: World, conditions: tuple[Mapping[str, Any], ...]) -> World | None:
    """The world after the task was done, if it can be done and is not done already; the given one stays as it is."""
    after = _copy_of(world)
    begin_episode(after)
    dock(after)
    judge = Judge(conditions, visible)
    if judge.satisfied(after):
        return None
    for count, move in enumerate(oracle_moves(after, conditions)):
        if count == MOST_MOVES or perform(after, move):
            return None
        if move.skill == "turn_on":
            _stand_before(after, move.thing.position_m)
        if judge.satisfied(after):
            return after
    return None


def _copy_of(world: World) -> World:
    """The same state on the same floor: rooms, walls and spots never change and are shared."""
    things = {i: replace(t, marks=set(t.marks)) for i, t in world.things.items()}
    return replace(world, things=things, robot=replace(world.robot), ever=set(world.ever))


# ---------------------------------------------------------------- choosing


def favourites(seed: int) -> tuple[str, ...]:
    """Classes that the people of this home keep asking for, day after day."""
    rng = random.Random(f"home-{seed}/favourites")
    of_kitchen = rng.sample(("Mug", "Cup", "Plate", "Apple", "Tomato", "Bread", "Potato"), 3)
    return (
        *rng.sample(("KeyChain", "Book", "RemoteControl", "CellPhone", "Newspaper", "Pen", "Pillow"), 2),
        *of_kitchen,
    )


def _next_task(world: World, seed: int, day: int, number: int, subset: str | None, used: set[str]) -> HomeTask:
    rng = random.Random(f"home-{seed}/day-{day}/{number}/{subset}")
    order = random.Random(f"home-{seed}/families").sample(FAMILIES, len(FAMILIES))
    turn = (day - 1) * TASKS_A_DAY + number - 1
    for attempt in range(PROPOSALS):
        family = subset or order[(turn + attempt // (PROPOSALS // 4)) % len(FAMILIES)]
        labels, conditions, pattern = _propose(rng, seed, family, used if attempt < PROPOSALS // 8 else set())
        after = solvable(world, conditions) if _exists(world, labels) else None
        if after is not None:
            world.things, world.robot, world.ever = after.things, after.robot, after.ever
            task_id = f"home-{seed}/day-{day}/{number:02d}"
            return HomeTask(task_id, family, day, phrase(rng, pattern, labels), conditions, seed, labels)
    raise AssertionError(f"home-{seed}, day {day}: no task {number} in {PROPOSALS} proposals")


def _propose(
    rng: random.Random, seed: int, family: str, used: set[str]
) -> tuple[Labels, tuple[Mapping[str, Any], ...], str]:
    """Classes for each role, the judge's conditions, and which templates say it."""
    thing = _choose_object(rng, seed, _FIT[family], used)
    if family == "light":
        lamp = rng.choice(("DeskLamp", "FloorLamp"))
        return _light(thing, lamp)
    if family == "stack":
        movable = rng.choice([m for m in MOVABLE_RECEPTACLES if thing in ACCEPTS[m] and m != thing])
        return _stack(thing, movable, _choose_receptacle(rng, movable, ""))
    state = {"clean": "clean", "heat": "hot", "cool": "cool"}.get(family, "")
    if family == "slice":
        pattern = rng.choice(("slice", "slice", "heat_slice", "cool_slice"))
        if pattern == "heat_slice" and thing not in _HEATED:
            pattern = "cool_slice"
        state = {"heat_slice": "hot", "cool_slice": "cool"}.get(pattern, "")
        return _slice(thing, _choose_receptacle(rng, thing + household.SLICED, state), state, pattern)
    return _put(thing, _choose_receptacle(rng, thing, state), state, family)


def _put(thing: str, receptacle: str, state: str, family: str) -> tuple[Labels, tuple[Mapping[str, Any], ...], str]:
    where = {"object": f"{thing}|", "receptacle": f"{receptacle}|"}
    conditions: tuple[Mapping[str, Any], ...] = ({"kind": "in_receptacle", **where},)
    if family == "place_two":
        conditions = ({"kind": "count_in_one_receptacle", **where, "max": 2},)
    elif state:
        conditions = (
            {"kind": "state", "object": f"{thing}|", "state": state},
            {"kind": "in_receptacle_with_state", **where, "state": state},
        )
    return {"object": thing, "receptacle": receptacle}, conditions, family


def _slice(thing: str, receptacle: str, state: str, pattern: str) -> tuple[Labels, tuple[Mapping[str, Any], ...], str]:
    name = thing + household.SLICED
    where = {"object": name, "receptacle": f"{receptacle}|"}
    last: Mapping[str, Any] = {"kind": "in_receptacle", **where}
    if state:
        last = {"kind": "in_receptacle_with_state", **where, "state": state}
    return {"object": thing, "receptacle": receptacle}, ({"kind": "sliced_exists", "object": name}, last), pattern


def _stack(thing: str, movable: str, receptacle: str) -> tuple[Labels, tuple[Mapping[str, Any], ...], str]:
    names = {"movable": f"{movable}|", "receptacle": f"{receptacle}|"}
    conditions = (
        {"kind": "in_receptacle", "object": f"{movable}|", "receptacle": f"{receptacle}|"},
        {"kind": "stacked_in_receptacle", "object": f"{thing}|", **names},
    )
    return {"object": thing, "movable": movable, "receptacle": receptacle}, conditions, "stack"


def _light(thing: str, lamp: str) -> tuple[Labels, tuple[Mapping[str, Any], ...], str]:
    conditions = (
        {"kind": "holding", "object": f"{thing}|"},
        {"kind": "toggled_on_and_visible", "object": f"{lamp}|"},
    )
    return {"object": thing, "lamp": lamp}, conditions, "light"


def _choose_object(rng: random.Random, seed: int, fit: tuple[str, ...], used: set[str]) -> str:
    wanted = [label for label in favourites(seed) if label in fit and label not in used]
    if wanted and rng.random() < HABIT:
        return rng.choice(wanted)
    everyday = [label for label in EVERYDAY if label in fit and label not in used]
    return rng.choice(everyday if everyday and rng.random() < 0.5 else fit)


def _choose_receptacle(rng: random.Random, label: str, state: str) -> str:
    """Furniture that takes it and is not the appliance that makes it so."""
    maker = {"clean": "Sink", "cool": "Fridge"}.get(state, "")
    return rng.choice([
        r for r, takes in ACCEPTS.items()
        if label in takes and r != maker and r not in _NOT_TO and r not in MOVABLE_RECEPTACLES
    ])  # fmt: skip


def _exists(world: World, labels: Labels) -> bool:
    present = {t.label for t in world.things.values()}
    return all(label in present for label in labels.values())


def _stand_before(world: World, position_m: tuple[float, float, float]) -> None:
    """For the judge's eye: the robot where it would stand to use it."""
    cell = standing_cell(world, position_m)
    if cell is not None:
        world.robot.x_m, world.robot.y_m = world.floor.centre(cell)
        world.robot.face(position_m)


_FIT: Mapping[str, tuple[str, ...]] = {
    "place": tuple(KEPT),
    "place_two": tuple(label for label, ((_, most), _) in KEPT.items() if most > 1),
    "stack": tuple(label for label in OBJECTS if any(label in ACCEPTS[m] and label != m for m in MOVABLE_RECEPTACLES)),
    "clean": _CLEANED,
    "heat": _HEATED,
    "cool": _COOLED,
    "slice": _SLICED,
    "light": _LIT,
}
