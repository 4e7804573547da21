# SPDX-License-Identifier: Apache-2.0
"""From which cosine on a record is about a cue: `python -m tools.calibrate_none --data FOLDER`.

Neighbours: memory/encoders.py carries the figure as `none_below` of the encoder it was measured on.
Rules of the file: the data is ALFRED's (people's own words for household tasks, see NOTICE), read where it lies and
never copied; everything random comes from one seed.

In each of SPLITS rounds half of the object classes are never stored. Stored are the class names of the other half, and
one person's instruction of every demonstration that names only those. Asked are "where is the X?" for every class, and
instructions: another person's for a stored demonstration, or one in which every class is unknown. The cosine of the
nearest record then tells present from absent. The cut is where 5 in 100 questions for an unknown class would still be
answered; instructions are harder, since much of "put a clean X on the Y" is alike whatever X is, and are reported only.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from memory.encoders import Encoder, open_encoder, spelled

SPLITS = 5
FALSE_FOUND = 0.05
STORED = 400
Demo = dict[str, Any]


def main() -> None:
    """Print the cut and its ROC figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with valid_unseen.jsonl.gz and train.jsonl.gz")
    parser.add_argument("--encoder", default="minilm-l6-v2-int8")
    arguments = parser.parse_args()
    encoder = open_encoder(arguments.encoder)
    if encoder is None:
        parser.error("--encoder names none")
    print(json.dumps({"encoder": encoder.id, **calibrate(encoder, read_demos(arguments.data))}, indent=2))


def read_demos(folder: Path) -> list[Demo]:
    """All of valid_unseen, and every tenth demonstration of train."""
    demos: list[Demo] = []
    for name, step in (("valid_unseen", 1), ("train", 10)):
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            demos += [json.loads(line) for number, line in enumerate(lines) if number % step == 0]
    return demos


def calibrate(encoder: Encoder, demos: list[Demo], seed: int = 0) -> dict[str, Any]:
    """The cut, and for both kinds of cue the area under the ROC curve and the two rates at the cut."""
    rng = random.Random(seed)
    rounds = [_nearest(encoder, demos, rng) for _ in range(SPLITS)]
    pooled = {name: np.concatenate([one[name] for one in rounds]) for name in rounds[0]}
    cut = float(np.quantile(pooled["where_absent"], 1 - FALSE_FOUND))
    report: dict[str, Any] = {"none_below": round(cut, 3)}
    for kind in ("where", "instruction"):
        present, absent = pooled[f"{kind}_present"], pooled[f"{kind}_absent"]
        report[kind] = {
            "present": len(present),
            "absent": len(absent),
            "auc": round(float((present[:, None] > absent[None, :]).mean()), 3),
            "found_if_present": round(float((present >= cut).mean()), 3),
            "found_if_absent": round(float((absent >= cut).mean()), 3),
        }
    return report


def _nearest(encoder: Encoder, demos: list[Demo], rng: random.Random) -> dict[str, np.ndarray]:
    """Cosine of the nearest record for each cue of one split."""
    every = sorted(set().union(*map(_classes, demos)))
    unknown = set(rng.sample(every, len(every) // 2))
    stored = [demo for demo in demos if not _classes(demo) & unknown][:STORED]
    strange = [demo for demo in demos if _classes(demo) <= unknown][:STORED]
    known = [spelled(name) for name in every if name not in unknown]
    store = _matrix(encoder, [*known, *(demo["descriptions"][0] for demo in stored)])
    cues = {
        "where_present": [f"where is the {name}?" for name in known],
        "where_absent": [f"where is the {spelled(name)}?" for name in sorted(unknown)],
        "instruction_present": [demo["descriptions"][1] for demo in stored],
        "instruction_absent": [demo["descriptions"][0] for demo in strange],
    }
    return {name: (_matrix(encoder, texts) @ store.T).max(axis=1) for name, texts in cues.items()}


def _matrix(encoder: Encoder, texts: Iterable[str]) -> np.ndarray:
    return np.array([np.frombuffer(vector, dtype="<f4") for vector in encoder.encode(list(texts))])  # [N, D]


def _classes(demo: Demo) -> set[str]:
    return {demo[name] for name in ("object", "parent", "movable", "lamp") if demo[name]}


if __name__ == "__main__":
    main()
