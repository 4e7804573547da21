# SPDX-License-Identifier: Apache-2.0
"""What is special about the graph store: its relationships, its one writer, words not meant well. Needs a real server.

Neighbours: test_neo4j_outages.py takes the server away, test_neo4j_searching.py counts what it is asked.
Rules of the file: what goes past the store goes by `cypher`.
"""

from __future__ import annotations

import os
import random
import re
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from memory.backend import Batch
from memory.embedding import pack
from memory.errors import NeuraxisError, RejectedInput, StoreCorrupt, StoreUnavailable
from memory.query import Query
from memory.records import NAME_LETTERS, Event, Place, Relation, Tally
from memory.registry import open_backend
from memory.samples import ENCODER, START_NS, ContractClock, S, fill, mug, retirement
from memory.serialization import TEXT_LETTERS, load
from memory.testing import BackendContract, exported

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(600)]


def fact(id: str, subject: str, object: str, predicate: str = "inside", **more: object) -> Relation:
    return Relation(id=id, valid_from_ns=START_NS, subject=subject, predicate=predicate, object=object, **more)


# ---------------------------------------------------------------- the graph, as people see it


def test_a_version_cannot_exist_twice_even_past_the_backend(store, cypher):
    store.write(Batch(records=(mug(),)))
    with pytest.raises(Exception, match="already exists"):
        cypher("CREATE (:Record {robot: 'robot', id: 'mug-1', version: 1})")
    shown = cypher(
        "SHOW CONSTRAINTS YIELD name, type, properties WHERE name = 'record_version' RETURN type, properties"
    )
    assert shown == [["UNIQUENESS", ["robot", "id", "version"]]]


def test_a_missing_constraint_is_made_at_the_start_or_the_start_fails(opened, cypher):
    opened().close()
    cypher("DROP CONSTRAINT record_version")
    opened().close()
    cypher("DROP CONSTRAINT record_version")
    cypher("UNWIND [1, 2] AS n CREATE (:Record {robot: 'robot', id: 'twin', version: 1})")
    with pytest.raises(StoreCorrupt, match="record_version"):
        opened()
    cypher("MATCH (n:Record) DETACH DELETE n")
    assert opened().counts().records == 0


def test_a_current_fact_is_a_relationship_between_things(store, cypher):
    things = (mug(), mug("table-1"), Place(id="hall", label="room", position_m=(0.0, 0.0, 0.0), valid_from_ns=START_NS))
    facts = (
        fact("f1", "mug-1", "table-1", evidence=("mug-1", "nobody")),
        fact("f2", "mug-1", "hall", "in_room"),
        fact("f3", "mug-1", "hall", "smells_of"),
        fact("f4", "mug-1", "open", "door"),
    )
    store.write(Batch(records=(*things, *facts)))
    drawn = (
        "MATCH (a:Instance)-[e]->(b) WHERE e.fact_id IS NOT NULL RETURN e.fact_id AS f, type(e), a.id, b.id ORDER BY f"
    )
    assert cypher(drawn) == [
        ["f1", "INSIDE", "mug-1", "table-1"],
        ["f2", "IN_ROOM", "mug-1", "hall"],
        ["f3", "RELATED", "mug-1", "hall"],
    ]
    grounds = "MATCH (a:Fact {id: 'f1'})-[e]->(b) RETURN type(e) AS t, b.id ORDER BY t"
    assert cypher(grounds) == [["OBJECT", "table-1"], ["RESTS_ON", "mug-1"], ["SUBJECT", "mug-1"]]
    assert "verified" in store.maintain("verify")


def test_what_the_page_asks_the_graph_is_answered(store, cypher):
    page = (Path(__file__).resolve().parents[2] / "docs" / "neo4j.md").read_text(encoding="utf-8")
    hall = Place(id="hall", label="room", position_m=(0.0, 0.0, 0.0), valid_from_ns=START_NS)
    facts = (fact("f1", "mug-1", "table-1", evidence=("mug-1",)), fact("f2", "table-1", "hall", "in_room"))
    store.write(Batch(records=(mug(), mug("table-1"), hall, *facts)))
    asked = re.findall(r"```cypher\n(.*?)```", page, re.DOTALL)
    assert len(asked) == 4
    for statement in asked:
        assert len(cypher(statement)) == 1, statement


