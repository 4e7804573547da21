# SPDX-License-Identifier: Apache-2.0
"""A search from the believed state to a goal over ground operators.

Neighbours: symbolic_planner.py sets the problem, domain.py holds states and operators.
Rules of the file: deterministic (ties by order of insertion); bounded by a number of opened states, never by time.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence

from brain_nodes.prefrontal.domain import Atom, Operator, State

INFINITE = float("inf")
WEIGHT = 1.5  # of the estimate against the cost so far: plans hardly longer, search much shorter


def search(
    start: State, goal: frozenset[Atom], operators: Sequence[Operator], max_states: int
) -> tuple[Operator, ...] | None:
    """Operators that lead from start to a state holding the whole goal; None if none was found within max_states.

    Weighted A* with the additive heuristic (Bonet and Geffner, AI 2001); conditional effects are estimated as
    operators of their own, negative conditions are free.
    """
    rules = _rules(operators)
    tie = itertools.count()
    queue: list[tuple[float, int, float, State, tuple[Operator, ...]]] = [(0.0, next(tie), 0.0, start, ())]
    best = {start: 0.0}
    opened = 0
    while queue and opened < max_states:
        _, _, cost, state, path = heapq.heappop(queue)
        if goal <= state:
            return path
        if cost > best[state]:
            continue
        opened += 1
        for operator in operators:
            if not operator.applicable(state):
                continue
            after, total = operator.apply(state), cost + operator.cost
            if total >= best.get(after, INFINITE):
                continue
            estimate = _estimate(after, goal, rules)
            if estimate < INFINITE:
                best[after] = total
                heapq.heappush(queue, (total + WEIGHT * estimate, next(tie), total, after, (*path, operator)))
    return None


Rule = tuple[tuple[Atom, ...], Atom, float]


def _rules(operators: Sequence[Operator]) -> list[Rule]:
    return [
        (tuple(operator.needs | effect.when), effect.atom, operator.cost)
        for operator in operators
        for effect in operator.effects
        if effect.adds
    ]


def _estimate(state: State, goal: frozenset[Atom], rules: Sequence[Rule]) -> float:
    """Sum over the goal's atoms of what each would cost alone, deletions ignored."""
    costs: dict[Atom, float] = dict.fromkeys(state, 0.0)
    changed = True
    while changed:
        changed = False
        for needs, atom, cost in rules:
            total = cost
            for need in needs:
                total += costs.get(need, INFINITE)
            if total < costs.get(atom, INFINITE):
                costs[atom] = total
                changed = True
    return sum(costs.get(atom, INFINITE) for atom in goal)
