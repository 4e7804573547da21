# SPDX-License-Identifier: Apache-2.0
"""Forgetting for good: everything about a person, a region or a thing, found, counted, and then erased.

Neighbours: lifelong.py offers `forget`; backends erase and audit rows; blobs.py erases pictures.
Rules of the file: two calls, the first only counts and gives a token that is good for exactly that count; whatever
rests on what goes, goes too, however far; what a summary that goes stood for, and is about something else, is believed
again; pictures go before the rows that name them, so that a kill in between leaves something to find again.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace

from memory.backend import Backend
from memory.blobs import PREFIX, Blobs
from memory.consolidation import SUMMARY
from memory.draft import Draft
from memory.errors import RejectedInput
from memory.geometry import Vector, finite
from memory.query import word_list
from memory.records import Event, Positioned, Record, Relation

ALIAS = "alias_of"


@dataclass(frozen=True, slots=True)
class Region:
    """A box in a map, its corners included.

    Raises:
        ValueError: a corner is not finite, or the box is inside out.
    """

    map_id: str
    lowest_m: Vector
    highest_m: Vector

    def __post_init__(self) -> None:
        ordered = all(low <= high for low, high in zip(self.lowest_m, self.highest_m, strict=True))
        if not finite((*self.lowest_m, *self.highest_m)) or not ordered:
            raise ValueError(f"no box in map {self.map_id!r}: {self.lowest_m} to {self.highest_m}")

    def holds(self, record: Record) -> bool:
        """Is the middle of a thing or place in it?"""
        if not isinstance(record, Positioned) or record.map_id != self.map_id:
            return False
        sides = zip(self.lowest_m, record.position_m, self.highest_m, strict=True)
        return all(low <= here <= high for low, here, high in sides)


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is to be erased, or was.

    Attributes:
        ids: Of every record; their versions and tallies all go. They may name the person: not for logs.
        blobs: How many pictures that nothing else refers to.
        token: Give it back to erase exactly this; "" once it is erased, or if there is nothing.
        rows: Versions and tallies that went; 0 before.
    """

    ids: tuple[str, ...] = field(repr=False)
    blobs: int
    token: str = ""
    rows: int = 0

    @property
    def records(self) -> int:
        """How many ids."""
        return len(self.ids)


def forget(
    draft: Draft,
    backend: Backend,
    blobs: Blobs | None,
    *,
    person: str,
    region: Region | None,
    instance: str,
    token: str,
) -> Erasure:
    """Count, and with the token of that count, erase. The arguments are those of LifelongMemory.forget."""
    if sum(map(bool, (person, region, instance))) != 1:
        raise ValueError(f"forget one of a person, a region or a thing, not {person!r}, {region} and {instance!r}")
    robot = draft.robot
    log = [record for record in backend.changes() if record.robot == robot]
    if person:
        seeds, things = _about_person(log, person)
        seeds |= {one for one in backend.tallies(robot) if mentions(one, things)}
        things = {record.id for record in log if isinstance(record, Positioned) and record.id in seeds} | things
    else:
        things = {instance} if instance else {record.id for record in log if region and region.holds(record)}
        seeds = {record.id for record in log if record.id in things} | (things & backend.tallies(robot).keys())
    chosen = _all_that_rests_on(log, seeds, things)
    pictures = _pictures_of(backend, robot, chosen) if blobs else []
    right = hashlib.blake2s("|".join((*sorted(chosen), str(backend.last_sequence()))).encode()).hexdigest()[:16]
    if not chosen or not token:
        return Erasure(tuple(sorted(chosen)), len(pictures), right if chosen else "")
    if token != right:
        raise RejectedInput(f"token {token!r} is not for this erasure as the store stands now; count again")
    if blobs:
        blobs.drop(pictures)
    _believe_again(draft, log, chosen)
    ids = tuple(sorted(chosen))
    return Erasure(ids, len(pictures), rows=backend.forget(robot, ids))


def mentions(text: str, names: Iterable[str]) -> bool:
    """Does a text speak of one of the names? Whole words in a row, in any case, also with a final s or number.

    >>> mentions("Anna's cup", ["anna"]), mentions("annas_cup_2", ["Anna"]), mentions("in Annapolis", ["Anna"])
    (True, True, False)
    """
    said = word_list(text)
    return any(_occurs(said, word_list(name)) for name in names)


