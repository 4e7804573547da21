# SPDX-License-Identifier: Apache-2.0
"""The cerebellum as a node: `observation` and `plan` in; `events` (what came of a step) and `action_raw` out.

Neighbours: the prefrontal node sends plans, the brainstem gates what goes out; body_client.py drives bodies that take
skills by action when not in lockstep.
"""

from __future__ import annotations

from typing import Any

from neuraxis_interfaces.msg import Event, Observation, Plan, TickAction
from neuraxis_interfaces.srv import BeginEpisode, EndEpisode
from std_msgs.msg import Bool

from brain_nodes.cerebellum.executor import Cerebellum
from brain_nodes.config import CerebellumConfig
from brain_nodes.ros import parameters, spinning
from brain_nodes.ros.body_client import BodyClient
from brain_nodes.ros.conversions import from_observation, from_plan, from_skill, to_action
from brain_nodes.ros.lifecycle_node import LATCHED, RegionNode
from brain_nodes.ros.memory_conversions import to_step_event
from brain_nodes.ros.samples import Samples
from brain_nodes.ros.settings import BodySettings
from memory import records
from memory.errors import RejectedInput


class CerebellumNode(RegionNode):
    """Plan -> action, watched to its end."""

    configs = (CerebellumConfig, BodySettings)

    def __init__(self, **options: Any) -> None:
        super().__init__("cerebellum", **options)

    def open(self) -> None:
        """Make the region."""
        self.region = Cerebellum(parameters.read(self, CerebellumConfig))
        self._session = ""
        self._samples = Samples(("observation",))
        self._seen: tuple[int, records.Observation] | None = None
        self._stopped = False
        self._told = -1  # number of the observation that the last step ended with
        self._events = self.say(Event, "events")
        self._actions = self.say(TickAction, "action_raw")
        self.hear(Observation, "observation", self._observe)
        self.hear(Plan, "plan", self._execute, LATCHED)
        self.hear(Bool, "stopped", self._stop, LATCHED)
        self.serve(BeginEpisode, "~/begin_episode", self._begin)
        self.serve(EndEpisode, "~/end_episode", self._end)
        self._body = None if self.settings.lockstep else BodyClient(self, parameters.read(self, BodySettings))

    def _begin(self, request: Any, response: Any) -> None:
        if request.session == self._session:
            return
        if not request.session or self._session:
            raise RejectedInput(f"cannot begin {request.session!r}: episode {self._session!r} is running")
        self.region.begin(request.session, tuple(map(from_skill, request.skills)))
        self._session, self._seen, self._told = request.session, None, -1
        self._answer()

    def _end(self, request: Any, response: Any) -> None:
        if request.session == self._session:
            self._session, self._seen = "", None
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
        while self._session and (sample := self._samples.take(self._session)) is not None:
            message = sample["observation"]
            observation = from_observation(message)
            self._seen = (message.sequence, observation)
            result = self.region.result(observation)
            self._events.publish(to_step_event(result, self._session, message.sequence, observation.stamp_ns))

    def _execute(self, message: Any) -> None:
        if message.session != self._session or self._seen is None:
            return  # of another episode
        sequence, observation = self._seen
        if self._body is not None:
            if message.sequence < self._told:
                return  # made before the end of the last step was known
            self._body.carry_out(self._next_action(from_plan(message), observation), self._session, message)
        elif message.sequence == sequence:
            action = self._next_action(from_plan(message), observation)
            self._actions.publish(to_action(action, self._session, sequence, observation.stamp_ns))

    def _next_action(self, plan: records.Plan, observation: records.Observation) -> records.Action:
        if self._stopped:
            return records.Hold(observation.stamp_ns, "stopped")
        return self.region.execute(plan.current, observation, plan.reason)

    def _observe_freely(self, message: Any) -> None:
        """The newest observation, with what the body's action has said since the last one."""
        assert self._body is not None
        observation = self._body.completed(from_observation(message))
        self._seen = (message.sequence, observation)
        if not self._session:
            return
        result = self.region.result(observation)
        if result is not None:
            self._told = message.sequence
        self._events.publish(to_step_event(result, self._session, message.sequence, observation.stamp_ns))

    def _stop(self, message: Any) -> None:
        self._stopped = message.data
        if self._stopped and self._body is not None:
            self._body.stop()


def main() -> int:
    """Executable `cerebellum`."""
    return spinning.run([CerebellumNode])


if __name__ == "__main__":
    raise SystemExit(main())
