# SPDX-License-Identifier: Apache-2.0
"""What pytest leaves aside, and that no example is judged by how long it took on a busy machine.

Left aside are the doctests of the ROS folders where there is no rclpy to import them with.
"""

from __future__ import annotations

import importlib.util

from hypothesis import settings

WITH_ROS = all(importlib.util.find_spec(name) for name in ("rclpy", "neuraxis_interfaces"))

collect_ignore_glob = [] if WITH_ROS else ["brain_nodes/ros/*", "sim/ros/*"]

settings.register_profile("neuraxis", deadline=None)
settings.load_profile("neuraxis")
