# SPDX-License-Identifier: Apache-2.0
"""The brainstem over ROS: a latched stop, a heartbeat, velocities within limits."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Twist
from neuraxis_interfaces.msg import Observation, TickAction
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from brain_nodes.ros.brainstem_node import BrainstemNode
from brain_nodes.ros.conversions import from_action, to_action, to_observation
from brain_nodes.ros.lifecycle_node import LATCHED, SAMPLES
from memory import records as r

pytestmark = pytest.mark.ros

NOW = 1_767_258_000_000_000_000
CALL = r.SkillCall("s#1", "open", (r.Target("fridge"),))


def drive(corner: Any, x: float, turn: float = 0.0) -> list[Any]:
    """Send one velocity; what comes out from then on."""
    out = corner.hear(Twist, "cmd_vel", SAMPLES)
    publisher = corner.me.create_publisher(Twist, "cmd_vel_raw", 1)
    corner.until(lambda: publisher.get_subscription_count())
    message = Twist()
    message.linear.x, message.angular.z = x, turn
    publisher.publish(message)
    return out


def answer(corner: Any, sequence: int) -> Any:
    """What passes of a call that answers an observation."""
    out = corner.hear(TickAction, "action", SAMPLES)
    seen = corner.me.create_publisher(Observation, "observation", SAMPLES)
    raw = corner.me.create_publisher(TickAction, "action_raw", SAMPLES)
    session = f"s{sequence}"
    raw.publish(to_action(CALL, session, 0, NOW))
    seen.publish(to_observation(r.Observation(sequence=0, stamp_ns=NOW), session))
    return from_action(corner.until(lambda: [m for m in out if m.session == session])[0])


def test_an_action_passes_and_is_held_once_stopped(corner: Any) -> None:
    corner.up(BrainstemNode)
    stopped = corner.hear(Bool, "stopped", LATCHED)

    assert answer(corner, 1) == CALL
    assert corner.call(Trigger, "stop", Trigger.Request()).success
    corner.until(lambda: stopped and stopped[-1].data)
    assert answer(corner, 2) == r.Hold(NOW, "stopped")
    assert corner.call(Trigger, "resume", Trigger.Request()).success
    assert answer(corner, 3) == CALL


def test_who_joins_late_learns_that_it_is_stopped(corner: Any) -> None:
    corner.up(BrainstemNode)
    corner.call(Trigger, "stop", Trigger.Request())

    stopped = corner.hear(Bool, "stopped", LATCHED)

    assert corner.until(lambda: stopped)[0].data


def test_a_forbidden_skill_does_not_pass(corner: Any) -> None:
    corner.up(BrainstemNode, forbidden_skills=["open"])

    assert answer(corner, 1) == r.Hold(NOW, "skill 'open' is forbidden")


def test_resume_is_refused_while_the_cause_lasts(corner: Any) -> None:
    node = corner.up(BrainstemNode)
    node.region.hold_cause("button", True)

    answered = corner.call(Trigger, "resume", Trigger.Request())

    assert (answered.success, answered.message) == (False, "still stopped: button")


def test_the_heart_beats_five_times_a_second(corner: Any) -> None:
    corner.up(BrainstemNode)
    beats = corner.hear(DiagnosticStatus, "heartbeat", SAMPLES)

    corner.until(lambda: len(beats) >= 5, 5.0)


def test_a_velocity_is_clamped_and_ends_when_its_sender_falls_silent(corner: Any) -> None:
    corner.up(BrainstemNode, max_speed_mps=0.4, max_turn_radps=0.5, command_timeout_s=0.2)

    out = drive(corner, 9.0, -3.0)

    corner.until(lambda: len(out) >= 2)
    assert (out[0].linear.x, out[0].angular.z) == (0.4, -0.5)
    assert (out[1].linear.x, out[1].angular.z) == (0.0, 0.0)


def test_no_velocity_passes_while_stopped_and_nonsense_is_none(corner: Any) -> None:
    corner.up(BrainstemNode)

    nonsense = drive(corner, float("nan"))
    corner.until(lambda: nonsense)
    corner.call(Trigger, "stop", Trigger.Request())
    out = drive(corner, 0.2)
    corner.until(lambda: out)

    assert {m.linear.x for m in nonsense + out} == {0.0}
    assert {m.angular.z for m in nonsense + out} == {0.0}
