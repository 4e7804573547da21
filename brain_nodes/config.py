# SPDX-License-Identifier: Apache-2.0
"""What each region may be told from outside: one frozen dataclass a region, the only place a default stands.

Every field is also a ROS parameter and a key of a --params file, under the same name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import entry_points

MEMORIES = ("spatial", "temporal", "episodic", "semantic")
OTHERS = "neuraxis.memories"  # entry point group, see memory/following.py; the brainstem must not reach a store


def _told(default: object, text: str):  # type: ignore[no-untyped-def]
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class ThalamusConfig:
    """What reaches the rest of the brain."""

    min_score: float = _told(0.3, "A detection less certain than this is set aside.")
    max_range_m: float = _told(8.0, "A detection farther from the camera than this is set aside.")


@dataclass(frozen=True, slots=True, kw_only=True)
class HippocampusConfig:
    """How percepts become instances, and when recall must answer."""

    merge_radius_m: float = _told(0.25, "A percept within this distance of an instance of its class is that instance.")
    support_margin_m: float = _told(0.12, "A thing within this distance of a receptacle's box is in or on it.")
    misses_until_missing: int = _told(1, "So many clear looks without it make an instance missing.")
    recall_deadline_s: float = _told(0.1, "Recall answers by then, partial if it must.")
    recall_record_budget: int = _told(
        0, "Most records a memory examines for a cue, in place of the deadline; 0 = none."
    )
    encoder: str = _told("", "Finds by meaning, such as minilm-l6-v2-int8; empty = by words alone.")
    rest_records: int = _told(
        256, "Records that sleep and the encoder each look at in one part of rest, between episodes; 0 = no rest."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefrontalConfig:
    """Budgets of thinking."""

    max_replans: int = _told(40, "New plans in one episode; then it ends with BUDGET_SPENT.")
    max_repeats: int = _told(2, "The same step in the same believed state is taken so often, then refused.")
    search_nodes: int = _told(1500, "States one planning search may open.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CerebellumConfig:
    """Patience of the executor."""

    max_ticks: int = _told(200, "A skill still running after so many ticks is stuck and cancelled.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrainstemConfig:
    """Limits that nothing learned or remembered can change."""

    max_distance_m: float = _told(50.0, "A call to a target farther away than this is refused.")
    forbidden_skills: tuple[str, ...] = _told((), "Skills that are never let through.")
    max_speed_mps: float = _told(0.5, "Velocities are scaled down to this speed, m/s.")
    max_turn_radps: float = _told(1.0, "Turning is clamped to this rate, rad/s.")
    command_timeout_s: float = _told(0.3, "Velocity is set to zero when its input is older than this.")
    cancelled_actions: tuple[str, ...] = _told(
        ("run_skill",), "Action servers whose goals are all cancelled by a stop."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrainConfig:
    """All regions, and which memories are written and asked."""

    robot: str = _told("robot", "Namespace of everything this robot remembers.")
    memories: tuple[str, ...] = _told(MEMORIES, "Memories that exist; leave one out, or name one of another package.")
    thalamus: ThalamusConfig = field(default_factory=ThalamusConfig)
    hippocampus: HippocampusConfig = field(default_factory=HippocampusConfig)
    prefrontal: PrefrontalConfig = field(default_factory=PrefrontalConfig)
    cerebellum: CerebellumConfig = field(default_factory=CerebellumConfig)
    brainstem: BrainstemConfig = field(default_factory=BrainstemConfig)

    def __post_init__(self) -> None:
        unknown = unknown_memories(self.memories)
        if unknown:
            raise ValueError(f"unknown memories {unknown}; built in are {', '.join(MEMORIES)}")


def unknown_memories(names: Iterable[str]) -> list[str]:
    """Those that are neither built in nor registered by another package, sorted."""
    strange = set(names) - set(MEMORIES)
    return sorted(strange - {point.name for point in entry_points(group=OTHERS)}) if strange else []
