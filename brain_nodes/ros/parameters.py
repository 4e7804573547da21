# SPDX-License-Identifier: Apache-2.0
"""ROS parameters from dataclasses: name, type, default and help stand in the dataclass and nowhere else.

Neighbours: brain_nodes/config.py holds the regions' dataclasses, settings.py those of the nodes themselves.
Rules of the file: every field is one parameter of the same name; an unknown parameter is an error; a list without
entries is spelled [""] in YAML, since ROS cannot tell the type of an empty one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.parameter import Parameter

OF_ROS = ("use_sim_time", "start_type_description_service")
_TYPES = {
    bool: Parameter.Type.BOOL, int: Parameter.Type.INTEGER, float: Parameter.Type.DOUBLE, str: Parameter.Type.STRING,
    tuple: Parameter.Type.STRING_ARRAY,
}  # fmt: skip
Config = TypeVar("Config")


def declare(node: Node, configs: Iterable[type[Any]]) -> list[str]:
    """Declare every field; what is wrong with the values given from outside, one sentence each."""
    wrong = []
    known = set(OF_ROS)
    for config in configs:
        for name, default, help_text in fields_of(config):
            known.add(name)
            kind = _TYPES[type(default)]
            described = ParameterDescriptor(description=help_text, type=kind.value)
            try:
                node.declare_parameter(name, _to_ros(default), described)
            except InvalidParameterTypeException as error:
                node.declare_parameter(name, _to_ros(default), described, ignore_override=True)
                wrong.append(f"parameter {name!r} must be {kind.name.lower()}: {error}")
    given: Mapping[str, object] = node._parameter_overrides  # the only place that knows what was not declared
    strangers = sorted(n for n in given if n not in known and not n.startswith("qos_overrides."))
    wrong += [f"there is no parameter {name!r}; there are {', '.join(sorted(known))}" for name in strangers]
    return wrong


def read(node: Node, config: type[Config]) -> Config:
    """The dataclass with the values the parameters have now.

    Raises:
        ValueError: the dataclass refuses them.
    """
    values = {name: _from_ros(node.get_parameter(name).value) for name, _, _ in fields_of(config)}
    return config(**values)


def fields_of(config: type[Any]) -> list[tuple[str, Any, str]]:
    """Name, default and help of every field that is a plain value; a region's dataclass in another one is not."""
    return [
        (f.name, f.default, str(f.metadata.get("help", "")))
        for f in dataclasses.fields(config)
        if f.default is not dataclasses.MISSING
    ]


def _to_ros(value: Any) -> Any:
    return (list(value) or [""]) if isinstance(value, tuple) else value


def _from_ros(value: Any) -> Any:
    return tuple(v for v in value if v) if isinstance(value, (list, tuple)) else value
