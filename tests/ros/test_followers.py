# SPDX-License-Identifier: Apache-2.0
"""Whoever listens to `records`, from the start or after `~/changes`, writes the same export as the hippocampus."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")

from neuraxis_interfaces.msg import Event, Percepts, RecordBatch
from neuraxis_interfaces.srv import BeginEpisode, Changes, EndEpisode, Forget, Remember

from brain_nodes.ros.conversions import to_percepts, to_time
from brain_nodes.ros.hippocampus_node import HippocampusNode
from brain_nodes.ros.lifecycle_node import SAMPLES
from brain_nodes.ros.memory_conversions import from_batch, from_record, from_tally, to_step_event
from memory import records as r
from memory.backend import Backend
from memory.backends.in_memory import InMemoryBackend
from memory.geometry import Pose
from memory.serialization import export

pytestmark = pytest.mark.ros

NOW = 1_767_258_000_000_000_000


def spelled(backend: Backend) -> str:
    """The export of a store."""
    out = io.StringIO()
    export(backend, out)
    return out.getvalue()


class Life:
    """A hippocampus that sees a mug being moved about."""

    def __init__(self, corner: Any, **told: Any) -> None:
        self.corner = corner
        self.node = corner.up(HippocampusNode, **told)
        self.number = 0
        self.answers: list[Any] = corner.hear(RecordBatch, "records", SAMPLES)
        self.percepts = corner.me.create_publisher(Percepts, "percepts", SAMPLES)
        self.events = corner.me.create_publisher(Event, "events", SAMPLES)
        percepts = to_percepts(r.Percepts(sequence=0, stamp_ns=NOW), "s")
        begin = BeginEpisode.Request(session="s", percepts=percepts, lockstep=True)
        assert corner.call(BeginEpisode, "hippocampus/begin_episode", begin).error_code == 0

    def go_on(self, steps: int = 4, thing: str = "mug-1") -> None:
        """So many observations, each with a step: the thing is put into the fridge, onto the table, and so on."""
        for _ in range(steps):
            number, stamp_ns = self.number, NOW + self.number + 1
            mug = r.Percept(stamp_ns=stamp_ns, label="Mug", position_m=(2.0 - number % 2, 1.0, 0.5))
            seen = r.Percepts(sequence=number, stamp_ns=stamp_ns, seen=(mug,), map_from_camera=Pose())
            put = r.Step("put", expects=(r.Literal("inside", (thing, ("fridge-1", "table-1")[number % 2])),))
            result = r.StepResult(put, r.Outcome(f"s#{number}", r.OutcomeCode.SUCCEEDED))
            self.percepts.publish(to_percepts(seen, "s"))
            self.events.publish(to_step_event(result, "s", number, stamp_ns))
            self.number += 1
            self.corner.until(
                lambda number=number: number in [b.observation_sequence for b in self.answers if b.session]
            )

    def tell(self, subject: str, place: str) -> None:
        """What somebody says."""
        request = Remember.Request(subject=subject, predicate="usually_in", object=place)
        assert self.corner.call(Remember, "hippocampus/remember", request).error_code == 0

    def forget(self, person: str) -> None:
        """Both calls."""
        request = Forget.Request(person=person)
        request.token = self.corner.call(Forget, "hippocampus/forget", request).token
        assert self.corner.call(Forget, "hippocampus/forget", request).erased

    def end(self) -> None:
        """The episode is kept."""
        end = EndEpisode.Request(session="s", stamp=to_time(NOW + 1000), reason="LIMIT", wanted=["Mug"])
        assert self.corner.call(EndEpisode, "hippocampus/end_episode", end).error_code == 0


class Follower:
    """A store that knows of the hippocampus's only what it is sent."""

    def __init__(self, corner: Any) -> None:
        self.corner = corner
        self.now_ns = 0
        self.number = 0
        self.store = InMemoryBackend(lambda: self.now_ns)
        self.heard: list[Any] = corner.hear(RecordBatch, "records", SAMPLES)

    def catch_up(self, limit: int = 1000, between: Callable[[], None] = lambda: None) -> None:
        """Ask for what is missing, page by page; something happens between two pages."""
        known = {(one.id, one.version): one for one in self.store.changes()}
        since, since_ns, more = self.store.last_sequence(), self.now_ns, True
        while more:
            request = Changes.Request(since=since, since_ns=since_ns, limit=limit)
            page = self.corner.call(Changes, "hippocampus/changes", request)
            for one in map(from_record, page.records):
                known[one.id, one.version] = one
                since = one.sequence
            more = page.more
            if more:
                between()
        for gone in page.retired:
            known[gone.id, gone.version] = replace(known[gone.id, gone.version], retired_ns=gone.retired_ns)
        self.store = InMemoryBackend(lambda: self.now_ns)
        self.store.restore([*known.values(), *map(from_tally, page.tallies)])
        self.now_ns = max((max(one.recorded_ns, one.retired_ns or 0) for one in known.values()), default=0)

    def listen(self) -> bool:
        """Apply what has arrived; False if a batch is missing."""
        while self.heard:
            message = self.heard.pop(0)
            gap, self.number = bool(self.number) and message.number != self.number + 1, message.number
            if gap or message.first_sequence > self.store.last_sequence() + 1:
                return False
            if message.recorded_ns <= self.now_ns:
                continue
            self.now_ns = message.recorded_ns
            if message.forgotten:
                self.store.forget("robot", tuple(message.forgotten))
            elif batch := from_batch(message):
                assert self.store.write(batch).last_sequence == message.last_sequence
        return True

    def follows(self, life: Life) -> None:
        """Wait until it holds the same."""
        self.corner.until(lambda: self.listen() and spelled(self.store) == spelled(life.node.memory.backend))


