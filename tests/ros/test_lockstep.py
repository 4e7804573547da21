# SPDX-License-Identifier: Apache-2.0
"""A run over processes leaves the same bytes as a run in one; whatever is lost ends an episode with a reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")

from brain_nodes.config import BrainConfig, HippocampusConfig
from memory.records import Hold
from sim.environment import SimClock
from sim.ros.graph import Graph
from sim.ros.remote_brain import RemoteBrain
from sim.ros.run import parameters_of, play_run_over_ros
from sim.runner import RunConfig, make_suite, play_run

pytestmark = [pytest.mark.ros, pytest.mark.timeout(300)]


def quiet(number: int, total: int, result: object) -> None:
    """No progress is shown."""


@pytest.mark.parametrize(
    ("mode", "memory", "episodes", "encoder"),
    [("embodied", "full", 5, ""), ("benchmark", "none", 2, ""), ("embodied", "full", 3, "hash-64")],
)
def test_a_run_over_processes_leaves_the_same_bytes(
    tmp_path: Path, children: Any, mode: str, memory: str, episodes: int, encoder: str
) -> None:
    brain = BrainConfig(hippocampus=HippocampusConfig(encoder=encoder))
    config = RunConfig(mode=mode, memory=memory, episodes=episodes, seed=7, brain=brain)
    here, there = tmp_path / "here", tmp_path / "there"

    one = play_run(config, make_suite(config), here, quiet)
    other = play_run_over_ros(config, make_suite(config), there, quiet)

    assert (other.results, other.left) == (one.results, one.left)
    assert one.left is None or one.left.unembedded == 0
    files = sorted(p.relative_to(here) for p in here.rglob("*.json*"))
    assert len(files) >= episodes + (memory == "full")
    assert [(there / f).read_bytes() == (here / f).read_bytes() for f in files] == [True] * len(files)


@pytest.mark.parametrize("lost", ["regions", "brainstem"])
def test_a_process_that_dies_ends_the_episode_and_the_next_one_is_played(
    tmp_path: Path, children: Any, lost: str
) -> None:
    config = RunConfig(mode="embodied", episodes=2, seed=7)
    suite, clock = make_suite(config), SimClock()
    first, second = suite.tasks()
    url = f"sqlite:///{tmp_path}/memory.sqlite3"
    with Graph(parameters_of(config, url), tmp_path, tmp_path / "ros.log") as graph:
        brain = RemoteBrain(graph)
        body = suite.open(first, clock)
        brain.begin(first.instruction, body, "episode-0001")
        seen = body.step(brain.step(body.observe()))
        graph.children[lost].kill()

        began_s = time.monotonic()
        action = brain.step(seen)

        assert isinstance(action, Hold) and action.reason == "BRAIN_LOST"
        assert time.monotonic() - began_s < 10
        brain.end(clock.now_ns)
        body = suite.open(second, clock)
        brain.begin(second.instruction, body, "episode-0002")
        assert not isinstance(brain.step(body.observe()), Hold)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_ended_by_a_signal_leaves_no_process(tmp_path: Path, number: int) -> None:
    """Field case 16: what was acknowledged is on disk, and everything ends in time."""
    script = (
        "import sys; from pathlib import Path\n"
        "from sim.runner import RunConfig, make_suite; from sim.ros.run import play_run_over_ros\n"
        "c = RunConfig(mode='embodied', episodes=10, seed=7)\n"
        f"play_run_over_ros(c, make_suite(c), Path({str(tmp_path / 'out')!r}), lambda *_: print('.', flush=True))\n"
    )
    runner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert runner.stdout is not None and runner.stdout.readline() == ".\n"
        runner.send_signal(number)
        _, said = runner.communicate(timeout=20)
    finally:
        runner.kill()
        runner.communicate()

    assert "KeyboardInterrupt" in said
    assert runner.returncode != 0
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"/run_{runner.pid}" not in listed
    assert os.path.getsize(tmp_path / "out" / "memory.sqlite3") > 0


def test_children_end_when_their_runner_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, time; from pathlib import Path\n"
        "from sim.runner import RunConfig; from sim.ros.graph import Graph; from sim.ros.run import parameters_of\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "g = Graph(parameters_of(RunConfig(memory='none'), ''), folder, folder / 'ros.log'); g.start()\n"
        "print('up', flush=True); time.sleep(60)\n"
    )
    runner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert runner.stdout is not None and runner.stdout.readline() == "up\n"

    runner.kill()
    runner.communicate()

    for _ in range(100):
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        if f"/run_{runner.pid}" not in listed:
            break
        time.sleep(0.1)
    assert f"/run_{runner.pid}" not in listed
