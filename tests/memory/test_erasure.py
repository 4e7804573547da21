# SPDX-License-Identifier: Apache-2.0
"""Forgetting for good: what goes, what stays, and that nothing of it is left in any byte."""

import pytest

from memory.erasure import Region, mentions
from memory.errors import RejectedInput
from memory.lifelong import LifelongMemory
from memory.query import Query
from memory.records import Cue, Episode, Event, Instance, Place, Relation, Source, Status
from memory.samples import START_NS, S, mug

URLS = ["memory://", "sqlite:///{folder}/store.db"]
NAME = "Philippa"


class Clock:
    now_ns = START_NS

    def __call__(self):
        return self.now_ns


@pytest.fixture(params=URLS)
def memory(request, tmp_path):
    opened = LifelongMemory.open(
        request.param.format(folder=tmp_path), clock=Clock(), blob_folder=tmp_path / "store.db.blobs"
    )
    with opened:
        yield opened


def told(subject, predicate, object, at=0, **more):
    return Relation(
        id="any", subject=subject, predicate=predicate, object=object, valid_from_ns=START_NS + at * S,
        source=Source.TOLD, **more,
    )  # fmt: skip


def thing(id, label, x, alias="", **more):
    return Instance(id=id, label=label, alias=alias, position_m=(x, 0.0, 0.5), valid_from_ns=START_NS, **more)


def live(memory):
    """A household with one person in it and one who stays; what is about her, and what is not."""
    face = memory.pictures.keep(f"face of {NAME}".encode(), START_NS)
    room = memory.pictures.keep(b"an empty room", START_NS)
    for id, text, evidence in (("look-1", "somebody at the door", (face, room)), ("look-2", "a room", (room,))):
        memory.temporal.note(Event(id=id, name="saw", text=text, valid_from_ns=START_NS, evidence=evidence))
    memory.spatial.see(thing("person-7", "person", 1.0, NAME, evidence=("look-1",)))
    memory.spatial.see(thing("mug-1", "mug", 2.0))
    memory.spatial.see(thing("mug-2", "mug", 3.0, f"{NAME}'s mug"))
    memory.spatial.relate(told("mug-1", "inside", "table"))
    memory.spatial.relate(told("mug-2", "inside", "shelf"))
    memory.semantic.tell(told(NAME.lower(), "likes", "coffee at nine"))
    memory.semantic.tell(told("Jo", "likes", f"talking to {NAME}"))
    memory.semantic.tell(told("Jo", "likes", "tea"))
    memory.semantic.tell(told("Pip", "alias_of", NAME))
    memory.semantic.tell(told("pip", "allergic_to", "nuts"))
    fact = memory.semantic.tell(told("guest", "wants", "silence", evidence=("person-7",)))
    memory.semantic.tell(told("house", "mood", "quiet", evidence=(fact.id,)))
    memory.temporal.note(Event(id="said-1", name="said", text=f"I am {NAME.upper()}!", valid_from_ns=START_NS))
    memory.temporal.note(Event(id="gave-1", name="gave", subjects=("person-7", "mug-1"), valid_from_ns=START_NS))
    memory.temporal.note(Event(id="gave-2", name="gave", subjects=("mug-1",), valid_from_ns=START_NS))
    memory.episodic.keep(Episode(id="ep-1", instruction=f"bring {NAME}s tea", valid_from_ns=START_NS))
    memory.episodic.keep(Episode(id="ep-2", instruction="bring tea", valid_from_ns=START_NS))
    memory.semantic.learn("where", "mug", "shelf", True, START_NS, evidence=("ep-1",))
    memory.commit()
    return face, room


def every_byte(memory, tmp_path):
    memory.export(tmp_path / "out.jsonl")
    return b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()).lower()


def test_the_first_call_counts_and_erases_nothing(memory):
    live(memory)
    before = list(memory.backend.changes())
    counted = memory.forget(person=NAME)
    assert counted.records == 14 and counted.blobs == 1 and counted.token and counted.rows == 0
    assert list(memory.backend.changes()) == before
    assert memory.forget(person=NAME) == counted


def test_the_second_call_leaves_nothing_of_the_person_in_any_byte(memory, tmp_path):
    face, _ = live(memory)
    assert every_byte(memory, tmp_path).count(NAME.lower().encode()) > 5
    erased = memory.forget(person=NAME, token=memory.forget(person=NAME).token)
    assert (erased.records, erased.blobs, erased.token) == (14, 1, "") and erased.rows > 14
    left = every_byte(memory, tmp_path)
    words = ("pip", "nuts", "coffee at nine", "person-7", "silence", "quiet", "gave-1", "look-1")
    for gone in (NAME.lower(), face.removeprefix("blob:"), *words):
        assert gone.encode() not in left, gone
    memory.close()
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()).lower()
    assert NAME.lower().encode() not in left


def test_what_is_about_others_stays(memory):
    _, room = live(memory)
    memory.forget(person=NAME, token=memory.forget(person=NAME).token)
    left = {record.id for record in memory.backend.changes()}
    assert {"look-2", "mug-1", "gave-2", "ep-2"} <= left
    assert [fact.object for fact in memory.semantic.facts("Jo", "likes")] == ["tea"]
    assert memory.spatial.supporter("mug-1").object == "table"
    assert memory.pictures.blobs.get(room) == b"an empty room"
    assert memory.forget(person=NAME).records == 0


