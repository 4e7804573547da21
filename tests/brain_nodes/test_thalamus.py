# SPDX-License-Identifier: Apache-2.0
"""What the senses bring reaches the brain in the map, or not at all."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain_nodes.config import ThalamusConfig
from brain_nodes.thalamus.thalamus import Thalamus
from memory.errors import RejectedInput
from memory.geometry import Pose, base_from_optical
from memory.records import Outcome, OutcomeCode
from tests.brain_nodes.conftest import at, detection, observation

NAN, INF = math.nan, math.inf
EAST, NORTH, WEST = 0.0, math.pi / 2, math.pi
IMPOSSIBLE = {
    "nan depth": detection(position_m=(0.0, 0.0, NAN)),
    "infinite depth": detection(position_m=(0.0, 0.0, INF)),
    "nan sideways": detection(position_m=(NAN, 0.0, 2.0)),
    "nan size": detection(size_m=(0.1, NAN, 0.1)),
    "nan score": detection(score=NAN),
    "zero depth": detection(position_m=(0.3, 0.1, 0.0)),
    "no position at all": detection(position_m=(0.0, 0.0, 0.0)),
    "behind the camera": detection(position_m=(0.0, 0.0, -1.0)),
    "negative size": detection(size_m=(0.1, -0.1, 0.1)),
    "out of range": detection(position_m=(0.0, 0.0, 8.1)),
    "out of range aslant": detection(position_m=(5.0, 4.0, 5.0)),
    "low score": detection(score=0.29),
}


@pytest.fixture
def thalamus() -> Thalamus:
    return Thalamus(ThalamusConfig(min_score=0.3, max_range_m=8.0))


@pytest.mark.parametrize(
    ("base", "camera", "seen_m", "placed_m"),
    [
        (Pose(), base_from_optical(1.5), (0.0, 0.0, 2.0), (2.0, 0.0, 1.5)),
        (Pose(), base_from_optical(1.5), (0.5, 0.25, 2.0), (2.0, -0.5, 1.25)),
        (Pose.planar(1.0, 2.0, EAST), base_from_optical(1.5), (0.5, 0.25, 2.0), (3.0, 1.5, 1.25)),
        (Pose.planar(1.0, 2.0, NORTH), base_from_optical(1.5), (0.5, 0.25, 2.0), (1.5, 4.0, 1.25)),
        (Pose.planar(-1.0, 0.0, WEST), base_from_optical(1.0), (0.5, 0.0, 3.0), (-4.0, 0.5, 1.0)),
        (Pose(), base_from_optical(1.5, math.pi / 2), (0.0, 0.0, 1.0), (0.0, 0.0, 0.5)),
        (Pose(), base_from_optical(1.5, math.pi / 6), (0.0, 0.0, 2.0), (math.sqrt(3.0), 0.0, 0.5)),
        (Pose.planar(1.0, 1.0, NORTH), Pose((0.2, 0.1, 1.0), base_from_optical(0).orientation_xyzw), (0.0, 0.0, 1.0),
         (0.9, 2.2, 1.0)),
    ],
)  # fmt: skip
def test_a_detection_moves_into_the_map_by_pose_and_mounting(thalamus, base, camera, seen_m, placed_m):
    attended = thalamus.attend(observation(detection("Mug", seen_m), map_from_base=base, base_from_camera=camera))

    assert attended.seen[0].position_m == pytest.approx(placed_m, abs=1e-4)
    assert attended.seen[0].frame_id == "map"


@pytest.mark.parametrize("impossible", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_is_set_aside_with_its_reason_and_counted(thalamus, impossible):
    attended = thalamus.attend(observation(impossible, detection("Sofa")))

    assert [p.label for p in attended.seen] == ["Sofa"]
    (sentence,) = attended.rejected
    label, _, reason = sentence.partition(": ")
    assert label == "Mug"
    assert thalamus.rejected == {reason: 1}


def test_zero_depth_gives_no_object_at_the_robot(thalamus):
    patch = [detection("Mug", (x / 10, y / 10, 0.0)) for x in range(-2, 3) for y in range(-2, 3)]

    assert thalamus.attend(observation(*patch)).seen == ()
    assert sum(thalamus.rejected.values()) == 25


def test_counts_go_on_from_sample_to_sample(thalamus):
    for second in range(3):
        thalamus.attend(observation(IMPOSSIBLE["low score"], second=second))

    assert list(thalamus.rejected.values()) == [3]


def test_different_faults_are_counted_apart(thalamus):
    thalamus.attend(observation(*(IMPOSSIBLE[n] for n in ("nan depth", "zero depth", "negative size", "out of range"))))

    assert sorted(thalamus.rejected.values()) == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "fine", [{"score": 0.3}, {"score": 1.0}, {"position_m": (0.0, 0.0, 8.0)}, {"size_m": (0, 0, 0)}]
)
def test_the_limits_themselves_are_let_through(thalamus, fine):
    assert len(thalamus.attend(observation(detection(**fine))).seen) == 1


@pytest.mark.parametrize("stamp_ns", [0, -1])
def test_an_observation_without_a_stamp_is_refused(thalamus, stamp_ns):
    with pytest.raises(RejectedInput, match=str(stamp_ns)):
        thalamus.attend(observation(detection(), stamp_ns=stamp_ns))


def test_without_a_pose_what_is_seen_stays_in_the_camera_frame(thalamus):
    attended = thalamus.attend(observation(detection("Mug", (0.5, 0.25, 2.0)), map_from_base=None))

    assert (attended.seen[0].frame_id, attended.seen[0].position_m) == ("camera_optical", (0.5, 0.25, 2.0))
    assert attended.map_from_camera is None


def test_states_scores_and_sizes_pass_through(thalamus):
    seen = detection("Fridge", size_m=(0.7, 0.8, 1.8), score=0.77, states=("open", "on"))

    (passed,) = thalamus.attend(observation(seen, second=4)).seen

    assert (passed.label, passed.size_m, passed.score, passed.states) == (
        "Fridge",
        (0.7, 0.8, 1.8),
        0.77,
        ("open", "on"),
    )
    assert passed.stamp_ns == at(4)


def test_what_the_body_says_of_itself_passes_through(thalamus):
    outcome = Outcome("call-1", OutcomeCode.FAILED, "slipped")
    said = {"gripper_holds": True, "running_call": "call-2", "outcome": outcome, "healthy": False, "map_id": "map-7"}

    attended = thalamus.attend(observation(second=3, **said))

    assert {name: getattr(attended, name) for name in said} == said
    assert (attended.sequence, attended.stamp_ns) == (3, at(3))


numbers = st.one_of(st.floats(), st.floats(-10, 10))


@given(st.lists(st.builds(detection, position_m=st.tuples(numbers, numbers, numbers), score=numbers), max_size=6))
def test_every_detection_is_either_seen_or_set_aside(found):
    thalamus = Thalamus(ThalamusConfig())

    attended = thalamus.attend(observation(*found))

    assert len(attended.seen) + len(attended.rejected) == len(found)
    assert sum(thalamus.rejected.values()) == len(attended.rejected)
    assert all(math.isfinite(v) for p in attended.seen for v in p.position_m)
