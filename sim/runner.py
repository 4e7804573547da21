# SPDX-License-Identifier: Apache-2.0
"""A run: a suite, a memory arm and a player, played through, with all it leaves behind in one folder.

Neighbours: suites.py gives the episodes, episode.py plays one, results.py has the figures, cli.py asks for runs.
Rules of the file: what is wrong with a request is found before anything is written; a file appears whole or not at
all; an episode that cannot be set up is a failed episode with its reason.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from brain_nodes.brain import Brain
from brain_nodes.config import MEMORIES, BrainConfig, unknown_memories
from brain_nodes.prefrontal.grounding import Grounding
from memory.encoders import Encoder, load_encoder
from memory.lifelong import LifelongMemory
from sim.brains import AnyBrain
from sim.environment import DAY_NS, FIRST_MORNING_NS, HouseholdEnvironment, SimClock
from sim.episode import play
from sim.errors import EpisodeNotLoaded, SuiteError
from sim.players import BrainPlayer, Player, random_player
from sim.scoring import EpisodeResult, not_loaded
from sim.suites import MODES, EBAlfredSuite, HomeSuite, Suite, Task
from sim.trace import Trace, as_line, floor_plan, write_whole

SUITES = ("home", "eb-alfred")
PLANNERS = ("symbolic", "oracle", "random")
ARMS = ("full", "none", *(f"no-{m}" for m in MEMORIES))
STORE = "memory.sqlite3"
LOCKSTEP_BUDGET = 2000  # records a memory may examine for one cue
RESULTS = "results.json"

Progress = Callable[[int, int, EpisodeResult], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What a run was asked to be; all of it is in the config hash.

    Attributes:
        episodes: How many; 0 = all of the suite (home: ten).
        memory: One of ARMS, or names of memories with commas between, also of other packages'.
        store: URL of the store; "" = a fresh one in the run's folder.
    """

    suite: str = "home"
    data: str = ""
    subset: str = ""
    episodes: int = 0
    mode: str = "benchmark"
    memory: str = "full"
    planner: str = "symbolic"
    store: str = ""
    continue_: bool = False
    seed: int = 0
    brain: BrainConfig = field(default_factory=BrainConfig)

    def __post_init__(self) -> None:
        for name, value, known in (
            ("suite", self.suite, SUITES), ("mode", self.mode, MODES),
            ("planner", self.planner, PLANNERS),
        ):  # fmt: skip
            if value not in known:
                raise SuiteError(f"{name} {value!r} is not one of {', '.join(known)}")
        if self.memory not in ARMS and (unknown := unknown_memories(self.memory.split(","))):
            raise SuiteError(f"memory {unknown[0]!r} is none of {', '.join((*ARMS, *MEMORIES))}, and not installed")
        if self.episodes < 0:
            raise SuiteError(f"episodes is {self.episodes}, it must not be negative")

    @property
    def memories(self) -> tuple[str, ...]:
        """Which memories this arm has."""
        if self.memory == "none" or self.planner != "symbolic":
            return ()
        if self.memory not in ARMS:
            return tuple(self.memory.split(","))
        return tuple(m for m in MEMORIES if self.memory != f"no-{m}")


@dataclass(frozen=True, slots=True)
class Left:
    """What a run leaves in its store, and what rest has not come to.

    Attributes:
        unslept: Log entries that no sleep has looked at, those of the last one among them.
        unembedded: Records that the encoder has something to say of and has not; 0 without an encoder.
    """

    records: int
    vectors: int
    unslept: int
    unembedded: int


@dataclass(frozen=True, slots=True)
class Run:
    """What was played.

    Attributes:
        left: The store at the end; None for an arm without memories.
    """

    config: RunConfig
    results: tuple[EpisodeResult, ...]
    began_with: int
    limit_steps: int
    left: Left | None = None


def make_suite(config: RunConfig) -> Suite:
    """The suite a run asks for.

    Raises:
        SuiteError: unknown subset, missing or broken data.
    """
    if config.suite == "home":
        return HomeSuite(config.mode, config.seed, config.episodes or 10, config.subset)
    if not config.data:
        raise SuiteError("suite 'eb-alfred' needs --data: the folder that holds eb_alfred_episodes.jsonl.gz")
    return EBAlfredSuite(config.mode, Path(config.data), config.episodes, config.subset)


def check_folder(out: Path) -> None:
    """Refuse a folder that holds something other than an earlier run; nothing is changed.

    Raises:
        SuiteError: it does, or it is no folder.
    """
    if out.exists() and not out.is_dir():
        raise SuiteError(f"{out} is not a folder")
    earlier = (out / RESULTS).exists() or (out / "traces").is_dir()
    if out.is_dir() and any(out.iterdir()) and not earlier:
        raise SuiteError(f"{out} is not empty and no earlier run: give --out another folder")


def prepare_folder(out: Path) -> None:
    """An empty folder for a run; an earlier run's folder is emptied, anything else is left alone.

    Raises:
        SuiteError: it cannot be made, or holds something that is no run.
    """
    check_folder(out)
    try:
        if out.is_dir():
            shutil.rmtree(out)
        (out / "traces").mkdir(parents=True, exist_ok=True)
        (out / "maps").mkdir(exist_ok=True)
    except OSError as error:
        raise SuiteError(f"cannot write to {out}: {error.strerror}") from error


