# SPDX-License-Identifier: Apache-2.0
"""A corner of the graph for one test: own context, own namespace, an executor in a thread, deadlines everywhere."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import subprocess
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)  # before rclpy is imported
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

DEADLINE_S = 10.0
_LAST_TURNS = 50  # of the executor, at the end of a test
if importlib.util.find_spec("rosidl_generator_py"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the wheels of ROS import themselves is not ours
        importlib.import_module("rosidl_generator_py")


class Corner:
    """Nodes of one test and a node of the test's own."""

    def __init__(self) -> None:
        import rclpy
        from rclpy.context import Context
        from rclpy.executors import MultiThreadedExecutor

        self.namespace = f"/test_{uuid.uuid4().hex[:8]}"
        self.context = Context()
        rclpy.init(context=self.context)
        self.executor = MultiThreadedExecutor(4, context=self.context)
        self.nodes: list[Any] = []
        self._entities: list[Any] = []
        self.error: BaseException | None = None
        self.me = self.add(rclpy.create_node("tester", namespace=self.namespace, context=self.context))
        self._ended = threading.Event()
        self.thread = threading.Thread(target=self._spin, daemon=True)
        self.thread.start()

    def _spin(self) -> None:
        from rclpy.exceptions import InvalidHandle

        try:
            while not self._ended.is_set():
                with contextlib.suppress(InvalidHandle):  # a test has just destroyed what was to be waited for
                    self.executor.spin_once(timeout_sec=0.1)
        except BaseException as error:  # shown to the test at its end
            self.error = error

    def add(self, node: Any) -> Any:
        """Have a node spun and destroyed."""
        self.nodes.append(node)
        self.executor.add_node(node)
        return node

    def make(self, kind: Callable[..., Any], **parameters: Any) -> Any:
        """A region's node with these parameters, unconfigured."""
        from rclpy.parameter import Parameter

        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        return self.add(kind(namespace=self.namespace, context=self.context, parameter_overrides=overrides))

    def up(self, kind: Callable[..., Any], **parameters: Any) -> Any:
        """The same, active."""
        node = self.make(kind, **parameters)
        assert self.change(node, "configure")
        assert self.change(node, "activate")
        return node

    def change(self, node: Any, transition: str) -> bool:
        """Ask for a transition; did it work?"""
        from lifecycle_msgs.msg import Transition
        from lifecycle_msgs.srv import ChangeState

        number = getattr(Transition, f"TRANSITION_{transition.upper()}")
        request = ChangeState.Request(transition=Transition(id=number))
        return bool(self.call(ChangeState, f"{node.get_name()}/change_state", request).success)

    def state(self, node: Any) -> str:
        """State of its life."""
        from lifecycle_msgs.srv import GetState

        return str(self.call(GetState, f"{node.get_name()}/get_state", GetState.Request()).current_state.label)

    def call(self, kind: Any, name: str, request: Any, deadline_s: float = DEADLINE_S) -> Any:
        """Ask a service, with a deadline."""
        from brain_nodes.ros.lifecycle_node import ask

        client = self.me.create_client(kind, name)
        try:
            return ask(client, request, deadline_s)
        finally:
            self.me.destroy_client(client)

    def hear(self, kind: Any, topic: str, qos: Any = 10) -> list[Any]:
        """What arrives on a topic from now on."""
        heard: list[Any] = []
        self.me.create_subscription(kind, topic, heard.append, qos)
        return heard

    def later(self, entity: Any) -> Any:
        """Have an action client or server destroyed once nothing waits for it any more."""
        self._entities.append(entity)
        return entity

    def complaint(self, word: str) -> Callable[[], str]:
        """From now on: the first diagnostic with this word in it, waited for."""
        from diagnostic_msgs.msg import DiagnosticArray

        said = self.hear(DiagnosticArray, "diagnostics")
        return lambda: str(self.until(lambda: [s.message for a in said for s in a.status if word in s.message])[0])

    def until(self, true: Callable[[], Any], deadline_s: float = DEADLINE_S) -> Any:
        """Wait for something; what it gave."""
        end_s = time.monotonic() + deadline_s
        while not (found := true()):
            assert time.monotonic() < end_s, f"not within {deadline_s} s"
            time.sleep(0.01)
        return found

    def _finish_callbacks(self) -> None:
        """Let what was begun end while its nodes are there.

        rclpy warns of an accepted goal that is never executed, and neither ends nor waits for the threads of its pool.
        """
        from rclpy.exceptions import InvalidHandle

        for node in self.nodes:
            if hasattr(node, "release"):
                node.release.set()
        for _ in range(_LAST_TURNS):
            with contextlib.suppress(InvalidHandle):
                self.executor.spin_once(timeout_sec=0.0)
        pool = self.executor._executor
        pool.shutdown(wait=False)
        for thread in tuple(pool._threads):
            thread.join(2.0)

    def close(self) -> None:
        """End everything, and show what the executor ran into."""
        import rclpy

        self._ended.set()
        self.executor.wake()
        self.thread.join(5)
        self._finish_callbacks()
        self.executor.shutdown(5)
        for entity in self._entities:
            entity.destroy()
        for node in reversed(self.nodes):
            if hasattr(node, "end"):
                node.end()
            node.destroy_node()
        rclpy.try_shutdown(context=self.context)
        assert not self.thread.is_alive()
        if self.error is not None:
            raise self.error


@pytest.fixture
def corner() -> Iterator[Corner]:
    """See Corner."""
    made = Corner()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def children() -> Iterator[Callable[[], set[int]]]:
    """Process ids of region processes that run now; at the end none is left that the test has not found."""

    def running() -> set[int]:
        listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
        mine = f"/run_{os.getpid()}"
        return {int(line.split()[0]) for line in listed.splitlines() if "brain_nodes.ros." in line and mine in line}

    before = running()
    yield running
    assert running() <= before
