# SPDX-License-Identifier: Apache-2.0
"""Records survive the trip through messages, to the last bit; what is no record is refused by name."""

from __future__ import annotations

import math
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")

from neuraxis_interfaces.srv import Recall as RecallSrv
from rclpy.serialization import deserialize_message, serialize_message

from brain_nodes.ros import conversions as c
from brain_nodes.ros import memory_conversions as mc
from memory import records as r
from memory.errors import NeuraxisError, RejectedInput
from memory.geometry import Pose

pytestmark = pytest.mark.ros

NOW = 1_767_258_000_123_456_789
THIRD = (1 / 3, -2 / 3, 1e-300)
POSE = Pose.planar(0.1, 1 / 7, 0.3)
OUTCOME = r.Outcome("s#1", r.OutcomeCode.FAILED, "a door, naïve")
CAMERA = r.Camera(1.0472, 0.9, 3.7, "head_optical")
LITERAL = r.Literal("inside", ("?a", "fridge"), True)
STEP = r.Step("put", (r.Target("mug-1", "Mug", THIRD), r.Target("table", "Table")), "bring", (LITERAL,))
GOAL = r.Goal("put it", "place", (r.Variable("?a", "Mug"),), (LITERAL,), 0.1)
SKILL = r.Skill("open", (r.Parameter("what", "receptacle", ("fridge",), True),), (LITERAL,),
                (r.Effect(LITERAL, (LITERAL,)),), "open the {what}", False)  # fmt: skip
SEEN = r.Observation(
    sequence=3, stamp_ns=NOW, map_id="home-1", map_revision="2", map_from_base=POSE, base_from_camera=POSE,
    camera=CAMERA, detections=(r.Detection("Mug", THIRD, (0.1, 0.2, 0.3), 0.7, ("open", "on")),), healthy=False,
    gripper_holds=True, running_call="s#1", outcome=OUTCOME,
)  # fmt: skip
PERCEPTS = r.Percepts(
    sequence=3, stamp_ns=NOW, map_id="home-1", map_revision="2", map_from_base=POSE, map_from_camera=POSE,
    seen=(r.Percept(stamp_ns=NOW, label="Mug", position_m=THIRD, states=("on",)),), camera=CAMERA, healthy=True,
    gripper_holds=False, running_call="s#1", outcome=OUTCOME, rejected=("Pan: out of range",),
)  # fmt: skip
RECORDS = (
    r.Instance(id="mug-1", valid_from_ns=NOW, label="Mug", position_m=THIRD, alias="mug 1", sequence=7),
    r.Place(id="kitchen", valid_from_ns=NOW, label="room", position_m=THIRD, name="kitchen"),
    r.Relation(id="x", valid_from_ns=NOW, subject="mug-1", predicate="inside", object="fridge", source=r.Source.TOLD),
    r.Event(id="e", valid_from_ns=NOW, name="looked", subjects=("a", "b"), valid_to_ns=NOW + 1),
    r.Episode(id="s", valid_from_ns=NOW, instruction="go", steps=("a", "b"), succeeded=True),
    r.Lesson(id="l", valid_from_ns=NOW, scope="where", subject="Mug", successes=3),
)


def over_the_wire(message: Any) -> Any:
    """As it arrives on the other side."""
    return deserialize_message(serialize_message(message), type(message))


