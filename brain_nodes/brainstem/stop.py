# SPDX-License-Identifier: Apache-2.0
"""The brainstem's last word on every action: a latched stop, and limits from configuration only.

Neighbours: brain.py sends each action through `gate`; supervisor duties over ROS come with the nodes.
Rules of the file: imports no region, no model and no store, so nothing learned can reach it. It is not a
safety-rated stop.
"""

from __future__ import annotations

from brain_nodes.config import BrainstemConfig
from memory.geometry import planar_distance_m
from memory.records import Action, Hold, Observation, SkillCall


class Brainstem:
    """Latched stop and command gate.

    Attributes:
        reason: Why it is stopped; "" while it is not.
        refused: Actions turned into Hold by a limit, counted.
    """

    def __init__(self, config: BrainstemConfig) -> None:
        self.config = config
        self.reason = ""
        self.refused = 0
        self._causes: set[str] = set()

    @property
    def stopped(self) -> bool:
        """True from `stop` until a successful `resume`."""
        return bool(self.reason)

    def stop(self, reason: str) -> None:
        """Latch the stop; the first reason is kept."""
        self.reason = self.reason or reason or "stopped"

    def hold_cause(self, cause: str, present: bool) -> None:
        """Report a standing cause, such as a pressed button; resume is refused while one lasts."""
        if present:
            self._causes.add(cause)
            self.stop(cause)
        else:
            self._causes.discard(cause)

    def resume(self) -> bool:
        """Release the latch; False, and still stopped, while a cause lasts. Restarts no plan."""
        if self._causes:
            return False
        self.reason = ""
        return True

    def gate(self, action: Action, observation: Observation) -> Action:
        """The action itself, or Hold with the reason it may not pass."""
        refusal = self.reason or self._limit(action, observation)
        if not refusal or isinstance(action, Hold):
            return action
        self.refused += not self.stopped
        return Hold(observation.stamp_ns, refusal)

    def _limit(self, action: Action, observation: Observation) -> str:
        if not isinstance(action, SkillCall):
            return ""
        if action.skill in self.config.forbidden_skills:
            return f"skill {action.skill!r} is forbidden"
        if observation.map_from_base is None:
            return ""
        here = observation.map_from_base.position_m
        for target in action.targets:
            if target.position_m is None:
                continue
            away_m = planar_distance_m(here, target.position_m)
            if not away_m <= self.config.max_distance_m:
                return f"{target.name} is {away_m:.1f} m away, the limit is {self.config.max_distance_m} m"
        return ""
