# SPDX-License-Identifier: Apache-2.0
"""What `ros2 run` and `ros2 launch` look for: `colcon build` puts an executable for each node into lib/neuraxis."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ros
ROOT = Path(__file__).parents[2]
COLCON = shutil.which("colcon", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


@pytest.mark.skipif(COLCON is None, reason="colcon is not installed (pip install colcon-common-extensions)")
@pytest.mark.parametrize("symlinks", [False, True], ids=["copied", "symlinked"])
def test_every_node_lands_in_lib(tmp_path: Path, symlinks: bool) -> None:
    assert COLCON is not None
    source = tmp_path / "src" / "neuraxis"
    ignored = shutil.ignore_patterns(
        ".*", "build", "dist", "runs", "install", "log", "*.egg-info", "__pycache__", "tests"
    )
    shutil.copytree(ROOT, source, ignore=ignored)
    command = [COLCON, "build", "--base-paths", "src/neuraxis", *(["--symlink-install"] if symlinks else [])]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    built = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stdout + built.stderr

    prefix = tmp_path / "install" / "neuraxis"
    executables = {path.name for path in (prefix / "lib" / "neuraxis").iterdir() if os.access(path, os.X_OK)}
    regions = {"thalamus", "hippocampus", "prefrontal", "cerebellum", "brainstem"}
    assert executables == regions | {"regions", "robot_body", "simulator", "neuraxis"}
    launch_files = {path.name for path in (prefix / "share" / "neuraxis" / "launch").iterdir()}
    assert {path.name for path in (ROOT / "launch").glob("*.launch.py")} <= launch_files
    assert (prefix / "share" / "neuraxis" / "package.xml").is_file()
    assert (prefix / "share" / "ament_index" / "resource_index" / "packages" / "neuraxis").exists()
