# SPDX-License-Identifier: Apache-2.0
"""What every backend must keep, as tests to run against yours.

Use it from your own package: subclass, give the URL, and provide the two fixtures as tests/contract/conftest.py does.

    class TestMyBackend(BackendContract):
        url = "mine://{folder}/store"

Fixtures: `backend` is a fresh store opened with a ContractClock (samples.py); `reopen` closes a store and opens its
address again; `reader` opens the address of the open `backend` once more, read_only.
Rules of the file: it needs no test framework; an ability a store lacks is skipped by the name of its Capability.
"""

from __future__ import annotations

import io
import random
import unittest
from collections.abc import Callable, Iterable
from dataclasses import replace

from memory.backend import Backend, Batch, Capability, Retirement
from memory.embedding import cosine, pack
from memory.errors import EncoderMismatch, RejectedInput, StoreNotEmpty, StoreUnavailable
from memory.query import FOREVER_NS, Query, words
from memory.records import Event, Record, Relation, Tally
from memory.samples import ENCODER, START_NS, ContractClock, S, fill, mug, retirement, sample_query, sample_vector
from memory.serialization import export, load

Reopen = Callable[[Backend], Backend]
Reader = Callable[[], Backend]


def exported(backend: Backend) -> str:
    """The store as text."""
    out = io.StringIO()
    export(backend, out)
    return out.getvalue()


def need(backend: Backend, ability: Capability) -> None:
    """Skip the test, by name, for a store without the ability."""
    if ability not in backend.capabilities:
        raise unittest.SkipTest(f"{type(backend).__name__} lacks {ability.name}")


