# SPDX-License-Identifier: Apache-2.0
"""What was true then, what was believed then, and a mistake taken back: by example, and against brute force."""

import random
from collections import Counter
from importlib import util
from pathlib import Path

import pytest

from memory.lifelong import LifelongMemory
from memory.query import Query
from memory.records import Cue, Event, Instance, Relation, Source, Status
from memory.samples import START_NS, ContractClock, S, mug

URLS = ["memory://", "sqlite:///{folder}/store.db"]
MOMENTS = 40


def _model():
    spec = util.spec_from_file_location("bitemporal_model", Path(__file__).with_name("bitemporal_model.py"))
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Model(MOMENTS)


@pytest.fixture(params=URLS)
def memory(request, tmp_path):
    with LifelongMemory.open(request.param.format(folder=tmp_path), clock=ContractClock()) as opened:
        yield opened


def inside(subject, object, at, source=Source.SEEN, **more):
    return Relation(
        id="any", subject=subject, predicate="inside", object=object, valid_from_ns=START_NS + at * S, source=source,
        **more,
    )  # fmt: skip


def play(memory, model, rng, steps):
    """Random facts in any order of time, told and seen, endings and undos, in both; what there was of each."""
    done = Counter()
    for _ in range(steps):
        subject, at = rng.choice("ab"), rng.randrange(MOMENTS)
        choice = rng.random()
        if choice < 0.7:
            told, place = choice < 0.2, rng.choice(["sink", "shelf", "table"])
            source = Source.TOLD if told else Source.SEEN
            until = at + rng.randint(1, 6) if rng.random() < 0.2 else None
            until_ns = START_NS + until * S if until else None
            memory.spatial.relate(inside(subject, place, at, source, robot=memory.robot, valid_to_ns=until_ns))
            model.put(subject, told, place, at, until)
            done["bounded"] += until is not None
            done["told" if told else "seen"] += 1
        elif choice < 0.8:
            memory.spatial.retract(subject, "inside", START_NS + at * S, "picked-up")
            model.end(subject, at)
            done["ended"] += 1
        else:
            done["undone"] += undo_one(memory, model, rng, START_NS + at * S)
        receipt = memory.commit()
        if receipt:
            model.commit(receipt.recorded_ns)
    return done


