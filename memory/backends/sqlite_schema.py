# SPDX-License-Identifier: Apache-2.0
"""The tables of the SQLite store, and a Query spelled in SQL.

Neighbours: sqlite_rows.py fills the tables; sqlite_search.py checks every row it finds again with `Query.matches`.
Rules of the file: values are always parameters; a condition may let too much through, never too little; names that
repeat in every row (robots, kinds) are numbers there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from memory.backends.derived import LISTS, OPEN, made_word, made_words
from memory.geometry import Vector
from memory.query import Query, named_words, text_of, words
from memory.records import RECORD_KINDS, Record, Source

FORMAT = 3  # kept in the file as user_version; sqlite_migration.py reads the earlier ones
APPLICATION = 0x4E585253  # kept in the file as application_id: "NXRS"
PAGE_BYTES = 8192  # five vectors of 384 values to a page; in one of 4096 bytes a fourth of it would stay empty
LISTED = 500  # longest list of values spelled into one statement

KINDS = {kind: number for number, kind in enumerate(RECORD_KINDS, start=1)}
COLUMNS = ("label", "name", "subject", "predicate", "object", "scope", "goal", "map_id", "place_id", "episode_id")
TEXTS = {kind: f"texts_{kind}" for kind in RECORD_KINDS}  # an index of words for each kind: half of a question's cost
SPELLED = {"source": Source.SEEN.value}  # fields told from the line alone, which leaves out their default
_INDEXED = frozenset({"label", "subject", "object"})
_LARGEST_NS = 2**63 - 1
_LARGEST_M = 1e30  # the R-tree keeps 32-bit floats; anything further is found by the full check

_TEXT_TABLES = "\n".join(
    f"CREATE VIRTUAL TABLE {name} USING fts5(words, content='', columnsize=0, detail=none, tokenize='ascii');"
    for name in TEXTS.values()
)
# Those that name columns of the conditions too answer without reading rows, of which a thing seen often has many.
_INDEXES = """
CREATE INDEX by_span ON records(robot, kind, span, valid_from_ns, valid_to_ns, retired_ns);
CREATE INDEX by_label ON records(robot, label, kind, retired_ns, valid_from_ns, valid_to_ns, map_id, vector)
  WHERE label IS NOT NULL;
CREATE INDEX by_subject ON records(robot, subject, predicate, kind, retired_ns, valid_from_ns, valid_to_ns, vector)
  WHERE subject IS NOT NULL;
