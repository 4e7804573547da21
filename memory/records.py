# SPDX-License-Identifier: Apache-2.0
"""The vocabulary: every kind of data that crosses from one part of the system to another.

Neighbours: backends store the `Record` half, the brain's regions exchange the rest; nothing else is shared.
Rules of the file: frozen dataclasses only, no behaviour beyond refusing the impossible; scalars end in their unit;
stamps are integers in ns since the epoch, 0 means unset; positions carry a frame; an id comes from its input.
The file is long because it is the dictionary: a reader looks a word up here, in the order of one trip
sense -> memory -> intent -> recall.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from memory.errors import RejectedInput
from memory.geometry import CAMERA_OPTICAL, FRAMES, MAP, Pose, Vector, finite

NAME_LETTERS = 512  # of an id or a namespace: what every store can make a unique index of
CUE_LETTERS = 65_536  # of a question: what can be cut into words within its deadline


class Source(str, Enum):
    """How a record came to be believed."""

    SEEN = "seen"
    TOLD = "told"
    INFERRED = "inferred"
    REFLECTED = "reflected"


class OutcomeCode(str, Enum):
    """What a body says of a call; a claim to be checked, never proof."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"  # the call itself was not acceptable: unknown skill, missing target
    PREEMPTED = "preempted"
    STUCK = "stuck"  # no progress within the watchdog's patience


class Status(str, Enum):
    """Status of a whole recall. Never an empty list for a failure."""

    FOUND = "found"
    NONE = "none"  # every memory answered, and none knows
    PARTIAL = "partial"  # something missing: a memory failed or ran out of time
    FAILED = "failed"  # no memory answered


class Epistemic(str, Enum):
    """How far one recollection may be trusted."""

    OBSERVED = "observed"
    TOLD = "told"
    INFERRED = "inferred"
    STALE = "stale"
    CONFLICTING = "conflicting"
    UNKNOWN = "unknown"


