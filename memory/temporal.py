# SPDX-License-Identifier: Apache-2.0
"""What happened, and when.

Neighbours: hippocampus/ notes events; recall.py asks.
Rules of the file: an event is written once and never changes; the same event again adds nothing.
"""

from __future__ import annotations

from dataclasses import replace

from memory.draft import Draft
from memory.query import Query
from memory.records import Cue, Event
from memory.searching import Answer, Limits, Search, query_of


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
