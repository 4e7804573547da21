# SPDX-License-Identifier: Apache-2.0
"""What a brain does with what it remembers: counts what helped, rests between episodes, forgets what was erased."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brain_nodes.brain import Brain
from brain_nodes.config import BrainConfig, HippocampusConfig
from memory.encoders import HashEncoder
from memory.lifelong import LifelongMemory
from memory.records import Cue, Hold
from tests.brain_nodes.conftest import MUG_TO_SOFA, START_NS, FakeGrounding
from tests.brain_nodes.diary import COUNTER, FRIDGE, MUG, CountingBackend, Diary
from tests.brain_nodes.fake_body import FakeBody, Solid, small_home


@pytest.fixture
def memory() -> LifelongMemory:
    return LifelongMemory(CountingBackend(lambda: START_NS), robot="robot", encoder=HashEncoder(384))


def live(memory: LifelongMemory, body: FakeBody, session: str = "day-1", **config: object) -> Brain:
    """One episode to its end."""
    mind = Brain(BrainConfig(**config), memory, FakeGrounding(MUG_TO_SOFA))
    mind.begin("put the mug on the sofa", body, session)
    sensed = body.observe()
    for _ in range(60):
        action = mind.step(sensed)
        sensed = body.step(action)
        if isinstance(action, Hold):
            break
    mind.end(sensed.stamp_ns)
    return mind


def uses(memory: LifelongMemory) -> dict[str, int]:
    """By class of thing."""
    known = {one.label: memory.spatial.tally(one.id) for one in memory.spatial.instances("map-0")}
    return {label: tally.uses for label, tally in known.items() if tally}


def test_what_a_success_rested_on_is_counted_as_used_in_the_commit_that_keeps_the_episode(memory):
    home = {**small_home(), "cup": Solid("Cup", (2.5, -0.3, 0.95), "counter")}

    live(memory, FakeBody(home=home))

    counted = uses(memory)
    assert (counted["Mug"], counted["Sofa"], counted["Cup"]) == (1, 1, 0)
    (kept,) = [batch for batch in memory.backend.batches if batch.key == "day-1/end/0"]
    assert {one.id for one in memory.spatial.instances("map-0", "Mug")} <= {t.record_id for t in kept.tallies if t.uses}


def test_the_place_a_thing_was_taken_from_was_of_use_too(memory):
    live(memory, FakeBody())

    facts = [r for batch in memory.backend.batches for r in batch.records if getattr(r, "predicate", "") == "inside"]
    tallies = memory.backend.tallies("robot")
    assert any(one.id in tallies and tallies[one.id].uses for one in facts)


def test_what_ended_in_failure_helped_nobody(memory):
    live(memory, FakeBody(lies=frozenset({"put_down"})))

    assert set(uses(memory).values()) == {0}


def test_a_brain_rests_after_every_episode_and_finds_by_meaning_then(memory):
    mind = live(memory, FakeBody())

    assert mind.rested is not None and mind.rested.done
    assert memory.enrichment.missing() == 0
    assert memory.recall(Cue(text="where is the mug", record_budget=1000), START_NS).nearest > 0.5
    assert memory.waking_hours().spans


def test_a_brain_that_is_told_not_to_rest_does_not(memory):
    mind = live(memory, FakeBody(), hippocampus=HippocampusConfig(rest_records=0))

    assert mind.rested is None
    assert memory.unslept == memory.backend.last_sequence()


def test_two_lives_leave_the_same_log(memory):
    other = LifelongMemory(CountingBackend(lambda: START_NS), robot="robot", encoder=HashEncoder(384))
    for session in ("day-1", "day-2"):
        live(memory, FakeBody(), session)
        live(other, FakeBody(), session)

    assert list(other.backend.changes()) == list(memory.backend.changes())
    assert other.backend.tallies("robot") == memory.backend.tallies("robot")


def test_what_was_erased_is_no_longer_believed_of_the_scene():
    diary = Diary().begin().see(COUNTER, MUG, FRIDGE)
    mug, counter = diary.the("Mug"), diary.the("CounterTop")
    diary.hippocampus.known.near.add(counter.id)

    diary.hippocampus.forget([counter.id])

    assert diary.things("CounterTop") == [] and diary.the("Mug") == mug
    assert not [one for one in diary.scene if counter.id in repr(replace(one, evidence=()))]
