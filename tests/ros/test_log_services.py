# SPDX-License-Identifier: Apache-2.0
"""What people tell the hippocampus is kept as told, followers can read the log, and erasing takes two calls."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")

from neuraxis_interfaces.srv import Changes, Forget, Recall, Remember

from brain_nodes.ros.hippocampus_node import HippocampusNode
from brain_nodes.ros.memory_conversions import from_record
from memory.records import Relation, Source

pytestmark = pytest.mark.ros


@pytest.fixture
def told(corner: Any) -> Any:
    """A hippocampus that has been told three facts."""
    corner.up(HippocampusNode, lockstep=False)
    facts = [("mug", "usually_in", "kitchen"), ("ada", "likes", "coffee"), ("mug-1", "inside", "fridge")]
    for subject, predicate, value in facts:
        request = Remember.Request(subject=subject, predicate=predicate, object=value)
        assert corner.call(Remember, "hippocampus/remember", request).error_code == 0
    return corner


def test_a_told_fact_is_recalled_as_told(told: Any) -> None:
    answer = told.call(Recall, "hippocampus/recall", Recall.Request(subject="mug"))

    [found] = answer.recollections
    record = from_record(found.record)
    assert isinstance(record, Relation) and record.source is Source.TOLD
    assert (record.object, found.epistemic) == ("kitchen", "told")


def test_a_fact_without_an_object_is_refused(told: Any) -> None:
    answer = told.call(Remember, "hippocampus/remember", Remember.Request(subject="mug", predicate="likes"))

    assert (answer.error_code, "object" in answer.error_msg) == (100, True)


def test_a_follower_reads_the_whole_log_page_by_page(told: Any) -> None:
    pages, since, more = [], 0, True
    while more:
        page = told.call(Changes, "hippocampus/changes", Changes.Request(since=since, limit=2))
        pages.append([record.sequence for record in page.records])
        since, more = page.records[-1].sequence, page.more

    assert [n for page in pages for n in page] == list(range(1, page.last_sequence + 1))
    assert len(pages) > 1


def test_forgetting_takes_two_calls_and_the_token_of_the_first(told: Any) -> None:
    request = Forget.Request(about="ada")
    counted = told.call(Forget, "hippocampus/forget", request)
    assert (counted.erased, counted.count) == (False, 1)
    wrong = told.call(Forget, "hippocampus/forget", Forget.Request(about="mug", token=counted.token))
    assert wrong.error_code == 100

    request.token = counted.token
    erased = told.call(Forget, "hippocampus/forget", request)

    assert (erased.erased, erased.count, erased.rows) == (True, 1, 1)
    assert told.call(Recall, "hippocampus/recall", Recall.Request(subject="ada")).status == "none"
    assert told.call(Forget, "hippocampus/forget", request).count == 0


def test_forgetting_nothing_is_refused(told: Any) -> None:
    assert told.call(Forget, "hippocampus/forget", Forget.Request()).error_code == 100
