# SPDX-License-Identifier: Apache-2.0
"""The prefrontal cortex: from an instruction to the step to take now, and to the end of the episode.

Neighbours: grounding.py reads the instruction, a Planner proposes, critic.py and loop_guard.py may refuse;
hippocampus/ answers recall; cerebellum/ carries out plan.current.
Rules of the file: the plan is reviewed every tick; success is what the scene shows, not what a skill returned;
without a next step the plan's reason is the episode's reason code.
"""

from __future__ import annotations

from dataclasses import replace

from brain_nodes.config import PrefrontalConfig
from brain_nodes.prefrontal.binding import bindings, satisfied
from brain_nodes.prefrontal.critic import Critic
from brain_nodes.prefrontal.exploration import SEARCH
from brain_nodes.prefrontal.grounding import Grounding
from brain_nodes.prefrontal.loop_guard import LoopGuard
from brain_nodes.prefrontal.planner import Planner, Problem, RecallFunction
from brain_nodes.prefrontal.scene import Scene, read_scene
from memory.records import Cue, Goal, Percepts, Plan, Recall, Skill, Status, Verdict

TEACHING = (
    "because it is in", "is already", "currently holding", "is full", "in reach", "whether the receptacle is open",
    "action failed",
)  # fmt: skip
FINAL = frozenset({"GOAL_BELIEVED", "NO_PLAN", "NOT_FOUND", "NOT_UNDERSTOOD", "BUDGET_SPENT", "LOOP"})


