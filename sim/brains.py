# SPDX-License-Identifier: Apache-2.0
"""What a run needs of a brain: the one of brain_nodes/brain.py, or one that lives in other processes.

Neighbours: players.py lets one play, trace.py writes down what went on inside, ros/remote_brain.py is the other kind.
Rules of the file: read-only, and nothing that no caller reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from brain_nodes.brain import Trip
from brain_nodes.hippocampus.working_set import WorkingSet
from memory.records import Action, Observation, Plan, Status, Verdict
from sim.environment import HouseholdEnvironment


class Kept(Protocol):
    """A record of which the kind is known."""

    @property
    def kind(self) -> str:
        """Such as instance."""
        ...


class Found(Protocol):
    """One recollection."""

    @property
    def record(self) -> Kept:
        """What was found."""
        ...


class Recalled(Protocol):
    """What memory last answered."""

    @property
    def status(self) -> Status:
        """How it went."""
        ...

    @property
    def recollections(self) -> Sequence[Found]:
        """What was found, best first."""
        ...

    @property
    def missing(self) -> tuple[str, ...]:
        """Memories that did not answer in full."""
        ...


class Thoughts(Protocol):
    """Of the prefrontal cortex."""

    @property
    def verdict(self) -> Verdict:
        """The critic's last word."""
        ...

    @property
    def recalled(self) -> Recalled:
        """What the last review went by."""
        ...

    @property
    def planner_calls(self) -> int:
        """Plans asked for in this episode."""
        ...


class Beliefs(Protocol):
    """Of the hippocampus."""

    @property
    def known(self) -> WorkingSet:
        """The scene as believed now."""
        ...


class AnyBrain(Protocol):
    """Plays an episode: begin, step, end."""

    @property
    def plan(self) -> Plan:
        """What it is about to do."""
        ...

    @property
    def trip(self) -> Trip | None:
        """The last step from inside; None before the first."""
        ...

    @property
    def prefrontal(self) -> Thoughts:
        """What it thinks."""
        ...

    @property
    def hippocampus(self) -> Beliefs:
        """What it believes."""
        ...

    def begin(self, instruction: str, body: HouseholdEnvironment, session: str) -> None:
        """Start an episode."""
        ...

    def step(self, observation: Observation) -> Action:
        """One tick."""
        ...

    def end(self, stamp_ns: int) -> object:
        """The episode is over."""
        ...
