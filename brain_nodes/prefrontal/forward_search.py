# SPDX-License-Identifier: Apache-2.0
"""A search from the believed state to a goal over ground operators.

Neighbours: symbolic_planner.py sets the problem, domain.py holds states and operators.
Rules of the file: deterministic (ties by order of insertion); bounded by a number of opened states, never by time;
inside, an atom is a bit and a state is an integer, which makes a step of the search a few machine words of work.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from brain_nodes.prefrontal.domain import Atom, Operator, State

INFINITE = float("inf")
WEIGHT = 1.5  # of the estimate against the cost so far: plans hardly longer, search much shorter

Rule = tuple[tuple[int, ...], int, float]  # needed atoms, atom gained, cost


@dataclass(frozen=True, slots=True)
class _Effect:
    atom: int  # a single bit
    adds: bool
    when: int
    unless: int


@dataclass(frozen=True, slots=True)
class _Move:
    """An operator in bits; number is its place in the caller's list."""

    number: int
    needs: int
    forbids: int
    effects: tuple[_Effect, ...]
    cost: float

    def apply(self, state: int) -> int:
        gained = lost = 0
        for effect in self.effects:
            if effect.when & state == effect.when and not effect.unless & state:
                if effect.adds:
                    gained |= effect.atom
                else:
                    lost |= effect.atom
        return state & ~lost | gained


def search(
    start: State, goal: frozenset[Atom], operators: Sequence[Operator], max_states: int
) -> tuple[Operator, ...] | None:
    """Operators that lead from start to a state holding the whole goal; None if none was found within max_states.

    Weighted A* with the additive heuristic (Bonet and Geffner, AI 2001); conditional effects are estimated as
    operators of their own, negative conditions are free. What can never hold, however one tries, is left out first.
    """
    reachable = _reachable(start, operators)
    if not goal <= reachable:
        return None
    bits = {atom: n for n, atom in enumerate(sorted(reachable))}
    moves = [m for n, o in enumerate(operators) if (m := _move(n, o, bits)) is not None]
    numbers = _search(_mask(start, bits), _mask(goal, bits), moves, _Estimate(goal, operators, bits), max_states)
    return None if numbers is None else tuple(operators[n] for n in numbers)


def _search(
    start: int, goal: int, moves: Sequence[_Move], estimate: _Estimate, max_states: int
) -> tuple[int, ...] | None:
    tie = itertools.count()
    queue: list[tuple[float, int, float, int, tuple[int, ...]]] = [(0.0, next(tie), 0.0, start, ())]
    best = {start: 0.0}
    opened = 0
    while queue and opened < max_states:
        _, _, cost, state, path = heapq.heappop(queue)
        if goal & state == goal:
            return path
        if cost > best[state]:
            continue
        opened += 1
        for move in moves:
            if move.needs & state != move.needs or move.forbids & state:
                continue
            after, total = move.apply(state), cost + move.cost
            if total >= best.get(after, INFINITE):
                continue
            best[after] = total
            ahead = estimate(after)
            if ahead < INFINITE:
                heapq.heappush(queue, (total + WEIGHT * ahead, next(tie), total, after, (*path, move.number)))
    return None


class _Estimate:
    """Sum over the goal's atoms of what each would cost alone, deletions ignored; remembered by state."""

    def __init__(self, goal: frozenset[Atom], operators: Sequence[Operator], bits: dict[Atom, int]) -> None:
        self._goal = tuple(bits[a] for a in goal)
        self._size = len(bits)
        self._rules = _relevant(self._goal, _rules(operators, bits))
        self._known: dict[int, float] = {}

    def __call__(self, state: int) -> float:
        found = self._known.get(state)
        if found is None:
            found = self._known[state] = self._sum(state)
        return found

    def _sum(self, state: int) -> float:
        costs = [0.0 if state >> n & 1 else INFINITE for n in range(self._size)]
        changed = True
        while changed:
            changed = False
            for needs, atom, cost in self._rules:
                for need in needs:
                    cost += costs[need]
                if cost < costs[atom]:
                    costs[atom] = cost
                    changed = True
        return sum(costs[n] for n in self._goal)


def _reachable(start: State, operators: Sequence[Operator]) -> frozenset[Atom]:
    """Every atom that could ever hold if nothing were ever lost."""
    reached = set(start)
    waiting = [(o.needs | e.when, e.atom) for o in operators for e in o.effects if e.adds]
    while True:
        ready = [atom for needs, atom in waiting if needs <= reached]
        if reached.issuperset(ready):
            return frozenset(reached)
        reached.update(ready)
        waiting = [(needs, atom) for needs, atom in waiting if atom not in reached]


def _move(number: int, operator: Operator, bits: dict[Atom, int]) -> _Move | None:
    """The operator in bits, less the effects that can never happen; None if it can never be taken."""
    if any(a not in bits for a in operator.needs):
        return None
    effects = tuple(
        _Effect(1 << bits[e.atom], e.adds, _mask(e.when, bits), _mask(e.unless, bits))
        for e in operator.effects
        if e.atom in bits and all(a in bits for a in e.when)
    )
    return _Move(number, _mask(operator.needs, bits), _mask(operator.forbids, bits), effects, operator.cost)


def _mask(atoms: Iterable[Atom], bits: dict[Atom, int]) -> int:
    mask = 0
    for atom in atoms:
        if atom in bits:  # what can never hold is as good as not asked for where it must not hold
            mask |= 1 << bits[atom]
    return mask


def _rules(operators: Sequence[Operator], bits: dict[Atom, int]) -> list[Rule]:
    cheapest: dict[tuple[tuple[int, ...], int], float] = {}
    for operator in operators:
        for effect in operator.effects:
            needed = operator.needs | effect.when
            if effect.adds and all(a in bits for a in needed) and effect.atom not in needed:
                key = (tuple(sorted(bits[a] for a in needed)), bits[effect.atom])
                cheapest[key] = min(operator.cost, cheapest.get(key, INFINITE))
    return [(needs, atom, cost) for (needs, atom), cost in cheapest.items()]


def _relevant(goal: tuple[int, ...], rules: list[Rule]) -> list[Rule]:
    """Only the rules that a way to the goal can use."""
    wanted = set(goal)
    while True:
        more = {need for needs, atom, _ in rules if atom in wanted for need in needs} - wanted
        if not more:
            return [rule for rule in rules if rule[1] in wanted]
        wanted |= more
