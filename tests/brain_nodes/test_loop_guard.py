# SPDX-License-Identifier: Apache-2.0
"""Nothing is done in vain for ever."""

from __future__ import annotations

import pytest

from brain_nodes.config import PrefrontalConfig
from brain_nodes.prefrontal.loop_guard import LoopGuard
from memory.records import Step, Target

OPEN, CLOSE = Step("open", (Target("Fridge"),)), Step("close", (Target("Fridge"),))


@pytest.fixture
def guard() -> LoopGuard:
    return LoopGuard(PrefrontalConfig(max_repeats=2, max_replans=3))


def test_a_step_is_refused_and_banned_after_its_repeats_in_one_state(guard):
    assert [guard.repeats(1, OPEN) for _ in range(3)] == [False, False, True]
    assert guard.banned == {("open", ("Fridge",))}


def test_the_same_step_in_another_state_is_no_repeat(guard):
    assert not any(guard.repeats(state, OPEN) for state in range(20))
    assert guard.banned == frozenset()


def test_steps_are_counted_apart(guard):
    assert not any(guard.repeats(1, step) for step in (OPEN, CLOSE, OPEN, CLOSE))


def test_a_failure_that_taught_nothing_bans_at_once(guard):
    guard.failed(OPEN, learned=False)

    assert guard.banned == {("open", ("Fridge",))}


def test_a_failure_that_taught_something_may_happen_once(guard):
    guard.failed(OPEN, learned=True)
    after_one = guard.banned
    guard.failed(OPEN, learned=True)

    assert (after_one, guard.banned) == (frozenset(), {("open", ("Fridge",))})


def test_the_budget_of_plans_is_finite(guard):
    spent = []
    for _ in range(4):
        spent.append(guard.spent)
        guard.plan_made()

    assert spent == [False, False, False, True]


def test_where_a_target_lies_makes_no_other_step(guard):
    moved = [Step("open", (Target("Fridge", "Fridge", (x, 0.0, 0.0)),)) for x in (1.0, 2.0, 3.0)]

    assert [guard.repeats(1, step) for step in moved] == [False, False, True]
