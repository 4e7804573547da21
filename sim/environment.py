# SPDX-License-Identifier: Apache-2.0
"""One episode of a household: a body that is driven tick by tick, a clock, limits, and a judge that only watches.

Neighbours: benchmark.py and embodied.py are the two ways of acting; episode.py lets a brain play; gym_environment.py
gives the same core Gymnasium's face.
Rules of the file: one `step` is one tick; a skill that ends is one step of the episode; what leaves through
`observe` is all a brain gets, and no field of the judge is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brain_nodes.cerebellum.body import SkillRun
from memory.records import (
    Action,
    Camera,
    Detection,
    Hold,
    Observation,
    Outcome,
    OutcomeCode,
    Place,
    Skill,
    SkillCall,
)
from sim.benchmark import BenchmarkSkills
from sim.embodied import EmbodiedSkills
from sim.household import held
from sim.scoring import SUCCESS, Judge
from sim.view import detections
from sim.world import World

SECOND_NS = 1_000_000_000
DAY_NS = 24 * 3600 * SECOND_NS
FIRST_MORNING_NS = 1_767_258_000 * SECOND_NS  # 2026-01-01 09:00 UTC: simulated time never starts at 0
TICK_NS = 2 * SECOND_NS
BENCHMARK_CAMERA = Camera(horizontal_fov_rad=1.0472, vertical_fov_rad=1.0472, range_m=4.0)
EMBODIED_CAMERA = Camera()


class SimClock:
    """Simulated time; the store's stamps come from it too, so a replay is equal byte for byte."""

    def __init__(self, now_ns: int = FIRST_MORNING_NS) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        """Now, ns since the epoch."""
        return self.now_ns

    def tick(self) -> None:
        """One tick later."""
        self.now_ns += TICK_NS

    def at_least(self, stamp_ns: int) -> None:
        """Go on to this stamp, never back."""
        self.now_ns = max(self.now_ns, stamp_ns)


@dataclass(frozen=True, slots=True)
class Limits:
    """When an episode ends at the latest: completed skills, failed ones, ticks."""

    steps: int = 30
    invalid_actions: int = 10
    ticks: int = 600


class BenchmarkBody:
    """EB-ALFRED's way: phrases, a teleporting find, no pose, and something in view only after a find."""

    camera = BENCHMARK_CAMERA
    localised = False

    def __init__(self, world: World, base_phrases: Sequence[str], put_counts: dict[str, int] | None = None) -> None:
        self.world = world
        self.acting = BenchmarkSkills(world, base_phrases, put_counts)
        self._found = False

    def skills(self) -> tuple[Skill, ...]:
        """The action list, declared."""
        return self.acting.skills()

    def places(self) -> tuple[Place, ...]:
        """None: the benchmark names no places."""
        return ()

    def start(self, call: SkillCall) -> SkillRun:
        """Look the phrase up and carry it out at the first tick."""
        return _PhraseRun(self, call)

    def sight(self) -> tuple[Detection, ...]:
        """Detections after a find that worked, nothing otherwise."""
        return detections(self.world, self.camera) if self._found else ()

    @property
    def distance_m(self) -> float:
        """Nothing: it teleports."""
        return 0.0

    def rest(self) -> None:
        """A tick without a skill; what the last find showed is shown no longer."""
        self._found = False

    def act(self, phrase: str) -> tuple[bool, str]:
        """Carry out one phrase."""
        succeeded, sentence = self.acting.act(phrase)
        self._found = succeeded and phrase.startswith("find ")
        return succeeded, sentence


class _PhraseRun:
    def __init__(self, body: BenchmarkBody, call: SkillCall) -> None:
        self.call = call
        self._body = body

    def tick(self, observation: Observation) -> Outcome:
        succeeded, sentence = self._body.act(self.call.phrase)
        return Outcome(self.call.id, OutcomeCode.SUCCEEDED if succeeded else OutcomeCode.FAILED, sentence)

    def cancel(self, deadline_s: float) -> Outcome:
        return Outcome(self.call.id, OutcomeCode.PREEMPTED)


class EmbodiedBody:
    """Walk, look, open: only what is in view is known, and the robot knows where it stands."""

    camera = EMBODIED_CAMERA
    localised = True

    def __init__(self, world: World) -> None:
        self.world = world
        self.acting = EmbodiedSkills(world, self.camera)

    def skills(self) -> tuple[Skill, ...]:
        """Declared skills."""
        return self.acting.skills()

    def places(self) -> tuple[Place, ...]:
        """Rooms and their waypoints."""
        return self.acting.places()

    def start(self, call: SkillCall) -> SkillRun:
        """Begin a call."""
        return self.acting.start(call)

    def rest(self) -> None:
        """A tick without a skill; the camera goes on."""

    @property
    def distance_m(self) -> float:
        """Walked since the episode began."""
        return self.acting.distance_m

    def sight(self) -> tuple[Detection, ...]:
        """What the camera sees now."""
        return detections(self.world, self.camera)


