# SPDX-License-Identifier: Apache-2.0
"""One partition of the vector index: what it takes in is what it was given, once, whoever else is at work."""

import itertools
import random
import threading
from contextlib import closing
from dataclasses import replace

import pytest

from memory import vector_files, vectors
from memory.backend import Batch
from memory.backends import sqlite
from memory.backends.sqlite import SqliteBackend
from memory.backends.sqlite_vectors import VectorRows
from memory.errors import StoreUnavailable
from memory.query import Query
from memory.samples import ENCODER, ContractClock, mug, sample_vector
from memory.vector_files import Space, VectorIndex
from memory.vectors import Indexer, Partition, unit_vector


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


def has_turn(store):
    """May this thread write now?"""
    free = store._file.writing.acquire(blocking=False)
    if free:
        store._file.writing.release()
    return free


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
        assert part.nearest(unit_vector(vector), 1)[1].tolist() == [number]


def test_nobody_commits_further_vectors_before_the_index_has_the_last_ones(store, monkeypatch):
    """It passes over a number below its newest: two threads out of turn would lose the first one's vectors."""
    append, turns = VectorIndex.append, []

    def watched(*arguments):
        thread = threading.Thread(target=lambda: turns.append(has_turn(store)))
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


# ---- what is forgotten


def indexed(store, count=40):
    """A store whose index holds what it was given, and is not saved."""
    batch = Batch(records=embedded(random.Random(8), count))
    store.write(batch)
    store._vector_index().digest_all()
    return batch.records


def files_of(store):
    """Of the index, by name."""
    return [path.name for path in store._index_folder.glob("*")]


@pytest.fixture
def alone(eager, monkeypatch):
    """An index that nobody follows, so that what is in the folder was put there on purpose."""
    monkeypatch.setattr(Indexer, "wake", lambda self: None)


def test_nothing_that_is_being_forgotten_is_saved_before_the_index_has_forgotten_it(alone, store, monkeypatch):
    """An idle moment between the commit and the index: whoever is killed after it must not leave the vector behind."""
    indexed(store)
    forget_index, seen = SqliteBackend._forget_index, []

    def watched(backend):
        saver = threading.Thread(target=backend._vector_index().save)
        saver.start()
        saver.join(timeout=0.3)  # it waits for the end of forgetting
        seen.append(files_of(backend))
        forget_index(backend)

    monkeypatch.setattr(SqliteBackend, "_forget_index", watched)
    assert store.forget("robot", ("m3",)) == 1
    assert seen == [[]]
    assert in_time(store._vector_index().save)
    assert files_of(store) == []  # the new index holds nothing yet


def test_a_save_that_was_under_way_leaves_nothing_of_what_was_forgotten_meanwhile(alone, store, monkeypatch):
    indexed(store)
    save_one, begun, go_on = VectorIndex._save_one, threading.Event(), threading.Event()

    def slow(*arguments):
        begun.set()
        go_on.wait(timeout=0.3)  # by then forgetting has begun
        return save_one(*arguments)

    monkeypatch.setattr(VectorIndex, "_save_one", slow)
    saver = threading.Thread(target=store._vector_index().save)
    saver.start()
    assert begun.wait(timeout=20.0)
    assert in_time(lambda: store.forget("robot", ("m3",)))
    saver.join(timeout=20.0)
    assert files_of(store) == []


def test_an_index_whose_forgetting_failed_is_saved_whole_again(alone, tmp_path, monkeypatch, caplog):
    with closing(SqliteBackend(tmp_path / "store.db", ContractClock())) as store:
        indexed(store)
        store._vector_index().save()

        def full(*_):
            raise OSError("disk full")

        with monkeypatch.context() as patched:
            patched.setattr(
                sqlite.rows, "drop_erased_words", lambda sql: store._vector_index().discard_files() or full()
            )
            with pytest.raises(StoreUnavailable, match="disk full"):
                store.forget("robot", ("m3",))
        assert files_of(store) == []
    with closing(SqliteBackend(tmp_path / "store.db", ContractClock())) as again:
        (part,) = again._vector_index()._partitions.values()
        assert (part.indexed, part.unindexed) == (40, 0)
        assert again.counts().vectors == 40
    assert caplog.messages == []


# ---- partitions that come and go


def test_a_question_is_answered_in_full_while_the_index_begins_anew(alone, store, monkeypatch):
    vector = indexed(store)[5].embedding
    read_on, found = VectorIndex._read_on, []

    def asking(index, number, part):
        asked = Query(vector=vector, encoder=ENCODER, limit=3)
        assert in_time(lambda: found.append(store.find(asked)))
        read_on(index, number, part)

    monkeypatch.setattr(VectorIndex, "_read_on", asking)
    store.forget("robot", ("m3",))
    assert [(answer.complete, answer.records[0].id) for answer in found] == [(True, "m5")]


