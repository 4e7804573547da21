# SPDX-License-Identifier: Apache-2.0
"""What every node of a region has: a managed life, guarded callbacks, deadlines on every wait.

Neighbours: the five *_node.py derive from RegionNode; spinning.py runs them; parameters.py declares what they are told.
Rules of the file: configure opens what the region needs and fails with its cause, and a later configure may work;
only an active node takes in or answers; whatever a callback raises is named in the log and in `diagnostics`, and the
node lives on. `except Exception` stands only at such rims.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from brain_nodes.errors import ExecutionError
from brain_nodes.ros import parameters
from brain_nodes.ros.settings import NodeSettings
from memory.errors import NeuraxisError, StoreError, StoreUnavailable

# Kept for those who join late: no sample of a lockstep run is lost to discovery.
SAMPLES = QoSProfile(
    depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)  # fmt: skip
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)  # fmt: skip
STEADY = Clock(clock_type=ClockType.STEADY_TIME)
POLL_S = 0.01
WATCH_S = 0.1
LISTEN_S = 2.0


class RegionNode(LifecycleNode):  # type: ignore[misc]
    """A region as a managed node.

    Attributes:
        configs: Dataclasses whose fields are parameters of this node, beside those of NodeSettings.
        settings: How it takes part in the graph; read at configure.
        active: Does it take in and answer?
        problems: How many callbacks ended in an error.
    """

    configs: ClassVar[tuple[type[Any], ...]] = ()

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        self.settings = NodeSettings()
        self.active = False
        self.problems = 0
        self._wrong = parameters.declare(self, (NodeSettings, *self.configs))
        self._entities: list[tuple[Callable[[Any], object], Any]] = []
        self._diagnostics = self.create_publisher(DiagnosticArray, "diagnostics", 10)
        self._active_s = 0.0
        self._guard_transitions()
        self.create_timer(LISTEN_S, self._name_silent_topics, clock=STEADY)

    # ---- what a region fills in

    def open(self) -> None:
        """Read the parameters, open what is needed, make the region; raise if it cannot be."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of what `open` took; called also after an `open` that failed."""

    # ---- its life

    def on_configure(self, state: Any) -> TransitionCallbackReturn:
        """Open; a failure is named, and the node is unconfigured as before."""
        try:
            if self._wrong:
                raise ValueError("; ".join(self._wrong))
            self.settings = parameters.read(self, NodeSettings)
            self.open()
        except Exception as error:
            self.report(error, "configure")
            self._let_go()
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: Any) -> TransitionCallbackReturn:
        """Serve from now on."""
        self.active, self._active_s = True, time.monotonic()
        return super().on_activate(state)

    def on_deactivate(self, state: Any) -> TransitionCallbackReturn:
        """Take nothing in and answer nothing."""
        self.active = False
        return super().on_deactivate(state)

    def on_cleanup(self, state: Any) -> TransitionCallbackReturn:
        """Let go of everything."""
        self._let_go()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: Any) -> TransitionCallbackReturn:
        """Let go of everything, for good."""
        self.active = False
        self._let_go()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: Any) -> TransitionCallbackReturn:
        """After a transition that went wrong the node can be configured again."""
        self.active = False
        self._let_go()
        return TransitionCallbackReturn.SUCCESS

    def start(self) -> None:
        """Configure and activate, where the settings ask for it."""
        if not self.get_parameter("autostart").value:
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    # ---- topics and services; made in `open`, destroyed at cleanup

    def say(self, kind: Any, topic: str, qos: QoSProfile = SAMPLES) -> Any:
        """A publisher."""
        publisher = self.create_publisher(kind, topic, qos)
        self._entities.append((self.destroy_publisher, publisher))
        return publisher

    def hear(self, kind: Any, topic: str, take: Callable[[Any], None], qos: QoSProfile = SAMPLES) -> Any:
        """A subscription that is deaf while inactive."""

        def heard(message: Any) -> None:
            if not self.active:
                return
            try:
                take(message)
            except Exception as error:
                self.report(error, topic, message)

        mismatched = SubscriptionEventCallbacks(
            incompatible_qos=lambda event: self.report(ExecutionError("a publisher offers another quality of service "
                                                                      f"({event.last_policy_kind})"), topic)
        )  # fmt: skip
        subscription = self.create_subscription(kind, topic, heard, qos, event_callbacks=mismatched)
        self._entities.append((self.destroy_subscription, subscription))
        return subscription

    def serve(self, kind: Any, name: str, answer: Callable[[Any, Any], None]) -> Any:
        """A service with error_code and error_msg in its response."""

        def served(request: Any, response: Any) -> Any:
            try:
                if not self.active:
                    raise StoreUnavailable(f"{self.get_name()} is not active")
                answer(request, response)
            except Exception as error:
                self.report(error, name, request)
                response.error_code = error.code if isinstance(error, NeuraxisError) and error.code else StoreError.code
                response.error_msg = str(error)
            return response

        service = self.create_service(kind, name, served)
        self._entities.append((self.destroy_service, service))
        return service

    def client(self, kind: Any, name: str) -> Any:
        """A client for `ask`."""
        client = self.create_client(kind, name)
        self._entities.append((self.destroy_client, client))
        return client

    def every(self, period_s: float, do: Callable[[], None]) -> Any:
        """A timer; of a steady clock, which no correction of the time of day holds up."""

        def due() -> None:
            try:
                do()
            except Exception as error:
                self.report(error, "timer")

        timer = self.create_timer(period_s, due, clock=STEADY)
        self._entities.append((self.destroy_timer, timer))
        return timer

    def keep(self, destroy: Callable[[Any], object], entity: Any) -> Any:
        """Have something else destroyed at cleanup."""
        self._entities.append((destroy, entity))
        return entity

    def report(self, error: Exception, where: str, message: Any = None) -> None:
        """Name an error in the log and in diagnostics; the node lives on."""
        self.problems += 1
        text = f"{where}: {type(error).__name__}: {error}"
        self.get_logger().error(text)
        said = {k: str(getattr(message, k)) for k in ("session", "sequence") if hasattr(message, k)}
        self._diagnose(DiagnosticStatus.ERROR, text, said)

    def tell(self, text: str, said: dict[str, str]) -> None:
        """Say in diagnostics how things are, where nothing is wrong."""
        self._diagnose(DiagnosticStatus.OK, text, said)

    def _diagnose(self, level: bytes, text: str, said: dict[str, str]) -> None:
        values = [KeyValue(key=k, value=v) for k, v in said.items()]
        status = DiagnosticStatus(level=level, name=self.get_fully_qualified_name(), message=text, values=values)
        told = DiagnosticArray(status=[status])
        told.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(told)

    def _name_silent_topics(self) -> None:
        """Topics that nobody publishes; whoever comes late is heard all the same."""
        if not self.active:
            return
        heard = [entity.topic_name for destroy, entity in self._entities if destroy == self.destroy_subscription]
        waited_s = time.monotonic() - self._active_s
        silent = {topic: f"waiting for {waited_s:.0f} s" for topic in heard if not self.count_publishers(topic)}
        if silent:
            self._diagnose(DiagnosticStatus.WARN, f"nobody publishes {', '.join(sorted(silent))}", silent)

    def _let_go(self) -> None:
        try:
            self.close()
        except Exception as error:
            self.report(error, "close")
        for destroy, entity in reversed(self._entities):
            destroy(entity)
        self._entities.clear()

    def _guard_transitions(self) -> None:
        """An invalid request is answered with no success; rclpy would raise and leave the caller without an answer."""
        service = self._service_change_state
        change = service.callback

        def changed(request: Any, response: Any) -> Any:
            try:
                return change(request, response)
            except Exception as error:
                self.report(error, f"transition {request.transition.id} {request.transition.label!r}")
                response.success = False
                return response

        service.callback = changed


def ask(client: Any, request: Any, deadline_s: float, give_up: Callable[[], bool] = lambda: False) -> Any:
    """Call a service and wait for the answer; for threads of one's own, never inside a callback.

    Args:
        deadline_s: For finding the service and for its answer together.
        give_up: Looked at meanwhile; True ends the wait at once.

    Raises:
        ExecutionError: no answer by then.
    """
    end_s = time.monotonic() + deadline_s
    while not client.service_is_ready():
        if time.monotonic() > end_s or give_up():
            raise ExecutionError(f"{client.srv_name} is not there after {deadline_s} s")
        time.sleep(POLL_S)
    answered = threading.Event()
    future = client.call_async(request)
    future.add_done_callback(lambda _: answered.set())
    while not answered.wait(min(WATCH_S, max(0.0, end_s - time.monotonic()))):
        if time.monotonic() > end_s or give_up():
            client.remove_pending_request(future)
            raise ExecutionError(f"{client.srv_name} timed out after {deadline_s} s")
    return future.result()