@pytest.mark.parametrize(
    ("record", "there", "back"),
    [
        (POSE, c.to_pose, c.from_pose),
        (CAMERA, c.to_camera, c.from_camera),
        (OUTCOME, c.to_outcome, c.from_outcome),
        (SEEN.detections[0], c.to_detection, c.from_detection),
        (SEEN, c.to_observation, c.from_observation),
        (r.Observation(sequence=0, stamp_ns=NOW), c.to_observation, c.from_observation),
        (PERCEPTS.seen[0], c.to_percept, c.from_percept),
        (PERCEPTS, c.to_percepts, c.from_percepts),
        (r.Percepts(sequence=0, stamp_ns=NOW), c.to_percepts, c.from_percepts),
        (LITERAL, c.to_literal, c.from_literal),
        (SKILL, c.to_skill, c.from_skill),
        (STEP.targets[0], c.to_target, c.from_target),
        (STEP.targets[1], c.to_target, c.from_target),
        (r.SkillCall("s#2", "put", STEP.targets, "put"), c.to_call, c.from_call),
        (GOAL, c.to_goal, c.from_goal),
        (STEP, c.to_step, c.from_step),
        (r.Plan(GOAL, (STEP, STEP), 1, ("mug-1",), "", "symbolic"), lambda p: c.to_plan(p, NOW), c.from_plan),
        (r.Plan(reason="NO_PLAN", planner="symbolic"), lambda p: c.to_plan(p, NOW), c.from_plan),
        (r.StepResult(STEP, OUTCOME), lambda s: mc.to_step_event(s, "s", 3, NOW), mc.from_step_event),
        (None, lambda s: mc.to_step_event(s, "s", 3, NOW), mc.from_step_event),
        (r.Cue(text="mug", near_m=THIRD, since_ns=5, kinds=("event",), k=0, record_budget=3), mc.to_cue, mc.from_cue),
        (r.Cue(map_id="home-1", k=0), mc.to_cue, mc.from_cue),
        (r.Cue(text="mug", strategy="spreading"), mc.to_cue, mc.from_cue),
        *((record, mc.to_record, mc.from_record) for record in RECORDS),
    ],
)
def test_a_record_comes_back_equal(record: Any, there: Any, back: Any) -> None:
    assert back(over_the_wire(there(record))) == record


@pytest.mark.parametrize(
    "action", [r.SkillCall("s#2", "put", STEP.targets, "put"), r.Hold(NOW, "done"), r.Command((0.1, 1 / 3), NOW)]
)
def test_an_action_comes_back_equal(action: r.Action) -> None:
    assert c.from_action(over_the_wire(c.to_action(action, "s", 3, NOW))) == action


def test_a_verdict_comes_back_equal() -> None:
    verdict = r.Verdict(False, "PRECONDITION", "not near(fridge)", (LITERAL,))
    message = c.to_plan(r.Plan(), NOW)

    c.add_verdict(message, verdict)

    assert c.from_verdict(over_the_wire(message)) == verdict


def test_a_recall_comes_back_equal_also_with_lines_that_are_known() -> None:
    found = tuple(
        r.Recollection(record=record, score=1 / 3, memory="spatial", age_ns=5, epistemic=r.Epistemic.STALE)
        for record in RECORDS
    )
    recall = r.Recall(status=r.Status.PARTIAL, recollections=found, missing=("semantic: late",), examined=9,
                      notes=("found by words alone: no encoder",), nearest=-1 / 3)  # fmt: skip
    write, read = mc.RecordWriter(), mc.RecordReader()

    answers = [mc.from_recall(over_the_wire(mc.to_recall(recall, RecallSrv.Response(), write)), read) for _ in range(2)]

    assert answers == [recall, recall]


def test_a_field_of_a_message_that_cannot_be_is_refused_by_name() -> None:
    unset, unknown, twisted, kindless = (c.to_observation(SEEN) for _ in range(4))
    unset.header.stamp.sec = unset.header.stamp.nanosec = 0
    unknown.outcome.code = "splendid"
    twisted.map_from_base.orientation.w = 7.0
    kindless.gripper = 9

    for message, word in ((unset, "unset"), (unknown, "splendid"), (twisted, "quaternion"), (kindless, "gripper 9")):
        with pytest.raises(RejectedInput, match=word):
            c.from_observation(message)


def test_a_line_that_is_no_record_is_refused() -> None:
    message = mc.to_record(RECORDS[0])
    message.line = message.line[:-5]

    with pytest.raises(NeuraxisError, match="not a record"):
        mc.from_record(message)


def test_a_cue_near_nowhere_is_refused() -> None:
    request = mc.to_cue(r.Cue(near_m=(1.0, 0.0, 0.0)))
    request.near.x = math.nan

    with pytest.raises(RejectedInput, match=r"not finite|no place"):
        mc.from_cue(request)
