# SPDX-License-Identifier: Apache-2.0
"""Found by words, by meaning and over links; what was compared with nothing is said, and the store is asked little."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import ClassVar

import pytest

from memory.encoders import HashEncoder
from memory.errors import StoreUnavailable
from memory.lifelong import LifelongMemory
from memory.recall import recall
from memory.records import Cue, Episode, Epistemic, Event, Lesson, Relation, Source, Status
from memory.samples import START_NS, ContractClock, S, mug
from memory.searching import Answer, telling_words

NOW = START_NS + 100 * S
AT = {"valid_from_ns": START_NS}


class Meanings(HashEncoder):
    """A few words mean the same; all others mean something of their own."""

    none_below = 0.6
    SAME: ClassVar = {"sofa": "couch", "settee": "couch", "basin": "sink", "freezing": "cold", "winter": "cold"}

    def __init__(self):
        super().__init__(256)
        self.id = "meanings@1"
        self.asked = []

    def encode(self, texts):
        self.asked += texts
        return super().encode([" ".join(self.SAME.get(word, word) for word in telling_words(t)) for t in texts])


class Broken(Meanings):
    def encode(self, texts):
        raise RuntimeError("out of memory")


def link(subject, predicate, object, source=Source.SEEN, seconds=0):
    at_ns = START_NS + seconds * S
    return Relation(id="any", subject=subject, predicate=predicate, object=object, source=source, valid_from_ns=at_ns)


def remember(memory):
    for n, label in enumerate(("mug", "couch", "sink")):
        memory.spatial.see(replace(mug(f"{label}-1", x=float(n)), label=label))
    memory.spatial.relate(link("mug-1", "inside", "sink-1"))
    memory.temporal.note(Event(id="e1", name="said", text="it is cold", subjects=("mug-1",), **AT))
    memory.episodic.keep(Episode(id="o1", instruction="put the mug in the sink", **AT))
    memory.semantic.tell(link("sam", "likes", "tea", Source.TOLD))
    memory.commit()


@pytest.fixture(params=["memory://", "sqlite:///{folder}/store.db"])
def opened(request, tmp_path):
    url, memories = request.param.format(folder=tmp_path), []

    def open_(encoder=None, settle=True):
        memories.append(LifelongMemory.open(url, clock=ContractClock(), encoder=encoder, continue_=True))
        if not memories[-1].began_with:
            remember(memories[-1])
        if encoder and settle:
            assert memories[-1].enrichment.work(1000).done
        return memories[-1]

    yield open_
    for memory in memories:
        memory.close()


def ask(memory, text="", **more):
    return memory.recall(Cue(text=text, deadline_s=30, **more), NOW)


def found(answer):
    return [one.record.id for one in answer.recollections]


def test_what_is_meant_is_found_without_a_word_in_common(opened):
    memory = opened(Meanings())
    assert found(ask(memory, "where is the settee?", kinds=("instance",))) == ["couch-1"]
    assert found(ask(memory, "freezing winter", kinds=("event",))) == ["e1"]
    assert ask(memory, "settee").notes == ()


def test_without_an_encoder_it_is_words_alone_and_says_so(opened):
    memory = opened()
    answer = ask(memory, "where is the settee?")
    assert (answer.status, answer.notes) == (Status.NONE, ("found by words alone: no encoder",))
    assert ask(memory, "couch").status is Status.FOUND
    assert ask(memory, label="couch").notes == ()


def test_what_was_never_stored_is_none_with_the_nearest_cosine(opened):
    answer = ask(opened(Meanings()), "where is the unicorn?")
    assert (answer.status, answer.recollections, answer.missing) == (Status.NONE, (), ())
    assert 0.0 <= answer.nearest < Meanings.none_below


def test_one_word_in_common_is_not_enough_when_the_meaning_is_another(opened):
    memory = opened(Meanings())
    assert ask(memory, "put the unicorn away in paris").status is Status.NONE
    assert ask(memory, "it is raining: cold soup, unicorn, paris").nearest < Meanings.none_below
    assert found(ask(memory, "unicorn, paris, mug", kinds=("instance",))) == ["mug-1"]  # a name said in full


def test_what_has_no_vector_yet_is_found_by_its_words(opened):
    memory = opened(Meanings(), settle=False)
    assert found(ask(memory, "the mug of a unicorn in paris", kinds=("instance",))) == ["mug-1"]


def test_a_vector_that_is_given_is_not_made_again(opened):
    encoder = Meanings()
    memory = opened(encoder)
    (vector,) = encoder.encode(["sofa"])
    encoder.asked.clear()
    assert found(ask(memory, vector=vector, encoder=encoder.id, kinds=("instance",))) == ["couch-1"]
    assert encoder.asked == []
    with pytest.raises(ValueError, match="encoder"):
        Cue(vector=vector)


def test_vectors_of_another_encoder_are_never_compared_and_it_says_so(opened):
    memory = LifelongMemory(opened(Meanings()).backend, robot="robot", encoder=HashEncoder())
    answer = ask(memory, "where is the mug?", kinds=("instance",))
    assert found(answer) == ["mug-1"] and answer.nearest is None
    (note,) = answer.notes
    assert note.startswith("found by words alone: ") and "meanings@1" in note and "hash-64@0" in note


def test_an_encoder_that_breaks_costs_meaning_and_not_the_answer(opened):
    opened(Meanings()).close()
    answer = ask(opened(Broken(), settle=False), "where is the mug?", kinds=("instance",))
    assert found(answer) == ["mug-1"]
    assert answer.notes == ("found by words alone: encoder meanings@1: RuntimeError: out of memory",)


def test_nearest_by_vector_alone_on_demand(opened):
    memory = opened(Meanings())
    assert found(ask(memory, "basin", kinds=("instance",), strategy="knn")) == ["sink-1"]
    assert "o1" not in found(ask(memory, "away sink", strategy="knn"))


@pytest.mark.parametrize("strategy", ["khop", "ppr", "spreading"])
def test_a_strategy_reaches_what_is_linked(opened, strategy):
    memory = opened(Meanings())
    plain, wide = ask(memory, "cold"), ask(memory, "cold", strategy=strategy)
    assert found(plain) == ["e1"]
    assert {"e1", "mug-1", "sink-1"} <= set(found(wide)) and found(wide)[0] == "e1"
    assert {one.memory for one in wide.recollections} == {"temporal", strategy}
    assert ask(memory, "cold", strategy=strategy, kinds=("event",)).recollections[0].record.id == "e1"


def test_an_unknown_strategy_is_the_callers_mistake(opened):
    with pytest.raises(ValueError, match="osmosis"):
        ask(opened(), "cold", strategy="osmosis")


def test_what_was_told_of_a_thing_never_seen_is_found_by_its_name(opened):
    memory = opened()
    memory.spatial.relate(link("keys", "inside", "drawer", Source.TOLD))
    (one,) = ask(memory, "where are the keys?").recollections
    assert (one.record.object, one.epistemic) == ("drawer", Epistemic.TOLD)


def test_facts_about_a_word_are_not_crowded_out_by_where_things_are(opened):
    memory = opened()
    memory.semantic.tell(link("mug", "usually_in", "cupboard", Source.TOLD))
    for n in range(60):
        memory.spatial.relate(link(f"mug {n}", "inside", "mug rack", seconds=n))
    memory.commit()
    facts = ask(memory, "mug", kinds=("relation",)).recollections
    assert any(one.record.predicate == "usually_in" for one in facts)


def test_where_a_missing_thing_is_is_not_known(opened):
    memory = opened()
    memory.spatial.relate(link("mug-1", "presence", "missing", seconds=1))
    states = {one.record.id: one.epistemic for one in ask(memory, kinds=("instance",)).recollections}
    assert (states["mug-1"], states["couch-1"]) == (Epistemic.UNKNOWN, Epistemic.OBSERVED)
    memory.spatial.relate(link("mug-1", "presence", "present", seconds=2))
    states = {one.record.id: one.epistemic for one in ask(memory, kinds=("instance",)).recollections}
    assert states["mug-1"] is Epistemic.OBSERVED


def test_side_by_side_the_answer_is_the_same(opened):
    memory = opened(Meanings())
    cue = Cue(text="mug in the sink", k=20, deadline_s=30)
    with ThreadPoolExecutor(4) as executor:
        assert memory.recall(cue, NOW, executor=executor) == memory.recall(cue, NOW)


def test_side_by_side_threads_that_are_all_taken_hold_up_nobody(opened):
    memory = opened(Meanings())
    cue = Cue(text="mug in the sink", k=20, deadline_s=30)
    with ThreadPoolExecutor(1) as executor:
        assert memory.recall(cue, NOW, executor=executor) == memory.recall(cue, NOW)


def test_side_by_side_one_that_hangs_holds_up_no_other():
    release = threading.Event()

    class Slow:
        name = "slow"

        def search(self, cue, limits):
            release.wait(20)
            return Answer()

    class Quick:
        name = "quick"

        def search(self, cue, limits):
            return Answer((mug(),))

    with ThreadPoolExecutor(2) as executor:
        answer = recall([Slow(), Quick()], Cue(deadline_s=0.05), NOW, executor=executor)
        release.set()
    assert (answer.status, found(answer)) == (Status.PARTIAL, ["mug-1"])
    assert answer.missing == ("slow: deadline of 0.05 s passed",)


def test_side_by_side_what_was_found_by_the_deadline_is_answered():
    class Late:
        name = "late"

        def search(self, cue, limits):
            assert limits.deadline_s < cue.deadline_s
            threading.Event().wait(limits.deadline_s)
            return Answer((mug(),), complete=False)

    with ThreadPoolExecutor(1) as executor:
        answer = recall([Late()], Cue(deadline_s=0.5), NOW, executor=executor)
    assert (answer.status, found(answer)) == (Status.PARTIAL, ["mug-1"])


def test_side_by_side_what_happened_and_what_is_are_looked_for_at_once(opened):
    memory, together = opened(Meanings()), threading.Barrier(2)
    find = memory.backend.find

    def waits(query, **limits):
        if query.vector:
            together.wait(20)
        return find(query, **limits)

    memory.backend.find = waits
    with ThreadPoolExecutor(4) as executor:
        assert memory.recall(Cue(text="mug in the sink", deadline_s=30), NOW, executor=executor).status is Status.FOUND


def test_a_store_that_dies_before_the_confirmations_is_named(opened, monkeypatch):
    memory = opened()

    def gone(*given):
        raise StoreUnavailable("gone")

    monkeypatch.setattr(memory.backend, "tallies", gone)
    answer = ask(memory, "mug")
    assert answer.status is Status.PARTIAL and answer.recollections
    assert answer.missing == ("confirmations: StoreUnavailable: gone",)


def test_a_recall_asks_the_store_little(monkeypatch):
    """The dear parts are finds and records read; of a store with many hits only what can be answered with is read."""
    encoder = Meanings()
    with LifelongMemory.open("memory://", clock=ContractClock(), encoder=encoder) as memory:
        for n in range(200):
            memory.spatial.see(mug(f"mug-{n}", x=float(n)))
            memory.spatial.relate(link(f"mug-{n}", "inside", f"sink-{n % 7}"))
            memory.temporal.note(Event(id=f"e{n}", name="said", text=f"mug {n}", **AT))
            memory.episodic.keep(Episode(id=f"o{n}", instruction=f"put the mug {n} away", **AT))
            memory.semantic.learn("where", "mug", f"sink-{n}", True, START_NS)
        memory.commit()
        memory.enrichment.work(2000)
        asked, read = Counter(), Counter()
        for name in ("find", "expand", "tallies", "get"):
            call = getattr(memory.backend, name)

            def counted(*given, _call=call, _name=name, **more):
                answer = _call(*given, **more)
                asked[_name] += 1
                read[_name] += len(getattr(answer, "records", answer))
                return answer

            monkeypatch.setattr(memory.backend, name, counted)
        answer = memory.recall(Cue(text="where is the red mug?", k=10, deadline_s=30), NOW)
        assert len(answer.recollections) == 10
        # In memory an expand is a find of its own, and is counted twice.
        assert asked["find"] - asked["expand"] <= 4
        assert (asked["expand"], asked["tallies"], asked["get"]) == (3, 1, 0)
        assert read["find"] <= 40 + 3 * 200  # ... with all of the 200 links that it looks through
        asked.clear()
        memory.recall(Cue(label="mug", kinds=("instance",), k=10, deadline_s=30), NOW)
        assert asked["find"] - asked["expand"] <= 1 and asked["tallies"] == 1


def test_lessons_are_still_ranked_by_how_often_they_hold(opened):
    memory = opened(Meanings())
    for place, success in (("sink", False), ("shelf", True), ("shelf", True)):
        memory.semantic.learn("where", "mug", place, success, START_NS)
    lessons = [one.record for one in ask(memory, subject="mug", kinds=("lesson",)).recollections]
    assert [lesson.value for lesson in lessons if isinstance(lesson, Lesson)] == ["shelf", "sink"]


def test_a_text_that_says_no_more_than_the_label_prefers_the_newest(opened):
    memory = opened(Meanings())
    for number in range(3):
        memory.spatial.see(replace(mug(f"clock-{number}", x=9.0 + number), label="alarmclock"))
        memory.commit()
    assert found(ask(memory, "where is the alarm clock?", label="alarmclock", kinds=("instance",))) == [
        "clock-2",
        "clock-1",
        "clock-0",
    ]
