# SPDX-License-Identifier: Apache-2.0
"""`~/changes`, `~/remember`, `~/forget`: the hippocampus's log for followers, and what people tell it or have erased.

Neighbours: hippocampus_node.py serves these beside recall; they answer between two samples, never inside one.
Rules of the file: an answer without an error is in the store; a told fact is told, not seen; nothing is erased on the
first call.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from typing import Any

from brain_nodes.ros.conversions import from_xyz
from brain_nodes.ros.memory_conversions import to_record, to_retirement
from memory import spatial
from memory.errors import RejectedInput, StoreUnavailable
from memory.geometry import distance_m, finite
from memory.lifelong import LifelongMemory
from memory.records import Positioned, Record, Relation, Source
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
    if not (request.ids or request.about or request.has_region):
        raise RejectedInput("nothing is chosen: give ids, about or a region")
    chosen = _chosen(opened, request)
    if not chosen:
        return ()
    response.count = len(chosen)
    token = hashlib.blake2s("|".join((*chosen, str(opened.backend.last_sequence()))).encode()).hexdigest()[:16]
    if not request.token:
        response.token = token
        return ()
    if request.token != token:
        response.count = 0
        raise RejectedInput(f"token {request.token!r} is not for this request as the store stands now")
    response.rows = opened.backend.forget(opened.robot, chosen)
    response.erased = True
    return chosen


def _chosen(memory: LifelongMemory, request: Any) -> tuple[str, ...]:
    """Ids of the union of what was asked for, with the records that rest on it, sorted."""
    every = [record for record in memory.backend.changes() if record.robot == memory.robot]
    ids = {record.id for record in every if record.id in request.ids or (request.about and _speaks(record, request))}
    if request.has_region:
        ids |= set(_within(every, request))
    grown = -1
    while grown != len(ids):
        grown = len(ids)
        ids |= {record.id for record in every if ids & {*record.evidence, record.cause}}
    return tuple(sorted(ids))


def _speaks(record: Record, request: Any) -> bool:
    named = {record.id, *getattr(record, "subjects", ()), *(getattr(record, n, "") for n in ("subject", "object",
             "place_id"))}  # fmt: skip
    return request.about in named


def _within(every: Iterable[Record], request: Any) -> Iterable[str]:
    centre = from_xyz(request.centre)
    if not finite((*centre, request.radius_m)) or request.radius_m <= 0 or not request.map_id:
        raise RejectedInput(f"no region: {request.radius_m} m around {centre} in map {request.map_id!r}")
    for record in every:
        placed = isinstance(record, Positioned) and record.map_id == request.map_id
        if placed and distance_m(record.position_m, centre) <= request.radius_m:  # type: ignore[attr-defined]
            yield record.id


def _open(memory: LifelongMemory | None) -> LifelongMemory:
    if memory is None:
        raise StoreUnavailable("this brain has no memories")
    return memory
