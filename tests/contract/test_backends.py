# SPDX-License-Identifier: Apache-2.0
"""Every backend keeps every promise of memory/testing.py."""

import pytest

from memory.testing import BackendContract


class TestInMemory(BackendContract):
    url = "memory://"


@pytest.mark.neo4j
@pytest.mark.timeout(600)
class TestNeo4j(BackendContract):
    url = "neo4j"  # stands for the test server's address, its store emptied
    questions = 300  # all of them in tests/memory/test_neo4j.py, which is long


class TestSqlite(BackendContract):
    url = "sqlite:///{folder}/store.db"


def test_nobody_may_quietly_switch_a_promise_off():
    with pytest.raises(TypeError, match="test_a_key_is_committed_once"):
        type("TestCheat", (BackendContract,), {"test_a_key_is_committed_once": None})
