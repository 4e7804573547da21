# SPDX-License-Identifier: Apache-2.0
"""The players keep to the list."""

from __future__ import annotations

import pytest

from sim.baselines import OraclePlayer, RandomPlayer


def test_an_oracle_plays_its_phrases_once():
    player = OraclePlayer(["find a Mug", "pick up the Mug"])
    assert [player.next() for _ in range(4)] == ["find a Mug", "pick up the Mug", None, None]


def test_a_random_player_repeats_itself_for_the_same_seed_and_stays_in_the_list():
    phrases = [f"find a Mug_{n}" for n in range(50)]
    one, same, other = (RandomPlayer(s, phrases) for s in (7, 7, 8))
    drawn = [one.next() for _ in range(100)]
    assert drawn == [same.next() for _ in range(100)] != [other.next() for _ in range(100)]
    assert set(drawn) <= set(phrases)


def test_a_random_player_without_phrases_is_a_mistake():
    with pytest.raises(ValueError, match="phrase"):
        RandomPlayer(0, [])
