# SPDX-License-Identifier: Apache-2.0
"""The regions of the brain and the one place that wires them.

    from brain_nodes import Brain, BrainConfig

Neighbours: memory/ is the floor below, sim/ the one above. Start reading at brain.py.
Rules of the file: names are imported when first used, so that the face costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memory.face import lazy as _lazy

if TYPE_CHECKING:
    from brain_nodes.brain import Brain, Trip
    from brain_nodes.cerebellum.body import Body, SkillRun
    from brain_nodes.config import (
        BrainConfig,
        BrainstemConfig,
        CerebellumConfig,
        HippocampusConfig,
        PrefrontalConfig,
        ThalamusConfig,
    )
    from brain_nodes.prefrontal.grounding import Grounding
    from brain_nodes.prefrontal.planner import Planner, Problem

__all__ = [
    "Body",
    "Brain",
    "BrainConfig",
    "BrainstemConfig",
    "CerebellumConfig",
    "Grounding",
    "HippocampusConfig",
    "Planner",
    "PrefrontalConfig",
    "Problem",
    "SkillRun",
    "ThalamusConfig",
    "Trip",
]

_HOMES = {
    "brain": ("Brain", "Trip"),
    "cerebellum.body": ("Body", "SkillRun"),
    "config": (
        "BrainConfig", "BrainstemConfig", "CerebellumConfig", "HippocampusConfig", "PrefrontalConfig", "ThalamusConfig",
    ),
    "prefrontal.grounding": ("Grounding",),
    "prefrontal.planner": ("Planner", "Problem"),
}  # fmt: skip

__getattr__, __dir__ = _lazy(__name__, _HOMES)
