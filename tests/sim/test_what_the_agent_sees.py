# SPDX-License-Identifier: Apache-2.0
"""Nothing that only a judge may know crosses into a brain: all that crosses is recorded here and searched.

The real EB-ALFRED is played where its data is (NEURAXIS_EB_DATA, else ../shared/embodiedbench).
"""

from __future__ import annotations

import gzip
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from brain_nodes.brain import Brain
from brain_nodes.cerebellum.body import Body, SkillRun
from brain_nodes.config import BrainConfig
from brain_nodes.prefrontal.grounding import Grounding
from memory.geometry import Pose
from memory.records import Action, Observation, Place, Skill, SkillCall
from sim.bench_data import SUBSETS
from sim.embodied_bench import EBAlfredEnv, load_data
from sim.environment import HouseholdEnvironment, SimClock
from sim.episode import play
from sim.home_tasks import FAMILIES
from sim.players import BrainPlayer
from sim.scoring import Condition
from sim.suites import EBAlfredSuite, HomeSuite, Suite, Task
from sim.trace import Trace
from sim.view import visible

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "what-the-agent-sees.md"
FOLDER = Path(os.environ.get("NEURAXIS_EB_DATA") or ROOT.parent / "shared" / "embodiedbench")
VISIBLE_STATES = {"open", "closed", "on", "off"}

needs_data = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no EmbodiedBench data in {FOLDER} (NEURAXIS_EB_DATA)")


@dataclass
class Crossing:
    """All that was handed to a brain in one episode, and what it answered."""

    given: list[Any] = field(default_factory=list)
    trips: list[tuple[Observation, Action | None]] = field(default_factory=list)  # (seen, the action before it)


class Window:
    """A body with nothing beside what the protocol names; it keeps what it answered."""

    __slots__ = ("_body", "_crossing")

    def __init__(self, body: Body, crossing: Crossing) -> None:
        self._body, self._crossing = body, crossing

    def skills(self) -> tuple[Skill, ...]:
        return self._keep(self._body.skills())

    def places(self) -> tuple[Place, ...]:
        return self._keep(self._body.places())

    def observe(self) -> Observation:
        return self._keep(self._body.observe())

    def start(self, call: SkillCall) -> SkillRun:
        raise AssertionError("a brain sends actions, the loop starts them")

    def stop(self) -> None:
        self._body.stop()

    def _keep(self, answer: Any) -> Any:
        self._crossing.given.append(answer)
        return answer


class WatchedBrain(Brain):
    """A brain whose every input is recorded."""

    def begin(self, instruction: str, body: Body, session: str) -> None:
        self.crossing = Crossing(given=[session])
        self.last: Action | None = None
        self.instruction = instruction
        super().begin(instruction, Window(body, self.crossing), session)

    def step(self, observation: Observation) -> Action:
        self.crossing.given.append(observation)
        self.crossing.trips.append((observation, self.last))
        self.last = super().step(observation)
        return self.last


@dataclass
class Played:
    """One episode: its task, what crossed, every id of its world, and detections of what was not in view."""

    task: Task
    crossing: Crossing
    instruction: str
    ids: set[str]
    unseen: list[str]


def watched(suite: Suite, tasks: Iterable[Task] = ()) -> Iterator[Played]:
    brain = WatchedBrain(BrainConfig(memories=()), None, Grounding.load())
    clock = SimClock()
    for number, task in enumerate(tasks or suite.tasks(), start=1):
        environment = suite.open(task, clock)
        player = Looking(brain, environment)
        play(task, f"episode-{number:04d}", environment, player, Trace({}))
        ids = player.ids | set(environment.world.things)
        yield Played(task, brain.crossing, brain.instruction, ids, player.unseen)


