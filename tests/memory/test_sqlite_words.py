# SPDX-License-Identifier: Apache-2.0
"""How the embedded store ranks by words: what has all, then rare ones, the newest first, the same each time."""

import random
import sqlite3
import time
from dataclasses import replace

import pytest

from memory.backend import Batch
from memory.backends import sqlite_reading, sqlite_words
from memory.backends.sqlite import SqliteBackend
from memory.backends.sqlite_search import WORD_POOL
from memory.query import Query
from memory.records import Event
from memory.samples import ENCODER, ContractClock, mug, sample_vector

MANY = 3 * WORD_POOL


@pytest.fixture
def store(tmp_path):
    opened = SqliteBackend(tmp_path / "store.db", ContractClock())
    yield opened
    opened.close()


def written(store, texts):
    events = [Event(id=f"e{n}", valid_from_ns=n + 1, name="said", text=text) for n, text in enumerate(texts)]
    store.write(Batch(records=tuple(events)))


def found(store, words, limit=5):
    return [record.text for record in store.find(Query(kinds=("event",), any_text=words, limit=limit)).records]


def test_an_old_record_with_a_rare_word_comes_before_the_many_with_a_common_one(store):
    written(store, ["a spatula", *["red mug"] * MANY])
    assert found(store, "mug spatula")[0] == "a spatula"


def test_of_common_words_what_has_two_comes_before_the_newer_that_have_one(store):
    written(store, [*["red mug"] * 3, *["red plate"] * MANY, *["blue mug"] * MANY, *["green table"] * MANY])
    assert found(store, "mug red table", limit=4)[:3] == ["red mug"] * 3


def test_where_few_have_two_words_those_that_have_one_are_found_as_well(store):
    written(store, [*["red plate"] * MANY, *["blue mug"] * MANY])
    assert len(found(store, "mug red", limit=2 * WORD_POOL)) == 2 * WORD_POOL


def test_a_question_is_answered_the_same_again_and_by_a_store_that_was_just_opened(store, tmp_path):
    rng = random.Random(5)
    words = ["mug", "red", "table", "plate", "blue", "spatula", "kitchen", "sink"]
    written(store, [" ".join(rng.choices(words, weights=[9, 9, 9, 5, 5, 1, 1, 1], k=3)) for _ in range(1000)])
    asked = [" ".join(rng.sample(words, 3)) for _ in range(40)]
    first, again = ([found(store, one) for one in asked] for _ in range(2))
    store.close()
    fresh = SqliteBackend(tmp_path / "store.db", ContractClock())
    assert first == again == [found(fresh, one) for one in asked]
    fresh.close()


def test_everything_of_a_label_has_its_words_so_the_newest_come_first(store):
    mugs = [mug(f"m{n}", at_ns=n + 1) for n in range(MANY)]
    rng = random.Random(6)
    store.write(Batch(records=tuple(rng.sample(mugs, MANY))))
    query = Query(kinds=("instance",), equals=(("label", "mug"),), any_text="mug", limit=7)
    assert [record.id for record in store.find(query).records] == [f"m{n}" for n in range(MANY - 1, MANY - 8, -1)]
    assert len(store.find(replace(query, limit=0)).records) == MANY


def pieces(path):
    with sqlite3.connect(path) as sql:
        return sql.execute("SELECT count(DISTINCT segid) FROM texts_event_idx").fetchone()[0]


def test_a_text_index_in_many_pieces_is_one_when_the_store_is_closed(store, tmp_path):
    for n in range(30):
        store.write(Batch(records=(Event(id=f"x{n}", valid_from_ns=n + 1, name="said", text=f"mug {n}"),)))
    assert pieces(tmp_path / "store.db") > 3
    store.close()
    assert pieces(tmp_path / "store.db") == 1


def test_a_text_index_is_merged_while_nobody_writes(store, tmp_path, monkeypatch):
    monkeypatch.setattr("memory.vectors.INDEX_FROM", 8)
    monkeypatch.setattr("memory.vectors.LOOKS_EVERY_S", 0.01)
    rng = random.Random(8)
    for n in range(30):
        event = Event(id=f"x{n}", valid_from_ns=n + 1, name="said", embedding=sample_vector(rng), encoder=ENCODER)
        store.write(Batch(records=(event,)))
    end_s = time.monotonic() + 20.0
    while pieces(tmp_path / "store.db") > 1 and time.monotonic() < end_s:
        time.sleep(0.02)
    assert pieces(tmp_path / "store.db") == 1


