# SPDX-License-Identifier: Apache-2.0
"""`neuraxis run --ros`: the runs of sim/runner.py with the brain in processes of its own.

Neighbours: runner.py has the folder, the suites and one episode; graph.py the processes; remote_brain.py the brain.
Rules of the file: the same seed leaves the same bytes as a run in one process; nothing is left running.
"""

from __future__ import annotations

import dataclasses
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sim import runner
from sim.environment import SimClock
from sim.errors import SuiteError
from sim.ros.graph import Graph
from sim.ros.remote_brain import RemoteBrain
from sim.runner import Progress, Run, RunConfig
from sim.suites import Suite

LOG = "ros.log"


def play_run_over_ros(config: RunConfig, suite: Suite, out: Path, progress: Progress) -> Run:
    """Play every task of the suite over a graph of processes.

    Raises:
        StoreError: the store cannot be opened, or holds records and was not to be continued.
        SuiteError: the folder cannot be used, or the run has no brain to be distributed.
        BrainLost: the graph does not come up; the message names the process or region and its cause.
    """
    if config.planner != "symbolic":
        raise SuiteError(f"planner {config.planner!r} has no brain: --ros goes with --planner symbolic")
    if config.store == "memory://":
        raise SuiteError("store 'memory://' ends with the process that holds it: --ros needs a store on disk")
    clock, encoder = SimClock(), runner.encoder_of(config)
    runner.keep_apart(config.store, out)
    url = config.store or f"sqlite:///{(out / runner.STORE).resolve()}"
    if not config.store:
        runner.prepare_folder(out)
    memory = runner.open_memory(config, url, clock)
    began_with, number_before = (memory.began_with if memory else 0), runner.go_on_after(memory, clock)
    if memory is not None:
        memory.close()
    if config.store:
        runner.prepare_folder(out)
    with _ended_by_signals(), Graph(parameters_of(config, url), out, out / LOG) as graph:
        graph.start()  # what cannot come up at all ends the run before its first episode
        brain = RemoteBrain(graph)
        tasks, results = suite.tasks(), []
        for number, task in enumerate(tasks, start=1):
            session = f"episode-{number_before + number:04d}"
            results.append(runner.play_one(config, suite, task, session, clock, brain, out))
            progress(number, len(tasks), results[-1])
    memory = runner.open_memory(dataclasses.replace(config, continue_=True), url, clock, encoder)
    left = runner.left_in(memory)
    if memory is not None:
        memory.export(out / "memory.jsonl")
        memory.close()
    return Run(config, tuple(results), began_with, suite.limits.steps, left)


def parameters_of(config: RunConfig, url: str) -> dict[str, dict[str, Any]]:
    """What every node is told."""
    brain = runner.in_lockstep(dataclasses.replace(config.brain, memories=config.memories))
    told = {
        name: {**dataclasses.asdict(getattr(brain, name)), "lockstep": True}
        for name in ("thalamus", "hippocampus", "prefrontal", "cerebellum", "brainstem")
    }
    told["hippocampus"].update(robot=brain.robot, memories=brain.memories, store=url, continue_=True)
    return told


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGINT and SIGTERM end the run through its `finally`s."""

    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Ctrl-C too: a shell's background job begins with SIGINT ignored.
    before = {number: signal.signal(number, ended) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
