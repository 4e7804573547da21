# SPDX-License-Identifier: Apache-2.0
"""The benchmark's action list as declared skills: what a planner may know of it.

Neighbours: benchmark.py carries the phrases out, brain_nodes/prefrontal builds operators from these skills.
Rules of the file:
- nothing goes in but the phrases;
- negative effects apply before positive ones, whatever their order here, so `near` is dropped for all and then set;
- `open(r)` holds for everything that has no door; an unknown place or the floor is SOMEWHERE, which is always open;
- `label(x, L)` never changes; in a condition L stands for a class name as the phrases spell it;
- `before(x)`: x is what the last find named, and nothing but opening came since; that is where a thing is put down,
  and what is cut; after any other skill the benchmark's put_down is silently a drop. A body that walks puts down
  wherever it is near (placing="near").

Predicates: near(x) before(x) hand_empty() holding(o) inside(o, r) open(r) on(x) clean(o) hot(o) cool(o) sliced(o)
label(x, L).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memory.records import Effect, Literal, Parameter, Skill

PUT_DOWN, DROP = "put down the object in hand", "drop the object in hand"
SOMEWHERE = "somewhere"
KNIVES = ("Knife", "ButterKnife")
SINKS = ("Sink", "SinkBasin")


def declared(phrases: Sequence[str], placing: str = "before") -> tuple[Skill, ...]:
    """The skills behind a list of phrases, each with the names the list gives its arguments.

    Args:
        placing: What a receptacle must be to be put into: "before" or "near".
    """
    found = (*_names(phrases, "find a "), *_names(phrases, "find an "))
    switched_on, switched_off = _names(phrases, "turn on the "), _names(phrases, "turn off the ")
    skills = (
        _find(found),
        _pick_up(_names(phrases, "pick up the ")),
        _put_down(placing),
        _drop(),
        _open(_names(phrases, "open the ")),
        _close(_names(phrases, "close the ")),
        _turn_on(tuple(n for n in switched_on if n != "Microwave")),
        _turn_on_microwave(tuple(n for n in switched_on if n == "Microwave")),
        _turn_off(switched_off),
        _slice(_names(phrases, "slice the "), placing),
    )
    return tuple(map(_turned_away, skills)) if placing == "before" else skills


def _turned_away(skill: Skill) -> Skill:
    """Every skill but these forgets what it stands before."""
    if skill.name in ("find", "open", "put_down"):
        return skill
    return replace(skill, effects=(_now_not("before", "?other"), *skill.effects))


def _find(names: tuple[str, ...]) -> Skill:
    return Skill(
        name="find",
        parameters=(Parameter("target", names=names),),
        effects=(
            _now_not("near", "?other"),
            _now_not("before", "?other"),
            _now("near", "?target"),
            _now("before", "?target"),
            _now("near", "?content", when=(_is("inside", "?content", "?target"),)),
        ),
        phrase="find a {target}",
    )


def _pick_up(names: tuple[str, ...]) -> Skill:
    return Skill(
        name="pick_up",
        parameters=(Parameter("object", "pickupable", names, by_label=True), Parameter("source", "receptacle")),
        preconditions=(
            _is("near", "?object"),
            _is("hand_empty"),
            _is("inside", "?object", "?source"),
            _is("open", "?source"),
        ),
        effects=(
            _now_not("hand_empty"),
            _now_not("inside", "?object", "?source"),
            _now_not("full", "?source"),
            _now("holding", "?object"),
        ),
        phrase="pick up the {object}",
    )


def _put_down(placing: str) -> Skill:
    return Skill(
        name="put_down",
        parameters=(Parameter("object", "pickupable"), Parameter("receptacle", "receptacle")),
        preconditions=(
            _is("holding", "?object"),
            _is(placing, "?receptacle"),
            _is("open", "?receptacle"),
            _is_not("full", "?receptacle"),
        ),
        effects=(
            _now_not("holding", "?object"),
            _now("hand_empty"),
            _now("inside", "?object", "?receptacle"),
            _now("full", "?receptacle", when=(_is("tight", "?receptacle"),)),
        ),
        phrase=PUT_DOWN,
    )


def _drop() -> Skill:
    return Skill(
        name="drop",
        parameters=(Parameter("object", "pickupable"),),
        preconditions=(_is("holding", "?object"),),
        effects=(
            _now_not("holding", "?object"),
            _now_not("near", "?object"),  # it lies at the robot's feet, out of the image: find it again
            _now("hand_empty"),
            _now("inside", "?object", SOMEWHERE),
        ),
        phrase=DROP,
    )


def _open(names: tuple[str, ...]) -> Skill:
    return Skill(
        name="open",
        parameters=(Parameter("target", "openable", names),),
        preconditions=(_is("near", "?target"), _is_not("open", "?target")),
        effects=(_now("open", "?target"),),
        phrase="open the {target}",
    )


def _close(names: tuple[str, ...]) -> Skill:
    in_fridge = (_is("label", "?target", "Fridge"), _is("inside", "?object", "?target"))
    return Skill(
        name="close",
        parameters=(Parameter("target", "openable", names),),
        preconditions=(_is("near", "?target"), _is("open", "?target")),
        effects=(_now_not("open", "?target"), _now("cool", "?object", when=in_fridge)),
        phrase="close the {target}",
    )


def _turn_on(names: tuple[str, ...]) -> Skill:
    faucet = _is("label", "?target", "Faucet")
    washed = tuple(
        _now("clean", "?object", when=(faucet, _is("label", "?basin", sink), _is("inside", "?object", "?basin")))
        for sink in SINKS
    )
    return Skill(
        name="turn_on",
        parameters=(Parameter("target", "toggleable", names, by_label=True),),
        preconditions=(_is("near", "?target"), _is_not("on", "?target")),
        effects=(_now("on", "?target"), *washed),
        phrase="turn on the {target}",
    )


def _turn_on_microwave(names: tuple[str, ...]) -> Skill:
    """A skill of its own, with the same phrase: a microwave must be closed, and other switches have no door."""
    return Skill(
        name="turn_on_microwave",
        parameters=(Parameter("target", "toggleable", names, by_label=True),),
        preconditions=(_is("near", "?target"), _is_not("on", "?target"), _is_not("open", "?target")),
        effects=(_now("on", "?target"), _now("hot", "?object", when=(_is("inside", "?object", "?target"),))),
        phrase="turn on the {target}",
    )


def _turn_off(names: tuple[str, ...]) -> Skill:
    return Skill(
        name="turn_off",
        parameters=(Parameter("target", "toggleable", names, by_label=True),),
        preconditions=(_is("near", "?target"), _is("on", "?target")),
        effects=(_now_not("on", "?target"),),
        phrase="turn off the {target}",
    )


def _slice(names: tuple[str, ...], placing: str) -> Skill:
    spoiled = tuple(_now_not(mark, "?object") for mark in ("clean", "hot", "cool"))
    return Skill(
        name="slice",
        parameters=(
            Parameter("object", "sliceable", names, by_label=True),
            Parameter("tool", "pickupable", KNIVES, by_label=True),
        ),
        preconditions=(_is("holding", "?tool"), _is(placing, "?object"), _is_not("sliced", "?object")),
        effects=(_now("sliced", "?object"), *spoiled),
        phrase="slice the {object}",
        reversible=False,
    )


def _names(phrases: Sequence[str], prefix: str) -> tuple[str, ...]:
    return tuple(p.removeprefix(prefix) for p in phrases if p.startswith(prefix))


def _is(predicate: str, *arguments: str) -> Literal:
    return Literal(predicate, arguments)


def _is_not(predicate: str, *arguments: str) -> Literal:
    return Literal(predicate, arguments, negated=True)


def _now(predicate: str, *arguments: str, when: tuple[Literal, ...] = ()) -> Effect:
    return Effect(Literal(predicate, arguments), when)


def _now_not(predicate: str, *arguments: str) -> Effect:
    return Effect(Literal(predicate, arguments, negated=True))
