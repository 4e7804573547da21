# SPDX-License-Identifier: Apache-2.0
"""All regions together over a fake body: sense, remember, intend, move, and tell what came of it."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path

import pytest

from brain_nodes import config
from brain_nodes.brain import Brain
from brain_nodes.config import BrainConfig, BrainstemConfig, CerebellumConfig
from memory.lifelong import LifelongMemory
from memory.records import Action, Cue, Episode, Goal, Hold, Instance, Observation, Outcome, OutcomeCode, SkillCall
from tests.brain_nodes.conftest import MUG_TO_SOFA, START_NS, FakeGrounding, at, goal, is_
from tests.brain_nodes.diary import CountingBackend
from tests.brain_nodes.fake_body import FakeBody, Solid, small_home

REGIONS = [c for c in vars(config).values() if dataclasses.is_dataclass(c) and c.__module__ == config.__name__]
STEPS = ["go_to", "pick_up", "go_to", "put_down"]


@pytest.fixture
def memory() -> LifelongMemory:
    return LifelongMemory(CountingBackend(lambda: START_NS), robot="robot")


def brain(memory: LifelongMemory | None, *goals: Goal, **more: object) -> Brain:
    return Brain(BrainConfig(**more), memory, FakeGrounding(*(goals or (MUG_TO_SOFA,))))


def play(mind: Brain, body: FakeBody, session: str = "day-1", ticks: int = 60) -> tuple[list[Action], Episode]:
    """An episode, until the brain holds."""
    mind.begin("put the mug on the sofa", body, session)
    actions: list[Action] = []
    sensed: Observation = body.observe()
    for _ in range(ticks):
        actions.append(mind.step(sensed))
        sensed = body.step(actions[-1])
        if isinstance(actions[-1], Hold):
            return actions, mind.end(sensed.stamp_ns)
    raise AssertionError(f"no end after {ticks} ticks: {[getattr(a, 'skill', a) for a in actions]}")


def skills(actions: list[Action]) -> list[str]:
    return [a.skill for a in actions if isinstance(a, SkillCall)]


def test_a_mug_is_brought_to_the_sofa(memory):
    body = FakeBody()

    actions, episode = play(brain(memory), body)

    assert skills(actions) == STEPS
    assert body.home["mug"].inside == "sofa"
    assert (episode.succeeded, episode.reason) == (True, "GOAL_BELIEVED")


def test_the_episode_record_tells_what_was_tried_and_what_came_of_it(memory):
    body = FakeBody(script={"pick_up": ["slipped"]})

    _, episode = play(brain(memory), body)

    assert (episode.id, episode.instruction, episode.goal) == ("day-1", "put the mug on the sofa", "inside(Mug, Sofa)")
    assert episode.valid_from_ns == at(0)
    assert episode.valid_to_ns == at(body.ticks)
    assert len(episode.steps) == len(body.calls)
    assert [line.partition("(")[0] for line in episode.steps] == [c.skill for c in body.calls]
    assert any("pick_up" in line and "slipped" in line for line in episode.steps)


def test_the_episode_is_kept(memory):
    _, episode = play(brain(memory), FakeBody())

    (kept,) = memory.episodic.similar("put the mug on the sofa", k=1)

    assert (kept.id, kept.steps, kept.reason) == (episode.id, episode.steps, episode.reason)


def test_a_lying_gripper_does_not_end_in_success(memory):
    body = FakeBody(lies=frozenset({"pick_up"}))

    _, episode = play(brain(memory), body)

    assert not episode.succeeded
    assert episode.reason


def test_a_thing_put_down_that_is_seen_elsewhere_is_not_delivered(memory):
    body = FakeBody(lies=frozenset({"put_down"}))

    _, episode = play(brain(memory), body)

    assert not episode.succeeded


def test_a_first_task_that_fails_is_no_success_of_the_second(memory):
    both = goal("place_two", is_("inside", "a", "s"), is_("inside", "b", "s"), a="Mug", b="Cup", s="Sofa")
    home = {**small_home(), "cup": Solid("Cup", (2.5, -0.3, 0.95), "counter")}
    body = FakeBody(home=home, script={"pick_up": ["slipped"] * 3})

    _, episode = play(brain(memory, both), body)

    delivered = {n for n in ("mug", "cup") if body.home[n].inside == "sofa"}
    assert episode.succeeded is (delivered == {"mug", "cup"})


def test_a_skill_that_never_ends_does_not_keep_the_episode_from_ending(memory):
    mind = brain(memory, cerebellum=CerebellumConfig(max_ticks=3))

    _, episode = play(mind, FakeBody(hangs=frozenset({"go_to"})), ticks=300)

    assert not episode.succeeded
    assert any("stuck" in line for line in episode.steps)


def test_a_skill_that_hangs_is_not_called_for_ever(memory):
    mind, body = brain(memory, cerebellum=CerebellumConfig(max_ticks=3)), FakeBody(hangs=frozenset({"go_to"}))
    mind.begin("put the mug on the sofa", body, "day-1")
    sensed = body.observe()
    for _ in range(200):
        sensed = body.step(mind.step(sensed))

    assert len({c.id for c in body.calls if c.targets[0].label == "Mug"}) <= 2


@pytest.mark.parametrize("code", [OutcomeCode.SUCCEEDED, OutcomeCode.FAILED])
def test_the_outcome_of_another_call_moves_no_plan(memory, code):
    mind, body = brain(memory), FakeBody(hangs=frozenset({"go_to"}))
    mind.begin("put the mug on the sofa", body, "day-1")
    first = mind.step(body.observe())

    late = dataclasses.replace(body.observe(), stamp_ns=at(1), sequence=1, outcome=Outcome("day-0#7", code, "blocked"))
    second = mind.step(late)

    assert second == first
    assert mind.prefrontal.planner_calls == 1


def test_an_instruction_that_is_not_understood_moves_nothing(memory):
    mind = Brain(BrainConfig(), memory, FakeGrounding())

    actions, episode = play(mind, FakeBody())

    assert skills(actions) == []
    assert (episode.succeeded, episode.reason) == (False, "NOT_UNDERSTOOD")


def test_an_episode_that_is_cut_short_says_so(memory):
    mind, body = brain(memory), FakeBody()
    mind.begin("put the mug on the sofa", body, "day-1")
    mind.step(body.observe())

    episode = mind.end(at(1))

    assert (episode.succeeded, episode.reason) == (False, "LIMIT")


def test_a_brain_without_memory_does_the_same_on_its_first_day(memory):
    assert skills(play(brain(None), FakeBody())[0]) == skills(play(brain(memory), FakeBody())[0])


def test_what_was_seen_yesterday_is_gone_to_today(memory):
    mind = brain(memory)
    play(mind, FakeBody())
    blindfolded = FakeBody(home={})

    mind.begin("put the mug on the sofa", blindfolded, "day-2")
    mind.step(blindfolded.observe())

    assert [i.label for i in memory.spatial.instances("map-0", "Mug")] == ["Mug"]
    assert mind.plan.reason == "GOAL_BELIEVED"


def test_a_run_repeats_exactly():
    def run() -> tuple[list[Action], Episode, list[object]]:
        store = CountingBackend(lambda: START_NS)
        mind = Brain(BrainConfig(), LifelongMemory(store, robot="robot"), FakeGrounding(MUG_TO_SOFA))
        return (*play(mind, FakeBody(script={"pick_up": ["slipped"]})), list(store.changes()))

    assert run() == run()


def test_one_step_is_at_most_one_commit(memory):
    mind, body = brain(memory), FakeBody()
    mind.begin("put the mug on the sofa", body, "day-1")
    sensed = body.observe()
    for _ in range(4):
        before = len(memory.backend.batches)
        action = mind.step(sensed)
        assert len(memory.backend.batches) - before <= 1
        sensed = body.step(action)


def test_a_stopped_brain_goes_on_seeing_and_remembering(memory):
    mind, body = brain(memory), FakeBody(home={})
    mind.begin("put the mug on the sofa", body, "day-1")
    mind.brainstem.stop("button")
    rows = memory.backend.counts().records
    body.home = small_home()

    action = mind.step(body.observe())

    assert action == Hold(at(0), "button")
    assert memory.backend.counts().records > rows
    assert memory.recall(Cue(label="Mug", deadline_s=30), at(0)).recollections


def test_what_a_call_ended_with_during_a_stop_is_remembered(memory):
    mind, body = brain(memory), FakeBody()
    mind.begin("put the mug on the sofa", body, "day-1")
    sensed = body.step(mind.step(body.observe()))
    mind.brainstem.stop("button")

    mind.step(sensed)

    assert mind.end(sensed.stamp_ns).steps[0].startswith("go_to(")
    assert memory.temporal.last(name="go_to") is not None


def test_a_brain_that_was_stopped_reaches_its_goal_after_resume(memory):
    mind, body = brain(memory), FakeBody()
    mind.begin("put the mug on the sofa", body, "day-1")
    sensed, held = body.observe(), 0
    for tick in range(60):
        if tick == 2:
            mind.brainstem.stop("button")
        if tick == 5:
            assert mind.brainstem.resume()
        action = mind.step(sensed)
        held += action == Hold(sensed.stamp_ns, "button")
        sensed = body.step(action)
        if mind.plan.reason:
            break

    assert held == 3
    assert mind.plan.reason == "GOAL_BELIEVED"
    assert body.home["mug"].inside == "sofa"


def test_a_forbidden_skill_never_reaches_the_body(memory):
    mind, body = brain(memory, brainstem=BrainstemConfig(forbidden_skills=("pick_up",))), FakeBody()
    mind.begin("put the mug on the sofa", body, "day-1")
    sensed = body.observe()
    for _ in range(20):
        sensed = body.step(mind.step(sensed))

    assert "pick_up" not in {c.skill for c in body.calls}


def test_a_trip_can_be_looked_at_from_inside(memory):
    mind, body = brain(memory), FakeBody()
    mind.begin("put the mug on the sofa", body, "day-1")

    action = mind.step(body.observe())

    assert mind.trip.action == action
    assert {p.label for p in mind.trip.percepts.seen} >= {"Mug", "CounterTop"}


def test_two_episodes_have_no_call_in_common(memory):
    mind, body = brain(memory), FakeBody()
    play(mind, body, "day-1")
    body.home["mug"] = small_home()["mug"]
    body.outcome = None
    play(mind, body, "day-2")

    ids = [c.id for c in body.calls]
    assert len(ids) == len(set(ids))


def test_things_keep_their_ids_from_day_to_day(memory):
    mind = brain(memory)
    play(mind, FakeBody(), "day-1")
    ids = {i.id for i in memory.spatial.instances("map-0")}
    moved = FakeBody()
    moved.home["mug"] = dataclasses.replace(moved.home["sofa"], label="Mug", position_m=(3.5, 2.8, 0.65), inside="sofa")

    play(mind, moved, "day-2")

    assert {i.id for i in memory.spatial.instances("map-0") if isinstance(i, Instance)} == ids


def test_the_brain_reads_in_one_screen():
    assert len(Path(inspect.getfile(Brain)).read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.parametrize("name", ["olfactory", "Spatial", ""])
def test_an_unknown_memory_is_named(name):
    with pytest.raises(ValueError, match=repr(name)):
        BrainConfig(memories=("spatial", name))


@pytest.mark.parametrize("region", REGIONS, ids=lambda c: c.__name__)
def test_everything_that_can_be_told_from_outside_is_explained(region):
    told = [f for f in dataclasses.fields(region) if not dataclasses.is_dataclass(f.default_factory)]

    assert [f.name for f in told if len(f.metadata.get("help", "")) < 10] == []


@pytest.mark.parametrize("region", REGIONS, ids=lambda c: c.__name__)
def test_a_configuration_is_never_changed(region):
    first = dataclasses.fields(region)[0].name

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(region(), first, None)
