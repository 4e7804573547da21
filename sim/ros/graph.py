# SPDX-License-Identifier: Apache-2.0
"""The graph of processes of a run: brainstem, regions, and the simulator in the runner's own.

Neighbours: run.py opens one for a run, remote_brain.py talks through it; brain_nodes/ros/ are the children.
Rules of the file: only children started here are signalled, by process id; nothing is waited for without a deadline;
a run has a namespace of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from neuraxis_interfaces.action import RunInstruction
from neuraxis_interfaces.msg import Event, Percepts, Plan
from neuraxis_interfaces.srv import Recall
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from brain_nodes.errors import ExecutionError
from brain_nodes.ros.lifecycle_node import LATCHED, SAMPLES, ask
from brain_nodes.ros.spinning import PARENT
from memory.errors import NeuraxisError
from sim.ros.simulator_node import SimulatorNode

PROCESSES = {"brainstem": "brain_nodes.ros.brainstem_node", "regions": "brain_nodes.ros.regions"}
ORDER = ("brainstem", "thalamus", "hippocampus", "cerebellum", "prefrontal")
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 5.0


class BrainLost(NeuraxisError):
    """The brain does not answer; `reason` is the episode's reason code."""

    code = 400

    def __init__(self, message: str, reason: str = "BRAIN_LOST") -> None:
        super().__init__(message)
        self.reason = reason


class Graph:
    """Children, connections, and an executor in a thread.

    Args:
        parameters: Of every region, by its name.
        log: Where the children's output goes.

    Attributes:
        children: Running processes, by name.
        lost: Why the graph is of no more use; "" while it is.
        deadline_s: An answer of the brain arrives by then.
    """

    def __init__(
        self, parameters: dict[str, dict[str, Any]], folder: Path, log: Path, deadline_s: float = 30.0
    ) -> None:
        self.parameters = parameters
        self.deadline_s = deadline_s
        self.lost = ""
        self.namespace = f"/run_{os.getpid()}"
        self._file = folder / "parameters.yaml"
        self._log_path = log
        self._log: TextIO | None = None
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self._heard: dict[str, Any] = {}
        self._complaint = ""
        self._context: Context | None = None

    def __enter__(self) -> Graph:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start what is not running, and bring it up in order.

        Raises:
            BrainLost: a process or a region does not come up; the message names it and its cause.
        """
        if self.children:
            return
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        self._connect()
        self._log = self._log_path.open("a", encoding="utf-8")
        self._file.write_text(spelled(self.parameters), encoding="utf-8")
        for name, module in PROCESSES.items():
            command = [sys.executable, "-m", module, "--ros-args", "-r", f"__ns:={self.namespace}",
                       "--params-file", str(self._file)]  # fmt: skip
            self.children[name] = subprocess.Popen(
                command, stdout=self._log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
                env={**os.environ, PARENT: str(os.getpid())},
            )  # fmt: skip
        clients = {name: self.simulator.create_client(ChangeState, f"{name}/change_state") for name in ORDER}
        for number in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            for name in ORDER:
                self._change(clients[name], name, number)

    def check(self) -> None:
        """Raise if a child has ended.

        Raises:
            BrainLost: it has.
        """
        for name, child in self.children.items():
            if child.poll() is not None:
                raise BrainLost(f"process {name!r} ended with exit code {child.returncode}")
        if self.lost:
            raise BrainLost(self.lost)

    def lose(self, why: str) -> None:
        """Give the children up; `start` makes new ones."""
        self.lost = why
        if self._log is not None:
            self._log.write(f"lost: {why}\n")
        self.stop()

    def stop(self) -> None:
        """End the children, the regions before the brainstem, and the connections."""
        for name in reversed(list(self.children)):
            _end(self.children[name])
        self.children.clear()
        self._disconnect()
        if self._log is not None:
            self._log.close()
            self._log = None

    def heard(self, part: str, session: str, sequence: int) -> Any:
        """The newest message of a topic, if it belongs to this observation."""
        message = self._heard.get(part)
        return message if message is not None and (message.session, message.sequence) == (session, sequence) else None

    def complaint(self) -> str:
        """What a node has said was wrong, to be put behind a message."""
        return f"; {self._complaint}" if self._complaint else ""

    def ask(self, client: Any, request: Any) -> Any:
        """Ask a service of the graph.

        Raises:
            BrainLost: no answer.
        """
        try:
            return ask(
                client, request, self.deadline_s, lambda: any(c.poll() is not None for c in self.children.values())
            )
        except ExecutionError as error:
            raise BrainLost(str(error)) from error

    # ---- connections

    def _connect(self) -> None:
        self._heard.clear()
        self._complaint = ""
        self._context = Context()
        rclpy.init(context=self._context, args=["--ros-args", "-r", f"__ns:={self.namespace}"],
                   signal_handler_options=SignalHandlerOptions.NO)  # fmt: skip
        node = self.simulator = SimulatorNode(context=self._context)
        self.instructions = ActionClient(node, RunInstruction, "run_instruction")
        self.recall = node.create_client(Recall, "hippocampus/recall")
        for part, kind, qos in (("percepts", Percepts, SAMPLES), ("events", Event, SAMPLES), ("plan", Plan, LATCHED)):
            node.create_subscription(kind, part, lambda message, part=part: self._note(part, message), qos)
        node.create_subscription(DiagnosticArray, "diagnostics", self._note_diagnostics, 10)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, args=(self._executor, self._ended), daemon=True)
        self._thread.start()

    def _spin(self, executor: Any, ended: threading.Event) -> None:
        try:
            while not ended.is_set():
                executor.spin_once(timeout_sec=0.2)
        except ExternalShutdownException:
            pass
        except Exception as error:
            self.lost = self.lost or f"connection: {type(error).__name__}: {error}"

    def _disconnect(self) -> None:
        if self._context is None:
            return
        self._ended.set()
        self._executor.wake()
        self._thread.join(timeout=STOP_DEADLINE_S)
        self._executor.shutdown(timeout_sec=1.0)
        self.instructions.destroy()
        self.simulator.destroy_node()
        rclpy.try_shutdown(context=self._context)
        self._context = None

    def _note(self, part: str, message: Any) -> None:
        with self.simulator.changed:
            self._heard[part] = message
            self.simulator.changed.notify_all()

    def _note_diagnostics(self, message: Any) -> None:
        for status in message.status:
            if status.level == DiagnosticStatus.ERROR:
                self._complaint = f"{status.name}: {status.message}"

    def _change(self, client: Any, name: str, number: int) -> None:
        request = ChangeState.Request(transition=Transition(id=number))
        end_s = time.monotonic() + START_DEADLINE_S
        while not client.service_is_ready():
            self.check()
            if time.monotonic() > end_s:
                raise BrainLost(f"{name} did not come up within {START_DEADLINE_S} s")
            time.sleep(0.02)
        if not self.ask(client, request).success:
            time.sleep(0.2)  # its complaint is on its way
            raise BrainLost(f"{name} refused transition {number}{self.complaint()}")


def spelled(parameters: dict[str, dict[str, Any]]) -> str:
    """Parameters as ROS reads them from a file.

    >>> print(spelled({"thalamus": {"min_score": 0.5, "names": ()}}), end="")
    /**/thalamus:
      ros__parameters:
        min_score: 0.5
        names: [""]
    """
    lines = []
    for node, values in parameters.items():
        lines += [f"/**/{node}:", "  ros__parameters:"] + [f"    {k}: {_scalar(v)}" for k, v in values.items()]
    return "\n".join(lines) + "\n"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_scalar, value or ("",))) + "]"
    return repr(value)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask it to end, then make it end."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
