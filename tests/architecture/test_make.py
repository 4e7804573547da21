# SPDX-License-Identifier: Apache-2.0
"""`make test` runs the ROS group where its environment can be made, and elsewhere says why not. With stand-ins."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SAYS = '#!/bin/sh\necho "$(basename "$(dirname "$(dirname "$0")")") $(basename "$0") $*"\n'
WHY = "ERROR: No matching distribution found for rclpy"
REFUSES = f'#!/bin/sh\necho "ERROR: Could not find a version"\necho "{WHY}"\nexit 1\n'

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    """A folder with our Makefile, where the environment of the tests is there and the one of ROS cannot be made."""
    shutil.copy(root / "Makefile", tmp_path)
    for name in ("setup.py", "pyproject.toml"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1, 1))
    for name in ("ruff", "mypy", "lint-imports", "python"):
        write(tmp_path / ".venv-test/bin" / name, SAYS)
    (tmp_path / ".venv-test/installed").touch()
    write(tmp_path / "interpreter", REFUSES)
    return tmp_path


def write(path: Path, script: str) -> None:
    """A command."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script, encoding="utf-8")
    path.chmod(0o755)


def with_ros(clone: Path, script: str = SAYS) -> None:
    """The environment of ROS is there."""
    write(clone / ".venv-ros/bin/python", script)
    for name in ("packages", "installed"):
        (clone / ".venv-ros" / name).touch()


def make(clone: Path, *more: str) -> tuple[int, list[str]]:
    """Exit code and lines of `make test`."""
    command = ["make", "test", f"PYTHON={clone / 'interpreter'}", *more]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "REQUIRE", "PYTEST_ARGS"))}
    done = subprocess.run(
        command, cwd=clone, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines()


def test_the_ros_group_runs_after_the_others_where_its_environment_is(clone: Path) -> None:
    with_ros(clone)

    code, said = make(clone, "REQUIRE=ros")

    assert code == 0
    first, last = (next(n for n, line in enumerate(said) if line.startswith(f"{v} python")) for v in
                   (".venv-test", ".venv-ros"))  # fmt: skip
    assert first < last
    assert said[last] == ".venv-ros python -m pytest -m ros tests/ros tests/ros_interfaces"


def test_where_the_environment_cannot_be_made_one_line_says_why_and_the_command_succeeds(clone: Path) -> None:
    code, said = make(clone)

    assert (code, said[-1]) == (0, f"The ROS group did not run: {WHY}")


def test_where_ros_is_required_the_same_is_a_failure(clone: Path) -> None:
    code, said = make(clone, "REQUIRE=ros")

    assert code != 0
    assert f"The ROS group did not run: {WHY}" in said


@pytest.mark.parametrize("code", [1, 5])
def test_a_ros_group_that_fails_or_is_empty_fails_the_command(clone: Path, code: int) -> None:
    with_ros(clone, f"#!/bin/sh\nexit {code}\n")

    assert make(clone)[0] != 0


def test_a_choice_that_leaves_no_test_over_ros_is_no_failure(clone: Path) -> None:
    with_ros(clone, "#!/bin/sh\nexit 5\n")

    assert make(clone, "PYTEST_ARGS=-k mug")[0] == 0


def test_interfaces_that_cannot_be_built_fail_the_command(clone: Path) -> None:
    with_ros(clone, "#!/bin/sh\nexit 1\n")
    (clone / ".venv-ros/installed").unlink()

    assert make(clone)[0] != 0
