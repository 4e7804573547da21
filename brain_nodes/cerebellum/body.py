# SPDX-License-Identifier: Apache-2.0
"""What a body offers to a brain: the seam between the executor and a simulator, a mobile base or an arm.

Neighbours: executor.py sends calls, sim/environment.py is the embedded body.
Rules of the file: a body declares its skills as data and reports outcomes; it never judges the task.
"""

from __future__ import annotations

from typing import Protocol

from memory.records import Command, Observation, Outcome, Place, Skill, SkillCall


class Running:
    """The run goes on; tick again with the next observation."""


RUNNING = Running()


class SkillRun(Protocol):
    """One skill being carried out. A symbolic body finishes in one tick, a walk takes many."""

    call: SkillCall

    def tick(self, observation: Observation) -> Command | Running | Outcome:
        """Go on for one tick."""
        ...

    def cancel(self, deadline_s: float) -> Outcome:
        """End early, at the latest after deadline_s."""
        ...


class Body(Protocol):
    """Anything that can be driven by skills."""

    def skills(self) -> tuple[Skill, ...]:
        """What it can do, as data. Constant within an episode."""
        ...

    def places(self) -> tuple[Place, ...]:
        """Named places it can drive to from the start, as a map server would give them; may be empty."""
        ...

    def observe(self) -> Observation:
        """The newest synchronised sample."""
        ...

    def start(self, call: SkillCall) -> SkillRun:
        """Begin a skill; an unacceptable call gives a run whose first tick is Outcome(REFUSED)."""
        ...

    def stop(self) -> None:
        """End all motion now; always allowed."""
        ...
