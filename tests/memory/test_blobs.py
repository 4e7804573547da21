# SPDX-License-Identifier: Apache-2.0
"""Pictures beside the store: whole or not at all, checked, bounded, and never lost while a record names them."""

import hashlib
import logging
import os

import pytest

from memory.backend import Capability
from memory.blobs import Blobs
from memory.errors import StoreCorrupt, StoreUnavailable
from memory.lifelong import LifelongMemory
from memory.records import Event
from memory.samples import START_NS, ContractClock, S

URLS = ["memory://", "sqlite:///{folder}/store.db"]


@pytest.fixture
def blobs(tmp_path):
    return Blobs(tmp_path / "store.db.blobs", budget_bytes=100)


@pytest.fixture(params=URLS)
def opened(request, tmp_path):
    """Open the store again and again; a store in memory is empty each time, its blobs are not."""
    memories = []

    def again(budget_bytes=100):
        if memories:
            memories[-1].close()
        memories.append(
            LifelongMemory.open(
                request.param.format(folder=tmp_path), clock=ContractClock(), continue_=True,
                blob_folder=tmp_path / "store.db.blobs", blob_budget_bytes=budget_bytes,
            )
        )  # fmt: skip
        return memories[-1]

    yield again
    memories[-1].close()


def picture(number, size=40):
    return bytes([number]) * size


def see(memory, number, size=40):
    name = memory.pictures.keep(picture(number, size), START_NS + number * S)
    memory.temporal.note(Event(id=f"e{number}", name="saw", valid_from_ns=START_NS + number * S, evidence=(name,)))
    memory.commit()
    return name


def test_what_was_put_comes_back_under_the_hash_of_its_bytes(blobs):
    name = blobs.put(b"abc", START_NS)
    digest = hashlib.sha256(b"abc").hexdigest()
    assert name == f"blob:{digest}"
    assert (blobs.folder / digest[:2] / digest[2:]).read_bytes() == b"abc" == blobs.get(name)
    assert name in blobs and blobs.size_bytes == 3


def test_the_same_bytes_are_kept_once(blobs):
    assert blobs.put(b"abc", START_NS) == blobs.put(b"abc", START_NS + S)
    assert (len(blobs.names), blobs.size_bytes) == (1, 3)


def test_a_folder_is_made_by_the_first_picture_only(blobs):
    assert not blobs.folder.exists() and blobs.names == ()
    blobs.put(b"", START_NS)
    assert blobs.folder.is_dir()


def test_a_changed_or_missing_file_is_found_out(blobs):
    name = blobs.put(b"abc", START_NS)
    (path,) = blobs.folder.glob("*/*")
    path.write_bytes(b"abd")
    with pytest.raises(StoreCorrupt, match="not what was put"):
        blobs.get(name)
    assert blobs.corrupt() == (name,)
    path.unlink()
    with pytest.raises(StoreCorrupt, match="is not in"):
        blobs.get(name)


def test_a_half_written_file_is_mended_by_putting_it_again(blobs):
    name = blobs.put(b"abc", START_NS)
    (path,) = blobs.folder.glob("*/*")
    path.write_bytes(b"a")
    assert blobs.put(b"abc", START_NS) == name
    assert blobs.get(name) == b"abc"


def test_what_a_crash_left_half_written_is_gone_at_the_next_opening(blobs):
    blobs.put(b"abc", START_NS)
    (path,) = blobs.folder.glob("*/*")
    left = path.with_name("0123.77.partial")
    left.write_bytes(b"half")
    again = Blobs(blobs.folder)
    assert not left.exists() and again.names == blobs.names


