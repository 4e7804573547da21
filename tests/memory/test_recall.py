# SPDX-License-Identifier: Apache-2.0
"""One question, one answer that says what is missing."""

import random

import pytest

from memory.embedding import pack
from memory.errors import RecallTimedOut, StoreCorrupt, StoreUnavailable
from memory.lifelong import LifelongMemory
from memory.recall import recall
from memory.records import Cue, Episode, Epistemic, Event, Place, Relation, Source, Status
from memory.samples import START_NS, ContractClock, S, mug
from memory.searching import Answer, fuse_ranks

NOW = START_NS + 100 * S


def fact(subject, predicate, object, seconds=0, source=Source.SEEN):
    return Relation(
        id="any",
        subject=subject,
        predicate=predicate,
        object=object,
        valid_from_ns=START_NS + seconds * S,
        source=source,
        evidence=("frame-1",),
    )


@pytest.fixture(params=["memory://", "sqlite:///{folder}/store.db"])
def memory(request, tmp_path):
    with LifelongMemory.open(request.param.format(folder=tmp_path), clock=ContractClock()) as opened:
        yield opened


@pytest.fixture
def home(memory):
    room = Place(id="kitchen", label="room", name="kitchen", valid_from_ns=START_NS, position_m=(0.0, 0.0, 0.0))
    memory.spatial.add_place(room)
    for n in range(3):
        memory.spatial.see(mug(f"mug-{n}", x=float(n)))
    memory.spatial.relate(fact("mug-1", "inside", "sink"))
    picked = Event(id="e1", valid_from_ns=START_NS, name="picked_up", text="picked up the mug", subjects=("mug-1",))
    memory.temporal.note(picked)
    memory.episodic.keep(Episode(id="o1", valid_from_ns=START_NS, instruction="put the mug in the sink"))
    memory.semantic.tell(fact("mug", "usually_in", "cupboard", source=Source.TOLD))
    memory.semantic.learn("where", "mug", "sink", True, START_NS)
    memory.commit()
    return memory


class Broken:
    """A memory that cannot answer."""

    def __init__(self, name, error):
        self.name, self._error = name, error

    def search(self, cue, limits):
        raise self._error


class Fixed:
    """A memory that always says the same."""

    def __init__(self, name, *records, complete=True):
        self.name, self._answer = name, Answer(records, len(records), complete)

    def search(self, cue, limits):
        return self._answer


def found(answer):
    return {one.record.id for one in answer.recollections}


def test_an_empty_memory_answers_none(memory):
    answer = memory.recall(Cue(text="mug"), NOW)
    assert (answer.status, answer.recollections, answer.missing) == (Status.NONE, (), ())


def test_words_reach_all_four_memories(home):
    answer = home.recall(Cue(text="where is the mug?", k=20, deadline_s=30), NOW)
    assert answer.status is Status.FOUND
    assert {one.memory for one in answer.recollections} == {"spatial", "temporal", "episodic", "semantic"}
    assert {"mug-0", "mug-1", "mug-2", "e1", "o1"} <= found(answer)


def test_where_a_thing_is_comes_with_the_thing(home):
    answer = home.recall(Cue(label="mug", kinds=("instance", "relation"), deadline_s=30), NOW)
    assert any(getattr(one.record, "predicate", "") == "inside" for one in answer.recollections)


def test_nearness_ranks_things_alone(home):
    answer = home.recall(Cue(near_m=(2.0, 0.0, 0.8), k=3, deadline_s=30), NOW)
    assert [one.record.id for one in answer.recollections] == ["mug-2", "mug-1", "mug-0"]


def test_a_predicate_asks_for_facts(home):
    answer = home.recall(Cue(subject="mug-1", predicate="inside", deadline_s=30), NOW)
    assert [one.record.object for one in answer.recollections] == ["sink"]
    assert answer.recollections[0].evidence == ("frame-1",)


def test_a_place_asks_for_what_is_in_it(home):
    answer = home.recall(Cue(place_id="sink", kinds=("instance",), deadline_s=30), NOW)
    assert found(answer) == {"mug-1"}


def test_another_map_is_not_answered_from(home):
    assert home.recall(Cue(label="mug", map_id="map-9", kinds=("instance",), deadline_s=30), NOW).status is Status.NONE


def test_the_past_of_the_store_is_asked_as_it_was(home):
    then = max(r.recorded_ns for r in home.backend.changes())
    home.spatial.see(mug("mug-0", at_ns=START_NS + 50 * S, x=9.0))
    home.commit()
    before = home.recall(Cue(subject="mug-0", as_of_recorded_ns=then, kinds=("instance",), deadline_s=30), NOW)
    after = home.recall(Cue(subject="mug-0", kinds=("instance",), deadline_s=30), NOW)
    assert [one.record.position_m[0] for one in before.recollections] == [0.0]
    assert [one.record.position_m[0] for one in after.recollections] == [9.0]


