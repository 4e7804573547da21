# SPDX-License-Identifier: Apache-2.0
"""Gymnasium's face: it is a sound Gymnasium environment, it can be played from its own observations, and the judge
stays out of it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

from memory.geometry import Pose, base_from_optical
from sim.errors import SuiteError
from sim.gym_environment import IDS, OUTCOMES, STATES, HouseholdGymEnv, register_envs

SUCCEEDED = OUTCOMES.index("succeeded")
MODULE = "sim.gym_environment:"


@pytest.fixture(scope="module")
def three_episodes() -> HouseholdGymEnv:
    return HouseholdGymEnv(seed=3, episodes=3)


@pytest.fixture(scope="module")
def one_walk() -> HouseholdGymEnv:
    return HouseholdGymEnv(mode="embodied", seed=3, episodes=1)


@pytest.fixture
def benchmark(three_episodes: HouseholdGymEnv) -> HouseholdGymEnv:
    three_episodes.reset(seed=3)  # the same home again
    return three_episodes


@pytest.fixture
def walking(one_walk: HouseholdGymEnv) -> HouseholdGymEnv:
    one_walk.reset(seed=3)
    return one_walk


@pytest.fixture(params=["benchmark", "walking"])
def env(request: pytest.FixtureRequest) -> HouseholdGymEnv:
    return request.getfixturevalue(request.param)


def by_phrase(env: HouseholdGymEnv, info: dict[str, Any], phrase: str) -> tuple[Any, ...]:
    return env.step(info["phrases"].index(phrase))


def embodied(info: dict[str, Any], skill: str, label: str = "", position: Any = (0.0, 0.0, 0.0)) -> dict[str, Any]:
    return {"skill": info["skills"].index(skill), "label": label, "position": position}


def until_it_ends(env: HouseholdGymEnv, action: dict[str, Any]) -> dict[str, Any]:
    """The observation with which the skill ended."""
    for _ in range(100):
        observation = env.step(action)[0]
        if observation["outcome"]:
            return observation
    raise AssertionError("the skill never ended")


def in_map(observation: dict[str, Any], position: Any) -> tuple[float, float, float]:
    """As an agent would: from the camera frame into the map, with what the observation tells."""
    x_m, y_m, yaw_rad = map(float, observation["pose"])
    height_m, tilt_rad = map(float, observation["camera"])
    map_from_camera = Pose.planar(x_m, y_m, yaw_rad) @ base_from_optical(height_m, tilt_rad)
    return map_from_camera.transform(tuple(map(float, position)))


@pytest.mark.filterwarnings("ignore:.*symmetric and normalized:UserWarning")  # a position is in metres
@pytest.mark.parametrize("mode", ["benchmark", "embodied"])
def test_gymnasium_finds_nothing_wrong_with_it(mode: str) -> None:
    check_env(HouseholdGymEnv(mode=mode, episodes=1), skip_render_check=True)  # it draws nothing


@pytest.mark.parametrize("id_", IDS)
def test_its_ids_are_known_once_and_name_this_class(id_: str) -> None:
    register_envs()
    assert gymnasium.spec(id_).entry_point == MODULE + "HouseholdGymEnv"
    assert gymnasium.spec(id_).kwargs == {"suite": IDS[id_]}


def test_gymnasium_makes_it_by_its_module_and_id() -> None:
    made = gymnasium.make(MODULE + "neuraxis/Home-v0", mode="embodied", episodes=1)
    assert isinstance(made.unwrapped, HouseholdGymEnv)


def test_the_installed_package_names_the_function_that_registers() -> None:
    value = f"{MODULE}register_envs"
    assert value in (Path(__file__).parents[2] / "setup.py").read_text(encoding="utf-8")
    assert metadata.EntryPoint("neuraxis", value, "gymnasium.envs").load() is register_envs


def test_the_simulator_is_imported_without_gymnasium() -> None:
    code = "import sim, sim.environment, sim.runner, sys; print('gymnasium' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_each_episode_has_the_action_space_of_its_own_phrases(benchmark: HouseholdGymEnv) -> None:
    before = benchmark.action_space
    _, info = benchmark.reset()
    assert before == benchmark.action_space and benchmark.action_space.n == len(info["phrases"])


def test_an_agent_without_a_pose_is_told_so_and_sees_only_after_a_find(benchmark: HouseholdGymEnv) -> None:
    observation, info = benchmark.reset()
    assert observation["localised"] == observation["gripper"] == 0 and not observation["detections"]
    observation = by_phrase(benchmark, info, "find a CounterTop")[0]
    assert observation["localised"] == 0 and not observation["pose"].any() and not observation["camera"].any()
    assert "CounterTop" in {d["label"] for d in observation["detections"]}
    assert not by_phrase(benchmark, info, "drop the object in hand")[0]["detections"]


def test_what_is_seen_can_be_walked_to_and_picked_up_with_nothing_but_the_observation(walking: HouseholdGymEnv) -> None:
    _, info = walking.reset()
    place = next(at for name, at in info["places"].items() if name.endswith("/kitchen"))
    assert until_it_ends(walking, embodied(info, "go_to", "room", place))["outcome"] == SUCCEEDED
    turns = [walking.step(embodied(info, "look_around"))[0] for _ in range(4)]
    furniture = ("CounterTop", "DiningTable", "SideTable")
    seen = next((turn, d) for turn in turns for d in turn["detections"] if d["label"] in furniture)
    table, where = seen[1], in_map(seen[0], seen[1]["position"])
    observation = until_it_ends(walking, embodied(info, "go_to", table["label"], where))
    loose = next(d for d in observation["detections"] if max(d["size"]) < 0.3 and not d["states"].any())
    target = (loose["label"], in_map(observation, loose["position"]))
    until_it_ends(walking, embodied(info, "go_to", *target))
    observation = until_it_ends(walking, embodied(info, "pick_up", *target))
    assert observation["outcome"] == SUCCEEDED and observation["gripper"] == 2


def test_the_same_action_goes_on_with_a_walk_and_another_one_ends_it(walking: HouseholdGymEnv) -> None:
    _, info = walking.reset()
    far = max(info["places"].values(), key=lambda p: abs(p[0] - 3) + abs(p[1] - 3))
    walk = embodied(info, "go_to", "room", far)
    first, second = walking.step(walk)[0], walking.step(walk)[0]
    assert first["running"] and not second["outcome"] and (first["pose"] != second["pose"]).any()
    looking = walking.step(embodied(info, "look_around"))[0]
    assert (looking["pose"][:2] == second["pose"][:2]).all()


@pytest.mark.parametrize("action", [9999, -1, "done", None, {"skill": -1, "label": "", "position": (0, 0, 0)}])
def test_an_action_outside_the_space_is_invalid_and_ten_of_them_end_the_episode(
    env: HouseholdGymEnv, action: Any
) -> None:
    env.reset()
    ends = [env.step(action) for _ in range(10)]
    assert [truncated for _, _, _, truncated, _ in ends] == [False] * 9 + [True]
    observation, _, _, _, info = ends[-1]
    assert (info["steps"], info["invalid_actions"], info["reason"]) == (0, 10, "INVALID_LIMIT")
    assert OUTCOMES[observation["outcome"]] == "refused" and observation in env.observation_space
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(action)


def test_a_place_that_is_no_number_is_refused_by_the_body(walking: HouseholdGymEnv) -> None:
    _, info = walking.reset()
    observation = walking.step(embodied(info, "open", "Fridge", (float("nan"), 0.0, 0.0)))[0]
    assert OUTCOMES[observation["outcome"]] == "refused" and observation["feedback"]


def test_episodes_follow_each_other_and_a_named_one_can_be_asked_for(benchmark: HouseholdGymEnv) -> None:
    benchmark.reset(seed=3)
    played = [benchmark.task_id, *(benchmark.reset() and benchmark.task_id for _ in range(3))]
    assert played == [*benchmark.task_ids, benchmark.task_ids[0]]
    again = benchmark.reset(options={"task": benchmark.task_ids[2]})[1]["instruction"]
    assert benchmark.task_id == benchmark.task_ids[2]
    assert benchmark.reset(options={"task": benchmark.task_ids[2]})[1]["instruction"] == again
    with pytest.raises(ValueError, match="'home-99'"):
        benchmark.reset(options={"task": "home-99"})


def test_another_seed_is_another_home_and_the_same_seed_the_same_tasks() -> None:
    env = HouseholdGymEnv(episodes=1)
    here = env.reset(seed=5)[1]
    env.reset(seed=6)
    assert env.task_ids == ("home-6/day-1/01",)
    assert env.reset(seed=5)[1] == here and env.task_ids == ("home-5/day-1/01",)


def test_rewards_add_up_to_one_and_the_judge_ends_the_episode(benchmark: HouseholdGymEnv) -> None:
    _, info = benchmark.reset()
    oracle = benchmark._suite.oracle(benchmark._tasks[benchmark.task_id], benchmark._environment)
    rewards, terminated, seen = [], False, benchmark._environment.observe()
    while not terminated:
        _, reward, terminated, truncated, info = by_phrase(benchmark, info, oracle.act(seen).phrase)
        rewards.append(reward)
        seen = benchmark._environment.observe()
    assert sum(rewards) == pytest.approx(1.0) and info["reason"] == "SUCCESS" and not truncated


def test_nothing_the_judge_knows_is_told(env: HouseholdGymEnv) -> None:
    observation, info = env.reset()
    phrases = "phrases" in info
    for action in (0, 1) if phrases else (embodied(info, "look_around"),) * 2:
        observation, _, _, _, info = env.step(action)
        told = repr(observation) + json.dumps(info)
        assert "|" not in told and "condition" not in told and env.task_id not in told
    assert set(info) == {"instruction", "feedback", "steps", "invalid_actions", "reason"} | (
        {"phrases"} if phrases else {"skills", "places"}
    )


def test_states_are_bits_of_what_can_be_seen(benchmark: HouseholdGymEnv) -> None:
    _, info = benchmark.reset()
    by_phrase(benchmark, info, "find a Fridge")
    by_phrase(benchmark, info, "open the Fridge")
    seen = by_phrase(benchmark, info, "find a Fridge")[0]["detections"]
    fridge = next(d for d in seen if d["label"] == "Fridge")
    assert [s for s, bit in zip(STATES, fridge["states"], strict=True) if bit] == ["open"]


def test_an_impossible_request_is_one_sentence() -> None:
    with pytest.raises(SuiteError, match="'hard'"):
        HouseholdGymEnv(subset="hard")
    with pytest.raises(SuiteError, match="--data"):
        HouseholdGymEnv("eb-alfred")
