# SPDX-License-Identifier: Apache-2.0
"""One partition of the vector index: what it takes in is what it was given, once, whoever else is at work."""

import random
import threading
from dataclasses import replace

import pytest

from memory import vector_files, vectors
from memory.backend import Batch
from memory.backends import sqlite
from memory.backends.sqlite import SqliteBackend
from memory.query import Query
from memory.samples import ENCODER, ContractClock, mug, sample_vector
from memory.vector_files import VectorIndex
from memory.vectors import Partition


@pytest.fixture
def eager(monkeypatch):
    """An index from sixteen vectors on, also while it is written to, and a tail of a hundred at most."""
    monkeypatch.setattr(vectors, "INDEX_FROM", 16)
    monkeypatch.setattr(sqlite, "_IDLE_AFTER_S", 0.0)
    for module in (vectors, vector_files):
        monkeypatch.setattr(module, "TAIL_KEPT", 100)


@pytest.fixture
def store(tmp_path):
    opened = SqliteBackend(tmp_path / "store.db", ContractClock())
    yield opened
    opened.close()


def embedded(rng, count, name="m"):
    return tuple(replace(mug(f"{name}{n}"), embedding=sample_vector(rng), encoder=ENCODER) for n in range(count))


def in_time(call):
    """Run what might wait for ever; True if it came to an end."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(timeout=20.0)
    return not thread.is_alive()


def digested(part):
    while part.digest(gulps=4):
        pass
    return part


def test_a_tail_of_any_length_is_indexed_without_a_number_that_was_never_given(eager):
    rng, part = random.Random(1), Partition(16)
    given = {}
    for count in (19, 3, 1, 8, 13):
        numbers = list(range(len(given) + 1, len(given) + count + 1))
        given |= {number: sample_vector(rng) for number in numbers}
        part.append(numbers, [given[number] for number in numbers])
        assert digested(part).indexed == len(given)
    for number, vector in given.items():
        assert part.nearest(vector, 1).tolist() == [number]


def test_nobody_commits_further_vectors_before_the_index_has_the_last_ones(store, monkeypatch):
    """It passes over a number below its newest: two threads out of turn would lose the first one's vectors."""
    append, turns = VectorIndex.append, []

    def watched(*arguments):
        thread = threading.Thread(target=lambda: turns.append(store._file.writing.acquire(blocking=False)))
        thread.start()
        thread.join()
        append(*arguments)

    monkeypatch.setattr(VectorIndex, "append", watched)
    store.write(Batch(records=embedded(random.Random(2), 2)))
    store.embed("robot", ENCODER, {("m0", 1): sample_vector(random.Random(3))})
    assert turns == [False, False]


def test_rows_that_two_threads_bring_are_counted_once():
    part = Partition(16)
    part.behind = 20
    rng = random.Random(3)
    for _ in range(2):
        part.take_in(range(1, 11), [sample_vector(rng) for _ in range(10)])
    assert part.behind == 10


def test_a_reader_goes_on_when_the_tail_is_longer_than_it_may_hold(eager, store, tmp_path):
    store.write(Batch(records=embedded(random.Random(4), 5)))
    reader = SqliteBackend(tmp_path / "store.db", ContractClock(), read_only=True)
    asked = Query(vector=sample_vector(random.Random(5)), encoder=ENCODER, limit=3)
    assert reader.find(asked).complete
    store.write(Batch(records=embedded(random.Random(6), 400, "n")))
    found = []
    assert in_time(lambda: found.append(reader.find(asked)))
    assert not found[0].complete  # it says that it has not seen all
    store.maintain("rebuild")
    assert reader.find(asked).complete
    assert reader.find(asked).records == reader.find(replace(asked, exact=True)).records
    reader.close()


def test_closing_does_not_wait_for_a_thread_that_waits_for_the_rows(eager, store, monkeypatch):
    refill, asked, go_on = VectorIndex._refill, threading.Event(), threading.Event()

    def slow(index):
        asked.set()
        go_on.wait(timeout=0.3)  # by then close has begun
        refill(index)

    monkeypatch.setattr(VectorIndex, "_refill", slow)
    for name, count in (("m", 5), ("n", 400)):
        store.write(Batch(records=embedded(random.Random(7), count, name)))
    assert asked.wait(timeout=20.0)
    assert in_time(store.close)
