# SPDX-License-Identifier: Apache-2.0
"""Calls that may hang, run on threads of their own and left behind when their time is over.

Neighbours: neo4j_link.py asks its server this way, since a driver that waits for a silent socket cannot be interrupted.
Rules of the file: whoever is left behind learns it at its next beat and stops; threads are daemons, reused, and never
more than so many, so that a dead server does not fill the process.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

_MOST = 32

Answer = TypeVar("Answer")


class Late(Exception):
    """No answer in time."""


class Errand:
    """One call on its way."""

    def __init__(self, call: Callable[[Errand], Any]) -> None:
        self._call = call
        self._turn = threading.Lock()
        self._left_behind = False
        self.done = threading.Event()
        self.beaten_s = time.monotonic()
        self.answer: Any = None
        self.error: BaseException | None = None

    def beat(self) -> None:
        """Say that it moves; stops here once its caller has gone."""
        self.beaten_s = time.monotonic()
        if self._left_behind:
            raise Late("left behind")

    def guarded(self, call: Callable[[], Answer]) -> Answer:
        """Run a part that touches what the caller sees, never after the caller has gone."""
        with self._turn:
            self.beat()
            return call()

    def leave(self) -> bool:
        """The caller goes; False if it came back in the meantime."""
        with self._turn:
            self._left_behind = not self.done.is_set()
        return self._left_behind

    def run(self) -> None:
        """On the thread."""
        try:
            self.beat()
            self.answer = self._call(self)
        except BaseException as error:  # handed over to the caller
            self.error = error
        self.done.set()


class Errands:
    """Threads to send on errands.

    Attributes:
        lost: Errands that were left behind and have not come back.

    >>> Errands().run(lambda errand: 6 * 7, None, 1.0)
    42
    """

    def __init__(self) -> None:
        self.lost: set[Errand] = set()
        self._waiting: queue.SimpleQueue[Errand | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._turn = threading.Lock()
        self._threads = 0

    def run(self, call: Callable[[Errand], Answer], deadline_s: float | None, patience_s: float) -> Answer:
        """The call's answer or error; Late after deadline_s, or after patience_s without a beat."""
        errand = Errand(call)
        end_s = None if deadline_s is None else time.monotonic() + deadline_s
        self._send(errand)
        while not errand.done.is_set():
            now_s = time.monotonic()
            left_s = errand.beaten_s + patience_s - now_s
            left_s = left_s if end_s is None else min(left_s, end_s - now_s)
            if left_s > 0:
                errand.done.wait(left_s)
            else:
                self.lost.add(errand)
                if errand.leave():
                    raise Late("no answer in time")
                self.lost.discard(errand)
        if errand.error is not None:
            raise errand.error
        answer: Answer = errand.answer
        return answer

    def crowded(self) -> bool:
        """Have so many been lost that the others soon find no thread?"""
        return len(self.lost) >= _MOST // 2

    def close(self) -> None:
        """Send the threads home that are not on an errand."""
        with self._turn:
            for _ in range(self._threads):
                self._waiting.put(None)
            self._threads = 0

    def _send(self, errand: Errand) -> None:
        with self._turn:
            if not self._idle.acquire(blocking=False) and self._threads < _MOST:
                self._threads += 1
                threading.Thread(target=self._serve, name="neuraxis-store", daemon=True).start()
        self._waiting.put(errand)

    def _serve(self) -> None:
        while errand := self._waiting.get():
            errand.run()
            self.lost.discard(errand)
            del errand
            self._idle.release()
