# SPDX-License-Identifier: Apache-2.0
"""What happened, and when.

Neighbours: hippocampus/ notes events; recall.py asks.
Rules of the file: an event is written once and never changes; the same event again adds nothing; what is witnessed over
and over is one event that goes on, with its count, first and last; text that adds a word is another event.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from memory.backend import Retirement
from memory.draft import Draft
from memory.query import FOREVER_NS, Query
from memory.records import Cue, Event, Tally
from memory.searching import Answer, Limits, Search, query_of, telling_words

GAP_S = 600.0  # what was not witnessed for so long has ended; the next time is another one
RUNNING = 64  # events of one name and place that may go on side by side
ALIKE = 0.8  # least share of words that two texts of one event have in common
_FIRST_WINDOW_NS = 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """How long and how often: of one event, of one that went on, or of a summary.

    Attributes:
        count: How often it was witnessed; of a summary, how many events it stands for.
        over: False while it may still be going on.
    """

    first_ns: int
    last_ns: int
    count: int
    over: bool

    @property
    def duration_s(self) -> float:
        """From its first moment to its last, seconds."""
        return (self.last_ns - self.first_ns) / 1e9


class TemporalMemory:
    """Events of one robot."""

    name = "temporal"

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def note(self, event: Event) -> None:
        """Keep an event; one without an end lasted an instant (1 ns), or it would still be going on.

        Raises:
            RejectedInput: another record has its id.
        """
        instant = event.valid_to_ns in (None, event.valid_from_ns)
        self._draft.stage_once(replace(event, valid_to_ns=event.valid_from_ns + 1) if instant else event)

    def witness(self, event: Event) -> Event:
        """Keep what is seen or heard again and again, such as captions of pictures; returns the event it is part of.

        While an event of the same name, place and subjects and nearly the same words goes on, it is only counted, so
        that a parked robot does not grow its store. After GAP_S without it, the next is another event. A text with a
        word that the running one lacks is another event too: nothing rare is lost among what is alike.
        """
        running = next((one for one in self._running(event) if alike(event.text, one.text)), None)
        if running is None:
            return self._begin(event)
        first = Tally(running.id, running.robot, running.valid_from_ns)
        known = self._draft.tallies(running.id).get(running.id, first)
        if event.valid_from_ns - known.last_seen_ns > GAP_S * 1e9:
            self.end(running, known.last_seen_ns + 1, event.id)
            return self._begin(event)
        if running.valid_from_ns - event.valid_from_ns > GAP_S * 1e9:
            return self._begin(event)
        if event.id != running.id:
            last_seen_ns = max(known.last_seen_ns, event.valid_from_ns)
            self._draft.count(replace(known, last_seen_ns=last_seen_ns, sightings=known.sightings + 1))
        if event.valid_from_ns < running.valid_from_ns:
            return self._next(running, valid_from_ns=event.valid_from_ns)
        return running

    def end(self, running: Event, stamp_ns: int, cause: str) -> Event:
        """Close an event that was going on; returns its next version."""
        return self._next(running, valid_to_ns=stamp_ns, cause=cause)

    def span(self, event_id: str) -> Span | None:
        """How long it went on, and how often it was witnessed; None if there is no such event."""
        event = self._draft.get(event_id).get(event_id)
        if not isinstance(event, Event):
            return None
        known = self._draft.tallies(event_id).get(event_id)
        last_ns = event.valid_to_ns - 1 if event.valid_to_ns is not None else event.valid_from_ns
        last_ns = max(last_ns, known.last_seen_ns) if known else last_ns
        return Span(event.valid_from_ns, last_ns, known.sightings if known else 1, event.valid_to_ns is not None)

    def digest(self, since_ns: int, until_ns: int) -> dict[str, Span]:
        """A stretch of time in short: of each name of event that began in it, how often, the first and the last.

        Summaries count for all they stand for, so an old day reads as it did before it was summarised.
        """
        met = self.events(since_ns=since_ns, until_ns=until_ns, newest_first=False)
        begun = [event for event in met if event.valid_from_ns >= since_ns]
        tallies = self._draft.tallies(*(event.id for event in begun))
        names = sorted({event.name for event in begun})
        return {name: spans_of((e for e in begun if e.name == name), tallies) for name in names}

    def before(self, stamp_ns: int, *, k: int = 10, name: str = "", subject: str = "") -> list[Event]:
        """What had begun before a moment, the latest first."""
        return self.events(until_ns=stamp_ns, name=name, subject=subject, k=k)

    def after(self, stamp_ns: int, *, k: int = 10, name: str = "", subject: str = "") -> list[Event]:
        """What began after a moment, the earliest first."""
        newest = self.last(name=name, subject=subject)
        window_ns = _FIRST_WINDOW_NS
        while newest is not None:
            until_ns = stamp_ns + window_ns
            met = self.events(since_ns=stamp_ns, until_ns=until_ns, name=name, subject=subject, newest_first=False)
            begun = sorted((e for e in met if e.valid_from_ns > stamp_ns), key=lambda e: (e.valid_from_ns, e.sequence))
            if until_ns > newest.valid_from_ns or (k and len(begun) >= k):
                return begun[: k or None]
            window_ns *= 4
        return []

    def events(
        self,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        name: str = "",
        subject: str = "",
        episode_id: str = "",
        newest_first: bool = True,
        k: int = 0,
    ) -> list[Event]:
        """Events whose span meets [since_ns, until_ns), by name, by a thing they concern, by episode; k = 0 for all.

        Oldest first, they come in the order they were noted.
        """
        given = (("name", name), ("subjects", subject), ("episode_id", episode_id))
        asked = Query(
            robot=self._draft.robot,
            kinds=(Event.kind,),
            equals=tuple(pair for pair in given if pair[1]),
            since_ns=since_ns,
            until_ns=until_ns,
            newest_first=newest_first,
            limit=k,
        )
        return [record for record in self._draft.find(asked).records if isinstance(record, Event)]

    def last(self, *, name: str = "", subject: str = "") -> Event | None:
        """The newest such event."""
        return next(iter(self.events(name=name, subject=subject, k=1)), None)

    def _running(self, event: Event) -> list[Event]:
        asked = Query(
            robot=self._draft.robot,
            kinds=(Event.kind,),
            equals=(("name", event.name), ("place_id", event.place_id)),
            valid_at_ns=FOREVER_NS,
            newest_first=True,
            limit=RUNNING,
        )
        found = self._draft.find(asked).records
        return [one for one in found if isinstance(one, Event) and one.subjects == event.subjects]

    def _begin(self, event: Event) -> Event:
        kept = self._draft.get(event.id).get(event.id)
        if isinstance(kept, Event):
            return kept
        begun = replace(event, valid_to_ns=None)
        self._draft.stage(begun)
        self._draft.count(Tally(begun.id, begun.robot, begun.valid_from_ns))
        return begun

    def _next(self, event: Event, *, valid_from_ns: int = 0, valid_to_ns: int | None = None, cause: str = "") -> Event:
        further = replace(
            event,
            version=event.version + 1,
            valid_from_ns=valid_from_ns or event.valid_from_ns,
            valid_to_ns=valid_to_ns,
            cause=cause,
        )
        self._draft.retire(Retirement(event.robot, event.id, event.version))
        self._draft.stage(further)
        return further

    def search(self, cue: Cue, limits: Limits) -> Answer:
        """Events by words and label, by the thing or place they concern, by name (the cue's predicate), by time.

        A cue that asks for nearness alone is not about events.
        """
        asked = query_of(cue, self._draft.robot, kinds=(Event.kind,), current=False)
        text = f"{cue.text} {cue.label}".strip()
        given = (("subjects", cue.subject), ("place_id", cue.place_id), ("name", cue.predicate))
        equals = tuple(pair for pair in given if pair[1])
        if not asked.kinds or (cue.near_m and not (text or equals)):
            return Answer()
        search = Search(self._draft, cue, limits)
        return search.answer(search.about(replace(asked, equals=equals), text))


def alike(text: str, running: str) -> bool:
    """Does a text say nearly what another says, and nothing that the other lacks? Words that tell nothing do not count.

    >>> alike("There is a red door on the left.", "a red door, on the left"), alike("a red door", "a blue door")
    (True, False)
    """
    said, known = frozenset(telling_words(text)), frozenset(telling_words(running))
    return said <= known and len(said) >= ALIKE * len(known)


def spans_of(events: Iterable[Event], tallies: dict[str, Tally]) -> Span:
    """Several events as one: their first moment, their last, and how often in all."""
    first_ns, last_ns, count = 0, 0, 0
    for event in events:
        known = tallies.get(event.id)
        ends_ns = max(event.valid_to_ns - 1 if event.valid_to_ns else 0, known.last_seen_ns if known else 0)
        first_ns = min(first_ns or event.valid_from_ns, event.valid_from_ns)
        last_ns = max(last_ns, event.valid_from_ns, ends_ns)
        count += known.sightings if known else 1
    return Span(first_ns, last_ns, count, over=True)
