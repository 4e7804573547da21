# SPDX-License-Identifier: Apache-2.0
"""How much a search may still do: a deadline in seconds, a budget in records, or both.

Neighbours: every backend's `find` takes one record at a time from it; the SQLite one also asks it from inside a query.
Rules of the file: a budget alone looks at no clock, so that a lockstep run is the same on every machine.
"""

from __future__ import annotations

import time


class Meter:
    """Counts examined records and says when to stop.

    Attributes:
        examined: Records taken so far.
        cut: True once the search had to stop early.

    >>> meter = Meter(None, 2)
    >>> meter.take(), meter.take(), meter.take(), meter.examined, meter.cut
    (True, True, False, 2, True)
    """

    def __init__(self, deadline_s: float | None, record_budget: int) -> None:
        self._end_s = None if deadline_s is None else time.monotonic() + deadline_s
        self._budget = record_budget
        self.examined = 0
        self.cut = False

    @property
    def timed(self) -> bool:
        """Is there a deadline at all?"""
        return self._end_s is not None

    def late(self) -> bool:
        """Has the deadline passed?"""
        if self._end_s is not None and time.monotonic() >= self._end_s:
            self.cut = True
        return self.cut

    def take(self) -> bool:
        """Count one more record, or say that it must not be looked at."""
        if self.late():
            return False
        if self._budget and self.examined >= self._budget:
            self.cut = True
            return False
        self.examined += 1
        return True
