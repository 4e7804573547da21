# SPDX-License-Identifier: Apache-2.0
"""The relationships of the Neo4j store: drawn with each write, drawn anew, and compared with the nodes.

Neighbours: neo4j_schema.py says what they mean; neo4j.py draws in its transactions, neo4j_upkeep.py verifies.
Rules of the file: every relationship is a function of the nodes, so that drawing anew gives the same; types come from
the declared predicates alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from memory.backends.neo4j_rows import NOW, Transaction
from memory.backends.neo4j_schema import MIRRORED, OTHER_TYPE, TYPES, Link
from memory.errors import StoreCorrupt
from memory.records import Positioned, Record, Relation

_PAGE = 1000
_GROUNDS = "RESTS_ON|SUBJECT|OBJECT"
_BEST = "ORDER BY b.valid_to_ns IS NOT NULL, b.version DESC LIMIT 1"  # as backend.current_of has it
_NAMED = (
    "UNWIND [one IN a.evidence | ['RESTS_ON', one]] + "
    "CASE WHEN a:Fact THEN [['SUBJECT', a.subject], ['OBJECT', a.object]] ELSE [] END AS t WITH DISTINCT a, t "
)
_NOW = f"CALL (a, t) {{ MATCH (b:Current) WHERE b.robot = a.robot AND b.id = t[1] RETURN b {_BEST} }} "
_THEN = (  # what _NOW would have answered when a was written
    "CALL (a, t) { MATCH (b:Record) WHERE b.robot = a.robot AND b.id = t[1] AND b.version IS NOT NULL AND "
    f"b.recorded_ns <= a.recorded_ns AND (b.retired_ns IS NULL OR b.retired_ns > a.recorded_ns) RETURN b {_BEST} }} "
)
_DRAW_GROUNDS = "CREATE (a)-[:$(t[0])]->(b)"
_ENDS = (
    "WITH f WHERE f:Current AND f.valid_to_ns IS NULL "
    f"CALL (f) {{ MATCH (b:Current) WHERE b.robot = f.robot AND b.id = f.subject RETURN b AS s {_BEST} }} "
    f"CALL (f) {{ MATCH (b:Current) WHERE b.robot = f.robot AND b.id = f.object RETURN b AS o {_BEST} }} "
    "WITH f, s, o, coalesce($types[f.predicate], $other) AS type "
    "WHERE (s:Instance OR s:Place) AND (o:Instance OR o:Place) "
)
_DRAW_MIRROR = (
    "CREATE (s)-[:$(type) {fact_id: f.id, version: f.version, predicate: f.predicate, "
    "valid_from_ns: f.valid_from_ns}]->(o)"
)
_UNDRAW_FACT = (
    f"CALL (f) {{ MATCH (n:Current) WHERE n.robot = f.robot AND n.id = f.subject MATCH (n)-[e:{MIRRORED}]->() "
    "WHERE e.fact_id = f.id AND e.version = f.version DELETE e } "
)
RETIRE = (
    "UNWIND $gone AS k MATCH (r:Record) WHERE r.robot = k[0] AND r.id = k[1] AND r.version = k[2] "
    f"AND r.retired_ns IS NULL SET r.retired_ns = $now, r.scope = replace(r.scope, ' {NOW}', '') REMOVE r:Current "
    f"WITH r CALL (r) {{ MATCH (r)-[e:{MIRRORED}]-() DELETE e }} RETURN r.robot, r.id, r.version, r.kind"
)
_TOUCHED = (
    "CALL { UNWIND $facts AS k MATCH (f:Record) WHERE f.robot = k[0] AND f.id = k[1] AND f.version = k[2] RETURN f "
    "UNION UNWIND $things AS k MATCH (f:Current) WHERE f:Fact AND f.robot = k[0] AND f.subject = k[1] RETURN f "
    "UNION UNWIND $things AS k MATCH (f:Current) WHERE f:Fact AND f.robot = k[0] AND f.object = k[1] RETURN f } "
)
FORGET = (
    "UNWIND $ids AS one "
    "CALL (one) { MATCH (f:Record) WHERE f:Fact AND f.robot = $robot AND f.id = one AND f.version IS NOT NULL "
    f"MATCH (n:Current) WHERE n.robot = $robot AND n.id = f.subject MATCH (n)-[e:{MIRRORED}]->() "
    "WHERE e.fact_id = one DELETE e } "
    "CALL (one) { MATCH (r:Record) WHERE r.robot = $robot AND r.id = one AND r.version IS NOT NULL "
    "DETACH DELETE r RETURN count(*) AS records } "
    "CALL (one) { MATCH (t:Tally) WHERE t.robot = $robot AND t.record_id = one DELETE t RETURN count(*) AS tallies } "
    "RETURN one, records + tallies"
)


def draw(transaction: Transaction, records: Iterable[Record], retired: Iterable[list[Any]]) -> None:
    """Everything that follows from new versions, and from retired ones [robot, id, version, kind]."""
    new = list(records)
    if any(record.evidence or isinstance(record, Relation) for record in new):
        written = "MATCH (a:Record) WHERE a.seq >= $first AND a.seq <= $last "
        span = {"first": new[0].sequence, "last": new[-1].sequence}
        transaction.rows(written + _NAMED + _NOW + _DRAW_GROUNDS, **span)
    gone = list(retired)
    facts = [[r.robot, r.id, r.version] for r in new if isinstance(r, Relation)]
    facts += [row[:3] for row in gone if row[3] == Relation.kind]
    things = {(r.robot, r.id) for r in new if not isinstance(r, Relation)}
    things |= {(robot, one) for robot, one, _, kind in gone if kind != Relation.kind}
    if facts or any(isinstance(r, Positioned) for r in new) or gone:
        changed = {"facts": facts, "things": [list(thing) for thing in things], "types": TYPES, "other": OTHER_TYPE}
        transaction.rows(_TOUCHED + _UNDRAW_FACT + _ENDS + _DRAW_MIRROR, **changed)


def draw_anew(link: Link) -> None:
    """Erase every relationship and draw it from the nodes, page by page."""
    erase = f"MATCH ()-[e:{_GROUNDS}|{MIRRORED}]->() CALL (e) {{ DELETE e }} IN TRANSACTIONS OF 5000 ROWS"
    link.order(erase)
    grounds = f"{_pages('a', 'Record')}CALL (a) {{ {_NAMED}{_THEN}{_DRAW_GROUNDS} }} RETURN max(a.seq)"
    mirror = f"{_pages('f', 'Fact')}CALL (f) {{ {_ENDS}{_DRAW_MIRROR} }} RETURN max(f.seq)"
    for statement in (grounds, mirror):
        since = 0
        while since is not None:
            ((since,),) = link.order(statement, since=since, types=TYPES, other=OTHER_TYPE)


def verify(link: Link) -> int:
    """How many relationships there are, all as the nodes have them.

    Raises:
        StoreCorrupt: one is missing, or one is there that should not be; it is named.
    """
    grounds = _compare(link, "a", "Record", _NAMED + _THEN, "(a)-[e]->(b) WHERE type(e) = t[0]", _GROUNDS)
    same = "e.fact_id = f.id AND e.version = f.version AND e.valid_from_ns = f.valid_from_ns AND type(e) = type"
    return grounds + _compare(link, "f", "Fact", _ENDS, f"(s)-[e]->(o) WHERE {same}", MIRRORED)


def _compare(link: Link, node: str, label: str, expected: str, drawn: str, types: str) -> int:
    statement = (
        f"{_pages(node, label)}CALL ({node}) {{ {expected}"
        f"WITH {node}, COUNT {{ MATCH {drawn} }} AS times "
        f"RETURN count(*) AS due, collect(CASE WHEN times <> 1 THEN {node}.id END)[0] AS wrong }} "
        f"RETURN max({node}.seq), sum(due), collect(wrong)[0]"
    )
    since, total = 0, 0
    while True:
        ((since, due, wrong),) = link.rows(statement, since=since, types=TYPES, other=OTHER_TYPE)
        if wrong is not None:
            raise StoreCorrupt(f"{link.name}: relationships {types} of {wrong!r} are not as its node says; rebuild")
        if since is None:
            break
        total += due
    ((there,),) = link.rows(f"MATCH ()-[e:{types}]->() RETURN count(e)")
    if there != total:
        raise StoreCorrupt(f"{link.name}: {there} relationships {types}, but the nodes make {total}; rebuild")
    return total


def _pages(node: str, label: str) -> str:
    walked = f"MATCH ({node}:Record) USING INDEX SEEK {node}:Record(seq) WHERE {node}:{label} AND {node}.seq > $since "
    return f"{walked}WITH {node} ORDER BY {node}.seq LIMIT {_PAGE} "
