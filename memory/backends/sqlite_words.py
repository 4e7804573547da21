# SPDX-License-Identifier: Apache-2.0
"""Which rows of the SQLite store have which words: numbers and scores, nothing is read here.

Neighbours: sqlite_search.py reads what ranks best, and asks for more; sqlite_schema.py has the text indexes,
sqlite_reading.py keeps the lists between questions.
Rules of the file: a rare word counts more than a common one; what was looked up is kept as long as it is true, and the
same question gets the same scores whatever was asked before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from memory.backends import sqlite_schema as schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAIRED = 4  # words of a question that are all common: so many are looked for each beside each
LONGEST = 65_536  # row numbers kept of one word in one text index: the newest
HELD = 4_000_000  # of all words, 32 MB
_CHUNK = 2048  # newest numbers that are tried first

Rows = Callable[[str, Sequence[Any]], list[Any]]
Together = tuple[str, ...]  # words that are looked for in the same row
CommonWords = set[tuple[int, tuple[str, ...], int, str]]  # robot, text indexes, how many have it at least, word


class WordList:
    """Row numbers that have a word, rising.

    Attributes:
        whole: False if there are older ones.
    """

    def __init__(self, numbers: NDArray[Any], *, whole: bool) -> None:
        self.whole = whole
        self._numbers = numbers
        self._fresh: list[int] = []

    def __len__(self) -> int:
        return len(self._numbers) + len(self._fresh)

    def append(self, number: int) -> None:
        """One more row has it."""
        self._fresh.append(number)

    @property
    def numbers(self) -> NDArray[Any]:
        """All of them: [N] int64."""
        if self._fresh:
            import numpy as np

            self._numbers = np.concatenate([self._numbers, np.array(self._fresh, np.int64)])
            self._fresh = []
        return self._numbers

    @property
    def floor(self) -> int:
        """From which row on the list is whole."""
        return 0 if self.whole else int(self._numbers[0])


class WordLists:
    """Lists of words that were asked for together, each of one text index; what was not asked for longest goes."""

    def __init__(self) -> None:
        self._lists: OrderedDict[tuple[str, str], WordList] = OrderedDict()
        self._held = 0

    def __bool__(self) -> bool:
        return bool(self._lists)

    def clear(self) -> None:
        """Keep none."""
        self._lists.clear()
        self._held = 0

    def add(self, table: str, words: Iterable[str], number: int) -> None:
        """A row with these words was written after all others."""
        for word in words:
            known = self._lists.get((table, word))
            if known is not None:  # an empty one too
                known.append(number)
                self._held += 1

    def get(self, rows: Rows, table: str, word: str, *, load: bool) -> WordList | None:
        """The list of a word; None if it is not kept and not to be loaded, or there is no time for it."""
        known = self._lists.get((table, word))
        if known is not None:
            self._lists.move_to_end((table, word))
            return known
        return self._load(rows, table, word) if load else None

    def _load(self, rows: Rows, table: str, word: str) -> WordList | None:
        import numpy as np

        newest = f"SELECT rowid FROM {table} WHERE {table} MATCH ? ORDER BY rowid DESC LIMIT ?"
        # as one text: a fifth of the time that as many rows would take
        told = rows(f"SELECT group_concat(rowid), count(*) FROM ({newest})", [_quoted(word), LONGEST])
        if not told:
            return None
        ((listed, count),) = told
        numbers = np.fromstring(listed or "", np.int64, sep=",")[::-1]
        made = WordList(numbers, whole=count < LONGEST)
        self._lists[table, word] = made
        self._held += len(made)
        while self._held > HELD and len(self._lists) > 1:
            self._held -= len(self._lists.popitem(last=False)[1])
        return made


class WordIndex:
    """The text indexes of some kinds, for one robot.

    Args:
        rows: Every row of a statement with these parameters; none when there is no time left.
        robot: Its number.
        terms: What every row must have besides.
        common: Words that were found to be common; added to.
        lists: Kept from earlier questions; added to.
    """

    def __init__(
        self,
        rows: Rows,
        robot: int,
        kinds: Sequence[str],
        terms: Sequence[str],
        common: CommonWords,
        lists: WordLists,
    ) -> None:
        self._rows = rows
        self._robot = robot
        self._tables = tuple(schema.tables(kinds))
        self._terms = tuple(terms)
        self._common = common
        self._lists = lists

    def scores(self, asked: Sequence[str], pool: int, *, alone_too: bool) -> tuple[dict[int, float], bool]:
        """Row numbers with their scores, and whether there may be further ones.

        Args:
            alone_too: Count what has nothing but one common word.
        """
        found, common = self._pools(asked, pool, common_too=alone_too)
        scores: dict[int, float] = {}
        for numbers in found.values():
            for number in numbers:
                scores[number] = scores.get(number, 0.0) + 1.0 / (1 + len(numbers))
        if common and len({*common, *found}) > 1:  # a pool holds the newest only: look for what has it beside another
            rare = sorted((word for word in found if word not in common), key=lambda word: (len(found[word]), word))
            score = 1.0 / (1 + (len(found[rare[0]]) if rare else pool)) + 1.0 / (1 + pool)
            listed = self.newest_with(_two_of(common, rare[0] if rare else ""), pool)
            scores.update((n, score) for n in listed if scores.get(n, 0.0) < score)
        return scores, bool(common)

    def _pools(self, asked: Sequence[str], pool: int, *, common_too: bool) -> tuple[dict[str, list[int]], list[str]]:
        """The newest row numbers of each word that has any, and which words have as many as the pool or more.

        Those of common words only if asked for: that a word is common stays so, and is not looked up again.
        """
        found: dict[str, list[int]] = {}
        common: list[str] = []
        for word in asked:
            name = (self._robot, self._tables, pool, word)
            if common_too or name not in self._common:
                numbers = self.newest_with([(word,)], pool)
                if len(numbers) < pool:
                    found.update({word: numbers} if numbers else {})
                    continue
                self._common.add(name)
                if common_too:
                    found[word] = numbers
            common.append(word)
        return found, common

    def newest_with(self, either: Sequence[Together], pool: int) -> list[int]:
        """Row numbers of what has all the words of one of these, newest first."""
        known = [self._listed(table, either, pool) for table in self._tables]
        left = [table for table, numbers in zip(self._tables, known, strict=True) if numbers is None]
        every = [number for numbers in known if numbers is not None for number in numbers]
        every += self._looked_up(left, either, pool) if left else []
        return every[:pool] if len(self._tables) < 2 else sorted(every, reverse=True)[:pool]

    def _listed(self, table: str, either: Sequence[Together], pool: int) -> list[int] | None:
        """From the lists; None if they cannot tell."""
        found: set[int] = set()
        for some in either:
            every = (*some, *self._terms)
            lists = [self._lists.get(self._rows, table, word, load=len(every) > 1) for word in dict.fromkeys(every)]
            known = [one for one in lists if one is not None]
            numbers = _newest_in(known, pool) if len(known) == len(lists) else None
            if numbers is None:
                return None
            found.update(numbers)
        return sorted(found, reverse=True)[:pool]

    def _looked_up(self, tables: Sequence[str], either: Sequence[Together], pool: int) -> list[int]:
        some = " OR ".join(f"({' AND '.join(map(_quoted, words))})" for words in either)
        expression = " AND ".join((f"({some})", *map(_quoted, self._terms)))
        parts = (f"SELECT rowid FROM {one} WHERE {one} MATCH ? ORDER BY rowid DESC LIMIT ?" for one in tables)
        asked = " UNION ALL ".join(f"SELECT * FROM ({part})" for part in parts)
        return [number for (number,) in self._rows(asked, [expression, pool] * len(tables))]


def _newest_in(lists: Sequence[WordList], pool: int) -> list[int] | None:
    """The newest numbers that all the lists have, newest first; None if older ones count that a list may lack."""
    shortest, *others = sorted(lists, key=len)
    floor = max(one.floor for one in lists)
    some = _in_all(shortest.numbers[-_CHUNK:], others)
    if len(some) < pool and len(shortest) > _CHUNK:
        some = _in_all(shortest.numbers, others)
    some = some[some >= floor]
    if len(some) < pool and floor and not (shortest.whole and all(shortest.numbers[:1] >= floor)):
        return None
    found: list[int] = some[::-1][:pool].tolist()
    return found


def _in_all(numbers: NDArray[Any], lists: Sequence[WordList]) -> NDArray[Any]:
    for one in lists:
        there = one.numbers
        if not len(there):
            return there
        at = there.searchsorted(numbers)
        at[at == len(there)] = 0
        numbers = numbers[there[at] == numbers]
    return numbers


def _quoted(word: str) -> str:
    return f'"{word}"'


def _two_of(common: Sequence[str], rare: str) -> list[Together]:
    """The rare word beside a common one; without a rare one, two of the common ones.

    Of many words only the longest are paired each with each, the rest with the longest: what is said often is short.
    """
    if rare:
        return [(rare, one) for one in common]
    longest, *others = sorted(common, key=lambda word: (-len(word), word))
    return [*combinations((longest, *others[: PAIRED - 1]), 2), *((longest, other) for other in others[PAIRED - 1 :])]
