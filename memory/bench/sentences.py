# SPDX-License-Identifier: Apache-2.0
"""Real sentences about a household, each with its vector: what the records and the questions are made of.

Neighbours: life.py and questions.py draw from a Corpus.
Rules of the file: what people wrote in ALFRED where its files are found, else the instructions of our own homes; the
same files give the same corpus; questions are worded as in the part of ALFRED that no record is made of; vectors are
computed once and kept by the hash of all texts.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory.encoders import Encoder, HashEncoder, MiniLm, embed
from memory.errors import StoreUnavailable

WISHES, DEEDS, ASKED = 2_000, 5_000, 400  # distinct sentences of each sort: 35 s of encoding, once
SHORTEST, LONGEST = 3, 8  # words; a text of two such sentences has 12 or 13
SIZE = 384
HASHED = HashEncoder(SIZE).id
_OWN = Path(__file__).with_name("data") / "home_sentences.tsv"

_ENDS = (
    "clock card chain phone control knife sponge paper bottle towel box shaker racket can ball bat table top machine "
    "burner stand lamp bar"
).split()


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence.

    Attributes:
        label: Class it is about, in lower case: "alarmclock".
        family: Kind of task it comes from.
        number: Row of its vector.
    """

    text: str
    label: str
    family: str
    number: int


@dataclass(frozen=True)
class Corpus:
    """Sentences with their vectors.

    Attributes:
        source, encoder: Where the sentences are from, and what made the vectors.
        wishes: What people ask for. deeds: What is done, step by step. asked: Wishes in other words, for questions.
        where, about: "Where is the mug?" and "What happened with the mug?" of each label.
        vectors: float32 [N, SIZE], of unit length.
        digest: Names sentences, vectors and encoder.
    """

    source: str
    encoder: str
    wishes: tuple[Sentence, ...]
    deeds: tuple[Sentence, ...]
    asked: tuple[Sentence, ...]
    where: Mapping[str, Sentence]
    about: Mapping[str, Sentence]
    vectors: NDArray[np.float32]
    digest: str

    def vector(self, *sentences: Sentence) -> bytes:
        """The normalised sum of what the sentences mean, as a record carries it."""
        total = self.vectors[[one.number for one in sentences]].sum(axis=0)
        packed: bytes = (total / np.linalg.norm(total)).astype("<f4").tobytes()
        return packed


def open_corpus(folder: Path | None, cache: Path, *, encoder: str = "", limit: int = 0) -> Corpus:
    """Read the sentences and their vectors.

    Args:
        folder: Of ALFRED's train.jsonl.gz and valid_unseen.jsonl.gz; None = look beside the checkout.
        cache: Where vectors are kept.
        encoder: MiniLm's id or HASHED; "" = the model if it is installed.
        limit: Most sentences of each sort, for a small try; 0 = the constants above.
    """
    folder = folder or Path(__file__).parents[3] / "shared" / "alfred_language"
    if (folder / "train.jsonl.gz").is_file():
        source = "alfred"
        wishes, deeds = _alfred(folder / "train.jsonl.gz")
        asked, _ = _alfred(folder / "valid_unseen.jsonl.gz")
    else:
        source = "neuraxis homes"
        wishes = _own()
        asked, deeds, wishes = wishes[0::5], wishes[1::2], wishes[2::2]
    parts = [_some(part, limit or most) for part, most in ((wishes, WISHES), (deeds, DEEDS), (asked, ASKED))]
    labels = sorted({label for _, label, _ in parts[0]} | {label for _, label, _ in parts[1]})
    parts.append([(f"where is the {spoken(label)}", label, "where") for label in labels])
    parts.append([(f"what happened with the {spoken(label)}", label, "about") for label in labels])
    return _with_vectors(source, parts, cache, encoder)


def spoken(label: str) -> str:
    """A class as people say it.

    >>> spoken("alarmclock"), spoken("toiletpaper"), spoken("mug")
    ('alarm clock', 'toilet paper', 'mug')
    """
    for end in _ENDS:
        if label.endswith(end) and label != end:
            return f"{label.removesuffix(end)} {end}"
    return label


_Raw = tuple[str, str, str]  # text, label, family


def _alfred(path: Path) -> tuple[list[_Raw], list[_Raw]]:
    """What was asked for, and the single steps."""
    wishes: list[_Raw] = []
    deeds: list[_Raw] = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            told = json.loads(line)
            of = (str(told["object"]).lower(), str(told["task_type"]))
            wishes += [(text, *of) for text in told["descriptions"]]
            deeds += [(text, *of) for steps in told["steps"] for text in steps]
    return wishes, deeds


def _own() -> list[_Raw]:
    """Instructions of our own homes; tools/home_sentences.py wrote them down."""
    rows = [line.split("\t") for line in _OWN.read_text(encoding="utf-8").splitlines()]
    return [(text, label, family) for label, family, text in rows]


def _some(raw: Iterable[_Raw], most: int) -> list[_Raw]:
    """So many of the short ones, each text once, the same ones every time."""
    distinct: dict[str, _Raw] = {}
    for text, label, family in raw:
        said = " ".join(text.split()).rstrip(". ").lower()
        if SHORTEST <= len(said.split()) <= LONGEST:
            distinct.setdefault(said, (said, label, family))
    kept = sorted(distinct.values())
    random.Random(0).shuffle(kept)
    return kept[:most]


def _with_vectors(source: str, parts: list[list[_Raw]], cache: Path, encoder: str) -> Corpus:
    texts = [text for part in parts for text, _, _ in part]
    chosen = _encoder(encoder)
    digest = hashlib.blake2s("\n".join([chosen.id, *texts]).encode(), digest_size=8).hexdigest()
    vectors = _kept_vectors(cache / f"sentences-{digest}.npy", texts, chosen)
    ends = np.cumsum([len(part) for part in parts])
    rows = [
        tuple(Sentence(*raw, number=int(end) - len(part) + n) for n, raw in enumerate(part))
        for part, end in zip(parts, ends, strict=True)
    ]
    where, about = ({one.label: one for one in rows[n]} for n in (3, 4))
    return Corpus(source, chosen.id, rows[0], rows[1], rows[2], where, about, vectors, digest)


def _kept_vectors(path: Path, texts: Sequence[str], encoder: Encoder) -> NDArray[np.float32]:
    if path.is_file():
        kept: NDArray[np.float32] = np.load(path)
        if kept.shape == (len(texts), SIZE):
            return kept
    vectors = np.frombuffer(b"".join(embed(encoder, texts)), "<f4").reshape(-1, SIZE)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_file = path.with_suffix(".partial.npy")
    np.save(partial_file, vectors)
    partial_file.replace(path)
    return vectors


def _encoder(wanted: str) -> Encoder:
    if wanted == HASHED:
        return HashEncoder(SIZE)
    model = MiniLm()
    try:
        embed(model, ("mug",))
    except StoreUnavailable:
        if wanted:
            raise
        return HashEncoder(SIZE)  # without the model's packages: near as far as words are shared
    return model