def test_a_label_with_further_filters_is_still_searched_whole(store):
    """Of the nearest of a label few may pass a filter that no index tells; words beside it are not passed over."""
    rng = random.Random(7)
    for n in range(200):
        one = replace(mug(f"m{n}"), embedding=sample_vector(rng), encoder=ENCODER)
        store.write(Batch(records=(replace(one, alias="Anna's") if n < 5 else one,)))
    label = (("label", "mug"), ("alias", "Anna's"))
    for query in (
        Query(equals=label, vector=sample_vector(rng), encoder=ENCODER, limit=5),
        Query(equals=label, any_text="mug", limit=5),
        Query(equals=label[:1], text="anna", any_text="mug", limit=5),
    ):
        assert {record.id for record in store.find(query).records} == {"m0", "m1", "m2", "m3", "m4"}


def said(start, texts):
    return Batch(
        records=tuple(
            Event(id=f"e{number}", valid_from_ns=number + 1, name="said", text=text)
            for number, text in enumerate(texts, start=start)
        )
    )


def test_what_was_written_after_its_words_were_asked_for_is_found(store, asked):
    store.write(said(0, ["red mug", *["blue mug"] * MANY, *["red plate"] * MANY]))
    assert found(asked, "red mug", limit=1) == ["red mug"]
    assert asked._kept.lists
    store.write(said(1000, ["a mug that is red", "green plate"]))
    assert found(asked, "red mug", limit=2) == ["a mug that is red", "red mug"]
    store.forget("robot", ("e1000",))
    assert found(asked, "red mug", limit=2)[0] == "red mug"


def test_a_word_that_nothing_had_is_followed_as_well(store, asked):
    store.write(said(0, ["red mug", "blue plate"]))
    assert found(asked, "red spatula", limit=1) == ["red mug"]
    store.write(said(10, ["a red spatula", "red plate"]))
    assert found(asked, "red spatula", limit=1) == ["a red spatula"] == found(asked, "spatula")


def test_after_more_than_are_followed_the_lists_begin_anew(store, asked, monkeypatch):
    monkeypatch.setattr(sqlite_reading, "FOLLOWED", 3)
    store.write(said(0, ["red mug", *["blue mug"] * MANY, *["red plate"] * MANY]))
    assert found(asked, "red mug", limit=1) == ["red mug"]
    store.write(said(1000, ["a red mug"] * 5))
    assert found(asked, "red mug", limit=6) == ["a red mug"] * 5 + ["red mug"]


@pytest.mark.parametrize("longest", [1, 7, 40, 4000])
@pytest.mark.parametrize("held", [50, 1_000_000])
def test_the_answer_is_the_same_however_much_of_the_lists_is_kept(store, tmp_path, monkeypatch, longest, held):
    rng = random.Random(7)
    words = ["mug", "red", "table", "plate", "blue", "spatula", "kitchen", "sink"]
    texts = [" ".join(rng.choices(words, weights=[9, 9, 9, 5, 5, 1, 1, 1], k=3)) for _ in range(600)]
    written(store, texts)
    asked = [" ".join(rng.sample(words, rng.choice((1, 2, 3, 5)))) for _ in range(60)]
    monkeypatch.setattr(sqlite_words.WordLists, "get", lambda *_, **__: None)
    without = [found(store, one) for one in asked]
    monkeypatch.undo()
    monkeypatch.setattr(sqlite_words, "LONGEST", longest)
    monkeypatch.setattr(sqlite_words, "HELD", held)
    for number, one in enumerate(asked):
        assert found(store, one) == without[number]
    lists = store._kept.lists
    assert lists and (lists._held <= held or len(lists._lists) == 1)


def test_lists_that_had_no_time_to_be_read_are_not_taken_for_whole(store):
    store.write(said(0, ["red mug", *["blue mug"] * MANY, *["red plate"] * MANY]))
    query = Query(kinds=("event",), any_text="red mug", limit=1)
    store.find(query, deadline_s=0.0)
    assert [one.text for one in store.find(query).records] == ["red mug"]
