# SPDX-License-Identifier: Apache-2.0
"""What every contract is made of: promises that a subclass may add to and never change.

Neighbours: storing.py, finding.py and memories.py hold the promises; testing.py shows them to the world.
Rules of the file: it needs no test framework.
"""

from __future__ import annotations

import io
import unittest
from collections.abc import Callable, Iterable

from memory.backend import Backend, Batch, Capability
from memory.errors import RejectedInput
from memory.records import Record
from memory.serialization import export

Reopen = Callable[[Backend], Backend]
Reader = Callable[[], Backend]


class Contract:
    """Nobody may quietly switch a promise off."""

    url = ""

    def __init_subclass__(cls, **keywords: object) -> None:
        super().__init_subclass__(**keywords)
        kept = {name for base in cls.__mro__[1:] for name in vars(base)}
        weakened = [name for name in vars(cls) if name.startswith("test_") and name in kept]
        if weakened:
            raise TypeError(f"{cls.__name__} overrides promises of the contract: {weakened}")


def exported(backend: Backend) -> str:
    """The store as text."""
    out = io.StringIO()
    export(backend, out)
    return out.getvalue()


def need(backend: Backend, ability: Capability) -> None:
    """Skip the test, by name, for a store without the ability."""
    if ability not in backend.capabilities:
        raise unittest.SkipTest(f"{type(backend).__name__} lacks {ability.name}")


def ids_of(records: Iterable[Record]) -> list[str]:
    """In their order."""
    return [record.id for record in records]


def versions_of(found: object) -> list[int]:
    """In their order."""
    return [record.version for record in getattr(found, "records", ())]


def refused(backend: Backend, batch: Batch) -> None:
    """Assert that the batch is not taken."""
    raises(RejectedInput, lambda: backend.write(batch))


def raises(kind: type[Exception], call: Callable[[], object]) -> None:
    """Assert that the call ends in this error."""
    try:
        answer = call()
    except kind:
        return
    raise AssertionError(f"expected {kind.__name__}, got {answer!r}")
