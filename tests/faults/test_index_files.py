# SPDX-License-Identifier: Apache-2.0
"""Whatever happens to the files of the vector index: the native library never sees a wrong one, and recall is whole.

Each store is opened in a child process, where usearch's ways to open a file are watched: a crash of the library would
end the child, and a file that was not the one saved would be named.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from memory import vectors
from memory.backend import Batch
from memory.backends.sqlite import SqliteBackend
from memory.query import Query
from memory.records import Event
from memory.samples import START_NS, ContractClock, mug, sample_vector

ROOT = Path(__file__).parents[2]
COUNT = 200

OPENS = """
import hashlib, json, random, sys
from dataclasses import replace
from pathlib import Path
from usearch.index import Index
from memory.backend import Batch
from memory.backends.sqlite import SqliteBackend
from memory.query import Query
from memory.samples import ContractClock, sample_vector

seen = []
def watched(name):
    real = getattr(Index, name)
    def call(*arguments, **keywords):
        path = next(a for a in (*arguments, *keywords.values()) if isinstance(a, str))
        seen.append(hashlib.sha256(Path(path).read_bytes()).hexdigest())
        return real(*arguments, **keywords)
    return call
Index.restore = staticmethod(watched("restore"))
Index.load, Index.view = watched("load"), watched("view")

def answers(store, encoder):
    rng, same = random.Random(5), []
    for _ in range(20):
        asked = Query(vector=sample_vector(rng), encoder=encoder, limit=5)
        found, right = store.find(asked), store.find(replace(asked, exact=True))
        same.append(found.complete and len(found.records) == 5 and found.records == right.records)
    return all(same)

for path, encoder in json.load(sys.stdin):
    seen.clear()
    store = SqliteBackend(path, ContractClock())
    right, opened = answers(store, encoder), list(seen)
    store.maintain("verify"), store.maintain("rebuild")
    store.close()
    again = SqliteBackend(path, ContractClock())
    healed = answers(again, encoder)
    again.close()
    print(json.dumps({"right": right, "opened": opened, "healed": healed}), flush=True)
