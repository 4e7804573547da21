# SPDX-License-Identifier: Apache-2.0
"""The vector index of a store with files: a cache behind the rows, which it follows by number.

Neighbours: backends/sqlite.py feeds it after each commit and scores its candidates exactly; vector_files.py keeps it
between runs.
Rules of the file: rows are the truth and the index may be thrown away at any time; what it has not taken in yet (the
tail) is compared one by one, so an answer is never older than the rows; one partition holds the vectors of one robot,
kind and encoder, so that a small namespace never drowns among its neighbours; a number whose row is gone is the
caller's to drop.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Vector = NDArray[np.float32]
Numbers = NDArray[np.int64]

INDEX_FROM = 512  # a smaller partition is compared one by one: as fast as an index, and exact
TAIL_LEFT = 256  # so long a tail behind an index is not worth the work
TAIL_KEPT = 50_000  # most vectors of a tail held in memory, 75 MB at 384 values; the rest waits in the rows
GULP = 8  # vectors added at once: the library holds the interpreter meanwhile, about a millisecond
CONNECTIVITY, EXPANSION = 16, 64
SEARCHED = 40  # how many it keeps in sight while searching: with 64, 1 % more of the best ten in 1.5 times the time
_ONE = 127.0  # what the library's 8-bit values of a vector of unit length stand for
LOOKS_EVERY_S = 1.0  # the thread, whether the writer has come to rest

log = logging.getLogger(__name__)


class Partition:
    """Vectors of one robot, kind and encoder, by number.

    Attributes:
        size: D.
        applied: Highest number the index holds; later ones are in the tail.
        behind: Numbers that neither index nor tail holds yet; an answer without them is incomplete.
        dirty: Does the index hold more than its file?
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.applied = 0
        self.behind = 0
        self.dirty = False
        self.read_only_index = False
        self._index: Any = None
        self._numbers: Numbers = np.empty(0, np.int64)
        self._vectors: Vectors = np.empty((0, size), np.float32)
        self._count = 0
        self._lock = threading.Lock()

    @property
    def unindexed(self) -> int:
        """Length of the tail, and what is not even in it."""
        return self._count + self.behind

    @property
    def indexed(self) -> int:
        """How many vectors the index holds."""
        return 0 if self._index is None else len(self._index)

    def append(self, numbers: Sequence[int], vectors: Sequence[bytes]) -> None:
        """Take in rows that were committed, in order of their numbers; those it has already are passed over."""
        fresh = np.fromiter(numbers, np.int64)
        with self._lock:
            known = int(np.searchsorted(fresh, self._newest(), side="right"))
            fresh, vectors = fresh[known:], vectors[known:]
            if self.behind or self._count + len(fresh) > TAIL_KEPT:
                self.behind += len(fresh)
            else:
                self._extend(fresh, vectors)

    def take_in(self, numbers: Sequence[int], vectors: Sequence[bytes]) -> None:
        """The next rows of those it was behind."""
        fresh = np.fromiter(numbers, np.int64)
        with self._lock:
            known = int(np.searchsorted(fresh, self._newest(), side="right"))
            self._extend(fresh[known:], vectors[known:])
            self.behind = max(0, self.behind - len(fresh) + known)

    def caught_up(self, behind: int) -> None:
        """The rows have no more of those it was behind then; what came in the meantime still counts."""
        with self._lock:
            self.behind = max(0, self.behind - behind)

    def nearest(self, asked: Vector, count: int) -> tuple[NDArray[np.float32], Numbers]:
        """About the cosines of the `count` nearest, and their numbers, in any order; all if it holds no more.

        Args:
            asked: Of unit length, [D].
        """
        with self._lock:
            closeness, numbers = dots(self._vectors[: self._count], asked), self._numbers[: self._count]
            if len(closeness) > count:
                best = np.argpartition(-closeness, count)[:count]
                closeness, numbers = closeness[best], numbers[best]
            if self._index is None or not len(self._index):
                return closeness, numbers.copy()
            found = self._index.search(asked, min(count, len(self._index)), threads=1)
            return (
                np.concatenate([closeness, 1.0 - found.distances]),
                np.concatenate([numbers, found.keys.astype(np.int64)]),
            )

    def closeness(self, numbers: Numbers, asked: Vector) -> NDArray[np.float32]:
        """About the cosine with each of these vectors, NaN for one that it does not hold: [N], [D] -> [N]."""
        found = np.full(len(numbers), np.nan, np.float32)
        with self._lock:
            if self._index is not None and len(self._index):
                kept = self._index.get(numbers.astype(np.uint64))
                held = [place for place, one in enumerate(kept) if one is not None]
                if held:
                    values = np.concatenate([kept[place] for place in held]).reshape(len(held), -1)
                    found[held] = dots(values.astype(np.float32), asked) / _ONE
            if self._count:
                at = np.minimum(np.searchsorted(self._numbers[: self._count], numbers), self._count - 1)
                there = self._numbers[at] == numbers
                found[there] = dots(self._vectors[at[there]], asked)
        return found

    def digest(self, gulps: int = 1) -> bool:
        """Move some of the tail into the index; True if there is more to do."""
        for _ in range(gulps):
            with self._lock:
                if self._count < (1 if self.indexed else INDEX_FROM):
                    return False
                self._need_index()
                taken = min(GULP, self._count)
                keys = self._numbers[:taken].astype(np.uint64)
                new = ~self._index.contains(keys)  # all, but after an error half way
                if new.any():
                    self._index.add(keys[new], self._vectors[:taken][new], threads=1)
                self._drop(taken)
                self.dirty = True
        return self._count > 0

    def take_up(self, index: Any, applied: int, *, read_only: bool) -> None:
        """Begin with an index from a file; one that is only mapped is copied before it grows."""
        with self._lock:
            self._index, self.applied, self.read_only_index = index, applied, read_only
            index.expansion_search = SEARCHED  # not kept in its file
            left = int(np.searchsorted(self._numbers[: self._count], applied, side="right"))
            self._numbers, self._vectors = self._numbers[left:], self._vectors[left:]
            self._count -= left

    def save(self, path: str) -> tuple[int, int]:
        """Write the index; returns what it has applied and how many vectors it holds.

        Raises:
            OSError: not all of it was written; the library says nothing when the end of a file finds no room.
        """
        with self._lock:
            try:
                self._index.save(path)
            except RuntimeError as error:
                raise OSError(f"{path}: {error}") from error
            written, length = os.stat(path).st_size, self._index.serialized_length
            if written != length:
                raise OSError(f"{path}: {written} of {length} bytes were written")
            self.dirty = False
            return self.applied, len(self._index)

    @property
    def newest(self) -> int:
        """Highest number in index or tail."""
        with self._lock:
            return self._newest()

    def _newest(self) -> int:
        return int(self._numbers[self._count - 1]) if self._count else self.applied

    def _extend(self, fresh: Numbers, vectors: Iterable[bytes]) -> None:
        end = self._count + len(fresh)
        self._grow(end)
        self._numbers[self._count : end] = fresh
        values = np.frombuffer(b"".join(vectors), "<f4").reshape(-1, self.size)
        self._vectors[self._count : end] = _of_unit_length(values)
        self._count = end

    def _need_index(self) -> None:
        if self._index is None:
            self._index = new_index(self.size)
        elif self.read_only_index:
            self._index = self._index.copy()
            self.read_only_index = False

    def _drop(self, count: int) -> None:
        self.applied = int(self._numbers[count - 1])
        self._numbers, self._vectors = self._numbers[count:], self._vectors[count:]
        self._count -= count

    def _grow(self, needed: int) -> None:
        if needed > len(self._numbers):
            room = max(1024, 2 * needed)
            numbers, vectors = np.empty(room, np.int64), np.empty((room, self.size), np.float32)
            numbers[: self._count], vectors[: self._count] = self._numbers[: self._count], self._vectors[: self._count]
            self._numbers, self._vectors = numbers, vectors


