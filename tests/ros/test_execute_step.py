# SPDX-License-Identifier: Apache-2.0
"""One step asked of the cerebellum by action: every goal ends, with the code that says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")

from action_msgs.msg import GoalStatus
from neuraxis_interfaces.action import ExecuteStep, RunInstruction, RunSkill
from neuraxis_interfaces.msg import Event, Observation, Percepts, Plan, RecordBatch, TickAction
from neuraxis_interfaces.srv import BeginEpisode, DescribeBody, EndEpisode
from rclpy.action import ActionClient, ActionServer, CancelResponse, GoalResponse
from std_msgs.msg import Bool

from brain_nodes import errors
from brain_nodes.ros.cerebellum_node import CerebellumNode
from brain_nodes.ros.conversions import from_action, to_observation, to_outcome, to_percepts, to_plan, to_skill, to_step
from brain_nodes.ros.lifecycle_node import LATCHED, SAMPLES
from brain_nodes.ros.memory_conversions import to_step_event
from brain_nodes.ros.prefrontal_node import PrefrontalNode
from memory import records as r
from memory.errors import RejectedInput
from memory.geometry import planar_distance_m
from sim.ros.free_simulator import FreeSimulator

pytestmark = pytest.mark.ros

NOW = 1_767_258_000_000_000_000
OPEN = r.Skill("open", (r.Parameter("what", "receptacle"),), phrase="open the {what}")
LOOK = r.Skill("look_around", phrase="look around")
FRIDGE = r.Step("open", (r.Target("fridge", "fridge", (1.0, 2.0, 0.5)),), "fetch")
CUPBOARD = r.Step("open", (r.Target("cupboard"),))


class Bench:
    """A cerebellum in the middle of an episode, with a body and a planner that the test plays."""

    def __init__(self, corner: Any, lockstep: bool, **told: Any) -> None:
        self.corner = corner
        self.node = corner.up(CerebellumNode, lockstep=lockstep, **told)
        self.number = -1
        self.feedback: list[Any] = []
        self.actions = corner.hear(TickAction, "action_raw", SAMPLES)
        self.events = corner.hear(Event, "events", SAMPLES)
        self.observations = corner.me.create_publisher(Observation, "observation", SAMPLES)
        self.plans = corner.me.create_publisher(Plan, "plan", LATCHED)
        self.stops = corner.me.create_publisher(Bool, "stopped", LATCHED)
        self.client = corner.later(ActionClient(corner.me, ExecuteStep, "execute_step"))
        corner.until(self.client.server_is_ready)
        percepts = to_percepts(r.Percepts(sequence=0, stamp_ns=NOW), "s")
        skills = [to_skill(OPEN), to_skill(LOOK)]
        begin = BeginEpisode.Request(session="s", instruction="", percepts=percepts, skills=skills, lockstep=lockstep)
        assert corner.call(BeginEpisode, "cerebellum/begin_episode", begin).error_code == 0

    def see(self, outcome: r.Outcome | None = None) -> Any:
        """The body's next observation; the event that answers it."""
        self.number += 1
        seen = r.Observation(
            sequence=self.number, stamp_ns=NOW + self.number, map_id="m", map_revision="0", outcome=outcome
        )  # fmt: skip
        self.observations.publish(to_observation(seen, "s"))
        return self.corner.until(lambda: [e for e in self.events if e.sequence == self.number])[0]

    def plan(self, step: r.Step) -> None:
        """The planner's answer to the newest observation."""
        self.plans.publish(to_plan(r.Plan(None, (step,)), NOW + self.number, "s", self.number))

    def ask(self, step: r.Step = FRIDGE, session: str = "s", map_id: str = "m") -> Any:
        """Send a goal; its handle."""
        goal = ExecuteStep.Goal(session=session, map_id=map_id, map_revision="0" if map_id else "", step=to_step(step))
        sent = self.client.send_goal_async(goal, lambda message: self.feedback.append(message.feedback))
        self.corner.until(sent.done)
        assert sent.result().accepted
        return sent.result()

    def action(self) -> Any:
        """What the body was told to do in answer to the newest observation; once only."""
        found = self.corner.until(lambda: [a for a in self.actions if a.sequence == self.number])
        assert len(found) == 1
        return from_action(found[0])

    def end(self, goal: Any) -> tuple[int, Any]:
        """Status and result of a goal, waited for."""
        future = goal.get_result_async()
        self.corner.until(future.done)
        return future.result().status, future.result().result

    def refusal(self, goal: Any) -> tuple[int, int, str]:
        """The same of a goal that was given up."""
        status, result = self.end(goal)
        return status, result.error_code, result.error_msg


