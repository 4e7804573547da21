# SPDX-License-Identifier: Apache-2.0
"""Every error of Neuraxis that starts on the ground floor.

Codes equal the constants of the action definitions, so an error keeps its name from the store to the action result.
The plan and execution families live in brain_nodes/errors.py.

    NeuraxisError
    |- RejectedInput          100  the world sent nonsense: quarantine, count, go on
    '- StoreError             200
       |- StoreUnavailable    201  cannot be opened or reached: retry
       |- StoreCorrupt        202  rows and checksum disagree, or the file is no store: rebuild
       |- RecallTimedOut      203  carries the partial answer
       |- StoreNotEmpty       204  a run was asked to begin on records of another run
       |- StoreTooNew         205  written by a later format than this version reads
       '- EncoderMismatch     206  vectors of two encoders would be compared: embed the stored ones again

ValueError and TypeError stay for the caller's own mistakes.
"""

from __future__ import annotations


class NeuraxisError(Exception):
    """Root of the tree; ``code`` is what an action result carries."""

    code = 0


class RejectedInput(NeuraxisError):
    """Input that cannot be true of any world; the message holds the offending value."""

    code = 100


class StoreError(NeuraxisError):
    """A store could not do what was asked."""

    code = 200


class StoreUnavailable(StoreError):
    """The store cannot be opened or reached now; a later try may succeed."""

    code = 201


class StoreCorrupt(StoreError):
    """The store was reached and what it holds cannot be trusted."""

    code = 202


class RecallTimedOut(StoreError):
    """A memory missed its deadline.

    Attributes:
        partial: What had been found by then, best first; may be empty.
    """

    code = 203

    def __init__(self, message: str, partial: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.partial = partial


class StoreNotEmpty(StoreError):
    """A fresh run was pointed at a store that already holds records."""

    code = 204


class StoreTooNew(StoreError):
    """The store's format number is higher than this version can read."""

    code = 205


class EncoderMismatch(StoreError):
    """The store holds vectors of another encoder than the one asked with; comparing them means nothing."""

    code = 206
