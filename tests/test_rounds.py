# SPDX-License-Identifier: Apache-2.0
"""tools/rounds.py sees a round that fails and a process that a round leaves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools import rounds

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux's /proc")


def test_clean_rounds_end_with_nothing_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert rounds.main(["3", "--", sys.executable, "-c", "print('well')"]) == 0
    assert "3 rounds in a row ended cleanly" in capsys.readouterr().out


def test_the_first_failed_round_ends_it_and_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert rounds.main(["3", "--", sys.executable, "-c", "print('why'); raise SystemExit(4)"]) == 1
    shown = capsys.readouterr().out
    assert "1/3" in shown and "exit 4" in shown and "2/3" not in shown


def test_a_process_that_has_left_its_parent_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    leave = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
    leave += " start_new_session=True).pid)"
    status, printed, left = rounds.one_round([sys.executable, "-c", leave])
    orphan = int(printed)
    try:
        assert status == 0 and list(left) == [orphan] and "sleep(60)" in left[orphan]
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_no_rounds_are_refused() -> None:
    ended = subprocess.run([sys.executable, rounds.__file__, "0", "--", "true"], capture_output=True, text=True)
    assert ended.returncode == 2 and "rounds is 0" in ended.stderr
