# SPDX-License-Identifier: Apache-2.0
"""One writer per store: an advisory lock on a side file that says who holds it.

Neighbours: sqlite_file.py takes it before it opens the database and lets go after closing it.
Rules of the file: the kernel's lock decides, so a killed holder never blocks the next one; the text inside the file
is only for the message. The side file stays when the lock is released: removing it would race with a waiting writer.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from memory.errors import StoreUnavailable


class WriterLock:
    """Held from construction until `release`.

    Raises:
        StoreUnavailable: another writer holds it, or the side file cannot be made.
    """

    def __init__(self, store: Path) -> None:
        path = store.with_name(store.name + ".lock")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreUnavailable(f"cannot open store {store} for writing: {error.strerror} ({path})") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _holder(self._file)
            os.close(self._file)
            raise StoreUnavailable(f"store {store} is held by another writer: {holder}") from error
        self._sign()

    def release(self) -> None:
        """Let the next writer in."""
        os.ftruncate(self._file, 0)
        os.close(self._file)

    def _sign(self) -> None:
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        signature = {"host": socket.gethostname(), "pid": os.getpid(), "since": since}
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, json.dumps(signature).encode(), 0)
        except OSError:  # a full disk must not keep the robot from reading its memory
            pass


def _holder(file: int) -> str:
    try:
        signature: dict[str, Any] = json.loads(os.pread(file, 4096, 0))
        return f"pid {signature['pid']} on {signature['host']} since {signature['since']}"
    except (ValueError, KeyError, TypeError):
        return "it did not sign"
