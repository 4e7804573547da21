# SPDX-License-Identifier: Apache-2.0
"""A store of format 1 becomes one of today's: every node gets what format 2 searches by.

Neighbours: neo4j.py calls it once it holds the store; neo4j_schema.py says what a node has, neo4j_rows.py makes it.
Rules of the file: pages, each one transaction of the one writer; a node that has its `span` is done, so that it goes on
where it was killed; lines and vectors are not touched, so nothing needs to be kept aside; the indexes of vectors are
made once all have their labels; the number comes last, and until then readers are refused.
"""

from __future__ import annotations

import logging
from typing import Any

from memory.backend import Receipt
from memory.backends import neo4j_rows as rows
from memory.backends.neo4j_ledger import Before, Ledger
from memory.backends.neo4j_schema import FORMAT, Link, spaces
from memory.records import Record

_PAGE = 500
_PATIENCE_S = 3600  # for an index of a million vectors
_UNDONE = (
    "MATCH (r:Record) USING INDEX SEEK r:Record(seq) WHERE r.seq > $since AND r.span IS NULL "
    f"RETURN {rows.ROW} ORDER BY r.seq LIMIT {_PAGE}"
)
_DO = (
    "UNWIND $some AS one MATCH (r:Record) USING INDEX SEEK r:Record(seq) WHERE r.seq = one.seq "
    f"SET r.span = one.span, r.words = one.words, r.scope = one.scope, r:$(one.labels) {rows.PUT_SPANS}"
)
_DONE = "MATCH (s:Store {name: 'memory'}) SET s.format = $format"
_log = logging.getLogger(__name__)


def migrate(link: Link, ledger: Ledger) -> None:
    """Bring the store to today's format, if it is of an earlier one."""
    ((is_now,),) = link.rows("MATCH (s:Store {name: 'memory'}) RETURN s.format")
    if is_now == FORMAT:
        return
    _log.warning("%s has format %d; migrating it to %d", link.name, is_now, FORMAT)
    since: int | None = 0
    while since is not None:
        since = _page(ledger, since)

    def done(transaction: rows.Transaction, before: Before) -> Receipt:
        transaction.rows(_DONE, format=FORMAT)
        return _nothing(before)

    _new_indexes(link)
    ledger.commit(done, "migrated")


def _new_indexes(link: Link) -> None:
    """Of vectors, in place of the one for each space."""
    known = spaces(link).values()
    names = {index for space in known for index in space.indexes()}
    for (name,) in link.rows("SHOW VECTOR INDEXES YIELD name WHERE name STARTS WITH 'vectors_'"):
        if name not in names:
            link.order(f"DROP INDEX {name} IF EXISTS")
    for space in known:
        space.make(link, _PATIENCE_S)


def _page(ledger: Ledger, since: int) -> int | None:
    """Do one page of what comes after; the last sequence of it, None if there was nothing left."""
    last: int | None = None

    def body(transaction: rows.Transaction, before: Before) -> Receipt:
        nonlocal last
        undone = transaction.rows(_UNDONE, since=since)
        some = [_due(rows.record_of(row)) for row in undone]
        if some:
            transaction.rows(_DO, some=some)
        last = some[-1]["seq"] if some else None
        return _nothing(before)

    ledger.commit(body, f"migrate {since}")
    return last


def _due(record: Record) -> dict[str, Any]:
    return {"seq": record.sequence, "labels": ["Record", *rows.embedded(record)], **rows.searched_of(record)}


def _nothing(before: Before) -> Receipt:
    return Receipt(before.recorded_ns, before.sequence, before.sequence)
