# SPDX-License-Identifier: Apache-2.0
"""One goal at somebody else's action server, from asking to its certain end.

Neighbours: navigation.py, arm.py and forwarding.py say what to ask and how to judge the answer (an Errand);
robot_body_node.py ticks the goal.
Rules of the file: no wait, only looks at what has arrived; every wait of the caller has an end; a goal that was given
up is cancelled again and again until the server confirms it or is gone, and until then `gone` is False: something may
still move.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any, Protocol

from action_msgs.msg import GoalStatus
from action_msgs.srv import CancelGoal
from rclpy.action import ActionClient
from unique_identifier_msgs.msg import UUID

from brain_nodes.errors import ExecutionError
from memory.records import OutcomeCode

LOST_S = 0.5  # a server not seen for so long is gone; discovery may blink for less
RECANCEL_S = 0.5
_NOTHING_RUNS = (CancelGoal.Response.ERROR_UNKNOWN_GOAL_ID, CancelGoal.Response.ERROR_GOAL_TERMINATED)


@dataclass(frozen=True, slots=True)
class Ending:
    """What the brain is told of a call: the outcome, and the error code of RunSkill."""

    code: OutcomeCode
    reason: str = ""
    error_code: int = 0


def failed(reason: str) -> Ending:
    """The server could not be reached, or was lost."""
    return Ending(OutcomeCode.FAILED, reason, ExecutionError.code)


class Errand(Protocol):
    """What is asked of a server, and what its words mean.

    Attributes:
        progress: Done so far, in [0, 1]; -1 if nobody can tell.
        text: What it is doing, for people.
    """

    progress: float
    text: str

    def request(self) -> Any:
        """The goal's message."""
        ...

    def watch(self, feedback: Any, running_s: float) -> Ending | None:
        """Looked at in every tick, with the newest feedback if there is one; an ending gives the goal up."""
        ...

    def judge(self, status: int, result: Any) -> Ending:
        """What the server's result means."""
        ...


class Server:
    """An action server of the robot, seen from here.

    The client that cancels lives as long as the node: a cleanup cancels what runs, and the answer must find somebody.

    Args:
        node: With `keep`, and a table `cancel_clients`.
        kind: Its action.
        name: Its name, as in `ros2 action list`, relative to the node's namespace.
    """

    def __init__(self, node: Any, kind: Any, name: str) -> None:
        self.name = name
        self.client = node.keep(lambda c: c.destroy(), ActionClient(node, kind, name))
        self.cancels = node.cancel_clients.get(name) or node.create_client(CancelGoal, f"{name}/_action/cancel_goal")
        node.cancel_clients[name] = self.cancels


class RemoteGoal:
    """One goal there.

    Attributes:
        ending: What became of it; None while it runs.
        gone: True once the server certainly does nothing for it any more.
        heard: Has feedback come since the last tick before this one?
    """

    def __init__(
        self, server: Server, errand: Errand, now_s: float, answer_deadline_s: float, cancel_deadline_s: float
    ) -> None:
        self.server, self.errand = server, errand
        self.ending: Ending | None = None
        self.gone = self.heard = False
        self._answer_by_s, self._patience_s = now_s + answer_deadline_s, cancel_deadline_s
        self._began_s = self._seen_s = now_s
        self._leaving: Ending | None = None
        self._leave_by_s = self._cancelled_s = 0.0
        self._feedback: Any = None
        self._accepted: Any = None
        self._result: Any = None
        self._cancel: Any = None
        if not server.client.server_is_ready():
            self._end(failed(f"no server answers {server.name}"), gone=True)
            return
        self._id = UUID(uuid=list(uuid.uuid4().bytes))
        self._answer = server.client.send_goal_async(errand.request(), self._note, self._id)

    def cancel(self, ending: Ending, now_s: float) -> None:
        """Give it up; it ends with this once the server has confirmed or had its time. The last ending counts."""
        if self._leaving is None:
            self._leave_by_s = now_s + self._patience_s
            self._ask_to_cancel(now_s)
        self._leaving = ending

    def tick(self, now_s: float) -> None:
        """Look at what has arrived."""
        if self.gone:
            return
        self._look(now_s)
        if not self.gone and self._leaving is None:
            self._watch(now_s)
        if not self.gone and self._leaving is not None:
            self._leave(now_s, self._leaving)

    def _note(self, message: Any) -> None:
        self._feedback = message.feedback

    def _look(self, now_s: float) -> None:
        if self._accepted is None and self._answer.done():
            self._accepted = self._answer.result()
            if not self._accepted.accepted:
                refused = Ending(OutcomeCode.REFUSED, f"{self.server.name} refused the goal", ExecutionError.code)
                self._end(self._leaving or refused, gone=True)
                return
            self._result = self._accepted.get_result_async()
        if self._result is not None and self._result.done():
            answer = self._result.result()
            self._end(self._leaving or self._judged(answer), gone=True)
            return
        if self.server.client.server_is_ready():
            self._seen_s = now_s
        elif now_s - self._seen_s > LOST_S:
            self._end(self._leaving or failed(f"{self.server.name} is gone"), gone=True)

    def _judged(self, answer: Any) -> Ending:
        if answer.status not in (GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_ABORTED, GoalStatus.STATUS_CANCELED):
            return failed(f"{self.server.name} no longer knows the goal")  # it was started anew
        if answer.status == GoalStatus.STATUS_CANCELED:
            return failed(f"{self.server.name} was cancelled by somebody else")
        return self.errand.judge(answer.status, answer.result)

    def _watch(self, now_s: float) -> None:
        if self._accepted is None:
            if now_s > self._answer_by_s:
                unknown = failed(f"UNKNOWN: {self.server.name} neither accepted nor refused in time")
                self.cancel(unknown, now_s)
                self.ending = unknown
            return
        feedback, self._feedback = self._feedback, None
        self.heard = feedback is not None
        given_up = self.errand.watch(feedback, now_s - self._began_s)
        if given_up is not None:
            self.cancel(given_up, now_s)

    def _leave(self, now_s: float, leaving: Ending) -> None:
        if self._cancel is not None and self._cancel.done():
            code = self._cancel.result().return_code
            lost_answer = self._accepted is None and code == CancelGoal.Response.ERROR_NONE
            if code in _NOTHING_RUNS or lost_answer:
                self._answer.add_done_callback(_cancel_if_accepted)  # for an answer later still
                self._end(leaving, gone=True)
                return
        if now_s - self._cancelled_s > RECANCEL_S:
            self._ask_to_cancel(now_s)
        if self.ending is None and now_s > self._leave_by_s:
            why = f"{leaving.reason}; " if leaving.reason else ""
            self.ending = replace(leaving, reason=f"{why}{self.server.name} has not confirmed the cancel")

    def _ask_to_cancel(self, now_s: float) -> None:
        self._cancelled_s = now_s
        request = CancelGoal.Request()
        request.goal_info.goal_id = self._id
        if self._cancel is not None:
            self.server.cancels.remove_pending_request(self._cancel)
        self._cancel = self.server.cancels.call_async(request)

    def _end(self, ending: Ending, *, gone: bool) -> None:
        self.gone = gone
        self.ending = self.ending or ending


def _cancel_if_accepted(answer: Any) -> None:
    goal = answer.result()
    if goal is not None and goal.accepted:
        goal.cancel_goal_async()
