# SPDX-License-Identifier: Apache-2.0
"""The critic: may this step be taken in the world as it is believed to be?

Neighbours: prefrontal.py asks before every step; domain.py gives the preconditions the body declared.
Rules of the file: deterministic; rejects with the violated preconditions, never with prose alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from brain_nodes.prefrontal.domain import accepts, operators, state_of
from brain_nodes.prefrontal.scene import SOMEWHERE, Scene
from memory.records import Literal, Skill, Step, Verdict


class Critic:
    """Typed preconditions before any action."""

    def judge(self, step: Step, scene: Scene, skills: Sequence[Skill]) -> Verdict:
        """Accept, or say which precondition does not hold."""
        skill = next((s for s in skills if s.name == step.skill), None)
        if skill is None:
            return Verdict(False, "UNKNOWN_SKILL", f"the body has no skill {step.skill!r}")
        if len(step.targets) != len(skill.parameters):
            return Verdict(False, "WRONG_ARGUMENTS", f"{step} has {len(step.targets)}, not {len(skill.parameters)}")
        for parameter, name in zip(skill.parameters, step.arguments, strict=True):
            known = name in scene.things or name in parameter.names
            if name not in (SOMEWHERE, *scene.rooms) and not (known and accepts(parameter, name, scene)):
                return Verdict(False, "WRONG_TARGET", f"{parameter.name} of {step.skill} cannot be {name}")
            if name in scene.gone and name != scene.holding:
                return Verdict(False, "TARGET_GONE", f"{name} is not where it was")
        return self._preconditions(step, scene, skill)

    def _preconditions(self, step: Step, scene: Scene, skill: Skill) -> Verdict:
        names = tuple(dict.fromkeys((*step.arguments, *(h for n in step.arguments for h in _holders(scene, n)))))
        bound = [o for o in operators((skill,), scene, names) if o.arguments == step.arguments]
        state = state_of(scene, [n for n in names if n != SOMEWHERE])
        if not bound:
            return Verdict(len(skill.preconditions) == 0, "OK" if not skill.preconditions else "WRONG_TARGET", "")
        operator = bound[0]
        violated = [Literal(a[0], a[1:]) for a in sorted(operator.needs - state)]
        violated += [Literal(a[0], a[1:], negated=True) for a in sorted(operator.forbids & state)]
        if violated:
            return Verdict(False, "PRECONDITION", "; ".join(map(str, violated)), tuple(violated))
        return Verdict(True)


def _holders(scene: Scene, name: str) -> tuple[str, ...]:
    holder = scene.inside.get(name)
    return (holder,) if holder and holder in scene.things else ()
