# SPDX-License-Identifier: Apache-2.0
"""The graph store while its server is away, silent, or loses answers. Needs a real server.

Rules of the file: an outage is a proxy that this file holds between store and server; nothing of Neo4j is imitated.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from memory.backend import Batch
from memory.embedding import pack
from memory.errors import StoreUnavailable
from memory.query import Query
from memory.samples import ENCODER, mug

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(600)]


@pytest.fixture
def proxy(neo4j_url: str) -> Iterator[Proxy]:
    between = Proxy(neo4j_url)
    yield between
    between.stop()


class Proxy:
    """A wire to the server that can be cut, held still, or lose the answers to commits.

    Attributes:
        url: The server's address through here.
        silent: While true, answers are held back.
        lose_every: Every so many commits the answer is thrown away and the connection cut; 0 = never.
    """

    COMMIT = b"\x00\x02\xb0\x12\x00\x00"  # Bolt's COMMIT as a chunk of its own

    def __init__(self, server: str) -> None:
        rest = server.partition("://")[2]
        host, _, port = rest.partition("/")[0].rpartition(":")
        self._server = (host, int(port))
        self.silent = False
        self.mute: set[int] = set()
        self.lose_every = 0
        self.commits = self.lost = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._port = 0
        self.start()
        self.url = f"bolt://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port), reuse_port=False)
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Nobody answers any more, and every connection is cut."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self._pairs:
            _cut(pair)
        self._pairs.clear()

    def heal(self) -> None:
        """New connections work; those that are silent stay so, as when a server was lost without a word."""
        self.silent = False
        self.mute = set(map(id, self._pairs))

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            pair = (near, socket.create_connection(self._server))
            for end in pair:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs.append(pair)
            losing = threading.Event()
            threading.Thread(target=self._forwards, args=(pair, losing), daemon=True).start()
            threading.Thread(target=self._backwards, args=(pair, losing), daemon=True).start()

    def _forwards(self, pair: tuple[socket.socket, socket.socket], losing: threading.Event) -> None:
        with _quietly(pair):
            while said := pair[0].recv(65536):
                if said.endswith(self.COMMIT):
                    self.commits += 1
                    if self.lose_every and self.commits % self.lose_every == 0:
                        losing.set()
                pair[1].sendall(said)

    def _backwards(self, pair: tuple[socket.socket, socket.socket], losing: threading.Event) -> None:
        with _quietly(pair):
            while said := pair[1].recv(65536):
                if losing.is_set():
                    self.lost += 1
                    return
                while self.silent or id(pair) in self.mute:
                    threading.Event().wait(0.01)
                pair[0].sendall(said)


@contextmanager
def _quietly(pair: tuple[socket.socket, socket.socket]) -> Iterator[None]:
    try:
        yield
    except OSError:
        pass
    finally:
        _cut(pair)


def _cut(pair: tuple[socket.socket, socket.socket]) -> None:
    for end in pair:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue
        end.close()


def test_a_commit_whose_answer_is_lost_is_written_once(opened, proxy):
    """Row 76: the reply of every 5th write is dropped; 100 writes with retries give 100 records."""
    store = opened(proxy.url)
    proxy.lose_every = 5
    receipts = [store.write(Batch(records=(mug(f"mug-{n}"),), key=f"step-{n}" if n % 2 else "")) for n in range(100)]
    assert proxy.lost >= 20
    assert [r.first_sequence for r in receipts] == list(range(1, 101))
    assert [r.id for r in store.changes()] == [f"mug-{n}" for n in range(100)]
    assert store.forget("robot", ("mug-3", "mug-4", "mug-5", "mug-6", "mug-7")) == 5
    assert len({audit.digest for audit in store.audits()}) == len(store.audits()) == 5


def test_a_writer_outlasts_a_server_that_goes_and_comes_back(opened, proxy):
    """Row 86: the wire is cut in the middle of 1000 writes; 1000 records, each once, in order."""
    store = opened(proxy.url)
    at = {200: proxy.stop, 500: proxy.stop, 800: proxy.stop}
    for number in range(1000):
        if number in at:
            at[number]()
            threading.Timer(0.5, proxy.start).start()
        store.write(Batch(records=(mug(f"mug-{number}"),)))
    log = list(store.changes())
    assert [r.id for r in log] == [f"mug-{n}" for n in range(1000)]
    assert [r.sequence for r in log] == list(range(1, 1001))


def test_a_server_that_stays_away_is_a_named_error_and_not_an_empty_answer(opened, proxy):
    store = opened(proxy.url, patience_s=0.5)
    store.write(Batch(records=(mug(),)))
    proxy.stop()
    for call in (
        lambda: store.write(Batch(records=(mug("b"),))),
        lambda: store.find(Query()),
        lambda: store.get("robot", ("mug-1",)),
    ):
        with pytest.raises(StoreUnavailable, match=proxy.url):
            call()
    proxy.start()
    assert [r.id for r in store.find(Query()).records] == ["mug-1"]


def test_a_silent_server_is_left_at_the_deadline(opened, proxy):
    store = opened(proxy.url)
    store.write(Batch(records=(replace(mug(), embedding=pack([1.0, 0.0]), encoder=ENCODER),)))
    asked = (
        Query(),
        Query(text="mug"),
        Query(any_text="mug"),
        Query(near_m=(0.0, 0.0, 0.0), limit=1),
        Query(vector=pack([1.0, 0.0]), encoder=ENCODER, limit=1),
    )
    for query in asked:
        assert store.find(query, deadline_s=10.0).complete
    proxy.silent = True
    for query in asked:
        began_s = time.monotonic()
        found = store.find(query, deadline_s=0.1)
        assert time.monotonic() - began_s < 0.12
        assert (found.records, found.complete) == ((), False)
    proxy.silent = False
    assert store.find(Query(), deadline_s=10.0).complete


def test_a_server_that_was_silent_for_long_is_reached_again_on_fresh_connections(opened, proxy):
    store = opened(proxy.url)
    store.write(Batch(records=(mug(),)))
    proxy.silent = True
    for _ in range(60):  # more than there are threads to wait on
        assert not store.find(Query(), deadline_s=0.01).complete
    proxy.heal()
    assert [r.id for r in store.find(Query(), deadline_s=10.0).records] == ["mug-1"]
    store.write(Batch(records=(mug("b"),)))
    assert store.counts().records == 2


def test_a_write_into_silence_ends_and_is_decided_later(opened, proxy):
    store = opened(proxy.url, patience_s=2.0)
    proxy.silent = True
    with pytest.raises(StoreUnavailable, match="silent"):
        store.write(Batch(records=(mug(),), key="k"))
    proxy.silent = False
    store.write(Batch(records=(mug(),), key="k"))
    assert store.counts().records == 1
