# SPDX-License-Identifier: Apache-2.0
"""The learned part of the grounding: one linear model per slot of a goal, over the features of a sentence.

Neighbours: grounding.py joins the slots into readings; tools/train_grounding.py makes data/grounding.npz.
Rules of the file: arrays and a JSON header only, nothing that could run; read once and never changed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np

from brain_nodes.prefrontal import wording

SLOTS = ("family", "object", "receptacle", "movable", "lamp", "sliced")
DATA = resources.files("brain_nodes.prefrontal") / "data"


@dataclass(frozen=True)
class Weights:
    """The learned part, as stored in data/grounding.npz.

    Attributes:
        codes: uint32 [F], sorted feature codes.
        table: int8 [F, C], weight of a feature for a class, in units of scales.
        scales: float32 [C]; biases: float32 [C].
        classes: Slot -> its class names, in column order; the slots' columns follow one another in the order of SLOTS.
        pairs: (slot, slot) -> float [classes, classes], log of how much more often than by chance two go together.
        words: Stems that training met often enough to know.
    """

    codes: np.ndarray
    table: np.ndarray
    scales: np.ndarray
    biases: np.ndarray
    classes: Mapping[str, tuple[str, ...]]
    pairs: Mapping[tuple[str, str], np.ndarray]
    words: frozenset[str]

    @classmethod
    def load(cls) -> Weights:
        """Read the weights that ship with the package."""
        with resources.as_file(DATA / "grounding.npz") as path, np.load(path, allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes())
            pairs = {(a, b): stored[f"{a}_{b}"].astype(np.float32) for a, b in header["pairs"]}
            classes = {slot: tuple(names) for slot, names in header["classes"].items()}
            codes, table, scales, biases = (stored[n] for n in ("codes", "table", "scales", "biases"))
        return cls(codes, table, scales, biases, classes, pairs, frozenset(header["words"]))

    def log_probabilities(self, found: Collection[str]) -> dict[str, np.ndarray]:
        """Slot -> log-probability of each of its classes, given the features of a sentence."""
        wanted = np.array(sorted({wording.feature_code(f) for f in found}), dtype=np.uint32)
        at = np.minimum(np.searchsorted(self.codes, wanted), len(self.codes) - 1)
        rows = at[self.codes[at] == wanted]
        total = self.table[rows].sum(axis=0, dtype=np.float32) * self.scales / math.sqrt(max(len(rows), 1))
        scores, start = {}, 0
        for slot in SLOTS:
            part = (total + self.biases)[start : start + len(self.classes[slot])].astype(np.float64)
            scores[slot] = part - (part.max() + math.log(np.exp(part - part.max()).sum()))
            start += len(part)
        return scores
