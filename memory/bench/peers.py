# SPDX-License-Identifier: Apache-2.0
"""Other people's memories on the same records, in the same run: what each offers, as a ratio to ours.

Neighbours: benchmark.py asks for it with --peers; neo4j_bare.py compares with the driver alone.
Rules of the file: each is used as its own documentation does, with the same vectors given to it; a ratio is our time
over theirs for the same work, so below 1 we are faster; one that does not install, import or run is null with the
reason. What differs is said here and not smoothed over:

- sqlite-vec (through apsw, since many Pythons cannot load extensions) compares every vector, as durable as our store;
  its filter is a column of the vector table. It keeps no text index, no history, no positions.
- emem commits with synchronous=NORMAL and keeps its vector index in memory until it is saved: a power cut loses what
  ours keeps. Its filter drops candidates after the vector search: see how many of the 10 answers asked for are left.
- neo4j-graphrag is a library over a server: one node and its vector each, through its own upsert and retriever.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from memory.backend import Batch
from memory.bench.sentences import SIZE, Corpus
from memory.bench.stores import Say, batches_beside, ticking
from memory.bench.timing import quantile, timed
from memory.embedding import unpack
from memory.query import Query, text_of
from memory.records import Event, Record
from memory.registry import open_backend

SUBSET = 10_000  # records; more would take minutes in some of them
ASKED = 200
K = 10
_BATCH = 500
_NEAREST = "SELECT line, distance FROM v WHERE vector MATCH ?"

Figures = dict[str, object]
Span = tuple[int, int]  # since_ns, until_ns


class Peer(Protocol):
    """What is asked of each."""

    def write(self, records: Sequence[Record]) -> None:
        """One batch, acknowledged."""
        ...

    def nearest(self, vector: bytes) -> int:
        """Look for the K nearest; how many there are."""
        ...

    def nearest_between(self, vector: bytes, span: Span) -> int:
        """The same within a span of time."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


def peer_figures(
    corpus: Corpus, folder: Path, records: int, neo4j: str, say: Say
) -> tuple[Figures, dict[str, str]]:  # fmt: skip
    """Ratios, and the reasons of those that are not there."""
    count = min(SUBSET, records)
    told = [r for batch in batches_beside(corpus, 3 * count, seed=400) for r in batch.records if isinstance(r, Event)]
    told = told[:count]
    openers: dict[str, Callable[[], Peer]] = {
        "sqlite_vec": lambda: _SqliteVec(folder / "sqlite_vec.db"),
        "emem": lambda: _Emem(folder / "emem", len(told)),
        "neo4j_graphrag": lambda: _GraphRag(neo4j),
    }
    ours = _measured(_Ours(folder / "ours.sqlite3"), corpus, told)
    figures: Figures = {"peer_records": len(told), **{f"peer_ours_{name}": value for name, value in ours.items()}}
    reasons: dict[str, str] = {}
    for name, opener in openers.items():
        if name == "neo4j_graphrag" and not neo4j:
            reasons[f"peer_{name}"] = "no server: --neo4j URL"
            continue
        say(f"{name} on {len(told)} records")
        try:
            theirs = _measured(opener(), corpus, told)
        except Exception as error:  # the rim of foreign code: its failure is its result
            reasons[f"peer_{name}"] = f"{type(error).__name__}: {error}"[:200]
            continue
        for what, value in theirs.items():
            figures[f"peer_{name}_{what}"] = value
            if what.endswith("_ms"):
                figures[f"peer_{name}_{what.removesuffix('_ms')}_ratio"] = round(ours[what] / value, 4)
    return figures, reasons


def _measured(peer: Peer, corpus: Corpus, records: Sequence[Record]) -> dict[str, float]:
    """Milliseconds: of a record written in batches, and the median of a question."""
    rng = random.Random(5)
    try:
        batches = [records[start : start + _BATCH] for start in range(0, len(records), _BATCH)]
        write_ms = sum(timed(lambda one=batch: peer.write(one))[0] for batch in batches)  # type: ignore[misc]
        vectors = [corpus.vector(rng.choice(corpus.asked)) for _ in range(ASKED)]
        spans = [_span(rng, records) for _ in vectors]
        for vector, span in zip(vectors[:10], spans, strict=False):
            peer.nearest(vector)
            peer.nearest_between(vector, span)
        asked = [timed(lambda one=vector: peer.nearest(one))[0] for vector in vectors]  # type: ignore[misc]
        between = [
            timed(lambda one=vector, when=span: peer.nearest_between(one, when))  # type: ignore[misc]
            for vector, span in zip(vectors, spans, strict=True)
        ]
    finally:
        peer.close()
    return {
        "write_ms": round(write_ms / len(records), 5),
        "vector_ms": quantile(asked, 50),
        "filtered_ms": quantile([took_ms for took_ms, _ in between], 50),
        "filtered_answers": round(sum(answers for _, answers in between) / len(between), 2),
    }


def _span(rng: random.Random, records: Sequence[Record]) -> Span:
    """A tenth of the time."""
    since_ns, until_ns = records[0].valid_from_ns, records[-1].valid_from_ns
    tenth = (until_ns - since_ns) // 10
    start = rng.randint(since_ns, until_ns - tenth)
    return start, start + tenth


class _Ours:
    """The store under measurement."""

    def __init__(self, path: Path) -> None:
        self._backend = open_backend(f"sqlite:///{path}", ticking())
        self._encoder = ""

    def write(self, records: Sequence[Record]) -> None:
        self._encoder = records[0].encoder
        self._backend.write(Batch(records=tuple(records)))

    def nearest(self, vector: bytes) -> int:
        asked = Query(kinds=(Event.kind,), vector=vector, encoder=self._encoder, limit=K)
        return len(self._backend.find(asked).records)

    def nearest_between(self, vector: bytes, span: Span) -> int:
        since_ns, until_ns = span
        asked = Query(kinds=(Event.kind,), vector=vector, encoder=self._encoder, limit=K)
        return len(self._backend.find(replace(asked, since_ns=since_ns, until_ns=until_ns)).records)

    def close(self) -> None:
        self._backend.close()


