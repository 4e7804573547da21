# SPDX-License-Identifier: Apache-2.0
"""How a package shows its names without importing them: the one way all three faces do it.

Neighbours: memory/__init__.py, brain_nodes/__init__.py and sim/__init__.py say which name lives where.
Rules of the file: a name is imported when it is first used; an unknown one is an AttributeError, as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(package: str, homes: Mapping[str, tuple[str, ...]]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package whose names live in its modules.

    Args:
        package: Its `__name__`.
        homes: Module, relative to the package, -> the names it gives.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def get(name: str) -> Any:
        if name in home_of:
            return getattr(import_module(f"{package}.{home_of[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def show() -> list[str]:
        return sorted({*vars(import_module(package)), *home_of})

    return get, show
