# SPDX-License-Identifier: Apache-2.0
"""What a Neo4j store is cared for with: verify, rebuild, checkpoint, backup and restore.

Neighbours: neo4j.py offers these as maintain and restore; neo4j_graph.py compares and draws the relationships.
Rules of the file: the nodes' lines are the truth, everything else is derived from them; Neo4j Community cannot be
copied while it runs, so a backup is an export, which restore reads back.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from memory import serialization
from memory.backend import Backend, Receipt
from memory.backends import neo4j_graph as graph
from memory.backends import neo4j_rows as rows
from memory.backends import neo4j_schema as schema
from memory.backends.neo4j_ledger import Before, Ledger
from memory.embedding import pack
from memory.errors import RejectedInput, StoreCorrupt, StoreNotEmpty
from memory.records import Record, Tally

_PAGE = 500
_RESTORING = "MATCH (s:Store {name: 'memory'}) SET s.restoring = true"
_RESTORED = "MATCH (s:Store {name: 'memory'}) REMOVE s.restoring"
_SPANS = f"MATCH (r:Record) {rows.PUT_SPANS}"
_UNWRITTEN = "MATCH (s:Store {name: 'memory'}) SET s.sequence = 0, s.recorded_ns = 0, s.token = '' REMOVE s.restoring"


def verify(link: schema.Link) -> str:
    """Compare every node with its line, every relationship with its nodes; one sentence.

    Raises:
        StoreCorrupt: something is not as it was written; it is named.
        StoreUnavailable: an index is missing or not online.
    """
    count, since = 0, 0
    spans = {tuple(row) for row in link.rows("MATCH (p:Span) RETURN p.robot, p.kind, p.span")}
    page = "MATCH (r:Record) USING INDEX SEEK r:Record(seq) WHERE r.seq > $since RETURN properties(r), labels(r) "
    while found := link.rows(f"{page}ORDER BY r.seq LIMIT {_PAGE}", since=since):
        for node, labels in found:
            _check_node(link, node, labels)
            if (node["robot"], node["kind"], node["span"]) not in spans:
                raise StoreCorrupt(f"{link.name}: no Span for node {node['seq']} of length {node['span']}; rebuild")
        count, since = count + len(found), found[-1][0]["seq"]
    for (tally,) in link.rows("MATCH (t:Tally) RETURN properties(t)"):
        if rows.tally_node(rows.tally_of(tally["line"])) != tally:
            raise StoreCorrupt(f"{link.name}: tally of {tally.get('record_id')!r} is not as its line says")
    ((last,),) = link.rows("MATCH (s:Store {name: 'memory'}) RETURN s.sequence")
    if last < since:
        raise StoreCorrupt(f"{link.name}: sequence {since} was never given out; the last was {last}")
    schema.check(link)
    return f"{link.name}: {count} records and {graph.verify(link)} relationships verified"


def rebuild(link: schema.Link) -> str:
    """Make every index and relationship anew from the nodes; one sentence."""
    schema.rebuild(link)
    link.order(_SPANS)
    graph.draw_anew(link)
    return f"{link.name}: indexes and relationships made anew"


def backup(backend: Backend, target: Path) -> str:
    """Export into a file that `restore` reads back; one sentence."""
    partial = target.with_name(target.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="\n") as out:
        count = serialization.export(backend, out)
        out.flush()
        os.fsync(out.fileno())
    os.replace(partial, target)
    return f"wrote {count} lines to {target}: an export, which restore reads back"


def finish_restore(link: schema.Link) -> None:
    """Erase what a restore left that never ended."""
    if link.rows("MATCH (s:Store {name: 'memory'}) WHERE s.restoring RETURN 1"):
        schema.wipe(link)
        link.order(_UNWRITTEN)


class Restore:
    """Fills an unwritten store in pieces; it is marked until the last one is in, and what ends before erases all."""

    def __init__(self, link: schema.Link, ledger: Ledger, spaces: dict[str, schema.Space]) -> None:
        self._link = link
        self._ledger = ledger
        self._spaces = spaces
        self._last = 0
        self._recorded_ns = 0

    def run(self, entries: Iterable[Record | Tally]) -> None:
        """As Backend.restore."""
        ((used_ns, count),) = self._link.rows(
            "MATCH (s:Store {name: 'memory'}) RETURN s.recorded_ns, COUNT { (:Record) }"
        )
        if used_ns:
            raise StoreNotEmpty(f"cannot restore into {self._link.name}: it was written before ({count} records)")
        self._link.order(_RESTORING)
        try:
            for piece in _pieces(entries):
                self._take(piece)
            graph.draw_anew(self._link)
            self._link.order(_RESTORED)
        except BaseException:
            self._spaces.clear()
            finish_restore(self._link)
            raise

    def _take(self, piece: list[Record | Tally]) -> None:
        records = [entry for entry in piece if isinstance(entry, Record)]
        for record in records:
            if record.sequence <= self._last or record.recorded_ns <= 0:
                raise RejectedInput(f"cannot restore version {record.version} of {record.id!r} at {record.sequence}")
            self._last = record.sequence
            self._recorded_ns = max(self._recorded_ns, record.recorded_ns, record.retired_ns or 0)
        nodes = [rows.node_of(record) for record in records]
        tallies = [rows.tally_node(entry) for entry in piece if isinstance(entry, Tally)]
        new = rows.new_spaces(records, self._spaces)
        for space in new:
            space.make(self._link)
        receipt = Receipt(self._recorded_ns, self._last, self._last)

        def body(transaction: rows.Transaction, before: Before) -> Receipt:
            rows.put(transaction, nodes, tallies, new)
            return receipt

        self._ledger.commit(body, "".join(node["properties"]["line"] for node in nodes) + repr(tallies))
        self._spaces.update({space.encoder: space for space in new})


def _check_node(link: schema.Link, node: dict[str, Any], labels: list[str]) -> None:
    where = f"{link.name}: node {node.get('seq')}"
    vector = bytes(node.get("vector", b""))
    line = node.get("line", "")
    if node.get("checksum") != rows.checksum_of(line.encode()):
        raise StoreCorrupt(f"{where} does not fit its checksum: {line[:80]!r}")
    if vector and node.get("vector_checksum") != rows.checksum_of(vector):
        raise StoreCorrupt(f"{where}: its vector does not fit its checksum")
    due = rows.node_of(rows.record_of([node.get("seq"), line, node.get("retired_ns"), vector]))
    is_now = {"labels": sorted(labels), "at": _list(node.get("position"))}
    if is_now != {"labels": sorted(due["labels"]), "at": due["at"]}:
        raise StoreCorrupt(f"{where} ({line[:80]!r}) is {is_now}, its line says {due['labels']} at {due['at']}")
    held = {**node, "vector": vector} if vector else node
    names = (held.keys() | due["properties"].keys()) - {"position", "embedding"}
    wrong = sorted(name for name in names if held.get(name) != due["properties"].get(name))
    wrong += [] if _packed(node.get("embedding") or ()) == vector else ["embedding"]
    if wrong:
        raise StoreCorrupt(f"{where} ({line[:80]!r}): properties {wrong} are not as its line says")


def _packed(values: Iterable[float]) -> bytes | None:
    """A vector as it is stored beside its values, which went through nine digits; None if it can be none."""
    try:
        return pack(values)
    except RejectedInput:
        return None


def _list(point: Any) -> list[float] | None:
    return None if point is None else list(point)


def _pieces(entries: Iterable[Record | Tally]) -> Iterator[list[Record | Tally]]:
    left = iter(entries)
    while piece := list(islice(left, _PAGE)):
        yield piece
