# SPDX-License-Identifier: Apache-2.0
"""The body of a real robot drives with Nav2, takes one call at a time, and stops: over real DDS, against doubles."""

from __future__ import annotations

import math
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")
pytest.importorskip("nav2_msgs", reason="nav2_msgs is not installed (make .venv-ros/installed builds it)")
pytest.importorskip("control_msgs", reason="control_msgs is not installed (make .venv-ros/installed builds it)")

from control_msgs.action import GripperCommand
from nav2_msgs.action import NavigateToPose
from neuraxis_interfaces.action import RunSkill
from neuraxis_interfaces.msg import Observation
from std_srvs.srv import Trigger

from brain_nodes.ros.brainstem_node import BrainstemNode
from brain_nodes.ros.conversions import to_observation
from brain_nodes.ros.lifecycle_node import SAMPLES
from memory import records as r
from memory.geometry import Pose
from tests.ros.robot_doubles import MUG, Robot, said

pytestmark = [pytest.mark.ros, pytest.mark.timeout(60)]

KITCHEN = r.Target("map-0/kitchen", "room", (1.0, 2.0, 0.0))


@pytest.fixture
def robot(corner: Any) -> Robot:
    """See Robot."""
    return Robot(corner)


def go_to(target: r.Target = MUG, id_: str = "s#1") -> r.SkillCall:
    """A call to drive somewhere."""
    return r.SkillCall(id_, "go_to", (target,))


# ---------------------------------------------------------------- driving


def test_a_thing_is_approached_from_where_the_robot_stands_and_faced(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "run")
    robot.body(standoff_m=1.0)

    goal = robot.ask(go_to())
    robot.corner.until(lambda: nav2.running)
    robot.at = Pose.planar(2.0, 0.1, 0.0)
    nav2.say(NavigateToPose.Feedback(distance_remaining=1.0))
    told = robot.corner.until(lambda: robot.told)[0]
    robot.corner.until(robot.knows_where_it_is)
    nav2.finish()
    result = robot.end_of(goal)

    pose = nav2.goals[0].pose
    assert said(result) == ("succeeded", 0)
    assert pose.header.frame_id == f"map{robot.corner.namespace}"
    assert (round(pose.pose.position.x, 6), round(pose.pose.position.y, 6)) == (2.0, 0.0)
    assert (pose.pose.orientation.z, pose.pose.orientation.w) == (0.0, 1.0)
    assert (told.call_id, told.text) == ("s#1", "driving to Mug_1")


@pytest.mark.parametrize(("map_id", "revision"), [("map-1", "0"), ("map-0", "1"), ("", "")])
def test_nothing_drives_to_a_position_of_another_map(robot: Robot, map_id: str, revision: str) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose")
    robot.body()

    result = robot.does(go_to(), map_id, map_revision=revision)

    assert said(result) == ("refused", RunSkill.Result.REJECTED_INPUT)
    assert repr(map_id) in result.error_msg
    assert not nav2.goals


