# SPDX-License-Identifier: Apache-2.0
"""Why something is believed: what it rests on, down to the pictures, and what closed it.

Neighbours: lifelong.py offers `explain`; undo.py and consolidation.py leave the causes and the evidence it follows.
Rules of the file: every version is shown, retired ones too; a record is opened once, so a circle ends; depth and number
are bounded, and what was cut off says so; text for people is rendered last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from memory.blobs import PREFIX
from memory.draft import Draft
from memory.instants import spell
from memory.query import Query
from memory.records import Record

DEPTH = 8
NO_RECORD = "no record of this robot"
MOST = 500  # records opened for one answer


@dataclass(frozen=True, slots=True)
class Explanation:
    """One record with everything it rests on.

    Attributes:
        role: What it is to the one above it: "asked", "evidence" or "cause".
        versions: All there ever were, oldest first; () where the id names no record of this robot.
        grounds: What its versions rest on and were closed by.
        note: Why there is no more here: it was shown above, lies too deep, was erased, is a picture or a bare word.
    """

    id: str
    role: str = "asked"
    versions: tuple[Record, ...] = ()
    grounds: tuple[Explanation, ...] = ()
    note: str = ""

    def __iter__(self) -> Iterator[Explanation]:
        """Itself and everything below it, as the tree is read."""
        yield self
        for ground in self.grounds:
            yield from ground

    def tree(self) -> str:
        """For people: one line a record, one a version, indented by depth."""
        return "\n".join(_lines(self, ""))


def explain(
    draft: Draft, record_id: str, *, depth: int = DEPTH, elsewhere: Callable[[str], str] = lambda _: ""
) -> Explanation:
    """The provenance chain of a record.

    Args:
        depth: How far down to follow it; 0 = the record alone.
        elsewhere: What is known of an id that is no record, in a few words: a picture, or an erased record.
    """
    opened = _open(draft, record_id, depth)
    shown: set[str] = set()

    def node(one: str, role: str, left: int) -> Explanation:
        versions = opened.get(one, ())
        if not versions:
            return Explanation(one, role, note=elsewhere(one) or _why_closed(opened, one, left, depth))
        if one in shown:
            return Explanation(one, role, versions, note="shown above")
        shown.add(one)
        below = _below(versions)
        if left == 0 and below:
            return Explanation(one, role, versions, note=f"rests on {len(below)} more")
        return Explanation(one, role, versions, tuple(node(b, r, left - 1) for b, r in below.items()))

    return node(record_id, "asked", depth)


def _open(draft: Draft, record_id: str, depth: int) -> dict[str, tuple[Record, ...]]:
    """Versions of everything within reach, one query a level, nearest first."""
    opened: dict[str, tuple[Record, ...]] = {}
    frontier: tuple[str, ...] = (record_id,)
    for _ in range(depth + 1):
        frontier = frontier[: MOST - len(opened)]
        if not frontier:
            break
        found = draft.find(Query(robot=draft.robot, ids=frontier, history=True)).records
        for one in frontier:
            versions = (r for r in found if r.id == one)
            opened[one] = tuple(sorted(versions, key=lambda r: (r.version, r.sequence)))
        below = dict.fromkeys(b for one in frontier for b in _below(opened[one]))
        frontier = tuple(b for b in below if b not in opened and not b.startswith(PREFIX))
    return opened


def _below(versions: Sequence[Record]) -> dict[str, str]:
    """What it rests on and was closed by, with its role."""
    below: dict[str, str] = {}
    for version in versions:
        below |= {one: "evidence" for one in version.evidence if one not in below}
        if version.cause and version.cause not in below:
            below[version.cause] = "cause"
    return {one: role for one, role in below.items() if one != versions[0].id}


def _why_closed(opened: dict[str, tuple[Record, ...]], one: str, left: int, depth: int) -> str:
    if one in opened:
        return NO_RECORD
    return "not opened: too many" if left >= 0 and len(opened) >= MOST else f"not opened: deeper than {depth}"


def _lines(node: Explanation, indent: str) -> Iterator[str]:
    note = f" ({node.note})" if node.note else ""
    yield f"{indent}{node.role} {node.id}{note}"
    if node.note != "shown above":
        for version in node.versions:
            yield f"{indent}  {version_line(version)}"
    for ground in node.grounds:
        yield from _lines(ground, indent + "    ")


def version_line(version: Record) -> str:
    """One version with its four stamps, for people.

    >>> from memory.records import Relation
    >>> version_line(Relation(id="r", subject="mug", predicate="inside", object="sink", valid_from_ns=10**18))
    'v1 relation: mug inside sink | seen | true from 2001-09-09T01:46:40Z'
    """
    true = f"true from {spell(version.valid_from_ns)}"
    true += f" to {spell(version.valid_to_ns)}" if version.valid_to_ns is not None else ""
    known = f" | recorded {spell(version.recorded_ns)}" if version.recorded_ns else ""
    known += f", retired {spell(version.retired_ns)}" if version.retired_ns is not None else ""
    sure = f" {version.confidence:.2f}" if version.confidence < 1 else ""
    return f"v{version.version} {version.kind}: {_content(version)} | {version.source.value}{sure} | {true}{known}"


def _content(version: Record) -> str:
    names = ("alias", "label", "name", "scope", "subject", "predicate", "object", "value", "text", "instruction")
    return " ".join(dict.fromkeys(str(v) for n in names if (v := getattr(version, n, ""))))
