# SPDX-License-Identifier: Apache-2.0
"""The regions as ROS 2 nodes. Read lifecycle_node.py first, then any of the five; they have one shape.

Neighbours: each node calls the core of its region and nothing else; sim/ros/ holds the body and the runner.
Rules of the folder: a node converts, calls, converts; every wait has a deadline; no node spins inside a callback.
"""
