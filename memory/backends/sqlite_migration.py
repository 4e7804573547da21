# SPDX-License-Identifier: Apache-2.0
"""Opening a file: is it ours, of which format, and how an older one becomes one of today.

Neighbours: sqlite_file.py opens every connection through here; tests/golden keeps one small store of each format.
Rules of the file: an older store is copied aside first (`<file>.format-N`); one of format 1 is read through the
records' own lines and the new file takes its place whole, one of format 2 gets other indexes in one transaction: killed
at any instant, the path holds the old store or the new one. A newer one is refused.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from memory.backends import sqlite_rows as rows
from memory.backends import sqlite_schema as schema
from memory.errors import StoreCorrupt, StoreTooNew, StoreUnavailable
from memory.records import Record, Tally
from memory.serialization import from_line


def prepare(sql: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """The connection, over a file of today's format; the schema is made in an empty one.

    Raises:
        StoreCorrupt: it is a database of another program.
        StoreTooNew: a later version wrote it.
    """
    if not sql.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        sql.execute(f"PRAGMA page_size = {schema.PAGE_BYTES}")
        sql.executescript(f"BEGIN IMMEDIATE; {schema.SCHEMA} COMMIT;")
        return sql
    version = check(sql, path)
    if version == schema.FORMAT:
        return sql
    _keep(sql, path, version)
    if version == 2:
        sql.executescript(f"BEGIN IMMEDIATE; {schema.FROM_2} COMMIT;")
        return sql
    _migrate(sql, path)
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def check(sql: sqlite3.Connection, path: Path, *, whole: bool = False) -> int:
    """The format of a store; `whole` refuses one that is not of today's."""
    version = int(sql.execute("PRAGMA user_version").fetchone()[0])
    if whole and not sql.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreUnavailable(f"{path} is empty: whoever writes it has not made it a store yet")
    if sql.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION:
        raise StoreCorrupt(f"{path} is a database of another program, not a store")
    if version > schema.FORMAT:
        raise StoreTooNew(f"{path} has format {version}, this version reads up to {schema.FORMAT}")
    if whole and version < schema.FORMAT:
        raise StoreUnavailable(f"{path} has format {version}: open it for writing once, which migrates it")
    return version


def _keep(old: sqlite3.Connection, path: Path, version: int) -> None:
    """Copy the store aside as it is; it is in one file then."""
    old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    old.execute("PRAGMA journal_mode = DELETE").fetchall()
    kept = path.with_name(f"{path.name}.format-{version}")
    if not kept.exists():
        _copy(old, kept)


def _migrate(old: sqlite3.Connection, path: Path) -> None:
    """Put a store of today's format in the place of one of format 1."""
    fresh = path.with_name(path.name + ".migrating")
    for leftover in (fresh, fresh.with_name(fresh.name + "-journal")):
        leftover.unlink(missing_ok=True)
    new = sqlite3.connect(fresh, isolation_level=None)
    try:
        new.execute(f"PRAGMA page_size = {schema.PAGE_BYTES}")
        new.execute("PRAGMA synchronous = FULL")
        new.executescript(f"BEGIN IMMEDIATE; {schema.SCHEMA}")
        rows.restore(new, _entries_of_1(old))
        _copy_beside(old, new)
        new.execute("COMMIT")
    finally:
        new.close()
    old.close()
    os.replace(fresh, path)
    sync_folder(path.parent)


def _entries_of_1(old: sqlite3.Connection) -> Iterator[Record | Tally]:
    for line, retired_ns in old.execute("SELECT line, retired_ns FROM records ORDER BY sequence"):
        yield from_line(line, retired_ns)
    for (line,) in old.execute("SELECT line FROM tallies"):
        yield from_line(line)


def _copy_beside(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Receipts, audits and the counters, which are no records."""
    for table, columns in (("receipts", 5), ("audits", 5)):
        places = ", ".join("?" * columns)
        new.executemany(f"INSERT INTO {table} VALUES({places})", old.execute(f"SELECT * FROM {table}"))
    sequence, recorded_ns = old.execute("SELECT sequence, recorded_ns FROM last").fetchone()
    new.execute("UPDATE last SET sequence = ?, recorded_ns = ?", (sequence, recorded_ns))


def _copy(old: sqlite3.Connection, kept: Path) -> None:
    partial = kept.with_name(kept.name + ".partial")
    partial.unlink(missing_ok=True)
    copy = sqlite3.connect(partial)
    try:
        old.backup(copy)
    finally:
        copy.close()
    os.replace(partial, kept)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    with suppress(OSError):  # not every file system lets a folder be synced
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