@pytest.fixture
def bench(corner: Any) -> Bench:
    """In lockstep, and nothing has been seen."""
    return Bench(corner, lockstep=True)


def test_a_step_is_carried_out_and_its_outcome_is_the_result_and_on_events(bench: Bench) -> None:
    bench.see()
    goal = bench.ask()
    call = bench.action()
    event = bench.see(r.Outcome(call.id, r.OutcomeCode.SUCCEEDED, "it is open"))

    status, result = bench.end(goal)

    assert (status, result.error_code, result.error_msg) == (GoalStatus.STATUS_SUCCEEDED, 0, "")
    assert (call.skill, result.sequence) == ("open", 1)
    assert result.outcome == event.outcome == to_outcome(r.Outcome(call.id, r.OutcomeCode.SUCCEEDED, "it is open"))
    assert event.step == to_step(FRIDGE)
    bench.corner.until(lambda: bench.feedback)
    assert (bench.feedback[0].sequence, bench.feedback[0].call_id, bench.feedback[0].ticks) == (0, call.id, 1)


def test_a_goal_before_the_first_observation_begins_with_it_and_goes_on_until_its_end(bench: Bench) -> None:
    goal = bench.ask()
    calls = []
    for _ in range(3):
        bench.see()
        calls.append(bench.action())
    bench.see(r.Outcome(calls[0].id, r.OutcomeCode.FAILED, "the door is stuck"))

    status, result = bench.end(goal)

    assert calls == [calls[0]] * 3
    assert (status, result.error_code, result.outcome.code) == (GoalStatus.STATUS_SUCCEEDED, 0, "failed")
    bench.corner.until(lambda: len(bench.feedback) == 3)
    assert [f.ticks for f in bench.feedback] == [1, 2, 3]


def test_plans_start_nothing_while_a_goal_runs_and_are_followed_after_it(bench: Bench) -> None:
    bench.see()
    bench.plan(CUPBOARD)
    assert bench.action().targets == CUPBOARD.targets
    goal = bench.ask()
    bench.see()
    call = bench.action()
    bench.plan(CUPBOARD)
    bench.see(r.Outcome(call.id, r.OutcomeCode.SUCCEEDED))
    bench.end(goal)
    bench.plan(CUPBOARD)

    assert call.targets == FRIDGE.targets
    assert bench.action().targets == CUPBOARD.targets
    assert [a.sequence for a in bench.actions] == [0, 1, 2]


@pytest.mark.parametrize(
    ("given", "kind", "named"),
    [
        ({"session": "another"}, RejectedInput, "another"),
        ({"session": ""}, RejectedInput, "''"),
        ({"map_id": "another"}, RejectedInput, "another"),
        ({"map_id": ""}, RejectedInput, "fridge"),
        ({"step": replace(FRIDGE, targets=(r.Target("x", "", (float("nan"), 0.0, 0.0)),))}, RejectedInput, "nan"),
        ({"step": replace(FRIDGE, targets=())}, RejectedInput, "0 targets"),
        ({"step": r.Step("fly")}, errors.UnknownSkill, "fly"),
    ],
)
def test_a_goal_that_cannot_be_ends_at_once_with_its_code_and_leaves_the_running_one(
    bench: Bench, given: dict[str, Any], kind: Any, named: str
) -> None:
    bench.see()
    running = bench.ask(CUPBOARD)
    call = bench.action()

    status, code, said = bench.refusal(bench.ask(**given))

    assert (status, code) == (GoalStatus.STATUS_ABORTED, kind.code)
    assert named in said
    bench.see(r.Outcome(call.id, r.OutcomeCode.SUCCEEDED))
    assert bench.end(running)[1].error_code == 0


def test_a_stop_ends_the_step_and_none_begins_while_it_is_latched(bench: Bench) -> None:
    bench.see()
    goal = bench.ask()
    call = bench.action()
    bench.stops.publish(Bool(data=True))

    status, result = bench.end(goal)
    refused = bench.refusal(bench.ask())

    assert (status, result.error_code, result.outcome.call_id) == (GoalStatus.STATUS_ABORTED, 403, call.id)
    assert refused[:2] == (GoalStatus.STATUS_ABORTED, errors.Stopped.code)
    bench.see()
    bench.plan(CUPBOARD)
    assert bench.action() == r.Hold(NOW + 1, "stopped")


