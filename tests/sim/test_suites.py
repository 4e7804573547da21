# SPDX-License-Identifier: Apache-2.0
"""What a run can be asked for: good data is played, bad data is one sentence, and the same seed is the same run."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from memory.records import Hold
from sim.environment import FIRST_MORNING_NS, SimClock
from sim.episode import play
from sim.errors import EpisodeNotLoaded, SuiteError
from sim.runner import RunConfig, make_suite, play_run
from sim.scoring import EpisodeResult
from sim.suites import EBAlfredSuite, HomeSuite, Suite
from sim.trace import Trace

FOLDER = Path(os.environ.get("NEURAXIS_EB_DATA") or Path(__file__).parents[3] / "shared" / "embodiedbench")
EPISODES = "eb_alfred_episodes.jsonl.gz"
MODES = ("benchmark", "embodied")

needs_data = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no EmbodiedBench data in {FOLDER} (NEURAXIS_EB_DATA)")

FILES: dict[str, Any] = {
    "scenes.json": {
        "FloorPlan0": {
            "room": "Kitchen", "grid": 0.25, "reachable": [[x / 4, z / 4] for x in range(9) for z in range(5)],
            "static": [{"id": "Table|1", "type": "DiningTable", "kind": "receptacle", "pos": [1, 0.7, 2]}],
        }
    },
    "alfred_affordances.json": {
        "receptacle_accepts": {"DiningTable": ["Mug"]}, "movable_receptacles": [], "openable": [], "sliceable": [],
        "lamps": [],
    },
    "skills.json": {
        "eb_alfred": {
            "base_actions": ["find a Mug", "pick up the Mug", "find a DiningTable", "put down the object in hand"],
            "openable": [], "max_steps": 30, "max_invalid_actions": 10,
        }
    },
}  # fmt: skip


def episode(number: int = 0, **changed: Any) -> dict[str, Any]:
    return {
        "id": f"base/{number:02}", "subset": "base", "index": number, "instruction": "Take the mug.",
        "scene": "FloorPlan0", "agent": {"pos": [0, 0.9, 0], "yaw": 0, "horizon": 30}, "toggles": [],
        "objects": [{"id": "Mug|1", "type": "Mug", "pos": [1, 0.8, 2], "in": "Table|1"}], "task_type": "fetch",
        "oracle_skills": ["find a Mug", "pick up the Mug"],
        "goal": {"conditions": [{"kind": "holding", "object": "Mug"}]}, **changed,
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_text(json.dumps(content))
    write(tmp_path, episode(0), episode(1))
    return tmp_path


def write(folder: Path, *lines: dict[str, Any] | str) -> None:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / EPISODES).write_bytes(gzip.compress(text.encode()))


def refusal(**asked: Any) -> str:
    """The one sentence with which a request is refused."""
    with pytest.raises(SuiteError) as refused:
        make_suite(RunConfig(**asked))
    sentence = str(refused.value)
    assert sentence and "\n" not in sentence and "Traceback" not in sentence
    return sentence


def oracle_run(suite: Suite) -> list[EpisodeResult]:
    """Every task, played by someone who knows everything."""
    clock, results = SimClock(), []
    for task in suite.tasks():
        environment = suite.open(task, clock)
        results.append(play(task, task.id, environment, suite.oracle(task, environment), Trace({})))
    return results


# ---------------------------------------------------------------- what cannot be played is said


def test_an_unknown_subset_is_named_with_those_there_are(folder):
    assert "'hard'" in refusal(subset="hard") and "place_two" in refusal(subset="hard")
    said = refusal(suite="eb-alfred", data=str(folder), subset="hard")
    assert "'hard'" in said and "long_horizon" in said


@pytest.mark.parametrize("asked", [{"suite": "alfred"}, {"mode": "real"}, {"memory": "some"}, {"planner": "magic"}])
def test_an_unknown_name_is_named_with_those_there_are(asked):
    (name, value), said = next(iter(asked.items())), refusal(**asked)
    assert name in said and repr(value) in said and "," in said


def test_a_suite_without_its_data_folder_asks_for_it():
    assert "--data" in refusal(suite="eb-alfred")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert "nowhere" in refusal(suite="eb-alfred", data=str(tmp_path / "nowhere"))


def test_an_empty_folder_is_named_with_the_file_it_lacks(tmp_path):
    said = refusal(suite="eb-alfred", data=str(tmp_path))
    assert str(tmp_path) in said and ".json" in said


@pytest.mark.parametrize("bad", [b"\x1f\x8bnot gzip", b"\xff\xfe"])
def test_a_broken_archive_is_named(folder, bad):
    (folder / EPISODES).write_bytes(bad)
    assert EPISODES in refusal(suite="eb-alfred", data=str(folder))


def test_half_an_archive_is_named(folder):
    whole = (folder / EPISODES).read_bytes()
    (folder / EPISODES).write_bytes(whole[: len(whole) // 2])
    assert EPISODES in refusal(suite="eb-alfred", data=str(folder))


@pytest.mark.parametrize("bad", ['{"id": "base/01"', "[]", "nonsense", episode(1, subset="hard"), episode(1, goal={})])
def test_a_corrupt_line_is_named_by_its_number(folder, bad):
    write(folder, episode(0), "", bad)
    assert f"{EPISODES}, line 3: " in refusal(suite="eb-alfred", data=str(folder))


def test_an_episode_that_cannot_be_set_up_fails_alone(folder, tmp_path):
    write(folder, episode(0, scene="FloorPlan999"), episode(1))
    config = RunConfig(suite="eb-alfred", data=str(folder), planner="oracle")
    suite = make_suite(config)
    with pytest.raises(EpisodeNotLoaded, match="FloorPlan999"):
        suite.open(suite.tasks()[0], SimClock())
    results = play_run(config, suite, tmp_path / "run", lambda *_: None).results
    assert [(r.success, r.reason) for r in results] == [(False, "EPISODE_NOT_LOADED"), (True, "SUCCESS")]


# ---------------------------------------------------------------- a home lives on


@pytest.mark.parametrize("mode", MODES)
def test_what_was_moved_in_one_episode_is_there_in_the_next(mode):
    suite, clock = HomeSuite(mode, seed=2, episodes=5), SimClock()
    first, second = suite.tasks()[:2]
    opened = suite.open(first, clock)
    before = where(opened)
    play(first, "episode-0001", opened, suite.oracle(first, opened), Trace({}))
    moved = {i: p for i, p in where(opened).items() if before.get(i) != p}
    assert moved
    assert {i: where(suite.open(second, clock)).get(i) for i in moved} == moved


def test_residents_move_things_at_night_and_nobody_else_does():
    suite, clock = HomeSuite("embodied", seed=2, episodes=10), SimClock()
    homes = []
    for task in suite.tasks():
        homes.append((task.day, where(suite.open(task, clock))))
    by_day = [home for day, home in homes if day == 1], [home for day, home in homes if day == 2]
    assert all(h == by_day[0][0] for h in by_day[0]) and all(h == by_day[1][0] for h in by_day[1])
    night = [i for i, place in by_day[1][0].items() if by_day[0][0][i] != place]
    assert 3 <= len(night) <= 10


def where(environment: Any) -> dict[str, Any]:
    """What lies in or on what; what the hand holds at the end is put away before the next task."""
    world = environment.world
    return {t.id: t.parent for t in world.things.values() if t.pickupable and t.id != world.robot.holding}


def test_a_home_keeps_its_map_from_day_to_day_and_time_goes_on():
    suite, clock = HomeSuite("embodied", seed=2, episodes=10), SimClock()
    stamps, maps = [], set()
    for task in suite.tasks():
        seen = suite.open(task, clock).observe()
        stamps.append(seen.stamp_ns)
        maps.add((seen.map_id, seen.map_revision))
    [(map_id, revision)] = maps
    assert re.fullmatch(r"map-[0-9a-f]{8}", map_id) and revision == "0", "it must not tell suite or seed"
    assert stamps == sorted(set(stamps)) and stamps[0] >= FIRST_MORNING_NS


def test_an_eb_alfred_scene_is_set_up_afresh_and_says_so(folder):
    suite, clock = EBAlfredSuite("benchmark", folder), SimClock()
    opened = [suite.open(t, clock) for t in suite.tasks()]
    assert opened[0].world is not opened[1].world
    [map_id] = {o.observe().map_id for o in opened}
    assert re.fullmatch(r"map-[0-9a-f]{8}", map_id), "it must not tell the scene"
    assert [o.observe().map_revision for o in opened] == ["1", "2"]


def test_the_robot_begins_each_task_at_its_dock_with_an_empty_hand():
    suite, clock = HomeSuite("embodied", seed=2, episodes=3), SimClock()
    poses = []
    for task in suite.tasks():
        environment = suite.open(task, clock)
        poses.append(environment.observe().map_from_base)
        assert environment.observe().gripper_holds is False and not environment.judge.satisfied(environment.world)
        play(task, task.id, environment, suite.oracle(task, environment), Trace({}))
    assert poses[0] == poses[1] == poses[2]


# ---------------------------------------------------------------- the two ends of every table


@pytest.mark.parametrize("mode", MODES)
def test_someone_who_knows_everything_succeeds_in_every_task_at_home(mode):
    results = oracle_run(HomeSuite(mode, seed=0, episodes=10))
    assert [r.reason for r in results] == ["SUCCESS"] * 10
    assert all(r.success and r.progress == 1.0 and r.invalid_actions == 0 for r in results)


@needs_data
@pytest.mark.parametrize("mode", MODES)
def test_someone_who_knows_everything_succeeds_in_eb_alfred(mode):
    results = oracle_run(EBAlfredSuite(mode, FOLDER, episodes=15))
    assert [(r.id, r.reason) for r in results if not r.success] == []


def test_a_subset_holds_its_own_tasks_only():
    suite = HomeSuite("benchmark", seed=0, episodes=3, subset="stack")
    assert [t.subset for t in suite.tasks()] == ["stack"] * 3


def test_doing_nothing_solves_nothing():
    suite, clock = HomeSuite("benchmark", seed=0, episodes=2), SimClock()
    for task in suite.tasks():
        environment = suite.open(task, clock)
        while not environment.done:
            environment.step(Hold(1))
        assert environment.reason == "STEP_LIMIT" and environment.progress < 1.0


# ---------------------------------------------------------------- the same again


def run_folder(out: Path, **asked: Any) -> dict[str, bytes]:
    """What a run leaves behind that must not depend on when or where it ran."""
    config = RunConfig(**{"episodes": 2, **asked})
    play_run(config, make_suite(config), out, lambda *_: None)
    files = [*sorted((out / "traces").iterdir()), *sorted((out / "maps").iterdir()), out / "memory.jsonl"]
    return {str(f.relative_to(out)): f.read_bytes() for f in files if f.exists()}


@pytest.mark.parametrize("mode", MODES)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path, mode):
    first, again = run_folder(tmp_path / "a", mode=mode), run_folder(tmp_path / "b", mode=mode)
    assert "memory.jsonl" in first and len(first) == 2 + 1 + 1
    assert [name for name in first if first[name] != again.get(name)] == []
    other = run_folder(tmp_path / "c", mode=mode, seed=1)
    assert not set(first.values()) & set(other.values())


def test_random_players_are_the_same_for_the_same_seed(tmp_path):
    asked = {"planner": "random", "mode": "embodied", "episodes": 1}
    first = run_folder(tmp_path / "a", **asked)
    assert run_folder(tmp_path / "b", **asked) == first
    assert run_folder(tmp_path / "c", **asked, seed=3).keys() != first.keys()
