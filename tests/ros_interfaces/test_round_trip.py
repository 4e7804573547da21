# SPDX-License-Identifier: Apache-2.0
"""The interface packages over real DDS: every type can be had, and a message, a service and an action come through
whole. Needs rclpy and the wheels of build_wheels.py (or a ROS installation with the packages built by colcon)."""

from __future__ import annotations

import importlib
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Read when rclpy makes its first context: a domain of our own, and nothing beyond this machine.
os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

HOW = "python tests/ros_interfaces/build_wheels.py --out DIR, then pip install DIR/*.whl"
rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: pip install -e .[ros]", exc_type=ImportError)
interfaces = pytest.importorskip(
    "neuraxis_interfaces", reason=f"neuraxis_interfaces is not installed: {HOW}", exc_type=ImportError
)

pytestmark = [
    pytest.mark.ros,
    # lark 0.12, which the message wheels ask for, imports two modules that Python 3.11 deprecates.
    pytest.mark.filterwarnings(r"ignore:module 'sre_\w+' is deprecated:DeprecationWarning"),
]

HERE = Path(__file__).resolve().parent
FOLDERS = {
    "neuraxis_interfaces": HERE.parents[1] / "brain_nodes" / "interfaces",
    **{f.parent.name: f.parent for f in HERE.glob("*/package.xml")},
}
PARTS = {"msg": ("",), "srv": ("Request", "Response"), "action": ("Goal", "Result", "Feedback")}
DEADLINE_S = 20.0
STAMP_NS = 1_767_225_600_123_456_789  # a float of seconds could not hold it


class Graph:
    """One ROS graph of a test: a context, an executor in a thread, and nodes in a namespace nobody else has."""

    def __init__(self) -> None:
        from rclpy.executors import MultiThreadedExecutor

        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.namespace = f"/test_{uuid.uuid4().hex[:8]}"
        self.executor = MultiThreadedExecutor(4, context=self.context)
        self.error: BaseException | None = None
        self._nodes: list[Any] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def node(self, name: str) -> Any:
        """A node that is spun."""
        node = rclpy.create_node(name, context=self.context, namespace=self.namespace)
        self._nodes.append(node)
        self.executor.add_node(node)
        return node

    def result(self, future: Any) -> Any:
        """What a future comes to, within the deadline."""
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        assert done.wait(DEADLINE_S), f"no answer within {DEADLINE_S} s"
        return future.result()

    def close(self) -> None:
        """End everything, and raise what the thread met."""
        self._stop.set()
        self.executor.shutdown(5)
        self._thread.join(5)
        for node in self._nodes:
            node.destroy_node()
        rclpy.try_shutdown(context=self.context)
        assert not self._thread.is_alive(), "the executor did not end"
        if self.error is not None:
            raise self.error

    def _spin(self) -> None:
        from rclpy.executors import ExternalShutdownException, ShutdownException

        try:
            while not self._stop.is_set():
                self.executor.spin_once(timeout_sec=0.2)
        except (ExternalShutdownException, ShutdownException):
            pass
        except BaseException as error:
            self.error = error


@pytest.fixture
def graph() -> Iterator[Graph]:
    """A graph that is closed, whatever the test did."""
    opened = Graph()
    try:
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("package", "kind", "name"),
    [(p, f.suffix[1:], f.stem) for p, d in sorted(FOLDERS.items()) for f in sorted(d.glob("*/*.[msa]*"))
     if f.suffix[1:] == f.parent.name],
)  # fmt: skip
def test_every_definition_can_be_made(package: str, kind: str, name: str) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed: {HOW}", exc_type=ImportError)
    definition = getattr(importlib.import_module(f"{package}.{kind}"), name)

    made = [(getattr(definition, part) if part else definition)() for part in PARTS[kind]]

    assert all(type(m)(**{f: getattr(m, f) for f in m.get_fields_and_field_types()}) == m for m in made)


def test_what_is_left_out_of_a_call_has_its_declared_value() -> None:
    from neuraxis_interfaces.srv import Recall, Remember

    assert Recall.Request().k == 10
    assert Remember.Request().confidence == 1.0


def test_a_message_arrives_as_it_was_sent(graph: Graph) -> None:
    from neuraxis_interfaces.msg import Percepts
    from rclpy.qos import DurabilityPolicy, QoSProfile

    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    received: list[Any] = []
    arrived = threading.Event()
    sent = _percepts()

    graph.node("sees").create_publisher(Percepts, "percepts", latched).publish(sent)
    graph.node("hears").create_subscription(Percepts, "percepts", _keep(received, arrived), latched)

    assert arrived.wait(DEADLINE_S)
    assert received == [sent]


