# SPDX-License-Identifier: Apache-2.0
"""A Query as Cypher: which index leads, what the server filters, and the answers in rank order.

Neighbours: neo4j.py's find calls `Search`; neo4j_filters.py spells conditions, neo4j_vectors.py ranks by cosine;
neo4j_schema.py declares the indexes.
Rules of the file: the server's filters let pass at least what matches, and Query.matches decides; a cut search keeps
the best it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice, product
from typing import Any, Protocol

from memory.backend import Found
from memory.backends import neo4j_rows as rows
from memory.backends.derived import LISTS
from memory.backends.errands import Late
from memory.backends.meter import Meter
from memory.backends.neo4j_filters import WORDS_ASKED, filters_of, lows, required, worded
from memory.backends.neo4j_schema import WORDS
from memory.backends.neo4j_schema import Link as Asked
from memory.geometry import distance_m
from memory.query import FOREVER_NS, Query, words
from memory.records import Record

_MANY = 2**31 - 1
_FIRST_RADIUS_M, _LAST_RADIUS_M = 1.0, 4000.0
_HERE = (0.0, 0.0, 0.0)
_RANKED: tuple[dict[str, Any], ...] = (
    {"newest_first": True},
    {"near_m": _HERE, "within_m": 0.0},  # one ball
    {"near_m": _HERE, "limit": 0},  # everywhere
    {"any_text": "a"},
)
_ASKED: tuple[dict[str, Any], ...] = (
    {"kinds": ("event",)},
    {"kinds": ("instance", "place")},
    {"kinds": ("instance",), "equals": (("label", "a"),)},
    {"kinds": ("relation",), "equals": (("subject", "a"),)},
)
_INDEXED = {"label", "subject", "object"}
_NEWEST = "r.valid_from_ns DESC, r.seq DESC"


class Link(Asked, Protocol):
    """What this file needs of neo4j_link.Link."""

    def stream(
        self,
        statement: str,
        take: Callable[[list[Any]], bool],
        deadline_s: float | None = None,
        /,
        begin: Callable[[], None] = ...,
        **parameters: Any,
    ) -> None: ...


class Search:
    """One find, until it is answered or its meter says stop."""

    def __init__(self, link: Link, query: Query, deadline_s: float | None, meter: Meter) -> None:
        self.link = link
        self.query = query
        self.meter = meter
        self.filters = filters_of(query)
        self.names_few = not (_INDEXED | set(LISTS)).isdisjoint(dict(query.equals))
        self._end_s = None if deadline_s is None else time.monotonic() + deadline_s
        self._every = required(query)
        self._hits: list[Record] = []
        self._cosines: list[float] = []

    def found(self, by_vector: Callable[[Search], None]) -> Found:
        """The answer; what there is of it, if the deadline came first."""
        query = self.query
        any_words = words(query.any_text)
        possible = self.filters.possible and (bool(any_words) or not query.any_text)
        try:
            if query.vector:
                by_vector(self)
            elif possible and not self.meter.late():
                self._by_any(any_words) if any_words else self._near() if query.near_m else self._in_order()
        except Late:
            self.meter.late()
        return Found(tuple(self._hits), self.meter.examined, not self.meter.cut, tuple(self._cosines))

    def left_s(self) -> float | None:
        """Until the deadline, if there is one."""
        return None if self._end_s is None else self._end_s - time.monotonic()

    def offer(self, record: Record, cosine: float | None = None) -> bool:
        """Take the next best, if it matches; False once no more is wanted."""
        return self._take(record, cosine, self.query.matches)

    def _take(self, record: Record, cosine: float | None, matches: Callable[[Record], bool]) -> bool:
        limit = self.query.limit
        if (limit and len(self._hits) >= limit) or not self.meter.take():
            return False
        if matches(record):
            self._hits.append(record)
            self._cosines += [] if cosine is None else [cosine]
        return not limit or len(self._hits) < limit

    def values(self, **more: Any) -> dict[str, Any]:
        """What the filters and the text ask with."""
        text = {"words": worded(self.query, self._every)} if self._by_words() else {}
        return {**self.filters.values, **text, **more}

    def matched(self, label: str = "Record") -> str:
        """The leading index and the filters; words are looked up before anything else."""
        query, where = self.query, f"r:{label} AND {self.filters.where}"
        ordered = f"{where} AND r.valid_from_ns IS NOT NULL AND r.seq IS NOT NULL"
        if self._by_words():
            return f"CALL db.index.fulltext.queryNodes('{WORDS}', $words) YIELD node AS r WITH r WHERE {where}"
        named = [name for name, _ in query.equals if name in _INDEXED]
        if named and not (query.ids or query.near_m):  # left to itself, a server may rather walk a kind
            return f"MATCH (r:Record) USING INDEX SEEK r:Record(robot, {named[0]}) WHERE {where}"
        if query.ids or query.near_m or query.vector or "id" in dict(query.equals):
            return f"MATCH (r:Record) WHERE {where}"
        if len(query.kinds) == 1 and (query.newest_first or not query.limit):
            return f"MATCH (r:Record) USING INDEX SEEK r:Record(robot, kind, valid_from_ns, seq) WHERE {ordered}"
        led = "robot, valid_from_ns, seq" if query.newest_first else "robot, seq"
        return f"MATCH (r:Record) USING INDEX SEEK r:Record({led}) WHERE {ordered}"

    def _in_order(self) -> None:
        """Ranked by the server; once more without its limit, if a candidate it counted was none."""
        limit = self.query.limit if self.filters.whole else 0
        given = self._walk(limit)
        if limit and given == limit and len(self._hits) < limit and not self.meter.cut:
            self._walk(0)

    def _by_words(self) -> bool:
        """Does the index of words lead? No other knows ids in lists."""
        query = self.query
        listed = not (query.ids or query.near_m) and any(name in LISTS for name, _ in query.equals)
        return listed or bool(words(query.text))

    def _timed(self) -> bool:
        """Is it about a stretch or a moment of time, and about nothing of which there are few?"""
        query = self.query
        timed = query.since_ns is not None or query.valid_at_ns is not None
        few = query.ids or self.names_few or self._by_words() or "id" in dict(query.equals)
        return timed and not few and (query.newest_first or not query.limit)

    def _stretches(self, cut: str) -> str:
        """For each kind and length of span there is, the stretch of its index that the time asked for can meet."""
        of_kinds = " AND p.kind IN $kinds" if self.query.kinds else ""
        where = filters_of(replace(self.query, kinds=())).where
        first = f" ORDER BY r.robot DESC, r.kind DESC, r.span DESC, {_NEWEST}{cut}" if cut else ""
        return (
            f"MATCH (p:Span) WHERE p.robot = $robot AND p.kind IS NOT NULL AND p.span IS NOT NULL{of_kinds} "
            "CALL (p) { MATCH (r:Record) USING INDEX SEEK r:Record(robot, kind, span, valid_from_ns, seq) "
            f"WHERE {where} AND r.kind = p.kind AND r.span = p.span AND r.valid_from_ns >= $lows[p.span] "
            f"AND r.seq IS NOT NULL RETURN r{first} }}"
        )

    def _walk(self, limit: int) -> int:
        """Offer what the server ranks; returns how many that were."""
        cut = " LIMIT $limit" if limit else ""
        timed, newest_first = self._timed(), self.query.newest_first
        if timed:
            led, by = self._stretches(cut), _NEWEST if newest_first else "r.seq"
        else:
            led, by = self.matched(), f"r.robot DESC, {_NEWEST}" if newest_first else "r.robot, r.seq"
        # Without a limit they come one by one: whoever has enough of them stops the server.
        ranked = f"WITH r ORDER BY {by}{cut} {rows.ROWS}" if limit else f"RETURN [[{rows.ROW}]] ORDER BY {by}"
        statement = f"{led} {ranked}"
        given = 0

        def take(row: list[Any]) -> bool:
            nonlocal given
            given += len(row[0])
            return all(self.offer(rows.answer_of(one)) for one in row[0])

        values = self.values(limit=limit, lows=lows(self.query) if timed else [])
        self.link.stream(statement, take, self.left_s(), begin=self._hits.clear, **values)
        return given

    def _by_any(self, asked: frozenset[str]) -> None:
        """The best of a growing list; the order within is Query.rank's."""
        query = self.query
        but_words = replace(query, any_text="")  # of which the rank counts how many there are
        for size in _growing(2 * query.limit + 8 if query.limit else _MANY):
            seen: dict[int, Record] = {}
            total = max(self._any_of(some, size, seen) for some in _slices(sorted(asked)))
            ranked = sorted((query.rank(one), sequence) for sequence, one in seen.items() if but_words.matches(one))
            hits = [seen[sequence] for (shared, *_), sequence in ranked if shared]
            if self.meter.late() or total < size or len(hits) >= query.limit > 0:
                break
        self._take_all(hits)

    def _any_of(self, asked: list[str], size: int, seen: dict[int, Record]) -> int:
        """Add the matching among the `size` best of some words; returns how many the index had."""
        statement = (
            f"CALL db.index.fulltext.queryNodes('{WORDS}', $any, {{limit: $size}}) YIELD node AS r "
            f"WITH r, ({self.filters.where}) AS fits RETURN count(*), collect(CASE WHEN fits THEN [{rows.ROW}] END)"
        )
        text = worded(self.query, self._every, map(rows.term, asked))
        ((total, found),) = self.link.rows(statement, self.left_s(), **self.values(any=text, size=size))
        seen.update((row[0], rows.answer_of(row)) for row in found)
        return int(total)

    def _near(self) -> None:
        """Balls that grow until the answers inside suffice."""
        query = self.query
        for reach_m in _reaches(query):
            hits = self._ball(reach_m)
            inside = len(hits) if reach_m is None else sum(query.rank(hit)[0] <= reach_m for hit in hits)
            if self.meter.late() or inside >= query.limit > 0:
                break
        self._take_all(hits)

    def _ball(self, reach_m: float | None) -> list[Record]:
        """Matching records within reach, nearest first: all of them, or surely the nearest as many as asked for."""
        query = self.query
        for size in _growing(query.limit + 8 if query.limit else _MANY):
            got = self._ball_rows(reach_m, size)
            nearest = (rows.answer_of(row) for *row, _, _ in sorted(got, key=lambda row: (row[-1], row[0])))
            hits = list(islice(filter(query.matches, nearest), query.limit or None))
            if len(got) < size or self.meter.late():
                break
            sure_m = got[-1][-1] * (1 - 1e-9)  # the server's distances differ in their last digits
            if len(hits) >= query.limit and query.rank(hits[-1])[0] < sure_m:
                break
        return hits

    def _ball_rows(self, reach_m: float | None, size: int) -> list[list[Any]]:
        """ROW, position and distance of those that pass the server's filters."""
        got: list[list[Any]] = []
        centre = self.query.near_m or (0.0, 0.0, 0.0)

        def take(row: list[Any]) -> bool:
            got.append([*row, distance_m(centre, row[-1])])
            return not self.meter.late()

        away = "point.distance(r.position, point({x: $x, y: $y, z: $z}))"
        within = "" if reach_m is None else f" AND {away} <= $reach_m"
        statement = (
            f"{self.matched()} AND r.position IS NOT NULL{within} WITH r, {away} AS away "
            f"RETURN {rows.ROW}, r.position ORDER BY away, r.seq LIMIT $size"
        )
        x, y, z = centre
        place = {"x": x, "y": y, "z": z, "reach_m": (reach_m or 0.0) * (1 + 1e-9) + 1e-9, "size": size}
        self.link.stream(statement, take, self.left_s(), begin=got.clear, **self.values(**place))
        return got

    def _take_all(self, hits: list[Record]) -> None:
        """Those that are known to match."""
        for hit in hits:
            if not self._take(hit, None, lambda record: True):
                return