# ---------------------------------------------------------------- sense


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing found in one camera image, before anyone knows which instance it is.

    Attributes:
        label: Detector class, a string of the detector's vocabulary.
        position_m: Centre of the object in the camera frame of its observation (x right, y down, z forward).
        size_m: Extents of its axis-aligned box along map x, y, z, metres, all >= 0.
        score: Detector confidence in [0, 1].
        states: Visible states, such as "open" or "on"; absent means not visible, not false.
    """

    label: str
    position_m: Vector
    size_m: Vector = (0.1, 0.1, 0.1)
    score: float = 1.0
    states: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Camera:
    """What the camera can see: half-open pyramid of the given angles up to range_m."""

    horizontal_fov_rad: float = 1.5708
    vertical_fov_rad: float = 1.5708
    range_m: float = 4.0
    frame_id: str = CAMERA_OPTICAL


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the body says became of one call."""

    call_id: str
    code: OutcomeCode
    reason: str = ""

    @property
    def succeeded(self) -> bool:
        """True if the body claims success."""
        return self.code is OutcomeCode.SUCCEEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One synchronised sensor sample, at one stamp.

    Attributes:
        sequence: Number of the sample within its session, from 0; lockstep answers by it.
        stamp_ns: Time of exposure.
        map_id: Map the pose is expressed in; positions of another map or revision are not comparable.
        map_from_base: Pose of the robot in the map; None while not localised.
        base_from_camera: Mounting of the camera.
        detections: What the detector found, in camera.frame_id.
        healthy: False while the camera delivers nothing usable; absence then proves nothing.
        gripper_holds: Whether the gripper feels an object; None for a body that cannot tell.
        running_call: Id of the call still being carried out; "" when the body is idle.
        outcome: What the body said of the call that ended in this tick, if one did.
    """

    sequence: int
    stamp_ns: int
    map_id: str = "map-0"
    map_revision: str = "0"
    map_from_base: Pose | None = None
    base_from_camera: Pose = field(default_factory=Pose)
    camera: Camera = field(default_factory=Camera)
    detections: tuple[Detection, ...] = ()
    healthy: bool = True
    gripper_holds: bool | None = None
    running_call: str = ""
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Percept:
    """One thing seen in one observation, moved into the map.

    Attributes:
        position_m: Centre of the object in frame_id, metres.
        embedding: Unit-length appearance vector; empty where there is no encoder; not part of equality.
    """

    stamp_ns: int
    label: str
    position_m: Vector
    size_m: Vector = (0.1, 0.1, 0.1)
    frame_id: str = MAP
    map_id: str = "map-0"
    map_revision: str = "0"
    score: float = 1.0
    states: tuple[str, ...] = ()
    embedding: tuple[float, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        if not finite((*self.position_m, *self.size_m, self.score)):
            raise RejectedInput(f"percept {self.label!r} at {self.stamp_ns}: position {self.position_m} is not finite")
        if self.frame_id not in FRAMES:
            raise RejectedInput(f"percept {self.label!r} at {self.stamp_ns}: unknown frame {self.frame_id!r}")
        if min(self.size_m) < 0:
            raise RejectedInput(f"percept {self.label!r} at {self.stamp_ns}: negative size {self.size_m}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Percepts:
    """What the thalamus let pass of one observation, and from where it was seen.

    Attributes:
        seen: In the map; while the robot is not localised, in the camera's frame, and then nothing is placed.
        map_from_camera: Pose of the camera in the map; None while not localised.
        rejected: How many detections were set aside, and why, one sentence each.
    """

    sequence: int
    stamp_ns: int
    map_id: str = "map-0"
    map_revision: str = "0"
    seen: tuple[Percept, ...] = ()
    map_from_base: Pose | None = None
    map_from_camera: Pose | None = None
    camera: Camera = field(default_factory=Camera)
    healthy: bool = True
    gripper_holds: bool | None = None
    running_call: str = ""
    outcome: Outcome | None = None
    rejected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """Percepts joined over seconds by one tracker: the same thing, not yet an instance."""

    track_id: str
    percepts: tuple[Percept, ...]


# ---------------------------------------------------------------- memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every stored thing has. Rows are immutable but for retired_ns, which a store fills once.

    Attributes:
        id: From its input, the same in every replay; one id has versions 1, 2, ...
        robot: Namespace; never leaks into another robot's.
        valid_from_ns: True in the world from here (included).
        valid_to_ns: ... until here (excluded); None = still true.
        recorded_ns: Believed by the store from here; strictly increasing per store, 0 until written.
        retired_ns: ... until here; None = still believed.
        evidence: Ids of the records this one rests on.
        cause: Id of the record that closed this version; "" if it was not closed.
        embedding: float32 [D], little-endian, as embedding.pack makes it; b"" if none.
        encoder: Id and revision of what made the embedding, such as "minilm-l6-v2-int8@1"; "" where there is none.
        sequence: Place in the store's log, given by the store, from 1; 0 until written.
    """

    kind: ClassVar[str] = "record"

    id: str
    robot: str = "robot"
    version: int = 1
    valid_from_ns: int
    valid_to_ns: int | None = None
    recorded_ns: int = 0
    retired_ns: int | None = None
    sequence: int = 0
    source: Source = Source.SEEN
    evidence: tuple[str, ...] = ()
    confidence: float = 1.0
    cause: str = ""
    embedding: bytes = field(default=b"", repr=False)
    encoder: str = ""

    def __post_init__(self) -> None:
        _check_names(self.kind, self.id, self.robot)
        for stamp in (self.valid_from_ns, self.valid_to_ns):
            if stamp is not None and not isinstance(stamp, int):
                raise RejectedInput(f"{self.kind} {self.id!r}: {stamp!r} is no integer of ns (instants.instant_ns)")
        if self.valid_from_ns <= 0:
            raise RejectedInput(f"{self.kind} {self.id!r}: stamp {self.valid_from_ns} ns is unset or before the epoch")
        if self.valid_to_ns is not None and self.valid_to_ns < self.valid_from_ns:
            raise RejectedInput(f"{self.kind} {self.id!r}: ends at {self.valid_to_ns} before {self.valid_from_ns} ns")
        if not 0.0 <= self.confidence <= 1.0:
            raise RejectedInput(f"{self.kind} {self.id!r}: confidence {self.confidence} is not in [0, 1]")
        if self.embedding and (not self.encoder or len(self.embedding) % 4):
            raise RejectedInput(f"{self.kind} {self.id!r}: {len(self.embedding)} bytes of encoder {self.encoder!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Positioned(Record):
    """A record with a place in a map.

    Attributes:
        position_m: Centre, (x, y, z) metres in frame_id.
        size_m: Extents of its axis-aligned box, metres.
    """

    label: str
    position_m: Vector
    size_m: Vector = (0.1, 0.1, 0.1)
    frame_id: str = MAP
    map_id: str = "map-0"
    map_revision: str = "0"

    def __post_init__(self) -> None:
        Record.__post_init__(self)
        if len(self.position_m) != 3 or len(self.size_m) != 3 or min(self.size_m) < 0:
            raise RejectedInput(f"{self.kind} {self.id!r}: {self.position_m} and {self.size_m} are no place and size")
        if not finite((*self.position_m, *self.size_m)):
            raise RejectedInput(f"{self.kind} {self.id!r}: position {self.position_m} is not finite")
        if self.frame_id != MAP:
            raise RejectedInput(f"{self.kind} {self.id!r}: memory stores frame 'map', not {self.frame_id!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance(Positioned):
    """The lasting object in memory, at one place for one span of time. A move is a new version.

    Attributes:
        label: Its class.
        alias: Human-readable name, stable across restarts, such as "mug 2".
    """

    kind: ClassVar[str] = "instance"
    alias: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Positioned):
    """A room or another named area a robot can be in or drive to."""

    kind: ClassVar[str] = "place"
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation(Record):
    """A typed edge or typed fact: subject, predicate, object.

    Attributes:
        subject: Id of an instance or place, or a plain word for facts about classes ("mug").
        predicate: One of PREDICATES, or a free word (then it accumulates).
        object: An id or a literal value.
        map_id: Map the edge belongs to; "" for facts that hold anywhere.
    """

    kind: ClassVar[str] = "relation"
    subject: str
    predicate: str
    object: str
    map_id: str = ""
    map_revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Record):
    """Something that happened, at valid_from_ns (valid_to_ns = its end).

    Attributes:
        name: What happened, one word of the event vocabulary: "picked_up", "looked", "failed", ...
        text: The same for people.
        subjects: Ids it concerns.
        episode_id: Episode it belongs to; "" outside one.
    """

    kind: ClassVar[str] = "event"
    name: str
    text: str = ""
    subjects: tuple[str, ...] = ()
    place_id: str = ""
    episode_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode(Record):
    """Goal, steps and outcome between two stamps.

    Attributes:
        goal: The goal as one line, such as "inside(mug, countertop) & clean(mug)".
        steps: One line for each step taken, in order.
        succeeded: What the robot believes of its success, from the world as it saw it.
        reason: Reason code of the end.
    """

    kind: ClassVar[str] = "episode"
    instruction: str
    goal: str = ""
    steps: tuple[str, ...] = ()
    succeeded: bool = False
    reason: str = ""
    map_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson(Record):
    """What episodes taught: a regularity with its counts.

    Attributes:
        scope: What it is about, such as "where" or "skill".
        subject: A class or skill name.
        text: The lesson for people.
        value: Its content, such as a receptacle's id or a failure's reason.
    """

    kind: ClassVar[str] = "lesson"
    scope: str
    subject: str
    text: str = ""
    value: str = ""
    map_id: str = ""
    successes: int = 0
    failures: int = 0


