# SPDX-License-Identifier: Apache-2.0
"""The rules of functional relations, told by examples and then hunted by chance."""

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from memory.records import Source
from memory.timeline import end, place, relation, retirement, state_of

T = 1_767_225_600_000_000_000


def inside(object, at, source=Source.SEEN):
    return relation(
        robot="robot", subject="mug-1", predicate="inside", object=object, valid_from_ns=T + at, source=source
    )


def told(object, at):
    return inside(object, at, Source.TOLD)


class Believed:
    """A timeline with nothing but lists."""

    def __init__(self, *facts):
        self.log, self.retired, self.last_seen_ns = [], set(), {}
        for fact in facts:
            self.add(fact)

    def add(self, fact):
        change = self.apply(place(self.facts, fact, self.last_seen_ns))
        if change.same and (fact.source is Source.SEEN or change.same.source is not Source.SEEN):
            before_ns = self.last_seen_ns.get(change.same.id, 0)
            self.last_seen_ns[change.same.id] = max(before_ns, fact.valid_from_ns)
        return change

    def apply(self, change):
        for record in change.records:
            self.log.append(replace(record, sequence=len(self.log) + 1))
        assert not self.retired & set(change.retire)
        self.retired |= set(change.retire)
        assert len({(r.id, r.version) for r in self.log}) == len(self.log)
        return change

    @property
    def facts(self):
        return [r for r in self.log if retirement(r) not in self.retired]

    @property
    def spans(self):
        spans = [
            (r.object, r.valid_from_ns - T, None if r.valid_to_ns is None else r.valid_to_ns - T) for r in self.facts
        ]
        return sorted(spans, key=lambda span: (span[1], span[2] or 10**9))


def test_a_new_fact_closes_the_open_one_at_its_own_stamp():
    believed = Believed(inside("table", 0), inside("sink", 5))
    assert believed.spans == [("table", 0, 5), ("sink", 5, None)]
    assert believed.facts[0].cause == believed.facts[1].id


def test_closing_writes_the_next_version_and_retires_the_one_before():
    believed = Believed(inside("table", 0), inside("sink", 5))
    assert [(r.object, r.version) for r in believed.log] == [("table", 1), ("table", 2), ("sink", 1)]
    assert believed.retired == {retirement(believed.log[0])}


def test_a_late_fact_is_cut_in_where_it_belongs_and_never_closes_a_newer_one():
    believed = Believed(inside("table", 0), inside("sink", 10), inside("shelf", 4))
    assert believed.spans == [("table", 0, 4), ("shelf", 4, 10), ("sink", 10, None)]


def test_a_fact_before_everything_ends_where_the_first_begins():
    believed = Believed(inside("sink", 10), inside("shelf", 4))
    assert believed.spans == [("shelf", 4, 10), ("sink", 10, None)]


def test_a_late_fact_does_not_outlive_a_retraction():
    believed = Believed(inside("table", 0))
    believed.apply(end(believed.facts, T + 10, "picked-up"))
    believed.add(inside("shelf", 4))
    assert believed.spans == [("table", 0, 4), ("shelf", 4, 10)]
    assert believed.facts[-1].cause == "picked-up"


def test_a_fact_in_the_gap_after_a_retraction_stays_open():
    believed = Believed(inside("table", 0))
    believed.apply(end(believed.facts, T + 10, "picked-up"))
    believed.add(inside("sink", 12))
    assert believed.spans == [("table", 0, 10), ("sink", 12, None)]


def test_told_inferred_and_reflected_never_close_seen():
    for source in (Source.TOLD, Source.INFERRED, Source.REFLECTED):
        believed = Believed(inside("table", 0), inside("sink", 5, source))
        assert believed.spans == [("table", 0, None), ("sink", 5, None)]
        assert state_of(believed.facts).object == "table"


def test_a_sighting_decides_between_claims():
    believed = Believed(inside("table", 0), told("sink", 5), inside("table", 8))
    assert believed.spans == [("table", 0, None), ("sink", 5, 8)]
    believed = Believed(inside("table", 0), told("sink", 5), inside("sink", 8))
    assert believed.spans == [("table", 0, 8), ("sink", 5, 8), ("sink", 8, None)]


def test_told_about_a_time_before_a_sighting_ends_at_the_sighting():
    believed = Believed(inside("table", 10), told("sink", 5))
    assert believed.spans == [("sink", 5, 10), ("table", 10, None)]


def test_a_late_sighting_is_not_ended_by_what_was_told_after_it():
    believed = Believed(told("sink", 10), inside("table", 5))
    assert believed.spans == [("table", 5, None), ("sink", 10, None)]


