# SPDX-License-Identifier: Apache-2.0
"""Where things are and were."""

import statistics
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.errors import StoreError
from memory.lifelong import LifelongMemory
from memory.query import FOREVER_NS, Query
from memory.records import Place, Relation, Source
from memory.samples import START_NS, ContractClock, S, mug


def at(seconds):
    return START_NS + seconds * S


def fact(subject, object, seconds=0, *, predicate="inside", source=Source.SEEN):
    return Relation(
        id="any", subject=subject, predicate=predicate, object=object, valid_from_ns=at(seconds), source=source
    )


@pytest.fixture(params=["memory://", "sqlite:///{folder}/store.db"])
def memory(request, tmp_path):
    with LifelongMemory.open(request.param.format(folder=tmp_path), clock=ContractClock()) as opened:
        yield opened


@pytest.fixture(params=[True, False], ids=["committed", "staged"])
def step(request, memory):
    """Ends a step between two sightings, or leaves both in one."""
    return memory.commit if request.param else lambda: None


def test_a_new_thing_becomes_version_one_with_a_tally(memory, step):
    memory.spatial.see(mug())
    step()
    assert [(i.id, i.version) for i in memory.spatial.instances("map-0", "mug")] == [("mug-1", 1)]
    tally = memory.spatial.tally("mug-1")
    assert (tally.sightings, tally.last_seen_ns, tally.mean_m) == (1, START_NS, (0.0, 0.0, 0.8))


def test_a_move_ends_the_old_place_and_begins_the_new_one(memory, step):
    memory.spatial.see(mug())
    step()
    memory.spatial.see(mug(at_ns=at(5), x=2.0))
    step()
    (now,) = memory.spatial.instances("map-0")
    assert (now.version, now.position_m[0], now.valid_from_ns) == (3, 2.0, at(5))
    assert memory.spatial.where_was("mug-1", at(4)).position_m[0] == 0.0
    assert memory.spatial.where_was("mug-1", at(5)).position_m[0] == 2.0
    assert memory.spatial.where_was("mug-1", at(-1)) is None
    assert memory.spatial.tally("mug-1").sightings == 1


def test_a_thing_that_did_not_move_does_not_grow_the_store(memory, step):
    memory.spatial.see(mug())
    step()
    for n in range(1, 50):
        memory.spatial.see(mug(at_ns=at(n), x=0.1 * (n % 2)))
        memory.commit()
    assert memory.backend.counts().records == 1
    assert memory.spatial.tally("mug-1").sightings == 50


def test_a_late_sighting_is_cut_in_and_does_not_hide_where_it_is_now(memory, step):
    memory.spatial.see(mug())
    step()
    memory.spatial.see(mug(at_ns=at(10), x=2.0))
    step()
    memory.spatial.see(mug(at_ns=at(5), x=1.0))
    step()
    memory.spatial.see(mug(at_ns=at(-5), x=-3.0))
    step()
    assert [memory.spatial.where_was("mug-1", at(s)).position_m[0] for s in (-5, 0, 4, 5, 9, 10)] == [
        -3.0,
        0.0,
        0.0,
        1.0,
        1.0,
        2.0,
    ]
    assert [i.position_m[0] for i in memory.spatial.instances("map-0")] == [2.0]


def test_a_late_sighting_does_not_undo_a_later_confirmation(memory, step):
    memory.spatial.see(mug())
    memory.spatial.confirm("mug-1", at(9), (0.0, 0.0, 0.8))
    step()
    memory.spatial.see(mug(at_ns=at(4), x=2.0))
    assert [memory.spatial.where_was("mug-1", at(s)).position_m[0] for s in (0, 4, 8, 9, 20)] == [0, 2.0, 2.0, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=10, unique_by=lambda s: s[0]))
@settings(max_examples=60, deadline=None)
def test_in_whatever_order_sightings_arrive_the_newest_place_holds_and_no_moment_has_two(sightings):
    with LifelongMemory.open("memory://", clock=ContractClock()) as memory:
        for seconds, x in sightings:
            memory.spatial.see(mug(at_ns=at(seconds), x=float(x)))
            memory.commit()
        newest = max(sightings)
        assert [i.position_m[0] for i in memory.spatial.instances("map-0")] == [newest[1]]
        for seconds in range(31):
            asked = Query(ids=("mug-1",), valid_at_ns=at(seconds))
            assert len(memory.backend.find(asked).records) <= 1


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30))
def test_the_running_mean_and_spread_are_those_of_the_sightings(xs):
    with LifelongMemory.open("memory://", clock=ContractClock()) as memory:
        memory.spatial.see(mug(x=xs[0]))
        for n, x in enumerate(xs[1:], start=1):
            memory.spatial.confirm("mug-1", at(n), (x, 0.0, 0.8))
        tally = memory.spatial.tally("mug-1")
    assert tally.mean_m[0] == pytest.approx(statistics.fmean(xs), abs=1e-9)
    assert tally.spread_m[0] == pytest.approx(statistics.pvariance(xs) * len(xs), abs=1e-6)


def test_misses_are_counted_until_the_next_sighting(memory):
    memory.spatial.see(mug())
    memory.spatial.miss("mug-1")
    memory.spatial.miss("mug-1")
    assert memory.spatial.tally("mug-1").misses == 2
    memory.spatial.confirm("mug-1", at(1), (0.0, 0.0, 0.8))
    assert memory.spatial.tally("mug-1").misses == 0


