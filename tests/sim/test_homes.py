# SPDX-License-Identifier: Apache-2.0
"""Homes are the same for the same seed, whole, and lived in."""

from __future__ import annotations

import copy
import hashlib
import os
import re
import string
import subprocess
import sys
from collections import Counter

import pytest

from sim.home_catalogue import ACCEPTS, FIXED, KEPT, OBJECTS
from sim.home_tasks import FAMILIES, HomeTask, suite, tasks
from sim.home_words import TEMPLATES, nouns
from sim.homes import begin_episode, habits, live, make_home
from sim.reach import STAND_M, components, gap_m, standing_cell
from sim.scoring import Judge
from sim.view import line_of_sight, visible
from sim.world import World

SEEDS = range(50)


@pytest.fixture(scope="module")
def homes() -> list[World]:
    return [make_home(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def asked() -> list[HomeTask]:
    return list(suite(80, 100))


def dump(world: World) -> bytes:
    things = [(*(getattr(t, f) for f in ("id", "label", "position_m", "size_m", "parent", "room", "is_open", "is_on")),
               sorted(t.marks)) for t in world.things.values()]  # fmt: skip
    rest = (sorted(world.floor.cells), world.robot, world.rooms, world.walls, sorted(world.spots.items()))
    return repr((world.map_id, things, rest)).encode()


def digest_of_two_days(seed: int) -> str:
    world = make_home(seed)
    first = dump(world)
    live(world, seed, 2)
    texts = [t.instruction for t in suite(10, seed)]
    return hashlib.sha256(first + dump(world) + repr(texts).encode()).hexdigest()


def test_the_same_seed_builds_the_same_home_byte_for_byte_in_any_process():
    code = "import sys; sys.path.insert(0, 'tests/sim'); from test_homes import *; print(digest_of_two_days(7))"
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": "."}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert other.stdout.strip() == digest_of_two_days(7) != digest_of_two_days(8)


def test_homes_have_four_to_six_rooms_and_about_sixty_things_of_forty_classes(homes: list[World]):
    for world in homes:
        objects = [t for t in world.things.values() if t.pickupable]
        assert 4 <= len(world.rooms) <= 6
        assert {"kitchen", "living room", "bedroom", "bathroom"} <= {r.name for r in world.rooms}
        assert 50 <= len(objects) <= 75
        assert len({t.label for t in objects}) >= 40


def test_every_room_is_reachable_in_fifty_homes(homes: list[World]):
    for world in homes:
        assert len(set(components(world.floor.cells).values())) == 1
        for room in world.rooms:
            assert world.floor.cell_at(*room.waypoint_m) in world.floor.cells


def test_every_receptacle_and_switch_can_be_stood_at_and_seen_in_fifty_homes(homes: list[World]):
    for world in homes:
        for thing in (t for t in world.things.values() if not t.pickupable):
            cell = standing_cell(world, thing.position_m, thing)
            assert cell is not None
            x_m, y_m = world.floor.centre(cell)
            assert gap_m(x_m, y_m, thing.position_m, thing.size_m) <= STAND_M
            assert line_of_sight(world, (x_m, y_m, world.robot.camera_height_m), thing.position_m, thing)


def test_no_wall_and_no_furniture_stands_on_a_free_cell(homes: list[World]):
    for world in homes[::3]:
        boxes = [*world.walls, *((t.position_m, t.size_m) for t in world.things.values() if not t.pickupable)]
        centres = [world.floor.centre(c) for c in world.floor.cells]
        assert not [c for c in centres for position, size in boxes if gap_m(*c, position, size) < 0.1]


def test_things_lie_apart_and_where_they_may(homes: list[World]):
    for world in homes:
        objects = [t for t in world.things.values() if t.pickupable]
        assert len({t.position_m for t in objects}) == len(objects)
        assert all(t.label in ACCEPTS[world.things[t.parent or ""].label] for t in objects)
        assert not [(a.id, b.id) for n, a in enumerate(objects) for b in objects[:n] if overlap(a, b)]


def overlap(a, b) -> bool:
    return all(abs(p - q) < (s + t) / 2 - 1e-6
               for p, q, s, t in zip(a.position_m, b.position_m, a.size_m, b.size_m, strict=True))  # fmt: skip


def test_some_things_are_out_of_sight_at_first(homes: list[World]):
    shares = [sum(w.closed_container(t) is not None for t in w.things.values() if t.pickupable) / 60 for w in homes]
    assert 0.15 < sum(shares) / len(shares) < 0.6


def test_the_tables_agree_with_each_other():
    assert set(KEPT) == set(OBJECTS)
    receptacles = {label for table in (FIXED, OBJECTS) for label, kind in table.items() if "receptacle" in kind.can}
    assert set(ACCEPTS) == receptacles
    assert not [(o, r) for o, (_, places) in KEPT.items() for r in places if o not in ACCEPTS[r]]


def test_residents_never_lose_or_double_a_thing_and_move_six_to_ten(homes: list[World]):
    for seed in range(20):
        world = copy.deepcopy(homes[seed])
        for day in range(2, 6):
            before = {t.id: t.parent for t in world.things.values()}
            live(world, seed, day)
            after = {t.id: t.parent for t in world.things.values()}
            assert before.keys() == after.keys()
            assert 6 <= sum(before[i] != after[i] for i in before) <= 10


def test_residents_mend_what_was_cut_close_what_was_open_and_dock_the_robot():
    world = make_home(4)
    ids = set(world.things)
    for task in tasks(world, 4, 1, 5, "slice"):
        assert task.subset == "slice"
    assert set(world.things) != ids
    world.things["Fridge|1"].is_open = world.things["Faucet|1"].is_on = True
    live(world, 4, 2)
    assert set(world.things) == ids
    assert not [t.id for t in world.things.values() if t.is_open or t.is_on or t.marks or t.whole_id]
    assert (world.robot.holding, world.ever) == (None, set())


def test_what_the_robot_held_at_night_is_put_away():
    world = make_home(4)
    mug = world.things["Mug|1"]
    world.robot.holding, mug.parent = mug.id, None
    live(world, 4, 2)
    assert mug.parent in world.spots


def test_most_moves_end_at_a_habitual_place(homes: list[World]):
    habitual = moved = 0
    for seed in range(30):
        world = copy.deepcopy(homes[seed])
        kept = habits(world, seed)
        before = {t.id: t.parent for t in world.things.values()}
        live(world, seed, 2)
        for thing in (t for t in world.things.values() if before[t.id] != t.parent):
            moved += 1
            habitual += thing.parent in kept[thing.label]
    assert 0.5 < habitual / moved < 0.9


def test_a_night_moves_the_same_things_whatever_the_robot_did_by_day():
    quiet, busy = make_home(9), make_home(9)
    tasks(busy, 9, 1, 5)
    start = {t.id: t.parent for t in quiet.things.values()}
    evening = {t.id: t.parent for t in busy.things.values()}
    live(quiet, 9, 2)
    live(busy, 9, 2)
    moved = {i for i in start if quiet.things[i].parent != start[i]}
    also = {i for i in evening if i in busy.things and busy.things[i].parent != evening[i]}
    assert len(moved & also) >= 0.7 * len(moved)


# ---------------------------------------------------------------- tasks


def test_a_home_lives_two_days_of_five_tasks_and_then_the_next_home_begins(asked: list[HomeTask]):
    assert [t.id for t in asked[:12:11]] == ["home-100/day-1/01", "home-101/day-1/02"]
    assert [(t.day, t.number) for t in asked[:10]] == [(d, n) for d in (1, 2) for n in range(1, 6)]
    assert len({t.id for t in asked}) == len(asked) == 80


def test_tasks_are_not_done_already_and_every_family_occurs(asked: list[HomeTask]):
    count = Counter(t.subset for t in asked)
    assert set(count) == set(FAMILIES)
    world = make_home(100)
    for task in asked[:5]:
        begin_episode(world)
        assert not Judge(task.conditions, visible).satisfied(world)


def test_a_subset_holds_only_its_family():
    assert {t.subset for t in suite(12, 3, "heat")} == {"heat"}


def test_the_second_day_asks_again_for_about_half_of_the_first_days_things(asked: list[HomeTask]):
    again = []
    for seed in {t.home_seed for t in asked}:
        first = {t.labels["object"] for t in asked if t.home_seed == seed and t.day == 1}
        again += [t.labels["object"] in first for t in asked if t.home_seed == seed and t.day == 2]
    assert 0.3 < sum(again) / len(again) < 0.75


def test_tasks_suppose_a_world_that_the_earlier_ones_left_and_leave_the_given_home_usable():
    world = make_home(6)
    twin = copy.deepcopy(world)
    assert tasks(world, 6, 1, 3) == tasks(twin, 6, 1, 3)
    assert dump(world) == dump(twin)


def test_every_family_has_twelve_phrasings_or_more_and_each_says_the_whole_goal():
    roles = {"stack": {"movable", "receptacle"}, "light": {"lamp"}}
    for pattern, templates in TEMPLATES.items():
        if pattern in FAMILIES:
            assert len(set(templates)) >= 12
        for template in templates:
            fields = {name for _, name, _, _ in string.Formatter().parse(template) if name}
            needed = roles.get(pattern, {"receptacle"}) | {"things" if pattern == "place_two" else "object"}
            assert needed <= fields, template


def test_instructions_name_every_class_they_are_about(asked: list[HomeTask]):
    for task in asked:
        for role, label in task.labels.items():
            if not (role == "object" and task.subset == "place_two"):
                assert any(noun.lower() in task.instruction.lower() for noun in nouns(label)), task


def test_instructions_are_clean_sentences(asked: list[HomeTask]):
    for task in asked:
        text = task.instruction
        assert text[0].isupper() and text[-1] in ".?!"
        assert not re.search(r"[{}]|\ba [aeiou]|\s\s|\ban [^aeiou]|\ba keys", text), text
