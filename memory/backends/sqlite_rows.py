# SPDX-License-Identifier: Apache-2.0
"""Rows of the SQLite store: how a record becomes one, and one a record again.

Neighbours: sqlite_schema.py declares the tables; sqlite.py calls these inside its transactions.
Rules of the file: a row holds the record's line without what is at its default and without its vector, which has a
table of its own; columns and side tables repeat what searches need of it; retired_ns alone changes after the line was
written, so the column and not the line tells it; a vector put in place of another gets a new number, so that whoever
follows the numbers sees it.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from memory.backend import KEYS_KEPT, Receipt, Retirement, wrong_size
from memory.backends.derived import span_of
from memory.backends.sqlite_schema import COLUMNS, KINDS, TEXTS, near_enough, owner_word, text_row
from memory.errors import RejectedInput, StoreCorrupt
from memory.records import RECORD_KINDS, Positioned, Record, Tally
from memory.serialization import from_line, to_line
from memory.vector_files import Space

BARE = "r.sequence, r.line, r.retired_ns, NULL"  # a ROW for whoever needs no vector
ROW = "r.sequence, r.line, r.retired_ns, v.vector, r.vector"
FROM = "FROM records r LEFT JOIN vectors v ON v.number = r.vector"
SELECT = f"SELECT {ROW} {FROM} WHERE "
MERGED_PAGES = 50  # of 4 kB, in one step
_PAGE = 500
_INSERT = f"INSERT INTO records VALUES({', '.join('?' * (13 + len(COLUMNS)))})"


@dataclass(slots=True)
class Embedded:
    """Vectors one transaction has written, by space: what the index is to take in once it is committed."""

    spaces: dict[int, Space] = field(default_factory=dict)
    rows: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)
    last: int = 0


def insert(sql: sqlite3.Connection, records: list[Record]) -> Embedded:
    """Write new versions, with what they are found by."""
    robots: dict[str, int] = {}
    embedded = Embedded(last=sql.execute("SELECT vector FROM last").fetchone()[0])
    for record in records:
        robot = robots.get(record.robot) or robots.setdefault(record.robot, number_of(sql, record.robot))
        vector = _embed(sql, embedded, record, robot) if record.embedding else None
        try:
            sql.execute(_INSERT, _row_of(record, robot, vector))
        except sqlite3.IntegrityError as error:
            raise RejectedInput(
                f"version {record.version} of record {record.id!r} of {record.robot!r} already exists"
            ) from error
        _find_by(sql, record, robot)
    spans = {(robots[record.robot], KINDS[record.kind], span_of(record)) for record in records}
    sql.executemany("INSERT OR IGNORE INTO spans VALUES(?, ?, ?)", spans)
    _count_vectors(sql, embedded)
    return embedded


def retire(sql: sqlite3.Connection, gone: Retirement, now: int) -> None:
    """Stop believing one version."""
    named = (
        "UPDATE records SET retired_ns = ? WHERE robot = (SELECT number FROM robots WHERE name = ?) AND id = ? "
        "AND version = ? AND retired_ns IS NULL"
    )
    if sql.execute(named, (now, gone.robot, gone.id, gone.version)).rowcount != 1:
        raise RejectedInput(f"version {gone.version} of record {gone.id!r} of {gone.robot!r} is not current")


def put_tallies(sql: sqlite3.Connection, tallies: Iterable[Tally]) -> None:
    """Put counters in place of the stored ones."""
    rows = [(number_of(sql, tally.robot), tally.record_id, to_line(tally)) for tally in tallies]
    sql.executemany("INSERT OR REPLACE INTO tallies VALUES(?, ?, ?)", rows)


def embed(
    sql: sqlite3.Connection, robot: str, encoder: str, vectors: Mapping[tuple[str, int], bytes]
) -> tuple[int, Embedded]:
    """Put vectors in place of those that versions have; how many were found."""
    embedded = Embedded(last=sql.execute("SELECT vector FROM last").fetchone()[0])
    owner, found = number_of(sql, robot), 0
    for (one, version), vector in vectors.items():
        asked = f"SELECT {ROW} {FROM} WHERE r.robot = ? AND r.id = ? AND r.version = ?"
        for row in sql.execute(asked, (owner, one, version)).fetchall():
            old, number = record_of(row), row[-1]
            if number is not None:
                drop_vector(sql, number)
            new = with_vector(old, encoder, vector)
            line = to_line(new, stored=True)
            number = _embed(sql, embedded, new, owner)
            put = "UPDATE records SET vector = ?, line = ?, checksum = ? WHERE sequence = ?"
            sql.execute(put, (number, line, checksum_of(line, new.embedding), new.sequence))
            found += 1
    _count_vectors(sql, embedded)
    return found, embedded


def remember(sql: sqlite3.Connection, key: str, receipt: Receipt) -> None:
    """Keep the receipt of a key, and drop the oldest ones."""
    if key:
        row = (key, receipt.recorded_ns, receipt.first_sequence, receipt.last_sequence)
        put = "INSERT INTO receipts(key, recorded_ns, first_sequence, last_sequence) VALUES(?, ?, ?, ?)"
        number = sql.execute(put, row).lastrowid
        sql.execute("DELETE FROM receipts WHERE number <= ?", ((number or 0) - KEYS_KEPT,))


def erase(sql: sqlite3.Connection, robot: str, record_id: str) -> int:
    """Delete every row of one id; returns how many went."""
    owner = number_of(sql, robot, make=False)
    rows = sql.execute(f"SELECT {ROW} {FROM} WHERE r.robot = ? AND r.id = ?", (owner, record_id)).fetchall()
    for row in rows:
        record, number = record_of(row), row[-1]
        sql.execute(
            f"INSERT INTO {TEXTS[record.kind]}({TEXTS[record.kind]}, rowid, words) VALUES('delete', ?, ?)",
            (record.sequence, text_row(record, owner)),
        )
        sql.execute("DELETE FROM positions WHERE sequence = ?", (record.sequence,))
        sql.execute("DELETE FROM records WHERE sequence = ?", (record.sequence,))
        if number is not None:
            drop_vector(sql, number)
    tallies = sql.execute("DELETE FROM tallies WHERE robot = ? AND id = ?", (owner, record_id)).rowcount
    return len(rows) + tallies


def drop_vector(sql: sqlite3.Connection, number: int) -> None:
    """Delete one vector."""
    (space,) = sql.execute("SELECT space FROM vectors WHERE number = ?", (number,)).fetchone()
    sql.execute("DELETE FROM vectors WHERE number = ?", (number,))
    sql.execute("UPDATE spaces SET rows = rows - 1 WHERE number = ?", (space,))


def number_of(sql: sqlite3.Connection, robot: str, *, make: bool = True) -> int:
    """The number of a robot's name; 0, which no row has, for one that is not known and not to be made."""
    known = sql.execute("SELECT number FROM robots WHERE name = ?", (robot,)).fetchone()
    if known:
        return int(known[0])
    return int(sql.execute("INSERT INTO robots(name) VALUES(?)", (robot,)).lastrowid or 0) if make else 0


