# SPDX-License-Identifier: Apache-2.0
"""Which rows of the SQLite store have which words: numbers and scores, nothing is read here.

Neighbours: sqlite_search.py reads what ranks best, and asks for more; sqlite_schema.py has the text indexes.
Rules of the file: a rare word counts more than a common one; a common word's list is not read again to learn that it is
common; the same question gets the same scores whatever was asked before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from memory.backends import sqlite_schema as schema

PAIRED = 4  # words of a question that are all common: so many are looked for each beside each

CommonWords = set[tuple[int, tuple[str, ...], int, str]]  # robot, text indexes, how many have it at least, word


class WordIndex:
    """The text indexes of some kinds, for one robot.

    Args:
        rows: Every row of a statement with these parameters.
        robot: Its number.
        terms: What every row must have besides.
        common: Words that were found to be common; added to.
    """

    def __init__(
        self,
        rows: Callable[[str, Sequence[Any]], list[Any]],
        robot: int,
        kinds: Sequence[str],
        terms: Sequence[str],
        common: CommonWords,
    ) -> None:
        self._rows = rows
        self._robot = robot
        self._tables = tuple(schema.tables(kinds))
        self._terms = terms
        self._common = common

    def scores(self, asked: Sequence[str], pool: int, *, alone_too: bool) -> tuple[dict[int, float], bool]:
        """Row numbers with their scores, and whether there may be further ones.

        Args:
            alone_too: Count what has nothing but one common word.
        """
        found, common = self._lists(asked, pool, common_too=alone_too)
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

    def _lists(self, asked: Sequence[str], pool: int, *, common_too: bool) -> tuple[dict[str, list[int]], list[str]]:
        """The newest row numbers of each word that has any, and which words have as many as the pool or more.

        Those of common words only if asked for: that a word is common stays so, and is not looked up again.
        """
        found: dict[str, list[int]] = {}
        common: list[str] = []
        for word in asked:
            name = (self._robot, self._tables, pool, word)
            if common_too or name not in self._common:
                numbers = self.newest_with(_quoted(word), pool)
                if len(numbers) < pool:
                    found.update({word: numbers} if numbers else {})
                    continue
                self._common.add(name)
                if common_too:
                    found[word] = numbers
            common.append(word)
        return found, common

    def newest_with(self, expression: str, pool: int) -> list[int]:
        """Row numbers of what the words of an expression are in, newest first."""
        expression = " AND ".join((f"({expression})", *map(_quoted, self._terms)))
        parts = (f"SELECT rowid FROM {one} WHERE {one} MATCH ? ORDER BY rowid DESC LIMIT ?" for one in self._tables)
        asked = " UNION ALL ".join(f"SELECT * FROM ({part})" for part in parts)
        found = self._rows(asked, [expression, pool] * len(self._tables)) if self._tables else []
        numbers = [number for (number,) in found]
        return numbers if len(self._tables) < 2 else sorted(numbers, reverse=True)[:pool]


def all_of(some: Sequence[str]) -> str:
    """An expression: every one of the words."""
    return " AND ".join(map(_quoted, some))


def _quoted(word: str) -> str:
    return f'"{word}"'


def _two_of(common: Sequence[str], rare: str) -> str:
    """An expression: the rare word beside a common one; without a rare one, two of the common ones.

    Of many words only the longest are paired each with each, the rest with the longest: what is said often is short.
    """
    if rare:
        return f"{_quoted(rare)} AND ({' OR '.join(map(_quoted, common))})"
    longest, *others = sorted(common, key=lambda word: (-len(word), word))
    pairs = [*combinations((longest, *others[: PAIRED - 1]), 2), *((longest, other) for other in others[PAIRED - 1 :])]
    return " OR ".join(f"({_quoted(one)} AND {_quoted(other)})" for one, other in pairs)
