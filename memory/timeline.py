# SPDX-License-Identifier: Apache-2.0
"""The rules of relations: what one more fact does to the facts already believed.

Neighbours: spatial.py and semantic.py stage what `place` and `end` say; nothing here touches a store.
Rules of the file: pure functions over believed versions of ONE (robot, subject, predicate), and
    1. A fact of a functional predicate ends the fact it falls into, at its own valid_from_ns.
    2. A late fact is cut in where it belongs: it ends where what it cut in on ended, or where the next fact begins.
    3. Only a sighting ends a sighting. What was told, inferred or reflected stays open beside it until the next
       sighting, which ends both.
    4. A fact that says what is already believed adds nothing; only its tally moves, and where that says the fact was
       confirmed after a late one, the fact begins again at that confirmation.
    5. Ending a fact writes its next version and retires the one before; rows never change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from memory.backend import Retirement
from memory.records import PREDICATES, Record, Relation, Source

UNDO = "undo"  # ids of undos begin with it: see undo.py
_UNSEEN: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Change:
    """What to write.

    Attributes:
        records: New versions, endings first and the new fact last.
        retire: Versions no longer believed.
        same: The believed fact that already says it, if the incoming one adds nothing.
    """

    records: tuple[Relation, ...] = ()
    retire: tuple[Retirement, ...] = ()
    same: Relation | None = None


def place(believed: Sequence[Relation], incoming: Relation, last_seen_ns: Mapping[str, int] = _UNSEEN) -> Change:
    """What the incoming fact changes.

    Args:
        believed: Every believed version of the same robot, subject and predicate, ended or not.
        incoming: The new fact; its version is set here.
        last_seen_ns: When facts, by id, were last confirmed.

    >>> fact = dict(robot="r", subject="mug", predicate="inside")
    >>> first = relation(**fact, object="table", valid_from_ns=10)
    >>> change = place([first], relation(**fact, object="sink", valid_from_ns=20))
    >>> [(r.object, r.version, r.valid_from_ns, r.valid_to_ns) for r in change.records]
    [('table', 2, 10, 20), ('sink', 1, 20, None)]
    """
    if not is_functional(incoming.predicate):
        same = next((r for r in believed if r.object == incoming.object and _holds_at(r, incoming.valid_from_ns)), None)
        return Change(same=same) if same else _with(incoming, believed, Change())
    here = [r for r in believed if _holds_at(r, incoming.valid_from_ns)]
    same = next((r for r in _strongest_first(here) if r.object == incoming.object and _outranks(r, incoming)), None)
    losers = [r for r in here if r is not same and _outranks(incoming, r)]
    change = _end_all(believed, losers, incoming.valid_from_ns, same.id if same else incoming.id, last_seen_ns)
    if same:
        return replace(change, same=same)
    return _with(_until_next(incoming, (*believed, *change.records), here), believed, change)


def end(believed: Sequence[Relation], stamp_ns: int, cause: str, last_seen_ns: Mapping[str, int] = _UNSEEN) -> Change:
    """End whatever holds at the stamp, without a successor; what was confirmed later begins again there."""
    return _end_all(believed, [r for r in believed if _holds_at(r, stamp_ns)], stamp_ns, cause, last_seen_ns)


def state_of(claims: Iterable[Relation]) -> Relation | None:
    """Which of several open claims to act on: a sighting before the rest, then the newest."""
    return next(iter(_strongest_first(claims)), None)


def is_functional(predicate: str) -> bool:
    """Does it hold a single object at a time? Undeclared predicates accumulate."""
    return predicate in PREDICATES and PREDICATES[predicate].functional


def relation(
    *,
    robot: str,
    subject: str,
    predicate: str,
    object: str,
    valid_from_ns: int,
    source: Source = Source.SEEN,
    evidence: tuple[str, ...] = (),
    confidence: float = 1.0,
    map_id: str = "",
    map_revision: str = "",
) -> Relation:
    """A first version with the id its content gives it."""
    return Relation(
        id=relation_id(robot, subject, predicate, object, valid_from_ns),
        robot=robot,
        subject=subject,
        predicate=predicate,
        object=object,
        valid_from_ns=valid_from_ns,
        source=source,
        evidence=evidence,
        confidence=confidence,
        map_id=map_id,
        map_revision=map_revision,
    )


def relation_id(robot: str, subject: str, predicate: str, object: str, valid_from_ns: int) -> str:
    """The same for the same fact in every replay.

    >>> relation_id("robot", "mug-1", "inside", "sink", 5)
    'mug-1:inside:235c5c88e81c'
    """
    return content_id(f"{subject}:{predicate}", robot, subject, predicate, object, str(valid_from_ns))


def content_id(name: str, *parts: str) -> str:
    """A readable name, cut to 40 letters, and a hash of all the parts."""
    spelled = "".join(f"{len(part)}:{part}" for part in parts)
    digest = hashlib.blake2s(spelled.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{re.sub(r'[^0-9A-Za-z:_.-]+', '-', name)[:40]}:{digest}"


def retirement(version: Relation) -> Retirement:
    """Stop believing it."""
    return Retirement(version.robot, version.id, version.version)


def _end_all(
    believed: Sequence[Relation], losers: Sequence[Relation], stamp_ns: int, cause: str, last_seen_ns: Mapping[str, int]
) -> Change:
    ended: list[Relation] = []
    for fact in losers:  # what was seen and what was told may share an id
        version = 1 + max(r.version for r in (*believed, *ended) if r.id == fact.id)
        ended.append(replace(fact, version=version, valid_to_ns=stamp_ns, cause=cause, recorded_ns=0, sequence=0))
    change = Change(tuple(ended), tuple(map(retirement, losers)))
    for fact in losers:
        confirmed_ns = last_seen_ns.get(fact.id, 0)
        if confirmed_ns > stamp_ns and _holds_at(fact, confirmed_ns):
            fact_id = relation_id(fact.robot, fact.subject, fact.predicate, fact.object, confirmed_ns)
            change = _with(replace(fact, id=fact_id, valid_from_ns=confirmed_ns), believed, change)
    return change


def _holds_at(fact: Relation, stamp_ns: int) -> bool:
    return fact.valid_from_ns <= stamp_ns and (fact.valid_to_ns is None or stamp_ns < fact.valid_to_ns)


def _outranks(fact: Relation, other: Relation) -> bool:
    """May the fact end the other one? (Equal ranks may.)"""
    return fact.source is Source.SEEN or other.source is not Source.SEEN


def _same_layer(fact: Relation, other: Relation) -> bool:
    return (fact.source is Source.SEEN) is (other.source is Source.SEEN)


def _is_empty(fact: Record) -> bool:
    return fact.valid_to_ns == fact.valid_from_ns


def _strongest_first(facts: Iterable[Relation]) -> list[Relation]:
    return sorted(facts, key=lambda r: (r.source is not Source.SEEN, -r.valid_from_ns, -r.sequence))


def _until_next(incoming: Relation, believed: Sequence[Relation], here: Sequence[Relation]) -> Relation:
    """The incoming fact, ended where a fact that outranks it already ended or begins, or where it says itself."""
    start = incoming.valid_from_ns
    limits = [(r.valid_to_ns, r.cause) for r in here if r.valid_to_ns is not None and _outranks(r, incoming)]
    later = (r for r in believed if r.valid_from_ns > start and not never_was(r))
    limits += [(r.valid_from_ns, r.id) for r in later if _outranks(r, incoming)]
    if incoming.valid_to_ns is not None:
        limits.append((incoming.valid_to_ns, incoming.cause))
    if not limits:
        return incoming
    stamp_ns, cause = min(limits)
    return replace(incoming, valid_to_ns=stamp_ns, cause=cause)


def never_was(fact: Record) -> bool:
    """Was it found to be a mistake? Undoing leaves it an empty span, and nothing ends where it began."""
    return _is_empty(fact) and fact.cause.startswith(f"{UNDO}:")


def _with(incoming: Relation, believed: Sequence[Relation], change: Change) -> Change:
    """The change with the incoming fact added, as a further version if the same fact began and ended there before."""
    before = [r for r in believed if r.id == incoming.id]
    version = 1 + max((r.version for r in (*before, *change.records) if r.id == incoming.id), default=0)
    replaced = [retirement(r) for r in before if _same_layer(r, incoming)]
    again = tuple(gone for gone in replaced if gone not in change.retire)
    new = replace(incoming, version=version, recorded_ns=0, sequence=0)
    return Change((*change.records, new), (*change.retire, *again))
