# SPDX-License-Identifier: Apache-2.0
"""Find by vector in Neo4j: its index proposes, the stored float32 decide.

Neighbours: neo4j_search.py offers the ranked records to the query; neo4j_schema.py makes two indexes for each space.
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
from memory.backends.neo4j_schema import GROUPS, Space
from memory.backends.neo4j_search import Search
from memory.embedding import unpack

COMPARED = 2  # candidates for each answer wanted
ENOUGH = 1.25  # of them, before the index is asked once more
EXACT_BELOW = 5000  # candidates
_SHAPES = 1000
_PAGE = EXACT_BELOW + 1
_FEW = 256  # rows that are rather brought whole than asked for again
_MOST = 2**31 - 1
_DIGITS = 12  # equal vectors are equally near, wherever they stood in a matrix
Shares = dict[Hashable, float]
Page = tuple[list[int], list[bytes], list[list[Any]] | None]
_OTHERS = (
    "MATCH (r:Record) USING INDEX SEEK r:Record(robot, encoder, kind) WHERE r.robot = $robot AND r.encoder IN $others "
    "AND r.kind IS NOT NULL AND ($kinds = [] OR r.kind IN $kinds) RETURN r.encoder LIMIT 1"
)


class VectorSearch:
    """One find by vector.

    Attributes:
        large: Labels of spaces, and shapes of queries that name something, that are known to be of more than a scan
            should read; shared between searches.
        shares: By the shape of a query, what share of the index's proposals passed its filters; shared likewise.
    """

    def __init__(self, search: Search, spaces: dict[str, Space], large: set[Hashable], shares: Shares) -> None:
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
        space, page = self._space, None
        indexed = self._indexed(space)
        if indexed and self._search.names_few and self._shape(space) not in self._large:
            page = self._page(space, 0)  # most likely this is all
            indexed = len(page[0]) == _PAGE
            if indexed:
                self._large.add(self._shape(space))
        if not (indexed and self._by_index(space)):
            self._by_scan(space, page or self._page(space, 0))

    def _refuse_others(self) -> None:
        query = self._query
        if self._others and rows.names((query.robot,)):
            asked = {"robot": query.robot, "others": self._others, "kinds": list(filter(rows.encodable, query.kinds))}
            for (held,) in self._search.link.rows(_OTHERS, self._search.left_s(), **asked):
                raise mismatch(query, held)

    def _by_index(self, space: Space) -> bool:
        """Whether the index could answer: it is asked for more until enough passes the filters."""
        shape = self._shape(space)
        wanted = COMPARED * self._query.limit
        first = size = self._asked_for(wanted, self._shares.get(shape, 1.0))
        many = False
        while True:
            total, fitting, candidates = self._proposed(space, size, wanted)
            self._learn(shape, fitting / max(total, 1))
            if len(candidates) >= ENOUGH * self._query.limit:
                self._offer(candidates)
                return True
            far = size > first or fitting < self._query.limit / 2  # from enough: then the count is worth its time
            if total < size or (far and not many and self._few(space)):
                return False
            many = many or far
            size = max(2 * size, min(self._asked_for(wanted, fitting / total), 16 * size))

    def _indexed(self, space: Space) -> bool:
        """Is the index to be asked at all?"""
        query = self._query
        fits = len(query.vector) == 4 * space.size and any(unpack(query.vector))
        return fits and space.indexed and bool(query.limit) and not (query.exact or query.text or self._small(space))

    def _learn(self, shape: Hashable, share: float) -> None:
        """What share is to be expected from now on: as of late, and not as of the one question before."""
        if len(self._shares) >= _SHAPES:
            self._shares.clear()
        self._shares[shape] = (3 * self._shares.get(shape, share) + share) / 4

    def _shape(self, space: Space) -> Hashable:
        query = self._query
        clocks = (query.valid_at_ns, query.since_ns, query.until_ns, query.recorded_at_ns)
        return (space.label, query.robot, query.kinds, query.equals, query.history, *(one is None for one in clocks))

    @staticmethod
    def _asked_for(wanted: int, share: float) -> int:
        """So many that with luck enough pass."""
        passed_over = wanted / max(share, 0.001) - wanted
        return min(wanted + int(1.25 * passed_over) + 4, EXACT_BELOW)

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

    def _proposed(self, space: Space, size: int, wanted: int) -> tuple[int, int, list[list[Any]]]:
        """How many the indexes had, how many of them pass the filters, and the rows of the nearest that match."""
        indexes, whole = space.indexes(self._query.kinds or GROUPS), self._search.filters.whole
        if not indexes:
            return 0, 0, []
        asked = " UNION ALL ".join(
            f"CALL db.index.vector.queryNodes('{index}', $size, toFloatList(split($vector, ','))) "
            "YIELD node AS r, score RETURN r, score"
            for index in indexes
        )
        order = "WITH r, score ORDER BY score DESC " if len(indexes) > 1 else ""
        statement = (
            f"CALL {{ {asked} }} {order}WITH r, ({self._search.filters.where}) AS fits "
            "WITH count(*) AS total, collect(CASE WHEN fits THEN r END) AS near "
            f"RETURN total, size(near), [r IN near[..$wanted] | [{rows.ROW}]]"
        )
        wanted = wanted if whole else _MOST
        values = self._search.values(size=size, wanted=wanted, vector=rows.spelled(self._query.vector))
        ((total, fitting, found),) = self._search.link.rows(statement, self._search.left_s(), **values)
        return total, fitting, [row for row in found if whole or self._query.matches(rows.answer_of(row))]

    def _offer(self, candidates: list[list[Any]]) -> None:
        near = self._cosines([vector for *_, vector in candidates])
        order = np.lexsort((np.array([row[0] for row in candidates]), -near.round(_DIGITS)))
        for number in order:
            if not self._search.offer(rows.answer_of(candidates[number]), float(near[number])):
                return

    def _by_scan(self, space: Space, page: Page) -> None:
        """Every vector that passes the filters, in pages, of which the first is given."""
        sequences: list[int] = []
        near: list[np.ndarray] = []
        whole: list[list[Any]] | None
        while True:
            some, vectors, whole = page
            sequences += some
            near.append(self._cosines(vectors))
            if len(some) < _PAGE or self._search.meter.late():
                break
            page = self._page(space, sequences[-1])
        cosines = np.concatenate(near)
        order = np.lexsort((np.array(sequences), -cosines.round(_DIGITS)))
        ranked = ((sequences[number], float(cosines[number])) for number in order)
        known = {row[0]: row for row in whole or []} if len(near) == 1 else {}
        self._fetch(ranked, {one: [*row, vector] for (one, row), vector in zip(known.items(), vectors, strict=False)})

    def _page(self, space: Space, since: int) -> Page:
        """Numbers and vectors of the next that pass the filters; the rest of their rows too, if they are few."""
        statement = (
            f"{self._search.matched(space.label)} AND r.seq > $since WITH r ORDER BY r.seq LIMIT {_PAGE} "
            f"WITH collect(r) AS some RETURN [r IN some | r.seq], [r IN some | r.vector], "
            f"CASE WHEN size(some) <= {_FEW} THEN [r IN some | [r.seq, r.line, r.retired_ns]] END"
        )
        values = self._search.values(since=since)
        ((numbers, vectors, whole),) = self._search.link.rows(statement, self._search.left_s(), **values)
        return numbers, vectors, whole

    def _fetch(self, ranked: Iterable[tuple[int, float]], known: dict[int, list[Any]]) -> None:
        """Offer records by their sequence numbers, best first; those that are known are not asked for."""
        left = iter(ranked)
        size = min(self._query.limit or 500, 500)
        fetched = f"MATCH (r:Record) USING INDEX SEEK r:Record(seq) WHERE r.seq IN $some RETURN {rows.ROW}"
        while some := list(islice(left, size)):
            got = known or {
                row[0]: row
                for row in self._search.link.rows(fetched, self._search.left_s(), some=[one for one, _ in some])
            }
            for sequence, near in some:
                if sequence in got and not self._search.offer(rows.answer_of(got[sequence]), near):
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
