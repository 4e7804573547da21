# SPDX-License-Identifier: Apache-2.0
"""What the vector index asks of the rows of a SQLite store.

Neighbours: vector_files.py asks (its `Rows`), sqlite_file.py is asked; sqlite.py puts the two together.
Rules of the file: only what is committed is told; each answer takes the reader's turn for itself.
"""

from __future__ import annotations

from memory.backends.sqlite_file import StoreFile
from memory.vector_files import Space


class VectorRows:
    """The vectors of a store, by partition and number."""

    def __init__(self, file: StoreFile) -> None:
        self._file = file

    def spaces(self) -> list[Space]:
        """Every partition that ever held a vector."""
        return [Space(*row) for row in self._file.rows("SELECT number, robot, kind, encoder, size, rows FROM spaces")]

    def last_vector(self) -> int:
        """Highest number given out."""
        return int(self._file.rows("SELECT vector FROM last")[0][0])

    def vectors_after(self, space: int, number: int, limit: int) -> list[tuple[int, bytes]]:
        """(number, vector) of a partition with higher numbers, in order."""
        asked = "SELECT number, vector FROM vectors WHERE space = ? AND number > ? ORDER BY number LIMIT ?"
        return self._file.rows(asked, (space, number, limit))

    def rows_up_to(self, space: int, number: int) -> int:
        """How many of a partition have at most this number."""
        asked = "SELECT count(*) FROM vectors WHERE space = ? AND number <= ?"
        return int(self._file.rows(asked, (space, number))[0][0])