class Looking(BrainPlayer):
    """Plays as the brain does, and compares what is reported with what is truly in view."""

    def __init__(self, brain: Brain, environment: HouseholdEnvironment) -> None:
        super().__init__(brain)
        self._environment = environment
        self.ids = set(environment.world.things)
        self.unseen: list[str] = []

    def act(self, observation: Observation) -> Action | None:
        world = self._environment.world
        map_from_camera = world.robot.map_from_base @ world.robot.base_from_camera
        true = {(t.label, rounded(t.position_m)): t for t in world.things.values()}
        for detection in observation.detections:
            thing = true.get((detection.label, rounded(map_from_camera.transform(detection.position_m))))
            if thing is None or not visible(world, thing, observation.camera):
                self.unseen.append(detection.label)
        return super().act(observation)


def rounded(position_m: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(v, 4) + 0.0 for v in position_m)


@pytest.fixture(scope="module", params=["benchmark", "embodied"])
def at_home(request: pytest.FixtureRequest) -> list[Played]:
    return list(watched(HomeSuite(request.param, seed=4, episodes=6)))


@pytest.fixture(scope="module", params=["benchmark", "embodied"])
def in_eb_alfred(request: pytest.FixtureRequest) -> list[Played]:
    suite = EBAlfredSuite(request.param, FOLDER)
    return list(watched(suite, one_of_each_subset(suite)))


def one_of_each_subset(suite: Suite) -> list[Task]:
    return list({t.subset: t for t in suite.tasks()}.values())


# ---------------------------------------------------------------- what crosses


def leaves(value: Any) -> Iterator[Any]:
    """Every value in it, however deep, itself included."""
    yield value
    if is_dataclass(value):
        inside: Any = [getattr(value, f.name) for f in fields(value)]
    elif isinstance(value, Mapping):
        inside = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        inside = value
    else:
        return
    for part in inside:
        yield from leaves(part)


def texts(played: Played, *, skills: bool = True) -> set[str]:
    """Every string that crossed; what a skill declares can be left out."""
    given = [g for g in played.crossing.given if skills or not _declares(g)]
    return {v.value if isinstance(v, Enum) else v for g in given for v in leaves(g) if isinstance(v, str)}


def _declares(given: Any) -> bool:
    return isinstance(given, tuple) and any(isinstance(g, Skill) for g in given)


def only_records_cross(played: Played) -> None:
    kinds = {type(v) for g in played.crossing.given for v in leaves(g)}
    foreign = {k for k in kinds if not issubclass(k, str | int | float | bytes | tuple | type(None))}
    assert {k.__module__ for k in foreign} <= {"memory.records", "memory.geometry"}, foreign
    assert Observation in kinds and Pose in kinds


def no_id_of_the_world_crosses(played: Played) -> None:
    assert not [t for t in texts(played) if "|" in t or t in played.ids]


def hidden_words_do_not_cross(played: Played, *more: str) -> None:
    """Not the task's id, its subset or the other words, outside the instruction and the skills."""
    words = [played.task.id, played.task.subset, *more]
    crossed = texts(played, skills=False)
    assert not [w for w in words if w and any(re.search(rf"(?<!\w){re.escape(w)}(?!\w)", t) for t in crossed)]


def states_are_visible_ones(played: Played) -> None:
    seen = [o for o in played.crossing.given if isinstance(o, Observation)]
    assert {s for o in seen for d in o.detections for s in d.states} <= VISIBLE_STATES


# ---------------------------------------------------------------- the promises


def test_only_plain_records_reach_the_brain(at_home: list[Played]) -> None:
    for played in at_home:
        only_records_cross(played)
        states_are_visible_ones(played)


def test_no_id_of_the_world_and_no_name_of_the_task_reaches_the_brain(at_home: list[Played]) -> None:
    for played in at_home:
        no_id_of_the_world_crosses(played)
        hidden_words_do_not_cross(played, *FAMILIES)
        assert played.instruction == played.task.instruction


def test_only_what_is_in_view_is_reported(at_home: list[Played]) -> None:
    assert not [p.unseen for p in at_home if p.unseen]
    assert any(o.detections for p in at_home for o, _ in p.crossing.trips)


