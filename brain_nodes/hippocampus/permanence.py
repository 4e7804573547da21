# SPDX-License-Identifier: Apache-2.0
"""What should have been seen and was not: absence as evidence, and only where it is evidence.

Neighbours: hippocampus.py asks after association; association.py then lets a missing instance turn up elsewhere.
Rules of the file: absence counts only if the place was in the image, in range, unobstructed by anything believed
to stand in between, not inside something shut, in the room the camera is in, and the sensor was healthy.
"""

from __future__ import annotations

import math

from brain_nodes.hippocampus.working_set import WorkingSet
from memory.geometry import Vector, segment_hits_box
from memory.records import INSIDE, Instance, Percepts, Place

EDGE = 0.85  # of the half angle: things at the rim of the image are not expected with certainty
CLEAR_RANGE_M = 3.0
INTO_M = 1.8
OVER_M = 2.8
BLOCKS_M3 = 0.03  # a box smaller than this is not believed to hide anything


def in_clear_view(percepts: Percepts, instance: Instance, known: WorkingSet) -> bool:
    """Would the camera have shown the instance, had it been at its believed place?"""
    if not percepts.healthy or percepts.map_from_camera is None or percepts.map_from_base is None:
        return False
    if instance.id == known.holding or known.hidden_in(instance.id):
        return False
    eye_m = percepts.map_from_camera.position_m
    return (
        _in_image(percepts, instance.position_m)
        and _same_room(eye_m, instance.position_m, known)
        and not _obstructed(eye_m, instance, known)
    )


def looked_over(percepts: Percepts, receptacle: Instance, known: WorkingSet) -> bool:
    """Was this receptacle open and in the middle of the image, near enough that what lies there was seen?

    Into a container one must look from close by; what stands on a table is seen from across the room.
    """
    if not percepts.healthy or percepts.map_from_camera is None:
        return False
    if known.closed(receptacle.id) or known.hidden_in(receptacle.id):
        return False
    eye_m = percepts.map_from_camera.position_m
    reach_m = INTO_M if known.value(receptacle.id, "door") else OVER_M
    x_m, y_m, z_m = receptacle.position_m
    return (
        math.dist(eye_m, (x_m, y_m, z_m)) <= reach_m + max(receptacle.size_m[:2]) / 2
        and _in_image(percepts, receptacle.position_m)
        and _same_room(eye_m, receptacle.position_m, known)
        and not _obstructed(eye_m, receptacle, known)
    )


def _in_image(percepts: Percepts, point_m: Vector) -> bool:
    assert percepts.map_from_camera is not None
    x, y, z = percepts.map_from_camera.inverse().transform(point_m)
    camera = percepts.camera
    return (
        z > 0.05
        and math.dist((0.0, 0.0, 0.0), (x, y, z)) <= min(CLEAR_RANGE_M, 0.9 * camera.range_m)
        and abs(math.atan2(x, z)) <= EDGE * camera.horizontal_fov_rad / 2
        and abs(math.atan2(y, z)) <= EDGE * camera.vertical_fov_rad / 2
    )


def room_of(point_m: Vector, known: WorkingSet) -> Place | None:
    """The known room whose floor rectangle holds the point; None where no room is known."""
    for place in known.places.values():
        if _holds(place, point_m):
            return place
    return None


def _same_room(eye_m: Vector, point_m: Vector, known: WorkingSet) -> bool:
    rooms = [p for p in known.places.values() if max(p.size_m[:2]) > 0.5]
    there = [p for p in rooms if _holds(p, point_m)]
    return not there or any(_holds(p, eye_m) for p in there)


def _holds(place: Place, point_m: Vector) -> bool:
    return all(abs(point_m[i] - place.position_m[i]) <= place.size_m[i] / 2 for i in (0, 1))


def _obstructed(eye_m: Vector, instance: Instance, known: WorkingSet) -> bool:
    holder = known.value(instance.id, INSIDE)
    return any(
        segment_hits_box(eye_m, instance.position_m, other.position_m, other.size_m)
        for other in known.instances.values()
        if other.id not in (instance.id, holder)
        and other.size_m[0] * other.size_m[1] * other.size_m[2] >= BLOCKS_M3
        and not _inside_of(instance, other)
    )


def _inside_of(instance: Instance, other: Instance) -> bool:
    return all(
        abs(a - b) <= s / 2 + 0.05 for a, b, s in zip(instance.position_m, other.position_m, other.size_m, strict=True)
    )
