# SPDX-License-Identifier: Apache-2.0
"""The brainstem as a node, always in a process of its own: the last word on every action and every velocity.

Neighbours: `action_raw` of the cerebellum in, `action` for the body out; `cmd_vel_raw` in, `cmd_vel` out.
Rules of the file: no store, no model, no planner is imported; a stop is latched and needs nobody else's answer.
"""

from __future__ import annotations

import math
import time
from typing import Any

from action_msgs.srv import CancelGoal
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import Twist
from neuraxis_interfaces.msg import Observation, TickAction
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from brain_nodes.brainstem.stop import Brainstem
from brain_nodes.config import BrainstemConfig
from brain_nodes.ros import parameters, spinning
from brain_nodes.ros.conversions import from_action, from_observation, to_action
from brain_nodes.ros.lifecycle_node import LATCHED, SAMPLES, RegionNode
from brain_nodes.ros.samples import Samples

HEARTBEAT_S = 0.2
WATCH_S = 0.05


class BrainstemNode(RegionNode):
    """Stop, gate, heartbeat, velocity limits."""

    configs = (BrainstemConfig,)

    def __init__(self, **options: Any) -> None:
        super().__init__("brainstem", **options)

    def open(self) -> None:
        """Make the region."""
        self.limits = parameters.read(self, BrainstemConfig)
        self.region = Brainstem(self.limits)
        self._samples = Samples(("observation", "action"))
        self._session = ""
        self._moved_s = 0.0
        self._actions = self.say(TickAction, "action")
        self._stopped = self.say(Bool, "stopped", LATCHED)
        self._heartbeat = self.say(DiagnosticStatus, "heartbeat", SAMPLES)
        self._velocity = self.say(Twist, "cmd_vel", SAMPLES)
        self._cancels = [self.client(CancelGoal, f"{n}/_action/cancel_goal") for n in self.limits.cancelled_actions]
        self.hear(Observation, "observation", lambda message: self._take("observation", message))
        self.hear(TickAction, "action_raw", lambda message: self._take("action", message))
        self.hear(Twist, "cmd_vel_raw", self._move, 1)
        self.keep(self.destroy_service, self.create_service(Trigger, "stop", self._stop))
        self.keep(self.destroy_service, self.create_service(Trigger, "resume", self._resume))
        self.every(HEARTBEAT_S, self._beat)
        self.every(WATCH_S, self._watch)

    def on_activate(self, state: Any) -> Any:
        """Say at once whether it is stopped."""
        self._stopped.publish(Bool(data=self.region.stopped))
        return super().on_activate(state)

    def on_deactivate(self, state: Any) -> Any:
        """No brainstem, no motion."""
        self._velocity.publish(Twist())
        return super().on_deactivate(state)

    # ---- actions

    def _take(self, part: str, message: Any) -> None:
        if message.session != self._session:
            self._samples.forget(self._session)
            self._session = message.session
        self._samples.add(part, message.session, message.sequence, message)
        while (sample := self._samples.take(self._session)) is not None:
            observation = from_observation(sample["observation"])
            action = self.region.gate(from_action(sample["action"]), observation)
            gated = to_action(action, self._session, observation.sequence, observation.stamp_ns)
            gated.map_id, gated.map_revision = observation.map_id, observation.map_revision
            self._actions.publish(gated)

    # ---- stop

    def _stop(self, request: Any, response: Any) -> Any:
        """Works whether the node is active or not."""
        self.region.stop("stopped")
        self._velocity.publish(Twist())
        self._stopped.publish(Bool(data=True))
        for client in self._cancels:
            if client.service_is_ready():
                client.call_async(CancelGoal.Request())  # without id and stamp: all of them
        response.success, response.message = True, self.region.reason
        return response

    def _resume(self, request: Any, response: Any) -> Any:
        response.success = self.region.resume()
        response.message = "" if response.success else f"still stopped: {self.region.reason}"
        self._stopped.publish(Bool(data=self.region.stopped))
        return response

    def _beat(self) -> None:
        if not self.active:
            return
        level = DiagnosticStatus.WARN if self.region.stopped else DiagnosticStatus.OK
        values = [KeyValue(key="refused", value=str(self.region.refused))]
        self._heartbeat.publish(
            DiagnosticStatus(level=level, name="brainstem", message=self.region.reason or "alive", values=values)
        )

    # ---- velocity

    def _move(self, message: Any) -> None:
        self._moved_s = time.monotonic()
        x, y, turn = message.linear.x, message.linear.y, message.angular.z
        allowed = Twist()
        if not self.region.stopped and all(map(math.isfinite, (x, y, turn))):
            speed = math.hypot(x, y)
            scale = min(1.0, self.limits.max_speed_mps / speed) if speed > 0 else 1.0
            allowed.linear.x, allowed.linear.y = x * scale, y * scale
            allowed.angular.z = max(-self.limits.max_turn_radps, min(self.limits.max_turn_radps, turn))
        self._velocity.publish(allowed)

    def _watch(self) -> None:
        """Whoever sent velocities and fell silent is stopped, once."""
        if self._moved_s and time.monotonic() - self._moved_s > self.limits.command_timeout_s:
            self._moved_s = 0.0
            self._velocity.publish(Twist())


def main() -> int:
    """Executable `brainstem`."""
    return spinning.run([BrainstemNode])


if __name__ == "__main__":
    raise SystemExit(main())
