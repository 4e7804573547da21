# SPDX-License-Identifier: Apache-2.0
"""docs/abilities.md is what the contract grid says."""

import subprocess
import sys
from pathlib import Path

import pytest

from memory.testing import BackendContract, MemoryContract
from tools import abilities

ROOT = Path(__file__).parents[1]


def test_the_page_names_every_promise_in_order_and_none_that_is_not_kept():
    tables = abilities.read(abilities.PAGE.read_text(encoding="utf-8"))
    for table, contract in (("stores", BackendContract), ("memories", MemoryContract)):
        assert list(tables[table]) == abilities.promises(contract)
        cells = {cell for row in tables[table].values() for cell in row.values()}
        assert cells <= {"yes", "lacks DURABLE", "lacks REOPENS", "lacks BACKUP", "lacks READERS"}
    assert {"InMemory", "Sqlite"} <= set(next(iter(tables["stores"].values())))
    assert {"Spatial", "Temporal", "Episodic", "Semantic"} <= set(next(iter(tables["memories"].values())))


def test_a_page_is_read_as_it_is_written():
    text = abilities.PAGE.read_text(encoding="utf-8")
    tables = abilities.read(text)
    assert abilities.spelled(tables) == text
    fresh = {"stores": {abilities.promises(BackendContract)[0]: {"Sqlite": "NO"}}, "memories": {}}
    assert abilities.merged(tables, fresh)["stores"][abilities.promises(BackendContract)[0]]["Sqlite"] == "NO"


def test_a_column_whose_server_is_not_there_stays_as_the_page_has_it():
    asked = abilities.Results()
    for outcome, said in (
        ("passed", ""),
        ("skipped", "TestStore lacks BACKUP"),
        ("skipped", "no server; make test-neo4j"),
    ):
        name = f"tests/contract/test_backends.py::Test{outcome}{len(said)}::test_a_key_is_committed_once"
        asked.pytest_runtest_logreport(
            pytest.TestReport(name, ("", 0, ""), {}, outcome, said, "setup" if said else "call")
        )
    assert dict(asked.cells["stores"]) == {"a key is committed once": {"passed0": "yes", "skipped22": "lacks BACKUP"}}


@pytest.mark.long
def test_the_page_is_what_the_grid_says_today():
    checked = subprocess.run(
        [sys.executable, "-m", "tools.abilities", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout[-2000:] + checked.stderr
