# SPDX-License-Identifier: Apache-2.0
"""What the architecture tests share: where the house stands and how to look at it from a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("memory", "brain_nodes", "sim")


@pytest.fixture(scope="session")
def root() -> Path:
    """Top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def sources() -> dict[str, Path]:
    """Every module of the three packages, by its import path, which is its file path."""
    files = sorted(f for p in PACKAGES for f in (ROOT / p).rglob("*.py") if "interfaces" not in f.parts)
    assert files, f"no sources under {ROOT}"
    return {_dotted(f): f for f in files}


@pytest.fixture(scope="session")
def fresh() -> Callable[[str], object]:
    """Run a script in an interpreter of its own, from the top of the checkout, and read the JSON it prints last."""

    def run(script: str) -> object:
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def _dotted(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
