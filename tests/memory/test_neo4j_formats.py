# SPDX-License-Identifier: Apache-2.0
"""A graph store of format 1 is migrated where it stands, a reader says so, and a newer one is refused. A real server.

Rules of the file: `FORMAT_1` takes from a store of today what format 1 did not have; what it leaves is a store as the
version before wrote it.
"""

from __future__ import annotations

import random

import pytest

from memory.backend import Batch
from memory.backends import neo4j_migration
from memory.backends.neo4j_schema import FORMAT
from memory.errors import StoreCorrupt, StoreTooNew, StoreUnavailable
from memory.query import FOREVER_NS, Query
from memory.records import Event
from memory.samples import START_NS, S, fill, mug, retirement
from memory.testing import exported

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(600)]

FORMAT_1 = (
    "DROP INDEX record_span",
    "DROP CONSTRAINT span_there",
    "MATCH (p:Span) DELETE p",
    "MATCH (r:Record) REMOVE r.span SET r.scope = split(r.scope, ' ')[0], r.words = reduce(all = '', word IN "
    "[w IN split(r.words, ' ') WHERE NOT w =~ 'z(subjects|evidence)[0-9a-f]{16}'] | all + ' ' + word)",
    "MATCH (r:Record) SET r.words = trim(r.words)",
    "MATCH (r:Embedded) WITH r, [l IN labels(r) WHERE l ENDS WITH '_happened' OR l ENDS WITH '_lasting'] AS new "
    "REMOVE r:$(new)",
    "MATCH (s:Store) SET s.format = 1",
)
ASKED = (
    Query(newest_first=True, since_ns=START_NS, until_ns=START_NS + 30 * S),
    Query(kinds=("event",), newest_first=True, valid_at_ns=START_NS + 20 * S, limit=5),
    Query(kinds=("relation", "instance"), newest_first=True, valid_at_ns=FOREVER_NS, limit=7),
    Query(equals=(("subjects", "thing-1"),), newest_first=True, limit=4),
    Query(equals=(("evidence", "thing-1"),)),
    Query(kinds=("event",), any_text="red mug", limit=5),
    Query(text="mug", recorded_at_ns=START_NS + 40 * S),
    Query(kinds=("instance",), any_text="mug", valid_at_ns=FOREVER_NS, limit=5),
    Query(equals=(("label", "mug"),), any_text="red", history=True),
)


@pytest.fixture
def filled(opened, cypher):
    """A store with every kind of record, versions that were retired, and vectors."""
    drop_vectors(cypher)  # those of other tests
    store = opened()
    fill(store, random.Random(7), 200)
    seen = mug("thing-1")
    events = [
        Event(
            id=f"heard-{n}", valid_from_ns=START_NS + n * S, valid_to_ns=START_NS + n * S + 1, name="heard",
            text="the red mug", subjects=("thing-1", f"thing-{n}"), evidence=("thing-1",),
        )
        for n in range(20)
    ]  # fmt: skip
    store.write(Batch(records=(seen, *events), key="step-1"))
    store.write(Batch(records=(mug("thing-1", version=2, x=1.0),), retire=(retirement(seen),)))
    return store


def made_format_1(cypher):
    drop_vectors(cypher)
    for statement in FORMAT_1:
        cypher(statement)
    for digest, size in cypher("MATCH (v:VectorSpace) RETURN v.digest, v.size"):
        cypher(
            f"CREATE VECTOR INDEX vectors_{digest}_{size} FOR (r:Embedded_{digest}_{size}) ON (r.embedding) OPTIONS "
            f"{{indexConfig: {{`vector.dimensions`: {size}, `vector.similarity_function`: 'cosine'}}}}"
        )


def drop_vectors(cypher):
    for (name,) in cypher("SHOW VECTOR INDEXES YIELD name WHERE name STARTS WITH 'vectors_' RETURN name"):
        cypher(f"DROP INDEX {name}")


def answers(store):
    return [store.find(query).records for query in ASKED]


def test_a_store_of_format_1_is_migrated_whole(filled, opened, cypher):
    before, expected, nodes = exported(filled), answers(filled), nodes_of(cypher)
    filled.close()
    made_format_1(cypher)
    assert nodes_of(cypher) != nodes
    store = opened()
    assert nodes_of(cypher) == nodes
    assert (exported(store), answers(store)) == (before, expected)
    assert store.sizes().format == FORMAT
    assert "verified" in store.maintain("verify")
    assert store.write(Batch(records=(mug("else"),), key="step-1")).last_sequence < store.last_sequence()
    assert "else" not in store.get("robot", ("else",))  # the key was committed before the migration


def test_a_migration_that_is_cut_off_goes_on_where_it_was(filled, opened, cypher, monkeypatch):
    before, expected = exported(filled), answers(filled)
    filled.close()
    made_format_1(cypher)
    pages, page = [], neo4j_migration._page

    def cut_off(ledger, since):
        if len(pages) == 2:
            raise KeyboardInterrupt
        pages.append(since)
        return page(ledger, since)

    monkeypatch.setattr(neo4j_migration, "_UNDONE", neo4j_migration._UNDONE.replace("LIMIT 500", "LIMIT 50"))
    monkeypatch.setattr(neo4j_migration, "_page", cut_off)
    with pytest.raises(KeyboardInterrupt):
        opened()
    assert cypher("MATCH (r:Record) WHERE r.span IS NOT NULL RETURN count(r)") == [[100]]
    assert cypher("MATCH (s:Store) RETURN s.format") == [[1]]
    monkeypatch.undo()
    store = opened()
    assert (exported(store), answers(store)) == (before, expected)
    assert "verified" in store.maintain("verify")


def test_a_reader_does_not_migrate(filled, opened, cypher):
    filled.close()
    made_format_1(cypher)
    with pytest.raises(StoreUnavailable, match="has format 1: open it for writing once"):
        opened(read_only=True)
    assert cypher("MATCH (s:Store) RETURN s.format") == [[1]]
    opened().close()
    assert opened(read_only=True).find(ASKED[0]).records


def test_a_length_of_time_that_is_not_listed_is_found_and_repaired(filled, cypher):
    expected = answers(filled)
    cypher("MATCH (p:Span {kind: 'event'}) DELETE p")
    with pytest.raises(StoreCorrupt, match="no Span for node"):
        filled.maintain("verify")
    filled.maintain("rebuild")
    assert "verified" in filled.maintain("verify")
    assert answers(filled) == expected


@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_of_a_later_format_is_refused(opened, cypher, read_only):
    opened().close()
    cypher("MATCH (s:Store) SET s.format = $later", later=FORMAT + 1)
    with pytest.raises(StoreTooNew, match=f"format {FORMAT + 1}"):
        opened(read_only=read_only)


def nodes_of(cypher):
    """Every record's node but for its bytes, the lengths of time there are, and the indexes."""
    nodes = cypher("MATCH (r:Record) RETURN r.seq, r.span, r.words, r.scope, labels(r) ORDER BY r.seq")
    shown = "SHOW INDEXES YIELD name, labelsOrTypes WHERE labelsOrTypes <> [] RETURN name, labelsOrTypes"
    names = [[name, sorted(labels)] for *name, labels in nodes]
    return names, sorted(cypher("MATCH (p:Span) RETURN p.robot, p.kind, p.span")), sorted(cypher(shown))
