# SPDX-License-Identifier: Apache-2.0
"""The hippocampus's pen: every write to the four memories, each only where that memory exists.

Neighbours: hippocampus.py decides what is true, memory/lifelong.py stages and commits it.
Rules of the file: the memory arms differ here and nowhere else; ids come from the session, the stamp and a counter.
"""

from __future__ import annotations

from memory.lifelong import LifelongMemory
from memory.records import Episode, Event, Instance, Percept, Percepts, Place, Relation, Source
from memory.spatial import PREDICATES
from memory.timeline import relation_id

LOOKED = "looked"
DAY_NS = 16 * 3600 * 1_000_000_000  # a look older than this says nothing about today


class Notebook:
    """Writes of one episode. Without a memory it only makes the records."""

    def __init__(self, memory: LifelongMemory | None, robot: str) -> None:
        self.memory = memory
        self.robot = robot
        self.now_ns = 0
        self._session = ""
        self._map = ("", "")
        self._events = 0

    def begin(self, session: str, percepts: Percepts) -> None:
        """Start an episode's page."""
        self._session, self._events = session, 0
        self._map = (percepts.map_id, percepts.map_revision)
        self.now_ns = percepts.stamp_ns

    def turn_to(self, stamp_ns: int) -> None:
        """Everything written next happened at this stamp."""
        self.now_ns = max(self.now_ns, stamp_ns)

    def remembered(self, map_id: str, map_revision: str) -> tuple[list[Instance], list[Relation], list[Event]]:
        """What the memories hold of this map: instances and relations (spatial), looks of today (temporal)."""
        spatial = self.memory.spatial if self.memory else None
        temporal = self.memory.temporal if self.memory else None
        instances: list[Instance] = []
        relations: list[Relation] = []
        if spatial is not None:
            instances = [i for i in spatial.instances(map_id) if i.map_revision == map_revision]
            relations = [r for r in spatial.relations(map_id) if not r.map_revision or r.map_revision == map_revision]
        looks: list[Event] = []
        if temporal is not None:
            looks = [e for e in temporal.events(name=LOOKED, since_ns=self.now_ns - DAY_NS, k=500) if e.text == map_id]
        return instances, relations, looks

    def set_aside(self, percepts: Percepts) -> None:
        """Keep what the thalamus refused beside the store."""
        if self.memory is None:
            return
        for sentence in percepts.rejected:
            label, _, reason = sentence.rpartition(": ")
            raw = {"label": label, "sequence": percepts.sequence, "map_id": percepts.map_id}
            self.memory.quarantine.set_aside(raw, reason, sentence, percepts.stamp_ns)

    def relation(self, subject: str, predicate: str, value: str, source: Source, evidence: str) -> Relation:
        """A relation of this map, true from now; made, not written. Written, it keeps its id."""
        return Relation(
            id=relation_id(self.robot, subject, predicate, value, self.now_ns), robot=self.robot,
            subject=subject, predicate=predicate, object=value,
            map_id=self._map[0], map_revision=self._map[1], valid_from_ns=self.now_ns, source=source,
            evidence=(evidence,) if evidence else (),
        )  # fmt: skip

    def relate(self, relation: Relation) -> None:
        """Write a relation: things and places to the spatial memory, what became of things to the semantic one."""
        if self.memory is None:
            return
        if relation.predicate in PREDICATES:
            if self.memory.spatial is not None:
                self.memory.spatial.relate(relation)
        elif self.memory.semantic is not None:
            self.memory.semantic.tell(relation)

    def retract(self, subject: str, predicate: str, cause: str) -> None:
        """A spatial relation ended without a successor."""
        if self.memory and self.memory.spatial is not None and predicate in PREDICATES:
            self.memory.spatial.retract(subject, predicate, self.now_ns, cause)

    def instance(self, instance: Instance) -> None:
        """A new instance, or the new place of a known one."""
        if self.memory and self.memory.spatial is not None:
            self.memory.spatial.see(instance)

    def confirm(self, instance_id: str, percept: Percept) -> None:
        """Seen again."""
        if self.memory and self.memory.spatial is not None:
            self.memory.spatial.confirm(instance_id, percept.stamp_ns, percept.position_m)

    def miss(self, instance_id: str) -> None:
        """Looked for at its place, and not there."""
        if self.memory and self.memory.spatial is not None:
            self.memory.spatial.miss(instance_id)

    def place(self, place: Place) -> None:
        """A room the body named."""
        if self.memory and self.memory.spatial is not None:
            self.memory.spatial.add_place(place)

    def event(self, name: str, text: str, subjects: tuple[str, ...], place_id: str = "") -> str:
        """Something happened; the event's id."""
        event = self._event(name, text, subjects, place_id)
        if self.memory and self.memory.temporal is not None:
            self.memory.temporal.note(event)
        return event.id

    def saw(self, text: str) -> None:
        """Something is in view that cannot be placed; as long as it stays the same, it is one event."""
        event = self._event("saw", text, (), "")
        if self.memory and self.memory.temporal is not None:
            self.memory.temporal.witness(event)

    def look(self, place_id: str) -> Event:
        """A receptacle or room was looked over."""
        event = self._event(LOOKED, self._map[0], (), place_id)
        if self.memory and self.memory.temporal is not None:
            self.memory.temporal.note(event)
        return event

    def lesson(self, scope: str, subject: str, value: str, success: bool, map_id: str = "") -> None:
        """One more case for or against a regularity."""
        if self.memory and self.memory.semantic is not None:
            self.memory.semantic.learn(
                scope, subject, value, success, self.now_ns, map_id=map_id, evidence=(self._session,)
            )

    def used(self, ids: tuple[str, ...]) -> None:
        """These records led to a success."""
        if self.memory is not None:
            self.memory.used(ids, self.now_ns)

    def episode(self, episode: Episode) -> None:
        """The attempt as a whole."""
        if self.memory and self.memory.episodic is not None:
            self.memory.episodic.keep(episode)

    def commit(self, sequence: int, part: str = "step") -> None:
        """One batch, one acknowledgement; the key makes a repeat harmless."""
        if self.memory is not None:
            self.memory.commit(f"{self._session}/{part}/{sequence}")

    def _event(self, name: str, text: str, subjects: tuple[str, ...], place_id: str) -> Event:
        self._events += 1
        return Event(
            id=f"{self._session}/e{self._events}", robot=self.robot, name=name, text=text, subjects=subjects,
            place_id=place_id, episode_id=self._session, valid_from_ns=self.now_ns, valid_to_ns=self.now_ns,
        )  # fmt: skip
