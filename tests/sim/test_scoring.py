# SPDX-License-Identifier: Apache-2.0
"""The judge on hand-made worlds, one kind of condition at a time, and the metrics on hand-made results."""

from __future__ import annotations

import pytest

from sim.errors import SuiteError
from sim.scoring import EPISODE_NOT_LOADED, EpisodeResult, Judge, not_loaded, paired, sign_test, summarise, wilson
from sim.world import Floor, Robot, Thing, World


def world(*things: tuple[str, str | None]) -> World:
    made = {}
    for id_, parent in things:
        fixed = id_.startswith(("Table", "Shelf", "Lamp", "Toilet|"))
        made[id_] = Thing(
            id_, id_.split("|")[0], (1.0, 0.0, 1.0), parent=parent, pickupable=not fixed,
            receptacle=id_.startswith(("Table", "Shelf", "Plate", "Toilet")), toggleable=id_.startswith("Lamp"),
        )  # fmt: skip
    return World("m", made, Floor(frozenset({(0, 0)})), Robot(), {})


def points(condition: dict[str, object], w: World) -> tuple[int, int]:
    return Judge([condition]).met(w)


IN = {"kind": "in_receptacle", "object": "Knife", "receptacle": "Table"}


def test_in_receptacle_counts_what_lies_there_directly():
    assert points(IN, world(("Table|1", None), ("Knife|1", "Table|1"))) == (1, 1)
    assert points(IN, world(("Table|1", None), ("Knife|1", None))) == (0, 1)
    nested = world(("Table|1", None), ("Plate|1", "Table|1"), ("Knife|1", "Plate|1"))
    assert points(IN, nested) == (0, 1)


def test_names_match_by_substring_of_the_id():
    assert points(IN, world(("Table|1", None), ("ButterKnife|1", "Table|1"))) == (1, 1)
    hanger = {"kind": "in_receptacle", "object": "Paper", "receptacle": "Toilet"}
    w = world(("ToiletPaperHanger|1", None), ("Paper|1", "ToiletPaperHanger|1"))
    assert points(hanger, w) == (1, 1)


def test_an_object_must_be_pickupable_and_a_receptacle_a_receptacle():
    assert points({**IN, "object": "Shelf"}, world(("Table|1", None), ("Shelf|1", "Table|1"))) == (0, 1)
    assert points({**IN, "receptacle": "Mug"}, world(("Mug|1", None), ("Knife|1", "Mug|1"))) == (0, 1)


def test_a_state_once_reached_stays():
    w = world(("Knife|1", None))
    clean = {"kind": "state", "object": "Knife", "state": "clean"}
    assert points(clean, w) == (0, 1)
    w.mark(w.things["Knife|1"], "clean")
    w.things["Knife|1"].marks.clear()
    assert points(clean, w) == (1, 1)
    assert points({**clean, "state": "hot"}, w) == (0, 1)


def test_place_and_state_must_belong_to_the_same_thing():
    w = world(("Table|1", None), ("Knife|1", "Table|1"), ("Knife|2", None))
    both = {"kind": "in_receptacle_with_state", "object": "Knife", "receptacle": "Table", "state": "hot"}
    w.mark(w.things["Knife|2"], "hot")
    assert points(both, w) == (0, 1)
    w.mark(w.things["Knife|1"], "hot")
    assert points(both, w) == (1, 1)


def test_counting_is_within_one_receptacle_and_capped():
    two = {"kind": "count_in_one_receptacle", "object": "Knife", "receptacle": "Table", "max": 2}
    tables = (("Table|1", None), ("Table|2", None))
    assert points(two, world(*tables, ("Knife|1", "Table|1"), ("Knife|2", "Table|2"))) == (1, 2)
    assert points(two, world(*tables, *((f"Knife|{n}", "Table|1") for n in range(3)))) == (2, 2)


def test_slices_are_counted_by_their_ids():
    w = world(("Apple|1|AppleSliced_1", None), ("Apple|2", None))
    assert points({"kind": "sliced_exists", "object": "AppleSliced"}, w) == (1, 1)
    assert points({"kind": "sliced_count", "object": "AppleSliced", "max": 2}, w) == (1, 2)
    assert points({"kind": "sliced_exists", "object": "AppleSliced"}, world(("Apple|1", None))) == (0, 1)


def test_holding():
    w = world(("Knife|1", None), ("Mug|1", None))
    assert points({"kind": "holding", "object": "Knife"}, w) == (0, 1)
    w.robot.holding = "Knife|1"
    assert points({"kind": "holding", "object": "Knife"}, w) == (1, 1)


