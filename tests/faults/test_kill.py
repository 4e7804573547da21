# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any point: the store holds what it acknowledged, at most one step more, and nothing by halves."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from memory.backend import digest_of
from memory.backends.in_memory import InMemoryBackend
from memory.backends.sqlite import SqliteBackend
from memory.errors import RejectedInput
from memory.testing import exported
from tests.faults.living import Step, StepClock, lost, steps

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")


class Lives:
    """Where lives are started and ended; one process that forks them."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.writer"], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._heard = b""

    def killed(self, path: Path, seed: int, first: int, after: int, further_s: float) -> list[str]:
        """A life from its first step on, killed after so many answers and a moment; the answers it acknowledged."""
        self._begin(path, seed, first, "", 0)
        pid = int(self._lines(1)[0].split()[1])
        while self._heard.count(b"\n") < after:
            self._hear(60.0)
        end_s = time.monotonic() + further_s
        while (left_s := end_s - time.monotonic()) > 0:
            self._hear(left_s)
        os.kill(pid, signal.SIGKILL)
        return self._acknowledged()

    def died(self, path: Path, seed: int, first: int, point: str, passes: int) -> list[str]:
        """A life that kills itself at a point of the code; the answers it acknowledged."""
        self._begin(path, seed, first, point, passes)
        return self._acknowledged()

    def end(self) -> None:
        assert self._parent.stdin is not None and self._parent.stdout is not None
        self._parent.stdin.close()
        self._parent.wait()
        self._parent.stdout.close()

    def _begin(self, path: Path, seed: int, first: int, point: str, passes: int) -> None:
        assert self._parent.stdin is not None
        self._parent.stdin.write(json.dumps([str(path), seed, first, point, passes]).encode() + b"\n")
        self._parent.stdin.flush()

    def _acknowledged(self) -> list[str]:
        said: list[str] = []
        while said[-1:] != ["dead"]:
            said += self._lines(1)
        return [line.split(" ", 2)[2] for line in said if line.startswith("ack ")]

    def _lines(self, count: int) -> list[str]:
        while self._heard.count(b"\n") < count:
            self._hear(60.0)
        *lines, self._heard = self._heard.split(b"\n", count)
        return [line.decode() for line in lines]

    def _hear(self, within_s: float) -> None:
        assert self._parent.stdout is not None
        if select.select([self._parent.stdout], [], [], within_s)[0]:
            heard = os.read(self._parent.stdout.fileno(), 1 << 16)
            assert heard, "the writing process ended by itself"
            self._heard += heard


class Witness:
    """What one store must hold: the specification, given every step that was acknowledged."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self.seed = seed
        self.clock = StepClock()
        self.model = InMemoryBackend(self.clock)
        self.next = 0
        self.landed = 0
        self.indexed = 0
        self._life = steps(seed)

    def judge(self, answers: list[str]) -> None:
        """Compare the reopened store with what was acknowledged, and the step that was under way."""
        for said in answers:
            assert repr(self._step().run(self.model)) == said
        store = SqliteBackend(self.path, self.clock)
        try:
            before = exported(self.model)
            if exported(store) != before or store.audits() != self.model.audits():
                under_way = self._step()
                answer = under_way.run(self.model)
                self.landed += 1
                assert exported(store) == exported(self.model)
                self._retry(store, under_way, answer)
            self._recall(store)
        finally:
            store.close()

    def _step(self) -> Step:
        step = next(self._life)
        assert step.number == self.next
        self.clock.number, self.next = step.number, step.number + 1
        return step

    def _retry(self, store: SqliteBackend, step: Step, answer: object) -> None:
        """Row 76: whoever heard no answer asks again, and nothing is there twice."""
        if step.verb == "write" and not step.batch.key:
            with pytest.raises(RejectedInput):
                step.run(store)
        elif step.verb == "write":
            assert step.run(store) == answer
        assert exported(store) == exported(self.model)

    def _recall(self, store: SqliteBackend) -> None:
        store.maintain("verify")
        assert store.audits() == self.model.audits()
        assert store.counts() == self.model.counts()
        believed = [record for record in self.model.changes() if record.retired_ns is None]
        some = [*believed[-10:], *random.Random(self.next).sample(believed, min(15, len(believed)))]
        assert [way for record in some for way in lost(store, record)] == []
        self.indexed += store.sizes().unindexed < store.counts().vectors


@pytest.fixture
def lives() -> Iterator[Lives]:
    started = Lives()
    yield started
    started.end()


def kill_at_random(lives: Lives, folder: Path, stores: int, kills: int) -> list[Witness]:
    """Kill each store's writer so often."""
    witnesses = []
    for number in range(stores):
        rng, witness = random.Random(number), Witness(folder / f"{number}.db", number)
        for _ in range(kills):
            after, further_s = rng.randint(0, 14), 0.01 * rng.random()
            witness.judge(lives.killed(witness.path, number, witness.next, after, further_s))
        witnesses.append(witness)
    return witnesses


def test_an_acknowledged_step_survives_fifty_kills(lives, tmp_path):
    """Rows 76 and 77: writes, retirements, tallies, keys, vectors, forgetting, checkpoints and index files."""
    witnesses = kill_at_random(lives, tmp_path, stores=10, kills=5)
    assert sum(witness.indexed for witness in witnesses) > 5  # openings that took up an index from its file


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_an_acknowledged_step_survives_a_thousand_kills(lives, tmp_path):
    """Rows 76 and 77, as above."""
    witnesses = kill_at_random(lives, tmp_path, stores=100, kills=10)
    assert (
        sum(witness.landed for witness in witnesses) > 0
    )  # else no kill ever fell between a commit and its acknowledgement


@pytest.mark.parametrize(("point", "passes"), [("committed", 8), ("saving", 14), ("saved", 2)])
def test_a_death_between_rows_and_index_loses_neither(lives, tmp_path, point, passes):
    """Row 77, 51 times: rows without their index, its files by halves, an index just saved and rows that never were."""
    rng = random.Random(point)
    for number in range(3):
        witness = Witness(tmp_path / f"{number}.db", 100 + number)
        witness.judge(lives.died(witness.path, witness.seed, witness.next, "committed", 25))  # enough for an index
        for _ in range(5 if number else 6):
            before = witness.landed
            witness.judge(lives.died(witness.path, witness.seed, witness.next, point, rng.randint(0, passes)))
            assert point == "saving" or witness.landed - before == (point == "committed")
        assert witness.indexed or point == "committed"


def test_what_was_forgotten_before_a_death_is_in_no_file_afterwards(lives, tmp_path):
    path = tmp_path / "robot.db"
    answers = lives.died(path, 3, 0, "forgotten", 0)
    (forgotten,) = next(step.ids for step in islice(steps(3), len(answers), None) if step.verb == "forget")
    assert list(tmp_path.glob("*.vectors/*")) == []
    store = SqliteBackend(path, StepClock())
    assert [audit.digest for audit in store.audits()] == [digest_of("robot", forgotten)]
    word = forgotten[1:].replace("-", "x").encode()
    for name in (f'"{forgotten}"'.encode(), b"word" + word):
        assert [file for file in tmp_path.iterdir() if file.is_file() and name in file.read_bytes()] == []
    store.close()


def test_a_life_without_a_death_is_the_specification(tmp_path):
    """What the judge relies on: the same steps give the same bytes."""
    clock = StepClock()
    store, model = SqliteBackend(tmp_path / "robot.db", clock), InMemoryBackend(clock)
    for step in islice(steps(7), 150):
        clock.number = step.number
        assert step.run(store) == step.run(model), step
    assert exported(store) == exported(model)
    store.close()
