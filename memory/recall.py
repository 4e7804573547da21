# SPDX-License-Identifier: Apache-2.0
"""One question to every memory, one ranked answer that says what is missing.

Neighbours: lifelong.py calls it; searching.py holds the memories' half, surroundings.py what is asked beside them,
rendering.py makes text of the answer; records.py the Cue and the Recall.
Rules of the file: a memory that fails is named with its reason and never looks like "not known"; one deadline for all,
and none at all in lockstep (a record budget), so that a run repeats exactly; what is forgotten comes later among the
same answers and never drops out; recalled text is data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass, field

from memory import strategies
from memory.errors import RecallTimedOut, StoreError
from memory.forgetting import ALWAYS, Activity, rank_weight
from memory.records import Cue, Epistemic, Recall, Recollection, Record, Source, Status
from memory.searching import Answer, Limits, Memory, Shared, fuse_ranks, newest_first, version_name
from memory.surroundings import Beside, Surroundings, holds

STALE_AFTER_S = 24 * 3600.0
SEEDS = 5  # best records that a strategy starts from
SEARCHED = 0.95  # of the time that is left, where memories are asked side by side: what they have by then is waited for
_Scored = tuple[Record, float, str]

_TRUST = {
    Source.SEEN: Epistemic.OBSERVED,
    Source.TOLD: Epistemic.TOLD,
    Source.INFERRED: Epistemic.INFERRED,
    Source.REFLECTED: Epistemic.INFERRED,
}


def recall(
    memories: Sequence[Memory],
    cue: Cue,
    now_ns: int,
    *,
    stale_after_s: float = STALE_AFTER_S,
    none_below: float = -1.0,
    surroundings: Surroundings | None = None,
    activity: Activity = ALWAYS,
    shared: Shared | None = None,
    executor: Executor | None = None,
) -> Recall:
    """Ask every memory and fuse what they say by reciprocal rank.

    Args:
        memories: Those that exist; one that was left out is not asked and not missing.
        cue: What to look for; k = 0 asks for everything.
        now_ns: What ages are counted from.
        stale_after_s: A sighting older than this is STALE.
        none_below: Cosine with the cue's vector from which on a record is about the cue; see Encoder.
        surroundings: What adds confirmations and contradictions, lets what is forgotten come later, and follows the
            cue's strategy; None = nobody.
        activity: The hours in which the robot forgets.
        shared: Lets memories share finds; None = each looks alone.
        executor: Runs the memories, and finds of one memory, side by side; None = one after the other.

    Returns:
        FOUND or NONE if all answered in full, PARTIAL if one is missing or was cut short, FAILED if none answered.

    Raises:
        ValueError: the cue names a strategy that does not exist.
    """
    strategies.check(cue.strategy)
    asked = _Asked(cue, none_below, shared, executor)
    asked.all(memories)
    best = _fuse(asked.answers)[: cue.k or None]
    if surroundings is not None and best and cue.strategy in strategies.STRATEGIES:
        seeds = {record.id: score for record, score, _ in reversed(best[:SEEDS])}
        found = [record for record, _, _ in best[:SEEDS]]
        asked.one(cue.strategy, lambda limits: surroundings.reach(seeds, found, cue, limits))
        best = _fuse(asked.answers)[: cue.k or None]
    beside = Beside()
    if surroundings is not None:
        try:
            beside = surroundings.beside([record for record, _, _ in best], cue, now_ns, executor)
            best = best if cue.near_m else _weighed(best, beside, now_ns, activity)
        except StoreError as error:
            asked.missing.append(f"confirmations: {type(error).__name__}: {error}")
    found_by = [_recollection(record, score, name, beside, now_ns, stale_after_s) for record, score, name in best]
    nearest = [answer.nearest for answer in asked.answers.values() if answer.nearest is not None]
    return Recall(
        status=_status(asked),
        recollections=tuple(found_by),
        missing=tuple(asked.missing),
        examined=sum(answer.examined for answer in asked.answers.values()),
        notes=tuple(dict.fromkeys(note for answer in asked.answers.values() for note in answer.notes)),
        nearest=max(nearest, default=None),
    )


@dataclass
class _Asked:
    """Who was asked, and what came of it."""

    cue: Cue
    none_below: float
    shared: Shared | None
    executor: Executor | None
    answers: dict[str, Answer] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.end_s = None if self.cue.record_budget else time.monotonic() + self.cue.deadline_s

    def all(self, memories: Sequence[Memory]) -> None:
        if self.executor is None:
            for number, memory in enumerate(memories):
                self.one(memory.name, lambda limits, m=memory: m.search(self.cue, limits), 1 / (len(memories) - number))  # type: ignore[misc]
            return
        limits = self.limits(SEARCHED)
        begun = [(memory.name, self.executor.submit(memory.search, self.cue, limits)) for memory in memories]
        for name, future in begun:
            self.one(name, lambda limits, f=future: f.result(limits.deadline_s))  # type: ignore[misc]

    def one(self, name: str, ask: Callable[[Limits], Answer], share: float = 1.0) -> None:
        try:
            answer = ask(self.limits(share))
        except RecallTimedOut as error:
            answer = Answer(tuple(r for r in error.partial if isinstance(r, Record)), complete=False)
        except NotInTime:
            answer = Answer(complete=False)
        except StoreError as error:
            self.missing.append(f"{name}: {type(error).__name__}: {error}")
            return
        self.answers[name] = answer
        if not answer.complete:
            self.missing.append(f"{name}: {self._spent()}")

    def limits(self, share: float = 1.0) -> Limits:
        """A share of the time that is left, an equal one in turn, so that one slow memory does not starve the rest."""
        left_s = None if self.end_s is None else max(0.0, self.end_s - time.monotonic()) * share
        return Limits(left_s, self.cue.record_budget, self.none_below, self.shared, self.executor)

    def _spent(self) -> str:
        if self.cue.record_budget:
            return f"budget of {self.cue.record_budget} records spent"
        return f"deadline of {self.cue.deadline_s} s passed"


def _status(asked: _Asked) -> Status:
    if asked.missing:
        return Status.PARTIAL if asked.answers else Status.FAILED
    return Status.FOUND if any(answer.records for answer in asked.answers.values()) else Status.NONE


def _fuse(answers: dict[str, Answer]) -> list[_Scored]:
    """Each record with its score and who says it, best first."""
    scores = fuse_ranks([[version_name(record) for record in answer.records] for answer in answers.values()])
    found: dict[tuple[str, int], _Scored] = {}
    for name, answer in answers.items():
        for record in answer.records:
            version = version_name(record)
            found.setdefault(version, (record, scores[version], name))
    return sorted(found.values(), key=_best_first)


def _weighed(best: Sequence[_Scored], beside: Beside, now_ns: int, activity: Activity) -> list[_Scored]:
    """The same answers, with what is forgotten later."""
    scored = [
        (record, score * rank_weight(record, beside.tallies.get(record.id), now_ns, activity), name)
        for record, score, name in best
    ]
    return sorted(scored, key=_best_first)


def _best_first(one: _Scored) -> tuple[float, int, int, str]:
    return (-one[1], *newest_first(one[0]), one[0].id)


def _recollection(
    record: Record, score: float, memory: str, beside: Beside, now_ns: int, stale_after_s: float
) -> Recollection:
    tally = beside.tallies.get(record.id)
    last_ns = max(record.valid_from_ns, tally.last_seen_ns if tally else 0)
    if record.valid_to_ns is not None:
        last_ns = min(last_ns, record.valid_to_ns)
    age_ns = max(0, now_ns - last_ns)
    return Recollection(
        record=record,
        score=score,
        memory=memory,
        age_ns=age_ns,
        epistemic=_trust(record, age_ns, beside, stale_after_s, now_ns),
        evidence=record.evidence,
    )


def _trust(record: Record, age_ns: int, beside: Beside, stale_after_s: float, now_ns: int) -> Epistemic:
    if record.id in beside.conflicting:
        return Epistemic.CONFLICTING
    if record.id in beside.lost and holds(record, now_ns):
        return Epistemic.UNKNOWN
    trust = _TRUST[record.source]
    if trust is Epistemic.OBSERVED and record.kind in _AGEING and age_ns > stale_after_s * 1e9:
        return Epistemic.STALE
    return trust


_AGEING = frozenset({"instance", "relation"})  # an event that happened stays so