"""
_MERGE = "\n".join(  # two pieces of an index are worth merging
    f"INSERT INTO {name}({name}, rank) VALUES('usermerge', 2);" for name in TEXTS.values()
)
SCHEMA = f"""
CREATE TABLE robots(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE records(
  sequence INTEGER PRIMARY KEY, robot INTEGER NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
  kind INTEGER NOT NULL, valid_from_ns INTEGER NOT NULL, valid_to_ns INTEGER, recorded_ns INTEGER NOT NULL,
  span INTEGER NOT NULL, retired_ns INTEGER, {", ".join(f"{name} TEXT" for name in COLUMNS)}, vector INTEGER,
  line TEXT NOT NULL, checksum INTEGER NOT NULL, UNIQUE(robot, id, version));
CREATE INDEX by_time ON records(robot, valid_from_ns);
CREATE INDEX by_kind ON records(robot, kind, valid_from_ns);
CREATE TABLE spans(robot INTEGER NOT NULL, kind INTEGER NOT NULL, span INTEGER NOT NULL,
  PRIMARY KEY(robot, kind, span)) WITHOUT ROWID;
CREATE INDEX gone ON records(retired_ns) WHERE retired_ns IS NOT NULL;
{_INDEXES}CREATE INDEX by_object ON records(robot, object, predicate) WHERE object IS NOT NULL;
CREATE VIRTUAL TABLE positions USING rtree(sequence, x_low, x_high, y_low, y_high, z_low, z_high);
{_TEXT_TABLES}
{_MERGE}
CREATE TABLE spaces(number INTEGER PRIMARY KEY, robot INTEGER NOT NULL, kind INTEGER NOT NULL, encoder TEXT NOT NULL,
  size INTEGER NOT NULL, rows INTEGER NOT NULL, UNIQUE(robot, kind, encoder));
CREATE TABLE vectors(number INTEGER PRIMARY KEY, space INTEGER NOT NULL, sequence INTEGER NOT NULL,
  vector BLOB NOT NULL);
CREATE INDEX by_space ON vectors(space);
CREATE TABLE tallies(robot INTEGER NOT NULL, id TEXT NOT NULL, line TEXT NOT NULL,
  PRIMARY KEY(robot, id)) WITHOUT ROWID;
CREATE TABLE receipts(number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, recorded_ns INTEGER NOT NULL,
  first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL);
CREATE TABLE audits(number INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, robot TEXT NOT NULL, digest TEXT NOT NULL,
  rows INTEGER NOT NULL);
CREATE TABLE last(one INTEGER PRIMARY KEY CHECK(one = 1), sequence INTEGER NOT NULL, recorded_ns INTEGER NOT NULL,
  vector INTEGER NOT NULL);
INSERT INTO last VALUES(1, 0, 0, 0);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {FORMAT};
"""
FROM_2 = f"""
DROP INDEX by_span; DROP INDEX by_label; DROP INDEX by_subject;
{_INDEXES}
{_MERGE}
PRAGMA user_version = {FORMAT};
"""


def text_row(record: Record, robot: int) -> str:
    """What the text index of its kind holds of a record: its words, those made for its lists, and one for its robot."""
    return " ".join([*sorted({*words(text_of(record)), *made_words(record)}), owner_word(robot)])


def terms_asked(query: Query, robot: int, *, alone: bool) -> list[str]:
    """What every answer has in the text index; a robot that has the store to itself needs no term of its own."""
    made = {made_word(name, value) for name, value in query.equals if name in LISTS}
    asked = sorted({*words(query.text), *named_words(query), *made})
    return asked if alone else [*asked, owner_word(robot)]


def texts(kinds: Iterable[str], every: Sequence[str], some: Sequence[str] = ()) -> tuple[str, list[str]]:
    """A subquery of row numbers with every one of the terms, and any of `some`, and its parameters."""
    asked = [f'"{term}"' for term in every]
    if some:
        asked.append("(" + " OR ".join(f'"{term}"' for term in some) + ")")
    indexes = tables(kinds)
    spelled = " UNION ALL ".join(f"SELECT rowid AS number FROM {table} WHERE {table} MATCH ?" for table in indexes)
    return spelled or "SELECT 0 AS number WHERE 0", [" AND ".join(asked)] * len(indexes)


def tables(kinds: Iterable[str]) -> list[str]:
    """The text indexes of these kinds; of all for none."""
    return [TEXTS[kind] for kind in (dict.fromkeys(kinds) or TEXTS) if kind in TEXTS]


def in_order(query: Query, robot: int, *, alone: bool) -> tuple[str, str, list[Any]]:
    """FROM, then WHERE and ORDER BY of a search in log order or newest first, and its parameters.

    Few rows named by id, label, subject or object are looked up and sorted; else a word's rows come in log order;
    else the whole robot is walked, by time, by kind, or by row.
    """
    lookup = names_few(query)
    terms = terms_asked(query, robot, alone=alone) if terms_asked(query, robot, alone=True) else []
    conditions, values = where(query, robot, indexed=lookup, walked=not (lookup or terms))
    if terms and not lookup:
        spelled, asked = texts(query.kinds, terms)
        order = "r.valid_from_ns DESC, r.sequence DESC" if query.newest_first else "r.sequence"
        start = f"FROM ({spelled}) t CROSS JOIN records r ON r.sequence = t.number"
        return start, f"WHERE {conditions} ORDER BY {order}", [*asked, *values]
    keep = "+" if lookup else ""
    order = f"{keep}r.valid_from_ns DESC, {keep}r.sequence DESC" if query.newest_first else f"{keep}r.sequence"
    return "FROM records r", f"WHERE {conditions} ORDER BY {order}", values


def looked_up(query: Query, robot: int, limit: int) -> tuple[str, list[Any]]:
    """Row numbers of the named ids, label, subject or object, newest first or in log order, and the parameters.

    At most `limit`, or all for 0.

    Numbers alone: most indexes answer that without the rows, and sorting carries nothing along. Of a label the index
    has each kind by time, so that the newest are read and no others.
    """
    newest_first = query.newest_first or bool(query.any_text)
    if newest_first and limit and not query.ids and any(name == "label" for name, _ in query.equals):
        conditions, values = where(replace(query, kinds=()), robot, indexed=True, walked=False)
        kinds = [KINDS.get(kind, 0) for kind in query.kinds or KINDS]
        each = [[kind, *values] for kind in kinds]
        return _stretches(query, "r.kind = ?", conditions, each, limit, by="INDEXED BY by_label")
    conditions, values = where(query, robot, indexed=True, walked=False)
    order = "+r.valid_from_ns DESC, +r.sequence DESC" if newest_first else "+r.sequence"
    return f"SELECT r.sequence FROM records r WHERE {conditions} ORDER BY {order} LIMIT ?", [*values, limit or -1]


def overlapping(query: Query, robot: int, spans: Sequence[tuple[int, int]]) -> tuple[str, list[Any]]:
    """Row numbers whose span meets [since, until) or holds the moment asked for, in order, and the parameters.

    What lasts no longer than 2^n ns and ends after `since` begins after since - 2^n, so for each length there is a
    stretch of the index to read, and not the whole past.

    Args:
        spans: The (kind, span) pairs there are.
    """
    conditions, values = where(replace(query, kinds=()), robot, indexed=False, walked=False)
    since = max((one for one in (query.since_ns, query.valid_at_ns) if one is not None), default=0)
    last = _LARGEST_NS if query.until_ns is None else query.until_ns - 1
    last = last if query.valid_at_ns is None else min(last, query.valid_at_ns)
    stretches = [
        [robot, kind, span, 0 if span == OPEN else _stamp(since) - (1 << span), _stamp(last), *values]
        for kind, span in spans
    ]
    led = "r.robot = ? AND r.kind = ? AND r.span = ? AND r.valid_from_ns BETWEEN ? AND ?"
    return _stretches(query, led, conditions, stretches, query.limit, by="INDEXED BY by_span")


def within(centre_m: Vector, radius_m: float) -> tuple[str, list[Any]]:
    """Row numbers and positions in a box around the centre, and its parameters; radius 0 = everywhere."""
    inside, edges = _box(centre_m, radius_m) if radius_m else ("1", [])
    return f"SELECT p.sequence, p.x_low, p.y_low, p.z_low FROM positions p WHERE {inside}", [*edges]


def where(query: Query, robot: int, *, indexed: bool, walked: bool) -> tuple[str, list[Any]]:
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
    values: list[Any] = [robot]
    kinds = tuple(KINDS.get(kind, 0) for kind in query.kinds)
    for name, wanted in (("r.id", query.ids), (f"{wide}r.kind", kinds)):
        if 0 < len(wanted) <= LISTED:
            conditions.append(f"{name} IN {listed(wanted)}")
            values += wanted
    for name, value in query.equals:
        if name in COLUMNS:
            conditions.append(f"{'' if indexed else '+'}r.{name} = ?")
            values.append(value)
        elif is_told(name, value):
            conditions.append("instr(r.line, ?) > 0")
            values.append(json.dumps({name: value}, separators=(",", ":"))[1:-1])
    for condition, stamp_ns in (*_true_then(query, wide), *_believed(query)):
        conditions.append(condition)
        values += [_stamp(stamp_ns)] * condition.count("?")
    return " AND ".join(conditions), values


def names_few(query: Query) -> bool:
    """Does it name ids, a label, a subject or an object, of which there are few rows?"""
    return bool(query.ids) or any(name in _INDEXED for name, _ in query.equals)


def is_told(name: str, value: str) -> bool:
    """Does SQL alone say whether a field equals a value?"""
    return name in COLUMNS or (name in SPELLED and value != SPELLED[name])


def padded(values: Sequence[Any]) -> list[Any]:
    """The values, the last one repeated up to a power of two: few spellings of a statement, so it stays prepared."""
    wanted = 1 << max(0, len(values) - 1).bit_length()
    return [*values, *[values[-1]] * (wanted - len(values))] if values else []


def listed(values: Sequence[object]) -> str:
    """Placeholders for a list of values: (?, ?, ?)."""
    return f"({', '.join('?' * len(values))})"


def owner_word(robot: int) -> str:
    """The made word that every row of a robot has."""
    return f"zrobot{robot}"


def _stretches(
    query: Query, led: str, conditions: str, each: Sequence[Sequence[Any]], limit: int, *, by: str
) -> tuple[str, list[Any]]:
    """Row numbers of several stretches of an index, newest first or in log order, and the parameters."""
    in_time = query.newest_first or bool(query.any_text)
    order = "valid_from_ns DESC, sequence DESC" if in_time else "sequence"
    part = (
        f"SELECT * FROM (SELECT r.sequence, r.valid_from_ns FROM records r {by} WHERE {led} AND {conditions} "
        f"ORDER BY {order} LIMIT ?)"
    )
    asked = [value for values in each for value in (*values, limit or -1)]
    return " UNION ALL ".join([part] * len(each)) + f" ORDER BY {order} LIMIT ?", [*asked, limit or -1]


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
