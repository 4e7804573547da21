# SPDX-License-Identifier: Apache-2.0
"""Which believed things a goal is about.

Neighbours: symbolic_planner.py plans for the bindings ranked here; scene.py holds the things.
Rules of the file: different variables are different things; what already serves the goal is preferred, then what
is in the hand, then what is near; things known to be gone are never bound.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from brain_nodes.prefrontal.scene import SOMEWHERE, Scene
from memory.records import INSIDE, Goal, Literal

Binding = dict[str, str]
CHOICES = 6  # of the likeliest things for one variable
AWAY_PER_M = 0.05


def bindings(goal: Goal, scene: Scene) -> list[Binding]:
    """All sensible ways to bind the goal's variables, best first; empty if a variable has no candidate."""
    options = [scene.present(v.label) for v in goal.variables]
    served = [sorted(o, key=lambda n: -_serves(n, scene))[:CHOICES] for o in options]
    names = [v.name for v in goal.variables]
    found = [
        dict(zip(names, chosen, strict=True))
        for chosen in itertools.product(*served)
        if len(set(chosen)) == len(chosen)
    ]
    return sorted(found, key=lambda b: -_merit(goal, b, scene))


def unbound_labels(goal: Goal, scene: Scene) -> list[str]:
    """Classes the goal speaks of that have too few believed things, in the goal's order."""
    lacking = []
    for label in dict.fromkeys(v.label for v in goal.variables):
        wanted = sum(v.label == label for v in goal.variables)
        if len(scene.present(label)) < wanted:
            lacking.append(label)
    return lacking


def ground(goal: Goal, binding: Binding, *, negated: bool = False) -> frozenset[tuple[str, ...]]:
    """What the goal wants to hold of the bound things; with negated, what it wants not to hold."""
    return frozenset(
        (t.predicate, *(binding.get(a, a) for a in t.arguments)) for t in goal.literals if t.negated is negated
    )


def satisfied(goal: Goal, binding: Binding, scene: Scene) -> bool:
    """Is the goal believed to hold for this binding?"""
    return all(holds(t, binding, scene) is not t.negated for t in goal.literals)


def holds(literal: Literal, binding: Binding, scene: Scene) -> bool:
    """Is the literal's predicate believed true of the bound things?"""
    names = tuple(binding.get(a, a) for a in literal.arguments)
    if literal.predicate == INSIDE:
        told = names[0] in scene.hearsay
        return scene.inside.get(names[0], SOMEWHERE) == names[1] and names[0] != scene.holding and not told
    if literal.predicate == "holding":
        return scene.holding == names[0]
    if literal.predicate == "on":
        return scene.powered(names[0])
    if literal.predicate == "open":
        return not scene.closed(names[0])
    if literal.predicate == "sliced" and scene.label_of(names[0]).endswith("Sliced"):
        return True
    return literal.predicate in scene.marks.get(names[0], ())


def _serves(name: str, scene: Scene) -> float:
    return 3.0 * (name == scene.holding) + len(scene.marks.get(name, ())) - AWAY_PER_M * scene.away_m(name)


def _merit(goal: Goal, binding: Binding, scene: Scene) -> float:
    done = sum(holds(t, binding, scene) is not t.negated for t in goal.literals)
    objects = list(_objects(goal, binding))
    in_hand = scene.holding in objects
    walk_m = sum(scene.away_m(n) for n in binding.values())
    shut = sum(scene.closed(scene.source_of(n)) for n in objects)
    return 2.0 * done + 1.5 * in_hand - AWAY_PER_M * walk_m - 0.5 * shut


def _objects(goal: Goal, binding: Binding) -> Iterator[str]:
    moved = {t.arguments[0] for t in goal.literals if t.predicate in (INSIDE, "holding")}
    return (binding[v] for v in binding if v in moved)
