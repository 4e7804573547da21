# SPDX-License-Identifier: Apache-2.0
"""Moments as people write them, and as this project counts them: integer ns since the epoch, UTC.

Neighbours: provenance.py and command lines spell stamps with it; whoever takes dates from people reads them so.
Rules of the file: one instant is one integer, whatever its time zone was; a time without a zone is refused and never
guessed; no float of seconds, which steps by 0.24 us; spans are half-open, so the instant t itself is [t, t + 1).
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from memory.errors import RejectedInput

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def instant_ns(moment: datetime | str) -> int:
    """Nanoseconds since the epoch of a zoned moment, a datetime or ISO 8601; exact to its microsecond.

    "Z" and " UTC" at the end of a text mean +00:00.

    Raises:
        RejectedInput: it has no time zone, is no date, or lies before the epoch.

    >>> instant_ns("2026-01-01T00:00:00Z") == instant_ns("2026-01-01 08:00:00+08:00") == 1_767_225_600_000_000_000
    True
    """
    when = _parsed(moment) if isinstance(moment, str) else moment
    if when.utcoffset() is None:
        raise RejectedInput(f"the moment {moment!s} has no time zone; write one, such as +00:00 or Z")
    stamp_ns = (when - _EPOCH) // _MICROSECOND * 1000
    if stamp_ns <= 0:
        raise RejectedInput(f"the moment {moment!s} is not after the epoch: {stamp_ns} ns")
    return stamp_ns


def spell(stamp_ns: int) -> str:
    """ISO 8601 in UTC, with as many decimals as it takes.

    >>> spell(1_767_225_600_000_000_000), spell(1_767_225_600_500_000_001)
    ('2026-01-01T00:00:00Z', '2026-01-01T00:00:00.500000001Z')
    """
    seconds, part_ns = divmod(stamp_ns, 1_000_000_000)
    try:
        day = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    except OverflowError:
        return f"{stamp_ns} ns"
    return day + (f".{part_ns:09}".rstrip("0") if part_ns else "") + "Z"


def _parsed(text: str) -> datetime:
    spelled = text.strip()
    for suffix in ("Z", "z", "UTC"):
        if spelled.endswith(suffix):
            spelled = spelled[: -len(suffix)].rstrip() + "+00:00"
            break
    try:
        return datetime.fromisoformat(spelled)
    except ValueError as error:
        raise RejectedInput(f"{text!r} is no moment in ISO 8601: {error}") from error
