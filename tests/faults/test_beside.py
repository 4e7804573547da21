# SPDX-License-Identifier: Apache-2.0
"""Other processes beside the one that writes: readers are never behind and never fail, writers take turns."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from memory import vectors
from memory.backends import sqlite
from memory.backends.sqlite import SqliteBackend
from memory.query import Query
from memory.records import Record
from memory.testing import exported
from tests.faults.living import StepClock, steps

ROOT = Path(__file__).parents[2]

READER = """
import hashlib, json, select, sys
from memory.backends.sqlite import SqliteBackend
from memory.query import Query
from memory.testing import exported
from tests.faults.writer import quicken

quicken()
store = SqliteBackend(sys.argv[1], lambda: 1, read_only=True)
print("reads", flush=True)
vector, polls = None, 0
while True:
    polls += 1  # twenty questions a second, whatever the writer does
    store.find(Query(any_text="said mug", limit=5)), store.find(Query(near_m=(0.0, 0.0, 0.0), limit=5))
    if vector:
        store.find(Query(vector=vector, encoder="sample@1", limit=5))
    if not select.select([sys.stdin], [], [], 0.05)[0]:
        continue
    line = sys.stdin.readline()
    if not line:
        break
    vector = bytes.fromhex(line)
    found = store.find(Query(vector=vector, encoder="sample@1", limit=3))
    told = {
        "ids": [record.id for record in found.records], "complete": found.complete, "polls": polls,
        "unindexed": store.sizes().unindexed, "log": hashlib.sha256(exported(store).encode()).hexdigest(),
    }
    print(json.dumps(told), flush=True)
store.close()
print("closed", flush=True)
"""

WRITER = """
import random, sys, threading
from dataclasses import replace
from memory.backend import Batch
from memory.backends.sqlite import SqliteBackend
from memory.errors import StoreUnavailable
from memory.samples import ENCODER, ContractClock, mug, sample_vector
from tests.faults.writer import quicken

path, name, count, each = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
quicken()
refused = 0
def opened():
    global refused
    while True:
        try:
            return SqliteBackend(path, ContractClock())
        except StoreUnavailable as error:
            refused += 1
            if "held by another writer" not in str(error):
                raise
            if count == each:
                print(error, flush=True)
                sys.stdin.readline()
            threading.Event().wait(0.005)
for start in range(0, count, each):
    store = opened()
    if count == each:
        print("holds it", flush=True)
        sys.stdin.readline()
    for n in range(start, start + each):
        store.write(Batch(records=(replace(mug(f"{name}-{n}"), embedding=sample_vector(random.Random(f"{name}-{n}")),
                                           encoder=ENCODER),)))
    store.close()
print("done", refused, flush=True)
"""


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def answer(process: subprocess.Popen[str], line: str) -> str:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline()


def ended(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    last = process.stdout.read()
    process.stdout.close()
    assert process.wait() == 0
    return last


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteBackend]:
    monkeypatch.setattr(vectors, "INDEX_FROM", 16)
    monkeypatch.setattr(sqlite, "_IDLE_AFTER_S", 0.0)
    opened = SqliteBackend(tmp_path / "robot.db", StepClock())
    yield opened
    opened.close()


def test_two_readers_know_every_acknowledged_step_at_their_next_question(store, tmp_path):
    """Beside twenty questions a second of each: what was written is there, what was forgotten is not, none fails."""
    readers = [child(READER, tmp_path / "robot.db")]
    newest, gone, asked, mapped = None, dict[str, bytes](), 0, 0
    known: dict[str, Record] = {}
    assert readers[0].stdout.readline() == "reads\n"
    for step in islice(steps(11), 150):
        if step.number == 75:
            readers.append(child(READER, tmp_path / "robot.db"))  # which takes up what the writer has saved
            assert readers[1].stdout.readline() == "reads\n"
        step.run(store)
        if step.verb == "write":
            newest = step.batch.records[-1]
            known |= {record.id: record for record in step.batch.records}
        gone |= {one: known[one].embedding for one in step.ids}
        if step.number % 5 and step.verb != "forget":
            continue
        log = hashlib.sha256(exported(store).encode()).hexdigest()
        for vector, one in ((newest.embedding, newest.id), *((gone[one], one) for one in step.ids)):
            for reader in readers:
                told = json.loads(answer(reader, vector.hex()))
                assert told["complete"] and told["log"] == log
                assert (one in told["ids"]) == (one not in gone)
                asked, mapped = asked + 1, mapped + (told["unindexed"] < store.counts().vectors)
    assert [ended(reader) for reader in readers] == ["closed\n", "closed\n"]
    assert gone and asked > 50 and mapped > 0


def test_one_of_five_writers_holds_the_store_and_the_others_are_told_who(tmp_path):
    """Row 80: each inserts 200 when it is its turn, and all thousand are there."""
    path = tmp_path / "robot.db"
    five = [child(WRITER, path, name, 200, 200) for name in "abcde"]
    first = [writer.stdout.readline() for writer in five]
    holder = five.pop(first.index("holds it\n"))
    refusals = [line for line in first if line != "holds it\n"]
    assert len(refusals) == 4 and all(f"held by another writer: pid {holder.pid} on " in line for line in refusals)
    reader = SqliteBackend(path, StepClock(), read_only=True)
    assert answer(holder, "go") == "done 0\n"
    ended(holder)
    for writer in five:
        assert answer(writer, "try again") == "holds it\n"
        assert answer(writer, "go") == "done 1\n"
        ended(writer)
    assert_thousand(reader)


def test_five_writers_that_take_turns_lose_nothing(tmp_path):
    """Row 80: fifty sessions in any order, each opens the store, writes twenty and closes it."""
    path = tmp_path / "robot.db"
    SqliteBackend(path, StepClock()).close()
    reader = SqliteBackend(path, StepClock(), read_only=True)
    five = [child(WRITER, path, name, 200, 20) for name in "abcde"]
    assert all(ended(writer).startswith("done") for writer in five)
    assert_thousand(reader)


def assert_thousand(reader: SqliteBackend) -> None:
    log = list(reader.changes())
    assert [record.sequence for record in log] == list(range(1, 1001))
    assert {record.id for record in log} == {f"{name}-{n}" for name in "abcde" for n in range(200)}
    reader.maintain("verify")
    for record in log[::20]:
        found = reader.find(Query(vector=record.embedding, encoder=record.encoder, limit=1))
        assert found.records == (record,)
    reader.close()