def test_nothing_drives_while_localised_in_another_map_than_configured(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose")
    node = robot.body()
    publisher = robot.corner.me.create_publisher(Observation, "observation", SAMPLES)
    publisher.publish(to_observation(r.Observation(sequence=1, stamp_ns=1_767_258_000_000_000_000, map_id="upstairs")))
    robot.corner.until(lambda: node._seen is not None)

    result = robot.does(go_to())

    assert said(result) == ("refused", 100) and "upstairs" in result.error_msg
    assert not nav2.goals


@pytest.mark.parametrize("target", [r.Target("x", "Mug", (math.nan, 0.0, 0.0)), r.Target("x", "Mug")])
def test_a_target_that_is_nowhere_is_refused(robot: Robot, target: r.Target) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose")
    robot.body()

    assert said(robot.does(go_to(target))) == ("refused", 100)
    assert not nav2.goals


def test_a_robot_that_does_not_know_where_it_stands_does_not_drive(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose")
    robot.localised = False
    robot.body()

    result = robot.does(go_to())

    assert said(result) == ("refused", RunSkill.Result.PRECONDITION_FAILED)
    assert "not known" in result.error_msg and not nav2.goals


def test_a_robot_that_was_localised_once_does_not_drive(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose")
    robot.body(pose_age_s=0.2)
    robot.localised = False

    robot.corner.until(lambda: "s ago" in robot.does(go_to()).error_msg)

    taken = len(nav2.goals)
    assert said(robot.does(go_to())) == ("refused", 401)
    assert len(nav2.goals) == taken


def test_what_comes_no_nearer_is_stuck_and_cancelled(robot: Robot) -> None:
    """Field case 104, of two headings in turn: feedback goes on, the way does not shrink."""
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "run")
    robot.body(stuck_after_s=0.5)
    lefts = [3.0, 2.99]
    robot.corner.me.create_timer(
        0.05, lambda: (lefts.reverse(), nav2.say(NavigateToPose.Feedback(distance_remaining=lefts[0])))
    )

    result = robot.does(go_to())

    assert said(result) == ("stuck", 0)
    assert "no nearer" in result.outcome.reason
    assert nav2.cancelled == 1


def test_a_drive_without_feedback_is_stuck(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "run")
    robot.body(stuck_after_s=0.3)

    assert said(robot.does(go_to())) == ("stuck", 0)
    assert nav2.cancelled == 1


def test_an_abort_of_nav2_is_a_failure_with_its_code(robot: Robot) -> None:
    """Field case 35."""
    aborted = NavigateToPose.Result(error_code=208, error_msg="no valid path")
    robot.double(NavigateToPose, "navigate_to_pose", "abort", aborted)
    robot.body()

    result = robot.does(go_to())

    assert said(result) == ("failed", 0)
    assert result.outcome.reason == "Nav2 aborted with 208: no valid path"


def test_success_at_the_wrong_place_is_a_failure_with_the_distance(robot: Robot) -> None:
    """Field case 34: the goal lies in a table, and the planner takes a cell beside it."""
    robot.double(NavigateToPose, "navigate_to_pose")
    robot.body(standoff_m=2.0, arrival_m=0.5)

    result = robot.does(go_to())

    assert said(result) == ("failed", 0)
    assert result.outcome.reason == "stopped 1.00 m short of the goal"


def test_a_goal_that_nav2_refuses_is_told_as_refused(robot: Robot) -> None:
    """Field case 35."""
    robot.double(NavigateToPose, "navigate_to_pose", "reject")
    robot.body()

    assert said(robot.does(go_to())) == ("refused", RunSkill.Result.EXECUTION_ERROR)


def test_a_goal_without_an_answer_is_unknown_by_its_deadline(robot: Robot) -> None:
    """Field case 2."""
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "hang")
    node = robot.body(answer_deadline_s=0.3)

    result = robot.does(go_to())

    assert said(result) == ("failed", 400) and "UNKNOWN" in result.outcome.reason
    nav2.release.set()
    robot.corner.until(lambda: not node._leaving and not nav2.running)


def test_no_server_is_an_execution_error_and_the_next_goal_is_taken(robot: Robot) -> None:
    robot.body(arrival_m=9.0)
    result = robot.does(go_to())
    assert said(result) == ("failed", 400) and "navigate_to_pose" in result.error_msg

    robot.double(NavigateToPose, "navigate_to_pose")

    robot.corner.until(lambda: said(robot.does(go_to())) == ("succeeded", 0))


def test_a_nav2_that_dies_is_an_execution_error_and_the_node_lives_on(robot: Robot) -> None:
    """Field case 22."""
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "run")
    robot.body()
    goal = robot.ask(go_to())
    robot.corner.until(lambda: nav2.running)

    nav2.die()

    result = robot.end_of(goal)
    assert said(result) == ("failed", 400) and result.error_msg == "navigate_to_pose is gone"
    assert said(robot.does(go_to())) == ("failed", 400)


# ---------------------------------------------------------------- one call at a time, and its end


def test_a_new_goal_pre_empts_the_running_one(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "run")
    robot.body(places=["kitchen:=1.0 2.0 0.0"], arrival_m=9.0)
    first = robot.ask(go_to())
    robot.corner.until(lambda: nav2.running)

    second = robot.ask(go_to(KITCHEN, "s#2"))

    assert said(robot.end_of(first)) == ("preempted", RunSkill.Result.PREEMPTED)
    robot.corner.until(lambda: len(nav2.goals) == 2)
    assert nav2.cancelled == 1
    nav2.finish()
    assert said(robot.end_of(second)) == ("succeeded", 0)


def test_the_same_call_again_goes_on(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "run")
    robot.body(arrival_m=9.0)
    first = robot.ask(go_to())
    robot.corner.until(lambda: nav2.running)

    second = robot.ask(go_to())

    assert said(robot.end_of(first)) == ("preempted", 402)
    nav2.finish()
    assert said(robot.end_of(second)) == ("succeeded", 0)
    assert len(nav2.goals) == 1 and not nav2.cancelled


