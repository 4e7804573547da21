# SPDX-License-Identifier: Apache-2.0
"""Topic `records`: every commit of the hippocampus as one batch, for memories that follow its log.

Neighbours: hippocampus_node.py commits; log_services.py answers those who come late.
Rules of the file: what is sent is committed; a follower needs nothing else to write the same export.
"""

from __future__ import annotations

from typing import Any

from neuraxis_interfaces.msg import RecordBatch

from brain_nodes.ros.conversions import to_header
from brain_nodes.ros.memory_conversions import to_batch
from memory.backend import Backend, Batch, Receipt


class LogTopic:
    """The publisher, and what was committed since it last spoke."""

    def __init__(self, node: Any) -> None:
        self._publisher = node.say(RecordBatch, "records")
        self._number = 0
        self._recorded_ns = 0
        self._committed: list[RecordBatch] = []

    def note(self, batch: Batch, receipt: Receipt) -> None:
        """A commit; one that was made before, by its key, is none."""
        if receipt.recorded_ns > self._recorded_ns:
            self._recorded_ns = receipt.recorded_ns
            self._committed.append(to_batch(batch, receipt))

    def tell(self, stamp_ns: int) -> None:
        """Send what answers no observation."""
        committed, self._committed = self._committed, []
        for message in committed:
            self._send(message, stamp_ns)

    def answer(self, stamp_ns: int, session: str, observation: int, last_sequence: int) -> None:
        """Send the one that answers an observation, also when nothing was written."""
        nothing = RecordBatch(first_sequence=last_sequence, last_sequence=last_sequence)
        message = self._committed.pop() if self._committed else nothing
        self.tell(stamp_ns)
        message.session, message.observation_sequence = session, observation
        message.key = message.key or f"{session}/step/{observation}"
        self._send(message, stamp_ns)

    def forget(self, stamp_ns: int, ids: tuple[str, ...], backend: Backend) -> None:
        """Send what was erased just now."""
        self.tell(stamp_ns)
        last = backend.last_sequence()
        self._recorded_ns = backend.audits()[-1].at_ns
        self._send(RecordBatch(forgotten=list(ids), recorded_ns=self._recorded_ns, first_sequence=last,
                               last_sequence=last), stamp_ns)  # fmt: skip

    def _send(self, message: RecordBatch, stamp_ns: int) -> None:
        self._number += 1
        message.header, message.number = to_header(stamp_ns, "map"), self._number
        self._publisher.publish(message)