def warm_up(link: Link, most_s: float) -> None:
    """Ask the usual kinds of questions once: a server plans a new kind in 20 to 200 ms, and has a known one ready."""
    end_s = time.monotonic() + most_s
    for ranked, asked, text, clock in product(_RANKED, _ASKED, ({}, {"text": "a"}), ({}, {"valid_at_ns": FOREVER_NS})):
        left_s = end_s - time.monotonic()
        if left_s > 0:
            query = Query(**{"robot": "", "limit": 1, **ranked, **asked, **text, **clock})
            Search(link, query, left_s, Meter(left_s, 0)).found(lambda search: None)


def _reaches(query: Query) -> Iterator[float | None]:
    """Radii to try, metres; None stands for everywhere."""
    end_m = _LAST_RADIUS_M if query.within_m is None else min(query.within_m, _LAST_RADIUS_M)
    radius_m = _FIRST_RADIUS_M
    while query.limit and radius_m < end_m:
        yield radius_m
        radius_m *= 4
    yield query.within_m


def _growing(size: int) -> Iterator[int]:
    while size < _MANY:
        yield size
        size *= 2
    yield _MANY


def _slices(asked: list[str]) -> Iterator[list[str]]:
    return (asked[start : start + WORDS_ASKED] for start in range(0, len(asked), WORDS_ASKED))
