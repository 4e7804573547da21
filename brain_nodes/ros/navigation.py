# SPDX-License-Identifier: Apache-2.0
"""Driving with Nav2: `go_to` becomes a NavigateToPose in the map, watched until it arrives, fails or gets stuck.

Neighbours: remote_goal.py carries the goals, transforms.py knows where the robot is.
Rules of the file: nothing is sent to Nav2 that is not finite, or while it is not known where the robot stands; a place
is driven to exactly, a thing is approached from the robot's own side; Nav2's word of success is checked against tf.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from geometry_msgs.msg import PoseStamped

from brain_nodes.errors import PreconditionFailed
from brain_nodes.ros.conversions import to_header, to_pose
from brain_nodes.ros.remote_goal import Ending, Server
from brain_nodes.ros.robot_settings import NavigationSettings, RobotSettings, place_poses
from brain_nodes.ros.robot_skills import GO_TO
from brain_nodes.ros.transforms import TransformBuffer, TransformError, TransformListener
from memory.errors import NeuraxisError, RejectedInput
from memory.geometry import Pose, Vector, planar_distance_m
from memory.records import OutcomeCode, Place, Skill, SkillCall, Source, Target

MAP_STAMP_NS = 1_767_225_600_000_000_000  # places are as old as the map: the same record at every start
REPLANNED_M = 0.5  # a way longer by so much at once is another way, and is measured anew


class Navigation:
    """A client of Nav2.

    Attributes:
        skills: go_to.
        places: The named places, as records.

    Raises:
        NeuraxisError: nav2_msgs or tf2_msgs is not installed.
    """

    def __init__(self, node: Any, settings: NavigationSettings, robot: RobotSettings) -> None:
        try:
            from nav2_msgs.action import NavigateToPose
        except ImportError as error:
            raise NeuraxisError(f"nav2_msgs is not installed, and {settings.navigate!r} is out of reach") from error
        self.settings, self.buffer = settings, TransformBuffer()
        self._node, self._kind = node, NavigateToPose
        self.skills: tuple[Skill, ...] = (GO_TO,)
        self._poses = {f"{robot.map_id}/{n}": Pose.planar(*p) for n, p in place_poses(settings.places).items()}
        self.places = tuple(_place(id_, pose, robot) for id_, pose in self._poses.items())
        node.keep(lambda listener: listener.close(), TransformListener(node, self.buffer))
        self.server = Server(node, NavigateToPose, settings.navigate)

    def errand(self, request: Any, call: SkillCall) -> _Drive:
        """What to ask for this call.

        Raises:
            RejectedInput: the target has no position, or none that can be.
            PreconditionFailed: it is not known where the robot is.
        """
        there = self._goal(call.targets[0])
        goal = self._kind.Goal()
        stamp_ns = self._node.get_clock().now().nanoseconds
        goal.pose = PoseStamped(header=to_header(stamp_ns, self.settings.map_frame), pose=to_pose(there))
        return _Drive(goal, call.targets[0].name, self.settings, lambda: self._short_of_m(there))

    def here(self) -> Pose:
        """Where the robot is now.

        Raises:
            PreconditionFailed: tf does not tell, or has not told for a while.
        """
        frames = self.settings.map_frame, self.settings.base_frame
        try:
            pose, stamp_ns = self.buffer.newest(*frames)
        except TransformError as error:
            raise PreconditionFailed(f"where the robot is in {frames[0]!r} is not known: {error}") from error
        age_s = (self._node.get_clock().now().nanoseconds - stamp_ns) / 1e9
        if stamp_ns and age_s > self.settings.pose_age_s:
            raise PreconditionFailed(f"where the robot is in {frames[0]!r} was told {age_s:.1f} s ago")
        return pose

    def _goal(self, target: Target) -> Pose:
        here = self.here()
        if target.name in self._poses:
            return self._poses[target.name]
        if target.position_m is None:
            raise RejectedInput(f"where {target.name!r} is, is not told; places are {', '.join(self._poses)}")
        return approach(here, target.position_m, self.settings.standoff_m)

    def _short_of_m(self, there: Pose) -> float | None:
        """Distance from the goal; None where tf does not tell it."""
        try:
            return planar_distance_m(self.here().position_m, there.position_m)
        except PreconditionFailed:
            return None


def approach(here: Pose, target_m: Vector, standoff_m: float) -> Pose:
    """Where to stand so far before a thing, on the side one comes from, and facing it; no step back if nearer already.

    >>> pose = approach(Pose.planar(0.0, 0.0, 0.0), (0.0, 3.0, 0.8), 1.0)
    >>> tuple(round(v, 6) for v in pose.position_m), round(pose.yaw_rad / math.pi, 6)
    ((0.0, 2.0, 0.0), 0.5)
    """
    (x, y, _), (to_x, to_y, _) = here.position_m, target_m
    away_m = math.hypot(to_x - x, to_y - y)
    yaw_rad = math.atan2(to_y - y, to_x - x) if away_m else here.yaw_rad
    share = max(0.0, away_m - standoff_m) / away_m if away_m else 0.0
    return Pose.planar(x + (to_x - x) * share, y + (to_y - y) * share, yaw_rad)


class Headway:
    """Is the way that is left getting shorter? A way that grew at once is another way.

    >>> headway = Headway(stuck_after_s=2.0, progress_m=0.1)
    >>> [headway.lost_s(left_m, now_s) for left_m, now_s in ((3.0, 0.0), (2.98, 1.0), (2.5, 2.0), (None, 3.5))]
    [0.0, 1.0, 0.0, 1.5]
    """

    def __init__(self, stuck_after_s: float, progress_m: float) -> None:
        self.stuck_after_s, self.progress_m = stuck_after_s, progress_m
        self._best_m = self._last_m = math.inf
        self._since_s = 0.0

    def lost_s(self, left_m: float | None, now_s: float) -> float:
        """For how long it has not come nearer; None = nothing was heard."""
        if left_m is not None and 0.0 < left_m < math.inf:  # Nav2 says 0 while it has no way yet
            replanned = left_m > self._last_m + REPLANNED_M
            if replanned or left_m < self._best_m - self.progress_m:
                self._best_m, self._since_s = left_m, now_s
            self._last_m = left_m
        return now_s - self._since_s


class _Drive:
    """One drive."""

    def __init__(
        self, goal: Any, name: str, settings: NavigationSettings, short_of_m: Callable[[], float | None]
    ) -> None:
        self._goal, self._settings, self._short_of_m = goal, settings, short_of_m
        self._headway = Headway(settings.stuck_after_s, settings.progress_m)
        self._whole_m = 0.0
        self.progress, self.text = -1.0, f"driving to {name}"

    def request(self) -> Any:
        return self._goal

    def watch(self, feedback: Any, running_s: float) -> Ending | None:
        left_m = None if feedback is None else feedback.distance_remaining
        if left_m is not None and math.isfinite(left_m):
            self._whole_m = max(self._whole_m, left_m)
            self.progress = 1.0 - max(0.0, left_m) / self._whole_m if self._whole_m > 0 else -1.0
        lost_s = self._headway.lost_s(left_m, running_s)
        if lost_s > self._settings.stuck_after_s:
            return Ending(OutcomeCode.STUCK, f"no nearer for {lost_s:.1f} s")
        if running_s > self._settings.drive_deadline_s:
            return Ending(OutcomeCode.STUCK, f"still driving after {running_s:.1f} s")
        return None

    def judge(self, status: int, result: Any) -> Ending:
        if status != GoalStatus.STATUS_SUCCEEDED:
            code = getattr(result, "error_code", "no code")  # Humble's result is empty
            said = getattr(result, "error_msg", "")
            return Ending(OutcomeCode.FAILED, f"Nav2 aborted with {code}{': ' if said else ''}{said}")
        short_m = self._short_of_m()
        if short_m is not None and short_m > self._settings.arrival_m:
            return Ending(OutcomeCode.FAILED, f"stopped {short_m:.2f} m short of the goal")
        return Ending(OutcomeCode.SUCCEEDED)


def _place(id_: str, pose: Pose, robot: RobotSettings) -> Place:
    name = id_.removeprefix(f"{robot.map_id}/")
    return Place(
        id=id_, valid_from_ns=MAP_STAMP_NS, source=Source.TOLD, label="room", name=name, position_m=pose.position_m,
        map_id=robot.map_id, map_revision=robot.map_revision,
    )  # fmt: skip
