# SPDX-License-Identifier: Apache-2.0
"""What is gone goes, what is hidden stays, and what turns up elsewhere is the same thing."""

from __future__ import annotations

from brain_nodes.config import HippocampusConfig
from memory.geometry import Pose
from memory.records import (
    INSIDE,
    Event,
)
from tests.brain_nodes.conftest import (
    ORIGIN,
    at,
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
    WARDROBE,
    Diary,
)


def test_a_mug_taken_away_is_missing_after_a_clear_look(diary):
    diary.see(COUNTER, MUG).see(COUNTER)

    assert diary.missing("Mug")


def test_as_many_looks_as_configured_make_a_thing_missing():
    diary = Diary(config=HippocampusConfig(misses_until_missing=3)).begin().see(COUNTER, MUG).see(COUNTER).see(COUNTER)
    twice = diary.missing("Mug")

    diary.see(COUNTER)

    assert (twice, diary.missing("Mug")) == (False, True)


def test_looks_in_between_that_show_it_forgive_earlier_misses():
    diary = Diary(config=HippocampusConfig(misses_until_missing=2)).begin().see(MUG)

    diary.see().see(MUG).see()

    assert not diary.missing("Mug")


def test_a_missing_thing_is_not_deleted(diary):
    diary.see(COUNTER, MUG)
    mug_id = diary.the("Mug").id

    diary.see(COUNTER)

    assert diary.memory.spatial.where_was(mug_id, at(diary.second)).position_m == MUG.position_m


def test_an_occluded_mug_is_not_missing(diary):
    diary.see(COUNTER, MUG, robot=Pose.planar(0.5, 0.0, 0.0))
    diary.see(WARDROBE, robot=Pose.planar(-0.4, 0.0, 0.0))
    diary.see(WARDROBE, robot=Pose.planar(-0.3, 0.0, 0.0))
    for _ in range(5):
        diary.see(WARDROBE)

    assert not diary.missing("Mug")


def test_a_dead_camera_makes_nothing_missing(diary):
    diary.see(COUNTER, MUG)
    for _ in range(5):
        diary.see(healthy=False)

    assert not diary.missing("Mug")
    assert not diary.missing("CounterTop")


def test_a_dead_camera_counts_as_no_look(diary):
    diary.see(COUNTER, robot=ASIDE)
    looks = [e for e in diary.scene if isinstance(e, Event)]
    diary.see(healthy=False, robot=ORIGIN)

    assert [e for e in diary.scene if isinstance(e, Event)] == looks == []


def test_what_is_in_a_shut_fridge_is_not_missing(diary):
    inside = percept("Apple", (2.4, 1.45, 0.8))
    diary.see(percept("Fridge", FRIDGE.position_m, states=("open",)), inside)
    for _ in range(5):
        diary.see(FRIDGE)

    assert not diary.missing("Apple")
    assert diary.value(diary.the("Apple").id, INSIDE) == diary.the("Fridge").id


def test_what_is_in_another_room_is_not_missing():
    diary = Diary().begin(places=(KITCHEN, HALL)).see(COUNTER, MUG, robot=Pose.planar(1.1, 0.0, 0.0))
    for _ in range(5):
        diary.see(robot=Pose.planar(0.9, 0.0, 0.0))

    assert not diary.missing("Mug")


def test_what_is_outside_the_image_is_not_missing(diary):
    diary.see(COUNTER, MUG)
    for _ in range(5):
        diary.see(robot=ASIDE)

    assert not diary.missing("Mug")


def test_a_missing_thing_that_turns_up_elsewhere_keeps_its_id(diary):
    diary.see(COUNTER, MUG)
    mug_id = diary.the("Mug").id
    diary.see(COUNTER)

    diary.see(COUNTER, SOFA, FAR_MUG)

    assert diary.the("Mug").id == mug_id
    assert not diary.missing("Mug")
    assert diary.value(mug_id, INSIDE) == diary.the("Sofa").id


def test_a_missing_thing_that_is_back_is_no_longer_missing(diary):
    diary.see(COUNTER, MUG).see(COUNTER).see(COUNTER, MUG)

    assert not diary.missing("Mug")
    assert diary.the("Mug").position_m == MUG.position_m


def test_a_thing_missing_yesterday_is_recognised_today():
    diary = Diary().begin("day-1").see(COUNTER, MUG).see(COUNTER).end("day-1")
    mug_id = diary.the("Mug").id

    diary.begin("day-2").see(COUNTER, SOFA, FAR_MUG)

    assert diary.the("Mug").id == mug_id
    assert not diary.missing("Mug")
