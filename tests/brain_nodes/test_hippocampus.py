# SPDX-License-Identifier: Apache-2.0
"""What lasts: each memory gets its part in one commit a step, and the next day begins with it."""

from __future__ import annotations

import itertools

import pytest

from memory.geometry import Pose
from memory.lifelong import MEMORIES
from memory.records import (
    INSIDE,
    Cue,
    Episode,
    Event,
    Instance,
    Lesson,
    Place,
    Record,
    Relation,
    Status,
)
from tests.brain_nodes.conftest import (
    facing,
    is_,
    not_,
    percept,
)
from tests.brain_nodes.diary import (
    ASIDE,
    COUNTER,
    FAR_MUG,
    FRIDGE,
    HALL,
    KITCHEN,
    MUG,
    SOFA,
    Diary,
    claimed,
    picked_up,
    put_down,
    target,
)


def a_full_day(memories: tuple[str, ...] | None) -> Diary:
    """Everything that any memory keeps: things, places, doors, holding, moves, failures, words, lessons, an episode."""
    diary = Diary(memories).begin(places=(KITCHEN, HALL), robot=Pose.planar(1.1, 0.0, 0.0))
    diary.see(COUNTER, MUG, FRIDGE, SOFA)
    mug, sofa = diary.the("Mug"), diary.the("Sofa")
    diary.see(COUNTER, MUG, SOFA, result=picked_up(mug, works=False, reason="slipped"))
    diary.see(COUNTER, SOFA, result=picked_up(mug), gripper_holds=True)
    diary.see(
        COUNTER,
        SOFA,
        result=put_down(
            mug,
            sofa,
        ),
        gripper_holds=False,
    )
    diary.see(COUNTER, SOFA, FAR_MUG, result=claimed("wash", target(mug), expects=(is_("clean", mug.id),)))
    return diary.see(COUNTER, SOFA).end()


def of_memory(record: Record) -> str:
    if isinstance(record, Relation):
        return "semantic" if record.predicate in ("cleanliness", "temperature", "sliced") else "spatial"
    kinds = {Instance: "spatial", Place: "spatial", Event: "temporal", Episode: "episodic", Lesson: "semantic"}
    return kinds[type(record)]


def content(record: Record) -> tuple[object, ...]:
    return (record.kind, record.id, record.version, record.valid_from_ns, record.valid_to_ns, record.source)


def test_a_full_day_reaches_every_memory():
    assert {of_memory(r) for r in a_full_day(MEMORIES).rows} == set(MEMORIES)


@pytest.mark.parametrize("left_out", MEMORIES)
def test_an_arm_without_a_memory_writes_nothing_of_it_and_everything_else(left_out):
    kept = tuple(m for m in MEMORIES if m != left_out)
    full, arm = a_full_day(MEMORIES), a_full_day(kept)

    assert {content(r) for r in arm.rows} == {content(r) for r in full.rows if of_memory(r) != left_out}


@pytest.mark.parametrize("kept", [(), *itertools.combinations(MEMORIES, 1), *itertools.combinations(MEMORIES, 2)])
def test_every_arm_believes_the_same_within_one_episode(kept):
    assert a_full_day(kept).scene == a_full_day(MEMORIES).scene


def test_without_a_memory_nothing_is_written_and_nothing_recalled():
    diary = a_full_day(None)

    assert diary.rows == []
    assert diary.hippocampus.recall(Cue(text="mug")).status is Status.NONE
    assert diary.the("Mug").position_m == FAR_MUG.position_m


def test_one_step_is_one_commit(diary):
    before = len(diary.backend.batches)
    diary.see(COUNTER, MUG, SOFA, FRIDGE)
    diary.see(COUNTER, result=picked_up(diary.the("Mug"), works=False, reason="The CounterTop is full"))

    assert len(diary.backend.batches) == before + 2


def test_each_commit_of_a_day_has_a_key_of_its_own():
    keys = [batch.key for batch in a_full_day(MEMORIES).backend.batches]

    assert "" not in keys
    assert len(set(keys)) == len(keys)


def test_what_was_seen_this_step_is_recalled_at_once(diary):
    diary.see(COUNTER, MUG)

    found = diary.hippocampus.recall(Cue(label="Mug", map_id="map-0"))

    assert diary.the("Mug").id in [r.record.id for r in found.recollections]


def test_an_episode_is_kept_when_it_ends(diary):
    diary.see(COUNTER, MUG).end("day-1")

    assert [e.id for e in diary.memory.episodic.similar("bring the mug", k=5)] == ["day-1"]


def test_where_the_wanted_class_was_met_becomes_a_lesson():
    diary = Diary().begin(places=(KITCHEN,), robot=Pose.planar(1.1, 0, 0)).see(COUNTER, MUG, SOFA).end(wanted=("Mug",))

    lessons = {(one.scope, one.subject, one.value) for one in diary.memory.semantic.lessons()}

    assert lessons == {("where", "Mug", diary.the("CounterTop").id), ("where_room", "Mug", "kitchen")}


