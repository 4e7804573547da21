# SPDX-License-Identifier: Apache-2.0
"""What is true in general."""

import pytest

from memory.lifelong import LifelongMemory
from memory.query import Query
from memory.records import Relation, Source
from memory.samples import START_NS, ContractClock, S
from memory.semantic import EVIDENCE_KEPT


@pytest.fixture(params=["memory://", "sqlite:///{folder}/store.db"])
def memory(request, tmp_path):
    with LifelongMemory.open(request.param.format(folder=tmp_path), clock=ContractClock()) as opened:
        yield opened


def told(subject, predicate, object, seconds=0):
    return Relation(
        id="any",
        subject=subject,
        predicate=predicate,
        object=object,
        valid_from_ns=START_NS + seconds * S,
        source=Source.TOLD,
    )


def learn(memory, value, *outcomes, map_id=""):
    for n, success in enumerate(outcomes):
        memory.semantic.learn("where", "mug", value, success, START_NS + n * S, map_id=map_id, evidence=(f"ep-{n}",))
        memory.commit()


def test_a_lesson_counts_and_keeps_its_history(memory):
    learn(memory, "sink", True, False, True)
    (lesson,) = memory.semantic.lessons("where", "mug")
    assert (lesson.version, lesson.successes, lesson.failures) == (3, 2, 1)
    assert lesson.evidence == ("ep-0", "ep-1", "ep-2")
    history = memory.backend.find(Query(history=True)).records
    assert [(r.successes, r.failures, r.retired_ns is None) for r in history] == [
        (1, 0, False),
        (1, 1, False),
        (2, 1, True),
    ]


def test_lessons_come_by_expected_rate_then_by_tries(memory):
    learn(memory, "once right", True)
    learn(memory, "often right", *[True] * 5, False)
    learn(memory, "wrong", False, False)
    learn(memory, "half", True, False)
    learn(memory, "half, often", True, False, True, False)
    order = [lesson.value for lesson in memory.semantic.lessons("where", "mug")]
    assert order == ["often right", "once right", "half, often", "half", "wrong"]


def test_a_lesson_of_another_map_does_not_hold_here(memory):
    learn(memory, "sink", True, map_id="map-1")
    learn(memory, "table", True)
    assert [lesson.value for lesson in memory.semantic.lessons("where", "mug", "map-0")] == ["table"]
    assert len(memory.semantic.lessons("where", "mug", "map-1")) == 2


def test_two_lessons_of_one_step_add_up(memory):
    memory.semantic.learn("where", "mug", "sink", True, START_NS)
    memory.semantic.learn("where", "mug", "sink", True, START_NS + S)
    memory.commit()
    assert [lesson.successes for lesson in memory.semantic.lessons()] == [2]


def test_evidence_of_a_lesson_is_bounded_and_its_counts_are_not(memory):
    learn(memory, "sink", *[True] * (EVIDENCE_KEPT + 5))
    (lesson,) = memory.semantic.lessons()
    assert (len(lesson.evidence), lesson.successes) == (EVIDENCE_KEPT, EVIDENCE_KEPT + 5)
    assert lesson.evidence[-1] == f"ep-{EVIDENCE_KEPT + 4}"


def test_a_fact_is_found_under_every_name_of_its_subject(memory):
    memory.semantic.tell(told("couch", "usually_in", "living room"))
    memory.semantic.tell(told("sofa", "alias_of", "couch"))
    memory.semantic.tell(told("settee", "alias_of", "sofa", 1))
    memory.commit()
    memory.semantic.tell(told("couch", "alias_of", "settee", 2))
    for name in ("sofa", "couch", "settee"):
        assert [f.object for f in memory.semantic.facts(name, "usually_in")] == ["living room"]
    assert memory.semantic.names_of("sofa") == ("sofa", "couch", "settee")


def test_facts_accumulate_but_a_state_has_one_value(memory):
    for seconds, drink in enumerate(("tea", "water", "tea")):
        memory.semantic.tell(told("ann", "likes", drink, seconds))
        memory.semantic.tell(told("mug-1", "cleanliness", drink, seconds))
    memory.commit()
    assert [f.object for f in memory.semantic.facts("ann")] == ["tea", "water"]
    assert [f.object for f in memory.semantic.facts("mug-1", "cleanliness")] == ["tea"]


def test_a_retracted_fact_is_gone_now_and_was_true_then(memory):
    memory.semantic.tell(told("ann", "likes", "tea"))
    memory.semantic.retract("ann", "likes", START_NS + S, "event-1")
    memory.commit()
    assert memory.semantic.facts("ann") == []
    assert len(memory.backend.find(Query(valid_at_ns=START_NS)).records) == 1


def test_a_spatial_fact_is_sent_elsewhere(memory):
    with pytest.raises(ValueError, match="spatial"):
        memory.semantic.tell(told("mug-1", "inside", "sink"))
