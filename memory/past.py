# SPDX-License-Identifier: Apache-2.0
"""The four memories as they were: any question they answer, asked at a past moment of the world, the store, or both.

Neighbours: lifelong.py makes an AsOf; the memories themselves are the ordinary ones over a draft that looks back.
Rules of the file: nothing here writes; "now" of a question becomes the moment; what began later is not seen; a counter
is kept only as of now, so one that moved since is not shown.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import NoReturn

from memory.backend import Backend, Found, Retirement
from memory.draft import Draft
from memory.encoders import Encoder, meant, none_below
from memory.episodic import EpisodicMemory
from memory.forgetting import ALWAYS, Activity
from memory.query import FOREVER_NS, Query
from memory.recall import recall
from memory.records import Cue, Recall, Record, Relation, Tally
from memory.searching import Memory
from memory.semantic import SemanticMemory
from memory.spatial import SpatialMemory
from memory.surroundings import Surroundings
from memory.temporal import TemporalMemory


class AsOf:
    """The memories at one moment: "where was it last Tuesday", "what did we believe then".

    Args:
        present: What is staged and stored now.
        valid_ns: The moment of the world that is asked about.
        recorded_ns: The moment of the store: what was believed then; None = what is believed now.
        memories: Which of the four exist.
        encoder: Finds by meaning what cues say in words; None = by words alone.
        activity: The hours in which the robot forgets.

    Attributes:
        spatial, temporal, episodic, semantic: To be asked as ever; every write is refused with ValueError.
    """

    def __init__(
        self,
        backend: Backend,
        present: Draft,
        valid_ns: int,
        recorded_ns: int | None,
        memories: Collection[str],
        *,
        encoder: Encoder | None = None,
        activity: Activity = ALWAYS,
    ) -> None:
        self.valid_ns = valid_ns
        self.recorded_ns = recorded_ns
        self._encoder = encoder
        self._activity = activity
        past = _Past(backend, present, valid_ns, recorded_ns)
        self._surroundings = Surroundings(past)
        self.spatial = SpatialMemory(past) if "spatial" in memories else None
        self.temporal = TemporalMemory(past) if "temporal" in memories else None
        self.episodic = EpisodicMemory(past) if "episodic" in memories else None
        self.semantic = SemanticMemory(past) if "semantic" in memories else None

    def recall(self, cue: Cue) -> Recall:
        """What was known of the cue, who contradicted it then, and how far it was forgotten; ages count from then."""
        every: tuple[Memory | None, ...] = (self.spatial, self.temporal, self.episodic, self.semantic)
        asked, notes = meant(self._encoder, cue)
        answer = recall(
            [memory for memory in every if memory is not None],
            asked,
            self.valid_ns,
            none_below=none_below(self._encoder, asked),
            surroundings=self._surroundings,
            activity=self._activity,
        )
        return replace(answer, notes=(*notes, *answer.notes))


class _Past(Draft):
    """A draft that looks back, and cannot be written on."""

    def __init__(self, backend: Backend, present: Draft, valid_ns: int, recorded_ns: int | None) -> None:
        super().__init__(backend, present.robot)
        self._present = present
        self._valid_ns = valid_ns
        self._recorded_ns = recorded_ns

    def stage(self, *records: Record) -> NoReturn:
        self._refuse()

    def retire(self, *versions: Retirement) -> NoReturn:
        self._refuse()

    def count(self, tally: Tally) -> NoReturn:
        self._refuse()

    def get(self, *ids: str) -> dict[str, Record]:
        answers: dict[str, Record] = {}
        for version in self.find(Query(robot=self.robot, ids=ids)).records if ids else ():
            before = answers.get(version.id)
            if before is None or self._told_by(version) > self._told_by(before):
                answers[version.id] = version
        return answers

    def find(self, query: Query, *, deadline_s: float | None = None, record_budget: int = 0) -> Found:
        until_ns = self._valid_ns + 1 if query.until_ns is None else min(query.until_ns, self._valid_ns + 1)
        asked = replace(
            query,
            until_ns=until_ns,
            valid_at_ns=self._moment(query.valid_at_ns),
            recorded_at_ns=self._believed(query.recorded_at_ns),
        )
        return self._present.find(asked, deadline_s=deadline_s, record_budget=record_budget)

    def expand(
        self,
        frontier: tuple[str, ...],
        *,
        predicates: tuple[str, ...] = (),
        reverse: bool = False,
        valid_at_ns: int | None = None,
        recorded_at_ns: int | None = None,
        limit: int = 1000,
    ) -> tuple[Relation, ...]:
        edges = self._present.expand(
            frontier,
            predicates=predicates,
            reverse=reverse,
            valid_at_ns=self._moment(valid_at_ns),
            recorded_at_ns=self._believed(recorded_at_ns),
            limit=limit,
        )
        return tuple(edge for edge in edges if edge.valid_from_ns <= self._valid_ns)

    def tallies(self, *ids: str) -> dict[str, Tally]:
        counted = self._present.tallies(*ids)
        return {one: tally for one, tally in counted.items() if tally.last_seen_ns <= self._valid_ns}

    def _moment(self, valid_at_ns: int | None) -> int | None:
        return self._valid_ns if valid_at_ns == FOREVER_NS else valid_at_ns

    def _believed(self, recorded_at_ns: int | None) -> int | None:
        return self._recorded_ns if recorded_at_ns is None else recorded_at_ns

    def _told_by(self, version: Record) -> tuple[bool, int]:
        """What holds at the moment before what had ended, then the later version."""
        return (version.valid_to_ns is None or version.valid_to_ns > self._valid_ns, version.version)

    def _refuse(self) -> NoReturn:
        raise ValueError(f"the memories as of {self._valid_ns} ns can be asked and not written")
