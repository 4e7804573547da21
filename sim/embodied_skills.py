# SPDX-License-Identifier: Apache-2.0
"""What an embodied robot declares that it can do: the benchmark's skills, but it walks instead of teleporting.

Neighbours: benchmark_skills.py declares what both have in common, embodied.py carries it out.
Rules of the file: labels only, never a name or a place of one thing of the world; a parameter's names are the classes
the body accepts there, so that a planner learns what affords what from here.

Predicates are those of benchmark_skills.py; going to something also brings the robot near what it is in or on, and
near what is in or on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from memory.records import Effect, Literal, Parameter, Skill
from sim.benchmark_skills import DROP, PUT_DOWN, declared
from sim.home_catalogue import FIXED, OBJECTS
from sim.household import SLICED
from sim.world import World

_PHRASES = {
    "put_down": "put the {object} in or on the {receptacle}",
    "pick_up": "pick up the {object} from the {source}",
    "slice": "slice the {object} with the {tool}",
}


def embodied_skills(world: World) -> tuple[Skill, ...]:
    """The skills of a robot that sees and walks, for homes like this one."""
    labels = _Labels(world)
    shared = [s for s in declared(tuple(labels.phrases()), placing="near") if s.name != "find"]
    return (_go_to(), _look_around(), *(_by_position(s, labels) for s in shared))


def action_list(world: World) -> tuple[str, ...]:
    """The phrases EB-ALFRED would list for a home like this one, first instances only: for the benchmark mode."""
    labels = _Labels(world)
    found = (f"find a {label}" for label in labels.all())
    return (*found, *labels.phrases(), PUT_DOWN, DROP)


class _Labels:
    """Classes by what can be done with them: those of our catalogue and those of this world."""

    def __init__(self, world: World) -> None:
        kinds = {**FIXED, **OBJECTS}
        afford = {label: set(kind.can) for label, kind in kinds.items()}
        for label in OBJECTS:
            afford[label].add("pickupable")
        for thing in world.things.values():
            flags = {
                "pickupable": thing.pickupable, "receptacle": thing.receptacle, "openable": thing.openable,
                "toggleable": thing.toggleable, "sliceable": thing.sliceable,
            }  # fmt: skip
            can = afford.setdefault(thing.label.removesuffix(SLICED), set())
            can.update(flag for flag, has in flags.items() if has)
        self._afford = afford

    def all(self) -> tuple[str, ...]:
        return tuple(sorted(self._afford))

    def that_are(self, affordance: str) -> tuple[str, ...]:
        return tuple(sorted(label for label, can in self._afford.items() if affordance in can))

    def phrases(self) -> Iterator[str]:
        """The action list a benchmark would give for these classes."""
        yield from (f"pick up the {label}" for label in self.that_are("pickupable"))
        for verb, affordance in (
            ("open", "openable"), ("close", "openable"), ("turn on", "toggleable"), ("turn off", "toggleable"),
            ("slice", "sliceable"),
        ):  # fmt: skip
            yield from (f"{verb} the {label}" for label in self.that_are(affordance))


def _go_to() -> Skill:
    return Skill(
        name="go_to",
        parameters=(Parameter("target"),),
        effects=(
            Effect(Literal("near", ("?other",), negated=True)),
            Effect(Literal("near", ("?target",))),
            Effect(Literal("near", ("?content",)), (Literal("inside", ("?content", "?target")),)),
            Effect(Literal("near", ("?holder",)), (Literal("inside", ("?target", "?holder")),)),
        ),
        phrase="go to the {target}",
    )


def _look_around() -> Skill:
    return Skill(name="look_around", phrase="look around")


def _by_position(skill: Skill, labels: _Labels) -> Skill:
    """The benchmark's skill for a body that is told a class and a place: it finds the instance there itself."""
    parameters = tuple(_parameter(skill, p, labels) for p in skill.parameters)
    effects = tuple(map(_at_its_own_basin, skill.effects))
    if skill.name == "put_down":
        effects = (*effects, Effect(Literal("near", ("?object",))))
    return replace(skill, parameters=parameters, effects=effects, phrase=_PHRASES.get(skill.name, skill.phrase))


def _at_its_own_basin(effect: Effect) -> Effect:
    """Water runs into the basin that the faucet is at, and a home has several."""
    if not any("?basin" in literal.arguments for literal in effect.when):
        return effect
    return replace(effect, when=(*effect.when, Literal("beside", ("?target", "?basin"))))


def _parameter(skill: Skill, parameter: Parameter, labels: _Labels) -> Parameter:
    kind = {"source": "source", "tool": "tool"}.get(parameter.name, parameter.kind)
    names = parameter.names
    if parameter.name in ("source", "receptacle"):
        names = labels.that_are("receptacle")
    elif skill.name in ("put_down", "drop"):
        names = labels.that_are("pickupable")
    return Parameter(parameter.name, kind, names)
