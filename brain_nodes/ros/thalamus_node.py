# SPDX-License-Identifier: Apache-2.0
"""The thalamus as a node: `observation` in, `percepts` out, one for one.

Neighbours: a body sends observations; the hippocampus's and the prefrontal node take the percepts.
"""

from __future__ import annotations

import time
from typing import Any

from neuraxis_interfaces.msg import Observation, Percepts
from neuraxis_interfaces.srv import BeginEpisode, EndEpisode

from brain_nodes.config import ThalamusConfig
from brain_nodes.ros import parameters, spinning
from brain_nodes.ros.conversions import from_observation, to_percepts
from brain_nodes.ros.lifecycle_node import RegionNode
from brain_nodes.ros.localisation import Localiser
from brain_nodes.ros.settings import LocalisationSettings
from brain_nodes.ros.transforms import TransformBuffer, TransformListener
from brain_nodes.thalamus.thalamus import Thalamus
from memory.errors import RejectedInput
from memory.records import Observation as Record

RETRY_S = 0.02


class ThalamusNode(RegionNode):
    """Observation -> Percepts."""

    configs = (ThalamusConfig, LocalisationSettings)

    def __init__(self, **options: Any) -> None:
        super().__init__("thalamus", **options)

    def open(self) -> None:
        """Make the region."""
        self.region = Thalamus(parameters.read(self, ThalamusConfig))
        self._percepts = self.say(Percepts, "percepts")
        self._localiser = self._by_tf(parameters.read(self, LocalisationSettings))
        self.hear(Observation, "observation", self._attend)
        self.serve(BeginEpisode, "~/begin_episode", self._begin)
        self.serve(EndEpisode, "~/end_episode", self._end)

    def _by_tf(self, told: LocalisationSettings) -> Localiser | None:
        if told.poses != "tf":
            return None
        buffer = TransformBuffer()
        self.keep(TransformListener.close, TransformListener(self, buffer))
        localiser = Localiser(
            buffer, self._pass_on, dropped=lambda message, why: self.report(RejectedInput(why), "tf", message),
            bound_s=told.tf_wait_s, map_frame=told.map_frame, base_frame=told.base_frame,
        )  # fmt: skip
        self.every(RETRY_S, lambda: localiser.retry(time.monotonic()))
        return localiser

    def _attend(self, message: Any) -> None:
        observation = from_observation(message)
        if self._localiser is None:
            self._pass_on(observation, message)
        else:
            self._localiser.offer(observation, time.monotonic(), message)

    def _pass_on(self, observation: Record, message: Any) -> None:
        percepts = self.region.attend(observation)
        self._percepts.publish(to_percepts(percepts, message.session, message.last))

    def _begin(self, request: Any, response: Any) -> None:
        self.region.rejected.clear()

    def _end(self, request: Any, response: Any) -> None:
        """Nothing is held for an episode."""


def main() -> int:
    """Executable `thalamus`."""
    return spinning.run([ThalamusNode])


if __name__ == "__main__":
    raise SystemExit(main())
