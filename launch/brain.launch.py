# SPDX-License-Identifier: Apache-2.0
"""The brain beside a robot's own nodes: four regions in one process, the brainstem in another.

    ros2 launch neuraxis brain.launch.py namespace:=robot hippocampus:=my_package/my_hippocampus

Each region is an argument: whatever runs under its name and answers the same interfaces IS that region.
"""

import json
import os
import tempfile

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription

PACKAGE = "neuraxis"
SHARED = ("thalamus", "hippocampus", "cerebellum", "prefrontal")  # in one process unless given
ALONE = "brainstem"  # never shares
ARGUMENTS = {
    "namespace": ("", "Namespace of every node."),
    "use_sim_time": ("false", "Take the time from /clock."),
    "params_file": ("", "Parameters in ROS form; empty = launch/params/brain.yaml of this package."),
    "autostart": ("true", "Configure and activate at the start."),
    "use_respawn": ("false", "Start a process again when it ends."),
    "log_level": ("info", "debug, info, warn, error or fatal."),
    "store": ("", "URL of the hippocampus's store; empty = as in params_file."),
    "encoder": ("", "What finds by meaning, such as minilm-l6-v2-int8; empty = as in params_file."),
    "memories": ("", "Which exist, such as spatial,temporal,my_own; none = none of them; empty = as in params_file."),
    "body": ("", "Name of the body's node; empty = as in params_file."),
    "lockstep": ("false", "Answer each observation by its number, for simulation and replay."),
    **{name: ("", f"package/executable of the {name}; empty = in the shared process.") for name in SHARED},
    ALONE: (f"{PACKAGE}/{ALONE}", "package/executable of the brainstem."),
}


def generate_launch_description():
    """Arguments, then the processes they ask for."""
    declared = [DeclareLaunchArgument(n, default_value=d, description=h) for n, (d, h) in ARGUMENTS.items()]
    return LaunchDescription([*declared, OpaqueFunction(function=_processes)])


def _processes(context):
    told = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    elsewhere = [name for name in SHARED if told[name]]
    processes = [_process(ALONE, told[ALONE], told, name=ALONE)]
    processes += [_process(name, told[name], told, name=name) for name in elsewhere]
    if len(elsewhere) < len(SHARED):
        left_out = [word for name in elsewhere for word in ("--without", name)]
        processes.append(_process("regions", f"{PACKAGE}/regions", told, arguments=left_out))
    return processes


def _process(what, executable, told, name=None, arguments=()):
    package, _, program = executable.partition("/")
    if not program:
        raise ValueError(f"{what}:={executable} is not package/executable")
    params_file = told["params_file"] or os.path.join(
        get_package_share_directory(PACKAGE), "launch", "params", "brain.yaml"
    )
    given = [("hippocampus", "store"), ("hippocampus", "encoder"), ("hippocampus", "memories"), ("prefrontal", "body")]
    files = [params_file, *(_file(node, name, told[name]) for node, name in given if told[name])]
    flags = {flag: told[flag].lower() == "true" for flag in ("use_sim_time", "autostart", "lockstep")}
    return Node(
        package=package,
        executable=program,
        name=name,
        namespace=told["namespace"],
        parameters=[*files, flags],
        arguments=[*arguments, "--ros-args", "--log-level", told["log_level"]],
        respawn=told["use_respawn"].lower() == "true",
        output="screen",
    )


def _file(node, name, value):
    """Parameters for one node of a process that holds several can only be given by a file."""
    if name == "memories":
        value = [""] if value == "none" else [one.strip() for one in value.split(",")]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False, encoding="utf-8") as out:
        out.write(f"/**/{node}:\n  ros__parameters:\n    {name}: {json.dumps(value)}\n")
    return out.name
