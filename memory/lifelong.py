# SPDX-License-Identifier: Apache-2.0
"""The face of the folder: one robot's memories over one store.

Neighbours: hippocampus/ owns one and is its only writer; registry.py opens the store.
Rules of the file: one step is one commit; a memory that was left out is neither written nor asked; nothing but
`commit` writes.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from memory import serialization
from memory.backend import Backend, Capability, Clock, Receipt, digest_of
from memory.blobs import BUDGET_BYTES, Blobs
from memory.consolidation import BUDGET, KEEP_S, Slept, sleep, unslept, waking_hours
from memory.draft import Draft, Follow
from memory.encoders import Encoder, meant, none_below
from memory.enrichment import Enrichment
from memory.episodic import EpisodicMemory
from memory.erasure import Erasure, Region, forget
from memory.errors import StoreNotEmpty
from memory.familiarity import Familiarity
from memory.following import open_memory
from memory.forgetting import Activity
from memory.instants import spell
from memory.past import AsOf
from memory.pictures import Pictures
from memory.provenance import DEPTH, Explanation, explain
from memory.quarantine import Quarantine
from memory.recall import recall
from memory.records import Cue, Episode, Event, Instance, Lesson, Place, Positioned, Recall, Record, Relation, Tally
from memory.registry import beside, file_of, open_backend
from memory.rest import Rested
from memory.searching import HAPPENED, Memory, Shared, of_map
from memory.semantic import SemanticMemory
from memory.spatial import SpatialMemory
from memory.surroundings import Surroundings
from memory.temporal import TemporalMemory
from memory.undo import undo

MEMORIES = ("spatial", "temporal", "episodic", "semantic")
_KINDS = {
    "spatial": (Instance.kind, Place.kind),
    "temporal": (Event.kind,),
    "episodic": (Episode.kind,),
    "semantic": (Relation.kind, Lesson.kind),
}


class LifelongMemory:
    """Four memories, each None if left out, and those of other packages, over one backend.

    Args:
        backend: The store; closed with this object.
        robot: Namespace of everything written and asked.
        memories: Which of MEMORIES exist; any other name is a memory of another package (following.py), which is asked
            beside them or, where one is left out, in its stead.
        blobs: Where pictures are kept; None = nowhere.
        encoder: Finds by meaning what cues say in words; None = by words alone.
        quarantine: Where refused input is kept; one in this process alone if not given.

    Attributes:
        backend: The store, for people, exports and followers; the step's writes are not in it before `commit`.
        others: Memories of other packages; they follow the log, and see a step once it is committed.
        began_with: Records it held when it was opened.
        pictures: Blobs beside the store; a record names one in its evidence.
        enrichment: Gives vectors to what has none, whenever somebody calls its `work`; None without an encoder.
        familiarity: Whether something was seen before, in microseconds; of what an earlier process wrote it knows as
            far as somebody let it `follow` the store.
        quarantine: What was refused; who catches RejectedInput before there is a record sets the raw input aside here.

    Raises:
        ValueError: a name in memories is neither one of MEMORIES nor registered by another package.

    >>> with LifelongMemory.open("memory://", robot="robot", memories=("temporal",), clock=lambda: 5) as memory:
    ...     memory.spatial is None, memory.recall(Cue(text="mug"), now_ns=9).status.name
    (True, 'NONE')
    """

    def __init__(
        self,
        backend: Backend,
        *,
        robot: str,
        memories: Collection[str] = MEMORIES,
        encoder: Encoder | None = None,
        blobs: Blobs | None = None,
        quarantine: Quarantine | None = None,
    ) -> None:
        self.backend = backend
        self.robot = robot
        self.began_with = backend.counts().records
        self._memories = frozenset(memories)
        self.quarantine = quarantine or Quarantine()
        self._draft = Draft(backend, robot, self.quarantine)
        self.pictures = Pictures(backend, self._draft, blobs)
        self.encoder = encoder
        self.familiarity = Familiarity(robot)
        self.enrichment = Enrichment(backend, encoder, tell=self.familiarity.take) if encoder else None
        self._surroundings = Surroundings(self._draft)
        self._awake = waking_hours(self._draft)  # recall has no time to ask for them
        self.spatial = SpatialMemory(self._draft) if "spatial" in memories else None
        self.temporal = TemporalMemory(self._draft) if "temporal" in memories else None
        self.episodic = EpisodicMemory(self._draft) if "episodic" in memories else None
        self.semantic = SemanticMemory(self._draft) if "semantic" in memories else None
        self.others = tuple(open_memory(name, backend, robot) for name in memories if name not in MEMORIES)
        self._threads = _threads_of(backend, len(self._memories))

    @classmethod
    def open(
        cls,
        url: str,
        *,
        robot: str = "robot",
        memories: Collection[str] = MEMORIES,
        clock: Clock = time.time_ns,
        continue_: bool = False,
        blob_folder: str | Path = "",
        blob_budget_bytes: int = BUDGET_BYTES,
        encoder: Encoder | None = None,
    ) -> LifelongMemory:
        """Open the store a URL names.

        Args:
            clock: Where recorded_ns comes from; simulated time in a run that must repeat.
            continue_: Whether records of an earlier run are welcome.
            blob_folder: Where pictures are kept; beside the file for sqlite:///file, else nowhere unless given.
            blob_budget_bytes: What they may take; the oldest that no record names go first.
            encoder: Finds by meaning what cues say in words; None = by words alone.

        Raises:
            StoreNotEmpty: it holds records, and continue_ is False.
            StoreError: it cannot be opened.
        """
        backend = open_backend(url, clock)
        try:
            file = file_of(url)
            folder = Path(blob_folder) if blob_folder else file and beside(file, ".blobs")
            blobs = Blobs(folder, budget_bytes=blob_budget_bytes) if folder else None
            quarantine = Quarantine(path=file and beside(file, ".quarantine.jsonl"))
            memory = cls(backend, robot=robot, memories=memories, encoder=encoder, blobs=blobs, quarantine=quarantine)
            memory.pictures.reconcile()
            if memory.began_with and not continue_:
                raise StoreNotEmpty(f"{url} holds {memory.began_with} records of an earlier run; --continue is needed")
        except BaseException:
            backend.close()
            raise
        return memory

    def recall(self, cue: Cue, now_ns: int, *, executor: Executor | None = None) -> Recall:
        """What is known of the cue, this step's writes included.

        Args:
            executor: Threads to ask the memories in side by side; None = own ones where the store gains by it, else in
                turn. A cue with a record budget is asked in turn, so that a run repeats.

        Raises:
            ValueError: the cue names a strategy that does not exist.
        """
        every: tuple[Memory | None, ...] = (self.spatial, self.temporal, self.episodic, self.semantic, *self.others)
        memories = [memory for memory in every if memory is not None]
        asked, notes = meant(self.encoder, cue)
        answer = recall(
            memories,
            asked,
            now_ns,
            none_below=none_below(self.encoder, asked),
            surroundings=self._surroundings,
            activity=self._awake,
            shared=self._shared(asked),
            executor=None if cue.record_budget else executor or self._threads,
        )
        return replace(answer, notes=(*notes, *answer.notes)) if notes else answer

    def _shared(self, cue: Cue) -> Shared | None:
        """Memories look together where a cue with a vector names nothing that they read differently."""
        if cue.subject or cue.predicate or cue.place_id or cue.near_m or not cue.k or not cue.vector:
            return None
        kinds = [kind for name in MEMORIES if getattr(self, name) is not None for kind in _KINDS[name]]
        kinds = [kind for kind in kinds if not cue.kinds or kind in cue.kinds]
        if cue.label or cue.map_id:  # to what is somewhere they say which; to what happened they are further words
            return Shared([kind for kind in kinds if kind in HAPPENED], lambda record: of_map(record, cue.map_id))
        return Shared(kinds)

    def as_of(self, valid_ns: int, recorded_ns: int | None = None) -> AsOf:
        """The memories at a past moment: what was true at valid_ns, as it was believed at recorded_ns (None = now).

        >>> with LifelongMemory.open("memory://", clock=lambda: 5) as memory:
        ...     memory.as_of(3).spatial.instances("map-0")
        []
        """
        return AsOf(
            self.backend,
            self._draft,
            valid_ns,
            recorded_ns,
            self._memories,
            encoder=self.encoder,
            activity=self._awake,
        )

    def explain(self, record_id: str, *, depth: int = DEPTH) -> Explanation:
        """Why it is believed: every version with its stamps, what they rest on, what closed them."""
        return explain(self._draft, record_id, depth=depth, elsewhere=self._elsewhere)

    def undo(self, record_id: str, version: int, now_ns: int, reason: str = "") -> Record:
        """Believe again, as a further version, what was closed, retired or merged by mistake.

        Staged like everything else; an event "undone" keeps what and why, where there is a temporal memory, and its id
        is the cause of every version written.

        Args:
            version: The one that was closed, or the one that its closing wrote.

        Raises:
            ValueError: no such version, nothing closed it, or another fact holds in its place.
        """
        written, event = undo(self._draft, record_id, version, now_ns, reason)
        if self.temporal is not None:
            self.temporal.note(event)
        return written

    def used(self, ids: Iterable[str], now_ns: int) -> None:
        """Count that these records were recalled and helped: they are forgotten more slowly (forgetting.py). Staged."""
        known = self._draft.get(*dict.fromkeys(ids))
        tallies = self._draft.tallies(*known)
        for one, record in known.items():
            place_m = record.position_m if isinstance(record, Positioned) else (0.0, 0.0, 0.0)
            before = tallies.get(one) or Tally(one, self.robot, record.valid_from_ns, mean_m=place_m)
            self._draft.count(replace(before, uses=before.uses + 1, last_used_ns=max(before.last_used_ns, now_ns)))

    def waking_hours(self) -> Activity:
        """When the robot was awake, as far as `sleep` has written it down: what forgetting counts time in."""
        return self._awake

    def sleep(self, now_ns: int, *, budget: int = BUDGET, keep_s: float = KEEP_S) -> Slept:
        """One bounded part of consolidation, committed at once; call again until it is done (consolidation.py).

        Raises:
            ValueError: a step is staged; commit or discard it first.
        """
        self._need_committed("sleep")
        slept = sleep(self._draft, self.backend, now_ns, budget=budget, keep_s=keep_s)
        self._awake = waking_hours(self._draft)
        return slept

    @property
    def unslept(self) -> int:
        """Entries of the log that no sleep has looked at, those that the last one wrote among them."""
        return unslept(self._draft, self.backend)

    def rest(self, now_ns: int, *, budget: int = BUDGET, deadline_s: float | None = None) -> Rested:
        """What there is to do while nobody waits: one part of sleep, vectors for what has none, and what was seen.

        Each is a transaction of its own, so it may be killed anywhere.

        Args:
            budget: Records that each of them looks at.
            deadline_s: No further vectors are made after it; None = by the budget alone, so that a run repeats.

        Raises:
            ValueError: a step is staged; commit or discard it first.
            StoreError: the store cannot be read or written now; what was done stays, the rest comes again.
        """
        slept = self.sleep(now_ns, budget=budget)
        progress = self.enrichment.work(budget, deadline_s) if self.enrichment else None
        unfamiliar = self.familiarity.follow(self.backend, budget)
        return Rested(slept, progress, self.unslept, unfamiliar)

    def commit(self, key: str = "") -> Receipt | None:
        """Write the step as one batch; None if there was nothing to write.

        Args:
            key: Idempotency key of the step; committing it again changes nothing.

        Raises:
            StoreUnavailable: not written, and still staged for the next try.
            RejectedInput: refused as a whole, and dropped.
        """
        staged = self._draft.staged
        receipt = self._draft.commit(key)
        self.pictures.settle()
        if receipt is not None:
            self.familiarity.take_all(staged, receipt)
        return receipt

    def forget(self, *, person: str = "", region: Region | None = None, instance: str = "", token: str = "") -> Erasure:
        """Erase everything about one person, region or thing, from every index, picture and derived record. Two calls.

        Without a token it only counts; with the token of that count it erases, and the store keeps a digest of each id
        as an audit. What mentions the person under any name or alias, what is about a thing that goes, and whatever
        rests on any of it goes. Idempotency keys of commits are the caller's: put no names into them.

        Args:
            person: A name.
            region: Things and places whose middle was ever in it.
            instance: Id of a thing or place.

        Raises:
            ValueError: none or several of them are given, or a step is staged.
            RejectedInput: the token is not for this erasure as the store stands now; nothing is erased.
        """
        self._need_committed("forget")
        erasure = forget(
            self._draft, self.backend, self.pictures.blobs, person=person, region=region, instance=instance, token=token
        )
        if erasure.rows:
            self.familiarity.follow(self.backend, 0)
            self._awake = waking_hours(self._draft)
            if self.enrichment:
                self.enrichment.forget()
        return erasure

    def discard(self) -> None:
        """Drop what the step has staged."""
        self._draft.discard()
        self.pictures.settle()

    def follow(self, tell: Follow) -> None:
        """Have every batch told of right after its commit, with its acknowledgement; one follower at a time."""
        self._draft.follow = tell

    def export(self, path: str | Path) -> int:
        """Write the committed store as lines of JSON; returns how many. The file appears whole or not at all.

        Raises:
            StoreUnavailable: the file cannot be written.
        """
        return serialization.export_file(self.backend, Path(path))

    def _need_committed(self, what: str) -> None:
        if self._draft:
            raise ValueError(f"cannot {what} in the middle of a step: commit or discard it first")

    def _elsewhere(self, one: str) -> str:
        if about := self.pictures.about(one):
            return about
        gone = next((a for a in self.backend.audits() if a.digest == digest_of(self.robot, one)), None)
        return f"erased {spell(gone.at_ns)}" if gone else ""

    def close(self) -> None:
        """Let go of the store; what was staged and not committed is dropped."""
        self._draft.discard()
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False)  # who is asked still finds the store closed, and says so
        self.backend.close()

    def __enter__(self) -> LifelongMemory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _threads_of(backend: Backend, memories: int) -> Executor | None:
    """Threads to ask so many memories in, for two recalls at once; None where a store gains nothing by it."""
    if Capability.SIDE_BY_SIDE not in backend.capabilities or memories < 2:
        return None
    return ThreadPoolExecutor(2 * memories, thread_name_prefix="neuraxis-recall")