def undo_one(memory, model, rng, now_ns):
    believed = memory.backend.find(Query(robot=memory.robot, kinds=("relation",))).records
    closed = [r for r in believed if r.valid_to_ns is not None and r.cause]
    if not closed:
        return 0
    one = rng.choice(closed)
    begin, end = ((stamp - START_NS) // S for stamp in (one.valid_from_ns, one.valid_to_ns))
    try:
        memory.undo(one.id, one.version, now_ns)
    except ValueError:
        return 0
    model.undo(one.subject, one.source is Source.TOLD, (one.object, begin), end)
    return 1


def answer(memory, subject, at, recorded_ns):
    claims = memory.as_of(START_NS + at * S, recorded_ns).spatial.claims(subject, "inside")
    seen = [claim.object for claim in claims if claim.source is Source.SEEN]
    told = [claim.object for claim in claims if claim.source is Source.TOLD]
    assert len(seen) < 2 and len(told) < 2, claims
    return [next(iter(seen), None), next(iter(told), None)]


SERVED = [pytest.mark.neo4j, pytest.mark.timeout(1800)]
LIVES = [
    *((url, 20) for url in URLS),
    pytest.param("neo4j", 5, marks=SERVED),
    pytest.param("neo4j", 20, marks=[*SERVED, pytest.mark.long]),
]


@pytest.mark.parametrize(("url", "lives"), LIVES)
def test_ten_thousand_moments_of_both_clocks_are_as_brute_force_says(url, lives, request, tmp_path):
    server = request.getfixturevalue("neo4j_url") if url == "neo4j" else ""
    asked = 0
    done = Counter()
    for seed in range(lives):
        rng, model = random.Random(seed), _model()
        (tmp_path / str(seed)).mkdir()
        path = server or url.format(folder=tmp_path / str(seed))
        with LifelongMemory.open(path, robot=f"r{seed}", clock=ContractClock(), continue_=bool(server)) as memory:
            done += play(memory, model, rng, 60)
            stamps = [recorded_ns for recorded_ns, _ in model.kept[1:]]
            for _ in range(500):
                subject, at = rng.choice("ab"), rng.randrange(MOMENTS)
                recorded_ns = rng.choice(stamps) + rng.randint(-1, 1)
                expected = model.as_of(subject, at, recorded_ns)
                assert answer(memory, subject, at, recorded_ns) == expected, (seed, subject, at, recorded_ns)
                asked += 1
    assert asked == 500 * lives
    assert min(done[kind] for kind in ("seen", "told", "bounded", "ended", "undone")) > 2.5 * lives, done


def tell(memory, *facts):
    receipts = []
    for fact in facts:
        memory.spatial.relate(fact)
        receipts.append(memory.commit())
    return receipts


def test_where_it_was_last_tuesday_and_what_was_believed_then(memory):
    tuesday, _, late = tell(
        memory, inside("mug", "table", 2), inside("mug", "sink", 9), inside("mug", "shelf", 5)
    )  # fmt: skip
    then = START_NS + 6 * S
    assert memory.as_of(then).spatial.supporter("mug").object == "shelf"
    assert memory.as_of(then, late.recorded_ns - 1).spatial.supporter("mug").object == "table"
    assert memory.as_of(START_NS).spatial.supporter("mug") is None
    assert memory.as_of(then, tuesday.recorded_ns - 1).spatial.supporter("mug") is None
    assert memory.spatial.supporter("mug").object == "sink"


def test_every_question_of_every_memory_can_be_asked_of_the_past(memory):
    memory.spatial.see(mug())
    memory.spatial.see(mug(at_ns=START_NS + 9 * S, x=3.0))
    memory.semantic.tell(Relation(id="l", subject="ann", predicate="likes", object="tea", valid_from_ns=START_NS))
    memory.semantic.retract("ann", "likes", START_NS + 9 * S, "she said so")
    memory.semantic.learn("where", "mug", "sink", True, START_NS + 9 * S)
    memory.temporal.note(Event(id="e", name="looked", valid_from_ns=START_NS + 9 * S))
    memory.commit()
    then, now = memory.as_of(START_NS + 5 * S), memory.as_of(START_NS + 10 * S)
    assert [i.position_m[0] for i in then.spatial.instances("map-0")] == [0.0]
    assert [i.position_m[0] for i in now.spatial.near((3.0, 0.0, 0.8), 0.5, "map-0")] == [3.0]
    assert then.spatial.near((3.0, 0.0, 0.8), 0.5, "map-0") == now.semantic.facts("ann") == []
    assert [fact.object for fact in then.semantic.facts("ann", "likes")] == ["tea"]
    assert (then.temporal.events(), then.semantic.lessons()) == ([], [])
    assert len(now.temporal.events()) == len(now.semantic.lessons()) == 1
    recalled = then.recall(Cue(label="mug", deadline_s=30))
    assert recalled.status is Status.FOUND
    assert [r.record.position_m[0] for r in recalled.recollections if isinstance(r.record, Instance)] == [0.0]


def test_the_past_sees_what_the_step_has_staged_and_cannot_be_written(memory):
    memory.spatial.relate(inside("mug", "table", 2))
    past = memory.as_of(START_NS + 3 * S)
    assert past.spatial.supporter("mug").object == "table"
    for write in (
        lambda: past.spatial.relate(inside("mug", "sink", 3)),
        lambda: past.spatial.see(mug()),
        lambda: past.temporal.note(Event(id="e", name="looked", valid_from_ns=START_NS)),
        lambda: past.semantic.learn("where", "mug", "sink", True, START_NS),
    ):
        with pytest.raises(ValueError, match=f"as of {START_NS + 3 * S} ns"):
            write()


def test_a_memory_that_was_left_out_is_left_out_of_the_past_too():
    with LifelongMemory.open("memory://", memories=("spatial",), clock=ContractClock()) as memory:
        assert memory.as_of(START_NS).semantic is None


def believed(memory, subject="mug"):
    facts = memory.backend.find(Query(equals=(("subject", subject), ("predicate", "inside")))).records
    spans = [(r.object, r.valid_from_ns, r.valid_to_ns) for r in facts]
    return [(o, (a - START_NS) // S, None if b is None else (b - START_NS) // S) for o, a, b in spans]


def test_undoing_a_closing_writes_a_further_version_and_the_mistake_never_was(memory):
    tell(memory, inside("mug", "table", 0), inside("mug", "sink", 5))
    table = memory.backend.find(Query(equals=(("object", "table"),))).records[0]
    before = memory.backend.last_sequence()
    again = memory.undo(table.id, table.version, START_NS + 8 * S, "that was another mug")
    receipt = memory.commit()
    assert (again.version, again.valid_to_ns) == (3, None)
    assert sorted(believed(memory)) == [("sink", 5, 5), ("table", 0, None)]
    assert memory.as_of(START_NS + 6 * S, receipt.recorded_ns - 1).spatial.supporter("mug").object == "sink"
    (audit,) = memory.temporal.events(name="undone")
    assert {r.cause for r in memory.backend.changes(before) if r.kind == "relation"} == {audit.id}
    assert (audit.text, audit.subjects[0], len(audit.evidence)) == ("that was another mug", table.id, 2)
    log = list(memory.backend.changes())
    assert [r.version for r in log if r.id == table.id] == [1, 2, 3]


def test_the_version_that_was_closed_may_be_named_as_well_as_its_closing(memory):
    tell(memory, inside("mug", "table", 0), inside("mug", "sink", 5))
    table = memory.backend.find(Query(equals=(("object", "table"),))).records[0]
    memory.undo(table.id, 1, START_NS + 8 * S)
    assert memory.spatial.supporter("mug").object == "table"


def test_an_undo_can_be_undone(memory):
    tell(memory, inside("mug", "table", 0), inside("mug", "sink", 5))
    table, sink = (memory.backend.find(Query(equals=(("object", o),))).records[0] for o in ("table", "sink"))
    memory.undo(table.id, table.version, START_NS + 8 * S)
    memory.commit()
    memory.undo(sink.id, sink.version + 1, START_NS + 9 * S)
    memory.commit()
    assert sorted(believed(memory)) == [("sink", 5, None), ("table", 0, 5)]


def test_undoing_takes_nothing_back_that_another_fact_has_taken_since(memory):
    tell(memory, inside("mug", "table", 0), inside("mug", "sink", 5), inside("mug", "shelf", 9))
    table = memory.backend.find(Query(equals=(("object", "table"),))).records[0]
    memory.undo(table.id, table.version, START_NS + 10 * S)
    memory.commit()
    assert sorted(believed(memory)) == [("shelf", 9, None), ("sink", 5, 5), ("table", 0, 9)]


def test_a_fact_that_ended_without_a_successor_is_taken_up_again(memory):
    tell(memory, inside("mug", "table", 0))
    memory.spatial.retract("mug", "inside", START_NS + 3 * S, "picked-up")
    memory.commit()
    (ended,) = memory.backend.find(Query(kinds=("relation",))).records
    memory.undo(ended.id, ended.version, START_NS + 4 * S)
    assert memory.spatial.supporter("mug").object == "table"


def test_what_was_told_comes_back_beside_the_sighting_that_closed_it(memory):
    tell(memory, inside("mug", "table", 0), inside("mug", "sink", 2, Source.TOLD), inside("mug", "shelf", 5))
    (told,) = memory.backend.find(Query(equals=(("source", "told"),))).records
    memory.undo(told.id, told.version, START_NS + 6 * S)
    assert {(c.object, c.source) for c in memory.spatial.claims("mug", "inside")} == {
        ("shelf", Source.SEEN), ("sink", Source.TOLD),
    }  # fmt: skip


def test_a_move_that_was_no_move_is_taken_back(memory):
    for at, x in ((0, 0.0), (5, 3.0)):
        memory.spatial.see(mug(at_ns=START_NS + at * S, x=x))
        memory.commit()
    memory.undo("mug-1", 2, START_NS + 6 * S, "the other mug")
    memory.commit()
    assert [i.position_m[0] for i in memory.spatial.instances("map-0")] == [0.0]
    assert memory.spatial.where_was("mug-1", START_NS + 7 * S).position_m[0] == 0.0


def test_what_cannot_be_undone_is_refused_with_the_reason(memory):
    tell(memory, inside("mug", "table", 0))
    (open_fact,) = memory.backend.find(Query(kinds=("relation",))).records
    memory.temporal.note(Event(id="e", name="looked", valid_from_ns=START_NS))
    memory.commit()
    for record_id, version, reason in (
        (open_fact.id, 1, "closed by nothing"), ("e", 1, "closed by nothing"), (open_fact.id, 7, "no version 7"),
        ("nobody", 1, "no version 1"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=reason):
            memory.undo(record_id, version, START_NS + S)
    assert memory.commit() is None


def test_the_same_fact_in_two_periods_is_two_facts(memory):
    tell(memory, inside("mug", "table", 0), inside("mug", "sink", 3), inside("mug", "table", 6))
    assert believed(memory) == [("table", 0, 3), ("sink", 3, None)] or sorted(believed(memory)) == [
        ("sink", 3, 6), ("table", 0, 3), ("table", 6, None),
    ]  # fmt: skip
    ids = {r.id for r in memory.backend.changes() if getattr(r, "object", "") == "table"}
    assert len(ids) == 2
    for at, place in ((1, "table"), (4, "sink"), (7, "table")):
        assert memory.as_of(START_NS + at * S).spatial.supporter("mug").object == place