"""


@pytest.fixture(autouse=True)
def early(monkeypatch):
    """An index from sixteen vectors on."""
    monkeypatch.setattr(vectors, "INDEX_FROM", 16)


def embedded(seed: int, count: int, name: str, encoder: str = "a@1", size: int = 16) -> Batch:
    """Records of two kinds in turn, each with a vector."""
    rng = random.Random(seed)
    two = [
        (Event(id=f"{name}{n}", valid_from_ns=START_NS, name="said"), mug(f"{name}{n}"))[n % 2] for n in range(count)
    ]
    return Batch(records=tuple(replace(one, embedding=sample_vector(rng, size), encoder=encoder) for one in two))


def made(path: Path, seed: int, encoder: str = "a@1", count: int = COUNT, size: int = 16) -> Path:
    """A store with saved indexes of two kinds."""
    store = SqliteBackend(path, ContractClock())
    store.write(embedded(seed, count, "m", encoder, size))
    store.maintain("rebuild")
    store.close()
    return path


def grown(path: Path, seed: int, count: int) -> None:
    """More rows, in one commit, that no index file knows."""
    store = SqliteBackend(path, ContractClock())
    store._vectors = Deaf()
    store.write(embedded(seed, count, "n"))
    store._vectors = None
    store.close()


class Deaf:
    """An index that was not looked at yet, as after a kill."""

    def append(self, *_: object) -> None:
        pass


def folder(path: Path) -> Path:
    return path.with_name(path.name + ".vectors")


def partition(path: Path) -> Path:
    return min(folder(path).glob("1-*.usearch"))


def manifest(path: Path) -> Path:
    return folder(path) / "manifest.json"


def swapped(path: Path, other: Path) -> None:
    shutil.rmtree(folder(path))
    shutil.copytree(folder(other), folder(path))


def replaced(path: Path, start: int, content: bytes) -> None:
    whole = bytearray(path.read_bytes())
    whole[start : start + len(content)] = content
    path.write_bytes(whole)


def truncated(path: Path) -> None:
    os.truncate(partition(path), partition(path).stat().st_size // 2)


def random_bytes_in_the_middle(path: Path) -> None:
    replaced(partition(path), partition(path).stat().st_size // 2, random.Random(1).randbytes(64))


def one_bit(path: Path) -> None:
    at = partition(path).stat().st_size - 9
    replaced(partition(path), at, bytes([partition(path).read_bytes()[at] ^ 1]))


def of_another_size(path: Path) -> None:
    other = made(path.with_name("other.db"), 3, size=8)
    shutil.copy(partition(other), partition(path))


def a_folder_in_place_of_the_file(path: Path) -> None:
    name = partition(path)
    name.unlink()
    name.mkdir()


def of_another_encoder(path: Path) -> None:
    swapped(path, made(path.with_name("other.db"), 3, encoder="b@1"))


def of_another_store(path: Path) -> None:
    swapped(path, made(path.with_name("other.db"), 3))


def newer_than_the_rows(path: Path) -> None:
    swapped(path, made(path.with_name("other.db"), 1, count=COUNT + 50))


def newer_than_rows_that_went_on_otherwise(path: Path) -> None:
    newer_than_the_rows(path)
    grown(path, 9, 100)


def a_number_in_the_manifest(path: Path) -> None:
    old = manifest(path).read_text()
    manifest(path).write_text(old.replace(f'"applied": {COUNT}', f'"applied": {COUNT - 60}', 1))
    assert manifest(path).read_text() != old


def a_name_that_leads_away(path: Path) -> None:
    manifest(path).write_text(manifest(path).read_text().replace('"file": "', '"file": "../', 1))


def manifest_of(content: bytes) -> Callable[[Path], None]:
    return lambda path: manifest(path).write_bytes(content) and None


WRONG: dict[str, Callable[[Path], object]] = {
    "truncated": truncated,
    "empty": lambda path: os.truncate(partition(path), 0),
    "random bytes in the middle": random_bytes_in_the_middle,
    "one bit": one_bit,
    "header": lambda path: replaced(partition(path), 0, random.Random(2).randbytes(64)),
    "sizes in the header": lambda path: replaced(partition(path), 0, b"\xff\xff\xff\x7f"),
    "of another size": of_another_size,
    "missing": lambda path: partition(path).unlink(),
    "a folder": a_folder_in_place_of_the_file,
    "of another encoder": of_another_encoder,
    "of another store": of_another_store,
    "newer than the rows": newer_than_the_rows,
    "newer than rows that went on otherwise": newer_than_rows_that_went_on_otherwise,
    "manifest missing": lambda path: manifest(path).unlink(),
    "manifest empty": manifest_of(b""),
    "manifest of noise": manifest_of(b"\xff\x00{"),
    "manifest of a list": manifest_of(b"[1]"),
    "manifest of a later format": manifest_of(b'{"format": 99, "partitions": {}}'),
    "a number in the manifest": a_number_in_the_manifest,
    "a name that leads away": a_name_that_leads_away,
    "manifest a folder": lambda path: (manifest(path).unlink(), manifest(path).mkdir()),
}
FINE: dict[str, Callable[[Path], object]] = {
    "untouched": lambda path: None,
    "older than the rows": lambda path: grown(path, 9, 100),
    "all of it gone": lambda path: shutil.rmtree(folder(path)),
}


def opened(paths: list[tuple[Path, str]]) -> list[dict[str, object]]:
    """What a child process found in each of these stores."""
    child = subprocess.run(
        [sys.executable, "-c", OPENS], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True,
        input=json.dumps([(str(path), encoder) for path, encoder in paths]), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return [json.loads(line) for line in child.stdout.splitlines()]


def test_no_wrong_index_reaches_the_library_and_recall_is_whole_without_it(tmp_path):
    """Row 79: each corruption is found before the file is opened; it is built again, and answers are brute force's."""
    good = made(tmp_path / "good.db", 1)
    right = {hashlib.sha256(file.read_bytes()).hexdigest() for file in folder(good).glob("*.usearch")}
    stores = []
    for name, harm in (WRONG | FINE).items():
        path = tmp_path / name / "robot.db"
        path.parent.mkdir()
        shutil.copy(good, path)
        shutil.copytree(folder(good), folder(path))
        harm(path)
        stores.append((path, "a@1"))
    found = dict(zip(WRONG | FINE, opened(stores), strict=True))
    assert [name for name, told in found.items() if not (told["right"] and told["healed"])] == []
    assert [name for name, told in found.items() if not set(told["opened"]) <= right] == []
    whole = {name for name, told in found.items() if set(told["opened"]) == right}
    assert whole == {"untouched", "older than the rows"}


def test_a_wrong_file_is_moved_aside_for_whoever_wants_to_look(tmp_path):
    """Row 79."""
    path = made(tmp_path / "robot.db", 1)
    name = partition(path).name
    truncated(path)
    held = partition(path).read_bytes()
    store = SqliteBackend(path, ContractClock())
    store.sizes()
    assert (folder(path) / f"{name}.bad").read_bytes() == held
    store.forget("robot", ("m1",))
    assert list(folder(path).glob("*.bad")) == []  # but not what may hold something forgotten
    store.close()


def test_a_reader_does_without_a_wrong_file_and_leaves_it_to_the_writer(tmp_path):
    """Row 79."""
    path = made(tmp_path / "robot.db", 1)
    truncated(path)
    before = {file.name: file.read_bytes() for file in folder(path).iterdir()}
    reader = SqliteBackend(path, ContractClock(), read_only=True)
    asked = Query(vector=sample_vector(random.Random(5)), encoder="a@1", limit=5)
    assert reader.find(asked).records == reader.find(replace(asked, exact=True)).records
    reader.close()
    assert {file.name: file.read_bytes() for file in folder(path).iterdir()} == before


def test_an_index_that_cannot_be_kept_fails_no_write_and_no_question(tmp_path):
    """Row 77: the rows are the truth; a file in the place of the index's folder costs speed alone."""
    folder(tmp_path / "robot.db").write_text("in the way")
    path = tmp_path / "robot.db"
    SqliteBackend(path, ContractClock()).close()
    store = SqliteBackend(path, ContractClock())
    receipt = store.write(Batch(records=(replace(mug(), embedding=sample_vector(random.Random(1)), encoder="a@1"),)))
    assert store.last_sequence() == receipt.last_sequence
    store.close()
