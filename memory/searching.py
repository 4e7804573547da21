# SPDX-License-Identifier: Apache-2.0
"""How one memory looks for what a cue asks: a few finds under one deadline and one budget, ranked into one list.

Neighbours: the four memories search with it; recall.py asks them and fuses their answers; surroundings.py adds what the
store says beside what was found.
Rules of the file: a search that ran out keeps what it has and says so; a lockstep budget looks at no clock; equal
scores are ordered by newest fact, then log order, so that the same store always answers the same; a record is read from
the store only if it may be answered with, since reading is the dear part.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from memory.draft import Draft
from memory.encoders import sentence_of
from memory.errors import EncoderMismatch
from memory.query import FOREVER_NS, Query, named_words, text_of, word_list, words
from memory.records import RECORD_KINDS, Cue, Episode, Event, Record, Relation
from memory.side_by_side import begun
from memory.strategies import KNN

POOL = 100  # least that is looked at where answers are dropped or sorted again
RANKED = 10  # least answers one ranking by words or by vector is asked for
RANK_DAMPING = 60.0
_Name = TypeVar("_Name", bound=Hashable)
_SAY_NOTHING = words(
    "a an and any are at been can did do does find for from get give go has have how i in into is it last me my of off "
    "on or please put see seen take that the there to was were what when where which who with you your"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one search may do, and from where on it must not answer.

    Attributes:
        record_budget: Stands for the deadline in lockstep runs.
        none_below: A record whose cosine with the cue is lower is not about it, unless their words agree.
        shared: What other memories find for the same cue; None = look alone.
        executor: Threads for finds that can go side by side; None = in turn.
    """

    deadline_s: float | None = None
    record_budget: int = 0
    none_below: float = -1.0
    shared: Shared | None = None
    executor: Executor | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one memory says.

    Attributes:
        records: Best first.
        complete: False if the limits cut the search short.
        notes: How it was looked for, where that is worth saying.
        nearest: Highest cosine with the cue's vector, answered with or not; None if none was compared.
    """

    records: tuple[Record, ...] = ()
    examined: int = 0
    complete: bool = True
    notes: tuple[str, ...] = ()
    nearest: float | None = None


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


class Shared:
    """Finds that memories share where a cue's words and vector are all that they go by.

    Two memories that look among what is still true ask the store once, and so do two that look among what happened: the
    best of both together. A find for each of them would cost as much, and be answered with things farther from the cue.

    Args:
        kinds: Kinds that are found together.
        keep: What is an answer at all; where it leaves too few, more are looked at, once.
    """

    def __init__(self, kinds: Sequence[str], keep: Callable[[Record], bool] | None = None) -> None:
        self._kinds = frozenset(kinds)
        self._keep = keep
        self._turns = {happened: threading.Lock() for happened in (False, True)}  # memories may be asked side by side
        self._found: dict[bool, tuple[Search, tuple[list[Record], list[Record]]]] = {}

    def has(self, query: Query) -> bool:
        """Is the query about nothing but kinds that are found together?"""
        return not query.equals and not query.ids and self._kinds.issuperset(query.kinds)

    def of(self, search: Search, query: Query, asked: Sequence[str]) -> tuple[list[Record], list[Record]]:
        """Rankings by words and by vector over every kind that is asked for together with those of the query."""
        happened = not HAPPENED.isdisjoint(query.kinds)
        with self._turns[happened]:
            if happened not in self._found:
                together = tuple(sorted(k for k in self._kinds if (k in HAPPENED) is happened))
                self._found[happened] = search, search.rank(replace(query, kinds=together), asked, _WORDED, self._keep)
            first, rankings = self._found[happened]
        search.join(first)
        return rankings


HAPPENED = frozenset({Event.kind, Episode.kind})
_WORDED = tuple(kind for kind in RECORD_KINDS if kind != Relation.kind)


class Search:
    """One memory's search for one cue under way."""

    def __init__(self, draft: Draft, cue: Cue, limits: Limits) -> None:
        self._draft = draft
        self._cue = cue
        self._limits = limits
        self._end_s = None if limits.deadline_s is None else time.monotonic() + limits.deadline_s
        self._examined = 0
        self._complete = True
        self._notes: dict[str, None] = {}
        self._nearest: float | None = None

    def find(self, query: Query) -> list[Record]:
        """Records that match; fewer, or none, once the limits are spent."""
        return self._found(query)[0]

    def about(
        self, query: Query, text: str, keep: Callable[[Record], bool] | None = None, worded: tuple[str, ...] = ()
    ) -> list[Record]:
        """Records that the text, or the cue's vector, is about, best first; without either, those of the query.

        One find by words and one by vector, fused by reciprocal rank. A record found by words alone whose vector says
        that it is about something else is left out, unless all the words agree. A text that says no more than the query
        ("where is the mug", of what is labelled mug) is no ground to prefer one answer to another: the newest comes
        first.

        Args:
            query: Filters; its ranking counts where there is neither text nor vector.
            keep: What the query cannot say; where it leaves too few of a ranking, more are looked at, once.
            worded: Kinds that words are looked for in where meaning can be compared; () = all of the query's.
        """
        asked = telling_words(text)
        if not (asked or self._cue.vector):
            return [record for record in self.find(query) if keep is None or keep(record)]
        if query.near_m is not None:
            return self._about_near(query, text, keep)
        limit = max(self._cue.k, RANKED) if self._cue.k else 0
        if says_no_more(text, query):
            return self._kept(replace(query, limit=limit), keep)[0]
        ranked = replace(query, newest_first=False, limit=limit)
        if self._limits.shared is None or not self._limits.shared.has(query):
            return fuse_records(self.rank(ranked, asked, worded, keep))
        rankings = self._limits.shared.of(self, ranked, asked)
        mine = [[r for r in one if r.kind in query.kinds and (keep is None or keep(r))] for one in rankings]
        return fuse_records(mine)

    def join(self, other: Search) -> None:
        """Answer with what the other search found: as complete, and with the same to say."""
        self._complete = self._complete and other._complete
        self._notes |= other._notes
        self._nearest = other._nearest if self._nearest is None else self._nearest

    def answer(self, *rankings: Sequence[Record]) -> Answer:
        """The best k of several rankings."""
        records = fuse_records(rankings)[: self._cue.k or None]
        return Answer(tuple(records), self._examined, self._complete, tuple(self._notes), self._nearest)

    def _about_near(self, query: Query, text: str, keep: Callable[[Record], bool] | None) -> list[Record]:
        """Nearest first among those with every word; else among those that are about the text at all."""
        asked = " ".join(telling_words(text))
        with_all = self._kept(replace(query, text=asked), keep)[0] if asked else []
        anywhere = self.about(replace(query, near_m=None, within_m=None), text, keep)
        close = [record for record in anywhere if query.matches(record)]
        return with_all or sorted(close, key=query.rank)

    def rank(
        self,
        query: Query,
        asked: Sequence[str],
        worded: Sequence[str],
        keep: Callable[[Record], bool] | None = None,
    ) -> tuple[list[Record], list[Record]]:
        """By words and by vector, side by side as far as there are threads; see `about`."""
        worded = worded or query.kinds
        ahead = self._by_words(query, asked, worded, keep) if self._cue.vector and self._limits.executor else None
        near, cosines, compared = self._by_vector(query, keep)
        if ahead is None or not (compared or set(query.kinds).issubset(worded)):
            ahead = self._by_words(query, asked, worded if compared else query.kinds, keep)
        spoken = ahead()
        if compared:
            listed = {version_name(record) for record in near}
            full = bool(query.limit) and len(cosines) >= query.limit and cosines[-1] >= self._limits.none_below
            spoken = [r for r in spoken if version_name(r) in listed or self._agrees(r, frozenset(asked), full)]
        return spoken, near

    def _by_words(
        self, query: Query, asked: Sequence[str], worded: Sequence[str], keep: Callable[[Record], bool] | None
    ) -> Callable[[], list[Record]]:
        """Records of these kinds with some of the words: begun now where there are threads, else when called."""
        kinds = tuple(kind for kind in query.kinds if kind in worded)
        if not (asked and kinds) or self._cue.strategy == KNN:
            return list
        told = replace(query, kinds=kinds, any_text=" ".join(asked))
        if self._limits.executor is None or not self._cue.vector:
            return lambda: self._kept(told, keep)[0]
        left_s = None if self._end_s is None else max(0.0, self._end_s - time.monotonic())
        beside = Search(self._draft, self._cue, replace(self._limits, deadline_s=left_s))
        found = begun(self._limits.executor, lambda: beside._kept(told, keep)[0])

        def joined() -> list[Record]:
            spoken = found()
            self.join(beside)
            self._examined += beside._examined
            return spoken

        return joined

    def _by_vector(
        self, query: Query, keep: Callable[[Record], bool] | None
    ) -> tuple[list[Record], tuple[float, ...], bool]:
        """Records about the cue's vector, the cosines of all that were nearest, and whether any could be compared."""
        if not self._cue.vector:
            return [], (), False
        try:
            # In lockstep an index that is still being built must not show in the answer.
            exact = bool(self._limits.record_budget)
            asked = replace(query, vector=self._cue.vector, encoder=self._cue.encoder, exact=exact)
            near, cosines = self._kept(asked, keep)
        except EncoderMismatch as error:
            self._notes[f"found by words alone: {error}"] = None
            return [], (), False
        if cosines:
            self._nearest = max(cosines[0], -1.0 if self._nearest is None else self._nearest)
        close = [r for r, cosine in zip(near, cosines, strict=True) if cosine >= self._limits.none_below]
        return close, cosines, self._complete

    def _agrees(self, record: Record, asked: frozenset[str], unlisted: bool) -> bool:
        """May it be answered with, though it is not among the nearest by vector?"""
        if record.encoder != self._cue.encoder or not record.embedding or unlisted:
            return True
        means = words(sentence_of(record)) - _SAY_NOTHING
        return asked <= words(text_of(record)) or (bool(means) and means <= asked)

    def _kept(self, query: Query, keep: Callable[[Record], bool] | None) -> tuple[list[Record], tuple[float, ...]]:
        found, cosines = self._found(query)
        if keep is None:
            return found, cosines
        good = [n for n, record in enumerate(found) if keep(record)]
        if query.limit and len(found) == query.limit and len(good) < len(found):
            found, cosines = self._found(replace(query, limit=5 * query.limit))
            good = [n for n, record in enumerate(found) if keep(record)][: query.limit]
        return [found[n] for n in good], tuple(cosines[n] for n in good) if cosines else ()

    def _found(self, query: Query) -> tuple[list[Record], tuple[float, ...]]:
        budget = self._limits.record_budget - self._examined
        left_s = None if self._end_s is None else self._end_s - time.monotonic()
        if (left_s is not None and left_s <= 0) or (self._limits.record_budget and budget <= 0):
            self._complete = False
            return [], ()
        found = self._draft.find(query, deadline_s=left_s, record_budget=max(budget, 0))
        self._examined += found.examined
        self._complete = self._complete and found.complete
        return list(found.records), found.cosines


