# SPDX-License-Identifier: Apache-2.0
"""The tables of the SQLite store, and a Query spelled in SQL.

Neighbours: sqlite_rows.py fills the tables; sqlite.py checks every row it finds again with `Query.matches`.
Rules of the file: values are always parameters; a condition may let too much through, never too little.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memory.geometry import Vector
from memory.query import Query, text_of, words
from memory.records import Record

FORMAT = 1  # kept in the file as user_version
APPLICATION = 0x4E585253  # kept in the file as application_id: "NXRS"
LISTED = 500  # longest list of values spelled into one statement

COLUMNS = ("label", "name", "subject", "predicate", "object", "scope", "goal", "map_id", "place_id", "episode_id")
_INDEXED = frozenset({"label", "subject", "object"})
_LARGEST_NS = 2**63 - 1
_LARGEST_M = 1e30  # the R-tree keeps 32-bit floats; anything further is found by the full check

SCHEMA = f"""
CREATE TABLE records(
  sequence INTEGER PRIMARY KEY, robot TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, kind TEXT NOT NULL,
  valid_from_ns INTEGER NOT NULL, valid_to_ns INTEGER, recorded_ns INTEGER NOT NULL, retired_ns INTEGER,
  {", ".join(f"{name} TEXT" for name in COLUMNS)}, line TEXT NOT NULL, checksum INTEGER NOT NULL,
  UNIQUE(robot, id, version));
CREATE INDEX by_time ON records(robot, valid_from_ns, sequence);
CREATE INDEX by_kind ON records(robot, kind, valid_from_ns, sequence);
CREATE INDEX by_label ON records(robot, label) WHERE label IS NOT NULL;
CREATE INDEX by_subject ON records(robot, subject, predicate) WHERE subject IS NOT NULL;
CREATE INDEX by_object ON records(robot, object, predicate) WHERE object IS NOT NULL;
CREATE VIRTUAL TABLE positions USING rtree(sequence, x_low, x_high, y_low, y_high, z_low, z_high);
CREATE TABLE terms(term TEXT NOT NULL, valid_from_ns INTEGER NOT NULL, sequence INTEGER NOT NULL,
  PRIMARY KEY(term, valid_from_ns, sequence)) WITHOUT ROWID;
CREATE TABLE tallies(robot TEXT NOT NULL, id TEXT NOT NULL, line TEXT NOT NULL, PRIMARY KEY(robot, id)) WITHOUT ROWID;
CREATE TABLE receipts(number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, recorded_ns INTEGER NOT NULL,
  first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL);
CREATE TABLE audits(number INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, robot TEXT NOT NULL, digest TEXT NOT NULL,
  rows INTEGER NOT NULL);
