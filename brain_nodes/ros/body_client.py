# SPDX-License-Identifier: Apache-2.0
"""A body that takes skills by the action `run_skill`: one call at a time, its end told as an outcome.

Neighbours: cerebellum_node.py uses it when not in lockstep.
Rules of the file: no wait in a callback; a goal without an answer by its deadline is an outcome like any other.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from neuraxis_interfaces.action import RunSkill
from rclpy.action import ActionClient

from brain_nodes.errors import ExecutionError, PreconditionFailed, Preempted, Stopped, UnknownSkill
from brain_nodes.ros.conversions import from_outcome, to_call
from brain_nodes.ros.settings import BodySettings
from memory.errors import NeuraxisError, RejectedInput
from memory.records import Action, Observation, Outcome, OutcomeCode, SkillCall

ERRORS = {e.code: e for e in (RejectedInput, UnknownSkill, ExecutionError, PreconditionFailed, Preempted, Stopped)}


class BodyClient:
    """The running call of one body.

    Attributes:
        failure: Why the call that ended last was not carried out, beyond its outcome; None if it was.
    """

    def __init__(self, node: Any, settings: BodySettings) -> None:
        self.settings = settings
        self._node = node
        self._client = node.keep(lambda c: c.destroy(), ActionClient(node, RunSkill, settings.run_skill))
        self._call: SkillCall | None = None
        self._goal: Any = None
        self._asked_s = 0.0
        self._outcome: Outcome | None = None
        self.failure: NeuraxisError | None = None

    def carry_out(self, action: Action, session: str, plan: Any) -> None:
        """Start a call that is not running yet; anything else ends the running one."""
        if not isinstance(action, SkillCall):
            self.stop()
            return
        ended = self._outcome is not None and self._outcome.call_id == action.id  # and not yet told
        if ended or (self._call is not None and self._call.id == action.id):
            return
        self.stop()
        self._call, self._goal, self._asked_s = action, None, time.monotonic()
        self._outcome = None
        if not self._client.server_is_ready():
            self._lose(action.id, f"no body answers {self.settings.run_skill}")
            return
        goal = RunSkill.Goal(
            session=session, sequence=plan.sequence, map_id=plan.map_id, map_revision=plan.map_revision,
            call=to_call(action),
        )  # fmt: skip
        self._client.send_goal_async(goal).add_done_callback(lambda future: self._answered(action.id, future))

    def completed(self, observation: Observation) -> Observation:
        """The observation with the outcome of the call that has ended, and with the id of the one that runs."""
        if self._call is not None and self._goal is None:
            waited_s = time.monotonic() - self._asked_s
            if waited_s > self.settings.run_skill_deadline_s:
                self._lose(self._call.id, f"UNKNOWN: no answer of the body after {waited_s:.1f} s")
        said = observation.outcome
        if said is not None and self._call is not None and said.call_id == self._call.id:
            self._end(said.call_id, said.code, said.reason)  # this body tells it with the sample as well
        outcome, self._outcome = self._outcome, None
        return replace(observation, outcome=outcome, running_call=self._call.id if self._call else "")

    def stop(self) -> None:
        """End what is running."""
        if self._goal is not None:
            self._goal.cancel_goal_async()
        self._call = self._goal = None

    def _answered(self, call_id: str, future: Any) -> None:
        goal = future.result()
        if self._call is None or self._call.id != call_id:
            if goal.accepted:
                goal.cancel_goal_async()  # given up meanwhile
        elif not goal.accepted:
            self._end(call_id, OutcomeCode.REFUSED, "the body refused the call")
        else:
            self._goal = goal
            goal.get_result_async().add_done_callback(lambda done: self._ended(call_id, done))

    def _ended(self, call_id: str, future: Any) -> None:
        result = future.result().result
        kind = ERRORS.get(result.error_code, ExecutionError)
        failure = kind(result.error_msg) if result.error_code else None
        if result.outcome.call_id == call_id:
            outcome = from_outcome(result.outcome)
            self._end(call_id, outcome.code, outcome.reason, failure)
        else:
            said = result.error_msg or "the body said nothing of this call"
            self._end(call_id, OutcomeCode.FAILED, said, failure or ExecutionError(said))

    def _lose(self, call_id: str, why: str) -> None:
        self._end(call_id, OutcomeCode.FAILED, why, ExecutionError(why))

    def _end(self, call_id: str, code: OutcomeCode, reason: str, failure: NeuraxisError | None = None) -> None:
        if self._call is not None and self._call.id == call_id:
            self._call = self._goal = None
            self._outcome, self.failure = Outcome(call_id, code, reason), failure
