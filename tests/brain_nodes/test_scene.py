# SPDX-License-Identifier: Apache-2.0
"""What the prefrontal cortex reads out of a recall: today counts, what is only remembered waits for a look."""

from __future__ import annotations

from dataclasses import replace

from brain_nodes.prefrontal.scene import Scene, read_scene
from memory.records import (
    INSIDE,
    Epistemic,
    Instance,
    Parameter,
    Recall,
    Recollection,
    Record,
    Relation,
    Skill,
    Source,
    Status,
)

YESTERDAY_NS, BEGAN_NS, NOW_NS = 1_000, 100_000, 100_500


def last_ns(record: Record, seen_ns: int) -> int:
    return seen_ns if isinstance(record, Instance) else record.valid_from_ns


def recalled(*records: Record, seen_ns: int) -> Recall:
    found = tuple(
        Recollection(
            record=r,
            score=1.0,
            memory="working",
            age_ns=NOW_NS - last_ns(r, seen_ns),
            epistemic=Epistemic.OBSERVED,
        )
        for r in records
    )
    return Recall(status=Status.FOUND, recollections=found)


def lamp(**fields: object) -> Instance:
    return Instance(
        **{"id": "lamp-1", "label": "FloorLamp", "position_m": (1.0, 0.0, 0.5), "valid_from_ns": YESTERDAY_NS, **fields}
    )


def fact(predicate: str, value: str, since_ns: int) -> Relation:
    return Relation(id=f"{predicate}-1", subject="lamp-1", predicate=predicate, object=value, valid_from_ns=since_ns)


def scene(*records: Record, seen_ns: int) -> Scene:
    return read_scene(recalled(*records, seen_ns=seen_ns), (), "home-1", BEGAN_NS, None, NOW_NS)


def test_a_lamp_left_on_yesterday_is_not_believed_to_be_on():
    believed = scene(lamp(), fact("power", "on", YESTERDAY_NS), seen_ns=YESTERDAY_NS)

    assert not believed.powered("lamp-1")
    assert "lamp-1" not in believed.fresh


def test_a_lamp_seen_on_today_is_on_since_whenever():
    believed = scene(lamp(), fact("power", "on", YESTERDAY_NS), seen_ns=BEGAN_NS + 1)

    assert believed.powered("lamp-1")


def test_what_was_put_somewhere_today_needs_no_second_look():
    believed = scene(lamp(), fact(INSIDE, "table-1", BEGAN_NS + 1), seen_ns=YESTERDAY_NS)

    assert "lamp-1" in believed.fresh


def test_what_was_washed_yesterday_is_not_clean_for_today():
    believed = scene(lamp(), fact("cleanliness", "clean", YESTERDAY_NS), seen_ns=BEGAN_NS + 1)

    assert believed.marks == {}


def test_a_receptacle_found_full_yesterday_may_have_room_today():
    believed = scene(lamp(), fact("fill", "full", YESTERDAY_NS), seen_ns=BEGAN_NS + 1)

    assert (believed.full, believed.tight) == (set(), set())


def test_a_body_that_goes_by_names_is_not_held_to_the_places_of_an_earlier_episode():
    find = Skill("find", (Parameter("target", names=("Mug", "Sink")),))
    inside = Relation(id="i", subject="home-1/Mug", predicate=INSIDE, object="home-1/Sink", valid_from_ns=YESTERDAY_NS)

    believed = read_scene(recalled(inside, seen_ns=YESTERDAY_NS), (find,), "home-1", BEGAN_NS, None, NOW_NS)

    assert believed.inside == {}


def test_a_place_that_was_only_told_is_hearsay():
    told = replace(fact(INSIDE, "table-1", BEGAN_NS + 1), source=Source.TOLD)

    assert scene(lamp(), told, seen_ns=NOW_NS).hearsay == {"lamp-1"}