CREATE TABLE last(one INTEGER PRIMARY KEY CHECK(one = 1), sequence INTEGER NOT NULL, recorded_ns INTEGER NOT NULL);
INSERT INTO last VALUES(1, 0, 0);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {FORMAT};
"""


def terms_of(record: Record) -> list[str]:
    """What the terms table finds a record by: its words, and each thing it concerns as "subjects=id"."""
    concerned = [f"subjects={one}" for one in getattr(record, "subjects", ())]  # "=" is in no word
    return sorted({*words(text_of(record)), *concerned})


def in_order(query: Query) -> tuple[str, list[Any]]:
    """FROM, WHERE and ORDER BY of a search in log order or newest first, and its parameters.

    Few rows named by id, label, subject or object are looked up and sorted; else a word's rows come in their order;
    else the whole robot is walked, by time, by kind, or by row.
    """
    lookup, terms = _names_few(query), _terms_asked(query)
    conditions, values = where(query, indexed=lookup, walked=not (lookup or terms))
    if terms and not lookup:
        order = "t.valid_from_ns DESC, t.sequence DESC" if query.newest_first else "t.sequence"
        start = "FROM terms t CROSS JOIN records r ON r.sequence = t.sequence WHERE t.term = ?"
        return f"{start} AND {conditions} ORDER BY {order}", [max(terms, key=len), *values]
    keep = "+" if lookup else ""
    order = f"{keep}r.valid_from_ns DESC, {keep}r.sequence DESC" if query.newest_first else f"{keep}r.sequence"
    return f"FROM records r WHERE {conditions} ORDER BY {order}", values


def near(query: Query, centre_m: Vector, radius_m: float) -> tuple[str, list[Any]]:
    """FROM and WHERE of a search within a box around the centre, and its parameters; radius 0 = everywhere."""
    conditions, values = where(query, indexed=False, walked=False)
    inside, edges = _box(centre_m, radius_m) if radius_m else ("1", [])
    start = "FROM positions p CROSS JOIN records r ON r.sequence = p.sequence WHERE"
    return f"{start} {inside} AND {conditions}", [*edges, *values]


def where(query: Query, *, indexed: bool, walked: bool) -> tuple[str, list[Any]]:
    """Conditions on `records r` that every match fulfils, and their parameters.

    A "+" keeps SQLite from choosing an index: without statistics it would rather walk a kind or a span of time, which
    may be the whole store, than look up the few rows of one id, label, subject or word.

    Args:
        indexed: Rows are looked up by (robot, id) or (robot, label, subject or object).
        walked: Rows are walked by kind, time or number.
    """
    by_robot = indexed or (walked and bool(query.kinds or query.newest_first))
    wide = "" if walked else "+"
    conditions = ["r.robot = ?" if by_robot else "+r.robot = ?"]
    values: list[Any] = [query.robot]
    for name, wanted in (("r.id", query.ids), (f"{wide}r.kind", query.kinds)):
        if 0 < len(wanted) <= LISTED:
            conditions.append(f"{name} IN {listed(wanted)}")
            values += wanted
    for name, value in query.equals:
        if name in COLUMNS:
            conditions.append(f"r.{name} = ?")
            values.append(value)
    for term in _terms_asked(query):
        conditions.append("r.sequence IN (SELECT sequence FROM terms WHERE term = ?)")
        values.append(term)
    for condition, stamp_ns in (*_true_then(query, wide), *_believed(query)):
        conditions.append(condition)
        values += [_stamp(stamp_ns)] * condition.count("?")
    return " AND ".join(conditions), values


def _names_few(query: Query) -> bool:
    return bool(query.ids) or any(name in _INDEXED for name, _ in query.equals)


def _terms_asked(query: Query) -> list[str]:
    concerned = (f"subjects={value}" for name, value in query.equals if name == "subjects")
    return sorted({*words(query.text), *concerned})


def listed(values: Sequence[object]) -> str:
    """Placeholders for a list of values: (?, ?, ?)."""
    return f"({', '.join('?' * len(values))})"


def _box(centre_m: Vector, radius_m: float) -> tuple[str, list[float]]:
    margin = radius_m * 1e-9 + 1e-9
    terms: list[str] = []
    values: list[float] = []
    for axis, centre in zip("xyz", centre_m, strict=True):
        terms.append(f"p.{axis}_low <= ? AND p.{axis}_high >= ?")
        values += [near_enough(centre + radius_m + margin), near_enough(centre - radius_m - margin)]
    return " AND ".join(terms), values


def _true_then(query: Query, wide: str) -> list[tuple[str, int | None]]:
    terms = (
        (f"{wide}r.valid_from_ns <= ? AND (r.valid_to_ns IS NULL OR r.valid_to_ns > ?)", query.valid_at_ns),
        ("(r.valid_to_ns IS NULL OR r.valid_to_ns > ?)", query.since_ns),
        (f"{wide}r.valid_from_ns < ?", query.until_ns),
    )
    return [(term, value) for term, value in terms if value is not None]


def _believed(query: Query) -> list[tuple[str, int | None]]:
    then = query.recorded_at_ns
    if then is None:
        return [] if query.history else [("r.retired_ns IS NULL", None)]
    if query.history:
        return [("r.recorded_ns <= ?", then)]
    return [("r.recorded_ns <= ? AND (r.retired_ns IS NULL OR r.retired_ns > ?)", then)]


def _stamp(value: int | None) -> int:
    return max(-_LARGEST_NS, min(_LARGEST_NS, value or 0))


def near_enough(value_m: float) -> float:
    """A coordinate the R-tree can hold; keeps order, so a box never misses a point."""
    return max(-_LARGEST_M, min(_LARGEST_M, value_m))
