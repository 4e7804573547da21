# SPDX-License-Identifier: Apache-2.0
"""Impossible input is kept for a look and counted, and a crash or a full disk changes neither."""

import json
import os

import pytest

from memory.lifelong import LifelongMemory
from memory.quarantine import OTHER, RAW_LETTERS, Quarantine
from memory.samples import START_NS, mug


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


@pytest.fixture
def path(tmp_path):
    return tmp_path / "robot.db.quarantine.jsonl"


def test_a_new_process_knows_what_was_set_aside(path):
    first = Quarantine(path=path)
    first.set_aside({"depth_m": float("nan"), "label": "mug"}, "not finite", "mug at nan m", stamp_ns=7)
    first.set_aside(mug(), "refused by the store", "it exists")
    again = Quarantine(path=path)
    assert again.counts == {"not finite": 1, "refused by the store": 1}
    assert again.kept[0].raw == {"depth_m": "nan", "label": "mug"}
    assert (again.kept[0].detail, again.kept[0].stamp_ns) == ("mug at nan m", 7)
    assert again.kept[1].raw["id"] == "mug-1"
    assert again.kept[1].raw["valid_from_ns"] == START_NS


def test_looking_at_it_leaves_no_file(path):
    assert Quarantine(path=path).total == 0
    assert not path.exists()


def test_the_two_files_stay_bounded_and_no_count_is_dropped(path):
    quarantine = Quarantine(path=path, file_bytes=5000, reasons=3)
    for n in range(1000):
        quarantine.set_aside({"n": n}, f"reason {n % 5}")
    assert quarantine.counts == Quarantine(path=path, reasons=3).counts
    assert quarantine.total == 1000
    files = sorted(file.name for file in path.parent.iterdir())
    assert files == [path.name, f"{path.name}.1"]
    assert all(file.stat().st_size <= 5500 for file in path.parent.iterdir())
    assert Quarantine(path=path).kept[-1].raw == {"n": 999}


def test_a_process_killed_between_the_two_files_loses_no_count(path):
    quarantine = Quarantine(path=path, file_bytes=1000)
    for n in range(50):
        quarantine.set_aside(n, "stamp unset")
    os.replace(path, f"{path}.1")
    again = Quarantine(path=path, file_bytes=1000)
    assert again.total == 50
    again.set_aside(50, "stamp unset")
    assert Quarantine(path=path, file_bytes=1000).total == 51


def test_a_line_cut_off_by_a_power_cut_counts_and_spoils_no_other(path):
    quarantine = Quarantine(path=path)
    quarantine.set_aside(1, "stamp unset")
    with path.open("a") as file:
        file.write('{"reason": "stamp un')
    again = Quarantine(path=path)
    assert again.counts == {"stamp unset": 1, OTHER: 1}
    again.set_aside(2, "stamp unset")
    last = Quarantine(path=path)
    assert last.counts == {"stamp unset": 2, OTHER: 1}
    assert last.kept[-1].raw == 2


def test_endless_raw_input_is_kept_from_its_beginning(path):
    Quarantine(path=path).set_aside({"text": "x" * 10_000_000}, "too long")
    raw = Quarantine(path=path).kept[0].raw
    assert raw["letters"] > 10_000_000
    assert raw["beginning"].startswith('{"text": "xxx')
    assert path.stat().st_size < 2 * RAW_LETTERS


def test_a_disk_that_takes_no_more_stops_nobody(path):
    path.mkdir()  # whatever is written there fails, also for root
    quarantine = Quarantine()
    quarantine = Quarantine(path=path)
    quarantine.set_aside(1, "stamp unset")
    assert (quarantine.total, quarantine.unwritten) == (1, 1)
    path.rmdir()
    quarantine.set_aside(2, "stamp unset")
    quarantine.sync()
    assert Quarantine(path=path).counts == {"stamp unset": 2}


def test_whatever_was_given_can_be_kept(path):
    loop = []
    loop.append(loop)
    strange = (loop, {"a": b"\xff", 3: {1}}, "\ud800", 10**5000, float("inf"), object, None, True)
    Quarantine(path=path).set_aside(strange, "nonsense", "\ud800")
    for line in path.read_text().splitlines():
        assert json.loads(line)["reason"] == "nonsense"
    assert Quarantine(path=path).kept[0].raw[2] == "\ud800"


def test_it_lies_beside_the_store_it_belongs_to(tmp_path):
    url = f"sqlite:///{tmp_path}/robot.db"
    with LifelongMemory.open(url, clock=lambda: START_NS) as memory:
        memory.quarantine.set_aside({"depth_m": 0}, "no depth")
        memory.commit()
    with LifelongMemory.open(url, clock=lambda: START_NS) as memory:
        assert memory.quarantine.counts == {"no depth": 1}
    assert (tmp_path / "robot.db.quarantine.jsonl").is_file()
