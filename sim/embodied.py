# SPDX-License-Identifier: Apache-2.0
"""A body that must go and look: it walks over the floor, sees what is in view, and reaches what is near.

Neighbours: embodied_skills.py declares what it can do, household.py has the physics, reach.py says where to stand,
view.py what is seen; environment.py wraps it as a Body.
Rules of the file:
- a target is a class and a place in the map; which thing that is, the body finds out by looking there: visible, in
  reach, of that class, and within SAME_M of the place; an id never comes in or goes out;
- a walk advances one metre per tick and looks where it goes; every other skill but look_around takes one tick;
- the hand turns to what it works on before it tries;
- an unacceptable call is REFUSED at its first tick, and a try that fails says why in one sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from brain_nodes.cerebellum.body import RUNNING, Running, SkillRun
from memory.geometry import Vector, distance_m
from memory.records import Camera, Observation, Outcome, OutcomeCode, Place, Skill, SkillCall, Target
from sim import household
from sim.embodied_places import ROOM, waypoints
from sim.embodied_skills import embodied_skills
from sim.reach import LEAN_M, STAND_M, components, gap_m, in_reach, nearest_cell, resting_spot, standing_cell
from sim.view import visible
from sim.world import Cell, Thing, World

SAME_M = 0.6  # a thing this far from where it was said to be is not the one that was meant
EXACT_M = 0.05  # a thing this close to where it was said to be surely is
CELLS_PER_TICK = 4
LOOKS = 4
LEVEL_PITCH_RAD = 0.35


class EmbodiedSkills:
    """The skills of one robot in one world.

    Attributes:
        distance_m: Walked so far.
        walk: Where it has been, (x, y) metres.
    """

    def __init__(self, world: World, camera: Camera | None = None) -> None:
        self.world = world
        self.camera = camera or Camera()
        self.distance_m = 0.0
        self.walk: list[tuple[float, float]] = [(world.robot.x_m, world.robot.y_m)]
        self._skills = {s.name: s for s in embodied_skills(world)}
        self._places = {p.id: p for p in waypoints(world)}

    def skills(self) -> tuple[Skill, ...]:
        """What it can do, as data."""
        return tuple(self._skills.values())

    def places(self) -> tuple[Place, ...]:
        """Where to stand in each room, as a floor plan would tell; long rooms have several."""
        return tuple(self._places.values())

    def start(self, call: SkillCall) -> SkillRun:
        """Begin a skill. Nothing moves before the first tick."""
        skill = self._skills.get(call.skill)
        if skill is None:
            return _Refused(call, f"there is no skill {call.skill!r}; there are {', '.join(self._skills)}")
        if len(call.targets) < len(skill.parameters):
            missing = ", ".join(p.name for p in skill.parameters[len(call.targets) :])
            return _Refused(call, f"{call.skill} was given no {missing}")
        if call.skill == "look_around":
            return _LookAround(call, self)
        target = self._located(call.targets[_WORKED_ON.get(call.skill, 0)]) if call.targets else Target("")
        if target.position_m is None and call.skill != "drop":
            return _Refused(call, f"{call.skill} needs a place in the map for {target.label or target.name!r}")
        return _Walk(call, self, target) if call.skill == "go_to" else _OneTick(call, self, target)

    def step_to(self, cell: Cell) -> None:
        """One cell further, looking ahead."""
        robot = self.world.robot
        x_m, y_m = self.world.floor.centre(cell)
        self.distance_m += math.hypot(x_m - robot.x_m, y_m - robot.y_m)
        if (x_m, y_m) != (robot.x_m, robot.y_m):
            robot.yaw_rad = math.atan2(y_m - robot.y_m, x_m - robot.x_m)
        robot.x_m, robot.y_m, robot.pitch_rad, robot.facing = x_m, y_m, LEVEL_PITCH_RAD, ""
        self.walk.append((x_m, y_m))
        household.carry(self.world)

    def face(self, position_m: Vector) -> None:
        """Turn and tilt to a place."""
        self.world.robot.face(position_m)
        household.carry(self.world)

    def here(self) -> Cell:
        """The free cell the robot stands on, or the nearest."""
        floor, robot = self.world.floor, self.world.robot
        cell = floor.cell_at(robot.x_m, robot.y_m)
        return cell if cell in floor.cells else floor.nearest(robot.x_m, robot.y_m)

    def find(self, target: Target) -> Thing | None:
        """The thing of this class at this place, if it is in reach and in view."""
        near = [t for t in self.world.things.values() if _is_called(t, target.label) and _away_m(t, target) <= SAME_M]
        exact = [t for t in near if _away_m(t, target) <= EXACT_M]  # its twin beside it is not what was meant
        candidates = [t for t in exact or near if in_reach(self.world, t) and visible(self.world, t, self.camera)]
        return min(candidates, key=lambda t: (t.label != target.label, _away_m(t, target)), default=None)

    def _located(self, target: Target) -> Target:
        """A room by its name has the position the map gives it."""
        place = self._places.get(target.name)
        return replace(target, label=ROOM, position_m=place.position_m) if place is not None else target


class _Refused:
    """A call that was not acceptable; nothing moves."""

    def __init__(self, call: SkillCall, reason: str) -> None:
        self.call = call
        self._outcome = Outcome(call.id, OutcomeCode.REFUSED, reason)

    def tick(self, observation: Observation) -> Outcome:
        return self._outcome

    def cancel(self, deadline_s: float) -> Outcome:
        return self._outcome


class _Run:
    """What the runs of this body share: they can be left at any tick, with the robot where it is."""

    def __init__(self, call: SkillCall, body: EmbodiedSkills) -> None:
        self.call = call
        self.body = body

    def cancel(self, deadline_s: float) -> Outcome:
        return Outcome(self.call.id, OutcomeCode.PREEMPTED, "cancelled")

    def _ended(self, reason: str = "") -> Outcome:
        return Outcome(self.call.id, OutcomeCode.FAILED if reason else OutcomeCode.SUCCEEDED, reason)


class _Walk(_Run):
    """The shortest way to a cell from which the target is within reach, then a look at it."""

    def __init__(self, call: SkillCall, body: EmbodiedSkills, target: Target) -> None:
        super().__init__(call, body)
        self._target = target
        self._ahead: list[Cell] | None = None

    def tick(self, observation: Observation) -> Running | Outcome:
        if self._ahead is None:
            goal = self._goal()
            if goal is None:
                return self._ended(f"no free floor within {STAND_M} m of {_describe(self._target)}")
            self._ahead = list(self.body.world.floor.path(self.body.here(), goal))[1:]
        for cell in self._ahead[:CELLS_PER_TICK]:
            self.body.step_to(cell)
        del self._ahead[:CELLS_PER_TICK]
        if self._ahead:
            return RUNNING
        if self._target.label != ROOM:
            self.body.face(_position(self._target))
        return self._ended()

    def _goal(self) -> Cell | None:
        world, position_m = self.body.world, _position(self._target)
        part = components(world.floor.cells)
        home = part[self.body.here()]
        if self._target.label == ROOM:
            return nearest_cell(world.floor, position_m, home)
        furniture = _furniture_at(world, self._target)
        if furniture is not None:
            position_m = furniture.position_m
        return standing_cell(world, position_m, furniture, home) or _last_resort(world, position_m, furniture, home)


class _LookAround(_Run):
    """Four quarter turns, one per tick."""

    def __init__(self, call: SkillCall, body: EmbodiedSkills) -> None:
        super().__init__(call, body)
        self._left = LOOKS

    def tick(self, observation: Observation) -> Running | Outcome:
        robot = self.body.world.robot
        turned = robot.yaw_rad + 2 * math.pi / LOOKS
        robot.yaw_rad, robot.pitch_rad = math.atan2(math.sin(turned), math.cos(turned)), LEVEL_PITCH_RAD
        household.carry(self.body.world)
        self._left -= 1
        return RUNNING if self._left > 0 else self._ended()


class _OneTick(_Run):
    """Work of the hand: turn to it, find it, do it."""

    def __init__(self, call: SkillCall, body: EmbodiedSkills, target: Target) -> None:
        super().__init__(call, body)
        self._target = target

    def tick(self, observation: Observation) -> Outcome:
        if self.call.skill == "drop":
            return self._ended(household.drop(self.body.world))
        world = self.body.world
        wrong = _wrong_in_hand(world, self.call)
        if wrong:
            return self._ended(wrong)
        self.body.face(_position(self._target))
        thing = self.body.find(self._target)
        if thing is None:
            return self._ended(f"no {self._target.label} in reach within {SAME_M} m of {_place(self._target)}")
        return self._ended(_sentence(thing, _PRIMITIVES[self.call.skill](world, thing)))


def _put(world: World, receptacle: Thing) -> str:
    """Put what is held on a free spot, where the world has spots."""
    held = household.held(world)
    spot = resting_spot(world, held, receptacle) if held is not None and world.spots else None
    if held is not None and world.spots and spot is None and receptacle.receptacle:
        return "it is full"
    reason = household.put(world, receptacle)
    if not reason and held is not None:
        if spot is not None:
            world.move(held, spot)
        for moved in (held, *world.all_contents(held.id)):
            moved.room = receptacle.room
    return reason


_WORKED_ON: Mapping[str, int] = {"put_down": 1}  # which of its targets a skill turns to, if not the first
_HELD: Mapping[str, int] = {"put_down": 0, "slice": 1}  # which of its targets must be in the hand
_PRIMITIVES: Mapping[str, Callable[[World, Thing], str]] = {
    "pick_up": household.pick,
    "put_down": _put,
    "open": household.open_,
    "close": household.close,
    "turn_on": household.turn_on,
    "turn_on_microwave": household.turn_on,
    "turn_off": household.turn_off,
    "slice": household.slice_,
}


def _wrong_in_hand(world: World, call: SkillCall) -> str:
    """Why this call cannot be meant with what the hand holds; "" if it can."""
    if call.skill not in _HELD:
        return ""
    held, label = household.held(world), call.targets[_HELD[call.skill]].label
    if held is None:
        return household.HAND_EMPTY
    return "" if not label or _is_called(held, label) else f"the hand holds {held.label}, not {label}"


def _sentence(thing: Thing, reason: str) -> str:
    """The household's reason, with the thing by its class: "The Fridge is already open"."""
    return f"The {thing.label}{reason[2:]}" if reason.startswith("it ") else reason


