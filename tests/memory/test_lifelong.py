# SPDX-License-Identifier: Apache-2.0
"""The face: open, write, recall, export, go on after a restart."""

import itertools
import threading

import pytest

from memory.backend import Capability
from memory.backends.in_memory import InMemoryBackend
from memory.errors import StoreNotEmpty, StoreUnavailable
from memory.lifelong import MEMORIES, LifelongMemory
from memory.records import Cue, Relation, Status
from memory.samples import START_NS, ContractClock, mug


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/store.db"


def one_day(memory):
    memory.spatial.see(mug())
    memory.spatial.relate(Relation(id="r", subject="mug-1", predicate="inside", object="sink", valid_from_ns=START_NS))
    memory.commit("step-1")
    memory.semantic.learn("where", "mug", "sink", True, START_NS)
    memory.commit("step-2")


def test_a_used_store_is_refused_by_count_unless_continued(url):
    with LifelongMemory.open(url, clock=ContractClock()) as memory:
        one_day(memory)
    with pytest.raises(StoreNotEmpty, match=r"3 records .* --continue"):
        LifelongMemory.open(url, clock=ContractClock())
    with LifelongMemory.open(url, clock=ContractClock(), continue_=True) as memory:
        assert memory.began_with == 3
        assert memory.spatial.supporter("mug-1").object == "sink"
        assert memory.recall(Cue(label="mug", deadline_s=30), START_NS).status is Status.FOUND


@pytest.mark.parametrize("kept", [names for n in range(5) for names in itertools.combinations(MEMORIES, n)])
def test_a_memory_that_is_left_out_is_none(kept):
    with LifelongMemory.open("memory://", memories=kept, clock=ContractClock()) as memory:
        assert [name for name in MEMORIES if getattr(memory, name) is not None] == list(kept)
        assert memory.recall(Cue(text="mug", deadline_s=30), START_NS).status is Status.NONE


def test_an_unknown_memory_is_the_callers_mistake(url):
    with pytest.raises(ValueError, match="'olfactory'"):
        LifelongMemory.open(url, memories=("olfactory",), clock=ContractClock())
    LifelongMemory.open(url, clock=ContractClock()).close()


def test_the_same_input_exports_the_same_bytes_from_either_store(url, tmp_path):
    exports = []
    for number, address in enumerate((url, "memory://")):
        with LifelongMemory.open(address, clock=ContractClock()) as memory:
            one_day(memory)
            memory.export(tmp_path / f"{number}.jsonl")
            exports.append((tmp_path / f"{number}.jsonl").read_bytes())
    assert exports[0] == exports[1]
    assert exports[0].count(b"\n") == 5  # header, three records, one tally


def test_an_export_appears_whole_or_not_at_all(url, tmp_path):
    with LifelongMemory.open(url, clock=ContractClock()) as memory:
        one_day(memory)
        with pytest.raises(StoreUnavailable, match="nowhere"):
            memory.export(tmp_path / "nowhere" / "out.jsonl")
        (tmp_path / "taken").mkdir()
        with pytest.raises(StoreUnavailable, match="taken"):
            memory.export(tmp_path / "taken")
    assert [file.name for file in tmp_path.iterdir() if "partial" in file.name] == []


def test_what_was_not_committed_is_not_there_the_next_day(url):
    with LifelongMemory.open(url, clock=ContractClock()) as memory:
        memory.spatial.see(mug())
    with LifelongMemory.open(url, clock=ContractClock()) as memory:
        assert memory.began_with == 0


def test_a_discarded_step_leaves_nothing(url):
    with LifelongMemory.open(url, clock=ContractClock()) as memory:
        memory.spatial.see(mug())
        memory.discard()
        assert memory.commit() is None
        assert memory.spatial.instances("map-0") == []


class Waits(InMemoryBackend):
    """Finds wait for each other, as those of one server do that has several hands."""

    capabilities = InMemoryBackend.capabilities | Capability.SIDE_BY_SIDE

    def __init__(self):
        super().__init__(ContractClock())
        self.threads = set()

    def find(self, query, **limits):
        self.threads.add(threading.current_thread())
        return super().find(query, **limits)


def test_a_store_whose_finds_wait_is_asked_side_by_side_and_in_turn_where_a_run_must_repeat():
    store = Waits()
    memory = LifelongMemory(store, robot="robot")
    one_day(memory)
    for cue, own in ((Cue(text="mug", deadline_s=30), False), (Cue(text="mug", record_budget=100), True)):
        store.threads.clear()
        memory.recall(cue, START_NS)
        assert (store.threads == {threading.current_thread()}) is own
    asking = {one for one in threading.enumerate() if one.name.startswith("neuraxis-recall")}
    assert asking
    memory.close()
    assert memory.recall(Cue(text="mug", deadline_s=30), START_NS).status is Status.FAILED
    for one in asking:
        one.join(20)
    assert not any(one.is_alive() for one in asking)


def test_a_store_in_this_process_is_asked_in_turn(url):
    with LifelongMemory.open(url, clock=ContractClock()) as memory:
        one_day(memory)
        memory.recall(Cue(text="mug", deadline_s=30), START_NS)
        assert not any(one.name.startswith("neuraxis-recall") for one in threading.enumerate())
