# SPDX-License-Identifier: Apache-2.0
"""The cerebellum as a node: `observation` and `plan` in; `events` (what came of a step) and `action_raw` out.

Neighbours: the prefrontal node sends plans, step_server.py takes single steps and has the rules between the two, the
brainstem gates what goes out; body_client.py drives bodies that take skills by action when not in lockstep.
"""

from __future__ import annotations

from typing import Any

from neuraxis_interfaces.msg import Event, Observation, Plan, TickAction
from neuraxis_interfaces.srv import BeginEpisode, EndEpisode
from std_msgs.msg import Bool

from brain_nodes.cerebellum.executor import Cerebellum
from brain_nodes.config import CerebellumConfig
from brain_nodes.errors import ExecutionError, Stopped
from brain_nodes.ros import parameters, spinning
from brain_nodes.ros.body_client import BodyClient
from brain_nodes.ros.conversions import from_observation, from_plan, from_skill, to_action
from brain_nodes.ros.lifecycle_node import LATCHED, RegionNode
from brain_nodes.ros.memory_conversions import to_step_event
from brain_nodes.ros.samples import Samples
from brain_nodes.ros.settings import BodySettings
from brain_nodes.ros.step_server import StepServer
from memory import records
from memory.errors import NeuraxisError, RejectedInput


class CerebellumNode(RegionNode):
    """Plan -> action, watched to its end.

    Attributes:
        session: The running episode; "" outside one.
        seen: Number of the newest observation, and the observation; None before the first.
        stopped: Is the stop latched?
    """

    configs = (CerebellumConfig, BodySettings)

    def __init__(self, **options: Any) -> None:
        super().__init__("cerebellum", **options)

    def open(self) -> None:
        """Make the region."""
        self.region = Cerebellum(parameters.read(self, CerebellumConfig))
        self.session = ""
        self._samples = Samples(("observation",))
        self.seen: tuple[int, records.Observation] | None = None
        self._answered = -1  # number of the observation that was answered last, in lockstep
        self.stopped = False
        self._told = -1  # number of the observation that the last step ended with
        self._events = self.say(Event, "events")
        self._actions = self.say(TickAction, "action_raw")
        self.hear(Observation, "observation", self._observe)
        self.hear(Plan, "plan", self._execute, LATCHED)
        self.hear(Bool, "stopped", self._stop, LATCHED)
        self.serve(BeginEpisode, "~/begin_episode", self._begin)
        self.serve(EndEpisode, "~/end_episode", self._end)
        told = parameters.read(self, BodySettings)
        self._body = None if self.settings.lockstep else BodyClient(self, told)
        self._steps = StepServer(self, told.observation_deadline_s)

    def on_deactivate(self, state: Any) -> Any:
        """What runs is given up."""
        self._steps.end(ExecutionError("the cerebellum is no longer active"))
        return super().on_deactivate(state)

    def _begin(self, request: Any, response: Any) -> None:
        if request.session == self.session:
            return
        if not request.session or self.session:
            raise RejectedInput(f"cannot begin {request.session!r}: episode {self.session!r} is running")
        self.region.begin(request.session, tuple(map(from_skill, request.skills)))
        self.session, self.seen, self._told, self._answered = request.session, None, -1, -1
        self._answer()

    def _end(self, request: Any, response: Any) -> None:
        if request.session == self.session:
            self._steps.end(ExecutionError(f"episode {self.session!r} has ended"))
            self.session, self.seen = "", None
            if self._body is not None:
                self._body.stop()
        self._samples.forget(request.session)

    def _observe(self, message: Any) -> None:
        if self._body is not None:
            self._observe_freely(message)
            return
        self._samples.add("observation", message.session, message.sequence, message)
        self._answer()

    def _answer(self) -> None:
        """What came of the last step, for every observation of this episode."""
        while self.session and (sample := self._samples.take(self.session)) is not None:
            message = sample["observation"]
            observation = from_observation(message)
            self.seen = (message.sequence, observation)
            self._tell(self.region.result(observation))

    def _tell(self, result: records.StepResult | None) -> None:
        """What ended with the newest observation, to everyone and to who asked for a step."""
        assert self.seen is not None
        sequence, observation = self.seen
        self._events.publish(to_step_event(result, self.session, sequence, observation.stamp_ns))
        self._steps.observe(result)

    def _execute(self, message: Any) -> None:
        if message.session != self.session or self.seen is None or self._steps.running:
            return  # of another episode, or not its turn
        if self._body is not None and message.sequence < self._told:
            return  # made before the end of the last step was known
        if self._body is not None or message.sequence == self.seen[0]:
            plan = from_plan(message)
            self.answer(plan.current, message, plan.reason)

    def answer(self, step: records.Step | None, asked: Any, reason: str = "") -> records.Action | None:
        """Have the body do what the newest observation calls for; None if that was answered before.

        Args:
            asked: The message the step came with; it says in which map.
        """
        assert self.seen is not None
        sequence, observation = self.seen
        if self._body is None and sequence == self._answered:
            return None
        action: records.Action = records.Hold(observation.stamp_ns, "stopped")
        if not self.stopped:
            action = self.region.execute(step, observation, reason)
        if self._body is not None:
            self._body.carry_out(action, self.session, asked)
        else:
            self._answered = sequence
            self._actions.publish(to_action(action, self.session, sequence, observation.stamp_ns))
        return action

    def give_up(self) -> None:
        """The running call is over, whatever the body says of it."""
        if self.seen is not None:
            self.region.execute(None, self.seen[1])
        if self._body is not None:
            self._body.stop()

    def failure(self) -> NeuraxisError | None:
        """Why the call that ended last was not carried out, beyond the body's word of it."""
        return self._body.failure if self._body is not None else None

    def _observe_freely(self, message: Any) -> None:
        """The newest observation, with what the body's action has said since the last one."""
        assert self._body is not None
        observation = self._body.completed(from_observation(message))
        self.seen = (message.sequence, observation)
        if not self.session:
            return
        result = self.region.result(observation)
        if result is not None:
            self._told = message.sequence
        self._tell(result)

    def _stop(self, message: Any) -> None:
        self.stopped = message.data
        if self.stopped:
            self._steps.end(Stopped("the stop was latched"))
        if self.stopped and self._body is not None:
            self._body.stop()


def main() -> int:
    """Executable `cerebellum`."""
    return spinning.run([CerebellumNode])


if __name__ == "__main__":
    raise SystemExit(main())