def test_without_a_pose_the_brain_sees_only_what_a_find_brought_into_view() -> None:
    found = 0
    for played in watched(HomeSuite("benchmark", seed=4, episodes=5)):
        blind_but_for_a_find(played)
        found += sum(bool(o.detections) for o, _ in played.crossing.trips)
        assert not [g for g in played.crossing.given if isinstance(g, tuple) and any(isinstance(x, Place) for x in g)]
    assert found > 5


def blind_but_for_a_find(played: Played) -> None:
    for seen, action in played.crossing.trips:
        assert seen.map_from_base is None and seen.gripper_holds is None and seen.running_call == ""
        looked = isinstance(action, SkillCall) and action.skill == "find"
        assert not seen.detections or (looked and seen.outcome is not None and seen.outcome.succeeded)


@needs_data
def test_nothing_of_an_eb_alfred_answer_reaches_the_brain(in_eb_alfred: list[Played]) -> None:
    raw, data = {e["id"]: e for e in _raw_episodes()}, load_data(FOLDER)
    answers = {e.id: data.answer(e) for e in data.episodes}
    for played in in_eb_alfred:
        expert, answer = raw[played.task.id], answers[played.task.id]
        told = {expert["alfred_desc"], *expert["alfred_steps"], expert["alfred_task"], answer.task_type}
        only_records_cross(played)
        states_are_visible_ones(played)
        no_id_of_the_world_crosses(played)
        hidden_words_do_not_cross(played, *SUBSETS, *(told - {played.instruction}))
        assert not [v for g in played.crossing.given for v in leaves(g) if _holds_run(v, answer.oracle_skills)]
        assert not played.unseen


@needs_data
def test_eb_alfred_shows_a_brain_no_pose_and_no_hand() -> None:
    suite = EBAlfredSuite("benchmark", FOLDER)
    for played in watched(suite, one_of_each_subset(suite)):
        blind_but_for_a_find(played)


@needs_data
def test_the_benchmark_s_own_face_shows_the_same_and_no_more() -> None:
    env = EBAlfredEnv(load_data(FOLDER), "base", [0])
    assert env.reset() == {"detections": ()}
    told = [env.step(phrase)[0] for phrase in ("find a Ladle", "pick up the Ladle", "find a Fridge", "open the Fridge")]
    assert [bool(o["detections"]) for o in told] == [True, False, True, False]
    assert all(set(o) == {"detections"} and "|" not in repr(o) for o in told)
    ladle = next(d for d in told[0]["detections"] if d.label == "Ladle")
    assert ladle.score == 1.0 and ladle.position_m[2] > 0 and math.dist(ladle.position_m, (0, 0, 0)) < 4.0


def test_the_page_lists_the_fields_of_an_observation_and_no_others() -> None:
    section = PAGE.read_text(encoding="utf-8").split("## The fields of an observation")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
    assert listed == [f.name for f in fields(Observation)]


@pytest.mark.parametrize("leak", ["Mug|1", "home-4/day-1/01", "x home-4/day-1/01 y", "place_two", "Condition(kind=1)"])
def test_the_search_finds_what_must_not_cross(leak: str) -> None:
    task = Task("home-4/day-1/01", "home", "place_two", 1, "Put two mugs on the shelf.")
    crossed: Any = Condition("holding", "Mug") if "Condition" in leak else leak
    played = Played(task, Crossing([Observation(sequence=0, stamp_ns=1, running_call=crossed)]), "", {"Mug|1"}, [])
    searches: list[Callable[[Played], Any]] = [
        only_records_cross,
        no_id_of_the_world_crosses,
        hidden_words_do_not_cross,
    ]
    with pytest.raises(AssertionError):
        [search(played) for search in searches]


def _holds_run(value: Any, phrases: tuple[str, ...]) -> bool:
    """Do the phrases stand in it in order, one after the other?"""
    if isinstance(value, str):
        return all(p in value for p in phrases)
    n = len(phrases)
    return isinstance(value, tuple) and any(value[k : k + n] == phrases for k in range(len(value) - n + 1))


def _raw_episodes() -> list[dict[str, Any]]:
    with gzip.open(FOLDER / "eb_alfred_episodes.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]
