# SPDX-License-Identifier: Apache-2.0
"""What every backend and every memory must keep, as tests to run against yours.

Use it from your own package: subclass, and provide the fixtures as tests/contract/conftest.py does
(docs/swap-a-memory.md walks through both).

    class TestMyBackend(BackendContract):
        url = "mine://{folder}/store"

Fixtures: `backend` is a fresh store opened with a ContractClock (samples.py); `reopen` closes a store and opens its
address again; `reader` opens the address of the open `backend` once more, read_only. MemoryContract needs `backend`.
Neighbours: contracts/ holds the promises.
Rules of the file: it needs no test framework; an ability a store lacks is skipped by the name of its Capability.
"""

from __future__ import annotations

from memory.contracts.finding import FindingContract
from memory.contracts.memories import MemoryContract
from memory.contracts.promises import Reader, Reopen, exported, need
from memory.contracts.storing import StoringContract

__all__ = ["BackendContract", "MemoryContract", "Reader", "Reopen", "exported", "need"]


class BackendContract(StoringContract, FindingContract):
    """Every promise of backend.py; a subclass names its store and may add promises, never change one."""
