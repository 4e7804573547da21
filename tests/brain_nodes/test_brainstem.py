# SPDX-License-Identifier: Apache-2.0
"""Stop needs nothing but itself, and nothing learned passes a limit."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from brain_nodes.brainstem.stop import Brainstem
from brain_nodes.config import BrainstemConfig
from memory.records import Command, Hold, SkillCall, Target
from tests.brain_nodes.conftest import at, observation

GO = SkillCall("call-1", "go_to", (Target("mug-1", "Mug", (3.0, 4.0, 0.9)),))
PUSH = Command((0.1, 0.2), at(0))
ROOT = Path(__file__).parents[2]
STORES_AND_MODELS = (
    "sqlite3", "torch", "neo4j", "usearch", "numpy", "openai", "memory.backends", "memory.lifelong", "memory.registry",
    "brain_nodes.hippocampus", "brain_nodes.prefrontal", "brain_nodes.cerebellum", "brain_nodes.language",
    "brain_nodes.policies",
)  # fmt: skip


@pytest.fixture
def brainstem() -> Brainstem:
    return Brainstem(BrainstemConfig(max_distance_m=10.0, forbidden_skills=("cut",)))


def test_a_brainstem_lets_pass_what_breaks_no_limit(brainstem):
    assert not brainstem.stopped
    assert [brainstem.gate(a, observation()) for a in (GO, PUSH, Hold(at(0)))] == [GO, PUSH, Hold(at(0))]


@pytest.mark.parametrize("action", [GO, PUSH], ids=["call", "command"])
def test_a_stopped_brainstem_lets_nothing_pass(brainstem, action):
    brainstem.stop("button")

    assert brainstem.gate(action, observation(second=2)) == Hold(at(2), "button")


def test_stop_stays_until_it_is_released(brainstem):
    brainstem.stop("button")
    for second in range(5):
        brainstem.gate(GO, observation(second=second))
    latched = brainstem.stopped

    assert (latched, brainstem.resume(), brainstem.stopped) == (True, True, False)
    assert brainstem.gate(GO, observation()) == GO


def test_stop_without_a_reason_stops(brainstem):
    brainstem.stop("")

    assert brainstem.stopped


def test_the_first_reason_is_kept(brainstem):
    brainstem.stop("button")
    brainstem.stop("battery")

    assert brainstem.reason == "button"


def test_a_standing_cause_stops_and_refuses_resume_while_it_lasts(brainstem):
    brainstem.hold_cause("button pressed", True)
    refused = brainstem.resume()
    brainstem.hold_cause("button pressed", False)

    assert (refused, brainstem.stopped) == (False, True)
    assert brainstem.resume()
    assert not brainstem.stopped


def test_resume_waits_for_the_last_of_several_causes(brainstem):
    for cause in ("button", "bumper"):
        brainstem.hold_cause(cause, True)
    brainstem.hold_cause("button", False)

    assert not brainstem.resume()


def test_a_cause_that_goes_by_itself_does_not_release_the_stop(brainstem):
    brainstem.hold_cause("button", True)
    brainstem.hold_cause("button", False)

    assert brainstem.stopped


def test_a_cause_that_was_never_there_releases_nothing(brainstem):
    brainstem.stop("button")
    brainstem.hold_cause("bumper", False)

    assert brainstem.stopped


def test_a_forbidden_skill_becomes_hold_with_the_reason(brainstem):
    refused = brainstem.gate(SkillCall("call-1", "cut"), observation(second=1))

    assert isinstance(refused, Hold)
    assert "cut" in refused.reason
    assert (refused.stamp_ns, brainstem.refused) == (at(1), 1)


def test_a_far_target_becomes_hold_with_the_distance_and_the_limit(brainstem):
    refused = brainstem.gate(SkillCall("call-1", "go_to", (Target("shed", "", (30.0, 40.0, 0.0)),)), observation())

    assert isinstance(refused, Hold)
    assert all(word in refused.reason for word in ("shed", "50.0 m", "10.0 m"))


@pytest.mark.parametrize("number", [0, 1])
def test_every_target_of_a_call_is_within_the_limit(brainstem, number):
    targets = [Target("near", "", (1.0, 0.0, 0.0))] * 2
    targets[number] = Target("far", "", (99.0, 0.0, 0.0))

    assert isinstance(brainstem.gate(SkillCall("call-1", "put_down", tuple(targets)), observation()), Hold)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_a_distance_that_is_no_number_is_refused(brainstem, odd):
    action = SkillCall("call-1", "go_to", (Target("mug-1", "Mug", (odd, 0.0, 0.0)),))

    assert isinstance(brainstem.gate(action, observation()), Hold)


def test_what_is_refused_is_counted_and_what_is_stopped_is_not(brainstem):
    cut = SkillCall("call-1", "cut")
    brainstem.gate(cut, observation())
    brainstem.gate(cut, observation())
    brainstem.stop("button")
    brainstem.gate(GO, observation())

    assert brainstem.refused == 2


def test_stop_needs_no_store_no_model_and_no_other_region():
    script = (
        "import json, sys, brain_nodes.brainstem.stop as s; from brain_nodes.config import BrainstemConfig; "
        "b = s.Brainstem(BrainstemConfig()); b.stop('now'); print(json.dumps([b.stopped, sorted(sys.modules)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    stopped, loaded = json.loads(done.stdout)

    assert stopped
    assert [m for m in loaded if m.startswith(STORES_AND_MODELS)] == []