def _is_called(thing: Thing, label: str) -> bool:
    """A slice still answers to the name of the whole."""
    return thing.label in (label, label + household.SLICED)


def _away_m(thing: Thing, target: Target) -> float:
    return distance_m(thing.position_m, _position(target))


def _position(target: Target) -> Vector:
    assert target.position_m is not None, "start() refuses targets without a place"
    return target.position_m


def _place(target: Target) -> str:
    return "({:.2f}, {:.2f}, {:.2f})".format(*_position(target))


def _describe(target: Target) -> str:
    return f"{target.label or target.name} at {_place(target)}"


def _furniture_at(world: World, target: Target) -> Thing | None:
    """Furniture is on the map, so its outline is known; loose things are only where they are said to be."""
    fixed = [t for t in world.things.values() if not t.pickupable and t.label == target.label]
    nearest = min(fixed, key=lambda t: _away_m(t, target), default=None)
    return nearest if nearest is not None and _away_m(nearest, target) <= SAME_M else None


def _last_resort(world: World, position_m: Vector, thing: Thing | None, home: int) -> Cell | None:
    """The nearest cell there is, if the arm reaches from it after all."""
    cell = nearest_cell(world.floor, position_m, home)
    x_m, y_m = world.floor.centre(cell)
    point_m, size_m = (position_m, (0.0, 0.0, 0.0)) if thing is None else (thing.position_m, thing.size_m)
    return cell if gap_m(x_m, y_m, point_m, size_m) <= LEAN_M else None
