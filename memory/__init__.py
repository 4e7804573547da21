# SPDX-License-Identifier: Apache-2.0
"""A robot's lifelong memory: what is where, what happened when, what was tried, what is true.

Usable alone, without ROS or a model:

    from memory import Cue, Instance, LifelongMemory

Neighbours: brain_nodes/ stands on it and it knows nothing of them. Start reading at lifelong.py; the words are in
records.py. Rules of the file: names are imported when first used, so that `import memory` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memory.face import lazy as _lazy

if TYPE_CHECKING:
    from memory.backend import Backend, Batch, Capability, Found, Receipt, Retirement
    from memory.errors import (
        NeuraxisError,
        RecallTimedOut,
        RejectedInput,
        StoreCorrupt,
        StoreError,
        StoreNotEmpty,
        StoreTooNew,
        StoreUnavailable,
    )
    from memory.geometry import Pose
    from memory.lifelong import LifelongMemory
    from memory.quarantine import Quarantine
    from memory.query import Query
    from memory.records import (
        Cue,
        Episode,
        Epistemic,
        Event,
        Instance,
        Lesson,
        Place,
        Recall,
        Recollection,
        Record,
        Relation,
        Source,
        Status,
        Tally,
    )
    from memory.registry import open_backend

__all__ = [
    "Backend",
    "Batch",
    "Capability",
    "Cue",
    "Episode",
    "Epistemic",
    "Event",
    "Found",
    "Instance",
    "Lesson",
    "LifelongMemory",
    "NeuraxisError",
    "Place",
    "Pose",
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
]

_HOMES = {
    "backend": ("Backend", "Batch", "Capability", "Found", "Receipt", "Retirement"),
    "errors": (
        "NeuraxisError",
        "RecallTimedOut",
        "RejectedInput",
        "StoreCorrupt",
        "StoreError",
        "StoreNotEmpty",
        "StoreTooNew",
        "StoreUnavailable",
    ),
    "geometry": ("Pose",),
    "lifelong": ("LifelongMemory",),
    "quarantine": ("Quarantine",),
    "query": ("Query",),
    "records": (
        "Cue",
        "Episode",
        "Epistemic",
        "Event",
        "Instance",
        "Lesson",
        "Place",
        "Recall",
        "Recollection",
        "Record",
        "Relation",
        "Source",
        "Status",
        "Tally",
    ),
    "registry": ("open_backend",),
}

__getattr__, __dir__ = _lazy(__name__, _HOMES)
