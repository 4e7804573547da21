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
from memory.searching import Answer, Limits, Search, query_of
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
        equals = tuple(pair for pair in (("scope", scope), ("subject", subject)) if pair[1])
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
        search = Search(self._draft, limits)
        names = self.names_of(subject) if subject else ("",)
        lessons = [] if cue.predicate else _best_first(self._lookup(search, cue, Lesson.kind, names), cue.map_id)
        facts = [
            r
            for r in self._lookup(search, cue, Relation.kind, names)
            if isinstance(r, Relation)
            and r.predicate not in spatial.PREDICATES
            and (not cue.map_id or r.map_id in ("", cue.map_id))
        ]
        return search.answer(facts, lessons, k=cue.k)

    def _lookup(self, search: Search, cue: Cue, kind: str, names: tuple[str, ...]) -> list[Record]:
        asked = query_of(cue, self._draft.robot, kinds=(kind,), current=True)
        if not asked.kinds:
            return []
        place_field = "object" if kind == Relation.kind else "value"
        found: list[Record] = []
        for name in names:
            given = (("subject", name), ("predicate", cue.predicate), (place_field, cue.place_id))
            found += search.by_words(replace(asked, equals=tuple(pair for pair in given if pair[1])), cue.text)
        return found

    def _claims(self, subject: str, predicate: str) -> list[Relation]:
        equals = tuple(pair for pair in (("subject", subject), ("predicate", predicate)) if pair[1])
        return [fact for fact in self._facts.matching(equals) if fact.predicate not in spatial.PREDICATES]

    def _aliases(self, names: tuple[str, ...], *, reverse: bool) -> tuple[Relation, ...]:
        return self._draft.expand(names, predicates=(ALIAS,), reverse=reverse, valid_at_ns=FOREVER_NS, limit=0)


def rate(lesson: Lesson) -> float:
    """How often it works, as expected after its counts (Laplace, 1774): (successes + 1) / (tries + 2).

    >>> rate(Lesson(id="l", valid_from_ns=1, scope="where", subject="mug", successes=3, failures=1))
    0.6666666666666666
    """
    return (lesson.successes + 1) / (lesson.successes + lesson.failures + 2)


def _best_first(records: Iterable[Record], map_id: str) -> list[Lesson]:
    lessons = [r for r in records if isinstance(r, Lesson) and (not map_id or r.map_id in ("", map_id))]
    return sorted(lessons, key=lambda one: (-rate(one), -(one.successes + one.failures), one.id))
