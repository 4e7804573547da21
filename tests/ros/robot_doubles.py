# SPDX-License-Identifier: Apache-2.0
"""Small doubles of Nav2 and of ros2_control's action servers, and a robot of them around the body under test."""

from __future__ import annotations

import threading
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")

from diagnostic_msgs.msg import DiagnosticStatus
from neuraxis_interfaces.action import RunSkill
from rclpy.action import ActionClient, ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_msgs.msg import Bool
from tf2_msgs.msg import TFMessage

from brain_nodes.ros.conversions import to_call, to_transform
from brain_nodes.ros.lifecycle_node import LATCHED, SAMPLES
from brain_nodes.ros.robot_body_node import RobotBodyNode
from memory import records as r
from memory.geometry import Pose

MUG = r.Target("Mug_1", "Mug", (3.0, 0.0, 0.8))


class Double(Node):  # type: ignore[misc]
    """One action server.

    Args:
        manner: succeed, abort or run (until it is told to end, or is cancelled); reject; hang (no answer to the goal
            before `release` is set); stubborn (runs, and refuses to be cancelled).

    Attributes:
        goals: Those that came.
        cancelled: How many were cancelled.
        result: What it answers with.
    """

    def __init__(self, kind: Any, action: str, manner: str = "succeed", result: Any = None, **options: Any) -> None:
        super().__init__(f"double_of_{action.replace('/', '_')}", **options)
        self.manner, self.result = manner, result if result is not None else kind.Result()
        self.goals: list[Any] = []
        self.cancelled = 0
        self.release = threading.Event()
        self.running: list[Any] = []
        group = ReentrantCallbackGroup()
        self.server: ActionServer | None = ActionServer(
            self, kind, action, execute_callback=self._finish, goal_callback=self._asked, callback_group=group,
            handle_accepted_callback=self._accepted, cancel_callback=self._cancel,
        )  # fmt: skip
        self.create_timer(0.02, self._look, callback_group=group)

    def say(self, feedback: Any) -> None:
        """Publish feedback for all that runs."""
        for goal in self.running:
            goal.publish_feedback(feedback)

    def finish(self) -> None:
        """End what runs, with success."""
        self.manner = "succeed"
        self._end()

    def die(self) -> None:
        """The server is gone at once, without a word."""
        server, self.server = self.server, None
        self.running.clear()
        if server is not None:
            server.destroy()

    def end(self) -> None:
        """The test ends."""
        self.release.set()
        self.die()

    def _asked(self, goal: Any) -> GoalResponse:
        if self.manner == "hang":
            self.release.wait(20)
        self.goals.append(goal)
        return GoalResponse.REJECT if self.manner == "reject" else GoalResponse.ACCEPT

    def _accepted(self, goal: Any) -> None:
        self.running.append(goal)
        if self.manner in ("succeed", "abort"):
            self._end()

    def _cancel(self, goal: Any) -> CancelResponse:
        return CancelResponse.REJECT if self.manner == "stubborn" else CancelResponse.ACCEPT

    def _look(self) -> None:
        for goal in [g for g in self.running if g.is_cancel_requested]:
            self.running.remove(goal)
            self.cancelled += 1
            goal.execute()

    def _end(self) -> None:
        ending, self.running = self.running, []
        for goal in ending:
            goal.execute()

    def _finish(self, goal: Any) -> Any:
        if goal.is_cancel_requested:
            goal.canceled()
        elif self.manner == "abort":
            goal.abort()
        else:
            goal.succeed()
        return self.result


class Robot:
    """A body, the doubles it drives, a brainstem's voice and tf, all on one corner of the graph."""

    def __init__(self, corner: Any, stopped: bool | None = False) -> None:
        self.corner, self.at = corner, Pose()
        self.beating, self.localised = True, True
        self._stamp_ns = 0
        me = corner.me
        self._beats = me.create_publisher(DiagnosticStatus, "heartbeat", SAMPLES)
        self._stops = me.create_publisher(Bool, "stopped", LATCHED)
        self._tf = me.create_publisher(TFMessage, "/tf", 10)
        me.create_timer(0.05, self._live)
        if stopped is not None:
            self.stop(stopped)
        self._silent = stopped is None

    def body(self, **parameters: Any) -> Any:
        """An active body that knows where it stands, if it is to know."""
        frames = {"map_frame": f"map{self.corner.namespace}", "base_frame": f"base{self.corner.namespace}"}
        told = {**frames, "heartbeat_timeout_s": 5.0, **parameters}  # one process: beats come late
        node = self.corner.up(RobotBodyNode, **told)
        self.client = self.corner.later(ActionClient(self.corner.me, RunSkill, "run_skill"))
        self.corner.until(self.client.server_is_ready)
        self.corner.until(lambda: node._held() == "" or not self.beating or (self._silent and node._beaten_s))
        limbs = {id(limb): limb for _, limb in node.limbs.values()}.values()
        for limb in limbs:
            self.corner.until(lambda limb=limb: not self.localised or not hasattr(limb, "here") or self._knows(limb))
        return node

    def double(self, kind: Any, action: str, manner: str = "succeed", result: Any = None) -> Double:
        """An action server of the robot's own stack."""
        node = Double(
            kind, action, manner, result, namespace=self.corner.namespace, context=self.corner.context
        )  # fmt: skip
        self.corner.add(node)
        asking = self.corner.later(ActionClient(self.corner.me, kind, action))
        self.corner.until(asking.server_is_ready)
        return node

    def ask(self, call: r.SkillCall, map_id: str = "map-0", **fields: Any) -> Any:
        """Send one call; its accepted goal."""
        revision = fields.pop("map_revision", "0" if map_id else "")
        goal = RunSkill.Goal(session="s", map_id=map_id, map_revision=revision, call=to_call(call), **fields)
        self.told: list[Any] = []
        future = self.client.send_goal_async(goal, lambda message: self.told.append(message.feedback))
        self.corner.until(future.done)
        assert future.result().accepted
        return future.result()

    def end_of(self, goal: Any) -> Any:
        """Its result, waited for."""
        future = goal.get_result_async()
        self.corner.until(future.done)
        result = future.result().result
        print(result.outcome.code, result.error_code, result.outcome.reason)  # shown where a test fails
        return result

    def does(self, call: r.SkillCall, map_id: str = "map-0", **fields: Any) -> Any:
        """Send one call and wait for its end."""
        return self.end_of(self.ask(call, map_id, **fields))

    def stop(self, stopped: bool) -> None:
        """What the brainstem says."""
        self._stops.publish(Bool(data=stopped))

    def knows_where_it_is(self) -> bool:
        """Has tf told the body where it is now?"""
        body = next(n for n in self.corner.nodes if isinstance(n, RobotBodyNode))
        return bool(body.limbs["go_to"][1].here().position_m == self.at.position_m)

    def _knows(self, limb: Any) -> bool:
        try:
            limb.here()
        except Exception:
            return False
        return True

    def _live(self) -> None:
        if self.beating:
            self._beats.publish(DiagnosticStatus())
        if self.localised:
            now_ns = self.corner.me.get_clock().now().nanoseconds
            frames = (f"map{self.corner.namespace}", f"base{self.corner.namespace}")
            self._tf.publish(TFMessage(transforms=[to_transform(self.at, now_ns, *frames)]))


def said(result: Any) -> tuple[str, int]:
    """Outcome and error code."""
    return (result.outcome.code, result.error_code)
