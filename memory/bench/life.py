# SPDX-License-Identifier: Apache-2.0
"""A robot's days of life as batches of records: what the stores of the benchmark hold.

Neighbours: sentences.py gives the words, stores.py writes the batches, questions.py asks for what is in them.
Rules of the file: the same corpus, seed and count give the same records; a text is two sentences (about 12 words) and
the record's vector the normalised sum of theirs, so that vectors lie as sentences do, near all are distinct, and none
is a random point; every record has a vector, which is more than a robot would have and the harder case.

Of 1,000 records about 410 are events (one for each step), 260 relations, 200 instances, 75 episodes, 43 lessons and 5
places. A move ends one version of the thing and of its place and begins others, so that a tenth of the rows is history;
versions of one thing share its vector. Fourteen episodes make a day: 100,000 records are a year and a half, a million
fifteen.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from memory.backend import Batch, Retirement
from memory.bench.sentences import Corpus, Sentence, spoken
from memory.geometry import Vector
from memory.records import INSIDE, Episode, Event, Instance, Lesson, Place, Record, Relation, Source, Tally

FORMAT = 1  # raised when other records come out of the same corpus
START_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
S = 1_000_000_000
DAY_NS = 86_400 * S
EPISODES_A_DAY = 14
MAP = "home-1"
_EPISODE_NS = DAY_NS // (2 * EPISODES_A_DAY)
_FLOOR_M = 20.0  # a floor is so wide and so long, and holds about two things a square metre
_RECORDS_A_FLOOR = 10_000
_THINGS_FOR_EACH = 1.0  # new things an episode meets, on average


@dataclass(slots=True)
class _Thing:
    """What the robot believes of one thing: its current versions."""

    instance: Instance
    inside: Relation


@dataclass(frozen=True, slots=True)
class Met:
    """What a life came to know: what questions can be about.

    Attributes:
        things: Ids by label.
        places_m: Where the places are.
        now_ns: World time reached.
    """

    things: Mapping[str, Sequence[str]]
    places_m: Sequence[Vector]
    now_ns: int


class Life:
    """One robot's life.

    Args:
        corpus: What is said in it.
        count: Records to write in all; sets how many places there are.
        prefix: Of every id, so that two lives can share a store.

    """

    def __init__(self, corpus: Corpus, count: int, *, robot: str = "robot", seed: int = 7, prefix: str = "") -> None:
        self._corpus = corpus
        self._rng = random.Random(seed)
        self._robot = robot
        self._prefix = prefix
        self._wishes: dict[str, list[Sentence]] = {}
        for wish in corpus.wishes:
            self._wishes.setdefault(wish.family, []).append(wish)
        self._deeds: dict[str, list[Sentence]] = {}
        for deed in corpus.deeds:
            self._deeds.setdefault(deed.family, []).append(deed)
        self._things: dict[str, list[_Thing]] = {}
        self._lessons: dict[str, Lesson] = {}
        self._numbers = dict.fromkeys(("thing", "episode", "fact"), 0)
        self._count = count
        self._places: list[tuple[str, Vector]] = []
        self._now_ns = START_NS

    def met(self) -> Met:
        """What is known by now."""
        things = {label: [thing.instance.id for thing in some] for label, some in sorted(self._things.items())}
        return Met(things, [position_m for _, position_m in self._places], self._now_ns)

    def batches(self, size: int = 500) -> Iterator[Batch]:
        """Whole episodes, as many to a batch as make `size` records; a few more than `count` in all."""
        left = self._count
        records: list[Record] = list(self._rooms())
        retire: list[Retirement] = []
        tallies: list[Tally] = []
        while left > 0:
            while len(records) < min(size, left):
                batch = self.episode()
                records += batch.records
                retire += batch.retire
                tallies += batch.tallies
            yield Batch(records=tuple(records), retire=tuple(retire), tallies=tuple(tallies))
            left -= len(records)
            records, retire, tallies = [], [], []

    def episode(self) -> Batch:
        """The next one: an errand with a thing, what was met on the way, what it taught."""
        rng = self._rng
        wish = rng.choice(self._corpus.wishes)
        self._numbers["episode"] += 1
        number, began_ns = self._numbers["episode"], self._now_ns
        thing, written = self._met(wish, rng.random() < 0.3)
        name = f"{self._prefix}episode-{number}"
        for _ in range(rng.randint(3, 8)):
            written.append(self._event(name, wish, thing))
        moved, retired, place_id = self._moved(thing, wish, began_ns)
        written += moved
        if rng.random() < 2 * _THINGS_FOR_EACH - 0.3:
            written += self._met(rng.choice(self._corpus.wishes), True)[1]
        if rng.random() < 0.6:
            more, gone = self._lesson(wish, place_id)
            written += more
            retired += gone
        if rng.random() < 0.8:
            written.append(self._told(wish))
        deed = rng.choice(self._deeds[wish.family]) if wish.family in self._deeds else wish
        written.append(
            Episode(
                id=name, robot=self._robot, valid_from_ns=began_ns, valid_to_ns=self._now_ns, map_id=MAP,
                instruction=f"{wish.text}, {deed.text}", goal=f"inside({wish.label}, {place_id})",
                steps=(f"find({thing.instance.id})", f"pick_up({thing.instance.id})", f"put_down({place_id})"),
                succeeded=rng.random() < 0.8, **self._meant(wish, deed),
            )
        )  # fmt: skip
        self._now_ns = max(self._now_ns, began_ns + _EPISODE_NS)
        if number % EPISODES_A_DAY == 0:
            self._now_ns += DAY_NS - EPISODES_A_DAY * _EPISODE_NS
        seen = Tally(thing.instance.id, self._robot, self._now_ns, rng.randint(1, 200), thing.instance.position_m)
        return Batch(records=tuple(written), retire=tuple(retired), tallies=(seen,))

    def _rooms(self) -> Iterator[Place]:
        """Receptacles and rooms, one for 200 records."""
        for number in range(max(12, self._count // 200)):
            deed, wish = self._rng.choice(self._corpus.deeds), self._rng.choice(self._corpus.wishes)
            place = Place(
                id=f"{self._prefix}place-{number}", robot=self._robot, valid_from_ns=START_NS, label="receptacle",
                map_id=MAP, name=f"{deed.text}, {wish.text}", position_m=self._somewhere(), **self._meant(deed, wish),
            )  # fmt: skip
            self._places.append((place.id, place.position_m))
            yield place

    def _met(self, wish: Sentence, new: bool) -> tuple[_Thing, list[Record]]:
        """A thing of the wish's class; and, if it is a new one, the records of it."""
        known = self._things.setdefault(wish.label, [])
        if known and not new:
            return self._rng.choice(known), []
        self._numbers["thing"] += 1
        one = f"{self._prefix}{wish.label}-{self._numbers['thing']}"
        deed = self._rng.choice(self._corpus.deeds)
        place_id, position_m = self._rng.choice(self._places)
        alias = f"{spoken(wish.label)} {self._numbers['thing']}: {wish.text}, {deed.text}"
        instance = Instance(
            id=one, robot=self._robot, valid_from_ns=self._later(), label=wish.label, alias=alias, map_id=MAP,
            position_m=self._beside(position_m), **self._meant(wish, deed),
        )  # fmt: skip
        thing = _Thing(instance, self._inside(instance, place_id, wish, deed))
        known.append(thing)
        return thing, [instance, thing.inside]

    def _moved(self, thing: _Thing, wish: Sentence, since_ns: int) -> tuple[list[Record], list[Retirement], str]:
        """It was carried elsewhere: two versions end, two begin."""
        place_id, position_m = self._rng.choice(self._places)
        if thing.instance.valid_from_ns >= since_ns:
            return [], [], thing.inside.object
        at_ns, old, fact = self._later(), thing.instance, thing.inside
        ended = replace(old, version=old.version + 1, valid_to_ns=at_ns, cause=old.id)
        now = replace(old, version=old.version + 2, valid_from_ns=at_ns, position_m=self._beside(position_m))
        deed = self._rng.choice(self._corpus.deeds)
        inside = self._inside(now, place_id, wish, deed)
        closed = replace(fact, version=fact.version + 1, valid_to_ns=at_ns, cause=inside.id)
        thing.instance, thing.inside = now, inside
        retired = [Retirement(self._robot, one.id, one.version) for one in (old, fact)]
        return [ended, now, closed, inside], retired, place_id

    def _inside(self, instance: Instance, place_id: str, wish: Sentence, deed: Sentence) -> Relation:
        return Relation(
            id=self._fact_id(instance.id, INSIDE), robot=self._robot, valid_from_ns=instance.valid_from_ns,
            subject=instance.id, predicate=INSIDE, object=place_id, map_id=MAP, **self._meant(wish, deed),
        )  # fmt: skip

    def _told(self, wish: Sentence) -> Relation:
        """What a resident said of a class: facts that accumulate."""
        deed = self._rng.choice(self._corpus.deeds)
        return Relation(
            id=self._fact_id(wish.label, "wanted"), robot=self._robot, valid_from_ns=self._later(), source=Source.TOLD,
            subject=wish.label, predicate="wanted", object=f"{wish.text}, {deed.text}", **self._meant(wish, deed),
        )  # fmt: skip

    def _event(self, episode_id: str, wish: Sentence, thing: _Thing) -> Event:
        deed = self._rng.choice(self._deeds.get(wish.family, self._corpus.deeds))
        at_ns = self._later()
        number = self._numbers["fact"] = self._numbers["fact"] + 1
        return Event(
            id=f"{self._prefix}event-{number}", robot=self._robot, valid_from_ns=at_ns, valid_to_ns=at_ns + S,
            name="did", text=f"{deed.text}, {wish.text}", subjects=(thing.instance.id,), place_id=thing.inside.object,
            episode_id=episode_id, **self._meant(deed, wish),
        )  # fmt: skip

    def _lesson(self, wish: Sentence, place_id: str) -> tuple[list[Record], list[Retirement]]:
        """Where such a thing is wanted: one more success, or a new lesson."""
        deed = self._rng.choice(self._corpus.deeds)
        value = f"{wish.label}:{self._rng.randint(0, 9)}:{place_id}"
        old = self._lessons.get(value)
        lesson = Lesson(
            id=f"{self._prefix}lesson-{value}", robot=self._robot, valid_from_ns=self._later(), scope="where",
            subject=wish.label, version=1 if old is None else old.version + 1,
            successes=1 if old is None else old.successes + 1,
            value=place_id, text=f"{wish.text}, {deed.text}", map_id=MAP, source=Source.REFLECTED,
            **self._meant(wish, deed),
        )  # fmt: skip
        self._lessons[value] = lesson
        return [lesson], [] if old is None else [Retirement(self._robot, old.id, old.version)]

    def _meant(self, *sentences: Sentence) -> dict[str, Any]:
        return {"embedding": self._corpus.vector(*sentences), "encoder": self._corpus.encoder}

    def _fact_id(self, subject: str, predicate: str) -> str:
        self._numbers["fact"] += 1
        return f"{self._prefix}{subject}:{predicate}:{self._numbers['fact']}"

    def _later(self) -> int:
        self._now_ns += self._rng.randint(5, 60) * S
        return self._now_ns

    def _somewhere(self) -> Vector:
        """On one of the floors of a house that is as large as the life is long."""
        floors = max(1, self._count // _RECORDS_A_FLOOR)
        across, along = (round(self._rng.uniform(0.0, _FLOOR_M), 3) for _ in range(2))
        return (across, along, 0.9 + 3.0 * self._rng.randrange(floors))

    def _beside(self, position_m: Vector) -> Vector:
        x, y, z = position_m
        return (round(x + self._rng.gauss(0, 0.3), 3), round(y + self._rng.gauss(0, 0.3), 3), z)
