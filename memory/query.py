# SPDX-License-Identifier: Apache-2.0
"""What a backend can be asked, defined in plain Python: a frozen Query and the records it matches.

Neighbours: every backend's `find` answers a Query; `matches` is the definition the fast ones are compared with.
Rules of the file: filters are exact; one ranking key at most (near, vector, text or time); no ranking means log order.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import Enum

from memory.embedding import cosine
from memory.geometry import Vector, distance_m
from memory.records import Positioned, Record

FOREVER_NS = 2**63 - 1  # as valid_at_ns: only what has no known end
TEXT_FIELDS = ("label", "alias", "name", "subject", "predicate", "object", "text", "instruction", "goal", "value")
_WORD = re.compile(r"\w+", re.UNICODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Filters, at most one ranking key, and both clocks.

    Attributes:
        robot: Namespace to look in; a query never crosses namespaces.
        ids: Only these ids; empty = any.
        kinds: Only these kinds; empty = any.
        equals: (field, value) pairs that must hold exactly, such as ("label", "mug"); of a field with several values,
            such as subjects, one must be it. A field the record lacks equals nothing.
        text: Every word must occur among the record's words (see `words`).
        any_text: At least one word must occur. Ranks: more of the words first, then the newest; a store may weigh a
            word by how rare it is, so the order is its own affair, the set is not.
        vector, encoder: Rank by cosine with this vector, nearest first; only what the same encoder embedded matches.
        exact: Compare with every vector, also where the store has an index that may miss a few.
        near_m, within_m: Centre and optional radius, metres, map frame.
        valid_at_ns: World time the record must be true at; None = any time, FOREVER_NS = still true.
        since_ns, until_ns: Its span must overlap [since, until).
        recorded_at_ns: Store time it must be believed at; None = now.
        history: True to see retired versions as well.
        newest_first: Rank by (valid_from_ns, sequence), newest first.
        limit: At most so many answers; 0 = all.

    Raises:
        ValueError: more than one ranking key, a vector without its encoder, or a negative radius or limit.
    """

    robot: str = "robot"
    ids: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    equals: tuple[tuple[str, str], ...] = ()
    text: str = ""
    any_text: str = ""
    vector: bytes = field(default=b"", repr=False)
    encoder: str = ""
    exact: bool = False
    near_m: Vector | None = None
    within_m: float | None = None
    valid_at_ns: int | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    recorded_at_ns: int | None = None
    history: bool = False
    newest_first: bool = False
    limit: int = 0

    def __post_init__(self) -> None:
        if (self.near_m is not None) + bool(self.vector) + bool(self.any_text) + self.newest_first > 1:
            keys = {"near_m": self.near_m is not None, "vector": self.vector, "any_text": self.any_text}
            asked = [name for name, given in {**keys, "newest_first": self.newest_first}.items() if given]
            raise ValueError(f"a query ranks by one key, not by {' and '.join(asked)}")
        if bool(self.vector) != bool(self.encoder) or len(self.vector) % 4:
            raise ValueError(f"a vector of {len(self.vector)} bytes by encoder {self.encoder!r}: they go together")
        if self.limit < 0 or (self.within_m is not None and self.within_m < 0):
            raise ValueError(f"limit {self.limit} and within_m {self.within_m} must not be negative")
        if self.within_m is not None and self.near_m is None:
            raise ValueError(f"within_m {self.within_m} needs near_m")

    def matches(self, record: Record) -> bool:
        """Is this record an answer? Ranking and limit are not looked at."""
        return (
            record.robot == self.robot
            and (not self.ids or record.id in self.ids)
            and (not self.kinds or record.kind in self.kinds)
            and self._has(record)
            and self._believed(record)
            and self._true_then(record)
            and self._close_by(record)
            and (not self.text or words(self.text) <= words(text_of(record)))
            and (not self.any_text or not words(self.any_text).isdisjoint(words(text_of(record))))
            and (not self.vector or (record.encoder == self.encoder and bool(record.embedding)))
        )

    def rank(self, record: Record) -> tuple[float, ...]:
        """Sort key, best first; ties in log order."""
        if self.near_m is not None and isinstance(record, Positioned):
            return (distance_m(self.near_m, record.position_m), record.sequence)
        if self.vector:
            return (-cosine(self.vector, record.embedding), record.sequence)
        if self.any_text:
            shared = words(self.any_text) & words(text_of(record))
            return (-len(shared), -record.valid_from_ns, -record.sequence)
        if self.newest_first:
            return (-record.valid_from_ns, -record.sequence)
        return (record.sequence,)

    def _has(self, record: Record) -> bool:
        for name, value in self.equals:
            held = getattr(record, name, None)
            if type(held) is str:  # as nearly all are
                if held != value:
                    return False
            elif isinstance(held, tuple):
                if value not in map(str, held):
                    return False
            elif held is None or (held.value if isinstance(held, Enum) else str(held)) != value:
                return False
        return True

    def _believed(self, record: Record) -> bool:
        if self.recorded_at_ns is None:
            return self.history or record.retired_ns is None
        then = self.recorded_at_ns
        if record.recorded_ns > then:
            return False
        return self.history or record.retired_ns is None or then < record.retired_ns

    def _true_then(self, record: Record) -> bool:
        start, end = record.valid_from_ns, record.valid_to_ns
        at = self.valid_at_ns
        if at is not None and not (start <= at and (end is None or at < end)):
            return False
        if self.since_ns is not None and end is not None and end <= self.since_ns:
            return False
        return self.until_ns is None or start < self.until_ns

    def _close_by(self, record: Record) -> bool:
        if self.near_m is None:
            return True
        if not isinstance(record, Positioned):
            return False
        return self.within_m is None or distance_m(self.near_m, record.position_m) <= self.within_m


def words(text: str) -> frozenset[str]:
    """The one documented tokeniser: NFKC, case-folded, runs of letters and digits; "_" separates.

    >>> sorted(words("Coffee_Table, 2nd MUG"))
    ['2nd', 'coffee', 'mug', 'table']
    """
    return frozenset(word_list(text))


def word_list(text: str) -> list[str]:
    """The same, in their order."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("_", " ")
    return _WORD.findall(folded)


def named_words(query: Query) -> frozenset[str]:
    """Words that every answer has, since a field with words equals them.

    >>> sorted(named_words(Query(equals=(("label", "coffee_mug"), ("map_id", "home")))))
    ['coffee', 'mug']
    """
    return frozenset(word for name, value in query.equals if name in TEXT_FIELDS for word in words(value))


def text_of(record: Record) -> str:
    """The words a record can be found by."""
    return " ".join(str(getattr(record, n)) for n in TEXT_FIELDS if getattr(record, n, ""))
