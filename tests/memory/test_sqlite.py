# SPDX-License-Identifier: Apache-2.0
"""What the embedded store promises beyond the contract: its file, its lock, its durability."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from memory.backend import Batch
from memory.backends.sqlite import SqliteBackend
from memory.errors import StoreCorrupt, StoreTooNew, StoreUnavailable
from memory.query import Query
from memory.samples import ENCODER, ContractClock, fill, mug, sample_vector
from memory.testing import exported
from memory.vector_manifest import checksum

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def store(path):
    opened = SqliteBackend(path, ContractClock())
    yield opened
    opened.close()


def child(code, *arguments):
    """A process that must die before the test ends; its stdout is a pipe."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


WRITER = """
import itertools, sys
from memory.backend import Batch
from memory.backends.sqlite import SqliteBackend
from memory.samples import ContractClock, mug
store = SqliteBackend(sys.argv[1], ContractClock())
for n in itertools.count(store.last_sequence()):
    print(store.write(Batch(records=(mug(f"mug-{n}"),))).last_sequence, flush=True)
"""


def test_an_acknowledged_record_survives_kill_nine(path):
    rng, acknowledged = random.Random(1), 0
    for _ in range(10):
        writer = child(WRITER, path)
        for _ in range(rng.randint(1, 40)):
            acknowledged = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, writer.stdout.read().split("\n")[:-1])])
        writer.wait()
        writer.stdout.close()
        store = SqliteBackend(path, ContractClock())
        log = [record.sequence for record in store.changes()]
        store.maintain("verify")
        store.close()
        assert log == list(range(1, len(log) + 1))
        assert len(log) >= acknowledged


def test_a_commit_waits_for_the_disk(path, monkeypatch):
    opened = []

    class Watched(sqlite3.Connection):
        def __init__(self, *arguments, **keywords):
            super().__init__(*arguments, **keywords)
            opened.append(self)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *some, **more: connect(*some, factory=Watched, **more))
    store = SqliteBackend(path, ContractClock())
    connection, _ = opened  # the writer's; the other one reads
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL: the log is synced at every commit
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


FULL_DISK = """
import resource, signal, sys
from memory.backend import Batch
from memory.backends.sqlite import SqliteBackend
from memory.errors import StoreUnavailable
from memory.samples import ContractClock, mug
store = SqliteBackend(sys.argv[1], ContractClock())
store.write(Batch(records=(mug(),)))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
written = 1
try:
    while True:
        store.write(Batch(records=tuple(mug(f"{written}-{n}") for n in range(50))))
        written += 50
except StoreUnavailable as error:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.write(Batch(records=(mug("after"),)))
    print(written + 1, store.counts().records, sys.argv[1] in str(error))
"""


def test_a_full_disk_is_named_loses_nothing_and_is_recovered_from(path):
    written, held, named = child(FULL_DISK, path).communicate()[0].split()
    assert (written, named) == (held, "True")


def test_a_second_writer_is_told_who_holds_the_store(store, path):
    with pytest.raises(StoreUnavailable, match=f"another writer: pid {os.getpid()} on .+ since 20") as refusal:
        SqliteBackend(path, ContractClock())
    assert str(path) in str(refusal.value)
    store.write(Batch(records=(mug(),)))


def test_a_writer_in_another_process_is_refused_too(store, path):
    attempt = "import sys; from memory.backends.sqlite import SqliteBackend; SqliteBackend(sys.argv[1], lambda: 1)"
    run = subprocess.run([sys.executable, "-c", attempt, path], cwd=ROOT, capture_output=True, text=True)
    assert f"pid {os.getpid()}" in run.stderr


def test_the_lock_goes_with_its_holder(path):
    SqliteBackend(path, ContractClock()).close()
    writer = child(WRITER, path)
    writer.stdout.readline()
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    SqliteBackend(path, ContractClock()).close()


def test_a_reader_beside_the_writer_sees_what_is_committed(store, path):
    store.write(Batch(records=(mug(),)))
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    assert reader.execute("SELECT count(*) FROM records").fetchone() == (1,)
    reader.close()


def test_a_missing_folder_is_named_in_one_sentence(tmp_path):
    with pytest.raises(StoreUnavailable, match=r"cannot open .*/store.db: folder .*nowhere does not exist"):
        SqliteBackend(tmp_path / "nowhere" / "store.db", ContractClock())


def test_a_folder_in_place_of_the_file_is_refused_by_name(tmp_path):
    with pytest.raises(StoreUnavailable, match=str(tmp_path)):
        SqliteBackend(tmp_path, ContractClock())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused_by_name(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreUnavailable, match="Permission denied"):
        SqliteBackend(tmp_path / "store.db", ContractClock())


def test_a_file_that_is_no_database_is_corrupt_and_stays_untouched(path):
    path.write_bytes(b"not a database at all, " * 100)
    with pytest.raises(StoreCorrupt, match=str(path)):
        SqliteBackend(path, ContractClock())
    assert path.read_bytes() == b"not a database at all, " * 100


def test_a_database_of_another_program_is_refused_and_stays_untouched(path):
    other = sqlite3.connect(path)
    other.executescript("CREATE TABLE recipes(name); INSERT INTO recipes VALUES('soup')")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="another program"):
        SqliteBackend(path, ContractClock())
    assert path.read_bytes() == before


def test_a_store_of_a_later_format_is_refused(path):
    SqliteBackend(path, ContractClock()).close()
    later = sqlite3.connect(path)
    later.execute("PRAGMA user_version = 99")
    later.close()
    with pytest.raises(StoreTooNew, match="format 99"):
        SqliteBackend(path, ContractClock())


