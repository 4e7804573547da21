# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, read-only or partly lost, and a log that a reader keeps from being emptied."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from memory.backend import Batch
from memory.backends.room import Limits
from memory.backends.sqlite import SqliteBackend
from memory.embedding import pack
from memory.errors import NeuraxisError, RejectedInput, StoreCorrupt, StoreUnavailable
from memory.query import Query
from memory.records import Event, Tally
from memory.samples import ENCODER, START_NS, ContractClock, mug, retirement
from memory.testing import exported

ROOT = Path(__file__).parents[2]
MB = 1 << 20
Disk = namedtuple("Disk", "f_bavail f_frsize")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "robot.db"


def opened(path: Path, **limits: int) -> SqliteBackend:
    return SqliteBackend(path, ContractClock(), limits=Limits(**{"reserve_bytes": 0, **limits}))


def said(name: str, size: int = 100_000) -> Event:
    return Event(id=name, valid_from_ns=START_NS, name="said", text="x" * size)


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def filled(store: SqliteBackend, *, emptying: bool) -> None:
    """Write until it is refused."""
    for n in range(100_000):
        store.write(Batch(records=(said(f"n{n}", 20_000),)))
        if emptying:
            store.maintain("checkpoint")


def log_held_by_a_reader(path: Path, volume: int, caplog: pytest.LogCaptureFixture) -> None:
    """Row 82: a dashboard keeps its transaction open over so many bytes of writes."""
    limit = volume // 4
    store = opened(path, log_bytes=limit)
    store.write(Batch(records=(said("first"),)))
    dashboard = sqlite3.connect(path, isolation_level=None)
    dashboard.execute("BEGIN")
    dashboard.execute("SELECT count(*) FROM records").fetchone()
    with caplog.at_level(logging.WARNING):
        for n in range(volume // 100_000):
            store.write(Batch(records=(said(f"n{n}"),)))
    assert log_of(path).stat().st_size > volume // 2
    warned = [told for told in caplog.messages if "write-ahead log" in told]
    assert 1 < len(warned) <= 4  # at 80, 90, 95 and 100 %, unless one write passes two; not at every write
    assert "once its readers let go" in store.maintain("checkpoint")
    dashboard.close()
    assert "holds every" in store.maintain("checkpoint")
    assert log_of(path).stat().st_size == 0
    assert store.counts().records == 1 + volume // 100_000
    store.close()


def test_a_log_that_a_reader_holds_is_warned_of_and_emptied_once_it_lets_go(path, caplog):
    """Row 82."""
    log_held_by_a_reader(path, 8 * MB, caplog)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_log_of_a_gigabyte_that_a_reader_holds_is_emptied_once_it_lets_go(path, caplog):
    """Row 82."""
    log_held_by_a_reader(path, 1024 * MB, caplog)


def test_a_log_that_grew_is_cut_by_itself_when_its_reader_has_gone(path):
    """Row 82: nobody has to call for a checkpoint."""
    store = opened(path)
    store.write(Batch(records=(said("first"),)))
    dashboard = sqlite3.connect(path, isolation_level=None)
    dashboard.execute("BEGIN")
    dashboard.execute("SELECT count(*) FROM records").fetchone()
    store.write(Batch(records=tuple(said(f"n{n}") for n in range(300))))
    assert log_of(path).stat().st_size > 30_000_000
    dashboard.close()
    for n in range(3):
        store.write(Batch(records=(mug(f"m{n}"),)))
    assert log_of(path).stat().st_size <= 16 * MB
    store.close()


def test_a_log_that_a_reader_holds_counts_towards_the_limit_of_the_store(path):
    """Row 82: a dashboard left open costs a refusal in the end, never the disk."""
    store = opened(path, max_bytes=4 * MB)
    store.write(Batch(records=(mug("m1"),)))
    dashboard = sqlite3.connect(path, isolation_level=None)
    dashboard.execute("BEGIN")
    dashboard.execute("SELECT count(*) FROM records").fetchone()
    with pytest.raises(StoreUnavailable, match=f"bytes of the {4 * MB} it may"):
        filled(store, emptying=False)
    assert log_of(path).stat().st_size < 5 * MB
    dashboard.close()
    store.maintain("checkpoint")
    store.write(Batch(records=(mug("after"),)))
    store.close()


def test_a_nearly_full_disk_takes_no_write_in_and_everything_else_goes_on(path, monkeypatch, caplog):
    """Row 83."""
    free = [200 * MB]
    monkeypatch.setattr(os, "statvfs", lambda _: Disk(free[0] // 4096, 4096))
    store = opened(path, reserve_bytes=64 * MB)
    written = store.write(Batch(records=(mug("a"), mug("secret")), key="k"))
    free[0] = 100 * MB
    store.write(Batch(records=(mug("b"),)))
    assert "reserve on the disk" in caplog.text  # told of before the wall
    free[0] = 10 * MB
    before = exported(store)
    for refused in (
        lambda: store.write(Batch(records=(mug("c"),))),
        lambda: store.embed("robot", ENCODER, {("a", 1): pack([1.0])}),
    ):
        with pytest.raises(StoreUnavailable, match=f"{10 * MB} bytes are free .* {64 * MB} are needed"):
            refused()
    assert exported(store) == before
    assert [one.id for one in store.find(Query(text="mug")).records] == ["a", "secret", "b"]
    assert store.write(Batch(records=(mug("a"), mug("secret")), key="k")) == written  # what was acknowledged stays so
    assert store.forget("robot", ("secret",)) == 1  # the reserve is for this
    free[0] = 200 * MB
    assert store.write(Batch(records=(mug("c"),))).last_sequence == 4
    store.close()


def test_the_size_a_store_may_have_is_warned_of_and_then_kept(path, caplog):
    store = opened(path, max_bytes=3 * MB)
    with pytest.raises(StoreUnavailable, match=r"robot.db takes in nothing new: it has \d+ bytes of the 3145728"):
        filled(store, emptying=True)
    n = store.counts().records
    assert 1 < sum("its size is at" in told for told in caplog.messages) <= 4
    assert path.stat().st_size < 3.2 * MB
    assert n > 20
    store.forget("robot", tuple(f"n{k}" for k in range(n // 2)))
    store.write(Batch(records=(said("after"),)))  # what was forgotten made room
    store.close()


def mounted(tmp_path: Path, script: str) -> list[str]:
    """Run Python on a file system of 20 MB that only the child sees; skips where mounting is not allowed."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("needs unshare -rm, for a small file system of its own")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = 'mount -t tmpfs -o size=20m tmpfs "$1" && exec "$2" -c "$3" "$1"'
    child = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, "sh", str(disk), sys.executable, script], cwd=ROOT, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return child.stdout.splitlines()


FILLS = """
import sys
from pathlib import Path
from memory.backend import Batch
from memory.backends.room import Limits
from memory.backends.sqlite import SqliteBackend
from memory.errors import StoreUnavailable
from memory.query import Query
from memory.records import Event
from memory.samples import START_NS, ContractClock
from memory.testing import exported

disk = Path(sys.argv[1])
(disk / "other").write_bytes(bytes(8 << 20))
acknowledged, refused = [], []
def fill(store, since):
    for n in range(since, since + 2000):
        try:
            store.write(Batch(records=(Event(id=f"e{n}", valid_from_ns=START_NS, name="said", text="x" * 5000),)))
            acknowledged.append(f"e{n}")
        except StoreUnavailable as error:
            refused.append(str(error))
            return
for number, reserve in enumerate((4 << 20, 0)):
    store = SqliteBackend(disk / f"{number}.db", ContractClock(), limits=Limits(reserve_bytes=reserve))
    acknowledged.clear()
    fill(store, 0)
    first = len(acknowledged)
    assert first > 10
    assert [r.id for r in store.changes()] == acknowledged
    assert len(store.find(Query(kinds=("event",))).records) == first
    (disk / "other").unlink()
    fill(store, 5000)
    assert len(acknowledged) > first + 100, len(acknowledged)
    store.close()
    store = SqliteBackend(disk / f"{number}.db", ContractClock(), limits=Limits(reserve_bytes=0))
    assert [r.id for r in store.changes()] == acknowledged
    store.maintain("verify")
    store.close()
    (disk / f"{number}.db").unlink()
    (disk / "other").write_bytes(bytes(8 << 20))
print(refused[0])
print(refused[2])
"""


def test_a_disk_that_fills_up_loses_nothing_acknowledged_and_is_written_to_again(tmp_path):
    """Row 83, on a real file system of 20 MB: with a reserve the wall is never touched, without one it is survived."""
    early, late = mounted(tmp_path, FILLS)
    assert "bytes are free on its disk, 4194304 are needed as a reserve" in early
    assert "full" in late or "disk I/O error" in late


SAVES = """
import os, resource, signal, sys
from pathlib import Path
from memory import vectors
from memory.backends.sqlite import SqliteBackend
from memory.errors import StoreUnavailable
from memory.samples import ContractClock
from memory.testing import exported

vectors.INDEX_FROM = 16
path = Path(sys.argv[1])
store = SqliteBackend(path, ContractClock())
held = exported(store)
store.maintain("rebuild")
store.maintain("checkpoint")  # of the rows nothing is left to write
(file,) = path.with_name("robot.db.vectors").glob("*.usearch")
size, refused = file.stat().st_size, 0
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
index = store._vector_index()
for limit in (0, 64, size // 2, size - 4000, size - 1):
    for part in index._partitions.values():
        part.dirty = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        store.maintain("checkpoint")
    except StoreUnavailable:
        refused += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    reader = SqliteBackend(path, ContractClock(), read_only=True)
    assert exported(reader) == held and reader.sizes().unindexed == 0, limit  # the index saved before is whole
    reader.close()
store.maintain("checkpoint")
store.close()
print(refused)
"""


def test_an_index_that_finds_no_room_leaves_the_one_that_was_saved_before(path):
    """Row 83: the library says nothing when the last bytes of a file are lost; the size of the file does."""
    store = opened(path)
    vectors = [pack([float(n), 1.0 + n % 7, -1.0]) for n in range(3000)]
    records = (replace(mug(f"m{n}"), embedding=vector, encoder=ENCODER) for n, vector in enumerate(vectors))
    store.write(Batch(records=tuple(records)))
    store.close()
    child = subprocess.run(
        [sys.executable, "-c", SAVES, path], cwd=ROOT, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout == "5\n"


STANDS = """
import os, subprocess, sys
from pathlib import Path
from memory.backend import Batch
from memory.backends.room import Limits
from memory.backends.sqlite import SqliteBackend
from memory.errors import StoreError
from memory.samples import ContractClock, mug
from memory.testing import exported

disk = Path(sys.argv[1])
def remount(how):
    subprocess.run(["mount", "-o", f"remount,{how}", "tmpfs", disk], check=True)
written = {}
for name in ("closed", "killed"):
    store = SqliteBackend(disk / f"{name}.db", ContractClock(), limits=Limits(reserve_bytes=0))
    store.write(Batch(records=(mug("a"), mug("b"))))
    written[name] = exported(store)
    if name == "closed":
        store.close()
    else:
        for ending in ("", "-wal"):
            Path(disk / f"copy.db{ending}").write_bytes((disk / f"killed.db{ending}").read_bytes())
        store.close()
remount("ro")
reader = SqliteBackend(disk / "closed.db", ContractClock(), read_only=True)
print(exported(reader) == written["closed"], reader.sizes().rows_bytes > 0)
reader.close()
for name, read_only in (("closed", False), ("copy", True)):
    try:
        held = SqliteBackend(disk / f"{name}.db", ContractClock(), read_only=read_only)
        print(exported(held) == written["killed"])
    except StoreError as error:
        print(type(error).__name__, error)
"""


def test_a_read_only_disk_is_read_from_and_refused_for_writing_by_name(tmp_path):
    whole, writing, unfinished = mounted(tmp_path, STANDS)
    assert whole == "True True"
    assert writing.startswith("StoreUnavailable") and "Read-only file system" in writing and "closed.db" in writing
    assert unfinished == "True" or unfinished.startswith("StoreUnavailable cannot"), unfinished


def test_rows_that_are_gone_are_a_loss_and_not_an_empty_store(path):
    """Row 85: the file was deleted, its log or its index was not; nothing of that is touched."""
    store = opened(path)
    store.write(Batch(records=(replace(mug(), embedding=pack([1.0, 0.0]), encoder=ENCODER),)))
    log = log_of(path).read_bytes()
    assert log
    path.unlink()
    store.close()
    log_of(path).write_bytes(log)
    with pytest.raises(StoreCorrupt, match=r"rows of store .*robot.db are gone, but .*robot.db-wal of it is there"):
        opened(path)
    assert log_of(path).read_bytes() == log
    log_of(path).unlink()
    index = path.with_name("robot.db.vectors")
    index.mkdir(exist_ok=True)
    (index / "manifest.json").write_text("{}")
    with pytest.raises(StoreCorrupt, match=r"manifest.json of it is there"):
        opened(path)
    shutil.rmtree(index)
    opened(path).close()


@pytest.mark.parametrize("part", ["vectors", "tallies", "receipts", "last", "spaces"])
def test_a_part_that_cannot_be_written_fails_the_whole(path, part):
    """Row 85: success is never reported for half of a batch."""
    store = opened(path)
    old = replace(mug("old"), embedding=pack([1.0, 0.0]), encoder=ENCODER)
    store.write(Batch(records=(old,), tallies=(Tally("old", "robot", START_NS),), key="first"))
    before = exported(store)
    vandal = sqlite3.connect(path)
    event = "UPDATE" if part in ("last", "spaces") else "INSERT"
    vandal.execute(f"CREATE TRIGGER no BEFORE {event} ON {part} BEGIN SELECT RAISE(ABORT, 'no room in {part}'); END")
    vandal.commit()
    new = replace(old, id="new")
    batch = Batch(records=(new,), retire=(retirement(old),), tallies=(Tally("new", "robot", START_NS),), key="second")
    with pytest.raises((RejectedInput, StoreUnavailable), match=f"no room in {part}"):
        store.write(batch)
    assert exported(store) == before
    assert [r.id for r in store.find(Query(vector=pack([1.0, 0.0]), encoder=ENCODER)).records] == ["old"]
    vandal.execute("DROP TRIGGER no")
    vandal.commit()
    vandal.close()
    assert store.write(batch).last_sequence == 2
    assert store.find(Query(text="mug")).records[0].id == "new"
    store.close()


def test_what_is_forgotten_beside_a_reader_that_holds_the_log_is_gone_and_the_rest_is_told(path, caplog):
    store = opened(path)
    store.write(Batch(records=(mug("secret"), mug("kept"))))
    dashboard = sqlite3.connect(path, isolation_level=None)
    dashboard.execute("BEGIN")
    dashboard.execute("SELECT count(*) FROM records").fetchone()
    assert store.forget("robot", ("secret",)) == 1
    assert "may hold what was forgotten until the next checkpoint" in caplog.text
    dashboard.close()
    store.maintain("checkpoint")
    assert [file for file in path.parent.glob("robot.db*") if file.is_file() and b"secret" in file.read_bytes()] == []
    store.close()


def fails(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_every_trouble_of_the_disk_is_an_error_of_ours(path, monkeypatch):
    store = opened(path)
    store.write(Batch(records=(mug(),)))
    monkeypatch.setattr(os, "statvfs", fails)
    refusing = SqliteBackend(path.with_name("second.db"), ContractClock())
    with pytest.raises(NeuraxisError, match="No space left"):
        refusing.write(Batch(records=(mug(),)))
    refusing.close()
    store.close()
