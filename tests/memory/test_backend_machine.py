# SPDX-License-Identifier: Apache-2.0
"""Each store driven beside the specification by a machine that tries anything.

Rules of the file: the machine knows no store; a subclass opens one, and says how many examples it has time for.
"""

import os
import random
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from memory.backend import Batch, Retirement
from memory.backends.in_memory import InMemoryBackend
from memory.backends.sqlite import SqliteBackend
from memory.errors import NeuraxisError
from memory.records import Tally
from memory.samples import START_NS, ContractClock, sample_query, sample_records
from memory.testing import exported

NEO4J = os.environ.get("NEURAXIS_TEST_NEO4J", "")
PASSWORD = os.environ.get("NEO4J_PASSWORD", "")

ids = st.sampled_from(["a", "b", "c", "d/e", "ü"])
robots = st.sampled_from(["robot", "other"])
versions = st.integers(1, 4)


class Clock:
    """The same reading for both stores, also after one was opened again."""

    def __init__(self):
        self.now_ns = START_NS

    def __call__(self):
        return self.now_ns


class TwoStores(RuleBasedStateMachine):
    """Whatever is done to both, both say the same."""

    def empty_store(self):
        """Make sure that open_store opens one without records."""

    def open_store(self):
        """Open the store at this example's address."""
        raise NotImplementedError

    @initialize()
    def open(self):
        self.folder = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.model = InMemoryBackend(self.clock)
        self.empty_store()
        self.store = self.open_store()

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    def both(self, call):
        said = []
        for backend in (self.model, self.store):
            try:
                said.append(call(backend))
            except NeuraxisError as error:
                said.append(type(error))
        assert said[0] == said[1]
        return said[0]

    @rule(step=st.integers(-5, 50))
    def time_passes(self, step):
        self.clock.now_ns += step

    @rule(
        seed=st.integers(0, 10**6),
        names=st.lists(st.tuples(robots, ids, versions), max_size=4),
        gone=st.lists(st.builds(Retirement, robots, ids, versions), max_size=2),
        key=st.sampled_from(["", "", "k", "l"]),
    )
    def write(self, seed, names, gone, key):
        samples = sample_records(random.Random(seed), len(names))
        records = tuple(
            replace(sample, robot=robot, id=one, version=version)
            for sample, (robot, one, version) in zip(samples, names, strict=True)
        )
        tallies = tuple(Tally(r.id, r.robot, r.valid_from_ns, seed) for r in records[:1])
        self.both(lambda backend: backend.write(Batch(records=records, retire=tuple(gone), tallies=tallies, key=key)))

    @rule(robot=robots, some=st.lists(ids, max_size=2))
    def forget(self, robot, some):
        self.both(lambda backend: backend.forget(robot, tuple(some)))

    @rule()
    def open_again(self):
        self.store.close()
        self.store = self.open_store()

    @rule(seed=st.integers(0, 10**6))
    def ask(self, seed):
        log = list(self.model.changes())
        if log:
            query = sample_query(random.Random(seed), log)
            self.both(lambda backend: backend.find(query).records)

    @rule(robot=robots, some=st.lists(ids, max_size=3))
    def get(self, robot, some):
        self.both(lambda backend: backend.get(robot, tuple(some)))

    @invariant()
    def they_hold_the_same(self):
        if hasattr(self, "store"):
            self.both(exported)
            self.both(lambda backend: backend.last_sequence())
            self.both(lambda backend: backend.counts())
            self.both(lambda backend: backend.audits())


class SqliteBesideModel(TwoStores):
    def open_store(self):
        return SqliteBackend(self.folder / "store.db", self.clock)


class Neo4jBesideModel(TwoStores):
    def empty_store(self):
        import neo4j

        with neo4j.GraphDatabase.driver(NEO4J, auth=("neo4j", PASSWORD) if PASSWORD else None) as driver:
            driver.execute_query("MATCH (n) DETACH DELETE n")

    def open_store(self):
        from memory.backends.neo4j import Neo4jBackend

        return Neo4jBackend(NEO4J, self.clock, warm_up_s=0.0)

    @rule()
    def verify(self):
        assert "verified" in self.store.maintain("verify")


def machine_test(machine, examples):
    case = machine.TestCase
    case.settings = settings(
        max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    return case


TestTwoStores = machine_test(SqliteBesideModel, examples=40)


@pytest.mark.neo4j
@pytest.mark.timeout(600)
@pytest.mark.skipif(not NEO4J, reason="NEURAXIS_TEST_NEO4J names no server; make test-neo4j")
class TestNeo4j(machine_test(Neo4jBesideModel, examples=30)):
    pass


def test_a_frozen_clock_still_gives_rising_stamps(tmp_path):
    store = SqliteBackend(tmp_path / "store.db", lambda: START_NS)
    stamps = [store.write(Batch()).recorded_ns for _ in range(3)]
    store.close()
    again = SqliteBackend(tmp_path / "store.db", lambda: START_NS)
    stamps.append(again.write(Batch()).recorded_ns)
    again.close()
    assert stamps == [START_NS, START_NS + 1, START_NS + 2, START_NS + 3]
    assert ContractClock()() > 0
