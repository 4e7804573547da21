# SPDX-License-Identifier: Apache-2.0
"""Our suites with Gymnasium's face: `neuraxis/Home-v0` and `neuraxis/EBAlfred-v0`.

Neighbours: environment.py is the same core that a brain is played in, suites.py gives the episodes.
Rules of the file: gymnasium is an optional package and only this module may import it; an observation holds what a
brain would be told (docs/what-the-agent-sees.md) and nothing else; `info` is for whoever runs the episodes; nothing of
the judge but the reward and the end of the episode leaves.

Gymnasium knows the ids once this module is imported; it also imports the part of an id before a colon:
`gymnasium.make("sim.gym_environment:neuraxis/Home-v0", mode="embodied")`.
"""

from __future__ import annotations

import contextlib
import copy
import math
import string
from dataclasses import replace
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, Sequence, Space, Text
from numpy.typing import NDArray

from memory.records import Detection, Observation, Outcome, OutcomeCode, Skill, SkillCall, Target
from sim.environment import BenchmarkBody, HouseholdEnvironment, SimClock
from sim.errors import EpisodeNotLoaded
from sim.runner import RunConfig, make_suite
from sim.scoring import SUCCESS

IDS = {"neuraxis/Home-v0": "home", "neuraxis/EBAlfred-v0": "eb-alfred"}
STATES = ("open", "closed", "on", "off")  # of a detection, in the order of its MultiBinary
OUTCOMES = ("", *(code.value for code in OutcomeCode))  # meaning of "outcome"; 0 = no skill ended in this tick
GRIPPER: dict[bool | None, int] = {None: 0, False: 1, True: 2}  # unknown, empty, holding
FAR_M = 1_000.0  # no map is larger
LABEL_LENGTH, FEEDBACK_LENGTH = 64, 400

Floats = NDArray[np.float32]


def register_envs() -> None:
    """Tell gymnasium the ids; a second call changes nothing."""
    for id_, suite in IDS.items():
        if id_ not in gymnasium.registry:
            gymnasium.register(id_, entry_point="sim.gym_environment:HouseholdGymEnv", kwargs={"suite": suite})


