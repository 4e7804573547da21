# SPDX-License-Identifier: Apache-2.0
"""Room for a store: what its disk has left, what it may take itself, and how long its write-ahead log has grown.

Neighbours: sqlite.py asks before every write that adds something; forgetting, checkpoints and rebuilding use the
reserve.
Rules of the file: a wall is told of before it is reached, once each time it comes nearer; a refusal names what there
is and what is needed, and ends by itself when there is room again; a look costs some microseconds and reads no file.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from memory.errors import StoreUnavailable
from memory.vector_manifest import size_of

_LEVELS = (0.8, 0.9, 0.95, 1.0)  # shares of a limit that are worth a warning

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much room a store may take.

    Attributes:
        reserve_bytes: Kept free on the disk: with less, nothing new is taken in, and there is room to forget, to
            checkpoint and for the rest of the robot. Warned of from twice that.
        max_bytes: Most that rows and write-ahead log may take together; 0 = no limit of its own.
        log_bytes: A write-ahead log from this size on is warned of: some reader holds on to an old view of it.
    """

    reserve_bytes: int = 64 << 20
    max_bytes: int = 0
    log_bytes: int = 256 << 20


class Room:
    """Asked before each write.

    Args:
        path: The store's file.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self._folder, self._log_path = str(path.parent), path.with_name(path.name + "-wal")
        self._limits = limits
        self._told: dict[str, int] = {}

    def need(self, sql: sqlite3.Connection) -> None:
        """Is there room for another write?

        Raises:
            StoreUnavailable: the disk or the store is full; the message names what is free and what is needed.
        """
        limits = self._limits
        log_bytes = size_of(self._log_path)
        self._warn("write-ahead log, which a reader may keep from being emptied,", log_bytes, limits.log_bytes)
        if limits.reserve_bytes:
            disk = os.statvfs(self._folder)
            free = disk.f_bavail * disk.f_frsize
            self._warn("reserve on the disk", limits.reserve_bytes, max(1, free))
            if free < limits.reserve_bytes:
                raise StoreUnavailable(
                    f"store {self._path} takes in nothing new: {free} bytes are free on its disk, "
                    f"{limits.reserve_bytes} are needed as a reserve"
                )
        if limits.max_bytes:
            taken = log_bytes + _rows_bytes(sql)
            self._warn("size", taken, limits.max_bytes)
            if taken >= limits.max_bytes:
                raise StoreUnavailable(
                    f"store {self._path} takes in nothing new: it has {taken} bytes of the {limits.max_bytes} it may"
                )

    def _warn(self, what: str, value: int, limit: int) -> None:
        levels = (0.5, *_LEVELS) if what.startswith("reserve") else _LEVELS
        reached = sum(value >= share * limit for share in levels) if limit else 0
        if reached > self._told.get(what, 0):
            log.warning("store %s: its %s is at %d of %d bytes", self._path, what, value, limit)
            self._told[what] = reached
        elif value < (levels[0] - 0.1) * limit:
            self._told[what] = 0


def _rows_bytes(sql: sqlite3.Connection) -> int:
    """Pages in use: those that forgetting has freed are room."""
    pages, free, size = (
        int(sql.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