def spaces(sql: sqlite3.Connection) -> list[Space]:
    """Every space of vectors."""
    asked = "SELECT number, robot, kind, encoder, size, rows FROM spaces ORDER BY number"
    return [Space(*row) for row in sql.execute(asked)]


def record_of(row: Any) -> Record:
    """The record of one ROW, or of what it begins with: number, line, retired_ns, vector.

    Raises:
        StoreCorrupt: it holds none.
    """
    sequence, line, retired_ns, vector = row[:4]
    record = from_line(line, retired_ns, vector or b"")
    if not isinstance(record, Record):
        raise StoreCorrupt(f"row {sequence} holds no record: {line[:80]!r}")
    return record


def tally_of(row: Any) -> Tally:
    """The tally of one row (line,)."""
    tally = from_line(row[0])
    if not isinstance(tally, Tally):
        raise StoreCorrupt(f"a tally's row holds {row[0][:80]!r}")
    return tally


def checksum_of(line: str, vector: bytes) -> int:
    """What notices a row that changed on the disk."""
    return zlib.crc32(vector, zlib.crc32(line.encode()))


def with_vector(record: Record, encoder: str, vector: bytes) -> Record:
    """The same version, embedded by another encoder."""
    return replace(record, encoder=encoder, embedding=vector)


def _find_by(sql: sqlite3.Connection, record: Record, robot: int) -> None:
    if isinstance(record, Positioned):
        x, y, z = map(near_enough, record.position_m)  # the tree rounds low edges down and high ones up
        sql.execute("INSERT INTO positions VALUES(?, ?, ?, ?, ?, ?, ?)", (record.sequence, x, x, y, y, z, z))
    words = text_row(record, robot)
    sql.execute(f"INSERT INTO {TEXTS[record.kind]}(rowid, words) VALUES(?, ?)", (record.sequence, words))


def _embed(sql: sqlite3.Connection, embedded: Embedded, record: Record, robot: int) -> int:
    space = _space_of(sql, embedded, record, robot)
    embedded.last += 1
    row = (embedded.last, space.number, record.sequence, record.embedding)
    sql.execute("INSERT INTO vectors VALUES(?, ?, ?, ?)", row)
    embedded.rows[space.number].append((embedded.last, record.embedding))
    return embedded.last


