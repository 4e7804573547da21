# SPDX-License-Identifier: Apache-2.0
"""`~/changes`, `~/remember`, `~/forget`, `~/explain`: the log for followers, and what people tell, erase and ask.

Neighbours: hippocampus_node.py serves these beside recall; they answer between two samples, never inside one.
Rules of the file: an answer without an error is in the store; a told fact is told, not seen; nothing is erased on the
first call.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from brain_nodes.ros.conversions import from_xyz
from brain_nodes.ros.memory_conversions import to_record, to_retirement
from memory import spatial
from memory.erasure import Region
from memory.errors import RejectedInput, StoreUnavailable
from memory.lifelong import LifelongMemory
from memory.provenance import NO_RECORD
from memory.records import Relation, Source
from memory.serialization import to_line

PAGE = 1000


def answer_changes(memory: LifelongMemory | None, request: Any, response: Any) -> None:
    """One page of the log; on the last one the counters too, and what was retired of the earlier pages."""
    backend = _open(memory).backend
    limit = min(request.limit or PAGE, PAGE)
    page = list(backend.changes(request.since, limit + 1))
    response.more = len(page) > limit
    response.records = [to_record(record) for record in page[:limit]]
    response.last_sequence = backend.last_sequence()
    if not response.more:
        tallies = backend.tallies(_open(memory).robot)
        response.tallies = [to_line(tallies[name]) for name in sorted(tallies)]
        earlier = itertools.takewhile(lambda record: record.sequence <= request.since, backend.changes())
        response.retired = [to_retirement(r) for r in earlier if (r.retired_ns or 0) > request.since_ns]


def answer_remember(memory: LifelongMemory | None, now_ns: int, request: Any, response: Any) -> None:
    """Keep one told fact: where things are in the spatial memory, everything else in the semantic one."""
    opened = _open(memory)
    for name in ("subject", "predicate", "object"):
        if not getattr(request, name).strip():
            raise RejectedInput(f"cannot remember a fact without {name}")
    is_spatial = request.predicate in spatial.PREDICATES
    home = opened.spatial if is_spatial else opened.semantic
    if home is None:
        raise StoreUnavailable(f"the {'spatial' if is_spatial else 'semantic'} memory is left out of this brain")
    key = f"{opened.robot}|{request.subject}|{request.predicate}|{request.object}|{request.map_id}|{now_ns}|told"
    told = Relation(
        id=f"{request.predicate}-{hashlib.blake2s(key.encode(), digest_size=6).hexdigest()}", robot=opened.robot,
        subject=request.subject, predicate=request.predicate, object=request.object, map_id=request.map_id,
        map_revision=request.map_revision, valid_from_ns=request.valid_from_ns or now_ns,
        valid_to_ns=request.valid_to_ns or None, source=Source.TOLD, confidence=request.confidence,
    )  # fmt: skip
    if opened.spatial is not None and is_spatial:
        kept = opened.spatial.relate(told)
    else:
        assert opened.semantic is not None
        kept = opened.semantic.tell(told)
    receipt = opened.commit()
    response.id = kept.id
    response.sequence = receipt.last_sequence if receipt else opened.backend.last_sequence()
    response.recorded_ns = receipt.recorded_ns if receipt else kept.recorded_ns


def answer_forget(memory: LifelongMemory | None, request: Any, response: Any) -> tuple[str, ...]:
    """Count and give a token; with the token, erase. Returns the ids that were erased."""
    opened = _open(memory)
    region = _region(request)
    if sum(map(bool, (request.person, request.instance, region))) != 1:
        raise RejectedInput(
            f"choose one to forget: a person ({request.person!r}), an instance ({request.instance!r}) or a region"
        )
    try:
        erasure = opened.forget(person=request.person, region=region, instance=request.instance, token=request.token)
    except ValueError as error:
        raise RejectedInput(str(error)) from None
    response.count, response.blobs, response.rows = erasure.records, erasure.blobs, erasure.rows
    response.token, response.erased = erasure.token, erasure.rows > 0
    return erasure.ids if erasure.rows else ()


def answer_explain(memory: LifelongMemory | None, request: Any, response: Any) -> None:
    """The provenance of one record."""
    if not request.id.strip():
        raise RejectedInput("nothing to explain: the id is empty")
    found = _open(memory).explain(request.id, depth=request.depth)
    if not found.versions and found.note == NO_RECORD:
        raise RejectedInput(f"{request.id!r} is {found.note}")
    response.lines = found.tree().splitlines()
    response.ids = list(dict.fromkeys(one.id for one in found))


def _region(request: Any) -> Region | None:
    if not request.has_region:
        return None
    if not request.map_id:
        raise RejectedInput("a region is in a map: map_id is empty")
    try:
        return Region(request.map_id, from_xyz(request.lowest), from_xyz(request.highest))
    except ValueError as error:
        raise RejectedInput(str(error)) from None


def _open(memory: LifelongMemory | None) -> LifelongMemory:
    if memory is None:
        raise StoreUnavailable("this brain has no memories")
    return memory