def test_what_is_missing_teaches_nothing_of_where_things_are(diary):
    diary.see(COUNTER, MUG).see(COUNTER).end(wanted=("Mug",))

    assert diary.memory.semantic.lessons(scope="where") == []


def test_a_failure_becomes_a_lesson_about_the_skill(diary):
    diary.see(COUNTER, MUG).see(COUNTER, MUG, result=picked_up(diary.the("Mug"), works=False, reason="slipped"))

    (learned,) = diary.memory.semantic.lessons(scope="skill")

    assert (learned.value, learned.successes, learned.failures) == ("slipped", 0, 1)


def test_the_working_set_ends_with_the_episode():
    diary = Diary(memories=None).begin("day-1").see(COUNTER, MUG).end("day-1")

    diary.begin("day-2")

    assert diary.scene == []


def test_what_was_held_or_near_yesterday_is_not_so_today(diary):
    diary.see(COUNTER, MUG)
    near = claimed("go_to", target(diary.the("Mug")), expects=(is_("near", diary.the("Mug").id),))
    diary.see(COUNTER, MUG, result=near).see(COUNTER, result=picked_up(diary.the("Mug")), gripper_holds=True).end()

    diary.begin("day-2")

    assert not [r for r in diary.scene if isinstance(r, Relation) and r.predicate in ("near", "held_by")]


def test_the_next_day_begins_with_what_spatial_memory_holds():
    diary = Diary().begin("day-1").see(COUNTER, MUG).end("day-1")
    mug = diary.the("Mug")

    diary.begin("day-2")

    assert diary.the("Mug").id == mug.id
    assert diary.value(mug.id, INSIDE) == diary.the("CounterTop").id


def test_without_spatial_memory_the_next_day_begins_with_nothing_placed():
    diary = Diary(tuple(m for m in MEMORIES if m != "spatial")).begin("day-1").see(COUNTER, MUG).end("day-1")

    diary.begin("day-2")

    assert [r for r in diary.scene if isinstance(r, Instance | Relation)] == []


@pytest.mark.parametrize("other", [{"map_id": "map-1"}, {"map_revision": "1"}])
def test_things_of_another_map_are_not_believed_here(other):
    diary = Diary().begin("day-1").see(COUNTER, MUG).end("day-1")

    diary.begin("day-2", **other)

    found = diary.hippocampus.recall(Cue(map_id=other.get("map_id", "map-0"), k=0))
    assert [r for r in found.recollections if isinstance(r.record, Instance)] == []


def test_another_robots_things_are_not_believed():
    mine = Diary(robot="mine").begin().see(COUNTER, MUG).end()

    yours = Diary(robot="yours", backend=mine.backend).begin()

    assert yours.scene == []
    assert yours.hippocampus.recall(Cue(label="Mug")).status is Status.NONE


def test_a_place_looked_over_is_noted_once_an_episode(diary):
    for _ in range(5):
        diary.see(COUNTER, MUG)

    looked = [e.place_id for e in diary.memory.temporal.events(name="looked")]
    assert looked.count(diary.the("CounterTop").id) == 1
    assert len(looked) == len(set(looked))


def test_a_place_looked_over_yesterday_counts_as_a_look_again_today(diary):
    diary.see(COUNTER).end("day-1").begin("day-2").see(COUNTER)

    assert len(diary.memory.temporal.events(name="looked")) == 2


def test_a_look_from_a_step_counts(diary):
    diary.see(COUNTER, SOFA, robot=facing(COUNTER.position_m, 5.0))
    counter = diary.the("CounterTop")

    diary.see(robot=ASIDE, result=claimed("go_to", target(counter), expects=(is_("looked", counter.id),)))

    assert counter.id in {e.place_id for e in diary.scene if isinstance(e, Event)}


def test_a_thing_found_open_again_is_a_change_with_a_history(diary):
    opened = percept("Fridge", FRIDGE.position_m, states=("open",))
    diary.see(FRIDGE).see(opened)
    fridge = diary.the("Fridge")

    history = [(r.object, r.valid_to_ns is None) for r in diary.rows
               if isinstance(r, Relation) and r.predicate == "door" and r.retired_ns is None]  # fmt: skip

    assert diary.value(fridge.id, "door") == "open"
    assert sorted(history) == [("closed", False), ("open", True)]


def test_taking_the_last_thing_out_leaves_no_support_behind(diary):
    diary.see(COUNTER, MUG)
    mug, counter = diary.the("Mug"), diary.the("CounterTop")

    diary.see(
        COUNTER,
        result=picked_up(
            mug,
            counter.id,
        ),
        gripper_holds=True,
    )

    assert diary.memory.spatial.contents(counter.id) == []


def test_a_cleaned_thing_that_is_used_again_is_no_longer_clean(diary):
    diary.see(COUNTER, MUG)
    mug = diary.the("Mug")
    diary.see(COUNTER, MUG, result=claimed("wash", target(mug), expects=(is_("clean", mug.id),)))

    diary.see(COUNTER, MUG, result=claimed("soil", target(mug), expects=(not_("clean", mug.id),)))

    assert diary.value(mug.id, "cleanliness") == ""
