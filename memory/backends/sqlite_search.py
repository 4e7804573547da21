# SPDX-License-Identifier: Apache-2.0
"""How the SQLite store answers a Query: in log order or by time, near a point, by some of the words, by a vector.

Neighbours: sqlite_schema.py spells conditions, sqlite_words.py ranks by words, sqlite_reading.py reads; sqlite.py hands
over the transaction and the vector index.
Rules of the file: candidates are ranked by row numbers and scores first, and only what may be an answer is read whole;
`Query.matches` has the last word on each; a meter that is spent ends the search with what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from memory.backend import Found, mismatch
from memory.backends import sqlite_rows as rows
from memory.backends import sqlite_schema as schema
from memory.backends.sqlite_reading import Reading
from memory.backends.sqlite_words import WordIndex
from memory.geometry import Vector, distance_m
from memory.query import FOREVER_NS, Query, named_words, words
from memory.records import Record
from memory.vector_files import Candidates, Space, VectorIndex

WORD_POOL = 64  # newest records looked at for each word; more if the filters leave too few
WORDS_ASKED = 16  # the longest question, in words; the rest of a longer one is not looked for
CANDIDATES = 2  # vectors scored exactly for each answer wanted; at least CANDIDATES_LEAST
CANDIDATES_LEAST = 32
NEARLY = 0.02  # most that the index is wrong about a cosine; with sentences 0.019 was seen
NOT_FEW = 256  # so many of one label are rather looked for among the nearest of all first
_FIRST_RADIUS_M, _LAST_RADIUS_M = 0.5, 1e5
_PAGE = 1000


class Searching:
    """One query in one read transaction."""

    def __init__(self, reading: Reading, query: Query) -> None:
        self._reading = reading
        self._query = query
        self._robot, self._alone = reading.robot(query.robot)
        self._meter = reading.meter
        self._whole = True  # False if the vector index is behind the rows
        self._asked = query

    def answer(self, index: Callable[[], VectorIndex]) -> Found:
        """Records best first.

        Args:
            index: That of the store's vectors; asked for only if there is something to compare with.
        """
        query = self._query
        lookup = schema.names_few(query) and not (query.any_text and query.limit and not query.ids)
        if (query.text or query.any_text) and not (query.near_m or query.vector or lookup):
            # Rows come out of an index of the same words, so words need no second look; made words do.
            self._asked = replace(query, text="", any_text="")
        cosines: tuple[float, ...] = ()
        if query.near_m:
            hits = self._nearest(query.near_m)
        elif query.any_text and query.limit and not lookup:
            hits = self._by_words()
        elif query.any_text:
            hits = sorted(self._any_word(), key=query.rank)[: query.limit or None]
        elif query.vector:
            spaces = self._spaces()
            scored = self._by_vector(index(), spaces) if spaces else []
            hits, cosines = [record for _, record in scored], tuple(score for score, _ in scored)
        else:
            hits = self._in_order()
        return Found(tuple(hits), self._meter.examined, complete=self._whole and not self._meter.cut, cosines=cosines)

    # ---- in order

    def _in_order(self) -> list[Record]:
        if self._walks_time():
            return self._overlapping()
        if schema.names_few(self._query):
            return self._looked_up()
        hits: list[Record] = []
        for record in self._examined(*schema.in_order(self._query, self._robot, alone=self._alone)):
            hits.append(record)
            if len(hits) == self._query.limit:
                break
        return hits

    def _walks_time(self) -> bool:
        """Is it about a stretch or a moment of time, and about nothing of which there are few?

        What goes on still is looked for so in log order too: of most kinds that is little, and the log is long.
        """
        query = self._query
        timed = query.since_ns is not None or query.valid_at_ns is not None
        lasting = query.valid_at_ns == FOREVER_NS and query.kinds and query.limit
        if not timed or not (query.newest_first or lasting):
            return False
        others = schema.names_few(query) or schema.terms_asked(query, self._robot, alone=True)
        return not others and all(schema.is_told(*pair) for pair in query.equals)

    def _overlapping(self) -> list[Record]:
        kinds = {schema.KINDS.get(kind, 0) for kind in self._query.kinds or schema.KINDS}
        every = self._reading.all("SELECT kind, span FROM spans WHERE robot = ?", [self._robot])
        spans = [(kind, span) for kind, span in every if kind in kinds]
        if not spans:
            return []
        return self._in_turn(self._reading.all(*schema.overlapping(self._query, self._robot, spans)))

    def _looked_up(self) -> list[Record]:
        """Those of the named ids, label, subject or object."""
        some = CANDIDATES_LEAST + CANDIDATES * self._query.limit if self._query.limit else 0
        found = self._reading.all(*schema.looked_up(self._query, self._robot, some))
        hits = self._in_turn(found)
        if len(hits) == self._query.limit or len(found) < some or self._meter.cut:
            return hits
        return self._in_turn(self._reading.all(*schema.looked_up(self._query, self._robot, 0)))

    def _in_turn(self, found: Sequence[Any]) -> list[Record]:
        """The first that match of rows that begin with their number, as many as are asked for."""
        hits: dict[int, Record] = {}
        self._read_on(hits, [number for number, *_ in found])
        return list(hits.values())[: self._query.limit or None]

    # ---- near a point

    def _nearest(self, centre_m: Vector) -> list[Record]:
        """Search growing boxes until the answers inside the inscribed ball suffice."""
        query, limit = self._query, self._query.limit
        hits: list[Record] = []
        for radius_m in _radii(query):
            hits, reached_m = self._nearest_within(centre_m, radius_m)
            if self._meter.cut or (limit and len(hits) >= limit and reached_m <= radius_m):
                break
        return hits

    def _nearest_within(self, centre_m: Vector, radius_m: float) -> tuple[list[Record], float]:
        """The nearest `limit` of a box, and the distance of the last one.

        Positions in the tree are rounded: a few more than `limit` are read, and ranked by their own.
        """
        found = self._reading.all(*schema.within(centre_m, radius_m))
        ranked = sorted((distance_m(centre_m, position), number) for number, *position in found)
        limit = self._query.limit or len(ranked)
        hits: list[Record] = []
        for page in _pages(ranked, max(8, limit + 4)):
            hits += self._numbered([number for _, number in page])
            hits.sort(key=self._query.rank)
            last_m = self._query.rank(hits[limit - 1])[0] if len(hits) >= limit else None
            if self._meter.cut or (last_m is not None and page[-1][0] > last_m * (1 + 1e-5) + 1e-5):
                break
        hits = hits[:limit]
        return hits, self._query.rank(hits[-1])[0] if hits else 0.0

    # ---- by words

    def _any_word(self) -> Iterator[Record]:
        """Every record with one of the words."""
        query = self._query
        if schema.names_few(query):
            yield from self._examined(*schema.in_order(replace(query, any_text=""), self._robot, alone=self._alone))
        elif asked := sorted(words(query.any_text)):
            spelled, terms = schema.texts(query.kinds, self._terms(), asked)
            start = f"FROM ({spelled}) t CROSS JOIN records r ON r.sequence = t.number"
            conditions, values = self._condition()
            yield from self._examined(start, f"WHERE {conditions}", [*terms, *values])

    def _by_words(self) -> list[Record]:
        """The best `limit`: each word counts 1 / (1 + records found with it, at most the pool), then the newest.

        What has every word comes first whatever the words count, so where that is enough nothing else is looked for;
        nor are the many records that have a common word alone, where those with a rare one, or with two, are enough.
        Where the words are those of a label that is asked for, everything has them.
        """
        asked, limit = sorted(words(self._query.any_text))[:WORDS_ASKED], self._query.limit
        if asked and named_words(self._query) >= words(f"{self._query.text} {self._query.any_text}"):
            return self._looked_up()
        kept = self._reading.kept
        index = WordIndex(self._reading.all, self._robot, self._query.kinds, self._terms(), kept.common, kept.lists)
        pool, alone_too = max(WORD_POOL, limit), len(asked) == 1
        hits: dict[int, Record] = {}
        if len(asked) > 1:
            self._read_on(hits, index.newest_with([tuple(asked)], pool))
        whole, looked_at = set(hits), set(hits)
        while asked and len(hits) < limit and not self._meter.late():
            scores, capped = index.scores(asked, pool, alone_too=alone_too)
            ranked = sorted(sorted(scores, reverse=True), key=scores.__getitem__, reverse=True)  # ties: newest first
            looked_at |= self._read_on(hits, [one for one in ranked if one not in looked_at])
            if len(hits) >= limit or not capped or self._meter.cut:
                best = sorted(hits, key=lambda n: (n not in whole, -scores.get(n, 0.0), -n))
                return [hits[number] for number in best[:limit]]
            pool, alone_too = pool * (8 if alone_too else 1), True
        return list(hits.values())[:limit]

    def _read_on(self, hits: dict[int, Record], numbers: Sequence[int]) -> set[int]:
        """Add matching records of these rows, in order, until there are enough; what was looked at."""
        looked_at, limit = set[int](), self._query.limit
        for page in _growing_pages(numbers, limit or schema.LISTED):
            looked_at.update(page)
            read = {record.sequence: record for record in self._numbered(page)}
            hits.update((number, read[number]) for number in page if number in read)
            if (limit and len(hits) >= limit) or self._meter.cut:
                break
        return looked_at

    # ---- by vector

    def _spaces(self) -> list[Space]:
        """Those of the query's robot and kinds that hold vectors."""
        kinds = {schema.KINDS.get(kind, 0) for kind in self._query.kinds or schema.KINDS}
        every = self._reading.spaces()
        return [one for one in every if one.robot == self._robot and one.kind in kinds and one.rows]

    def _by_vector(self, vectors: VectorIndex, spaces: Sequence[Space]) -> list[tuple[float, Record]]:
        asked = [space for space in spaces if space.encoder == self._query.encoder]
        others = sorted({space.encoder for space in spaces} - {self._query.encoder})
        if others:
            raise mismatch(self._query, others[0])
        total, limit = sum(space.rows for space in asked), self._query.limit
        if not asked:
            return []
        if any(4 * space.size != len(self._query.vector) for space in asked):
            return []
        if self._query.exact or not limit or total <= limit:
            return self._all_by_vector(asked)
        if schema.names_few(self._query):
            return self._few_by_vector(vectors, asked)
        count = max(CANDIDATES * limit, CANDIDATES_LEAST)
        for _ in range(4):
            candidates, whole = vectors.nearest(asked, self._query.vector, count)
            hits = self._best(candidates)
            self._whole = whole
            if len(hits) >= limit or self._meter.late() or len(candidates) < count:
                return hits
            count *= 4
        self._whole = True
        return self._all_by_vector(asked)

    def _few_by_vector(self, vectors: VectorIndex, spaces: Sequence[Space]) -> list[tuple[float, Record]]:
        """Compare those of a label, a subject or an object: the index tells which may be among the best."""
        conditions, values = schema.where(self._query, self._robot, indexed=True, walked=False)
        named = f"SELECT r.kind, r.vector FROM records r WHERE {conditions} AND r.vector IS NOT NULL LIMIT ?"
        found = self._reading.all(named, [*values, NOT_FEW])
        if len(found) == NOT_FEW:  # then there are likely enough of them among the nearest of all
            candidates, self._whole = vectors.nearest(spaces, self._query.vector, NOT_FEW // 2)
            hits = self._best(candidates)
            if len(hits) >= self._query.limit or self._meter.late():
                return hits
            self._whole = True
            found = self._reading.all(named, [*values, -1])
        numbers_of = {space: [number for kind, number in found if kind == space.kind] for space in spaces}
        closest = vectors.closest(numbers_of, self._query.vector, CANDIDATES * self._query.limit)
        hits = self._best(closest)
        if len(hits) < self._query.limit and len(closest) < len(found):  # there are filters that no column tells
            return self._all_by_vector(spaces)
        return hits

    def _best(self, candidates: Candidates) -> list[tuple[float, Record]]:
        """The best `limit` of these vectors, scored exactly; what can no longer be among them is not read."""
        limit, start = self._query.limit, 0
        hits: list[tuple[float, Record]] = []
        while start < len(candidates) and not self._meter.cut:
            some = candidates[start : start + limit]
            worst = (hits[-1][0] if len(hits) == limit else some[-1][1]) - NEARLY
            if some[0][1] < worst:
                break
            page = [number for number, closeness in candidates[start:] if closeness >= worst]
            hits = sorted([*hits, *self._scored_rows(page)], key=lambda hit: (-hit[0], hit[1].sequence))[:limit]
            start += len(page)
        return hits

    def _scored_rows(self, numbers: Sequence[int]) -> list[tuple[float, Record]]:
        """The best `limit` of those of them that match."""
        found = self._reading.with_vectors(numbers, self._condition)
        scores = self._cosines([row.vector for row in found])
        hits: list[tuple[float, Record]] = []
        for score, row in sorted(zip(scores, found, strict=True), key=lambda pair: (-pair[0], pair[1].number)):
            if len(hits) == self._query.limit or self._meter.cut:
                break
            if self._asked.matches(row.record) and self._meter.take():
                hits.append((score, row.record))
        return hits

    def _all_by_vector(self, spaces: Sequence[Space]) -> list[tuple[float, Record]]:
        """Compare every vector that passes the filters."""
        few = schema.names_few(self._query)
        conditions, values = schema.where(self._query, self._robot, indexed=few, walked=False)
        listed = schema.listed(spaces)
        order = "records r CROSS JOIN vectors v ON v.number = r.vector" if few else (
            "vectors v INDEXED BY by_space CROSS JOIN records r ON r.sequence = v.sequence AND r.vector = v.number"
        )  # fmt: skip
        space = "+v.space" if few else "v.space"
        asked = f"SELECT r.sequence, v.vector FROM {order} WHERE {space} IN {listed} AND {conditions}"
        scored: list[tuple[float, int]] = []
        page: list[Any] = []
        for row in self._reading.each(asked, [*(one.number for one in spaces), *values]):
            page.append(row)
            if len(page) == _PAGE:
                scored, page = self._kept([*scored, *self._scored(page)]), []
                if self._meter.late():
                    break
        return self._read_best([*scored, *self._scored(page)])

    def _kept(self, scored: list[tuple[float, int]]) -> list[tuple[float, int]]:
        if not self._query.limit:
            return scored
        return sorted(scored, key=lambda pair: (-pair[0], pair[1]))[: CANDIDATES * self._query.limit + _PAGE]

    def _scored(self, page: Sequence[Any]) -> list[tuple[float, int]]:
        scores = self._cosines([vector for _, vector in page])
        return list(zip(scores, [sequence for sequence, _ in page], strict=True))

    def _cosines(self, vectors: Sequence[bytes]) -> list[float]:
        from memory.vectors import cosines  # asked for vectors alone, which not every store has

        return cosines(self._query.vector, vectors) if vectors else []

    def _read_best(self, scored: list[tuple[float, int]]) -> list[tuple[float, Record]]:
        ranked = sorted(scored, key=lambda pair: (-pair[0], pair[1]))
        limit = self._query.limit or len(ranked)
        hits: list[tuple[float, Record]] = []
        for page in _pages(ranked, max(1, limit)):
            read = {record.sequence: record for record in self._numbered([number for _, number in page])}
            hits += [(score, read[number]) for score, number in page if number in read]
            if len(hits) >= limit or self._meter.cut:
                break
        return hits[:limit]

    # ---- rows

    def _condition(self) -> tuple[str, list[Any]]:
        return schema.where(self._query, self._robot, indexed=False, walked=False)

    def _terms(self) -> list[str]:
        return schema.terms_asked(self._query, self._robot, alone=self._alone)

    def _numbered(self, page: Sequence[int]) -> list[Record]:
        """Those of these rows that match."""
        hits: list[Record] = []
        for row in self._reading.numbered(page, self._condition):
            if self._asked.matches(row.record):
                if not self._meter.take():
                    break
                hits.append(row.record)
        return hits

    def _examined(self, source: str, rest: str, values: Sequence[Any]) -> Iterator[Record]:
        """Matching records of a search over `records r`, each taken from the meter."""
        asked = f"SELECT {rows.ROW} {source} LEFT JOIN vectors v ON v.number = r.vector {rest}"
        for row in self._reading.each(asked, values):
            if not self._meter.take():
                return
            record = self._reading.record(row)
            if self._asked.matches(record):
                yield record


def _radii(query: Query) -> Iterator[float]:
    """Radii to try, metres; 0 stands for everywhere."""
    reach = _LAST_RADIUS_M if query.within_m is None else min(query.within_m, _LAST_RADIUS_M)
    radius = _FIRST_RADIUS_M
    while query.limit and radius < reach:
        yield radius
        radius *= 4
    yield query.within_m or 0.0


def _growing_pages(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    start = 0
    while start < len(values):
        yield values[start : start + size]
        start, size = start + size, min(4 * size, schema.LISTED)


def _pages(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))