def test_no_index_finds_what_is_gone(memory):
    live(memory)
    memory.forget(person=NAME, token=memory.forget(person=NAME).token)
    for cue in (Cue(text=NAME, deadline_s=30), Cue(subject="person-7", deadline_s=30), Cue(text="nuts", deadline_s=30)):
        assert memory.recall(cue, START_NS + S).status is Status.NONE
    near = Query(near_m=(1.0, 0.0, 0.5), within_m=0.1, history=True)
    assert memory.backend.find(near).records == ()
    assert "person-7" not in memory.backend.tallies("robot")


def test_what_stays_is_an_audit_that_names_nobody(memory):
    live(memory)
    memory.forget(person=NAME, token=memory.forget(person=NAME).token)
    audits = memory.backend.audits()
    assert len(audits) == 14 and NAME.lower() not in repr(audits).lower()
    assert memory.explain("person-7").note.startswith("erased 20")


def test_a_token_is_good_for_the_store_as_it_was_counted_only(memory):
    live(memory)
    token = memory.forget(person=NAME).token
    with pytest.raises(RejectedInput, match="count again"):
        memory.forget(person="Jo", token=token)
    memory.temporal.note(Event(id="new", name="said", text=f"{NAME} again", valid_from_ns=START_NS))
    memory.commit()
    with pytest.raises(RejectedInput, match="count again"):
        memory.forget(person=NAME, token=token)
    assert memory.backend.audits() == ()


def test_a_region_goes_with_all_that_was_ever_in_it(memory):
    live(memory)
    memory.spatial.see(mug("mug-9", at_ns=START_NS, x=9.0))
    memory.spatial.see(mug("mug-9", at_ns=START_NS + S, x=2.0))
    memory.spatial.add_place(
        Place(id="hall", label="room", name="hall", position_m=(8.5, 0.0, 0.0), valid_from_ns=START_NS)
    )
    memory.temporal.note(Event(id="in-hall", name="looked", place_id="hall", valid_from_ns=START_NS))
    memory.commit()
    box = Region("map-0", (8.0, -1.0, -1.0), (10.0, 1.0, 1.0))
    counted = memory.forget(region=box)
    assert counted.records == 3
    memory.forget(region=box, token=counted.token)
    assert {r.id for r in memory.backend.changes()} & {"mug-9", "hall", "in-hall"} == set()
    assert memory.forget(region=Region("other map", (-99.0,) * 3, (99.0,) * 3)).records == 0
    assert memory.spatial.supporter("mug-1").object == "table"


def test_a_thing_goes_with_its_facts_and_events(memory):
    live(memory)
    counted = memory.forget(instance="mug-1")
    assert counted.records == 4
    memory.forget(instance="mug-1", token=counted.token)
    assert memory.spatial.supporter("mug-1") is None and memory.spatial.tally("mug-1") is None
    assert memory.spatial.supporter("mug-2").object == "shelf"


def test_what_a_summary_stood_for_is_believed_again_when_only_a_part_of_it_goes(memory):
    for n in range(6):
        who = "person-7" if n == 2 else ""
        who = (who,) if who else ()
        memory.temporal.note(
            Event(id=f"e{n}", name="saw", text="a red door", evidence=who, valid_from_ns=START_NS + n * S)
        )
    memory.commit()
    memory.sleep(START_NS + 10**15, keep_s=0)
    assert len(memory.temporal.events(name="saw")) == 1
    memory.forget(instance="e2", token=memory.forget(instance="e2").token)
    assert sorted(e.id for e in memory.temporal.events(name="saw")) == ["e0", "e1", "e3", "e4", "e5"]


def test_another_robots_records_stay(memory):
    live(memory)
    other = LifelongMemory(memory.backend, robot="other")
    fact = Relation(id="x", robot="other", subject=NAME, predicate="likes", object="tea", valid_from_ns=START_NS)
    other.semantic.tell(fact)
    other.commit()
    memory.forget(person=NAME, token=memory.forget(person=NAME).token)
    assert len(other.semantic.facts(NAME)) == 1


def test_nonsense_is_refused(memory):
    for wrong in ({}, {"person": "a", "instance": "b"}, {"person": "  !"}):
        with pytest.raises(ValueError, match=r"forget one of|no name"):
            memory.forget(**wrong)
    with pytest.raises(ValueError, match="no box"):
        Region("map-0", (0.0, 0.0, 0.0), (1.0, -1.0, 1.0))
    memory.temporal.note(Event(id="e", name="said", valid_from_ns=START_NS))
    with pytest.raises(ValueError, match="in the middle of a step"):
        memory.forget(person=NAME)


@pytest.mark.parametrize(
    ("text", "speaks"),
    [
        ("Anna Berg came", True),
        ("anna  BERG's cup", True),
        ("Berg Anna", False),
        ("Anna", False),
        ("anna_bergs_cup", True),
    ],
)
def test_a_name_of_two_words_is_both_in_a_row(text, speaks):
    assert mentions(text, ["Anna Berg"]) is speaks


def test_what_is_erased_was_never_seen_before(memory):
    live(memory)
    memory.commit()
    assert memory.familiarity.text(NAME) == 1.0
    token = memory.forget(person=NAME).token
    memory.forget(person=NAME, token=token)
    assert memory.familiarity.text(NAME) == 0.0
    assert memory.familiarity.label("mug")
    assert memory.familiarity.behind(memory.backend) == 0
