# SPDX-License-Identifier: Apache-2.0
"""Runs a command many times over: each round must succeed and leave no process behind. The first that does not ends it.

    python tools/rounds.py 20 -- make test-ros

Every process that a round starts carries a mark in its environment, so one that has left its parent is found too. Reads
Linux's ``/proc``. What a round printed is shown only when it fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

MARK = "NEURAXIS_ROUND"
#: How long a process may take to be gone after its round has ended.
PARTING_S = 2.0


def left_behind(mark: str) -> dict[int, str]:
    """The processes that carry ``mark``, by number, each with its command line. One that has ended but that nobody has
    waited for counts as gone."""
    found = {}
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if command:
                    found[int(entry.name)] = command
        except OSError:
            continue
    return found


def one_round(command: list[str]) -> tuple[int, str, dict[int, str]]:
    """Runs ``command`` once. Returns its exit status, what it printed, and the processes it left."""
    mark = uuid.uuid4().hex
    with tempfile.TemporaryFile("w+", errors="replace") as printed:  # a pipe would wait for a process that was left
        status = subprocess.call(command, env={**os.environ, MARK: mark}, stdout=printed, stderr=subprocess.STDOUT)
        printed.seek(0)
        text = printed.read()
    until = time.monotonic() + PARTING_S
    while (left := left_behind(mark)) and time.monotonic() < until:
        time.sleep(0.05)
    return status, text, left


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run a command many times over; each round must end cleanly.")
    parser.add_argument("rounds", type=int, help="how many rounds")
    parser.add_argument("command", nargs="+", help="the command, after --")
    chosen = parser.parse_args(arguments)
    if not Path("/proc/self/environ").exists():
        parser.error("this needs Linux's /proc, to see which processes are left")
    if chosen.rounds < 1:
        parser.error(f"rounds is {chosen.rounds}; it must be at least 1")
    for number in range(1, chosen.rounds + 1):
        began = time.monotonic()
        status, printed, left = one_round(chosen.command)
        last = next((line for line in reversed(printed.splitlines()) if line.strip()), "")
        print(
            f"{number}/{chosen.rounds}  {time.monotonic() - began:6.1f} s  exit {status}  left {len(left)}  {last}",
            flush=True,
        )
        if status or left:
            print(printed)
            for process, line in left.items():
                print(f"still there: {process} {line}")
            return 1
    print(f"{chosen.rounds} rounds in a row ended cleanly, and no process was left behind.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
