# SPDX-License-Identifier: Apache-2.0
"""Looking for what is lost: each place once, the likely and near ones first, this home's habits before all."""

from __future__ import annotations

from collections.abc import Sequence

from brain_nodes.prefrontal.exploration import SEARCH, look_for
from brain_nodes.prefrontal.scene import Scene
from memory.records import Episode, Record, Skill, Step
from tests.brain_nodes.conftest import HOUSEHOLD, START_NS, FakeRecall, at, lesson, problem, room, scene

HOME = {
    "Fridge": (2.0, 0.0, 0.9), "Cabinet_1": (3.0, 1.0, 0.9), "Cabinet_2": (3.0, -1.0, 0.9), "Sofa": (6.0, 0.0, 0.3),
    "CounterTop": (2.0, 1.0, 0.45), "Shelf": (2.5, 2.0, 0.9),
}  # fmt: skip
ROOMS = {r.id: r for r in (room("kitchen", (2.0, 0.0, 0.0)), room("bedroom", (8.0, 0.0, 0.0)))}


def look(believed: Scene, *known: Record, label: str = "Mug", **more: object) -> tuple[Step, ...]:
    look = look_for(label, problem(believed, recall=FakeRecall(*known), **more))
    return look.steps if look else ()


def places_in_order(believed: Scene, *known: Record, label: str = "Mug", limit: int = 50) -> list[str]:
    """Where is looked, one place after the other, when the thing is nowhere."""
    found = []
    for second in range(limit):
        steps = look(believed, *known, label=label)
        if not steps:
            return found
        looked = {t.arguments[0] for s in steps for t in s.expects if t.predicate == "looked"}
        assert len(looked) == 1
        found.append(looked.pop())
        believed.looked[found[-1]] = at(second)
        for step in steps:
            believed.doors.update({t.arguments[0]: "open" for t in step.expects if t.predicate == "open"})
    raise AssertionError(f"still looking after {found}")


def test_every_place_is_looked_at_once_and_the_search_ends():
    found = places_in_order(scene(HOME, rooms=dict(ROOMS)))

    assert sorted(found) == sorted([*HOME, *ROOMS])


def test_with_nowhere_to_look_there_is_no_look():
    assert look(scene({})) == ()


def test_a_shut_container_is_gone_to_and_opened():
    (go, opened) = look(scene({"Cabinet": (2.0, 0.0, 0.9)}))

    assert (str(go), str(opened)) == ("go_to(Cabinet)", "open(Cabinet)")


def test_an_open_surface_is_only_gone_to():
    assert [str(s) for s in look(scene({"CounterTop": (2.0, 0.0, 0.45)}))] == ["go_to(CounterTop)"]


def test_an_open_container_is_not_opened_again():
    believed = scene({"Cabinet": (2.0, 0.0, 0.9)}, doors={"Cabinet": "open"})

    assert [s.skill for s in look(believed)] == ["go_to"]


def test_every_step_of_a_look_says_what_is_looked_for():
    assert {s.purpose for s in look(scene(HOME))} == {f"{SEARCH}Mug"}


def test_the_likely_place_comes_before_the_unlikely_one_as_near():
    believed = {"Fridge": (2.0, 0.0, 0.9), "Sofa": (2.0, 0.5, 0.3)}

    assert places_in_order(scene(believed), label="Pillow")[0] == "Sofa"
    assert places_in_order(scene(believed), label="Egg")[0] == "Fridge"


def test_the_nearer_of_two_equally_likely_places_comes_first():
    far, near = {"Cabinet_1": (9.0, 0.0, 0.9)}, {"Cabinet_2": (2.0, 0.0, 0.9)}

    assert places_in_order(scene({**far, **near})) == ["Cabinet_2", "Cabinet_1"]


def test_a_kitchen_thing_is_looked_for_in_the_kitchen_first():
    there = {r.id: r for r in (room("bedroom", (3.0, 0.0, 0.0)), room("kitchen", (3.0, 0.0, 0.0)))}

    assert places_in_order(scene({}, rooms=there), label="Egg")[0] == "kitchen"


def test_habits_of_this_home_outweigh_what_homes_are_like():
    before = places_in_order(scene(HOME))

    assert before[0] != "Sofa"
    assert places_in_order(scene(HOME), lesson("Mug", "Sofa", successes=12))[0] == "Sofa"


def test_a_look_names_the_lessons_that_speak_for_it():
    believed = scene({"Fridge": (3.0, 0.0, 0.9), "Cabinet": (0.0, 3.0, 0.4)})
    habit = lesson("Mug", "Cabinet", 9)
    look = look_for("Mug", problem(believed, recall=FakeRecall(habit, lesson("Mug", "Fridge", 1))))

    assert (look.name, look.grounds) == ("Cabinet", (habit.id,))


def test_habits_of_another_class_say_nothing():
    assert places_in_order(scene(HOME), lesson("Egg", "Sofa", successes=12)) == places_in_order(scene(HOME))


def test_a_room_it_was_often_met_in_is_looked_over_first():
    learned = lesson("Mug", "bedroom", successes=20, scope="where_room")

    assert places_in_order(scene(HOME, rooms=dict(ROOMS)), learned)[0] == "bedroom"


def test_where_it_was_taken_from_in_earlier_episodes_counts_as_a_habit():
    episodes = [
        Episode(
            id=f"day-{n}", instruction="bring the mug", valid_from_ns=START_NS,
            steps=("pick_up(mug-1234, Sofa): succeeded",),
        )
        for n in range(12)
    ]  # fmt: skip

    assert places_in_order(scene(HOME), *episodes)[0] == "Sofa"


def test_a_place_looked_over_earlier_today_comes_later():
    first = places_in_order(scene(HOME))[0]

    again = places_in_order(scene(HOME, looked={first: START_NS - 1}))

    assert again[0] != first
    assert first in again


def test_a_place_that_is_gone_is_not_looked_at():
    assert "Sofa" not in places_in_order(scene(HOME, gone={"Sofa"}))


def test_a_banned_look_is_not_made():
    banned = frozenset({("go_to", ("Sofa",))})

    assert look(scene({"Sofa": (2.0, 0.0, 0.3)}), banned=banned) == ()


def test_a_body_that_cannot_look_around_looks_into_no_room():
    legs: Sequence[Skill] = [s for s in HOUSEHOLD if s.name != "look_around"]

    assert look(scene({}, rooms=dict(ROOMS)), skills=legs) == ()
