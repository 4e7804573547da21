# SPDX-License-Identifier: Apache-2.0
"""The simulator in its own time: observations at a rate, skills by the action `run_skill`, holding without a heartbeat.

Neighbours: simulator_node.py is what both ways share; the cerebellum's body_client.py is on the other side.
Rules of the file: one call at a time, a new goal pre-empts; a goal is answered when its call has ended; without the
brainstem's heartbeat nothing moves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from neuraxis_interfaces.action import RunSkill
from rclpy.action import ActionServer, CancelResponse, GoalResponse

from brain_nodes.ros import goals, parameters, spinning
from brain_nodes.ros.conversions import from_call, to_outcome
from brain_nodes.ros.lifecycle_node import SAMPLES, STEADY
from brain_nodes.ros.settings import told
from memory.records import Hold, Outcome, OutcomeCode, SkillCall
from sim.environment import SimClock
from sim.ros.sensors import SensorTopics
from sim.ros.simulator_node import SimulatorNode
from sim.runner import RunConfig, make_suite


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """What the simulator may be told; each field is a ROS parameter."""

    mode: str = told("embodied", "benchmark (find teleports) or embodied (walk, look, open).")
    seed: int = told(7, "Chooses the home.")
    task: int = told(0, "Number of the task whose morning it is, from 0.")
    period_s: float = told(0.1, "Time from one observation to the next.")
    heartbeat_timeout_s: float = told(1.0, "It holds when the brainstem's heartbeat is older; 0 = needs none.")
    images: bool = told(True, "Publish colour and depth; they are only made where somebody listens.")
    width_px: int = told(64, "Width of the images.")
    height_px: int = told(64, "Height of the images.")


class FreeSimulator(SimulatorNode):
    """A household robot that goes on whether or not anybody answers."""

    def __init__(self, **options: Any) -> None:
        super().__init__(lockstep=False, **options)
        wrong = parameters.declare(self, (SimulatorSettings,))
        if wrong:
            raise ValueError("; ".join(wrong))
        self.settings = parameters.read(self, SimulatorSettings)
        size = self.settings
        self.sensors.close()
        self.sensors = SensorTopics(self, size.width_px, size.height_px, size.images)
        suite = make_suite(RunConfig(mode=self.settings.mode, seed=self.settings.seed, episodes=self.settings.task + 1))
        clock = SimClock()
        for task in suite.tasks():
            self.task = task
            self.bring(suite.open(task, clock))
        self._call: SkillCall | None = None
        self._goal: Any = None
        self._results: dict[str, Any] = {}
        self._beaten_s = self._accepted_s = 0.0
        self.create_subscription(DiagnosticStatus, "heartbeat", self._beat, SAMPLES)
        self._server = ActionServer(
            self, RunSkill, "run_skill", execute_callback=self._finished, goal_callback=self._asked,
            handle_accepted_callback=self._accepted, cancel_callback=lambda _: CancelResponse.ACCEPT,
        )  # fmt: skip
        self.create_timer(self.settings.period_s, self._tick, clock=STEADY)

    def start(self) -> None:
        """Nothing is to be waited for."""

    def end(self) -> None:
        """The process ends."""
        self._server.destroy()

    @property
    def supervised(self) -> bool:
        """Has the brainstem been heard of lately?"""
        return self._within_patience(self._beaten_s)

    def _within_patience(self, since_s: float) -> bool:
        patience_s = self.settings.heartbeat_timeout_s
        return not patience_s or time.monotonic() - since_s <= patience_s

    def _beat(self, message: Any) -> None:
        self._beaten_s = time.monotonic()

    def _asked(self, goal: Any) -> GoalResponse:
        return GoalResponse.ACCEPT if goal.call.id and goal.call.skill else GoalResponse.REJECT

    def _accepted(self, goal: Any) -> None:
        self._answer(Outcome(self._call.id if self._call else "", OutcomeCode.PREEMPTED), RunSkill.Result.PREEMPTED)
        self._call, self._goal, self._accepted_s = from_call(goal.request.call), goal, time.monotonic()

    def _tick(self) -> None:
        body = self.body
        assert body is not None
        supervised = self.supervised
        if self._goal is not None and not supervised and not self._within_patience(self._accepted_s):
            self._answer(Outcome(self._goal.request.call.id, OutcomeCode.FAILED, "no heartbeat of the brainstem"),
                         RunSkill.Result.STOPPED)  # fmt: skip
        elif self._goal is not None and self._goal.is_cancel_requested:
            self._answer(Outcome(self._goal.request.call.id, OutcomeCode.PREEMPTED), RunSkill.Result.PREEMPTED)
        observation = body.step(self._call if self._call and supervised else Hold(body.clock.now_ns))
        if self._goal is not None and observation.outcome is not None:
            self._answer(observation.outcome, RunSkill.Result.NO_ERROR)
        self.show(observation, "", last=False)

    def _answer(self, outcome: Outcome, error_code: int) -> None:
        """End the running goal, if one is."""
        goal, self._goal, self._call = self._goal, None, None
        if goal is None:
            return
        self._results[bytes(goal.goal_id.uuid).hex()] = RunSkill.Result(
            outcome=to_outcome(outcome), error_code=error_code, error_msg=outcome.reason if error_code else "",
            sequence=self.body.ticks if self.body else 0,
        )  # fmt: skip
        goal.execute()

    def _finished(self, goal: Any) -> Any:
        return goals.ended(goal, self._results.pop(bytes(goal.goal_id.uuid).hex()))


def main() -> int:
    """Executable `simulator`."""
    return spinning.run([FreeSimulator])


if __name__ == "__main__":
    raise SystemExit(main())
