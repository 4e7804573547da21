# SPDX-License-Identifier: Apache-2.0
"""`import memory` is cheap, and its names are pinned."""

import subprocess
import sys
from pathlib import Path

import memory

ROOT = Path(__file__).parents[2]


def run(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_every_public_name_is_there():
    assert sorted(memory.__all__) == sorted(name for names in memory._HOMES.values() for name in names)
    for name in memory.__all__:
        assert getattr(memory, name).__name__ == name


def test_the_face_is_pinned():
    assert memory.__all__ == [
        "Backend",
        "Batch",
        "Capability",
        "Cue",
        "Encoder",
        "EncoderMismatch",
        "Enrichment",
        "Episode",
        "Epistemic",
        "Event",
        "Familiarity",
        "Found",
        "Instance",
        "Lesson",
        "LifelongMemory",
        "NeuraxisError",
        "Place",
        "Pose",
        "Progress",
        "Quarantine",
        "Query",
        "Recall",
        "RecallTimedOut",
        "Receipt",
        "Recollection",
        "Record",
        "RejectedInput",
        "Relation",
        "Retirement",
        "Source",
        "Status",
        "StoreCorrupt",
        "StoreError",
        "StoreNotEmpty",
        "StoreTooNew",
        "StoreUnavailable",
        "Tally",
        "open_backend",
        "open_encoder",
        "render",
    ]


def test_importing_memory_takes_less_than_a_fifth_of_a_second():
    code = "import time; t = time.perf_counter(); import memory; print(time.perf_counter() - t)"
    assert min(float(run(code)) for _ in range(3)) < 0.2


def test_the_whole_floor_needs_no_third_party_and_the_store_in_memory_no_sqlite():
    code = (
        "import sys; from memory import LifelongMemory; import memory.testing;"
        "LifelongMemory.open('memory://', clock=lambda: 5).close();"
        "print({'numpy', 'sqlite3', 'torch', 'rclpy', 'pytest', 'pydantic'} & set(sys.modules))"
    )
    assert run(code).strip() == "set()"


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(memory, "MindReader")
