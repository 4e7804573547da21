# SPDX-License-Identifier: Apache-2.0
"""What a Query matches."""

import pytest

from memory.query import FOREVER_NS, Query, words
from memory.records import Event, Relation, Source
from memory.samples import START_NS, S, mug


def test_a_field_the_record_lacks_equals_nothing_not_even_the_word_none():
    assert not Query(equals=(("predicate", "None"),)).matches(mug())
    assert not Query(equals=(("valid_to_ns", "None"),)).matches(mug())


def test_a_source_equals_its_own_spelling():
    assert Query(equals=(("source", "seen"),)).matches(mug())


def test_a_field_of_several_values_equals_each_of_them():
    event = Event(id="e", valid_from_ns=START_NS, name="picked_up", subjects=("mug-1", "table-1"))
    assert Query(equals=(("subjects", "table-1"),)).matches(event)
    assert not Query(equals=(("subjects", "mug"),)).matches(event)


def test_a_span_is_half_open():
    fact = Relation(
        id="r",
        valid_from_ns=START_NS,
        valid_to_ns=START_NS + S,
        subject="a",
        predicate="p",
        object="b",
        source=Source.TOLD,
    )
    assert Query(valid_at_ns=START_NS).matches(fact)
    assert not Query(valid_at_ns=START_NS + S).matches(fact)
    assert not Query(valid_at_ns=FOREVER_NS).matches(fact)
    assert not Query(since_ns=START_NS + S).matches(fact)
    assert not Query(until_ns=START_NS).matches(fact)


def test_two_ranking_keys_are_the_callers_mistake():
    with pytest.raises(ValueError, match="not by near_m and newest_first"):
        Query(near_m=(0.0, 0.0, 0.0), newest_first=True)


def test_the_tokeniser_folds_what_people_think_of_as_the_same_word():
    assert words("STRASSE") == words("straße") == {"strasse"}
    assert words("\uff23\uff35\uff30") == {"cup"}
    assert words("-") == frozenset()
