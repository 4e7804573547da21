# SPDX-License-Identifier: Apache-2.0
"""Reads a run's folder back into records: what results.json, a trace and a floor plan say, checked once and here.

Neighbours: results.py and trace.py wrote what is read; the other report files judge, draw and print it.
Rules of the file: a file that is missing or says nonsense is a ValueError that names it; nothing is read twice.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.scoring import EpisodeResult

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a run or of a part of it."""

    name: str
    episodes: int
    success_rate: float
    goal_condition: float
    steps_mean: float
    invalid_action_ratio: float


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """results.json.

    Attributes:
        about: What the run was asked to be, in the order in which it is shown.
        interval: The 95 % interval of the success rate.
        reasons: How many episodes ended with each reason code.
    """

    suite: str
    mode: str
    about: tuple[tuple[str, str], ...]
    whole: Figures
    interval: tuple[float, float]
    days: tuple[Figures, ...]
    subsets: tuple[Figures, ...]
    reasons: tuple[tuple[str, int], ...]
    planner_calls: int
    llm_calls: int
    distance_m_mean: float
    results: tuple[EpisodeResult, ...]


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing of the world, as it truly was."""

    id: str
    label: str
    position_m: tuple[float, float, float]
    size_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    inside: str = ""


@dataclass(frozen=True, slots=True)
class Belief:
    """An instance the brain had in mind when the episode ended.

    Attributes:
        missing: It knows that the thing is not where it was last.
        sighted: Seen in this episode; otherwise remembered from an earlier one.
    """

    id: str
    label: str
    position_m: tuple[float, float, float]
    inside: str
    missing: bool
    sighted: bool


@dataclass(frozen=True, slots=True)
class FloorPlan:
    """A home seen from above. Rooms are (name, (low x, low y, high x, high y)), walls are (centre, size)."""

    map_id: str
    rooms: tuple[tuple[str, tuple[float, float, float, float]], ...]
    walls: tuple[tuple[Point, Point], ...]
    cells: frozenset[tuple[int, int]]
    resolution_m: float
    furniture: tuple[Thing, ...]


@dataclass(frozen=True, slots=True)
class TracedStep:
    """One call of a skill over all its ticks, or a hold.

    Attributes:
        number: 1 for the first call; 0 for a hold.
        outcome: The body's word; "" if it never came.
        refusal: What the critic refused, "" if it let everything pass.
        new_plan: The plan was another than the tick before.
    """

    number: int
    phrase: str
    targets: str
    purpose: str
    outcome: str
    remark: str
    refusal: str
    new_plan: bool
    ended_at: Point


@dataclass(frozen=True, slots=True)
class EpisodeTrace:
    """A trace.

    Attributes:
        map_id: "" in traces that do not name their map.
        goal: How the instruction was understood.
        posed: The brain was told where it is.
        thinking: A brain played, so there is a belief to look at.
        path: Where the robot was, a point a tick.
        rejected: Percepts the thalamus turned away.
    """

    map_id: str
    goal: str
    posed: bool
    thinking: bool
    path: tuple[Point, ...]
    steps: tuple[TracedStep, ...]
    rejected: int
    believed: tuple[Belief, ...]
    true: tuple[Thing, ...]


def read_run(path: Path) -> ReportedRun:
    """Read results.json.

    Raises:
        ValueError: it is missing or says nonsense; the message names the file.
    """
    with _naming(path):
        said = _parsed(path.read_text(encoding="utf-8"))
        low, high = said["success_interval_95"]
        versions = " · ".join(f"{name} {version}" for name, version in said["versions"].items())
        asked = ("suite", "mode", "memory", "planner", "seed", "config_hash")
        return ReportedRun(
            suite=str(said["suite"]), mode=str(said["mode"]),
            about=(*((name.replace("_", " "), str(said[name])) for name in asked), ("versions", versions)),
            whole=_figures("all", said), interval=(float(low), float(high)),
            days=tuple(_figures(f"day {day}", part) for day, part in said["by_day"].items()),
            subsets=tuple(_figures(name or "-", part) for name, part in said["by_subset"].items()),
            reasons=tuple((str(reason), int(count)) for reason, count in said["reasons"].items()),
            planner_calls=int(said["planner_calls"]), llm_calls=int(said["llm_calls"]),
            distance_m_mean=float(said["distance_m_mean"]),
            results=tuple(_result(row) for row in said["results"]),
        )  # fmt: skip


def read_plan(path: Path) -> FloorPlan:
    """Read a floor plan.

    Raises:
        ValueError: it is missing or says nonsense; the message names the file.
    """
    with _naming(path):
        said = _parsed(path.read_text(encoding="utf-8"))
        return FloorPlan(
            map_id=str(said["map_id"]),
            rooms=tuple((str(room["name"]), _box(room["bounds"])) for room in said["rooms"]),
            walls=tuple(dict.fromkeys((_point(w["centre"]), _point(w["size"])) for w in said["walls"])),
            cells=frozenset((int(i), int(j)) for i, j in said["cells"]),
            resolution_m=float(said["resolution_m"]),
            furniture=tuple(_thing(f) for f in said["furniture"]),
        )


def read_trace(path: Path) -> EpisodeTrace:
    """Read a trace.

    Raises:
        ValueError: it is missing, ends early or says nonsense; the message names the file.
    """
    with _naming(path):
        lines = [_parsed(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        first, *ticks, last = lines
        goals = [tick["plan"]["goal"] for tick in ticks if "plan" in tick]
        start = [_point(tick["observation"]["pose"]) for tick in ticks[:1] if tick["observation"]["pose"]]
        return EpisodeTrace(
            map_id=str(first["episode"].get("map_id", "")),
            goal=next((str(goal) for goal in reversed(goals) if goal), ""),
            posed=any(tick["observation"]["pose"] for tick in ticks),
            thinking=any("plan" in tick for tick in ticks),
            path=(*start, *(_point(tick["robot"]) for tick in ticks)),
            steps=tuple(_steps(ticks, str(last["end"]["reason"]))),
            rejected=sum(len(tick.get("rejected", ())) for tick in ticks),
            believed=tuple(_belief(b) for b in last["believed"]),
            true=tuple(_thing(t) for t in last["true"]),
        )


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{path} is no whole {path.suffix[1:]} file of a run: {error!r}") from error


def _parsed(text: str) -> Mapping[str, Any]:
    said = json.loads(text, parse_constant=_finite, parse_float=_finite)
    if not isinstance(said, dict):
        raise ValueError(f"expected an object, found {text[:40]!r}")
    return said


def _finite(number: str) -> float:
    if not math.isfinite(value := float(number)):
        raise ValueError(f"{number} is not finite")
    return value


def _figures(name: str, said: Mapping[str, Any]) -> Figures:
    return Figures(
        name, int(said["episodes"]), float(said["success_rate"]), float(said["goal_condition"]),
        float(said["steps_mean"]), float(said["invalid_action_ratio"]),
    )  # fmt: skip


def _result(row: Mapping[str, Any]) -> EpisodeResult:
    return EpisodeResult(
        id=str(row["id"]), suite=str(row["suite"]), subset=str(row["subset"]), day=int(row["day"]),
        instruction=str(row["instruction"]), success=bool(row["success"]), progress=float(row["progress"]),
        steps=int(row["steps"]), invalid_actions=int(row["invalid_actions"]), planner_calls=int(row["planner_calls"]),
        llm_calls=int(row["llm_calls"]), distance_m=float(row["distance_m"]), reason=str(row["reason"]),
        loaded=bool(row["loaded"]),
    )  # fmt: skip


def _thing(said: Mapping[str, Any]) -> Thing:
    return Thing(
        str(said["id"]), str(said["label"]), _triple(said["position"]), _triple(said.get("size", (0, 0, 0))),
        str(said.get("inside") or ""),
    )  # fmt: skip


def _belief(said: Mapping[str, Any]) -> Belief:
    return Belief(
        str(said["id"]), str(said["label"]), _triple(said["position"]), str(said["inside"] or ""),
        bool(said["missing"]), bool(said["sighted"]),
    )  # fmt: skip


def _steps(ticks: list[Mapping[str, Any]], end: str) -> Iterator[TracedStep]:
    """The calls in order; ticks that carry on one call, or one hold, are one step."""
    heard = [tick["observation"]["outcome"] for tick in ticks]
    outcomes = {outcome["call"]: outcome for outcome in heard if outcome}
    plan_before: object = None
    number = 0
    groups = [list(group) for _, group in itertools.groupby(ticks, key=_same_step)]
    for group in groups:
        action, plan = group[0]["action"], group[0].get("plan")
        called = "call" in action
        number += called
        outcome = outcomes.get(action["call"]) if called else None
        unheard = f"the episode ended: {end}" if group is groups[-1] else "given up for another plan"
        said = str(outcome["reason"] if outcome else group[-1].get("feedback") or unheard)
        yield TracedStep(
            number=number if called else 0, phrase=str(action["phrase"] if called else _unnamed(action)),
            targets=", ".join(map(str, action["targets"])) if called else "", purpose=_purpose(plan),
            outcome=str(outcome["code"]) if outcome else "", remark=said if called else "",
            refusal=next((refused for tick in group if (refused := _refusal(tick))), ""),
            new_plan=bool(plan and plan["steps"] and plan["steps"] != plan_before),
            ended_at=_point(group[-1]["robot"]),
        )  # fmt: skip
        plan_before = group[-1]["plan"]["steps"] if "plan" in group[-1] else None


def _same_step(tick: Mapping[str, Any]) -> str:
    action = tick["action"]
    return str(action["call"] if "call" in action else _unnamed(action))


def _unnamed(action: Mapping[str, Any]) -> str:
    return f"hold: {action['hold']}" if "hold" in action else "joint command"


def _purpose(plan: Mapping[str, Any] | None) -> str:
    if plan is None or not 0 <= plan["index"] < len(plan["steps"]):
        return ""
    return str(plan["steps"][plan["index"]]["purpose"])


def _refusal(tick: Mapping[str, Any]) -> str:
    verdict = tick.get("verdict")
    return f"{verdict['code']} {verdict['reason']}".strip() if verdict and not verdict["accept"] else ""


def _point(numbers: Any) -> Point:
    return float(numbers[0]), float(numbers[1])


def _triple(numbers: Any) -> tuple[float, float, float]:
    x, y, z = numbers
    return float(x), float(y), float(z)


def _box(numbers: Any) -> tuple[float, float, float, float]:
    low_x, low_y, high_x, high_y = numbers
    return float(low_x), float(low_y), float(high_x), float(high_y)
