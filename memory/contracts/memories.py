# SPDX-License-Identifier: Apache-2.0
"""What every memory must keep, whatever it remembers and however it looks.

Neighbours: searching.py promises it in words (Memory, Limits, Answer); recall.py relies on it.
Rules of the file: a promise looks at `search` alone, over a store that somebody else writes; what a memory remembers
is told by the three methods that a subclass fills in.
"""

from __future__ import annotations

from dataclasses import replace

from memory.backend import Backend, Batch
from memory.contracts.promises import Contract
from memory.errors import StoreError
from memory.recall import recall
from memory.records import Cue, Record, Status
from memory.samples import START_NS, S, retirement
from memory.searching import Answer, Limits, Memory

PATIENCE = Limits(deadline_s=60.0)
NOW_NS = START_NS + 3600 * S
MANY = 60


class MemoryContract(Contract):
    """Every promise of a memory; a subclass says how yours is opened, what it remembers and what finds that.

    Every `example` is true from START_NS on, or later, and is an answer to the same `cue`.
    """

    def memory(self, backend: Backend, robot: str) -> Memory:
        """Yours, of one robot, over the store."""
        raise NotImplementedError

    def example(self, number: int) -> Record:
        """Something it remembers; another number is another record, of robot "robot"."""
        raise NotImplementedError

    def cue(self) -> Cue:
        """What finds every example."""
        raise NotImplementedError

    def unknown(self) -> Cue:
        """What finds no example."""
        return Cue(text="zeppelin", label="zeppelin", subject="zeppelin")

    def test_its_name_is_one_word(self, backend: Backend) -> None:
        assert self.memory(backend, "robot").name.isidentifier()

    def test_an_empty_store_is_nothing_known_and_no_error(self, backend: Backend) -> None:
        asked = self.memory(backend, "robot")
        for cue in (self.cue(), self.unknown(), Cue(), Cue(near_m=(0.0, 0.0, 0.0)), Cue(since_ns=1, until_ns=2)):
            answer = asked.search(cue, PATIENCE)
            assert (answer.records, answer.complete) == ((), True), cue
        assert recall([asked], self.cue(), NOW_NS).status is Status.NONE

    def test_what_was_written_is_found_as_the_store_has_it(self, backend: Backend) -> None:
        self._write(backend, 3)
        answer = self._ask(backend)
        assert answer.complete
        assert {record.id: record for record in answer.records} == backend.get("robot", self._ids(3))
        told = recall([self.memory(backend, "robot")], replace(self.cue(), deadline_s=60.0), NOW_NS)
        assert (told.status, len(told.recollections)) == (Status.FOUND, 3)

    def test_what_is_written_later_is_found_too(self, backend: Backend) -> None:
        asked = self.memory(backend, "robot")
        for number in range(3):
            backend.write(Batch(records=(self.example(number),)))
            found = asked.search(self.cue(), PATIENCE)
            assert len(found.records) == number + 1 or not found.complete, "a follower that lags says so"

    def test_an_unknown_cue_finds_nothing(self, backend: Backend) -> None:
        self._write(backend, 3)
        answer = self.memory(backend, "robot").search(self.unknown(), PATIENCE)
        assert (answer.records, answer.complete) == ((), True)

    def test_a_cue_in_broken_unicode_finds_nothing(self, backend: Backend) -> None:
        self._write(backend, 1)
        broken = replace(self.unknown(), text="\ud800", label="\ud800", subject="\udfff")
        assert self.memory(backend, "robot").search(broken, PATIENCE).records == ()

    def test_other_kinds_are_left_out_where_the_cue_says_so(self, backend: Backend) -> None:
        self._write(backend, 2)
        assert self._ask(backend, replace(self.cue(), kinds=("nothing",))).records == ()
        assert len(self._ask(backend, replace(self.cue(), kinds=(self.example(0).kind,))).records) == 2

    def test_k_is_the_most_and_none_is_all(self, backend: Backend) -> None:
        self._write(backend, 12)
        for k, expected in ((1, 1), (5, 5), (12, 12), (50, 12), (0, 12)):
            assert len(self._ask(backend, replace(self.cue(), k=k)).records) == expected, k

    def test_the_same_question_gets_the_same_answer_in_the_same_order(self, backend: Backend) -> None:
        self._write(backend, 20)
        asked = self.memory(backend, "robot")
        first = asked.search(self.cue(), PATIENCE).records
        assert asked.search(self.cue(), PATIENCE).records == first
        assert self.memory(backend, "robot").search(self.cue(), PATIENCE).records == first

    def test_another_robots_memories_never_leak(self, backend: Backend) -> None:
        self._write(backend, 2)
        theirs = tuple(replace(self.example(n), robot="other") for n in range(5))
        backend.write(Batch(records=theirs))
        assert {record.robot for record in self._ask(backend).records} == {"robot"}
        others = self.memory(backend, "other").search(self.cue(), PATIENCE).records
        assert ({record.robot for record in others}, len(others)) == ({"other"}, 5)
        assert self.memory(backend, "nobody").search(self.cue(), PATIENCE).records == ()

    def test_a_budget_of_records_is_kept_and_what_it_cut_is_said(self, backend: Backend) -> None:
        self._write(backend, MANY)
        cut = self.memory(backend, "robot").search(replace(self.cue(), k=0), Limits(record_budget=MANY // 4))
        assert cut.examined <= MANY // 4
        assert len(cut.records) < MANY
        assert not cut.complete

    def test_a_deadline_that_has_passed_is_said(self, backend: Backend) -> None:
        self._write(backend, MANY)
        late = self.memory(backend, "robot").search(replace(self.cue(), k=0), Limits(deadline_s=0.0))
        assert not late.complete
        told = recall([self.memory(backend, "robot")], replace(self.cue(), deadline_s=0.0), NOW_NS)
        assert told.status is Status.PARTIAL
        assert told.missing

    def test_what_was_retired_is_not_answered_with(self, backend: Backend) -> None:
        asked = self.memory(backend, "robot")
        self._write(backend, 3)
        assert len(asked.search(self.cue(), PATIENCE).records) == 3
        first, second = self.example(0), self.example(1)
        newer = replace(first, version=2, confidence=0.5)
        backend.write(Batch(records=(newer,), retire=(retirement(first), retirement(second))))
        found = asked.search(self.cue(), PATIENCE).records
        assert sorted((record.id, record.version) for record in found) == sorted(
            [(first.id, 2), (self.example(2).id, 1)]
        )
        assert all(record.retired_ns is None for record in found)

    def test_what_was_forgotten_is_gone(self, backend: Backend) -> None:
        asked = self.memory(backend, "robot")
        self._write(backend, 3)
        assert len(asked.search(self.cue(), PATIENCE).records) == 3
        backend.forget("robot", (self.example(0).id,))
        assert sorted(r.id for r in asked.search(self.cue(), PATIENCE).records) == sorted(self._ids(3)[1:])

    def test_a_cue_about_the_past_gets_what_was_believed_then(self, backend: Backend) -> None:
        first = backend.write(Batch(records=(self.example(0),)))
        newer = replace(self.example(0), version=2, confidence=0.5)
        second = backend.write(Batch(records=(newer, self.example(1)), retire=(retirement(self.example(0)),)))
        for then_ns, expected in (
            (first.recorded_ns - 1, []),
            (first.recorded_ns, [(self.example(0).id, 1)]),
            (second.recorded_ns, sorted([(self.example(0).id, 2), (self.example(1).id, 1)])),
        ):
            found = self._ask(backend, replace(self.cue(), as_of_recorded_ns=then_ns))
            assert sorted((record.id, record.version) for record in found.records) == expected

    def test_a_span_of_the_cue_leaves_out_what_began_after_or_ended_before(self, backend: Backend) -> None:
        span = replace(self.example(0), valid_from_ns=START_NS, valid_to_ns=START_NS + S)
        later = replace(self.example(1), valid_from_ns=START_NS + 5 * S, valid_to_ns=START_NS + 6 * S)
        backend.write(Batch(records=(span, later)))
        for since_s, until_s, expected in ((0, 1, {span.id}), (1, 5, set()), (0, 9, {span.id, later.id})):
            cue = replace(self.cue(), since_ns=START_NS + since_s * S, until_ns=START_NS + until_s * S)
            assert {record.id for record in self._ask(backend, cue).records} == expected

    def test_a_store_that_fails_is_an_error_of_ours_and_never_nothing_known(self, backend: Backend) -> None:
        self._write(backend, 2)
        asked = self.memory(backend, "robot")
        asked.search(self.cue(), PATIENCE)
        backend.close()
        try:
            answer = asked.search(self.cue(), PATIENCE)
        except StoreError:
            answer = Answer(complete=False)
        assert not answer.complete
        assert recall([asked], self.cue(), NOW_NS).status in (Status.FAILED, Status.PARTIAL)

    def _write(self, backend: Backend, count: int) -> None:
        backend.write(Batch(records=tuple(self.example(number) for number in range(count))))

    def _ids(self, count: int) -> tuple[str, ...]:
        return tuple(self.example(number).id for number in range(count))

    def _ask(self, backend: Backend, cue: Cue | None = None) -> Answer:
        return self.memory(backend, "robot").search(cue or self.cue(), PATIENCE)