class BackendContract:
    """Every promise of backend.py; a subclass names its store and may add promises, never change one."""

    url = ""

    def __init_subclass__(cls, **keywords: object) -> None:
        super().__init_subclass__(**keywords)
        weakened = [name for name in vars(cls) if name.startswith("test_") and hasattr(BackendContract, name)]
        if weakened:
            raise TypeError(f"{cls.__name__} overrides promises of the contract: {weakened}")

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
        _refused(backend, Batch(records=(mug("new"), mug()), tallies=(Tally("new", "robot", START_NS),)))
        _refused(backend, Batch(records=(mug("twice"), mug("twice"))))
        assert exported(backend) == before

    def test_retiring_what_is_not_current_is_refused_and_nothing_is_written(self, backend: Backend) -> None:
        backend.write(Batch(records=(mug(),)))
        backend.write(Batch(retire=(Retirement("robot", "mug-1", 1),)))
        before = exported(backend)
        for gone in (Retirement("robot", "mug-1", 1), Retirement("robot", "mug-1", 2), Retirement("x", "mug-1", 1)):
            _refused(backend, Batch(records=(mug("new"),), retire=(gone,)))
        assert exported(backend) == before

    def test_a_record_with_no_true_spelling_is_refused_and_nothing_is_written(self, backend: Backend) -> None:
        nonsense = (
            replace(mug("nan"), embedding=b"\0\0\xc0\x7f", encoder="e"),
            replace(mug("surrogate"), alias="\ud800"),
            replace(mug("late"), valid_from_ns=2**63),
        )
        for record in nonsense:
            _refused(backend, Batch(records=(mug(), record)))
        assert backend.counts().records == 0

    def test_a_retired_version_stays_in_the_past(self, backend: Backend) -> None:
        first = backend.write(Batch(records=(mug(),)))
        second = backend.write(Batch(records=(mug(version=2, x=3.0),), retire=(retirement(mug()),)))
        assert _versions(backend.find(Query())) == [2]
        assert _versions(backend.find(Query(recorded_at_ns=first.recorded_ns))) == [1]
        assert _versions(backend.find(Query(recorded_at_ns=second.recorded_ns))) == [2]
        assert _versions(backend.find(Query(history=True))) == [1, 2]

    def test_a_version_may_be_written_and_retired_in_one_batch(self, backend: Backend) -> None:
        backend.write(Batch(records=(mug(), mug(version=2)), retire=(retirement(mug()),)))
        assert _versions(backend.find(Query())) == [2]

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
        _refused(backend, Batch(records=(mug(), mug()), key="step-1"))
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

    def test_it_finds_exactly_what_the_definition_says(self, backend: Backend) -> None:
        rng = random.Random(1)
        log = fill(backend, rng, 300)
        for _ in range(2000):
            query = sample_query(rng, log)
            expected = sorted(filter(query.matches, log), key=query.rank)
            assert backend.find(query).records == tuple(expected[: query.limit or None]), query

    def test_text_is_cut_into_words_by_the_one_tokeniser(self, backend: Backend) -> None:
        wide, half, ratio = "\uff23\uff2f\uff26\uff26\uff25\uff25", "\u00bd cup", "1\u20442"
        texts = ["Coffee_Table", wide, "straße", "STRASSE", "naïve", "nai\u0308ve", "東京 タワー", half, "a-b", "-"]
        events = [Event(id=str(n), valid_from_ns=START_NS, name="said", text=text) for n, text in enumerate(texts)]
        backend.write(Batch(records=tuple(events)))
        for text in (*texts, "coffee", "coffee table", "naive", "東京", "1 2", ratio, "a", "'; DROP TABLE records; --"):
            expected = [e.id for e in events if words(text) <= words(f"said {e.text}")]
            assert [r.id for r in backend.find(Query(text=text)).records] == expected, text

    def test_any_of_the_words_is_enough_and_a_limit_takes_the_ones_with_more(self, backend: Backend) -> None:
        texts = ["red mug", "mug", "plate", "the red plate", "Red_Mug again"] + ["mug"] * 300
        events = [Event(id=str(n), valid_from_ns=START_NS, name="said", text=text) for n, text in enumerate(texts)]
        backend.write(Batch(records=tuple(events)))
        found = backend.find(Query(any_text="red mug nothing")).records
        assert sorted(_ids(found)) == sorted(e.id for e in events if e.text != "plate")
        assert set(_ids(backend.find(Query(any_text="red mug", limit=2)).records)) == {"0", "4"}
        assert _ids(backend.find(Query(any_text="plate", equals=(("id", "3"),), limit=5)).records) == ["3"]
        assert backend.find(Query(any_text="nothing whatever")).records == ()

    def test_an_exact_vector_search_is_the_definition(self, backend: Backend) -> None:
        rng = random.Random(7)
        log = fill(backend, rng, 300)
        for number in range(100):
            asked = replace(sample_query(rng, log), near_m=None, within_m=None, newest_first=False, text="")
            query = replace(asked, vector=sample_vector(rng), encoder=ENCODER, exact=True, limit=number % 12)
            expected = sorted(filter(query.matches, log), key=query.rank)[: query.limit or None]
            found = backend.find(query)
            assert len(found.records) == len(expected), query
            right = [cosine(query.vector, record.embedding) for record in expected]
            assert all(abs(a - b) < 1e-5 for a, b in zip(found.cosines, right, strict=True)), query
            assert all(map(query.matches, found.records)), query

    def test_a_vector_search_finds_the_nearest_nearly_always(self, backend: Backend) -> None:
        rng = random.Random(8)
        mugs = [replace(mug(f"m{n}"), embedding=sample_vector(rng), encoder=ENCODER) for n in range(1500)]
        for start in range(0, 1500, 500):
            backend.write(Batch(records=tuple(mugs[start : start + 500])))
        hits = 0
        for _ in range(20):
            query = Query(vector=sample_vector(rng), encoder=ENCODER, limit=10)
            best = {record.id for record in sorted(mugs, key=query.rank)[:10]}
            hits += len(best & set(_ids(backend.find(query).records)))
        assert hits >= 0.95 * 200

    def test_a_filtered_vector_search_reaches_k_among_many_neighbours(self, backend: Backend) -> None:
        rng = random.Random(9)
        target = sample_vector(rng)
        crowd = [replace(mug(f"c{n}", robot="other"), embedding=target, encoder=ENCODER) for n in range(600)]
        mine = [replace(mug(f"m{n}"), embedding=sample_vector(rng), encoder=ENCODER) for n in range(600)]
        rare = [
            replace(mine[n], id=f"rare{n}", label="urn", embedding=pack([-v for v in range(1, 17)])) for n in (1, 2)
        ]
        backend.write(Batch(records=(*crowd, *mine, *rare)))
        asked = Query(vector=target, encoder=ENCODER, limit=10)
        assert len(backend.find(asked).records) == 10
        assert {r.robot for r in backend.find(asked).records} == {"robot"}
        urns = replace(asked, equals=(("label", "urn"),))
        assert sorted(_ids(backend.find(urns).records)) == ["rare1", "rare2"]

    def test_vectors_of_two_encoders_are_never_compared(self, backend: Backend) -> None:
        backend.write(Batch(records=(replace(mug(), embedding=pack([1.0, 0.0]), encoder="a@1"),)))
        _raises(EncoderMismatch, lambda: backend.find(Query(vector=pack([1.0, 0.0]), encoder="b@1")))
        assert backend.find(Query(vector=pack([1.0, 0.0]), encoder="b@1", kinds=("event",))).records == ()
        assert backend.find(Query(robot="else", vector=pack([1.0, 0.0]), encoder="b@1")).records == ()
        _refused(backend, Batch(records=(replace(mug("b"), embedding=pack([1.0]), encoder="a@1"),)))

    def test_vectors_are_replaced_in_place_and_all_or_none(self, backend: Backend) -> None:
        old = tuple(replace(mug(one), embedding=pack([1.0, 0.0]), encoder="a@1") for one in ("a", "b"))
        backend.write(Batch(records=old))
        _raises(
            RejectedInput, lambda: backend.embed("robot", "b@1", {("a", 1): pack([1.0]), ("b", 1): pack([1.0, 2.0])})
        )
        _raises(EncoderMismatch, lambda: backend.find(Query(vector=pack([1.0]), encoder="b@1")))
        new = {(one, 1): pack([0.0, 1.0, 0.0]) for one in ("a", "b", "unknown")}
        assert backend.embed("robot", "b@1", new) == 2
        found = backend.find(Query(vector=pack([0.0, 1.0, 0.0]), encoder="b@1"))
        assert (_ids(found.records), found.cosines) == (["a", "b"], (1.0, 1.0))
        assert backend.get("robot", ("a",))["a"].embedding == pack([0.0, 1.0, 0.0])
        assert (backend.counts().records, backend.counts().vectors) == (2, 2)

    def test_records_are_found_by_what_they_rest_on(self, backend: Backend) -> None:
        grounds = (replace(mug("b"), evidence=("a b", "c")), replace(mug("d"), evidence=("c",)), mug("e"))
        backend.write(Batch(records=grounds))
        assert _ids(backend.find(Query(equals=(("evidence", "c"),))).records) == ["b", "d"]
        assert _ids(backend.find(Query(equals=(("evidence", "a b"),))).records) == ["b"]

    def test_a_question_in_broken_unicode_finds_nothing(self, backend: Backend) -> None:
        backend.write(Batch(records=(mug(),)))
        for query in (Query(equals=(("label", "\ud800"),)), Query(ids=("\ud800",)), Query(robot="\ud800")):
            assert backend.find(query).records == ()
        assert backend.get("robot", ("\ud800",)) == {} == backend.tallies("robot", ("\ud800",))
        _refused(backend, Batch(records=(mug("b"),), retire=(Retirement("robot", "\ud800", 1),)))

    def test_expand_takes_a_whole_frontier_both_ways_and_both_clocks(self, backend: Backend) -> None:
        edges = tuple(
            Relation(id=f"{a}{p}{b}", valid_from_ns=START_NS, subject=a, predicate=p, object=b)
            for a, p, b in (("a", "on", "b"), ("b", "on", "c"), ("a", "by", "c"), ("d", "on", "a"))
        )
        backend.write(Batch(records=edges))
        ended = replace(edges[0], version=2, valid_to_ns=START_NS + S)
        receipt = backend.write(Batch(records=(ended,), retire=(retirement(edges[0]),)))
        before_ns = receipt.recorded_ns - 1
        assert _ids(backend.expand("robot", ("a", "b", "a"))) == ["bonc", "abyc", "aonb"]
        assert _ids(backend.expand("robot", ("a", "c"), reverse=True, predicates=("on",))) == ["bonc", "dona"]
        assert _ids(backend.expand("robot", ("a",), valid_at_ns=START_NS + S)) == ["abyc"]
        assert _ids(backend.expand("robot", ("a",), valid_at_ns=FOREVER_NS, recorded_at_ns=before_ns)) == [
            "aonb",
            "abyc",
        ]
        assert _ids(backend.expand("robot", ("a", "b"), limit=1)) == ["bonc"]
        assert len(backend.expand("robot", (*(f"n{n}" for n in range(2000)), "a"), limit=0)) == 2

    def test_a_budget_cuts_the_search_and_says_so(self, backend: Backend) -> None:
        backend.write(Batch(records=tuple(mug(f"mug-{n}") for n in range(50))))
        cut = backend.find(Query(), record_budget=10)
        assert (len(cut.records), cut.examined, cut.complete) == (10, 10, False)
        assert backend.find(Query(), record_budget=50).complete
        assert backend.find(Query(near_m=(0.0, 0.0, 0.0), limit=3), record_budget=2).complete is False

    def test_a_deadline_that_has_passed_examines_nothing_and_says_so(self, backend: Backend) -> None:
        backend.write(Batch(records=(mug(),)))
        late = backend.find(Query(), deadline_s=0.0)
        assert (late.records, late.examined, late.complete) == ((), 0, False)
        assert backend.find(Query(), deadline_s=60.0).complete

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

    def test_restoring_into_a_used_store_is_refused(self, backend: Backend) -> None:
        backend.write(Batch(records=(mug(),)))
        before = exported(backend)
        _raises(StoreNotEmpty, lambda: load(before.splitlines(), backend))
        assert exported(backend) == before

    def test_restoring_nonsense_writes_nothing(self, backend: Backend) -> None:
        good = replace(mug(), sequence=1, recorded_ns=START_NS)
        for bad in (mug("b"), replace(mug("b"), sequence=1, recorded_ns=START_NS), replace(good, sequence=2)):
            _raises(RejectedInput, lambda bad=bad: backend.restore([good, bad]))  # type: ignore[misc]
        assert backend.counts().records == 0

    def test_what_is_forgotten_is_gone_and_audited(self, backend: Backend) -> None:
        backend.write(Batch(records=(mug(), mug(version=2), mug("kept")), tallies=(Tally("mug-1", "robot", START_NS),)))
        assert backend.forget("robot", ("mug-1", "unknown")) == 3
        for query in (Query(history=True), Query(text="mug"), Query(near_m=(0.0, 0.0, 0.0))):
            assert _ids(backend.find(query).records) == ["kept"]
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
        _raises(ValueError, lambda: backend.maintain("polish"))

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
            _raises(StoreUnavailable, call)

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
        assert _ids(beside.find(Query()).records) == ["before", "after"]
        assert _ids(beside.find(Query(vector=pack([1.0, 0.0]), encoder=ENCODER)).records) == ["after"]
        _raises(StoreUnavailable, lambda: beside.write(Batch(records=(mug("mine"),))))
        backend.forget("robot", ("after",))
        assert _ids(beside.find(Query(vector=pack([1.0, 0.0]), encoder=ENCODER)).records) == []
        assert exported(beside) == exported(backend)


def _ids(records: Iterable[Record]) -> list[str]:
    return [record.id for record in records]


def _versions(found: object) -> list[int]:
    return [record.version for record in getattr(found, "records", ())]


def _refused(backend: Backend, batch: Batch) -> None:
    _raises(RejectedInput, lambda: backend.write(batch))


def _raises(kind: type[Exception], call: Callable[[], object]) -> None:
    try:
        answer = call()
    except kind:
        return
    raise AssertionError(f"expected {kind.__name__}, got {answer!r}")
