# SPDX-License-Identifier: Apache-2.0
"""Field cases about a life with one memory: parking, captions, dates, quotes, updates, and a person's usual."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from memory.errors import RejectedInput
from memory.instants import instant_ns
from memory.lifelong import LifelongMemory
from memory.query import Query
from memory.records import Cue, Epistemic, Event, Place, Relation, Source, Status
from memory.timeline import is_functional

ROOT = Path(__file__).parents[2]
S = 1_000_000_000
T0 = 1_767_258_000 * S
DAY_NS = 24 * 3600 * S
EIGHT_HOURS_S = 8 * 3600
MEGABYTE = 1_000_000


def fact(subject: str, predicate: str, value: str, at_ns: int = T0, **more) -> Relation:
    return Relation(id="any", subject=subject, predicate=predicate, object=value, valid_from_ns=at_ns, **more)


def weight(memory: LifelongMemory, folder) -> int:
    """Bytes of a store: of its files, or of its export where it has none."""
    memory.backend.maintain("checkpoint")
    files = [path.stat().st_size for path in (folder / "store").rglob("*") if path.is_file()]
    memory.export(folder / "out.jsonl")
    return sum(files) if files else (folder / "out.jsonl").stat().st_size


def watch(life, world, samples: int, seconds: float, **sample: object) -> None:
    """Look at the same scene, a little shaken by noise, so many times within so many seconds."""
    rng = random.Random(53)
    home = life.home(world)
    life.episodes += 1
    life.brain.begin("", home, f"episode-{life.episodes}")
    still = home.observe()
    for number in range(samples):
        life.clock.now_ns += int(seconds * S / samples)
        shaken = tuple(
            replace(d, position_m=tuple(x + rng.gauss(0, 0.005) for x in d.position_m)) for d in still.detections
        )
        seen = replace(still, sequence=number, stamp_ns=life.clock.now_ns, detections=shaken)
        life.brain.step(replace(seen, **sample))  # type: ignore[arg-type]
    life.brain.end(life.clock.now_ns)


@pytest.mark.parametrize("localised", [True, False])
@pytest.mark.parametrize("samples", [2_880, pytest.param(288_000, marks=[pytest.mark.long, pytest.mark.timeout(7200)])])
def test_a_robot_parked_for_eight_hours_does_not_grow_its_store(parked, flats, tmp_path, samples, localised):
    """Row 53: 10 Hz for 8 h; by default every hundredth sample of it."""
    world = flats.build(flats.table(), flats.mug(), flats.mug("Mug|2", 0.3), flats.lamp("DeskLamp|1", 0.5))
    watch(parked, world, 100, 10.0)
    before, records = weight(parked.memory, tmp_path), parked.memory.backend.counts().records
    lost = {} if localised else {"map_from_base": None}
    watch(parked, world, samples, EIGHT_HOURS_S, **lost)
    grown = weight(parked.memory, tmp_path) - before
    more = parked.memory.backend.counts().records - records
    assert grown < MEGABYTE and more < 20
    mug = parked.things("Mug")[0]
    if localised:
        assert parked.memory.spatial.tally(mug.id).sightings == 100 + samples
        (stay,) = parked.memory.spatial.stays(mug.id)
        assert not stay.over and stay.duration_s == pytest.approx(EIGHT_HOURS_S, abs=60)
    else:
        (saw,) = parked.memory.temporal.events(name="saw")
        span = parked.memory.temporal.span(saw.id)
        assert (span.count, round(span.duration_s / 60)) == (samples, 480)


RARE = {2_500: "a cat on the stairs", 5_000: "broken glass near the sink", 7_500: "an unknown man at the door"}


def caption(rng: random.Random) -> str:
    """The same corridor in other words: order, case, stops and small words differ."""
    parts = ["long corridor", "white walls", "red door"]
    rng.shuffle(parts)
    first, last = rng.choice(["There is a", "I see the", "a"]), rng.choice(["a", "the"])
    return f"{first} {parts[0]}, {parts[1]} and {last} {parts[2]}" + rng.choice(["", ".", "!"])


def test_ten_thousand_near_equal_captions_are_one_and_three_rare_ones_are_recalled(memory, tmp_path):
    """Row 53: one caption every 3 s at one place; the export stays small, how long it was there is right."""
    rng = random.Random(53)
    for number in range(10_000):
        at_ns = T0 + 3 * number * S
        text = RARE.get(number) or caption(rng)
        memory.temporal.witness(Event(id=f"c{number}", name="saw", text=text, place_id="hall", valid_from_ns=at_ns))
        if number % 50 == 49:
            memory.commit()
    memory.export(tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").stat().st_size < 10_000
    now_ns = T0 + 30_000 * S
    for at, rare in RARE.items():
        found = memory.recall(Cue(text=rare, deadline_s=30), now_ns)
        assert found.recollections[0].record.text == rare
        assert found.recollections[0].record.valid_from_ns == T0 + 3 * at * S
    (corridor,) = [e for e in memory.temporal.events(name="saw") if "corridor" in e.text]
    span = memory.temporal.span(corridor.id)
    assert (span.first_ns, span.last_ns, span.count) == (T0, T0 + 3 * 9_999 * S, 9_997)
    asked = memory.temporal.before(T0 + 3 * 5_001 * S, k=1)
    assert [e.text for e in asked] == [RARE[5_000]]
    assert [e.text for e in memory.temporal.after(T0 + 3 * 5_001 * S, k=1)] == [RARE[7_500]]


def test_captions_that_were_all_written_are_summarised_asleep_and_the_rare_ones_stay(memory, tmp_path):
    """Row 53: a store filled by somebody who did not count; sleep deletes nothing, and what is believed is small."""
    for number in range(2_000):
        text = {400: "a cat on the stairs", 900: "broken glass", 1_500: "an unknown man"}.get(number, "a long corridor")
        memory.temporal.note(Event(id=f"c{number}", name="saw", text=text, valid_from_ns=T0 + 3 * number * S))
    memory.commit()
    now_ns = T0 + DAY_NS
    for _ in range(20):
        now_ns += DAY_NS
        memory.sleep(now_ns, keep_s=0)
    believed = memory.backend.find(Query(kinds=("event",), equals=(("name", "saw"),))).records
    assert sorted(e.text for e in believed) == [
        "a cat on the stairs",
        "a long corridor",
        "an unknown man",
        "broken glass",
    ]
    assert memory.recall(Cue(text="unknown man", deadline_s=30), now_ns).recollections[0].record.id == "c1500"
    assert {f"c{n}" for n in range(2_000)} <= {record.id for record in memory.backend.changes()}


def test_one_instant_is_one_number_however_it_is_written_and_a_time_without_a_zone_is_refused(memory):
    """Row 61: the same instant in four forms, and the boundary exactly at it."""
    moment = datetime(2026, 1, 1, 9, 0, tzinfo=timezone.utc)
    forms = (
        "2026-01-01T09:00:00+00:00", "2026-01-01 09:00:00 UTC", "2026-01-01T17:00:00+08:00",
        moment.astimezone(timezone(timedelta(hours=8))),
    )  # fmt: skip
    for number, form in enumerate(forms):
        memory.temporal.note(Event(id=f"e{number}", name="saw", valid_from_ns=instant_ns(form)))
    memory.commit()
    t = instant_ns(moment)
    assert {e.valid_from_ns for e in memory.temporal.events()} == {t} and t == 1_767_258_000 * S
    assert len(memory.temporal.events(since_ns=t, until_ns=t + 1)) == 4
    assert memory.temporal.events(until_ns=t) == memory.temporal.events(since_ns=t + 1) == []
    assert len(memory.backend.find(Query(valid_at_ns=t)).records) == 4
    for naive in ("2026-01-01T09:00:00", moment.replace(tzinfo=None), "yesterday"):
        with pytest.raises(RejectedInput, match=r"no time zone|no moment"):
            instant_ns(naive)


def test_a_name_met_in_four_contexts_is_one_thing(memory):
    """Row 62: exact key first; each robot has its own."""
    for number in range(4):
        memory.semantic.tell(
            fact("DGIA", "is_a", "agency", T0 + number * S, source=Source.TOLD, evidence=(f"d{number}",))
        )
        memory.spatial.add_place(
            Place(id="dgia-office", label="office", name="DGIA", position_m=(1.0, 2.0, 0.0), valid_from_ns=T0)
        )
        memory.commit()
    assert [claim.object for claim in memory.semantic.facts("DGIA")] == ["agency"]
    assert memory.backend.counts().records == 2
    (claim,) = memory.semantic.facts("DGIA")
    assert memory.backend.tallies(memory.robot, (claim.id,))[claim.id].sightings == 4


def test_fifty_turns_that_quote_the_memory_teach_it_nothing(memory):
    """Row 67: recalled text is never new evidence; what the robot makes of it is marked and counts for nothing."""
    told = memory.semantic.tell(fact("Sana", "works_at", "the bakery", source=Source.TOLD))
    seen = memory.spatial.relate(fact("mug-1", "inside", "sink"))
    memory.commit()
    facts = memory.backend.counts().records
    for turn in range(50):
        now_ns = T0 + (turn + 1) * S
        recalled = memory.recall(Cue(subject="Sana", deadline_s=30), now_ns)
        (one,) = [r.record for r in recalled.recollections if isinstance(r.record, Relation)]
        quoted = replace(one, valid_from_ns=now_ns, source=Source.REFLECTED, evidence=(one.id,))
        memory.semantic.tell(quoted)
        memory.semantic.tell(replace(quoted, evidence=()))
        memory.semantic.tell(replace(quoted, source=Source.TOLD))
        memory.spatial.relate(fact("mug-1", "inside", "sink", now_ns, source=Source.INFERRED, evidence=(seen.id,)))
        memory.commit()
    assert memory.backend.counts().records == facts
    assert memory.backend.tallies(memory.robot, (told.id, seen.id)) == {}
    invented = memory.semantic.tell(
        fact("Sana", "married_to", "Bob", T0 + 99 * S, source=Source.REFLECTED, evidence=(told.id,))
    )
    memory.commit()
    trust = {
        r.record.id: r.epistemic for r in memory.recall(Cue(subject="Sana", deadline_s=30), T0 + 99 * S).recollections
    }
    assert trust == {told.id: Epistemic.TOLD, invented.id: Epistemic.INFERRED}


def test_three_updates_of_one_key_are_three_versions_and_the_first_date_stays(memory):
    """Row 74: first seen, last changed, by whom and from what."""
    evidence = ("plan-1", "said-2", "said-3")
    for number, name in enumerate(("hall", "corridor", "long corridor")):
        at_ns = T0 + number * DAY_NS
        source = Source.SEEN if number == 0 else Source.TOLD
        memory.spatial.add_place(
            Place(
                id="room-1", label="room", name=name, position_m=(1.0, 2.0, 0.0), valid_from_ns=at_ns, source=source,
                evidence=(evidence[number],),
            )
        )  # fmt: skip
        memory.commit()
    history = memory.explain("room-1")
    names = [(v.name, v.source, v.evidence) for v in history.versions if v.valid_to_ns is None]
    assert names == [
        ("hall", Source.SEEN, ("plan-1",)),
        ("corridor", Source.TOLD, ("said-2",)),
        ("long corridor", Source.TOLD, ("said-3",)),
    ]
    first = history.versions[0]
    earliest_ns = min(version.recorded_ns for version in history.versions)
    assert (first.valid_from_ns, first.version, first.recorded_ns) == (T0, 1, earliest_ns)
    assert [memory.as_of(T0 + n * DAY_NS + S).spatial.places("map-0")[0].name for n in range(3)] == [
        "hall", "corridor", "long corridor",
    ]  # fmt: skip
    assert [ground.id for ground in history.grounds] == list(evidence)


def test_every_invalidation_names_its_cause_and_can_be_undone(memory):
    """Row 59: of ten door states that were closed, each comes back, and only that one."""
    for number in range(10):
        memory.spatial.relate(fact(f"door {number}", "door", "open"))
        memory.spatial.relate(fact(f"door {number}", "door", "closed", T0 + 60 * S))
    memory.commit()
    closed = [r for r in memory.backend.find(Query()).records if r.valid_to_ns is not None]
    assert len(closed) == 10 and all(memory.explain(r.cause).versions for r in closed)
    for undone, one in enumerate(closed, start=1):
        memory.undo(one.id, one.version, T0 + 90 * S, "the sensor was wrong")
        memory.commit()
        states = [memory.spatial.state(f"door {n}", "door").object for n in range(10)]
        assert states.count("open") == undone
    assert len(memory.temporal.events(name="undone")) == 10


DAY_ONE = """
import os, sys
from memory.lifelong import LifelongMemory
from memory.records import Event, Relation, Source

