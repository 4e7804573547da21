# SPDX-License-Identifier: Apache-2.0
"""House rules, each with its reason in the failure message. Ten at most."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

LONGEST = 400
LONG_FOR_A_REASON = {
    "memory/records.py": "the dictionary: every word that crosses the house is looked up in one place",
}
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc", "data", "process"}
UNSAFE_MODULES = {"pickle", "dill", "marshal", "shelve", "cloudpickle"}
UNSAFE_CALLS = {"eval", "exec"}
NOT_OURS = {"build", "dist", "install", "log", "runs"}
TEXTS = {".py", ".md", ".toml", ".cfg", ".xml", ".yaml", ".yml", ".json", ".txt", ""}
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:home|root|work|Users|mnt|media)/\w")


def test_launch_and_tests_are_no_packages(root: Path) -> None:
    found = [_name(f, root) for top in ("launch", "tests") for f in (root / top).rglob("__init__.py")]

    assert not found, f"{found}: launch/__init__.py shadows ROS's own launch; tests/memory/__init__.py shadows memory"


def test_no_file_is_too_long_to_read_in_one_sitting(root: Path) -> None:
    lengths = {_name(f, root): len(f.read_text(encoding="utf-8").splitlines()) for f in _python(root)}
    long = {name: n for name, n in lengths.items() if n > LONGEST and name not in LONG_FOR_A_REASON}
    short = [name for name in LONG_FOR_A_REASON if lengths.get(name, 0) <= LONGEST]

    assert not long, f"{long}: past {LONGEST} lines a file has two jobs; split it, or name the reason beside its name"
    assert not short, f"{short}: no longer over {LONGEST} lines; take it off the list"


def test_what_is_read_is_never_run(sources: dict[str, Path], root: Path) -> None:
    found = [f"{_name(f, root)}:{line} {what}" for f in sources.values() for line, what in _unsafe(f)]

    assert not found, f"{found}: memory and camera text are data, and a store on disk never names code to run"


def test_every_file_is_named_after_its_one_job(root: Path) -> None:
    found = [_name(f, root) for f in _python(root) if {f.stem, *f.relative_to(root).parts[:-1]} & EMPTY_NAMES]

    assert not found, f"{found}: such a name says nothing of what is inside, so everything ends up there"


def test_no_class_is_a_manager(sources: dict[str, Path], root: Path) -> None:
    found = [
        f"{_name(f, root)}:{node.lineno} {node.name}"
        for f in sources.values()
        for node in ast.walk(_tree(f))
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Utils?)$", node.name)
    ]

    assert not found, f"{found}: name what it does (docs/words.md)"


def test_every_file_says_its_licence(root: Path) -> None:
    texts = {_name(f, root): f.read_text(encoding="utf-8") for f in _python(root)}
    found = [name for name, text in texts.items() if text and not _licensed(text)]

    assert not found, f"{found}: the first line is '# SPDX-License-Identifier: Apache-2.0' (after #!, if there is one)"


def test_every_public_name_says_what_it_is(sources: dict[str, Path], root: Path) -> None:
    found = [f"{_name(f, root)}:{line} {name}" for f in sources.values() for line, name in _undocumented(f)]

    assert not found, f"{found}: a public name without a docstring makes its reader read the code"


def test_no_path_of_one_machine_is_left(root: Path) -> None:
    found = [
        f"{_name(f, root)}:{number} {line.strip()[:80]}"
        for f in _ours(root)
        for number, line in enumerate(f.read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]

    assert not found, f"{found}: it exists on one machine only"


def test_the_rule_on_paths_knows_one_when_it_sees_it() -> None:
    assert MACHINE_PATH.search("open('/" + "home/someone/episodes.jsonl')")
    assert not MACHINE_PATH.search("~/home/x and docs/home/x and https://example.org/home/x")


def _ours(root: Path) -> Iterator[Path]:
    """Text files of the project; what tools and runs leave behind is not ours."""
    for file in sorted(root.rglob("*")):
        parts = file.relative_to(root).parts
        hidden = any(p.startswith(".") and p != ".ci" for p in parts)
        left_behind = parts[0] in NOT_OURS or any(p == "__pycache__" or p.endswith(".egg-info") for p in parts)
        if file.is_file() and file.suffix in TEXTS and not hidden and not left_behind:
            yield file


def _python(root: Path) -> list[Path]:
    return [f for f in _ours(root) if f.suffix == ".py"]


def _name(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _licensed(text: str) -> bool:
    first = [line for line in text.splitlines()[:2] if not line.startswith("#!")]
    return bool(first) and first[0] == "# SPDX-License-Identifier: Apache-2.0"


def _unsafe(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            named = {alias.name.partition(".")[0] for alias in node.names} & UNSAFE_MODULES
        elif isinstance(node, ast.ImportFrom):
            named = {(node.module or "").partition(".")[0]} & UNSAFE_MODULES
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            named = {node.func.id} & UNSAFE_CALLS
        else:
            continue
        yield from ((node.lineno, name) for name in named)


def _undocumented(file: Path) -> Iterator[tuple[int, str]]:
    tree = _tree(file)
    if tree.body and not ast.get_docstring(tree):
        yield 1, "the module itself"
    for node in tree.body:
        named = isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if named and not node.name.startswith("_") and not ast.get_docstring(node):
            yield node.lineno, node.name
