# SPDX-License-Identifier: Apache-2.0
"""The filters of a Query as Cypher and as Lucene understand them.

Neighbours: neo4j_search.py and neo4j.py put them into statements; neo4j_schema.py says what the properties hold.
Rules of the file: a filter lets pass at least what matches; what comes from outside is a parameter of Cypher, and in
Lucene's language only a run of letters and digits or a digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

from memory.backends import neo4j_rows as rows
from memory.backends.derived import LISTS, OPEN, made_word
from memory.query import Query, named_words, words
from memory.records import RECORD_KINDS

LARGEST = 2**63 - 1
WORDS_ASKED = 500  # Lucene refuses more than 1024 clauses
_TEXTS = {f.name for cls in RECORD_KINDS.values() for f in fields(cls) if f.type in ("str", "Source")} - {
    "encoder",
    "frame_id",
}
_IN_LISTS = {*LISTS, "steps"}
_HARDLY = "^0.001"  # it decides what is found and not what is best; with ^0 Lucene would have to score everything


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions on r, their values, and whether they are all of the query."""

    where: str
    values: dict[str, Any]
    whole: bool
    possible: bool


def filters_of(query: Query) -> Filters:
    """What the server can check of a query, but for its text."""
    terms = ["r.robot = $robot"]
    values: dict[str, Any] = {"robot": query.robot}

    def add(term: str, **more: Any) -> None:
        terms.append(term)
        values.update(more)

    possible, whole = bool(rows.names((query.robot,))), True
    if query.ids:
        add("r.id IN $ids AND r.version IS NOT NULL", ids=rows.names(query.ids))
    if query.kinds:
        add("r.kind IN $kinds", kinds=list(filter(rows.encodable, query.kinds)))
    for number, (name, value) in enumerate(query.equals):
        possible = possible and rows.encodable(value)
        if name in _TEXTS | _IN_LISTS:
            held = f"r.{name} = $equal{number}" if name in _TEXTS else f"$equal{number} IN r.{name}"
            add(held, **{f"equal{number}": rows.shown(value)})
        whole = whole and name in _TEXTS | _IN_LISTS and len(value) < rows.SHOWN
    _add_clocks(query, add)
    return Filters(" AND ".join(terms), values, whole, possible)


def required(query: Query) -> set[str]:
    """Words that every answer has in the index of words: of its text, and of what fields and lists must hold."""
    made = {made_word(name, value) for name, value in query.equals if name in LISTS}
    return {*map(rows.term, words(query.text) | named_words(query)), *made}


def worded(query: Query, every: Iterable[str], some: Iterable[str] = ()) -> str:
    """What the index of words is asked: for a robot's records of these kinds with every word, and any of some."""
    owner = rows.owner_word(query.robot)
    kinds = [kind for kind in RECORD_KINDS if kind in query.kinds]
    asked = [[owner + kind for kind in kinds] or [owner]]
    asked += [] if query.history or query.recorded_at_ns is not None else [[rows.NOW]]
    asked += [[rows.OPEN]] if earliest_end(query) == LARGEST else []
    clauses = [f"+scope:({' '.join(word + _HARDLY for word in one)})" for one in asked]
    longest = sorted(every, key=len)[-WORDS_ASKED:]
    clauses += [f"+words:({' '.join('+' + word for word in longest)})"] if longest else []
    either = " ".join(some)
    return " ".join([*clauses, f"+words:({either})"] if either else clauses)


def lows(query: Query) -> list[int]:
    """For each length of span, the moment from which on one must begin to be true when the query asks."""
    after = earliest_end(query)
    return [max(-LARGEST, after - (1 << length)) for length in range(OPEN)] + [-LARGEST]


def earliest_end(query: Query) -> int:
    """The moment after which an answer must end."""
    return max(-LARGEST if bound is None else _fit(bound) for bound in (query.valid_at_ns, query.since_ns))


def _add_clocks(query: Query, add: Callable[..., None]) -> None:
    """As few shapes as may be, since a server plans each for itself: a clock that is not asked gets an open bound."""
    recorded, at, until = query.recorded_at_ns, query.valid_at_ns, query.until_ns
    if recorded is None and not query.history:
        add("r:Current")
    else:
        then = LARGEST if recorded is None else _fit(recorded)
        add("r.recorded_ns <= $then", then=then)
        add("(r.retired_ns IS NULL OR r.retired_ns > $gone)", gone=-LARGEST if query.history else then)
    add("(r.valid_to_ns IS NULL OR r.valid_to_ns > $after)", after=earliest_end(query))
    if at is not None or until is not None:  # an index may lead by it, so that it stands there only if it is one
        add("r.valid_from_ns <= $before", before=min(LARGEST if at is None else _fit(at), _last(until)))


def _last(until_ns: int | None) -> int:
    return LARGEST if until_ns is None else _fit(until_ns - 1)


def _fit(number: int) -> int:
    return max(-LARGEST, min(LARGEST, number))
