# SPDX-License-Identifier: Apache-2.0
"""Which percept is which instance.

Neighbours: hippocampus.py asks once a step; permanence.py answers the opposite question (which instance is gone).
Rules of the file: two things in one image are always two; only the same class can match; what the robot has just
put somewhere, and what is missing from its old place, is looked for first before a new instance is made.
"""

from __future__ import annotations

from brain_nodes.hippocampus.working_set import CUT_UP, WorkingSet
from memory.geometry import distance_m, in_box
from memory.records import Instance, Percept, Percepts


def associate(percepts: Percepts, known: WorkingSet, radius_m: float, margin_m: float) -> list[tuple[Percept, str]]:
    """Match each percept with the id of a believed instance, or with "" for one never seen.

    Args:
        radius_m: A percept this close to an instance's place may be that instance.
        margin_m: Tolerance around a receptacle's box for what was just put there.

    Returns:
        One pair for each percept, in the percepts' order; no id occurs twice.

    Greedy over increasing distance, which is exact while things of one class stand farther apart than radius_m.
    """
    by_label: dict[str, list[Instance]] = {}
    for instance in known.instances.values():
        if instance.id != known.holding and known.value(instance.id, "presence") != CUT_UP:
            by_label.setdefault(instance.label, []).append(instance)
    costs = sorted(
        (cost, n, instance.id)
        for n, percept in enumerate(percepts.seen)
        for instance in by_label.get(percept.label, ())
        if (cost := _cost(percept, instance, known, radius_m, margin_m)) is not None
    )
    chosen: dict[int, str] = {}
    taken: set[str] = set()
    for _, n, instance_id in costs:
        if n not in chosen and instance_id not in taken:
            chosen[n] = instance_id
            taken.add(instance_id)
    return [(percept, chosen.get(n, "")) for n, percept in enumerate(percepts.seen)]


def _cost(
    percept: Percept, instance: Instance, known: WorkingSet, radius_m: float, margin_m: float
) -> tuple[int, float] | None:
    """(rank, distance) of taking the percept for the instance; None if it cannot be."""
    away_m = distance_m(percept.position_m, instance.position_m)
    if away_m <= max(radius_m, 0.25 * max(instance.size_m)):
        return (0, away_m)
    receptacle = known.instances.get(known.expected.get(instance.id, ""))
    if receptacle is not None:
        bottom_m = (percept.position_m[0], percept.position_m[1], percept.position_m[2] - percept.size_m[2] / 2)
        return (1, away_m) if in_box(bottom_m, receptacle.position_m, receptacle.size_m, margin_m) else None
    return (2, away_m) if known.missing(instance.id) else None
