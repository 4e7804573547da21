# SPDX-License-Identifier: Apache-2.0
"""Field cases about facts and times, over every store that a memory can be opened on."""

from __future__ import annotations

from itertools import product

import pytest

from memory.lifelong import LifelongMemory
from memory.query import Query
from memory.records import Cue, Event, Relation, Status

S = 1_000_000_000
T0 = 1_767_258_000 * S


def event(number: int, at_ns: int = T0) -> Event:
    return Event(id=f"e{number:02}", name="saw", text=f"thing {number}", valid_from_ns=at_ns)


def fact(subject: str, predicate: str, value: str, at_ns: int = T0) -> Relation:
    return Relation(id="any", subject=subject, predicate=predicate, object=value, valid_from_ns=at_ns)


def holding(memory: LifelongMemory, subject: str, predicate: str) -> list[str]:
    return [claim.object for claim in memory.semantic.facts(subject, predicate)]


def test_a_burst_of_equal_stamps_loses_nothing_and_comes_again_harmlessly(memory):
    """Row 47: fifty detections with one stamp, delivered twice."""
    burst = [event(n) for n in range(50)]
    for _ in range(2):
        for one in burst:
            memory.temporal.note(one)
        memory.commit()
    assert [e.id for e in memory.temporal.events(newest_first=False)] == [e.id for e in burst]
    assert [e.id for e in memory.temporal.events()] == [e.id for e in reversed(burst)]
    assert memory.backend.counts().records == 50


def test_stamps_out_of_order_by_two_seconds_come_in_order_of_time(memory):
    """Row 47: a network drop-out delivers late what happened early."""
    for number, second in enumerate((0, 4, 2, 3, 1, 4)):
        memory.temporal.note(event(number, T0 + second * S))
        memory.commit()
    assert [e.id for e in memory.temporal.events()] == ["e05", "e01", "e03", "e02", "e04", "e00"]


def test_a_contradiction_keeps_both_and_the_past_can_be_asked(memory):
    """Row 56: "door locked", then "door open": now, before, and the history."""
    memory.spatial.relate(fact("door", "door", "locked"))
    locked = memory.commit()
    memory.spatial.relate(fact("door", "door", "open", T0 + 60 * S))
    memory.commit()
    assert memory.spatial.state("door", "door").object == "open"
    asked = {"equals": (("subject", "door"),), "robot": memory.robot}
    (before,) = memory.backend.find(Query(valid_at_ns=T0 + 30 * S, **asked)).records
    assert (before.object, before.valid_to_ns) == ("locked", T0 + 60 * S)
    (then,) = memory.backend.find(Query(recorded_at_ns=locked.recorded_ns, **asked)).records
    assert (then.object, then.valid_to_ns) == ("locked", None)
    history = memory.backend.find(Query(history=True, **asked)).records
    assert [(r.object, r.version, r.retired_ns is None) for r in history] == [
        ("locked", 1, False), ("locked", 2, True), ("open", 1, True),
    ]  # fmt: skip


def test_a_single_valued_fact_is_superseded_and_a_many_valued_one_accumulates(memory):
    """Row 58: a relation declares how many values it has, so the answer never depends on luck."""
    for second, (state, liking) in enumerate((("hot", "tea"), ("cool", "coffee"))):
        memory.semantic.tell(fact("mug-1", "temperature", state, T0 + second * S))
        memory.semantic.tell(fact("sam", "likes", liking, T0 + second * S))
        memory.commit()
    assert holding(memory, "mug-1", "temperature") == ["cool"]
    assert holding(memory, "sam", "likes") == ["tea", "coffee"]


