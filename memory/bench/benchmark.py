# SPDX-License-Identifier: Apache-2.0
"""One run of the benchmark: which scenarios, in which order, over which store.

Neighbours: command.py calls it; scenarios.py, readers.py, neo4j_bare.py and peers.py measure; results.py names the
keys.
Rules of the file: what one scenario wrote is never measured by another that says nothing of it; a scenario that does
not fit the run leaves a reason, not a gap; the kept store is read where it lies, all writing is done to a copy.
"""

from __future__ import annotations

import os
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from memory.bench.questions import Questions
from memory.bench.readers import readers_figures
from memory.bench.results import Result
from memory.bench.scenarios import (
    BACKLOG,
    RECALLS,
    SINGLE_WRITES,
    backlog_figures,
    batch_write_figures,
    find_profile,
    function_profile,
    kind_profile,
    opened,
    recall_figures,
    reopen_figures,
    single_write_figures,
    written_beside,
)
from memory.bench.sentences import Corpus, open_corpus
from memory.bench.stores import KeptStore, Say, await_index, kept_store
from memory.bench.timing import calibration_ms

SIZES = {"100k": 100_000, "1m": 1_000_000}
_ONCE = "measured at 100k, by the run without --size 1m"


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run measures.

    Attributes:
        size: Its name in the keys: "100k".
        records: In the store.
        recalls: Over which the quantiles are; fewer if budget_s passes first.
        singles, backlog: Records written one by one, and in batches.
        budget_s: For all recalls; a quarter of it for those with a backlog.
        cache: Where stores and vectors are kept.
        sentences: Folder of ALFRED's files; None = look beside the checkout.
        encoder: See open_corpus.
        neo4j: URL of a server; "" = not asked.
        peers, profile: Measure other people's memories; say where the time goes.
    """

    size: str = "100k"
    records: int = 100_000
    recalls: int = RECALLS
    singles: int = SINGLE_WRITES
    backlog: int = BACKLOG
    budget_s: float = 100.0
    cache: Path = Path("~/.cache/neuraxis/bench")
    sentences: Path | None = None
    sentences_limit: int = 0
    encoder: str = ""
    neo4j: str = ""
    peers: bool = False
    profile: bool = False


def run_benchmark(settings: Settings, say: Say) -> Result:
    """Measure; every key is in the result, null with a reason where it was not measured."""
    cache = settings.cache.expanduser()
    corpus = open_corpus(
        settings.sentences, cache, encoder=settings.encoder, limit=settings.sentences_limit
    )  # fmt: skip
    store = kept_store(corpus, settings.records, cache, say)
    questions = Questions(corpus, store.met)
    result = Result(settings.size, corpus.source, corpus.encoder, store.records)
    result.calibration_ms = calibration_ms()
    say(f"recall over {store.records} records")
    _measure_kept(settings, store, questions, result)
    with tempfile.TemporaryDirectory(dir=cache, prefix="run-") as folder:
        if settings.size == "1m":
            result.leave("write_", _ONCE)
            result.leave("bare_", _ONCE)
            result.leave("recall_backlog", _ONCE)
            result.leave("reader", _ONCE)
            result.leave("writer", _ONCE)
        else:
            _measure_written(settings, corpus, store.copy(Path(folder, "store")), questions, result, say)
        _measure_others(settings, corpus, Path(folder), result, say)
    result.calibration_after_ms = calibration_ms()
    result.notes += _busy_notes(result)
    return result


def _busy_notes(result: Result) -> list[str]:
    """Say so where others had the machine meanwhile."""
    before_ms, after_ms = result.calibration_ms, result.calibration_after_ms
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if max(before_ms, after_ms) < 1.3 * min(before_ms, after_ms) and load < 1.5 * cores:
        return []
    return [
        f"the machine was busy (load {load:.1f} on {cores} cores, calibration {before_ms} then {after_ms} ms): "
        "wall times hold other people's work; the keys with cpu are this thread's own"
    ]


def _measure_kept(settings: Settings, store: KeptStore, questions: Questions, result: Result) -> None:
    """What only reads."""
    now_ns, size = questions.now_ns, settings.size
    cues = questions.cues(settings.recalls)
    vector_find = next(query for kind, query in questions.finds(1) if kind == "vector")
    first = next(cue for kind, cue in cues if kind == "instruction")
    result.add(reopen_figures(store, first, vector_find, now_ns, size))
    memory = opened(store.url)
    try:
        result.add({"store_unindexed": memory.backend.sizes().unindexed})
        figures, by_kind = recall_figures(memory, cues, now_ns, f"recall_{size}", settings.budget_s)
        result.add(figures)
        if settings.profile:
            result.profile["recall_by_kind"] = kind_profile(by_kind)
            result.profile["finds"] = find_profile(memory.backend, questions, max(5, settings.recalls // 50))
            result.profile["functions"] = function_profile(memory, cues[: max(20, settings.recalls // 20)], now_ns)
        memory.backend.maintain("checkpoint")
    finally:
        memory.close()
    result.add({"bytes_per_record": round(store.files_bytes / store.records, 1)})
    result.add({"store_written_per_s": round(store.records / store.written_s, 1), "store_indexed_s": store.indexed_s})


def _measure_written(
    settings: Settings, corpus: Corpus, copy: KeptStore, questions: Questions, result: Result, say: Say
) -> None:
    """What writes, to a copy: alone, then with a backlog, then beside readers."""
    now_ns = questions.now_ns
    cues = questions.cues(settings.recalls)
    memory = opened(copy.url)
    try:
        say("single durable writes beside bare commits")
        batches, singles = written_beside(corpus, settings.backlog, seed=100)
        result.add(single_write_figures(memory.backend, singles[: settings.singles], copy.path.parent))
        say("batches of 500")
        result.add(batch_write_figures(memory.backend, batches))
        say("recall with the index behind")
        left = singles[settings.singles :] + written_beside(corpus, 1, seed=200)[1]
        result.add(backlog_figures(memory, cues, now_ns, left, settings.budget_s / 4))
        await_index(memory.backend, say)
        say("a writer beside two readers")
        batches, singles = written_beside(corpus, settings.backlog // 2, seed=300)
        cues = random.Random(1).sample(cues, min(len(cues), 200))
        result.add(readers_figures(memory.backend, copy, cues, now_ns, batches, singles[: settings.singles // 2]))
    finally:
        memory.close()


def _measure_others(settings: Settings, corpus: Corpus, folder: Path, result: Result, say: Say) -> None:
    """A graph server, and what others offer."""
    if settings.neo4j:
        from memory.bench.neo4j_bare import neo4j_figures

        say("Neo4j, and the bare driver beside it")
        measured, reasons = neo4j_figures(settings.neo4j, corpus, settings.records, settings.budget_s, say)
        result.add(measured)
        for key, reason in reasons.items():
            result.leave(key, reason)
    else:
        result.leave("neo4j_", "no server: --neo4j URL")
    if settings.peers:
        from memory.bench.peers import peer_figures

        measured, reasons = peer_figures(corpus, folder, settings.records, settings.neo4j, say)
        result.add(measured)
        for key, reason in reasons.items():
            result.leave(key, reason)
    else:
        result.leave("peer_", "not asked: --peers")