class HouseholdEnvironment:
    """Body and referee of one episode.

    Attributes:
        steps: Skills that ended.
        invalid_actions: ... of which failed or were refused.
        reason: Why the episode ended; "" while it goes on.
        feedback: The latest sentence of the body.
        walked_m: Where the robot went, (x, y) after each tick.
    """

    def __init__(
        self, world: World, body: BenchmarkBody | EmbodiedBody, judge: Judge, limits: Limits, clock: SimClock
    ) -> None:
        self.world = world
        self.body = body
        self.judge = judge
        self.limits = limits
        self.clock = clock
        self.steps = self.invalid_actions = self.ticks = 0
        self.reason = self.feedback = ""
        self.walked_m: list[tuple[float, float]] = [(world.robot.x_m, world.robot.y_m)]
        self._run: SkillRun | None = None
        self._outcome: Outcome | None = None
        self._latest: Observation | None = None

    # ---- Body

    def skills(self) -> tuple[Skill, ...]:
        """Declared skills of the body."""
        return self.body.skills()

    def places(self) -> tuple[Place, ...]:
        """Places the body knows from the start."""
        return self.body.places()

    def start(self, call: SkillCall) -> SkillRun:
        """Begin a skill."""
        return self.body.start(call)

    def stop(self) -> None:
        """End what is running; its outcome is PREEMPTED."""
        if self._run is not None:
            self._outcome, self._run = self._run.cancel(0.0), None
            self._latest = None

    def observe(self) -> Observation:
        """The newest sample."""
        if self._latest is None:
            self._latest = self._sample()
        return self._latest

    def _sample(self) -> Observation:
        robot, localised = self.world.robot, self.body.localised
        return Observation(
            sequence=self.ticks, stamp_ns=self.clock.now_ns, map_id=self.world.map_id,
            map_revision=self.world.map_revision,
            map_from_base=robot.map_from_base if localised else None,
            base_from_camera=robot.base_from_camera, camera=self.body.camera, detections=self.body.sight(),
            gripper_holds=held(self.world) is not None if localised else None,
            running_call=self._run.call.id if self._run is not None else "", outcome=self._outcome,
        )  # fmt: skip

    # ---- one tick

    @property
    def done(self) -> bool:
        """Has the episode ended?"""
        return bool(self.reason)

    @property
    def progress(self) -> float:
        """Share of the goal's points made now, for results only."""
        made, possible = self.judge.met(self.world)
        return made / possible

    @property
    def distance_m(self) -> float:
        """Walked since the episode began."""
        return self.body.distance_m

    def step(self, action: Action) -> Observation:
        """Carry an action on by one tick; the observation after it."""
        before = self.observe()
        self._outcome = None
        if isinstance(action, SkillCall):
            self._carry_on(action, before)
        else:
            self.body.rest()
        if isinstance(action, Hold):
            self.stop()
        self._latest = None
        self.ticks += 1
        self.clock.tick()
        self.walked_m.append((self.world.robot.x_m, self.world.robot.y_m))
        self._referee()
        return self.observe()

    def refuse(self, reason: str) -> None:
        """An action that is none: one invalid action, no step of the environment."""
        self.invalid_actions += 1
        self.feedback = reason
        self.body.rest()
        self._latest = None
        self._referee()

    def _carry_on(self, call: SkillCall, before: Observation) -> None:
        if self._run is not None and self._run.call.id != call.id:
            self._run.cancel(0.0)
            self._run = None
        if self._run is None:
            self._run = self.body.start(call)
        ticked = self._run.tick(before)
        if not isinstance(ticked, Outcome):
            return
        self._run, self._outcome = None, ticked
        self.feedback = ticked.reason
        self.steps += 1
        self.invalid_actions += not ticked.succeeded

    def _referee(self) -> None:
        if self.reason:
            return
        if self.judge.satisfied(self.world):
            self.reason = SUCCESS
        elif self.steps >= self.limits.steps or self.ticks >= self.limits.ticks:
            self.reason = "STEP_LIMIT"
        elif self.invalid_actions >= self.limits.invalid_actions:
            self.reason = "INVALID_LIMIT"
