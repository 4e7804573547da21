# SPDX-License-Identifier: Apache-2.0
"""The hippocampus: percepts become instances, what happened becomes events, and both become memory.

Neighbours: thalamus/ gives Percepts, cerebellum/ gives StepResults, notebook.py writes to memory/, prefrontal/ asks
through `recall`. It is the only writer of the memory.
Rules of the file: one step, one batch, one commit; what a body claims is inferred until it is seen; the working set
exists in every memory arm, the memories only where they are configured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from brain_nodes.config import HippocampusConfig
from brain_nodes.hippocampus.association import associate
from brain_nodes.hippocampus.feedback import out_of_reach, told_by
from brain_nodes.hippocampus.notebook import Notebook
from brain_nodes.hippocampus.permanence import in_clear_view, looked_over, room_of
from brain_nodes.hippocampus.working_set import CUT_UP, MISSING, ROBOT, WorkingSet
from memory.lifelong import LifelongMemory
from memory.records import (
    INSIDE,
    Cue,
    Episode,
    Epistemic,
    Instance,
    Literal,
    Percept,
    Percepts,
    Place,
    Recall,
    Recollection,
    Record,
    Relation,
    Skill,
    Source,
    Status,
    StepResult,
)
from memory.rest import Rested

STATE_PREDICATES = {
    "open": ("door", "open", "closed"), "on": ("power", "on", "off"), "full": ("fill", "full", "room for one"),
}  # fmt: skip
MARKS = {"clean": "cleanliness", "hot": "temperature", "cool": "temperature", "sliced": "sliced"}


class Hippocampus:
    """Encode and recall; owns association and the working set."""

    def __init__(self, config: HippocampusConfig, memory: LifelongMemory | None, robot: str) -> None:
        self.config = config
        self.robot = robot
        self.memory = memory
        self.known = WorkingSet()
        self.notebook = Notebook(memory, robot)
        self._supports: frozenset[str] = frozenset()
        self._began_ns = 0

    def begin(self, session: str, percepts: Percepts, skills: tuple[Skill, ...], places: tuple[Place, ...]) -> None:
        """Start an episode: an empty working set, then what the memories hold of this map."""
        self.known = WorkingSet(map_id=percepts.map_id, map_revision=percepts.map_revision)
        self._supports = frozenset(n for s in skills for p in s.parameters if p.kind == "receptacle" for n in p.names)
        self._began_ns = percepts.stamp_ns
        self.notebook.begin(session, percepts)
        self.known.places = {p.id: p for p in places}
        self.known.load(*self.notebook.remembered(percepts.map_id, percepts.map_revision))
        self._check_hand(percepts)
        for place in places:
            self.notebook.place(place)
        self.notebook.commit(percepts.sequence, "begin")

    def encode(self, percepts: Percepts, result: StepResult | None) -> None:
        """Take in one step: what was done, what was seen, what was missing. One commit."""
        self.notebook.turn_to(percepts.stamp_ns)
        self.notebook.set_aside(percepts)
        if result is not None:
            self._take_result(percepts, result)
        if percepts.map_from_camera is not None:
            self._take_sight(percepts)
        elif percepts.seen:  # nothing can be placed without a pose, but it was seen
            self.notebook.saw(", ".join(sorted({p.label for p in percepts.seen})))
        self.notebook.commit(percepts.sequence)

    def recall(self, cue: Cue, valid_ns: int = 0) -> Recall:
        """Answer a cue: about the scene from the working set, about everything else from the memories.

        Args:
            valid_ns: The moment of the world that is asked about; 0 = now.
        """
        if cue.map_id == self.known.map_id and cue.k == 0 and not valid_ns:
            return self._scene()
        if self.memory is None:
            return Recall(status=Status.NONE)
        budget = cue.record_budget or self.config.recall_record_budget
        asked = replace(cue, record_budget=budget, deadline_s=cue.deadline_s or self.config.recall_deadline_s)
        if valid_ns:
            return self.memory.as_of(valid_ns, cue.as_of_recorded_ns).recall(asked)
        return self.memory.recall(asked, self.notebook.now_ns)

    def end(self, stamp_ns: int, episode: Episode, wanted: tuple[str, ...], rested_on: tuple[str, ...] = ()) -> None:
        """Close the episode: keep it, and draw the lessons (where things of each class turned up).

        Args:
            rested_on: Ids of what the steps that succeeded rested on; of use if the episode succeeded.
        """
        self.notebook.turn_to(stamp_ns)
        if episode.succeeded:
            self.notebook.used(rested_on)
        for instance_id in sorted(self.known.seen_ns):
            instance = self.known.instances.get(instance_id)
            holder = self.known.value(instance_id, INSIDE)
            if instance is not None and holder and not self.known.missing(instance_id) and instance.label in wanted:
                self.notebook.lesson("where", instance.label, holder, True, self.known.map_id)
                room = room_of(instance.position_m, self.known)
                if room is not None:
                    self.notebook.lesson("where_room", instance.label, room.id, True, self.known.map_id)
        self.notebook.episode(episode)
        self.notebook.commit(0, "end")

    def rest(self, now_ns: int, deadline_s: float | None = None) -> Rested | None:
        """One bounded part of sleep and of giving vectors, between episodes; None where there is nothing to rest for.

        Raises:
            StoreError: the store cannot be read or written now; another rest goes on from here.
        """
        if self.memory is None or not self.config.rest_records:
            return None
        return self.memory.rest(now_ns, budget=self.config.rest_records, deadline_s=deadline_s)

    def forget(self, ids: Iterable[str]) -> None:
        """Believe nothing more of what was erased."""
        self.known.forget(frozenset(ids))

    # ------------------------------------------------------------ what was done

    def _take_result(self, percepts: Percepts, result: StepResult) -> None:
        step, outcome = result.step, result.outcome
        subjects = tuple(self.known.resolve(n) for n in step.arguments)
        believed = outcome.succeeded and self._plausible(percepts, result)
        name = step.skill if believed else "failed"
        text = f"{step}: {outcome.code.value}" + (f", {outcome.reason}" if outcome.reason else "")
        event_id = self.notebook.event(name, text, subjects, subjects[-1] if subjects else "")
        if believed:
            self._believe(step.expects, Source.INFERRED, event_id)
            return
        self._believe(told_by(outcome.reason, step), Source.TOLD, event_id)
        if (unreached := out_of_reach(outcome.reason, step)) in self.known.instances:
            self._count_miss(unreached)  # whoever went there and cannot reach it was wrong about the place
        labels = " ".join(t.label for t in step.targets)
        self.notebook.lesson("skill", f"{step.skill} {labels}", outcome.reason or outcome.code.value, False)

    def _plausible(self, percepts: Percepts, result: StepResult) -> bool:
        """A claimed grasp with an open hand, or a claimed release with a full one, is not believed."""
        if percepts.gripper_holds is None:
            return True
        for literal in result.step.expects:
            if literal.predicate == "hand_empty" and percepts.gripper_holds is not literal.negated:
                return False
        return True

    def _believe(self, literals: tuple[Literal, ...], source: Source, evidence: str) -> None:
        if any(t.predicate == "near" and not t.negated for t in literals):
            self.known.near.clear()  # what a step brings the robot near to is listed whole
        for literal in sorted(literals, key=lambda t: not t.negated):
            self._believe_one(literal, source, evidence)

    def _believe_one(self, literal: Literal, source: Source, evidence: str) -> None:
        names = tuple(self.known.resolve(a) for a in literal.arguments)
        if literal.predicate == "near":
            (self.known.near.discard if literal.negated else self.known.near.add)(names[0])
        elif literal.predicate == "before":
            if not literal.negated or self.known.before == names[0]:
                self.known.before = "" if literal.negated else names[0]
        elif literal.predicate == "holding":
            self._hold(names[0], not literal.negated, source, evidence)
        elif literal.predicate == INSIDE and literal.negated:
            self._retract(names[0], INSIDE, evidence)
        elif literal.predicate == INSIDE and source is Source.TOLD and self._known_better(names[0], names[1]):
            pass  # a sentence speaks of some thing of the class; what was seen or done here is about this one
        elif literal.predicate == INSIDE:
            self._relate(names[0], INSIDE, names[1], source, evidence)
            self._expect(names[0], names[1])
        elif literal.predicate in STATE_PREDICATES:
            predicate, yes, no = STATE_PREDICATES[literal.predicate]
            self._relate(names[0], predicate, no if literal.negated else yes, source, evidence)
        elif literal.predicate in MARKS and not literal.negated:
            self._relate(names[0], MARKS[literal.predicate], literal.predicate, source, evidence)
            if literal.predicate == "sliced" and names[0] in self.known.instances:
                self._relate(names[0], "presence", CUT_UP, source, evidence)  # its slices are other things
        elif literal.predicate in MARKS and self.known.value(names[0], MARKS[literal.predicate]) == literal.predicate:
            self._retract(names[0], MARKS[literal.predicate], evidence)
        elif literal.predicate == "looked":
            self._note_look(names[0])
        elif literal.predicate == "absent":
            self._relate(names[0], "presence", "absent", source, evidence)

    def _known_better(self, subject: str, holder: str) -> bool:
        """Is a told place of some thing of this class contradicted, or used up, by what was done in this episode?

        Where another one of the class was put there by this robot, the sentence is about that one, and this one is
        hidden in a place unknown.
        """
        here = self._since_then(subject, INSIDE)
        twins = [s for (s, p), r in self.known.relations.items() if p == INSIDE and r.object == holder and s != subject]
        if not here and any(_class_of(t) == _class_of(subject) and self._since_then(t, INSIDE) for t in twins):
            self._relate(subject, "presence", "hidden", Source.TOLD, subject)
            return True
        return here

    def _since_then(self, subject: str, predicate: str) -> bool:
        """Did this robot see or do it itself since the episode began?"""
        relation = self.known.relations.get((subject, predicate))
        return (
            relation is not None
            and self.known.confirmed_ns[(subject, predicate)] >= self._began_ns
            and relation.source in (Source.SEEN, Source.INFERRED)
        )

    def _hold(self, instance_id: str, held: bool, source: Source, evidence: str) -> None:
        self.known.holding = instance_id if held else ""
        self.known.expected.pop(instance_id, None)
        if held:
            self.notebook.relate(self.notebook.relation(instance_id, "held_by", ROBOT, source, evidence))
        else:
            self.notebook.retract(instance_id, "held_by", evidence)

    def _check_hand(self, percepts: Percepts) -> None:
        """What was in the hand at the last episode's end: still there, or now somewhere unknown."""
        for subject in [s for s, p in self.known.relations if p == "held_by"]:
            self.known.retract(subject, "held_by")
            if percepts.gripper_holds and not self.known.holding:
                self.known.holding = subject
                continue
            self.notebook.retract(subject, "held_by", subject)
            self._relate(subject, "presence", MISSING, Source.INFERRED, subject)

    def _expect(self, instance_id: str, holder_id: str) -> None:
        """A thing was put somewhere: until it is seen there, it is believed to be at the receptacle's middle."""
        self.known.expected[instance_id] = holder_id
        holder = self.known.instances.get(holder_id)
        if holder is not None:
            for moved_id in (instance_id, *self.known.all_contents(instance_id)):
                self._carry(moved_id, holder)

    def _carry(self, instance_id: str, holder: Instance) -> None:
        thing = self.known.instances.get(instance_id)
        if thing is not None:
            moved = replace(
                thing, position_m=holder.position_m, valid_from_ns=self.notebook.now_ns, source=Source.INFERRED
            )
            self.known.add(moved)
            self.notebook.instance(moved)

    # ------------------------------------------------------------ what was seen

    def _take_sight(self, percepts: Percepts) -> None:
        pairs = associate(percepts, self.known, self.config.merge_radius_m, self.config.support_margin_m)
        seen: dict[str, Percept] = {}
        for n, (percept, instance_id) in enumerate(sorted(pairs, key=lambda p: (p[0].label, p[0].position_m))):
            seen[self._see(percept, instance_id, n)] = percept
        for instance_id in sorted(seen, key=lambda i: (-max(self.known.instances[i].size_m), i)):
            self._relate_sight(instance_id, seen[instance_id])
        self._note_absences(percepts, set(seen))
        self._note_looks(percepts)

    def _see(self, percept: Percept, instance_id: str, n: int) -> str:
        known = self.known.instances.get(instance_id)
        if known is None:
            known = self._new_instance(percept, n)
        elif self._moved(known, percept):
            known = replace(
                known, position_m=percept.position_m, size_m=percept.size_m, valid_from_ns=percept.stamp_ns,
                source=Source.SEEN,
            )  # fmt: skip
            self.known.add(known)
            self.notebook.instance(known)
        else:
            self.notebook.confirm(known.id, percept)
        self.known.seen_ns[known.id] = percept.stamp_ns
        self.known.expected.pop(known.id, None)
        self.known.misses.pop(known.id, None)
        if self.known.value(known.id, "presence"):
            self._relate(known.id, "presence", "present", Source.SEEN, known.id)
        return known.id

    def _new_instance(self, percept: Percept, n: int) -> Instance:
        key = f"{self.robot}|{percept.map_id}|{percept.map_revision}|{percept.label}|{percept.stamp_ns}|{n}"
        digest = hashlib.blake2s(key.encode(), digest_size=4).hexdigest()
        number = 1 + sum(i.label == percept.label for i in self.known.instances.values())
        instance = Instance(
            id=f"{percept.label.lower()}-{digest}", robot=self.robot, label=percept.label,
            alias=f"{percept.label} {number}", position_m=percept.position_m, size_m=percept.size_m,
            map_id=percept.map_id, map_revision=percept.map_revision, valid_from_ns=percept.stamp_ns,
            confidence=percept.score,
        )  # fmt: skip
        self.known.add(instance)
        self.notebook.instance(instance)
        return instance

    def _moved(self, instance: Instance, percept: Percept) -> bool:
        gap_m = max(abs(a - b) for a, b in zip(instance.position_m, percept.position_m, strict=True))
        return gap_m > self.config.merge_radius_m / 2

    def _relate_sight(self, instance_id: str, percept: Percept) -> None:
        for state in percept.states:
            for predicate, yes, no in STATE_PREDICATES.values():
                if state in (yes, no):
                    self._relate(instance_id, predicate, state, Source.SEEN, instance_id)
        if percept.label in self._supports and max(percept.size_m) > 0.5:
            return  # furniture stands on the floor
        holder = self.known.supporter_of(
            percept.position_m, percept.size_m, self._supports, self.config.support_margin_m
        )
        if holder and holder != instance_id:
            self._relate(instance_id, INSIDE, holder, Source.SEEN, instance_id)
        elif self.known.value(instance_id, INSIDE) and not holder and self._supports:
            self._retract(instance_id, INSIDE, instance_id)

    def _note_absences(self, percepts: Percepts, seen: set[str]) -> None:
        for instance in tuple(self.known.instances.values()):
            gone = self.known.value(instance.id, "presence") in (MISSING, CUT_UP)
            if instance.id in seen or gone or instance.id in self.known.expected:
                continue
            if not in_clear_view(percepts, instance, self.known):
                continue
            self._count_miss(instance.id, clear=True)

    def _count_miss(self, instance_id: str, *, clear: bool = False) -> None:
        """Not where it should be: seen clearly, or (which takes one miss more) only not reached."""
        self.known.misses[instance_id] = self.known.misses.get(instance_id, 0) + 1
        self.notebook.miss(instance_id)
        if self.known.misses[instance_id] >= self.config.misses_until_missing + (not clear):
            self._relate(instance_id, "presence", MISSING, Source.SEEN, instance_id)

    def _note_looks(self, percepts: Percepts) -> None:
        for receptacle in tuple(self.known.instances.values()):
            if receptacle.label in self._supports and looked_over(percepts, receptacle, self.known):
                self._note_look(receptacle.id)

    def _note_look(self, place_id: str) -> None:
        if self.known.closed(place_id):
            return  # whatever was expected: a shut door shows nothing
        before = self.known.looked.get(place_id)
        if before is None or before.valid_from_ns < self._began_ns:
            self.known.looked[place_id] = self.notebook.look(place_id)

    # ------------------------------------------------------------ what is believed

    def _relate(self, subject: str, predicate: str, value: str, source: Source, evidence: str) -> None:
        relation = self.notebook.relation(subject, predicate, value, source, evidence)
        if self.known.put(relation):
            self.notebook.relate(relation)

    def _retract(self, subject: str, predicate: str, cause: str) -> None:
        if self.known.retract(subject, predicate) is not None:
            self.notebook.retract(subject, predicate, cause)

    def _scene(self) -> Recall:
        robot = [self.notebook.relation(ROBOT, "near", n, Source.SEEN, "") for n in sorted(self.known.near)]
        if self.known.before:
            robot.append(self.notebook.relation(ROBOT, "before", self.known.before, Source.SEEN, ""))
        if self.known.holding:
            robot.append(self.notebook.relation(self.known.holding, "held_by", ROBOT, Source.SEEN, ""))
        records: list[Record] = [
            *self.known.places.values(), *self.known.instances.values(), *self.known.relations.values(),
            *self.known.looked.values(), *robot,
        ]  # fmt: skip
        found = tuple(map(self._recollected, records))
        return Recall(status=Status.FOUND if found else Status.NONE, recollections=found, examined=len(found))

    def _recollected(self, record: Record) -> Recollection:
        last_ns = self.known.seen_ns.get(record.id, record.valid_from_ns)
        if isinstance(record, Relation):
            last_ns = self.known.confirmed_ns.get((record.subject, record.predicate), last_ns)
        return Recollection(
            record=record,
            score=1.0,
            memory="working",
            age_ns=max(0, self.notebook.now_ns - last_ns),
            epistemic=_EPISTEMIC[record.source],
            evidence=record.evidence,
        )


def _class_of(subject: str) -> str:
    """Class in a body's name: "map-1f6a2c90/Mug_2" is a Mug."""
    return subject.rpartition("/")[2].partition("_")[0].partition("-")[0]


_EPISTEMIC = {
    Source.SEEN: Epistemic.OBSERVED,
    Source.TOLD: Epistemic.TOLD,
    Source.INFERRED: Epistemic.INFERRED,
    Source.REFLECTED: Epistemic.INFERRED,
}
