# SPDX-License-Identifier: Apache-2.0
"""A search that ends, repeats exactly, and whose plans work."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from brain_nodes.prefrontal.domain import GroundEffect, Operator, State
from brain_nodes.prefrontal.forward_search import search


def move(name: str, needs: str = "", adds: str = "", drops: str = "", forbids: str = "", cost: float = 1.0) -> Operator:
    """An operator over one-letter atoms."""
    effects = tuple(GroundEffect((a,), True) for a in adds) + tuple(GroundEffect((a,), False) for a in drops)
    return Operator(name, (), atoms(needs), atoms(forbids), effects, cost)


def atoms(letters: str) -> State:
    return frozenset((letter,) for letter in letters)


def names(plan: tuple[Operator, ...] | None) -> list[str] | None:
    return None if plan is None else [o.skill for o in plan]


def test_a_goal_that_holds_takes_no_step():
    assert search(atoms("ab"), atoms("a"), [move("x", adds="c")], 10) == ()


def test_a_goal_that_nothing_brings_about_has_no_plan():
    assert search(atoms("a"), atoms("z"), [move("x", adds="b"), move("y", drops="a")], 1000) is None


def test_steps_come_in_an_order_that_works():
    steps = [move("third", "c", "g"), move("second", "b", "c"), move("first", "a", "b")]

    assert names(search(atoms("a"), atoms("g"), steps, 100)) == ["first", "second", "third"]


def test_a_cheap_long_way_is_taken_before_a_dear_short_one():
    steps = [move("dear", "a", "g", cost=10.0), move("one", "a", "b"), move("two", "b", "g")]

    assert names(search(atoms("a"), atoms("g"), steps, 100)) == ["one", "two"]


def test_what_one_step_takes_away_is_not_counted_on_later():
    steps = [move("burn", "a", "b", drops="a"), move("both", "ab", "g"), move("again", "b", "a")]

    assert names(search(atoms("a"), atoms("g"), steps, 100)) == ["burn", "again", "both"]


def test_a_plan_that_needs_more_states_than_may_be_opened_is_not_found():
    letters = "abcdefghijklmnopqrstuvwxyz"
    chain = [move(f"to {after}", before, after, drops=before) for before, after in itertools.pairwise(letters)]

    assert search(atoms("a"), atoms("z"), chain, 24) is None
    assert len(search(atoms("a"), atoms("z"), chain, 100) or ()) == 25


def test_a_search_in_a_million_states_ends_within_its_budget():
    switches = [move(c, adds=c) for c in "abcdefghijklmnopqrst"]
    all_but_one = move("last", "bcdefghijklmnopqrst", "z", forbids="a")
    mislead = [move("lure", "abcdefghijklmnopqrst", "y"), move("end", "y", "z", drops="y")]

    for budget in (1, 5, 20):
        assert search(atoms(""), atoms("yz"), [*switches, all_but_one, *mislead], budget) is None


def test_no_states_allowed_gives_no_plan():
    assert search(atoms("a"), atoms("b"), [move("x", adds="b")], 0) is None


def test_the_same_problem_has_the_same_plan():
    steps = [move(n, "a", "b") for n in "xyz"] + [move("last", "b", "g")]

    assert len({tuple(names(search(atoms("a"), atoms("g"), steps, 100)) or ()) for _ in range(5)}) == 1


letters = st.text("abcdef", max_size=2)
moves = st.lists(st.builds(move, st.just("m"), letters, letters, letters, letters, st.floats(0.5, 3)), max_size=8)


@given(letters, moves, letters)
def test_every_plan_works_when_it_is_carried_out(start, steps, goal):
    plan = search(atoms(start), atoms(goal), steps, 200)

    state = atoms(start)
    for step in plan or ():
        assert step.applicable(state)
        state = step.apply(state)
    assert plan is None or atoms(goal) <= state


@given(letters, moves, letters)
def test_a_plan_is_found_wherever_there_is_one(start, steps, goal):
    reached, frontier = {atoms(start)}, [atoms(start)]
    while frontier:
        state = frontier.pop()
        fresh = {o.apply(state) for o in steps if o.applicable(state)} - reached
        reached |= fresh
        frontier += fresh

    assert (search(atoms(start), atoms(goal), steps, 200) is not None) == any(atoms(goal) <= s for s in reached)
