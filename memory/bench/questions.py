# SPDX-License-Identifier: Apache-2.0
"""What a robot asks its memory in the benchmark: a fixed mix of cues, and the plain finds they are made of.

Neighbours: life.py says what is stored, sentences.py how people word it; scenarios.py asks.
Rules of the file: the mix below is what every quantile is over; its vectors are given, nothing is embedded while the
clock runs; half of the words come from sentences that no record was made of.

| share | kind | cue |
| --- | --- | --- |
| 30 % | instruction | what somebody asks for, as text and vector, over all four memories |
| 25 % | where | "where is the mug": label, text and vector |
| 15 % | happened | "what happened with the mug", text and vector, events and episodes |
| 10 % | near | what is near a point of the map |
| 10 % | subject | everything about one thing, by its id |
| 10 % | time | what happened within six hours |
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from memory.bench.life import MAP, START_NS, Met, S
from memory.bench.sentences import Corpus, Sentence
from memory.query import FOREVER_NS, Query
from memory.records import Cue, Episode, Event, Instance, Lesson, Relation

MIX = (("instruction", 30), ("where", 25), ("happened", 15), ("near", 10), ("subject", 10), ("time", 10))
FINDS = ("any_text", "vector", "near", "newest", "label", "subject", "time")
_KINDS = (Event.kind, Episode.kind, Lesson.kind, Instance.kind, Relation.kind)
_SIX_HOURS_NS = 6 * 3600 * S


class Questions:
    """Draws questions about one life.

    Args:
        met: What the life came to know.
    """

    def __init__(self, corpus: Corpus, met: Met, *, seed: int = 11) -> None:
        self._rng = random.Random(seed)
        self._corpus = corpus
        self._encoder = corpus.encoder
        self._things = [(label, one) for label, some in met.things.items() for one in some]
        self._labels = sorted(set(met.things) & set(corpus.where))
        self._places_m = list(met.places_m)
        self._span_ns = (START_NS, max(START_NS + 1, met.now_ns - _SIX_HOURS_NS))
        self.now_ns = met.now_ns

    def cues(self, count: int) -> list[tuple[str, Cue]]:
        """(kind, cue), in the shares of the mix, in random order."""
        kinds = [kind for kind, share in MIX for _ in range(max(1, round(count * share / 100)))]
        self._rng.shuffle(kinds)
        return [(kind, self._cue(kind)) for kind in kinds]

    def finds(self, count: int) -> list[tuple[str, Query]]:
        """(kind, query): as many of each kind of find that memories make."""
        return [(kind, self._find(kind, (_KINDS[turn % len(_KINDS)],))) for turn in range(count) for kind in FINDS]

    def _cue(self, kind: str) -> Cue:
        if kind == "near":
            return Cue(near_m=self._rng.choice(self._places_m), map_id=MAP)
        if kind == "subject":
            return Cue(subject=self._rng.choice(self._things)[1])
        if kind == "time":
            since_ns = self._rng.randint(*self._span_ns)
            return Cue(since_ns=since_ns, until_ns=since_ns + _SIX_HOURS_NS, kinds=(Event.kind, Episode.kind))
        if kind == "where":
            label = self._rng.choice(self._labels)
            return self._meant(self._corpus.where[label], label=label, map_id=MAP)
        if kind == "happened":
            return self._meant(self._corpus.about[self._rng.choice(self._labels)], kinds=(Event.kind, Episode.kind))
        return self._meant(self._wording())

    def _find(self, kind: str, some: tuple[str, ...]) -> Query:
        rng = self._rng
        said = self._wording()
        if kind == "any_text":
            return Query(kinds=some, any_text=said.text, limit=40)
        if kind == "vector":
            return Query(kinds=some, vector=self._corpus.vector(said), encoder=self._encoder, limit=40)
        if kind == "near":
            centre_m = rng.choice(self._places_m)
            return Query(kinds=(Instance.kind,), near_m=centre_m, valid_at_ns=FOREVER_NS, limit=100)
        if kind == "newest":
            return Query(kinds=some, newest_first=True, limit=100)
        if kind == "label":
            label = rng.choice(self._labels)
            equals = (("label", label),)
            return Query(kinds=(Instance.kind,), equals=equals, valid_at_ns=FOREVER_NS, newest_first=True, limit=100)
        if kind == "subject":
            equals = (("subject", rng.choice(self._things)[1]),)
            return Query(kinds=(Relation.kind,), equals=equals, valid_at_ns=FOREVER_NS, limit=100)
        since_ns = rng.randint(*self._span_ns)
        until_ns = since_ns + _SIX_HOURS_NS
        return Query(kinds=(Event.kind,), since_ns=since_ns, until_ns=until_ns, newest_first=True, limit=100)

    def _wording(self) -> Sentence:
        """Of what no record was made, or of what some are."""
        said: Sequence[Sentence] = self._corpus.asked if self._rng.random() < 0.5 else self._corpus.wishes
        return self._rng.choice(said)

    def _meant(self, said: Sentence, *, label: str = "", map_id: str = "", kinds: tuple[str, ...] = ()) -> Cue:
        """By words and meaning."""
        vector = self._corpus.vector(said)
        return Cue(text=said.text, label=label, map_id=map_id, kinds=kinds, vector=vector, encoder=self._encoder)
