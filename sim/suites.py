# SPDX-License-Identifier: Apache-2.0
"""The suites a run can choose: which episodes there are, and how each world is set up for a mode.

Neighbours: homes.py and home_tasks.py make our own suite, bench_data.py reads EmbodiedBench's; runner.py plays them.
Rules of the file: a suite hands out tasks in order and opens one at a time; in `home` the world lives on between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sim.bench_data import EmbodiedBenchData, EpisodeData, load_data
from sim.embodied_bench import SUITE as EB_ALFRED
from sim.embodied_skills import action_list
from sim.environment import (
    DAY_NS,
    SECOND_NS,
    BenchmarkBody,
    EmbodiedBody,
    HouseholdEnvironment,
    Limits,
    SimClock,
)
from sim.errors import SuiteError
from sim.home_oracle import oracle_calls
from sim.home_tasks import FAMILIES, HomeTask, suite
from sim.homes import begin_episode, dock, live, make_home
from sim.players import Player, ScriptedPlayer, scripted_phrases
from sim.scoring import Judge
from sim.world import World

MODES = ("benchmark", "embodied")
BENCHMARK_LIMITS = Limits(steps=30, invalid_actions=10)
EMBODIED_LIMITS = Limits(steps=50, invalid_actions=10)  # walking and looking take steps of their own
HOUR_NS = 3600 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Task:
    """One episode of a suite, without anything a judge knows."""

    id: str
    suite: str
    subset: str
    day: int
    instruction: str


class Suite(Protocol):
    """Episodes in order."""

    name: str
    limits: Limits

    def tasks(self) -> tuple[Task, ...]:
        """What will be played."""
        ...

    def open(self, task: Task, clock: SimClock) -> HouseholdEnvironment:
        """Set the world up for a task; later tasks in order only.

        Raises:
            EpisodeNotLoaded: it cannot be set up.
        """
        ...

    def oracle(self, task: Task, environment: HouseholdEnvironment) -> Player:
        """A player of the opened task who knows everything."""
        ...


class HomeSuite:
    """Procedural homes, each for two days of five tasks; residents move things at night."""

    name = "home"

    def __init__(self, mode: str, seed: int, episodes: int, subset: str = "") -> None:
        if subset and subset not in FAMILIES:
            raise SuiteError(f"suite 'home' has no subset {subset!r}; there are {', '.join(FAMILIES)}")
        self.mode = mode
        self.limits = BENCHMARK_LIMITS if mode == "benchmark" else EMBODIED_LIMITS
        self._seed = seed
        self._tasks = {t.id: t for t in suite(episodes, seed, subset or None)}
        self._world: World | None = None
        self._home = (-1, 0)
        self._first_ns = 0  # the morning on which this suite began

    def tasks(self) -> tuple[Task, ...]:
        """In the order they are lived through."""
        return tuple(Task(t.id, self.name, t.subset, t.day, t.instruction) for t in self._tasks.values())

    def open(self, task: Task, clock: SimClock) -> HouseholdEnvironment:
        """The next task of the same home, or the first of the next."""
        home_task = self._tasks[task.id]
        world = self._morning(home_task)
        self._first_ns = self._first_ns or clock.now_ns
        clock.at_least(self._first_ns + self._days_gone(home_task) * DAY_NS + home_task.number * HOUR_NS)
        begin_episode(world)
        dock(world)
        body = BenchmarkBody(world, action_list(world)) if self.mode == "benchmark" else EmbodiedBody(world)
        return HouseholdEnvironment(world, body, Judge(home_task.conditions), self.limits, clock)

    def oracle(self, task: Task, environment: HouseholdEnvironment) -> Player:
        """A scripted player with the judge's goal and the true world."""
        return ScriptedPlayer(oracle_calls(environment.world, self._tasks[task.id].conditions, self.mode))

    def _morning(self, task: HomeTask) -> World:
        """The home of the task on its day."""
        seed, day = task.home_seed, task.day
        if self._world is None or self._home[0] != seed:
            self._world, self._home = make_home(seed), (seed, 1)
        while self._home[1] < day:
            self._home = (seed, self._home[1] + 1)
            live(self._world, seed, self._home[1])
        return self._world

    def _days_gone(self, task: HomeTask) -> int:
        return 2 * (task.home_seed - self._seed) + task.day - 1


class EBAlfredSuite:
    """EB-ALFRED's episodes from a data folder; every episode is a scene of its own, set up afresh."""

    name = EB_ALFRED

    def __init__(self, mode: str, folder: Path, episodes: int = 0, subset: str = "") -> None:
        self.mode = mode
        self.limits = BENCHMARK_LIMITS if mode == "benchmark" else EMBODIED_LIMITS
        self._data: EmbodiedBenchData = load_data(folder)
        chosen = self._data.subset(subset) if subset else self._data.episodes
        chosen = chosen[:episodes] if episodes else chosen
        self._episodes: dict[str, EpisodeData] = {e.id: e for e in chosen}
        self._numbers = {e.id: n for n, e in enumerate(chosen, start=1)}

    def tasks(self) -> tuple[Task, ...]:
        """In the order of the file."""
        return tuple(Task(e.id, self.name, e.subset, 0, e.instruction) for e in self._episodes.values())

    def open(self, task: Task, clock: SimClock) -> HouseholdEnvironment:
        """The scene as the episode sets it up."""
        episode = self._episodes[task.id]
        world = self._data.build(episode)
        world.map_revision = f"{self._numbers[task.id]}"  # every episode sets the scene up anew: nothing stays put
        clock.at_least(clock.now_ns + HOUR_NS)
        body = BenchmarkBody(world, self._data.base_actions) if self.mode == "benchmark" else EmbodiedBody(world)
        judge = Judge(self._data.answer(episode).conditions)
        return HouseholdEnvironment(world, body, judge, self.limits, clock)

    def oracle(self, task: Task, environment: HouseholdEnvironment) -> Player:
        """The data's own plan; in embodied mode, the scripted player of the homes."""
        answer = self._data.answer(self._episodes[task.id])
        if self.mode == "benchmark":
            return scripted_phrases(answer.oracle_skills, task.id)
        return ScriptedPlayer(oracle_calls(environment.world, answer.conditions, self.mode))
