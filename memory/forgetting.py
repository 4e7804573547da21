# SPDX-License-Identifier: Apache-2.0
"""How much of a record is left after a while without use: it ranks lower, and is never gone.

Neighbours: recall.py weighs scores with `rank_weight`; consolidation.py keeps the robot's waking hours, which time is
counted in; `LifelongMemory.used` counts what helped.
Rules of the file: pure functions; retention and tier are derived when asked and stored nowhere; nothing here deletes.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import accumulate

from memory.records import Record, Tally

STRENGTH_S = 24 * 3600.0  # waking time after which a record that nobody used and nobody saw again keeps 1/e
FLOOR = 0.9  # weight of what is wholly forgotten: by reciprocal rank the first falls to the seventh place at most
WARM_BELOW = 0.5
COLD_BELOW = 0.05


class Tier(str, Enum):
    """How near at hand a record is."""

    HOT = "hot"
    WARM = "warm"
    COLD = "cold"


class Activity:
    """When the robot was awake. A night, or a month in a box, forgets nothing.

    Args:
        spans: Half-open, in ns; they may overlap. Time after the last one counts as awake, since nobody has looked yet.

    >>> Activity([(0, 10), (100, 110)]).active_ns(5, 105), Activity([(0, 10)]).active_ns(5, 25)
    (10, 20)
    """

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        joined: list[tuple[int, int]] = []
        for start_ns, end_ns in sorted(spans):
            if joined and start_ns <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end_ns, joined[-1][1]))
            else:
                joined.append((start_ns, end_ns))
        self.spans = tuple(joined)
        self._starts = [start_ns for start_ns, _ in joined]
        self._before = [0, *accumulate(end_ns - start_ns for start_ns, end_ns in joined)]

    def active_ns(self, since_ns: int, until_ns: int) -> int:
        """How long it was awake in [since, until), ns; 0 if that is empty."""
        return max(0, self._until(until_ns) - self._until(since_ns))

    def _until(self, stamp_ns: int) -> int:
        n = bisect_right(self._starts, stamp_ns)
        if n == 0:
            return stamp_ns - self.spans[0][0] if self.spans else stamp_ns
        start_ns, end_ns = self.spans[n - 1]
        last = n == len(self.spans)
        return self._before[n - 1] + (stamp_ns if last else min(stamp_ns, end_ns)) - start_ns


ALWAYS = Activity()


def retention(record: Record, tally: Tally | None, now_ns: int, activity: Activity = ALWAYS) -> float:
    """R = exp(-t / S), in (0, 1]: what is left of it.

    Args:
        tally: Its counter, if it has one.
        activity: The hours t is counted in; all of them if not given.

    t is the waking time since it was learned, last seen or last used, whichever came last.
    S = STRENGTH_S * (1 + uses + log2(sightings)): each use adds a whole strength, each doubling of the times it was
    verified another, so that what is used or verified is forgotten more slowly.

    Source: MemoryBank, arXiv 2305.10250, equation 1, with S in the denominator. Its released code has exp(-t / 5 * S),
    where strength speeds forgetting, and deletes by chance; neither is done here. log2(sightings) is ours.

    >>> from memory.records import Event
    >>> round(retention(Event(id="e", name="looked", valid_from_ns=1), None, 86_400_000_000_001), 4)
    0.3679
    """
    last_ns = max(record.valid_from_ns, record.recorded_ns)
    strength = 1.0
    if tally is not None:
        last_ns = max(last_ns, tally.last_seen_ns, tally.last_used_ns)
        strength += tally.uses + math.log2(max(1, tally.sightings))
    t_s = activity.active_ns(last_ns, now_ns) / 1e9
    return max(math.exp(-t_s / (STRENGTH_S * strength)), math.ulp(0.0))


def rank_weight(record: Record, tally: Tally | None, now_ns: int, activity: Activity = ALWAYS) -> float:
    """What to multiply a record's score with, in [FLOOR, 1]: the more is left of it, the nearer to 1."""
    return FLOOR + (1.0 - FLOOR) * retention(record, tally, now_ns, activity)


def tiers(
    records: Iterable[Record], tallies: Mapping[str, Tally], now_ns: int, activity: Activity = ALWAYS
) -> dict[Tier, int]:
    """How many records there are in each tier; a record of several versions counts once for each."""
    counted = Counter(tier(retention(record, tallies.get(record.id), now_ns, activity)) for record in records)
    return {each: counted[each] for each in Tier}


def tier(left: float) -> Tier:
    """The tier of a retention.

    >>> tier(1.0).value, tier(0.2).value, tier(1e-9).value
    ('hot', 'warm', 'cold')
    """
    if left < COLD_BELOW:
        return Tier.COLD
    return Tier.WARM if left < WARM_BELOW else Tier.HOT
