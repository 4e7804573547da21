# SPDX-License-Identifier: Apache-2.0
"""The prefrontal cortex as a node: action `run_instruction` in, `plan` out; it frames every episode.

Neighbours: instruction.py plays one episode in a thread of its own; thalamus, cerebellum and hippocampus send what
belongs to each observation; the hippocampus answers `~/recall`.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any

from neuraxis_interfaces.action import RunInstruction
from neuraxis_interfaces.msg import Event, Percepts, Plan, RecordBatch, TickAction
from neuraxis_interfaces.srv import BeginEpisode, DescribeBody, EndEpisode, Recall
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from std_msgs.msg import Bool

from brain_nodes.config import PrefrontalConfig
from brain_nodes.prefrontal.grounding import Grounding
from brain_nodes.prefrontal.prefrontal import Prefrontal
from brain_nodes.prefrontal.symbolic_planner import SymbolicPlanner
from brain_nodes.ros import parameters, spinning
from brain_nodes.ros.instruction import Instruction
from brain_nodes.ros.lifecycle_node import LATCHED, RegionNode
from brain_nodes.ros.samples import KEPT, Samples
from brain_nodes.ros.settings import TalkSettings

REGIONS = ("thalamus", "hippocampus", "cerebellum")


class PrefrontalNode(RegionNode):
    """Words in, plans out.

    Attributes:
        talk: How long others are waited for.
        stopped: Is the stop latched?
        closing: Is the node being taken down? Then nothing is waited for.
        answered: Session and number of the newest action that passed the brainstem.
    """

    configs = (PrefrontalConfig, TalkSettings)

    def __init__(self, **options: Any) -> None:
        super().__init__("prefrontal", **options)
        self.closing = self._playing = False
        self._changed = threading.Condition()
        self._episode: Instruction | None = None
        self._thread: threading.Thread | None = None
        self._results: dict[bytes, Any] = {}

    def open(self) -> None:
        """Load the grounding, make the region."""
        config = parameters.read(self, PrefrontalConfig)
        self.talk = parameters.read(self, TalkSettings)
        self.region = Prefrontal(config, SymbolicPlanner(config.search_nodes), Grounding.load())
        self.stopped = self.closing = self._playing = False
        self.answered = ("", -1)
        self._samples = Samples(("percepts", "events", "records"))
        self._newest: dict[str, Any] = {}
        self._recent: dict[int, Any] = {}  # percepts by number, the last few
        self.plans = self.say(Plan, "plan", LATCHED)
        for part, kind in (("percepts", Percepts), ("events", Event), ("records", RecordBatch)):
            self.hear(kind, part, partial(self._take, part))
        self.hear(TickAction, "action", self._note_action)
        self.hear(Bool, "stopped", self._note_stop, LATCHED)
        self.body = self.client(DescribeBody, f"{self.talk.body}/describe_body")
        self.recall = self.client(Recall, "hippocampus/recall")
        self.begins = [self.client(BeginEpisode, f"{name}/begin_episode") for name in REGIONS]
        self.ends = [self.client(EndEpisode, f"{name}/end_episode") for name in REGIONS]
        server = ActionServer(
            self, RunInstruction, "run_instruction", execute_callback=self._finished, goal_callback=self._asked,
            handle_accepted_callback=self._accepted, cancel_callback=self._cancelled,
        )  # fmt: skip
        self.keep(lambda s: s.destroy(), server)

    def close(self) -> None:
        """End the running episode."""
        episode, thread = self._episode, self._thread
        self.closing = True
        if episode is not None:
            episode.cancel("CANCELLED")
        if thread is not None:
            self.wake()
            thread.join(timeout=2.0)

    def end(self) -> None:
        """The process ends."""
        self.close()

    # ---- the action

    def _asked(self, goal: Any) -> GoalResponse:
        busy = self._playing
        if busy or not self.active or not goal.instruction.strip():
            why = "an episode is running" if busy else "not active" if not self.active else "the instruction is empty"
            self.get_logger().warning(f"run_instruction refused: {why}")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _accepted(self, goal: Any) -> None:
        """Play the episode in a thread; the goal is executed, that is answered, when it has ended.

        An executor's thread must not wait, and a coroutine that waits keeps this executor from sleeping.
        """
        self._episode, self._playing = Instruction(self, goal), True
        self._thread = threading.Thread(target=self._live, args=(self._episode, goal), daemon=True)
        self._thread.start()

    def _live(self, episode: Instruction, goal: Any) -> None:
        try:
            episode.live()
            self._results[bytes(goal.goal_id.uuid)] = episode.result
            self._playing = False
            if not self.closing:
                goal.execute()
        except Exception:
            if not self.closing:  # else the node is being taken down under it
                raise

    def _finished(self, goal: Any) -> Any:
        if goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.succeed()
        return self._results.pop(bytes(goal.goal_id.uuid))

    def _cancelled(self, goal: Any) -> CancelResponse:
        if self._episode is not None:
            self._episode.cancel("CANCELLED")
        self.wake()
        return CancelResponse.ACCEPT

    # ---- what arrives

    def _take(self, part: str, message: Any) -> None:
        if part == "records" and not message.session:
            return  # it answers no observation
        with self._changed:
            self._samples.add(part, message.session, message.sequence if part != "records" else
                              message.observation_sequence, message)  # fmt: skip
            if part != "events" or message.has_result:
                self._newest[part] = message
            if part == "percepts":
                self._recent[message.sequence] = message
                while len(self._recent) > KEPT:
                    del self._recent[next(iter(self._recent))]
            self._changed.notify_all()

    def _note_action(self, message: Any) -> None:
        with self._changed:
            self.answered = (message.session, message.sequence)
            self._changed.notify_all()

    def _note_stop(self, message: Any) -> None:
        self.stopped = message.data

    def wake(self) -> None:
        """Let whoever waits look again."""
        with self._changed:
            self._changed.notify_all()

    # ---- for the episode's thread

    def wait_for(self, ready: Any, deadline_s: float) -> Any:
        """Wait until `ready()` gives something; None once the deadline has passed."""
        end_s = time.monotonic() + deadline_s
        with self._changed:
            while not (found := ready()):
                left_s = end_s - time.monotonic()
                if left_s <= 0 or self.closing:
                    return None
                self._changed.wait(min(left_s, 0.5))
            return found

    def first_percepts(self, session: str) -> Any:
        """Percepts an episode can begin with: of the session itself in lockstep, else the newest."""
        if self.settings.lockstep:
            return self._samples.peek("percepts", session)
        return self._newest.get("percepts")

    def next_sample(self, session: str) -> Any:
        """What belongs to the next observation; free-running, to the newest one that was encoded."""
        if self.settings.lockstep:
            return self._samples.take(session)
        records = self._newest.pop("records", None)
        if records is None:
            return None
        number = records.observation_sequence
        percepts = self._recent.get(number, self._newest.get("percepts"))
        event = self._newest.get("events")
        if event is not None and event.sequence <= number:  # it is in the scene by now
            del self._newest["events"]
            return {"percepts": percepts, "events": event, "records": records}
        return {"percepts": percepts, "events": None, "records": records}

    def forget(self, session: str) -> None:
        """An episode is over."""
        with self._changed:
            self._samples.forget(session)


def main() -> int:
    """Executable `prefrontal`."""
    return spinning.run([PrefrontalNode])


if __name__ == "__main__":
    raise SystemExit(main())
