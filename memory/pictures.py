# SPDX-License-Identifier: Apache-2.0
"""Blobs and the records that name them, kept in step: what is in use, what is missing, what may go.

Neighbours: blobs.py holds the bytes; lifelong.py has one of these and tells it of commits; records name blobs in
their evidence.
Rules of the file: the blob comes before the record that names it; until that record is committed, the blob is in use
all the same; a look at everything is one pass over the log, the one at open is bounded.
"""

from __future__ import annotations

import logging

from memory.backend import Backend
from memory.blobs import PREFIX, Blobs, Inventory
from memory.draft import Draft
from memory.errors import StoreCorrupt, StoreUnavailable
from memory.query import Query

LOG = logging.getLogger(__name__)
RECENT = 1000  # newest records that are compared with the blobs when a store is opened


class Pictures:
    """The blobs of one memory.

    Args:
        blobs: None where the memory keeps none.
    """

    def __init__(self, backend: Backend, draft: Draft, blobs: Blobs | None) -> None:
        self.blobs = blobs
        self._backend = backend
        self._draft = draft
        self._fresh: set[str] = set()  # put since the last commit: the record that names them is on its way

    def keep(self, content: bytes, stamp_ns: int) -> str:
        """Keep a picture, on disk before this returns; its name goes into the evidence of a record of the same step.

        Raises:
            StoreUnavailable: it cannot be written, or this memory keeps no blobs.
        """
        if self.blobs is None:
            raise StoreUnavailable("this memory keeps no blobs: open it with a blob_folder")
        name = self.blobs.put(content, stamp_ns)
        self._fresh.add(name)
        if gone := self.blobs.make_room(self._in_use):
            LOG.warning("dropped %d blobs that no record names, for the budget", len(gone))
        return name

    def get(self, name: str) -> bytes:
        """The bytes of a blob, checked.

        Raises:
            StoreCorrupt: it is gone, or its bytes are not what was put.
        """
        if self.blobs is None:
            raise StoreCorrupt(f"{name}: this memory keeps no blobs")
        return self.blobs.get(name)

    def settle(self) -> None:
        """The step was committed or dropped: what it put is in use if a record names it."""
        self._fresh.clear()

    def inventory(self, *, deep: bool = False, newest: int = 0) -> Inventory:
        """Compare blobs with the records that name them; one pass over the log.

        Args:
            deep: Read every file and check it against its name.
            newest: Look only at so many of the newest records for names that have no file; 0 = all.
        """
        blobs = self.blobs
        if blobs is None:
            return Inventory()
        since = max(0, self._backend.last_sequence() - newest) if newest else 0
        log = self._backend.changes(since)
        named = {ground for record in log for ground in record.evidence if ground.startswith(PREFIX)}
        unreferenced = (name for name in blobs.names if name not in named and not self._in_use(name))
        return Inventory(
            files=len(blobs.names),
            size_bytes=blobs.size_bytes,
            budget_bytes=blobs.budget_bytes,
            unreferenced=() if since else tuple(unreferenced),
            missing=tuple(sorted(name for name in named if name not in blobs)),
            corrupt=blobs.corrupt() if deep else (),
            dropped=blobs.dropped,
        )

    def reconcile(self) -> None:
        """At open: a crash can only have touched the newest; an empty store beside pictures is worth a word."""
        if self.blobs is None:
            return
        found = self.inventory(newest=RECENT)
        if found.missing:
            LOG.error("%d of the newest blobs are gone: %s", len(found.missing), ", ".join(found.missing[:3]))
        if found.files and not self._backend.last_sequence():
            LOG.error("the store is empty, but %d blobs of another one lie in %s", found.files, self.blobs.folder)

    def about(self, name: str) -> str:
        """What there is to say of an id that is no record; "" if it names no blob."""
        if self.blobs is None or not name.startswith(PREFIX):
            return ""
        try:
            return f"{len(self.blobs.get(name))} bytes in {self.blobs.folder}"
        except (StoreCorrupt, ValueError) as error:
            return str(error)

    def _in_use(self, name: str) -> bool:
        asked = (("evidence", name),)
        return (
            name in self._fresh
            or bool(self._draft.find(Query(robot=self._draft.robot, equals=asked, limit=1)).records)
            or any(
                self._backend.find(Query(robot=robot, equals=asked, history=True, limit=1)).records
                for robot in self._backend.robots()
            )
        )
