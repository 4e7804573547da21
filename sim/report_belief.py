# SPDX-License-Identifier: Apache-2.0
"""Belief beside truth: which believed instances are right, in words and for the drawing.

Neighbours: report_reading.py reads both sides, report_drawing.py draws the verdicts, report.py prints the words.
Rules of the file: right = a true thing of the same class within RIGHT_WITHIN_M of the believed centre, in three
dimensions; what the brain knows to be missing is neither right nor wrong.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sim.report_reading import Belief, EpisodeTrace, FloorPlan, Thing

RIGHT_WITHIN_M = 0.5
NAMED = 6  # so many wrong beliefs are told one by one


@dataclass(frozen=True, slots=True)
class Judged:
    """A belief and the true thing of its class that is nearest to it, None if there is none at all."""

    belief: Belief
    nearest: Thing | None
    distance_m: float

    @property
    def right(self) -> bool:
        """Whether something of that class truly is there."""
        return self.nearest is not None and self.distance_m <= RIGHT_WITHIN_M


@dataclass(frozen=True, slots=True)
class Comparison:
    """All of one kind, things to carry or furniture: the beliefs and the truth."""

    kind: str
    judged: tuple[Judged, ...]
    true: tuple[Thing, ...]

    @property
    def known_ids(self) -> frozenset[str]:
        """Ids of the true things that some belief is right about."""
        held = (j for j in self.judged if j.right and not j.belief.missing)
        return frozenset(j.nearest.id for j in held if j.nearest is not None)


def compare(trace: EpisodeTrace, plan: FloorPlan) -> tuple[Comparison, Comparison]:
    """Judge every belief: things to carry, then furniture."""
    fixed = {thing.label for thing in plan.furniture}
    judged = [_judge(belief, [*trace.true, *plan.furniture]) for belief in trace.believed]
    return (
        Comparison("Things to carry", tuple(j for j in judged if j.belief.label not in fixed), trace.true),
        Comparison("Furniture", tuple(j for j in judged if j.belief.label in fixed), plan.furniture),
    )


def in_words(compared: Comparison) -> str:
    """The counts as a sentence.

    >>> spoon = Thing("Spoon|1", "Spoon", (1.0, 1.0, 0.8))
    >>> believed = Belief("spoon-a", "Spoon", (1.1, 1.0, 0.8), "", missing=False, sighted=True)
    >>> in_words(Comparison("Things to carry", (_judge(believed, [spoon]),), (spoon,)))
    'Things to carry: 1 believed of 1 true, 1 right within 0.5 m, 0 wrong, 0 known to be missing.'
    """
    held = [j for j in compared.judged if not j.belief.missing]
    right = sum(j.right for j in held)
    said = [
        f"{len(held)} believed of {len(compared.true)} true", f"{right} right within {RIGHT_WITHIN_M} m",
        f"{len(held) - right} wrong", f"{len(compared.judged) - len(held)} known to be missing",
    ]  # fmt: skip
    if twice := right - len(compared.known_ids):
        said.append(f"{twice} of the right ones believed twice")
    if unseen := sum(not j.belief.sighted for j in held):
        said.append(f"{unseen} remembered without seeing them this time")
    return f"{compared.kind}: {', '.join(said)}."


def wrong_in_words(compared: Sequence[Comparison]) -> str:
    """The first wrong beliefs one by one, "" if there is none."""
    wrong = Counter(_told(j) for c in compared for j in c.judged if not j.right and not j.belief.missing)
    told = [f"{count} × {said}" if count > 1 else said for said, count in wrong.items()]
    if len(told) > NAMED:
        told[NAMED:] = [f"and {sum(list(wrong.values())[NAMED:])} more"]
    return f"Wrong: {', '.join(told)}." if told else ""


def _judge(belief: Belief, things: Sequence[Thing]) -> Judged:
    there = [(math.dist(belief.position_m, t.position_m), t.id, t) for t in things if t.label == belief.label]
    if not there:
        return Judged(belief, None, math.inf)
    distance_m, _, nearest = min(there, key=lambda candidate: candidate[:2])
    return Judged(belief, nearest, distance_m)


def _told(judged: Judged) -> str:
    if judged.nearest is None:
        return f"{judged.belief.label} (none lies about)"
    return f"{judged.belief.label} ({judged.distance_m:.1f} m from the nearest)"
