# SPDX-License-Identifier: Apache-2.0
"""The brain and a simulated household robot, free-running.

ros2 launch neuraxis simulation.launch.py seed:=7 task:=2
"""

import os

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

PACKAGE = "neuraxis"
ARGUMENTS = {
    "namespace": ("", "Namespace of every node."),
    "use_sim_time": ("false", "Take the time from /clock."),
    "params_file": ("", "Parameters in ROS form; empty = launch/params/brain.yaml of this package."),
    "autostart": ("true", "Configure and activate at the start."),
    "use_respawn": ("false", "Start a process again when it ends."),
    "log_level": ("info", "debug, info, warn, error or fatal."),
    "encoder": ("", "What finds by meaning, such as minilm-l6-v2-int8; empty = as in params_file."),
    "memories": ("", "Which exist, such as spatial,temporal,my_own; none = none of them; empty = as in params_file."),
    "mode": ("embodied", "benchmark (find teleports) or embodied (walk, look, open)."),
    "seed": ("7", "Chooses the home."),
    "task": ("0", "Number of the task whose morning it is."),
    "period_s": ("0.1", "Time from one observation to the next."),
}
PASSED_ON = ("namespace", "use_sim_time", "params_file", "autostart", "use_respawn", "log_level", "encoder", "memories")
TYPES = {"mode": str, "seed": int, "task": int, "period_s": float}


def generate_launch_description():
    """Arguments, the simulator, the brain."""
    declared = [DeclareLaunchArgument(n, default_value=d, description=h) for n, (d, h) in ARGUMENTS.items()]
    simulator = Node(
        package=PACKAGE,
        executable="simulator",
        namespace=LaunchConfiguration("namespace"),
        parameters=[{n: ParameterValue(LaunchConfiguration(n), value_type=t) for n, t in TYPES.items()}],
        arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
        output="screen",
    )
    brain = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(os.path.join(get_package_share_directory(PACKAGE), "launch", "brain.launch.py")),
        launch_arguments={n: LaunchConfiguration(n) for n in PASSED_ON}.items(),
    )
    return LaunchDescription([*declared, simulator, brain])
