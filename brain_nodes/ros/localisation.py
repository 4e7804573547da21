# SPDX-License-Identifier: Apache-2.0
"""Observations of a robot that tells its pose by tf: each is given the pose of its own stamp, or set aside by name.

Neighbours: transforms.py knows the poses; thalamus_node.py can ask here before it attends.
Rules of the file: plain Python with the caller's clock, and no wait inside; too new waits, bounded in time and number,
everything else that has no pose is dropped at once and counted.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from brain_nodes.ros.transforms import TooNew, TransformBuffer, TransformError
from memory.geometry import BASE, CAMERA_OPTICAL, MAP
from memory.records import Observation

LOCALISED, CROWDED = "localised", "crowded"


def located(
    observation: Observation, buffer: TransformBuffer, *, map_frame: str = MAP, base_frame: str = BASE
) -> Observation:
    """The observation with the poses of the base and the camera at its stamp; its frames get their names in memory.

    Raises:
        EmptyFrame, UnknownFrame, NotConnected, TooOld, TooNew: tf does not tell.
    """
    camera = observation.camera
    base_from_camera = buffer.lookup(base_frame, camera.frame_id, observation.stamp_ns)
    map_from_base = buffer.lookup(map_frame, base_frame, observation.stamp_ns)
    named = replace(camera, frame_id=CAMERA_OPTICAL)
    return replace(observation, map_from_base=map_from_base, base_from_camera=base_from_camera, camera=named)


@dataclass(frozen=True, slots=True)
class _Waiting:
    observation: Observation
    note: Any
    until_s: float


class Localiser:
    """Passes observations on with their poses, in the order in which they become known.

    Args:
        take: Is given each observation once it has its poses, and the note that came with it.
        dropped: Is told of each that is dropped: its note, and why.
        bound_s: How long one that is newer than tf may wait.
        capacity: How many may wait; the one that waits longest makes room.

    Attributes:
        counts: How many were "localised", and how many dropped by reason: "too_old", "too_new", "empty_frame",
            "unknown_frame", "not_connected", "crowded".
        last_refusal: Why the latest one was dropped; "" while none was.
    """

    def __init__(
        self,
        buffer: TransformBuffer,
        take: Callable[[Observation, Any], None],
        *,
        dropped: Callable[[Any, str], None] = lambda note, why: None,
        bound_s: float = 0.5,
        capacity: int = 32,
        map_frame: str = MAP,
        base_frame: str = BASE,
    ) -> None:
        self.buffer, self.bound_s, self.capacity = buffer, bound_s, capacity
        self.map_frame, self.base_frame = map_frame, base_frame
        self.counts: Counter[str] = Counter()
        self.last_refusal = ""
        self._take, self._dropped = take, dropped
        self._waiting: deque[_Waiting] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a transform."""
        return len(self._waiting)

    def offer(self, observation: Observation, now_s: float, note: Any = None) -> None:
        """Pass it on, have it wait, or drop it; the note goes with it unread."""
        self.retry(now_s)
        waiting = _Waiting(observation, note, now_s + self.bound_s)
        if self._settled(waiting, last_try=False):
            return
        if len(self._waiting) >= self.capacity:
            self._drop(self._waiting.popleft(), CROWDED, f"{self.capacity} wait already")
        self._waiting.append(waiting)

    def retry(self, now_s: float) -> None:
        """Try those again that wait; for a timer, and whenever a transform has come."""
        for _ in range(len(self._waiting)):
            waiting = self._waiting.popleft()
            if not self._settled(waiting, last_try=now_s >= waiting.until_s):
                self._waiting.append(waiting)

    def _settled(self, one: _Waiting, *, last_try: bool) -> bool:
        """Passed on or dropped; False = it has to wait."""
        try:
            found = located(one.observation, self.buffer, map_frame=self.map_frame, base_frame=self.base_frame)
        except TransformError as error:
            if isinstance(error, TooNew) and not last_try:
                return False
            self._drop(one, error.reason, str(error))
            return True
        self.counts[LOCALISED] += 1
        self._take(found, one.note)
        return True

    def _drop(self, one: _Waiting, reason: str, why: str) -> None:
        self.counts[reason] += 1
        self.last_refusal = f"observation {one.observation.sequence}: {reason}: {why}"
        self._dropped(one.note, self.last_refusal)