def test_nothing_new_begins_before_the_old_is_certainly_over(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "stubborn")
    gripper = robot.double(GripperCommand, "gripper", "succeed", GripperCommand.Result(reached_goal=True))
    robot.body(gripper="gripper", cancel_deadline_s=0.3)
    first = robot.ask(go_to())
    robot.corner.until(lambda: nav2.running)

    result = robot.does(r.SkillCall("s#2", "open_gripper"), "")

    assert said(robot.end_of(first)) == ("preempted", 402)
    assert said(result) == ("failed", 400) and "navigate_to_pose has not confirmed" in result.error_msg
    assert not gripper.goals
    nav2.finish()
    robot.corner.until(lambda: said(robot.does(r.SkillCall("s#3", "open_gripper"), "")) == ("succeeded", 0))


def test_a_cancel_is_passed_on(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "run")
    robot.body()
    goal = robot.ask(go_to())
    robot.corner.until(lambda: nav2.running)

    goal.cancel_goal_async()

    assert said(robot.end_of(goal)) == ("preempted", 402)
    assert nav2.cancelled == 1


def test_a_cancel_that_nav2_ignores_ends_all_the_same_and_says_so(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "stubborn")
    robot.body(cancel_deadline_s=0.3)
    goal = robot.ask(go_to())
    robot.corner.until(lambda: nav2.running)

    goal.cancel_goal_async()

    result = robot.end_of(goal)
    assert said(result) == ("preempted", 402) and "has not confirmed the cancel" in result.outcome.reason


# ---------------------------------------------------------------- stop


def test_a_latched_stop_ends_what_runs_and_refuses_what_comes(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "run")
    robot.body(arrival_m=9.0)
    goal = robot.ask(go_to())
    robot.corner.until(lambda: nav2.running)

    robot.stop(True)

    assert said(robot.end_of(goal)) == ("failed", RunSkill.Result.STOPPED)
    assert nav2.cancelled == 1
    assert said(robot.does(go_to())) == ("failed", RunSkill.Result.STOPPED)
    robot.stop(False)
    nav2.manner = "succeed"
    robot.corner.until(lambda: said(robot.does(go_to())) == ("succeeded", 0))


def test_without_a_heartbeat_what_runs_ends(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "run")
    robot.body(heartbeat_timeout_s=0.5)
    goal = robot.ask(go_to())
    robot.corner.until(lambda: nav2.running)

    robot.beating = False

    result = robot.end_of(goal)
    assert said(result) == ("failed", 403) and result.error_msg == "no heartbeat of the brainstem"
    assert nav2.cancelled == 1


def test_without_a_brainstem_nothing_moves(corner: Any) -> None:
    robot = Robot(corner)
    robot.beating = False
    nav2 = robot.double(NavigateToPose, "navigate_to_pose")
    robot.body()

    assert said(robot.does(go_to())) == ("failed", 403)
    assert not nav2.goals


def test_before_the_brainstem_has_said_whether_it_is_stopped_nothing_moves(corner: Any) -> None:
    robot = Robot(corner, stopped=None)
    nav2 = robot.double(NavigateToPose, "navigate_to_pose")
    robot.body()

    result = robot.does(go_to())

    assert said(result) == ("failed", 403) and "has not said" in result.error_msg
    assert not nav2.goals


def test_the_stop_of_the_brainstem_itself_reaches_nav2(robot: Robot) -> None:
    robot.beating = False
    brainstem = robot.corner.up(BrainstemNode)
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "run")
    node = robot.body()
    robot.corner.until(lambda: node._held() == "")
    goal = robot.ask(go_to())
    robot.corner.until(lambda: nav2.running)

    assert robot.corner.call(Trigger, "stop", Trigger.Request()).success

    assert robot.end_of(goal).error_code in (402, 403)  # by the cancel or by the latch, whichever came first
    assert brainstem.region.stopped and nav2.cancelled == 1


def test_a_body_that_is_deactivated_ends_its_goal(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "run")
    node = robot.body()
    goal = robot.ask(go_to())
    robot.corner.until(lambda: nav2.running)

    assert robot.corner.change(node, "deactivate")

    assert said(robot.end_of(goal)) == ("failed", 400)
    assert nav2.cancelled == 1
    assert robot.corner.change(node, "cleanup") and robot.corner.change(node, "configure")


def test_a_body_that_is_shut_down_leaves_nothing_driving(robot: Robot) -> None:
    nav2 = robot.double(NavigateToPose, "navigate_to_pose", "run")
    node = robot.body()
    robot.ask(go_to())
    robot.corner.until(lambda: nav2.running)

    assert robot.corner.change(node, "active_shutdown")

    robot.corner.until(lambda: nav2.cancelled == 1)