def _occurs(said: Sequence[str], name: Sequence[str]) -> bool:
    if not name:
        return False
    starts = (said[n : n + len(name)] for n in range(len(said) - len(name) + 1))
    return any(part[:-1] == list(name[:-1]) and _same_name(part[-1], name[-1]) for part in starts)


def _same_name(word: str, name: str) -> bool:
    rest = word[len(name) :]
    return word.startswith(name) and (rest in ("", "s") or rest.isdigit())


def _about_person(log: Sequence[Record], person: str) -> tuple[set[str], set[str]]:
    """Ids of records that mention the person by any name they ever had, and those names."""
    if not word_list(person):
        raise ValueError(f"{person!r} is no name: it has no letter or digit")
    names = {person}
    aliases = [(r.subject, r.object) for r in log if isinstance(r, Relation) and r.predicate == ALIAS]
    known = -1
    while known != len(names):
        known = len(names)
        names |= {name for pair in aliases if any(mentions(one, names) for one in pair) for name in pair}
    return {record.id for record in log if any(mentions(text, names) for text in _texts(record))}, names


def _texts(record: Record) -> Iterator[str]:
    """Everything in it that somebody can read."""
    for name in (one.name for one in fields(record)):
        value = getattr(record, name)
        if isinstance(value, tuple):
            yield from (part for part in value if isinstance(part, str))
        elif isinstance(value, str):
            yield value


def _all_that_rests_on(log: Sequence[Record], seeds: set[str], things: set[str]) -> set[str]:
    """The seeds, all that is about a thing that goes, all that rests on either, and sightings of such things alone."""
    placed: dict[str, set[str]] = defaultdict(set)
    sightings = {record.id for record in log if isinstance(record, Event)}
    resting: dict[str, set[str]] = defaultdict(set)
    about: dict[str, set[str]] = defaultdict(set)
    for record in log:
        if isinstance(record, Positioned):
            placed[record.id].update(record.evidence)
        for ground in record.evidence:
            resting[ground].add(record.id)
        for thing in _things_of(record):
            about[thing].add(record.id)
    chosen: set[str] = set()
    pending = [*seeds, *(one for thing in things for one in about[thing])]
    while pending:
        one = pending.pop()
        if one not in chosen:
            chosen.add(one)
            pending += resting[one] | (about[one] if one in placed or one in things else set())
        if not pending:
            grounds = {ground for one in chosen & placed.keys() for ground in placed[one]}
            pending += [g for g in grounds - chosen if g in sightings and resting[g] <= chosen]
    return chosen


def _things_of(record: Record) -> tuple[str, ...]:
    if isinstance(record, Relation):
        return (record.subject, record.object)
    if isinstance(record, Event):
        return (*record.subjects, record.place_id)
    return ()


def _pictures_of(backend: Backend, robot: str, chosen: set[str]) -> list[str]:
    """Pictures that nothing else refers to, of any robot."""
    mine: set[str] = set()
    others: set[str] = set()
    for record in backend.changes():
        named = {ground for ground in record.evidence if ground.startswith(PREFIX)}
        if named:
            (mine if record.robot == robot and record.id in chosen else others).update(named)
    return sorted(mine - others)


def _believe_again(draft: Draft, log: Sequence[Record], chosen: set[str]) -> None:
    """What only a summary that goes stood for, and is about something else."""
    stood_for = {one for r in log if r.id in chosen and r.id.startswith(f"{SUMMARY}:") for one in r.evidence} - chosen
    newest: dict[str, Record] = {}
    for record in log:
        if record.id in stood_for and (record.id not in newest or record.version > newest[record.id].version):
            newest[record.id] = record
    believed = {record.id for record in log if record.retired_ns is None}
    again = [r for one, r in newest.items() if one not in believed]
    unwritten = [replace(r, version=r.version + 1, recorded_ns=0, retired_ns=None, sequence=0) for r in again]
    try:
        draft.stage(*unwritten)
        draft.commit()
    finally:
        draft.discard()
