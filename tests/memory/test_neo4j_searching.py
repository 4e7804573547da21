# SPDX-License-Identifier: Apache-2.0
"""How little the graph store's server is asked, and how little it has to look at. Needs a real server."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from memory.backend import Batch
from memory.backends import neo4j_rows, neo4j_vectors
from memory.backends.neo4j_link import Link
from memory.query import FOREVER_NS, Query
from memory.records import Event
from memory.samples import ENCODER, START_NS, S, mug, sample_vector

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(600)]


def test_opening_has_the_usual_questions_planned_and_asks_each_but_once_or_twice(opened, monkeypatch):
    asked, stream = [], Link.stream

    def noted(self, statement, *more, **parameters):
        asked.append(statement)
        stream(self, statement, *more, **parameters)

    monkeypatch.setattr(Link, "stream", noted)
    store = opened(warm_up_s=60.0)
    planned = set(asked)
    assert 40 < len(asked) < 2 * len(planned)
    mugs, here = {"kinds": ("instance",), "equals": (("label", "mug"),)}, (1.0, 2.0, 3.0)
    for query in (
        Query(kinds=("event",), newest_first=True, limit=5),
        Query(kinds=("event",), newest_first=True, limit=5, text="red mug", valid_at_ns=START_NS),
        Query(**mugs, near_m=here, limit=3),
        Query(**mugs, near_m=here, within_m=2.0, valid_at_ns=START_NS, since_ns=START_NS),
        Query(kinds=("instance", "place"), any_text="red mug", limit=5),
    ):
        store.find(query)
    assert set(asked) == planned


def touched(url, asked):
    """How often the server looks into its store for each of these statements."""
    import neo4j

    with neo4j.GraphDatabase.driver(url) as driver, driver.session() as session:
        for statement, parameters in asked:
            profile = session.run(f"CYPHER 5 PROFILE {statement}", parameters).consume().profile
            rest, hits = [profile], 0
            while rest:
                step = rest.pop()
                hits += step.get("dbHits", 0)
                rest += step.get("children", [])
            yield hits


def test_what_is_asked_about_a_time_or_a_thing_is_read_without_the_past(store, monkeypatch, neo4j_url):
    first = Event(id="first", valid_from_ns=START_NS, valid_to_ns=START_NS + 5000 * S, name="away")
    lit = [
        Event(
            id=f"e{n}", valid_from_ns=START_NS + n * S, valid_to_ns=START_NS + n * S + 1, name="lit",
            subjects=(f"lamp-{n % 200}",),
        )
        for n in range(2000)
    ]  # fmt: skip
    store.write(Batch(records=(first, *lit)))
    asked, stream = [], Link.stream

    def noted(self, statement, take, deadline_s=None, /, begin=lambda: None, **parameters):
        asked.append((statement, parameters))
        stream(self, statement, take, deadline_s, begin=begin, **parameters)

    monkeypatch.setattr(Link, "stream", noted)
    at = START_NS + 1000 * S
    for query, expected in (
        (Query(kinds=("event",), newest_first=True, since_ns=at, until_ns=at + 3 * S, limit=9), ["e1002", "e1001"]),
        (Query(newest_first=True, valid_at_ns=at, limit=9), ["e1000", "first"]),
        (Query(kinds=("event",), since_ns=at, until_ns=at + 2 * S), ["first", "e1000"]),
        (Query(equals=(("subjects", "lamp-7"),), newest_first=True, limit=2), ["e1807", "e1607"]),
    ):
        assert [r.id for r in store.find(query).records][:2] == expected
    assert len(asked) == 4
    assert max(touched(neo4j_url, asked)) < 200


ASKED = (
    {"kinds": ("event",)},
    {"kinds": ("event", "episode"), "since_ns": START_NS + 100 * S},
    {"kinds": ("instance", "relation"), "valid_at_ns": FOREVER_NS},
    {},
    {"kinds": ("instance",), "equals": (("label", "mug"),), "history": True},
)


@pytest.mark.parametrize("given", ASKED)
def test_the_indexes_of_vectors_find_what_comparing_all_finds(store, monkeypatch, given):
    rng = random.Random(4)
    things = [replace(mug(f"m{n}"), label="mug" if n % 3 else "cup") for n in range(400)]
    events = [
        Event(id=f"e{n}", valid_from_ns=START_NS + n * S, valid_to_ns=START_NS + n * S + 1, name="lit")
        for n in range(200)
    ]
    records = (replace(one, embedding=sample_vector(rng), encoder=ENCODER) for one in (*things, *events))
    store.write(Batch(records=tuple(records)))
    for name, value in (("EXACT_BELOW", 60), ("_PAGE", 61)):
        monkeypatch.setattr(neo4j_vectors, name, value)
    statements, rows = [], Link.rows

    def noted(self, statement, *more, **parameters):
        statements.append(statement)
        return rows(self, statement, *more, **parameters)

    monkeypatch.setattr(Link, "rows", noted)
    same = 0
    for _ in range(20):
        query = Query(vector=sample_vector(rng), encoder=ENCODER, limit=10, **given)
        found, exact = (store.find(replace(query, exact=one)) for one in (False, True))
        assert len(found.records) == 10
        same += len({r.id for r in found.records} & {r.id for r in exact.records})
    assert same >= 0.95 * 200
    assert sum("vector.queryNodes" in one for one in statements) >= 20


def test_a_few_of_a_name_are_compared_at_once_and_come_whole(store, monkeypatch):
    rng = random.Random(5)
    things = [replace(mug(f"m{n}"), label="mug" if n % 50 else "cup") for n in range(200)]
    store.write(Batch(records=tuple(replace(one, embedding=sample_vector(rng), encoder=ENCODER) for one in things)))
    for name, value in (("EXACT_BELOW", 60), ("_PAGE", 61)):
        monkeypatch.setattr(neo4j_vectors, name, value)
    query = Query(vector=sample_vector(rng), encoder=ENCODER, limit=2, equals=(("label", "cup"),))
    expected = store.find(replace(query, exact=True)).records
    asked, stream = [], Link.stream

    def noted(self, statement, *more, **parameters):
        asked.append(statement)
        stream(self, statement, *more, **parameters)

    store.find(query)  # which spaces are large is asked once
    monkeypatch.setattr(Link, "stream", noted)
    assert store.find(query).records == expected
    assert len(asked) == 1


def test_what_is_forgotten_is_not_kept_for_the_next_question(store):
    store.write(Batch(records=(mug(), mug("other"))))
    assert len(store.get("robot", ("mug-1", "other"))) == 2
    store.forget("robot", ("mug-1",))
    assert neo4j_rows._parsed.cache_info().currsize == 0
    assert list(store.get("robot", ("mug-1", "other"))) == ["other"]
