# SPDX-License-Identifier: Apache-2.0
"""Stores, recalls and spans as people read and write them at a terminal.

Neighbours: cli.py prints what is made here; instants.py reads moments.
Rules of the file: what came out of a store is text to show, never markup to obey; whatever JSON says in ns, a table
says in words.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

from rich.markup import escape
from rich.table import Table

from memory.erasure import Region
from memory.errors import RejectedInput
from memory.geometry import Vector, finite
from memory.instants import instant_ns
from memory.operations import Stats
from memory.records import Recall, Recollection, Record
from memory.rendering import age, said
from memory.serialization import FORMAT, to_line

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")


def span_s(text: str) -> float:
    """A duration in seconds: "90s", "15m", "1h30m", "2d", "1w".

    Raises:
        RejectedInput: it is none; a negative one is none.

    >>> span_s("1h30m"), span_s("250ms")
    (5400.0, 0.25)
    """
    if not _SPAN.fullmatch(text):
        raise RejectedInput(f"{text!r} is no duration; write 90s, 15m, 1h30m, 2d or 1w")
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))


def moment_ns(text: str, now_ns: int) -> int:
    """A moment: ISO 8601 with its zone, or a duration ago.

    Raises:
        RejectedInput: it is neither, or has no zone.

    >>> moment_ns("2s", 10_000_000_000)
    8000000000
    """
    if _SPAN.fullmatch(text):
        return now_ns - round(span_s(text) * 1e9)
    return instant_ns(text)


def place_m(text: str) -> Vector:
    """Three numbers, metres in the map.

    Raises:
        RejectedInput: they are not three, or not finite.

    >>> place_m("1.5 0 0.8")
    (1.5, 0.0, 0.8)
    """
    try:
        x, y, z = map(float, text.replace(",", " ").split())
    except ValueError:
        raise RejectedInput(f"{text!r} is no place; write three numbers in metres, such as '1.5 0 0.8'") from None
    if not finite((x, y, z)):
        raise RejectedInput(f"{text!r} is no place: it is not finite")
    return (x, y, z)


def region(text: str) -> Region:
    """A box in a map: its name, then the lowest and the highest corner.

    Raises:
        RejectedInput: it is none.

    >>> region("map-0 0 0 0 2 2 2").highest_m
    (2.0, 2.0, 2.0)
    """
    map_id, _, corners = text.partition(" ")
    numbers = corners.replace(",", " ").split()
    try:
        return Region(map_id, place_m(" ".join(numbers[:3])), place_m(" ".join(numbers[3:])))
    except (RejectedInput, ValueError) as error:
        raise RejectedInput(f"{text!r} is no box; write 'map x y z x y z', the lowest corner first ({error})") from None


def shown(text: str) -> str:
    """Text out of a store, so that a terminal shows it and does nothing else with it.

    >>> shown("a [red]mug\\x1b[2J")
    'a \\\\[red]mug\ufffd[2J'
    """
    return escape("".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in text))


def size(count: int) -> str:
    """Bytes in words.

    >>> size(999), size(1_500_000)
    ('999 B', '1.5 MB')
    """
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def stats_object(store: str, found: Stats) -> dict[str, Any]:
    """What `stats --json` prints."""
    counts, sizes = found.counts, found.sizes
    whole = sizes.rows_bytes + sizes.index_bytes + found.blobs_bytes
    return {
        "store": store, "format": sizes.format, "export_format": FORMAT, "robots": list(found.robots),
        "records": counts.records, "current": counts.current, "retired": counts.records - counts.current,
        "by_kind": dict(counts.by_kind), "tallies": counts.tallies, "last_sequence": found.last_sequence,
        "vectors": counts.vectors, "by_encoder": dict(counts.by_encoder), "unindexed": sizes.unindexed,
        "bytes": whole, "rows_bytes": sizes.rows_bytes, "index_bytes": sizes.index_bytes,
        "blobs_bytes": found.blobs_bytes, "log_bytes": found.log_bytes, "free_bytes": found.free_bytes,
        "bytes_per_record": round(whole / counts.records, 1) if counts.records else None,
        "audits": found.audits, "quarantine": found.quarantine, "warnings": list(found.warnings),
    }  # fmt: skip


def stats_table(store: str, found: Stats) -> Table:
    """The same for people."""
    told, sizes = stats_object(store, found), found.sizes
    kinds = ", ".join(f"{n:,} {kind}s" for kind, n in found.counts.by_kind)
    encoders = ", ".join(f"{n:,} by {name}" for name, n in found.counts.by_encoder)
    table = Table(title=shown(store), show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    rows = [
        ("robots", ", ".join(found.robots) or "none yet"),
        ("records", f"{told['records']:,}: {told['current']:,} current, {told['retired']:,} retired"),
        ("of kinds", kinds or "-"),
        ("counters", f"{told['tallies']:,}"),
        ("vectors", f"{encoders or '-'}; {sizes.unindexed:,} wait for the index"),
        ("size", _weight(found, told)),
        ("erased", f"{found.audits:,} ids, by request"),
        ("quarantine", _refused(found.quarantine)),
        ("format", f"{sizes.format or '-'} (exports: {FORMAT})"),
    ]
    for name, value in rows:
        table.add_row(name, shown(value))
    return table


def _weight(found: Stats, told: dict[str, Any]) -> str:
    if not told["bytes"]:
        return "no files here"
    parts = f"rows {size(found.sizes.rows_bytes)}, index {size(found.sizes.index_bytes)}"
    pictures = f", pictures {size(found.blobs_bytes)}" if found.blobs_bytes else ""
    each = f"; {told['bytes_per_record']:,.0f} B a record" if told["records"] else ""
    return f"{size(told['bytes'])} ({parts}{pictures}){each}; {size(found.free_bytes)} free"


def _refused(counts: dict[str, int] | None) -> str:
    if counts is None:
        return "not kept beside this store"
    reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(counts.items(), key=lambda pair: -pair[1])[:5])
    return f"{sum(counts.values()):,} refused{': ' if reasons else ''}{reasons}"


def recall_object(found: Recall) -> dict[str, Any]:
    """What `recall --json` prints."""
    return {
        "status": found.status.value, "missing": list(found.missing), "notes": list(found.notes),
        "nearest": found.nearest, "examined": found.examined,
        "recollections": [_recollection(one) for one in found.recollections],
    }  # fmt: skip


def _recollection(one: Recollection) -> dict[str, Any]:
    return {
        "id": one.record.id, "kind": one.record.kind, "says": said(one.record), "memory": one.memory,
        "score": one.score, "age_s": one.age_ns / 1e9, "source": one.record.source.value,
        "epistemic": one.epistemic.value, "evidence": list(one.evidence), "record": record_object(one.record),
    }  # fmt: skip


def record_object(record: Record) -> dict[str, Any]:
    """A record as an export spells it, but for its vector."""
    spelled: dict[str, Any] = json.loads(to_line(dataclasses.replace(record, embedding=b"")))
    del spelled["embedding"]
    return spelled


def recall_table(found: Recall) -> Table:
    """The same for people."""
    title = f"{found.status.value}: {len(found.recollections)} remembered, {found.examined} records examined"
    table = Table(title=title, title_justify="left")
    for column in ("what", "kind", "age", "trust", "source", "rests on"):
        table.add_column(column)
    for one in found.recollections:
        more = len(one.evidence) - 1
        evidence = "".join(one.evidence[:1]) + (f" and {more} more" if more > 0 else "")
        row = (said(one.record), one.record.kind, age(one.age_ns), one.epistemic.value, one.record.source.value)
        table.add_row(*map(shown, (*row, evidence)))
    return table
