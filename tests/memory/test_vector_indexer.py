# SPDX-License-Identifier: Apache-2.0
"""The thread behind the vector index: it begins when there is work, outlives its errors, and says them."""

import logging
import random
import threading
from dataclasses import replace

import pytest

from memory import operations, vectors
from memory.backend import Batch
from memory.backends import sqlite
from memory.backends.sqlite import SqliteBackend
from memory.query import Query
from memory.samples import ENCODER, ContractClock, mug, sample_vector
from memory.vectors import Indexer, Partition

COUNT = 40
WAIT_S = 20.0


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """An index from sixteen vectors on, and a look every moment."""
    monkeypatch.setattr(vectors, "INDEX_FROM", 16)
    monkeypatch.setattr(vectors, "TAIL_LEFT", 1)
    monkeypatch.setattr(vectors, "LOOKS_EVERY_S", 0.02)


def filled(count=COUNT):
    rng, part = random.Random(1), Partition(16)
    part.append(range(1, count + 1), [sample_vector(rng) for _ in range(count)])
    return part


class Watched:
    """A follower of one partition, and what it does."""

    def __init__(self, part):
        self.part, self.writing = part, False
        self.failed, self.rested = threading.Event(), threading.Event()
        self.follower = Indexer(lambda: [part], lambda: self.writing, lambda: None, self.rested.set)


@pytest.fixture
def watched():
    one = Watched(filled())
    yield one
    one.follower.end()


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "_IDLE_AFTER_S", 0.0)
    opened = SqliteBackend(tmp_path / "store.db", ContractClock())
    yield opened
    opened.close()


@pytest.fixture
def breaking(monkeypatch):
    """Every gulp fails, until `mended` is set; `failed` once one has."""
    digest, failed, mended = Partition.digest, threading.Event(), threading.Event()

    def broken(part, gulps=1):
        if mended.is_set():
            return digest(part, gulps)
        failed.set()
        raise RuntimeError("no memory is left")

    monkeypatch.setattr(Partition, "digest", broken)
    return failed, mended


def embedded(first=0):
    rng = random.Random(first)
    some = range(first, first + COUNT)
    return Batch(records=tuple(replace(mug(f"m{n}"), embedding=sample_vector(rng), encoder=ENCODER) for n in some))


def test_what_was_written_in_one_go_is_indexed_once_the_writer_rests(watched):
    watched.writing = True
    watched.follower.wake()  # the last one that comes
    watched.writing = False
    assert watched.rested.wait(WAIT_S)
    assert (watched.part.indexed, watched.part.unindexed) == (COUNT, 0)


@pytest.fixture
def begun(monkeypatch):
    """Threads of followers that were started."""
    some, start = [], threading.Thread.start

    def counted(thread):
        if thread.name == "vector index":
            some.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", counted)
    return some


def test_a_short_tail_needs_no_thread(begun):
    one = Watched(filled(3))
    one.follower.wake()
    assert begun == []


def test_no_thread_begins_after_the_end(watched, begun):
    watched.follower.end()
    watched.follower.wake()
    assert begun == []


def test_wakes_at_once_begin_one_thread(watched, begun):
    together = threading.Barrier(3, timeout=WAIT_S)

    def looked_at():
        if threading.current_thread() in wakers:
            together.wait()
        return [watched.part]

    watched.follower._partitions = looked_at
    wakers = [threading.Thread(target=watched.follower.wake) for _ in range(3)]
    for waker in wakers:
        waker.start()
    for waker in wakers:
        waker.join(timeout=WAIT_S)
    assert watched.rested.wait(WAIT_S)
    assert len(begun) == 1


def test_an_error_is_logged_once_and_seen_and_the_next_wake_begins_again(watched, breaking, caplog):
    failed, mended = breaking
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            failed.clear()
            watched.follower.wake()
            assert failed.wait(WAIT_S)
        failed.clear()
        watched.follower.wake()  # heard only after the error before it was told
        assert failed.wait(WAIT_S)
    assert watched.follower.error == "RuntimeError: no memory is left"
    told = [one for one in caplog.records if one.exc_info and "no memory is left" in str(one.exc_info[1])]
    assert len(told) == 1
    mended.set()
    watched.follower.wake()
    assert watched.rested.wait(WAIT_S)
    assert (watched.follower.error, watched.part.indexed) == ("", COUNT)


def test_a_store_whose_index_does_not_go_on_answers_exactly_and_says_it(store, breaking, caplog):
    failed, mended = breaking
    batch = embedded()
    store.write(batch)
    assert failed.wait(WAIT_S)
    failed.clear()
    store.write(Batch(records=(mug("later"),)))
    store.write(embedded(COUNT))  # wakes it
    assert failed.wait(WAIT_S)
    asked = Query(vector=batch.records[7].embedding, encoder=ENCODER, limit=3)
    assert store.find(asked).complete
    assert store.find(asked).records == store.find(replace(asked, exact=True)).records
    stats = operations.stats(store, "memory://")
    assert stats.sizes.index_error == "RuntimeError: no memory is left"
    assert "the vector index takes nothing in: RuntimeError: no memory is left" in stats.warnings
    assert stats.sizes.unindexed == 2 * COUNT
    mended.set()
    store.maintain("rebuild")
    assert store.sizes().unindexed == 0


def test_a_gulp_that_broke_off_half_way_is_taken_in_once():
    part = filled()
    part.digest()
    held, numbers = part.indexed, part._numbers[:4].astype("uint64")
    part._index.add(numbers, part._vectors[:4], threads=1)  # what an error in the middle of a gulp leaves
    while part.digest():
        pass
    assert held == vectors.GULP
    assert (part.indexed, part.unindexed) == (COUNT, 0)