def _space_of(sql: sqlite3.Connection, embedded: Embedded, record: Record, robot: int) -> Space:
    kind, size = KINDS[record.kind], len(record.embedding) // 4
    for known in embedded.spaces.values():
        if (known.robot, known.kind, known.encoder) == (robot, kind, record.encoder):
            if known.size != size:
                raise wrong_size(record, 4 * known.size)
            return known
    expected = sql.execute("SELECT size FROM spaces WHERE encoder = ? LIMIT 1", (record.encoder,)).fetchone()
    if expected and expected[0] != size:
        raise wrong_size(record, 4 * expected[0])
    put = "INSERT OR IGNORE INTO spaces(robot, kind, encoder, size, rows) VALUES(?, ?, ?, ?, 0)"
    sql.execute(put, (robot, kind, record.encoder, size))
    asked = "SELECT number, robot, kind, encoder, size, rows FROM spaces WHERE robot = ? AND kind = ? AND encoder = ?"
    space = Space(*sql.execute(asked, (robot, kind, record.encoder)).fetchone())
    embedded.spaces[space.number], embedded.rows[space.number] = space, []
    return space


def _count_vectors(sql: sqlite3.Connection, embedded: Embedded) -> None:
    for space, rows in embedded.rows.items():
        sql.execute("UPDATE spaces SET rows = rows + ? WHERE number = ?", (len(rows), space))
    if embedded.rows:
        sql.execute("UPDATE last SET vector = ?", (embedded.last,))


def _row_of(record: Record, robot: int, vector: int | None) -> tuple[Any, ...]:
    line = to_line(record, stored=True)
    return (
        record.sequence,
        robot,
        record.id,
        record.version,
        KINDS[record.kind],
        record.valid_from_ns,
        record.valid_to_ns,
        record.recorded_ns,
        span_of(record),
        record.retired_ns,
        *(getattr(record, name, None) for name in COLUMNS),
        vector,
        line,
        checksum_of(line, record.embedding),
    )


def restore(sql: sqlite3.Connection, entries: Iterable[Record | Tally]) -> None:
    """Fill an empty store with another one's log; stamps and sequences stay.

    Raises:
        RejectedInput: sequences do not rise, a version comes twice, or a stamp is unset.
    """
    last = now = 0
    page: list[Record] = []
    for entry in entries:
        if isinstance(entry, Tally):
            put_tallies(sql, (entry,))
            continue
        if entry.sequence <= last or entry.recorded_ns <= 0:
            raise RejectedInput(f"cannot restore version {entry.version} of {entry.id!r} at {entry.sequence}")
        last, now = entry.sequence, max(now, entry.recorded_ns, entry.retired_ns or 0)
        page.append(entry)
        if len(page) == _PAGE:
            insert(sql, page)
            page = []
    insert(sql, page)
    sql.execute("UPDATE last SET sequence = ?, recorded_ns = ?", (last, now))


def rebuild(sql: sqlite3.Connection) -> int:
    """Make the text and position indexes anew from the rows; returns how many there are."""
    for table in TEXTS.values():
        sql.execute(f"INSERT INTO {table}({table}) VALUES('delete-all')")
    sql.execute("DELETE FROM positions")
    since = count = 0
    while page := sql.execute(f"{SELECT} r.sequence > ? ORDER BY r.sequence LIMIT ?", (since, _PAGE)).fetchall():
        for record in map(record_of, page):
            _find_by(sql, record, number_of(sql, record.robot))
        since, count = page[-1][0], count + len(page)
    return count


def disagreement(sql: sqlite3.Connection) -> str:
    """In what an index has not as many entries as the rows call for; "" if in nothing."""
    positioned = ", ".join(str(KINDS[kind]) for kind, cls in RECORD_KINDS.items() if issubclass(cls, Positioned))
    pairs = {
        "positions": ("positions", f"records WHERE kind IN ({positioned})"),
        "vectors": ("vectors", "records WHERE vector IS NOT NULL"),
        "vectors of its rows": (
            "vectors v JOIN records r ON r.vector = v.number AND r.sequence = v.sequence",
            "vectors",
        ),
    }
    for (robot,) in sql.execute("SELECT number FROM robots").fetchall():
        for kind, table in TEXTS.items():
            words = f"{table} WHERE {table} MATCH '{owner_word(robot)}'"
            pairs[f"words of {kind}"] = (words, f"records WHERE robot = {robot} AND kind = {KINDS[kind]}")
    for name, sources in pairs.items():
        held, due = (sql.execute(f"SELECT count(*) FROM {source}").fetchone()[0] for source in sources)
        if held != due:
            return f"the index of {name} has {held} entries, the rows call for {due}"
    return ""


def merge_words(sql: sqlite3.Connection) -> bool:
    """Merge a bounded part of one text index, some milliseconds of work; False if all are of one piece.

    Writing leaves an index in a dozen pieces, and a question looks for each of its words in all of them.
    """
    for table in TEXTS.values():
        before = sql.total_changes
        sql.execute(f"INSERT INTO {table}({table}, rank) VALUES('merge', {MERGED_PAGES})")
        if sql.total_changes - before > 1:  # as SQLite's documentation tells that it did something
            return True
    return False


def drop_erased_words(sql: sqlite3.Connection) -> None:
    """Merge the text indexes whole: words of deleted rows stay in old segments until then."""
    for table in TEXTS.values():
        sql.execute(f"INSERT INTO {table}({table}) VALUES('optimize')")