def test_an_empty_file_becomes_a_store(path):
    path.touch()
    store = SqliteBackend(path, ContractClock())
    assert store.counts().records == 0
    store.close()


def test_a_reader_that_comes_before_the_first_writer_is_told_to_try_again(path):
    with pytest.raises(StoreUnavailable, match="no such file"):
        SqliteBackend(path, ContractClock(), read_only=True)
    path.touch()
    with pytest.raises(StoreUnavailable, match="has not made it a store yet"):
        SqliteBackend(path, ContractClock(), read_only=True)


def test_a_row_that_changed_on_the_disk_is_found_by_verify(store, path):
    store.write(Batch(records=(mug(), mug("mug-2"))))
    store.close()
    vandal = sqlite3.connect(path)
    vandal.execute("UPDATE records SET line = replace(line, '0.8', '0.9') WHERE id = 'mug-2'")
    vandal.commit()
    vandal.close()
    again = SqliteBackend(path, ContractClock())
    with pytest.raises(StoreCorrupt, match="row 2 does not fit its checksum"):
        again.maintain("verify")
    again.close()


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        ("DELETE FROM positions WHERE sequence = 2", "index of positions has 1 entries, the rows call for 2"),
        ("INSERT INTO texts_instance(texts_instance) VALUES('delete-all')", "index of words of instance has 0 entries"),
    ],
)
def test_an_index_of_the_file_that_lacks_a_row_is_found_by_verify_and_made_anew_by_rebuild(store, path, harm, named):
    store.write(Batch(records=(mug(), mug("mug-2"))))
    vandal = sqlite3.connect(path, isolation_level=None)
    vandal.execute(harm)
    vandal.close()
    with pytest.raises(StoreCorrupt, match=named):
        store.maintain("verify")
    store.maintain("rebuild")
    store.maintain("verify")
    for query in (Query(text="mug"), Query(near_m=(0.0, 0.0, 0.8), within_m=1.0)):
        assert len(store.find(query).records) == 2


def test_a_torn_file_is_corrupt_not_empty(store, path):
    fill(store, random.Random(1), 200)
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(StoreCorrupt, match=str(path)):
        SqliteBackend(path, ContractClock()).find(Query())


def test_a_backup_is_a_store_of_its_own(store, tmp_path):
    fill(store, random.Random(1), 40)
    store.maintain("backup", str(tmp_path / "copy.db"))
    copy = SqliteBackend(tmp_path / "copy.db", ContractClock())
    assert exported(copy) == exported(store)
    copy.close()


def test_closing_leaves_one_file_with_everything_in_it(store, path):
    store.write(Batch(records=(mug(),)))
    store.close()
    assert not Path(f"{path}-wal").exists()
    reader = sqlite3.connect(path)
    (line,) = reader.execute("SELECT line FROM records").fetchone()
    reader.close()
    assert json.loads(line)["id"] == "mug-1"


def test_what_is_forgotten_is_not_left_in_the_files(store, path):
    store.write(Batch(records=(mug("secret-name"),)))
    store.forget("robot", ("secret-name",))
    assert b"secret-name" not in path.read_bytes()
    assert b"secret-name" not in Path(f"{path}-wal").read_bytes()


def test_a_deadline_interrupts_a_query_that_is_under_way(store):
    store.write(Batch(records=tuple(mug(f"mug-{n}", x=float(n)) for n in range(5000))))
    cuts = [store.find(Query(), deadline_s=0.004 * 2**n) for n in range(4)]  # a busy machine needs a moment to begin
    assert any(not cut.complete and 0 < len(cut.records) < 5000 for cut in cuts)
    assert not store.find(Query(), deadline_s=0.0).complete
    assert store.find(Query(limit=3), deadline_s=30.0).complete


def test_nearest_answers_come_from_the_index(store):
    store.write(Batch(records=tuple(mug(f"mug-{n}", x=n * 0.1) for n in range(2000))))
    found = store.find(Query(near_m=(0.0, 0.0, 0.8), limit=3))
    assert [r.id for r in found.records] == ["mug-0", "mug-1", "mug-2"]
    assert found.examined < 50


def test_a_place_beyond_the_range_of_the_index_is_still_found(store):
    store.write(Batch(records=(mug("far", x=1e300), mug("near"))))
    assert [r.id for r in store.find(Query(near_m=(1e300, 0.0, 0.8), within_m=1.0)).records] == ["far"]
    assert [r.id for r in store.find(Query(near_m=(0.0, 0.0, 0.0), limit=2)).records] == ["near", "far"]


def test_the_index_is_read_when_the_store_opens_and_not_within_a_deadline(path, monkeypatch):
    monkeypatch.setattr("memory.vectors.INDEX_FROM", 8)
    rng = random.Random(3)
    embedded = [replace(mug(f"mug-{n}"), embedding=sample_vector(rng), encoder=ENCODER) for n in range(64)]
    with closing(SqliteBackend(path, ContractClock())) as store:
        store.write(Batch(records=tuple(embedded)))
        store.maintain("rebuild")
    read = []
    monkeypatch.setattr(
        "memory.vector_files.checksum", lambda file, checked=checksum: read.append(file) or checked(file)
    )

    with closing(SqliteBackend(path, ContractClock())) as again:
        assert len(read) == 1
        hurried = again.find(Query(vector=sample_vector(rng), encoder=ENCODER, limit=1), deadline_s=0.0)
        assert (hurried.records, hurried.complete, len(read)) == ((), False, 1)
