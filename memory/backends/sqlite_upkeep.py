# SPDX-License-Identifier: Apache-2.0
"""Upkeep of the SQLite store: its log is emptied, its rows and indexes are compared, a copy is made beside a writer.

Neighbours: sqlite.py calls these with a connection of its own; sqlite_rows.py knows what the indexes must hold.
Rules of the file: a look and a copy each see one view of the store, whatever is written meanwhile; a copy takes its
place whole, and nothing of what was there before is taken for a part of it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory.backends import sqlite_migration
from memory.backends import sqlite_rows as rows
from memory.backends.writer_lock import WriterLock
from memory.errors import StoreCorrupt

_PAGE = 500
_COPIED_PAGES = 1000  # at a time, so that the writer goes on meanwhile


def emptied(sql: sqlite3.Connection, wait_s: float = 0.0) -> bool:
    """Bring the write-ahead log into the file and cut it to nothing, if no reader needs it or lets go of it in time."""
    usual_ms = sql.execute("PRAGMA busy_timeout").fetchone()[0]
    sql.execute(f"PRAGMA busy_timeout = {round(1000 * wait_s)}").fetchall()
    try:
        return not sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        return False
    finally:
        sql.execute(f"PRAGMA busy_timeout = {usual_ms}").fetchall()


def verified(view: sqlite3.Connection, path: Path) -> int:
    """How many records there are, each as it was written and in every index of the file.

    Raises:
        StoreCorrupt: one is not.
    """
    with _one_view(view):
        said = view.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if said != "ok":
            raise StoreCorrupt(f"{path}: {said}")
        asked = f"SELECT {rows.ROW}, r.checksum {rows.FROM} WHERE r.sequence > ? ORDER BY r.sequence LIMIT ?"
        count, since = 0, 0
        while page := view.execute(asked, (since, _PAGE)).fetchall():
            for *row, checksum in page:
                if rows.checksum_of(row[1], row[3] or b"") != checksum:
                    raise StoreCorrupt(f"{path}: row {row[0]} does not fit its checksum: {row[1][:80]!r}")
                rows.record_of(row)
            count, since = count + len(page), page[-1][0]
        if why := rows.disagreement(view):
            raise StoreCorrupt(f"{path}: {why}; maintain rebuild makes it anew")
    return count


def copied(view: sqlite3.Connection, target: Path) -> None:
    """Copy a store.

    Raises:
        StoreUnavailable: someone writes to the target.
    """
    partial = target.with_name(target.name + ".partial")
    with _removed(partial):
        copy = sqlite3.connect(partial)
        try:
            with _one_view(view):  # without it every commit would begin the copy again
                view.backup(copy, pages=_COPIED_PAGES)
        finally:
            copy.close()
        _put_in_place(partial, target)


def _put_in_place(partial: Path, target: Path) -> None:
    """A log or an index of what was there before would be taken for the copy's own."""
    lock = WriterLock(target)
    try:
        for ending in ("-wal", "-shm", "-journal"):
            target.with_name(target.name + ending).unlink(missing_ok=True)
        shutil.rmtree(target.with_name(target.name + ".vectors"), ignore_errors=True)
        os.replace(partial, target)
        sqlite_migration.sync_folder(target.parent)
    finally:
        lock.release()


@contextmanager
def _one_view(view: sqlite3.Connection) -> Iterator[None]:
    view.execute("BEGIN")
    try:
        view.execute("SELECT 1 FROM last").fetchone()
        yield
    finally:
        view.execute("ROLLBACK")


@contextmanager
def _removed(partial: Path) -> Iterator[None]:
    """Nothing is left of an unfinished copy, neither before nor after."""
    beside = [partial, partial.with_name(partial.name + "-journal")]
    try:
        for file in beside:
            file.unlink(missing_ok=True)
        yield
    finally:
        for file in beside:
            file.unlink(missing_ok=True)
