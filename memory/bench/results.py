# SPDX-License-Identifier: Apache-2.0
"""What one run found: one object, a table for people, and a line of history.

Neighbours: benchmark.py fills it, command.py prints it; tests/benchmarks/history.jsonl keeps the lines.
Rules of the file: a promised key is always there; null has its reason beside it under `<key>_reason`; a figure beside
its target is called missed when it is.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from memory.bench.timing import machine, versions

KEYS = (
    "recall_100k_p50_ms",
    "recall_100k_p99_ms",
    "recall_1m_p99_ms",
    "write_durable_p50_ms",
    "bare_commit_p50_ms",
    "write_batch_per_s",
    "recall_backlog_p50_ms",
    "recall_backlog_p99_ms",
    "reopen_100k_s",
    "reopen_1m_s",
    "bytes_per_record",
    "writer_rate_beside_readers",
    "reader_sees_write_p99_ms",
    "reader_longest_wait_ms",
    "neo4j_recall_p50_ms",
    "neo4j_bare_slowest_query_p50_ms",
    "neo4j_recall_over_bare_ratio",
    "neo4j_write_batch_per_s",
    "neo4j_bare_write_per_s",
    "neo4j_write_over_bare_ratio",
    *(
        f"peer_{peer}_{what}_ratio"
        for peer in ("sqlite_vec", "emem", "neo4j_graphrag")
        for what in ("write", "vector", "filtered")
    ),
)
TARGETS: Mapping[str, tuple[str, float]] = {
    "recall_100k_p50_ms": ("<=", 2.0),
    "recall_100k_p99_ms": ("<=", 10.0),
    "recall_1m_p99_ms": ("<=", 20.0),
    "write_durable_p50_ms": ("<=", 1.0),
    "write_batch_per_s": (">=", 5000.0),
    "recall_backlog_p50_ms": ("<=", 2.0),
    "recall_backlog_p99_ms": ("<=", 10.0),
    "reopen_100k_s": ("<=", 0.5),
    "reopen_1m_s": ("<=", 2.0),
    "bytes_per_record": ("<=", 3000.0),
    "writer_rate_beside_readers": (">=", 0.7),
    "reader_sees_write_p99_ms": ("<=", 100.0),
    "reader_longest_wait_ms": ("<=", 20.0),
    "neo4j_recall_over_bare_ratio": ("<=", 1.5),
    "neo4j_write_over_bare_ratio": (">=", 0.6),
}
_BARS = " ▁▂▃▄▅▆▇█"


@dataclass(slots=True)
class Result:
    """Figures of one run.

    Attributes:
        calibration_ms, calibration_after_ms: The calibration loop before and after: how calm the machine was.
        notes: What to know of the figures.
        profile: Where the time goes, if asked.
    """

    size: str
    sentences: str
    encoder: str
    records: int
    calibration_ms: float = math.nan
    calibration_after_ms: float = math.nan
    figures: dict[str, object] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    profile: dict[str, object] = field(default_factory=dict)

    def add(self, figures: Mapping[str, object]) -> None:
        """What a scenario measured."""
        self.figures.update(figures)

    def leave(self, start: str, reason: str) -> None:
        """Why keys that start so are not measured."""
        self.reasons[start] = reason

    def as_object(self) -> dict[str, object]:
        """Every promised key, then what else was measured."""
        answer: dict[str, object] = {}
        for key in KEYS:
            answer[key] = self.figures.get(key)
            if answer[key] is None:
                answer[f"{key}_reason"] = self._reason(key)
        answer.update(self.figures)
        answer.update(
            size=self.size, records=self.records, sentences=self.sentences, encoder=self.encoder,
            calibration_ms=self.calibration_ms, calibration_after_ms=self.calibration_after_ms,
            missed=self.missed(), notes=self.notes, machine=machine(), versions=versions(),
        )  # fmt: skip
        return {**answer, "profile": self.profile} if self.profile else answer

    def missed(self) -> list[str]:
        """Keys that were measured and are not what was promised."""
        return [key for key in TARGETS if _met(key, self.figures.get(key)) is False]

    def ratios(self) -> dict[str, float]:
        """Times as multiples of the calibration loop of the same run, which compare between machines."""
        times = {key: value for key, value in self.figures.items() if key.endswith("_ms")}
        loop_ms = (self.calibration_ms + self.calibration_after_ms) / 2
        return {key: round(value / loop_ms, 4) for key, value in times.items() if isinstance(value, (int, float))}

    def history_line(self, commit: str) -> str:
        """One line of tests/benchmarks/history.jsonl."""
        kept = {
            "commit": commit,
            "size": self.size,
            "sentences": self.sentences,
            "encoder": self.encoder,
            "machine": machine(),
            "versions": versions(),
            "calibration_ms": self.calibration_ms,
            "calibration_after_ms": self.calibration_after_ms,
            "figures": self.figures,
            "ratios": self.ratios(),
        }
        return json.dumps(kept, separators=(",", ":"), sort_keys=True)

    def table(self, history: Iterable[Mapping[str, object]] = ()) -> Table:
        """For people: figure, promise, ratio to the calibration loop, and how the ratio went in the runs before."""
        before = [line["ratios"] for line in history if line.get("size") == self.size]
        shown = Table(title=f"memory, {self.records} records, {self.encoder}, {self.sentences}")
        for column in ("", "measured", "promised", "", "x calibration", "before"):
            shown.add_column(column)
        ratios = self.ratios()
        for key in dict.fromkeys((*KEYS, *self.figures)):
            value = self.figures.get(key)
            promised = " ".join(map(str, TARGETS[key])) if key in TARGETS else ""
            verdict = {True: "met", False: "missed", None: ""}[_met(key, value)]
            told = self._reason(key) if value is None else str(value)
            ratio = f"{ratios[key]:.3f}" if key in ratios else ""
            past = [float(one[key]) for one in before if isinstance(one, dict) and key in one]
            shown.add_row(key, told, promised, verdict, ratio, picture([*past[-11:], *([ratios[key]] if past else [])]))
        return shown

    def _reason(self, key: str) -> str:
        fitting = [start for start in self.reasons if key.startswith(start)]
        if fitting:
            return self.reasons[max(fitting, key=len)]
        other = "1m" if "_1m_" in key else "100k"
        return f"this run is of {self.size}; --size {other} measures it" if other != self.size else "not measured"


def picture(values: list[float]) -> str:
    """Heights of the values, oldest first.

    >>> picture([1.0, 2.0, 4.0])
    '▂▄█'
    """
    highest = max(values, default=0.0)
    return "".join(_BARS[max(1, round(8 * value / highest))] for value in values) if highest > 0 else ""


def read_history(path: Path) -> list[dict[str, object]]:
    """Its lines; none if there is no such file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def append_history(path: Path, line: str) -> None:
    """One more line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as out:
        out.write(f"{line}\n")


def commit_of(checkout: Path) -> str:
    """The commit the code is of, with + if files differ from it; "" outside a checkout."""
    try:
        head = _git(checkout, "rev-parse", "--short", "HEAD")
        return head + ("+" if _git(checkout, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(checkout: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(checkout), *words], check=True, capture_output=True, text=True
    ).stdout.strip()  # fmt: skip


def _met(key: str, value: object) -> bool | None:
    if key not in TARGETS or not isinstance(value, (int, float)):
        return None
    sign, bound = TARGETS[key]
    return value <= bound if sign == "<=" else value >= bound
