# SPDX-License-Identifier: Apache-2.0
"""The two ends of every table: a player that knows the answer and one that knows nothing.

Neighbours: embodied_bench.py is what they play; episode.py may run them like any planner.
Rules of the file: a player sees only the list of phrases, and answers the next phrase or None when it has no more.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence


class OraclePlayer:
    """Plays a given list of phrases once, in order."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self._left = iter(tuple(phrases))

    def next(self) -> str | None:
        """The next phrase; None after the last."""
        return next(self._left, None)


class RandomPlayer:
    """Draws uniformly from the action list, for ever, and the same for the same seed."""

    def __init__(self, seed: int, phrases: Sequence[str]) -> None:
        if not phrases:
            raise ValueError("a random player needs at least one phrase")
        self._random = random.Random(seed)
        self._phrases = tuple(phrases)

    def next(self) -> str | None:
        """Any phrase."""
        return self._random.choice(self._phrases)
