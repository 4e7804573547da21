# SPDX-License-Identifier: Apache-2.0
"""The proof that every episode ends: nothing is done twice in vain, and every budget is finite.

Neighbours: prefrontal.py asks it before each step and tells it of each failure.
Rules of the file: counts only; knows nothing of the task and cannot be talked out of a limit.
"""

from __future__ import annotations

from collections import Counter

from brain_nodes.config import PrefrontalConfig
from memory.records import Step

FAILURES_UNTIL_BANNED = 2


class LoopGuard:
    """Repeat detector on (believed state, step), failure counts and the budget of plans.

    Attributes:
        plans: Plans made in this episode.
    """

    def __init__(self, config: PrefrontalConfig) -> None:
        self.config = config
        self.plans = 0
        self._taken: Counter[tuple[int, str]] = Counter()
        self._failed: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._banned: set[tuple[str, tuple[str, ...]]] = set()

    @property
    def banned(self) -> frozenset[tuple[str, tuple[str, ...]]]:
        """Steps that are not to be planned again in this episode."""
        return frozenset(self._banned)

    @property
    def spent(self) -> bool:
        """Is the budget of plans used up?"""
        return self.plans >= self.config.max_replans

    def plan_made(self) -> None:
        """One more plan."""
        self.plans += 1

    def failed(self, step: Step, learned: bool) -> None:
        """A step failed; learned = the failure taught something about the world, so once more may be worth it."""
        key = (step.skill, step.arguments)
        self._failed[key] += 1
        if not learned or self._failed[key] >= FAILURES_UNTIL_BANNED:
            self._banned.add(key)

    def repeats(self, state: int, step: Step) -> bool:
        """Count a step about to be taken; True (and banned) if it was taken too often in the same believed state."""
        self._taken[(state, str(step))] += 1
        if self._taken[(state, str(step))] <= self.config.max_repeats:
            return False
        self._banned.add((step.skill, step.arguments))
        return True
