# SPDX-License-Identifier: Apache-2.0
"""What pytest leaves aside: the doctests of the ROS folders where there is no rclpy to import them with."""

from __future__ import annotations

import importlib.util

WITH_ROS = all(importlib.util.find_spec(name) for name in ("rclpy", "neuraxis_interfaces"))

collect_ignore_glob = [] if WITH_ROS else ["brain_nodes/ros/*", "sim/ros/*"]
