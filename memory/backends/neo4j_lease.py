# SPDX-License-Identifier: Apache-2.0
"""One writer per Neo4j store: a lease on its Store node that says who holds it.

Neighbours: neo4j.py takes it before the first write, and reads it again inside each write, so that a writer that lost
it is refused; writer_lock.py does the same for a file.
Rules of the file: the server's clock measures the lease; a holder on this machine whose process is gone is not waited
for, any other until its lease ends.
"""

from __future__ import annotations

import itertools
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from memory.backends.neo4j_schema import Link as Reading
from memory.errors import NeuraxisError, StoreUnavailable

LEASE_S = 15.0
_ACT = (
    "MATCH (s:Store {name: 'memory'}) SET s.asked_ms = timestamp() WITH s "
    "WHERE s.holder IS NULL OR s.holder IN [$me, $gone] OR s.lease_ms < timestamp() "
    "SET s.since = CASE WHEN s.holder = $me THEN s.since ELSE toString(datetime()) END, s.holder = $me, "
    "s.host = $host, s.pid = $pid, s.machine = $machine, s.lease_ms = timestamp() + $lease_ms RETURN s.holder"
)
_WHO = "MATCH (s:Store {name: 'memory'}) RETURN s.holder, s.machine, s.pid, s.host, s.since, s.lease_ms - timestamp()"
_RENEW = "MATCH (s:Store {name: 'memory'}) WHERE s.holder = $me SET s.lease_ms = timestamp() + $lease_ms"
_RELEASE = "MATCH (s:Store {name: 'memory'}) WHERE s.holder = $me REMOVE s.holder, s.lease_ms"
_numbers = itertools.count(1)
_held: set[str] = set()


class Link(Reading, Protocol):
    """What this file needs of neo4j_link.Link."""

    def write(self, attempt: Any) -> Any: ...


class Lease:
    """Held from construction until `release`, renewed by a thread of its own.

    Attributes:
        me: What stands on the node while it is held.

    Raises:
        StoreUnavailable: another writer holds it; the message says who.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._machine = _machine()
        self.me = f"{self._machine}:{os.getpid()}:{_start()}:{next(_numbers)}"
        self._over = threading.Event()
        if not self._take(gone="") and not self._take(gone=self._gone()):
            raise StoreUnavailable(f"store {link.name} is held by another writer: {self.holder()}")
        _held.add(self.me)
        threading.Thread(target=self._renew, name="neuraxis-lease", daemon=True).start()

    def holder(self) -> str:
        """Who holds it, for people."""
        rows = self._link.rows(_WHO)
        if not rows or rows[0][0] is None:
            return "nobody"
        _, _, pid, host, since, left_ms = rows[0]
        return (
            f"pid {pid} on {host} since {since}; its lease ends in {max(left_ms, 0) / 1000:.0f} s unless it renews it"
        )

    def release(self) -> None:
        """Let the next writer in; if the server is out of reach, the lease ends by itself."""
        self._over.set()
        _held.discard(self.me)
        with suppress(NeuraxisError):
            self._link.order(_RELEASE, 2.0, me=self.me)

    def _take(self, gone: str | None) -> bool:
        asked = {"me": self.me, "gone": gone, "host": socket.gethostname(), "pid": os.getpid()}
        asked |= {"machine": self._machine, "lease_ms": int(LEASE_S * 1000)}
        return gone is not None and bool(self._link.write(lambda transaction: transaction.rows(_ACT, **asked)))

    def _gone(self) -> str | None:
        """The holder, if its process was of this machine and is no more."""
        for holder, machine, pid, *_ in self._link.rows(_WHO):
            if machine == self._machine and holder not in _held and not _runs(pid, str(holder).split(":")[-2]):
                return str(holder)
        return None

    def _renew(self) -> None:
        while not self._over.wait(LEASE_S / 3):
            try:
                self._link.order(_RENEW, LEASE_S, me=self.me, lease_ms=int(LEASE_S * 1000))
            except NeuraxisError:
                continue  # the next write finds out whether somebody else has taken it


def _machine() -> str:
    """This host since it started, and which process numbers it means."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{socket.gethostname()}/{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return socket.gethostname()


def _start(pid: int | None = None) -> str:
    """When a process began, in the kernel's ticks; "" if it is gone or the kernel does not tell."""
    try:
        return Path(f"/proc/{pid or 'self'}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _runs(pid: int, start: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return not start or _start(pid) in (start, "")
