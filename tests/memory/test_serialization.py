# SPDX-License-Identifier: Apache-2.0
"""One record, one spelling."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.backends.in_memory import InMemoryBackend
from memory.embedding import pack
from memory.errors import RejectedInput, StoreCorrupt, StoreTooNew
from memory.records import Instance, Tally
from memory.samples import START_NS, ContractClock, fill, mug, sample_records
from memory.serialization import from_line, load, to_line
from memory.testing import exported

finite = st.floats(allow_nan=False, allow_infinity=False)
narrow = st.floats(allow_nan=False, allow_infinity=False, width=32)
text = st.text(st.characters(codec="utf-8"), max_size=20)


def test_every_kind_of_record_comes_back_equal():
    for record in sample_records(random.Random(1), 200):
        assert from_line(to_line(record)) == record


@given(x=finite, y=finite, alias=text, embedding=st.lists(narrow, max_size=4))
def test_any_finite_number_and_any_text_come_back_equal(x, y, alias, embedding):
    before = replace(mug(), position_m=(x, y, 0.0), alias=alias, embedding=pack(embedding), encoder="e")
    assert from_line(to_line(before)) == before
    assert to_line(from_line(to_line(before))) == to_line(before)
    assert "\n" not in to_line(before)


@given(last=st.integers(0, 2**63 - 1), mean=st.tuples(finite, finite, finite))
def test_a_tally_comes_back_equal(last, mean):
    tally = Tally("mug-1", "ロボット", last, mean_m=mean)
    assert from_line(to_line(tally)) == tally


def test_a_line_has_sorted_keys_no_spaces_and_no_python_path():
    line = to_line(mug())
    assert list(json.loads(line)) == sorted(json.loads(line))
    assert ": " not in line and "memory." not in line
    assert json.loads(line)["kind"] == "instance"


def test_a_number_that_is_none_is_refused():
    with pytest.raises(RejectedInput, match="mug-1"):
        to_line(replace(mug(), embedding=b"\0\0\x80\x7f", encoder="e"))


def test_a_line_that_is_no_record_is_named():
    for line in ("", "{}", '{"kind":"spaceship"}', '{"kind":"instance","id":"x"}', "[1]", '{"kind":"tally"}'):
        with pytest.raises(StoreCorrupt, match="not a record"):
            from_line(line)


def test_an_impossible_record_in_a_line_is_corruption_not_input():
    with pytest.raises(StoreCorrupt):
        from_line(to_line(mug()).replace(str(START_NS), "0"))


def test_a_broken_export_is_refused_by_line_number_and_loads_nothing():
    model = InMemoryBackend(ContractClock())
    fill(model, random.Random(1), 10)
    lines = exported(model).splitlines()
    fresh = InMemoryBackend(ContractClock())
    with pytest.raises(StoreCorrupt, match="line 5"):
        load([*lines[:4], lines[4][:-9], *lines[5:]], fresh)
    assert fresh.counts().records == 0


def test_an_export_without_a_header_or_of_a_later_format_is_refused():
    fresh = InMemoryBackend(ContractClock())
    with pytest.raises(StoreCorrupt, match="line 1"):
        load([to_line(mug())], fresh)
    with pytest.raises(StoreCorrupt, match="line 1"):
        load([], fresh)
    with pytest.raises(StoreTooNew, match="format 99"):
        load(['{"format":99,"kind":"header"}'], fresh)


def test_the_kind_decides_the_class():
    assert isinstance(from_line(to_line(mug())), Instance)
