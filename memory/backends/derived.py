# SPDX-License-Identifier: Apache-2.0
"""What a store with indexes keeps of a record so that it is found: how long it is true, and words for ids in lists.

Neighbours: sqlite_schema.py and neo4j_rows.py write it beside each record, and their searches ask by it.
Rules of the file: it follows from the record alone; changing it needs a new format of every store that keeps it.
"""

from __future__ import annotations

import hashlib

from memory.records import Record

LISTS = ("subjects", "evidence")  # fields of several ids, found by one made word for each
OPEN = 64  # the span of what has no end yet


def span_of(record: Record) -> int:
    """How long it is true, as the power of two of ns that is not shorter; OPEN for what has no end."""
    return OPEN if record.valid_to_ns is None else (record.valid_to_ns - record.valid_from_ns).bit_length()


def made_word(field: str, value: str) -> str:
    """What stands in an index of words for one id in a list.

    It may coincide with a real word; `Query.matches` has the last word.
    """
    digest = hashlib.blake2s(value.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"z{field}{digest}"


def made_words(record: Record) -> list[str]:
    """Those of every id in its lists."""
    return [made_word(name, one) for name in LISTS for one in getattr(record, name, ())]
