# SPDX-License-Identifier: Apache-2.0
"""Input that cannot be: accepted correctly or refused by name, over every store; the refused is counted and kept."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from memory.backend import Batch
from memory.embedding import pack
from memory.errors import RejectedInput
from memory.instants import instant_ns
from memory.lifelong import LifelongMemory
from memory.query import Query
from memory.records import NAME_LETTERS, Cue, Event, Instance, Percept, Relation, Status, Tally
from memory.registry import open_backend
from memory.samples import START_NS, ContractClock, S, mug
from memory.serialization import TEXT_LETTERS

NAN, INF = math.nan, math.inf


@pytest.fixture
def backend(any_store):
    store = open_backend(any_store, ContractClock())
    yield store
    store.close()


@pytest.fixture
def memory(any_store):
    with LifelongMemory.open(any_store, clock=ContractClock()) as opened:
        yield opened


# ---------------------------------------------------------------- what no record can be

IMPOSSIBLE = {
    "a_nan_position": lambda: replace(mug(), position_m=(0.0, NAN, 0.0)),
    "an_infinite_position": lambda: replace(mug(), position_m=(INF, 0.0, 0.0)),
    "a_flat_position": lambda: replace(mug(), position_m=(0.0, 0.0)),
    "a_nan_size": lambda: replace(mug(), size_m=(NAN, 0.1, 0.1)),
    "a_negative_size": lambda: replace(mug(), size_m=(-0.1, 0.1, 0.1)),
    "a_nan_confidence": lambda: replace(mug(), confidence=NAN),
    "an_infinite_confidence": lambda: replace(mug(), confidence=INF),
    "a_nan_vector": lambda: replace(mug(), embedding=pack([0.0, NAN]), encoder="e@1"),
    "an_infinite_vector": lambda: replace(mug(), embedding=pack([0.0, 1e39]), encoder="e@1"),
    "a_vector_without_encoder": lambda: replace(mug(), embedding=pack([0.0])),
    "half_a_float": lambda: replace(mug(), embedding=b"\0\0", encoder="e@1"),
    "a_naive_datetime": lambda: replace(mug(), valid_from_ns=datetime(2026, 1, 1)),
    "a_zoned_datetime": lambda: replace(mug(), valid_from_ns=datetime(2026, 1, 1, tzinfo=timezone.utc)),
    "float_seconds": lambda: replace(mug(), valid_from_ns=1767225600.5),
    "a_float_end": lambda: replace(mug(), valid_to_ns=2e18),
    "a_stamp_of_zero": lambda: mug(at_ns=0),
    "a_stamp_before_the_epoch": lambda: mug(at_ns=-5),
    "a_negative_duration": lambda: replace(mug(), valid_to_ns=START_NS - 1),
    "an_unknown_frame": lambda: replace(mug(), frame_id="odom"),
    "an_empty_frame": lambda: replace(mug(), frame_id=""),
    "an_empty_id": lambda: mug(""),
    "an_endless_id": lambda: mug("m" * (NAME_LETTERS + 1)),
    "an_endless_namespace": lambda: mug(robot="r" * (NAME_LETTERS + 1)),
    "an_unknown_frame_of_a_percept": lambda: Percept(
        stamp_ns=START_NS, label="mug", position_m=(0, 0, 0), frame_id="x"
    ),
    "a_nan_percept": lambda: Percept(stamp_ns=START_NS, label="mug", position_m=(0, NAN, 0)),
    "a_tally_of_nothing": lambda: Tally("", "robot", START_NS),
    "a_negative_count": lambda: Tally("mug-1", "robot", START_NS, -1),
    "a_question_of_10_mb": lambda: Cue(text="mug " * 2_500_000),
    "a_cue_nowhere": lambda: Cue(near_m=(NAN, 0.0, 0.0)),
    "a_cue_in_no_time": lambda: Cue(deadline_s=-0.1),
    "a_cue_in_nan_seconds": lambda: Cue(deadline_s=NAN),
    "a_cue_for_less_than_none": lambda: Cue(k=-1),
    "a_cue_that_ends_before_it_begins": lambda: Cue(since_ns=5, until_ns=4),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_cannot_be_is_refused_by_name_before_any_store_sees_it(case):
    with pytest.raises(RejectedInput) as refused:
        IMPOSSIBLE[case]()
    assert len(str(refused.value)) < 300


# ---------------------------------------------------------------- what a store refuses

UNSPELLABLE = {
    "a_lone_surrogate": lambda: replace(mug("b"), alias="\ud800"),
    "a_lone_surrogate_as_id": lambda: mug("\udc00"),
    "a_stamp_beyond_64_bits": lambda: mug("b", at_ns=2**63),
    "a_text_of_10_mb": lambda: Event(id="e", valid_from_ns=START_NS, name="said", text="mug " * 2_500_000),
    "a_list_of_10_mb": lambda: Event(id="e", valid_from_ns=START_NS, name="said", subjects=("mug" * 1000,) * 4000),
    "a_tally_of_nan": lambda: Tally("b", "robot", START_NS, mean_m=(NAN, 0.0, 0.0)),
}


@pytest.mark.parametrize("case", UNSPELLABLE)
def test_what_has_no_true_spelling_is_refused_and_the_store_stays_as_it_was(case, backend):
    backend.write(Batch(records=(mug(),)))
    entry = UNSPELLABLE[case]()
    batch = Batch(tallies=(entry,)) if isinstance(entry, Tally) else Batch(records=(mug("good"), entry))
    with pytest.raises(RejectedInput) as refused:
        backend.write(batch)
    assert len(str(refused.value)) < 300
    assert [r.id for r in backend.changes()] == ["mug-1"]
    assert backend.tallies("robot") == {}


@pytest.mark.parametrize("case", UNSPELLABLE)
def test_what_a_step_cannot_hold_is_set_aside_with_its_raw_input(case, memory):
    entry = UNSPELLABLE[case]()
    put = memory._draft.count if isinstance(entry, Tally) else memory._draft.stage
    with pytest.raises(RejectedInput):
        put(entry)
    assert memory.quarantine.counts == {"cannot be stored": 1}
    assert memory.quarantine.kept[0].raw == entry
    assert memory.commit() is None


def test_a_wrong_vector_size_is_refused_and_the_whole_step_is_set_aside(memory):
    memory.spatial.see(replace(mug("a"), embedding=pack([1.0, 0.0]), encoder="e@1"))
    memory.commit()
    memory.spatial.see(replace(mug("b"), embedding=pack([1.0]), encoder="e@1"))
    memory.spatial.see(mug("c"))
    with pytest.raises(RejectedInput, match=r"'b'.*1 values by 'e@1'.*have 2"):
        memory.commit()
    assert memory.quarantine.counts == {"refused by the store": 4}
    assert {one.raw.id for one in memory.quarantine.kept if not isinstance(one.raw, Tally)} == {"b", "c"}
    assert [r.id for r in memory.backend.changes()] == ["a"]
    memory.spatial.see(mug("d"))
    assert memory.commit() is not None


def test_a_longest_text_is_kept_and_found(backend):
    text = "mug " * (TEXT_LETTERS // 4)
    backend.write(Batch(records=(Event(id="e", valid_from_ns=START_NS, name="said", text=text),)))
    (found,) = backend.find(Query(text="mug")).records
    assert found.text == text


def test_a_long_question_is_answered_in_time(memory):
    memory.spatial.see(mug())
    memory.commit()
    answer = memory.recall(Cue(label="nothing", text="nothing " * 8000, deadline_s=5.0), START_NS)
    assert answer.status is Status.NONE


# ---------------------------------------------------------------- what only looks impossible


NAMESPACES = [
    "",
    "r" * 200,
    "部屋のロボット 🤖",
    "Müller's 'R'; DROP TABLE records; --",
    "../../etc",
    " ",
    "a|b:c/d\\e",
]


@pytest.mark.parametrize("robot", NAMESPACES)
def test_any_readable_namespace_is_a_namespace_of_its_own(robot, backend):
    backend.write(Batch(records=(mug(robot=robot), mug("other", robot="robot"))))
    assert [r.robot for r in backend.find(Query(robot=robot, text="mug")).records] == [robot]
    assert backend.get(robot, ("mug-1", "other")).keys() == {"mug-1"}
    assert set(backend.robots()) == {robot, "robot"}
    assert backend.forget(robot, ("mug-1",)) == 1
    assert backend.get("robot", ("other",))


def test_equal_stamps_in_one_batch_keep_their_order_and_their_number(backend):
    burst = tuple(Event(id=f"e{n}", valid_from_ns=START_NS, name="saw") for n in range(50))
    backend.write(Batch(records=burst, key="burst"))
    backend.write(Batch(records=burst, key="burst"))
    assert [r.id for r in backend.find(Query(kinds=("event",))).records] == [e.id for e in burst]
    assert [r.id for r in backend.find(Query(newest_first=True)).records] == [e.id for e in reversed(burst)]


def test_stamps_out_of_order_are_ordered_by_the_world_and_not_by_arrival(backend):
    late = [3, 1, 2, 5, 4]
    for n in late:
        backend.write(Batch(records=(Event(id=f"e{n}", valid_from_ns=START_NS + n * S, name="saw"),)))
    assert [r.id for r in backend.find(Query(newest_first=True)).records] == ["e5", "e4", "e3", "e2", "e1"]
    between = Query(since_ns=START_NS + 2 * S, until_ns=START_NS + 4 * S)
    assert {r.id for r in backend.find(between).records} == {"e1", "e2", "e3"}  # e1 has no end


def test_a_version_that_exists_is_refused_twice_in_a_batch_or_again(backend):
    backend.write(Batch(records=(mug(),)))
    for batch in (Batch(records=(mug(x=2.0),)), Batch(records=(mug("b"), mug("b", x=1.0)))):
        with pytest.raises(RejectedInput, match="already exists"):
            backend.write(batch)
    assert [r.id for r in backend.changes()] == ["mug-1"]


def test_an_event_that_comes_again_adds_nothing_and_a_different_one_under_its_id_is_set_aside(memory):
    memory.temporal.note(Event(id="e", valid_from_ns=START_NS, name="saw"))
    memory.commit()
    memory.temporal.note(Event(id="e", valid_from_ns=START_NS, name="saw"))
    assert memory.commit() is None
    with pytest.raises(RejectedInput, match="'e' was already kept"):
        memory.temporal.note(Event(id="e", valid_from_ns=START_NS, name="heard"))
    assert memory.quarantine.counts == {"kept before, and different": 1}


def test_a_place_at_the_end_of_the_numbers_is_kept_and_found(backend):
    far = Instance(id="far", label="mug", position_m=(1e300, -1e300, 1e-300), valid_from_ns=START_NS)
    backend.write(Batch(records=(mug(), far)))
    assert [r.id for r in backend.find(Query(near_m=(0.0, 0.0, 0.0))).records] == ["mug-1", "far"]
    assert [r.id for r in backend.find(Query(near_m=(0.0, 0.0, 0.0), within_m=5.0)).records] == ["mug-1"]


def test_one_instant_is_one_stamp_however_its_zone_is_written_and_a_naive_one_is_refused(backend):
    """Row 61: +00:00, UTC, Z and +08:00 are equal; a time without a zone is never guessed; [t, t + 1) holds t."""
    shanghai = datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=8)))
    written = ["2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00Z", "2026-01-01 00:00 UTC", shanghai]
    stamps = [instant_ns(moment) for moment in written]
    assert stamps == [START_NS] * 4
    backend.write(
        Batch(
            records=tuple(
                Event(id=f"e{n}", name="saw", valid_from_ns=stamp, valid_to_ns=stamp + 1)
                for n, stamp in enumerate(stamps)
            )
        )
    )
    assert len(backend.find(Query(since_ns=START_NS, until_ns=START_NS + 1)).records) == 4
    for naive in ("2026-01-01T00:00:00", datetime(2026, 1, 1)):
        with pytest.raises(RejectedInput, match="no time zone"):
            instant_ns(naive)


def test_a_fact_with_an_empty_end_is_over_in_no_time(backend):
    backend.write(
        Batch(
            records=(
                Relation(
                    id="r", subject="a", predicate="likes", object="b", valid_from_ns=START_NS, valid_to_ns=START_NS
                ),
            )
        )
    )
    assert backend.find(Query(valid_at_ns=START_NS)).records == ()
