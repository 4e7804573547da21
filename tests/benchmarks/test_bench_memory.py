# SPDX-License-Identifier: Apache-2.0
"""The memory's benchmark at a tiny size: its keys, its reasons, its order; never its seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memory.bench.benchmark import Settings, run_benchmark
from memory.bench.life import Life
from memory.bench.peers import peer_figures
from memory.bench.questions import MIX, Questions
from memory.bench.results import KEYS, TARGETS, Result, append_history, read_history
from memory.bench.sentences import HASHED, open_corpus
from memory.bench.stores import kept_store
from memory.query import text_of
from sim.home_tasks import suite

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def result(cache: Path) -> Result:
    tiny = Settings(
        size="2k", records=2000, recalls=200, singles=20, backlog=1000, cache=cache, encoder=HASHED,
        sentences_limit=300, profile=True,
    )  # fmt: skip
    return run_benchmark(tiny, lambda told: None)


@pytest.mark.timeout(240)
def test_every_promised_key_is_there_and_null_has_its_reason(result: Result) -> None:
    answer = json.loads(json.dumps(result.as_object()))

    assert set(KEYS) <= set(answer)
    assert set(TARGETS) <= set(KEYS)
    assert [key for key in KEYS if answer[key] is None and not answer[f"{key}_reason"]] == []
    assert [key for key in KEYS if answer[key] is not None and f"{key}_reason" in answer] == []
    assert answer["recall_100k_p50_ms"] is None and "--size 100k" in answer["recall_100k_p50_ms_reason"]
    assert "--neo4j" in answer["neo4j_recall_p50_ms_reason"]
    assert "--peers" in answer["peer_emem_write_ratio_reason"]


def test_quantiles_are_ordered_and_say_over_how_many(result: Result) -> None:
    figures = result.figures
    for name in ("recall_2k", "write_durable", "bare_commit", "write_batch", "recall_backlog"):
        assert 0 < figures[f"{name}_p50_ms"] <= figures[f"{name}_p95_ms"] <= figures[f"{name}_p99_ms"], name
    assert figures["recall_2k_n"] == 200
    assert figures["recall_2k_found"] > 0.5
    assert figures["bytes_per_record"] > 4 * 384
    assert figures["reopen_2k_s"] > 0
    assert figures["writer_rate_beside_readers"] > 0
    assert 0 <= figures["reader_wait_p99_ms"] <= figures["reader_longest_wait_ms"]


def test_the_profile_names_kinds_of_questions_of_finds_and_functions(result: Result) -> None:
    assert set(result.profile["recall_by_kind"]) == {kind for kind, _ in MIX}
    assert {"any_text (event)", "vector (event)", "near", "label", "time"} <= set(result.profile["finds"])
    assert all(row["own_us"] >= 0 for row in result.profile["functions"])


def test_a_store_is_written_once_and_copies_are_taken_away(cache: Path, result: Result) -> None:
    told: list[str] = []
    store = kept_store(open_corpus(None, cache, encoder=HASHED, limit=300), 2000, cache, told.append)

    assert told == []
    assert store.records == result.records
    assert list(cache.glob("run-*")) == []


def test_a_store_of_other_sentences_is_another_store(cache: Path, tmp_path: Path) -> None:
    corpora = [open_corpus(None, cache, encoder=HASHED, limit=limit) for limit in (100, 101)]
    paths = [kept_store(corpus, 200, tmp_path / str(n), lambda told: None).path for n, corpus in enumerate(corpora)]

    assert paths[0].parent.name != paths[1].parent.name


def test_the_large_store_is_only_read_and_says_where_the_rest_is_measured(cache: Path) -> None:
    large = Settings(size="1m", records=200, recalls=20, cache=cache, encoder=HASHED, sentences_limit=100)
    answer = run_benchmark(large, lambda told: None).as_object()

    assert answer["recall_1m_p99_ms"] > 0 and answer["reopen_1m_s"] > 0
    assert answer["write_durable_p50_ms"] is None and "100k" in answer["write_durable_p50_ms_reason"]
    assert answer["writer_rate_beside_readers"] is None and "100k" in answer["writer_rate_beside_readers_reason"]
    assert answer["recall_100k_p50_ms"] is None and "100k" in answer["recall_100k_p50_ms_reason"]


def test_a_peer_is_measured_or_says_why_not(cache: Path, tmp_path: Path) -> None:
    figures, reasons = peer_figures(open_corpus(None, cache, encoder=HASHED, limit=100), tmp_path, 400, "", str)

    assert 0 < figures["peer_ours_filtered_answers"] <= 10
    for peer in ("sqlite_vec", "emem", "neo4j_graphrag"):
        assert f"peer_{peer}_vector_ratio" in figures or reasons[f"peer_{peer}"], peer


def test_a_missed_target_is_called_missed() -> None:
    told = Result("100k", "here", HASHED, 5, 1.0, 1.0)
    told.add({"recall_100k_p50_ms": 3.0, "recall_100k_p99_ms": 9.0, "write_batch_per_s": 4999.0})

    assert told.missed() == ["recall_100k_p50_ms", "write_batch_per_s"]
    assert told.ratios()["recall_100k_p50_ms"] == 3.0


def test_history_grows_by_a_line_a_run_and_the_table_draws_it(tmp_path: Path) -> None:
    told = Result("100k", "here", HASHED, 5, 2.0, 2.0)
    told.add({"recall_100k_p50_ms": 3.0})
    for _ in range(2):
        append_history(tmp_path / "deep" / "history.jsonl", told.history_line("abc"))
    lines = read_history(tmp_path / "deep" / "history.jsonl")

    assert [line["ratios"] for line in lines] == [{"recall_100k_p50_ms": 1.5}] * 2
    assert lines[0]["commit"] == "abc" and lines[0]["versions"]["sqlite"]
    assert told.table(lines).row_count == len(KEYS)


def test_the_same_life_is_lived_again_from_real_sentences(cache: Path) -> None:
    corpus = open_corpus(cache / "nothing here", cache, encoder=HASHED, limit=300)
    first, again = ([r for b in Life(corpus, 1500).batches() for r in b.records] for _ in range(2))

    assert corpus.source == "neuraxis homes"
    assert first == again
    assert {r.kind for r in first} == {"instance", "place", "relation", "event", "episode", "lesson"}
    assert all(r.embedding and r.encoder == HASHED for r in first)
    told = [len(text_of(r).split()) for r in first if r.kind in ("event", "episode")]
    assert 8 <= sum(told) / len(told) <= 20


def test_questions_come_in_their_shares(cache: Path) -> None:
    corpus = open_corpus(None, cache, encoder=HASHED, limit=300)
    life = Life(corpus, 1500)
    for _ in life.batches():
        pass
    kinds = [kind for kind, _ in Questions(corpus, life.met()).cues(1000)]

    assert {kind: kinds.count(kind) for kind in set(kinds)} == {kind: 10 * share for kind, share in MIX}


def test_our_own_sentences_are_those_of_our_homes() -> None:
    written = set((ROOT / "memory/bench/data/home_sentences.tsv").read_text(encoding="utf-8").splitlines())
    told = [f"{t.labels['object'].lower()}\t{t.subset}\t{t.instruction}" for t in suite(20, seed=0)]
    short = [line for line in told if len(line.split("\t")[2].split()) <= 10]

    assert short and set(short) <= written, "run tools/home_sentences.py"