def test_counting_for_an_unknown_thing_is_the_callers_mistake(memory):
    with pytest.raises(ValueError, match="knows no instance 'ghost'"):
        memory.spatial.confirm("ghost", START_NS, (0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="ghost"):
        memory.spatial.miss("ghost")


def test_a_thing_has_one_supporter(memory, step):
    for seconds, place in enumerate(("table", "sink", "fridge")):
        memory.spatial.relate(fact("mug-1", place, seconds))
        step()
    assert memory.spatial.supporter("mug-1").object == "fridge"
    assert memory.spatial.contents("table") == memory.spatial.contents("sink") == []
    assert [r.subject for r in memory.spatial.contents("fridge")] == ["mug-1"]


def test_the_same_fact_again_only_counts(memory, step):
    first = memory.spatial.relate(fact("mug-1", "table"))
    step()
    for seconds in range(1, 20):
        assert memory.spatial.relate(fact("mug-1", "table", seconds)).id == first.id
        memory.commit()
    assert memory.backend.counts().records == 1
    assert memory.spatial.tally(first.id).last_seen_ns == at(19)


def test_hearsay_never_closes_or_confirms_a_sighting(memory, step):
    seen = memory.spatial.relate(fact("mug-1", "table"))
    step()
    memory.spatial.relate(fact("mug-1", "sink", 5, source=Source.TOLD))
    memory.spatial.relate(fact("mug-1", "table", 6, source=Source.INFERRED))
    step()
    assert memory.spatial.supporter("mug-1").object == "table"
    assert memory.spatial.contents("sink") == []
    assert len(memory.spatial.claims("mug-1", "inside")) == 1  # the inference agreed with the sighting
    assert memory.spatial.tally(seen.id) is None


def test_a_retracted_support_has_no_successor(memory, step):
    memory.spatial.relate(fact("mug-1", "table"))
    step()
    (ended,) = memory.spatial.retract("mug-1", "inside", at(5), "event-1")
    step()
    assert (ended.valid_to_ns, ended.cause) == (at(5), "event-1")
    assert memory.spatial.supporter("mug-1") is None
    assert memory.spatial.retract("mug-1", "inside", at(6), "event-2") == ()


def test_ids_of_facts_come_from_their_content(memory):
    first = memory.spatial.relate(replace(fact("mug-1", "table"), id="x"))
    with LifelongMemory.open("memory://", clock=ContractClock()) as other:
        assert other.spatial.relate(replace(fact("mug-1", "table"), id="y")).id == first.id


def test_a_fact_that_is_not_spatial_is_sent_elsewhere(memory):
    with pytest.raises(ValueError, match="semantic"):
        memory.spatial.relate(fact("ann", "tea", predicate="likes"))


def test_what_is_near_comes_nearest_first_and_only_of_this_map(memory, step):
    for n in range(5):
        memory.spatial.see(mug(f"mug-{n}", x=4.0 - n))
    memory.spatial.see(replace(mug("elsewhere"), map_id="map-1"))
    step()
    assert [i.id for i in memory.spatial.near((0.0, 0.0, 0.8), 2.5, "map-0")] == ["mug-4", "mug-3", "mug-2"]


def test_places_are_kept_once(memory, step):
    room = Place(id="kitchen", label="room", name="kitchen", valid_from_ns=START_NS, position_m=(0.0, 0.0, 0.0))
    for seconds in range(3):
        memory.spatial.add_place(replace(room, valid_from_ns=at(seconds)))
        step()
    assert [(p.id, p.version) for p in memory.spatial.places("map-0")] == [("kitchen", 1)]


def test_hops_follow_links_between_things_and_not_shared_states(memory, step):
    memory.spatial.relate(fact("mug-1", "table"))
    memory.spatial.relate(fact("plate-1", "table"))
    memory.spatial.relate(fact("table", "kitchen", predicate="in_room"))
    memory.spatial.relate(fact("table", "open", predicate="door"))
    memory.spatial.relate(fact("fridge", "open", predicate="door"))
    step()
    assert memory.spatial.within_hops(["mug-1"], 2) == {"mug-1": 0, "table": 1, "plate-1": 2, "kitchen": 2}


def test_the_facts_of_a_map_are_those_that_hold(memory, step):
    memory.spatial.relate(replace(fact("mug-1", "table"), map_id="map-0"))
    memory.spatial.relate(replace(fact("mug-1", "sink", 2), map_id="map-0"))
    memory.spatial.relate(replace(fact("mug-2", "sink"), map_id="map-1"))
    step()
    assert [(r.subject, r.object) for r in memory.spatial.relations("map-0")] == [("mug-1", "sink")]


def test_another_robot_in_the_same_store_shares_nothing(memory):
    memory.spatial.see(mug())
    memory.commit()
    other = LifelongMemory(memory.backend, robot="other")
    assert other.spatial.instances("map-0") == []
    other.spatial.see(mug(robot="other", x=7.0))
    other.commit()
    assert [i.position_m[0] for i in memory.spatial.instances("map-0")] == [0.0]
    assert memory.backend.find(Query(robot="other", valid_at_ns=FOREVER_NS)).records[0].position_m[0] == 7.0


def test_a_closed_store_is_an_error_and_not_an_empty_room(memory):
    memory.spatial.see(mug())
    memory.close()
    with pytest.raises(StoreError):
        memory.spatial.instances("map-0")
