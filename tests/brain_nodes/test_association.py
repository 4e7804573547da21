# SPDX-License-Identifier: Apache-2.0
"""Which percept is which instance: two in one image are two, and nothing is anything of another class."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brain_nodes.hippocampus.association import associate
from brain_nodes.hippocampus.working_set import WorkingSet
from memory.records import Instance, Percept
from tests.brain_nodes.conftest import instance, percept, percepts, relation

RADIUS_M, MARGIN_M = 0.25, 0.12
MUG = instance("mug-1", "Mug", (2.0, 0.0, 0.9))


def believed(*things: Instance) -> WorkingSet:
    known = WorkingSet(map_id="map-0", map_revision="0")
    for thing in things:
        known.add(thing)
    return known


def matched(known: WorkingSet, *seen: Percept) -> list[str]:
    return [i for _, i in associate(percepts(*seen), known, RADIUS_M, MARGIN_M)]


def test_a_thing_seen_near_its_place_is_that_thing():
    assert matched(believed(MUG), percept("Mug", (2.0, 0.2, 0.9))) == ["mug-1"]


def test_a_thing_seen_elsewhere_is_a_new_one_while_the_old_one_may_still_be_there():
    assert matched(believed(MUG), percept("Mug", (2.0, 2.0, 0.9))) == [""]


def test_another_class_is_never_the_same_thing():
    assert matched(believed(MUG), percept("Cup", (2.0, 0.0, 0.9))) == [""]


def test_two_in_one_image_are_two_though_both_are_near():
    assert sorted(matched(believed(MUG), percept("Mug", (2.0, 0.1, 0.9)), percept("Mug", (2.0, -0.1, 0.9)))) == [
        "",
        "mug-1",
    ]


def test_the_nearer_of_two_percepts_is_the_known_thing():
    assert matched(believed(MUG), percept("Mug", (2.0, 0.2, 0.9)), percept("Mug", (2.0, -0.05, 0.9))) == ["", "mug-1"]


def test_each_of_two_known_things_keeps_its_own_percept():
    known = believed(instance("left", "Mug", (2.0, 0.15, 0.9)), instance("right", "Mug", (2.0, -0.15, 0.9)))

    assert matched(known, percept("Mug", (2.0, -0.12, 0.9)), percept("Mug", (2.0, 0.18, 0.9))) == ["right", "left"]


def test_a_missing_thing_is_recognised_where_it_turns_up():
    known = believed(MUG)
    known.put(relation("mug-1", "presence", "missing"))

    assert matched(known, percept("Mug", (4.0, 2.0, 0.5))) == ["mug-1"]


def test_a_thing_at_its_place_comes_before_a_missing_one_elsewhere():
    known = believed(MUG, instance("mug-2", "Mug", (4.0, 2.0, 0.9)))
    known.put(relation("mug-1", "presence", "missing"))

    assert matched(known, percept("Mug", (4.0, 2.1, 0.9))) == ["mug-2"]


def test_what_was_put_into_a_receptacle_is_recognised_anywhere_in_it():
    known = believed(instance("sofa-1", "Sofa", (4.0, 0.0, 0.3)), MUG)
    known.expected["mug-1"] = "sofa-1"

    assert matched(known, percept("Mug", (4.3, 0.8, 0.6))) == ["mug-1"]


def test_what_is_in_the_hand_is_not_what_is_seen():
    known = believed(MUG)
    known.holding = "mug-1"

    assert matched(known, percept("Mug", (2.0, 0.0, 0.9))) == [""]


def test_what_was_cut_up_is_not_seen_again():
    known = believed(instance("apple-1", "Apple", (2.0, 0.0, 0.9)))
    known.put(relation("apple-1", "presence", "cut up"))

    assert matched(known, percept("Apple", (2.0, 0.0, 0.9))) == [""]


places = st.tuples(st.floats(0, 1), st.floats(0, 1), st.just(0.9))
labels = st.sampled_from(["Mug", "Cup"])


@st.composite
def sights(draw: st.DrawFn) -> tuple[WorkingSet, list[Percept]]:
    things = draw(st.lists(st.tuples(labels, places), max_size=6))
    known = believed(*(instance(f"thing-{n}", label, where) for n, (label, where) in enumerate(things)))
    for n in draw(st.sets(st.integers(0, 5), max_size=3)):
        if f"thing-{n}" in known.instances:
            known.put(relation(f"thing-{n}", "presence", "missing"))
    return known, [percept(label, where) for label, where in draw(st.lists(st.tuples(labels, places), max_size=6))]


@given(sights())
def test_no_instance_is_two_percepts_and_every_percept_has_one_answer_of_its_class(sight):
    known, seen = sight

    pairs = associate(percepts(*seen), known, RADIUS_M, MARGIN_M)

    assert [(p.label, p.position_m) for p, _ in pairs] == [(p.label, p.position_m) for p in seen]
    chosen = [i for _, i in pairs if i]
    assert len(chosen) == len(set(chosen))
    assert all(known.instances[i].label == p.label for p, i in pairs if i)


@given(sights())
def test_a_thing_is_recognised_whatever_else_of_other_classes_is_in_the_image(sight):
    known, seen = sight
    mugs = [p for p in seen if p.label == "Mug"]

    alone = matched(known, *mugs)
    among = [i for p, i in associate(percepts(*seen), known, RADIUS_M, MARGIN_M) if p.label == "Mug"]

    assert alone == among
