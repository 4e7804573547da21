# SPDX-License-Identifier: Apache-2.0
"""What the embedded store keeps of its rows between two questions is what the rows say, whoever wrote them."""

import random
from dataclasses import replace

import pytest

from memory.backend import Batch, Retirement
from memory.backends import sqlite_reading
from memory.backends.sqlite import SqliteBackend
from memory.query import Query
from memory.records import Event
from memory.samples import ENCODER, ContractClock, mug, sample_vector


def vector_of(number):
    return sample_vector(random.Random(number))


BY_VECTOR = Query(vector=vector_of(3), encoder=ENCODER, limit=5)
EVERY = Query(any_text="mug", limit=50)


@pytest.fixture
def store(tmp_path):
    opened = SqliteBackend(tmp_path / "store.db", ContractClock())
    yield opened
    opened.close()


def versions(store, query=EVERY):
    return sorted((one.id, one.version) for one in store.find(query).records)


def embedded(number, **more):
    return replace(mug(f"mug-{number}"), embedding=vector_of(number), encoder=ENCODER, **more)


def test_a_version_that_was_retired_is_an_answer_no_more(store, asked):
    store.write(Batch(records=(embedded(1), embedded(2))))
    assert versions(asked) == versions(asked, BY_VECTOR) == [("mug-1", 1), ("mug-2", 1)]
    store.write(Batch(records=(embedded(1, version=2),), retire=(Retirement("robot", "mug-1", 1),)))
    assert versions(asked) == versions(asked, BY_VECTOR) == [("mug-1", 2), ("mug-2", 1)]
    past = Query(any_text="mug", limit=50, history=True)
    assert [one.retired_ns for one in asked.find(past).records if one.id == "mug-1" and one.version == 1] != [None]


def test_a_vector_put_in_place_of_another_is_the_one_compared(store, asked):
    store.write(Batch(records=(embedded(1), embedded(2))))
    (first, *_) = asked.find(replace(BY_VECTOR, vector=vector_of(1))).records
    assert first.id == "mug-1"
    store.embed("robot", ENCODER, {("mug-1", 1): vector_of(7), ("mug-2", 1): vector_of(1)})
    (first, *_) = asked.find(replace(BY_VECTOR, vector=vector_of(1))).records
    assert first.id == "mug-2" and first.embedding == vector_of(1)
    assert {one.id: one.embedding for one in asked.find(EVERY).records}["mug-1"] == vector_of(7)


def test_what_was_forgotten_is_not_remembered_by_who_had_read_it(store, asked):
    store.write(Batch(records=(embedded(1), embedded(2))))
    assert versions(asked) == versions(asked, BY_VECTOR) == [("mug-1", 1), ("mug-2", 1)]
    store.forget("robot", ("mug-1",))
    assert versions(asked) == versions(asked, BY_VECTOR) == [("mug-2", 1)]
    assert list(asked.get("robot", ("mug-1", "mug-2"))) == ["mug-2"]
    assert {row.record.id for row in asked._kept._rows.values()} == {"mug-2"}


def test_more_changes_than_are_looked_through_drop_everything(store, asked, monkeypatch):
    monkeypatch.setattr(sqlite_reading, "LOOKED_THROUGH", 3)
    store.write(Batch(records=tuple(embedded(number) for number in range(8))))
    assert len(versions(asked)) == 8
    gone = tuple(Retirement("robot", f"mug-{number}", 1) for number in range(6))
    store.write(Batch(records=(), retire=gone))
    assert versions(asked) == versions(asked, BY_VECTOR) == [("mug-6", 1), ("mug-7", 1)]
    store.embed("robot", ENCODER, {(f"mug-{number}", 1): vector_of(9) for number in (6, 7)})
    assert {one.embedding for one in asked.find(EVERY).records} == {vector_of(9)}


def test_no_more_is_kept_than_there_is_room_for_and_what_is_asked_often_stays(store, monkeypatch):
    monkeypatch.setattr(sqlite_reading, "KEPT", 4)
    said = [Event(id=f"e{number}", valid_from_ns=number + 1, name="said", text=f"word{number}") for number in range(9)]
    store.write(Batch(records=tuple(said)))
    for number in range(9):
        assert [one.id for one in store.find(Query(any_text=f"word{number}", limit=1)).records] == [f"e{number}"]
        store.find(Query(any_text="word0", limit=1))
    assert len(store._kept._rows) == 4 and 1 in store._kept._rows


def test_a_question_without_time_leaves_nothing_wrong_behind(store, asked):
    store.write(Batch(records=(embedded(1),)))
    assert versions(asked) == [("mug-1", 1)]
    store.write(Batch(records=(embedded(1, version=2),), retire=(Retirement("robot", "mug-1", 1),)))
    assert not asked.find(EVERY, deadline_s=0.0).complete
    assert versions(asked) == [("mug-1", 2)]
