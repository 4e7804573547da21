# SPDX-License-Identifier: Apache-2.0
"""The three descriptions of the package agree: setup.py for pip, package.xml for ROS, the README for people."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import os
import re
import runpy
import subprocess
import sys
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from sim.scoring import EpisodeResult, Summary

EXTRAS = {"ros", "sim", "encoder", "map", "torch", "neo4j", "llm", "viz", "cluster", "test"}


@pytest.fixture
def described(root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What setup.py hands to setuptools."""
    setuptools = pytest.importorskip("setuptools", reason="setup.py is read with setuptools")
    captured: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **given: captured.update(given))
    monkeypatch.chdir(root)
    runpy.run_path("setup.py")
    return captured


@pytest.fixture
def package_xml(root: Path) -> ElementTree.Element:
    """The root element of package.xml."""
    return ElementTree.parse(root / "package.xml").getroot()


def test_every_folder_of_the_three_packages_is_installed_and_no_other(
    described: dict[str, Any], sources: dict[str, Path], root: Path
) -> None:
    folders = {".".join(f.parent.relative_to(root).parts) for f in sources.values()}

    assert set(described["packages"]) == folders
    assert {p.partition(".")[0] for p in described["packages"]} == {"memory", "brain_nodes", "sim"}


def test_every_file_beside_the_code_is_installed(
    described: dict[str, Any], sources: dict[str, Path], root: Path
) -> None:
    folders = {f.parent for f in sources.values()}
    given = described["package_data"]
    installed = {
        f
        for folder in folders
        for package in ("", ".".join(folder.relative_to(root).parts))
        for pattern in given.get(package, ())
        for f in folder.glob(pattern)
    }

    beside = {f for top in ("memory", "brain_nodes", "sim") for f in (root / top).rglob("*") if _is_data(f)}
    assert beside == {f for f in installed if _is_data(f)}


def test_the_types_of_the_three_packages_are_published(root: Path) -> None:
    assert all((root / top / "py.typed").is_file() for top in ("memory", "brain_nodes", "sim"))


def test_the_version_is_the_same_for_pip_and_for_ros(
    described: dict[str, Any], package_xml: ElementTree.Element
) -> None:
    assert package_xml.findtext("version") == described["version"]
    assert package_xml.findtext("name") == described["name"] == "neuraxis"
    assert package_xml.findtext("license") == described["license"]


def test_package_xml_is_what_colcon_expects(package_xml: ElementTree.Element) -> None:
    maintainer = package_xml.find("maintainer")

    assert (package_xml.tag, package_xml.get("format")) == ("package", "3")
    assert package_xml.findtext("export/build_type") == "ament_python"
    assert maintainer is not None and re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]{2,})+", maintainer.get("email", ""))


def test_ros_finds_the_package(described: dict[str, Any], root: Path) -> None:
    shared = dict(described["data_files"])

    assert shared["share/ament_index/resource_index/packages"] == ["resource/neuraxis"]
    assert "package.xml" in shared["share/neuraxis"]
    assert (root / "resource/neuraxis").is_file()
    assert (root / "setup.cfg").read_text(encoding="utf-8").count("$base/lib/neuraxis") == 2


WITHOUT_A_ROSDEP_KEY = {"usearch"}  # the README installs it by pip, into the environment beside ROS
WITH_ROS = {
    "neuraxis_interfaces",  # built from brain_nodes/interfaces
    "action_msgs",  # these four come with every message package
    "builtin_interfaces",
    "rcl_interfaces",
    "unique_identifier_msgs",
    "control_msgs",  # these four are of a system ROS, or test-only
    "nav2_msgs",
    "tf2_msgs",
    "trajectory_msgs",
}


def test_what_the_code_imports_is_declared_and_nothing_else_is_required(
    described: dict[str, Any], sources: dict[str, Path], package_xml: ElementTree.Element
) -> None:
    base = {_project(r) for r in described["install_requires"]}
    optional = {_project(r) for extra in described["extras_require"].values() for r in extra}
    imported = {name for f in sources.values() for name in _imports(f)}
    foreign = imported - set(sys.stdlib_module_names) - {"memory", "brain_nodes", "sim", "__future__"}
    for_ros = {(e.text or "").removeprefix("python3-") for e in package_xml.findall("exec_depend")}

    assert not foreign - base - optional - WITH_ROS, "imported, and neither in install_requires nor in an extra"
    assert not base - foreign, "required, and imported nowhere"
    assert base - WITHOUT_A_ROSDEP_KEY <= for_ros, "required by pip, and missing in package.xml"


def test_every_extra_of_the_design_exists(described: dict[str, Any]) -> None:
    assert set(described["extras_require"]) == EXTRAS


