# SPDX-License-Identifier: Apache-2.0
"""The Backend protocol: what every store can do, and what its acknowledgement means.

Neighbours: backends/ implement it, the four memories are written over it, testing.py holds every promise as a test.
Rules of the file: the protocol is total (no optional method, no ignored argument); an ability a store may lack is a
Capability; a Receipt is given only after the batch would survive a power cut (as far as the store is durable at all).
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from memory.errors import EncoderMismatch, RejectedInput
from memory.query import Query
from memory.records import Record, Tally

KEYS_KEPT = 4096


class Capability(enum.Flag):
    """What differs between stores."""

    NONE = 0
    DURABLE = enum.auto()  # an acknowledged batch survives the process
    REOPENS = enum.auto()  # closing and opening the same address gives the same records
    BACKUP = enum.auto()
    READERS = enum.auto()  # other processes may open the same address with read_only=True
    SIDE_BY_SIDE = enum.auto()  # a find waits for somebody else's work, so that several at once take less time


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
        retire: Versions that are no longer believed from this commit on; may name versions of the same batch.
        tallies: Counters to put in place of the stored ones (record_id, robot).
        key: Idempotency key chosen by the caller; a second batch with a key already committed changes nothing and
            gets the first Receipt. "" = none. A store remembers the last KEYS_KEPT keys.
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
        cosines: Of each record, where the query ranks by a vector; () otherwise.
    """

    records: tuple[Record, ...]
    examined: int
    complete: bool = True
    cosines: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """Sizes, for people and for refusing a used store."""

    records: int
    current: int
    tallies: int
    by_kind: tuple[tuple[str, int], ...]
    vectors: int = 0
    by_encoder: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class StoreSizes:
    """What it weighs and how far its vector index is; differs between stores that hold the same.

    Attributes:
        rows_bytes, index_bytes: On disk; 0 for a store without files here.
        unindexed: Vectors that are searched one by one because the index has not taken them in yet.
        format: Number of its layout, as migrations count it; 0 for a store without one.
        index_error: Why the vector index takes nothing in; "" if it does, or this process does not see to it.
    """

    rows_bytes: int = 0
    index_bytes: int = 0
    unindexed: int = 0
    format: int = 0
    index_error: str = ""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Audit of one erased id: that it went and when, never what it was.

    Attributes:
        digest: See `digest_of`; lets whoever knows the id check that it went.
        rows: Versions and tallies erased.
    """

    at_ns: int
    robot: str
    digest: str
    rows: int


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
            RejectedInput: a version already exists, a retirement names no current version, a vector's size is not the
                one its encoder has in this store, or a record cannot be stored (see serialization.to_line); nothing
                is written.
            StoreUnavailable: the store cannot take it now, or was opened to read; nothing is written.
        """
        ...

    def get(self, robot: str, ids: tuple[str, ...]) -> dict[str, Record]:
        """The currently believed record of each id.

        Of several believed versions the one still true in the world (no valid_to_ns) comes first, then the one with
        the highest number: a late fact, cut in before a newer one, does not hide it.
        """
        ...

    def find(self, query: Query, *, deadline_s: float | None = None, record_budget: int = 0) -> Found:
        """Records that match, ranked; cut short (complete=False) past the deadline or the budget of examined records.

        Records are examined in the order they rank in, as far as the store can, so that a cut loses the worst. What
        counts as examined is the store's own affair: one with indexes looks at fewer. record_budget 0 = no budget.

        Raises:
            EncoderMismatch: the query has a vector, and a record of its robot and kinds has one of another encoder.
        """
        ...

    def expand(
        self,
        robot: str,
        frontier: tuple[str, ...],
        *,
        predicates: tuple[str, ...] = (),
        reverse: bool = False,
        valid_at_ns: int | None = None,
        recorded_at_ns: int | None = None,
        limit: int = 1000,
    ) -> tuple[Record, ...]:
        """Relations that leave (or, reversed, reach) any node of the frontier, in log order; limit 0 = all.

        valid_at_ns and recorded_at_ns as in Query: None = any world time, and believed now.
        """
        ...

    def tallies(self, robot: str, ids: tuple[str, ...] = ()) -> dict[str, Tally]:
        """Counters by record id; of all records if ids is empty."""
        ...

    def changes(self, since: int = 0, limit: int = 0) -> Iterator[Record]:
        """The log: every version with sequence > since, in order, as it stands now; limit 0 = all."""
        ...

    def embed(self, robot: str, encoder: str, vectors: Mapping[tuple[str, int], bytes]) -> int:
        """Put vectors in place of those that versions, by (id, version), have now; returns how many were found.

        Like a tally, a vector is derived and replaced in place; all of one call or none.

        Raises:
            RejectedInput: a vector is not finite, or not as large as others of its encoder.
        """
        ...

    def restore(self, entries: Iterable[Record | Tally]) -> None:
        """Fill a store that was never written with the log of another, all or nothing; stamps and sequences stay.

        Raises:
            StoreNotEmpty: it was written before.
            RejectedInput: sequences do not rise, a version comes twice, or a stamp is unset.
        """
        ...

    def robots(self) -> tuple[str, ...]:
        """Every namespace it holds, sorted."""
        ...

    def last_sequence(self) -> int:
        """Highest sequence given out; 0 for an empty store. Forgetting does not lower it."""
        ...

    def counts(self) -> StoreCounts:
        """How much it holds."""
        ...

    def sizes(self) -> StoreSizes:
        """How much room it takes."""
        ...

    def forget(self, robot: str, ids: tuple[str, ...]) -> int:
        """Erase every version and tally of these ids, audited; returns how many rows went."""
        ...

    def audits(self) -> tuple[Forgotten, ...]:
        """What was forgotten, oldest first."""
        ...

    def maintain(self, task: str, argument: str = "") -> str:
        """Run one of the tasks; returns one sentence for people.

        verify compares rows with their checksums and indexes with the rows; rebuild makes every index anew from the
        rows; checkpoint brings what is committed into its files, indexes included; backup copies (argument = path).

        Raises:
            ValueError: unknown task.
            StoreCorrupt: verify found a row it cannot trust, and names it.
        """
        ...

    def close(self) -> None:
        """Release files and locks; a closed backend refuses every call with StoreUnavailable."""
        ...


def digest_of(robot: str, record_id: str) -> str:
    """What an audit keeps in place of an erased id."""
    return hashlib.blake2s(f"{len(robot)}:{robot}{record_id}".encode(), digest_size=16).hexdigest()


def wrong_size(record: Record, expected_bytes: int) -> RejectedInput:
    """A vector that is not as large as others of its encoder."""
    is_now, expected = len(record.embedding) // 4, expected_bytes // 4
    return RejectedInput(
        f"{record.kind} {record.id!r}: {is_now} values by {record.encoder!r}, whose vectors here have {expected}"
    )


def mismatch(query: Query, held: str) -> EncoderMismatch:
    """A question in another space."""
    return EncoderMismatch(f"asked with a vector of {query.encoder!r}, but robot {query.robot!r} has some of {held!r}")


def current_of(versions: Iterable[Record]) -> Record | None:
    """Which of one id's versions `get` answers with."""
    believed = [v for v in versions if v.retired_ns is None]
    return max(believed, key=lambda v: (v.valid_to_ns is None, v.version), default=None)
