# SPDX-License-Identifier: Apache-2.0
"""The three faces: what `from memory import ...`, `from brain_nodes import ...` and `from sim import ...` promise."""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable

import pytest

FACES = ("memory", "brain_nodes", "sim")
HEAVY = {"torch", "neo4j", "rclpy", "numpy", "usearch", "pydantic", "typer", "rich", "gymnasium", "embreex", "openai"}


@pytest.mark.parametrize("face", FACES)
def test_every_name_of_a_face_can_be_had(face: str) -> None:
    module = importlib.import_module(face)

    missing = [name for name in module.__all__ if getattr(module, name, None) is None]

    assert module.__all__ and not missing


@pytest.mark.parametrize("face", FACES)
def test_a_face_names_each_thing_once_and_shows_it(face: str) -> None:
    module = importlib.import_module(face)

    assert len(set(module.__all__)) == len(module.__all__)
    assert set(module.__all__) <= set(dir(module)), "what is exported lazily must show in dir() as well"


@pytest.mark.parametrize("face", FACES)
def test_nothing_public_is_missing_from_a_face(face: str) -> None:
    module = importlib.import_module(face)

    public = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType) and name not in _INCIDENTAL
    }

    assert not public - set(module.__all__), "import it under a name with an underscore, or export it"


@pytest.mark.parametrize("face", FACES)
def test_a_face_exports_only_what_is_below_it(face: str) -> None:
    module = importlib.import_module(face)

    values = {name: getattr(module, name) for name in module.__all__}
    defined = {name: v.__module__ for name, v in values.items() if isinstance(v, (type, types.FunctionType))}

    foreign = {name: home for name, home in defined.items() if home.partition(".")[0] != face}
    assert not foreign, "each name has one import path; the floor below has a face of its own"


@pytest.mark.parametrize("face", FACES)
def test_an_unknown_name_is_an_attribute_error(face: str) -> None:
    module = importlib.import_module(face)

    with pytest.raises(AttributeError, match="no_such_name"):
        _ = module.no_such_name


@pytest.mark.parametrize("face", FACES)
def test_importing_a_face_loads_nothing_heavy(face: str, fresh: Callable[[str], list[str]]) -> None:
    loaded = fresh(f"import json, sys\nimport {face}\nprint(json.dumps(sorted(sys.modules)))")

    assert not HEAVY & set(loaded)


_INCIDENTAL = {"annotations", "TYPE_CHECKING", "Any", "import_module"}
