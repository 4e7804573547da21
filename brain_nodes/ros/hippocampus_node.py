# SPDX-License-Identifier: Apache-2.0
"""The hippocampus as a node: `percepts` and `events` in, `records` out; `~/recall` answers for all memories.

Neighbours: thalamus and cerebellum send, the prefrontal node asks; the store is opened here and nowhere else.
Rules of the file: in lockstep the store's clock is the stamp of the newest observation, so a replay is equal byte for
byte; a sample is answered on `records` once it is committed.
"""

from __future__ import annotations

import time
from typing import Any

from neuraxis_interfaces.msg import Event, Percepts
from neuraxis_interfaces.srv import BeginEpisode, Changes, EndEpisode, Explain, Forget, Recall, Remember

from brain_nodes.brain import of_own_call
from brain_nodes.config import HippocampusConfig
from brain_nodes.hippocampus.hippocampus import Hippocampus
from brain_nodes.ros import parameters, spinning
from brain_nodes.ros.conversions import from_percepts, from_skill, from_time
from brain_nodes.ros.lifecycle_node import RegionNode
from brain_nodes.ros.log_services import answer_changes, answer_explain, answer_forget, answer_remember
from brain_nodes.ros.log_topic import LogTopic
from brain_nodes.ros.memory_conversions import RecordWriter, from_cue, from_record, from_step_event, to_recall
from brain_nodes.ros.samples import Newest, Samples
from brain_nodes.ros.settings import StoreSettings
from memory.encoders import load_encoder
from memory.errors import RejectedInput, StoreError
from memory.lifelong import LifelongMemory
from memory.records import Episode, Place, Status
from memory.rest import Rested

REST_SLICE_S = 0.05  # of making vectors, while no instruction runs: whoever comes in waits no longer
LOOK_AGAIN_S = 60.0  # at a store that has not changed since rest was done with it: time alone lets more be summarised


class StampClock:
    """The store's clock: the newest stamp heard of; free-running, the wall clock."""

    def __init__(self, lockstep: bool) -> None:
        self.lockstep = lockstep
        self.now_ns = 1

    def __call__(self) -> int:
        """Now, ns since the epoch."""
        return self.now_ns if self.lockstep else time.time_ns()

    def at_least(self, stamp_ns: int) -> None:
        """Go on to this stamp, never back."""
        self.now_ns = max(self.now_ns, stamp_ns)


