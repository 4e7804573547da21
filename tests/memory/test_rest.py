# SPDX-License-Identifier: Apache-2.0
"""Rest: bounded, done after a while, nothing left to grow; and an encoder that is not there is told of at the start."""

import pytest

from memory.encoders import HashEncoder, load_encoder
from memory.errors import StoreUnavailable
from memory.lifelong import LifelongMemory
from memory.records import Cue, Event, Status
from memory.samples import START_NS, S, mug

URLS = ["memory://", "sqlite:///{folder}/store.db"]


class Clock:
    now_ns = START_NS

    def __call__(self):
        return self.now_ns


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=URLS)
def memory(request, tmp_path, clock):
    url = request.param.format(folder=tmp_path)
    with LifelongMemory.open(url, clock=clock, encoder=HashEncoder(384)) as opened:
        yield opened


def live(memory, clock, count=40):
    for number in range(count):
        memory.spatial.see(mug(f"mug-{number}", at_ns=clock.now_ns))
        memory.temporal.note(Event(id=f"e{number}", name="saw", text=f"a mug {number}", valid_from_ns=clock.now_ns))
        memory.commit()
        clock.now_ns += 3 * S


def test_one_part_is_bounded_and_says_what_is_left(memory, clock):
    live(memory, clock)
    rested = memory.rest(clock.now_ns, budget=16)
    assert not rested.done
    assert (rested.slept.examined, rested.embedded.looked_at) == (16, 16)
    assert rested.embedded.backlog == memory.backend.last_sequence() - 16
    assert 0 < rested.unslept <= memory.backend.last_sequence() - 16
    assert rested.said()["unembedded"] == str(rested.embedded.backlog)


def test_rest_comes_to_an_end_with_everything_found_by_meaning_and_familiar(memory, clock):
    live(memory, clock)
    parts = 1
    while not memory.rest(clock.now_ns, budget=16).done:
        parts += 1
    assert parts < 20
    assert memory.enrichment.missing() == 0
    assert memory.familiarity.behind(memory.backend) == 0
    assert memory.waking_hours().spans
    answer = memory.recall(Cue(text="mug", deadline_s=30), clock.now_ns)
    assert (answer.status, answer.notes) == (Status.FOUND, ())


def test_whoever_rests_and_has_nothing_new_writes_nothing(memory, clock):
    live(memory, clock)
    while not memory.rest(clock.now_ns).done:
        pass
    memory.rest(clock.now_ns)
    before = (memory.backend.last_sequence(), memory.backend.counts())
    for _ in range(50):
        clock.now_ns += 60 * S
        assert memory.rest(clock.now_ns).done
    assert (memory.backend.last_sequence(), memory.backend.counts()) == before


def test_a_month_in_the_box_ranks_nothing_lower(memory, clock):
    live(memory, clock, 3)
    memory.rest(clock.now_ns)
    cue = Cue(text="mug", kinds=("event",), deadline_s=30)
    before = memory.recall(cue, clock.now_ns).recollections
    clock.now_ns += 30 * 24 * 3600 * S
    memory.temporal.note(Event(id="up", name="woke", text="good morning", valid_from_ns=clock.now_ns))
    memory.commit()
    slept_over = memory.recall(cue, clock.now_ns).recollections
    memory.rest(clock.now_ns)
    rested = memory.recall(cue, clock.now_ns).recollections
    assert [one.score for one in rested] == pytest.approx([one.score for one in before], rel=0.001)
    assert max(one.score for one in slept_over) < 0.91 * max(one.score for one in rested)


def test_an_encoder_that_is_not_installed_is_named_at_the_start(monkeypatch):
    monkeypatch.setattr("memory.encoders.find_spec", lambda package: None)
    with pytest.raises(StoreUnavailable, match="is not installed; pip install"):
        load_encoder("minilm-l6-v2-int8")


def test_no_encoder_is_no_error():
    assert load_encoder("") is None
    assert load_encoder("hash-64").id == "hash-64@0"
