# SPDX-License-Identifier: Apache-2.0
"""The two fixtures of BackendContract, for any class with a `url`."""

import pytest

from memory.registry import open_backend
from memory.samples import ContractClock


@pytest.fixture
def address(request, tmp_path):
    url = request.cls.url
    return request.getfixturevalue("neo4j_url") if url == "neo4j" else url.format(folder=tmp_path)


@pytest.fixture
def backend(address):
    store = open_backend(address, ContractClock())
    yield store
    store.close()


@pytest.fixture
def reader(address):
    opened = []

    def beside():
        opened.append(open_backend(address, ContractClock(), read_only=True))
        return opened[-1]

    yield beside
    for store in opened:
        store.close()


@pytest.fixture
def reopen(address):
    opened = []

    def again(store):
        store.close()
        opened.append(open_backend(address, ContractClock()))
        return opened[-1]

    yield again
    for store in opened:
        store.close()
