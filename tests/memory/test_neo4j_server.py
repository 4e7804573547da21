# SPDX-License-Identifier: Apache-2.0
"""The starter of the tests' Neo4j server says what is missing, and fails only where a server is required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "neo4j_server.py"
SHOW = [sys.executable, "-c", "import os; print(os.environ.get('NEURAXIS_TEST_NEO4J', 'none'))"]


def started(folder, *arguments, **variables):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEURAXIS_")}
    environment = {**kept, "NEURAXIS_NEO4J_HOME": str(folder), **variables}
    return subprocess.run(
        [sys.executable, TOOL, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_server_that_is_named_is_used(tmp_path):
    done = started(tmp_path, "--require", *SHOW, NEURAXIS_TEST_NEO4J="bolt://named")
    assert (done.returncode, done.stdout) == (0, "bolt://named\n")


@pytest.mark.parametrize(("required", "code", "said"), [([], 0, "none\n"), (["--require"], 2, "")])
def test_without_a_server_the_command_runs_only_if_none_is_required(tmp_path, required, code, said):
    done = started(tmp_path, *required, *SHOW)
    assert (done.returncode, done.stdout) == (code, said)
    assert f"{tmp_path} holds no lib/neo4j*.jar" in done.stderr


def test_a_server_that_does_not_start_is_an_error(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "neo4j-none.jar").touch()
    assert started(tmp_path, *SHOW).returncode != 0
