# SPDX-License-Identifier: Apache-2.0
"""What a backend keeps, forgets, copies and says of itself.

Neighbours: backend.py promises it in words; finding.py holds the other half.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from memory.backend import Backend, Batch, Capability, Retirement
from memory.contracts.promises import Contract, Reader, Reopen, exported, ids_of, need, raises, refused, versions_of
from memory.embedding import pack
from memory.errors import RejectedInput, StoreNotEmpty, StoreUnavailable
from memory.query import Query
from memory.records import Relation, Tally
from memory.samples import ENCODER, START_NS, ContractClock, S, fill, mug, retirement, sample_vector
from memory.serialization import load


class StoringContract(Contract):
    """Writing, the log, copies, forgetting, maintenance, going on after a restart."""

    def test_an_acknowledged_record_is_found_again(self, backend: Backend) -> None:
        receipt = backend.write(Batch(records=(mug(),)))
        stored = replace(mug(), sequence=1, recorded_ns=receipt.recorded_ns)
        assert backend.get("robot", ("mug-1", "unknown")) == {"mug-1": stored}
        assert backend.find(Query()).records == (stored,)

    def test_an_empty_store_knows_nothing_and_says_so_without_an_error(self, backend: Backend) -> None:
        assert backend.find(Query(text="mug")).records == ()
        assert backend.get("robot", ("mug-1",)) == {} == backend.tallies("robot")
        assert backend.expand("robot", ("mug-1",)) == () == tuple(backend.changes())
        assert (backend.last_sequence(), backend.robots(), backend.counts().records) == (0, (), 0)

    def test_recorded_stamps_strictly_increase_whatever_the_clock_does(self, backend: Backend) -> None:
        stamps = [backend.write(Batch(records=(mug(f"mug-{n}"),))).recorded_ns for n in range(20)]
        assert stamps == sorted(set(stamps))

    def test_a_receipt_spans_its_records(self, backend: Backend) -> None:
        first = backend.write(Batch(records=(mug("a"), mug("b"))))
        tally_only = backend.write(Batch(tallies=(Tally("a", "robot", START_NS),)))
        assert (first.first_sequence, first.last_sequence) == (1, 2)
        assert (tally_only.first_sequence, tally_only.last_sequence) == (2, 2)

    def test_records_of_one_batch_share_a_stamp_and_keep_their_order(self, backend: Backend) -> None:
        names = ["c", "a", "b"]
        receipt = backend.write(Batch(records=tuple(mug(name) for name in names)))
        found = backend.find(Query()).records
        assert [r.id for r in found] == names
        assert {r.recorded_ns for r in found} == {receipt.recorded_ns}

    def test_newest_first_breaks_equal_stamps_by_log_order(self, backend: Backend) -> None:
        backend.write(Batch(records=tuple(mug(name) for name in "abc")))
        assert [r.id for r in backend.find(Query(newest_first=True)).records] == ["c", "b", "a"]

    def test_a_version_that_exists_is_refused_and_nothing_is_written(self, backend: Backend) -> None:
        backend.write(Batch(records=(mug(),)))
        before = exported(backend)
        refused(backend, Batch(records=(mug("new"), mug()), tallies=(Tally("new", "robot", START_NS),)))
        refused(backend, Batch(records=(mug("twice"), mug("twice"))))
        assert exported(backend) == before

    def test_retiring_what_is_not_current_is_refused_and_nothing_is_written(self, backend: Backend) -> None:
        backend.write(Batch(records=(mug(),)))
        backend.write(Batch(retire=(Retirement("robot", "mug-1", 1),)))
        before = exported(backend)
        for gone in (Retirement("robot", "mug-1", 1), Retirement("robot", "mug-1", 2), Retirement("x", "mug-1", 1)):
            refused(backend, Batch(records=(mug("new"),), retire=(gone,)))
        assert exported(backend) == before

    def test_a_record_with_no_true_spelling_is_refused_and_nothing_is_written(self, backend: Backend) -> None:
        nonsense = (
            replace(mug("nan"), embedding=b"\0\0\xc0\x7f", encoder="e"),
            replace(mug("surrogate"), alias="\ud800"),
            replace(mug("late"), valid_from_ns=2**63),
        )
        for record in nonsense:
            refused(backend, Batch(records=(mug(), record)))
        assert backend.counts().records == 0

    def test_a_retired_version_stays_in_the_past(self, backend: Backend) -> None:
        first = backend.write(Batch(records=(mug(),)))
        second = backend.write(Batch(records=(mug(version=2, x=3.0),), retire=(retirement(mug()),)))
        assert versions_of(backend.find(Query())) == [2]
        assert versions_of(backend.find(Query(recorded_at_ns=first.recorded_ns))) == [1]
        assert versions_of(backend.find(Query(recorded_at_ns=second.recorded_ns))) == [2]
        assert versions_of(backend.find(Query(history=True))) == [1, 2]

    def test_a_version_may_be_written_and_retired_in_one_batch(self, backend: Backend) -> None:
        backend.write(Batch(records=(mug(), mug(version=2)), retire=(retirement(mug()),)))
        assert versions_of(backend.find(Query())) == [2]

    def test_get_prefers_what_is_still_true_over_a_later_version_that_has_ended(self, backend: Backend) -> None:
        ended = replace(mug(version=2), valid_to_ns=START_NS + S)
        backend.write(Batch(records=(mug(at_ns=START_NS + S), ended)))
        assert backend.get("robot", ("mug-1",))["mug-1"].version == 1

    def test_a_key_is_committed_once(self, backend: Backend) -> None:
        first = backend.write(Batch(records=(mug(),), key="step-1"))
        again = backend.write(Batch(records=(mug(), mug("other")), key="step-1"))
        assert again == first
        assert backend.counts().records == 1

    def test_a_refused_batch_leaves_its_key_unused(self, backend: Backend) -> None:
        refused(backend, Batch(records=(mug(), mug()), key="step-1"))
        backend.write(Batch(records=(mug(),), key="step-1"))
        assert backend.counts().records == 1

    def test_a_namespace_never_leaks(self, backend: Backend) -> None:
        robots = ("r", "r/2", "R", "ロボット", "r" * 200, "", "r%", "r' OR '1'='1")
        for robot in robots:
            link = Relation(id="l", robot=robot, valid_from_ns=START_NS, subject="mug-1", predicate="p", object=robot)
            backend.write(Batch(records=(mug(robot=robot), link), tallies=(Tally("mug-1", robot, START_NS),)))
        backend.forget("r%", ("mug-1", "l"))
        for robot in set(robots) - {"r%"}:
            assert {r.robot for r in backend.find(Query(robot=robot)).records} == {robot}
            assert backend.get(robot, ("mug-1",))["mug-1"].robot == robot
            assert [r.robot for r in backend.expand(robot, ("mug-1",))] == [robot]
            assert [t.robot for t in backend.tallies(robot).values()] == [robot]
        assert backend.robots() == tuple(sorted(set(robots) - {"r%"}))

    def test_tallies_are_put_in_place(self, backend: Backend) -> None:
        backend.write(Batch(tallies=(Tally("a", "robot", 5), Tally("b", "robot", 5))))
        backend.write(Batch(tallies=(Tally("a", "robot", 9, 2, (0.1, 0.2, 1e-300)),)))
        assert backend.tallies("robot", ("a", "unknown")) == {"a": Tally("a", "robot", 9, 2, (0.1, 0.2, 1e-300))}
        assert sorted(backend.tallies("robot")) == ["a", "b"]

    def test_the_log_can_be_followed_from_any_point(self, backend: Backend) -> None:
        log = fill(backend, random.Random(2), 60)
        assert [r.sequence for r in log] == list(range(1, backend.last_sequence() + 1))
        assert list(backend.changes(since=20, limit=7)) == log[20:27]
        assert list(backend.changes(since=log[-1].sequence)) == []

    def test_the_same_input_exports_the_same_bytes(self, backend: Backend) -> None:
        from memory.backends.in_memory import InMemoryBackend

        model = InMemoryBackend(ContractClock())
        fill(model, random.Random(3), 80)
        fill(backend, random.Random(3), 80)
        assert exported(backend) == exported(model)

    def test_an_export_comes_back_byte_for_byte(self, backend: Backend) -> None:
        from memory.backends.in_memory import InMemoryBackend

        model = InMemoryBackend(ContractClock())
        fill(model, random.Random(4), 80)
        text = exported(model)
        load(text.splitlines(), backend)
        assert exported(backend) == text
        assert backend.last_sequence() == model.last_sequence()
        newest_ns = max(r.recorded_ns for r in model.changes())
        assert backend.write(Batch(records=(mug("next"),))).recorded_ns > newest_ns

    def test_restoring_into_a_used_store_isrefused(self, backend: Backend) -> None:
        backend.write(Batch(records=(mug(),)))
        before = exported(backend)
        raises(StoreNotEmpty, lambda: load(before.splitlines(), backend))
        assert exported(backend) == before

    def test_restoring_nonsense_writes_nothing(self, backend: Backend) -> None:
        good = replace(mug(), sequence=1, recorded_ns=START_NS)
        for bad in (mug("b"), replace(mug("b"), sequence=1, recorded_ns=START_NS), replace(good, sequence=2)):
            raises(RejectedInput, lambda bad=bad: backend.restore([good, bad]))  # type: ignore[misc]
        assert backend.counts().records == 0

    def test_what_is_forgotten_is_gone_and_audited(self, backend: Backend) -> None:
        backend.write(Batch(records=(mug(), mug(version=2), mug("kept")), tallies=(Tally("mug-1", "robot", START_NS),)))
        assert backend.forget("robot", ("mug-1", "unknown")) == 3
        for query in (Query(history=True), Query(text="mug"), Query(near_m=(0.0, 0.0, 0.0))):
            assert ids_of(backend.find(query).records) == ["kept"]
        (audit,) = backend.audits()
        assert (audit.robot, audit.rows) == ("robot", 3)
        assert "mug-1" not in repr(audit)

    def test_sequences_are_never_given_out_twice(self, backend: Backend) -> None:
        backend.write(Batch(records=(mug("a"), mug("b"))))
        backend.forget("robot", ("b",))
        assert backend.write(Batch(records=(mug("c"),))).first_sequence == 3

    def test_maintenance_says_one_sentence_and_refuses_what_it_does_not_know(self, backend: Backend) -> None:
        fill(backend, random.Random(5), 20)
        assert all("\n" not in backend.maintain(task) for task in ("verify", "checkpoint"))
        raises(ValueError, lambda: backend.maintain("polish"))

    def test_a_closed_store_refuses_every_call(self, backend: Backend) -> None:
        backend.close()
        backend.close()
        calls: tuple[Callable[[], object], ...] = (
            lambda: backend.write(Batch(records=(mug(),))),
            lambda: backend.get("robot", ("a",)),
            lambda: backend.find(Query()),
            lambda: backend.expand("robot", ("a",)),
            lambda: backend.tallies("robot"),
            lambda: backend.changes(),
            lambda: backend.last_sequence(),
            lambda: backend.counts(),
            lambda: backend.forget("robot", ("a",)),
            lambda: backend.maintain("verify"),
            lambda: backend.robots(),
            lambda: backend.restore(()),
            lambda: backend.audits(),
            lambda: backend.sizes(),
            lambda: backend.embed("robot", "e", {}),
        )
        for call in calls:
            raises(StoreUnavailable, call)

    def test_a_reopened_store_is_the_same(self, backend: Backend, reopen: Reopen) -> None:
        need(backend, Capability.REOPENS)
        fill(backend, random.Random(6), 60)
        key = backend.write(Batch(records=(mug("keyed"),), key="k"))
        before, last = exported(backend), backend.last_sequence()
        again = reopen(backend)
        assert (exported(again), again.last_sequence()) == (before, last)
        assert again.write(Batch(records=(mug("keyed"),), key="k")) == key
        assert again.write(Batch(records=(mug("later"),))).recorded_ns > key.recorded_ns

    def test_a_reopened_store_finds_the_same_by_vector(self, backend: Backend, reopen: Reopen) -> None:
        need(backend, Capability.REOPENS)
        rng = random.Random(10)
        fill(backend, rng, 120)
        query = Query(vector=sample_vector(rng), encoder=ENCODER, limit=5)
        before = backend.find(query)
        assert backend.maintain("checkpoint")
        again = reopen(backend)
        assert again.find(query).records == before.records
        assert "\n" not in again.maintain("rebuild")
        assert again.find(query).records == before.records

    def test_a_reader_beside_the_writer_sees_every_acknowledged_record(self, backend: Backend, reader: Reader) -> None:
        need(backend, Capability.READERS)
        backend.write(Batch(records=(mug("before"),)))
        beside = reader()
        backend.write(Batch(records=(replace(mug("after"), embedding=pack([1.0, 0.0]), encoder=ENCODER),)))
        assert ids_of(beside.find(Query()).records) == ["before", "after"]
        assert ids_of(beside.find(Query(vector=pack([1.0, 0.0]), encoder=ENCODER)).records) == ["after"]
        raises(StoreUnavailable, lambda: beside.write(Batch(records=(mug("mine"),))))
        backend.forget("robot", ("after",))
        assert ids_of(beside.find(Query(vector=pack([1.0, 0.0]), encoder=ENCODER)).records) == []
        assert exported(beside) == exported(backend)
