# SPDX-License-Identifier: Apache-2.0
"""Stores of earlier formats are read whole, and a newer one is refused."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from memory.backend import Batch
from memory.backends import sqlite_schema as schema
from memory.backends.in_memory import InMemoryBackend
from memory.backends.sqlite import SqliteBackend
from memory.backends.sqlite_schema import FORMAT
from memory.errors import StoreTooNew, StoreUnavailable
from memory.query import Query
from memory.samples import ContractClock, mug
from memory.serialization import load
from memory.testing import exported

GOLDEN = Path(__file__).parents[1] / "golden"
EARLIER = range(1, FORMAT)


def copy_of(number, tmp_path):
    return Path(shutil.copy(GOLDEN / f"format_{number}.sqlite3", tmp_path / "store.db"))


def export_of(number):
    model = InMemoryBackend(ContractClock())
    load((GOLDEN / f"format_{number}.jsonl").read_text(encoding="utf-8").splitlines(), model)
    return exported(model)


def format_of(path):
    with sqlite3.connect(path) as sql:
        return sql.execute("PRAGMA user_version").fetchone()[0]


def schema_of(path):
    with sqlite3.connect(path) as sql:
        return set(sql.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"))


@pytest.mark.parametrize("number", EARLIER)
def test_an_earlier_store_is_migrated_whole_and_kept_beside(number, tmp_path):
    path = copy_of(number, tmp_path)
    store = SqliteBackend(path, ContractClock())
    assert exported(store) == export_of(number)
    assert len(store.audits()) == 3
    assert store.write(Batch(records=(mug("else"),), key="step-9")).last_sequence == store.last_sequence()
    assert "else" not in store.get("robot", ("else",))  # the key was committed before the migration
    assert store.find(Query(text="mug")).records
    assert "verified" in store.maintain("verify")
    store.close()
    assert (format_of(path), format_of(f"{path}.format-{number}")) == (FORMAT, number)


def test_a_migration_that_is_cut_off_leaves_the_old_store(tmp_path, monkeypatch):
    path = copy_of(1, tmp_path)

    def cut_off(source, target):
        if str(target) == str(path):
            raise KeyboardInterrupt
        return replaced(source, target)

    replaced = os.replace
    monkeypatch.setattr(os, "replace", cut_off)
    with pytest.raises(KeyboardInterrupt):
        SqliteBackend(path, ContractClock())
    monkeypatch.undo()
    assert format_of(path) == 1
    store = SqliteBackend(path, ContractClock())
    assert exported(store) == export_of(1)
    store.close()


def test_a_change_of_indexes_that_is_cut_off_leaves_the_old_store(tmp_path, monkeypatch):
    path = copy_of(2, tmp_path)
    monkeypatch.setattr(schema, "FROM_2", f"{schema.FROM_2} SELECT cut_off_here();")
    with pytest.raises(StoreUnavailable, match="cut_off_here"):
        SqliteBackend(path, ContractClock())
    monkeypatch.undo()
    assert format_of(path) == 2
    store = SqliteBackend(path, ContractClock())
    assert exported(store) == export_of(2)
    store.close()


@pytest.mark.parametrize("number", EARLIER)
def test_a_migrated_store_has_the_schema_of_a_fresh_one(number, tmp_path):
    path = copy_of(number, tmp_path)
    SqliteBackend(path, ContractClock()).close()
    SqliteBackend(tmp_path / "fresh.db", ContractClock()).close()
    assert schema_of(path) == schema_of(tmp_path / "fresh.db")


def test_a_reader_does_not_migrate(tmp_path):
    path = copy_of(1, tmp_path)
    with pytest.raises(StoreUnavailable, match="open it for writing once"):
        SqliteBackend(path, ContractClock(), read_only=True)
    assert format_of(path) == 1


def test_a_store_of_a_later_format_is_refused(tmp_path):
    path = tmp_path / "store.db"
    SqliteBackend(path, ContractClock()).close()
    with sqlite3.connect(path) as sql:
        sql.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(StoreTooNew, match=f"format {FORMAT + 1}"):
        SqliteBackend(path, ContractClock())
