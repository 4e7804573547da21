# SPDX-License-Identifier: Apache-2.0
"""One partition of the vector index: what it takes in is what it was given, once, whoever else is at work."""

import random

import pytest

from memory import vectors
from memory.samples import sample_vector
from memory.vectors import Partition


@pytest.fixture
def eager(monkeypatch):
    """An index from sixteen vectors on."""
    monkeypatch.setattr(vectors, "INDEX_FROM", 16)


def digested(part):
    while part.digest(gulps=4):
        pass
    return part


def test_a_tail_of_any_length_is_indexed_without_a_number_that_was_never_given(eager):
    rng, part = random.Random(1), Partition(16)
    given = {}
    for count in (19, 3, 1, 8, 13):
        numbers = list(range(len(given) + 1, len(given) + count + 1))
        given |= {number: sample_vector(rng) for number in numbers}
        part.append(numbers, [given[number] for number in numbers])
        assert digested(part).indexed == len(given)
    for number, vector in given.items():
        assert part.nearest(vector, 1).tolist() == [number]