def test_a_recall_is_asked_and_answered(graph: Graph) -> None:
    from neuraxis_interfaces.msg import Recollection, Record
    from neuraxis_interfaces.srv import Recall

    record = Record(kind="instance", id="mug-1", robot="robot", version=2, sequence=7, line='{"kind":"instance"}')
    asked: list[Any] = []

    def answer(request: Any, response: Any) -> Any:
        asked.append(request)
        response.status = Recall.Response.FOUND
        response.recollections = [Recollection(record=record, score=1 / 3, memory="spatial", age_ns=2**40)]
        response.applied_sequence = 2**63
        return response

    graph.node("hippocampus").create_service(Recall, "recall", answer)
    client = graph.node("prefrontal").create_client(Recall, "recall")
    assert client.wait_for_service(DEADLINE_S)
    answered = graph.result(client.call_async(Recall.Request(label="Mug", until_ns=STAMP_NS, k=3)))

    assert [(r.label, r.until_ns, r.k) for r in asked] == [("Mug", STAMP_NS, 3)]
    assert (answered.status, answered.applied_sequence, answered.error_code) == ("found", 2**63, 0)
    assert [(r.record, r.score, r.age_ns) for r in answered.recollections] == [(record, 1 / 3, 2**40)]


def test_an_instruction_gives_feedback_and_an_outcome(graph: Graph) -> None:
    from neuraxis_interfaces.action import RunInstruction
    from rclpy.action import ActionClient, ActionServer
    from rclpy.callback_groups import ReentrantCallbackGroup

    # The client drops feedback that comes before the acceptance or after the result: they are topics of their own.
    known, last = threading.Event(), threading.Event()

    def run(goal: Any) -> Any:
        assert known.wait(DEADLINE_S)
        for number in range(3):
            goal.publish_feedback(RunInstruction.Feedback(sequence=number, step=f"pick_up(mug-{number})", step_count=3))
        assert last.wait(DEADLINE_S)
        goal.abort()
        return RunInstruction.Result(
            reason="NO_PLAN", error_code=RunInstruction.Result.NO_PLAN_FOUND, error_msg=goal.request.instruction
        )

    heard: list[Any] = []

    def hear(message: Any) -> None:
        heard.append(message.feedback.step)
        if len(heard) == 3:
            last.set()

    server_node, client_node = graph.node("prefrontal"), graph.node("person")
    server = ActionServer(server_node, RunInstruction, "run_instruction", run, callback_group=ReentrantCallbackGroup())
    client = ActionClient(client_node, RunInstruction, "run_instruction", callback_group=ReentrantCallbackGroup())
    try:
        assert client.wait_for_server(DEADLINE_S)
        goal = graph.result(client.send_goal_async(RunInstruction.Goal(instruction="bring the mug"), hear))
        assert goal.accepted
        known.set()
        result = graph.result(goal.get_result_async()).result

        assert heard == [f"pick_up(mug-{n})" for n in range(3)]
        assert (result.reason, result.error_code, result.error_msg) == ("NO_PLAN", 301, "bring the mug")
    finally:
        client.destroy()
        server.destroy()


def _percepts() -> Any:
    from builtin_interfaces.msg import Time
    from geometry_msgs.msg import Point, Vector3
    from neuraxis_interfaces.msg import Outcome, Percept, Percepts
    from std_msgs.msg import Header

    seconds, rest_ns = divmod(STAMP_NS, 10**9)
    header = Header(stamp=Time(sec=seconds, nanosec=rest_ns), frame_id="map")
    mug = Percept(
        header=header, map_id="map-0", map_revision="0", label="Becher ☕", position=Point(x=0.1, y=-1 / 3, z=1e-9),
        size=Vector3(x=0.1, y=0.1, z=0.1), score=0.9, states=["clean"], embedding=[0.5, -0.5],
    )  # fmt: skip
    return Percepts(
        header=header, session="a/b", sequence=2**63, map_id="map-0", map_revision="0", seen=[mug, mug],
        gripper=Percepts.GRIPPER_HOLDS, has_outcome=True,
        outcome=Outcome(call_id="a/b#1", code=Outcome.STUCK, reason="still running"), rejected=["Mug: not finite"],
    )  # fmt: skip


def _keep(received: list[Any], arrived: threading.Event) -> Callable[[Any], None]:
    def keep(message: Any) -> None:
        received.append(message)
        arrived.set()

    return keep
