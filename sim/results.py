# SPDX-License-Identifier: Apache-2.0
"""What a run came to: one JSON object, and the same as a table for people.

Neighbours: scoring.py has the figures, runner.py the run; report.py draws it.
Rules of the file: every table says which suite, mode, memory and planner it is about; published figures never stand
beside ours without saying what differs.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from sim.runner import Run
from sim.scoring import EpisodeResult, Paired, Rate, Summary, summarise

PUBLISHED_NOTE = "published rows: AI2-THOR, camera, physics; ours: rules only"


def as_object(run: Run, seconds: float) -> dict[str, Any]:
    """The run as one JSON object; the keys are documented in README.md."""
    summary = summarise(run.results)
    return {
        "suite": run.results[0].suite if run.results else run.config.suite,
        "mode": run.config.mode,
        "memory": run.config.memory if run.config.planner == "symbolic" else "none",
        "planner": run.config.planner,
        "episodes": summary.episodes,
        "not_loaded": summary.not_loaded,
        "success_rate": round(summary.success_rate.value, 4),
        "success_interval_95": [round(summary.success_rate.low, 4), round(summary.success_rate.high, 4)],
        "goal_condition": round(summary.goal_condition, 4),
        "steps_mean": round(summary.steps_mean, 3),
        "invalid_action_ratio": round(summary.invalid_action_ratio, 4),
        "planner_calls": sum(r.planner_calls for r in run.results),
        "llm_calls": sum(r.llm_calls for r in run.results),
        "distance_m_mean": round(summary.distance_m_mean, 2),
        "seconds": round(seconds, 2),
        "by_subset": {name: _part(part) for name, part in summary.by_subset.items()},
        "by_day": {str(day): _part(part) for day, part in by_day(run.results).items()},
        "reasons": dict(summary.reasons),
        "began_with": run.began_with,
        "left": dataclasses.asdict(run.left) if run.left else None,
        "encoder": run.config.brain.hippocampus.encoder if run.config.memories else "",
        "seed": run.config.seed,
        "config_hash": config_hash(run),
        "versions": versions(),
    }


def config_hash(run: Run) -> str:
    """Short hash of everything that was asked for, less where files lie."""
    asked = dataclasses.asdict(run.config)
    for place in ("data", "store"):
        del asked[place]
    text = json.dumps(asked, sort_keys=True, default=list)
    return hashlib.blake2s(text.encode(), digest_size=8).hexdigest()


def versions() -> dict[str, str]:
    """Versions the result rests on."""
    try:
        ours = metadata.version("neuraxis")
    except metadata.PackageNotFoundError:
        ours = "not installed"
    return {"neuraxis": ours, "python": platform.python_version(), "numpy": np.__version__}


def by_day(results: Sequence[EpisodeResult]) -> dict[int, Summary]:
    """Figures of each day, for suites that have days."""
    days = sorted({r.day for r in results if r.day})
    return {day: summarise([r for r in results if r.day == day], subsets=False) for day in days}


def table(run: Run) -> Table:
    """The run, a row a subset, a row a day, and the whole."""
    name = run.results[0].suite if run.results else run.config.suite
    memory = run.config.memory if run.config.planner == "symbolic" else "none"
    shown = Table(title=f"{name} · {run.config.mode} · memory {memory} · planner {run.config.planner}")
    for column in ("", "episodes", "success [95 %]", "goal", "steps", "invalid"):
        shown.add_column(column, justify="left" if not column else "right")
    whole = summarise(run.results)
    for subset, part in whole.by_subset.items():
        _row(shown, subset or "-", part)
    days = by_day(run.results)
    if days:
        shown.add_section()
    for day, part in days.items():
        _row(shown, f"day {day}", part)
    shown.add_section()
    _row(shown, "all", whole)
    return shown


def episode_table(run: Run) -> Table:
    """One row an episode, in the order they were lived through."""
    shown = Table(title="episode by episode")
    for column in ("episode", "asked", "end", "steps"):
        shown.add_column(column, justify="right" if column == "steps" else "left")
    for result in run.results:
        end = f"[green]{result.reason}[/green]" if result.success else f"[red]{result.reason}[/red]"
        shown.add_row(result.id, escape(result.instruction), end, str(result.steps))
    return shown


def paired_table(paired: Paired, one: str, other: str) -> Table:
    """What one arm gains over another on the same episodes."""
    shown = Table(title=f"memory {one} against {other}, same {paired.episodes} episodes, paired")
    for column in ("", f"{one} - {other}"):
        shown.add_column(column, justify="left" if not column else "right")
    shown.add_row("success rate", f"{paired.success_difference:+.3f}")
    shown.add_row(f"solved by {one} only / {other} only", f"{paired.only_a} / {paired.only_b}")
    shown.add_row("exact McNemar p", _p(paired.p_value))
    shown.add_row(f"steps, the {paired.both_solved} episodes both solved", f"{paired.steps_difference:+.2f}")
    shown.add_row(f"... of these with fewer / more steps under {one}", f"{paired.fewer_steps} / {paired.more_steps}")
    shown.add_row("exact sign test p", _p(paired.steps_p_value))
    shown.add_row("steps, a failure counted at the limit", f"{paired.steps_difference_at_limit:+.2f}")
    return shown


def published_table(folder: Path, subsets: Sequence[str]) -> Table | None:
    """The published EB-ALFRED rows of leaderboard.csv in the data folder, if it is there."""
    path = folder / "leaderboard.csv"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row.get("env") == "EB-ALFRED"]
    shown = Table(title="EB-ALFRED as published, success in %", caption=PUBLISHED_NOTE)
    shown.add_column("model", no_wrap=True)
    for name in ("avg", *subsets):
        shown.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        shown.add_row(row.get("model") or "?", *(row.get(n) or "-" for n in ("avg", *subsets)))
    return shown


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _row(shown: Table, name: str, part: Summary) -> None:
    shown.add_row(name, str(part.episodes), _rate(part.success_rate), f"{part.goal_condition:.2f}",
                  f"{part.steps_mean:.1f}", f"{part.invalid_action_ratio:.3f}")  # fmt: skip


def _rate(rate: Rate) -> str:
    return f"{rate.value:.2f} [{rate.low:.2f}, {rate.high:.2f}]"


def _part(part: Summary) -> dict[str, Any]:
    return {
        "episodes": part.episodes,
        "success_rate": round(part.success_rate.value, 4),
        "goal_condition": round(part.goal_condition, 4),
        "steps_mean": round(part.steps_mean, 3),
        "invalid_action_ratio": round(part.invalid_action_ratio, 4),
    }
