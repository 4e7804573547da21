# SPDX-License-Identifier: Apache-2.0
"""What the store says beside records that were found: when they were confirmed, who contradicts them, what is linked.

Neighbours: recall.py asks once for all that it is about to answer with; strategies.py walks the graph for it.
Rules of the file: one call for each question, whatever the number of records.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from memory.draft import Draft
from memory.query import FOREVER_NS
from memory.records import PREDICATES, RECORD_KINDS, Cue, Event, Instance, Lesson, Record, Relation, Tally
from memory.searching import Answer, Limits, fuse_records, of_map, query_of
from memory.side_by_side import begun
from memory.strategies import WALKED, Graph, Reached, walk
from memory.timeline import is_functional, state_of

NOT_THERE = frozenset({"missing", "absent"})  # of its "presence": a clear look found it gone
EDGES_AT_MOST = 2000
_FUNCTIONAL = tuple(name for name, predicate in PREDICATES.items() if predicate.functional)


@dataclass(frozen=True, slots=True)
class Beside:
    """Attributes:
    tallies: Of each record that is counted: when it was last confirmed, and how often it was of use.
    conflicting: Ids of facts that another open claim contradicts.
    lost: Ids of things that were looked for where they are believed to be, in vain: where they are is not known.
    """

    tallies: Mapping[str, Tally] = field(default_factory=dict)
    conflicting: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()


class Surroundings:
    """Of one robot's records."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def beside(self, records: Sequence[Record], cue: Cue, now_ns: int, executor: Executor | None = None) -> Beside:
        """What to say with these records: one look at the tallies, one at the claims about the same subjects."""
        if not records:
            return Beside()
        ids = dict.fromkeys(record.id for record in records)
        tallies = begun(executor, lambda: self._draft.tallies(*ids))
        facts = [r for r in records if isinstance(r, Relation) and holds(r, now_ns) and is_functional(r.predicate)]
        things = [record.id for record in records if isinstance(record, Instance)]
        subjects = tuple(dict.fromkeys((*(fact.subject for fact in facts), *things)))
        claims = self._claims(subjects, cue.as_of_recorded_ns) if subjects else {}
        presence = {one: state_of(claims.get((one, "presence"), ())) for one in things}
        return Beside(
            tallies(),
            frozenset(
                f.id for f in facts if any(c.object != f.object for c in claims.get((f.subject, f.predicate), ()))
            ),
            frozenset(one for one, now in presence.items() if now and now.object in NOT_THERE),
        )

    def reach(self, seeds: Mapping[str, float], found: Sequence[Record], cue: Cue, limits: Limits) -> Answer:
        """What the cue's strategy reaches from records that were found.

        Args:
            seeds: Weight of each found record, by id.
            found: The records themselves.

        Raises:
            ValueError: no strategy has that name.
        """
        end_s = None if limits.deadline_s is None else time.monotonic() + limits.deadline_s
        cap = limits.record_budget or EDGES_AT_MOST
        graph = Graph(lambda nodes, reverse, limit: self._edges(nodes, reverse, limit, cue), cap, end_s=end_s)
        for record in found:
            for name in _names_in(record):
                graph.tie(record.id, name)
        reached = walk(cue.strategy, graph, seeds)
        records = self._records(reached, cue)
        notes = (f"{cue.strategy}: the graph was cut at {len(graph.edges)} links",) if graph.truncated else ()
        return Answer(tuple(records), len(graph.edges), not graph.late, notes)

    def _records(self, reached: Reached, cue: Cue) -> list[Record]:
        """Records at the nodes, and the facts between them, as far as the cue asks for such."""
        best = sorted(reached.scores, key=lambda node: (-reached.scores[node], node))[: 4 * cue.k or None]
        at_nodes = self._draft.get(*best)
        edges = [edge for edge in reached.edges if edge.subject in at_nodes and edge.object in reached.scores]
        edges.sort(key=lambda e: (-reached.scores.get(e.subject, 0.0) - reached.scores[e.object], e.sequence))
        nodes = [at_nodes[node] for node in best if node in at_nodes]
        return fuse_records([self._asked_for(nodes, cue), self._asked_for(edges, cue)])[: cue.k or None]

    def _asked_for(self, records: Iterable[Record], cue: Cue) -> list[Record]:
        timed = query_of(cue, self._draft.robot, kinds=tuple(RECORD_KINDS), current=False)
        return [record for record in records if timed.matches(record) and of_map(record, cue.map_id)]

    def _edges(self, nodes: tuple[str, ...], reverse: bool, limit: int, cue: Cue) -> Sequence[Relation]:
        return self._draft.expand(
            nodes,
            predicates=WALKED,
            reverse=reverse,
            valid_at_ns=FOREVER_NS,
            recorded_at_ns=cue.as_of_recorded_ns,
            limit=limit,
        )

    def _claims(self, subjects: tuple[str, ...], recorded_at_ns: int | None) -> dict[tuple[str, str], list[Relation]]:
        claims: dict[tuple[str, str], list[Relation]] = {}
        for claim in self._draft.expand(
            subjects, predicates=_FUNCTIONAL, valid_at_ns=FOREVER_NS, recorded_at_ns=recorded_at_ns, limit=0
        ):
            claims.setdefault((claim.subject, claim.predicate), []).append(claim)
        return claims


def holds(record: Record, now_ns: int) -> bool:
    """Has it not ended yet?"""
    return record.valid_to_ns is None or record.valid_to_ns > now_ns


def _names_in(record: Record) -> tuple[str, ...]:
    """Nodes of the graph that a record speaks of."""
    if isinstance(record, Relation):
        return tuple(name for name in (record.subject, record.object) if name)
    if isinstance(record, Event):
        return tuple(name for name in (*record.subjects, record.place_id) if name)
    if isinstance(record, Instance):
        return (record.label,)
    if isinstance(record, Lesson):
        return tuple(name for name in (record.subject, record.value) if name)
    return ()