def test_a_write_that_fails_leaves_nothing(blobs, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        blobs.put(b"abc", START_NS)
    assert blobs.names == () and [p for p in blobs.folder.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("name", ["blob:../../etc/passwd", "blob:", "abc", "blob:" + "g" * 64, "blob:" + "a" * 63])
def test_a_name_that_is_none_reaches_no_file(blobs, name):
    with pytest.raises(ValueError, match="no name of a blob"):
        blobs.get(name)


def test_beyond_the_budget_the_oldest_that_nothing_needs_goes_first(blobs):
    names = [blobs.put(picture(n), START_NS + age * S) for n, age in enumerate((3, 1, 2, 4))]
    assert blobs.make_room(lambda name: name == names[1]) == (names[2], names[0])
    assert set(blobs.names) == {names[1], names[3]}


def test_what_a_record_names_never_goes_and_the_excess_is_reported(opened):
    memory = opened()
    names = [see(memory, n) for n in range(4)]
    found = memory.pictures.inventory(deep=True)
    assert (found.files, found.size_bytes, found.over_bytes, found.dropped) == (4, 160, 60, 0)
    assert found.unreferenced == found.missing == found.corrupt == ()
    loose = [memory.pictures.keep(picture(n), START_NS + n * S) for n in (8, 9)]
    memory.commit()
    assert memory.pictures.inventory().unreferenced == tuple(loose)
    see(memory, 5)
    assert memory.pictures.inventory().dropped == 2
    assert all(memory.pictures.blobs.get(name) for name in names)
    assert "60 over" in str(found)


def test_a_picture_whose_record_is_on_its_way_is_in_use(opened):
    memory = opened()
    names = [memory.pictures.keep(picture(n), START_NS + n * S) for n in range(4)]
    assert memory.pictures.blobs.names == tuple(names)
    memory.discard()
    memory.pictures.keep(picture(5), START_NS + 9 * S)
    assert len(memory.pictures.blobs.names) == 2


def test_a_retired_record_still_needs_its_picture(opened):
    memory = opened()
    name = see(memory, 0)
    for n in range(1, 70):
        memory.temporal.note(Event(id=f"d{n}", name="saw", valid_from_ns=START_NS + n))
    memory.commit()
    memory.sleep(START_NS + 10**15, keep_s=0)
    assert memory.temporal.events(until_ns=START_NS + 1)[0].id.startswith("summary:")
    for n in range(3):
        memory.pictures.keep(picture(10 + n), START_NS + S)
        memory.commit()
    assert memory.pictures.blobs.get(name)


def test_records_without_their_pictures_are_reported_at_the_next_opening(opened, caplog):
    """Row 85: somebody deleted files beside the store."""
    memory = opened()
    name = see(memory, 0)
    for path in memory.pictures.blobs.folder.glob("*/*"):
        path.unlink()
    if Capability.REOPENS not in memory.backend.capabilities:
        pytest.skip("a store in memory has no next opening")
    with caplog.at_level(logging.ERROR):
        memory = opened()
    assert memory.pictures.inventory().missing == (name,)
    assert "1 of the newest blobs are gone" in caplog.text


def test_pictures_without_their_store_are_not_taken_for_an_empty_memory(opened, caplog, tmp_path):
    """Row 85: the database was replaced, the files are still there."""
    memory = opened()
    name = see(memory, 0)
    memory.close()
    for file in tmp_path.glob("store.db*"):
        if file.is_file():
            file.unlink()
    with caplog.at_level(logging.ERROR):
        memory = opened()
    assert "the store is empty, but 1 blobs" in caplog.text
    assert memory.pictures.inventory().unreferenced == (name,)


def test_a_record_that_fails_is_reported_and_leaves_only_a_picture_nobody_needs(opened, monkeypatch):
    """Row 85: the metadata insert fails; nothing says success."""
    memory = opened()

    def fails(batch):
        raise StoreUnavailable("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(memory.backend, "write", fails)
        with pytest.raises(StoreUnavailable):
            see(memory, 0)
    memory.discard()
    assert len(memory.pictures.inventory().unreferenced) == 1
    name = see(memory, 0)
    assert memory.pictures.inventory().unreferenced == () and memory.pictures.blobs.get(name) == picture(0)


def test_an_explanation_leads_to_the_picture(opened):
    memory = opened()
    name = see(memory, 0)
    (ground,) = memory.explain("e0").grounds
    assert (ground.id, ground.note) == (name, f"40 bytes in {memory.pictures.blobs.folder}")


def test_a_memory_without_a_folder_refuses_pictures_and_says_why():
    with LifelongMemory.open("memory://", clock=ContractClock()) as memory:
        with pytest.raises(StoreUnavailable, match="blob_folder"):
            memory.pictures.keep(b"abc", START_NS)
        assert memory.pictures.inventory().files == 0
