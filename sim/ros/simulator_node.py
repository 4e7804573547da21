# SPDX-License-Identifier: Apache-2.0
"""The simulator as a robot on topics: `observation`, `odom`, `/tf`, `describe_body`; it goes on when `action` arrives.

Neighbours: environment.py is the body; remote_brain.py plays lockstep episodes on it, free_simulator.py lets it be
driven freely by skills.
Rules of the file: only what `observe` and sensors.py give leaves, and no field of the judge is in it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from nav_msgs.msg import Odometry
from neuraxis_interfaces.msg import Observation, TickAction
from neuraxis_interfaces.srv import DescribeBody
from rclpy.node import Node

from brain_nodes.ros.conversions import to_header, to_observation, to_pose, to_skill
from brain_nodes.ros.lifecycle_node import SAMPLES
from brain_nodes.ros.memory_conversions import to_record
from memory import records
from memory.geometry import BASE, ODOM
from sim.environment import HouseholdEnvironment
from sim.ros.sensors import SensorTopics


class SimulatorNode(Node):  # type: ignore[misc]
    """The face of whatever body is brought.

    Attributes:
        body: Environment of the running episode; None before the first.
    """

    def __init__(self, lockstep: bool = True, **options: Any) -> None:
        super().__init__("simulator", **options)
        self.lockstep = lockstep
        self.body: HouseholdEnvironment | None = None
        self.changed = threading.Condition()
        self._actions: dict[tuple[str, int], Any] = {}
        self._observations = self.create_publisher(Observation, "observation", SAMPLES)
        self._odometry = self.create_publisher(Odometry, "odom", 10)
        self.sensors = SensorTopics(self, images=False)
        self.create_service(DescribeBody, "~/describe_body", self._describe)
        self.create_subscription(TickAction, "action", self._note_action, SAMPLES)

    def bring(self, body: HouseholdEnvironment) -> None:
        """Another episode's body."""
        self.body = body
        self._actions.clear()

    def show(self, observation: records.Observation, session: str, last: bool = False) -> None:
        """Publish one sample."""
        self._observations.publish(to_observation(observation, session, last))
        if observation.map_from_base is not None:
            odometry = Odometry(header=to_header(observation.stamp_ns, ODOM), child_frame_id=BASE)
            odometry.pose.pose = to_pose(observation.map_from_base)
            self._odometry.publish(odometry)
        if self.body is not None:
            self.sensors.publish(
                self.body.world, self.body.world.robot, observation.camera, observation.stamp_ns,
                localised=observation.map_from_base is not None,
            )  # fmt: skip

    def action_for(self, session: str, sequence: int) -> Any:
        """The action that answers an observation; None if it has not come."""
        return self._actions.get((session, sequence))

    def wait(self, ready: Callable[[], Any], deadline_s: float, look: Callable[[], None] = lambda: None) -> Any:
        """Wait until `ready()` gives something, None after the deadline; `look` may raise meanwhile."""
        end_s = time.monotonic() + deadline_s
        with self.changed:
            while not (found := ready()):
                left_s = end_s - time.monotonic()
                if left_s <= 0:
                    return None
                self.changed.wait(min(left_s, 0.05))
                look()
            return found

    def wake(self) -> None:
        """Let whoever waits look again."""
        with self.changed:
            self.changed.notify_all()

    def _note_action(self, message: Any) -> None:
        with self.changed:
            self._actions[(message.session, message.sequence)] = message
            self.changed.notify_all()

    def _describe(self, request: Any, response: Any) -> Any:
        body = self.body
        if body is None:
            return response
        response.skills = list(map(to_skill, body.skills()))
        response.places = list(map(to_record, body.places()))
        response.map_id, response.map_revision = body.world.map_id, body.world.map_revision
        response.lockstep = self.lockstep
        return response
