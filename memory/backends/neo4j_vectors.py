# SPDX-License-Identifier: Apache-2.0
"""Find by vector in Neo4j: its index proposes, the stored float32 decide.

Neighbours: neo4j_search.py offers the ranked records to the query; neo4j_schema.py makes one index for each space.
Rules of the file: the index rounds its vectors and knows no robot, so at least twice as many candidates as were asked
for are compared exactly; few candidates, or exact=True, are compared one by one and the index is not asked; what share
of its proposals passed the last such filters says how many to ask for.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import islice
from typing import Any

import numpy as np

from memory.backend import mismatch
from memory.backends import neo4j_rows as rows
from memory.backends.neo4j_schema import Space
from memory.backends.neo4j_search import Search
from memory.embedding import unpack

COMPARED = 2  # candidates for each answer wanted
EXACT_BELOW = 5000  # candidates
_SHAPES = 1000
_PAGE = EXACT_BELOW + 1
_DIGITS = 12  # equal vectors are equally near, wherever they stood in a matrix
Shares = dict[Hashable, float]
_OTHERS = (
    "MATCH (r:Record) USING INDEX SEEK r:Record(robot, encoder, kind) WHERE r.robot = $robot AND r.encoder IN $others "
    "AND r.kind IS NOT NULL AND ($kinds = [] OR r.kind IN $kinds) RETURN r.encoder LIMIT 1"
)


class VectorSearch:
    """One find by vector.

    Attributes:
        large: Labels of spaces known to hold more than a scan should read; shared between searches.
        shares: By the shape of a query, what share of the index's proposals passed its filters; shared likewise.
    """

    def __init__(self, search: Search, spaces: dict[str, Space], large: set[str], shares: Shares) -> None:
        self._search = search
        self._query = search.query
        self._space = spaces.get(search.query.encoder)
        self._others = [encoder for encoder in spaces if encoder != search.query.encoder]
        self._large = large
        self._shares = shares

    def run(self) -> None:
        """Offer records to the search, nearest first.

        Raises:
            EncoderMismatch: the robot has vectors of another encoder among the asked kinds.
        """
        self._refuse_others()
        if self._space is None or not self._search.filters.possible or self._search.meter.late():
            return
        if not self._by_index(self._space):
            self._by_scan(self._space)

    def _refuse_others(self) -> None:
        query = self._query
        if self._others and rows.names((query.robot,)):
            asked = {"robot": query.robot, "others": self._others, "kinds": list(filter(rows.encodable, query.kinds))}
            for (held,) in self._search.link.rows(_OTHERS, self._search.left_s(), **asked):
                raise mismatch(query, held)

    def _by_index(self, space: Space) -> bool:
        """Whether the index could answer: it is asked for more until enough passes the filters."""
        query = self._query
        fits = len(query.vector) == 4 * space.size and any(unpack(query.vector))
        if query.exact or query.text or not query.limit or not fits or not space.indexed or self._small(space):
            return False
        named = self._search.names_few
        if named and self._few(space):
            return False
        shape, wanted = self._shape(space), COMPARED * query.limit
        first = size = self._asked_for(wanted, self._shares.get(shape, 1.0))
        while True:
            total, candidates = self._proposed(space, size)
            share = max(len(candidates) / max(total, 1), 0.001)
            if len(self._shares) >= _SHAPES:
                self._shares.clear()
            self._shares[shape] = share
            if len(candidates) >= wanted:
                self._offer(candidates)
                return True
            if total < size or (size == first and not named and self._few(space)):
                return False
            size = max(2 * size, min(self._asked_for(wanted, share), 16 * size))

    def _shape(self, space: Space) -> Hashable:
        query = self._query
        clocks = (query.valid_at_ns, query.since_ns, query.until_ns, query.recorded_at_ns)
        return (space.label, query.robot, query.kinds, query.equals, query.history, *(one is None for one in clocks))

    @staticmethod
    def _asked_for(wanted: int, share: float) -> int:
        """So many that with luck enough pass."""
        return min(int(1.25 * wanted / share) + 8, EXACT_BELOW)

    def _small(self, space: Space) -> bool:
        """Are all its vectors few enough to compare one by one?"""
        if space.label not in self._large:
            counted = f"MATCH (r:{space.label}) RETURN count(r)"
            if self._search.link.rows(counted, self._search.left_s())[0][0] < _PAGE:
                return True
            self._large.add(space.label)
        return False

    def _few(self, space: Space) -> bool:
        """Are those that the filters let pass?"""
        counted = f"{self._search.matched(space.label)} WITH r LIMIT {_PAGE} RETURN count(r)"
        ((count,),) = self._search.link.rows(counted, self._search.left_s(), **self._search.values())
        return bool(count < _PAGE)

    def _proposed(self, space: Space, size: int) -> tuple[int, list[list[Any]]]:
        """How many the index had, and the rows of those that pass the filters."""
        statement = (
            f"CALL db.index.vector.queryNodes('{space.index}', $size, $vector) YIELD node AS r "
            f"WITH r, ({self._search.filters.where}) AS fits "
            f"RETURN count(*), collect(CASE WHEN fits THEN [{rows.ROW}] END)"
        )
        values = self._search.values(size=size, vector=list(unpack(self._query.vector)))
        ((total, found),) = self._search.link.rows(statement, self._search.left_s(), **values)
        return int(total), found

    def _offer(self, candidates: list[list[Any]]) -> None:
        near = self._cosines([vector for *_, vector in candidates])
        order = np.lexsort((np.array([row[0] for row in candidates]), -near.round(_DIGITS)))
        for number in order:
            if not self._search.offer(rows.record_of(candidates[number]), float(near[number])):
                return

    def _by_scan(self, space: Space) -> None:
        """Every vector that passes the filters, in pages."""
        sequences: list[int] = []
        near: list[np.ndarray] = []
        statement = (
            f"{self._search.matched(space.label)} AND r.seq > $since WITH r ORDER BY r.seq LIMIT {_PAGE} "
            "RETURN collect(r.seq), collect(r.vector)"
        )
        while True:
            values = self._search.values(since=sequences[-1] if sequences else 0)
            ((page, vectors),) = self._search.link.rows(statement, self._search.left_s(), **values)
            sequences += page
            near.append(self._cosines(vectors))
            if len(page) < _PAGE or self._search.meter.late():
                break
        cosines = np.concatenate(near)
        order = np.lexsort((np.array(sequences), -cosines.round(_DIGITS)))
        self._fetch((sequences[number], float(cosines[number])) for number in order)

    def _fetch(self, ranked: Iterable[tuple[int, float]]) -> None:
        """Offer records by their sequence numbers, best first."""
        left = iter(ranked)
        size = min(self._query.limit or 500, 500)
        fetched = f"MATCH (r:Record) USING INDEX SEEK r:Record(seq) WHERE r.seq IN $some RETURN {rows.ROW}"
        while some := list(islice(left, size)):
            got = self._search.link.rows(fetched, self._search.left_s(), some=[sequence for sequence, _ in some])
            records = {row[0]: rows.record_of(row) for row in got}
            for sequence, near in some:
                if sequence in records and not self._search.offer(records[sequence], near):
                    return

    def _cosines(self, vectors: list[bytes]) -> np.ndarray:
        """float64 [N] of N vectors with the query's; 0 where one has no length, or another size."""
        asked = np.frombuffer(self._query.vector, dtype="<f4").astype(np.float64)
        if self._space is None or len(asked) != self._space.size:
            return np.zeros(len(vectors))
        held = np.frombuffer(b"".join(vectors), dtype="<f4").astype(np.float64).reshape(len(vectors), self._space.size)
        lengths = np.linalg.norm(held, axis=1) * np.linalg.norm(asked)
        cosines: np.ndarray = np.divide(held @ asked, lengths, out=np.zeros(len(vectors)), where=lengths > 0)
        return cosines
