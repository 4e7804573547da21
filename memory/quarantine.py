# SPDX-License-Identifier: Apache-2.0
"""Input that cannot be, set aside with a reason and counted, so that nothing vanishes in silence.

Neighbours: thalamus/ and hippocampus/ put here what raised RejectedInput; diagnostics read the counts.
Rules of the file: bounded in what it keeps and in how many reasons it tells apart; counts are never dropped.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

OTHER = "other"


@dataclass(frozen=True, slots=True)
class Rejected:
    """One piece of raw input and why it was refused.

    Attributes:
        reason: A few words that are the same for every such case: "position not finite".
        detail: The sentence with the offending value.
    """

    raw: object
    reason: str
    detail: str = ""
    stamp_ns: int = 0


class Quarantine:
    """The newest rejected input, and how often each reason occurred.

    >>> quarantine = Quarantine(keep=1)
    >>> quarantine.set_aside({"x": float("nan")}, "position not finite")
    >>> quarantine.set_aside({"t": 0}, "stamp unset")
    >>> quarantine.counts["position not finite"], len(quarantine.kept), quarantine.total
    (1, 1, 2)
    """

    def __init__(self, keep: int = 256, reasons: int = 64) -> None:
        self._kept: deque[Rejected] = deque(maxlen=keep)
        self._reasons = reasons
        self._counts: Counter[str] = Counter()

    def set_aside(self, raw: object, reason: str, detail: str = "", stamp_ns: int = 0) -> None:
        """Keep it for a look, and count it; beyond the number of reasons told apart it counts as "other"."""
        self._kept.append(Rejected(raw, reason, detail, stamp_ns))
        known = reason in self._counts or len(self._counts) < self._reasons
        self._counts[reason if known else OTHER] += 1

    @property
    def kept(self) -> tuple[Rejected, ...]:
        """The newest, oldest of them first."""
        return tuple(self._kept)

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each reason occurred."""
        return dict(self._counts)

    @property
    def total(self) -> int:
        """How much was ever set aside."""
        return sum(self._counts.values())
