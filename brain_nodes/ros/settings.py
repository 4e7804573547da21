# SPDX-License-Identifier: Apache-2.0
"""What a node may be told beside its region's own dataclass: how it takes part in the graph.

Neighbours: brain_nodes/config.py; parameters.py declares both.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from brain_nodes.config import MEMORIES


def told(default: object, text: str):  # type: ignore[no-untyped-def]
    """A field that says in `ros2 param describe` what it is for."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """Every node."""

    autostart: bool = told(False, "Configure and activate at the start, without a lifecycle manager.")
    lockstep: bool = told(True, "Answer each observation by its number; otherwise the newest one wins.")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the hippocampus keeps what it remembers."""

    robot: str = told("robot", "Namespace of everything this robot remembers.")
    memories: tuple[str, ...] = told(MEMORIES, "Memories that exist; leave one out, or name one of another package.")
    store: str = told("memory://", "URL of the store.")
    continue_: bool = told(True, "Go on with a store that holds records; otherwise it must be empty.")
    rest_period_s: float = told(1.0, "Free-running, while no instruction runs, one part of rest is begun so often.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkSettings:
    """How long the prefrontal region waits for others."""

    body: str = told("simulator", "Name of the body's node, which is asked to describe itself.")
    answer_deadline_s: float = told(5.0, "Another region or the body answers by then, or the episode ends.")
    sample_deadline_s: float = told(30.0, "The next observation arrives by then, or the episode ends.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BodySettings:
    """How the cerebellum reaches the body: by action when not in lockstep."""

    run_skill: str = told("run_skill", "Name of the body's action.")
    run_skill_deadline_s: float = told(5.0, "The body accepts or refuses a call by then.")
    observation_deadline_s: float = told(30.0, "A step asked for by action ends when no observation comes for so long.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalisationSettings:
    """Where the thalamus has the robot's pose from."""

    poses: str = told("observation", "observation = the body tells its pose; tf = looked up at each stamp.")
    map_frame: str = told("map", "Name of the map in tf.")
    base_frame: str = told("base_link", "Name of the robot's base in tf.")
    tf_wait_s: float = told(0.5, "An observation newer than tf waits so long, and is then dropped.")

    def __post_init__(self) -> None:
        if self.poses not in ("observation", "tf"):
            raise ValueError(f"poses {self.poses!r} is neither observation nor tf")
