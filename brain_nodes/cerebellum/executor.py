# SPDX-License-Identifier: Apache-2.0
"""The cerebellum: turns the current step into a call the body understands, and watches it to its end.

Neighbours: prefrontal/ gives a Step, a Body answers the call with an Outcome, hippocampus/ gets the StepResult.
Rules of the file: one call at a time; every call has an id, an end and a watchdog; an outcome of another call is
never taken for this one's.
"""

from __future__ import annotations

from brain_nodes.config import CerebellumConfig
from brain_nodes.errors import UnknownSkill
from memory.errors import RejectedInput
from memory.records import (
    Action,
    Hold,
    Observation,
    Outcome,
    OutcomeCode,
    Parameter,
    Skill,
    SkillCall,
    Step,
    StepResult,
    Target,
)


class Cerebellum:
    """Step -> SkillCall, with a watchdog."""

    def __init__(self, config: CerebellumConfig) -> None:
        self.config = config
        self._skills: dict[str, Skill] = {}
        self._session = ""
        self._calls = 0
        self._step: Step | None = None
        self._call: SkillCall | None = None
        self._ticks = 0

    def begin(self, session: str, skills: tuple[Skill, ...]) -> None:
        """Start afresh with a body's skills; call ids of this session begin with its name."""
        self._skills = {s.name: s for s in skills}
        self._session, self._calls, self._ticks = session, 0, 0
        self._step = self._call = None

    @property
    def ticks(self) -> int:
        """Observations that the running call has been answered with."""
        return self._ticks

    def skill_of(self, step: Step) -> Skill:
        """The body's skill that a step asks for.

        Raises:
            UnknownSkill: the body does not declare it.
            RejectedInput: its targets are too few or too many.
        """
        skill = self._skills.get(step.skill)
        if skill is None:
            raise UnknownSkill(
                f"step {step} needs skill {step.skill!r}; the body has {', '.join(sorted(self._skills))}"
            )
        if len(step.targets) != len(skill.parameters):
            raise RejectedInput(
                f"step {step} has {len(step.targets)} targets; {skill.name} takes {len(skill.parameters)}"
            )
        return skill

    def result(self, observation: Observation) -> StepResult | None:
        """The step that ended with this observation, if one did: by the body's word, or by the watchdog's."""
        if self._call is None or self._step is None:
            return None
        outcome = observation.outcome
        if outcome is None or outcome.call_id != self._call.id:
            if self._ticks < self.config.max_ticks:
                return None
            outcome = Outcome(self._call.id, OutcomeCode.STUCK, f"still running after {self._ticks} ticks")
        ended = StepResult(self._step, outcome)
        self._step = self._call = None
        return ended

    def execute(self, step: Step | None, observation: Observation, reason: str = "") -> Action:
        """The action for this tick: go on with the running call, start the step, or hold.

        Raises:
            UnknownSkill: the step names a skill the body does not declare.
            RejectedInput: its targets are too few or too many.
        """
        if step is None:
            self._step = self._call = None
            return Hold(observation.stamp_ns, reason)
        if self._call is None or step != self._step:
            self._step, self._call, self._ticks = step, self._new_call(step), 0
        self._ticks += 1
        return self._call

    def _new_call(self, step: Step) -> SkillCall:
        skill = self.skill_of(step)
        self._calls += 1
        words = {p.name: _spoken(p, t) for p, t in zip(skill.parameters, step.targets, strict=True)}
        return SkillCall(f"{self._session}#{self._calls}", skill.name, step.targets, skill.phrase.format(**words))


def _spoken(parameter: Parameter, target: Target) -> str:
    """The body's own name for the target where it has one, else its class."""
    if target.name in parameter.names and not parameter.by_label:
        return target.name
    return target.label or target.name
