# SPDX-License-Identifier: Apache-2.0
"""What is written down of one episode: a line for each tick, and the ground truth beside the belief at its end.

Neighbours: runner.py opens one trace an episode, report.py draws them.
Rules of the file: nothing of the wall clock or the machine goes in, so the same seed gives the same bytes; a file
appears under its name only when it is whole.

A trace is line-delimited JSON. The first line is {"episode": ...}, then one line a tick, the last is {"end": ...}.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from brain_nodes.hippocampus.working_set import WorkingSet
from memory.geometry import Vector
from memory.records import INSIDE, Action, Hold, Observation, Outcome, SkillCall, Step
from sim.brains import AnyBrain, Recalled
from sim.environment import HouseholdEnvironment
from sim.household import held
from sim.world import World


def write_whole(path: Path, lines: Iterable[str]) -> None:
    """Write a text file so that it is either whole or not there."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(line + "\n" for line in lines)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(path)


def as_line(content: Mapping[str, Any]) -> str:
    """Canonical JSON on one line."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class Trace:
    """The lines of one episode."""

    def __init__(self, episode: Mapping[str, Any]) -> None:
        self.lines = [as_line({"episode": dict(episode)})]

    def tick(self, seen: Observation, action: Action, after: HouseholdEnvironment, brain: AnyBrain | None) -> None:
        """One trip: what came in, what was made of it, what was done, what the body said."""
        robot = after.world.robot
        line: dict[str, Any] = {
            "tick": seen.sequence, "stamp_ns": seen.stamp_ns,
            "observation": {
                "pose": _pose(seen), "detections": len(seen.detections), "gripper_holds": seen.gripper_holds,
                "outcome": _outcome(seen.outcome),
            },
            "action": _action(action),
            "feedback": after.feedback,
            "robot": [round(robot.x_m, 3), round(robot.y_m, 3), round(robot.yaw_rad, 4)],
        }  # fmt: skip
        if brain is not None and brain.trip is not None:
            line.update(_inside(brain))
        self.lines.append(as_line(line))

    def end(self, result: Mapping[str, Any], environment: HouseholdEnvironment, brain: AnyBrain | None) -> None:
        """How it ended; belief beside truth."""
        world = environment.world
        believed = _believed(brain.hippocampus.known) if brain is not None else []
        self.lines.append(as_line({"end": dict(result), "believed": believed, "true": _true(world)}))


def floor_plan(world: World) -> dict[str, Any]:
    """What a drawing of the home needs that no episode changes: rooms, walls, free cells, furniture."""
    return {
        "map_id": world.map_id,
        "rooms": [{"name": r.name, "bounds": [round(b, 3) for b in r.bounds_m]} for r in world.rooms],
        "walls": [{"centre": _rounded(c), "size": _rounded(s)} for c, s in world.walls],
        "cells": sorted([i, j] for i, j in world.floor.cells),
        "resolution_m": world.floor.resolution_m,
        "furniture": [
            {"id": t.id, "label": t.label, "position": _rounded(t.position_m), "size": _rounded(t.size_m)}
            for t in world.things.values()
            if not t.pickupable
        ],
    }


def _inside(brain: AnyBrain) -> dict[str, Any]:
    assert brain.trip is not None
    percepts, plan, verdict = brain.trip.percepts, brain.plan, brain.prefrontal.verdict
    return {
        "percepts": [[p.label, *_rounded(p.position_m)] for p in percepts.seen],
        "rejected": list(percepts.rejected),
        "recollection": _recollection(brain.prefrontal.recalled),
        "plan": {
            "goal": str(plan.goal) if plan.goal else "", "steps": [_step(s) for s in plan.steps],
            "index": plan.index, "planner": plan.planner, "reason": plan.reason,
        },
        "verdict": {"accept": verdict.accept, "code": verdict.code, "reason": verdict.reason},
    }  # fmt: skip


def _recollection(recall: Recalled) -> dict[str, Any]:
    kinds: dict[str, int] = {}
    for found in recall.recollections:
        kinds[found.record.kind] = kinds.get(found.record.kind, 0) + 1
    return {"status": recall.status.value, "kinds": kinds, "missing": list(recall.missing)}


def _step(step: Step) -> dict[str, str]:
    return {"step": str(step), "purpose": step.purpose}


def _action(action: Action) -> dict[str, Any]:
    if isinstance(action, SkillCall):
        return {"call": action.id, "skill": action.skill, "phrase": action.phrase,
                "targets": [t.name for t in action.targets]}  # fmt: skip
    return {"hold": action.reason} if isinstance(action, Hold) else {"command": list(action.values)}


def _outcome(outcome: Outcome | None) -> dict[str, str] | None:
    if outcome is None:
        return None
    return {"call": outcome.call_id, "code": outcome.code.value, "reason": outcome.reason}


def _pose(seen: Observation) -> list[float] | None:
    pose = seen.map_from_base
    return [round(v, 3) for v in (*pose.position_m[:2], pose.yaw_rad)] if pose else None


def _believed(known: WorkingSet) -> list[dict[str, Any]]:
    return [
        {
            "id": i.id, "label": i.label, "position": _rounded(i.position_m), "inside": known.value(i.id, INSIDE),
            "missing": known.missing(i.id), "sighted": i.id in known.seen_ns, "size": _rounded(i.size_m),
        }
        for i in known.instances.values()
        if i.id != known.holding
    ]  # fmt: skip


def _true(world: World) -> list[dict[str, Any]]:
    hand = held(world)
    return [
        {"id": t.id, "label": t.label, "position": _rounded(t.position_m), "inside": t.parent or ""}
        for t in world.things.values()
        if t.pickupable and t is not hand
    ]


def _rounded(point_m: Vector) -> list[float]:
    return [round(v, 3) for v in point_m]
