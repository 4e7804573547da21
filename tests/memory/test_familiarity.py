# SPDX-License-Identifier: Apache-2.0
"""Seen before? Never a wrong "no"; a "yes" is rarely wrong."""

import random

import pytest

from memory.backend import Batch
from memory.encoders import HashEncoder
from memory.familiarity import Familiarity
from memory.lifelong import LifelongMemory
from memory.records import Event, Lesson, Relation
from memory.registry import open_backend
from memory.samples import START_NS, ContractClock, mug, sample_vector


def said(number, text, **more):
    return Event(id=f"e{number}", name="said", text=text, valid_from_ns=START_NS, **more)


@pytest.fixture
def familiar():
    return Familiarity("robot")


def test_what_was_taken_in_is_never_denied(familiar):
    rng = random.Random(1)
    texts = [f"word{n} thing{rng.random()}" for n in range(2000)]
    for number, text in enumerate(texts):
        familiar.take(said(number, text))
    assert all(familiar.text(text) == 1.0 for text in texts)


def test_what_never_came_is_rarely_claimed(familiar):
    for number in range(5000):
        familiar.take(said(number, f"word{number}"))
    assert sum(familiar.text(f"other{n}") > 0 for n in range(5000)) <= 2


def test_a_text_is_as_familiar_as_its_telling_words(familiar):
    familiar.take(mug())
    assert familiar.text("where is the mug?") == 1.0
    assert familiar.text("where is the unicorn?") == 0.0
    assert familiar.text("a mug or a unicorn") == 0.5
    assert familiar.text("") == familiar.text("?!") == 0.0


@pytest.mark.parametrize(
    "there",
    [
        Relation(id="r", subject="mug-1", predicate="inside", object="sink", valid_from_ns=START_NS),
        said(1, "saw it", subjects=("mug-1", "unknown"), place_id="sink"),
        Lesson(id="l", scope="where", subject="mug", value="sink", valid_from_ns=START_NS),
    ],
)
def test_a_class_is_familiar_where_it_was_met(familiar, there):
    familiar.take(mug())
    assert familiar.label("mug") and not familiar.label("mug", "sink")
    familiar.take(there)
    assert familiar.label("mug", "sink")
    assert not familiar.label("mug", "sofa") and not familiar.label("plate", "sink") and not familiar.label("plate")


def test_the_same_vector_is_familiar_and_others_are_not(familiar):
    rng = random.Random(2)
    old = [sample_vector(rng, 64) for _ in range(200)]
    assert not familiar.vector(old[0], "e@1")
    for number, vector in enumerate(old):
        familiar.take(said(number, "", embedding=vector, encoder="e@1"))
    assert all(familiar.vector(vector, "e@1") for vector in old)
    assert not familiar.vector(old[0], "e@2")
    assert not any(familiar.vector(sample_vector(rng, 64), "e@1") for _ in range(200))


def test_another_robot_is_a_stranger(familiar):
    familiar.take(mug(robot="other"))
    assert not familiar.label("mug")


def test_a_store_is_followed_in_slices_from_where_it_was(familiar):
    backend = open_backend("memory://", ContractClock())
    backend.write(Batch(records=tuple(said(n, f"word{n}") for n in range(25))))
    assert [familiar.follow(backend, 10) for _ in range(3)] == [15, 5, 0]
    backend.write(Batch(records=(said(99, "late"),)))
    assert familiar.behind(backend) == 1 and familiar.text("late") == 0.0
    assert familiar.follow(backend) == 0 and familiar.text("late") == 1.0


def test_what_was_forgotten_is_no_longer_familiar(familiar):
    backend = open_backend("memory://", ContractClock())
    backend.write(Batch(records=(said(1, "secret"), said(2, "public"))))
    familiar.follow(backend)
    backend.forget("robot", ("e1",))
    familiar.follow(backend)
    assert (familiar.text("secret"), familiar.text("public")) == (0.0, 1.0)


def test_a_memory_is_familiar_with_what_it_commits_and_embeds():
    encoder = HashEncoder()
    with LifelongMemory.open("memory://", clock=ContractClock(), encoder=encoder) as memory:
        memory.spatial.see(mug())
        assert not memory.familiarity.label("mug")
        memory.commit()
        assert memory.familiarity.label("mug") and memory.familiarity.behind(memory.backend) == 0
        (vector,) = encoder.encode(["mug"])
        assert not memory.familiarity.vector(vector, encoder.id)
        memory.enrichment.work()
        assert memory.familiarity.vector(vector, encoder.id)
