# SPDX-License-Identifier: Apache-2.0
"""`neuraxis memory export, import, backup, restore`: whole or not at all, also beside a robot that writes."""

from __future__ import annotations

import json
import random
import threading

import pytest

from memory import operations
from memory.backend import Batch
from memory.lifelong import LifelongMemory
from memory.records import Instance
from memory.samples import START_NS, S, fill, mug
from tests.memory_commands import kitchen_url, memory_command, refused, text_of  # noqa: F401


def test_an_export_comes_back_equal_and_only_into_an_empty_store(neuraxis, url, tmp_path):
    first, second = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    told = neuraxis("export", url, first, "--json").answer
    assert told["lines"] == len(first.read_text().splitlines())
    copy = f"sqlite:///{tmp_path}/copy.db"
    assert neuraxis("import", copy, first, "--json").answer["records"] == 8
    neuraxis("export", copy, second)
    assert first.read_bytes() == second.read_bytes() == text_of(url).encode()
    refused(neuraxis("import", copy, first), "written before")
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.neo4j
def test_a_store_goes_through_the_graph_and_comes_back_byte_for_byte(neuraxis, url, neo4j_url, tmp_path):
    with operations.opened(url, to_write=True) as backend:
        fill(backend, random.Random(11), 400)
        backend.forget("robot", (next(backend.changes(since=200)).id,))
    stores = [url, neo4j_url, f"sqlite:///{tmp_path}/back.db"]
    told = []
    for number, store in enumerate(stores):
        if number:
            assert neuraxis("import", store, tmp_path / f"{number - 1}.jsonl").code == 0
        assert neuraxis("export", store, tmp_path / f"{number}.jsonl").code == 0
        assert neuraxis("verify", store, "--json").answer["ok"] is True
        told.append(neuraxis("stats", store, "--json").answer)
    first, through, back = ((tmp_path / f"{number}.jsonl").read_bytes() for number in range(3))
    assert first == through == back == text_of(url).encode()
    same = ("records", "current", "tallies", "by_kind", "vectors", "by_encoder", "robots", "last_sequence")
    assert [told[1][name] for name in same] == [told[0][name] for name in same]
    assert min(told[1][name] for name in ("format", "tallies", "vectors", "last_sequence")) > 0


def test_a_broken_export_is_refused_by_its_line_and_imports_nothing(neuraxis, url, tmp_path):
    file = tmp_path / "export.jsonl"
    neuraxis("export", url, file)
    lines = file.read_bytes().splitlines(keepends=True)
    for broken, said in ((b"{}\n", "line 5"), (b"\xff\xfe\n", "no export")):
        file.write_bytes(b"".join([*lines[:4], broken, *lines[5:]]))
        copy = f"sqlite:///{tmp_path}/copy-{said[:4]}.db"
        refused(neuraxis("import", copy, file), said)
        assert neuraxis("stats", copy, "--json").answer["records"] == 0


def test_an_export_beside_a_writer_is_of_one_moment(neuraxis, url, tmp_path):
    """Every version of the moving mug but the last is retired, in whatever state the writer is meanwhile."""
    with writing(url):
        for n in range(3):
            neuraxis("export", url, tmp_path / f"{n}.jsonl", "--json")
            lines = map(json.loads, (tmp_path / f"{n}.jsonl").read_text().splitlines()[1:])
            cart = [line for line in lines if line.get("id") == "cart"]
            open_ended = [v for v in cart if v["retired_ns"] is None and v["valid_to_ns"] is None]
            assert len(open_ended) == 1


def test_a_backup_beside_a_busy_writer_ends_and_is_whole(neuraxis, url, tmp_path):
    with writing(url):
        neuraxis("backup", url, tmp_path / "copy.db", "--json")
    copy = f"sqlite:///{tmp_path}/copy.db"
    assert neuraxis("verify", copy, "--json").answer["ok"] is True
    assert text_of(url).startswith(text_of(copy)[:200])


class writing:
    """A robot whose cart never stands still."""

    def __init__(self, url: str) -> None:
        self.memory = LifelongMemory.open(url, clock=lambda: START_NS, continue_=True)
        self.begun, self.stop = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self) -> None:
        n = 0
        while not self.stop.is_set():
            n += 1
            self.memory.spatial.see(Instance(id="cart", label="cart", position_m=(float(n), 0, 0),
                                             valid_from_ns=START_NS + n * S))  # fmt: skip
            self.memory.commit()
            self.begun.set()

    def __enter__(self) -> None:
        self.thread.start()
        assert self.begun.wait(10)

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()
        self.memory.close()


def test_a_backup_is_brought_back_and_what_it_replaces_is_kept(neuraxis, url, tmp_path):
    before = text_of(url)
    neuraxis("backup", url, tmp_path / "copy.db")
    with operations.opened(url, to_write=True) as backend:
        backend.write(Batch(records=(mug("later"),)))
    after = text_of(url)
    refused(neuraxis("restore", url, tmp_path / "copy.db"), "holds 9 records; --replace")
    assert text_of(url) == after
    told = neuraxis("restore", url, tmp_path / "copy.db", "--replace", "--json").answer
    assert told["records"] == 8
    assert text_of(url) == before
    assert text_of(f"sqlite:///{told['aside']}") == after
    kept = {path.name for path in tmp_path.iterdir() if not path.name.startswith(("robot.db", "copy.db"))}
    assert kept == set()


def test_an_export_is_a_backup_too_and_brings_a_lost_store_back(neuraxis, url, tmp_path):
    before = text_of(url)
    neuraxis("export", url, tmp_path / "export.jsonl")
    new = f"sqlite:///{tmp_path}/new.db"
    assert neuraxis("restore", new, tmp_path / "export.jsonl", "--json").answer["aside"] == ""
    assert text_of(new) == before


def test_a_damaged_backup_changes_nothing(neuraxis, url, tmp_path):
    neuraxis("backup", url, tmp_path / "copy.db")
    content = bytearray((tmp_path / "copy.db").read_bytes())
    at = content.index(b"coffee at nine")
    content[at : at + 6] = b"poison"
    (tmp_path / "copy.db").write_bytes(content)
    before = text_of(url)
    refused(neuraxis("restore", url, tmp_path / "copy.db", "--replace"), "copy.db cannot be trusted")
    assert text_of(url) == before
    assert not list(tmp_path.glob("*replaced*"))
    assert not list(tmp_path.glob(".*"))


def test_a_destroyed_store_is_replaced_by_its_backup(neuraxis, url, tmp_path):
    before = text_of(url)
    neuraxis("backup", url, tmp_path / "copy.db")
    (tmp_path / "robot.db").write_bytes(b"not a database at all, " * 500)
    refused(neuraxis("verify", url), "robot.db")
    refused(neuraxis("restore", url, tmp_path / "copy.db"), "robot.db")
    assert neuraxis("restore", url, tmp_path / "copy.db", "--replace", "--json").code == 0
    assert text_of(url) == before


def test_a_backup_overwrites_nothing_unasked_least_of_all_the_store(neuraxis, url, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    refused(neuraxis("backup", url, tmp_path / "thesis.tex"), "--replace")
    refused(neuraxis("backup", url, tmp_path / "robot.db", "--replace"), "is the store itself")
    refused(neuraxis("backup", url, tmp_path / "nowhere" / "copy.db"), "no such folder")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
