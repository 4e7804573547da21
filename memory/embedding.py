# SPDX-License-Identifier: Apache-2.0
"""Vectors as records carry them, and what makes them out of text.

Neighbours: records.py holds them as bytes; query.py ranks by `cosine`; vectors.py searches many at once.
Rules of the file: a vector is float32, little-endian, in bytes, so that it compares, hashes and travels exactly;
vectors of different encoders are never compared.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable
from operator import mul

from memory.errors import RejectedInput


def pack(values: Iterable[float]) -> bytes:
    """float32 [D], little-endian.

    Raises:
        RejectedInput: a value is not finite, or is too large for float32.

    >>> unpack(pack([0.5, -2.0]))
    (0.5, -2.0)
    """
    packed = array("f", values)
    if not all(map(math.isfinite, packed)):
        wrong = next(value for value in packed if not math.isfinite(value))
        raise RejectedInput(f"a vector of {len(packed)} values holds {wrong}")
    return _little(packed).tobytes()


def unpack(vector: bytes) -> tuple[float, ...]:
    """Its values."""
    return tuple(_little(array("f", vector)))


def cosine(one: bytes, other: bytes) -> float:
    """Cosine of two vectors; 0 if one has no length, or if their sizes differ.

    >>> cosine(pack([1.0, 0.0]), pack([3.0, 4.0]))
    0.6
    """
    a, b = unpack(one), unpack(other)
    if len(a) != len(b):
        return 0.0
    length = math.sqrt(math.fsum(map(mul, a, a))) * math.sqrt(math.fsum(map(mul, b, b)))
    return math.fsum(map(mul, a, b)) / length if length else 0.0


def _little(values: array[float]) -> array[float]:
    if sys.byteorder == "big":
        values.byteswap()
    return values
