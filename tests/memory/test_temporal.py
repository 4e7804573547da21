# SPDX-License-Identifier: Apache-2.0
"""What happened, and when."""

from dataclasses import replace

import pytest

from memory.errors import RejectedInput
from memory.lifelong import LifelongMemory
from memory.records import Event
from memory.samples import START_NS, ContractClock, S


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
