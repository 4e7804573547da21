# SPDX-License-Identifier: Apache-2.0
"""The brain on a robot: beside its own drivers, with a body that answers `run_skill` and `robot_body/describe_body`.

The body is the adapter for Nav2 and ros2_control unless another is given; what of them it drives stands in the
params_file, of which launch/params/robot.yaml is the example.

    ros2 launch neuraxis robot.launch.py params_file:=my_robot.yaml body:=my_package/my_body
"""

import os

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription

PACKAGE = "neuraxis"
BODY = "robot_body"  # whatever runs under this name and answers the same interfaces IS the body
ARGUMENTS = {
    "namespace": ("", "Namespace of every node."),
    "use_sim_time": ("false", "Take the time from /clock."),
    "params_file": ("", "Parameters in ROS form; empty = brain.yaml and robot.yaml in launch/params of this package."),
    "autostart": ("true", "Configure and activate at the start."),
    "use_respawn": ("true", "Start a process again when it ends."),
    "store": ("sqlite:///" + os.path.expanduser("~/.ros/neuraxis.sqlite3"), "URL of the hippocampus's store."),
    "encoder": ("", "What finds by meaning, such as minilm-l6-v2-int8; empty = as in params_file."),
    "memories": ("", "Which exist, such as spatial,temporal,my_own; none = none of them; empty = as in params_file."),
    "body": ("neuraxis/robot_body", "package/executable of the body; none = it runs elsewhere, named in params_file."),
    "log_level": ("info", "debug, info, warn, error or fatal."),
}


def generate_launch_description():
    """Arguments, then the brain and the body."""
    declared = [DeclareLaunchArgument(n, default_value=d, description=h) for n, (d, h) in ARGUMENTS.items()]
    return LaunchDescription([*declared, OpaqueFunction(function=_robot)])


def _robot(context):
    told = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    folder = os.path.join(get_package_share_directory(PACKAGE), "launch")
    alone = told["body"] == "none"
    brain = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(os.path.join(folder, "brain.launch.py")),
        launch_arguments={**told, "body": "" if alone else BODY}.items(),
    )
    return [brain] if alone else [brain, _body(told, os.path.join(folder, "params", "robot.yaml"))]


def _body(told, example):
    package, _, program = told["body"].partition("/")
    if not program:
        raise ValueError(f"body:={told['body']} is neither package/executable nor none")
    flags = {flag: told[flag].lower() == "true" for flag in ("use_sim_time", "autostart")}
    return Node(
        package=package,
        executable=program,
        name=BODY,
        namespace=told["namespace"],
        parameters=[told["params_file"] or example, {**flags, "lockstep": False}],
        arguments=["--ros-args", "--log-level", told["log_level"]],
        respawn=told["use_respawn"].lower() == "true",
        output="screen",
    )
