# SPDX-License-Identifier: Apache-2.0
"""Why something is believed, down to what it rests on."""

from dataclasses import replace

import pytest

from memory.lifelong import LifelongMemory
from memory.provenance import DEPTH
from memory.records import Event, Lesson, Relation
from memory.samples import START_NS, ContractClock, S

URLS = ["memory://", "sqlite:///{folder}/store.db"]


@pytest.fixture(params=URLS)
def memory(request, tmp_path):
    with LifelongMemory.open(request.param.format(folder=tmp_path), clock=ContractClock()) as opened:
        yield opened


def event(id, *evidence, name="saw"):
    return Event(id=id, name=name, text=f"thing {id}", valid_from_ns=START_NS, evidence=evidence)


def inside(object, at, *evidence):
    return Relation(
        id="any", subject="mug", predicate="inside", object=object, valid_from_ns=START_NS + at * S, evidence=evidence
    )


def test_a_fact_leads_to_its_evidence_and_to_what_closed_it(memory):
    memory.temporal.note(event("look-1"))
    memory.temporal.note(event("look-2"))
    table = memory.spatial.relate(inside("table", 0, "look-1"))
    memory.commit()
    sink = memory.spatial.relate(inside("sink", 5, "look-2"))
    memory.commit()
    why = memory.explain(table.id)
    assert [(v.version, v.retired_ns is None) for v in why.versions] == [(1, False), (2, True)]
    assert [(g.role, g.id) for g in why.grounds] == [("evidence", "look-1"), ("cause", sink.id)]
    assert [g.id for g in why] == [table.id, "look-1", sink.id, "look-2"]
    lines = why.tree().splitlines()
    assert lines[0] == f"asked {table.id}"
    assert "v2 relation: mug inside table | seen | true from 2026-01-01T00:00:00Z to 2026-01-01T00:00:05Z" in lines[2]
    assert "recorded 20" in lines[1] and "retired 20" in lines[1]
    assert [line for line in lines if line.startswith("    evidence")] == ["    evidence look-1"]
    assert [line for line in lines if line.startswith("        evidence")] == ["        evidence look-2"]


def test_a_circle_ends(memory):
    for one, other in ("ab", "bc", "ca"):
        memory.temporal.note(event(one, other))
    memory.commit()
    why = memory.explain("a")
    assert [(g.id, g.note) for g in why] == [("a", ""), ("b", ""), ("c", ""), ("a", "shown above")]


def test_a_long_chain_is_cut_at_its_depth_and_says_so(memory):
    for number in range(DEPTH + 5):
        memory.temporal.note(event(f"e{number}", f"e{number + 1}"))
    memory.commit()
    nodes = list(memory.explain("e0"))
    assert [node.id for node in nodes] == [f"e{n}" for n in range(DEPTH + 1)]
    assert nodes[-1].note == "rests on 1 more"
    assert [node.id for node in memory.explain("e0", depth=1)] == ["e0", "e1"]
    assert len(list(memory.explain("e0", depth=100))) == DEPTH + 6


def test_a_crowd_of_grounds_is_bounded_and_says_so(memory):
    for number in range(700):
        memory.temporal.note(event(f"e{number}"))
    memory.temporal.note(event("all", *(f"e{n}" for n in range(700))))
    memory.commit()
    nodes = list(memory.explain("all"))
    assert len(nodes) == 701
    assert sum(bool(node.versions) for node in nodes) == 500
    assert {node.note for node in nodes if not node.versions} == {"not opened: too many"}


def test_what_is_no_record_says_what_it_is(memory):
    memory.temporal.note(event("gone"))
    memory.temporal.note(event("a", "gone", "a person said so"))
    memory.commit()
    memory.backend.forget(memory.robot, ("gone",))
    notes = {ground.id: ground.note for ground in memory.explain("a").grounds}
    assert notes["gone"].startswith("erased 20")
    assert notes["a person said so"] == "no record of this robot"
    assert memory.explain("nobody").note == "no record of this robot"


def test_what_the_running_step_has_staged_is_explained_too(memory):
    memory.temporal.note(event("look-1"))
    fact = memory.spatial.relate(inside("table", 0, "look-1"))
    assert [node.id for node in memory.explain(fact.id)] == [fact.id, "look-1"]


def test_an_undone_mistake_leads_to_who_undid_it_and_why(memory):
    table = memory.spatial.relate(inside("table", 0))
    memory.spatial.relate(inside("sink", 5))
    memory.commit()
    memory.undo(table.id, 1, START_NS + 9 * S, "that was another mug")
    memory.commit()
    assert "undone that was another mug" in memory.explain(table.id).tree()
    assert replace(memory.explain(table.id).versions[-1], valid_to_ns=None).object == "table"


def test_every_version_of_a_lesson_is_there(memory):
    for number in range(3):
        lesson = memory.semantic.learn("where", "mug", "sink", True, START_NS + number * S, evidence=(f"day-{number}",))
        memory.commit()
    why = memory.explain(lesson.id)
    assert [v.successes for v in why.versions if isinstance(v, Lesson)] == [1, 2, 3]
    assert [g.id for g in why.grounds] == ["day-0", "day-1", "day-2"]
