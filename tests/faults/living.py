# SPDX-License-Identifier: Apache-2.0
"""A life to interrupt: what one robot writes, step by step, the same every time for a seed.

Neighbours: writer.py plays it in a process that is killed; test_kill.py and test_power_cuts.py play it beside, into
the in-memory specification.
Rules of the file: a step depends on the seed and on the steps before it, never on the store, so that an interrupted
life goes on at the first step that is not in the store; stamps come from the step's number, so that two stores that
took the same steps export the same bytes.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from memory.backend import Backend, Batch, Receipt
from memory.query import Query
from memory.records import Event, Instance, Record, Tally
from memory.samples import ENCODER, START_NS, S, retirement, sample_vector

ROBOT = "robot"
VERBS = {"write": 78, "embed": 8, "forget": 4, "checkpoint": 6, "rebuild": 4}


@dataclass(frozen=True)
class Step:
    """One call of the store."""

    number: int
    verb: str
    batch: Batch = field(default_factory=Batch)
    vectors: Mapping[tuple[str, int], bytes] = field(default_factory=dict)
    ids: tuple[str, ...] = ()

    def run(self, store: Backend) -> Receipt | int:
        if self.verb == "write":
            return store.write(self.batch)
        if self.verb == "embed":
            return store.embed(ROBOT, ENCODER, self.vectors)
        if self.verb == "forget":
            return store.forget(ROBOT, self.ids)
        store.maintain(self.verb)
        return 0


class StepClock:
    """Time is the number of the step."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> int:
        return START_NS + self.number * S


def steps(seed: int) -> Iterator[Step]:
    """A life without end."""
    rng = random.Random(seed)
    known: dict[str, Record] = {}
    for number in itertools.count():
        verb = rng.choices(list(VERBS), list(VERBS.values()))[0] if len(known) > 20 else "write"
        some = rng.sample(list(known.values()), min(len(known), rng.randint(1, 3)))
        if verb == "write":
            yield Step(number, verb, _batch(rng, number, some[1:], known))
        elif verb == "embed":
            known |= {old.id: replace(old, embedding=sample_vector(rng)) for old in some}
            yield Step(number, verb, vectors={(old.id, old.version): known[old.id].embedding for old in some})
        elif verb == "forget":
            del known[some[0].id]
            yield Step(number, verb, ids=(some[0].id,))
        else:
            yield Step(number, verb)


def lost(store: Backend, record: Record) -> list[str]:
    """By which of its keys a believed record is not recalled."""
    own = record.alias if isinstance(record, Instance) else getattr(record, "text", "")
    ways = {
        "text": Query(text=own),
        "any word": Query(any_text=own, limit=5),
        "time": Query(since_ns=record.valid_from_ns, until_ns=record.valid_from_ns + 1),
        "vector": Query(vector=record.embedding, encoder=record.encoder, kinds=(record.kind,), limit=2),
    }
    if isinstance(record, Instance):
        ways["place"] = Query(near_m=record.position_m, within_m=0.001)
    return [f"{record.id} by {way}" for way, query in ways.items() if record not in store.find(query).records]


def _batch(rng: random.Random, number: int, old: list[Record], known: dict[str, Record]) -> Batch:
    fresh = [_record(rng, f"{number}-{n}", number) for n in range(rng.randint(1, 3))]
    moved = [_again(rng, one, number) for one in old]
    known |= {one.id: one for one in (*fresh, *moved)}
    tallies = tuple(Tally(one.id, ROBOT, START_NS + number * S) for one in (*fresh[:1], *moved))
    key = f"step-{number}" if rng.random() < 0.5 else ""
    return Batch(records=(*fresh, *moved), retire=tuple(map(retirement, old)), tallies=tallies, key=key)


def _record(rng: random.Random, name: str, number: int) -> Record:
    at_ns, word = START_NS + number * S, f"word{name.replace('-', 'x')}"
    made = (
        Instance(id=f"i{name}", label="mug", alias=word, position_m=_place(rng), valid_from_ns=at_ns),
        Event(id=f"e{name}", name="said", text=word, valid_from_ns=at_ns),
    )
    return replace(rng.choice(made), embedding=sample_vector(rng), encoder=ENCODER)


def _again(rng: random.Random, old: Record, number: int) -> Record:
    new = replace(old, version=old.version + 1, embedding=sample_vector(rng))
    return replace(new, position_m=_place(rng)) if isinstance(new, Instance) else new


def _place(rng: random.Random) -> tuple[float, float, float]:
    return (rng.uniform(-50, 50), rng.uniform(-50, 50), rng.uniform(0, 2))
