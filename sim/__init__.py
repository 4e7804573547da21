# SPDX-License-Identifier: Apache-2.0
"""The worlds: households with rules, procedural homes, EmbodiedBench's episodes as data, and the judge.

    from sim import RunConfig, make_suite, play_run

Neighbours: brain_nodes/ is the floor below. Start reading at episode.py.
Rules of the file: names are imported when first used, so that the face costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memory.face import lazy as _lazy

if TYPE_CHECKING:
    from sim.embodied_bench import EBAlfredEnv, load_data
    from sim.environment import HouseholdEnvironment, SimClock
    from sim.episode import play
    from sim.errors import EpisodeNotLoaded, SuiteError
    from sim.homes import live, make_home
    from sim.runner import Run, RunConfig, make_suite, play_run
    from sim.scoring import EpisodeResult, Judge, paired, summarise
    from sim.world import World

__all__ = [
    "EBAlfredEnv",
    "EpisodeNotLoaded",
    "EpisodeResult",
    "HouseholdEnvironment",
    "Judge",
    "Run",
    "RunConfig",
    "SimClock",
    "SuiteError",
    "World",
    "live",
    "load_data",
    "make_home",
    "make_suite",
    "paired",
    "play",
    "play_run",
    "summarise",
]

_HOMES = {
    "bench_data": ("load_data",),
    "embodied_bench": ("EBAlfredEnv",),
    "environment": ("HouseholdEnvironment", "SimClock"),
    "episode": ("play",),
    "errors": ("EpisodeNotLoaded", "SuiteError"),
    "homes": ("live", "make_home"),
    "runner": ("Run", "RunConfig", "make_suite", "play_run"),
    "scoring": ("EpisodeResult", "Judge", "paired", "summarise"),
    "world": ("World",),
}

__getattr__, __dir__ = _lazy(__name__, _HOMES)