class HouseholdGymEnv(gymnasium.Env[dict[str, Any], Any]):
    """Episodes of a suite, one after the other; one step is one tick of the simulated clock.

    Action, mode "benchmark": Discrete, an index into the phrases of the current episode. As in EmbodiedBench the list
    changes with the episode, so `action_space` is a new one after each reset; info["phrases"] has the list.

    Action, mode "embodied": Dict
        skill: Discrete, an index into info["skills"].
        label: Text, class of the thing that is worked on, such as "Mug"; "room" for one of info["places"].
        position: Box float32 [3], where it is: (x, y, z) in metres, map frame (x forward, y left, z up).
    A skill that puts something down is given the receptacle. A walk takes many ticks: the same action goes on with
    it, another one pre-empts it.

    An action outside its space (9999, -1, "done") is one invalid action and no tick.

    Observation: Dict
        localised: Discrete(2), whether pose and camera are known; both are 0 where they are not.
        pose: Box float32 [3], the base in the map: (x m, y m, yaw rad).
        camera: Box float32 [2], the camera on the base: (height m, tilt rad, positive = down).
        gripper: Discrete(3): 0 cannot tell, 1 empty, 2 holds something.
        detections: Sequence of Dict: label; position (x right, y down, z forward, metres, camera frame); size (extents
            along the map's axes, metres); score in [0, 1]; states, a bit for each of STATES that can be seen.
        running: Discrete(2), whether a skill is still being carried out.
        outcome: Discrete, index into OUTCOMES: what the body says of the skill that ended in this tick; 0 = none did.
        feedback: Text, its sentence about it.

    Reward: change in the share of the goal's points. Terminated: the judge is satisfied. Truncated: a limit was met.
    info: instruction, feedback (the latest), steps, invalid_actions, reason, and phrases or skills and places.

    Attributes:
        task_ids: What can be asked for with reset(options={"task": ...}).
        task_id: The current one. Ids are for whoever runs the episodes: they name subsets.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - so declared by gymnasium

    def __init__(
        self, suite: str = "home", mode: str = "benchmark", seed: int = 0, data: str = "", subset: str = "",
        episodes: int = 0,
    ) -> None:  # fmt: skip
        """Choose what is played.

        Args:
            suite: "home" or "eb-alfred".
            mode: "benchmark" (find teleports, phrases) or "embodied" (walk, look, reach).
            seed: Chooses the homes; EB-ALFRED's episodes are always the same.
            data: Folder of EmbodiedBench's files, for "eb-alfred".
            subset: Only this one; "" = all.
            episodes: How many; 0 = all (home: ten).

        Raises:
            SuiteError: unknown suite, mode or subset; missing or broken data.
        """
        self._config = RunConfig(suite=suite, mode=mode, seed=seed, data=data, subset=subset, episodes=episodes)
        self._suite_seed = seed
        self._fresh = make_suite(self._config)
        self.observation_space = _observation_space()
        self.action_space: Space[Any] = Discrete(1)
        self._environment: HouseholdEnvironment | None = None
        self._skills: tuple[Skill, ...] = ()
        self._running: tuple[object, SkillCall] | None = None  # an action that takes more than a tick
        self._next = self._calls = 0
        self._progress = 0.0
        self._start_over(seed)
        with contextlib.suppress(EpisodeNotLoaded):
            self._open(self.task_ids[0])  # so that action_space is true before the first reset
        self._environment = None
        self._start_over(seed)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start the next episode; after the last one comes the first.

        Args:
            seed: Begin anew with the homes of this seed.
            options: {"task": id} to play that one next. Within a home what earlier episodes moved stays moved; a task
                that lies behind starts the suite over.

        Raises:
            ValueError: there is no such task.
            EpisodeNotLoaded: it cannot be built; the next reset starts the one after it.
        """
        super().reset(seed=seed)
        if seed is not None:
            self._start_over(seed)
        number = self._chosen((options or {}).get("task"))
        if number < self._next:
            self._start_over(self._suite_seed)
        self._next = number + 1
        self._environment = None
        environment = self._open(self.task_ids[number])
        return self._observed(environment.observe(), environment), self._told(environment)

    def step(self, action: Any) -> tuple[dict[str, Any], SupportsFloat, bool, bool, dict[str, Any]]:
        """One tick."""
        environment = self._environment
        if environment is None or environment.done:
            raise gymnasium.error.ResetNeeded("reset the environment before stepping")
        call = self._call(action, environment)
        if call is None:
            environment.refuse(f"there is no action {action!r}"[:FEEDBACK_LENGTH])
            refused = Outcome("", OutcomeCode.REFUSED, environment.feedback)
            observation = self._observed(environment.observe(), environment, refused)
        else:
            observation = self._observed(environment.step(call), environment)
        before, self._progress = self._progress, environment.progress
        terminated = environment.reason == SUCCESS
        truncated = bool(environment.reason) and not terminated
        return observation, self._progress - before, terminated, truncated, self._told(environment)

    def close(self) -> None:
        """Nothing is held open."""
        self._environment = None

    # ---- which episode

    def _start_over(self, seed: int) -> None:
        if seed != self._suite_seed:
            self._fresh = make_suite(replace(self._config, seed=seed))
            self._suite_seed = seed
        self._suite = copy.copy(self._fresh)  # a suite remembers the home it opened last; this copy opened none
        self._clock = SimClock()
        self._tasks = {t.id: t for t in self._suite.tasks()}
        self.task_ids = tuple(self._tasks)
        self.task_id = ""
        self._next = 0

    def _chosen(self, task_id: str | None) -> int:
        if task_id is None:
            return self._next % len(self.task_ids)
        if task_id not in self._tasks:
            raise ValueError(f"there is no task {task_id!r}; there are {', '.join(self.task_ids[:5])}, ...")
        return self.task_ids.index(task_id)

    def _open(self, task_id: str) -> HouseholdEnvironment:
        self.task_id = task_id
        environment = self._environment = self._suite.open(self._tasks[task_id], self._clock)
        self._progress = environment.progress
        self._calls, self._running = 0, None
        self._skills = environment.skills()
        if isinstance(environment.body, BenchmarkBody):
            self.action_space = Discrete(len(environment.body.acting.phrases))
        else:
            self.action_space = _embodied_action_space(len(self._skills))
        return environment

    # ---- actions

    def _call(self, action: Any, environment: HouseholdEnvironment) -> SkillCall | None:
        """The call an action stands for: the running one, if it is the same again; None if it stands for none."""
        body = environment.body
        try:
            if isinstance(body, BenchmarkBody):
                number = _index(action, len(body.acting.phrases))
                return SkillCall(self._new_id(), "phrase", (), body.acting.phrases[number])
            skill = self._skills[_index(action["skill"], len(self._skills))]
            label, position_m = str(action["label"]), tuple(float(v) for v in action["position"])
            x_m, y_m, z_m = position_m
        except (IndexError, KeyError, TypeError, ValueError):
            return None
        same = (skill.name, label, position_m)
        running = environment.observe().running_call
        if self._running is not None and running == self._running[1].id and same == self._running[0]:
            return self._running[1]
        place = (x_m, y_m, z_m) if all(map(math.isfinite, position_m)) else None
        call = SkillCall(self._new_id(), skill.name, _targets(skill, Target(label, label, place)))
        self._running = (same, call)
        return call

    def _new_id(self) -> str:
        self._calls += 1
        return f"gym#{self._calls}"

    # ---- what is told

    def _observed(
        self, seen: Observation, environment: HouseholdEnvironment, refused: Outcome | None = None
    ) -> dict[str, Any]:
        pose, outcome = seen.map_from_base, refused or seen.outcome
        return {
            "localised": int(pose is not None),
            "pose": _floats(*pose.position_m[:2], pose.yaw_rad) if pose else _floats(0, 0, 0),
            "camera": _camera(seen) if pose else _floats(0, 0),
            "gripper": GRIPPER[seen.gripper_holds],
            "detections": tuple(map(_detection, seen.detections)),
            "running": int(bool(seen.running_call)),
            "outcome": OUTCOMES.index(outcome.code.value) if outcome else 0,
            "feedback": _plain(outcome.reason) if outcome else "",
        }

    def _told(self, environment: HouseholdEnvironment) -> dict[str, Any]:
        info: dict[str, Any] = {
            "instruction": self._tasks[self.task_id].instruction,
            "feedback": environment.feedback,
            "steps": environment.steps,
            "invalid_actions": environment.invalid_actions,
            "reason": environment.reason,
        }
        if isinstance(environment.body, BenchmarkBody):
            return {**info, "phrases": list(environment.body.acting.phrases)}
        places = {p.id: list(p.position_m) for p in environment.places()}
        return {**info, "skills": [s.name for s in self._skills], "places": places}


