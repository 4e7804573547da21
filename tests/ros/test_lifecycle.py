# SPDX-License-Identifier: Apache-2.0
"""Every region's node lives the managed life, says what is wrong, and lives on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (pip install '.[ros]')")
pytest.importorskip("neuraxis_interfaces", reason="the wheel of brain_nodes/interfaces is not installed")

from diagnostic_msgs.msg import DiagnosticArray
from neuraxis_interfaces.msg import Observation, Percepts
from neuraxis_interfaces.srv import Recall

from brain_nodes.ros import parameters
from brain_nodes.ros.brainstem_node import BrainstemNode
from brain_nodes.ros.cerebellum_node import CerebellumNode
from brain_nodes.ros.conversions import to_observation
from brain_nodes.ros.hippocampus_node import HippocampusNode
from brain_nodes.ros.lifecycle_node import SAMPLES
from brain_nodes.ros.prefrontal_node import PrefrontalNode
from brain_nodes.ros.robot_body_node import RobotBodyNode
from brain_nodes.ros.settings import NodeSettings
from brain_nodes.ros.thalamus_node import ThalamusNode
from memory import records as r

pytestmark = pytest.mark.ros

NODES = (ThalamusNode, HippocampusNode, PrefrontalNode, CerebellumNode, BrainstemNode, RobotBodyNode)
NOW = 1_767_258_000_000_000_000


@pytest.mark.parametrize("kind", NODES)
def test_a_node_lives_twice_and_ends(corner: Any, kind: Any) -> None:
    node = corner.make(kind)

    life = ["configure", "activate", "deactivate", "cleanup", "configure", "activate"]
    assert [corner.change(node, step) for step in life] == [True] * len(life)
    assert corner.change(node, "active_shutdown")
    assert corner.state(node) == "finalized"


@pytest.mark.parametrize("kind", NODES)
def test_an_invalid_transition_is_answered_and_the_node_lives_on(corner: Any, kind: Any) -> None:
    node = corner.make(kind)

    assert not corner.change(node, "activate")
    assert corner.change(node, "configure")
    assert not corner.change(node, "configure")
    assert corner.state(node) == "inactive"
    assert node.problems == 2


@pytest.mark.parametrize("kind", NODES)
def test_parameters_are_the_fields_of_the_dataclasses(corner: Any, kind: Any) -> None:
    node = corner.make(kind)

    for config in (NodeSettings, *kind.configs):
        assert parameters.read(node, config) == config()
        for name, _, help_text in parameters.fields_of(config):
            assert node.describe_parameter(name).description == help_text


def test_an_unknown_parameter_keeps_a_node_unconfigured_and_is_named(corner: Any) -> None:
    named = corner.complaint("min_scor")
    node = corner.make(ThalamusNode, min_scor=0.5)

    assert not corner.change(node, "configure")
    assert corner.state(node) == "unconfigured"
    assert named()


def test_a_parameter_of_another_type_is_named(corner: Any) -> None:
    node = corner.make(ThalamusNode, min_score="much")

    assert not corner.change(node, "configure")
    assert node.problems == 1


def test_configure_fails_with_its_cause_and_works_once_the_cause_is_gone(corner: Any, tmp_path: Path) -> None:
    """Field case 4: an exception in a transition callback."""
    folder = tmp_path / "not yet"
    named = corner.complaint("StoreUnavailable")
    node = corner.make(HippocampusNode, store=f"sqlite:///{folder}/memory.sqlite3")

    assert not corner.change(node, "configure")
    assert corner.state(node) == "unconfigured"
    assert str(folder) in named()
    folder.mkdir()
    assert corner.change(node, "configure")
    assert corner.change(node, "activate")


def test_a_second_hippocampus_on_the_same_store_is_refused_by_name(corner: Any, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/memory.sqlite3"
    corner.up(HippocampusNode, store=store)
    named = corner.complaint("StoreUnavailable")
    second = corner.add(
        HippocampusNode(
            namespace=f"{corner.namespace}/other", context=corner.context,
            cli_args=["--ros-args", "-p", f"store:={store}"],
        )
    )  # fmt: skip
    second._diagnostics = corner.me.create_publisher(DiagnosticArray, "diagnostics", 10)
    corner.until(lambda: second._diagnostics.get_subscription_count())

    assert second.trigger_configure().name == "FAILURE"
    assert "held by another writer" in named()


def test_an_inactive_hippocampus_says_so(corner: Any) -> None:
    node = corner.make(HippocampusNode)
    corner.change(node, "configure")

    answer = corner.call(Recall, "hippocampus/recall", Recall.Request())

    assert (answer.error_code, answer.error_msg) == (201, "hippocampus is not active")


def test_a_malformed_message_is_named_and_the_next_one_is_taken(corner: Any) -> None:
    node = corner.up(ThalamusNode)
    percepts = corner.hear(Percepts, "percepts", SAMPLES)
    named = corner.complaint("unset")
    publisher = corner.me.create_publisher(Observation, "observation", SAMPLES)
    good = to_observation(r.Observation(sequence=1, stamp_ns=NOW), "s")

    publisher.publish(Observation(session="s", sequence=0))
    publisher.publish(good)

    assert corner.until(lambda: percepts)[0].sequence == 1
    assert "observation" in named()
    assert node.problems == 1


def test_a_cue_of_an_unknown_kind_is_answered_with_its_error(corner: Any) -> None:
    corner.up(HippocampusNode)

    answer = corner.call(Recall, "hippocampus/recall", Recall.Request(kinds=["unicorn"]))

    assert (answer.status, answer.error_code) == ("failed", 100)
    assert "unicorn" in answer.error_msg