def query_of(cue: Cue, robot: str, *, kinds: tuple[str, ...], current: bool, pool: int = 0) -> Query:
    """What every memory takes from a cue: kinds, both clocks and a limit.

    Args:
        current: Only what is still true.
        pool: Least limit, for a memory that drops or sorts again what it finds.
    """
    open_cue = cue.since_ns is None and cue.until_ns is None
    return Query(
        robot=robot,
        kinds=tuple(kind for kind in kinds if not cue.kinds or kind in cue.kinds),
        valid_at_ns=FOREVER_NS if current and open_cue else None,
        since_ns=cue.since_ns,
        until_ns=cue.until_ns,
        recorded_at_ns=cue.as_of_recorded_ns,
        newest_first=True,
        limit=max(pool, cue.k) if cue.k else 0,
    )


def telling_words(text: str) -> list[str]:
    """Words worth looking for, sorted; all of them if none is.

    >>> telling_words("Where is the red mug?")
    ['mug', 'red']
    """
    asked = words(text)
    return sorted(asked - _SAY_NOTHING or asked)


def says_no_more(text: str, query: Query) -> bool:
    """Is all that the text tells a name the query asks for anyway, in one word or in several?

    >>> query = Query(equals=(("label", "alarmclock"),))
    >>> says_no_more("Where is the alarm clock?", query), says_no_more("Where is the red alarm clock?", query)
    (True, False)
    """
    telling = telling_words(text)
    said = [word for word in word_list(text) if word in telling]
    named = named_words(query) if said else frozenset()
    return bool(said) and (named.issuperset(said) or "".join(said) in named)


def fuse_ranks(
    rankings: Sequence[Sequence[_Name]], weights: Sequence[float] = (), *, k: float = RANK_DAMPING
) -> dict[_Name, float]:
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
    scores: dict[_Name, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for rank, name in enumerate(ranking):
            scores[name] = scores.get(name, 0.0) + weight / (k + rank + 1)
    return scores


def fuse_records(rankings: Sequence[Sequence[Record]]) -> list[Record]:
    """One ranking out of several."""
    rankings = [ranking for ranking in rankings if ranking]
    if len(rankings) < 2:
        return list(*rankings)
    records = {version_name(record): record for ranking in rankings for record in ranking}
    scores = fuse_ranks([list(map(version_name, ranking)) for ranking in rankings])
    return sorted(records.values(), key=lambda record: (-scores[version_name(record)], *newest_first(record)))


def of_map(record: Record, map_id: str) -> bool:
    """Is it of this map, or of none? "" = any map."""
    return not map_id or getattr(record, "map_id", "") in ("", map_id)


def version_name(record: Record) -> tuple[str, int]:
    """Names one version of one record."""
    return (record.id, record.version)


def newest_first(record: Record) -> tuple[int, int]:
    """Sort key."""
    return (-record.valid_from_ns, -record.sequence)