RECORD_KINDS: Mapping[str, type[Record]] = {k.kind: k for k in (Instance, Place, Relation, Event, Episode, Lesson)}


@dataclass(frozen=True, slots=True)
class Tally:
    """The only values updated in place: how often and when an open record was confirmed.

    Attributes:
        record_id: The record it counts for, in the robot's namespace.
        mean_m: Running mean of the sighted position, map frame.
        spread_m: Sum of squared deviations from that mean per axis, m^2 (Welford).
        misses: How often it was looked for where it should have been visible, in vain, since it was last seen.
        uses: How often it was recalled and helped; what is used is forgotten more slowly.
        last_used_ns: When it last was; 0 = never.
    """

    record_id: str
    robot: str
    last_seen_ns: int
    sightings: int = 1
    mean_m: Vector = (0.0, 0.0, 0.0)
    spread_m: Vector = (0.0, 0.0, 0.0)
    misses: int = 0
    uses: int = 0
    last_used_ns: int = 0

    def __post_init__(self) -> None:
        _check_names("tally", self.record_id, self.robot)
        if min(self.sightings, self.misses, self.uses, self.last_seen_ns, self.last_used_ns) < 0:
            raise RejectedInput(f"tally of {self.record_id!r}: a count or stamp is negative ({self})")


