# SPDX-License-Identifier: Apache-2.0
"""What people do with a store from outside: open it, look at it, embed it again.

Neighbours: cli.py asks for these, copies.py makes copies and brings them back, registry.py opens; nothing here prints.
Rules of the file: a store that is not there is never made by looking at it; whatever was begun and killed can be begun
again.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from memory.backend import Backend, Capability, Clock, StoreCounts, StoreSizes
from memory.blobs import Blobs
from memory.encoders import Encoder
from memory.enrichment import Enrichment, Progress
from memory.errors import RejectedInput, StoreUnavailable
from memory.lifelong import LifelongMemory
from memory.quarantine import Quarantine
from memory.registry import beside, file_of, open_backend

Told = Callable[[int], None]
BACKLOG = 20_000  # vectors waiting for the index, up to which recall is promised to stay in its figure
RECORDS = 1_000_000  # in one store, up to which it was measured
WAITING_BYTES = 256 * 2**20  # of the write-ahead log
_AT_ONCE = 256


@contextmanager
def opened(url: str, clock: Clock = time.time_ns, *, to_write: bool = False) -> Iterator[Backend]:
    """A store that exists, to read beside its writer, or to be its only writer.

    Raises:
        RejectedInput: the URL names no store, or one that ends with this process.
        StoreError: it is not there, or cannot be opened.
    """
    file = file_of(url)
    if file is not None and not file.is_file():
        raise StoreUnavailable(f"there is no store at {file}")
    with made(url, clock, to_write=to_write) as backend:
        yield backend


@contextmanager
def made(url: str, clock: Clock = time.time_ns, *, to_write: bool = True) -> Iterator[Backend]:
    """Likewise, and one that is not there yet begins empty."""
    try:
        backend = open_backend(url, clock, read_only=not to_write)
    except ValueError as error:
        raise RejectedInput(str(error)) from error
    try:
        if Capability.REOPENS not in backend.capabilities:
            raise RejectedInput(f"{url} ends with this command: there is nothing to keep")
        yield backend
    finally:
        backend.close()


@contextmanager
def remembering(
    url: str, robot: str, *, to_write: bool = False, encoder: Encoder | None = None
) -> Iterator[LifelongMemory]:
    """The memories over a store that exists, with its pictures.

    Args:
        robot: Namespace; "" = the only one there is.

    Raises:
        RejectedInput: there is no such robot, or which one was not said.
        StoreError: as `opened`.
    """
    with opened(url, to_write=to_write) as backend:
        file = file_of(url)
        folder = beside(file, ".blobs") if file else None
        blobs = Blobs(folder) if folder and folder.is_dir() else None
        yield LifelongMemory(backend, robot=robot_of(backend, robot), encoder=encoder, blobs=blobs)


def robot_of(backend: Backend, asked: str) -> str:
    """The namespace that was asked for, or the only one.

    Raises:
        RejectedInput: there is no such one, or there are several.
    """
    known = backend.robots()
    if asked and asked not in known:
        raise RejectedInput(f"the store knows no robot {asked!r}; it holds {', '.join(map(repr, known)) or 'nothing'}")
    if not asked and len(known) > 1:
        raise RejectedInput(f"the store holds {', '.join(map(repr, known))}: say which with --robot")
    return asked or (known[0] if known else "robot")


@dataclass(frozen=True, slots=True)
class Stats:
    """What a store holds and weighs, for people.

    Attributes:
        log_bytes, blobs_bytes, free_bytes: Write-ahead log, pictures and room on the disk; 0 without files here.
        quarantine: How often each reason occurred; None for a store without files here.
        warnings: One sentence for each limit that is near.
    """

    robots: tuple[str, ...]
    counts: StoreCounts
    sizes: StoreSizes
    last_sequence: int
    audits: int
    log_bytes: int = 0
    blobs_bytes: int = 0
    free_bytes: int = 0
    quarantine: dict[str, int] | None = None
    warnings: tuple[str, ...] = ()


def stats(backend: Backend, url: str) -> Stats:
    """How the store stands now."""
    file = file_of(url)
    kept = file and beside(file, ".quarantine.jsonl")
    log = blobs = free = 0
    if file is not None:
        wal, pictures = beside(file, "-wal"), beside(file, ".blobs")
        log = wal.stat().st_size if wal.is_file() else 0
        blobs = sum(one.stat().st_size for one in pictures.rglob("*") if one.is_file())
        free = shutil.disk_usage(file.absolute().parent).free
    counts, sizes = backend.counts(), backend.sizes()
    warnings = tuple(_warnings(counts, sizes, log, blobs, free if file else None))
    refused = dict(Quarantine(path=kept).counts) if kept else None
    last, audits = backend.last_sequence(), len(backend.audits())
    return Stats(backend.robots(), counts, sizes, last, audits, log, blobs, free, refused, warnings)


def _warnings(counts: StoreCounts, sizes: StoreSizes, log: int, blobs: int, free: int | None) -> Iterator[str]:
    whole = sizes.rows_bytes + sizes.index_bytes + blobs
    if free is not None and free < whole:
        yield f"the disk has {free} bytes free, less than the store's own {whole}: no backup and no migration would fit"
    if sizes.unindexed >= BACKLOG:
        yield f"{sizes.unindexed} vectors wait for the index and are compared one by one; rebuild takes them in"
    if sizes.index_error:
        yield f"the vector index takes nothing in: {sizes.index_error}"
    if counts.records >= RECORDS:
        yield f"{counts.records} records; the figures of speed are promised up to {RECORDS}"
    if log >= WAITING_BYTES:
        yield f"the write-ahead log has {log} bytes: a reader keeps an old state open"
    if len(counts.by_encoder) > 1:
        names = " and ".join(name for name, _ in counts.by_encoder)
        yield f"vectors of {names} are mixed, so recall by meaning is refused; reembed makes them one"


def reembed(backend: Backend, encoder: Encoder, told: Told) -> Progress:
    """Give every record with a sentence a vector of this encoder; what was done, summed up.

    What has one already is left alone, so that it may be killed anywhere and begun anew (enrichment.py).

    Args:
        told: Log entries that are done.

    Returns:
        With what is still failing, where nothing more could be embedded.
    """
    work = Enrichment(backend, encoder)
    whole, embedded, looked_at = work.backlog, 0, 0
    while True:
        done = work.work(_AT_ONCE)
        embedded, looked_at = embedded + done.embedded, looked_at + done.looked_at
        told(max(0, whole - done.backlog))
        if done.done or (done.failing and not done.embedded):
            return replace(done, embedded=embedded, looked_at=looked_at)
