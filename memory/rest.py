# SPDX-License-Identifier: Apache-2.0
"""What came of one part of rest: sleep, vectors, familiarity, and how much of each is left.

Neighbours: lifelong.py rests; brain_nodes/hippocampus/ calls it between two episodes, and its node tells diagnostics.
Rules of the file: numbers for people; nothing here works.
"""

from __future__ import annotations

from dataclasses import dataclass

from memory.consolidation import Slept
from memory.enrichment import Progress


@dataclass(frozen=True, slots=True)
class Rested:
    """One bounded part of rest.

    Attributes:
        slept: What sleep did.
        embedded: What was given vectors; None without an encoder.
        unslept: Log entries that no sleep has looked at, those that this one wrote among them.
        unfamiliar: Log entries that "seen before?" does not know of.
    """

    slept: Slept
    embedded: Progress | None
    unslept: int
    unfamiliar: int

    @property
    def done(self) -> bool:
        """Would another part find nothing to do?"""
        return self.slept.done and self.unfamiliar == 0 and (self.embedded is None or self.embedded.done)

    def said(self) -> dict[str, str]:
        """For diagnostics: each figure by its name."""
        told = {"unslept": self.unslept, "unfamiliar": self.unfamiliar, "sleep": self.slept}
        if self.embedded is not None:
            told |= {"encoder": self.embedded.encoder, "unembedded": self.embedded.backlog}
            told |= {f"failing {n}": why for n, why in enumerate(self.embedded.failing, start=1)}
        return {name: str(value) for name, value in told.items()}
