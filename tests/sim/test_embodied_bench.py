# SPDX-License-Identifier: Apache-2.0
"""The suite: its solutions work, its files are checked, its limits hold.

The real data is read from NEURAXIS_EB_DATA, else ../shared/embodiedbench; without it a two-scene suite written here
stands in for what needs no real episode.
"""

from __future__ import annotations

import gzip
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from sim.baselines import OraclePlayer, RandomPlayer
from sim.embodied_bench import SUBSETS, EBAlfredEnv, EmbodiedBenchData, load_data
from sim.errors import EpisodeNotLoaded, SuiteError

FOLDER = Path(os.environ.get("NEURAXIS_EB_DATA") or Path(__file__).parents[3] / "shared" / "embodiedbench")

needs_data = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no EmbodiedBench data in {FOLDER} (NEURAXIS_EB_DATA)")

SCENES = {
    "FloorPlan0": {
        "room": "Kitchen", "grid": 0.25, "reachable": [[x / 4, z / 4] for x in range(9) for z in range(5)],
        "static": [
            {"id": "Table|1", "type": "DiningTable", "kind": "receptacle", "pos": [1, 0.7, 2]},
            {"id": "Fridge|1", "type": "Fridge", "kind": "receptacle", "pos": [3, 0, 0], "view": [2, 0, 90, 0]},
        ],
    }
}  # fmt: skip
AFFORDANCES = {
    "receptacle_accepts": {"DiningTable": ["Mug"], "Fridge": ["Mug"]}, "movable_receptacles": [],
    "openable": ["Fridge"], "sliceable": [], "lamps": [],
}  # fmt: skip
SKILLS = {
    "eb_alfred": {
        "base_actions": [
            "find a Mug", "find a Fridge", "find a DiningTable", "pick up the Mug", "put down the object in hand",
            "open the Fridge", "close the Fridge",
        ],
        "openable": ["Fridge"], "max_steps": 30, "max_invalid_actions": 10,
    }
}  # fmt: skip
SOLUTION = [
    "find a Mug", "pick up the Mug", "find a Fridge", "open the Fridge", "put down the object in hand",
    "find a Mug_2", "pick up the Mug", "find a Fridge", "put down the object in hand",
]  # fmt: skip


def episode(number: int = 0, **changed: Any) -> dict[str, Any]:
    mugs = [{"id": f"Mug|{n}", "type": "Mug", "pos": [1 + n / 4, 0.8, 2], "in": "Table|1"} for n in (1, 2)]
    return {
        "id": f"base/{number:02}", "subset": "base", "index": number, "instruction": "Chill the mugs.",
        "scene": "FloorPlan0", "agent": {"pos": [0, 0.9, 0], "yaw": 0, "horizon": 30}, "toggles": [], "objects": mugs,
        "task_type": "pick_two_obj_and_place", "oracle_skills": SOLUTION,
        "goal": {"conditions": [
            {"kind": "count_in_one_receptacle", "object": "Mug", "receptacle": "Fridge", "max": 2}]},
        **changed,
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, episode())
    (tmp_path / "alfred_affordances.json").write_text(json.dumps(AFFORDANCES))
    (tmp_path / "skills.json").write_text(json.dumps(SKILLS))
    (tmp_path / "scenes.json.gz").write_bytes(gzip.compress(json.dumps(SCENES).encode()))
    return tmp_path


