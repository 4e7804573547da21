# SPDX-License-Identifier: Apache-2.0
"""Power cuts: a run is killed in its middle, and what it had acknowledged is there when the store is opened again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from memory.lifelong import LifelongMemory
from memory.query import FOREVER_NS
from memory.records import PREDICATES, Record, Relation

ROOT = Path(__file__).parents[2]

# The run itself, with every receipt printed after the store gave it; what follows the last whole line was not said.
CHILD = """
import json, sys
from memory.draft import Draft

commit = Draft.commit

def acknowledge(draft, key=""):
    receipt = commit(draft, key)
    if receipt is not None:
        told = {"from": receipt.first_sequence, "to": receipt.last_sequence, "at_ns": receipt.recorded_ns, "key": key}
        print(json.dumps(told), flush=True)
    return receipt

Draft.commit = acknowledge

from pathlib import Path
from sim.runner import RunConfig, make_suite, play_run

config = RunConfig(mode="embodied", episodes=40, seed=int(sys.argv[3]), store=sys.argv[1], continue_=True)
play_run(config, make_suite(config), Path(sys.argv[2]), lambda *_: None)
"""


def killed_run(url: str, out: Path, seed: int, after: int) -> list[dict[str, int]]:
    """Receipts of a run that was killed once it had given so many; those still in the pipe are read after its death."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(out), str(seed)], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert child.stdout is not None
    with child:
        said = [child.stdout.readline() for _ in range(after)]
        child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()
    assert child.returncode == -signal.SIGKILL
    return [json.loads(line) for line in said if line.endswith("\n")]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_run_that_is_killed_keeps_every_acknowledged_record_and_goes_on(tmp_path):
    url = f"sqlite:///{tmp_path}/robot.db"
    acknowledged: list[dict[str, int]] = []
    for number, after in enumerate((1, 23, 90, 57)):
        acknowledged += killed_run(url, tmp_path / f"run-{number}", number, after)
        with LifelongMemory.open(url, continue_=True) as memory:
            log = list(memory.backend.changes())
            memory.backend.maintain("verify")
        by_sequence = {record.sequence: record for record in log}
        assert list(by_sequence) == list(range(1, len(log) + 1))
        for sequence, recorded_ns in promised(acknowledged).items():
            assert by_sequence[sequence].recorded_ns == recorded_ns
        assert list(impossible(log)) == []


def promised(receipts: Iterable[dict[str, int]]) -> dict[int, int]:
    """Sequence -> recorded_ns of every acknowledged record; a step of counts alone names the last one before it."""
    stamps: dict[int, int] = {}
    for receipt in receipts:
        for sequence in range(receipt["from"], receipt["to"] + 1):
            stamps.setdefault(sequence, receipt["at_ns"])
    return stamps


def impossible(log: Iterable[Record]) -> Iterator[str]:
    """Whatever cannot be the history of one world, in words."""
    versions: dict[tuple[str, str], list[Record]] = defaultdict(list)
    timelines: dict[tuple[str, str, str], list[Relation]] = defaultdict(list)
    stamp_ns = 0
    for record in log:
        if record.recorded_ns < stamp_ns:
            yield f"{record.id}: recorded at {record.recorded_ns}, after {stamp_ns}"
        if record.retired_ns is not None and record.retired_ns < record.recorded_ns:
            yield f"{record.id}: retired at {record.retired_ns}, before it was recorded"
        stamp_ns = record.recorded_ns
        versions[record.robot, record.id].append(record)
        if isinstance(record, Relation) and record.retired_ns is None and PREDICATES[record.predicate].functional:
            timelines[record.robot, record.subject, record.predicate].append(record)
    for (_, record_id), history in versions.items():
        if [v.version for v in history] != list(range(1, len(history) + 1)):
            yield f"{record_id}: versions {[v.version for v in history]}"
        if sum(v.retired_ns is None and v.valid_to_ns is None for v in history) > 1:
            yield f"{record_id}: two versions hold now"
        if all(v.retired_ns is not None for v in history):
            yield f"{record_id}: every version was retired, and none took its place"
    for names, facts in timelines.items():
        seen = sorted((f.valid_from_ns, f.valid_to_ns or FOREVER_NS) for f in facts if f.source == "seen")
        if any(ends > begins for (_, ends), (begins, _) in pairwise(seen)):
            yield f"{names}: two sightings hold at once"
