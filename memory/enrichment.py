# SPDX-License-Identifier: Apache-2.0
"""Vectors for what was written without one, in the background: raw records first, meaning later.

Neighbours: encoders.py makes the vectors and says which sentence a record is; whoever owns the store calls `work` when
there is time, or until it is done (embedding again after the encoder was swapped is the same work).
Rules of the file: what is already embedded is known from the records alone, so it may be killed anywhere and begun
anew; a record whose sentence fails keeps its raw form, is told of and tried again; nothing is written but vectors.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from memory.backend import Backend
from memory.encoders import Encoder, embed, sentence_of
from memory.errors import StoreUnavailable
from memory.query import Query
from memory.records import Record

AT_ONCE = 16  # records that are embedded and kept together
WAITING_AT_MOST = 1000  # failed records kept for another try; past that the encoder itself is taken for broken
SENTENCES_KEPT = 4096
FAILURES_TOLD = 8
LONGEST_PAUSE = 64  # calls of `work` that a failing record waits at most

_Version = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Progress:
    """What one piece of work did.

    Attributes:
        looked_at: Records read.
        embedded: Records that have a vector now and had none, or one of another encoder.
        backlog: Log entries not looked through yet, and records that wait for another try.
        failing: Records waiting, the newest failures, one sentence each.
        encoder: Who embeds.
    """

    looked_at: int
    embedded: int
    backlog: int
    failing: tuple[str, ...] = ()
    encoder: str = ""

    @property
    def done(self) -> bool:
        """Is there nothing left?"""
        return self.backlog == 0


@dataclass(slots=True)
class _Waiting:
    tries: int
    again_at: int  # number of the call of `work`
    why: str


class Enrichment:
    """Follows the log of a store and embeds what needs it.

    Args:
        backend: The store, of which this is not the only user: between two pieces of work anybody may write.
        encoder: Whose vectors every record should have.
        tell: Gets every record together with its new vector, once that is kept.
    """

    def __init__(self, backend: Backend, encoder: Encoder, *, tell: Callable[[Record], None] | None = None) -> None:
        self._backend = backend
        self._encoder = encoder
        self._tell = tell
        self._looked_through = 0  # sequence up to which nothing is left but what waits
        self._waiting: dict[_Version, _Waiting] = {}
        self._known: dict[str, bytes] = {}
        self._calls = 0

    @property
    def backlog(self) -> int:
        """Log entries not looked through yet, and records that wait for another try."""
        return max(0, self._backend.last_sequence() - self._looked_through) + len(self._waiting)

    def missing(self) -> int:
        """Records that should have a vector of this encoder and have none, counted by reading the whole log."""
        return sum(1 for record in self._backend.changes() if self._needs(record))

    def forget(self) -> None:
        """Keep no sentence in mind: some of them speak of what was just erased."""
        self._known.clear()

    def work(self, budget_records: int = 256, deadline_s: float | None = None) -> Progress:
        """Look at no more records than that, and begin none after the deadline.

        Raises:
            StoreError: the store cannot be read or written now; what was embedded before stays, the rest comes again.
        """
        self._calls += 1
        end_s = None if deadline_s is None else time.monotonic() + deadline_s
        last = self._backend.last_sequence()
        records, is_all = self._next(budget_records)
        looked_at = embedded = 0
        for start in range(0, len(records), AT_ONCE):
            if end_s is not None and time.monotonic() >= end_s:
                break
            some = records[start : start + AT_ONCE]
            embedded += self._embed([record for record in some if self._needs(record)])
            looked_at += len(some)
            self._looked_through = max(self._looked_through, *(record.sequence for record in some))
        if is_all and looked_at == len(records):
            self._looked_through = max(self._looked_through, last)  # what the log no longer holds was forgotten
        failing = tuple(f"{name} version {number}: {one.why}" for (_, name, number), one in self._waiting.items())
        return Progress(looked_at, embedded, self.backlog, failing[-FAILURES_TOLD:], self._encoder.id)

    def _next(self, budget: int) -> tuple[list[Record], bool]:
        """Records whose pause is over, half of the budget at most, then the log, and whether that is all of the log."""
        due = [key for key, waiting in self._waiting.items() if waiting.again_at <= self._calls]
        again = [record for key in due[: max(1, budget // 2)] if (record := self._read(key)) is not None]
        left = min(budget - len(again), WAITING_AT_MOST - len(self._waiting))
        fresh = list(self._backend.changes(self._looked_through, left)) if left > 0 else []
        return again + fresh, len(fresh) < left

    def _read(self, key: _Version) -> Record | None:
        """A waiting version as it is now; None, and no longer waiting, if it was forgotten or embedded by others."""
        robot, name, version = key
        found = self._backend.find(Query(robot=robot, ids=(name,), history=True)).records
        record = next((record for record in found if record.version == version), None)
        if record is None or not self._needs(record):
            del self._waiting[key]
            return None
        return record

    def _needs(self, record: Record) -> bool:
        return record.encoder != self._encoder.id and bool(sentence_of(record).strip())

    def _embed(self, records: list[Record]) -> int:
        """All together if that works, else one by one, so that one bad sentence holds up no other."""
        if not records:
            return 0
        try:
            vectors = self._vectors([sentence_of(record) for record in records])
        except StoreUnavailable as error:
            if len(records) == 1:
                self._wait(records[0], str(error))
                return 0
            return sum(self._embed([record]) for record in records)
        for robot in dict.fromkeys(record.robot for record in records):
            both = zip(records, vectors, strict=True)
            self._backend.embed(robot, self._encoder.id, {(r.id, r.version): v for r, v in both if r.robot == robot})
        for record, vector in zip(records, vectors, strict=True):
            self._waiting.pop(_key(record), None)
            if self._tell:
                self._tell(replace(record, embedding=vector, encoder=self._encoder.id))
        return len(records)

    def _vectors(self, sentences: list[str]) -> list[bytes]:
        """Equal sentences are encoded once: a thing that moved, or is one of many, says nothing new."""
        fresh = [one for one in dict.fromkeys(sentences) if one not in self._known]
        self._known.update(zip(fresh, embed(self._encoder, fresh), strict=True) if fresh else ())
        vectors = [self._known[one] for one in sentences]
        while len(self._known) > SENTENCES_KEPT:
            del self._known[next(iter(self._known))]
        return vectors

    def _wait(self, record: Record, why: str) -> None:
        before = self._waiting.get(_key(record))
        tries = before.tries + 1 if before else 1
        again_at = self._calls + min(2**tries, LONGEST_PAUSE)
        self._waiting[_key(record)] = _Waiting(tries, again_at, f"{why} (tried {tries} times)")


def _key(record: Record) -> _Version:
    return (record.robot, record.id, record.version)
