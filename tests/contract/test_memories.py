# SPDX-License-Identifier: Apache-2.0
"""Every memory keeps every promise of memory/testing.py, over every backend."""

import pytest

from memory.contracts.memories import PATIENCE
from memory.draft import Draft
from memory.episodic import EpisodicMemory
from memory.errors import StoreError
from memory.records import Cue, Episode, Event, Lesson, Relation
from memory.registry import open_backend
from memory.samples import START_NS, ContractClock, mug
from memory.searching import Answer
from memory.semantic import SemanticMemory
from memory.spatial import SpatialMemory
from memory.temporal import TemporalMemory
from memory.testing import MemoryContract


@pytest.fixture
def address(any_store):
    return any_store


class TestSpatial(MemoryContract):
    def memory(self, backend, robot):
        return SpatialMemory(Draft(backend, robot))

    def example(self, number):
        return mug(f"mug-{number}", x=float(number))

    def cue(self):
        return Cue(text="where is the mug", k=0)


class TestSpatialFacts(TestSpatial):
    def example(self, number):
        return Relation(
            id=f"r{number}", subject=f"mug-{number}", predicate="inside", object="sink", valid_from_ns=START_NS
        )

    def cue(self):
        return Cue(predicate="inside", k=0)

    def unknown(self):
        return Cue(predicate="held_by")


class TestTemporal(MemoryContract):
    def memory(self, backend, robot):
        return TemporalMemory(Draft(backend, robot))

    def example(self, number):
        return Event(id=f"e{number}", name="picked_up", text=f"the mug {number}", valid_from_ns=START_NS)

    def cue(self):
        return Cue(text="when was the mug picked up", k=0)


class TestEpisodic(MemoryContract):
    def memory(self, backend, robot):
        return EpisodicMemory(Draft(backend, robot))

    def example(self, number):
        return Episode(id=f"o{number}", instruction=f"bring the mug {number}", valid_from_ns=START_NS)

    def cue(self):
        return Cue(text="bring the mug", k=0)


class TestSemantic(MemoryContract):
    def memory(self, backend, robot):
        return SemanticMemory(Draft(backend, robot))

    def example(self, number):
        return Lesson(id=f"l{number}", scope="where", subject="mug", value=f"sink-{number}", valid_from_ns=START_NS)

    def cue(self):
        return Cue(label="mug", k=0)


class TestSemanticFacts(TestSemantic):
    def example(self, number):
        return Relation(
            id=f"r{number}", subject="Sam", predicate="likes", object=f"tea {number}", valid_from_ns=START_NS
        )

    def cue(self):
        return Cue(subject="Sam", k=0)


def test_nobody_may_quietly_switch_a_promise_off():
    with pytest.raises(TypeError, match="test_its_name_is_one_word"):
        type("TestCheat", (TestSpatial,), {"test_its_name_is_one_word": None})


class Forgetful(SpatialMemory):
    """A memory that keeps what it once found: it breaks what a careless cache breaks."""

    def search(self, cue, limits):
        self.known = getattr(self, "known", None) or super().search(cue, limits)
        return self.known


class Deaf(SpatialMemory):
    """Looks at the cue's words and at nothing else."""

    def search(self, cue, limits):
        return super().search(Cue(text=cue.text, k=0), PATIENCE)


class Calm(SpatialMemory):
    """Takes every error for an empty store."""

    def search(self, cue, limits):
        try:
            return super().search(cue, limits)
        except StoreError:
            return Answer()


BREAKS = {
    Forgetful: ["later", "retired", "forgotten", "fails"],
    Deaf: ["kinds", "k_is", "budget", "deadline", "past", "span"],
    Calm: ["fails"],
}


@pytest.mark.parametrize("wrong", BREAKS)
def test_the_contract_sees_what_a_careless_memory_breaks(wrong, tmp_path):
    class Checked(TestSpatial):
        def memory(self, backend, robot):
            return wrong(Draft(backend, robot))

    for word in BREAKS[wrong]:
        (name,) = [name for name in dir(MemoryContract) if name.startswith("test_") and f"_{word}_" in name]
        backend = open_backend("memory://", ContractClock())
        with pytest.raises(AssertionError):
            getattr(Checked(), name)(backend)