def test_a_fact_that_says_when_it_ends_ends_there_or_where_the_next_begins():
    bounded = replace(inside("sink", 2), valid_to_ns=T + 5)
    assert Believed(bounded, inside("table", 9)).spans == [("sink", 2, 5), ("table", 9, None)]
    assert Believed(inside("table", 9), bounded).spans == [("sink", 2, 5), ("table", 9, None)]
    assert Believed(inside("table", 4), bounded).spans == [("sink", 2, 4), ("table", 4, None)]


def test_the_same_fact_again_adds_nothing():
    believed = Believed(inside("table", 0))
    for again in (inside("table", 0), inside("table", 7), told("table", 7)):
        change = believed.add(again)
        assert (change.records, change.same) == ((), believed.facts[0])


def test_a_sighting_of_what_was_told_takes_its_place():
    believed = Believed(told("table", 0), inside("table", 5))
    assert [(r.source, r.valid_to_ns is None) for r in believed.facts] == [(Source.TOLD, False), (Source.SEEN, True)]


def test_a_late_fact_does_not_undo_a_later_confirmation():
    believed = Believed(inside("table", 0), inside("table", 9), inside("sink", 4))
    assert believed.spans == [("table", 0, 4), ("sink", 4, 9), ("table", 9, None)]


def test_a_late_retraction_does_not_undo_a_later_confirmation():
    believed = Believed(inside("table", 0), inside("table", 9))
    believed.apply(end(believed.facts, T + 4, "picked-up", believed.last_seen_ns))
    assert believed.spans == [("table", 0, 4), ("table", 9, None)]


def test_equal_stamps_keep_their_order_of_arrival():
    believed = Believed(inside("table", 5), inside("sink", 5), inside("table", 5))
    assert [(r.object, r.valid_to_ns is None) for r in believed.facts] == [("sink", False), ("table", True)]


def test_undeclared_predicates_accumulate():
    likes = [
        relation(robot="robot", subject="ann", predicate="likes", object=o, valid_from_ns=T) for o in ("tea", "jazz")
    ]
    believed = Believed(*likes, replace(likes[0], valid_from_ns=T + 5))
    assert believed.spans == [("tea", 0, None), ("jazz", 0, None)]


sources = st.sampled_from([Source.SEEN, Source.SEEN, Source.TOLD, Source.INFERRED])
told_or_seen = st.tuples(st.sampled_from("abc"), st.integers(0, 12), sources)
steps = st.lists(st.one_of(told_or_seen, st.integers(0, 12)), max_size=25)


@settings(max_examples=400, deadline=None)
@given(steps)
@example([("b", 1, Source.TOLD), ("b", 2, Source.TOLD), ("b", 1, Source.SEEN), 1, ("a", 2, Source.SEEN)])
def test_whatever_arrives_in_whatever_order_a_thing_has_one_seen_support_at_any_time(arrivals):
    believed = Believed()
    for arrival in arrivals:
        if isinstance(arrival, int):
            believed.apply(end(believed.facts, T + arrival, "picked-up", believed.last_seen_ns))
        else:
            believed.add(inside(*arrival))
        for seen in (True, False):
            layer = [r for r in believed.facts if (r.source is Source.SEEN) is seen]
            assert sum(r.valid_to_ns is None for r in layer) <= 1
            for moment in range(T, T + 14):
                assert sum(holds(r, moment) for r in layer) <= 1


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), max_size=12, unique_by=lambda fact: fact[1]))
def test_the_newest_sighting_holds_in_whatever_order_they_arrive(facts):
    believed = Believed(*(inside(*fact) for fact in facts))
    newest = [max(facts, key=lambda fact: fact[1])[0]] if facts else []
    assert held(believed, T + 41) == newest


@settings(max_examples=300, deadline=None)
@given(st.permutations(range(8)))
def test_sightings_in_different_places_give_the_same_history_in_whatever_order_they_arrive(order):
    believed = Believed(*(inside(f"place-{at}", at) for at in order))
    assert believed.spans == [(f"place-{at}", at, at + 1 if at < 7 else None) for at in range(8)]


@settings(max_examples=300, deadline=None)
@given(steps, st.tuples(st.sampled_from("abc"), st.integers(0, 12), st.sampled_from([Source.TOLD, Source.INFERRED])))
def test_nothing_told_ever_changes_a_sighting(arrivals, claim):
    believed = Believed(*(inside(*arrival) for arrival in arrivals if not isinstance(arrival, int)))
    before = [r for r in believed.facts if r.source is Source.SEEN]
    believed.add(inside(*claim))
    assert [r for r in believed.facts if r.source is Source.SEEN] == before


def holds(fact, moment):
    return fact.valid_from_ns <= moment and (fact.valid_to_ns is None or moment < fact.valid_to_ns)


def held(believed, moment):
    return [r.object for r in believed.facts if holds(r, moment)]
