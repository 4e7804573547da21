# SPDX-License-Identifier: Apache-2.0
"""How a backend answers: filters, text, vectors, edges, budgets and deadlines.

Neighbours: query.py defines what matches and how it ranks; storing.py holds the other half.
"""

from __future__ import annotations

import random
from dataclasses import replace

from memory.backend import Backend, Batch, Retirement
from memory.contracts.promises import Contract, ids_of, raises, refused
from memory.embedding import cosine, pack
from memory.errors import EncoderMismatch, RejectedInput
from memory.query import FOREVER_NS, Query, words
from memory.records import Event, Relation
from memory.samples import ENCODER, START_NS, S, fill, mug, retirement, sample_query, sample_vector


class FindingContract(Contract):
    """What `find`, `expand` and `embed` promise.

    Attributes:
        questions: Random ones that are compared with the definition; fewer for a store that plans each at length.
    """

    questions = 2000

    def test_it_finds_exactly_what_the_definition_says(self, backend: Backend) -> None:
        rng = random.Random(1)
        log = fill(backend, rng, 300)
        for _ in range(self.questions):
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
        assert sorted(ids_of(found)) == sorted(e.id for e in events if e.text != "plate")
        assert set(ids_of(backend.find(Query(any_text="red mug", limit=2)).records)) == {"0", "4"}
        assert ids_of(backend.find(Query(any_text="plate", equals=(("id", "3"),), limit=5)).records) == ["3"]
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
            hits += len(best & set(ids_of(backend.find(query).records)))
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
        assert sorted(ids_of(backend.find(urns).records)) == ["rare1", "rare2"]

    def test_vectors_of_two_encoders_are_never_compared(self, backend: Backend) -> None:
        backend.write(Batch(records=(replace(mug(), embedding=pack([1.0, 0.0]), encoder="a@1"),)))
        raises(EncoderMismatch, lambda: backend.find(Query(vector=pack([1.0, 0.0]), encoder="b@1")))
        assert backend.find(Query(vector=pack([1.0, 0.0]), encoder="b@1", kinds=("event",))).records == ()
        assert backend.find(Query(robot="else", vector=pack([1.0, 0.0]), encoder="b@1")).records == ()
        refused(backend, Batch(records=(replace(mug("b"), embedding=pack([1.0]), encoder="a@1"),)))

    def test_vectors_are_replaced_in_place_and_all_or_none(self, backend: Backend) -> None:
        old = tuple(replace(mug(one), embedding=pack([1.0, 0.0]), encoder="a@1") for one in ("a", "b"))
        backend.write(Batch(records=old))
        raises(
            RejectedInput, lambda: backend.embed("robot", "b@1", {("a", 1): pack([1.0]), ("b", 1): pack([1.0, 2.0])})
        )
        raises(EncoderMismatch, lambda: backend.find(Query(vector=pack([1.0]), encoder="b@1")))
        new = {(one, 1): pack([0.0, 1.0, 0.0]) for one in ("a", "b", "unknown")}
        assert backend.embed("robot", "b@1", new) == 2
        found = backend.find(Query(vector=pack([0.0, 1.0, 0.0]), encoder="b@1"))
        assert (ids_of(found.records), found.cosines) == (["a", "b"], (1.0, 1.0))
        assert backend.get("robot", ("a",))["a"].embedding == pack([0.0, 1.0, 0.0])
        assert (backend.counts().records, backend.counts().vectors) == (2, 2)
        assert backend.counts().by_encoder == (("b@1", 2),)

    def test_records_are_found_by_what_they_rest_on(self, backend: Backend) -> None:
        grounds = (replace(mug("b"), evidence=("a b", "c")), replace(mug("d"), evidence=("c",)), mug("e"))
        backend.write(Batch(records=grounds))
        assert ids_of(backend.find(Query(equals=(("evidence", "c"),))).records) == ["b", "d"]
        assert ids_of(backend.find(Query(equals=(("evidence", "a b"),))).records) == ["b"]

    def test_a_question_in_broken_unicode_finds_nothing(self, backend: Backend) -> None:
        backend.write(Batch(records=(mug(),)))
        for query in (Query(equals=(("label", "\ud800"),)), Query(ids=("\ud800",)), Query(robot="\ud800")):
            assert backend.find(query).records == ()
        assert backend.get("robot", ("\ud800",)) == {} == backend.tallies("robot", ("\ud800",))
        refused(backend, Batch(records=(mug("b"),), retire=(Retirement("robot", "\ud800", 1),)))

    def test_expand_takes_a_whole_frontier_both_ways_and_both_clocks(self, backend: Backend) -> None:
        edges = tuple(
            Relation(id=f"{a}{p}{b}", valid_from_ns=START_NS, subject=a, predicate=p, object=b)
            for a, p, b in (("a", "on", "b"), ("b", "on", "c"), ("a", "by", "c"), ("d", "on", "a"))
        )
        backend.write(Batch(records=edges))
        ended = replace(edges[0], version=2, valid_to_ns=START_NS + S)
        receipt = backend.write(Batch(records=(ended,), retire=(retirement(edges[0]),)))
        before_ns = receipt.recorded_ns - 1
        assert ids_of(backend.expand("robot", ("a", "b", "a"))) == ["bonc", "abyc", "aonb"]
        assert ids_of(backend.expand("robot", ("a", "c"), reverse=True, predicates=("on",))) == ["bonc", "dona"]
        assert ids_of(backend.expand("robot", ("a",), valid_at_ns=START_NS + S)) == ["abyc"]
        assert ids_of(backend.expand("robot", ("a",), valid_at_ns=FOREVER_NS, recorded_at_ns=before_ns)) == [
            "aonb",
            "abyc",
        ]
        assert ids_of(backend.expand("robot", ("a", "b"), limit=1)) == ["bonc"]
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
