# SPDX-License-Identifier: Apache-2.0
"""What happened, and when."""

from dataclasses import replace

import pytest

from memory.errors import RejectedInput
from memory.lifelong import LifelongMemory
from memory.records import Event
from memory.samples import START_NS, ContractClock, S
from memory.temporal import GAP_S


def event(id, seconds, name="looked", *subjects, episode_id=""):
    return Event(id=id, valid_from_ns=START_NS + seconds * S, name=name, subjects=subjects, episode_id=episode_id)


@pytest.fixture(params=["memory://", "sqlite:///{folder}/store.db"])
def temporal(request, tmp_path):
    with LifelongMemory.open(request.param.format(folder=tmp_path), clock=ContractClock()) as memory:
        for one in (event("a", 0), event("b", 5, "picked_up", "mug-1"), event("c", 5, "looked", "mug-1", "mug-2")):
            memory.temporal.note(one)
        memory.commit()
        memory.temporal.note(event("d", 3, "failed", "mug-2", episode_id="e1"))
        yield memory.temporal


def names(events):
    return [e.id for e in events]


def test_events_come_newest_first_and_equal_stamps_in_the_order_they_were_noted(temporal):
    assert names(temporal.events()) == ["c", "b", "d", "a"]
    assert names(temporal.events(newest_first=False)) == ["a", "b", "c", "d"]
    assert names(temporal.events(k=2)) == ["c", "b"]


def test_events_are_found_by_time_name_thing_and_episode(temporal):
    assert names(temporal.events(since_ns=START_NS + 3 * S, until_ns=START_NS + 5 * S)) == ["d"]
    assert names(temporal.events(since_ns=START_NS + 5 * S)) == ["c", "b"]
    assert names(temporal.events(name="looked")) == ["c", "a"]
    assert names(temporal.events(subject="mug-2")) == ["c", "d"]
    assert names(temporal.events(episode_id="e1")) == ["d"]
    assert names(temporal.events(name="looked", subject="mug-1")) == ["c"]


def test_the_last_event_of_a_kind(temporal):
    assert temporal.last(name="picked_up").id == "b"
    assert temporal.last(name="danced") is None


def test_the_same_event_again_adds_nothing_and_another_under_its_id_is_refused(temporal):
    temporal.note(event("a", 0))
    assert names(temporal.events(name="looked")) == ["c", "a"]
    with pytest.raises(RejectedInput, match="'a' was already kept"):
        temporal.note(replace(event("a", 0), text="another"))


def witness(temporal, seconds, text, name="saw", **more):
    at_ns = START_NS + int(seconds * S)
    return temporal.witness(Event(id=f"w{at_ns}{text}{more}", name=name, text=text, valid_from_ns=at_ns, **more))


def test_what_is_witnessed_again_is_one_event_with_count_first_and_last(temporal):
    for second in range(100):
        witness(temporal, second, "a red door" if second % 2 else "The red door.")
    (event,) = temporal.events(name="saw")
    span = temporal.span(event.id)
    assert (span.first_ns, span.last_ns, span.count, span.over) == (START_NS, START_NS + 99 * S, 100, False)
    assert span.duration_s == 99.0


def test_a_word_more_is_another_event_and_both_go_on(temporal):
    for second in range(20):
        witness(temporal, second, "a red door and a cat" if second == 7 else "a red door")
    assert {e.text: temporal.span(e.id).count for e in temporal.events(name="saw")} == {
        "a red door": 19, "a red door and a cat": 1,
    }  # fmt: skip


def test_another_place_or_thing_is_another_event(temporal):
    for more in ({}, {"place_id": "hall"}, {"subjects": ("mug-1",)}):
        for second in range(2):
            witness(temporal, second, "a red door", **more)
    assert [temporal.span(e.id).count for e in temporal.events(name="saw")] == [2, 2, 2]


def test_after_a_while_without_it_the_next_is_another_one(temporal):
    for second in (0, 5, 5 + GAP_S, 6 + 2 * GAP_S):
        witness(temporal, second, "a red door")
    last, first = temporal.events(name="saw")
    assert (temporal.span(first.id).count, first.valid_to_ns) == (3, START_NS + int((5 + GAP_S) * S) + 1)
    assert first.cause == last.id


def test_what_arrives_late_belongs_to_it_too(temporal):
    for second in (10, 20, 5, 15):
        witness(temporal, second, "a red door")
    (event,) = temporal.events(name="saw")
    span = temporal.span(event.id)
    assert (span.first_ns, span.last_ns, span.count) == (START_NS + 5 * S, START_NS + 20 * S, 4)


def test_the_first_one_delivered_twice_counts_once(temporal):
    for _ in range(2):
        event = witness(temporal, 0, "a red door")
    assert temporal.span(event.id).count == 1
    assert temporal.span("nobody") is None


def test_what_happened_before_and_after_a_moment(temporal):
    assert names(temporal.before(START_NS + 5 * S)) == ["d", "a"]
    assert names(temporal.after(START_NS)) == ["d", "b", "c"]
    assert names(temporal.after(START_NS, k=1)) == ["d"]
    assert names(temporal.after(START_NS + 3 * S, subject="mug-2")) == ["c"]
    assert names(temporal.before(START_NS + 5 * S, name="failed")) == ["d"]
    assert temporal.after(START_NS + 5 * S) == temporal.before(START_NS) == []


def test_what_comes_after_is_found_however_far_away_it_is(temporal):
    far = event("far", 10_000_000)
    temporal.note(far)
    assert names(temporal.after(START_NS + 5 * S)) == ["far"]
