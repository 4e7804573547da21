# SPDX-License-Identifier: Apache-2.0
"""A writer beside two reader processes: does it keep its rate, and do they see what it wrote, at once and unhindered?

Neighbours: scenarios.py measures in one process; `python -m memory.bench.readers` is one reader.
Rules of the file: readers are processes of their own that open the store to read; both sides keep stamps of the same
monotonic clock and they are compared afterwards, so nobody waits for a message; waiting for the writer shows in the
time of a single row read by its id, which is measured with and without a writer at work.
"""

from __future__ import annotations

import bisect
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import memory
from memory.backend import Backend, Batch
from memory.bench.stores import KeptStore, ticking
from memory.bench.timing import quantile
from memory.lifelong import LifelongMemory
from memory.records import Cue, Record
from memory.registry import open_backend

READERS = 2
RECALLS_A_SECOND = 20
_LOOK_EVERY_S = 0.002
_READY, _REPORT = "ready", "report.json"

Figures = dict[str, object]


def readers_figures(
    backend: Backend,
    store: KeptStore,
    cues: Sequence[tuple[str, Cue]],
    now_ns: int,
    batches: Sequence[Batch],
    singles: Sequence[Record],
) -> Figures:
    """What becomes of the writer and of the readers.

    Args:
        batches, singles: To write; a quarter of each before, a half beside the readers, a quarter after, so that what
            else the machine does weighs alike.
    """
    some, single = _quarters(batches), _quarters([Batch(records=(record,)) for record in singles])
    before, before_single = _written_per_s(backend, some[0], []), _written_per_s(backend, single[0], [])
    acknowledged: list[tuple[int, float]] = []
    with _reading(store, cues, now_ns) as quiet:
        time.sleep(1.0)
    with _reading(store, cues, now_ns) as reports:
        beside = _written_per_s(backend, some[1], acknowledged)
        beside_single = _written_per_s(backend, single[1], acknowledged)
    after, after_single = _written_per_s(backend, some[2], []), _written_per_s(backend, single[2], [])
    seen_ms = [delay for report in reports for delay in _delays_ms(acknowledged, report["looks"])]
    busy = (acknowledged[0][1], acknowledged[-1][1])
    waits_ms = [took_ms for report in reports for at_s, _, took_ms in report["looks"] if busy[0] <= at_s <= busy[1]]
    quiet_ms = [took_ms for report in quiet for _, _, took_ms in report["looks"]]
    recalls_ms = [took_ms for report in reports for took_ms in report["recalls"]]
    return {
        "writer_rate_beside_readers": round(2 * beside / (before + after), 3),
        "writer_single_rate_beside_readers": round(2 * beside_single / (before_single + after_single), 3),
        "reader_sees_write_p99_ms": quantile(seen_ms, 99),
        "reader_longest_wait_ms": quantile(waits_ms, 100),
        "reader_wait_p99_ms": quantile(waits_ms, 99),
        "reader_longest_wait_without_writer_ms": quantile(quiet_ms, 100),
        "reader_recall_p50_ms": quantile(recalls_ms, 50),
        "reader_recalls_a_second": round(sum(report["recalls_a_second"] for report in reports) / len(reports), 1),
    }


@contextmanager
def _reading(store: KeptStore, cues: Sequence[tuple[str, Cue]], now_ns: int) -> Iterator[list[dict[str, Any]]]:
    """Readers at work while the block runs; their reports are in the list afterwards."""
    folders = [store.path.parent / f"reader-{number}" for number in range(READERS)]
    reports: list[dict[str, Any]] = []
    running: list[subprocess.Popen[bytes]] = []
    try:
        for number, folder in enumerate(folders):
            folder.mkdir(exist_ok=True)
            for name in (_READY, _REPORT):
                (folder / name).unlink(missing_ok=True)
            asked = [_as_plain(cue) for _, cue in cues[number::READERS]]
            (folder / "cues.json").write_text(json.dumps(asked), encoding="utf-8")
            command = [sys.executable, "-m", "memory.bench.readers", store.url, str(folder), str(now_ns)]
            running.append(subprocess.Popen(command, stdin=subprocess.PIPE, cwd=Path(memory.__file__).parents[1]))
        _await_files([folder / _READY for folder in folders], running)
        yield reports
    finally:
        for process in running:
            process.communicate()  # closes its stdin: the sign to end
    reports += [json.loads((folder / _REPORT).read_text(encoding="utf-8")) for folder in folders]


