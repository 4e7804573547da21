# SPDX-License-Identifier: Apache-2.0
"""What belongs to one observation, put together from the topics it arrives on.

Neighbours: the hippocampus's and the prefrontal node wait with it for percepts, step result and log.
Rules of the file: a sample is taken once, in the order of its numbers; what belongs to no running episode is kept
for the episode that may be about to begin, and only so much of it.
"""

from __future__ import annotations

from typing import Any

KEPT = 16
LAG = 3  # so many newer observations are waited for a missing step result, when not in lockstep


class Samples:
    """Parts by (session, sequence), complete when every topic has spoken.

    >>> samples = Samples(("percepts", "result"))
    >>> samples.add("percepts", "s", 0, "P")
    >>> samples.take("s") is None
    True
    >>> samples.add("result", "s", 0, "R")
    >>> samples.take("s")
    {'percepts': 'P', 'result': 'R'}
    """

    def __init__(self, parts: tuple[str, ...]) -> None:
        self.parts = parts
        self._waiting: dict[tuple[str, int], dict[str, Any]] = {}
        self._next: dict[str, int] = {}

    def add(self, part: str, session: str, sequence: int, message: Any) -> None:
        """One topic has spoken; what was already taken is not taken again."""
        if sequence < self._next.get(session, 0):
            return
        self._waiting.setdefault((session, sequence), {})[part] = message
        while len(self._waiting) > KEPT:
            del self._waiting[next(iter(self._waiting))]

    def take(self, session: str) -> dict[str, Any] | None:
        """The next complete sample of a session; None if something is missing."""
        number = self._next.get(session, 0)
        found = self._waiting.get((session, number))
        if found is None or len(found) < len(self.parts):
            return None
        del self._waiting[(session, number)]
        self._next[session] = number + 1
        return found

    def peek(self, part: str, session: str) -> Any:
        """One part of the next sample of a session, left where it is; None if it has not come."""
        return self._waiting.get((session, self._next.get(session, 0)), {}).get(part)

    def forget(self, session: str) -> None:
        """An episode is over."""
        self._waiting = {key: found for key, found in self._waiting.items() if key[0] != session}
        self._next.pop(session, None)


class Newest:
    """Percepts with the step result of the same observation, when not in lockstep: gaps are left behind.

    What a result says is never dropped: without its percepts it goes with the next ones.

    >>> newest = Newest()
    >>> newest.add_percepts(4, "P4"); newest.add_result(4, None); newest.add_percepts(7, "P7")
    >>> newest.take(), newest.take()
    ((4, 'P4', None), None)
    >>> newest.add_result(6, "R6"); newest.add_result(7, None); newest.take()
    (7, 'P7', 'R6')
    """

    def __init__(self) -> None:
        self._percepts: dict[int, Any] = {}
        self._results: dict[int, Any] = {}

    def add_percepts(self, sequence: int, message: Any) -> None:
        """What was seen."""
        self._percepts[sequence] = message

    def add_result(self, sequence: int, message: Any) -> None:
        """What ended; None = nothing."""
        self._results[sequence] = message

    def take(self) -> tuple[int, Any, Any] | None:
        """The oldest sample that is complete, or that nobody will complete; None if there is none."""
        for sequence in sorted(self._percepts):
            if sequence in self._results or len(self._percepts) > LAG:
                message = self._percepts.pop(sequence)
                told = [self._results.pop(n) for n in sorted(self._results) if n <= sequence]
                return sequence, message, next((r for r in reversed(told) if r is not None), None)
        return None