# ---------------------------------------------------------------- spaces


def _observation_space() -> Dict:
    detection = Dict(
        label=_text(LABEL_LENGTH, least=1),
        position=_metres(3),
        size=Box(0.0, FAR_M, (3,), np.float32),
        score=Box(0.0, 1.0, (1,), np.float32),
        states=MultiBinary(len(STATES)),
    )
    turn = math.pi + 1e-6
    return Dict(
        localised=Discrete(2),
        pose=Box(_floats(-FAR_M, -FAR_M, -turn), _floats(FAR_M, FAR_M, turn), dtype=np.float32),
        camera=Box(_floats(0, -2), _floats(5, 2), dtype=np.float32),
        gripper=Discrete(len(GRIPPER)),
        detections=Sequence(detection),
        running=Discrete(2),
        outcome=Discrete(len(OUTCOMES)),
        feedback=_text(FEEDBACK_LENGTH),
    )


def _embodied_action_space(skills: int) -> Dict:
    return Dict(skill=Discrete(skills), label=_text(LABEL_LENGTH), position=_metres(3))


def _metres(axes: int) -> Box:
    return Box(-FAR_M, FAR_M, (axes,), np.float32)


def _text(most: int, least: int = 0) -> Text:
    return Text(most, min_length=least, charset=string.printable)


# ---------------------------------------------------------------- records as samples


def _detection(detection: Detection) -> dict[str, Any]:
    return {
        "label": detection.label,
        "position": _floats(*detection.position_m),
        "size": _floats(*detection.size_m),
        "score": _floats(detection.score),
        "states": np.array([s in detection.states for s in STATES], dtype=np.int8),
    }


def _camera(seen: Observation) -> Floats:
    lens = seen.base_from_camera
    height_m = lens.position_m[2]
    ahead_z_m = lens.transform((0.0, 0.0, 1.0))[2] - height_m
    return _floats(height_m, math.asin(max(-1.0, min(1.0, -ahead_z_m))))


def _floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float32)


def _plain(sentence: str) -> str:
    return sentence.encode("ascii", "replace").decode("ascii")[:FEEDBACK_LENGTH]


def _index(number: Any, length: int) -> int:
    """An index as it is meant, never counted from the end."""
    if isinstance(number, bool | str | float) or not 0 <= int(number) < length:
        raise IndexError(number)
    return int(number)


def _targets(skill: Skill, worked_on: Target) -> tuple[Target, ...]:
    """One target for each parameter: the receptacle, if a skill has one, else the first; the hand knows the rest."""
    kinds = [p.kind for p in skill.parameters]
    place = kinds.index("receptacle") if "receptacle" in kinds else 0
    return tuple(worked_on if n == place else Target("") for n in range(len(kinds)))


register_envs()
