# SPDX-License-Identifier: Apache-2.0
"""What people tell the hippocampus is kept as told, followers can read the log, and erasing takes two calls."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Point
from neuraxis_interfaces.srv import Changes, Explain, Forget, Recall, Remember

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


def test_a_recall_says_how_it_looked_and_what_came_nearest(corner: Any) -> None:
    corner.up(HippocampusNode, lockstep=False, encoder="hash-64", rest_period_s=0.02)
    request = Remember.Request(subject="mug", predicate="usually_in", object="kitchen")
    assert corner.call(Remember, "hippocampus/remember", request).error_code == 0

    def ask(text: str) -> Any:
        return corner.call(Recall, "hippocampus/recall", Recall.Request(text=text, deadline_s=5.0))

    corner.until(lambda: ask("mug").has_nearest)  # vectors are made while nothing runs
    known, unknown = ask("mug kitchen"), ask("unicorn")
    assert (known.status, list(known.notes)) == ("found", []) and known.nearest > 0.5
    assert (unknown.status, unknown.has_nearest) == ("none", True) and unknown.nearest < 0.35


def test_a_recall_without_an_encoder_says_so_and_an_unknown_strategy_is_refused(told: Any) -> None:
    plain = told.call(Recall, "hippocampus/recall", Recall.Request(text="mug"))
    assert (list(plain.notes), plain.has_nearest) == (["found by words alone: no encoder"], False)
    walked = told.call(Recall, "hippocampus/recall", Recall.Request(text="mug", strategy="khop"))
    assert walked.error_code == 0
    wrong = told.call(Recall, "hippocampus/recall", Recall.Request(text="mug", strategy="magic"))
    assert (wrong.error_code, "'magic'" in wrong.error_msg) == (100, True)


def test_a_past_moment_can_be_asked_about(told: Any) -> None:
    [now] = told.call(Recall, "hippocampus/recall", Recall.Request(subject="mug")).recollections
    began_ns = from_record(now.record).valid_from_ns

    then = Recall.Request(subject="mug", as_of_valid_ns=began_ns + 5)
    before = Recall.Request(subject="mug", as_of_valid_ns=began_ns - 5)

    assert [one.age_ns for one in told.call(Recall, "hippocampus/recall", then).recollections] == [5]
    assert told.call(Recall, "hippocampus/recall", before).status == "none"


def test_why_something_is_believed_can_be_asked(told: Any) -> None:
    [found] = told.call(Recall, "hippocampus/recall", Recall.Request(subject="mug")).recollections

    why = told.call(Explain, "hippocampus/explain", Explain.Request(id=found.record.id))

    assert list(why.ids) == [found.record.id]
    assert "mug usually_in kitchen | told" in "\n".join(why.lines)
    for unknown in ("", "mug-77"):
        assert told.call(Explain, "hippocampus/explain", Explain.Request(id=unknown)).error_code == 100


def test_an_encoder_that_is_not_there_keeps_the_node_from_its_start_and_is_named(corner: Any) -> None:
    complaint = corner.complaint("encoder")
    node = corner.make(HippocampusNode, lockstep=False, encoder="oracle")

    assert not corner.change(node, "configure")
    assert "'oracle'" in complaint() and "minilm-l6-v2-int8" in complaint()


def test_rest_is_told_of_and_a_robot_that_only_stands_there_writes_nothing(corner: Any) -> None:
    said = corner.hear(DiagnosticArray, "diagnostics")
    node = corner.up(HippocampusNode, lockstep=False, encoder="hash-64", rest_period_s=0.02, rest_records=4)
    for number in range(12):
        request = Remember.Request(subject=f"mug-{number}", predicate="likes", object="tea")
        assert corner.call(Remember, "hippocampus/remember", request).error_code == 0

    def rested() -> dict[str, str]:
        told = [{v.key: v.value for v in s.values} for a in said for s in a.status if s.message == "rested"]
        return next((one for one in reversed(told) if one["unembedded"] == one["unfamiliar"] == "0"), {})

    assert corner.until(rested)["encoder"] == "hash-64@0"
    corner.until(lambda: node._rested[0] == node.memory.backend.last_sequence())
    before, count = node.memory.backend.last_sequence(), len(said)
    node._rested = (-1, 0.0)  # as after a minute
    corner.until(lambda: len(said) > count)
    assert node.memory.backend.last_sequence() == before
    assert node.memory.enrichment.missing() == 0


def test_forgetting_takes_two_calls_and_the_token_of_the_first(told: Any) -> None:
    request = Forget.Request(person="ada")
    counted = told.call(Forget, "hippocampus/forget", request)
    assert (counted.erased, counted.count) == (False, 1)
    wrong = told.call(Forget, "hippocampus/forget", Forget.Request(instance="mug", token=counted.token))
    assert wrong.error_code == 100

    request.token = counted.token
    erased = told.call(Forget, "hippocampus/forget", request)

    assert (erased.erased, erased.count, erased.rows) == (True, 1, 1)
    assert told.call(Recall, "hippocampus/recall", Recall.Request(subject="ada")).status == "none"
    assert told.call(Forget, "hippocampus/forget", request).count == 0


@pytest.mark.parametrize(
    "chosen",
    [{}, {"person": "ada", "instance": "mug"}, {"person": "?!"}, {"has_region": True},
     {"has_region": True, "map_id": "m", "lowest": Point(x=2.0), "highest": Point(x=1.0)}],
)  # fmt: skip
def test_forgetting_nothing_or_two_things_at_once_is_refused(told: Any, chosen: dict[str, Any]) -> None:
    assert told.call(Forget, "hippocampus/forget", Forget.Request(**chosen)).error_code == 100


def test_a_thing_and_a_region_can_be_forgotten_with_all_that_is_about_them(told: Any) -> None:
    thing = Forget.Request(instance="mug-1")
    thing.token = told.call(Forget, "hippocampus/forget", thing).token
    assert told.call(Forget, "hippocampus/forget", thing).erased
    assert told.call(Recall, "hippocampus/recall", Recall.Request(subject="mug-1")).status == "none"

    empty = Forget.Request(has_region=True, map_id="map-0", lowest=Point(), highest=Point(x=9.0, y=9.0, z=9.0))
    assert (told.call(Forget, "hippocampus/forget", empty).count, empty.token) == (0, "")
