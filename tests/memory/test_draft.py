# SPDX-License-Identifier: Apache-2.0
"""One step: read-your-writes, one batch, one commit."""

import random
from dataclasses import replace

import pytest

from memory.backend import Batch
from memory.backends.in_memory import InMemoryBackend
from memory.draft import Draft
from memory.errors import RejectedInput, StoreUnavailable
from memory.query import Query
from memory.records import Relation, Tally
from memory.samples import START_NS, ContractClock, fill, mug, retirement, sample_query, sample_records


@pytest.fixture
def backend():
    return InMemoryBackend(ContractClock())


@pytest.fixture
def draft(backend):
    return Draft(backend, "robot")


def test_nothing_is_written_before_the_commit_and_all_of_it_after(backend, draft):
    draft.stage(mug(), mug("mug-2"))
    draft.count(Tally("mug-1", "robot", START_NS))
    assert backend.counts().records == 0
    receipt = draft.commit()
    assert (receipt.first_sequence, receipt.last_sequence) == (1, 2)
    assert backend.counts().tallies == 1


def test_an_empty_step_commits_nothing(backend, draft):
    assert draft.commit() is None
    assert backend.last_sequence() == 0


def test_a_step_reads_what_it_wrote(draft):
    draft.stage(mug())
    draft.stage(mug(version=2, x=5.0))
    draft.retire(retirement(mug()))
    assert draft.get("mug-1")["mug-1"].version == 2
    assert [r.version for r in draft.find(Query(text="mug")).records] == [2]
    assert draft.find(Query(near_m=(5.0, 0.0, 0.8), within_m=0.1)).records[0].sequence == 2


def test_expand_follows_staged_relations_and_not_retired_ones(backend, draft):
    stored = Relation(id="r1", valid_from_ns=START_NS, subject="a", predicate="inside", object="b")
    backend.write(Batch(records=(stored,)))
    draft.stage(replace(stored, id="r2", object="c"))
    draft.retire(retirement(stored))
    assert [edge.object for edge in draft.expand(("a",))] == ["c"]
    assert [edge.object for edge in draft.expand(("a",), recorded_at_ns=START_NS * 2)] == ["b"]


def test_any_question_is_answered_as_if_the_step_were_already_committed(backend):
    rng = random.Random(4)
    log = fill(backend, rng, 100)
    for step in range(60):
        draft = Draft(backend, "robot")
        fresh = [replace(r, id=f"s{step}-{r.id}") for r in sample_records(rng, 4, robots=("robot",))]
        believed = [r for r in log if r.retired_ns is None and r.robot == "robot"]
        draft.stage(*fresh)
        draft.retire(*map(retirement, rng.sample(believed, 2)))
        queries = [replace(sample_query(rng, log), recorded_at_ns=None, history=False) for _ in range(40)]
        queries = [query for query in queries if query.robot == "robot"]
        before = [[(r.id, r.version) for r in draft.find(query).records] for query in queries]
        draft.commit()
        assert before == [[(r.id, r.version) for r in backend.find(query).records] for query in queries]
        log = list(backend.changes())


def test_a_version_staged_twice_is_refused_at_once(draft):
    draft.stage(mug())
    with pytest.raises(RejectedInput, match="already staged"):
        draft.stage(mug())


def test_a_record_that_cannot_be_stored_does_not_spoil_the_step(draft):
    draft.stage(mug())
    with pytest.raises(RejectedInput):
        draft.stage(replace(mug("bad"), embedding=b"\0\0\xc0\x7f", encoder="e"))
    assert draft.commit().last_sequence == 1


def test_a_refused_step_is_dropped_so_that_the_next_one_passes(backend, draft):
    backend.write(Batch(records=(mug(),)))
    draft.stage(mug())
    with pytest.raises(RejectedInput):
        draft.commit()
    draft.stage(mug("mug-2"))
    assert draft.commit().last_sequence == 2


def test_a_step_that_found_no_store_stays_for_the_next_try(draft):
    class Unreachable(InMemoryBackend):
        down = True

        def write(self, batch):
            if self.down:
                raise StoreUnavailable("the disk is full")
            return super().write(batch)

    backend = Unreachable(ContractClock())
    draft = Draft(backend, "robot")
    draft.stage(mug())
    with pytest.raises(StoreUnavailable):
        draft.commit()
    backend.down = False
    draft.stage(mug("mug-2"))
    assert draft.commit().last_sequence == 2


def test_another_robots_record_is_the_callers_mistake(draft):
    with pytest.raises(ValueError, match="other"):
        draft.stage(mug(robot="other"))
    with pytest.raises(ValueError, match="other"):
        draft.find(Query(robot="other"))


def test_a_key_names_the_step(backend, draft):
    draft.stage(mug())
    first = draft.commit("step-7")
    draft.stage(mug())
    assert draft.commit("step-7") == first
    assert backend.counts().records == 1
