# SPDX-License-Identifier: Apache-2.0
"""The planning problem: what is believed now as a state, what the body can do as operators.

Neighbours: scene.py reads the believed scene out of recall, symbolic_planner.py searches over what is built here,
critic.py checks preconditions with it.
Rules of the file: operators come from the skills a body declares and from nowhere else; negative effects apply
first; a free variable of an effect stands for everything.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from brain_nodes.prefrontal.common_sense import can_hold
from brain_nodes.prefrontal.scene import SOMEWHERE, Scene
from memory.records import INSIDE, Effect, Literal, Parameter, Skill

Atom = tuple[str, ...]
State = frozenset[Atom]
BESIDE_M = 0.7  # between the middles of two things that belong together, such as a faucet and its basin
LETTING_FALL = 2.5  # of an ordinary step: a thing is put down properly where that takes one step more


@dataclass(frozen=True, slots=True)
class GroundEffect:
    """One consequence of an operator: atom becomes true (or false), if all of `when` held and none of `unless`."""

    atom: Atom
    adds: bool
    when: frozenset[Atom] = frozenset()
    unless: frozenset[Atom] = frozenset()


@dataclass(frozen=True, slots=True)
class Operator:
    """A skill bound to things."""

    skill: str
    arguments: tuple[str, ...]
    needs: frozenset[Atom]
    forbids: frozenset[Atom]
    effects: tuple[GroundEffect, ...]
    cost: float = 1.0

    def applicable(self, state: State) -> bool:
        """May it be taken in this state?"""
        return self.needs <= state and not (self.forbids & state)

    def apply(self, state: State) -> State:
        """The state afterwards."""
        happening = [e for e in self.effects if e.when <= state and not (e.unless & state)]
        lost = {e.atom for e in happening if not e.adds}
        return (state - lost) | {e.atom for e in happening if e.adds}


def state_of(scene: Scene, names: Iterable[str]) -> State:
    """Everything believed about the named things that a planner can use.

    What is somewhere unknown is inside SOMEWHERE, which is always open; what is in something inside a closed
    container counts as inside that container.
    """
    atoms: set[Atom] = {("open", SOMEWHERE)}
    atoms.update(("near", n) for n in scene.near)
    if scene.before:
        atoms.add(("before", scene.before))
    atoms.add(("holding", scene.holding) if scene.holding else ("hand_empty",))
    listed = list(names)
    for name in listed:
        atoms.update(_atoms_of(scene, name))
    atoms.update(("beside", a, b) for a in listed for b in listed if a != b and scene.gap_m(a, b) <= BESIDE_M)
    return frozenset(atoms)


def _atoms_of(scene: Scene, name: str) -> Iterator[Atom]:
    if name != scene.holding:
        yield (INSIDE, name, scene.source_of(name))
    if not scene.closed(name):
        yield ("open", name)
    if scene.powered(name):
        yield ("on", name)
    if name in scene.full:
        yield ("full", name)
    if name in scene.tight:
        yield ("tight", name)
    for mark in scene.marks.get(name, ()):
        yield (mark, name)


def operators(
    skills: Sequence[Skill], scene: Scene, names: Sequence[str], banned: Iterable[tuple[str, tuple[str, ...]]] = ()
) -> tuple[Operator, ...]:
    """All ways of binding the skills' parameters to these things (and SOMEWHERE as a source)."""
    refused = set(banned)
    found = []
    for skill in skills:
        options = [_options(p, scene, names) for p in skill.parameters]
        for arguments in itertools.product(*options):
            if len(set(arguments)) == len(arguments) and (skill.name, arguments) not in refused:
                operator = _ground(skill, arguments, scene, names)
                if operator is not None:
                    found.append(operator)
    return tuple(found)


def accepts(parameter: Parameter, name: str, scene: Scene) -> bool:
    """May this thing be given for this parameter, as far as the body declared it?"""
    label = scene.label_of(name)
    if not parameter.names:
        return parameter.kind != "receptacle" or parameter.name == "source" or can_hold(label)
    return name in parameter.names or label in parameter.names or label.removesuffix("Sliced") in parameter.names


def _options(parameter: Parameter, scene: Scene, names: Sequence[str]) -> list[str]:
    options = [n for n in names if accepts(parameter, n, scene)]
    return [*options, SOMEWHERE] if parameter.name == "source" else options


def _ground(skill: Skill, arguments: tuple[str, ...], scene: Scene, names: Sequence[str]) -> Operator | None:
    binding = {f"?{p.name}": a for p, a in zip(skill.parameters, arguments, strict=True)}
    needs: set[Atom] = set()
    forbids: set[Atom] = set()
    for literal in skill.preconditions:
        atom = _bind(literal, binding)
        if literal.predicate == "label":
            if (scene.label_of(atom[1]) == atom[2]) is literal.negated:
                return None
        else:
            (forbids if literal.negated else needs).add(atom)
    effects = tuple(e for effect in skill.effects for e in _effects(effect.literal, effect.when, binding, scene, names))
    lets_fall = any(e.literal.arguments[1:] == (SOMEWHERE,) for e in skill.effects)
    return Operator(
        skill.name, arguments, frozenset(needs), frozenset(forbids), effects, LETTING_FALL if lets_fall else 1.0
    )


def _effects(
    literal: Literal, when: tuple[Literal, ...], binding: Mapping[str, str], scene: Scene, names: Sequence[str]
) -> Iterator[GroundEffect]:
    mentioned = [a for t in (literal, *when) for a in t.arguments if a.startswith("?")]
    free = list(dict.fromkeys(a for a in mentioned if a not in binding))
    for values in itertools.product(names, repeat=len(free)):
        bound = {**binding, **dict(zip(free, values, strict=True))}
        if any(
            t.predicate == "label" and (scene.label_of(_bind(t, bound)[1]) == t.arguments[1]) is t.negated for t in when
        ):
            continue
        conditions = [t for t in when if t.predicate != "label"]
        yield GroundEffect(
            _bind(literal, bound),
            not literal.negated,
            frozenset(_bind(t, bound) for t in conditions if not t.negated),
            frozenset(_bind(t, bound) for t in conditions if t.negated),
        )


def _bind(literal: Literal, binding: Mapping[str, str]) -> Atom:
    return (literal.predicate, *(binding.get(a, a) for a in literal.arguments))


def labels_needed(goal_predicates: Iterable[str], skills: Sequence[Skill]) -> tuple[frozenset[str], ...]:
    """Classes of things that must be at hand to bring about these predicates, read off the declarations.

    Returns:
        One set for each need; any one class of a set will do: ({"Faucet"}, {"Sink", "SinkBasin"}) for `clean`.
    """
    needs: dict[tuple[str, str, str], set[str]] = {}
    for predicate in goal_predicates:
        for skill in skills:
            for effect in skill.effects:
                if effect.literal.predicate == predicate and not effect.literal.negated:
                    for role, labels in _tools(skill, effect):
                        needs.setdefault((predicate, skill.name, role), set()).update(labels)
    return tuple(dict.fromkeys(frozenset(labels) for labels in needs.values()))


def _tools(skill: Skill, effect: Effect) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(role, classes that can play it) for everything but the thing the effect is about."""
    told = [t for t in (*effect.when, *skill.preconditions) if t.predicate == "label" and not t.negated]
    for literal in told:
        yield literal.arguments[0], (literal.arguments[1],)
    spoken_of = {t.arguments[0] for t in told} | set(effect.literal.arguments)
    for parameter in skill.parameters:
        role = f"?{parameter.name}"
        if role not in spoken_of and parameter.names and parameter.name in ("target", "tool"):
            yield role, parameter.names