class Prefrontal:
    """Planner, critic and loop guard of one robot.

    Attributes:
        goals: What the instruction may mean, likeliest first.
        verdict: The critic's latest word.
        recalled: The latest recall of the scene, for traces.
        planner_calls: Plans asked for in this episode.
    """

    def __init__(self, config: PrefrontalConfig, planner: Planner, grounding: Grounding) -> None:
        self.config = config
        self.planner = planner
        self.grounding = grounding
        self.critic = Critic()
        self.goals: tuple[Goal, ...] = ()
        self.verdict = Verdict(True)
        self.recalled = Recall(status=Status.NONE)
        self.planner_calls = 0
        self._guard = LoopGuard(config)
        self._skills: tuple[Skill, ...] = ()
        self._began_ns = 0
        self._known_before = 0
        self._rested_on: dict[str, None] = {}

    @property
    def rested_on(self) -> tuple[str, ...]:
        """Ids of the records that this episode's successful steps rested on; a search counts if it found something."""
        return tuple(self._rested_on)

    def begin(self, instruction: str, skills: tuple[Skill, ...], stamp_ns: int) -> Plan:
        """Understand the instruction; the first plan is made by the first review."""
        named = {n.split("_")[0] for s in skills for p in s.parameters for n in p.names}
        self.goals = self.grounding.ground(instruction, also=sorted(named))
        self._guard = LoopGuard(self.config)
        self._skills, self._began_ns = skills, stamp_ns
        self.planner_calls = 0
        self._rested_on = {}
        self.verdict = Verdict(True)
        return Plan(planner=self.planner.name)

    def review(self, plan: Plan, percepts: Percepts, recall: RecallFunction) -> Plan:
        """The plan to follow now: the same, the same one step on, or a new one."""
        if plan.reason in FINAL:
            return plan
        scene = self._scene(percepts, recall)
        if percepts.running_call and plan.current is not None:
            if not self._found_early(plan, scene):
                return plan
            self._rested_on |= dict.fromkeys(plan.assumes)
            return self._replan(scene, percepts, recall)
        plan = self._advance(plan, percepts, scene)
        for _ in range(self.config.max_replans):
            if plan.current is None:
                plan = self._replan(scene, percepts, recall)
            plan = _up_to_date(plan, scene)
            if plan.current is None or self._may_take(plan, scene):
                return plan
            plan = Plan(plan.goal, planner=plan.planner)
        return Plan(plan.goal, reason="BUDGET_SPENT", planner=plan.planner)

    def _scene(self, percepts: Percepts, recall: RecallFunction) -> Scene:
        self.recalled = recall(Cue(map_id=percepts.map_id, k=0))
        here_m = percepts.map_from_base.position_m if percepts.map_from_base else None
        return read_scene(self.recalled, self._skills, percepts.map_id, self._began_ns, here_m, percepts.stamp_ns)

    def _advance(self, plan: Plan, percepts: Percepts, scene: Scene) -> Plan:
        """One step on after a success; no steps after a failure."""
        if percepts.outcome is None or plan.current is None:
            return plan
        if percepts.outcome.succeeded:
            found = self._found_early(plan, scene)
            if found or not _searched(plan):
                self._rested_on |= dict.fromkeys(plan.assumes)
            return Plan(plan.goal, planner=plan.planner) if found else _one_on(plan)
        learned = any(w in percepts.outcome.reason for w in TEACHING)
        self._guard.failed(plan.current, learned)
        return Plan(plan.goal, planner=plan.planner)

    def _found_early(self, plan: Plan, scene: Scene) -> bool:
        """Has the thing that the running search is for turned up?"""
        label = _searched(plan)
        return bool(label) and len(scene.present(label)) > self._known_before

    def _may_take(self, plan: Plan, scene: Scene) -> bool:
        assert plan.current is not None
        self.verdict = self.critic.judge(plan.current, scene, self._skills)
        if not self.verdict.accept:
            self._guard.failed(plan.current, learned=True)
            return False
        if self._guard.repeats(_fingerprint(scene), plan.current):
            self.verdict = Verdict(False, "REPEATED", f"{plan.current} again in the same believed state")
            return False
        return True

    def _replan(self, scene: Scene, percepts: Percepts, recall: RecallFunction) -> Plan:
        if self._guard.spent:
            return Plan(self.goals[0] if self.goals else None, reason="BUDGET_SPENT", planner=self.planner.name)
        self._guard.plan_made()
        self.planner_calls += 1
        problem = Problem(self.goals, scene, self._skills, recall, percepts.map_id, self._began_ns, self._guard.banned)
        plan = self.planner.plan(problem)
        if plan.reason == "GOAL_BELIEVED" and not _reached(plan.goal, scene):
            plan = Plan(plan.goal, reason="NO_PLAN", planner=plan.planner)
        self._known_before = len(scene.present(_searched(plan)))
        return plan


def _reached(goal: Goal | None, scene: Scene) -> bool:
    """Does the scene show what a planner claims?"""
    return goal is not None and any(satisfied(goal, b, scene) for b in bindings(goal, scene))


def _searched(plan: Plan) -> str:
    """Class of thing that the current step looks for; "" if it is no search."""
    purpose = plan.current.purpose if plan.current else ""
    return purpose.removeprefix(SEARCH) if purpose.startswith(SEARCH) else ""


def _up_to_date(plan: Plan, scene: Scene) -> Plan:
    """The plan with its current step aimed at where things are believed to be now, not when it was made."""
    if plan.current is None:
        return plan
    aimed = replace(plan.current, targets=tuple(scene.target(n) for n in plan.current.arguments))
    return replace(plan, steps=(*plan.steps[: plan.index], aimed, *plan.steps[plan.index + 1 :]))


def _one_on(plan: Plan) -> Plan:
    return replace(plan, index=plan.index + 1)


def _fingerprint(scene: Scene) -> int:
    """The believed state, as far as acting changes it."""
    return hash(
        (
            frozenset(scene.inside.items()), frozenset(scene.doors.items()), frozenset(scene.power.items()),
            frozenset(scene.near), scene.holding, frozenset(scene.gone), frozenset(scene.things),
            frozenset((n, m) for n, marks in scene.marks.items() for m in marks),
        )
    )  # fmt: skip
