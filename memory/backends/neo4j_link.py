# SPDX-License-Identifier: Apache-2.0
"""The line to a Neo4j server: opened from a URL, asked within deadlines, tried again after what passes.

Neighbours: neo4j.py asks through it; errands.py runs what may hang; the other neo4j_*.py files hold statements only.
Rules of the file: every statement begins with CYPHER 5 and is parametrised; the password comes from the environment
and enters no message; each error leaves as one of ours and names the store; reads are tried three times, a write until
its patience ends, and the write itself finds out whether an earlier try was committed after all.
Against a cluster (neo4j://) bookmarks make the own writes visible to the next read wherever it is routed. That a
cluster's failover goes unnoticed is the driver's promise; it is not tested here.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import neo4j
from neo4j.exceptions import (
    AuthError,
    ConstraintError,
    DriverError,
    IncompleteCommit,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
)

from memory.backends.errands import Errand, Errands, Late
from memory.errors import NeuraxisError, RejectedInput, StoreUnavailable

PASSWORD = "NEO4J_PASSWORD"
SCHEMES = tuple(f"{scheme}{tls}" for scheme in ("neo4j", "bolt") for tls in ("", "+s", "+ssc"))
_READ_TRIES = 3
_PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_PASSES = ("TransactionTimedOut", "Transaction.Terminated", "LockClientStopped")
_DRIVER = (DriverError, Neo4jError)
_UNSENDABLE = (UnicodeEncodeError, OverflowError)  # a lone surrogate, an integer beyond 64 bits
_log = logging.getLogger(__name__)

Row = list[Any]
Answer = TypeVar("Answer")


class Transaction:
    """Statements of one try; left behind by its caller, it stops before the next one and is rolled back."""

    def __init__(self, inner: neo4j.Transaction, errand: Errand) -> None:
        self._inner = inner
        self._errand = errand

    def rows(self, statement: str, **parameters: Any) -> list[Row]:
        """The whole answer of one statement."""
        self._errand.beat()
        answer: list[Row] = self._inner.run(f"CYPHER 5 {statement}", parameters).values()
        self._errand.beat()
        return answer


class Link:
    """One database of one server or cluster.

    Attributes:
        name: Scheme, host and database, as messages say it: no user, no password.
        patience_s: How long a write goes on trying, and how long a silent connection is waited for.

    Raises:
        ValueError: the URL holds a password, a query, or names no host.
    """

    def __init__(self, url: str, patience_s: float) -> None:
        parts = urlsplit(url)
        self.name = _name(parts)
        self.patience_s = patience_s
        self._database = unquote(parts.path.strip("/")) or None
        self._secret = os.environ.get(PASSWORD, "")
        self._bookmarks = neo4j.GraphDatabase.bookmark_manager()
        self._address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._user = unquote(parts.username or "") or ("neo4j" if self._secret else "")
        self._start()

    def rows(self, statement: str, deadline_s: float | None = None, /, **parameters: Any) -> list[Row]:
        """The whole answer of a reading statement.

        Raises:
            Late: the deadline passed first.
            StoreUnavailable: the server cannot answer.
        """
        answer: list[Row] = []

        def take(row: Row) -> bool:
            answer.append(row)
            return True

        self.stream(statement, take, deadline_s, begin=answer.clear, **parameters)
        return answer

    def stream(
        self,
        statement: str,
        take: Callable[[Row], bool],
        deadline_s: float | None = None,
        /,
        begin: Callable[[], None] = lambda: None,
        **parameters: Any,
    ) -> None:
        """Hand the rows of a reading statement over one by one, until take says False.

        take runs on another thread, and not any more once this has returned or raised. begin is called before each
        try. Raises as `rows` does.
        """

        end_s = None if deadline_s is None else time.monotonic() + deadline_s

        def left_s() -> float | None:
            return None if end_s is None else end_s - time.monotonic()

        def ask(errand: Errand) -> None:
            errand.guarded(begin)
            limit_s = max(self.patience_s if end_s is None else end_s - time.monotonic(), 0.001)
            query = neo4j.Query(f"CYPHER 5 {statement}", timeout=limit_s)
            with self._session(neo4j.READ_ACCESS) as session:
                for record in session.run(query, parameters):
                    if not errand.guarded(partial(take, record.values())):
                        return

        try:
            self._tried(lambda: self._run(ask, left_s(), self.patience_s), end_s)
        except Late as error:
            if end_s is None:
                raise self._ours(error) from None
            raise

    def write(self, attempt: Callable[[Transaction], Answer]) -> Answer:
        """Commit what attempt does in one transaction; it is called again after an error that passes.

        A commit whose answer got lost may have happened: attempt looks for its own traces first.

        Raises:
            RejectedInput: a constraint refused it.
            StoreUnavailable: the server stayed out of reach, or refused; a later try may find it committed.
        """
        end_s = time.monotonic() + self.patience_s
        for number, pause_s in enumerate(_pauses()):
            try:
                answer = self._run(lambda errand: self._commit(attempt, errand), None, self.patience_s / 2)
            except (*_DRIVER, *_UNSENDABLE, OSError, Late) as error:
                if not _passes(error) or time.monotonic() + pause_s > end_s:
                    raise self._ours(error) from None
                if not number:
                    _log.warning("%s: %s; trying again for %g s", self.name, self._said(error), self.patience_s)
                time.sleep(pause_s)
            else:
                if number:
                    _log.warning("%s: committed at try %d", self.name, number + 1)
                return answer
        raise AssertionError("the pauses do not end")

    def order(self, statement: str, silent_s: float = 600.0, /, **parameters: Any) -> list[Row]:
        """Run a statement that brings its own transactions, changes the schema, or may be repeated.

        Raises:
            StoreUnavailable: the server cannot do it, or is silent for so long.
        """

        def ask(errand: Errand) -> list[Row]:
            with self._session(neo4j.WRITE_ACCESS) as session:
                answer: list[Row] = session.run(f"CYPHER 5 {statement}", parameters).values()
                return answer

        try:
            return self._tried(lambda: self._run(ask, None, silent_s))
        except Late as error:
            raise self._ours(error) from None

    def close(self) -> None:
        """Let go of every connection; one that hangs is left behind."""
        self._abandon(self._driver, self._errands)

    def _start(self) -> None:
        self._errands = Errands()
        with _callers_mistake(self.name):
            self._driver = neo4j.GraphDatabase.driver(
                self._address,
                auth=(self._user, self._secret) if self._user else None,
                notifications_min_severity="OFF",
                telemetry_disabled=True,
                connection_timeout=5.0,
                connection_acquisition_timeout=self.patience_s,
                keep_alive=True,
            )

    def _abandon(self, driver: neo4j.Driver, errands: Errands) -> None:
        try:
            Errands().run(lambda errand: driver.close(), None, 2.0)
        except (*_DRIVER, OSError, Late) as error:
            _log.warning("%s: not closed cleanly: %s", self.name, self._said(error))
        errands.close()

    def _run(self, call: Callable[[Errand], Answer], deadline_s: float | None, silent_s: float) -> Answer:
        """On a thread; with fresh connections, once many have fallen silent: the kernel keeps dead ones for hours."""
        if self._errands.crowded():
            _log.warning("%s: %d connections are silent; starting over", self.name, len(self._errands.lost))
            driver, errands = self._driver, self._errands
            self._start()
            threading.Thread(target=self._abandon, args=(driver, errands), daemon=True).start()
        return self._errands.run(call, deadline_s, silent_s)

    def _session(self, access: str) -> neo4j.Session:
        return self._driver.session(
            database=self._database, default_access_mode=access, bookmark_manager=self._bookmarks
        )

    def _commit(self, attempt: Callable[[Transaction], Answer], errand: Errand) -> Answer:
        with (
            self._session(neo4j.WRITE_ACCESS) as session,
            session.begin_transaction(timeout=self.patience_s * 2) as inner,
        ):
            answer = attempt(Transaction(inner, errand))
            errand.beat()
            inner.commit()
        return answer

    def _tried(self, ask: Callable[[], Answer], end_s: float | None = None) -> Answer:
        for left, pause_s in zip(reversed(range(_READ_TRIES)), _pauses(), strict=False):
            try:
                return ask()
            except (*_DRIVER, *_UNSENDABLE, OSError) as error:
                late = end_s is not None and time.monotonic() + pause_s >= end_s
                if not left or late or not _passes(error):
                    raise self._ours(error) from None
                time.sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    def _ours(self, error: BaseException) -> NeuraxisError:
        if isinstance(error, ConstraintError):
            return RejectedInput(f"{self.name}: already exists: {self._said(error)}")
        if isinstance(error, _UNSENDABLE):
            return RejectedInput(f"{self.name} cannot be sent a value: {error}")
        if isinstance(error, Neo4jError) and "too large to index" in (error.message or ""):
            return RejectedInput(f"{self.name}: {self._said(error)}")
        if isinstance(error, AuthError):
            return StoreUnavailable(f"{self.name} refuses the log-in; user in the URL, password in {PASSWORD}")
        if isinstance(error, Late):
            return StoreUnavailable(f"{self.name} is silent")
        return StoreUnavailable(f"{self.name}: {self._said(error)}")

    def _said(self, error: BaseException) -> str:
        said = error.message if isinstance(error, Neo4jError) and error.message else str(error)
        return (said.replace(self._secret, "***") if self._secret else said)[:500] or type(error).__name__


def _name(parts: SplitResult) -> str:
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if parts.password is not None:
        raise ValueError(f"{shown}: a password in a URL ends up in logs; put it into {PASSWORD}")
    if not parts.hostname or parts.query or parts.fragment or parts.path.strip("/").count("/"):
        raise ValueError(f"{shown}: write neo4j://user@host:7687/database")
    return shown


@contextmanager
def _callers_mistake(name: str) -> Iterator[None]:
    """A URL the driver cannot read."""
    try:
        yield
    except (*_DRIVER, ValueError) as error:
        raise ValueError(f"{name}: {error}") from None


def _passes(error: BaseException) -> bool:
    """May the same be tried again?"""
    if isinstance(error, (ServiceUnavailable, SessionExpired, IncompleteCommit, OSError, Late)):
        return True
    if isinstance(error, Neo4jError) and any(code in (error.code or "") for code in _PASSES):
        return True
    return isinstance(error, _DRIVER) and error.is_retryable()


def _pauses() -> Iterator[float]:
    """Seconds before the next try: longer each time, and never the same for two that collided."""
    for pause_s in _PAUSES_S:
        yield pause_s * random.uniform(0.5, 1.5)
    while True:
        yield _PAUSES_S[-1] * random.uniform(0.5, 1.5)
