# SPDX-License-Identifier: Apache-2.0
"""What every planner answers: given goals and the believed scene, the steps to take.

Neighbours: prefrontal.py calls it, symbolic_planner.py and a language-model planner implement it.
Rules of the file: a planner proposes and never acts; having no plan is an answer with a reason, not an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from brain_nodes.prefrontal.scene import Scene
from memory.records import Cue, Goal, Plan, Recall, Skill

Banned = frozenset[tuple[str, tuple[str, ...]]]
RecallFunction = Callable[[Cue], Recall]


@dataclass(frozen=True, slots=True)
class Problem:
    """All that one planning call may look at.

    Attributes:
        goals: What the instruction may mean, likeliest first.
        banned: Steps (skill, arguments) that failed or repeated too often in this episode.
        began_ns: Start of the episode.
    """

    goals: tuple[Goal, ...]
    scene: Scene
    skills: Sequence[Skill]
    recall: RecallFunction
    map_id: str
    began_ns: int
    banned: Banned = frozenset()


class Planner(Protocol):
    """Goals and a scene in, a plan out."""

    name: str

    def plan(self, problem: Problem) -> Plan:
        """Steps for the likeliest goal that can be worked on; without steps, the reason says why.

        Reasons: GOAL_BELIEVED, NO_PLAN, NOT_FOUND, NOT_UNDERSTOOD.
        """
        ...
