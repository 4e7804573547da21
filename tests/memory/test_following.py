# SPDX-License-Identifier: Apache-2.0
"""A memory of another package follows the log, says when it lags, and cannot stop the robot."""

import pytest

from memory import following
from memory.backend import Batch
from memory.following import GROUP, Follower, Log
from memory.lifelong import LifelongMemory
from memory.records import Cue, Status
from memory.registry import open_backend
from memory.samples import START_NS, ContractClock, mug
from memory.searching import Answer, Limits


@pytest.fixture
def backend(any_store):
    store = open_backend(any_store, ContractClock())
    yield store
    store.close()


class Diary:
    """Takes everything down."""

    def __init__(self, backend):
        self.begun, self.taken = 0, []
        self.follower = Follower(Log(backend), "robot", self.take, self.begin)

    def begin(self):
        self.begun += 1
        self.taken = []

    def take(self, record):
        self.taken.append(record.id)


def test_every_version_is_taken_once_in_log_order_and_none_of_another_robot(backend):
    diary = Diary(backend)
    for start in (0, 700, 710):
        backend.write(Batch(records=tuple(mug(f"m{n}") for n in range(start, start + (700 if start == 0 else 10)))))
        backend.write(Batch(records=(mug(f"other{start}", robot="other"),)))
        assert diary.follower.catch_up(Limits())
        assert diary.follower.applied == backend.last_sequence()
    assert diary.taken == [f"m{n}" for n in range(720)]


def test_a_follower_out_of_time_says_so_and_goes_on_where_it_was(backend):
    backend.write(Batch(records=tuple(mug(f"m{n}") for n in range(5))))
    diary = Diary(backend)
    assert not diary.follower.catch_up(Limits(deadline_s=0.0))
    assert diary.follower.catch_up(Limits(deadline_s=60.0))
    assert diary.taken == [f"m{n}" for n in range(5)]


def test_after_something_was_forgotten_nothing_that_was_kept_is_left(backend):
    backend.write(Batch(records=(mug("a"), mug("b"))))
    diary = Diary(backend)
    diary.follower.catch_up(Limits())
    backend.forget("robot", ("b",))
    assert diary.follower.catch_up(Limits())
    assert (diary.begun, diary.taken, diary.follower.applied) == (2, ["a"], 2)


def test_a_follower_can_not_write(backend):
    log = Log(backend)
    assert not {"write", "forget", "embed", "restore", "maintain"} & set(dir(log))


class Named:
    """An entry point."""

    def __init__(self, name, memory):
        self.name, self.memory = name, memory

    def load(self):
        return self.memory


class Broken:
    name = "broken"

    def __init__(self, log, robot):
        pass

    def search(self, cue, limits):
        raise KeyError("their own mistake")


class Slow(Broken):
    name = "slow"

    def search(self, cue, limits):
        return Answer(complete=False)


@pytest.fixture
def registered(monkeypatch):
    points = [Named("broken", Broken), Named("slow", Slow), Named("alias", Slow)]
    monkeypatch.setattr(following, "entry_points", lambda group: points if group == GROUP else [])


def test_their_mistake_is_a_missing_memory_and_no_crash(registered):
    with LifelongMemory.open("memory://", memories=("spatial", "broken"), clock=ContractClock()) as memory:
        memory.spatial.see(mug())
        memory.commit()
        answer = memory.recall(Cue(label="mug", deadline_s=30), START_NS)
    assert answer.status is Status.PARTIAL
    assert [one.record.id for one in answer.recollections] == ["mug-1"]
    assert answer.missing == ("broken: StoreError: KeyError: 'their own mistake'",)


def test_one_that_lags_makes_the_answer_partial(registered):
    with LifelongMemory.open("memory://", memories=("temporal", "slow"), clock=ContractClock()) as memory:
        assert memory.recall(Cue(label="mug", deadline_s=30), START_NS).status is Status.PARTIAL


def test_a_name_that_means_another_memory_is_refused(registered):
    with pytest.raises(ValueError, match="'alias' calls itself 'slow'"):
        LifelongMemory.open("memory://", memories=("alias",))
