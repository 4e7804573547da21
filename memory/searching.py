# SPDX-License-Identifier: Apache-2.0
"""How one memory looks for what a cue asks: several finds under one deadline and one budget, ranked into one list.

Neighbours: the four memories search with it; recall.py asks them and fuses their answers.
Rules of the file: a search that ran out keeps what it has and says so; a lockstep budget looks at no clock; equal
scores are ordered by newest fact, then log order, so that the same store always answers the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from memory.draft import Draft
from memory.facts import Facts
from memory.query import FOREVER_NS, Query, words
from memory.records import Cue, Record, Relation
from memory.timeline import is_functional

POOL = 100  # most answers one find contributes
RANK_DAMPING = 60.0
_SAY_NOTHING = words(
    "a an and any are at been can did do does find for from get give go has have how i in into is it last me my of off "
    "on or please put see seen take that the there to was were what when where which who with you your"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one search may do. A record budget stands for the deadline in lockstep runs."""

    deadline_s: float | None = None
    record_budget: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What one memory says.

    Attributes:
        records: Best first.
        complete: False if the limits cut the search short.
        last_seen_ns: When records were last confirmed, where that is counted.
        conflicting: Ids of facts that another open claim contradicts.
    """

    records: tuple[Record, ...] = ()
    examined: int = 0
    complete: bool = True
    last_seen_ns: Mapping[str, int] = field(default_factory=dict)
    conflicting: frozenset[str] = frozenset()


class Memory(Protocol):
    """Whatever recall can ask."""

    @property
    def name(self) -> str:
        """One word for people: "spatial"."""
        ...

    def search(self, cue: Cue, limits: Limits) -> Answer:
        """What it knows of the cue, best first.

        Raises:
            StoreError: it could not look.
        """
        ...


class Search:
    """One memory's search under way."""

    def __init__(self, draft: Draft, limits: Limits) -> None:
        self._draft = draft
        self._budget = limits.record_budget
        self._end_s = None if limits.deadline_s is None else time.monotonic() + limits.deadline_s
        self._examined = 0
        self._complete = True

    def find(self, query: Query) -> list[Record]:
        """Records that match; fewer, or none, once the limits are spent."""
        budget = self._budget - self._examined
        if self._late() or (self._budget and budget <= 0):
            self._complete = False
            return []
        left_s = None if self._end_s is None else self._end_s - time.monotonic()
        found = self._draft.find(query, deadline_s=left_s, record_budget=budget if self._budget else 0)
        self._examined += found.examined
        self._complete = self._complete and found.complete
        return list(found.records)

    def by_words(self, query: Query, text: str) -> list[Record]:
        """Records that share a word with the text: those with more and rarer words first, then the newest.

        A word that half the store has says little: each counts 1 / (1 + records found with it, at most POOL).
        """
        asked = telling_words(text)
        if not asked:
            return self.find(query)
        scores: dict[tuple[str, int], float] = {}
        records: dict[tuple[str, int], Record] = {}
        for word in asked:
            hits = self.find(replace(query, text=word))
            for record in hits:
                key = (record.id, record.version)
                records[key] = record
                scores[key] = scores.get(key, 0.0) + 1.0 / (1 + len(hits))
        best = sorted(records.items(), key=lambda pair: (-scores[pair[0]], *newest_first(pair[1])))
        return [record for _, record in best]

    def answer(self, *rankings: Sequence[Record], k: int) -> Answer:
        """The best k (0 = all) of several rankings, with what recall says beside each."""
        records = fuse_records(rankings)[: k or None]
        tallies = self._draft.tallies(*(record.id for record in records))
        return Answer(
            tuple(records),
            self._examined,
            self._complete,
            {one: tally.last_seen_ns for one, tally in tallies.items()},
            frozenset(self._contradicted(records)),
        )

    def _contradicted(self, records: Iterable[Record]) -> Iterable[str]:
        facts = Facts(self._draft)
        for record in records:
            if isinstance(record, Relation) and record.valid_to_ns is None and is_functional(record.predicate):
                if self._late():
                    self._complete = False
                    return
                if any(claim.object != record.object for claim in facts.claims(record.subject, record.predicate)):
                    yield record.id

    def _late(self) -> bool:
        return self._end_s is not None and time.monotonic() >= self._end_s


def query_of(cue: Cue, robot: str, *, kinds: tuple[str, ...], current: bool) -> Query:
    """What every memory takes from a cue: kinds, both clocks and a limit; current = only what is still true."""
    open_cue = cue.since_ns is None and cue.until_ns is None
    return Query(
        robot=robot,
        kinds=tuple(kind for kind in kinds if not cue.kinds or kind in cue.kinds),
        valid_at_ns=FOREVER_NS if current and open_cue else None,
        since_ns=cue.since_ns,
        until_ns=cue.until_ns,
        recorded_at_ns=cue.as_of_recorded_ns,
        newest_first=True,
        limit=max(POOL, cue.k) if cue.k else 0,
    )


def telling_words(text: str) -> list[str]:
    """Words worth looking for, sorted; all of them if none is.

    >>> telling_words("Where is the red mug?")
    ['mug', 'red']
    """
    asked = words(text)
    return sorted(asked - _SAY_NOTHING or asked)


def fuse_ranks(
    rankings: Sequence[Sequence[str]], weights: Sequence[float] = (), *, k: float = RANK_DAMPING
) -> dict[str, float]:
    """Merge several rankings into one score per name (reciprocal rank fusion).

    Args:
        rankings: Names, best first, one list for each source.
        weights: Trust in each source, any positive scale; () = all equal.
        k: Damping; larger values flatten the top ranks.

    Raises:
        ValueError: rankings and weights disagree in number.

    Source: Cormack, Clarke and Buettcher, SIGIR 2009; the weights are our addition.

    >>> {name: round(score, 4) for name, score in fuse_ranks([["a", "b"], ["a"]]).items()}
    {'a': 0.0328, 'b': 0.0161}
    """
    scores: dict[str, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for rank, name in enumerate(ranking):
            scores[name] = scores.get(name, 0.0) + weight / (k + rank + 1)
    return scores


def fuse_records(rankings: Sequence[Sequence[Record]]) -> list[Record]:
    """One ranking out of several."""
    records = {version_name(record): record for ranking in rankings for record in ranking}
    scores = fuse_ranks([list(map(version_name, ranking)) for ranking in rankings])
    return sorted(records.values(), key=lambda record: (-scores[version_name(record)], *newest_first(record)))


def version_name(record: Record) -> str:
    """Names one version of one record."""
    return f"{record.id}#{record.version}"


def newest_first(record: Record) -> tuple[int, int]:
    """Sort key."""
    return (-record.valid_from_ns, -record.sequence)
