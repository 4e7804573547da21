# SPDX-License-Identifier: Apache-2.0
"""The simulator as a robot on topics, and runs over a graph of processes.

Neighbours: brain_nodes/ros/ holds the regions' nodes, sim/runner.py the same runs in one process.
"""
