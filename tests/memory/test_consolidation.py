# SPDX-License-Identifier: Apache-2.0
"""Sleep: bounded, all or nothing, the same again after a kill, and nothing is lost."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from memory.errors import StoreUnavailable
from memory.lifelong import LifelongMemory
from memory.query import Query
from memory.records import Cue, Event, Source
from memory.samples import START_NS, S
from memory.temporal import GAP_S

DAY_S = 24 * 3600
ROOT = Path(__file__).parents[2]
URLS = ["memory://", "sqlite:///{folder}/store.db"]


class Clock:
    now_ns = START_NS

    def __call__(self):
        return self.now_ns

    def after(self, seconds):
        self.now_ns += int(seconds * S)
        return self.now_ns


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=URLS)
def memory(request, tmp_path, clock):
    with LifelongMemory.open(request.param.format(folder=tmp_path), clock=clock) as opened:
        yield opened


def live(memory, clock, *texts, name="saw", gap_s=3.0):
    for text in texts:
        memory.temporal.note(Event(id=f"{name}-{clock.now_ns}", name=name, text=text, valid_from_ns=clock.now_ns))
        memory.commit()
        clock.after(gap_s)


def sleep(memory, clock, budget=1000, nights=3):
    slept = []
    for _ in range(nights):
        clock.after(DAY_S + 3600)
        slept.append(memory.sleep(clock.now_ns, budget=budget))
        while not slept[-1].done:
            slept.append(memory.sleep(clock.now_ns, budget=budget))
    return slept


def said(memory, name="saw"):
    return sorted((event.text, memory.temporal.span(event.id).count) for event in memory.temporal.events(name=name))


def test_what_happened_again_and_again_becomes_one_with_count_first_and_last(memory, clock):
    live(memory, clock, *["a red door"] * 300, "a cat on the roof", *["the red door."] * 300)
    first_ns, last_ns = START_NS, clock.now_ns - 3 * S
    slept = sleep(memory, clock)
    assert said(memory) == [("a cat on the roof", 1), ("a red door", 600)]
    (door,) = [e for e in memory.temporal.events(name="saw") if "door" in e.text]
    span = memory.temporal.span(door.id)
    assert (span.first_ns, span.last_ns, door.source) == (first_ns, last_ns, Source.REFLECTED)
    assert sum(s.merged for s in slept) > 600 and "merged into" in str(slept[0])


def test_nothing_is_deleted_and_every_member_is_in_the_evidence(memory, clock):
    live(memory, clock, *["a red door"] * 200)
    before = {(r.id, r.version) for r in memory.backend.changes()}
    sleep(memory, clock)
    assert before <= {(r.id, r.version) for r in memory.backend.changes()}
    (door,) = memory.temporal.events(name="saw")
    grounds = {node.id for node in memory.explain(door.id, depth=20)}
    assert {one for one, _ in before} <= grounds
    assert len(memory.as_of(clock.now_ns, START_NS + 3600 * S).temporal.events(name="saw", k=0)) == 200


def test_a_call_looks_at_no_more_than_its_budget_and_says_how_far_it_is(memory, clock):
    live(memory, clock, *["a red door"] * 200)
    slept = sleep(memory, clock, budget=50, nights=1)
    assert max(s.examined for s in slept) == 50
    progress = [s.progress for s in slept]
    assert progress[:3] == sorted(progress[:3]) and progress[0] < 0.3
    assert len(slept) > 4 and slept[-1].done


def test_the_same_sleep_again_does_nothing(memory, clock):
    live(memory, clock, *["a red door"] * 20, "a cat")
    sleep(memory, clock)
    before = list(memory.backend.changes())
    again = [memory.sleep(clock.now_ns) for _ in range(3)]
    assert list(memory.backend.changes()) == before
    assert {(s.merged, s.summaries, s.closed, s.done) for s in again} == {(0, 0, 0, True)}


@pytest.mark.parametrize("lost", ["before the write", "after the write"])
def test_a_sleep_that_is_killed_anywhere_ends_as_if_it_had_not_been(memory, clock, monkeypatch, lost):
    live(memory, clock, *["a red door"] * 120, "a cat")
    write, calls = memory.backend.write, itertools.count()

    def dies(batch):
        fatal = next(calls) % 2 == 0
        if fatal and lost == "before the write":
            raise StoreUnavailable("killed")
        receipt = write(batch)
        if fatal:
            raise StoreUnavailable("killed")
        return receipt

    monkeypatch.setattr(memory.backend, "write", dies)
    kills = 0
    for _ in range(40):
        try:
            clock.after(DAY_S / 8)
            memory.sleep(clock.now_ns, budget=25)
        except StoreUnavailable:
            kills += 1
    assert kills > 3
    assert said(memory) == [("a cat", 1), ("a red door", 120)]


def test_what_is_young_is_left_as_it_is(memory, clock):
    live(memory, clock, *["a red door"] * 20)
    slept = memory.sleep(clock.now_ns)
    assert (slept.merged, slept.done, len(memory.temporal.events(name="saw"))) == (0, True, 20)


def test_names_places_things_and_days_are_kept_apart(memory, clock):
    for day in range(2):
        for number, (name, place_id, subject) in enumerate(
            itertools.product(("saw", "heard"), ("", "hall"), ("", "mug-1"))
        ):
            for again in range(3):
                memory.temporal.note(
                    Event(
                        id=f"{day}-{number}-{again}", name=name, text="a noise", place_id=place_id,
                        subjects=(subject,) if subject else (), valid_from_ns=clock.now_ns,
                    )
                )  # fmt: skip
        memory.commit()
        clock.after(DAY_S)
    sleep(memory, clock)
    for name in ("saw", "heard"):
        assert [memory.temporal.span(e.id).count for e in memory.temporal.events(name=name)] == [3] * 8


def test_when_did_it_last_still_finds_what_was_summarised(memory, clock):
    live(memory, clock, *["red mug"] * 5, name="picked_up")
    last_ns = clock.now_ns - 3 * S
    sleep(memory, clock)
    last = memory.temporal.last(name="picked_up")
    assert memory.temporal.span(last.id).last_ns == last_ns
    assert memory.recall(Cue(text="mug", deadline_s=30), clock.now_ns).recollections[0].record.id == last.id


def test_an_old_day_reads_as_it_did_before_it_was_summarised(memory, clock):
    live(memory, clock, *["a red door"] * 50, "a cat")
    live(memory, clock, "a mug", "a plate", name="picked_up")
    day = (START_NS, START_NS + 3600 * S)
    before = memory.temporal.digest(*day)
    assert {name: span.count for name, span in before.items()} == {"picked_up": 2, "saw": 51}
    sleep(memory, clock)
    after = memory.temporal.digest(*day)
    del after["awake"]
    assert after == before


def test_what_was_merged_can_be_taken_out_again_and_stays_out(memory, clock):
    live(memory, clock, *["a red door"] * 5)
    (first,) = memory.temporal.events(until_ns=START_NS + 1)
    sleep(memory, clock)
    memory.undo(first.id, 1, clock.now_ns, "that one was special")
    memory.commit()
    sleep(memory, clock)
    assert first.id in [e.id for e in memory.temporal.events(name="saw")]


def test_uses_of_what_is_merged_are_added_up(memory, clock):
    live(memory, clock, *["a red door"] * 5)
    for event in memory.temporal.events(name="saw"):
        memory.used([event.id], clock.now_ns)
    memory.commit()
    sleep(memory, clock)
    (door,) = memory.temporal.events(name="saw")
    assert memory.backend.tallies("robot", (door.id,))[door.id].uses == 5


def test_what_was_going_on_is_closed_at_its_last_moment(memory, clock):
    for _ in range(10):
        memory.temporal.witness(Event(id=f"w{clock.now_ns}", name="saw", text="a corridor", valid_from_ns=clock.now_ns))
        clock.after(5)
    memory.commit()
    last_ns = clock.now_ns - 5 * S
    assert memory.sleep(clock.now_ns).closed == 0
    clock.after(GAP_S + 1)
    assert memory.sleep(clock.now_ns).closed == 1
    (event,) = memory.temporal.events(name="saw")
    assert (event.valid_to_ns, memory.temporal.span(event.id).count) == (last_ns + 1, 10)


def test_waking_hours_are_written_down_and_a_night_is_not_one(memory, clock):
    days = []
    for _ in range(3):
        start_ns = clock.now_ns
        live(memory, clock, *["a red door"] * 30, gap_s=60)
        days.append((start_ns, clock.now_ns - 60 * S))
        memory.sleep(clock.now_ns)
        clock.after(DAY_S / 2)
    spans = [(start, end - 1) for start, end in memory.waking_hours().spans]
    assert [round((b - a) / S) for a, b in spans] == [round((b - a) / S) for a, b in days]
    assert memory.waking_hours().active_ns(START_NS, days[-1][1]) < 1.1 * 3 * 30 * 60 * S


def test_sleep_waits_for_the_running_step(memory, clock):
    memory.temporal.note(Event(id="e", name="saw", valid_from_ns=START_NS))
    with pytest.raises(ValueError, match="in the middle of a step"):
        memory.sleep(clock.now_ns)
    memory.commit()
    assert memory.sleep(clock.now_ns).done


def test_another_robots_day_is_not_touched(memory, clock):
    other = LifelongMemory(memory.backend, robot="other")
    for number in range(5):
        other.temporal.note(
            Event(id=f"o{number}", robot="other", name="saw", text="a red door", valid_from_ns=clock.now_ns)
        )
    other.commit()
    live(memory, clock, *["a red door"] * 5)
    sleep(memory, clock)
    assert [e.version for e in memory.backend.find(Query(robot="other")).records] == [1] * 5
    sleep(other, clock)
    assert len(other.temporal.events(name="saw")) == 1


ASLEEP = """
import sys
from memory.lifelong import LifelongMemory
memory = LifelongMemory.open(sys.argv[1], clock=lambda: int(sys.argv[2]), continue_=True)
for _ in range(200):
    memory.sleep(int(sys.argv[2]), budget=7, keep_s=0)
    print("slept", flush=True)
"""


def test_kill_nine_in_the_middle_of_the_night_loses_and_repeats_nothing(tmp_path, clock):
    url = f"sqlite:///{tmp_path}/store.db"
    with LifelongMemory.open(url, clock=clock) as memory:
        live(memory, clock, *["a red door"] * 150, "a cat")
        written = {(r.id, r.version) for r in memory.backend.changes()}
    clock.after(DAY_S)
    for naps in (1, 2, 5, 11, 40):
        with subprocess.Popen(
            [sys.executable, "-c", ASLEEP, url, str(clock.after(3600))], stdout=subprocess.PIPE, cwd=ROOT
        ) as child:
            for _ in range(naps):
                child.stdout.readline()
            child.kill()
    with LifelongMemory.open(url, clock=clock, continue_=True) as memory:
        sleep(memory, clock)
        assert said(memory) == [("a cat", 1), ("a red door", 150)]
        assert written <= {(r.id, r.version) for r in memory.backend.changes()}
