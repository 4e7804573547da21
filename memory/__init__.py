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
    from memory.encoders import Encoder, open_encoder
    from memory.enrichment import Enrichment, Progress
    from memory.errors import (
        EncoderMismatch,
        NeuraxisError,
        RecallTimedOut,
        RejectedInput,
        StoreCorrupt,
        StoreError,
        StoreNotEmpty,
        StoreTooNew,
        StoreUnavailable,
    )
    from memory.familiarity import Familiarity
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
    from memory.rendering import render

__all__ = [
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

_HOMES = {
    "backend": ("Backend", "Batch", "Capability", "Found", "Receipt", "Retirement"),
    "encoders": ("Encoder", "open_encoder"),
    "enrichment": ("Enrichment", "Progress"),
    "errors": (
        "EncoderMismatch",
        "NeuraxisError",
        "RecallTimedOut",
        "RejectedInput",
        "StoreCorrupt",
        "StoreError",
        "StoreNotEmpty",
        "StoreTooNew",
        "StoreUnavailable",
    ),
    "familiarity": ("Familiarity",),
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
    "rendering": ("render",),
}

__getattr__, __dir__ = _lazy(__name__, _HOMES)