def test_a_second_goal_takes_the_place_of_the_first(bench: Bench) -> None:
    bench.see()
    first = bench.ask()
    call = bench.action()
    second = bench.ask(CUPBOARD)

    status, code, said = bench.refusal(first)

    assert (status, code) == (GoalStatus.STATUS_ABORTED, errors.Preempted.code)
    assert "cupboard" in said
    bench.see()
    after = bench.action()
    assert after.targets == CUPBOARD.targets and after.id != call.id
    bench.see(r.Outcome(after.id, r.OutcomeCode.SUCCEEDED))
    assert bench.end(second)[1].outcome.call_id == after.id


def test_the_same_step_again_goes_on_with_its_call(bench: Bench) -> None:
    bench.see()
    first = bench.ask()
    call = bench.action()
    second = bench.ask()
    assert bench.refusal(first)[1] == 402
    bench.see()
    assert bench.action() == call
    bench.see(r.Outcome(call.id, r.OutcomeCode.SUCCEEDED))

    assert bench.end(second)[1].outcome.call_id == call.id


def test_a_cancelled_goal_ends_as_cancelled_and_its_call_is_given_up(bench: Bench) -> None:
    bench.see()
    goal = bench.ask()
    call = bench.action()
    goal.cancel_goal_async()

    status, code, said = bench.refusal(goal)

    assert (status, code, "cancelled" in said) == (GoalStatus.STATUS_CANCELED, 402, True)
    assert bench.see(r.Outcome(call.id, r.OutcomeCode.SUCCEEDED)).name == Event.NOTHING


@pytest.mark.parametrize("how", ["end", "deactivate"])
def test_a_goal_does_not_outlive_its_episode_or_its_region(bench: Bench, how: str) -> None:
    bench.see()
    goal = bench.ask()
    bench.action()
    if how == "end":
        bench.corner.call(EndEpisode, "cerebellum/end_episode", EndEpisode.Request(session="s"))
    else:
        bench.corner.change(bench.node, "deactivate")

    assert bench.refusal(goal)[:2] == (GoalStatus.STATUS_ABORTED, errors.ExecutionError.code)


def test_a_body_that_falls_silent_ends_the_step(corner: Any) -> None:
    bench = Bench(corner, lockstep=True, observation_deadline_s=0.3)
    bench.see()
    goal = bench.ask()

    status, code, said = bench.refusal(goal)

    assert (status, code) == (GoalStatus.STATUS_ABORTED, errors.ExecutionError.code)
    assert "no observation" in said


def test_a_body_that_is_not_there_ends_the_step(corner: Any) -> None:
    bench = Bench(corner, lockstep=False)
    bench.see()
    goal = bench.ask()
    event = bench.see()

    status, result = bench.end(goal)

    assert (status, result.error_code) == (GoalStatus.STATUS_ABORTED, errors.ExecutionError.code)
    assert "no body answers run_skill" in result.error_msg
    assert event.outcome == result.outcome


class SlowBody:
    """A body whose calls go on until it is cancelled, or told how they end."""

    def __init__(self, corner: Any) -> None:
        self.goal: Any = None
        self.result: Any = None
        self.cancelled = False
        server = ActionServer(
            corner.me, RunSkill, "run_skill", execute_callback=self._finished,
            goal_callback=lambda _: GoalResponse.ACCEPT, handle_accepted_callback=self._accepted,
            cancel_callback=self._cancel,
        )  # fmt: skip
        corner.later(server)

    def _accepted(self, goal: Any) -> None:
        self.goal = goal

    def _cancel(self, goal: Any) -> CancelResponse:
        self.cancelled = True
        return CancelResponse.ACCEPT

    def _finished(self, goal: Any) -> Any:
        goal.abort()
        return self.result

    def end(self, code: int, said: str) -> None:
        """End the running call."""
        outcome = to_outcome(r.Outcome(self.goal.request.call.id, r.OutcomeCode.REFUSED, said))
        self.result = RunSkill.Result(outcome=outcome, error_code=code, error_msg=said)
        self.goal.execute()


@pytest.mark.parametrize("kind", [errors.PreconditionFailed, errors.Stopped, errors.UnknownSkill])
def test_the_code_a_body_ends_a_call_with_is_the_code_of_the_step(corner: Any, kind: Any) -> None:
    body = SlowBody(corner)
    bench = Bench(corner, lockstep=False)
    bench.see()
    goal = bench.ask()
    corner.until(lambda: body.goal)
    body.end(kind.code, "the hand is full")
    future = goal.get_result_async()
    corner.until(lambda: bench.see() and future.done())

    assert (future.result().result.error_code, future.result().result.error_msg) == (kind.code, "the hand is full")