def _await_files(files: Sequence[Path], running: Sequence[subprocess.Popen[bytes]], patience_s: float = 60.0) -> None:
    end_s = time.monotonic() + patience_s
    while not all(file.exists() for file in files):
        if time.monotonic() > end_s or any(process.poll() is not None for process in running):
            raise RuntimeError("a reader of the benchmark did not start")
        time.sleep(0.01)


def _written_per_s(backend: Backend, batches: Sequence[Batch], acknowledged: list[tuple[int, float]]) -> float:
    began = time.monotonic()
    for batch in batches:
        receipt = backend.write(batch)
        acknowledged.append((receipt.last_sequence, time.monotonic()))
    return sum(len(batch.records) for batch in batches) / (time.monotonic() - began)


def _quarters(batches: Sequence[Batch]) -> tuple[Sequence[Batch], Sequence[Batch], Sequence[Batch]]:
    """A quarter, a half, a quarter; in order, since later batches retire what earlier ones wrote."""
    quarter = max(1, len(batches) // 4)
    return batches[:quarter], batches[quarter:-quarter], batches[-quarter:]


def _delays_ms(acknowledged: Sequence[tuple[int, float]], looks: Sequence[Sequence[float]]) -> Iterator[float]:
    """From the acknowledgement of each write to the end of the first look of a reader that had it."""
    ends_s = [at_s + took_ms / 1e3 for at_s, _, took_ms in looks]
    last = [int(sequence) for _, sequence, _ in looks]
    for sequence, at_s in acknowledged:
        first = bisect.bisect_left(last, sequence)
        if first < len(last):
            yield max(0.0, (ends_s[first] - at_s) * 1e3)


def _as_plain(cue: Cue) -> dict[str, object]:
    given = {name: value for name, value in asdict(cue).items() if value}
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in given.items()}


def _as_cue(plain: dict[str, Any]) -> Cue:
    of_bytes = {field.name for field in fields(Cue) if field.type == "bytes"}
    given: dict[str, Any] = {name: bytes.fromhex(value) if name in of_bytes else value for name, value in plain.items()}
    listed = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    return Cue(**{**given, **listed})


def _read(url: str, folder: Path, now_ns: int) -> None:
    """One reader: recalls at its rate, between them, and before each, looks at the last row; until its stdin ends."""
    import select

    cues = [_as_cue(plain) for plain in json.loads((folder / "cues.json").read_text(encoding="utf-8"))]
    looks: list[tuple[float, int, float]] = []
    recalls: list[float] = []
    with LifelongMemory(open_backend(url, ticking(), read_only=True), robot="robot") as robot:
        for cue in cues[:20]:
            robot.recall(cue, now_ns)
        (folder / _READY).touch()
        began = due = time.monotonic()
        while not select.select([sys.stdin], [], [], 0)[0]:
            now_s = time.monotonic()
            sequence = robot.backend.last_sequence()
            looks.append((now_s, sequence, (time.monotonic() - now_s) * 1e3))
            now_s = time.monotonic()
            if now_s < due:
                time.sleep(_LOOK_EVERY_S)
                continue
            due = max(due + 1.0 / RECALLS_A_SECOND, now_s)
            robot.recall(cues[len(recalls) % len(cues)], now_ns)
            recalls.append((time.monotonic() - now_s) * 1e3)
        rate = len(recalls) / (time.monotonic() - began)
    report = {"looks": looks, "recalls": recalls, "recalls_a_second": rate}
    (folder / _REPORT).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    _read(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