def test_the_mirror_follows_a_thing_that_moves_and_a_fact_that_ends(store, cypher):
    store.write(Batch(records=(mug(), mug("table-1"), fact("f1", "mug-1", "table-1"))))
    store.write(Batch(records=(mug(version=2, x=1.0),), retire=(retirement(mug()),)))
    mirror = "MATCH (a)-[e:INSIDE]->(b) RETURN a.id, a.version, b.id, b.version"
    assert cypher(mirror) == [["mug-1", 2, "table-1", 1]]
    store.write(Batch(records=(mug("table-1", version=2),)))
    assert cypher(mirror) == [["mug-1", 2, "table-1", 2]]
    ended = replace(fact("f1", "mug-1", "table-1"), version=2, valid_to_ns=START_NS + S)
    store.write(Batch(records=(ended,), retire=(retirement(fact("f1", "mug-1", "table-1")),)))
    assert cypher(mirror) == []
    assert "verified" in store.maintain("verify")


@pytest.mark.parametrize(
    "damage",
    [
        "MATCH ()-[e:INSIDE]->() DELETE e",
        "MATCH ()-[e:INSIDE]->() SET e.fact_id = 'other'",
        "MATCH (a:Instance {id: 'mug-1'}), (b:Instance {id: 'table-1'}) CREATE (b)-[:INSIDE {fact_id: 'f1'}]->(a)",
        "MATCH ()-[e:SUBJECT]->() DELETE e",
        "MATCH (a:Fact), (b:Instance {id: 'mug-1'}) CREATE (a)-[:RESTS_ON]->(b)",
    ],
)
def test_a_relationship_that_is_not_as_its_nodes_say_is_found_and_repaired(store, cypher, damage):
    store.write(Batch(records=(mug(), mug("table-1"), fact("f1", "mug-1", "table-1", evidence=("table-1",)))))
    cypher(damage)
    with pytest.raises(StoreCorrupt, match="relationships"):
        store.maintain("verify")
    store.maintain("rebuild")
    assert "4 relationships verified" in store.maintain("verify")


@pytest.mark.parametrize(
    "damage",
    [
        "SET r.line = replace(r.line, 'mug', 'cup')",
        "SET r.label = 'cup'",
        "SET r.words = 'cup'",
        "SET r.scope = r.scope + ' open'",
        "SET r.span = 3",
        "SET r.valid_from_ns = 1",
        "SET r.position = point({x: 9, y: 9, z: 9})",
        "SET r.embedding = [0.0, 1.0]",
        "REMOVE r.vector",
        "REMOVE r:Current",
        "SET r.retired_ns = 5",
        "SET r:Place",
    ],
)
def test_a_property_that_changed_behind_the_store_is_found(store, cypher, damage):
    store.write(Batch(records=(replace(mug(), embedding=pack([1.0, 0.0]), encoder=ENCODER),)))
    cypher(f"MATCH (r:Record) {damage}")
    with pytest.raises(StoreCorrupt, match="node 1"):
        store.maintain("verify")


def test_random_histories_and_forgetting_leave_a_graph_that_follows_from_its_nodes(store):
    rng = random.Random(3)
    log = fill(store, rng, 150)
    names = [r.id for r in log if r.kind in ("instance", "place")][:6]
    facts = [fact(f"x{n}", rng.choice(names), rng.choice(names), evidence=(rng.choice(names),)) for n in range(20)]
    facts = [replace(f, robot=rng.choice(["robot", "other"])) for f in facts]
    store.write(Batch(records=tuple(facts)))
    store.forget("robot", (names[0], facts[0].id, facts[1].id))
    before = store.maintain("verify")
    store.maintain("rebuild")
    assert store.maintain("verify") == before


def test_an_export_goes_to_the_graph_and_back_byte_for_byte(store, opened, tmp_path, cypher):
    model = open_backend("memory://", ContractClock())
    fill(model, random.Random(5), 200)
    load(exported(model).splitlines(), store)
    assert exported(store) == exported(model)
    assert "verified" in store.maintain("verify")
    assert store.find(Query(text="mug")).records == model.find(Query(text="mug")).records
    store.maintain("backup", str(tmp_path / "copy.jsonl"))
    back = open_backend("memory://", ContractClock())
    load((tmp_path / "copy.jsonl").read_text(encoding="utf-8").splitlines(), back)
    assert exported(back) == exported(model)