def test_nobody_commits_while_the_index_begins_anew(alone, store, tmp_path, monkeypatch):
    """What he commits would be taken in by the index that is thrown away."""
    load, turns = VectorIndex._load, []

    def watched(index):
        thread = threading.Thread(target=lambda: turns.append(has_turn(store)))
        thread.start()
        thread.join()
        load(index)

    kept = indexed(store)
    monkeypatch.setattr(VectorIndex, "_load", watched)
    store.forget("robot", ("m3",))
    store.maintain("rebuild")
    assert turns == [False, False]
    turns.clear()
    with closing(SqliteBackend(tmp_path / "other.db", ContractClock())) as store:
        store.restore(replace(one, sequence=n, recorded_ns=n) for n, one in enumerate(kept, 1))
    assert turns and not any(turns)


def test_forgetting_does_not_wait_for_a_thread_that_waits_for_the_rows(alone, store, monkeypatch):
    indexed(store)
    index, read = store._vector_index(), VectorRows.vectors_after
    asked, go_on = threading.Event(), threading.Event()

    def slow(*arguments):
        if threading.current_thread() is refiller:
            asked.set()
            go_on.wait(timeout=0.3)  # by then forgetting has begun
        return read(*arguments)

    monkeypatch.setattr(VectorRows, "vectors_after", slow)
    (part,) = index._partitions.values()
    part.behind = 1
    refiller = threading.Thread(target=index._refill, daemon=True)
    refiller.start()
    assert asked.wait(timeout=20.0)
    assert in_time(lambda: store.forget("robot", ("m3",)))
    refiller.join(timeout=20.0)


@pytest.mark.parametrize("look", ["unindexed", "digest_all", "save", "_refill", "_save_much"])
def test_partitions_that_appear_meanwhile_disturb_nobody(alone, store, monkeypatch, look):
    indexed(store)
    index, numbers = store._vector_index(), itertools.count(100)
    indexed_of, unindexed_of = Partition.indexed, Partition.unindexed

    def crowding(told):
        def asked(part):
            index._of(Space(next(numbers), 1, 1, ENCODER, 16, 0))
            return told.fget(part)

        return property(asked)

    monkeypatch.setattr(Partition, "indexed", crowding(indexed_of))
    monkeypatch.setattr(Partition, "unindexed", crowding(unindexed_of))
    told = getattr(index, look)
    if callable(told):
        told()


def test_two_who_meet_a_partition_first_fill_the_same(alone, store, monkeypatch):
    space, met, others = Space(7, 1, 1, ENCODER, 16, 0), [], []

    class Slow(Partition):
        def __init__(self, size):
            super().__init__(size)
            if not others:
                others.append(threading.Thread(target=lambda: met.append(store._vector_index()._of(space))))
                others[0].start()
                others[0].join(timeout=0.3)  # it waits for this one

    monkeypatch.setattr(vector_files, "Partition", Slow)
    store._vector_index()  # made before, so that the other one needs no turn of the reader
    met.append(store._vector_index()._of(space))
    others[0].join(timeout=20.0)
    assert met[0] is met[1]


def test_rows_that_come_while_the_last_page_is_read_are_not_taken_for_read(alone, store, monkeypatch):
    rng = random.Random(9)
    indexed(store)
    index = store._vector_index()
    ((number, part),) = index._partitions.items()
    part.behind = 2  # two rows that were replaced since

    def appended_meanwhile(*_):
        part.append([1001, 1002, 1003], [sample_vector(rng) for _ in range(3)])
        return []

    with monkeypatch.context() as patched:
        patched.setattr(VectorRows, "vectors_after", appended_meanwhile)
        index._refill_one(number, part)
    assert part.behind == 3


def test_the_newest_number_is_never_read_in_the_middle_of_a_move(eager):
    part, told = Partition(16), []
    part.append([1, 2], [sample_vector(random.Random(9)) for _ in range(2)])
    with part._lock:
        reader = threading.Thread(target=lambda: told.append(part.newest), daemon=True)
        reader.start()
        reader.join(timeout=0.1)
        assert told == []
    reader.join(timeout=20.0)
    assert told == [2]


def test_an_answer_that_lacked_rows_says_so_although_they_have_come_since(alone, store, monkeypatch):
    indexed(store)
    (part,) = store._vector_index()._partitions.values()
    part.behind, nearest = 1, Partition.nearest

    def caught_up_after(asked, *arguments):
        found = nearest(asked, *arguments)
        asked.behind = 0
        return found

    monkeypatch.setattr(Partition, "nearest", caught_up_after)
    query = Query(vector=sample_vector(random.Random(9)), encoder=ENCODER, limit=3)
    assert not store.find(query).complete
    assert store.find(query).complete