@dataclass(frozen=True, slots=True)
class Predicate:
    """A declared relation. A functional one holds a single object at a time: its facts form one timeline."""

    name: str
    functional: bool


INSIDE = "inside"  # in or on a receptacle: a thing has one support
PREDICATES: Mapping[str, Predicate] = {
    p.name: p
    for p in (
        Predicate(INSIDE, True),
        Predicate("door", True),
        Predicate("power", True),
        Predicate("presence", True),
        Predicate("held_by", True),
        Predicate("fill", True),
        Predicate("in_room", True),
        Predicate("cleanliness", True),
        Predicate("temperature", True),
        Predicate("sliced", True),
        Predicate("usually_in", False),
        Predicate("alias_of", False),
        Predicate("likes", False),
    )
}


# ---------------------------------------------------------------- intend


@dataclass(frozen=True, slots=True)
class Literal:
    """A predicate applied to names: a fact of a planning state, or a condition over variables ("?object")."""

    predicate: str
    arguments: tuple[str, ...] = ()
    negated: bool = False

    def __str__(self) -> str:
        return ("not " if self.negated else "") + f"{self.predicate}({', '.join(self.arguments)})"


@dataclass(frozen=True, slots=True)
class Effect:
    """A literal that becomes true, for every binding of its free variables under which all of `when` held."""

    literal: Literal
    when: tuple[Literal, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A typed argument of a skill.

    Attributes:
        kind: Affordance its value must have ("pickupable", "receptacle", ...); "any" for none.
        names: The values the body accepts, where it lists them; empty = any instance of the kind.
        by_label: True if the body picks the instance itself and only the class can be named.
    """

    name: str
    kind: str = "any"
    names: tuple[str, ...] = ()
    by_label: bool = False


@dataclass(frozen=True, slots=True)
class Skill:
    """A named ability of a body, declared as data: arguments, preconditions, effects.

    Attributes:
        phrase: How the body spells it, with {parameter} for each argument: "pick up the {object}".
    """

    name: str
    parameters: tuple[Parameter, ...] = ()
    preconditions: tuple[Literal, ...] = ()
    effects: tuple[Effect, ...] = ()
    phrase: str = ""
    reversible: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """One argument of a call, as a body understands it: a name of its own list, or a class and a place in the map."""

    name: str
    label: str = ""
    position_m: Vector | None = None


@dataclass(frozen=True, slots=True)
class SkillCall:
    """Start, or go on with, one skill. The id of the running call continues it; another id pre-empts it."""

    id: str
    skill: str
    targets: tuple[Target, ...] = ()
    phrase: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """One row [A] of an action chunk, for bodies that are driven tick by tick."""

    values: tuple[float, ...]
    stamp_ns: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Do nothing, and end what is running."""

    stamp_ns: int
    reason: str = ""


Action = SkillCall | Command | Hold


@dataclass(frozen=True, slots=True)
class ActionChunk:
    """Commands for the next ticks, as a policy gives them at once.

    Attributes:
        rows: [H, A], one row a tick, in the body's own units.
        stamp_ns: Time of the observation it was computed from; its age counts from here.
        rate_hz: Rows per second.
    """

    rows: tuple[tuple[float, ...], ...]
    stamp_ns: int
    rate_hz: float


@dataclass(frozen=True, slots=True)
class Affordance:
    """What an instance lends itself to: (instance, skill, score)."""

    instance_id: str
    skill: str
    score: float


@dataclass(frozen=True, slots=True)
class Variable:
    """One thing a goal speaks of: any instance with this label; different variables are different instances."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Goal:
    """What an instruction asks to be true of the world.

    Attributes:
        family: Task family the grounding chose, such as "place", "clean", "light".
        literals: All must hold for some binding of the variables.
        confidence: The grounding's own probability, in [0, 1].
    """

    instruction: str
    family: str
    variables: tuple[Variable, ...]
    literals: tuple[Literal, ...]
    confidence: float = 1.0

    def __str__(self) -> str:
        labels = {v.name: v.label for v in self.variables}
        return " & ".join(
            ("not " if t.negated else "") + f"{t.predicate}({', '.join(labels.get(a, a) for a in t.arguments)})"
            for t in self.literals
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan: a skill bound to believed instances.

    Attributes:
        targets: One for each parameter of the skill, in order; a target's name is an instance id or a body's name.
        purpose: Why, in a few words: "search for Mug", "fetch", ...
        expects: What should be true of the world afterwards if the skill works, as the planner sees it.
    """

    skill: str
    targets: tuple[Target, ...] = ()
    purpose: str = ""
    expects: tuple[Literal, ...] = ()

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of its targets."""
        return tuple(t.name for t in self.targets)

    def __str__(self) -> str:
        return f"{self.skill}({', '.join(self.arguments)})"


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step that ended, and what the body says of it."""

    step: Step
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps towards a goal; current is the one to do now.

    Attributes:
        assumes: Ids of the records the plan rests on.
        reason: Reason code when there is no step: GOAL_BELIEVED, NO_PLAN, BUDGET_SPENT, LOOP, ...
    """

    goal: Goal | None = None
    steps: tuple[Step, ...] = ()
    index: int = 0
    assumes: tuple[str, ...] = ()
    reason: str = ""
    planner: str = ""

    @property
    def current(self) -> Step | None:
        """The step to do now; None when nothing is left to do."""
        return self.steps[self.index] if self.index < len(self.steps) else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the critic says of a step before it is taken."""

    accept: bool
    code: str = "OK"
    reason: str = ""
    violated: tuple[Literal, ...] = ()


# ---------------------------------------------------------------- recall


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """What recall is asked with; every field narrows, none is required.

    Attributes:
        vector, encoder: What the text means, as this encoder puts it; where they are not given, a memory that has an
            encoder makes them out of the text.
        near_m: Rank by distance from here.
        since_ns, until_ns: World time, half-open.
        strategy: How to look further than the four memories do: a name in memory.strategies.STRATEGIES, or "".
        deadline_s: Answer by then, partial if it must.
        record_budget: Most records each memory may examine: the deadline of lockstep runs; 0 = none.
    """

    text: str = ""
    vector: bytes = field(default=b"", repr=False)
    encoder: str = ""
    label: str = ""
    subject: str = ""
    predicate: str = ""
    place_id: str = ""
    map_id: str = ""
    near_m: Vector | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    as_of_recorded_ns: int | None = None
    kinds: tuple[str, ...] = ()
    k: int = 10
    strategy: str = ""
    deadline_s: float = 0.1
    record_budget: int = 0

    def __post_init__(self) -> None:
        if self.vector and not self.encoder:
            raise ValueError(f"a cue's vector of {len(self.vector)} bytes needs the id of its encoder")
        if self.near_m is not None and (len(self.near_m) != 3 or not finite(self.near_m)):
            raise RejectedInput(f"a cue near {self.near_m}: that is no place")
        letters = len(self.text) + len(self.label) + len(self.subject)
        if letters > CUE_LETTERS:
            raise RejectedInput(f"a cue of {letters} letters; it may have {CUE_LETTERS}")
        if not self.deadline_s >= 0 or self.k < 0 or self.record_budget < 0:
            raise RejectedInput(f"a cue with k {self.k}, deadline {self.deadline_s} s, budget {self.record_budget}")
        if self.since_ns is not None and self.until_ns is not None and self.until_ns < self.since_ns:
            raise RejectedInput(f"a cue from {self.since_ns} until {self.until_ns} ns, which is before")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """One ranked answer, with what a person would ask of it."""

    record: Record
    score: float
    memory: str
    age_ns: int
    epistemic: Epistemic = Epistemic.OBSERVED
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """The answer as a whole.

    Attributes:
        missing: Memories that did not answer, each with the reason: "spatial: deadline of 0.1 s passed".
        examined: Records looked at.
        notes: What to know of how it was looked for, without anything missing: "no encoder: found by words alone".
        nearest: Highest cosine of any record with the cue's vector, found or not; None where no vector was compared.
    """

    status: Status
    recollections: tuple[Recollection, ...] = ()
    missing: tuple[str, ...] = ()
    examined: int = 0
    notes: tuple[str, ...] = ()
    nearest: float | None = None


def _check_names(kind: str, record_id: str, robot: str) -> None:
    if not record_id:
        raise RejectedInput(f"{kind} of {robot!r}: empty id")
    if len(record_id) > NAME_LETTERS or len(robot) > NAME_LETTERS:
        raise RejectedInput(
            f"{kind} {record_id[:40]!r} of {robot[:40]!r}: an id or a namespace has at most {NAME_LETTERS} letters"
        )
