# SPDX-License-Identifier: Apache-2.0
"""The graph without lockstep: the newest sample wins, skills go by action, and nobody is waited for without end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")

from diagnostic_msgs.msg import DiagnosticStatus
from neuraxis_interfaces.action import RunInstruction, RunSkill
from neuraxis_interfaces.msg import Observation
from neuraxis_interfaces.srv import Recall
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_srvs.srv import Trigger

from brain_nodes.ros.brainstem_node import BrainstemNode
from brain_nodes.ros.cerebellum_node import CerebellumNode
from brain_nodes.ros.conversions import to_call
from brain_nodes.ros.hippocampus_node import HippocampusNode
from brain_nodes.ros.lifecycle_node import SAMPLES
from brain_nodes.ros.prefrontal_node import PrefrontalNode
from brain_nodes.ros.thalamus_node import ThalamusNode
from memory import records as r
from sim.ros.free_simulator import FreeSimulator
from sim.runner import RunConfig, make_suite

pytestmark = [pytest.mark.ros, pytest.mark.timeout(180)]

REGIONS = (BrainstemNode, ThalamusNode, HippocampusNode, CerebellumNode, PrefrontalNode)


def client(corner: Any, kind: Any, name: str) -> Any:
    """An action client whose server is there."""
    made = corner.later(ActionClient(corner.me, kind, name))
    corner.until(made.server_is_ready)
    return made


def done(corner: Any, future: Any, deadline_s: float = 10.0) -> Any:
    """Result of a future."""
    corner.until(future.done, deadline_s)
    return future.result()


@pytest.fixture
def robot(corner: Any) -> Any:
    """A simulator in its own time, and every region."""
    for kind in REGIONS:
        corner.up(kind, lockstep=False)
    return corner.make(FreeSimulator, task=2, period_s=0.05, heartbeat_timeout_s=0.0)  # one process: beats come late


@pytest.fixture
def processes(corner: Any) -> Iterator[None]:
    """The same as three processes."""
    started = []
    for module, told in (
        ("brain_nodes.ros.brainstem_node", ("autostart:=true", "lockstep:=false")),
        ("brain_nodes.ros.regions", ("autostart:=true", "lockstep:=false")),
        ("sim.ros.free_simulator", ("task:=2", "period_s:=0.05", "heartbeat_timeout_s:=2.0")),
    ):
        command = [sys.executable, "-m", module, "--ros-args", "-r", f"__ns:={corner.namespace}"]
        started.append(subprocess.Popen(command + [word for one in told for word in ("-p", one)]))
    yield
    for process in started:
        process.terminate()
    assert [process.wait(10) for process in started] == [0, 0, 0]


@pytest.mark.usefixtures("processes")
def test_an_instruction_is_carried_out_and_remembered(corner: Any) -> None:
    instruction = make_suite(RunConfig(mode="embodied", episodes=3, seed=7)).tasks()[2].instruction
    beats = corner.hear(DiagnosticStatus, "heartbeat", SAMPLES)
    asking = client(corner, RunInstruction, "run_instruction")
    corner.until(lambda: beats, 30.0)  # before that the body holds, and every call fails
    steps: list[str] = []

    goal = done(corner, asking.send_goal_async(
        RunInstruction.Goal(instruction=instruction), lambda f: steps.append(f.feedback.step)
    ))  # fmt: skip
    result = done(corner, goal.get_result_async(), 90).result
    kept = corner.call(Recall, "hippocampus/recall", Recall.Request(kinds=["episode"]))

    assert (result.reason, result.error_msg) == ("GOAL_BELIEVED", ""), result.steps
    assert result.succeeded and result.steps and any(steps)
    assert [one.record.id for one in kept.recollections] == [result.session]


def test_a_cancelled_instruction_ends_with_its_reason_and_another_may_begin(corner: Any, robot: Any) -> None:
    asking = client(corner, RunInstruction, "run_instruction")
    wanted = RunInstruction.Goal(instruction=robot.task.instruction)

    goal = done(corner, asking.send_goal_async(wanted))
    assert not done(corner, asking.send_goal_async(wanted)).accepted
    done(corner, goal.cancel_goal_async())
    result = done(corner, goal.get_result_async(), 15).result

    assert result.reason == "CANCELLED"
    assert corner.until(lambda: done(corner, asking.send_goal_async(wanted)).accepted)


def test_a_body_holds_without_a_heartbeat(corner: Any) -> None:
    corner.make(FreeSimulator, task=2, period_s=0.05)
    asking = client(corner, RunSkill, "run_skill")

    goal = done(corner, asking.send_goal_async(RunSkill.Goal(session="s", call=to_call(r.SkillCall("s#1", "look")))))
    result = done(corner, goal.get_result_async()).result

    assert (result.error_code, result.outcome.reason) == (403, "no heartbeat of the brainstem")


def test_a_stop_reaches_the_body_and_ends_its_call(corner: Any, robot: Any) -> None:
    asking = client(corner, RunInstruction, "run_instruction")
    goal = done(corner, asking.send_goal_async(RunInstruction.Goal(instruction=robot.task.instruction)))
    corner.until(lambda: robot._goal is not None, 30)

    assert corner.call(Trigger, "stop", Trigger.Request()).success

    corner.until(lambda: robot._goal is None)
    done(corner, goal.cancel_goal_async())
    assert done(corner, goal.get_result_async(), 15).result.reason == "CANCELLED"


def test_a_stop_cancels_what_a_body_does_without_asking_the_other_regions(corner: Any) -> None:
    corner.up(BrainstemNode)
    body = corner.make(FreeSimulator, task=2, period_s=0.05, heartbeat_timeout_s=0.0)
    asking = client(corner, RunSkill, "run_skill")
    room = body.body.places()[-1]
    call = r.SkillCall("s#1", "go_to", (r.Target(room.id, "room", room.position_m),))

    goal = done(corner, asking.send_goal_async(RunSkill.Goal(session="s", call=to_call(call))))
    corner.call(Trigger, "stop", Trigger.Request())

    assert done(corner, goal.get_result_async()).result.outcome.code == "preempted"


def test_perception_that_starts_late_is_picked_up(corner: Any) -> None:
    """Field case 10: the topic does not exist when the brain starts; and its publisher starts again."""
    named = corner.complaint("nobody publishes")
    node = corner.up(ThalamusNode)
    assert named().endswith("/observation")
    seen: list[Any] = []
    node.region.attend = lambda observation: seen.append(observation) or r.Percepts(sequence=0, stamp_ns=1)

    for number in (1, 2):
        publisher = corner.me.create_publisher(Observation, "observation", SAMPLES)
        publisher.publish(_observation(number))
        corner.until(lambda number=number: [o for o in seen if o.sequence == number])
        corner.me.destroy_publisher(publisher)


def test_a_publisher_of_another_quality_of_service_is_named(corner: Any) -> None:
    named = corner.complaint("quality of service")
    corner.up(ThalamusNode)
    unreliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)

    corner.me.create_publisher(Observation, "observation", unreliable)

    assert "observation" in named()


def _observation(number: int) -> Any:
    from brain_nodes.ros.conversions import to_observation

    return to_observation(r.Observation(sequence=number, stamp_ns=1_767_258_000_000_000_000 + number), "s")
