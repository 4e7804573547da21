# SPDX-License-Identifier: Apache-2.0
"""How long a trip over the graph takes: `~/recall`, and from an observation to its action.

Neighbours: run.py plays whole runs, graph.py has the processes.
Rules of the file: nothing is measured that a run does not do; times are of the wall clock, in ms.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from brain_nodes.ros.memory_conversions import RecordReader, from_recall, to_cue
from memory.records import Action, Cue, Observation
from sim.environment import SimClock
from sim.ros.graph import Graph
from sim.ros.remote_brain import RemoteBrain
from sim.ros.run import parameters_of
from sim.runner import RunConfig, make_suite

CALLS = 300


def bench_ros(episodes: int = 3, calls: int = CALLS) -> dict[str, Any]:
    """Play household episodes in lockstep, then ask; p50, p95 and p99 of each, in ms.

    Figures: `action` = from an observation to the action that answers it; `recall` = one cue with ten answers;
    `scene` = the whole believed scene, read into records.
    """
    config = RunConfig(mode="embodied", episodes=episodes, seed=7)
    suite, clock = make_suite(config), SimClock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder}/memory.sqlite3"
        with Graph(parameters_of(config, url), folder, folder / "ros.log") as graph:
            brain = _Timed(graph)
            body = None
            for number, task in enumerate(suite.tasks(), start=1):
                body = suite.open(task, clock)
                brain.begin(task.instruction, body, f"episode-{number:04d}")
                observation = body.observe()
                while not body.done:
                    action = brain.step(observation)
                    if brain.plan.current is None:
                        break
                    observation = body.step(action)
                else:
                    brain.step(observation)
                brain.end(clock.now_ns)
            assert body is not None
            cues = {"recall": Cue(label="Mug", k=10), "scene": Cue(map_id=body.world.map_id, k=0)}
            asked = {what: _asked(graph, cue, calls) for what, cue in cues.items()}
    return {"action": _figures(brain.taken_ms), **{what: _figures(taken) for what, taken in asked.items()}}


class _Timed(RemoteBrain):
    """A brain over the graph that keeps how long each answer took."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.taken_ms: list[float] = []

    def step(self, observation: Observation) -> Action:
        began = time.perf_counter()
        action = super().step(observation)
        if observation.sequence:  # the first one waits for the beginning of the episode
            self.taken_ms.append((time.perf_counter() - began) * 1e3)
        return action


def _asked(graph: Graph, cue: Cue, calls: int) -> list[float]:
    read = RecordReader()
    taken_ms = []
    for _ in range(calls):
        began = time.perf_counter()
        from_recall(graph.ask(graph.recall, to_cue(cue)), read)
        taken_ms.append((time.perf_counter() - began) * 1e3)
    return taken_ms


def _figures(taken_ms: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(taken_ms, n=100)
    return {"n": len(taken_ms), **{f"p{p}_ms": round(cuts[p - 1], 2) for p in (50, 95, 99)}}


if __name__ == "__main__":
    print(json.dumps(bench_ros()))
