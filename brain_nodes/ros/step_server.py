# SPDX-License-Identifier: Apache-2.0
"""Action `execute_step`: one step carried out for whoever asks, an operator or another planner.

Neighbours: cerebellum_node.py owns the region and the way to the body, and asks here first whose turn it is.
Rules of the file, which are the contract between a goal and the plans of the topic `plan`:
- While a goal runs, plans start nothing; once it has ended, the next plan is followed again.
- In lockstep an observation is answered once: by the goal if one runs when it comes, or arrives before its plan does;
  else by the plan, and the goal begins with the next one. Without a prefrontal region only goals answer.
- What the body or the watchdog says of the step is the goal's result, and is on `events` as for a step of a plan. A
  goal given up (pre-empted, cancelled, stopped, episode over) ends in silence there, as a replaced step of a plan does.
- Another goal pre-empts the running one, the same step again goes on with its call; a goal that cannot be ends alone.
- No wait in a callback; every goal ends: with its step, or by a word of the node, or when no observation comes.
"""

from __future__ import annotations

import time
from typing import Any

from neuraxis_interfaces.action import ExecuteStep
from rclpy.action import ActionServer, CancelResponse, GoalResponse

from brain_nodes.errors import ExecutionError, Preempted, Stopped
from brain_nodes.ros import goals
from brain_nodes.ros.conversions import from_step, to_outcome
from memory.errors import NeuraxisError, RejectedInput
from memory.geometry import finite
from memory.records import Observation, Outcome, OutcomeCode, SkillCall, Step, StepResult

WATCH_S = 0.05


class StepServer:
    """The goal that runs, if one does.

    Args:
        node: The cerebellum node: `session`, `seen`, `stopped`, `active`, `answer`, `give_up`, `failure`.
        deadline_s: A goal ends when no observation has come for so long.
    """

    def __init__(self, node: Any, deadline_s: float) -> None:
        self._node = node
        self._deadline_s = deadline_s
        self._goal: Any = None
        self._step = Step("")
        self._call_id = ""
        self._heard_s = 0.0
        self._results: dict[bytes, Any] = {}
        server = ActionServer(
            node, ExecuteStep, "execute_step", execute_callback=self._finished, goal_callback=self._asked,
            handle_accepted_callback=self._accepted, cancel_callback=lambda _: CancelResponse.ACCEPT,
        )  # fmt: skip
        node.keep(lambda s: s.destroy(), server)
        node.every(WATCH_S, self._watch)

    @property
    def running(self) -> bool:
        """Is it the goal's turn?"""
        return self._goal is not None

    def observe(self, result: StepResult | None) -> None:
        """An observation has come, with the step that ended: the goal has ended too, or goes on."""
        self._heard_s = time.monotonic()
        if self._goal is None:
            return
        if result is not None and self._call_id and result.outcome.call_id == self._call_id:
            self._answer(self._node.failure(), result.outcome)
        else:
            self._go_on()

    def end(self, error: NeuraxisError) -> None:
        """Give the running goal up, if there is one."""
        if self._goal is not None:
            self._node.give_up()
            self._fail(error)

    # ---- the action

    def _asked(self, goal: Any) -> GoalResponse:
        return GoalResponse.ACCEPT if self._node.active else GoalResponse.REJECT

    def _accepted(self, goal: Any) -> None:
        try:
            step = self._checked(goal.request)
        except Exception as error:  # the node's rim: whatever is wrong with a goal is its result
            self._node.report(error, "execute_step", goal.request)
            self._finish(goal, _named(error), Outcome("", OutcomeCode.REFUSED, str(error)))
            return
        call_id = self._call_id if self._goal is not None and step == self._step else ""
        if self._goal is not None:
            self._fail(Preempted(f"step {self._step}: step {step} was asked for in its place"))
        self._goal, self._step, self._call_id, self._heard_s = goal, step, call_id, time.monotonic()
        if self._node.seen is not None:
            self._go_on()

    def _checked(self, request: Any) -> Step:
        """The step that is asked for.

        Raises:
            RejectedInput: another session, another map, or targets that cannot be.
            UnknownSkill: the body does not declare it.
            Stopped: the stop is latched.
        """
        node = self._node
        if not request.session or request.session != node.session:
            raise RejectedInput(f"a step of session {request.session!r}; the running one is {node.session!r}")
        step = from_step(request.step)
        for target in step.targets:
            if target.position_m is not None and not (request.map_id and finite(target.position_m)):
                raise RejectedInput(f"target {target.name!r} is at {target.position_m} in map {request.map_id!r}")
        node.region.skill_of(step)
        if node.seen is not None:
            _check_map(request, node.seen[1])
        if node.stopped:
            raise Stopped(f"step {step} was asked for while the stop is latched")
        return step

    def _go_on(self) -> None:
        """Have the step carried out with the newest observation."""
        sequence, observation = self._node.seen
        try:
            _check_map(self._goal.request, observation)
            action = self._node.answer(self._step, self._goal.request)
        except Exception as error:  # as above
            self._node.report(error, "execute_step", self._goal.request)
            self.end(_named(error))
            return
        if isinstance(action, SkillCall):
            self._call_id = action.id
        if self._call_id:
            ticks = self._node.region.ticks
            self._goal.publish_feedback(ExecuteStep.Feedback(sequence=sequence, call_id=self._call_id, ticks=ticks))

    def _watch(self) -> None:
        """A cancel is looked for here, since its goal may not end before the callback of the cancel has."""
        if self._goal is None:
            return
        waited_s = time.monotonic() - self._heard_s
        if self._goal.is_cancel_requested:
            self.end(Preempted(f"step {self._step} was cancelled"))
        elif waited_s > self._deadline_s:
            self.end(ExecutionError(f"step {self._step}: no observation of the body for {waited_s:.1f} s"))

    # ---- its end

    def _fail(self, error: NeuraxisError) -> None:
        self._answer(error, Outcome(self._call_id, OutcomeCode.PREEMPTED, str(error)))

    def _answer(self, error: NeuraxisError | None, outcome: Outcome) -> None:
        goal, self._goal = self._goal, None
        self._finish(goal, error, outcome)

    def _finish(self, goal: Any, error: NeuraxisError | None, outcome: Outcome) -> None:
        seen = self._node.seen
        self._results[bytes(goal.goal_id.uuid)] = ExecuteStep.Result(
            outcome=to_outcome(outcome), sequence=seen[0] if seen is not None else 0,
            error_code=error.code if error is not None else 0, error_msg=str(error) if error is not None else "",
        )  # fmt: skip
        goal.execute()

    def _finished(self, goal: Any) -> Any:
        return goals.ended(goal, self._results.pop(bytes(goal.goal_id.uuid)))


def _named(error: Exception) -> NeuraxisError:
    return error if isinstance(error, NeuraxisError) else ExecutionError(f"{type(error).__name__}: {error}")


def _check_map(request: Any, observation: Observation) -> None:
    asked, here = (request.map_id, request.map_revision), (observation.map_id, observation.map_revision)
    if request.map_id and asked != here:
        raise RejectedInput(f"a step in map {asked}; the body is in {here}")
