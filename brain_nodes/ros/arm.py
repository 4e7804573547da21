# SPDX-License-Identifier: Apache-2.0
"""An arm and a gripper behind the action servers of ros2_control, which MoveIt's controllers are as well.

Neighbours: remote_goal.py carries the goals, robot_skills.py declares the skills.
Rules of the file: named postures and an opening or closing hand; what to grasp and how is for the user's own skills
(forwarding.py).
"""

from __future__ import annotations

from typing import Any

from action_msgs.msg import GoalStatus
from builtin_interfaces.msg import Duration

from brain_nodes.ros.remote_goal import Ending, Server
from brain_nodes.ros.robot_settings import ArmSettings, Posture, joint_postures
from brain_nodes.ros.robot_skills import CLOSE_GRIPPER, OPEN_GRIPPER, move_arm
from memory.errors import NeuraxisError, RejectedInput
from memory.records import OutcomeCode, Skill, SkillCall

SECOND_NS = 1_000_000_000


class Gripper:
    """Opens and closes; a client of GripperCommand.

    Raises:
        NeuraxisError: control_msgs is not installed.
    """

    def __init__(self, node: Any, settings: ArmSettings) -> None:
        try:
            from control_msgs.action import GripperCommand
        except ImportError as error:
            raise NeuraxisError(f"control_msgs is not installed, and {settings.gripper!r} is out of reach") from error
        self.settings, self._kind = settings, GripperCommand
        self.server = Server(node, GripperCommand, settings.gripper)
        self.skills: tuple[Skill, ...] = (OPEN_GRIPPER, CLOSE_GRIPPER)

    def errand(self, request: Any, call: SkillCall) -> _Grip:
        """What to ask for this call."""
        goal = self._kind.Goal()
        closing = call.skill == CLOSE_GRIPPER.name
        goal.command.position = self.settings.closed_position_m if closing else self.settings.open_position_m
        goal.command.max_effort = self.settings.max_effort_n
        return _Grip(goal, closing, self.settings.arm_deadline_s)


class Arm:
    """Goes into named postures; a client of FollowJointTrajectory.

    Raises:
        NeuraxisError: control_msgs or trajectory_msgs is not installed.
    """

    def __init__(self, node: Any, settings: ArmSettings) -> None:
        try:
            from control_msgs.action import FollowJointTrajectory
            from trajectory_msgs.msg import JointTrajectoryPoint
        except ImportError as error:
            raise NeuraxisError(f"control_msgs is not installed, and {settings.arm!r} is out of reach") from error
        self.settings, self._kind, self._point = settings, FollowJointTrajectory, JointTrajectoryPoint
        self.postures = joint_postures(settings.postures)
        self.server = Server(node, FollowJointTrajectory, settings.arm)
        self.skills: tuple[Skill, ...] = (move_arm(self.postures),)

    def errand(self, request: Any, call: SkillCall) -> _Reach:
        """What to ask for this call.

        Raises:
            RejectedInput: no such posture.
        """
        name = call.targets[0].name
        posture = self.postures.get(name)
        if posture is None:
            raise RejectedInput(f"there is no posture {name!r}; there are {', '.join(self.postures)}")
        goal = self._kind.Goal()
        goal.trajectory.joint_names = list(posture.positions_rad)
        sec, nanosec = divmod(round(posture.duration_s * SECOND_NS), SECOND_NS)
        there = self._point(positions=list(posture.positions_rad.values()))
        there.time_from_start = Duration(sec=sec, nanosec=nanosec)
        goal.trajectory.points = [there]
        return _Reach(goal, name, posture, self.settings.arm_deadline_s)


class _Grip:
    """One opening or closing."""

    progress = -1.0

    def __init__(self, goal: Any, closing: bool, deadline_s: float) -> None:
        self._goal, self._closing, self._deadline_s = goal, closing, deadline_s
        self.text = "closing the gripper" if closing else "opening the gripper"

    def request(self) -> Any:
        return self._goal

    def watch(self, feedback: Any, running_s: float) -> Ending | None:
        return _overdue(running_s, self._deadline_s)

    def judge(self, status: int, result: Any) -> Ending:
        """Open is the whole gap; closed is the whole way, or pressing on something, which some call aborted."""
        if self._closing and result.stalled:
            return Ending(OutcomeCode.SUCCEEDED, f"holds at {result.position:.3f} m")
        if status == GoalStatus.STATUS_SUCCEEDED and result.reached_goal:
            return Ending(OutcomeCode.SUCCEEDED)
        why = "stalled" if result.stalled else "did not get there"
        return Ending(OutcomeCode.FAILED, f"gripper {why} at {result.position:.3f} m")


class _Reach:
    """One way into a posture."""

    progress = -1.0

    def __init__(self, goal: Any, name: str, posture: Posture, patience_s: float) -> None:
        self._goal, self._deadline_s = goal, posture.duration_s + patience_s
        self._duration_s = posture.duration_s
        self.text = f"moving the arm to {name}"

    def request(self) -> Any:
        return self._goal

    def watch(self, feedback: Any, running_s: float) -> Ending | None:
        self.progress = min(1.0, running_s / self._duration_s)
        return _overdue(running_s, self._deadline_s)

    def judge(self, status: int, result: Any) -> Ending:
        if status == GoalStatus.STATUS_SUCCEEDED and result.error_code == result.SUCCESSFUL:
            return Ending(OutcomeCode.SUCCEEDED)
        return Ending(OutcomeCode.FAILED, f"the arm's controller ended with {result.error_code} {result.error_string}")


def _overdue(running_s: float, deadline_s: float) -> Ending | None:
    return Ending(OutcomeCode.STUCK, f"still moving after {running_s:.1f} s") if running_s > deadline_s else None
