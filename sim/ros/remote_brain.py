# SPDX-License-Identifier: Apache-2.0
"""A brain that lives in other processes, with the shape of brain_nodes/brain.py: begin, step, end.

Neighbours: graph.py has the processes and the connections; sim/episode.py plays with it as with any brain.
Rules of the file: every wait has a deadline and looks after the children; what is lost ends the episode with a reason,
and the next episode begins with a fresh graph.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from neuraxis_interfaces.action import RunInstruction

from brain_nodes.brain import Trip, of_own_call
from brain_nodes.hippocampus.working_set import ROBOT, WorkingSet
from brain_nodes.ros.conversions import from_action, from_percepts, from_plan, from_verdict
from brain_nodes.ros.memory_conversions import RecordReader, from_recall, from_step_event, to_cue
from memory import records
from memory.records import Action, Cue, Hold, Observation, Plan, Recall, Status, Verdict
from sim.brains import Recalled
from sim.environment import HouseholdEnvironment
from sim.ros.graph import BrainLost, Graph


@dataclass
class PrefrontalView:
    """What a trace wants to know of the prefrontal cortex."""

    verdict: Verdict = field(default_factory=lambda: Verdict(True))
    recalled: Recalled = field(default_factory=lambda: Recall(status=Status.NONE))
    planner_calls: int = 0


@dataclass
class HippocampusView:
    """What a trace wants to know of the hippocampus."""

    known: WorkingSet = field(default_factory=WorkingSet)


@dataclass(frozen=True)
class _Kind:
    kind: str


@dataclass(frozen=True)
class _Counted:
    """A recollection of which only the kind is known here."""

    record: _Kind


@dataclass(frozen=True)
class Summary:
    """A recall of which only the counts are known here."""

    status: Status
    recollections: tuple[_Counted, ...]
    missing: tuple[str, ...]


class RemoteBrain:
    """Observation out, action in, over the graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.plan = Plan()
        self.trip: Trip | None = None
        self.prefrontal = PrefrontalView()
        self.hippocampus = HippocampusView()
        self._session = ""
        self._body: HouseholdEnvironment | None = None
        self._goal: Any = None
        self._result: Any = None
        self._read = RecordReader()

    def begin(self, instruction: str, body: HouseholdEnvironment, session: str) -> None:
        """Start an episode; a graph that was lost is built anew."""
        self.plan, self.trip, self.prefrontal = Plan(), None, PrefrontalView()
        self.hippocampus = HippocampusView()
        self._session, self._body, self._goal, self._result = session, body, None, None
        self.graph.lost = ""
        try:
            self.graph.start()
            self.graph.simulator.bring(body)
            self._send(instruction)
        except BrainLost as lost:
            self._lose(lost)

    def step(self, observation: Observation) -> Action:
        """One tick; Hold, with the plan's reason, once the brain is lost."""
        assert self._body is not None
        if not self.graph.lost:
            try:
                return self._exchange(observation, self._body.done)
            except BrainLost as lost:
                self._lose(lost)
        return Hold(observation.stamp_ns, self.plan.reason)

    def end(self, stamp_ns: int) -> None:
        """Wait for the episode's result, and for what is believed at its end."""
        if self.graph.lost:
            return
        try:
            if self._wait(lambda: self._result) is None:
                raise BrainLost("no result of the episode")
            self._believe()
        except BrainLost as lost:
            self._lose(lost)

    # ---- over the graph

    def _send(self, instruction: str) -> None:
        client = self.graph.instructions
        if not client.wait_for_server(timeout_sec=self.graph.deadline_s):
            raise BrainLost("run_instruction is not there")
        goal = RunInstruction.Goal(instruction=instruction, session=self._session)
        client.send_goal_async(goal).add_done_callback(self._accepted)
        handle = self._wait(lambda: self._goal)
        if handle is None or not handle.accepted:
            raise BrainLost("the instruction was refused" if handle else "no answer to the instruction")
        handle.get_result_async().add_done_callback(self._ended)

    def _exchange(self, observation: Observation, last: bool) -> Action:
        graph, number = self.graph, observation.sequence
        graph.simulator.show(observation, self._session, last)

        def answers() -> Any:
            action = graph.simulator.action_for(self._session, number)
            parts = [graph.heard(part, self._session, number) for part in ("percepts", "events", "plan")]
            return (action, *parts) if action is not None and all(parts) else None

        def look() -> None:
            if self._result is not None and self._result.error_code:
                raise BrainLost(self._result.error_msg, self._result.reason)

        found = self._wait(answers, look)
        if found is None:
            raise BrainLost(f"no action for observation {number} within {graph.deadline_s} s{graph.complaint()}")
        action, percepts, event, plan = found
        result = from_step_event(event)
        answer = from_action(action)
        self.trip = Trip(of_own_call(from_percepts(percepts), result), result, answer)
        self.plan = from_plan(plan)
        kinds = [_Counted(_Kind(k)) for k, n in zip(plan.recall_kinds, plan.recall_counts, strict=True)
                 for _ in range(n)]  # fmt: skip
        summary = Summary(Status(plan.recall_status), tuple(kinds), tuple(plan.recall_missing))
        self.prefrontal = PrefrontalView(from_verdict(plan), summary, plan.planner_calls)
        return answer

    def _believe(self) -> None:
        """The working set, out of one recall of the whole scene."""
        assert self._body is not None
        world = self._body.world
        response = self.graph.ask(self.graph.recall, to_cue(Cue(map_id=world.map_id, k=0)))
        known = WorkingSet(map_id=world.map_id, map_revision=world.map_revision)
        for one in from_recall(response, self._read).recollections:
            record = one.record
            if isinstance(record, records.Instance):
                known.add(record)
            elif isinstance(record, records.Relation) and record.predicate == "held_by" and record.object == ROBOT:
                known.holding = record.subject
            elif isinstance(record, records.Relation):
                known.put(record)
        known.seen_ns = dict.fromkeys(response.sighted, 0)
        self.hippocampus = HippocampusView(known)

    def _wait(self, ready: Any, look: Any = lambda: None) -> Any:
        def watch() -> None:
            self.graph.check()
            look()

        return self.graph.simulator.wait(ready, self.graph.deadline_s, watch)

    def _lose(self, lost: BrainLost) -> None:
        self.graph.lose(str(lost))
        self.plan = Plan(self.plan.goal, reason=lost.reason, planner=self.plan.planner)
        self.trip = None

    def _accepted(self, future: Any) -> None:
        self._goal = future.result()
        self.graph.simulator.wake()

    def _ended(self, future: Any) -> None:
        self._result = future.result().result
        self.graph.simulator.wake()
