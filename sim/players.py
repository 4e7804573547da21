# SPDX-License-Identifier: Apache-2.0
"""Who can play an episode: a brain, someone who knows everything, someone who knows nothing.

Neighbours: baselines.py holds the phrase players, episode.py lets a player play, brain_nodes/brain.py is the brain.
Rules of the file: a player sees observations and answers actions; None means it has nothing more to do.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Protocol

from memory.records import Action, Hold, Observation, Parameter, SkillCall, Target
from sim.baselines import OraclePlayer, RandomPlayer
from sim.brains import AnyBrain
from sim.environment import BenchmarkBody, HouseholdEnvironment


class Player(Protocol):
    """Observation in, action out."""

    reason: str

    def act(self, observation: Observation) -> Action | None:
        """What to do now; None = nothing more, and then `reason` says why."""
        ...


class BrainPlayer:
    """A brain; it stops when its plan has come to an end."""

    def __init__(self, brain: AnyBrain) -> None:
        self.brain = brain
        self.reason = ""

    def act(self, observation: Observation) -> Action | None:
        """One trip through the brain."""
        action = self.brain.step(observation)
        if isinstance(action, Hold) and self.brain.plan.current is None and self.brain.plan.reason:
            self.reason = self.brain.plan.reason
            return None
        return action


class ScriptedPlayer:
    """Plays calls in order; a call that is still running is continued."""

    def __init__(self, calls: Iterable[SkillCall]) -> None:
        self.reason = "SCRIPT_ENDED"
        self._calls = iter(calls)
        self._current: SkillCall | None = None

    def act(self, observation: Observation) -> Action | None:
        """The running call, or the next one."""
        if self._current is None or observation.running_call != self._current.id:
            self._current = next(self._calls, None)
        return self._current


class RandomActor:
    """Any skill on anything in view, for ever; the same for the same seed."""

    def __init__(self, seed: int | str, environment: HouseholdEnvironment) -> None:
        self.reason = ""
        self._random = random.Random(seed)
        self._skills = environment.skills()
        self._places = environment.places()
        self._count = 0
        self._call: SkillCall | None = None

    def act(self, observation: Observation) -> Action | None:
        """A running call goes on; then another at random."""
        if observation.running_call:
            return self._call
        skill = self._random.choice(self._skills)
        things = _in_map(observation) + [Target(p.id, "room", p.position_m) for p in self._places]
        targets = tuple(self._target(p, things) for p in skill.parameters)
        self._count += 1
        self._call = SkillCall(f"random#{self._count}", skill.name, targets, skill.name)
        return self._call

    def _target(self, parameter: Parameter, things: list[Target]) -> Target:
        fits = [t for t in things if not parameter.names or t.label in parameter.names]
        return self._random.choice(fits or things or [Target("nothing")])


def scripted_phrases(phrases: Iterable[str], session: str) -> ScriptedPlayer:
    """A player of benchmark phrases."""
    player = OraclePlayer(phrases)
    return ScriptedPlayer(_phrase_calls(player, session))


def random_player(seed: int, environment: HouseholdEnvironment, session: str) -> Player:
    """Uniform over the action list in benchmark mode, over skills and things in view otherwise."""
    if isinstance(environment.body, BenchmarkBody):
        phrases = RandomPlayer(_mixed(seed, session), environment.body.acting.phrases)
        return ScriptedPlayer(_phrase_calls(phrases, session))
    return RandomActor(f"{seed}/{session}", environment)


def _phrase_calls(player: OraclePlayer | RandomPlayer, session: str) -> Iterator[SkillCall]:
    count = 0
    while (phrase := player.next()) is not None:
        count += 1
        yield SkillCall(f"{session}#{count}", "phrase", (), phrase)


def _mixed(seed: int, session: str) -> int:
    return random.Random(f"{seed}/{session}").getrandbits(32)


def _in_map(observation: Observation) -> list[Target]:
    pose = observation.map_from_base
    if pose is None:
        return []
    map_from_camera = pose @ observation.base_from_camera
    return [Target(d.label, d.label, map_from_camera.transform(d.position_m)) for d in observation.detections]