class Indexer:
    """A thread that moves long tails into their indexes while nobody writes, or when they grow too long.

    An error ends nothing: it is logged, the tails are compared one by one, and the next wake begins again.

    Args:
        partitions: Called for the present ones.
        busy: Is a writer at work? Then a tail shorter than `patience` waits.
        refill: Called when a tail may have room for rows it was behind.
        rest: Called when there is nothing to do.

    Attributes:
        error: Why it does not go on; "" if it does.
    """

    def __init__(
        self,
        partitions: Callable[[], list[Partition]],
        busy: Callable[[], bool],
        refill: Callable[[], None],
        rest: Callable[[], None],
        patience: int = 20_000,
    ) -> None:
        self._partitions = partitions
        self._busy = busy
        self._refill = refill
        self._rest = rest
        self._patience = patience
        self.error = ""
        self._starting = threading.Lock()
        self._wake = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()
        if self._thread is None and self._waiting(0):  # long ones: whether now is the time, the thread looks again
            with self._starting:
                if self._thread is None and not self._ended:
                    self._thread = threading.Thread(target=self._follow, name="vector index", daemon=True)
                    self._thread.start()

    def end(self) -> None:
        """Stop after the vectors in hand."""
        with self._starting:
            self._ended = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _follow(self) -> None:
        while not self._ended:
            woken = self._wake.wait(timeout=None if self.error else LOOKS_EVERY_S)
            self._wake.clear()
            try:
                self._catch_up(woken)
                self.error = ""
            except Exception as error:  # the thread's rim: nobody above it would hear of it
                told, self.error = self.error, f"{type(error).__name__}: {error}"
                if self.error != told:
                    log.exception("the vector index does not go on until it is woken; its tail is compared one by one")

    def _catch_up(self, woken: bool) -> None:
        while not self._ended and self._digest():
            pass
        if not woken and not self._busy():
            self._rest()

    def _digest(self) -> bool:
        """One gulp of each long tail; False when there is nothing to do now."""
        waiting = self._waiting(self._patience if self._busy() else 0)
        for partition in waiting:
            partition.digest()
            if partition.behind:
                self._refill()
            time.sleep(0.0005)  # let whoever waits for the interpreter have it
        return bool(waiting)

    def _waiting(self, least: int) -> list[Partition]:
        return [p for p in self._partitions() if p.unindexed >= max(least, TAIL_LEFT if p.indexed else INDEX_FROM)]


