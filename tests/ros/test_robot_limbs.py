# SPDX-License-Identifier: Apache-2.0
"""Arm, gripper and the user's own skills of a real robot's body; what it declares, and what it is configured with."""

from __future__ import annotations

import doctest
import sys
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")
pytest.importorskip("nav2_msgs", reason="nav2_msgs is not installed (make .venv-ros/installed builds it)")
pytest.importorskip("control_msgs", reason="control_msgs is not installed (make .venv-ros/installed builds it)")

from control_msgs.action import FollowJointTrajectory, GripperCommand
from neuraxis_interfaces.action import RunSkill
from neuraxis_interfaces.srv import DescribeBody

from brain_nodes.ros import navigation, robot_settings
from brain_nodes.ros.conversions import from_skill, to_call
from brain_nodes.ros.memory_conversions import from_record
from brain_nodes.ros.robot_body_node import RobotBodyNode
from memory import records as r
from tests.ros.robot_doubles import MUG, Robot, said

pytestmark = [pytest.mark.ros, pytest.mark.timeout(60)]

POSTURES = ["home:=shoulder=0.5 elbow=-1 duration_s=0.1"]


@pytest.fixture
def robot(corner: Any) -> Robot:
    """See Robot."""
    return Robot(corner)


# ---------------------------------------------------------------- arm and gripper


@pytest.mark.parametrize(
    ("skill", "fields", "manner", "code"),
    [
        ("open_gripper", {"reached_goal": True}, "succeed", "succeeded"),
        ("open_gripper", {"stalled": True}, "succeed", "failed"),
        ("open_gripper", {}, "succeed", "failed"),
        ("close_gripper", {"reached_goal": True}, "succeed", "succeeded"),
        ("close_gripper", {"stalled": True}, "succeed", "succeeded"),
        ("close_gripper", {"stalled": True}, "abort", "succeeded"),
        ("close_gripper", {}, "succeed", "failed"),
    ],
)
def test_a_gripper_has_done_what_its_result_says(
    robot: Robot, skill: str, fields: dict[str, bool], manner: str, code: str
) -> None:
    gripper = robot.double(GripperCommand, "hand/gripper_cmd", manner, GripperCommand.Result(**fields))
    robot.body(navigate="", gripper="hand/gripper_cmd", open_position_m=0.07, max_effort_n=5.0)

    assert robot.does(r.SkillCall("s#1", skill), "").outcome.code == code
    command = gripper.goals[0].command
    assert (command.position, command.max_effort) == (0.07 if skill == "open_gripper" else 0.0, 5.0)


def test_a_named_posture_is_a_trajectory_of_one_point(robot: Robot) -> None:
    arm = robot.double(FollowJointTrajectory, "arm/follow_joint_trajectory")
    robot.body(navigate="", arm="arm/follow_joint_trajectory", postures=POSTURES)

    result = robot.does(r.SkillCall("s#1", "move_arm", (r.Target("home"),)), "")

    assert said(result) == ("succeeded", 0)
    trajectory = arm.goals[0].trajectory
    assert list(trajectory.joint_names) == ["shoulder", "elbow"]
    assert list(trajectory.points[0].positions) == [0.5, -1.0]
    assert trajectory.points[0].time_from_start.nanosec == 100_000_000


def test_a_trajectory_that_misses_its_end_is_a_failure_with_its_code(robot: Robot) -> None:
    missed = FollowJointTrajectory.Result(error_code=-5, error_string="elbow 0.2 off")
    robot.double(FollowJointTrajectory, "arm", "abort", missed)
    robot.body(navigate="", arm="arm", postures=POSTURES)

    result = robot.does(r.SkillCall("s#1", "move_arm", (r.Target("home"),)), "")

    assert (result.outcome.code, "-5 elbow 0.2 off" in result.outcome.reason) == ("failed", True)


def test_an_arm_that_never_returns_is_stuck_and_takes_the_next_goal(robot: Robot) -> None:
    """Field case 22."""
    arm = robot.double(FollowJointTrajectory, "arm", "run")
    robot.body(navigate="", arm="arm", postures=POSTURES, arm_deadline_s=0.3)
    call = r.SkillCall("s#1", "move_arm", (r.Target("home"),))

    assert said(robot.does(call, "")) == ("stuck", 0)
    assert arm.cancelled == 1
    arm.manner = "succeed"
    assert said(robot.does(call, "")) == ("succeeded", 0)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (r.SkillCall("s#1", "juggle"), RunSkill.Result.UNKNOWN_SKILL),
        (r.SkillCall("s#1", "move_arm"), RunSkill.Result.REJECTED_INPUT),
        (r.SkillCall("s#1", "move_arm", (r.Target("yoga"),)), RunSkill.Result.REJECTED_INPUT),
    ],
)
def test_a_call_that_cannot_be_is_refused_by_name(robot: Robot, call: r.SkillCall, code: int) -> None:
    arm = robot.double(FollowJointTrajectory, "arm")
    robot.body(navigate="", arm="arm", postures=POSTURES)

    assert said(robot.does(call, "")) == ("refused", code)
    assert not arm.goals


