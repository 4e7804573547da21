# SPDX-License-Identifier: Apache-2.0
"""What is measured in one process: recall, reopening, writing, recall with a backlog, and where the time goes.

Neighbours: stores.py has the stores, questions.py the questions; readers.py measures beside other processes.
Rules of the file: through LifelongMemory and Backend alone, as any user would; each function returns keys of the
result and says nothing of whether they are good.
"""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from memory.backend import Backend, Batch
from memory.bench.life import START_NS
from memory.bench.questions import FINDS, MIX, Questions
from memory.bench.sentences import Corpus
from memory.bench.stores import KeptStore, batches_beside, ticking
from memory.bench.timing import bare_connection, quantile, quantiles, timed, timed_on_cpu
from memory.lifelong import LifelongMemory
from memory.query import Query
from memory.records import Cue, Record, Status

RECALLS = 5_000
REOPENS = 5
SINGLE_WRITES = 1_000
BACKLOG = 20_000
LATER_NS = START_NS + 20 * 365 * 86_400 * 1_000_000_000  # after every life
_WARM_UP = 50
_KEEPS_BUSY_S = 0.04  # a robot at work writes at least so often, and the index waits for a pause
_SHOWN = 25
_PUT = "INSERT INTO rows(line) VALUES(?)"

Figures = dict[str, object]
Took = tuple[float, float]  # wall, and this thread's computing, ms


def recall_figures(
    memory: LifelongMemory, cues: Sequence[tuple[str, Cue]], now_ns: int, name: str, budget_s: float
) -> tuple[Figures, dict[str, list[Took]]]:
    """Quantiles over the mix, of wall time and of this thread's computing; and what each recall took, by kind.

    Args:
        budget_s: Ends early after so long; the figure `..._n` says over how many recalls the quantiles are.
    """
    taken_ms: dict[str, list[Took]] = {kind: [] for kind, _ in MIX}
    cut = found = 0
    for _, cue in cues[:_WARM_UP]:
        memory.recall(cue, now_ns)
    end_s = time.perf_counter() + budget_s
    for kind, cue in cues:
        took_ms, cpu_ms, answer = timed_on_cpu(lambda cue=cue: memory.recall(cue, now_ns))  # type: ignore[misc]
        taken_ms[kind].append((took_ms, cpu_ms))
        cut += answer.status not in (Status.FOUND, Status.NONE)
        found += bool(answer.recollections)
        if time.perf_counter() > end_s:
            break
    every = [took for some in taken_ms.values() for took in some]
    figures: Figures = {
        **_both(name, every),
        f"{name}_n": len(every),
        f"{name}_cut_short": round(cut / len(every), 5),
        f"{name}_found": round(found / len(every), 4),
    }
    return figures, taken_ms


def reopen_figures(store: KeptStore, cue: Cue, query: Query, now_ns: int, name: str) -> Figures:
    """Seconds from nothing to the first answers in a process that has opened a store before; the median of several.

    Args:
        cue: The first recall.
        query: Asked after it; by a vector, so that the index is opened whatever the recall asked for.
    """
    taken_ms = []
    for _ in range(REOPENS):
        took_ms, memory = timed(lambda: _asked_once(store, cue, query, now_ns))
        memory.close()
        taken_ms.append(took_ms)
    return {f"reopen_{name}_s": round(quantile(taken_ms, 50) / 1e3, 4)}


def opened(url: str) -> LifelongMemory:
    """The store as a robot opens it; its clock goes on after every life."""
    return LifelongMemory.open(url, robot="robot", clock=ticking(LATER_NS), continue_=True)


def single_write_figures(backend: Backend, records: Sequence[Record], folder: Path) -> Figures:
    """One record per commit; between any two of them a bare commit of SQLite in the same folder."""
    ours_ms: list[float] = []
    bare_ms: list[float] = []
    row = bytes(range(256)) * 8  # 2 kB
    with closing(bare_connection(folder / "bare.sqlite3")) as sql:
        for record in records:
            ours_ms.append(timed(lambda one=record: backend.write(Batch(records=(one,))))[0])  # type: ignore[misc]
            bare_ms.append(timed(lambda: sql.execute(_PUT, (row,)))[0])
    figures: Figures = {**quantiles("write_durable", ours_ms), **quantiles("bare_commit", bare_ms)}
    return {**figures, "write_durable_over_bare_ratio": round(quantile(ours_ms, 50) / quantile(bare_ms, 50), 3)}


