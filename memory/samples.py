# SPDX-License-Identifier: Apache-2.0
"""Records, queries and a clock to test stores with.

Neighbours: testing.py runs every backend over them; tests write with them.
Rules of the file: everything random comes from the generator it is given; few names and stamps, so that queries hit.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace

from memory.backend import Backend, Batch, Retirement
from memory.embedding import pack
from memory.query import FOREVER_NS, Query
from memory.records import Episode, Event, Instance, Lesson, Place, Record, Relation, Source, Tally

START_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
S = 1_000_000_000
ENCODER = "sample@1"


class ContractClock:
    """A clock at its worst: it stands still for a while, then jumps, then steps back."""

    def __init__(self, start_ns: int = START_NS) -> None:
        self._start_ns = start_ns
        self._asked = 0

    def __call__(self) -> int:
        self._asked += 1
        return self._start_ns + (self._asked // 4) * S - (self._asked % 3) * 50


def mug(
    id: str = "mug-1", *, robot: str = "robot", version: int = 1, at_ns: int = START_NS, x: float = 0.0
) -> Instance:
    """An instance to write."""
    return Instance(id=id, robot=robot, version=version, valid_from_ns=at_ns, label="mug", position_m=(x, 0.0, 0.8))


def sample_records(rng: random.Random, count: int, robots: Iterable[str] = ("robot", "other")) -> list[Record]:
    """First versions of every kind, over few names, places and stamps, so that queries hit."""
    return [_sample(rng, number, rng.choice(tuple(robots))) for number in range(count)]


def sample_query(rng: random.Random, log: list[Record]) -> Query:
    """A query that is likely to have answers, and likely to exclude some."""
    some = rng.choice(log)
    maybe = rng.random
    near = (rng.uniform(-3, 3), rng.uniform(-3, 3), 0.5) if maybe() < 0.3 else None
    return Query(
        robot=some.robot,
        ids=tuple(rng.choice(log).id for _ in range(3)) if maybe() < 0.15 else (),
        kinds=tuple(rng.sample(["instance", "place", "relation", "event", "lesson"], 2)) if maybe() < 0.3 else (),
        equals=(_equal(rng, some),) if maybe() < 0.3 else (),
        text=" ".join(rng.sample(_WORDS, rng.randint(1, 2))) if maybe() < 0.25 else "",
        near_m=near,
        within_m=rng.choice([0.0, 0.5, 2.0, 100.0]) if near and maybe() < 0.5 else None,
        valid_at_ns=rng.choice([FOREVER_NS, _moment(rng)]) if maybe() < 0.4 else None,
        since_ns=_moment(rng) if maybe() < 0.2 else None,
        until_ns=_moment(rng) if maybe() < 0.2 else None,
        recorded_at_ns=rng.choice(log).recorded_ns + rng.randint(-1, 1) if maybe() < 0.4 else None,
        history=maybe() < 0.3,
        newest_first=near is None and maybe() < 0.4,
        limit=rng.choice([0, 0, 1, 5, 20]),
    )


def fill(backend: Backend, rng: random.Random, count: int) -> list[Record]:
    """Write sample records in batches, retire and close some; returns the log as it stands."""
    left = sample_records(rng, count)
    while left:
        size = rng.randint(1, 8)
        batch, left = left[:size], left[size:]
        believed = [r for r in backend.changes() if r.retired_ns is None]
        old = rng.sample(believed, min(len(believed), rng.randint(0, 2)))
        closed = [replace(r, version=r.version + 1, valid_to_ns=r.valid_from_ns + 5 * S) for r in old]
        ended = [r for r in closed if rng.random() < 0.5]
        tallies = tuple(Tally(r.id, r.robot, r.valid_from_ns) for r in batch[:1])
        backend.write(Batch(records=(*batch, *ended), retire=tuple(map(retirement, old)), tallies=tallies))
    return list(backend.changes())


def sample_vector(rng: random.Random, size: int = 16) -> bytes:
    """Of unit length, in any direction."""
    values = [rng.gauss(0, 1) for _ in range(size)]
    length = sum(value * value for value in values) ** 0.5
    return pack(value / length for value in values)


def retirement(record: Record) -> Retirement:
    """Stop believing this version."""
    return Retirement(record.robot, record.id, record.version)


_WORDS = ["red", "blue", "mug", "plate", "Müsli", "kitchen", "picked", "2nd"]


def _moment(rng: random.Random) -> int:
    """On the edge of some record's span, or a nanosecond beside it."""
    return START_NS + rng.randint(0, 50) * S + rng.randint(-1, 1)


def _sample(rng: random.Random, number: int, robot: str) -> Record:
    at_ns = START_NS + rng.randint(0, 50) * S
    to_ns = rng.choice([None, None, at_ns + rng.randint(0, 20) * S])
    source = rng.choice(list(Source))
    a, b = rng.choice(_WORDS), rng.choice(_WORDS)
    where = (round(rng.uniform(-3, 3), 1), rng.uniform(-3, 3), 0.5)
    kinds: tuple[Callable[[], Record], ...] = (
        lambda: Instance(id=f"i{number}", label=a, alias=f"{b} {number}", position_m=where, valid_from_ns=at_ns),
        lambda: Place(id=f"p{number}", label="room", name=a, position_m=where, valid_from_ns=at_ns),
        lambda: Relation(id=f"r{number}", subject=a, predicate="inside", object=b, valid_from_ns=at_ns),
        lambda: Event(id=f"e{number}", name=a, text=f"{a} {b}", subjects=(a, b), valid_from_ns=at_ns),
        lambda: Episode(id=f"o{number}", instruction=f"put the {a} on the {b}", steps=(a,), valid_from_ns=at_ns),
        lambda: Lesson(id=f"l{number}", scope="where", subject=a, value=b, valid_from_ns=at_ns),
    )
    record = replace(rng.choice(kinds)(), robot=robot, source=source, valid_to_ns=to_ns)
    return replace(record, embedding=sample_vector(rng), encoder=ENCODER) if rng.random() < 0.5 else record


def _equal(rng: random.Random, record: Record) -> tuple[str, str]:
    name = rng.choice(["label", "subject", "predicate", "object", "map_id", "value", "subjects", "source", "alias"])
    held = getattr(record, name, "nothing has this")
    return (name, held.value if isinstance(held, Source) else str(held[0] if isinstance(held, tuple) else held))
