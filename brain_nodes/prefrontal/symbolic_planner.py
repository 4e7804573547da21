# SPDX-License-Identifier: Apache-2.0
"""A classical planner over what memory believes, with looking where it believes nothing.

Neighbours: binding.py picks the things, domain.py makes the problem, forward_search.py solves it, exploration.py
looks for what is missing.
Rules of the file: deterministic; only things that can matter enter a search, so a plan takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from brain_nodes.prefrontal.binding import Binding, bindings, ground, satisfied, unbound_labels
from brain_nodes.prefrontal.common_sense import furniture
from brain_nodes.prefrontal.domain import GroundEffect, Operator, State, labels_needed, operators, state_of
from brain_nodes.prefrontal.exploration import Look, look_for
from brain_nodes.prefrontal.forward_search import search
from brain_nodes.prefrontal.planner import Problem
from brain_nodes.prefrontal.scene import SOMEWHERE, Scene
from memory.geometry import Vector, planar_distance_m
from memory.records import INSIDE, Goal, Literal, Plan, Step

TRIED_BINDINGS = 6
ARRIVED = ("arrived",)  # the goal as one atom: what must hold and what must not
LEAST = 0.1  # a reading less likely than this, relative to the best, is never worked on
ALTERNATIVE = 0.5  # a reading this likely, relative to the best, may be worked on while the best cannot


class SymbolicPlanner:
    """Goals in order of likelihood; for each, the best binding that has a plan; else a look for what is missing."""

    name = "symbolic"

    def __init__(self, max_states: int = 1500) -> None:
        self.max_states = max_states

    def plan(self, problem: Problem) -> Plan:
        """See planner.Planner."""
        if not problem.goals:
            return Plan(reason="NOT_UNDERSTOOD", planner=self.name)
        least = LEAST * problem.goals[0].confidence
        floor = least if problem.scene.named else ALTERNATIVE * problem.goals[0].confidence
        for goal in problem.goals:
            if goal.confidence >= floor:
                found = self._plan_goal(goal, problem)
                if found is not None:
                    return found
        for goal in problem.goals:
            look = self._look(goal, problem) if goal.confidence >= floor else None
            if look is not None:
                assumes = (*_assumed(look.steps, problem.scene), *look.grounds)
                return Plan(goal, look.steps, assumes=assumes, planner=self.name)
        for goal in problem.goals:
            found = self._plan_goal(goal, problem) if goal.confidence >= least else None
            if found is not None:
                return found
        missing = unbound_labels(problem.goals[0], problem.scene)
        return Plan(problem.goals[0], reason="NOT_FOUND" if missing else "NO_PLAN", planner=self.name)

    def _plan_goal(self, goal: Goal, problem: Problem) -> Plan | None:
        ranked = bindings(goal, problem.scene)
        reached = [b for b in ranked if satisfied(goal, b, problem.scene)]
        if reached:
            steps = () if any(_fresh(b, problem) for b in reached) else _go_and_see(reached[0], problem)
            reason = "" if steps else "GOAL_BELIEVED"
            return Plan(goal, steps, assumes=_assumed(steps, problem.scene), reason=reason, planner=self.name)
        possible = [b for b in ranked if not _hopeless(goal, b, problem.scene)]
        for binding in possible[:TRIED_BINDINGS]:
            path = self._solve(goal, binding, problem)
            if path:
                start = state_of(problem.scene, _relevant(goal, binding, problem))
                steps = tuple(_steps(path, start, problem.scene, goal))
                return Plan(goal, steps, assumes=_assumed(steps, problem.scene), planner=self.name)
        return None

    def _solve(self, goal: Goal, binding: Binding, problem: Problem) -> tuple[Operator, ...] | None:
        names = _relevant(goal, binding, problem)
        spare = {SOMEWHERE, *_spare_surfaces(problem, binding)}
        ops = [
            o
            for o in operators(problem.skills, problem.scene, names, problem.banned)
            if o.skill != "put_down" or o.arguments[0] in binding.values() or o.arguments[1] in spare
        ]
        wanted, unwanted = ground(goal, binding), ground(goal, binding, negated=True)
        arrive = Operator("arrive", (), wanted, unwanted, (GroundEffect(ARRIVED, True),), 0.0)
        path = search(state_of(problem.scene, names), frozenset({ARRIVED}), [*ops, arrive], self.max_states)
        return None if path is None else tuple(o for o in path if o is not arrive)

    def _look(self, goal: Goal, problem: Problem) -> Look | None:
        if problem.scene.named:
            return None
        wanted = [*unbound_labels(goal, problem.scene), *_missing_tools(goal, problem)]
        for label in dict.fromkeys(wanted):
            look = look_for(label, problem)
            if look is not None:
                return look
        return None


def _assumed(steps: Iterable[Step], scene: Scene) -> tuple[str, ...]:
    """What is believed of the things that the steps name."""
    return scene.assumed(name for step in steps for name in step.arguments)


def _fresh(binding: Binding, problem: Problem) -> bool:
    """Has everything the goal is about been seen since the episode began?"""
    return all(name in problem.scene.fresh or name == problem.scene.holding for name in binding.values())


def _go_and_see(binding: Binding, problem: Problem) -> tuple[Step, ...]:
    """A walk to the first thing that is only remembered to be as the goal wants it; () if the body cannot."""
    scene = problem.scene
    for name in binding.values():
        step = Step("go_to", (scene.target(name),), "see for oneself", (Literal("near", (name,)),))
        able = any(s.name == step.skill for s in problem.skills)
        if able and name not in scene.fresh and (step.skill, step.arguments) not in problem.banned:
            return (step,)
    return ()


def _hopeless(goal: Goal, binding: Binding, scene: Scene) -> bool:
    """Must something go where nothing more fits, with nothing known there that could be taken out?"""
    return any(
        t.predicate == INSIDE
        and (receptacle := binding[t.arguments[1]]) in scene.full
        and not scene.contents(receptacle)
        for t in goal.literals
    )


def _relevant(goal: Goal, binding: Binding, problem: Problem) -> tuple[str, ...]:
    """Names that can matter: the bound things, tools, what these are in, the thing in hand, and a place to put it."""
    scene = problem.scene
    names = [*binding.values(), *_tools(goal, binding, problem)]
    if scene.holding:
        names.append(scene.holding)
    names.extend(c for n in tuple(names) if n in scene.full for c in scene.contents(n))
    if (
        scene.full.intersection(names)
        or scene.holding not in ("", *binding.values())
        or any(t.predicate == "sliced" for t in goal.literals)
    ):
        names.extend(_spare_surfaces(problem, binding))
    names.extend(scene.source_of(n) for n in tuple(names))
    if scene.named:  # of several things of a class a body takes the nearest: first go where it is kept
        names.sort(key=lambda n: scene.label_of(n) not in furniture())
    return tuple(dict.fromkeys(n for n in names if n != SOMEWHERE and n in scene.things))


def _unmet(goal: Goal, binding: Binding, scene: Scene) -> set[str]:
    """Predicates of the goal that must still be brought about."""
    return {
        t.predicate
        for t in goal.literals
        if t.predicate in ("clean", "hot", "cool", "sliced")
        and t.predicate not in scene.marks.get(binding.get(t.arguments[0], ""), ())
    }


def _tools(goal: Goal, binding: Binding, problem: Problem) -> Iterable[str]:
    """The nearest thing of each class that the unmet predicates need; later needs are met near the earlier ones."""
    scene = problem.scene
    anchor = scene.here_m
    hopeless = {n for _, arguments in problem.banned for n in arguments[:1]}
    for need in labels_needed(sorted(_unmet(goal, binding, scene)), problem.skills):
        for label in sorted(need):
            candidates = [n for n in scene.present(label) if n == scene.holding or n not in hopeless]
            if candidates:
                chosen = min(candidates, key=lambda n: (n != scene.holding, _gap_m(scene, n, anchor)))
                anchor = scene.things[chosen].position_m or anchor
                yield chosen


def _gap_m(scene: Scene, name: str, anchor: Vector | None) -> float:
    position_m = scene.things[name].position_m
    return planar_distance_m(anchor, position_m) if anchor and position_m else scene.away_m(name)


def _missing_tools(goal: Goal, problem: Problem) -> list[str]:
    predicates = sorted(_unmet(goal, {}, problem.scene))
    return [
        sorted(need)[0]
        for need in labels_needed(predicates, problem.skills)
        if not any(problem.scene.present(label) for label in need)
    ]


def _spare_surfaces(problem: Problem, binding: Binding) -> list[str]:
    """Where something in the way may be put: open surfaces at hand, the goal's own among them."""
    scene = problem.scene
    supports = {n for s in problem.skills for p in s.parameters if p.kind == "receptacle" for n in p.names}
    flat = [
        t.name
        for t in scene.things.values()
        if t.label in supports and t.label not in scene.openable and t.name not in scene.gone and t.position_m
        and max(t.size_m[:2]) > 0.4 and (not scene.named or t.name in supports)
    ]  # fmt: skip
    if scene.named:  # nothing is known of other surfaces but that the goal's own must be there
        return [n for n in binding.values() if n in flat or scene.label_of(n) in furniture() - scene.openable]
    return sorted(flat, key=lambda n: (n in scene.full, scene.away_m(n), n))[:2]


def _steps(path: Sequence[Operator], state: State, scene: Scene, goal: Goal) -> Iterable[Step]:
    for operator in path:
        after = operator.apply(state)
        gained = sorted(after - state)
        if any(a[0] == "near" for a in gained):
            gained = sorted({*gained, *(a for a in after if a[0] == "near")})
        lost = sorted(a for a in state - after if a[0] != "near")
        expects = [Literal(a[0], a[1:]) for a in gained]
        expects += [Literal(a[0], a[1:], negated=True) for a in lost]
        yield Step(operator.skill, tuple(scene.target(a) for a in operator.arguments), goal.family, tuple(expects))
        state = after
