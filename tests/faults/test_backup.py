# SPDX-License-Identifier: Apache-2.0
"""A copy of a store that is made while it is written to: whole, of one moment, and nobody else's."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from memory.backend import Batch
from memory.backends.room import Limits
from memory.backends.sqlite import SqliteBackend
from memory.embedding import pack
from memory.errors import StoreUnavailable
from memory.query import Query
from memory.records import Event, Record
from memory.samples import ENCODER, START_NS, ContractClock, mug
from memory.testing import exported


@pytest.fixture
def path(tmp_path):
    return tmp_path / "robot.db"


def opened(path: Path) -> SqliteBackend:
    return SqliteBackend(path, ContractClock(), limits=Limits(reserve_bytes=0))


def said(name: str, size: int) -> Event:
    return Event(id=name, valid_from_ns=START_NS, name="said", text="x" * size)


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def writing(store: SqliteBackend, enough: threading.Event, acknowledged: list[int]) -> None:
    while not enough.is_set():
        acknowledged.append(store.write(Batch(records=(said(f"n{len(acknowledged)}", 2000),))).last_sequence)


def test_a_backup_beside_a_writer_is_a_whole_beginning_of_the_log(path, tmp_path):
    store = opened(path)
    store.write(Batch(records=tuple(said(f"old{n}", 2000) for n in range(9000))))  # more than one portion of the copy
    acknowledged, enough = [0], threading.Event()
    writer = threading.Thread(target=writing, args=(store, enough, acknowledged))
    writer.start()
    copies = []
    for number in range(3):
        before = acknowledged[-1]
        store.maintain("verify")  # a moving store is not a wrong one
        store.maintain("backup", str(tmp_path / f"copy-{number}.db"))
        copies.append((number, before))
    enough.set()
    writer.join()
    log = list(store.changes())
    for number, before in copies:
        copy = opened(tmp_path / f"copy-{number}.db")
        copy.maintain("verify")
        held = list(copy.changes())
        assert before <= len(held) < len(log) and held == log[: len(held)]
        copy.close()
    store.close()


def test_a_backup_in_the_place_of_another_store_takes_nothing_from_it(path, tmp_path):
    """A log or an index left there would be taken for the copy's own."""
    store, target = opened(path), tmp_path / "copy.db"
    store.write(Batch(records=(vectored("a", 1.0),)))
    other = opened(target)
    other.write(Batch(records=(vectored("z", -1.0), said("z2", 100_000))))
    log = log_of(target).read_bytes()
    with pytest.raises(StoreUnavailable, match="held by another writer"):
        store.maintain("backup", str(target))
    other.maintain("rebuild")
    other.close()
    log_of(target).write_bytes(log)  # as after a kill
    store.maintain("backup", str(target))
    copy = opened(target)
    assert exported(copy) == exported(store)
    assert copy.find(Query(vector=pack([1.0, 0.0]), encoder=ENCODER, limit=1)).cosines == (1.0,)
    copy.close()
    with pytest.raises(StoreUnavailable, match="to itself"):
        store.maintain("backup", str(path))
    assert [file.name for file in tmp_path.iterdir() if ".partial" in file.name] == []
    store.close()


def test_a_backup_that_fails_leaves_no_half_of_it(path, tmp_path, monkeypatch):
    store = opened(path)
    store.write(Batch(records=(mug(),)))
    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(StoreUnavailable, match="cannot back up store"):
        store.maintain("backup", str(tmp_path / "copy.db"))
    assert [file.name for file in tmp_path.iterdir() if "copy" in file.name and not file.name.endswith(".lock")] == []
    store.close()


def vectored(name: str, x: float) -> Record:
    return replace(mug(name), embedding=pack([x, 0.0]), encoder=ENCODER)


def fails(*_: object) -> None:
    raise OSError(28, "No space left on device")
