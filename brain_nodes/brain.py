# SPDX-License-Identifier: Apache-2.0
"""All regions in one process, no ROS: the composition root. READ THIS FIRST.

    Body --observation--> thalamus --percepts--> hippocampus --recall--> prefrontal --step--> cerebellum --> Body
                                                     |                                            |
                                                  memory                                  brainstem's gate

Neighbours: the floor below is memory/; sim/episode.py and the ROS nodes drive what is wired here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from brain_nodes.brainstem.stop import Brainstem
from brain_nodes.cerebellum.body import Body
from brain_nodes.cerebellum.executor import Cerebellum
from brain_nodes.config import BrainConfig
from brain_nodes.hippocampus.hippocampus import Hippocampus
from brain_nodes.prefrontal.grounding import Grounding
from brain_nodes.prefrontal.planner import Planner
from brain_nodes.prefrontal.prefrontal import Prefrontal
from brain_nodes.prefrontal.symbolic_planner import SymbolicPlanner
from brain_nodes.thalamus.thalamus import Thalamus
from memory.lifelong import LifelongMemory
from memory.records import Action, Episode, Hold, Observation, Percepts, Plan, StepResult
from memory.rest import Rested


@dataclass(frozen=True, slots=True)
class Trip:
    """What one step looked like from inside, for traces."""

    percepts: Percepts
    result: StepResult | None
    action: Action


class Brain:
    """All regions in one process. One step is one trip: sense, remember, intend, move."""

    def __init__(
        self, config: BrainConfig, memory: LifelongMemory | None, grounding: Grounding, planner: Planner | None = None
    ) -> None:
        self.config = config
        self.thalamus = Thalamus(config.thalamus)
        self.hippocampus = Hippocampus(config.hippocampus, memory, config.robot)
        symbolic = SymbolicPlanner(config.prefrontal.search_nodes)
        self.prefrontal = Prefrontal(config.prefrontal, planner or symbolic, grounding)
        self.cerebellum = Cerebellum(config.cerebellum)
        self.brainstem = Brainstem(config.brainstem)
        self.plan = Plan()
        self.trip: Trip | None = None
        self._episode: Episode | None = None
        self._log: list[str] = []
        self.rested: Rested | None = None

    def begin(self, instruction: str, body: Body, session: str) -> None:
        """Start an episode on a body; session names it, and so the ids of everything it leaves in memory."""
        percepts = self.thalamus.attend(body.observe())
        skills = body.skills()
        self.hippocampus.begin(session, percepts, skills, body.places())
        self.cerebellum.begin(session, skills)
        self.plan = self.prefrontal.begin(instruction, skills, percepts.stamp_ns)
        self._log = []
        self._episode = Episode(
            id=session, robot=self.config.robot, instruction=instruction, valid_from_ns=percepts.stamp_ns,
            map_id=percepts.map_id,
        )  # fmt: skip

    def step(self, observation: Observation) -> Action:
        """One tick."""
        result = self.cerebellum.result(observation)
        percepts = of_own_call(self.thalamus.attend(observation), result)
        self.hippocampus.encode(percepts, result)
        if self.brainstem.stopped:  # a stopped robot goes on seeing and remembering
            return self._done(percepts, result, Hold(observation.stamp_ns, self.brainstem.reason))
        self.plan = self.prefrontal.review(self.plan, percepts, self.hippocampus.recall)
        action = self.cerebellum.execute(self.plan.current, observation, self.plan.reason)
        return self._done(percepts, result, self.brainstem.gate(action, observation))

    def end(self, stamp_ns: int) -> Episode:
        """Close the episode: what was tried, what came of it, kept as a memory; then rest a little."""
        assert self._episode is not None, "end() without begin()"
        goal = self.plan.goal
        episode = replace(
            self._episode, valid_to_ns=stamp_ns, goal=str(goal) if goal else "", steps=tuple(self._log),
            reason=self.plan.reason or "LIMIT", succeeded=self.plan.reason == "GOAL_BELIEVED",
        )  # fmt: skip
        wanted = tuple(v.label for v in goal.variables) if goal else ()
        self.hippocampus.end(stamp_ns, episode, wanted, self.prefrontal.rested_on)
        self.rested = self.hippocampus.rest(stamp_ns)
        return episode

    def _done(self, percepts: Percepts, result: StepResult | None, action: Action) -> Action:
        if result is not None:
            reason = f", {result.outcome.reason}" if result.outcome.reason else ""
            self._log.append(f"{result.step}: {result.outcome.code.value}{reason}")
        self.trip = Trip(percepts, result, action)
        return action


def of_own_call(percepts: Percepts, result: StepResult | None) -> Percepts:
    """Percepts that speak of our own call alone: an outcome of any other is none, and a call given up is over."""
    if result is None:
        return replace(percepts, outcome=None)
    return replace(percepts, outcome=result.outcome, running_call="")