def new_index(size: int) -> Any:
    """An empty index: cosine, 8-bit values; candidates are scored exactly by the caller."""
    from usearch.index import Index

    return Index(
        ndim=size, metric="cos", dtype="i8", connectivity=CONNECTIVITY, expansion_add=EXPANSION,
        expansion_search=SEARCHED,
    )  # fmt: skip


def unit_vector(vector: bytes) -> Vector:
    """The values of a vector, with length 1: [D]."""
    values: Vector = np.frombuffer(vector, "<f4")
    length = math.sqrt(np.dot(values, values))
    return values / np.float32(length) if length else values


def cosines(vector: bytes, others: Iterable[bytes]) -> list[float]:
    """Cosine of one vector with each of the others, all of its size."""
    asked = np.frombuffer(vector, "<f4").astype(np.float64)
    values = np.frombuffer(b"".join(others), "<f4").reshape(-1, len(asked)).astype(np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", values, values) * np.dot(asked, asked))
    found: list[float] = np.divide(dots(values, asked), lengths, out=np.zeros(len(values)), where=lengths > 0).tolist()
    return found


def dots(values: NDArray[Any], asked: NDArray[Any]) -> NDArray[Any]:
    """Dot product of each row with one vector, on this thread: [N, D], [D] -> [N].

    `@` would hand it to several threads of a BLAS, which wait for each other while other processes have the cores:
    there 4,000 rows take 14 ms instead of 0.5, and on an idle machine this loses 0.3 ms.
    """
    found: NDArray[Any] = np.einsum("nd,d->n", values, asked)
    return found


def _of_unit_length(values: Vectors) -> Vectors:
    lengths = np.sqrt(np.einsum("nd,nd->n", values, values))[:, None]
    unit: Vectors = np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)
    return unit