@pytest.mark.parametrize("store", ["memory://", "sqlite:///{folder}/memory.sqlite3"])
def test_a_follower_that_only_listens_writes_the_same_export(corner: Any, tmp_path: Any, store: str) -> None:
    follower = Follower(corner)
    life = Life(corner, store=store.format(folder=tmp_path))
    for happens in (life.go_on, lambda: life.tell("mug", "kitchen"), life.go_on, lambda: life.tell("ada", "office"),
                    lambda: life.forget("ada"), life.go_on, lambda: life.tell("mug", "office"), life.end):  # fmt: skip
        happens()
        follower.follows(life)

    written = list(follower.store.changes())
    assert {one.kind for one in written} >= {"instance", "relation", "episode"}
    assert {getattr(one, "predicate", "") for one in written if one.retired_ns} >= {"inside"}
    assert any(b.forgotten for b in life.answers)
    assert follower.store.tallies("robot")


def test_a_follower_that_comes_late_reads_the_log_and_then_listens(corner: Any) -> None:
    life = Life(corner)
    life.go_on(1, "mug-2")
    life.go_on()
    follower = Follower(corner)

    follower.catch_up(limit=4, between=lambda: life.go_on(1, "mug-2") if life.number == 5 else None)
    follower.follows(life)
    life.go_on()
    life.end()
    follower.follows(life)


def test_a_follower_that_missed_a_batch_notices_and_catches_up(corner: Any) -> None:
    follower = Follower(corner)
    life = Life(corner)
    life.go_on()
    follower.follows(life)
    life.go_on(2)
    corner.until(lambda: len(follower.heard) == 2)
    del follower.heard[0]

    assert not follower.listen()
    follower.catch_up()
    follower.follows(life)


def test_every_observation_is_answered_by_one_batch_also_when_nothing_is_kept(corner: Any) -> None:
    follower = Follower(corner)
    life = Life(corner, memories=[""])
    life.go_on(3)

    corner.until(lambda: len(follower.heard) == 3)
    assert [(b.session, b.observation_sequence, b.number) for b in follower.heard] == [
        ("s", n, n + 1) for n in range(3)
    ]
    assert {(b.first_sequence, b.last_sequence, b.recorded_ns) for b in follower.heard} == {(0, 0, 0)}
