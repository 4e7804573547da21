# SPDX-License-Identifier: Apache-2.0
"""docs/swap-a-memory.md does what it says: its package is written, found by its entry points, tested and run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "swap-a-memory.md"
BLOCK = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', re.M | re.S)
POINTS = re.compile(r'^\[project\.entry-points\."(.+)"\]\n((?:\w+ = ".+"\n?)+)', re.M)
LONGEST = 60
NEURAXIS = "from brain_nodes.cli import main; main()"


@pytest.fixture(scope="module")
def blocks() -> list[tuple[str, str]]:
    return [(title, text) for _, title, text in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]


@pytest.fixture(scope="module")
def package(blocks, tmp_path_factory) -> Path:
    """The page's files, and beside them what pip would have made of pyproject.toml."""
    folder = tmp_path_factory.mktemp("pantry")
    for title, text in blocks:
        if title != "run":
            (folder / title).parent.mkdir(exist_ok=True)
            (folder / title).write_text(text, encoding="utf-8")
    described = re.findall(
        r'^\[project\.entry-points\."(.+)"\]\n((?:\w+ = ".+"\n?)+)', dict(blocks)["pyproject.toml"], re.M
    )
    assert len(described) == 2
    info = folder / "pantry-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pantry\nVersion: 1.0\n", encoding="utf-8")
    points = "".join(f"[{group}]\n{lines}\n" for group, lines in described).replace('"', "")
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    return folder


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One command of the page, with the package as if it were installed."""
    program, *arguments = shlex.split(line)
    start = ["-c", NEURAXIS] if program == "neuraxis" else []
    return subprocess.run(
        [sys.executable, *start, *arguments], cwd=folder, capture_output=True, text=True, timeout=110, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])},
    )  # fmt: skip


def test_both_files_are_short_enough_to_write_in_an_evening(blocks):
    lengths = {title: len(text.splitlines()) for title, text in blocks if title.startswith("pantry/")}
    assert len(lengths) == 2
    assert max(lengths.values()) <= LONGEST, lengths


def test_our_contracts_pass_over_the_pages_package(blocks, package):
    lines = [text.strip() for title, text in blocks if title == "run"]
    ran = run(lines[0], package)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed is not None
    assert int(passed[1]) > 70


def test_the_brain_runs_with_the_pages_memory(blocks, package):
    lines = [text.strip() for title, text in blocks if title == "run"]
    ran = run(lines[1], package)
    assert ran.returncode == 0, ran.stderr[-3000:]
    answer = json.loads(ran.stdout)
    assert (answer["memory"], answer["episodes"]) == ("temporal,episodic,semantic,fuzzy", 1)


def test_a_memory_that_is_not_installed_is_refused_by_name(package):
    ran = run("neuraxis run --suite home --episodes 1 --memory spatial,smell --out out", package)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "memory 'smell' is none of" in ran.stderr
