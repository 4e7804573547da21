# SPDX-License-Identifier: Apache-2.0
"""The memory on a Neo4j server, beside the bare driver doing the same statements on the same records, in the same run.

Neighbours: benchmark.py asks for it with --neo4j URL; backends/neo4j.py is what is measured.
Rules of the file: ours goes through LifelongMemory and Backend; the bare side is what a user would write by hand: one
CREATE for a batch of 500 nodes with text, stamps, position and vector, and one statement for each sort of query, with
the indexes they need; both are filled with the same records, once for each server, and stay there for the next run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from contextlib import closing
from typing import Any
from urllib.parse import unquote, urlsplit

from memory.backend import Backend, Batch
from memory.bench.life import Life, Met
from memory.bench.questions import Questions
from memory.bench.scenarios import LATER_NS, recall_figures
from memory.bench.sentences import SIZE, Corpus
from memory.bench.stores import Say, await_index, batches_beside, ticking
from memory.bench.timing import quantile, timed
from memory.embedding import unpack
from memory.errors import NeuraxisError
from memory.lifelong import LifelongMemory
from memory.query import text_of, words
from memory.records import Positioned, Record
from memory.registry import open_backend
from memory.serialization import to_line

PASSWORD = "NEO4J_PASSWORD"  # the backend reads it there, too
RECALLS, BARE_ASKED, EXTRA = 1_000, 200, 5_000
LABEL = "NeuraxisBare"
K = 10

Figures = dict[str, object]

_SCHEMA = (
    f"CREATE CONSTRAINT neuraxis_bare_key IF NOT EXISTS FOR (n:{LABEL}) REQUIRE (n.robot, n.id, n.version) IS UNIQUE",
    f"CREATE VECTOR INDEX neuraxis_bare_vector IF NOT EXISTS FOR (n:{LABEL}) ON (n.vector) "
    f"OPTIONS {{indexConfig: {{`vector.dimensions`: {SIZE}, `vector.similarity_function`: 'cosine'}}}}",
    f"CREATE FULLTEXT INDEX neuraxis_bare_text IF NOT EXISTS FOR (n:{LABEL}) ON EACH [n.text]",
    f"CREATE POINT INDEX neuraxis_bare_place IF NOT EXISTS FOR (n:{LABEL}) ON (n.position)",
    f"CREATE INDEX neuraxis_bare_time IF NOT EXISTS FOR (n:{LABEL}) ON (n.valid_from_ns)",
    f"CREATE INDEX neuraxis_bare_label IF NOT EXISTS FOR (n:{LABEL}) ON (n.label)",
)
_CREATE = f"CYPHER 5 UNWIND $rows AS row CREATE (n:{LABEL}) SET n = row.plain, n.position = point(row.place)"
_QUERIES = {
    "vector": "CYPHER 5 CALL db.index.vector.queryNodes('neuraxis_bare_vector', $k, $vector) YIELD node, score "
    "RETURN node.line, score",
    "text": "CYPHER 5 CALL db.index.fulltext.queryNodes('neuraxis_bare_text', $text, {limit: $k}) YIELD node, score "
    "RETURN node.line, score",
    "near": f"CYPHER 5 MATCH (n:{LABEL}) WHERE point.distance(n.position, point($place)) <= 0.5 "
    "RETURN n.line ORDER BY point.distance(n.position, point($place)) LIMIT $k",
    "time": f"CYPHER 5 MATCH (n:{LABEL}) WHERE n.valid_from_ns >= $since AND n.valid_from_ns < $until "
    "RETURN n.line ORDER BY n.valid_from_ns DESC LIMIT $k",
    "label": f"CYPHER 5 MATCH (n:{LABEL}) WHERE n.label = $label RETURN n.line ORDER BY n.valid_from_ns DESC LIMIT $k",
}


def neo4j_figures(url: str, corpus: Corpus, count: int, budget_s: float, say: Say) -> tuple[Figures, dict[str, str]]:
    """Figures, and the reasons of those that are not there."""
    figures: Figures = {"neo4j_records": count}
    reasons: dict[str, str] = {}
    life = Life(corpus, count, robot=_robot(corpus, count))
    batches = list(life.batches())
    extra = batches_beside(corpus, EXTRA, seed=random.SystemRandom().randint(10**6, 10**9))
    try:
        with closing(_Bare(url)) as bare:
            bare.fill(batches, count, say)
            figures["neo4j_bare_write_per_s"] = bare.written_per_s(extra)
            slowest = bare.query_figures(corpus, life.met())
            figures.update(slowest)
            figures["neo4j_bare_slowest_query_p50_ms"] = max(slowest.values())
    except Exception as error:  # the rim of a foreign driver: without it the server cannot be measured
        return figures, {"neo4j_": f"bare driver: {type(error).__name__}: {error}"[:200]}
    try:
        figures |= _ours(url, corpus, life.met(), batches, extra, budget_s, say)
    except (NeuraxisError, ValueError) as error:
        reasons["neo4j_"] = f"{type(error).__name__}: {error}"[:200]
        return figures, reasons
    for name, ours, bare_key in (
        ("neo4j_recall_over_bare_ratio", "neo4j_recall_p50_ms", "neo4j_bare_slowest_query_p50_ms"),
        ("neo4j_write_over_bare_ratio", "neo4j_write_batch_per_s", "neo4j_bare_write_per_s"),
    ):
        figures[name] = round(float(str(figures[ours])) / float(str(figures[bare_key])), 3)
    return figures, reasons


def connect(url: str) -> tuple[Any, str]:
    """A driver and the database of a URL; the password comes from the environment."""
    import neo4j

    parts = urlsplit(url)
    user = unquote(parts.username or "")
    auth = (user, os.environ.get(PASSWORD, "")) if user else None
    address = f"{parts.scheme}://{parts.hostname}:{parts.port or 7687}"
    driver = neo4j.GraphDatabase.driver(
        address, auth=auth, notifications_min_severity="OFF", max_transaction_retry_time=5.0
    )
    return driver, parts.path.strip("/") or "neo4j"


class _Bare:
    """The driver, and nothing else."""

    def __init__(self, url: str) -> None:
        self._driver, self._database = connect(url)
        for statement in _SCHEMA:
            self._run(statement)

    def fill(self, batches: Sequence[Batch], count: int, say: Say) -> None:
        """Write the records, unless they are there."""
        robot = batches[0].records[0].robot
        held = self._run(f"MATCH (n:{LABEL}) WHERE n.robot = $robot RETURN count(n)", robot=robot)[0][0]
        if held >= count:
            return
        self._run_alone(f"MATCH (n:{LABEL}) CALL (n) {{ DELETE n }} IN TRANSACTIONS OF 1000 ROWS")
        for number, batch in enumerate(batches):
            self._run(_CREATE, rows=[_row(record) for record in batch.records])
            if number % 20 == 0:
                say(f"bare driver: {number} of {len(batches)} batches")
        self._run("CALL db.awaitIndexes(300)")

    def written_per_s(self, batches: Sequence[Batch]) -> float:
        """Acknowledged records a second; they are taken away again."""
        rows = [[_row(record) for record in batch.records] for batch in batches]
        taken_ms = sum(timed(lambda one=some: self._run(_CREATE, rows=one))[0] for some in rows)  # type: ignore[misc]
        self._run(f"MATCH (n:{LABEL}) WHERE n.robot = $robot DELETE n", robot=batches[0].records[0].robot)
        return round(sum(map(len, rows)) / taken_ms * 1e3, 1)

    def query_figures(self, corpus: Corpus, met: Met) -> dict[str, float]:
        """The median of each sort of query, ms."""
        rng = random.Random(3)
        taken_ms: dict[str, list[float]] = {name: [] for name in _QUERIES}
        for _ in range(BARE_ASKED):
            x, y, z = rng.choice(met.places_m)
            until = rng.randint(met.now_ns // 2, met.now_ns)
            said = rng.choice(corpus.asked)
            given = {
                "k": K, "vector": list(unpack(corpus.vector(said))), "text": " ".join(sorted(words(said.text))),
                "place": {"x": x, "y": y, "z": z}, "since": until - 6 * 3600 * 10**9, "until": until,
                "label": rng.choice(sorted(met.things)),
            }  # fmt: skip
            for name, statement in _QUERIES.items():
                used = {key: value for key, value in given.items() if f"${key}" in statement}
                taken_ms[name].append(timed(lambda s=statement, u=used: self._run(s, **u))[0])  # type: ignore[misc]
        return {f"neo4j_bare_{name}_p50_ms": quantile(some, 50) for name, some in taken_ms.items()}

    def close(self) -> None:
        """Let go."""
        self._driver.close()

    def _run(self, statement: str, **given: object) -> list[Any]:
        return list(self._driver.execute_query(statement, given, database_=self._database).records)

    def _run_alone(self, statement: str) -> None:
        """What opens transactions of its own."""
        with self._driver.session(database=self._database) as session:
            session.run(statement).consume()


def _ours(
    url: str, corpus: Corpus, met: Met, batches: Sequence[Batch], extra: Sequence[Batch], budget_s: float, say: Say
) -> Figures:
    robot = batches[0].records[0].robot
    backend = open_backend(url, ticking())
    try:
        _fill(backend, robot, batches, say)
        taken_ms = sum(timed(lambda one=batch: backend.write(one))[0] for batch in extra)  # type: ignore[misc]
        await_index(backend, say)
    finally:
        backend.close()
    figures: Figures = {
        "neo4j_write_batch_per_s": round(sum(len(batch.records) for batch in extra) / taken_ms * 1e3, 1)
    }  # fmt: skip
    with LifelongMemory.open(url, robot=robot, clock=ticking(LATER_NS), continue_=True) as memory:
        questions = Questions(corpus, met)
        cues = questions.cues(RECALLS)
        figures.update(recall_figures(memory, cues, met.now_ns, "neo4j_recall", budget_s)[0])
    return figures


def _fill(backend: Backend, robot: str, batches: Sequence[Batch], say: Say) -> None:
    """Write the records; a batch that is there already changes nothing, by its key."""
    last = batches[-1].records[-1]
    if backend.get(robot, (last.id,)):
        return
    for number, batch in enumerate(batches):
        keyed = Batch(records=batch.records, retire=batch.retire, tallies=batch.tallies, key=f"{robot}/{number}")
        backend.write(keyed)
        if number % 20 == 0:
            say(f"Neo4j: {number} of {len(batches)} batches")


def _robot(corpus: Corpus, count: int) -> str:
    return f"bench-{count}-{corpus.digest}"


def _row(record: Record) -> dict[str, object]:
    x, y, z = record.position_m if isinstance(record, Positioned) else (0.0, 0.0, -1000.0)
    plain = {
        "robot": record.robot, "id": record.id, "version": record.version, "kind": record.kind, "text": text_of(record),
        "label": getattr(record, "label", ""), "valid_from_ns": record.valid_from_ns, "valid_to_ns": record.valid_to_ns,
        "line": to_line(record), "vector": list(unpack(record.embedding)),
    }  # fmt: skip
    return {"plain": plain, "place": {"x": x, "y": y, "z": z}}
