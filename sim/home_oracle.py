# SPDX-License-Identifier: Apache-2.0
"""The scripted player who knows everything, for the upper end of every table.

Neighbours: home_moves.py knows what to do, embodied.py and benchmark.py carry the calls out.
Rules of the file: calls are drawn one by one while the world changes, so a caller lets each end before the next; a
goal that cannot be fulfilled ends the calls early, it never raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from memory.records import SkillCall, Target
from sim import household
from sim.benchmark_skills import PUT_DOWN
from sim.home_moves import Move, oracle_moves
from sim.scoring import Condition
from sim.world import Thing, World


def oracle_calls(
    world: World, conditions: Iterable[Condition | Mapping[str, Any]], mode: str = "embodied"
) -> Iterator[SkillCall]:
    """Calls that fulfil the conditions; draw the next one only after the last has ended.

    Args:
        mode: "embodied" gives go_to and targets with true positions; "benchmark" gives EB-ALFRED's phrases.
    """
    names = _benchmark_names(world) if mode == "benchmark" else None
    for number, move in enumerate(oracle_moves(world, conditions), start=1):
        call_id = f"oracle#{number}"
        if names is None:
            yield SkillCall(call_id, _skill(move), tuple(_targets(world, move)), f"{move.skill} {move.thing.label}")
        else:
            yield SkillCall(call_id, "find" if move.skill == "go_to" else move.skill, (), _phrase(move, names))


def _skill(move: Move) -> str:
    microwave = move.skill == "turn_on" and move.thing.label == "Microwave"
    return "turn_on_microwave" if microwave else move.skill


def _targets(world: World, move: Move) -> Iterator[Target]:
    yield _target(move.thing)
    if move.skill in ("pick_up", "put_down", "slice"):
        yield _target(move.other) if move.other is not None else Target("somewhere")


def _target(thing: Thing) -> Target:
    return Target(thing.label, thing.label, thing.position_m)


def _benchmark_names(world: World) -> Mapping[str, str]:
    """Id -> the benchmark's name for the instance: Mug, Mug_2, ... in the world's order; lamps have none."""
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for thing in (t for t in world.things.values() if t.receptacle or t.pickupable):
        label = thing.label.removesuffix(household.SLICED).removesuffix("Basin")
        counts[label] = counts.get(label, 0) + 1
        names[thing.id] = label if counts[label] == 1 else f"{label}_{counts[label]}"
    return names


def _phrase(move: Move, names: Mapping[str, str]) -> str:
    label = move.thing.label.removesuffix(household.SLICED).removesuffix("Basin")
    if move.skill == "put_down":
        return PUT_DOWN
    if move.skill == "go_to":
        return f"find a {names.get(move.thing.id) or names.get(move.thing.whole_id, label)}"
    if move.skill in ("open", "close"):
        return f"{move.skill} the {names.get(move.thing.id, label)}"
    return f"{move.skill.replace('_', ' ')} the {label}"
