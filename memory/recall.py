# SPDX-License-Identifier: Apache-2.0
"""One question to every memory, one ranked answer that says what is missing.

Neighbours: lifelong.py calls it; searching.py holds the memories' half; records.py the Cue and the Recall.
Rules of the file: a memory that fails is named with its reason and never looks like "not known"; one deadline for all,
and none at all in lockstep (a record budget), so that a run repeats exactly; recalled text is data.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from memory.errors import RecallTimedOut, StoreError
from memory.records import Cue, Epistemic, Recall, Recollection, Record, Source, Status
from memory.searching import Answer, Limits, Memory, fuse_ranks, newest_first, version_name

STALE_AFTER_S = 24 * 3600.0

_TRUST = {
    Source.SEEN: Epistemic.OBSERVED,
    Source.TOLD: Epistemic.TOLD,
    Source.INFERRED: Epistemic.INFERRED,
    Source.REFLECTED: Epistemic.INFERRED,
}


def recall(memories: Sequence[Memory], cue: Cue, now_ns: int, *, stale_after_s: float = STALE_AFTER_S) -> Recall:
    """Ask every memory and fuse what they say by reciprocal rank.

    Args:
        memories: Those that exist; one that was left out is not asked and not missing.
        cue: What to look for; k = 0 asks for everything.
        now_ns: What ages are counted from.
        stale_after_s: A sighting older than this is STALE.

    Returns:
        FOUND or NONE if all answered in full, PARTIAL if one is missing or was cut short, FAILED if none answered.
    """
    end_s = None if cue.record_budget else time.monotonic() + cue.deadline_s
    answers: dict[str, Answer] = {}
    missing: list[str] = []
    for number, memory in enumerate(memories):
        limits = _share(cue, end_s, len(memories) - number)
        try:
            answer = memory.search(cue, limits)
        except RecallTimedOut as error:
            answer = Answer(tuple(r for r in error.partial if isinstance(r, Record)), complete=False)
        except StoreError as error:
            missing.append(f"{memory.name}: {type(error).__name__}: {error}")
            continue
        answers[memory.name] = answer
        if not answer.complete:
            missing.append(f"{memory.name}: {_limit_of(cue)}")
    return Recall(
        status=_status(answers, missing),
        recollections=_fuse(answers, now_ns, stale_after_s)[: cue.k or None],
        missing=tuple(missing),
        examined=sum(answer.examined for answer in answers.values()),
    )


def _share(cue: Cue, end_s: float | None, left: int) -> Limits:
    """An equal share of the time that is left, so that one slow memory does not starve the rest."""
    if end_s is None:
        return Limits(record_budget=cue.record_budget)
    return Limits(deadline_s=max(0.0, end_s - time.monotonic()) / left)


def _limit_of(cue: Cue) -> str:
    if cue.record_budget:
        return f"budget of {cue.record_budget} records spent"
    return f"deadline of {cue.deadline_s} s passed"


def _status(answers: dict[str, Answer], missing: list[str]) -> Status:
    if missing:
        return Status.PARTIAL if answers else Status.FAILED
    return Status.FOUND if any(answer.records for answer in answers.values()) else Status.NONE


def _fuse(answers: dict[str, Answer], now_ns: int, stale_after_s: float) -> tuple[Recollection, ...]:
    scores = fuse_ranks([[version_name(record) for record in answer.records] for answer in answers.values()])
    found = {
        version_name(record): _recollection(record, scores[version_name(record)], name, answer, now_ns, stale_after_s)
        for name, answer in answers.items()
        for record in answer.records
    }
    return tuple(sorted(found.values(), key=lambda one: (-one.score, *newest_first(one.record), one.record.id)))


def _recollection(
    record: Record, score: float, memory: str, answer: Answer, now_ns: int, stale_after_s: float
) -> Recollection:
    last_ns = answer.last_seen_ns.get(record.id, record.valid_from_ns)
    if record.valid_to_ns is not None:
        last_ns = min(last_ns, record.valid_to_ns)
    age_ns = max(0, now_ns - last_ns)
    epistemic = _TRUST[record.source]
    if record.id in answer.conflicting:
        epistemic = Epistemic.CONFLICTING
    elif epistemic is Epistemic.OBSERVED and record.kind in _AGEING and age_ns > stale_after_s * 1e9:
        epistemic = Epistemic.STALE
    return Recollection(
        record=record, score=score, memory=memory, age_ns=age_ns, epistemic=epistemic, evidence=record.evidence
    )


_AGEING = frozenset({"instance", "relation"})  # an event that happened stays so
