# SPDX-License-Identifier: Apache-2.0
"""What may import what. The contracts stand in pyproject.toml; here they run, are shown to be able to fail, and are
compared with what an interpreter really loads, since a package's __init__ can pull in what no contract sees."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REGIONS = ("thalamus", "hippocampus", "prefrontal", "cerebellum", "brainstem")
MODELS = ("torch", "diffusers", "transformers", "onnxruntime", "openai")
STORES = ("neo4j", "sqlite3", "usearch")
ROS = ("rclpy", "launch", "std_msgs", "sensor_msgs", "geometry_msgs")
OPTIONAL = (*MODELS, *ROS, "neo4j", "usearch", "gymnasium", "embreex", "open3d", "rerun", "ray")

# The only modules that may need an optional package to be imported, and which.
ADAPTERS = {
    "sim.gym_environment": "gymnasium",
    "memory.backends.neo4j": "neo4j",
    "memory.backends.neo4j_link": "neo4j",
}

# (lines added to the house, words of the contract that must break)
VIOLATIONS = [
    ({"memory/geometry.py": "import brain_nodes.config"}, "sim -> brain_nodes -> memory"),
    ({"brain_nodes/config.py": "import sim.world"}, "sim -> brain_nodes -> memory"),
    ({"brain_nodes/errors.py": "import brain_nodes.config"}, "ros | cli > brain"),
    ({"brain_nodes/thalamus/new.py": "import brain_nodes.cerebellum.body"}, "ros | cli > brain"),
    ({"brain_nodes/without_a_layer.py": "pass"}, "ros | cli > brain"),
    ({"sim/world.py": "import rclpy"}, "rclpy, launch and message packages"),
    ({"brain_nodes/config.py": "from sensor_msgs.msg import Image"}, "rclpy, launch and message packages"),
    ({"memory/query.py": "import torch"}, "torch and its family"),
    ({"memory/backend.py": "import neo4j"}, "neo4j only in its backend"),
    ({"brain_nodes/brainstem/new.py": "import memory.backends"}, "reaches no store"),
    (
        {"brain_nodes/brainstem/new.py": "import brain_nodes.errors", "brain_nodes/errors.py": "import memory.backend"},
        "reaches no store",
    ),
    (
        {"brain_nodes/brainstem/new.py": "import brain_nodes.language", "brain_nodes/language/__init__.py": "pass"},
        "reaches no language",
    ),
]


def test_the_contracts_hold(root: Path) -> None:
    done = _lint_imports(root)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("added", "contract"), VIOLATIONS)
def test_a_contract_breaks_when_its_rule_does(root: Path, tmp_path: Path, added: dict[str, str], contract: str) -> None:
    house = _copy(root, tmp_path)
    for file, line in added.items():
        _add(house, file, line)

    report = _lint_imports(house)

    assert _verdict(report.stdout, contract) == "BROKEN", report.stdout + report.stderr


def test_memory_stands_alone(fresh: Callable[[str], list[str]]) -> None:
    loaded = _loaded_by("memory", fresh=fresh)

    assert not _within(loaded, ("brain_nodes", "sim", *OPTIONAL)), "the ground floor is usable without the others"


def test_no_module_of_memory_reaches_a_floor_above(sources: dict[str, Path], fresh: Callable[[str], list[str]]) -> None:
    loaded = _loaded_by(*_below("memory", sources), fresh=fresh)

    assert not _within(loaded, ("brain_nodes", "sim", *MODELS, *ROS))


def test_the_brain_reaches_no_simulator(sources: dict[str, Path], fresh: Callable[[str], list[str]]) -> None:
    loaded = _loaded_by(*_below("brain_nodes", sources), fresh=fresh)

    assert not _within(loaded, ("sim", *ROS))


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_loads_no_other_region(
    region: str, sources: dict[str, Path], fresh: Callable[[str], list[str]]
) -> None:
    loaded = _loaded_by(*_below(f"brain_nodes.{region}", sources), fresh=fresh)

    others = tuple(f"brain_nodes.{other}" for other in REGIONS if other != region)
    assert not _within(loaded, (*others, "brain_nodes.brain", "brain_nodes.ros", "sim")), (
        "regions meet only through memory.records (docs/adr/0003)"
    )


def test_stop_needs_no_memory_no_language_and_no_model(
    sources: dict[str, Path], fresh: Callable[[str], list[str]]
) -> None:
    loaded = _loaded_by(*_below("brain_nodes.brainstem", sources), fresh=fresh)

    stores = ("memory.backend", "memory.backends", "memory.registry", "memory.lifelong", "memory.recall", *STORES)
    learned = ("brain_nodes.language", "brain_nodes.policies", *MODELS)
    assert not _within(loaded, (*stores, *learned)), "the stop must work while any of these is broken"


def test_only_named_adapters_need_an_optional_package(
    sources: dict[str, Path], fresh: Callable[[str], dict[str, str]]
) -> None:
    modules = [m for m in sources if "ros" not in m.split(".")]

    refused = fresh(
        "import importlib, json, sys\n"
        f"OPTIONAL = set({OPTIONAL!r})\n"
        "class Refuser:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in OPTIONAL:\n"
        "            raise ModuleNotFoundError(f'{name} is refused', name=name)\n"
        "sys.meta_path.insert(0, Refuser())\n"
        "failed = {}\n"
        f"for module in {modules!r}:\n"
        "    try:\n"
        "        importlib.import_module(module)\n"
        "    except ModuleNotFoundError as error:\n"
        "        failed[module] = error.name.partition('.')[0]\n"
        "print(json.dumps(failed))"
    )

    assert refused == {m: p for m, p in ADAPTERS.items() if m in sources}


def _loaded_by(*modules: str, fresh: Callable[[str], list[str]]) -> list[str]:
    imports = "\n".join(f"import {m}" for m in modules)
    return fresh(f"import json, sys\n{imports}\nprint(json.dumps(sorted(sys.modules)))")


def _below(package: str, sources: dict[str, Path]) -> list[str]:
    """Its modules, but for those that need ROS or an optional package to be imported at all."""
    inside = _within(list(sources), (package,))
    return [m for m in inside if "ros" not in m.split(".") and m not in ADAPTERS]


def _within(loaded: list[str], packages: tuple[str, ...]) -> list[str]:
    return [m for m in loaded if any(m == p or m.startswith(f"{p}.") for p in packages)]


def _lint_imports(house: Path) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache"],
        cwd=house, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def _copy(root: Path, to: Path) -> Path:
    shutil.copy(root / "pyproject.toml", to)
    for package in ("memory", "brain_nodes", "sim"):
        shutil.copytree(root / package, to / package, ignore=shutil.ignore_patterns("__pycache__"))
    return to


def _add(house: Path, file: str, line: str) -> None:
    target = house / file
    target.parent.mkdir(exist_ok=True)
    text = target.read_text(encoding="utf-8") if target.exists() else ""
    target.write_text(f"{text}\n{line}\n", encoding="utf-8")


def _verdict(report: str, contract: str) -> str:
    found = re.search(re.escape(contract) + r".*?(KEPT|BROKEN)", " ".join(report.split()))
    return found[1] if found else "not run"
