# SPDX-License-Identifier: Apache-2.0
"""The process that is killed: it lives a life (living.py) into a store and says each receipt once it has it.

Neighbours: test_kill.py starts it and kills what it forks; test_power_cuts.py lets recorder.c watch `live`.
Rules of the file: everything is imported once and each life is forked, so that fifty deaths take seconds; one line is
one write to the pipe, so that a line is said whole or not at all.

Told on a line: path, seed, first step, point of its own death ("" = none) and how often that point is passed before.
Says: "pid N", then for each step "ack NUMBER ANSWER", at last "dead".
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from memory import vectors
from memory.backends import sqlite, sqlite_rows
from memory.backends.sqlite import SqliteBackend
from memory.vector_files import VectorIndex
from tests.faults.living import StepClock, steps

INDEX_FROM = 16  # so that a life of some hundred records has an index, with files


def live(
    path: str, seed: int, told: Callable[[int, object], None], *, first: int = 0, last: int | None = None,
    pragmas: Sequence[str] = (),
) -> None:  # fmt: skip
    """Steps first..last of a life."""
    clock = StepClock()
    store = SqliteBackend(path, clock)
    for pragma in pragmas:
        store._file.writer.execute(f"PRAGMA {pragma}").fetchall()
    for step in itertools.islice(steps(seed), first, last):
        clock.number = step.number
        told(step.number, step.run(store))
    store.close()


def quicken() -> None:
    """Indexes from the start, and while it writes."""
    vectors.INDEX_FROM = INDEX_FROM
    sqlite._IDLE_AFTER_S = 0.0


def die_at(point: str, passes: int) -> None:
    """Kill the own process at a point of the code.

    Points: "committed" = rows are on the disk, the index knows nothing of them; "saving" = around any renaming or
    syncing of an index file; "saved" = the next write, all but committed, after an index was saved; "forgotten" = rows
    are erased, the memory of the index and the write-ahead log are not.
    """
    left = itertools.count(passes, -1)
    saving: list[bool] = []

    def watched(call: Callable[..., Any], here: Callable[[], bool], *, after: bool = False) -> Callable[..., Any]:
        def passed(*arguments: Any, **keywords: Any) -> Any:
            if here() and next(left) <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = call(*arguments, **keywords)
            if after and here() and next(left) <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return passed

    save = VectorIndex.save

    def save_watched(index: VectorIndex) -> None:
        saving.append(True)
        save(index)
        saving.append(False)

    VectorIndex.save = save_watched  # type: ignore[method-assign]
    if point == "committed":
        SqliteBackend._index = watched(SqliteBackend._index, lambda: True)  # type: ignore[method-assign]
    if point == "forgotten":
        SqliteBackend._forget_index = watched(SqliteBackend._forget_index, lambda: True)  # type: ignore[method-assign]
    if point == "saving":
        os.replace = watched(os.replace, lambda: saving[-1:] == [True], after=True)
        os.fsync = watched(os.fsync, lambda: saving[-1:] == [True], after=True)
    if point == "saved":
        sqlite_rows.remember = watched(sqlite_rows.remember, lambda: saving[-1:] == [False])


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def acknowledge(number: int, answer: object) -> None:
    say(f"ack {number} {answer!r}")


def main() -> None:
    for line in sys.stdin:
        path, seed, first, point, passes = json.loads(line)
        child = os.fork()
        if not child:
            say(f"pid {os.getpid()}")
            quicken()
            if point:
                die_at(point, passes)
            live(path, seed, acknowledge, first=first)
        os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
