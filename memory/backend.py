# SPDX-License-Identifier: Apache-2.0
"""The Backend protocol: what every store can do, and what its acknowledgement means.

Neighbours: backends/ implement it, the four memories are written over it, testing.py holds every promise as a test.
Rules of the file: the protocol is total (no optional method, no ignored argument); an ability a store may lack is a
Capability; a Receipt is given only after the batch would survive a power cut (as far as the store is durable at all).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from memory.query import Query
from memory.records import Record, Tally


class Capability(enum.Flag):
    """What differs between stores."""

    NONE = 0
    DURABLE = enum.auto()  # an acknowledged batch survives the process
    REOPENS = enum.auto()  # closing and opening the same address gives the same records
    BACKUP = enum.auto()


@dataclass(frozen=True, slots=True)
class Retirement:
    """Stop believing one version; its row stays."""

    robot: str
    id: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One step's writes: all or nothing, one commit.

    Attributes:
        records: New versions. sequence and recorded_ns are filled by the store.
        retire: Versions that are no longer believed from this commit on.
        tallies: Counters to put in place of the stored ones (record_id, robot).
        key: Idempotency key chosen by the caller; a second batch with a key already committed changes nothing and
            gets the first Receipt. "" = none.
    """

    records: tuple[Record, ...] = ()
    retire: tuple[Retirement, ...] = ()
    tallies: tuple[Tally, ...] = ()
    key: str = ""

    def __bool__(self) -> bool:
        return bool(self.records or self.retire or self.tallies)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The acknowledgement of one batch.

    Attributes:
        recorded_ns: Stamp every record of the batch got, from the injected clock, strictly increasing per store.
        first_sequence, last_sequence: Its span in the log, inclusive; equal to the store's last if it wrote no record.
    """

    recorded_ns: int
    first_sequence: int
    last_sequence: int


@dataclass(frozen=True, slots=True)
class Found:
    """Answer of `find`: records best first, and how many were looked at.

    Attributes:
        complete: False if the record budget or the deadline cut the search short.
    """

    records: tuple[Record, ...]
    examined: int
    complete: bool = True


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """Sizes, for people and for refusing a used store."""

    records: int
    current: int
    tallies: int
    by_kind: tuple[tuple[str, int], ...]


class Clock(Protocol):
    """Where recorded_ns comes from: wall time on a robot, simulated time in a run."""

    def __call__(self) -> int:
        """Now, ns since the epoch."""
        ...


class Backend(Protocol):
    """A store of versioned records. One process writes, through one Backend."""

    capabilities: Capability

    def write(self, batch: Batch) -> Receipt:
        """Commit a batch.

        Raises:
            RejectedInput: a version already exists, or a retirement names no current version; nothing is written.
            StoreUnavailable: the store cannot take it now; nothing is written.
        """
        ...

    def get(self, robot: str, ids: tuple[str, ...]) -> dict[str, Record]:
        """The currently believed record of each id: of several open versions, the one with the highest number."""
        ...

    def find(self, query: Query, *, deadline_s: float | None = None, record_budget: int = 0) -> Found:
        """Records that match, ranked; cut short (complete=False) past the deadline or the budget of examined records."""
        ...

    def expand(
        self, robot: str, frontier: tuple[str, ...], *, predicates: tuple[str, ...] = (), reverse: bool = False,
        valid_at_ns: int | None = None, recorded_at_ns: int | None = None, limit: int = 1000,
    ) -> tuple[Record, ...]:
        """Relations that leave (or, reversed, reach) any node of the frontier, in log order, at most limit."""
        ...

    def tallies(self, robot: str, ids: tuple[str, ...] = ()) -> dict[str, Tally]:
        """Counters by record id; of all records if ids is empty."""
        ...

    def changes(self, since: int = 0, limit: int = 0) -> Iterator[Record]:
        """The log: every version with sequence > since, in order, as it stands now; at most limit if not 0."""
        ...

    def last_sequence(self) -> int:
        """Sequence of the newest record; 0 for an empty store."""
        ...

    def counts(self) -> StoreCounts:
        """How much it holds."""
        ...

    def forget(self, robot: str, ids: tuple[str, ...]) -> int:
        """Erase every version and tally of these ids, audited; returns how many rows went."""
        ...

    def maintain(self, task: str, argument: str = "") -> str:
        """Run one of "verify", "checkpoint", "backup" (argument = target path); returns one sentence for people.

        Raises:
            ValueError: unknown task.
            StoreCorrupt: verify found a row it cannot trust, and names it.
        """
        ...

    def close(self) -> None:
        """Release files and locks; a closed backend refuses every call with StoreUnavailable."""
        ...