def batch_write_figures(backend: Backend, batches: Sequence[Batch]) -> Figures:
    """Acknowledged records a second, in batches of about 500."""
    taken_ms = [timed(lambda one=batch: backend.write(one))[0] for batch in batches]  # type: ignore[misc]
    records = sum(len(batch.records) for batch in batches)
    return {
        "write_batch_per_s": round(records / sum(taken_ms) * 1e3, 1),
        **quantiles("write_batch", taken_ms),
        "write_batch_records": round(records / len(batches)),
    }


def backlog_figures(
    memory: LifelongMemory, cues: Sequence[tuple[str, Cue]], now_ns: int, records: Sequence[Record], budget_s: float
) -> Figures:
    """Recall while the index has not followed yet, and a robot at work writes a record every 40 ms between questions.

    The index takes its turn as it does on a robot; how much of the backlog was there before and after is said.
    """
    left = list(records)
    before = memory.backend.sizes().unindexed
    taken_ms: list[float] = []
    wrote_s, end_s = 0.0, time.perf_counter() + budget_s
    for _, cue in cues:
        now_s = time.perf_counter()
        if now_s > end_s:
            break
        if left and now_s - wrote_s > _KEEPS_BUSY_S:
            memory.backend.write(Batch(records=(left.pop(),)))
            wrote_s = now_s
        taken_ms.append(timed(lambda cue=cue: memory.recall(cue, now_ns))[0])  # type: ignore[misc]
    after = memory.backend.sizes().unindexed
    return {
        **quantiles("recall_backlog", taken_ms),
        "recall_backlog_n": len(taken_ms),
        "recall_backlog_before": before,
        "recall_backlog_after": after,
    }


def written_beside(corpus: Corpus, size: int, seed: int) -> tuple[list[Batch], list[Record]]:
    """Batches of another life, and single records of a third one."""
    singles = [record for batch in batches_beside(corpus, SINGLE_WRITES, seed=seed + 1) for record in batch.records]
    return batches_beside(corpus, size, seed=seed), [record for record in singles if record.version == 1]


def find_profile(backend: Backend, questions: Questions, each: int) -> dict[str, object]:
    """Quantiles of the plain finds, by what they rank or filter by, ms."""
    asked = questions.finds(each)
    for _, query in asked[: len(FINDS) * 3]:
        backend.find(query)
    taken_ms: dict[str, list[Took]] = {}
    for kind, query in asked:
        took_ms, cpu_ms, _ = timed_on_cpu(lambda one=query: backend.find(one))  # type: ignore[misc]
        taken_ms.setdefault(_find_name(kind, query), []).append((took_ms, cpu_ms))
    return kind_profile(dict(sorted(taken_ms.items())))


def kind_profile(taken_ms: Mapping[str, Sequence[Took]]) -> dict[str, object]:
    """Quantiles of recall by kind of question, ms."""
    return {kind: {**_both("", some), "n": len(some)} for kind, some in taken_ms.items() if some}


def function_profile(memory: LifelongMemory, cues: Sequence[tuple[str, Cue]], now_ns: int) -> list[dict[str, object]]:
    """Where the time of a recall goes: own time of each function, microseconds a recall, most first."""
    profile = cProfile.Profile()
    profile.enable()
    for _, cue in cues:
        memory.recall(cue, now_ns)
    profile.disable()
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    rows = [
        {
            "function": f"{Path(file).name}:{line}({name})",
            "own_us": round(own_s / len(cues) * 1e6, 1),
            "with_callees_us": round(all_s / len(cues) * 1e6, 1),
            "calls": round(calls / len(cues), 1),
        }
        for (file, line, name), (_, calls, own_s, all_s, _) in stats.items()
    ]
    return sorted(rows, key=lambda row: -float(str(row["own_us"])))[:_SHOWN]


def _both(name: str, taken: Sequence[Took]) -> Figures:
    wall_ms, cpu_ms = zip(*taken, strict=True)
    return {**quantiles(name, wall_ms), **quantiles(f"{name}_cpu", cpu_ms)}


def _asked_once(store: KeptStore, cue: Cue, query: Query, now_ns: int) -> LifelongMemory:
    memory = opened(store.url)
    memory.recall(cue, now_ns)
    memory.backend.find(query)
    return memory


def _find_name(kind: str, query: Query) -> str:
    return f"{kind} ({', '.join(query.kinds)})" if kind in ("any_text", "vector", "newest") else kind
