# SPDX-License-Identifier: Apache-2.0
"""What is left of a record: less with waking time, more with use and verification, never nothing."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.forgetting import FLOOR, STRENGTH_S, Activity, Tier, rank_weight, retention, tier, tiers
from memory.lifelong import LifelongMemory
from memory.records import Event, Tally
from memory.samples import START_NS, ContractClock, S, mug

DAY_NS = 24 * 3600 * S
EVENT = Event(id="e", name="looked", valid_from_ns=START_NS)


def tally(uses=0, sightings=1, last_seen_ns=START_NS, last_used_ns=0):
    return Tally("e", "robot", last_seen_ns, sightings, uses=uses, last_used_ns=last_used_ns)


def test_a_day_awake_leaves_one_part_in_e_of_what_nobody_used():
    assert retention(EVENT, None, START_NS + DAY_NS) == pytest.approx(math.exp(-1))
    assert retention(EVENT, None, START_NS) == retention(EVENT, None, START_NS - DAY_NS) == 1.0


def test_strength_slows_forgetting_and_never_speeds_it():
    left = [retention(EVENT, tally(uses=uses), START_NS + 3 * DAY_NS) for uses in range(6)]
    assert left == sorted(left) and left[0] < left[1] / 2
    assert left[2] == pytest.approx(math.exp(-3 / 3))
    seen = [retention(EVENT, tally(sightings=n), START_NS + 3 * DAY_NS) for n in (1, 2, 4, 1024)]
    assert seen == sorted(seen) and seen[1] == pytest.approx(math.exp(-3 / 2))


def test_use_and_sighting_begin_the_time_anew():
    later = START_NS + 5 * DAY_NS
    assert retention(EVENT, tally(last_used_ns=later), later) == 1.0
    assert retention(EVENT, tally(last_seen_ns=later), later) == 1.0


def test_a_fact_about_long_ago_that_was_learned_today_is_fresh():
    learned = replace(EVENT, recorded_ns=START_NS + 300 * DAY_NS)
    assert retention(learned, None, START_NS + 300 * DAY_NS) == 1.0


def test_a_month_in_the_box_forgets_nothing():
    awake = Activity([(START_NS, START_NS + DAY_NS), (START_NS + 31 * DAY_NS, START_NS + 31 * DAY_NS + 1)])
    assert retention(EVENT, None, START_NS + 31 * DAY_NS, awake) == pytest.approx(math.exp(-1))


def test_what_is_forgotten_ranks_lower_and_is_never_hidden():
    fresh, old = (rank_weight(EVENT, None, START_NS + days * DAY_NS) for days in (0, 10_000))
    assert (fresh, old) == (1.0, pytest.approx(FLOOR))
    assert retention(EVENT, None, START_NS + 10_000 * DAY_NS) > 0.0


def test_a_tier_is_told_by_what_is_left():
    assert [tier(left) for left in (1.0, 0.5, 0.49, 0.05, 0.049, 1e-300)] == [
        Tier.HOT, Tier.HOT, Tier.WARM, Tier.WARM, Tier.COLD, Tier.COLD,
    ]  # fmt: skip


def test_tiers_are_counted_and_use_brings_a_record_nearer():
    now_ns = START_NS + 6 * DAY_NS
    assert tiers([EVENT, EVENT], {}, now_ns) == {Tier.HOT: 0, Tier.WARM: 0, Tier.COLD: 2}
    assert tiers([EVENT], {"e": tally(uses=9)}, now_ns)[Tier.HOT] == 1


stamps = st.integers(0, 60)


@given(st.lists(st.tuples(stamps, stamps).map(sorted), max_size=8), stamps, stamps)
def test_waking_time_is_what_a_count_of_every_moment_says(spans, since, until):
    activity = Activity([tuple(span) for span in spans])
    end = max((b for a, b in spans), default=0)
    start = min((a for a, b in spans), default=0)
    awake = [m for m in range(since, until) if m >= end or m < start or any(a <= m < b for a, b in spans)]
    assert activity.active_ns(since, until) == len(awake)


@given(st.floats(0, 1e9), st.integers(0, 50), st.integers(1, 10**6))
def test_what_is_left_is_a_share_and_falls_with_time(seconds, uses, sightings):
    now_ns = START_NS + int(seconds * S)
    left = retention(EVENT, tally(uses, sightings), now_ns)
    assert 0.0 < left <= 1.0
    assert retention(EVENT, tally(uses, sightings), now_ns + DAY_NS) <= left
    assert STRENGTH_S > 0


@pytest.fixture(params=["memory://", "sqlite:///{folder}/store.db"])
def memory(request, tmp_path):
    with LifelongMemory.open(request.param.format(folder=tmp_path), clock=ContractClock()) as opened:
        yield opened


def test_uses_are_counted_where_there_is_a_record_and_survive_sightings_and_moves(memory):
    memory.spatial.see(mug())
    memory.commit()
    for second in (1, 2, 1):
        memory.used(("mug-1", "nobody", "mug-1"), START_NS + second * S)
        memory.commit()
    memory.spatial.confirm("mug-1", START_NS + 5 * S, (0.0, 0.0, 0.8))
    memory.spatial.see(mug(at_ns=START_NS + 9 * S, x=4.0))
    memory.commit()
    counted = memory.spatial.tally("mug-1")
    assert (counted.uses, counted.last_used_ns, counted.sightings) == (3, START_NS + 2 * S, 1)
    assert memory.spatial.tally("nobody") is None


def test_use_of_what_was_never_counted_begins_its_counter(memory):
    memory.temporal.note(EVENT)
    memory.used(["e"], START_NS + S)
    memory.commit()
    assert memory.backend.tallies("robot") == {"e": Tally("e", "robot", START_NS, uses=1, last_used_ns=START_NS + S)}