# ---------------------------------------------------------------- the user's own skills, and the description


def test_a_forwarded_skill_is_done_by_the_users_own_server_and_its_word_comes_back(robot: Robot) -> None:
    result = RunSkill.Result(error_code=401, error_msg="no grasp found")
    result.outcome.call_id, result.outcome.code, result.outcome.reason = "s#1", "failed", "no grasp found"
    picker = robot.double(RunSkill, "arm/run_skill", "run", result)
    robot.body(navigate="", forward=["pick_up:=arm/run_skill"])
    call = r.SkillCall("s#1", "pick_up", (MUG, r.Target("Table_1", "Table", (3.0, 0.5, 0.4))))

    goal = robot.ask(call)
    robot.corner.until(lambda: picker.running)
    picker.say(RunSkill.Feedback(call_id="s#1", progress=0.5, text="closing in"))
    told = robot.corner.until(lambda: robot.told)[0]
    picker.finish()
    answer = robot.end_of(goal)

    assert (told.progress, told.text) == (0.5, "closing in")
    assert (*said(answer), answer.outcome.reason) == ("failed", 401, "no grasp found")
    assert picker.goals[0].call == to_call(call) and picker.goals[0].map_id == "map-0"


def test_a_forwarded_skill_for_another_map_is_not_forwarded(robot: Robot) -> None:
    picker = robot.double(RunSkill, "arm/run_skill")
    robot.body(navigate="", forward=["pick_up:=arm/run_skill"])

    assert said(robot.does(r.SkillCall("s#1", "pick_up", (MUG, MUG)), "cellar")) == ("refused", 100)
    assert not picker.goals


def test_an_answer_about_another_call_is_never_taken_for_this_ones(robot: Robot) -> None:
    result = RunSkill.Result()
    result.outcome.call_id, result.outcome.code = "s#0", "succeeded"
    robot.double(RunSkill, "arm/run_skill", "succeed", result)
    robot.body(navigate="", forward=["drop:=arm/run_skill"])

    assert said(robot.does(r.SkillCall("s#1", "drop", (MUG,)))) == ("failed", 400)


def test_the_body_declares_exactly_what_is_configured(robot: Robot) -> None:
    robot.body(
        places=["kitchen:=1.0 2.0 0.0"], arm="arm", postures=POSTURES, forward=["pick_up:=a/run_skill", "drop:=b"],
        labels=["pickupable:=Mug Cup"], map_revision="7",
    )  # fmt: skip

    described = robot.corner.call(DescribeBody, "robot_body/describe_body", DescribeBody.Request())

    skills = {s.name: from_skill(s) for s in described.skills}
    assert list(skills) == ["go_to", "move_arm", "pick_up", "drop"]
    assert skills["move_arm"].parameters[0].names == ("home",)
    assert skills["pick_up"].parameters[0].names == ("Mug", "Cup")
    assert r.Effect(r.Literal("holding", ("?object",))) in skills["pick_up"].effects
    assert [from_record(p).position_m for p in described.places] == [(1.0, 2.0, 0.0)]
    assert (described.map_id, described.map_revision, described.lockstep) == ("map-0", "7", False)


# ---------------------------------------------------------------- configuration


@pytest.mark.parametrize(
    ("package", "told"),
    [
        ("nav2_msgs", {}),
        ("tf2_msgs", {}),
        ("control_msgs", {"navigate": "", "gripper": "g"}),
        ("control_msgs", {"navigate": "", "arm": "a", "postures": POSTURES}),
    ],
)
def test_a_missing_package_is_named_at_configure_and_the_node_lives_on(
    corner: Any, monkeypatch: pytest.MonkeyPatch, package: str, told: dict[str, Any]
) -> None:
    for part in ("action", "msg"):
        monkeypatch.setitem(sys.modules, f"{package}.{part}", None)
    named = corner.complaint(f"{package} is not installed")
    node = corner.make(RobotBodyNode, **told)

    assert not corner.change(node, "configure")
    assert corner.state(node) == "unconfigured"
    assert named()
    monkeypatch.undo()
    assert corner.change(node, "configure")


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"forward": ["juggle:=a"]}, "juggle"),
        ({"navigate": ""}, "without a skill"),
        ({"arm": "a"}, "no postures"),
        ({"arm": "a", "postures": ["home:=elbow=x duration_s=1"]}, "'x' is no number"),
        ({"places": ["kitchen:=1 2"]}, "not x y yaw"),
        ({"heartbeat_timeout_s": 0.0}, "must be positive"),
    ],
)
def test_what_cannot_be_configured_is_named(corner: Any, told: dict[str, Any], word: str) -> None:
    named = corner.complaint(word)
    node = corner.make(RobotBodyNode, **told)

    assert not corner.change(node, "configure")
    assert named()


@pytest.mark.parametrize("module", [navigation, robot_settings])
def test_the_examples_in_a_docstring_are_true(module: Any) -> None:
    tried = doctest.testmod(module)

    assert tried.attempted and not tried.failed
