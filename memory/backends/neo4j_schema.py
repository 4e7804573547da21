# SPDX-License-Identifier: Apache-2.0
"""What a Neo4j database of ours looks like, for people who open it beside the robot; made and checked at start.

Neighbours: neo4j_rows.py fills the nodes, neo4j_graph.py draws the relationships, neo4j_search.py uses the indexes.

Every version of a record is a node with these labels:
    :Record     every one; properties are the record's fields under their own names, but `seq` for sequence and the
                point `position` for position_m. Texts beyond 512 letters are cut for people; `line` holds all.
    :Instance :Place :Fact :Event :Episode :Lesson      its kind; a Fact is a Relation of records.py
    :Current    while the version is believed (it has no retired_ns)
    :Embedded, :Embedded_<encoder>_<size>               it has a vector
    :Embedded_<encoder>_<size>_happened, .._lasting     of an event or an episode, and of all else; one vector index for
                each: who asks what happened, or what is, finds most of the nearest to be among what was asked for
Between them:
    (:Record)-[:RESTS_ON]->(:Record)    its evidence
    (:Fact)-[:SUBJECT]->(:Record), (:Fact)-[:OBJECT]->(:Record)
                These three lead to the version that was believed when the record was written, and never move.
    (:Instance)-[:INSIDE {fact_id, version, predicate, valid_from_ns}]->(:Instance)
                The mirror: one for each believed fact that still holds between two instances or places, between the
                versions that `get` answers with. Its type is the declared predicate in capitals, or RELATED.
Beside them: (:Tally) counters, (:Forgotten) audits, (:Commit) idempotency keys, (:VectorSpace) encoders, (:Span)
which lengths of time there are, and one (:Store) with the format number, the last sequence and the writer's lease. Give
it a database of its own.

Three properties are there for searches alone. `span` is how long a record is true, as the power of two of ns that is
not shorter, 64 for what has no end: what lasts no longer than 2^n ns and is true at a moment began less than 2^n ns
before it, so that for each (:Span {robot, kind, span}) a stretch of one index is read, and not the whole past. `words`
holds what it is found by, and a made word for each id in `subjects` and `evidence`. `scope` holds made words for its
robot and kind, `open` while it has no end and `now` while it is believed, so that the best of the index of words are
among those that are asked for.

    MATCH (thing:Instance {label: 'Mug'})-[:INSIDE]->(on) RETURN thing.alias, on.label

Rules of the file: names in statements come from the tables here, never from input.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Protocol

from memory.errors import StoreCorrupt, StoreTooNew, StoreUnavailable
from memory.records import PREDICATES, RECORD_KINDS, Episode, Event

FORMAT = 2  # kept on the Store node; neo4j_migration.py reads the earlier one
OLDEST_SERVER = (5, 26)
LARGEST_INDEXED = 4096  # dimensions that Neo4j's vector index takes; larger vectors are compared one by one
LABELS = {kind: {"relation": "Fact"}.get(kind, kind.capitalize()) for kind in RECORD_KINDS}
TYPES = {name: name.upper() for name in PREDICATES}
OTHER_TYPE = "RELATED"
GROUPS = {kind: "happened" if kind in (Event.kind, Episode.kind) else "lasting" for kind in RECORD_KINDS}
MIRRORED = "|".join((*TYPES.values(), OTHER_TYPE))
WORDS, POSITION = "record_words", "record_position"

_UNIQUE = {
    "record_version": ("Record", ("robot", "id", "version")),
    "tally_of": ("Tally", ("robot", "record_id")),
    "commit_digest": ("Commit", ("digest",)),
    "vector_space": ("VectorSpace", ("digest",)),
    "store_name": ("Store", ("name",)),
    "span_there": ("Span", ("robot", "kind", "span")),
}
_RANGE = {
    "record_seq": ("Record", ("seq",)),
    "record_log": ("Record", ("robot", "seq")),
    "record_time": ("Record", ("robot", "valid_from_ns", "seq")),
    "record_kind": ("Record", ("robot", "kind", "valid_from_ns", "seq")),
    "record_span": ("Record", ("robot", "kind", "span", "valid_from_ns", "seq")),
    "record_label": ("Record", ("robot", "label")),
    "record_subject": ("Record", ("robot", "subject")),
    "record_object": ("Record", ("robot", "object")),
    "record_encoder": ("Record", ("robot", "encoder", "kind")),
    "current_id": ("Current", ("robot", "id")),
    "current_subject": ("Current", ("robot", "subject")),
    "current_object": ("Current", ("robot", "object")),
    "commit_number": ("Commit", ("number",)),
}


class Link(Protocol):
    """What this file needs of neo4j_link.Link."""

    name: str

    def rows(self, statement: str, deadline_s: float | None = None, /, **parameters: Any) -> list[list[Any]]: ...

    def order(self, statement: str, silent_s: float = ..., /, **parameters: Any) -> list[list[Any]]: ...


class Space:
    """Where the vectors of one encoder and size live: a label for all, and for each of GROUPS another and its index."""

    def __init__(self, encoder: str, size: int) -> None:
        self.encoder = encoder
        self.size = size
        self.digest = hashlib.blake2s(encoder.encode(), digest_size=8).hexdigest()
        self.label = f"Embedded_{self.digest}_{size}"
        self.indexed = size <= LARGEST_INDEXED

    def labels(self, kinds: Iterable[str] = GROUPS) -> list[str]:
        """Those of the groups that these kinds are in."""
        return [f"{self.label}_{group}" for group in sorted({GROUPS[kind] for kind in kinds if kind in GROUPS})]

    def indexes(self, kinds: Iterable[str] = GROUPS) -> list[str]:
        """Likewise, the indexes."""
        return [label.replace("Embedded", "vectors", 1) for label in self.labels(kinds)]

    def make(self, link: Link, wait_s: int = 300) -> None:
        """Create its indexes, if they are not there."""
        for label, index in zip(self.labels(), self.indexes(), strict=True) if self.indexed else ():
            link.order(
                f"CREATE VECTOR INDEX {index} IF NOT EXISTS FOR (r:{label}) ON (r.embedding) OPTIONS "
                f"{{indexConfig: {{`vector.dimensions`: {self.size}, `vector.similarity_function`: 'cosine'}}}}"
            )
            link.order("CALL db.awaitIndex($name, $wait_s)", wait_s + 60.0, name=index, wait_s=wait_s)


def prepare(link: Link) -> None:
    """Make what is missing, and see that it is there.

    Raises:
        StoreTooNew: the store has a later format, StoreUnavailable: the server is too old or an index cannot be made,
        StoreCorrupt: the nodes break a constraint.
    """
    check_server(link)
    present = _present(link)
    for name, statement in _statements().items():
        if name not in present:
            _make(link, name, statement)
    if _statements().keys() - _present(link).keys() or "POPULATING" in _present(link).values():
        link.order("CALL db.awaitIndexes(600)")
    check(link)
    link.order(
        "MERGE (s:Store {name: 'memory'}) ON CREATE SET "
        "s.format = $format, s.sequence = 0, s.recorded_ns = 0, s.keys = 0, s.audits = 0, s.token = ''",
        format=FORMAT,
    )


def check(link: Link) -> None:
    """Raise StoreUnavailable unless every constraint and index is there, as declared, and online."""
    declared = {
        **{name: ("RANGE", label, list(names)) for name, (label, names) in (_UNIQUE | _RANGE).items()},
        WORDS: ("FULLTEXT", "Record", ["scope", "words"]),
        POSITION: ("POINT", "Record", ["position"]),
    }
    shown = link.rows("SHOW INDEXES YIELD name, type, labelsOrTypes, properties, state, owningConstraint")
    there = {name: ((kind, (labels or [""])[0], names), state) for name, kind, labels, names, state, _ in shown}
    owned = {name for name, *_, owner in shown if owner}
    for name, as_declared in declared.items():
        is_now, state = there.get(name, (None, "missing"))
        if is_now != as_declared or state != "ONLINE" or (name in _UNIQUE and name not in owned):
            raise StoreUnavailable(f"{link.name}: index {name} should be {as_declared}; it is {is_now} and {state}")


def check_server(link: Link, *, whole: bool = False) -> None:
    """Refuse a server that is too old, and a store that is too new; `whole` refuses one that is not of today's format.

    Raises:
        StoreTooNew, StoreUnavailable: which of them it is.
    """
    ((version,),) = link.rows(
        "CALL dbms.components() YIELD name, versions WHERE name CONTAINS 'Kernel' RETURN versions[0]"
    )
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_SERVER:
        raise StoreUnavailable(f"{link.name} runs Neo4j {version}; 5.26 or later is needed")
    for (is_now,) in link.rows("MATCH (s:Store {name: 'memory'}) RETURN s.format"):
        if is_now > FORMAT:
            raise StoreTooNew(f"{link.name} has format {is_now}, this version reads up to {FORMAT}")
        if whole and is_now < FORMAT:
            raise StoreUnavailable(f"{link.name} has format {is_now}: open it for writing once, which migrates it")


def rebuild(link: Link) -> None:
    """Drop every index that no constraint owns, and make it anew from the nodes."""
    for name in _present(link):
        if name in _RANGE or name in (WORDS, POSITION) or name.startswith("vectors_"):
            link.order(f"DROP INDEX {name} IF EXISTS")
    for name, statement in _statements().items():
        if name not in _UNIQUE:
            _make(link, name, statement)
    for space in spaces(link).values():
        space.make(link)
    link.order("CALL db.awaitIndexes(3600)")


def spaces(link: Link, deadline_s: float | None = None) -> dict[str, Space]:
    """Every encoder the store has had vectors of."""
    found = link.rows("MATCH (v:VectorSpace) RETURN v.encoder, v.size", deadline_s)
    return {encoder: Space(encoder, size) for encoder, size in found}


def wipe(link: Link) -> None:
    """Erase what an interrupted restore left, in pieces."""
    for label in ("Record", "Tally", "VectorSpace", "Span"):
        link.order(f"MATCH (n:{label}) CALL (n) {{ DETACH DELETE n }} IN TRANSACTIONS OF 1000 ROWS")


def _present(link: Link) -> dict[str, str]:
    return dict(link.rows("SHOW INDEXES YIELD name, state"))


def _statements() -> dict[str, str]:
    made = {}
    for name, (label, names) in _UNIQUE.items():
        made[name] = f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}) REQUIRE {_listed(names)} IS UNIQUE"
    for name, (label, names) in _RANGE.items():
        made[name] = f"CREATE INDEX {name} IF NOT EXISTS FOR (n:{label}) ON {_listed(names)}"
    made[POSITION] = f"CREATE POINT INDEX {POSITION} IF NOT EXISTS FOR (r:Record) ON (r.position)"
    made[WORDS] = (
        f"CREATE FULLTEXT INDEX {WORDS} IF NOT EXISTS FOR (r:Record) ON EACH [r.scope, r.words] "
        "OPTIONS {indexConfig: {`fulltext.analyzer`: 'whitespace'}}"
    )
    return made


def _listed(names: tuple[str, ...]) -> str:
    return f"({', '.join(f'n.{name}' for name in names)})"


def _make(link: Link, name: str, statement: str) -> None:
    try:
        link.order(statement)
    except StoreUnavailable as error:
        kind = StoreCorrupt if name in _UNIQUE and "Both Node" in str(error) else StoreUnavailable
        raise kind(f"{link.name}: cannot make {name}: {error}") from error
