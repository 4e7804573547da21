# SPDX-License-Identifier: Apache-2.0
"""A body with a script: it declares the household's skills and does, fails, lies or hangs as a test wants."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from memory.geometry import Pose, Vector
from memory.records import (
    Action,
    Detection,
    Observation,
    Outcome,
    OutcomeCode,
    Place,
    Skill,
    SkillCall,
    Target,
)
from tests.brain_nodes.conftest import (
    CAMERA,
    HOUSEHOLD,
    ORIGIN,
    facing,
    observation,
    size_of,
)


@dataclass
class Solid:
    """One thing of the fake home."""

    label: str
    position_m: Vector
    inside: str = ""


def small_home() -> dict[str, Solid]:
    return {
        "counter": Solid("CounterTop", (2.5, 0.0, 0.45)),
        "sofa": Solid("Sofa", (3.5, 2.8, 0.3)),
        "mug": Solid("Mug", (2.5, 0.3, 0.95), "counter"),
    }


@dataclass
class FakeBody:
    """Declares the household's skills and carries them out at once, unless the script says otherwise.

    Attributes:
        script: By skill, the reasons its next calls fail with, in order.
        lies: Skills that claim success and do nothing.
        hangs: Skills that never end.
    """

    home: dict[str, Solid] = field(default_factory=small_home)
    script: dict[str, list[str]] = field(default_factory=dict)
    lies: frozenset[str] = frozenset()
    hangs: frozenset[str] = frozenset()
    pose: Pose = ORIGIN
    held: str = ""
    ticks: int = 0
    running: str = ""
    outcome: Outcome | None = None
    calls: list[SkillCall] = field(default_factory=list)

    def skills(self) -> tuple[Skill, ...]:
        return HOUSEHOLD

    def places(self) -> tuple[Place, ...]:
        return ()

    def start(self, call: SkillCall) -> FakeRun:
        return FakeRun(self, call)

    def stop(self) -> None:
        self.outcome = None

    def observe(self) -> Observation:
        return observation(
            *self._sight(), second=self.ticks, map_from_base=self.pose, gripper_holds=bool(self.held),
            running_call=self.running, outcome=self.outcome,
        )  # fmt: skip

    def step(self, action: Action) -> Observation:
        """One tick."""
        self.outcome, self.running = None, ""
        if isinstance(action, SkillCall):
            self.calls.append(action)
            if action.skill in self.hangs:
                self.running = action.id
            else:
                self.outcome = self.start(action).tick(self.observe())
        self.ticks += 1
        return self.observe()

    def carry_out(self, call: SkillCall) -> Outcome:
        reasons = self.script.get(call.skill, [])
        if reasons:
            return Outcome(call.id, OutcomeCode.FAILED, reasons.pop(0))
        if call.skill not in self.lies:
            self._do(call.skill, *(self._meant(t) for t in call.targets if t.position_m))
        return Outcome(call.id, OutcomeCode.SUCCEEDED)

    def _meant(self, wanted: Target) -> str:
        assert wanted.position_m is not None
        fits = [n for n, t in self.home.items() if t.label == wanted.label]
        return min(fits, key=lambda n: math.dist(self.home[n].position_m, wanted.position_m or ORIGIN.position_m))

    def _do(self, skill: str, *names: str) -> None:
        if skill == "go_to":
            x_m, y_m, _ = self.home[names[0]].position_m
            yaw_rad = math.atan2(y_m - self.pose.position_m[1], x_m - self.pose.position_m[0])
            self.pose = facing((x_m, y_m, 0.0), 1.6, yaw_rad)
        elif skill == "pick_up":
            self.held, self.home[names[0]].inside = names[0], ""
        elif skill == "put_down":
            x_m, y_m, z_m = self.home[names[1]].position_m
            top_m = z_m + size_of(self.home[names[1]].label)[2] / 2
            self.home[names[0]] = replace(self.home[names[0]], position_m=(x_m, y_m, top_m + 0.05), inside=names[1])
            self.held = ""

    def _sight(self) -> Iterator[Detection]:
        camera_from_map = (self.pose @ CAMERA).inverse()
        for name, thing in self.home.items():
            x, y, z = camera_from_map.transform(thing.position_m)
            if name != self.held and z > 0.05 and max(abs(x), abs(y)) < z and math.dist((0, 0, 0), (x, y, z)) < 6:
                yield Detection(thing.label, (x, y, z), size_of(thing.label))


@dataclass
class FakeRun:
    """A skill that ends in its first tick."""

    body: FakeBody
    call: SkillCall

    def tick(self, observation: Observation) -> Outcome:
        return self.body.carry_out(self.call)

    def cancel(self, deadline_s: float) -> Outcome:
        return Outcome(self.call.id, OutcomeCode.PREEMPTED)
