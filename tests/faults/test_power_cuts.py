# SPDX-License-Identifier: Apache-2.0
"""The power goes: of a recorded life only what was synced is sure to be there, and that is every acknowledged step."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pytest

from memory.backends.in_memory import InMemoryBackend
from memory.backends.sqlite import SqliteBackend
from memory.backends.sqlite_schema import FORMAT
from memory.errors import StoreError
from memory.records import Record
from memory.testing import exported
from tests.faults import disk
from tests.faults.living import StepClock, lost, steps

ROOT = Path(__file__).parents[2]
STEPS = 90

LIFE = """
import os, sys
from tests.faults.writer import live, quicken
path, seed, last, *pragmas = sys.argv[1:]
acks = os.open(path + ".acks", os.O_WRONLY | os.O_CREAT)
quicken()
live(path, int(seed), lambda number, answer: os.write(acks, b"."), last=int(last), pragmas=pragmas)
"""


MIGRATES = """
import os, sys
from memory.backend import Batch
from memory.backends.sqlite import SqliteBackend
from memory.samples import mug
acks = os.open(sys.argv[1] + ".acks", os.O_WRONLY | os.O_CREAT)
store = SqliteBackend(sys.argv[1], lambda: 1)
os.write(acks, b".")
store.write(Batch(records=(mug("after"),)))
os.write(acks, b".")
store.close()
"""


@dataclass(frozen=True)
class Recorded:
    """A life under the recorder, and what the store had to hold after each of its steps."""

    folder: Path
    events: list[disk.Event]
    exports: list[str]
    believed: list[list[Record]]
    before: Mapping[str, bytes] = field(default_factory=dict)


@pytest.fixture(scope="session")
def recorder(tmp_path_factory):
    """The library that records, built once."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not sys.platform.startswith("linux") or compiler is None:
        pytest.skip("power cuts are recorded by a C library: needs Linux and a C compiler (cc)")
    built = tmp_path_factory.mktemp("recorder") / "recorder.so"
    source = Path(__file__).with_name("recorder.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", built, source, "-ldl", "-lpthread"], check=True)
    return built


@pytest.fixture
def recorded(recorder, tmp_path):
    """Record a life of this seed with these settings of SQLite."""

    def record(seed: int, *pragmas: str, count: int = STEPS) -> Recorded:
        folder, log = tmp_path / f"recorded-{seed}", tmp_path / f"log-{seed}"
        folder.mkdir()
        watched = {"LD_PRELOAD": str(recorder), "NX_FOLDER": str(folder), "NX_LOG": str(log)}
        told = [str(folder / "robot.db"), str(seed), str(count), "wal_autocheckpoint = 60", *pragmas]
        played(LIFE, told, watched)
        return Recorded(folder, list(disk.events(log.read_bytes())), *specified(seed, count))

    return record


def played(code: str, told: list[str], watched: dict[str, str]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **watched}
    subprocess.run([sys.executable, "-c", code, *told], cwd=ROOT, check=True, env=environment)


def specified(seed: int, count: int) -> tuple[list[str], list[list[Record]]]:
    clock = StepClock()
    model = InMemoryBackend(clock)
    exports, believed = [exported(model)], [list[Record]()]
    for step in islice(steps(seed), count):
        clock.number = step.number
        step.run(model)
        exports.append(exported(model))
        believed.append([record for record in model.changes() if record.retired_ns is None])
    return exports, believed


def cut(life: Recorded, cuts: int, folder: Path, rng: random.Random) -> list[str]:
    """Cut the power so often; what was found wrong, in words."""
    points = Counter(rng.choices(range(len(life.events) + 1), k=cuts))
    played, acknowledged, wrong = disk.Disk(life.before), 0, []
    for number, event in enumerate([*life.events, None]):
        for nth in range(points[number]):
            how = rng.choice(disk.CUTS)
            left = folder / f"cut-{number}-{nth}"
            disk.write_out(played.cut(rng, how), life.folder, left, without=(".acks", "-shm", ".lock"))
            wrong += [f"{how} at {number}: {why}" for why in missing(left / "robot.db", life, acknowledged, rng)]
            shutil.rmtree(left)
        if event is not None and event.name.endswith(".acks"):
            acknowledged += event.op == "w"
        elif event is not None:
            played.play(event)
    assert acknowledged == len(life.exports) - 1
    return wrong


def missing(path: Path, life: Recorded, acknowledged: int, rng: random.Random) -> list[str]:
    """What an opened store lacks of what was acknowledged; it may hold one step more."""
    try:
        store = SqliteBackend(path, StepClock())
    except StoreError as error:
        return [str(error)]
    try:
        held = exported(store)
        may_be = life.exports[acknowledged : acknowledged + 2]
        if held not in may_be:
            return [f"holds {len(held.splitlines())} lines, not {len(may_be[0].splitlines())} ({acknowledged} steps)"]
        store.maintain("verify")
        believed = life.believed[acknowledged + may_be.index(held)]
        some = rng.sample(believed, min(3, len(believed)))
        return [way for record in some for way in lost(store, record)]
    except StoreError as error:
        return [str(error)]
    finally:
        store.close()


def test_an_acknowledged_step_survives_two_hundred_power_cuts(recorded, tmp_path):
    life = recorded(1)
    assert cut(life, 200, tmp_path / "cuts", random.Random(1)) == []


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [2, 3, 4, 5, 6])
def test_an_acknowledged_step_survives_a_thousand_power_cuts_of_longer_lives(recorded, tmp_path, seed):
    life = recorded(seed, count=200)
    assert cut(life, 200, tmp_path / "cuts", random.Random(seed)) == []


@pytest.mark.parametrize("setting", ["NORMAL", "OFF"])
def test_power_cuts_show_a_store_that_does_not_wait_for_the_disk(recorded, tmp_path, setting):
    """The same life with a weaker setting loses what it acknowledged, so the cuts above can see a loss."""
    life = recorded(1, f"synchronous = {setting}")
    assert len(cut(life, 20, tmp_path / "cuts", random.Random(1))) >= 5


@pytest.mark.parametrize("number", range(1, FORMAT))
def test_a_store_of_an_older_format_survives_a_power_cut_while_it_is_migrated(number, recorder, tmp_path):
    folder, old = tmp_path / "recorded", ROOT / f"tests/golden/format_{number}.sqlite3"
    folder.mkdir()
    path, log = folder / "robot.db", tmp_path / "log"
    shutil.copy(old, path)
    played(MIGRATES, [str(path)], {"LD_PRELOAD": str(recorder), "NX_FOLDER": str(folder), "NX_LOG": str(log)})
    whole = SqliteBackend(path, StepClock())
    after, lines = exported(whole), exported(whole).splitlines(keepends=True)
    before = "".join(line for line in lines if '"id":"after"' not in line.replace(" ", ""))
    whole.close()
    assert len(before.splitlines()) == len(lines) - 1
    exports, believed = [before, before, after], [list[Record]() for _ in range(3)]
    life = Recorded(folder, list(disk.events(log.read_bytes())), exports, believed, {str(path): old.read_bytes()})
    assert cut(life, 100, tmp_path / "cuts", random.Random(1)) == []


def test_the_recorder_sees_every_kind_of_file(recorded):
    """Rows, their log and the index's files with their manifest: each is written, synced, and named by its folder."""
    seen = {(event.op, event.name.rpartition("/")[2]) for event in recorded(1).events}
    assert {("s", "robot.db"), ("s", "robot.db-wal"), ("d", "recorded-1")} <= seen
    assert {("s", "1.partial"), ("r", "1.partial"), ("r", "manifest.json.partial")} <= seen
