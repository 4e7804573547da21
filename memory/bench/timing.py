# SPDX-License-Identifier: Apache-2.0
"""Quantiles, and what a machine is worth: figures of two machines compare as ratios to the same loop.

Neighbours: scenarios.py and readers.py measure with it, results.py writes it down.
Rules of the file: wall time, in ms; the garbage collector stays on, as in a robot.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")
_ROUNDS = 40


def timed(call: Callable[[], _T]) -> tuple[float, _T]:
    """How long it took, ms, and its answer."""
    began = time.perf_counter()
    answer = call()
    return (time.perf_counter() - began) * 1e3, answer


def timed_on_cpu(call: Callable[[], _T]) -> tuple[float, float, _T]:
    """How long it took, how much of that this thread was computing, both ms; and its answer.

    The second is what a calm machine would need, if nothing waits for a disk or another thread.
    """
    began, began_cpu = time.perf_counter(), time.thread_time()
    answer = call()
    cpu_ms = (time.thread_time() - began_cpu) * 1e3
    return (time.perf_counter() - began) * 1e3, cpu_ms, answer


def quantile(taken_ms: Sequence[float], percent: int) -> float:
    """The nearest-rank quantile, ms, to a microsecond.

    >>> quantile([3.0, 1.0, 2.0, 4.0], 50), quantile([1.0], 99)
    (2.0, 1.0)
    """
    ranked = sorted(taken_ms)
    return round(ranked[max(0, -(-len(ranked) * percent // 100) - 1)], 4)


def quantiles(name: str, taken_ms: Sequence[float], percents: Iterable[int] = (50, 95, 99)) -> dict[str, float]:
    """Keys such as recall_100k_p50_ms; p50_ms without a name."""
    return {f"{name}_p{percent}_ms".lstrip("_"): quantile(taken_ms, percent) for percent in percents}


def calibration_ms() -> float:
    """How long this machine takes for a fixed piece of what a memory does: parse lines, hash bytes, sort, select.

    The median of several rounds; on another machine, or beside other work, figures are to be compared divided by it.
    """
    line = json.dumps({"id": "mug-1", "at": list(range(40)), "text": "put the mug on the table " * 4})
    rows = [(f"id-{n}", n * 7919 % 1000, line) for n in range(500)]
    sql = sqlite3.connect(":memory:")
    sql.execute("CREATE TABLE rows(id TEXT PRIMARY KEY, number INTEGER, line TEXT)")
    sql.executemany("INSERT INTO rows VALUES(?, ?, ?)", rows)
    taken_ms = [timed(lambda: _work(sql, line))[0] for _ in range(_ROUNDS)]
    sql.close()
    return round(statistics.median(taken_ms), 4)


def _work(sql: sqlite3.Connection, line: str) -> int:
    kept = [json.loads(row[0]) for row in sql.execute("SELECT line FROM rows WHERE number < 400")]
    ranked = sorted(range(4000), key=lambda n: (n * 2654435761) % 4093)
    return len(kept) + ranked[0] + hashlib.sha256(line.encode() * 200).digest()[0]


def bare_connection(path: Path) -> sqlite3.Connection:
    """SQLite as durable as the store is, and nothing else: one table of rows of 2 kB."""
    sql = sqlite3.connect(path, isolation_level=None)
    for order in ("journal_mode = WAL", "synchronous = FULL", "page_size = 8192"):
        sql.execute(f"PRAGMA {order}").fetchall()
    sql.execute("CREATE TABLE rows(number INTEGER PRIMARY KEY, line BLOB)")
    return sql


def machine() -> dict[str, object]:
    """What it ran on."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Of what has a part in the figures."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in ("neuraxis", "numpy", "usearch", "onnxruntime", "neo4j"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
