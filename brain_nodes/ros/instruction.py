# SPDX-License-Identifier: Apache-2.0
"""One episode of the prefrontal node, in a thread of its own: begin everywhere, review every sample, end everywhere.

Neighbours: prefrontal_node.py starts it and feeds it; brain_nodes/brain.py is the same without ROS.
Rules of the file: the order of Brain.begin, step and end; every wait has a deadline; the goal always gets a result.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from neuraxis_interfaces.action import RunInstruction
from neuraxis_interfaces.srv import BeginEpisode, DescribeBody, EndEpisode

from brain_nodes.brain import of_own_call
from brain_nodes.errors import ExecutionError
from brain_nodes.ros.conversions import add_verdict, from_percepts, from_skill, from_time, to_plan, to_time
from brain_nodes.ros.lifecycle_node import ask
from brain_nodes.ros.memory_conversions import (
    RecordReader,
    add_recalled,
    from_recall,
    from_step_event,
    result_line,
    to_cue,
)
from memory.errors import NeuraxisError
from memory.records import Cue, Percepts, Plan, Recall, Status

PATIENCE = 3  # reviews in a row that memory may fail; then the episode ends


class Instruction:
    """Words in, a result out.

    Attributes:
        result: What the goal is answered with; complete once `live` has returned.
    """

    def __init__(self, node: Any, goal: Any) -> None:
        self.node = node
        self.goal = goal
        self.session = goal.request.session or f"episode-{node.get_clock().now().nanoseconds}"
        self.result = RunInstruction.Result(session=self.session, reason="FAILED")
        self.plan = Plan()
        self._ending = ""
        self._log: list[str] = []
        self._read = RecordReader()
        self._map = ("", "")
        self._stamp_ns = 0
        self._begun: list[int] = []
        self._failures = 0

    def cancel(self, reason: str) -> None:
        """End at the next look."""
        self._ending = self._ending or reason

    def live(self) -> None:
        """Play it to its end; whatever goes wrong is in the result."""
        try:
            self._begin()
            reason = self._ending or self._go_on()
        except NeuraxisError as error:
            reason = self._fail(error, error.code)
        except Exception as error:  # the node's rim: a bug ends the episode, not the node
            reason = self._fail(error, 300)
        try:
            self._end(reason)
        except NeuraxisError as error:
            self._fail(error, error.code)
        self.node.forget(self.session)

    # ---- begin

    def _begin(self) -> None:
        node, talk = self.node, self.node.talk
        first = node.wait_for(lambda: self._ending or node.first_percepts(self.session), talk.sample_deadline_s)
        if self._ending:
            return
        if first is None:
            raise ExecutionError(f"no percepts of {self.session!r} within {talk.sample_deadline_s} s")
        self._stamp_ns = from_time(first.header.stamp)
        body = self._ask(node.body, DescribeBody.Request())
        request = BeginEpisode.Request(
            session=self.session, instruction=self.goal.request.instruction, percepts=first, skills=body.skills,
            places=body.places, lockstep=node.settings.lockstep,
        )  # fmt: skip
        self.plan = node.region.begin(request.instruction, tuple(map(from_skill, body.skills)), self._stamp_ns)
        for number, client in enumerate(node.begins):
            _agreed(self._ask(client, request), client)
            self._begun.append(number)

    # ---- one sample after the other

    def _go_on(self) -> str:
        """Review until there is a reason to end; the reason."""
        node = self.node
        while True:
            found = node.wait_for(lambda: self._ending or node.next_sample(self.session), node.talk.sample_deadline_s)
            if self._ending:
                return self._ending
            if found is None:
                raise ExecutionError(f"no further observation within {node.talk.sample_deadline_s} s")
            message = found["percepts"]
            result = from_step_event(found["events"]) if found["events"] is not None else None
            if result is not None:
                self._log.append(result_line(result))
            percepts = of_own_call(from_percepts(message), result)
            if result is not None and result.step != self.plan.current:
                percepts = replace(percepts, outcome=None)  # somebody else's step, asked of the cerebellum by action
            if not node.settings.lockstep and result is None:
                running = self.session if self.plan.current is not None else ""  # no end was told of
                percepts = replace(percepts, running_call=running)
            self._review(percepts)
            self._tell(percepts)
            done = self.plan.current is None and self.plan.reason
            if done or message.last:
                self._let_answer(message.sequence)
                return self.plan.reason or "LIMIT"

    def _let_answer(self, sequence: int) -> None:
        """In lockstep the cerebellum is still to answer the last sample before it is told of the end."""
        node, asked = self.node, (self.session, sequence)
        if node.settings.lockstep:
            node.wait_for(lambda: node.answered == asked or self._ending, node.talk.answer_deadline_s)

    def _review(self, percepts: Percepts) -> None:
        """A memory that does not answer leaves the plan as it is, for a while."""
        self._map, self._stamp_ns = (percepts.map_id, percepts.map_revision), percepts.stamp_ns
        if self.node.stopped:
            return
        try:
            self.plan = self.node.region.review(self.plan, percepts, self._recall)
            self._failures = 0
        except ExecutionError as error:
            self._failures += 1
            self.node.report(error, "review")
            if self._failures >= PATIENCE:
                raise

    def _recall(self, cue: Cue) -> Recall:
        response = self._ask(self.node.recall, to_cue(cue))
        if response.error_code and not response.recollections:
            missing = (*response.missing, response.error_msg)
            return Recall(status=Status.FAILED, missing=missing)
        return from_recall(response, self._read)

    def _ask(self, client: Any, request: Any) -> Any:
        return ask(client, request, self.node.talk.answer_deadline_s, lambda: self.node.closing)

    def _tell(self, percepts: Percepts) -> None:
        region = self.node.region
        message = to_plan(self.plan, percepts.stamp_ns, self.session, percepts.sequence)
        message.map_id, message.map_revision = self._map
        message.planner_calls = region.planner_calls
        add_verdict(message, region.verdict)
        add_recalled(message, region.recalled)
        self.node.plans.publish(message)
        current = self.plan.current
        feedback = RunInstruction.Feedback(sequence=percepts.sequence, step=str(current) if current else "")
        feedback.step_index, feedback.step_count = self.plan.index, len(self.plan.steps)
        self.goal.publish_feedback(feedback)

    # ---- end

    def _end(self, reason: str) -> None:
        goal = self.plan.goal
        self.result.reason, self.result.steps = reason, list(self._log)
        self.result.succeeded = reason == "GOAL_BELIEVED"
        if not self._begun:
            return
        request = EndEpisode.Request(
            session=self.session, stamp=to_time(self._stamp_ns), goal=str(goal) if goal else "", steps=self._log,
            succeeded=self.result.succeeded, reason=reason, wanted=[v.label for v in goal.variables] if goal else [],
            rested_on=list(self.node.region.rested_on),
        )  # fmt: skip
        for number in self._begun:
            client = self.node.ends[number]
            answer = _agreed(self._ask(client, request), client)
            self.result.episode_id = self.result.episode_id or answer.episode_id

    def _fail(self, error: Exception, code: int) -> str:
        self.node.report(error, f"episode {self.session!r}")
        self.result.error_code, self.result.error_msg = code, f"{type(error).__name__}: {error}"
        return _REASONS.get(code // 100, "FAILED")


_REASONS = {2: "MEMORY_LOST", 3: "NO_PLAN", 4: "BODY_LOST"}


def _agreed(answer: Any, client: Any) -> Any:
    """The answer of another region, unless it is an error."""
    if answer.error_code:
        raise ExecutionError(f"{client.srv_name}: {answer.error_msg}")
    return answer
