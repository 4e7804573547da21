# SPDX-License-Identifier: Apache-2.0
"""The graph store's server is killed, and comes back. A real server of the test's own, over a folder of its own."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from memory.backend import Batch, Receipt
from memory.backends.neo4j import Neo4jBackend
from memory.records import Tally
from memory.samples import START_NS, ContractClock, mug
from tools import neo4j_server

pytestmark = [pytest.mark.neo4j, pytest.mark.long, pytest.mark.timeout(600)]  # it starts a server three times
BEFORE, AFTER = 60, 40  # batches acknowledged before the server is killed, and after


@pytest.fixture
def servers(tmp_path) -> Iterator:
    """Start a server over the test's folder, again and again."""
    if why := neo4j_server.missing():
        (pytest.fail if os.environ.get(neo4j_server.REQUIRED) else pytest.skip)(why)
    with ExitStack() as running:
        yield lambda port=0: running.enter_context(neo4j_server.running(neo4j_server.home(), tmp_path, port))


class Writer(threading.Thread):
    """Writes one batch after the other until it is told to stop; knows what was acknowledged."""

    def __init__(self, store: Neo4jBackend) -> None:
        super().__init__(daemon=True)
        self.store = store
        self.over = threading.Event()
        self.acknowledged: list[Receipt] = []
        self.grown = threading.Condition()

    def run(self) -> None:
        for number in itertools.count():
            if self.over.is_set():
                return
            records = tuple(mug(f"mug-{number}-{part}") for part in range(5))
            tallies = (Tally(f"mug-{number}-0", "robot", START_NS, sightings=number + 1),)
            receipt = self.store.write(Batch(records=records, tallies=tallies, key=f"step-{number}"))
            with self.grown:
                self.acknowledged.append(receipt)
                self.grown.notify()

    def wait(self, count: int) -> None:
        with self.grown:
            assert self.grown.wait_for(lambda: len(self.acknowledged) >= count, 180), len(self.acknowledged)


def test_a_server_killed_in_the_middle_of_writes_loses_nothing_and_writes_nothing_twice(servers):
    server = servers()
    store = Neo4jBackend(server.url, ContractClock(), patience_s=120.0, warm_up_s=0.0)
    writer = Writer(store)
    writer.start()
    for _ in range(2):
        writer.wait(len(writer.acknowledged) + BEFORE)
        server.process.kill()
        server.process.wait()
        server = servers(server.port)
    writer.wait(len(writer.acknowledged) + AFTER)
    writer.over.set()
    writer.join(180)
    written = len(writer.acknowledged)
    log = list(store.changes())
    assert [r.id for r in log] == [f"mug-{n}-{part}" for n in range(written) for part in range(5)]
    assert [r.sequence for r in log] == list(range(1, 5 * written + 1))
    spans = [(r.first_sequence, r.last_sequence) for r in writer.acknowledged]
    assert spans == [(5 * n + 1, 5 * n + 5) for n in range(written)]
    assert sorted(t.sightings for t in store.tallies("robot").values()) == list(range(1, written + 1))
    assert "verified" in store.maintain("verify")
    assert store.write(Batch(records=(mug("else"),), key="step-3")) == writer.acknowledged[3]
    store.close()
