# SPDX-License-Identifier: Apache-2.0
"""The Store node inside a write: who may write, which numbers come next, and whether this was committed already.

Neighbours: neo4j.py commits through it; neo4j_lease.py put the writer's name on the node.
Rules of the file: the node is locked by the first statement, so that writes of any process come one after the other; a
try whose answer was lost left its token or its key there, and the next try reads both before it writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from memory.backend import KEYS_KEPT, Receipt
from memory.backends.neo4j_lease import LEASE_S, Lease
from memory.backends.neo4j_rows import Transaction
from memory.errors import StoreUnavailable

_BEGIN = (
    "MATCH (s:Store {name: 'memory'}) SET s.lease_ms = timestamp() + $lease_ms "
    "WITH s OPTIONAL MATCH (c:Commit) WHERE c.digest = $digest "
    "RETURN s.holder, s.host, s.pid, s.since, s.sequence, s.recorded_ns, s.token, s.first, "
    "c.recorded_ns, c.first, c.last"
)
_END = (
    "MATCH (s:Store {name: 'memory'}) "
    "SET s.sequence = $last, s.recorded_ns = $recorded_ns, s.token = $token, s.first = $first"
)
_REMEMBER = (
    "MATCH (s:Store {name: 'memory'}) SET s.keys = s.keys + 1 "
    "CREATE (:Commit {digest: $digest, number: s.keys, recorded_ns: $recorded_ns, first: $first, last: $last}) "
    f"WITH s MATCH (c:Commit) WHERE c.number <= s.keys - {KEYS_KEPT} DELETE c"
)


class Link(Protocol):
    """What this file needs of neo4j_link.Link."""

    name: str

    def write(self, attempt: Callable[[Any], Receipt]) -> Receipt: ...


@dataclass(frozen=True, slots=True)
class Before:
    """What the store had given out before this write."""

    sequence: int
    recorded_ns: int


Body = Callable[[Transaction, Before], Receipt]


class Ledger:
    """Commits of one writer."""

    def __init__(self, link: Link, lease: Lease) -> None:
        self._link = link
        self._lease = lease

    def commit(self, body: Body, content: str, key: str = "") -> Receipt:
        """Run body in a transaction until it is committed once; its receipt, or that of the key's first commit.

        Args:
            body: Writes, and says what it wrote. It may be called several times; all but one are rolled back.
            content: What is written, for telling this write from every other.
            key: The caller's idempotency key; "" = none.

        Raises:
            StoreUnavailable: another writer holds the store now, or the server cannot be reached.
        """
        digest = _digest(key) if key else ""
        tokens: set[str] = set()

        def attempt(transaction: Transaction) -> Receipt:
            before, token, done = self._begin(transaction, digest)
            if done is not None:
                return done
            if token.recorded in tokens:
                return Receipt(before.recorded_ns, token.first, before.sequence)
            mine = _digest(f"{self._lease.me} {before.sequence} {before.recorded_ns} {content}")
            receipt = body(transaction, before)
            tokens.add(mine)
            self._end(transaction, receipt, mine, digest)
            return receipt

        return self._link.write(attempt)

    def _begin(self, transaction: Transaction, digest: str) -> tuple[Before, _Token, Receipt | None]:
        ((holder, host, pid, since, sequence, recorded_ns, token, first, *known),) = transaction.rows(
            _BEGIN, digest=digest, lease_ms=int(LEASE_S * 1000)
        )
        if holder != self._lease.me:
            raise StoreUnavailable(f"store {self._link.name} was taken over by pid {pid} on {host} since {since}")
        done = Receipt(*known) if known[0] is not None else None
        return Before(sequence, recorded_ns), _Token(token, first or 0), done

    def _end(self, transaction: Transaction, receipt: Receipt, token: str, digest: str) -> None:
        span = {"first": receipt.first_sequence, "last": receipt.last_sequence, "recorded_ns": receipt.recorded_ns}
        transaction.rows(_END, token=token, **span)
        if digest:
            transaction.rows(_REMEMBER, digest=digest, **span)


@dataclass(frozen=True, slots=True)
class _Token:
    """Trace of the last commit."""

    recorded: str
    first: int


def _digest(text: str) -> str:
    return hashlib.blake2s(text.encode("utf-8", "surrogatepass")).hexdigest()