def test_a_cancel_reaches_the_body(corner: Any) -> None:
    body = SlowBody(corner)
    bench = Bench(corner, lockstep=False)
    bench.see()
    goal = bench.ask()
    corner.until(lambda: body.goal and bench.node._body._goal)
    goal.cancel_goal_async()

    assert bench.refusal(goal)[:2] == (GoalStatus.STATUS_CANCELED, 402)
    corner.until(lambda: body.cancelled)


def test_a_step_moves_the_simulated_robot_without_a_prefrontal_region(corner: Any) -> None:
    corner.up(CerebellumNode, lockstep=False)
    robot = corner.make(FreeSimulator, task=2, period_s=0.05, heartbeat_timeout_s=0.0)
    body = corner.call(DescribeBody, "simulator/describe_body", DescribeBody.Request())
    percepts = to_percepts(r.Percepts(sequence=0, stamp_ns=NOW), "mine")
    begin = BeginEpisode.Request(session="mine", percepts=percepts, skills=body.skills, lockstep=False)
    assert corner.call(BeginEpisode, "cerebellum/begin_episode", begin).error_code == 0
    room = robot.body.places()[-1]
    asking = corner.later(ActionClient(corner.me, ExecuteStep, "execute_step"))
    corner.until(asking.server_is_ready)
    step = r.Step("go_to", (r.Target(room.id, "room", room.position_m),))
    sent = asking.send_goal_async(
        ExecuteStep.Goal(session="mine", map_id=body.map_id, map_revision=body.map_revision, step=to_step(step))
    )
    corner.until(sent.done)
    ended = sent.result().get_result_async()
    corner.until(ended.done, 30.0)

    result = ended.result().result
    assert (result.error_msg, result.outcome.code) == ("", "succeeded")
    assert planar_distance_m(robot.body.observe().map_from_base.position_m, room.position_m) < 1.0


def test_the_codes_of_the_action_are_those_of_the_errors() -> None:
    result = ExecuteStep.Result
    kinds = {
        result.REJECTED_INPUT: RejectedInput, result.UNKNOWN_SKILL: errors.UnknownSkill,
        result.EXECUTION_ERROR: errors.ExecutionError, result.PRECONDITION_FAILED: errors.PreconditionFailed,
        result.PREEMPTED: errors.Preempted, result.STOPPED: errors.Stopped,
    }  # fmt: skip

    assert [kind.code for kind in kinds.values()] == list(kinds)


def test_a_step_that_somebody_else_asked_for_does_not_move_the_plan_on(corner: Any) -> None:
    me = corner.me
    for region in ("thalamus", "hippocampus", "cerebellum"):
        me.create_service(BeginEpisode, f"{region}/begin_episode", lambda q, a: a)
        me.create_service(EndEpisode, f"{region}/end_episode", lambda q, a: a)
    me.create_service(DescribeBody, "simulator/describe_body", lambda q, a: a)
    node = corner.up(PrefrontalNode)
    plan, reviewed = r.Plan(None, (CUPBOARD,)), []
    node.region.begin = lambda *_: plan
    node.region.review = lambda _, percepts, recall: (reviewed.append(percepts.outcome), plan)[1]
    senders = {k: me.create_publisher(kind, k, SAMPLES) for k, kind in
               (("percepts", Percepts), ("events", Event), ("records", RecordBatch))}  # fmt: skip
    asking = corner.later(ActionClient(me, RunInstruction, "run_instruction"))
    corner.until(asking.server_is_ready)
    asking.send_goal_async(RunInstruction.Goal(instruction="Tidy up.", session="s"))
    outcomes = [r.Outcome(f"s#{n}", r.OutcomeCode.SUCCEEDED) for n in range(2)]

    for number, step in enumerate((FRIDGE, CUPBOARD)):
        result = r.StepResult(step, outcomes[number])
        senders["percepts"].publish(to_percepts(r.Percepts(sequence=number, stamp_ns=NOW), "s"))
        senders["events"].publish(to_step_event(result, "s", number, NOW))
        senders["records"].publish(RecordBatch(session="s", observation_sequence=number))

    corner.until(lambda: len(reviewed) == 2)
    assert reviewed == [None, outcomes[1]]
