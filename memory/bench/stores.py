# SPDX-License-Identifier: Apache-2.0
"""Stores of a robot's life, written once and kept by what is in them.

Neighbours: life.py gives the records; scenarios.py measures over a store or a copy of one.
Rules of the file: a kept store is named by the hash of its sentences, vectors and life, and of the code that writes
rows and indexes, so that one written by other code is never measured; it is only read where it lies, and whoever writes
gets a copy; it appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import memory
from memory.backend import Backend, Batch
from memory.bench.life import FORMAT, START_NS, Life, Met
from memory.bench.sentences import Corpus
from memory.registry import open_backend

_STORE, _ABOUT = "memory.sqlite3", "about.json"
_WRITES = (
    "backends/sqlite.py",
    "backends/sqlite_file.py",
    "backends/sqlite_rows.py",
    "backends/sqlite_schema.py",
    "serialization.py",
    "vectors.py",
    "vector_files.py",
    "vector_manifest.py",
)
_PATIENCE_S = 3600.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class KeptStore:
    """A store on the disk.

    Attributes:
        records: Versions in it.
        met: What questions can be about.
        written_s: How long the writing took when it was made. indexed_s: And the indexing after it.
    """

    path: Path
    records: int
    met: Met
    written_s: float
    indexed_s: float

    @property
    def url(self) -> str:
        """As the registry wants it."""
        return f"sqlite:///{self.path}"

    @property
    def files_bytes(self) -> int:
        """Log, lock and index included."""
        return sum(f.stat().st_size for f in self.path.parent.rglob("*") if f.is_file() and f.name != _ABOUT)

    def copy(self, folder: Path) -> KeptStore:
        """A copy to write to."""
        shutil.copytree(self.path.parent, folder)
        return replace(self, path=folder / self.path.name)


def kept_store(corpus: Corpus, count: int, cache: Path, say: Say) -> KeptStore:
    """The store of so many records; written now if it is not there."""
    life = f"{count}-{corpus.digest}-{FORMAT}"
    folder = cache / f"{life}-{_name_of_code()}"
    if not (folder / _ABOUT).is_file():
        for old in cache.glob(f"{life}-*"):  # of other code, or left unfinished
            shutil.rmtree(old)
        partial = cache / f"{life}-partial"
        partial.mkdir(parents=True)
        about = _written(corpus, count, partial / _STORE, say)
        (partial / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
        partial.rename(folder)
    about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    return KeptStore(
        folder / _STORE, int(about["records"]), _met(about["met"]), about["written_s"], about["indexed_s"]
    )  # fmt: skip


def ticking(start_ns: int = START_NS) -> Callable[[], int]:
    """A clock that steps a microsecond each time it is asked."""
    steps = itertools.count(start_ns, 1000)
    return lambda: next(steps)


def _written(corpus: Corpus, count: int, path: Path, say: Say) -> dict[str, object]:
    backend = open_backend(f"sqlite:///{path}", ticking())
    began_s = time.perf_counter()
    written = 0
    life = Life(corpus, count)
    for batch in life.batches():
        backend.write(batch)
        written += len(batch.records)
        if written % 50_000 < len(batch.records):
            say(f"{written} of {count} records written")
    wrote_s = time.perf_counter() - began_s
    say(f"{written} records written in {wrote_s:.0f} s; waiting for the index")
    await_index(backend, say)
    backend.maintain("checkpoint")
    about = {
        "records": backend.counts().records,
        "met": asdict(life.met()),
        "written_s": wrote_s,
        "indexed_s": time.perf_counter() - began_s - wrote_s,
    }
    backend.close()
    return about


def await_index(backend: Backend, say: Say) -> None:
    """Until the index has followed, or stands still."""
    before, told_s, end_s = -1, time.perf_counter(), time.perf_counter() + _PATIENCE_S
    while (left := backend.sizes().unindexed) != before and time.perf_counter() < end_s:
        before = left
        if time.perf_counter() - told_s > 10.0:
            told_s = time.perf_counter()
            say(f"{left} vectors not indexed yet")
        time.sleep(1.0)


def batches_beside(corpus: Corpus, count: int, *, seed: int) -> list[Batch]:
    """Another life's records, with ids of their own, in batches: what is written into a store that is full already."""
    size = min(500, -(-count // 4))
    return list(Life(corpus, count, seed=seed, prefix=f"s{seed}-").batches(size))


def _met(plain: dict[str, Any]) -> Met:
    return Met(plain["things"], [(x, y, z) for x, y, z in plain["places_m"]], plain["now_ns"])


def _name_of_code() -> str:
    home = Path(memory.__file__).parent
    digest = hashlib.blake2s(digest_size=6)
    for file in (home / name for name in _WRITES):
        digest.update(file.read_bytes())
    return digest.hexdigest()
