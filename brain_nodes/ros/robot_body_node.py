# SPDX-License-Identifier: Apache-2.0
"""The body of a real robot as a node: `run_skill` and `~/describe_body` in; Nav2, ros2_control and the user's own out.

Neighbours: navigation.py, arm.py and forwarding.py know one kind of action server each, remote_goal.py carries their
goals; the cerebellum's body_client.py is on the other side, and free_simulator.py is another body.
Rules of the file: one call at a time, a new one pre-empts, and begins once the one before it certainly is over; without
the brainstem's heartbeat, or while it says stopped, nothing moves; a map is checked before anything drives there; every
goal ends.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, Protocol

from diagnostic_msgs.msg import DiagnosticStatus
from neuraxis_interfaces.action import RunSkill
from neuraxis_interfaces.msg import Observation
from neuraxis_interfaces.srv import DescribeBody
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from std_msgs.msg import Bool

from brain_nodes.errors import ExecutionError, Preempted, Stopped, UnknownSkill
from brain_nodes.ros import goals, parameters, spinning
from brain_nodes.ros.arm import Arm, Gripper
from brain_nodes.ros.conversions import from_call, to_outcome, to_skill
from brain_nodes.ros.forwarding import forwarders
from brain_nodes.ros.lifecycle_node import LATCHED, SAMPLES, RegionNode
from brain_nodes.ros.memory_conversions import to_record
from brain_nodes.ros.navigation import Navigation
from brain_nodes.ros.remote_goal import Ending, Errand, RemoteGoal, Server, failed
from brain_nodes.ros.robot_settings import ArmSettings, NavigationSettings, RobotSettings
from brain_nodes.ros.robot_skills import GO_TO
from memory.errors import NeuraxisError, RejectedInput
from memory.records import Outcome, OutcomeCode, Skill, SkillCall

TICK_S = 0.02


class Limb(Protocol):
    """What carries out some of the skills."""

    skills: tuple[Skill, ...]
    server: Server

    def errand(self, request: Any, call: SkillCall) -> Errand:
        """What to ask for this call; raises a NeuraxisError where it cannot be."""
        ...


@dataclass(slots=True)
class Run:
    """One goal of the brain; `remote` is None while it waits for the call before it to be over."""

    goal: Any
    call: SkillCall
    asked_s: float
    remote: RemoteGoal | None = None


class RobotBodyNode(RegionNode):
    """Skills in, goals for the robot's own stack out.

    Attributes:
        limbs: By the name of the skill they carry out.
        cancel_clients: By the name of the action server; they outlive a cleanup.
    """

    configs = (RobotSettings, NavigationSettings, ArmSettings)

    def __init__(self, **options: Any) -> None:
        super().__init__("robot_body", **options)
        self._results: dict[bytes, Any] = {}
        self.cancel_clients: dict[str, Any] = {}
        self._forget()

    def open(self) -> None:
        """Make the clients of what is configured, then the server."""
        self.robot = parameters.read(self, RobotSettings)
        driving, arm = parameters.read(self, NavigationSettings), parameters.read(self, ArmSettings)
        self._forget()
        navigation = Navigation(self, driving, self.robot) if driving.navigate else None
        self.places = navigation.places if navigation else ()
        limbs: list[Limb] = [navigation] if navigation else []
        limbs += [Gripper(self, arm)] if arm.gripper else []
        limbs += [Arm(self, arm)] if arm.arm else []
        limbs += forwarders(self, self.robot)
        self.skills = tuple(skill for limb in limbs for skill in limb.skills)
        self.limbs: dict[str, tuple[Skill, Limb]] = {
            skill.name: (skill, limb) for limb in limbs for skill in limb.skills
        }
        if not self.skills:
            raise ValueError("a body without a skill: set navigate, gripper, arm or forward")
        self._listen()
        self.keep(self.destroy_service, self.create_service(DescribeBody, "~/describe_body", self._describe))
        server = ActionServer(
            self, RunSkill, "run_skill", execute_callback=self._finished, goal_callback=self._asked,
            handle_accepted_callback=self._accepted, cancel_callback=lambda _: CancelResponse.ACCEPT,
        )  # fmt: skip
        self.keep(lambda s: s.destroy(), server)
        self.every(TICK_S, self._tick)

    def close(self) -> None:
        """Whatever moves is told to end; nobody is left to wait for it."""
        now_s = time.monotonic()
        for remote in (*self._leaving, *([self._run.remote] if self._run is not None and self._run.remote else [])):
            if not remote.gone:
                remote.cancel(failed("the node ends"), now_s)
        self._forget()

    def _forget(self) -> None:
        self._run: Run | None = None
        self._leaving: list[RemoteGoal] = []  # ended for the brain, and perhaps not yet at the other side
        self._beaten_s: float | None = None
        self._stopped: bool | None = None
        self._seen: Any = None

    def _listen(self) -> None:
        """The brainstem is heard also while inactive: a stop that came before is a stop."""
        beats = self.create_subscription(DiagnosticStatus, "heartbeat", self._beat, SAMPLES)
        stops = self.create_subscription(Bool, "stopped", self._stop, LATCHED)
        for subscription in (beats, stops):
            self.keep(self.destroy_subscription, subscription)
        self.hear(Observation, "observation", self._see)

    # ---- what arrives

    def _beat(self, message: Any) -> None:
        self._beaten_s = time.monotonic()

    def _stop(self, message: Any) -> None:
        self._stopped = message.data
        self._tick()

    def _see(self, message: Any) -> None:
        self._seen = message

    def _describe(self, request: Any, response: Any) -> Any:
        if self.active:
            response.skills = list(map(to_skill, self.skills))
            response.places = list(map(to_record, self.places))
            response.map_id, response.map_revision = self.robot.map_id, self.robot.map_revision
        return response

    # ---- the action

    def _asked(self, goal: Any) -> GoalResponse:
        known = self.active and goal.call.id and goal.call.skill
        return GoalResponse.ACCEPT if known else GoalResponse.REJECT

    def _accepted(self, goal: Any) -> None:
        """Refuse it with its reason, or let it take the place of the running one."""
        call, now_s = from_call(goal.request.call), time.monotonic()
        try:
            self._check(goal.request, call)
        except NeuraxisError as error:
            code = OutcomeCode.FAILED if isinstance(error, Stopped) else OutcomeCode.REFUSED
            self._answer(goal, call, Ending(code, str(error), error.code))
            return
        running, self._run = self._run, Run(goal, call, now_s)
        if running is not None:
            preempted = Ending(OutcomeCode.PREEMPTED, f"{call.id} took its place", Preempted.code)
            self._answer(running.goal, running.call, preempted)
            if running.remote is not None:
                if running.call == call:  # the same call, asked again: it goes on
                    self._run.remote = running.remote
                    return
                running.remote.cancel(preempted, now_s)
                self._leaving.append(running.remote)
        self._tick()

    def _check(self, request: Any, call: SkillCall) -> None:
        """May it be begun at all?

        Raises:
            Stopped, UnknownSkill, RejectedInput: it may not.
        """
        if why := self._held():
            raise Stopped(why)
        if call.skill not in self.limbs:
            raise UnknownSkill(f"there is no skill {call.skill!r}; there are {', '.join(self.limbs)}")
        wanted = len(self.limbs[call.skill][0].parameters)
        if len(call.targets) != wanted:
            raise RejectedInput(f"{call.skill} takes {wanted} targets, not {len(call.targets)}")
        positions = [t.position_m for t in call.targets if t.position_m is not None]
        if not all(math.isfinite(v) for position in positions for v in position):
            raise RejectedInput(f"{call.skill}: a position of {positions} is not finite")
        self._check_map((request.map_id, request.map_revision), bool(positions) or call.skill == GO_TO.name)

    def _check_map(self, asked: tuple[str, str], positioned: bool) -> None:
        stands_in = (self.robot.map_id, self.robot.map_revision)
        if asked != stands_in and (positioned or asked != ("", "")):
            raise RejectedInput(f"a goal in map {asked[0]!r} revision {asked[1]!r}; the robot stands in {stands_in}")
        if positioned and self._seen is not None:
            localised = (self._seen.map_id, self._seen.map_revision)
            if localised != stands_in:
                raise RejectedInput(f"it is localised in {localised}, and was configured for {stands_in}")

    def _held(self) -> str:
        """Why nothing may move; "" if it may."""
        if self._beaten_s is None or time.monotonic() - self._beaten_s > self.robot.heartbeat_timeout_s:
            return "no heartbeat of the brainstem"
        if self._stopped is None:
            return "the brainstem has not said whether it is stopped"
        return "stopped" if self._stopped else ""

    # ---- one tick

    def _tick(self) -> None:
        now_s = time.monotonic()
        for remote in self._leaving:
            remote.tick(now_s)
        self._leaving = [remote for remote in self._leaving if not remote.gone]
        run = self._run
        if run is None:
            return
        try:
            ending = self._go_on(run, now_s)
        except Exception as error:  # the node's rim: the goal ends, the node lives on
            self.report(error, run.call.id)
            if run.remote is not None:
                run.remote.cancel(failed(str(error)), now_s)
            ending = failed(f"{type(error).__name__}: {error}")
        if ending is not None:
            self._run = None
            if run.remote is not None and not run.remote.gone:
                self._leaving.append(run.remote)
            self._answer(run.goal, run.call, ending)

    def _go_on(self, run: Run, now_s: float) -> Ending | None:
        unwanted = self._unwanted(run)
        if run.remote is None:
            return unwanted or self._begin(run, now_s)
        if unwanted is not None:
            run.remote.cancel(unwanted, now_s)
        run.remote.tick(now_s)
        if run.remote.heard:
            self._tell(run, run.remote)
        return run.remote.ending

    def _unwanted(self, run: Run) -> Ending | None:
        why = self._held()
        if why:
            return Ending(OutcomeCode.FAILED, why, Stopped.code)
        if not self.active:
            return failed("the node was deactivated")
        if run.goal.is_cancel_requested:
            return Ending(OutcomeCode.PREEMPTED, "cancelled", Preempted.code)
        return None

    def _begin(self, run: Run, now_s: float) -> Ending | None:
        if self._leaving:
            waited_s = now_s - run.asked_s
            if waited_s <= self.robot.cancel_deadline_s:
                return None
            return failed(f"{self._leaving[0].server.name} has not confirmed the end of the call before")
        limb = self.limbs[run.call.skill][1]
        try:
            errand = limb.errand(run.goal.request, run.call)
        except NeuraxisError as error:
            return Ending(OutcomeCode.REFUSED, str(error), error.code or ExecutionError.code)
        run.remote = RemoteGoal(limb.server, errand, now_s, self.robot.answer_deadline_s, self.robot.cancel_deadline_s)
        return run.remote.ending

    def _tell(self, run: Run, remote: RemoteGoal) -> None:
        run.goal.publish_feedback(
            RunSkill.Feedback(
                sequence=self._sequence(run.goal), call_id=run.call.id, progress=float(remote.errand.progress),
                text=remote.errand.text,
            )
        )  # fmt: skip

    def _sequence(self, goal: Any) -> int:
        """Number of the newest observation."""
        return max(int(goal.request.sequence), int(self._seen.sequence) if self._seen is not None else 0)

    def _answer(self, goal: Any, call: SkillCall, ending: Ending) -> None:
        self._results[bytes(goal.goal_id.uuid)] = RunSkill.Result(
            outcome=to_outcome(Outcome(call.id, ending.code, ending.reason)), error_code=ending.error_code,
            error_msg=ending.reason if ending.error_code else "", sequence=self._sequence(goal),
        )  # fmt: skip
        goal.execute()

    def _finished(self, goal: Any) -> Any:
        return goals.ended(goal, self._results.pop(bytes(goal.goal_id.uuid)))


def main() -> int:
    """Executable `robot_body`."""
    return spinning.run([RobotBodyNode])


if __name__ == "__main__":
    raise SystemExit(main())
