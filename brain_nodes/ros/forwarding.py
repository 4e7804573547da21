# SPDX-License-Identifier: Apache-2.0
"""Skills that the user's own action servers carry out: `run_skill` handed on, as it is, under another name.

Neighbours: remote_goal.py carries the goals, robot_skills.py declares what can be handed on. This is where grasp
planning plugs in: forward: ["pick_up:=/arm/run_skill"].
"""

from __future__ import annotations

from typing import Any

from neuraxis_interfaces.action import RunSkill

from brain_nodes.ros.conversions import from_outcome
from brain_nodes.ros.remote_goal import Ending, Server, failed
from brain_nodes.ros.robot_settings import RobotSettings, pairs
from brain_nodes.ros.robot_skills import FORWARDED, of_classes
from memory.records import OutcomeCode, Skill, SkillCall


class Forwarder:
    """Hands skills on to one action server.

    Raises:
        ValueError: no skill of that name is known.
    """

    def __init__(self, node: Any, settings: RobotSettings, action: str, names: tuple[str, ...]) -> None:
        unknown = sorted(set(names) - set(FORWARDED))
        if unknown:
            raise ValueError(f"forward: there is no skill {unknown[0]!r}; there are {', '.join(FORWARDED)}")
        labels = {kind: tuple(words.split()) for kind, words in pairs(settings.labels, "labels").items()}
        self.skills: tuple[Skill, ...] = tuple(of_classes(FORWARDED[name], labels) for name in names)
        self.server = Server(node, RunSkill, action)
        self._deadline_s = settings.forward_deadline_s

    def errand(self, request: Any, call: SkillCall) -> _Handed:
        """What to ask for this call: the same."""
        return _Handed(request, self.server.name, self._deadline_s)


def forwarders(node: Any, settings: RobotSettings) -> tuple[Forwarder, ...]:
    """One for each action server that skills are handed on to."""
    names: dict[str, list[str]] = {}
    for skill, action in pairs(settings.forward, "forward").items():
        names.setdefault(action, []).append(skill)
    return tuple(Forwarder(node, settings, action, tuple(skills)) for action, skills in names.items())


class _Handed:
    """One call, handed on."""

    def __init__(self, request: Any, server: str, deadline_s: float) -> None:
        self._goal, self._server, self._deadline_s = request, server, deadline_s
        self.progress, self.text = -1.0, f"handed on to {server}"

    def request(self) -> Any:
        return self._goal

    def watch(self, feedback: Any, running_s: float) -> Ending | None:
        if feedback is not None:
            self.progress, self.text = feedback.progress, feedback.text
        if running_s > self._deadline_s:
            return Ending(OutcomeCode.STUCK, f"{self._server} is still running after {running_s:.1f} s")
        return None

    def judge(self, status: int, result: Any) -> Ending:
        if result.outcome.call_id != self._goal.call.id:
            return failed(f"{self._server} said nothing of {self._goal.call.id}: {result.error_msg}")
        outcome = from_outcome(result.outcome)
        return Ending(outcome.code, outcome.reason or result.error_msg, result.error_code)
