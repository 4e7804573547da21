# SPDX-License-Identifier: Apache-2.0
"""Every kind of store, and the Neo4j server of the tests: a real one, named by NEURAXIS_TEST_NEO4J; never a mock.

Neighbours: tools/neo4j_server.py starts one and sets the variable; make test-neo4j does both.
Rules of the file: the server belongs to the tests. Its nodes are erased before each test that asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "NEURAXIS_TEST_NEO4J"
REQUIRED = "NEURAXIS_REQUIRE_NEO4J"  # set where a run without a server must fail
STORES = ("memory://", "sqlite:///{folder}/store/robot.db", pytest.param("neo4j", marks=pytest.mark.neo4j))


@pytest.fixture(scope="session")
def neo4j_server() -> Iterator[tuple[str, Callable[..., list[Any]]]]:
    """The server's URL, and a way to ask it past the backend: cypher(statement, **parameters) -> rows."""
    url = os.environ.get(VARIABLE, "")
    if not url:
        (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(f"{VARIABLE} names no server; make test-neo4j")
    neo4j = pytest.importorskip("neo4j", reason="the neo4j driver is not installed; pip install 'neuraxis[neo4j]'")
    password = os.environ.get("NEO4J_PASSWORD", "")
    with neo4j.GraphDatabase.driver(
        url, auth=("neo4j", password) if password else None, notifications_min_severity="OFF"
    ) as driver:

        def cypher(statement: str, **parameters: Any) -> list[Any]:
            with driver.session() as session:
                return session.run(statement, parameters).values()

        yield url, cypher


@pytest.fixture
def cypher(neo4j_server: tuple[str, Callable[..., list[Any]]]) -> Callable[..., list[Any]]:
    return neo4j_server[1]


@pytest.fixture
def neo4j_url(neo4j_server: tuple[str, Callable[..., list[Any]]]) -> str:
    """The server's URL, with no node left in it; indexes stay."""
    url, cypher = neo4j_server
    cypher("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS")
    return url


@pytest.fixture(params=STORES)
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty store of each kind; what is a file lies in a folder of its own."""
    if request.param == "neo4j":
        return str(request.getfixturevalue("neo4j_url"))
    (tmp_path / "store").mkdir()
    return str(request.param.format(folder=tmp_path))
