# SPDX-License-Identifier: Apache-2.0
"""The thalamus: what the senses bring is checked and moved into the map before anyone else sees it.

Neighbours: a body's Observation comes in, Percepts go to the hippocampus and the prefrontal cortex.
Rules of the file: a detection that cannot be true is set aside with its reason and counted, never guessed right.
"""

from __future__ import annotations

import math
from collections import Counter

from brain_nodes.config import ThalamusConfig
from memory.errors import RejectedInput
from memory.geometry import MAP, Pose
from memory.records import Detection, Observation, Percept, Percepts


class Thalamus:
    """Observation -> Percepts in the map frame.

    Attributes:
        rejected: How many detections were set aside, by reason, since the session began.
    """

    def __init__(self, config: ThalamusConfig) -> None:
        self.config = config
        self.rejected: Counter[str] = Counter()

    def attend(self, observation: Observation) -> Percepts:
        """Keep what can be true, in the map; say what was set aside.

        Raises:
            RejectedInput: the observation itself has no stamp.
        """
        if observation.stamp_ns <= 0:
            raise RejectedInput(f"observation {observation.sequence}: stamp {observation.stamp_ns} ns is unset")
        map_from_camera = _camera_pose(observation)
        seen: list[Percept] = []
        aside: list[str] = []
        for detection in observation.detections:
            reason = self._refusal(detection)
            if reason:
                aside.append(f"{detection.label}: {reason}")
                self.rejected[reason] += 1
            else:
                seen.append(_percept(detection, observation, map_from_camera))
        return Percepts(
            sequence=observation.sequence, stamp_ns=observation.stamp_ns, map_id=observation.map_id,
            map_revision=observation.map_revision, seen=tuple(seen), map_from_base=observation.map_from_base,
            map_from_camera=map_from_camera, camera=observation.camera, healthy=observation.healthy,
            gripper_holds=observation.gripper_holds, running_call=observation.running_call,
            outcome=observation.outcome, rejected=tuple(aside),
        )  # fmt: skip

    def _refusal(self, detection: Detection) -> str:
        x, y, z = detection.position_m
        if not all(map(math.isfinite, (x, y, z, *detection.size_m, detection.score))):
            return "not finite"
        if z <= 0:
            return "at or behind the camera"  # depth 0 means no depth, not an object on the lens
        if min(detection.size_m) < 0:
            return "negative size"
        if math.dist((0.0, 0.0, 0.0), (x, y, z)) > self.config.max_range_m:
            return "out of range"
        return "uncertain" if detection.score < self.config.min_score else ""


def _camera_pose(observation: Observation) -> Pose | None:
    if observation.map_from_base is None:
        return None
    return observation.map_from_base @ observation.base_from_camera


def _percept(detection: Detection, observation: Observation, map_from_camera: Pose | None) -> Percept:
    """In the map; of a robot that does not know where it is, in its camera's frame."""
    x, y, z = map_from_camera.transform(detection.position_m) if map_from_camera else detection.position_m
    return Percept(
        stamp_ns=observation.stamp_ns, label=detection.label,
        frame_id=MAP if map_from_camera else observation.camera.frame_id,
        position_m=(round(x, 4), round(y, 4), round(z, 4)), size_m=detection.size_m, map_id=observation.map_id,
        map_revision=observation.map_revision, score=detection.score, states=detection.states,
    )  # fmt: skip