def test_what_this_step_wrote_is_recalled_before_the_commit(memory):
    memory.spatial.see(mug())
    assert found(memory.recall(Cue(label="mug", deadline_s=30), NOW)) == {"mug-1"}


def test_ages_count_from_the_last_confirmation(home):
    home.spatial.confirm("mug-0", NOW - 7, (0.0, 0.0, 0.8))
    (one,) = home.recall(Cue(subject="mug-0", kinds=("instance",), deadline_s=30), NOW).recollections
    assert (one.age_ns, one.epistemic) == (7, Epistemic.OBSERVED)


def test_old_sightings_are_stale_and_old_events_are_not(home):
    later = START_NS + 40 * 24 * 3600 * S
    answer = home.recall(Cue(text="mug", k=20, deadline_s=30), later)
    states = {one.record.kind: one.epistemic for one in answer.recollections}
    assert (states["instance"], states["event"]) == (Epistemic.STALE, Epistemic.OBSERVED)


def test_hearsay_and_inference_are_called_so(home):
    answer = home.recall(Cue(subject="mug", deadline_s=30), NOW)
    states = {one.record.kind: one.epistemic for one in answer.recollections}
    assert states == {"relation": Epistemic.TOLD, "lesson": Epistemic.INFERRED}


def test_a_contradicted_sighting_is_conflicting_until_a_sighting_decides(home):
    cue = Cue(subject="mug-1", predicate="inside", deadline_s=30)
    home.spatial.relate(fact("mug-1", "inside", "table", 5, Source.TOLD))
    assert [one.epistemic for one in home.recall(cue, NOW).recollections] == [Epistemic.CONFLICTING] * 2
    home.spatial.relate(fact("mug-1", "inside", "table", 9))
    assert [one.epistemic for one in home.recall(cue, NOW).recollections] == [Epistemic.OBSERVED]


@pytest.mark.parametrize("error", [StoreUnavailable("no disk"), StoreCorrupt("bad page")])
def test_a_broken_memory_makes_the_answer_partial_and_is_named_with_its_reason(error):
    answer = recall([Fixed("spatial", mug()), Broken("temporal", error)], Cue(), NOW)
    assert answer.status is Status.PARTIAL
    assert answer.missing == (f"temporal: {type(error).__name__}: {error}",)
    assert found(answer) == {"mug-1"}


def test_a_broken_memory_beside_an_empty_one_is_partial_and_not_none():
    assert recall([Fixed("spatial"), Broken("x", StoreUnavailable("gone"))], Cue(), NOW).status is Status.PARTIAL


def test_memories_that_are_all_broken_make_it_failed(home):
    home.backend.close()
    answer = home.recall(Cue(text="mug"), NOW)
    assert answer.status is Status.FAILED
    assert [line.split(":")[0] for line in answer.missing] == ["spatial", "temporal", "episodic", "semantic"]


def test_a_programming_error_is_not_swallowed():
    with pytest.raises(KeyError):
        recall([Broken("spatial", KeyError("bug"))], Cue(), NOW)


def test_a_memory_that_timed_out_gives_its_part():
    answer = recall([Broken("spatial", RecallTimedOut("late", (mug(),)))], Cue(deadline_s=0.1), NOW)
    assert (answer.status, found(answer)) == (Status.PARTIAL, {"mug-1"})
    assert answer.missing == ("spatial: deadline of 0.1 s passed",)


def test_a_deadline_that_has_passed_is_partial_and_names_every_memory(home):
    answer = home.recall(Cue(text="mug", deadline_s=0.0), NOW)
    assert answer.status is Status.PARTIAL
    assert len(answer.missing) == 4 and all("deadline of 0.0 s passed" in line for line in answer.missing)


def test_a_spent_budget_is_partial_and_says_so(memory):
    for n in range(30):
        memory.spatial.see(mug(f"mug-{n}"))
    memory.commit()
    answer = memory.recall(Cue(label="mug", record_budget=5), NOW)
    assert answer.status is Status.PARTIAL
    assert answer.missing == ("spatial: budget of 5 records spent",)
    assert 0 < len(answer.recollections) <= 5


