# SPDX-License-Identifier: Apache-2.0
"""From a URL to a store."""

import importlib.metadata

import pytest

from memory import registry
from memory.backends.in_memory import InMemoryBackend
from memory.registry import GROUP, open_backend
from memory.samples import ContractClock


def test_three_slashes_are_relative_and_four_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite:///near.db", f"sqlite:///{tmp_path}/far.db"):
        open_backend(url, ContractClock()).close()
    assert {"near.db", "far.db"} <= {file.name for file in tmp_path.iterdir()}


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite://host/file", "memory://name", "store.db", ""])
def test_a_url_that_names_no_store_is_the_callers_mistake(url):
    with pytest.raises(ValueError, match=r"sqlite:///|memory://"):
        open_backend(url, ContractClock())


def test_an_unknown_scheme_is_named_beside_the_known_ones():
    with pytest.raises(ValueError, match=r"'redis'.*known: .*memory, .*sqlite"):
        open_backend("redis://host", ContractClock())


def test_another_package_can_add_a_scheme(monkeypatch):
    def open_mine(url, clock, read_only):
        assert (url, read_only) == ("mine://here", False)
        return InMemoryBackend(clock)

    class Point:
        name = "mine"

        def load(self):
            return open_mine

    assert registry.entry_points is importlib.metadata.entry_points
    monkeypatch.setattr(registry, "entry_points", lambda group: [Point()] if group == GROUP else [])
    assert open_backend("mine://here", ContractClock()).counts().records == 0
