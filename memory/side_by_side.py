# SPDX-License-Identifier: Apache-2.0
"""Work begun on another thread while this one does something else.

Neighbours: searching.py and surroundings.py begin a find so, where the store gains by it; lifelong.py owns the threads.
Rules of the file: nobody waits for work that no thread has begun, so threads that are all taken hold up nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

Answer = TypeVar("Answer")


def begun(executor: Executor | None, call: Callable[[], Answer]) -> Callable[[], Answer]:
    """Begin a call; what this returns gives its answer, or its error, and makes the call itself if nobody has begun it.

    Without threads it is made when its answer is asked for.

    >>> begun(None, lambda: 6 * 7)()
    42
    """
    if executor is None:
        return call
    future = executor.submit(call)
    return lambda: call() if future.cancel() else future.result()