def test_one_budget_covers_all_the_finds_of_a_memory(memory):
    for n in range(30):
        meant = {"embedding": pack([1.0, float(n)]), "encoder": "e@1"}
        memory.temporal.note(Event(id=f"e{n}", valid_from_ns=START_NS, name="said", text="red green blue", **meant))
    memory.commit()
    cue = Cue(text="red green", vector=pack([1.0, 0.0]), encoder="e@1", k=25, kinds=("event",), record_budget=40)
    answer = memory.recall(cue, NOW)
    assert answer.examined == 40
    assert answer.missing == ("temporal: budget of 40 records spent",)


def test_a_lockstep_recall_looks_at_no_clock(home):
    cue = Cue(text="mug", record_budget=1000, deadline_s=0.0)
    first = home.recall(cue, NOW)
    assert first.status is Status.FOUND
    assert all(home.recall(cue, NOW) == first for _ in range(5))


def test_a_memory_left_out_is_not_missing():
    with LifelongMemory.open("memory://", memories=("temporal",), clock=ContractClock()) as memory:
        assert memory.recall(Cue(text="mug"), NOW).status is Status.NONE


def test_the_best_k_come_in_one_order():
    records = [mug(f"mug-{n}") for n in range(8)]
    random.Random(1).shuffle(records)
    answer = recall([Fixed("spatial", *records[:5]), Fixed("temporal", *records[3:])], Cue(k=4), NOW)
    assert len(answer.recollections) == 4
    scores = [one.score for one in answer.recollections]
    assert scores == sorted(scores, reverse=True)
    assert {one.record.id for one in answer.recollections[:2]} == {records[3].id, records[4].id}


def test_k_zero_asks_for_everything(memory):
    for n in range(150):
        memory.spatial.see(mug(f"mug-{n}"))
    memory.commit()
    assert len(memory.recall(Cue(label="mug", k=0, deadline_s=30), NOW).recollections) == 150


def test_fusing_needs_one_weight_for_each_ranking():
    with pytest.raises(ValueError):
        fuse_ranks([["a"], ["b"]], [1.0])


DAY_NS = 24 * 3600 * S


def told_twice(memory):
    """Two equal events: the newer one comes first as long as neither is used or forgotten."""
    for n in range(2):
        memory.temporal.note(Event(id=f"e{n}", name="said", text="the red mug", valid_from_ns=START_NS + n * S))
    memory.commit()


def test_what_helped_comes_before_what_nobody_used_and_nothing_drops_out(memory):
    told_twice(memory)
    cue, later = Cue(text="red mug", k=2, deadline_s=30), START_NS + 3 * DAY_NS
    before = [one.record.id for one in memory.recall(cue, later).recollections]
    for _ in range(9):
        memory.used(["e0"], START_NS + DAY_NS)
    memory.commit()
    after = memory.recall(cue, later).recollections
    assert (before, [one.record.id for one in after]) == (["e1", "e0"], ["e0", "e1"])
    assert after[0].score > after[1].score > 0


def test_what_is_wholly_forgotten_loses_to_its_equals_and_not_to_what_is_far_below(memory):
    memory.temporal.note(Event(id="old", name="said", text="red mug on the shelf", valid_from_ns=START_NS))
    for n in range(12):
        text = "a mug" if n else "red mug on a shelf"
        memory.temporal.note(Event(id=f"new-{n}", name="said", text=text, valid_from_ns=START_NS + 400 * DAY_NS + n))
    memory.commit()
    cue = Cue(text="red mug on the shelf", kinds=("event",), k=20, deadline_s=30)
    found = [one.record.id for one in memory.recall(cue, START_NS + 400 * DAY_NS).recollections]
    assert len(found) == 13
    assert 0 < found.index("old") <= 7


def test_nearness_is_not_forgotten(home):
    for _ in range(9):
        home.used(["mug-0"], NOW)
    home.commit()
    answer = home.recall(Cue(near_m=(2.0, 0.0, 0.8), k=3, deadline_s=30), NOW + 30 * DAY_NS)
    assert [one.record.id for one in answer.recollections] == ["mug-2", "mug-1", "mug-0"]


def test_a_lockstep_recall_compares_with_every_vector_and_another_may_use_an_index(memory, monkeypatch):
    memory.temporal.note(
        Event(id="e", name="said", text="red", valid_from_ns=START_NS, embedding=pack([1.0, 0.0]), encoder="e@1")
    )
    memory.commit()
    asked, find = [], memory.backend.find
    monkeypatch.setattr(memory.backend, "find", lambda query, **limits: asked.append(query) or find(query, **limits))
    given = {"vector": pack([1.0, 0.0]), "encoder": "e@1", "kinds": ("event",)}
    memory.recall(Cue(record_budget=100, **given), NOW)
    memory.recall(Cue(deadline_s=30, **given), NOW)
    assert [query.exact for query in asked if query.vector] == [True, False]
