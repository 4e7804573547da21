# SPDX-License-Identifier: Apache-2.0
"""Vectors in the background: nothing is lost, everything is told, and it may be killed anywhere."""

import itertools

import pytest

from memory.backend import Batch
from memory.encoders import HashEncoder
from memory.enrichment import AT_ONCE, WAITING_AT_MOST, Enrichment
from memory.errors import EncoderMismatch, StoreUnavailable
from memory.query import Query
from memory.records import Event, Relation
from memory.registry import open_backend
from memory.samples import START_NS, ContractClock, mug


class Picky(HashEncoder):
    """Fails on sentences with certain words, and counts what it was asked."""

    def __init__(self, *words, seed=0):
        super().__init__(seed=seed)
        self.words, self.asked = set(words), []

    def encode(self, texts):
        self.asked += texts
        bad = [text for text in texts if self.words & set(text.split())]
        if bad:
            raise RuntimeError(f"cannot say {bad[0]!r}")
        return super().encode(texts)


@pytest.fixture
def backend():
    return open_backend("memory://", ContractClock())


def said(number, text="", robot="robot"):
    return Event(id=f"e{number}", robot=robot, name="said", text=text or f"thing {number}", valid_from_ns=START_NS)


def embedded_by(backend, encoder):
    return {record.id for record in backend.changes() if record.encoder == encoder.id and record.embedding}


def run(enrichment, calls=1000):
    """Work until nothing is left; every progress."""
    every = []
    for _ in range(calls):
        every.append(enrichment.work(7))
        if every[-1].done:
            return every
    raise AssertionError(f"not done after {calls} calls: {every[-1]}")


def test_every_record_gets_the_vector_of_its_sentence_in_bounded_slices(backend):
    backend.write(Batch(records=tuple(said(n, robot="robot" if n % 3 else "other") for n in range(50))))
    encoder = HashEncoder()
    progress = run(Enrichment(backend, encoder))
    assert [one.backlog for one in progress] == [43, 36, 29, 22, 15, 8, 1, 0]
    assert sum(one.embedded for one in progress) == 50
    assert all(r.embedding == encoder.encode([r.text])[0] for r in backend.changes())
    (nearest,) = backend.find(Query(vector=encoder.encode(["thing 7"])[0], encoder=encoder.id, limit=1)).records
    assert nearest.id == "e7"


def test_what_is_written_later_is_followed(backend):
    enrichment = Enrichment(backend, HashEncoder())
    assert enrichment.work().done
    backend.write(Batch(records=(said(1),)))
    assert enrichment.backlog == 1
    assert enrichment.work().embedded == 1
    assert enrichment.work() == enrichment.work()


def test_states_of_things_need_no_vector_and_are_no_backlog(backend):
    inside = Relation(id="r", subject="mug-1", predicate="inside", object="sink", valid_from_ns=START_NS)
    backend.write(Batch(records=(inside, mug())))
    enrichment = Enrichment(backend, HashEncoder())
    assert enrichment.work().done
    assert embedded_by(backend, HashEncoder()) == {"mug-1"}


def test_equal_sentences_are_encoded_once(backend):
    backend.write(Batch(records=tuple(mug(f"mug-{n}") for n in range(40))))
    encoder = Picky()
    run(Enrichment(backend, encoder))
    assert encoder.asked == ["mug"]


@pytest.mark.parametrize("calls", range(6))
def test_killed_after_any_slice_it_goes_on_and_does_nothing_twice(backend, calls):
    backend.write(Batch(records=tuple(said(n) for n in range(30))))
    first, second = Picky(), Picky()
    before = Enrichment(backend, first)
    for _ in range(calls):
        before.work(7)
    run(Enrichment(backend, second))
    assert len(embedded_by(backend, first)) == 30
    assert sorted(first.asked + second.asked) == sorted(f"thing {n}" for n in range(30))


