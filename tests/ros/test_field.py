# SPDX-License-Identifier: Apache-2.0
"""Field cases over real nodes: what has hung, lost or mixed up other people's robots."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")

from neuraxis_interfaces.action import RunInstruction, RunSkill
from neuraxis_interfaces.msg import Event, Observation, Percepts, Plan, RecordBatch
from neuraxis_interfaces.srv import BeginEpisode, DescribeBody, EndEpisode, Recall
from rclpy.action import ActionClient, ActionServer
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.parameter import Parameter

from brain_nodes.ros.cerebellum_node import CerebellumNode
from brain_nodes.ros.conversions import to_observation, to_percepts, to_plan, to_skill
from brain_nodes.ros.hippocampus_node import HippocampusNode
from brain_nodes.ros.lifecycle_node import LATCHED, SAMPLES
from brain_nodes.ros.memory_conversions import to_step_event
from brain_nodes.ros.prefrontal_node import PrefrontalNode
from memory import records as r
from memory.geometry import Pose
from memory.lifelong import LifelongMemory

pytestmark = pytest.mark.ros

NOW = 1_767_258_000_000_000_000
SKILL = r.Skill("look_around", phrase="look around")
NAMES = ("robot", "a/b", "../c", "größe", "机器人", "x" * 200, "with space", "quote'\"", "semi;colon", "%s", "a", "A",
         "tab\tbed", "null", "0", "-1", "a.b", "drop table records", "emoji 🤖", "a/b/")  # fmt: skip


def begin(corner: Any, region: str, session: str) -> Any:
    """Begin an episode in one region."""
    request = BeginEpisode.Request(
        session=session, instruction="tidy up", percepts=to_percepts(r.Percepts(sequence=0, stamp_ns=NOW), session),
        skills=[to_skill(SKILL)], lockstep=True,
    )  # fmt: skip
    return corner.call(BeginEpisode, f"{region}/begin_episode", request)


def end(corner: Any, region: str, session: str) -> Any:
    """End it."""
    request = EndEpisode.Request(session=session, reason="LIMIT")
    request.stamp.sec = NOW // 1_000_000_000
    return corner.call(EndEpisode, f"{region}/end_episode", request)


def test_a_memory_that_never_answers_delays_a_plan_by_its_deadline_and_blocks_nobody(corner: Any) -> None:
    """Field cases 1 and 17: an advertised service that sleeps; other services answer meanwhile."""
    release, group = threading.Event(), ReentrantCallbackGroup()
    me = corner.me
    for region in ("thalamus", "hippocampus", "cerebellum"):
        me.create_service(BeginEpisode, f"{region}/begin_episode", lambda q, a: a)
        me.create_service(EndEpisode, f"{region}/end_episode", lambda q, a: a)
    me.create_service(DescribeBody, "simulator/describe_body", lambda q, a: a)
    me.create_service(
        Recall, "hippocampus/recall", lambda q, a: (release.wait(20), a)[1], callback_group=group
    )  # fmt: skip
    node = corner.up(PrefrontalNode, answer_deadline_s=0.5)
    plans, named = corner.hear(Plan, "plan", LATCHED), corner.complaint("timed out after 0.5 s")
    asking = corner.later(ActionClient(me, RunInstruction, "run_instruction"))
    corner.until(asking.server_is_ready)
    asking.send_goal_async(RunInstruction.Goal(instruction="Put the mug on the table.", session="s"))
    senders = {k: me.create_publisher(kind, k, SAMPLES) for k, kind in
               (("percepts", Percepts), ("events", Event), ("records", RecordBatch))}  # fmt: skip

    began_s = time.monotonic()
    senders["percepts"].publish(to_percepts(r.Percepts(sequence=0, stamp_ns=NOW), "s"))
    senders["events"].publish(to_step_event(None, "s", 0, NOW))
    senders["records"].publish(RecordBatch(session="s"))
    time.sleep(0.2)
    asked_s = time.monotonic()
    assert corner.state(node) == "active"
    assert time.monotonic() - asked_s < 0.25

    corner.until(lambda: plans, 3.0)
    assert time.monotonic() - began_s < 2.2
    assert "hippocampus/recall" in named()
    release.set()


def test_a_body_that_does_not_answer_a_goal_is_reported_and_the_next_call_is_made(corner: Any) -> None:
    """Field case 2: the reply to a goal is lost."""
    release, asked = threading.Event(), []

    def slow(goal: Any) -> Any:
        from rclpy.action import GoalResponse

        asked.append(goal.call.id)
        release.wait(20)
        return GoalResponse.REJECT

    corner.later(
        ActionServer(corner.me, RunSkill, "run_skill", execute_callback=lambda g: RunSkill.Result(), goal_callback=slow,
                     callback_group=ReentrantCallbackGroup())
    )  # fmt: skip
    corner.up(CerebellumNode, lockstep=False, run_skill_deadline_s=0.3)
    events = corner.hear(Event, "events", SAMPLES)
    begin(corner, "cerebellum", "s")
    seen = corner.me.create_publisher(Observation, "observation", SAMPLES)
    plans = corner.me.create_publisher(Plan, "plan", LATCHED)
    plan = to_plan(r.Plan(steps=(r.Step("look_around"),), planner="test"), NOW, "s", 0)
    numbers = iter(range(1000))

    def tick() -> Any:
        number = next(numbers)
        seen.publish(to_observation(r.Observation(sequence=number, stamp_ns=NOW + number)))
        plan.sequence = number
        plans.publish(plan)
        time.sleep(0.05)
        return [e for e in events if e.has_result]

    ended = corner.until(tick)[0]
    assert (ended.outcome.code, ended.outcome.reason[:7]) == ("failed", "UNKNOWN")
    corner.until(lambda: tick() and len(asked) > 1)
    assert asked[:2] == ["s#1", "s#2"]
    release.set()


def test_what_was_acknowledged_is_there_after_a_shutdown_among_writes(corner: Any, tmp_path: Path) -> None:
    """Field case 16: shutdown is asked from a callback while samples are in flight."""
    url = f"sqlite:///{tmp_path}/memory.sqlite3"
    node = corner.up(HippocampusNode, store=url)
    acknowledged = corner.hear(RecordBatch, "records", SAMPLES)
    assert begin(corner, "hippocampus", "s").error_code == 0
    percepts = corner.me.create_publisher(Percepts, "percepts", SAMPLES)
    events = corner.me.create_publisher(Event, "events", SAMPLES)
    for number in range(100):
        thing = r.Percept(stamp_ns=NOW + number + 1, label="Mug", position_m=(float(number), 0.0, 0.5))
        sample = r.Percepts(sequence=number, stamp_ns=NOW + number + 1, seen=(thing,), map_from_camera=Pose())
        percepts.publish(to_percepts(sample, "s"))
        events.publish(to_step_event(None, "s", number, NOW + number + 1))
        corner.until(lambda number=number: len(acknowledged) > number - 5)  # some are always in flight

    asked_s = time.monotonic()
    assert corner.change(node, "active_shutdown")
    assert time.monotonic() - asked_s < 5.0

    with LifelongMemory.open(url, continue_=True) as memory:
        assert memory.backend.last_sequence() >= max(b.last_sequence for b in acknowledged) > 90


def test_what_one_robot_remembers_is_read_back_by_it_and_by_no_other(corner: Any, tmp_path: Path) -> None:
    """Field case 64: twenty namespaces, some of them odd, in one store."""
    node = corner.make(HippocampusNode, store=f"sqlite:///{tmp_path}/memory.sqlite3")
    for number, name in enumerate(NAMES):
        node.set_parameters([Parameter("robot", value=name)])
        assert corner.change(node, "configure") and corner.change(node, "activate")
        begin(corner, "hippocampus", f"s{number}")
        assert end(corner, "hippocampus", f"s{number}").episode_id == f"s{number}"

        answer = corner.call(Recall, "hippocampus/recall", Recall.Request(kinds=["episode"], k=0))

        assert [one.record.id for one in answer.recollections] == [f"s{number}"], name
        assert corner.change(node, "deactivate") and corner.change(node, "cleanup")
    assert len(set(NAMES)) == 20
