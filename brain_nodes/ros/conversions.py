# SPDX-License-Identifier: Apache-2.0
"""Records <-> messages: the only place where one becomes the other.

Neighbours: memory/records.py is one side, brain_nodes/interfaces the other; every node converts through here.
Rules of the file: `to_x` makes a message, `from_x` a record, and one after the other gives what went in; floats stay
64 bits wide; what cannot be a record raises RejectedInput and names the value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Quaternion, TransformStamped, Vector3
from geometry_msgs.msg import Pose as PoseMsg
from neuraxis_interfaces import msg as m
from std_msgs.msg import Header

from memory import records as r
from memory.errors import RejectedInput
from memory.geometry import MAP, Pose, Vector

SECOND_NS = 1_000_000_000
_GRIPPER = {None: 0, False: 1, True: 2}
_HOLDS = {number: holds for holds, number in _GRIPPER.items()}


# ---------------------------------------------------------------- stamps and geometry


def to_time(stamp_ns: int) -> Time:
    """Integer ns since the epoch -> Time.

    Raises:
        RejectedInput: it does not fit, or is before the epoch.
    """
    sec, nanosec = divmod(stamp_ns, SECOND_NS)
    if not 0 <= sec < 2**31:
        raise RejectedInput(f"stamp {stamp_ns} ns is no time of ROS")
    return Time(sec=sec, nanosec=nanosec)


def from_time(stamp: Any) -> int:
    """Time -> integer ns since the epoch."""
    return int(stamp.sec) * SECOND_NS + int(stamp.nanosec)


def to_header(stamp_ns: int, frame_id: str = "") -> Header:
    """A header."""
    return Header(stamp=to_time(stamp_ns), frame_id=frame_id)


def from_header(header: Any, what: str) -> int:
    """Its stamp.

    Raises:
        RejectedInput: it is not set.
    """
    stamp_ns = from_time(header.stamp)
    if stamp_ns <= 0:
        raise RejectedInput(f"{what}: stamp {stamp_ns} ns is unset")
    return stamp_ns


def to_point(point_m: Vector) -> Point:
    """A point, metres."""
    x, y, z = point_m
    return Point(x=float(x), y=float(y), z=float(z))


def to_extents(size_m: Vector) -> Vector3:
    """Extents, metres."""
    x, y, z = size_m
    return Vector3(x=float(x), y=float(y), z=float(z))


def from_xyz(xyz: Any) -> Vector:
    """A Point or Vector3 as a plain vector."""
    return (xyz.x, xyz.y, xyz.z)


def to_pose(pose: Pose) -> PoseMsg:
    """A pose."""
    x, y, z, w = map(float, pose.orientation_xyzw)
    return PoseMsg(position=to_point(pose.position_m), orientation=Quaternion(x=x, y=y, z=z, w=w))


def to_transform(pose: Pose, stamp_ns: int, target: str, source: str) -> TransformStamped:
    """`target_from_source` as a transform: the pose of the child frame `source` in `target`."""
    made = TransformStamped(header=to_header(stamp_ns, target), child_frame_id=source)
    made.transform.translation = to_extents(pose.position_m)
    made.transform.rotation = to_pose(pose).orientation
    return made


def from_pose(pose: Any) -> Pose:
    """A pose; not finite or not of unit length is refused."""
    q = pose.orientation
    return Pose(from_xyz(pose.position), (q.x, q.y, q.z, q.w))


def _maybe_pose(has: bool, pose: Any) -> Pose | None:
    return from_pose(pose) if has else None


# ---------------------------------------------------------------- sense


def to_camera(camera: r.Camera) -> m.Camera:
    """What a camera can see."""
    return m.Camera(
        horizontal_fov_rad=float(camera.horizontal_fov_rad), vertical_fov_rad=float(camera.vertical_fov_rad),
        range_m=float(camera.range_m), frame_id=camera.frame_id,
    )  # fmt: skip


def from_camera(camera: Any) -> r.Camera:
    """What a camera can see."""
    return r.Camera(camera.horizontal_fov_rad, camera.vertical_fov_rad, camera.range_m, camera.frame_id)


def to_outcome(outcome: r.Outcome | None) -> m.Outcome:
    """What a body says of a call; None gives the message that is ignored."""
    if outcome is None:
        return m.Outcome()
    return m.Outcome(call_id=outcome.call_id, code=outcome.code.value, reason=outcome.reason)


def from_outcome(outcome: Any) -> r.Outcome:
    """What a body says of a call."""
    try:
        return r.Outcome(outcome.call_id, r.OutcomeCode(outcome.code), outcome.reason)
    except ValueError:
        raise RejectedInput(f"outcome of {outcome.call_id!r}: {outcome.code!r} is no code") from None


def _gripper(number: int, what: str) -> bool | None:
    if number not in _HOLDS:
        raise RejectedInput(f"{what}: gripper {number} is none of the constants")
    return _HOLDS[number]


def to_detection(detection: r.Detection) -> m.Detection:
    """One thing found in one image."""
    return m.Detection(
        label=detection.label, position=to_point(detection.position_m), size=to_extents(detection.size_m),
        score=float(detection.score), states=list(detection.states),
    )  # fmt: skip


def from_detection(detection: Any) -> r.Detection:
    """One thing found in one image; what it claims is for the thalamus to judge."""
    return r.Detection(
        detection.label, from_xyz(detection.position), from_xyz(detection.size), detection.score,
        tuple(detection.states),
    )  # fmt: skip


def to_observation(seen: r.Observation, session: str = "", last: bool = False) -> m.Observation:
    """One synchronised sample."""
    base = seen.map_from_base
    return m.Observation(
        header=to_header(seen.stamp_ns, seen.camera.frame_id), session=session, sequence=seen.sequence,
        map_id=seen.map_id, map_revision=seen.map_revision, has_base_pose=base is not None,
        map_from_base=to_pose(base or Pose()), base_from_camera=to_pose(seen.base_from_camera),
        camera=to_camera(seen.camera), detections=[to_detection(d) for d in seen.detections], healthy=seen.healthy,
        gripper=_GRIPPER[seen.gripper_holds], running_call=seen.running_call, has_outcome=seen.outcome is not None,
        outcome=to_outcome(seen.outcome), last=last,
    )  # fmt: skip


def from_observation(seen: Any) -> r.Observation:
    """One synchronised sample."""
    what = f"observation {seen.sequence} of {seen.session!r}"
    return r.Observation(
        sequence=seen.sequence, stamp_ns=from_header(seen.header, what), map_id=seen.map_id,
        map_revision=seen.map_revision, map_from_base=_maybe_pose(seen.has_base_pose, seen.map_from_base),
        base_from_camera=from_pose(seen.base_from_camera), camera=from_camera(seen.camera),
        detections=tuple(from_detection(d) for d in seen.detections), healthy=seen.healthy,
        gripper_holds=_gripper(seen.gripper, what), running_call=seen.running_call,
        outcome=from_outcome(seen.outcome) if seen.has_outcome else None,
    )  # fmt: skip


def to_percept(percept: r.Percept) -> m.Percept:
    """One thing seen."""
    return m.Percept(
        header=to_header(percept.stamp_ns, percept.frame_id), map_id=percept.map_id, map_revision=percept.map_revision,
        label=percept.label, position=to_point(percept.position_m), size=to_extents(percept.size_m),
        score=float(percept.score), states=list(percept.states), embedding=list(map(float, percept.embedding)),
    )  # fmt: skip


def from_percept(percept: Any) -> r.Percept:
    """One thing seen."""
    return r.Percept(
        stamp_ns=from_header(percept.header, f"percept {percept.label!r}"), label=percept.label,
        position_m=from_xyz(percept.position), size_m=from_xyz(percept.size), frame_id=percept.header.frame_id,
        map_id=percept.map_id, map_revision=percept.map_revision, score=percept.score, states=tuple(percept.states),
        embedding=tuple(percept.embedding),
    )  # fmt: skip


def to_percepts(percepts: r.Percepts, session: str = "", last: bool = False) -> m.Percepts:
    """What was let pass of one observation."""
    base, camera = percepts.map_from_base, percepts.map_from_camera
    return m.Percepts(
        header=to_header(percepts.stamp_ns, MAP if camera else percepts.camera.frame_id), session=session,
        sequence=percepts.sequence, map_id=percepts.map_id, map_revision=percepts.map_revision,
        seen=[to_percept(p) for p in percepts.seen], has_base_pose=base is not None,
        map_from_base=to_pose(base or Pose()), has_camera_pose=camera is not None,
        map_from_camera=to_pose(camera or Pose()), camera=to_camera(percepts.camera), healthy=percepts.healthy,
        gripper=_GRIPPER[percepts.gripper_holds], running_call=percepts.running_call,
        has_outcome=percepts.outcome is not None, outcome=to_outcome(percepts.outcome),
        rejected=list(percepts.rejected), last=last,
    )  # fmt: skip


def from_percepts(percepts: Any) -> r.Percepts:
    """What was let pass of one observation."""
    what = f"percepts {percepts.sequence} of {percepts.session!r}"
    return r.Percepts(
        sequence=percepts.sequence, stamp_ns=from_header(percepts.header, what), map_id=percepts.map_id,
        map_revision=percepts.map_revision, seen=tuple(from_percept(p) for p in percepts.seen),
        map_from_base=_maybe_pose(percepts.has_base_pose, percepts.map_from_base),
        map_from_camera=_maybe_pose(percepts.has_camera_pose, percepts.map_from_camera),
        camera=from_camera(percepts.camera), healthy=percepts.healthy, gripper_holds=_gripper(percepts.gripper, what),
        running_call=percepts.running_call, outcome=from_outcome(percepts.outcome) if percepts.has_outcome else None,
        rejected=tuple(percepts.rejected),
    )  # fmt: skip


# ---------------------------------------------------------------- intend


def to_literal(literal: r.Literal) -> m.Literal:
    """A predicate applied to names."""
    return m.Literal(predicate=literal.predicate, arguments=list(literal.arguments), negated=literal.negated)


def from_literal(literal: Any) -> r.Literal:
    """A predicate applied to names."""
    return r.Literal(literal.predicate, tuple(literal.arguments), literal.negated)


def from_literals(literals: Iterable[Any]) -> tuple[r.Literal, ...]:
    """All of them, in order."""
    return tuple(map(from_literal, literals))


def to_skill(skill: r.Skill) -> m.Skill:
    """An ability of a body."""
    return m.Skill(
        name=skill.name,
        parameters=[
            m.Parameter(name=p.name, kind=p.kind, names=list(p.names), by_label=p.by_label) for p in skill.parameters
        ],
        preconditions=list(map(to_literal, skill.preconditions)),
        effects=[m.Effect(literal=to_literal(e.literal), when=list(map(to_literal, e.when))) for e in skill.effects],
        phrase=skill.phrase,
        reversible=skill.reversible,
    )


def from_skill(skill: Any) -> r.Skill:
    """An ability of a body."""
    return r.Skill(
        skill.name,
        tuple(r.Parameter(p.name, p.kind, tuple(p.names), p.by_label) for p in skill.parameters),
        from_literals(skill.preconditions),
        tuple(r.Effect(from_literal(e.literal), from_literals(e.when)) for e in skill.effects),
        skill.phrase,
        skill.reversible,
    )


def to_target(target: r.Target) -> m.Target:
    """One argument of a call."""
    at = target.position_m
    return m.Target(
        name=target.name, label=target.label, has_position=at is not None, position=to_point(at or (0.0, 0.0, 0.0))
    )


def from_target(target: Any) -> r.Target:
    """One argument of a call."""
    return r.Target(target.name, target.label, from_xyz(target.position) if target.has_position else None)


def to_call(call: r.SkillCall) -> m.SkillCall:
    """Start, or go on with, one skill."""
    return m.SkillCall(id=call.id, skill=call.skill, targets=list(map(to_target, call.targets)), phrase=call.phrase)


def from_call(call: Any) -> r.SkillCall:
    """Start, or go on with, one skill."""
    return r.SkillCall(call.id, call.skill, tuple(map(from_target, call.targets)), call.phrase)


def to_action(action: r.Action, session: str, sequence: int, stamp_ns: int) -> m.TickAction:
    """What the body is to do, in answer to the observation with this number and stamp."""
    message = m.TickAction(header=to_header(stamp_ns), session=session, sequence=sequence)
    if isinstance(action, r.SkillCall):
        message.kind, message.call = m.TickAction.SKILL_CALL, to_call(action)
    elif isinstance(action, r.Command):
        message.kind, message.values = m.TickAction.COMMAND, list(map(float, action.values))
    else:
        message.kind, message.reason = m.TickAction.HOLD, action.reason
    return message


def from_action(action: Any) -> r.Action:
    """What the body is to do."""
    stamp_ns = from_header(action.header, f"action {action.sequence} of {action.session!r}")
    if action.kind == m.TickAction.SKILL_CALL:
        return from_call(action.call)
    if action.kind == m.TickAction.COMMAND:
        return r.Command(tuple(action.values), stamp_ns)
    if action.kind == m.TickAction.HOLD:
        return r.Hold(stamp_ns, action.reason)
    raise RejectedInput(f"action {action.sequence} of {action.session!r}: kind {action.kind} is none of the constants")


def to_goal(goal: r.Goal | None) -> m.Goal:
    """What is to be true; None gives the message that is ignored."""
    if goal is None:
        return m.Goal()
    return m.Goal(
        instruction=goal.instruction, family=goal.family, confidence=float(goal.confidence),
        variables=[m.Variable(name=v.name, label=v.label) for v in goal.variables],
        literals=list(map(to_literal, goal.literals)),
    )  # fmt: skip


def from_goal(goal: Any) -> r.Goal:
    """What is to be true."""
    variables = tuple(r.Variable(v.name, v.label) for v in goal.variables)
    return r.Goal(goal.instruction, goal.family, variables, from_literals(goal.literals), goal.confidence)


def to_step(step: r.Step) -> m.Step:
    """One step of a plan."""
    return m.Step(
        skill=step.skill, targets=list(map(to_target, step.targets)), purpose=step.purpose,
        expects=list(map(to_literal, step.expects)),
    )  # fmt: skip


def from_step(step: Any) -> r.Step:
    """One step of a plan."""
    return r.Step(step.skill, tuple(map(from_target, step.targets)), step.purpose, from_literals(step.expects))


def to_plan(plan: r.Plan, stamp_ns: int, session: str = "", sequence: int = 0) -> m.Plan:
    """Steps towards a goal; the critic's word is added by to_verdict."""
    return m.Plan(
        header=to_header(stamp_ns, MAP), session=session, sequence=sequence, has_goal=plan.goal is not None,
        goal=to_goal(plan.goal), steps=list(map(to_step, plan.steps)), index=plan.index, assumes=list(plan.assumes),
        reason=plan.reason, planner=plan.planner, accepted=True, verdict="OK",
    )  # fmt: skip


def from_plan(plan: Any) -> r.Plan:
    """Steps towards a goal."""
    goal = from_goal(plan.goal) if plan.has_goal else None
    steps = tuple(map(from_step, plan.steps))
    return r.Plan(goal, steps, plan.index, tuple(plan.assumes), plan.reason, plan.planner)


def add_verdict(message: m.Plan, verdict: r.Verdict) -> None:
    """Put the critic's word into a plan's message."""
    message.accepted, message.verdict, message.verdict_reason = verdict.accept, verdict.code, verdict.reason
    message.violated = list(map(to_literal, verdict.violated))


def from_verdict(plan: Any) -> r.Verdict:
    """The critic's word in a plan's message."""
    return r.Verdict(plan.accepted, plan.verdict, plan.verdict_reason, from_literals(plan.violated))
