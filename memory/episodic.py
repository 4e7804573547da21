# SPDX-License-Identifier: Apache-2.0
"""What was tried, step by step, and how it ended.

Neighbours: hippocampus/ keeps an episode when it ends; the planner asks for similar ones; recall.py asks too.
Rules of the file: an episode is written once; likeness is a number anyone can compute by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from memory.draft import Draft
from memory.query import Query, words
from memory.records import Cue, Episode, Record
from memory.searching import Answer, Limits, Search, newest_first, of_map, query_of, telling_words


class EpisodicMemory:
    """Episodes of one robot."""

    name = "episodic"

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def keep(self, episode: Episode) -> None:
        """Keep an episode that ended.

        Raises:
            RejectedInput: another record has its id.
        """
        self._draft.stage_once(episode)

    def similar(self, instruction: str, k: int, map_id: str = "") -> list[Episode]:
        """The k episodes with the likest instructions, newest first among equals; map_id "" = of any map.

        Likeness is the share of words both have among those either has (Jaccard, 1912); none in common, not listed.
        """
        episodes = self._all(map_id)
        return by_likeness(instruction, episodes)[:k]

    def attempts(self, goal: str) -> list[Episode]:
        """Every episode with exactly this goal, newest first."""
        asked = Query(robot=self._draft.robot, kinds=(Episode.kind,), equals=(("goal", goal),), newest_first=True)
        return _episodes(self._draft.find(asked).records)

    def search(self, cue: Cue, limits: Limits) -> Answer:
        """Episodes by words of their instruction and goal (text, label), or by time.

        A cue with a predicate, or with nothing but a thing, a place or a position, is not about episodes.
        """
        asked = query_of(cue, self._draft.robot, kinds=(Episode.kind,), current=False)
        text = f"{cue.text} {cue.label}".strip()
        if not asked.kinds or cue.predicate or (not text and (cue.near_m or cue.place_id or cue.subject)):
            return Answer()
        search = Search(self._draft, cue, limits)
        fits = (lambda record: of_map(record, cue.map_id)) if cue.map_id else None
        found = _episodes(search.about(asked, text, fits))
        if text and not cue.vector:
            found = by_likeness(" ".join(telling_words(text)), found)
        return search.answer(found)

    def _all(self, map_id: str) -> list[Episode]:
        asked = Query(robot=self._draft.robot, kinds=(Episode.kind,), newest_first=True)
        return [e for e in _episodes(self._draft.find(asked).records) if not map_id or e.map_id == map_id]


def by_likeness(text: str, episodes: Sequence[Episode]) -> list[Episode]:
    """Episodes that share a word with the text, likest first, then newest."""
    scored = [(likeness(text, e.instruction), e) for e in episodes]
    return [e for score, e in sorted(scored, key=lambda pair: (-pair[0], *newest_first(pair[1]))) if score > 0]


def likeness(one: str, other: str) -> float:
    """Words in common over words in either, in [0, 1].

    >>> likeness("put the mug away", "Put the plate away")
    0.6
    """
    a, b = words(one), words(other)
    return len(a & b) / len(a | b) if a | b else 0.0


def _episodes(records: Iterable[Record]) -> list[Episode]:
    return [record for record in records if isinstance(record, Episode)]
