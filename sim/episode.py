# SPDX-License-Identifier: Apache-2.0
"""The loop: observe, act, until the episode or the player is at its end. Read beside brain_nodes/brain.py.

Neighbours: environment.py is what is played in, players.py who plays, runner.py plays many.
Rules of the file: the judge's word ends an episode and decides its result; the player's word is only its reason.
"""

from __future__ import annotations

from memory.records import Hold
from sim.environment import HouseholdEnvironment
from sim.players import BrainPlayer, Player
from sim.scoring import SUCCESS, EpisodeResult
from sim.suites import Task
from sim.trace import Trace


def play(task: Task, session: str, environment: HouseholdEnvironment, player: Player, trace: Trace) -> EpisodeResult:
    """Play one episode to its end.

    Args:
        session: How the brain calls the episode; says nothing of the suite.

    Every loop ends: the environment counts steps, failed steps and ticks, and each has a limit.
    """
    brain = player.brain if isinstance(player, BrainPlayer) else None
    if brain is not None:
        brain.begin(task.instruction, environment, session)
    observation = environment.observe()
    while not environment.done:
        action = player.act(observation)
        if action is None:
            action = Hold(observation.stamp_ns, player.reason)
            trace.tick(observation, action, environment, brain)
            break
        seen, observation = observation, environment.step(action)
        trace.tick(seen, action, environment, brain)
    if environment.done:  # what the last step brought about is still to be seen and remembered
        if brain is not None:
            brain.step(observation)
        trace.tick(observation, Hold(observation.stamp_ns, environment.reason), environment, brain)
    if brain is not None:
        brain.end(environment.clock.now_ns)
    return _result(task, environment, player, brain_calls=brain.prefrontal.planner_calls if brain else 0)


def _result(task: Task, environment: HouseholdEnvironment, player: Player, brain_calls: int) -> EpisodeResult:
    reason = environment.reason or player.reason
    return EpisodeResult(
        id=task.id, suite=task.suite, subset=task.subset, day=task.day, instruction=task.instruction,
        success=reason == SUCCESS, progress=environment.progress, steps=environment.steps,
        invalid_actions=environment.invalid_actions, planner_calls=brain_calls,
        distance_m=round(environment.distance_m, 3), reason=reason,
    )  # fmt: skip
