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
from brain_nodes.ros.robot_body_node import RobotBodyNode
from brain_nodes.ros.settings import NodeSettings
from sim.ros.graph import spelled

pytestmark = pytest.mark.ros

LAUNCH = Path(__file__).resolve().parents[2] / "launch"
FILES = ("brain", "simulation", "robot")
EVERYWHERE = {"namespace", "use_sim_time", "params_file", "autostart", "use_respawn", "log_level"}


WRITTEN = {"brain": {**NODES, "brainstem": BrainstemNode}, "robot": {"robot_body": RobotBodyNode}}
HEAD = {
    "brain": "# Every parameter of every region with its default; written by python tests/ros/test_launch.py.\n",
    "robot": (
        "# Every parameter of the body of a real robot with its default; written by python tests/ros/test_launch.py.\n"
        "# A robot with an arm and named places, whose own server picks things up:\n"
        '#     places: ["kitchen:=1.5 -2.0 3.14", "desk:=4.0 0.5 0.0"]\n'
        '#     gripper: "gripper_controller/gripper_cmd"\n'
        '#     arm: "arm_controller/follow_joint_trajectory"\n'
        '#     postures: ["home:=shoulder=0.0 elbow=1.57 duration_s=4.0"]\n'
        '#     forward: ["pick_up:=arm/run_skill", "put_down:=arm/run_skill"]\n'
        '#     labels: ["pickupable:=Mug Bottle", "receptacle:=Table Shelf"]\n'
    ),
}


def told(file: str) -> dict[str, dict[str, Any]]:
    """Every parameter of every node of a file with its default."""
    return {
        name: {
            field: default
            for config in (NodeSettings, *kind.configs)
            for field, default, _ in parameters.fields_of(config)
        }
        for name, kind in WRITTEN[file].items()
    }


@pytest.mark.parametrize("file", WRITTEN)
def test_the_parameter_file_holds_every_parameter_with_its_default(file: str) -> None:
    """After a change: python tests/ros/test_launch.py"""
    written = yaml.safe_load((LAUNCH / "params" / f"{file}.yaml").read_text(encoding="utf-8"))

    assert written == yaml.safe_load(spelled(told(file)))


def test_the_example_of_a_robot_with_an_arm_can_be_configured(corner: Any) -> None:
    example = "\n".join(line.removeprefix("#     ") for line in HEAD["robot"].splitlines() if line.startswith("#  "))

    assert corner.up(RobotBodyNode, **yaml.safe_load(example)).active


def test_the_body_of_a_robot_is_an_argument() -> None:
    assert "neuraxis/robot_body" in _arguments("robot")["body"]
    assert "body" in _arguments("brain")


@pytest.mark.parametrize("name", FILES)
def test_what_finds_by_meaning_is_an_argument(name: str) -> None:
    assert "minilm-l6-v2-int8" in _arguments(name)["encoder"]


@pytest.mark.parametrize("name", FILES)
def test_which_memories_exist_is_an_argument(name: str) -> None:
    assert "spatial,temporal,my_own" in _arguments(name)["memories"]


@pytest.mark.parametrize("name", FILES)
def test_a_launch_file_has_the_arguments_that_all_have(name: str) -> None:
    tree = ast.parse((LAUNCH / f"{name}.launch.py").read_text(encoding="utf-8"))

    assert set(_arguments(name)) >= EVERYWHERE
    assert any(isinstance(n, ast.FunctionDef) and n.name == "generate_launch_description" for n in tree.body)


def _arguments(name: str) -> dict[str, str]:
    """The arguments of a launch file, each with its source."""
    tree = ast.parse((LAUNCH / f"{name}.launch.py").read_text(encoding="utf-8"))
    tables = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "ARGUMENTS"]
    table = tables[0]
    assert isinstance(table, ast.Dict)
    return {
        k.value: ast.unparse(v) for k, v in zip(table.keys, table.values, strict=True) if isinstance(k, ast.Constant)
    }


if __name__ == "__main__":
    for one in WRITTEN:
        (LAUNCH / "params" / f"{one}.yaml").write_text(HEAD[one] + spelled(told(one)), encoding="utf-8")
