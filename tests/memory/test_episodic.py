# SPDX-License-Identifier: Apache-2.0
"""What was tried, and how it ended."""

import pytest

from memory.lifelong import LifelongMemory
from memory.records import Episode
from memory.samples import START_NS, ContractClock, S


def episode(id, seconds, instruction, goal="", map_id="map-0"):
    return Episode(
        id=id,
        valid_from_ns=START_NS + seconds * S,
        valid_to_ns=START_NS + (seconds + 1) * S,
        instruction=instruction,
        goal=goal,
        map_id=map_id,
    )


@pytest.fixture(params=["memory://", "sqlite:///{folder}/store.db"])
def episodic(request, tmp_path):
    with LifelongMemory.open(request.param.format(folder=tmp_path), clock=ContractClock()) as memory:
        memory.episodic.keep(episode("a", 0, "put the mug in the sink", "inside(mug, sink)"))
        memory.episodic.keep(episode("b", 1, "put the plate in the sink", "inside(plate, sink)"))
        memory.episodic.keep(episode("c", 2, "Put the MUG in the sink!", "inside(mug, sink)", "map-1"))
        memory.commit()
        memory.episodic.keep(episode("d", 3, "water plants"))
        yield memory.episodic


def ids(episodes):
    return [e.id for e in episodes]


def test_similar_episodes_come_likest_first_and_newest_among_equals(episodic):
    assert ids(episodic.similar("put the mug in the sink", 5)) == ["c", "a", "b"]
    assert ids(episodic.similar("put the mug in the sink", 1)) == ["c"]


def test_similar_episodes_can_be_asked_for_one_map(episodic):
    assert ids(episodic.similar("put the mug in the sink", 5, "map-0")) == ["a", "b"]


def test_what_shares_no_word_is_not_similar(episodic):
    assert episodic.similar("dance", 5) == []


def test_attempts_at_a_goal_come_newest_first(episodic):
    assert ids(episodic.attempts("inside(mug, sink)")) == ["c", "a"]
    assert episodic.attempts("inside(mug") == []
