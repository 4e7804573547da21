# SPDX-License-Identifier: Apache-2.0
"""From a URL to an open store.

Neighbours: lifelong.py and the command line open stores only through here.
Rules of the file: a scheme's backend is imported when it is asked for; other packages add schemes through the entry
point group `neuraxis.memory_backends`: name = scheme, value = a callable (url, clock, read_only) -> Backend.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from memory.backend import Backend, Clock
from memory.errors import StoreUnavailable

GROUP = "neuraxis.memory_backends"

Factory = Callable[[str, Clock, bool], Backend]


def open_backend(url: str, clock: Clock, *, read_only: bool = False) -> Backend:
    """Open the store a URL names.

    `memory://` is a fresh store that dies with the process; `sqlite:///rel/path` and `sqlite:////abs/path` are files;
    `neo4j://user@host:7687/database` is a server or cluster (bolt:// for one server alone; +s and +ssc for TLS), its
    password in the environment, NEO4J_PASSWORD.

    Args:
        clock: Where recorded_ns comes from.
        read_only: For processes beside the one that writes; every write is refused.

    Raises:
        ValueError: the scheme is unknown, or the URL names no file.
        StoreError: the store cannot be opened; the message names it.

    >>> open_backend("memory://", lambda: 1).counts().records
    0
    >>> open_backend("mongo://host", lambda: 1)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: no memory backend for scheme 'mongo' in 'mongo://host'; known: bolt, ..., memory, neo4j, ..., sqlite
    """
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise ValueError(f"{url!r} is no store URL; write memory:// or sqlite:///path")
    if scheme in _BUILT_IN:
        return _BUILT_IN[scheme](url, clock, read_only)
    others = {point.name: point for point in entry_points(group=GROUP)}
    if scheme not in others:
        known = ", ".join(sorted({*_BUILT_IN, *others}))
        raise ValueError(f"no memory backend for scheme {scheme!r} in {url!r}; known: {known}")
    factory: Factory = others[scheme].load()
    return factory(url, clock, read_only)


def file_of(url: str) -> Path | None:
    """The file of a store that is one; None for a store that has none here, and for what is no URL.

    >>> file_of("sqlite:///robot.db").name, file_of("memory://")
    ('robot.db', None)
    """
    path = url.removeprefix("sqlite:///")
    return Path(path) if path and path != url else None


def beside(file: Path, suffix: str) -> Path:
    """What lies beside a store's file and belongs to it: its log, its index, pictures, what was refused.

    >>> beside(Path("robot.db"), ".blobs").name
    'robot.db.blobs'
    """
    return file.with_name(file.name + suffix)


def _open_in_memory(url: str, clock: Clock, read_only: bool) -> Backend:
    from memory.backends.in_memory import InMemoryBackend

    if url != "memory://":
        raise ValueError(f"{url!r}: a store in memory has no name; write memory://")
    if read_only:
        raise ValueError(f"{url!r} lives in one process: there is nothing to read beside it")
    return InMemoryBackend(clock)


def _open_sqlite(url: str, clock: Clock, read_only: bool) -> Backend:
    from memory.backends.sqlite import SqliteBackend

    prefix, path = url[:10], url[10:]
    if prefix != "sqlite:///" or not path:
        raise ValueError(f"{url!r} names no file; write sqlite:///relative/path or sqlite:////absolute/path")
    return SqliteBackend(path, clock, read_only=read_only)


def _open_neo4j(url: str, clock: Clock, read_only: bool) -> Backend:
    try:
        from memory.backends.neo4j import Neo4jBackend
    except ModuleNotFoundError as error:
        named = url.rpartition("@")[2]  # whatever stands before it is nobody's business
        raise StoreUnavailable(f"{named}: {error.name} is not installed; pip install 'neuraxis[neo4j]'") from error
    return Neo4jBackend(url, clock, read_only=read_only)


_BUILT_IN: dict[str, Factory] = {
    "memory": _open_in_memory,
    "sqlite": _open_sqlite,
    **{f"{scheme}{tls}": _open_neo4j for scheme in ("neo4j", "bolt") for tls in ("", "+s", "+ssc")},
}