def play_run(config: RunConfig, suite: Suite, out: Path, progress: Progress) -> Run:
    """Play every task of the suite; the folder is prepared here, once a store that was asked for is open.

    Raises:
        StoreError: the store cannot be opened, or holds records and was not to be continued, or the encoder is not
            installed.
        SuiteError: the folder cannot be used.
    """
    clock, encoder = SimClock(), encoder_of(config)
    keep_apart(config.store, out)
    memory = open_memory(config, config.store, clock, encoder) if config.store else None
    try:
        prepare_folder(out)
        memory = memory or open_memory(config, f"sqlite:///{(out / STORE).resolve()}", clock, encoder)
        number_before = go_on_after(memory, clock)
        arm = in_lockstep(dataclasses.replace(config.brain, memories=config.memories))
        brain = Brain(arm, memory, Grounding.load()) if config.planner == "symbolic" else None
        tasks = suite.tasks()
        results = []
        for number, task in enumerate(tasks, start=1):
            session = f"episode-{number_before + number:04d}"
            results.append(play_one(config, suite, task, session, clock, brain, out))
            progress(number, len(tasks), results[-1])
        if memory is not None:
            memory.export(out / "memory.jsonl")
        began_with = memory.began_with if memory else 0
        return Run(config, tuple(results), began_with, suite.limits.steps, left_in(memory))
    finally:
        if memory is not None:
            memory.close()


def in_lockstep(brain: BrainConfig) -> BrainConfig:
    """Deadlines count work, not time, so that a run repeats exactly."""
    budget = brain.hippocampus.recall_record_budget or LOCKSTEP_BUDGET
    hippocampus = dataclasses.replace(brain.hippocampus, recall_record_budget=budget)
    return dataclasses.replace(brain, hippocampus=hippocampus)


def encoder_of(config: RunConfig) -> Encoder | None:
    """What the run finds by meaning with; None for an arm without memories, or without an encoder.

    Raises:
        SuiteError: no encoder has the name.
        StoreError: it is not installed.
    """
    name = config.brain.hippocampus.encoder if config.memories else ""
    try:
        return load_encoder(name)
    except ValueError as error:
        raise SuiteError(f"encoder: {error}") from error


def open_memory(config: RunConfig, url: str, clock: SimClock, encoder: Encoder | None = None) -> LifelongMemory | None:
    """The memories of the arm over the store; None for an arm without any.

    Raises:
        SuiteError: the URL names no store.
        StoreError: it cannot be opened, or holds records and was not to be continued.
    """
    if not config.memories:
        return None
    try:
        return LifelongMemory.open(
            url, robot=config.brain.robot, memories=config.memories, clock=clock, continue_=config.continue_,
            encoder=encoder,
        )  # fmt: skip
    except ValueError as error:
        raise SuiteError(f"store {url!r}: {error}") from error


def left_in(memory: LifelongMemory | None) -> Left | None:
    """What the run's store holds; None for an arm without memories."""
    if memory is None:
        return None
    counts = memory.backend.counts()
    unembedded = memory.enrichment.missing() if memory.enrichment else 0
    return Left(counts.records, counts.vectors, memory.unslept, unembedded)


def keep_apart(store: str, out: Path) -> None:
    """Refuse a store inside the run folder, which is emptied for the run."""
    path = Path(store.removeprefix("sqlite:///")).resolve()
    if store.startswith("sqlite:///") and out.resolve() in path.parents:
        raise SuiteError(
            f"store {store!r} lies in the run folder {out}, which is emptied first: give --out another one"
        )


def go_on_after(memory: LifelongMemory | None, clock: SimClock) -> int:
    """Set the clock to the morning after a continued store's last record; how many names of episodes are taken."""
    if memory is None or not memory.began_with:
        return 0
    last = memory.backend.last_sequence()
    for record in memory.backend.changes(last - 1):
        days = (record.recorded_ns - FIRST_MORNING_NS) // DAY_NS + 1
        clock.at_least(FIRST_MORNING_NS + days * DAY_NS)
    return last


def play_one(
    config: RunConfig, suite: Suite, task: Task, session: str, clock: SimClock, brain: AnyBrain | None, out: Path
) -> EpisodeResult:
    """Set a task up, play it, leave its trace; a task that cannot be set up is a failed one."""
    try:
        environment = suite.open(task, clock)
    except EpisodeNotLoaded:
        return not_loaded(task.id, task.suite, task.subset, task.instruction)
    trace = Trace(
        {"id": task.id, "session": session, "suite": task.suite, "mode": config.mode, "day": task.day,
         "map_id": environment.world.map_id, "instruction": task.instruction, "memory": config.memory,
         "planner": config.planner}
    )  # fmt: skip
    player = _player(config, suite, task, environment, brain, session)
    result = play(task, session, environment, player, trace)
    trace.end(_as_json(result), environment, brain)
    write_whole(out / "traces" / f"{task.id.replace('/', '_')}.jsonl", trace.lines)
    plan_file = out / "maps" / f"{environment.world.map_id}.json"
    if not plan_file.exists():
        write_whole(plan_file, [as_line(floor_plan(environment.world))])
    return result


def _player(
    config: RunConfig, suite: Suite, task: Task, environment: HouseholdEnvironment, brain: AnyBrain | None, session: str
) -> Player:
    if brain is not None:
        return BrainPlayer(brain)
    if config.planner == "oracle":
        return suite.oracle(task, environment)
    return random_player(config.seed, environment, session)


def _as_json(result: EpisodeResult) -> dict[str, object]:
    return dataclasses.asdict(result)
