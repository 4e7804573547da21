# SPDX-License-Identifier: Apache-2.0
"""What is true in general: lessons with their counts, facts that were told or seen, and other names.

Neighbours: hippocampus/ and the planner teach it; recall.py asks; facts.py keeps its relations.
Rules of the file: a lesson is its counts, never a sentence alone; names are resolved when asked, so a name learned late
also finds what was learned before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from memory import spatial
from memory.backend import Retirement
from memory.draft import Draft
from memory.facts import Facts
from memory.query import FOREVER_NS, Query
from memory.records import Cue, Lesson, Record, Relation, Source
from memory.searching import POOL, RANKED, Answer, Limits, Search, of_map, query_of, telling_words
from memory.timeline import content_id

ALIAS = "alias_of"
EVIDENCE_KEPT = 16  # newest evidence of a lesson; its counts remember all of it


class SemanticMemory:
    """Lessons and lasting facts of one robot."""

    name = "semantic"

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._facts = Facts(draft)

    def learn(
        self,
        scope: str,
        subject: str,
        value: str,
        success: bool,
        stamp_ns: int,
        *,
        map_id: str = "",
        text: str = "",
        evidence: tuple[str, ...] = (),
    ) -> Lesson:
        """Count one more success or failure of `value` for (scope, subject); returns the lesson as it now stands."""
        robot = self._draft.robot
        lesson_id = content_id(f"{scope}:{subject}", robot, scope, subject, value, map_id)
        before = self._draft.get(lesson_id).get(lesson_id)
        if not isinstance(before, Lesson):
            before = Lesson(
                id=lesson_id,
                robot=robot,
                version=0,
                valid_from_ns=stamp_ns,
                source=Source.REFLECTED,
                scope=scope,
                subject=subject,
                value=value,
                map_id=map_id,
            )
        after = replace(
            before,
            version=before.version + 1,
            valid_from_ns=min(before.valid_from_ns, stamp_ns),
            text=text or before.text,
            evidence=tuple(dict.fromkeys((*before.evidence, *evidence)))[-EVIDENCE_KEPT:],
            successes=before.successes + success,
            failures=before.failures + (not success),
        )
        self._draft.stage(after)
        if before.version:
            self._draft.retire(Retirement(robot, lesson_id, before.version))
        return after

    def lessons(self, scope: str = "", subject: str = "", map_id: str = "") -> list[Lesson]:
        """Lessons of the scope and subject, best first: by `rate`, then by how often it was tried.

        "" = any; a lesson without a map holds on every map.
        """
        equals = _given(scope=scope, subject=subject)
        asked = Query(robot=self._draft.robot, kinds=(Lesson.kind,), equals=equals)
        return _best_first(self._draft.find(asked).records, map_id)

    def tell(self, relation: Relation) -> Relation:
        """Let a fact change what is believed (timeline.py); returns the version that now says it.

        Raises:
            ValueError: the predicate is spatial.
        """
        if relation.predicate in spatial.PREDICATES:
            raise ValueError(f"{relation.predicate!r} is spatial: relate it in spatial memory")
        return self._facts.put(relation)

    def retract(self, subject: str, predicate: str, stamp_ns: int, cause: str) -> tuple[Relation, ...]:
        """End what holds at the stamp, without a successor."""
        return self._facts.end(subject, predicate, stamp_ns, cause)

    def facts(self, subject: str, predicate: str = "") -> list[Relation]:
        """What holds of the subject under any of its names, in log order; predicate "" = any that is not spatial."""
        found = [fact for one in self.names_of(subject) for fact in self._claims(one, predicate)]
        return sorted(found, key=lambda fact: fact.sequence)

    def state(self, subject: str, predicate: str) -> Relation | None:
        """The claim to act on: a sighting before the rest, then the newest."""
        return self._facts.state(subject, predicate)

    def names_of(self, word: str) -> tuple[str, ...]:
        """The word and every other name it is linked to by alias_of, in either direction, sorted; itself first."""
        known = {word}
        frontier: tuple[str, ...] = (word,)
        while frontier:
            edges = [(e.subject, e.object) for back in (False, True) for e in self._aliases(frontier, reverse=back)]
            frontier = tuple(sorted({name for edge in edges for name in edge} - known))
            known.update(frontier)
        return (word, *sorted(known - {word}))

    def search(self, cue: Cue, limits: Limits) -> Answer:
        """Lessons and facts about the cue's subject or label, under any name, and by words.

        A cue with a predicate asks for facts alone; one that asks for nearness alone is not about lessons.
        """
        subject = cue.subject or cue.label
        if cue.near_m and not (cue.text or subject or cue.predicate):
            return Answer()
        search = Search(self._draft, cue, limits)
        kinds = (Relation.kind,) if cue.predicate else (Relation.kind, Lesson.kind)
        narrow = bool(subject or cue.predicate or cue.place_id or cue.kinds)
        asked = query_of(cue, self._draft.robot, kinds=kinds, current=True, pool=POOL if narrow else 2 * RANKED)
        if not asked.kinds:
            return Answer()
        names = self.names_of(subject) if subject else ("",)
        found = [r for name in names for r in self._named(search, cue, asked, name)]
        facts = [r for r in found if isinstance(r, Relation)]
        lessons = [r for r in found if isinstance(r, Lesson)]
        if subject or not (cue.text or cue.vector):
            return search.answer(facts, _best_first(lessons, cue.map_id))
        return search.answer(facts, lessons, self._said_of(cue, asked))

    def _named(self, search: Search, cue: Cue, asked: Query, name: str) -> list[Record]:
        """Facts and lessons of one subject, "" = any."""
        given = _given(subject=name, predicate=cue.predicate)
        together = (cue.text or cue.vector) and not cue.place_id
        found: list[Record] = []
        for kinds in (asked.kinds,) if together else tuple((kind,) for kind in asked.kinds):
            there = _given(**{"object" if kinds == (Relation.kind,) else "value": cue.place_id})
            named = replace(asked, kinds=kinds, equals=(*given, *there))
            # Words of relations mostly find where things are; where meaning is compared those are out of the way.
            found += search.about(named, cue.text, lambda r: _fits(r, cue), worded=() if name else (Lesson.kind,))
        return found

    def _said_of(self, cue: Cue, asked: Query) -> list[Record]:
        """Facts whose subject is a word of the text: an exact name comes before likeness."""
        if not cue.text or Relation.kind not in asked.kinds:
            return []
        named = tuple(telling_words(cue.text))
        facts = self._draft.expand(
            named, valid_at_ns=asked.valid_at_ns, recorded_at_ns=cue.as_of_recorded_ns, limit=2 * RANKED
        )
        said = replace(asked, equals=_given(predicate=cue.predicate))
        return [fact for fact in facts if said.matches(fact) and _fits(fact, cue)]

    def _claims(self, subject: str, predicate: str) -> list[Relation]:
        equals = _given(subject=subject, predicate=predicate)
        return [fact for fact in self._facts.matching(equals) if fact.predicate not in spatial.PREDICATES]

    def _aliases(self, names: tuple[str, ...], *, reverse: bool) -> tuple[Relation, ...]:
        return self._draft.expand(names, predicates=(ALIAS,), reverse=reverse, valid_at_ns=FOREVER_NS, limit=0)


def rate(lesson: Lesson) -> float:
    """How often it works, as expected after its counts (Laplace, 1774): (successes + 1) / (tries + 2).

    >>> rate(Lesson(id="l", valid_from_ns=1, scope="where", subject="mug", successes=3, failures=1))
    0.6666666666666666
    """
    return (lesson.successes + 1) / (lesson.successes + lesson.failures + 2)


def _fits(record: Record, cue: Cue) -> bool:
    spatial_fact = isinstance(record, Relation) and record.predicate in spatial.PREDICATES
    return not spatial_fact and of_map(record, cue.map_id)


def _given(**fields: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in fields.items() if value)


def _best_first(records: Iterable[Record], map_id: str) -> list[Lesson]:
    lessons = [r for r in records if isinstance(r, Lesson) and (not map_id or r.map_id in ("", map_id))]
    return sorted(lessons, key=lambda one: (-rate(one), -(one.successes + one.failures), one.id))
