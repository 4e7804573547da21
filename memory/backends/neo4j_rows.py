# SPDX-License-Identifier: Apache-2.0
"""Nodes of the Neo4j store: how a record becomes one, and one a record again.

Neighbours: neo4j_schema.py says what the labels and properties mean; neo4j.py and neo4j_upkeep.py write with these.
Rules of the file: `line` and `vector` give the record back exactly, each with a checksum; every other property repeats
what searches and people need, and verify compares it. retired_ns is not in the line, nor is a value at its default.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from enum import Enum
from functools import lru_cache
from typing import Any, Protocol

from memory.backend import wrong_size
from memory.backends.derived import made_words, span_of
from memory.backends.neo4j_schema import LABELS, Space
from memory.embedding import unpack
from memory.errors import RejectedInput, StoreCorrupt
from memory.query import text_of, words
from memory.records import NAME_LETTERS, RECORD_KINDS, Positioned, Record, Tally
from memory.serialization import from_line, to_line

ROW = "r.seq, r.line, r.retired_ns, r.vector"
ROWS = (  # of every r so far, in their order, fifty to a message: a message costs the driver more than a row
    f"WITH collect(r) AS some UNWIND range(0, size(some) - 1, 50) AS n RETURN [r IN some[n..n + 50] | [{ROW}]]"
)
NOW, OPEN = "now", "open"  # words of `scope`
PUT_SPANS = (
    "WITH DISTINCT r.robot AS robot, r.kind AS kind, r.span AS span "
    "MERGE (:Span {robot: robot, kind: kind, span: span})"
)
PUT_PROPERTIES = (  # what no parameter can be, or is dear to be
    "SET r = row.properties, r.embedding = CASE WHEN row.near IS NULL THEN null "
    "ELSE toFloatList(split(row.near, ',')) END, r.position = CASE WHEN row.at IS NULL "
    "THEN null ELSE point({x: row.at[0], y: row.at[1], z: row.at[2]}) END"
)
_CREATE = f"UNWIND $rows AS row CREATE (r:$(row.labels)) {PUT_PROPERTIES} {PUT_SPANS}"
_PUT_TALLIES = "UNWIND $rows AS row MERGE (t:Tally {robot: row.robot, record_id: row.record_id}) SET t = row"
_PUT_SPACE = "MERGE (v:VectorSpace {digest: $digest}) SET v.encoder = $encoder, v.size = $size"
PARSED = 4096  # records kept as objects for the next question, 15 MB with vectors of 384 values
SHOWN = NAME_LETTERS  # of a text that a property shows, as of the longest id: an index takes 8 kB, the text of three
_LONGEST_TERM = 100
_AT_ONCE = 500  # rows in one statement, so that a large batch shows signs of life
_NOT_SHOWN = {"embedding", "encoder", "sequence", "retired_ns", "position_m"}
_PLAIN = {kind: tuple(f.name for f in fields(cls) if f.name not in _NOT_SHOWN) for kind, cls in RECORD_KINDS.items()}


class Transaction(Protocol):
    """What this file and neo4j_graph.py need of neo4j_link.Transaction."""

    def rows(self, statement: str, **parameters: Any) -> list[list[Any]]: ...


def node_of(record: Record) -> dict[str, Any]:
    """Labels, properties, place and vector of one version, as PUT_PROPERTIES takes them.

    Raises:
        RejectedInput: it has no true spelling, or its encoder's name is too long for an index.
    """
    line = to_line(replace(record, retired_ns=None), stored=True)
    labels = ["Record", LABELS[record.kind], *(["Current"] if record.retired_ns is None else []), *embedded(record)]
    properties = {
        **properties_of(record),
        "retired_ns": record.retired_ns,
        "line": line,
        "checksum": checksum_of(line.encode()),
    }
    if record.embedding:
        properties |= vector_of(record)
    at = list(record.position_m) if isinstance(record, Positioned) else None
    near = spelled(record.embedding) if record.embedding else None
    return {"labels": labels, "properties": properties, "at": at, "near": near}


def properties_of(record: Record) -> dict[str, Any]:
    """What the line says, as people and indexes see it."""
    shown = {name: _shown(getattr(record, name)) for name in _PLAIN[record.kind]}
    held = {**shown, "kind": record.kind, "seq": record.sequence, **searched_of(record)}
    return {name: value for name, value in held.items() if value is not None}


def searched_of(record: Record) -> dict[str, Any]:
    """The properties that are there for searches alone; see neo4j_schema.py."""
    owner, open_, now = owner_word(record.robot), record.valid_to_ns is None, record.retired_ns is None
    return {
        "span": span_of(record),
        "words": " ".join(sorted({*map(term, words(text_of(record))), *made_words(record)})),
        "scope": " ".join([owner, owner + record.kind, *([OPEN] if open_ else []), *([NOW] if now else [])]),
    }


def embedded(record: Record) -> list[str]:
    """The labels that say in what space its vector is; none without one."""
    space = Space(record.encoder, len(record.embedding) // 4)
    return ["Embedded", space.label, *space.labels((record.kind,))] if record.embedding else []


def vector_of(record: Record) -> dict[str, Any]:
    """The properties that hold its vector."""
    if len(record.encoder) > SHOWN:
        named, letters = f"{record.kind} {record.id[:80]!r}", len(record.encoder)
        raise RejectedInput(f"{named}: an encoder's name of {letters} letters, the index takes {SHOWN}")
    return {
        "encoder": record.encoder,
        "vector": record.embedding,
        "vector_checksum": checksum_of(record.embedding),
    }


def spelled(vector: bytes) -> str:
    """The values of a vector as one text: the driver packs a list number by number, which takes three times as long."""
    return ",".join([f"{value:.9g}" for value in unpack(vector)])


def tally_node(tally: Tally) -> dict[str, Any]:
    """The properties of one counter."""
    line = to_line(tally)
    plain = {f.name: _shown(getattr(tally, f.name)) for f in fields(Tally)}
    return {**plain, "line": line, "checksum": checksum_of(line.encode())}


def record_of(row: list[Any]) -> Record:
    """The record of one ROW."""
    seq, line, retired_ns, vector = row
    record = from_line(line, retired_ns, bytes(vector or b""))
    if not isinstance(record, Record):
        raise StoreCorrupt(f"node {seq} holds no record: {line[:80]!r}")
    return record


def answer_of(row: list[Any]) -> Record:
    """Likewise, of what is asked for: the same row again is not parsed again."""
    seq, line, retired_ns, vector = row
    return _parsed(seq, line, retired_ns, bytes(vector or b""))


@lru_cache(maxsize=PARSED)
def _parsed(*row: Any) -> Record:
    return record_of(list(row))


def forget_parsed() -> None:
    """What was erased must not stay in the process."""
    _parsed.cache_clear()


def tally_of(line: str) -> Tally:
    """The counter of one line."""
    tally = from_line(line)
    if not isinstance(tally, Tally):
        raise StoreCorrupt(f"a tally's node holds {line[:80]!r}")
    return tally


def new_spaces(records: Iterable[Record], known: Mapping[str, Space]) -> list[Space]:
    """Spaces that the records' vectors need and the store does not have.

    Raises:
        RejectedInput: a vector has not the size of its encoder's others.
    """
    new: dict[str, Space] = {}
    for record in records:
        if record.embedding:
            size = len(record.embedding) // 4
            space = known.get(record.encoder) or new.setdefault(record.encoder, Space(record.encoder, size))
            if space.size != size:
                raise wrong_size(record, 4 * space.size)
    return list(new.values())


def put(transaction: Transaction, nodes: list[dict[str, Any]], tallies: list[dict[str, Any]], new: list[Space]) -> None:
    """Create nodes of versions and spaces, and put counters in place."""
    for start in range(0, len(nodes), _AT_ONCE):
        transaction.rows(_CREATE, rows=nodes[start : start + _AT_ONCE])
    if tallies:
        transaction.rows(_PUT_TALLIES, rows=tallies)
    for space in new:
        transaction.rows(_PUT_SPACE, digest=space.digest, encoder=space.encoder, size=space.size)


def checksum_of(held: bytes) -> int:
    """What notices a property that changed."""
    return zlib.crc32(held)


def term(word: str) -> str:
    """A word as the full-text index holds it: the whitespace analyser would cut the very long ones."""
    return word if len(word) <= _LONGEST_TERM else hashlib.blake2s(word.encode(), digest_size=16).hexdigest()


def owner_word(robot: str) -> str:
    """A robot's name as one word of the full-text index; with a kind behind it, what it has of that kind."""
    return hashlib.blake2s(robot.encode(), digest_size=8).hexdigest()


def shown(text: str) -> str:
    """A text as a property shows it: whole, or its beginning."""
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def shown_all(some: tuple[str, ...]) -> list[str]:
    """Those that a text can equal, as properties show them."""
    return [shown(one) for one in dict.fromkeys(some) if encodable(one)]


def encodable(text: str) -> bool:
    """Can any stored text equal this one? None has a lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def names(some: tuple[str, ...]) -> list[str]:
    """Those that can be names of something stored, once each."""
    return [one for one in dict.fromkeys(some) if encodable(one) and len(one) <= SHOWN]


def _shown(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return shown(value)
    return [_shown(one) for one in value] if isinstance(value, tuple) else value
