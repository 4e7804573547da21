# SPDX-License-Identifier: Apache-2.0
"""Which is which: things keep their ids, images are never merged, and a replay is equal row by row."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from memory.records import (
    Record,
)
from tests.brain_nodes.conftest import (
    at,
    percept,
)
from tests.brain_nodes.diary import (
    COUNTER,
    CUP_LIKE_IT,
    FAR_MUG,
    FRIDGE,
    KITCHEN,
    MUG,
    SOFA,
    Diary,
    claimed,
)


def test_two_mugs_in_one_image_are_two_though_they_stand_close(diary):
    diary.see(COUNTER, MUG, CUP_LIKE_IT)

    assert len({m.id for m in diary.things("Mug")}) == 2


def test_two_mugs_closer_than_the_merge_radius_are_still_two(diary):
    diary.see(MUG, percept("Mug", (2.4, 0.2, 0.95)))
    diary.see(MUG, percept("Mug", (2.4, 0.2, 0.95)))

    assert len(diary.things("Mug")) == 2


def test_the_same_mug_seen_again_keeps_its_id_and_adds_no_record(diary):
    diary.see(COUNTER, MUG)
    mug_id, rows = diary.the("Mug").id, len(diary.rows)

    for _ in range(20):
        diary.see(COUNTER, percept("Mug", (2.41, 0.29, 0.95)))

    assert diary.the("Mug").id == mug_id
    assert len(diary.rows) == rows


def test_a_thing_is_counted_once_for_each_image_it_was_in(diary):
    for _ in range(5):
        diary.see(COUNTER, MUG)

    tally = diary.memory.spatial.tally(diary.the("Mug").id)

    assert (tally.sightings, tally.last_seen_ns) == (5, at(diary.second))


def test_a_parked_robot_does_not_grow_its_store(diary):
    diary.see(COUNTER, MUG, FRIDGE, SOFA).see(COUNTER, MUG, FRIDGE, SOFA)
    rows = len(diary.rows)

    for _ in range(100):
        diary.see(COUNTER, MUG, FRIDGE, SOFA)

    assert len(diary.rows) == rows


def test_a_replay_gives_the_same_rows():
    def day() -> list[Record]:
        diary = Diary().begin(places=(KITCHEN,)).see(COUNTER, MUG, CUP_LIKE_IT).see(COUNTER)
        return diary.see(COUNTER, FAR_MUG, SOFA, result=claimed("go_to", reason="blocked", works=False)).end().rows

    assert day() == day()


spots = st.tuples(st.integers(8, 28), st.integers(-8, 8)).map(lambda t: (t[0] / 10, t[1] / 10, 0.9))
images = st.lists(st.builds(percept, st.sampled_from(["Mug", "Bowl"]), spots), max_size=4)


@settings(max_examples=40)
@given(st.lists(images, max_size=5))
def test_any_day_is_replayed_row_by_row_and_its_images_are_never_merged(day):
    def lived() -> Diary:
        diary = Diary().begin()
        for image in day:
            diary.see(*image)
        return diary.end()

    first, again = lived(), lived()

    assert first.rows == again.rows
    for label in ("Mug", "Bowl"):
        assert len(first.things(label)) >= max((sum(p.label == label for p in image) for image in day), default=0)


def test_the_order_of_one_image_gives_no_thing_another_id():
    forwards = Diary().begin().see(MUG, CUP_LIKE_IT).things("Mug")
    backwards = Diary().begin().see(CUP_LIKE_IT, MUG).things("Mug")

    assert [(m.id, m.position_m) for m in forwards] == [(m.id, m.position_m) for m in backwards]


def test_ids_and_names_outlast_a_restart_and_the_order_of_visits():
    diary = Diary().begin("day-1").see(MUG).see(MUG, CUP_LIKE_IT).end("day-1")
    first_day = [(m.id, m.alias) for m in diary.things("Mug")]

    diary.begin("day-2").see(CUP_LIKE_IT).see(CUP_LIKE_IT, MUG)

    assert [(m.id, m.alias) for m in diary.things("Mug")] == first_day


def test_aliases_of_a_class_differ(diary):
    diary.see(MUG, CUP_LIKE_IT, SOFA)

    assert sorted(m.alias for m in diary.things("Mug")) == ["Mug 1", "Mug 2"]


def test_a_mug_that_moved_is_a_new_version_with_its_history(diary):
    diary.see(MUG)
    mug_id, seen_ns = diary.the("Mug").id, at(diary.second)
    diary.see()
    diary.see(FAR_MUG)

    assert diary.the("Mug").id == mug_id
    assert diary.the("Mug").position_m == FAR_MUG.position_m
    assert diary.memory.spatial.where_was(mug_id, seen_ns).position_m == MUG.position_m
    assert diary.memory.spatial.where_was(mug_id, at(diary.second)).position_m == FAR_MUG.position_m


def test_two_mugs_that_change_places_stay_the_same_two(diary):
    diary.see(MUG, FAR_MUG)
    before = {m.id for m in diary.things("Mug")}

    diary.see(FAR_MUG, MUG)

    assert {m.id for m in diary.things("Mug")} == before


def test_one_more_mug_is_a_third(diary):
    diary.see(MUG, FAR_MUG)
    diary.see(MUG, FAR_MUG, CUP_LIKE_IT)

    assert len(diary.things("Mug")) == 3


def test_what_was_seen_while_lost_is_placed_nowhere(diary):
    diary.lost(percept("Mug", (0.0, 0.0, 2.0), frame_id="camera_optical"))

    assert diary.things("Mug") == []
