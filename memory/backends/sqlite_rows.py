# SPDX-License-Identifier: Apache-2.0
"""Rows of the SQLite store: how a record becomes one, and one a record again.

Neighbours: sqlite_schema.py declares the tables; sqlite.py calls these inside its transactions.
Rules of the file: a row holds the record's canonical line; columns and side tables repeat what searches need of it;
retired_ns alone changes after the line was written, so the column and not the line tells it.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable
from typing import Any

from memory.backend import KEYS_KEPT, Receipt, Retirement
from memory.backends.sqlite_schema import COLUMNS, near_enough, terms_of
from memory.errors import RejectedInput, StoreCorrupt
from memory.records import Positioned, Record, Tally
from memory.serialization import from_line, to_line

ROW = "r.sequence, r.line, r.retired_ns"
SELECT = f"SELECT {ROW} FROM records r WHERE "
_INSERT = f"INSERT INTO records VALUES({', '.join('?' * (11 + len(COLUMNS)))})"


def insert(sql: sqlite3.Connection, records: list[Record]) -> None:
    """Write new versions, with what they are found by."""
    for record in records:
        try:
            sql.execute(_INSERT, _row_of(record))
        except sqlite3.IntegrityError as error:
            raise RejectedInput(
                f"version {record.version} of record {record.id!r} of {record.robot!r} already exists"
            ) from error
        if isinstance(record, Positioned):
            x, y, z = map(near_enough, record.position_m)  # the tree rounds low edges down and high ones up
            sql.execute("INSERT INTO positions VALUES(?, ?, ?, ?, ?, ?, ?)", (record.sequence, x, x, y, y, z, z))
        sql.executemany("INSERT INTO terms VALUES(?, ?, ?)", _term_rows(record))


def retire(sql: sqlite3.Connection, gone: Retirement, now: int) -> None:
    """Stop believing one version."""
    named = "UPDATE records SET retired_ns = ? WHERE robot = ? AND id = ? AND version = ? AND retired_ns IS NULL"
    if sql.execute(named, (now, gone.robot, gone.id, gone.version)).rowcount != 1:
        raise RejectedInput(f"version {gone.version} of record {gone.id!r} of {gone.robot!r} is not current")


def put_tallies(sql: sqlite3.Connection, tallies: Iterable[Tally]) -> None:
    """Put counters in place of the stored ones."""
    rows = [(tally.robot, tally.record_id, to_line(tally)) for tally in tallies]
    sql.executemany("INSERT OR REPLACE INTO tallies VALUES(?, ?, ?)", rows)


def remember(sql: sqlite3.Connection, key: str, receipt: Receipt) -> None:
    """Keep the receipt of a key, and drop the oldest ones."""
    if key:
        row = (key, receipt.recorded_ns, receipt.first_sequence, receipt.last_sequence)
        put = "INSERT INTO receipts(key, recorded_ns, first_sequence, last_sequence) VALUES(?, ?, ?, ?)"
        number = sql.execute(put, row).lastrowid
        sql.execute("DELETE FROM receipts WHERE number <= ?", ((number or 0) - KEYS_KEPT,))


def erase(sql: sqlite3.Connection, robot: str, record_id: str) -> int:
    """Delete every row of one id; returns how many went."""
    rows = sql.execute(f"{SELECT} r.robot = ? AND r.id = ?", (robot, record_id)).fetchall()
    for record in map(record_of, rows):
        sql.executemany("DELETE FROM terms WHERE term = ? AND valid_from_ns = ? AND sequence = ?", _term_rows(record))
        sql.execute("DELETE FROM positions WHERE sequence = ?", (record.sequence,))
        sql.execute("DELETE FROM records WHERE sequence = ?", (record.sequence,))
    tallies = sql.execute("DELETE FROM tallies WHERE robot = ? AND id = ?", (robot, record_id)).rowcount
    return len(rows) + tallies


def record_of(row: Any) -> Record:
    """The record of one ROW."""
    sequence, line, retired_ns = row
    record = from_line(line, retired_ns)
    if not isinstance(record, Record):
        raise StoreCorrupt(f"row {sequence} holds no record: {line[:80]!r}")
    return record


def tally_of(row: Any) -> Tally:
    """The tally of one row (line,)."""
    tally = from_line(row[0])
    if not isinstance(tally, Tally):
        raise StoreCorrupt(f"a tally's row holds {row[0][:80]!r}")
    return tally


def checksum_of(line: str) -> int:
    """What notices a row that changed on the disk."""
    return zlib.crc32(line.encode())


def _row_of(record: Record) -> tuple[Any, ...]:
    line = to_line(record)
    return (
        record.sequence,
        record.robot,
        record.id,
        record.version,
        record.kind,
        record.valid_from_ns,
        record.valid_to_ns,
        record.recorded_ns,
        record.retired_ns,
        *(getattr(record, name, None) for name in COLUMNS),
        line,
        checksum_of(line),
    )


def _term_rows(record: Record) -> list[tuple[str, int, int]]:
    return [(term, record.valid_from_ns, record.sequence) for term in terms_of(record)]