def test_every_entry_point_can_be_loaded(described: dict[str, Any]) -> None:
    for declarations in described["entry_points"].values():
        for declaration in declarations:
            module, _, attribute = declaration.partition("=")[2].strip().partition(":")
            if ".ros." in module and importlib.util.find_spec("rclpy") is None:
                continue  # a node; the ROS group loads it
            assert callable(getattr(importlib.import_module(module), attribute)), declaration


def test_every_make_command_of_the_readme_exists(root: Path) -> None:
    targets = _targets(root / "Makefile")
    named = set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", (root / "README.md").read_text(encoding="utf-8")))

    assert {"demo", "test"} <= named
    assert named <= targets, "the README names a command that is not there"


def test_every_option_that_readme_and_makefile_name_exists(root: Path) -> None:
    if not list(metadata.entry_points(group="neuraxis.commands")):
        pytest.skip("neuraxis is not installed here: its commands are found by entry point")
    lines = [
        line
        for name in ("README.md", "Makefile")
        for line in re.findall(r"\bneuraxis (\w[\w-]* --.*)$", (root / name).read_text(encoding="utf-8"), re.M)
    ]
    assert lines

    for line in lines:
        command = line.split()[0]
        unknown = {o for o in re.findall(r"--[a-z][a-z-]*", line) if o not in _help(command, root)}
        assert not unknown, f"neuraxis {command} knows no {unknown}"


def test_the_groups_of_tests_are_the_same_in_the_makefile_and_for_pytest(
    root: Path, request: pytest.FixtureRequest
) -> None:
    ours = [m for m in request.config.getini("markers") if "; make test-" in m]
    groups = re.search(r"^GROUPS := (.*)$", (root / "Makefile").read_text(encoding="utf-8"), re.M)

    assert groups is not None
    assert [m.partition(":")[0] for m in ours] == groups[1].split()


def test_ci_runs_what_people_run(root: Path) -> None:
    script = root / ".ci" / "run"

    assert script.stat().st_mode & 0o111, "it must be executable"
    commands = re.findall(r"\bmake ([a-z][a-z0-9-]*(?: [A-Z]+=\w+)*)", script.read_text(encoding="utf-8"))
    assert commands == ["test REQUIRE=ros", "test-neo4j REQUIRE=neo4j", "demo", "ros-demo"]


def test_ci_closes_with_how_the_tests_without_ros_ended(root: Path) -> None:
    closing = (root / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1]
    log = ("== test session starts ==", "SKIPPED [2] x.py: 3 passed in 2s", "== 1204 passed, 9 skipped in 95.1s ==",
           "== test session starts ==", "== 132 passed in 70.10s (0:01:10) ==")  # fmt: skip
    pattern = re.search(r"^grep -E -m 1 '(.*?)'", closing)

    assert pattern is not None
    assert next(line for line in log if re.search(pattern[1], line)) == log[2]


def test_the_readme_explains_every_key_of_a_result(root: Path) -> None:
    section = (root / "README.md").read_text(encoding="utf-8").partition("## Reading a result")[2].partition("\n## ")[0]
    explained = {k for row in re.findall(r"^\| (`.*?) \|", section, re.M) for k in re.findall(r"`(\w+)`", row)}

    assert explained == {f.name for kind in (EpisodeResult, Summary) for f in fields(kind)}


@functools.cache
def _help(command: str, root: Path) -> set[str]:
    script = "from brain_nodes.cli import main; main()"
    wide = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    shown = subprocess.run(
        [sys.executable, "-c", script, command, "--help"],
        cwd=root, env=wide, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    return set(re.findall(r"--[a-z][a-z-]*", shown.stdout))


def _is_data(file: Path) -> bool:
    inside_interfaces = "interfaces" in file.parts
    return file.is_file() and file.suffix not in {".py", ".pyc"} and not inside_interfaces


def _project(requirement: str) -> str:
    """The name a requirement is imported by."""
    name = re.split(r"[^\w-]", requirement, maxsplit=1)[0].replace("-", "_").lower()
    return name.removeprefix("ros_jazzy_").removesuffix("_sdk")


def _imports(file: Path) -> set[str]:
    named: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            named.add((node.module or "").partition(".")[0])
    return named


def _targets(makefile: Path) -> set[str]:
    text = makefile.read_text(encoding="utf-8")
    groups = re.search(r"^GROUPS := (.*)$", text, re.M)
    marked = {f"test-{g}" for g in groups[1].split()} if groups else set()
    return marked | set(re.findall(r"^([a-z][a-z0-9-]*):", text, re.M))
