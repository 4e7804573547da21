# SPDX-License-Identifier: Apache-2.0
"""A process of nodes: make, start, spin until a signal, let go.

Neighbours: each *_node.py and regions.py end in a `main` that calls `run`; sim/ros/ starts these as children.
Rules of the file: the spin is bounded, since a wake-up by signal can be lost; a child ends when its parent is gone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

PARENT = "NEURAXIS_PARENT"  # set by a runner for its children: its process id
SPIN_S = 0.2


def run(makers: Sequence[Callable[[], Any]], arguments: list[str] | None = None) -> int:
    """Run nodes in one executor until SIGINT or SIGTERM; returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    rclpy.init(args=sys.argv if arguments is None else arguments, signal_handler_options=SignalHandlerOptions.NO)
    executor = SingleThreadedExecutor()
    nodes = [make() for make in makers]
    for node in nodes:
        executor.add_node(node)
        node.start()
    while not stop.is_set() and not _orphaned():
        try:
            executor.spin_once(timeout_sec=SPIN_S)
        except Exception as error:  # what no node has guarded; the others go on
            nodes[0].get_logger().error(f"executor: {type(error).__name__}: {error}")
    executor.shutdown()
    for node in nodes:
        end = getattr(node, "end", None)
        if end is not None:
            end()
        node.destroy_node()
    rclpy.try_shutdown()
    return 0


def _orphaned() -> bool:
    parent = os.environ.get(PARENT)
    return bool(parent) and os.getppid() != int(parent or 0)