def test_a_lamp_must_be_on_and_in_view():
    w = world(("Lamp|1", None))
    lit = {"kind": "toggled_on_and_visible", "object": "Lamp"}
    w.robot.face(w.things["Lamp|1"].position_m)
    assert points(lit, w) == (0, 1)
    w.things["Lamp|1"].is_on = True
    assert points(lit, w) == (1, 1)
    w.robot.yaw_rad += 3.0
    assert points(lit, w) == (0, 1)
    w.robot.yaw_rad, w.robot.x_m = 0.0, -2.0
    assert points(lit, w) == (0, 1)


def test_stacked_needs_object_in_movable_in_receptacle():
    stacked = {"kind": "stacked_in_receptacle", "object": "Knife", "movable": "Plate", "receptacle": "Table"}
    assert points(stacked, world(("Table|1", None), ("Plate|1", "Table|1"), ("Knife|1", "Plate|1"))) == (1, 1)
    assert points(stacked, world(("Table|1", None), ("Plate|1", None), ("Knife|1", "Plate|1"))) == (0, 1)
    assert points(stacked, world(("Table|1", None), ("Plate|1", "Table|1"), ("Knife|1", "Table|1"))) == (0, 1)


def test_all_conditions_together_make_success():
    w = world(("Table|1", None), ("Knife|1", "Table|1"))
    judge = Judge([IN, {"kind": "holding", "object": "Knife"}])
    assert judge.met(w) == (1, 2) and not judge.satisfied(w)
    assert [d.met for d in judge.detail(w)] == [True, False]


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ({"kind": "levitates", "object": "Mug"}, "levitates"),
        ({"object": "Mug"}, "None"),
        ({"kind": "in_receptacle", "object": "Mug"}, "receptacle"),
        ({"kind": "holding", "object": ""}, "object"),
        ({"kind": "sliced_count", "object": "Mug", "max": 0}, "0"),
    ],
)
def test_a_condition_nobody_can_judge_is_refused_by_name(raw, word):
    with pytest.raises(SuiteError, match=word):
        Judge([raw])


def test_an_empty_goal_is_refused():
    with pytest.raises(SuiteError):
        Judge([])


def result(id_: str, success: bool, steps: int, subset: str = "base", **more: object) -> EpisodeResult:
    return EpisodeResult(
        id=id_, suite="s", subset=subset, success=success, progress=float(success), steps=steps, **more
    )  # type: ignore[arg-type]


def test_an_episode_that_did_not_load_counts_as_failed():
    summary = summarise([result("a", True, 4), not_loaded("b", "s", "base")])
    assert (summary.episodes, summary.not_loaded, summary.success_rate.value) == (2, 1, 0.5)
    assert summary.steps_mean == 4 and summary.goal_condition == 0.5
    assert summary.reasons[EPISODE_NOT_LOADED] == 1


def test_a_summary_has_every_subset_and_pools_invalid_actions():
    results = [result("a", True, 4), result("b", False, 16, "spatial", invalid_actions=10)]
    summary = summarise(results)
    assert list(summary.by_subset) == ["base", "spatial"]
    assert summary.by_subset["spatial"].success_rate.value == 0.0
    assert summary.invalid_action_ratio == 0.5


def test_a_summary_of_nothing_claims_nothing():
    summary = summarise([])
    assert (summary.success_rate.low, summary.success_rate.high) == (0.0, 1.0)


def test_wilson_agrees_with_published_values():
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_sign_test_is_exact_and_symmetric():
    assert sign_test(5, 0) == pytest.approx(0.0625)
    assert sign_test(3, 8) == sign_test(8, 3) == pytest.approx(0.2265625)
    assert sign_test(2000, 2000) == 1.0


def test_paired_compares_steps_on_what_both_solved_and_with_failures_at_the_limit():
    a = [result("1", True, 10), result("2", True, 8), result("3", False, 12)]
    b = [result("1", True, 12), result("2", False, 5), result("3", False, 30)]
    both = paired(a, b)
    assert (both.only_a, both.only_b, both.both_solved) == (1, 0, 1)
    assert both.success_difference == pytest.approx(1 / 3)
    assert both.steps_difference == -2.0
    assert both.steps_difference_at_limit == pytest.approx((-2 - 22 + 0) / 3)
    assert both.p_value == 1.0


def test_paired_refuses_different_episodes():
    with pytest.raises(ValueError, match="differ"):
        paired([result("1", True, 1)], [result("2", True, 1)])
    with pytest.raises(ValueError, match="twice"):
        paired([result("1", True, 1)] * 2, [result("1", True, 1)])