class HippocampusNode(RegionNode):
    """Encode and recall."""

    configs = (HippocampusConfig, StoreSettings)

    def __init__(self, **options: Any) -> None:
        super().__init__("hippocampus", **options)
        self.memory: LifelongMemory | None = None

    def open(self) -> None:
        """Open the store, make the region."""
        told, config = parameters.read(self, StoreSettings), parameters.read(self, HippocampusConfig)
        self._stamps = StampClock(self.settings.lockstep)
        if told.memories:
            self.memory = LifelongMemory.open(
                told.store, robot=told.robot, memories=told.memories, clock=self._stamps, continue_=told.continue_,
                encoder=load_encoder(config.encoder),
            )  # fmt: skip
        self.region = Hippocampus(config, self.memory, told.robot)
        self._write = RecordWriter()
        self._begun: Any = None
        self._ended: Any = None
        self._sequence = 0
        self._newest = Newest()
        self._samples = Samples(("percepts", "events"))
        self._log = LogTopic(self)
        if self.memory is not None:
            self.memory.follow(self._log.note)
        self.hear(Percepts, "percepts", lambda message: self._take("percepts", message))
        self.hear(Event, "events", lambda message: self._take("events", message))
        self.serve(Recall, "~/recall", self._recall)
        self.serve(Changes, "~/changes", lambda q, a: answer_changes(self.memory, q, a))
        self.serve(Remember, "~/remember", self._remember)
        self.serve(Forget, "~/forget", self._forget)
        self.serve(Explain, "~/explain", lambda q, a: answer_explain(self.memory, q, a))
        self.serve(BeginEpisode, "~/begin_episode", self._begin)
        self.serve(EndEpisode, "~/end_episode", self._end)
        self._rested: tuple[int, float] = (-1, 0.0)  # log and time at which there was nothing left to do
        if not self.settings.lockstep:
            self.every(told.rest_period_s, self._rest_freely)

    def close(self) -> None:
        """Let go of the store; what was acknowledged is in it."""
        memory, self.memory = self.memory, None
        if memory is not None:
            memory.close()

    def end(self) -> None:
        """The process ends."""
        self.close()

    def _begin(self, request: Any, response: Any) -> None:
        if self._begun is None or self._begun.session != request.session:
            if not request.session or self._begun is not None:
                running = self._begun.session if self._begun else ""
                raise RejectedInput(f"cannot begin {request.session!r}: episode {running!r} is running")
            percepts = from_percepts(request.percepts)
            places = tuple(p for p in map(from_record, request.places) if isinstance(p, Place))
            self._stamps.at_least(percepts.stamp_ns)
            self.region.begin(request.session, percepts, tuple(map(from_skill, request.skills)), places)
            self._begun, self._newest = request, Newest()
            self._log.tell(percepts.stamp_ns)
        response.applied_sequence = self._applied()
        self._encode()

    def _end(self, request: Any, response: Any) -> None:
        if self._begun is None or self._begun.session != request.session:
            if self._ended is None or self._ended != request.session:
                raise RejectedInput(f"cannot end {request.session!r}: it is not the running episode")
        else:
            self._keep_episode(request)
        self._samples.forget(request.session)
        has_episodes = self.memory is not None and self.memory.episodic is not None
        response.episode_id = request.session if has_episodes else ""
        response.applied_sequence = self._applied()

    def _keep_episode(self, request: Any) -> None:
        begun, stamp_ns = self._begun, from_time(request.stamp)
        episode = Episode(
            id=request.session, robot=self.region.robot, instruction=begun.instruction,
            valid_from_ns=from_time(begun.percepts.header.stamp), valid_to_ns=stamp_ns, map_id=begun.percepts.map_id,
            goal=request.goal, steps=tuple(request.steps), reason=request.reason, succeeded=request.succeeded,
        )  # fmt: skip
        self._stamps.at_least(stamp_ns)
        self.region.end(stamp_ns, episode, tuple(request.wanted), tuple(request.rested_on))
        self._begun, self._ended = None, request.session
        if self.settings.lockstep:
            try:
                self._rest(stamp_ns)
            except StoreError as error:  # the episode is kept all the same
                self.report(error, "rest")
        self._log.tell(stamp_ns)

    def _rest_freely(self) -> None:
        """A part of rest, while nobody waits for the memory."""
        if self._begun is not None or not self.active:
            return
        log, looked_s = self._rested
        if log == self._applied() and time.monotonic() - looked_s < LOOK_AGAIN_S:
            return
        now_ns = self._stamps()
        rested = self._rest(now_ns, REST_SLICE_S)
        self._log.tell(now_ns)
        if rested is None or rested.done:
            self._rested = (self._applied(), time.monotonic())

    def _rest(self, now_ns: int, deadline_s: float | None = None) -> Rested | None:
        rested: Rested | None = self.region.rest(now_ns, deadline_s)
        if rested is not None:
            self.tell("rested" if rested.done else "rests: there is more to do", rested.said())
        return rested

    def _take(self, part: str, message: Any) -> None:
        if not self.settings.lockstep:
            self._take_freely(part, message)
            return
        self._samples.add(part, message.session, message.sequence, message)
        self._encode()

    def _encode(self) -> None:
        """Every complete sample of this episode, in order."""
        while self._begun is not None and (sample := self._samples.take(self._begun.session)) is not None:
            self._encode_one(sample["percepts"], sample["events"])

    def _take_freely(self, part: str, message: Any) -> None:
        """Percepts with the step result of the same observation, as far as both come."""
        if self._begun is None:
            return
        if part == "events":
            self._newest.add_result(message.sequence, message if message.has_result else None)
        else:
            self._newest.add_percepts(message.sequence, message)
        while (found := self._newest.take()) is not None:
            self._encode_one(found[1], found[2])

    def _encode_one(self, percepts_message: Any, event: Any) -> None:
        result = from_step_event(event) if event is not None else None
        percepts = of_own_call(from_percepts(percepts_message), result)
        self._stamps.at_least(percepts.stamp_ns)
        self.region.encode(percepts, result)
        self._sequence = percepts.sequence
        self._log.answer(percepts.stamp_ns, self._begun.session, self._sequence, self._applied())

    def _remember(self, request: Any, response: Any) -> None:
        now_ns = self._stamps()
        answer_remember(self.memory, now_ns, request, response)
        self._log.tell(now_ns)

    def _forget(self, request: Any, response: Any) -> None:
        erased = answer_forget(self.memory, request, response)
        if erased and self.memory is not None:
            self.region.forget(erased)
            self._write = RecordWriter()  # keeps what it wrote
            self._log.forget(self._stamps(), erased, self.memory.backend)

    def _recall(self, request: Any, response: Any) -> None:
        response.status = Status.FAILED.value
        cue = from_cue(request)
        to_recall(self.region.recall(cue, request.as_of_valid_ns), response, self._write)
        if cue.k == 0 and cue.map_id == self.region.known.map_id:
            response.sighted = list(self.region.known.seen_ns)
        response.applied_sequence = self._applied()
        response.session = self._begun.session if self._begun is not None else ""
        response.observation_sequence = self._sequence

    def _applied(self) -> int:
        return self.memory.backend.last_sequence() if self.memory is not None else 0


def main() -> int:
    """Executable `hippocampus`."""
    return spinning.run([HippocampusNode])


if __name__ == "__main__":
    raise SystemExit(main())