@pytest.mark.long
def test_every_question_of_the_contract_is_answered_as_the_definition_says(store):
    BackendContract().test_it_finds_exactly_what_the_definition_says(store)


def test_a_restore_that_was_killed_leaves_an_empty_store(opened, cypher):
    opened().close()
    cypher(
        "MATCH (s:Store) SET s.restoring = true, s.recorded_ns = 7 CREATE (:Record {robot: 'r', id: 'half', seq: 1})"
    )
    again = opened()
    assert (again.counts().records, again.last_sequence()) == (0, 0)
    again.restore(())


# ---------------------------------------------------------------- one writer, many threads


def test_eight_threads_make_each_of_fifty_entities_once(store, cypher):
    """Row 88: 8 threads write the same 50 entities; 50 nodes, none lost."""
    made: list[str] = []

    def upsert(seed: int) -> None:
        for number in random.Random(seed).sample(range(50), 50):
            try:
                store.write(
                    Batch(records=(mug(f"mug-{number}"),), tallies=(Tally(f"mug-{number}", "robot", START_NS),))
                )
                made.append(f"mug-{number}")
            except RejectedInput:
                pass

    threads = [threading.Thread(target=upsert, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == sorted(f"mug-{n}" for n in range(50))
    assert cypher("MATCH (r:Record) RETURN count(r), count(DISTINCT r.id)") == [[50, 50]]
    assert store.counts().tallies == 50


def test_a_second_writer_is_told_who_holds_the_store(store, opened):
    with pytest.raises(StoreUnavailable, match=rf"pid {os.getpid()} on {socket.gethostname()} since \d"):
        opened()
    store.close()
    opened().write(Batch(records=(mug(),)))


def test_a_holder_whose_process_is_gone_is_not_waited_for(store, opened, cypher):
    gone = "MATCH (s:Store) SET s.holder = s.machine + ':999999999:1:1', s.pid = 999999999"
    cypher(gone)
    opened().write(Batch(records=(mug(),)))


def test_a_holder_elsewhere_keeps_the_store_until_its_lease_ends(store, opened, cypher):
    cypher("MATCH (s:Store) SET s.holder = 'other', s.machine = 'other', s.host = 'other', s.pid = 1")
    with pytest.raises(StoreUnavailable, match="pid 1 on other"):
        opened()
    cypher("MATCH (s:Store) SET s.lease_ms = timestamp() - 1")
    opened().write(Batch(records=(mug(),)))


def test_a_writer_that_was_taken_over_is_refused(store, cypher):
    store.write(Batch(records=(mug(),)))
    cypher("MATCH (s:Store) SET s.holder = 'other', s.host = 'elsewhere'")
    with pytest.raises(StoreUnavailable, match=r"taken over by .* on elsewhere"):
        store.write(Batch(records=(mug("b"),)))
    assert store.counts().records == 1


def test_a_reader_needs_a_store_and_writes_nothing(opened):
    with pytest.raises(StoreUnavailable, match="holds no store"):
        opened(read_only=True)
    opened()
    reader = opened(read_only=True)
    for refused in (
        lambda: reader.write(Batch(records=(mug(),))),
        lambda: reader.forget("robot", ("a",)),
        lambda: reader.embed("robot", "e", {}),
        lambda: reader.restore(()),
        lambda: reader.maintain("rebuild"),
    ):
        with pytest.raises(StoreUnavailable, match="opened to read"):
            refused()
    assert reader.counts().records == 0


# ---------------------------------------------------------------- words that are not meant well


NASTY = ("'}) DETACH DELETE n //", "`", "\\", "a' OR 1=1", "+scope:* *:*", "$robot", "\u0000", "💡" * 500, "{}", "\n")


def test_words_that_look_like_statements_are_only_words(store, cypher):
    types = cypher("CALL db.relationshipTypes() YIELD relationshipType RETURN count(*)")
    for nasty in NASTY:
        records = (
            replace(mug("a", robot=nasty), label=nasty, alias=nasty),
            mug("b", robot=nasty),
            fact(nasty, "a", "b", nasty, robot=nasty, evidence=(nasty,)),
            Event(id="e", robot=nasty, valid_from_ns=START_NS, name=nasty, text=nasty, subjects=(nasty,)),
        )
        store.write(Batch(records=records, key=nasty))
        assert [r.id for r in store.find(Query(robot=nasty, equals=(("label", nasty),))).records] == ["a"]
        assert [r.id for r in store.find(Query(robot=nasty, equals=(("subjects", nasty),))).records] == ["e"]
        assert [r.id for r in store.expand(nasty, ("a",), predicates=(nasty,))] == [nasty]
        assert store.get(nasty, (nasty,))[nasty].version == 1
        expected = [r.id for r in records if Query(robot=nasty, text=nasty).matches(r)]
        assert [r.id for r in store.find(Query(robot=nasty, text=nasty)).records] == expected
        store.find(Query(robot=nasty, any_text=nasty))
    assert store.counts().records == 4 * len(NASTY)
    assert set(NASTY) == set(store.robots())
    left = cypher("CALL db.relationshipTypes() YIELD relationshipType AS t WHERE NOT t =~ '[A-Z_]+' RETURN t")
    assert (left, bool(types)) == ([], True)
    assert "verified" in store.maintain("verify")


def test_the_longest_texts_and_names_are_kept_and_found(store):
    long = "word " * (TEXT_LETTERS // 5 - 2) + "needle"
    store.write(Batch(records=(Event(id="e", valid_from_ns=START_NS, name="said", text=long),)))
    assert store.find(Query(text="needle")).records[0].text == long
    store.write(Batch(records=(replace(mug("a"), label=long), fact("f", long, long, long))))
    assert [r.id for r in store.find(Query(equals=(("label", long),))).records] == ["a"]
    assert [r.id for r in store.expand("robot", (long,))] == ["f"]
    assert store.expand("robot", (long + "!",)) == ()
    name = "\U0001f916" * NAME_LETTERS  # four bytes each
    store.write(Batch(records=(fact(name, name, name, name, robot=name),), tallies=(Tally(name, name, START_NS),)))
    assert list(store.get(name, (name,))) == list(store.tallies(name, (name,))) == [name]
    assert [r.id for r in store.expand(name, (name,))] == [name]
    assert store.find(Query(robot="x" * 9000, ids=("x" * 9000,))).records == ()
    with pytest.raises(RejectedInput, match="encoder's name of 513 letters"):
        store.write(Batch(records=(replace(mug("b"), embedding=pack([1.0]), encoder="e" * 513),)))
    assert "verified" in store.maintain("verify")


def test_a_word_longer_than_the_analyser_takes_is_found_exactly(store):
    words = ["w" * 300, "w" * 299 + "v", "w" * 255]
    store.write(Batch(records=tuple(mug(f"m{n}") for n in range(3))))
    events = [Event(id=str(n), valid_from_ns=START_NS, name="said", text=word) for n, word in enumerate(words)]
    store.write(Batch(records=tuple(events)))
    for number, word in enumerate(words):
        assert [r.id for r in store.find(Query(text=word)).records] == [str(number)]


def test_the_password_is_in_no_message(monkeypatch, caplog):
    monkeypatch.setenv("NEO4J_PASSWORD", "s3cret")
    said = []
    for url in (
        "neo4j://ann:s3cret@127.0.0.1:1/db",
        "neo4j://ann@127.0.0.1:1/db",
        "bolt://ann@127.0.0.1:1",
        "bolt://ann@/db",
        "bolt://ann@host/a/b?x=s3cret",
        "bolt://ann@host:port/",
    ):
        with pytest.raises((NeuraxisError, ValueError)) as caught:
            open_backend(url, ContractClock())
        said.append(str(caught.value))
    assert not [text for text in (*said, caplog.text) if "s3cret" in text or "ann" in text]
    assert "NEO4J_PASSWORD" in said[0]
    assert "neo4j://127.0.0.1:1/db" in said[1]