T0 = {t0}
memory = LifelongMemory.open(sys.argv[1], clock=lambda: T0)
said = "I am Sana, coffee at nine"
memory.temporal.note(Event(id="said-1", name="said", text=said, subjects=("Sana",), valid_from_ns=T0))
for who, what, evidence in (("Sana", "coffee at nine", ("said-1",)), ("Jo", "tea", ())):
    memory.semantic.tell(Relation(
        id="any", subject=who, predicate="usual", object=what, valid_from_ns=T0, source=Source.TOLD, evidence=evidence,
    ))
memory.commit("dialogue/1")
os._exit(9)  # the robot is switched off at the wall
"""


def test_a_persons_usual_is_known_the_next_day_and_is_hers_to_see_correct_and_erase(tmp_path):
    """Row 110: day 1 "I am Sana, coffee at nine"; a restart; day 2 "my usual"."""
    url = f"sqlite:///{tmp_path}/robot.db"
    done = subprocess.run([sys.executable, "-c", DAY_ONE.format(t0=T0), url], cwd=ROOT, check=False)
    assert done.returncode == 9
    today_ns = T0 + DAY_NS
    with LifelongMemory.open(url, clock=lambda: today_ns, continue_=True) as memory:
        usual = Cue(subject="Sana", predicate="usual", deadline_s=30)
        answer = memory.recall(usual, today_ns)
        (known,) = answer.recollections
        assert (answer.status, known.record.object, known.epistemic) == (Status.FOUND, "coffee at nine", Epistemic.TOLD)
        assert (known.age_ns, known.evidence) == (DAY_NS, ("said-1",))

        shown = memory.explain(known.record.id).tree()
        assert "I am Sana, coffee at nine" in shown and "2026-01-01T09:00:00Z" in shown and "told" in shown

        memory.temporal.note(Event(id="said-2", name="said", text="make that tea, Sana says", valid_from_ns=today_ns))
        memory.semantic.retract("Sana", "usual", today_ns, "said-2")
        memory.semantic.tell(fact("Sana", "usual", "tea", today_ns, source=Source.TOLD, evidence=("said-2",)))
        memory.commit("dialogue/2")
        assert [r.record.object for r in memory.recall(usual, today_ns + S).recollections] == ["tea"]
        assert [f.object for f in memory.as_of(today_ns - S).semantic.facts("Sana", "usual")] == ["coffee at nine"]

        memory.forget(person="Sana", token=memory.forget(person="Sana").token)
        assert memory.recall(usual, today_ns + S).status is Status.NONE
        assert [f.object for f in memory.semantic.facts("Jo", "usual")] == ["tea"]
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"sana" not in left.lower() and b"nine" not in left
    assert not is_functional("usual")
