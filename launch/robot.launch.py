# SPDX-License-Identifier: Apache-2.0
"""The brain on a robot: beside its own drivers, with a body that answers `run_skill` and `<body>/describe_body`.

The name of the body's node stands in the params_file.

    ros2 launch neuraxis robot.launch.py params_file:=my_robot.yaml
"""

import os

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchDescription

PACKAGE = "neuraxis"
ARGUMENTS = {
    "namespace": ("", "Namespace of every node."),
    "use_sim_time": ("false", "Take the time from /clock."),
    "params_file": ("", "Parameters in ROS form; empty = launch/params/brain.yaml of this package."),
    "autostart": ("true", "Configure and activate at the start."),
    "use_respawn": ("true", "Start a process again when it ends."),
    "store": ("sqlite:///" + os.path.expanduser("~/.ros/neuraxis.sqlite3"), "URL of the hippocampus's store."),
    "log_level": ("info", "debug, info, warn, error or fatal."),
}


def generate_launch_description():
    """Arguments, then the brain; what is the robot's own stands in the params_file."""
    declared = [DeclareLaunchArgument(n, default_value=d, description=h) for n, (d, h) in ARGUMENTS.items()]
    brain = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(os.path.join(get_package_share_directory(PACKAGE), "launch", "brain.launch.py")),
        launch_arguments={n: LaunchConfiguration(n) for n in ARGUMENTS}.items(),
    )
    return LaunchDescription([*declared, brain])