def test_unrelated_facts_never_retire_each_other(memory):
    """Row 59: twenty facts, ten of them worded nearly alike about other subjects; one changes, and names its cause."""
    for number in range(10):
        memory.semantic.tell(fact(f"bench {number}", "temperature", "tested hot with model A"))
        memory.semantic.tell(fact(f"bench {number}", "tested_with", "model A"))
        memory.commit()
    memory.semantic.tell(fact("bench 3", "temperature", "tested cool with model B", T0 + S))
    memory.semantic.tell(fact("bench 3", "tested_with", "model B", T0 + S))
    memory.commit()
    log = list(memory.backend.changes())
    assert [(r.subject, r.predicate) for r in log if r.retired_ns is not None] == [("bench 3", "temperature")]
    (closed,) = [r for r in log if r.valid_to_ns is not None]
    (closing,) = [r for r in log if r.object == "tested cool with model B"]
    assert (closed.subject, closed.object, closed.cause) == ("bench 3", "tested hot with model A", closing.id)
    assert holding(memory, "bench 3", "tested_with") == ["model A", "model B"]
    assert all(holding(memory, f"bench {n}", "temperature") == ["tested hot with model A"] for n in range(10) if n != 3)


def test_a_fact_that_was_closed_by_mistake_can_be_taken_up_again(memory):
    """Row 59: undo is a further version; nothing of the mistake is hidden."""
    memory.semantic.tell(fact("bench", "temperature", "hot"))
    memory.semantic.tell(fact("bench", "temperature", "cool", T0 + S))
    memory.commit()
    memory.semantic.retract("bench", "temperature", T0 + S, "a person said so")
    memory.semantic.tell(fact("bench", "temperature", "hot", T0 + S))
    memory.commit()
    assert holding(memory, "bench", "temperature") == ["hot"]
    log = list(memory.backend.changes())
    assert {"cool", "hot"} == {r.object for r in log}
    assert "a person said so" in {r.cause for r in log}


def test_a_batch_with_one_stamp_keeps_its_newest(memory):
    """Row 68: eleven in one batch, ten asked for; the first one is the one left out."""
    for number in range(11):
        memory.temporal.note(event(number))
    memory.commit()
    assert [e.id for e in memory.temporal.events(k=10)] == [f"e{n:02}" for n in range(10, 0, -1)]
    recalled = memory.recall(Cue(text="thing", k=10, deadline_s=9.0), T0 + S).recollections
    assert {r.record.id for r in recalled} == {f"e{n:02}" for n in range(1, 11)}


CUES = [
    Cue(
        text=text, label=label, subject=subject, predicate=predicate, near_m=near_m, k=k, record_budget=budget,
        deadline_s=9.0,
    )
    for text, label, subject, predicate, near_m, k, budget in product(
        ("", "where is the mug?", "\0 \U0001f916 ' OR 1=1 --"), ("", "Mug"), ("", "mug-1"), ("", "inside"),
        (None, (0.0, 0.0, 0.0)), (0, 10), (0, 2000),
    )
]  # fmt: skip


def test_an_empty_memory_answers_every_question_with_none(memory):
    """Row 70: the first question of a new robot is no crash."""
    for cue in CUES:
        answer = memory.recall(cue, T0)
        assert (answer.status, answer.recollections, answer.missing) == (Status.NONE, (), ()), cue


@pytest.mark.parametrize("anything", ["", "mug-1", "\U0001f916"])
def test_an_empty_memory_has_an_empty_answer_of_its_own_kind_for_everything(memory, anything):
    """Row 70: every tool on a fresh store, typed and empty."""
    spatial, semantic, episodic, temporal = memory.spatial, memory.semantic, memory.episodic, memory.temporal
    assert spatial.instances(anything) == spatial.places(anything) == spatial.relations(anything) == []
    assert spatial.near((0.0, 0.0, 0.0), 5.0, anything) == spatial.contents(anything) == []
    assert spatial.where_was(anything, T0) is spatial.supporter(anything) is spatial.tally(anything) is None
    assert spatial.within_hops((anything,), 3) == {anything: 0}
    assert semantic.lessons("where", anything) == semantic.facts(anything) == []
    assert episodic.similar(anything, 5) == episodic.attempts(anything) == temporal.events(subject=anything) == []
    assert temporal.last(name=anything) is None
    assert memory.commit() is None
