# SPDX-License-Identifier: Apache-2.0
"""EmbodiedBench's EB-ALFRED as data: what its files hold, and its environment's face over our world.

Neighbours: thor_scenes.py builds the worlds, environment.py's BenchmarkBody acts and sees, scoring.py judges;
skills.json is read, never copied.
Rules of the file:
- a broken folder, file or line is a SuiteError that says where; an episode that cannot be built is kept, with its
  reason, to be counted as failed;
- what only a judge may see is in `Answer`, which neither the observation nor `EBAlfredEnv`'s public side shows;
- results made here are named eb-alfred-sym: this is not AI2-THOR.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from sim.bench_data import SUBSETS, Answer, EmbodiedBenchData, EpisodeData, load_data
from sim.benchmark import INVALID, NOT_SUPPORTED, BenchmarkSkills
from sim.environment import BenchmarkBody
from sim.errors import SuiteError
from sim.household import visible
from sim.scoring import Judge
from sim.world import World

SUITE = "eb-alfred-sym"

__all__ = ["SUBSETS", "SUITE", "Answer", "EBAlfredEnv", "EmbodiedBenchData", "EpisodeData", "load_data"]


class EBAlfredEnv:
    """EmbodiedBench's `EBAlfEnv`, with the same calls, limits and info keys, on the embedded world.

    Two differences: the reward is the change in goal progress (the original's comes from ALFRED's expert plan), and
    an action id outside the list counts as its evaluator's "action -1": one invalid action, no environment step.

    An observation is what an agent may see (docs/what-the-agent-sees.md): {"detections": ...}, records as in
    memory.records: what is in view after a find that worked, () once any other phrase was tried; "head_rgb" beside it
    if a camera was given. No pose, no hand.

    `info` belongs to the evaluation, with the original's keys. Of them an agent is told "env_feedback" and
    "last_action_success" and no other: "task_success", "task_progress" and "object_states" (ids of the world, marks
    that no camera shows, what is in view at any time) are the judge's.

    Attributes:
        language_skill_set: The phrases of the current episode; an action id is an index into it.
        action_space: gymnasium Discrete over it; None before the first reset.
        number_of_episodes: How many episodes this environment plays.
        episode_language_instruction: What the current episode asks for.
    """

    def __init__(
        self,
        data: EmbodiedBenchData,
        eval_set: str = "base",
        selected_indexes: Sequence[int] = (),
        camera: Callable[[World], Any] | None = None,
    ) -> None:
        """Choose what is played.

        Args:
            data: The suite, read once and shared.
            eval_set: Name of a subset.
            selected_indexes: Positions within the subset to play, in this order; empty = all.
            camera: Takes the picture of an observation; without one there is no "head_rgb".

        Raises:
            SuiteError: no such subset, or it has no episode of that number.
        """
        episodes = data.subset(eval_set)
        outside = [i for i in selected_indexes if not 0 <= i < len(episodes)]
        if outside:
            raise SuiteError(f"subset {eval_set!r} has {len(episodes)} episodes, there is no number {outside[0]}")
        self.episodes = tuple(episodes[i] for i in selected_indexes) if len(selected_indexes) else episodes
        self.number_of_episodes = len(self.episodes)
        self.language_skill_set = list(data.base_actions)
        self.action_space: Any = None
        self.episode_language_instruction = ""
        self.episode_log: list[dict[str, Any]] = []
        self._data, self._camera = data, camera
        self._next = 0
        self._put_counts: dict[str, int] = {}  # as in the original, they outlive an episode
        self._body: BenchmarkBody | None = None

    def reset(self) -> dict[str, Any]:
        """Start the next episode.

        Raises:
            EpisodeNotLoaded: it cannot be built; the next reset starts the one after it.
            SuiteError: there is no further episode.
        """
        from gymnasium.spaces import Discrete

        if self._next >= self.number_of_episodes:
            raise SuiteError(f"all {self.number_of_episodes} episodes were played")
        episode = self.episodes[self._next]
        self._next += 1
        self._body = None
        world = self._data.build(episode)
        self._judge = Judge(self._data.answer(episode).conditions)
        self._body = body = BenchmarkBody(world, self._data.base_actions, self._put_counts)
        self.language_skill_set = list(body.acting.phrases)
        self.action_space = Discrete(len(self.language_skill_set))
        self.episode_language_instruction = episode.instruction
        self.episode_log = []
        self._step, self._invalid, self._done = 0, 0, False
        self._progress = self._judged(world)
        self._started = time.monotonic()
        return self._observation(body)

    def step(self, action: int | str, reasoning: str = "") -> tuple[dict[str, Any], float, bool, dict[str, Any]]:
        """Carry out an action, by id or phrase: observation, reward, done, info."""
        body = self._body
        if body is None or self._done:
            raise RuntimeError("reset the environment before stepping")
        phrase = self._phrase(action)
        if phrase is None:
            succeeded, feedback = False, INVALID + NOT_SUPPORTED
        else:
            self._step += 1
            succeeded, feedback = body.act(phrase)
        self._invalid += not succeeded
        before, self._progress = self._progress, self._judged(body.world)
        success = self._progress == 1.0
        limits = self._data.limits
        self._done = success or self._step >= limits.steps or self._invalid >= limits.invalid_actions
        info = {
            "task_success": float(success),
            "task_progress": self._progress,
            "instruction": self.episode_language_instruction,
            "env_step": self._step,
            "env_feedback": feedback,
            "episode_elapsed_seconds": time.monotonic() - self._started,
            "last_action_success": float(succeeded),
            "object_states": _object_states(body.world),
            "action_id": action,
            "action_description": "invalid action" if phrase is None else phrase,
            "reasoning": reasoning,
        }
        self.episode_log.append(info)
        return self._observation(body), self._progress - before, self._done, info

    def skills(self) -> BenchmarkSkills:
        """The current episode's skills, for a planner that wants them declared."""
        if self._body is None:
            raise RuntimeError("reset the environment first")
        return self._body.acting

    def close(self) -> None:
        """Nothing is held open."""
        self._body = None

    def _phrase(self, action: int | str) -> str | None:
        """The phrase of an action; None for an id outside the list."""
        if isinstance(action, str):
            return action
        number = int(action)  # numpy integers too
        return self.language_skill_set[number] if 0 <= number < len(self.language_skill_set) else None

    def _judged(self, world: World) -> float:
        made, possible = self._judge.met(world)
        return made / possible

    def _observation(self, body: BenchmarkBody) -> dict[str, Any]:
        observation: dict[str, Any] = {"detections": body.sight()}
        if self._camera is not None:
            observation["head_rgb"] = self._camera(body.world)
        return observation


def _object_states(world: World) -> dict[str, Any]:
    marked = {name: {id_ for mark, id_ in world.ever if mark == name} for name in ("cool", "hot", "clean")}
    return {
        "cooled_objects": marked["cool"],
        "heated_objects": marked["hot"],
        "cleaned_objects": marked["clean"],
        "visible_objs": [t.label for t in world.things.values() if visible(world, t)],
    }
