# SPDX-License-Identifier: Apache-2.0
"""Stores on the tests' Neo4j server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from memory.backend import Backend
from memory.backends.sqlite import SqliteBackend
from memory.samples import ContractClock


@pytest.fixture
def opened(neo4j_url: str) -> Iterator[Callable[..., Backend]]:
    """Open the test server's store, or the one at another address, with a patience of our own."""
    stores = []

    def open_it(url: str = neo4j_url, warm_up_s: float = 0.0, **keywords: object) -> Backend:
        from memory.backends.neo4j import Neo4jBackend

        stores.append(Neo4jBackend(url, ContractClock(), warm_up_s=warm_up_s, **keywords))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[..., Backend]) -> Backend:
    return opened()


@pytest.fixture(params=["the process that writes", "a process that reads"])
def asked(request, store):
    """Who asks the test's SQLite store: whoever writes, or a reader beside."""
    if request.param == "the process that writes":
        yield store
        return
    reader = SqliteBackend(store._file.path, ContractClock(), read_only=True)
    yield reader
    reader.close()
