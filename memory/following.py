# SPDX-License-Identifier: Apache-2.0
"""Memories of other packages: how they are found, and how one follows the log that the hippocampus writes.

Neighbours: lifelong.py opens them by name beside the four built in; searching.py says what a Memory is; testing.py
holds MemoryContract; docs/swap-a-memory.md writes one.
Rules of the file: a follower reads and never writes; what it keeps is derived, so that it can begin anew at any time;
one that has not caught up says so, and recall is PARTIAL; whatever goes wrong in code that is not ours is a StoreError.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points

from memory.backend import Backend, Forgotten, Found
from memory.errors import StoreError
from memory.query import Query
from memory.records import Cue, Record, Tally
from memory.searching import Answer, Limits, Memory

GROUP = "neuraxis.memories"  # entry points: name -> a callable (log, robot) -> Memory
PAGE = 500


@dataclass(frozen=True, slots=True)
class Log:
    """The half of a store that a follower may use; it sees what is committed, and nothing of the running step."""

    _backend: Backend

    def changes(self, since: int = 0, limit: int = 0) -> Iterator[Record]:
        """Every version with sequence > since, in order, as it stands now; limit 0 = all."""
        return self._backend.changes(since, limit)

    def last_sequence(self) -> int:
        """Highest sequence given out."""
        return self._backend.last_sequence()

    def audits(self) -> tuple[Forgotten, ...]:
        """What was forgotten, oldest first."""
        return self._backend.audits()

    def find(self, query: Query, *, deadline_s: float | None = None, record_budget: int = 0) -> Found:
        """Records that match, ranked: what is believed now, whatever a follower has kept."""
        return self._backend.find(query, deadline_s=deadline_s, record_budget=record_budget)

    def tallies(self, robot: str, ids: tuple[str, ...] = ()) -> dict[str, Tally]:
        """Counters by record id."""
        return self._backend.tallies(robot, ids)


class Follower:
    """Reads the log of one robot from where it was.

    Args:
        take: Gets every version once, in log order.
        begin: Called before the first one, and again after something was forgotten: drop everything that was kept.

    Attributes:
        applied: Sequence up to which everything was taken.
    """

    def __init__(self, log: Log, robot: str, take: Callable[[Record], None], begin: Callable[[], None]) -> None:
        self._log = log
        self._robot = robot
        self._take = take
        self._begin = begin
        self._audits = -1
        self.applied = 0

    def catch_up(self, limits: Limits) -> bool:
        """Take what is new; False if the deadline came before the end. A budget of records looks at no clock.

        Raises:
            StoreError: the log cannot be read.
        """
        end_s = None if limits.deadline_s is None else time.monotonic() + limits.deadline_s
        audits = len(self._log.audits())
        if audits != self._audits:
            self._begin()
            self._audits, self.applied = audits, 0
        last = self._log.last_sequence()
        while self.applied < last:
            if end_s is not None and time.monotonic() >= end_s:
                return False
            page = list(self._log.changes(self.applied, PAGE))
            for record in page:
                if record.robot == self._robot:
                    self._take(record)
            self.applied = page[-1].sequence if len(page) == PAGE else max(last, *(r.sequence for r in page), 0)
        return True


@dataclass(frozen=True, slots=True)
class _Foreign:
    """A memory of another package, whose mistakes must not stop the robot."""

    name: str
    _theirs: Memory

    def search(self, cue: Cue, limits: Limits) -> Answer:
        try:
            return self._theirs.search(cue, limits)
        except StoreError:
            raise
        except Exception as error:  # the rim of foreign code: recall names it as missing
            raise StoreError(f"{type(error).__name__}: {error}") from error


def open_memory(name: str, backend: Backend, robot: str) -> Memory:
    """The memory of another package.

    Raises:
        ValueError: none is registered under this name, or it calls itself otherwise.
    """
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        raise ValueError(f"no memory is called {name!r}; registered are {', '.join(sorted(points)) or 'none'}")
    memory: Memory = points[name].load()(Log(backend), robot)
    if memory.name != name:
        raise ValueError(f"the memory registered as {name!r} calls itself {memory.name!r}")
    return _Foreign(name, memory)
