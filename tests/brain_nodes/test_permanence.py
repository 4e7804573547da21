# SPDX-License-Identifier: Apache-2.0
"""Absence is evidence only where the thing would have been seen."""

from __future__ import annotations

import math

import pytest

from brain_nodes.hippocampus.permanence import in_clear_view, looked_over, room_of
from brain_nodes.hippocampus.working_set import WorkingSet
from memory.geometry import Pose
from memory.records import Camera, Instance
from tests.brain_nodes.conftest import facing, instance, percepts, relation, room

MUG = instance("mug-1", "Mug", (2.0, 0.0, 0.95))
COUNTER = instance("counter-1", "CounterTop", (2.0, 0.0, 0.45))
FRIDGE = instance("fridge-1", "Fridge", (2.0, 0.0, 0.9))
WARDROBE = instance("wardrobe-1", "Wardrobe", (1.0, 0.0, 1.2))
KITCHEN, HALL = room("kitchen", (3.0, 0.0, 0.0)), room("hall", (-1.0, 0.0, 0.0))


def believed(*things: Instance, **relations: str) -> WorkingSet:
    known = WorkingSet(map_id="map-0", map_revision="0")
    for thing in things:
        known.add(thing)
    return known


def test_a_thing_straight_ahead_would_be_seen():
    assert in_clear_view(percepts(), MUG, believed(MUG))


@pytest.mark.parametrize(
    "sample",
    [
        percepts(robot=None),
        percepts(healthy=False),
        percepts(robot=Pose.planar(0.0, 0.0, math.pi)),
        percepts(robot=Pose.planar(0.0, 0.0, math.pi / 4 + 0.05)),
        percepts(robot=facing(MUG.position_m, 3.5)),
        percepts(camera=Camera(range_m=1.5)),
        percepts(camera=Camera(horizontal_fov_rad=1.0, vertical_fov_rad=0.3)),
    ],
    ids=["not localised", "sensor ill", "behind", "beside the image", "too far", "beyond the range", "under the image"],
)
def test_out_of_sight_proves_nothing(sample):
    assert not in_clear_view(sample, MUG, believed(MUG))


def test_believed_furniture_hides_what_is_behind_it():
    assert not in_clear_view(percepts(), MUG, believed(MUG, WARDROBE))


def test_small_things_hide_nothing():
    assert in_clear_view(percepts(), MUG, believed(MUG, instance("vase-1", "Vase", (1.0, 0.0, 1.2))))


def test_what_it_stands_on_does_not_hide_it():
    known = believed(MUG, COUNTER)
    known.put(relation("mug-1", "inside", "counter-1"))

    assert in_clear_view(percepts(), MUG, known)


def test_what_is_in_the_hand_is_not_expected_at_its_place():
    known = believed(MUG)
    known.holding = "mug-1"

    assert not in_clear_view(percepts(), MUG, known)


@pytest.mark.parametrize(("door", "visible"), [("closed", False), ("open", True)])
def test_a_shut_door_hides_what_is_behind_it(door, visible):
    known = believed(MUG, FRIDGE)
    known.put(relation("mug-1", "inside", "fridge-1"))
    known.put(relation("fridge-1", "door", door))

    assert in_clear_view(percepts(), MUG, known) is visible


def test_what_is_in_a_bowl_in_a_shut_fridge_is_hidden():
    apple, bowl = instance("apple-1", "Apple", (2.0, 0.0, 0.95)), instance("bowl-1", "Bowl", (2.0, 0.0, 0.9))
    known = believed(apple, bowl, FRIDGE)
    known.put(relation("apple-1", "inside", "bowl-1"))
    known.put(relation("bowl-1", "inside", "fridge-1"))
    known.put(relation("fridge-1", "door", "closed"))

    assert not in_clear_view(percepts(), apple, known)


def test_things_inside_each_other_in_a_ring_end_the_search():
    known = believed(MUG, FRIDGE)
    known.put(relation("mug-1", "inside", "fridge-1"))
    known.put(relation("fridge-1", "inside", "mug-1"))

    assert known.hidden_in("mug-1") == ""
    assert sorted(known.all_contents("mug-1")) == ["fridge-1", "mug-1"]


@pytest.mark.parametrize(("robot", "visible"), [(Pose.planar(0.5, 0, 0), False), (Pose.planar(1.2, 0, 0), True)])
def test_another_room_is_not_seen_into(robot, visible):
    known = believed(MUG)
    known.places = {p.id: p for p in (KITCHEN, HALL)}

    assert in_clear_view(percepts(robot=robot), MUG, known) is visible


@pytest.mark.parametrize(
    ("point_m", "expected"), [((3.0, 1.0, 0.9), "kitchen"), ((-1.0, 0.0, 0.0), "hall"), ((0.0, 9.0, 0.0), None)]
)
def test_a_point_is_in_the_room_whose_floor_holds_it(point_m, expected):
    known = believed()
    known.places = {p.id: p for p in (KITCHEN, HALL)}

    found = room_of(point_m, known)

    assert (found.id if found else None) == expected


def test_an_open_surface_ahead_was_looked_over():
    assert looked_over(percepts(), COUNTER, believed(COUNTER))


def test_a_shut_container_was_not_looked_into():
    known = believed(FRIDGE)
    known.put(relation("fridge-1", "door", "closed"))

    assert not looked_over(percepts(robot=Pose.planar(0.7, 0, 0)), FRIDGE, known)


@pytest.mark.parametrize(("away_m", "seen"), [(1.3, True), (2.6, False)])
def test_an_open_container_is_looked_into_from_close_by_only(away_m, seen):
    known = believed(FRIDGE)
    known.put(relation("fridge-1", "door", "open"))

    assert looked_over(percepts(robot=facing(FRIDGE.position_m, away_m)), FRIDGE, known) is seen


@pytest.mark.parametrize(
    "sample",
    [percepts(robot=None), percepts(robot=Pose.planar(0, 0, math.pi)), percepts(healthy=False)],
    ids=["not localised", "behind", "sensor ill"],
)
def test_what_was_not_in_a_good_image_was_not_looked_over(sample):
    assert not looked_over(sample, COUNTER, believed(COUNTER))


def test_a_surface_behind_furniture_was_not_looked_over():
    assert not looked_over(percepts(), COUNTER, believed(COUNTER, WARDROBE))
