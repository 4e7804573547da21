# SPDX-License-Identifier: Apache-2.0
"""The vector index follows the rows whatever its threads, its limits and its files do."""

import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from memory import vector_files, vectors
from memory.backend import Batch
from memory.backends.sqlite import SqliteBackend
from memory.query import Query
from memory.samples import ENCODER, ContractClock, mug, sample_vector
from memory.vectors import Partition, cosines, unit_vector


@pytest.fixture
def small(monkeypatch):
    """Limits that a few hundred vectors reach."""
    monkeypatch.setattr(vectors, "INDEX_FROM", 100)
    for module in (vectors, vector_files):
        monkeypatch.setattr(module, "TAIL_KEPT", 300)
    monkeypatch.setattr(vector_files, "_PAGE", 40)


def written(store, count, rng, first=0):
    mugs = [replace(mug(f"m{first + n}"), embedding=sample_vector(rng), encoder=ENCODER) for n in range(count)]
    for start in range(0, count, 50):
        store.write(Batch(records=tuple(mugs[start : start + 50])))
    return mugs


def agreement(store, mugs, rng, asked=20):
    """Share of the ten nearest that are found."""
    hits = 0
    for _ in range(asked):
        query = Query(vector=sample_vector(rng), encoder=ENCODER, limit=10)
        found = store.find(query)
        assert found.complete
        hits += len({r.id for r in found.records} & {r.id for r in sorted(mugs, key=query.rank)[:10]})
    return hits / (10 * asked)


@pytest.mark.usefixtures("small")
def test_every_row_reaches_the_index_whatever_its_thread_does_meanwhile(tmp_path):
    rng = random.Random(1)
    store = SqliteBackend(tmp_path / "store.db", ContractClock())
    mugs = written(store, 1500, rng)
    store._vector_index().digest_all()
    (part,) = store._vector_index()._partitions.values()
    assert (part.indexed, part.unindexed) == (1500, 0)
    assert agreement(store, mugs, rng) >= 0.95
    store.close()


@pytest.mark.usefixtures("small")
def test_a_tail_too_long_for_memory_is_told_and_caught_up(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors.Indexer, "wake", lambda self: None)
    rng = random.Random(2)
    store = SqliteBackend(tmp_path / "store.db", ContractClock())
    mugs = written(store, 700, rng)
    query = Query(vector=sample_vector(rng), encoder=ENCODER, limit=5)
    found = store.find(query)
    assert (len(found.records), found.complete) == (5, False)
    assert store.find(replace(query, exact=True)).complete
    assert store.sizes().unindexed == 700
    store._vector_index().digest_all()
    assert agreement(store, mugs, rng) >= 0.95
    store.close()


@pytest.mark.usefixtures("small")
def test_a_saved_index_is_taken_up_and_grows_on(tmp_path):
    rng = random.Random(3)
    store = SqliteBackend(tmp_path / "store.db", ContractClock())
    mugs = written(store, 400, rng)
    store._vector_index().digest_all()
    store.close()
    again = SqliteBackend(tmp_path / "store.db", ContractClock())
    (part,) = again._vector_index()._partitions.values()
    assert (part.indexed, part.unindexed) == (400, 0)
    mugs += written(again, 400, rng, first=400)
    again._vector_index().digest_all()
    assert part.indexed == 800
    assert agreement(again, mugs, rng) >= 0.95
    again.close()


@pytest.mark.usefixtures("small")
def test_vectors_embedded_again_leave_no_trace_of_the_old_ones(tmp_path):
    rng = random.Random(4)
    store = SqliteBackend(tmp_path / "store.db", ContractClock())
    mugs = written(store, 400, rng)
    store._vector_index().digest_all()
    new = {(one.id, 1): sample_vector(rng) for one in mugs}
    store.embed("robot", ENCODER, new)
    store._vector_index().digest_all()
    turned = [replace(one, embedding=new[one.id, 1]) for one in mugs]
    assert agreement(store, turned, rng) >= 0.95
    store.maintain("rebuild")
    assert agreement(store, turned, rng) >= 0.95
    assert store.counts().vectors == 400
    store.close()


def test_a_partition_passes_over_what_it_has():
    part = Partition(2)
    rows = [b"\0\0\x80\x3f\0\0\0\0"] * 3
    part.append([1, 2, 3], rows)
    part.append([2, 3, 4], rows)
    assert part.unindexed == 4
    assert sorted(part.nearest(unit_vector(rows[0]), 10)[1]) == [1, 2, 3, 4]


def test_the_closeness_of_some_is_told_from_index_and_tail(small):
    rng, part = random.Random(2), Partition(16)
    given = {number: sample_vector(rng) for number in range(1, 151)}
    part.append(list(given)[:120], list(given.values())[:120])
    while part.digest(gulps=4):
        pass
    part.append(list(given)[120:], list(given.values())[120:])
    assert (part.indexed, part.unindexed) == (120, 30)
    asked = sample_vector(rng)
    told = part.closeness(np.array([5, 120, 121, 150, 999]), unit_vector(asked))
    true = cosines(asked, [given[number] for number in (5, 120, 121, 150)])
    assert np.abs(told[:4] - true).max() < 0.02 and np.isnan(told[4])


@pytest.mark.parametrize("at_rest", [True, False])
def test_of_one_label_among_many_the_nearest_are_found(small, tmp_path, at_rest):
    rng = random.Random(3)
    store = SqliteBackend(tmp_path / "store.db", ContractClock())
    plates = [replace(mug(f"p{n}"), label="plate", embedding=sample_vector(rng), encoder=ENCODER) for n in range(120)]
    written(store, 400, rng)
    store.write(Batch(records=tuple(plates)))
    if at_rest:
        store.maintain("rebuild")
    for _ in range(20):
        query = Query(vector=sample_vector(rng), encoder=ENCODER, limit=10, equals=(("label", "plate"),))
        best = sorted(plates, key=query.rank)[:10]
        assert len({record.id for record in store.find(query).records} & {record.id for record in best}) >= 9
    store.close()


def test_a_vector_without_length_is_like_nothing():
    none, one = b"\0" * 8, b"\0\0\x80\x3f\0\0\0\0"
    assert cosines(one, [none, one]) == [0.0, 1.0]


def test_the_sentence_encoder_may_come_after_the_index():
    pytest.importorskip("onnxruntime")
    code = "from memory.vectors import new_index; new_index(4); import onnxruntime; print('both')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "both\n"), ended.stderr