def write(folder: Path, *episodes: dict[str, Any] | str) -> None:
    lines = [e if isinstance(e, str) else json.dumps(e) for e in episodes]
    (folder / "eb_alfred_episodes.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


@pytest.fixture(scope="module")
def data() -> EmbodiedBenchData:
    return load_data(FOLDER)


def solve(env: EBAlfredEnv, phrases: tuple[str, ...]) -> tuple[int, int, bool]:
    """Steps, invalid actions and success of a list of phrases."""
    player, invalid, done, info = OraclePlayer(phrases), 0, False, {"env_step": 0, "task_success": 0.0}
    while not done and (phrase := player.next()) is not None:
        _, _, done, info = env.step(env.language_skill_set.index(phrase))
        invalid += not info["last_action_success"]
    return info["env_step"], invalid, bool(info["task_success"])


# ---------------------------------------------------------------- the real suite


@needs_data
@pytest.mark.parametrize("subset", SUBSETS)
def test_every_solution_succeeds_without_an_invalid_action(data, subset):
    env = EBAlfredEnv(data, subset)
    failed = []
    for ep in env.episodes:
        env.reset()
        steps, invalid, success = solve(env, data.answer(ep).oracle_skills)
        if invalid or not success:
            failed.append((ep.id, steps, invalid))
    assert env.number_of_episodes > 0 and not failed and not data.unloadable


@needs_data
def test_random_actions_solve_almost_nothing(data):
    solved = played = 0
    for subset in SUBSETS:
        env = EBAlfredEnv(data, subset)
        for number in range(env.number_of_episodes):
            env.reset()
            player, done = RandomPlayer(number, env.language_skill_set), False
            while not done:
                _, _, done, info = env.step(player.next())
            solved, played = solved + bool(info["task_success"]), played + 1
    assert played == len(data.episodes) and solved < 0.05 * played


@needs_data
def test_action_lists_have_the_sizes_the_suite_states(data):
    sizes = set()
    for subset in SUBSETS:
        env = EBAlfredEnv(data, subset)
        for _ in env.episodes:
            env.reset()
            sizes.add(env.action_space.n)
    assert min(sizes) >= 171 and max(sizes) <= 303


@needs_data
def test_no_goal_is_met_at_the_start(data):
    from sim.scoring import Judge

    assert not [e.id for e in data.episodes if Judge(data.answer(e).conditions).satisfied(data.build(e))]


@needs_data
def test_a_thousand_skills_take_well_under_a_second(data):
    env, skills, started = EBAlfredEnv(data, "long_horizon"), 0, time.perf_counter()
    for ep in env.episodes:
        env.reset()
        skills += solve(env, data.answer(ep).oracle_skills)[0]
    assert skills / (time.perf_counter() - started) > 500  # 2,000 on a quiet machine; this one is shared


# ---------------------------------------------------------------- the facade


INFO_KEYS = {
    "task_success", "task_progress", "instruction", "env_step", "env_feedback", "episode_elapsed_seconds",
    "last_action_success", "object_states", "action_id", "action_description", "reasoning",
}  # fmt: skip


def test_the_facade_answers_as_the_original_does(folder):
    env = EBAlfredEnv(load_data(folder))
    env.reset()
    assert env.number_of_episodes == 1 and env.episode_language_instruction == "Chill the mugs."
    assert env.language_skill_set[-1] == "find a Mug_2" and env.action_space.n == len(env.language_skill_set)
    _, reward, done, info = env.step(0, "to fetch it")
    assert set(info) == INFO_KEYS and not done and reward == 0.0
    assert (info["action_id"], info["action_description"], info["reasoning"]) == (0, "find a Mug", "to fetch it")
    assert info["env_feedback"] == "Last action executed successfully." and info["env_step"] == 1
    assert set(info["object_states"]) == {"cooled_objects", "heated_objects", "cleaned_objects", "visible_objs"}


def test_success_ends_the_episode_and_rewards_add_up_to_the_progress(folder):
    env = EBAlfredEnv(load_data(folder))
    env.reset()
    rewards = []
    for phrase in SOLUTION:
        _, reward, done, info = env.step(phrase)
        rewards.append(reward)
    assert done and info["task_success"] == 1.0 and sum(rewards) == 1.0
    with pytest.raises(RuntimeError, match="reset"):
        env.step(0)


def test_nothing_of_the_answer_reaches_the_agent(folder):
    env = EBAlfredEnv(load_data(folder))
    observation = env.reset()
    told = repr(observation) + repr({k: v for k, v in vars(env).items() if not k.startswith("_")})
    assert "oracle" not in told and "conditions" not in told and "pick_two" not in told
    assert "|" not in repr(observation)


def test_a_camera_adds_the_picture(folder):
    env = EBAlfredEnv(load_data(folder), camera=lambda world: "a picture")
    assert env.reset()["head_rgb"] == "a picture" == env.step(0)[0]["head_rgb"]


def test_thirty_steps_end_an_episode(folder):
    env = EBAlfredEnv(load_data(folder))
    env.reset()
    ends = [env.step("find a Mug")[2] for _ in range(30)]
    assert ends == [False] * 29 + [True]


def test_ten_unsupported_actions_end_an_episode_and_cost_steps(folder):
    env = EBAlfredEnv(load_data(folder))
    env.reset()
    for number in range(1, 11):
        _, _, done, info = env.step("dance")
        assert info["env_feedback"] == "Last action is invalid. instruction not supported"
        assert info["env_step"] == number and done == (number == 10)


@pytest.mark.parametrize("action", [-1, 8, 10**9])
def test_an_id_outside_the_list_is_one_invalid_action_and_no_step(folder, action):
    env = EBAlfredEnv(load_data(folder))
    env.reset()
    for number in range(1, 11):
        _, _, done, info = env.step(action)
        assert info["env_step"] == 0 and info["last_action_success"] == 0.0 and done == (number == 10)


def test_selected_indexes_choose_and_order(folder):
    write(folder, episode(0), episode(1, instruction="Second."), episode(2, instruction="Third."))
    env = EBAlfredEnv(load_data(folder), "base", [2, 1])
    env.reset()
    assert env.number_of_episodes == 2 and env.episode_language_instruction == "Third."
    env.reset()
    assert env.episode_language_instruction == "Second."
    with pytest.raises(SuiteError, match="played"):
        env.reset()
    with pytest.raises(SuiteError, match="7"):
        EBAlfredEnv(load_data(folder), "base", [7])


# ---------------------------------------------------------------- what is wrong with the data is said


def test_an_episode_that_cannot_be_built_is_kept_with_its_reason(folder):
    write(folder, episode(0, scene="FloorPlan999"), episode(1))
    data = load_data(folder)
    assert len(data.episodes) == 2 and "FloorPlan999" in data.unloadable["base/00"]
    env = EBAlfredEnv(data)
    with pytest.raises(EpisodeNotLoaded, match="FloorPlan999"):
        env.reset()
    with pytest.raises(RuntimeError):
        env.step(0)
    env.reset()
    assert solve(env, tuple(SOLUTION)) == (9, 0, True)


def test_a_missing_receptacle_is_the_episode_s_problem(folder):
    mug = {"id": "Mug|1", "type": "Mug", "pos": [0, 0, 0], "in": "Cabinet|7"}
    write(folder, episode(0, objects=[mug]))
    assert "Cabinet|7" in load_data(folder).unloadable["base/00"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(SuiteError, match="nowhere"):
        load_data(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name", ["eb_alfred_episodes.jsonl.gz", "scenes.json.gz", "alfred_affordances.json", "skills.json"]
)
def test_a_missing_or_broken_file_is_named(folder, name):
    stem = name.removesuffix(".gz")
    good = (folder / name).read_bytes()
    for bad in (b"\x1f\x8bnot gzip at all", good[: len(good) // 2], b"\xff\xfe\x00"):
        (folder / name).write_bytes(bad)
        with pytest.raises(SuiteError, match=stem):
            load_data(folder)
    (folder / name).unlink()
    with pytest.raises(SuiteError, match=stem):
        load_data(folder)


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ('{"id": "base/01"', "delimiter"),
        ("[1, 2]", "object"),
        (episode(1, subset="hard"), "hard"),
        (episode(1, agent={"pos": [0, 0], "yaw": 0, "horizon": 0}), r"\[0, 0\]"),
        (episode(1, agent={"pos": [0, float("nan"), 0], "yaw": 0, "horizon": 0}), "nan"),
        (episode(1, goal={"conditions": [{"kind": "sings", "object": "Mug"}]}), "sings"),
        (episode(1, goal={"conditions": []}), "no conditions"),
        (episode(1, objects=[{"id": "Mug|1"}]), "'in' is missing"),
        (episode(1, objects=None), "NoneType"),
        (episode(1, instruction=7), "instruction is 7"),
        (episode(1, index="one"), "one"),
        (episode(0), "comes twice"),
    ],
)
def test_a_corrupt_line_is_named_by_number_and_value(folder, bad, word):
    write(folder, episode(0), "", bad)
    with pytest.raises(SuiteError, match=rf"eb_alfred_episodes\.jsonl\.gz, line 3: .*{word}"):
        load_data(folder)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("skills.json", {"eb_alfred": {"base_actions": "find a Mug"}}, "list of words"),
        ("skills.json", {"eb_habitat": {}}, "eb_alfred"),
        ("skills.json", {"eb_alfred": {**SKILLS["eb_alfred"], "max_steps": "many"}}, "many"),
        ("alfred_affordances.json", {"openable": []}, "receptacle_accepts"),
        ("scenes.json", {"FloorPlan0": {"grid": 0}}, "FloorPlan0: grid is 0"),
        ("scenes.json", {"FloorPlan0": {**SCENES["FloorPlan0"], "static": [{"id": "X"}]}}, "'type' is missing"),
        ("scenes.json", {"FloorPlan0": 3}, "FloorPlan0"),
        ("scenes.json", [], "list"),
    ],
)
def test_wrong_content_is_named(folder, name, content, word):
    (folder / f"{name}.gz").unlink(missing_ok=True)
    (folder / name).write_text(json.dumps(content))
    with pytest.raises(SuiteError, match=word):
        load_data(folder)


def test_an_unknown_subset_is_named(folder):
    with pytest.raises(SuiteError, match="'hard'"):
        EBAlfredEnv(load_data(folder), "hard")


def test_any_number_of_episodes_loads(folder):
    write(folder, *(episode(n) for n in range(300)))
    assert len(load_data(folder).subset("base")) == 300
    write(folder)
    assert load_data(folder).episodes == ()
