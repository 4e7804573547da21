# SPDX-License-Identifier: Apache-2.0
"""Records as lines of JSON: the one spelling used in stores, exports and replays.

Neighbours: backends keep a record as its line; lifelong.py exports with `export`, `load` fills an empty store again.
Rules of the file: one record has one spelling (sorted keys, no spaces, UTF-8); a line names its kind, never a Python
path; what has no true spelling (NaN, a lone surrogate, an integer beyond 64 bits) is refused, and so is a text beyond
TEXT_LETTERS: a recall brings whole records, and a store's index and a message have to hold each of its words.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TextIO

from memory.backend import Backend
from memory.embedding import pack
from memory.errors import RejectedInput, StoreCorrupt, StoreTooNew, StoreUnavailable
from memory.records import RECORD_KINDS, Record, Source, Tally

FORMAT = 2  # 1 spelled an embedding as a list of numbers, and tallies had no uses
TEXT_LETTERS = 2**20  # of one text of a record, or of all in one list; what is longer belongs into a file, as evidence
_LARGEST = 2**63 - 1
_FIELDS = {kind: tuple(f.name for f in fields(cls)) for kind, cls in RECORD_KINDS.items()}
# What `stored` leaves out; changing a record's default changes what such lines mean and needs a new store format.
_DEFAULTS = {
    kind: {f.name: f.default for f in fields(cls) if f.default is not MISSING} for kind, cls in RECORD_KINDS.items()
}
_TALLY_FIELDS = tuple(f.name for f in fields(Tally))
_DECODE = json.JSONDecoder().decode
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def to_line(entry: Record | Tally, *, stored: bool = False) -> str:
    """The canonical JSON of one record or tally, without a line end.

    Args:
        stored: For stores that keep the embedding beside the line: leave it out, and every value at its default.

    Raises:
        RejectedInput: a value has no true spelling.

    >>> to_line(Tally("mug-1", "robot", 5))[:50]
    '{"kind":"tally","last_seen_ns":5,"last_used_ns":0,'
    """
    if isinstance(entry, Tally):
        spelled: dict[str, Any] = {name: getattr(entry, name) for name in _TALLY_FIELDS}
        spelled["kind"] = "tally"
    else:
        _check_vector(entry)
        if stored:
            defaults = _DEFAULTS[entry.kind]
            told = ((name, getattr(entry, name)) for name in _FIELDS[entry.kind] if name != "embedding")
            spelled = {name: value for name, value in told if name not in defaults or value != defaults[name]}
        else:
            spelled = {name: getattr(entry, name) for name in _FIELDS[entry.kind]}
            spelled["embedding"] = base64.b64encode(entry.embedding).decode()
        spelled["kind"] = entry.kind
    return _encode(spelled)


def from_line(line: str, retired_ns: int | None = None, embedding: bytes | None = None) -> Record | Tally:
    """The record or tally a line spells.

    Args:
        retired_ns: Put in place of the record's own, if given: stores fill it after the line was written.
        embedding: Likewise, where a store keeps it beside the line.

    Raises:
        StoreCorrupt: the line is no record this version knows.
    """
    try:
        values: dict[str, Any] = _DECODE(line)
        kind = values.pop("kind")
        for name, value in values.items():
            if type(value) is list:
                values[name] = tuple(value)
        if kind == "tally":
            return Tally(**values)
        values["source"] = Source(values.get("source", Source.SEEN))
        if retired_ns is not None:
            values["retired_ns"] = retired_ns
        values["embedding"] = _vector(values.get("embedding", "")) if embedding is None else embedding
        return RECORD_KINDS[kind](**values)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RejectedInput) as error:
        raise StoreCorrupt(f"not a record: {str(line)[:120]!r} ({error})") from error


def export(backend: Backend, out: TextIO, progress: Callable[[int], None] | None = None) -> int:
    """Write a whole store as lines: a header, every version in log order, then every tally; returns the line count.

    Two stores that were fed the same input write the same bytes.

    Args:
        progress: Told the number of lines after each.
    """
    count = 0
    for line in _lines(backend):
        out.write(line + "\n")
        count += 1
        if progress:
            progress(count)
    return count


def export_file(backend: Backend, target: Path, progress: Callable[[int], None] | None = None) -> int:
    """Export into a file, which appears whole or not at all; returns the line count.

    Raises:
        StoreUnavailable: the file cannot be written.
    """
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as out:
            count = export(backend, out, progress)
            out.flush()
            os.fsync(out.fileno())
        os.replace(partial, target)
    except OSError as error:
        raise StoreUnavailable(f"cannot export to {target}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return count


def load(lines: Iterable[str], backend: Backend) -> None:
    """Fill an empty store with an export; its own export is then the same, byte for byte.

    Raises:
        StoreNotEmpty: the store already holds something.
        StoreTooNew: a later version wrote the lines.
        StoreCorrupt: a line is not a record; nothing is written.
    """
    backend.restore(_entries(iter(lines)))


def _lines(backend: Backend) -> Iterator[str]:
    yield _encode({"kind": "header", "format": FORMAT})
    for record in backend.changes():
        yield to_line(record)
    for robot in backend.robots():
        tallies = backend.tallies(robot)
        yield from (to_line(tallies[record_id]) for record_id in sorted(tallies))


def _entries(lines: Iterator[str]) -> Iterator[Record | Tally]:
    try:
        header = json.loads(next(lines, "null"))
        written = int(header["format"]) if header["kind"] == "header" else None
    except (ValueError, KeyError, TypeError):
        written = None
    if written is None:
        raise StoreCorrupt("line 1: an export begins with a header line that holds its format number")
    if written > FORMAT:
        raise StoreTooNew(f"the export has format {written}, this version reads up to {FORMAT}")
    for number, line in enumerate(lines, start=2):
        try:
            yield from_line(line)
        except StoreCorrupt as error:
            raise StoreCorrupt(f"line {number}: {error}") from error


def _vector(spelled: str | tuple[float, ...]) -> bytes:
    return pack(spelled) if isinstance(spelled, tuple) else base64.b64decode(spelled, validate=True)


def _check_vector(record: Record) -> None:
    if record.embedding:
        try:
            pack(array("f", record.embedding))
        except RejectedInput as error:
            raise RejectedInput(f"{record.kind} {record.id!r} cannot be stored: {error}") from error


def _encode(spelled: dict[str, Any]) -> str:
    try:
        line = _ENCODE(spelled)
        line.encode()
    except ValueError as error:  # NaN or infinity; a lone surrogate
        raise RejectedInput(f"{spelled['kind']} {_name(spelled)!r} cannot be stored: {error}") from error
    if len(line) > TEXT_LETTERS:
        _check_lengths(spelled)
    for name, value in spelled.items():
        if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
            raise RejectedInput(f"{spelled['kind']} {_name(spelled)!r}: {name} {value} does not fit 64 bits")
    return line


def _check_lengths(spelled: dict[str, Any]) -> None:
    for name, value in spelled.items():
        texts = value if isinstance(value, tuple) else (value,)
        letters = sum(len(text) for text in texts if isinstance(text, str))
        if letters > TEXT_LETTERS and name != "embedding":
            raise RejectedInput(
                f"{spelled['kind']} {_name(spelled)!r}: {name} has {letters} letters, at most {TEXT_LETTERS} are kept"
            )


def _name(spelled: dict[str, Any]) -> object:
    return spelled.get("id", spelled.get("record_id"))
