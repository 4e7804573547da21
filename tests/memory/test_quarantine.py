# SPDX-License-Identifier: Apache-2.0
"""Impossible input is kept for a look and counted."""

from memory.quarantine import OTHER, Quarantine


def test_the_newest_are_kept_and_all_are_counted():
    quarantine = Quarantine(keep=3)
    for n in range(10):
        quarantine.set_aside({"n": n}, "stamp unset" if n % 2 else "unknown frame", f"number {n}", stamp_ns=n)
    assert [one.raw["n"] for one in quarantine.kept] == [7, 8, 9]
    assert quarantine.counts == {"unknown frame": 5, "stamp unset": 5}
    assert quarantine.total == 10


def test_endless_reasons_do_not_fill_the_memory():
    quarantine = Quarantine(reasons=4)
    for n in range(100):
        quarantine.set_aside(n, f"reason {n}")
    assert len(quarantine.counts) == 5
    assert quarantine.counts[OTHER] == 96