class _SqliteVec:
    """https://github.com/asg017/sqlite-vec, vec0 table with a metadata column."""

    def __init__(self, path: Path) -> None:
        apsw, sqlite_vec = import_module("apsw"), import_module("sqlite_vec")
        self._sql: Any = apsw.Connection(str(path))
        self._sql.enable_load_extension(True)
        self._sql.load_extension(sqlite_vec.loadable_path())
        for order in ("journal_mode = WAL", "synchronous = FULL"):
            list(self._sql.execute(f"PRAGMA {order}"))
        self._sql.execute(
            "CREATE VIRTUAL TABLE v USING vec0(stamp_ns integer, "
            f"vector float[{SIZE}] distance_metric=cosine, +line text)"
        )

    def write(self, records: Sequence[Record]) -> None:
        with self._sql:
            rows = ((r.valid_from_ns, r.embedding, text_of(r)) for r in records)
            self._sql.executemany("INSERT INTO v(stamp_ns, vector, line) VALUES(?, ?, ?)", rows)

    def nearest(self, vector: bytes) -> int:
        return len(list(self._sql.execute(f"{_NEAREST} AND k = ?", (vector, K))))

    def nearest_between(self, vector: bytes, span: Span) -> int:
        asked = f"{_NEAREST} AND k = ? AND stamp_ns >= ? AND stamp_ns < ?"
        return len(list(self._sql.execute(asked, (vector, K, *span))))

    def close(self) -> None:
        self._sql.close()


class _Emem:
    """emem: its MemoryStore, which takes vectors as they are."""

    def __init__(self, folder: Path, most: int) -> None:
        self._np, emem = import_module("numpy"), import_module("emem")
        folder.mkdir()
        config = emem.SpatioTemporalMemoryConfig(
            db_path=str(folder / "memory.db"), hnsw_path=str(folder / "memory.bin"), hnsw_max_elements=2 * most
        )
        self._store: Any = emem.MemoryStore(config)
        self._node: Any = emem.ObservationNode

    def write(self, records: Sequence[Record]) -> None:
        self._store.add_observations_batch(
            [
                self._node(
                    text=text_of(r), coordinates=self._np.zeros(3), timestamp=r.valid_from_ns / 1e9, id=r.id,
                    embedding=self._np.frombuffer(r.embedding, "<f4"),
                )
                for r in records
            ]
        )  # fmt: skip

    def nearest(self, vector: bytes) -> int:
        return len(self._store.semantic_search_by_vector(self._np.frombuffer(vector, "<f4"), n_results=K))

    def nearest_between(self, vector: bytes, span: Span) -> int:
        seconds = (span[0] / 1e9, span[1] / 1e9)
        asked = self._np.frombuffer(vector, "<f4")
        return len(self._store.semantic_search_by_vector(asked, n_results=K, time_range=seconds))

    def close(self) -> None:
        self._store.close()


class _GraphRag:
    """neo4j-graphrag: its own upsert and VectorRetriever."""

    _LABEL, _INDEX = "NeuraxisPeer", "neuraxis_peer_vectors"

    def __init__(self, url: str) -> None:
        from memory.bench.neo4j_bare import connect

        self._indexes: Any = import_module("neo4j_graphrag.indexes")
        self._types: Any = import_module("neo4j_graphrag.types")
        retrievers: Any = import_module("neo4j_graphrag.retrievers")
        self._driver, self._database = connect(url)
        self._clear()
        self._indexes.create_vector_index(
            self._driver, self._INDEX, label=self._LABEL, embedding_property="vector", dimensions=SIZE,
            similarity_fn="cosine", neo4j_database=self._database,
        )  # fmt: skip
        self._retriever = retrievers.VectorRetriever(
            self._driver, self._INDEX, return_properties=["text"], neo4j_database=self._database
        )  # fmt: skip

    def write(self, records: Sequence[Record]) -> None:
        rows = [{"text": text_of(r), "stamp_ns": r.valid_from_ns} for r in records]
        made = f"UNWIND $rows AS row CREATE (n:{self._LABEL}) SET n = row RETURN elementId(n) AS id"
        ids = [one["id"] for one in self._driver.execute_query(made, rows=rows, database_=self._database).records]
        self._indexes.upsert_vectors(
            self._driver, ids=ids, embedding_property="vector", embeddings=[list(unpack(r.embedding)) for r in records],
            neo4j_database=self._database, entity_type=self._types.EntityType.NODE,
        )  # fmt: skip

    def nearest(self, vector: bytes) -> int:
        return len(self._retriever.search(query_vector=list(unpack(vector)), top_k=K).items)

    def nearest_between(self, vector: bytes, span: Span) -> int:
        between = {"stamp_ns": {"$between": list(span)}}
        return len(self._retriever.search(query_vector=list(unpack(vector)), top_k=K, filters=between).items)

    def close(self) -> None:
        self._clear()
        self._driver.close()

    def _clear(self) -> None:
        self._driver.execute_query(f"DROP INDEX {self._INDEX} IF EXISTS", database_=self._database)
        with self._driver.session(database=self._database) as session:
            erase = f"MATCH (n:{self._LABEL}) CALL (n) {{ DETACH DELETE n }} IN TRANSACTIONS OF 1000 ROWS"
            session.run(erase).consume()