@pytest.mark.parametrize("fails_at", range(5))
def test_a_store_that_refuses_in_the_middle_loses_nothing(backend, monkeypatch, fails_at):
    backend.write(Batch(records=tuple(said(n) for n in range(3 * AT_ONCE))))
    enrichment, embed, calls = Enrichment(backend, HashEncoder()), backend.embed, itertools.count()

    def sometimes(*given):
        if next(calls) == fails_at:
            raise StoreUnavailable("disk full")
        return embed(*given)

    monkeypatch.setattr(backend, "embed", sometimes)
    if fails_at < 3:
        with pytest.raises(StoreUnavailable, match="disk full"):
            enrichment.work(100)
    assert enrichment.work(100).done
    assert len(embedded_by(backend, HashEncoder())) == 3 * AT_ONCE


def test_one_bad_sentence_holds_up_no_other_and_is_told_and_tried_again(backend):
    backend.write(Batch(records=tuple(said(n) for n in range(20))))
    encoder = Picky("7")
    enrichment = Enrichment(backend, encoder)
    progress = enrichment.work(100)
    assert (progress.embedded, progress.backlog, progress.done) == (19, 1, False)
    assert progress.failing == ("e7 version 1: encoder hash-64@0: RuntimeError: cannot say 'thing 7' (tried 1 times)",)
    tries = [enrichment.work(100).failing[0].rpartition("tried ")[2] for _ in range(8)]
    assert tries == ["1 times)", "2 times)", *["2 times)"] * 3, *["3 times)"] * 3]
    encoder.words.clear()
    assert run(enrichment)[-1].backlog == 0
    assert "e7" in embedded_by(backend, encoder)


def test_a_broken_encoder_keeps_a_bounded_list_and_the_rest_in_the_log(backend):
    backend.write(Batch(records=tuple(said(n) for n in range(WAITING_AT_MOST + 200))))
    encoder = Picky("thing")
    enrichment = Enrichment(backend, encoder)
    for _ in range(10):
        progress = enrichment.work(300)
    assert progress.backlog == WAITING_AT_MOST + 200
    assert len(enrichment._waiting) <= WAITING_AT_MOST
    encoder.words.clear()
    for _ in range(100):
        progress = enrichment.work(300)
    assert progress.done and len(embedded_by(backend, encoder)) == WAITING_AT_MOST + 200


def test_what_was_forgotten_is_no_backlog(backend):
    backend.write(Batch(records=(said(1), said(2), said(3))))
    enrichment = Enrichment(backend, Picky("2", "3"))
    enrichment.work()
    backend.forget("robot", ("e2", "e3"))
    assert run(enrichment)[-1].failing == ()


def test_a_deadline_that_has_passed_begins_nothing(backend):
    backend.write(Batch(records=(said(1),)))
    progress = Enrichment(backend, HashEncoder()).work(deadline_s=0.0)
    assert (progress.looked_at, progress.backlog) == (0, 1)


def test_another_encoder_replaces_every_vector_and_until_then_asking_is_refused(backend):
    old, new = HashEncoder(seed=0), HashEncoder(seed=1)
    backend.write(Batch(records=tuple(said(n) for n in range(20))))
    run(Enrichment(backend, old))
    asked = Query(vector=new.encode(["thing 3"])[0], encoder=new.id, limit=1)
    again = Enrichment(backend, new)
    for _ in range(2):
        with pytest.raises(EncoderMismatch):
            backend.find(asked)
        again.work(8)
    run(again)
    assert [record.id for record in backend.find(asked).records] == ["e3"]
    with pytest.raises(EncoderMismatch):
        backend.find(Query(vector=old.encode(["thing 3"])[0], encoder=old.id))


def test_who_asks_to_be_told_gets_each_record_with_its_vector(backend):
    backend.write(Batch(records=(said(1), said(2))))
    told = []
    Enrichment(backend, HashEncoder(), tell=told.append).work()
    assert [(one.id, one.embedding) for one in told] == [(r.id, r.embedding) for r in backend.changes()]
