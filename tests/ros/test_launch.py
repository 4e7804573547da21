# SPDX-License-Identifier: Apache-2.0
"""Launch and parameter files say what the code says. They need no launch system to be read."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")
pytest.importorskip("yaml", reason="PyYAML, which rclpy brings, is not installed")

import yaml

from brain_nodes.ros import parameters
from brain_nodes.ros.brainstem_node import BrainstemNode
from brain_nodes.ros.regions import NODES
from brain_nodes.ros.settings import NodeSettings
from sim.ros.graph import spelled

pytestmark = pytest.mark.ros

LAUNCH = Path(__file__).resolve().parents[2] / "launch"
FILES = ("brain", "simulation", "robot")
EVERYWHERE = {"namespace", "use_sim_time", "params_file", "autostart", "use_respawn", "log_level"}


def told() -> dict[str, dict[str, Any]]:
    """Every parameter of every region with its default."""
    return {
        name: {
            field: default
            for config in (NodeSettings, *kind.configs)
            for field, default, _ in parameters.fields_of(config)
        }
        for name, kind in {**NODES, "brainstem": BrainstemNode}.items()
    }


def test_the_parameter_file_holds_every_parameter_with_its_default() -> None:
    """After a change: python tests/ros/test_launch.py"""
    written = yaml.safe_load((LAUNCH / "params" / "brain.yaml").read_text(encoding="utf-8"))

    assert written == yaml.safe_load(spelled(told()))


@pytest.mark.parametrize("name", FILES)
def test_a_launch_file_has_the_arguments_that_all_have(name: str) -> None:
    tree = ast.parse((LAUNCH / f"{name}.launch.py").read_text(encoding="utf-8"))
    tables = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "ARGUMENTS"]
    keys = {k.value for k in tables[0].keys if isinstance(k, ast.Constant)}  # type: ignore[attr-defined]

    assert keys >= EVERYWHERE
    assert any(isinstance(n, ast.FunctionDef) and n.name == "generate_launch_description" for n in tree.body)


if __name__ == "__main__":
    (LAUNCH / "params" / "brain.yaml").write_text(
        "# Every parameter of every region with its default; written by python tests/ros/test_launch.py.\n"
        + spelled(told()),
        encoding="utf-8",
    )
