# SPDX-License-Identifier: Apache-2.0
"""Build neuraxis_interfaces and the test-only message packages as wheels, for machines without a ROS installation.

Neighbours: brain_nodes/interfaces holds the recipe (pyproject.toml, cmake/), the folders beside this file one package
each; `make` and the ROS tests install what is built. Rules of the file: nothing is built twice from the same content;
nothing is left in the source tree; one environment of build tools serves all packages.

    python tests/ros_interfaces/build_wheels.py --out DIR [--only neuraxis_interfaces]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
OURS = HERE.parents[1] / "brain_nodes" / "interfaces"
TEST_ONLY = {f.parent.name: f.parent for f in sorted(HERE.glob("*/package.xml"))}
PACKAGES = {"neuraxis_interfaces": OURS, **TEST_ONLY}
TOOLS = ("cmake", "ninja")
LONGEST_S = 1800.0


def main(arguments: list[str] | None = None) -> int:
    """Build what is missing; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the wheels; kept between runs"
    )
    parser.add_argument("--only", action="append", choices=sorted(PACKAGES), help="build this one; may be repeated")
    chosen = parser.parse_args(arguments)
    names = chosen.only or list(PACKAGES)
    out = chosen.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    try:
        for number, name in enumerate(names, 1):
            print(f"[{number}/{len(names)}] {name}: ", end="", flush=True)
            print(build(name, out), flush=True)
    except subprocess.SubprocessError as error:
        print(f"failed\n{_ending(error)}", file=sys.stderr)
        return 1
    return 0


def build(name: str, out: Path) -> str:
    """Put the wheel of one package into out, unless it is there; returns what was done, for people.

    Raises:
        SubprocessError: a command failed or took too long.
    """
    content = content_hash(name)
    receipt = out / f"{name}.json"
    kept = json.loads(receipt.read_text(encoding="utf-8")) if receipt.is_file() else {}
    if kept.get("content") == content and (out / kept["wheel"]).is_file():
        return f"{kept['wheel']} is up to date"
    python = build_environment(out)
    began_s = time.monotonic()
    fresh = out / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    staged = stage(name, out / "stage" / name)
    command = [
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(fresh),
        str(staged),
    ]
    _run(python, command)
    wheel = next(fresh.glob("*.whl"))
    wheel.replace(out / wheel.name)
    receipt.write_text(json.dumps({"content": content, "wheel": wheel.name}), encoding="utf-8")
    shutil.rmtree(fresh)
    size_mb = (out / wheel.name).stat().st_size / 1e6
    return f"built {wheel.name}, {time.monotonic() - began_s:.0f} s, {size_mb:.1f} MB"


def stage(name: str, folder: Path) -> Path:
    """A folder that pip can build: the package, and for a test-only one the shared CMake file and recipe as well."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PACKAGES[name], folder)
    if name in TEST_ONLY:
        shutil.copy(HERE / "CMakeLists.txt", folder)
        shutil.copytree(OURS / "cmake", folder / "cmake")
        (folder / "pyproject.toml").write_text(_recipe_for(name), encoding="utf-8")
    return folder


def content_hash(name: str) -> str:
    """Changes with anything that the wheel is made of, the Python and the machine included."""
    digest = hashlib.sha256(f"{sysconfig.get_platform()} {sys.implementation.cache_tag}".encode())
    for file in (*_files(PACKAGES[name]), *_files(OURS / "cmake"), OURS / "pyproject.toml", HERE / "CMakeLists.txt"):
        digest.update(f"\0{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def build_environment(out: Path) -> Path:
    """The Python of a virtual environment with everything the packages ask for while they are built."""
    python = out / "build-env" / "bin" / "python"
    wanted = "\n".join((sys.version, *_build_requirements()))
    marker = out / "build-env" / "wanted"
    if marker.is_file() and marker.read_text(encoding="utf-8") == wanted:
        return python
    print("(build tools first) ", end="", flush=True)
    _run(Path(sys.executable), ["-m", "venv", "--clear", str(python.parents[1])])
    _run(python, ["-m", "pip", "install", "--quiet", *_build_requirements()])
    marker.write_text(wanted, encoding="utf-8")
    return python


def _build_requirements() -> list[str]:
    """Those of the recipe, the messages that only the test-only packages need, and tools this machine lacks."""
    recipe = (OURS / "pyproject.toml").read_text(encoding="utf-8")
    listed = recipe.partition("requires = [")[2].partition("\n]")[0]
    named = re.findall(r'^\s*"([^"]+)"', listed, re.M)
    common = next(r.partition("==")[2] for r in named if r.startswith("ros-jazzy-std-msgs=="))
    further = {_wheel_of(d) for name in TEST_ONLY for d in depends(name)} - {r.partition("==")[0] for r in named}
    further.discard("ros-jazzy-builtin-interfaces")  # comes with every message wheel, numbered otherwise
    return [*named, *(f"{r}=={common}" for r in sorted(further)), *(t for t in TOOLS if shutil.which(t) is None)]


def depends(name: str) -> list[str]:
    """Message packages that a package's definitions use, as its package.xml says."""
    return re.findall(r"<depend>(\w+)</depend>", (PACKAGES[name] / "package.xml").read_text(encoding="utf-8"))


def _recipe_for(name: str) -> str:
    """Our own recipe with another package in it; its name on a registry's list would be no message package's."""
    recipe = (OURS / "pyproject.toml").read_text(encoding="utf-8")
    project = {
        "name": f"neuraxis-test-{name.replace('_', '-')}", "version": "0.0.0",
        "dependencies": [_wheel_of(d) for d in depends(name)],
    }  # fmt: skip
    head, tools = recipe.partition("[project]")[0], recipe.partition("[tool.scikit-build]")[2]
    lines = [f"{key} = {json.dumps(value)}" for key, value in project.items()]
    return "\n".join((f"{head}[project]", *lines, "", f"[tool.scikit-build]{tools}"))


def _wheel_of(package: str) -> str:
    return f"ros-jazzy-{package.replace('_', '-')}"


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.is_file())


def _run(python: Path, arguments: list[str]) -> None:
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run(
        [str(python), *arguments], env={**os.environ, "PATH": path}, check=True, timeout=LONGEST_S,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def _ending(error: subprocess.SubprocessError) -> str:
    output = getattr(error, "output", None) or ""
    shown = output if isinstance(output, str) else output.decode(errors="replace")
    return "\n".join((*shown.splitlines()[-60:], str(error)))


if __name__ == "__main__":
    sys.exit(main())
