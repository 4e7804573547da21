# SPDX-License-Identifier: Apache-2.0
"""Write memory/bench/data/home_sentences.tsv: what the people of our homes ask for, each with its class and family.

    python tools/home_sentences.py

Neighbours: sim/home_tasks.py says it; memory/bench/sentences.py reads the file where ALFRED's sentences are not there.
Rules of the file: the ground floor cannot ask sim, so the sentences are written down; the same code writes the same.
"""

from __future__ import annotations

from pathlib import Path

from sim.home_tasks import suite

TARGET = Path(__file__).parents[1] / "memory" / "bench" / "data" / "home_sentences.tsv"
TASKS = 3_000


def lines(count: int) -> list[str]:
    """label, family, sentence of the first tasks; each sentence once."""
    told = {task.instruction: f"{task.labels['object'].lower()}\t{task.subset}" for task in suite(count, seed=0)}
    return [f"{of}\t{sentence}" for sentence, of in told.items() if len(sentence.split()) <= 10]


if __name__ == "__main__":
    TARGET.write_text("".join(f"{line}\n" for line in lines(TASKS)), encoding="utf-8")
