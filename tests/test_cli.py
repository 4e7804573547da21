# SPDX-License-Identifier: Apache-2.0
"""`neuraxis run`: what it prints, what it leaves behind, what it refuses, and that it repeats byte for byte."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from brain_nodes import cli
from memory import serialization
from memory.backends.in_memory import InMemoryBackend
from memory.lifelong import LifelongMemory
from memory.records import Event
from sim.cli import DATA_VARIABLE, register
from sim.environment import DAY_NS, FIRST_MORNING_NS

ROOT = Path(__file__).parents[1]
SMALL = ("--suite", "home", "--episodes", "2", "--mode", "embodied")
TINY = ("--suite", "home", "--episodes", "1", "--mode", "embodied", "--seed", "4")
DOCUMENTED = {
    "suite", "mode", "memory", "planner", "episodes", "success_rate", "goal_condition", "steps_mean",
    "invalid_action_ratio", "planner_calls", "llm_calls", "seconds", "by_subset", "config_hash", "versions",
}  # fmt: skip

if not metadata.entry_points(group=cli.GROUP):  # a checkout that is not installed
    register(cli.app)


@dataclass(frozen=True)
class Ran:
    """What became of one command."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        """The JSON object on stdout, which must be all there is."""
        (line,) = self.out.splitlines()
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer


Command = Callable[..., Ran]


@pytest.fixture
def neuraxis(monkeypatch, capsys) -> Command:
    """The console script, in this process."""
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def command(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["neuraxis", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return Ran(ended.value.code or 0, printed.out, printed.err)

    return command


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------- what it gives


def test_help_names_every_option(neuraxis):
    ran = neuraxis("run", "--help")
    assert ran.code == 0
    assert {"--suite", "--data", "--memory", "--store", "--continue", "--against", "--json"} <= set(
        re.findall(r"--[a-z]+", ran.out)
    )


def test_json_prints_one_object_and_leaves_a_whole_run_folder(neuraxis, tmp_path):
    ran = neuraxis("run", *SMALL, "--json", "--out", tmp_path / "run")
    assert ran.code == 0
    assert set(ran.answer) >= DOCUMENTED
    assert (ran.answer["suite"], ran.answer["mode"], ran.answer["episodes"]) == ("home", "embodied", 2)
    assert names(tmp_path / "run") >= {
        "results.json", "report.html", "memory.jsonl", "traces/home-0_day-1_01.jsonl", "traces/home-0_day-1_02.jsonl",
    }  # fmt: skip
    kept = json.loads((tmp_path / "run" / "results.json").read_text())
    assert {key: kept[key] for key in ran.answer} == ran.answer
    assert len(kept["results"]) == 2
    assert not list(tmp_path.rglob("*.partial"))


def test_the_export_of_a_run_is_read_back_whole(neuraxis, tmp_path):
    assert neuraxis("run", *TINY, "--json", "--out", tmp_path / "run").code == 0
    lines = (tmp_path / "run" / "memory.jsonl").read_text().splitlines()
    copy = InMemoryBackend(lambda: FIRST_MORNING_NS)
    serialization.load(lines, copy)
    assert {kind for kind, _ in copy.counts().by_kind} >= {"episode", "event", "instance", "place", "relation"}


def test_a_comparison_comes_with_its_paired_statistics(neuraxis, tmp_path):
    ran = neuraxis("run", *TINY, "--against", "none", "--json", "--out", tmp_path / "run")
    assert ran.code == 0
    assert (ran.answer["memory"], ran.answer["against"]["memory"]) == ("full", "none")
    assert ran.answer["paired"]["episodes"] == 1
    assert {"success_difference", "p_value", "steps_difference_at_limit"} <= set(ran.answer["paired"])
    assert {"full/results.json", "none/results.json", "none/report.html"} <= names(tmp_path / "run")
    assert "none/memory.jsonl" not in names(tmp_path / "run")


# ---------------------------------------------------------------- going on with a store


def test_a_continued_store_goes_on_in_time_and_gives_no_id_twice(neuraxis, tmp_path):
    url = f"sqlite:///{tmp_path}/robot.db"
    first = neuraxis("run", *TINY, "--store", url, "--json", "--out", tmp_path / "one")
    second = neuraxis("run", *TINY, "--store", url, "--continue", "--json", "--out", tmp_path / "two")
    assert (first.code, second.code) == (0, 0)
    assert first.answer["began_with"] == 0 < second.answer["began_with"]
    with LifelongMemory.open(url, continue_=True) as memory:
        assert memory.backend.counts().records > second.answer["began_with"]
        before, after = records(memory, second.answer["began_with"])
    assert len({r.id for r in before + after if r.kind == "episode"}) == 2
    assert not happened(before) & happened(after)
    assert min(r.recorded_ns for r in after) >= FIRST_MORNING_NS + DAY_NS > max(r.recorded_ns for r in before)


def happened(log: list) -> set[str]:
    """Ids of the events of episodes; how long the robot was awake goes on from run to run."""
    return {r.id for r in log if isinstance(r, Event) and r.episode_id}


def records(memory: LifelongMemory, began_with: int) -> tuple[list, list]:
    """The log up to where the second run began, and from there."""
    log = list(memory.backend.changes())
    return log[:began_with], log[began_with:]


def test_a_store_in_the_folder_of_an_earlier_run_is_not_swept_away_with_it(neuraxis, tmp_path):
    assert neuraxis("run", *TINY, "--json", "--out", tmp_path / "run").code == 0
    url = f"sqlite:///{tmp_path}/run/memory.sqlite3"
    with LifelongMemory.open(url, continue_=True) as memory:
        before = list(memory.backend.changes())
    ran = neuraxis("run", *TINY, "--store", url, "--continue", "--json", "--out", tmp_path / "run")
    assert "Traceback" not in ran.err
    with LifelongMemory.open(url, continue_=True) as memory:
        after = list(memory.backend.changes())
    assert [(r.id, r.version) for r in after[: len(before)]] == [(r.id, r.version) for r in before]


# ---------------------------------------------------------------- what it refuses


REFUSED = {
    "an_unknown_suite": (("--suite", "eb-habit"), "eb-habit"),
    "an_unknown_mode": (("--mode", "embodyed"), "embodyed"),
    "an_unknown_memory": (("--memory", "no-spacial"), "no-spacial"),
    "an_unknown_planner": (("--planner", "oracel"), "oracel"),
    "an_unknown_subset": (("--suite", "home", "--subset", "juggle"), "juggle"),
    "an_unknown_arm_to_compare_with": (("--against", "nome"), "nome"),
    "a_negative_number_of_episodes": (("--episodes", "-3"), "-3"),
    "eb_alfred_without_data": (("--suite", "eb-alfred"), "--data"),
    "data_that_are_not_there": (("--suite", "eb-alfred", "--data", "{tmp}/nowhere"), "{tmp}/nowhere"),
    "data_that_are_something_else": (("--suite", "eb-alfred", "--data", "{tmp}"), "{tmp}"),
    "a_store_in_a_missing_folder": (("--store", "sqlite:///{tmp}/nowhere/robot.db"), "{tmp}/nowhere"),
    "a_store_nobody_may_write": (("--store", "sqlite:////proc/robot.db"), "/proc/robot.db"),
    "a_store_that_is_no_database": (("--store", "sqlite:///{tmp}/letter.txt"), "{tmp}/letter.txt"),
    "a_store_of_an_unknown_kind": (("--store", "mongo://host"), "mongo"),
    "a_store_that_is_no_url": (("--store", "robot.db"), "robot.db"),
    "a_comparison_on_one_store": (("--against", "none", "--store", "sqlite:///{tmp}/robot.db"), "--store"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_refuses_in_one_sentence_and_touches_nothing(case, neuraxis, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear robot, " * 100)
    arguments, offending = REFUSED[case]
    before = snapshot(tmp_path)
    ran = neuraxis("run", *(a.replace("{tmp}", str(tmp_path)) for a in arguments), "--out", tmp_path / "run")
    refused(ran, offending.replace("{tmp}", str(tmp_path)))
    assert snapshot(tmp_path) == before


def test_a_store_with_records_is_refused_by_count_unless_continued(neuraxis, tmp_path):
    url = f"sqlite:///{tmp_path}/robot.db"
    assert neuraxis("run", *TINY, "--store", url, "--json", "--out", tmp_path / "one").code == 0
    before = snapshot(tmp_path)
    ran = neuraxis("run", *TINY, "--store", url, "--json", "--out", tmp_path / "two")
    refused(ran, f"{url} holds ")
    assert "--continue" in ran.err
    assert snapshot(tmp_path) == before


def test_a_folder_with_something_else_in_it_is_left_alone(neuraxis, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    before = snapshot(tmp_path)
    refused(neuraxis("run", *TINY, "--out", tmp_path), str(tmp_path))
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("below", ["run", "deeper/run"])
def test_a_folder_below_a_file_is_refused(below, neuraxis, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    before = snapshot(tmp_path)
    refused(neuraxis("run", *TINY, "--out", tmp_path / "file" / below), str(tmp_path / "file"))
    assert snapshot(tmp_path) == before


def test_a_file_in_place_of_the_folder_is_refused(neuraxis, tmp_path):
    (tmp_path / "run").write_text("not a folder")
    refused(neuraxis("run", *TINY, "--out", tmp_path / "run"), str(tmp_path / "run"))
    assert (tmp_path / "run").read_text() == "not a folder"


def test_a_refused_comparison_leaves_not_even_its_first_half(neuraxis, tmp_path):
    (tmp_path / "run" / "none").mkdir(parents=True)
    (tmp_path / "run" / "none" / "thesis.tex").write_text("years of work")
    before = snapshot(tmp_path)
    refused(neuraxis("run", *TINY, "--against", "none", "--out", tmp_path / "run"), str(tmp_path / "run" / "none"))
    assert snapshot(tmp_path) == before


def refused(ran: Ran, offending: str) -> None:
    """Exit code 2, nothing on stdout, one sentence on stderr that says what was wrong."""
    assert (ran.code, ran.out.strip()) == (2, "")
    (sentence,) = ran.err.strip().splitlines()
    assert sentence.startswith("neuraxis: ")
    assert offending in sentence


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file with its content, every folder as an empty one; a lock file may stay beside a store."""
    kept = (p for p in sorted(folder.rglob("*")) if p.suffix != ".lock")
    return {str(p): b"" if p.is_dir() else p.read_bytes() for p in kept}


# ---------------------------------------------------------------- the same again

CONSOLE = """
from importlib import metadata
from brain_nodes import cli
from sim.cli import register
if not metadata.entry_points(group=cli.GROUP):
    register(cli.app)
cli.main()
"""


def test_the_same_command_leaves_the_same_bytes_whatever_the_hash_seed(tmp_path):
    runs = [fresh(hash_seed, tmp_path / hash_seed) for hash_seed in ("1", "2")]
    for run in runs:
        _, complaint = run.communicate()
        assert run.returncode == 0, complaint
    one, other = tmp_path / "1", tmp_path / "2"
    repeating = [n for n in names(one) if n == "memory.jsonl" or n.startswith(("traces/", "maps/"))]
    assert len(repeating) == 8
    assert [n for n in sorted(repeating) if (one / n).read_bytes() != (other / n).read_bytes()] == []
    assert untimed(one) == untimed(other)


def fresh(hash_seed: str, out: Path) -> subprocess.Popen:
    """Six episodes, so that there is a night in between, in an interpreter of its own."""
    arguments = ("run", "--suite", "home", "--episodes", "6", "--mode", "embodied", "--seed", "3", "--json", "--out")
    return subprocess.Popen(
        [sys.executable, "-c", CONSOLE, *arguments, str(out)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
    )  # fmt: skip


def untimed(folder: Path) -> dict[str, Any]:
    kept = json.loads((folder / "results.json").read_text())
    del kept["seconds"]
    return kept


# ---------------------------------------------------------------- finding by meaning


def test_an_encoder_gives_every_record_a_vector_and_the_run_repeats(neuraxis, tmp_path):
    ran = [
        neuraxis("run", *SMALL, "--encoder", "hash-64", "--json", "--out", tmp_path / name) for name in ("one", "two")
    ]
    assert [one.code for one in ran] == [0, 0]
    left = ran[0].answer["left"]
    assert ran[0].answer["encoder"] == "hash-64"
    assert left["unembedded"] == 0 < left["vectors"] < left["records"]
    assert left["unslept"] < 10
    exports = [(tmp_path / name / "memory.jsonl").read_bytes() for name in ("one", "two")]
    assert exports[0] == exports[1]


def test_an_unknown_encoder_is_refused_before_anything_is_written(neuraxis, tmp_path):
    ran = neuraxis("run", *TINY, "--encoder", "oracle", "--out", tmp_path / "run")
    assert (ran.code, ran.out) == (2, "")
    assert "'oracle'" in ran.err and "minilm-l6-v2-int8" in ran.err
    assert not (tmp_path / "run").exists()


def test_an_encoder_whose_package_is_missing_says_what_to_install(neuraxis, tmp_path, monkeypatch):
    monkeypatch.setattr("memory.encoders.find_spec", lambda package: None)
    ran = neuraxis("run", *TINY, "--encoder", "minilm-l6-v2-int8", "--out", tmp_path / "run")
    assert (ran.code, ran.out) == (2, "")
    assert "is not installed; pip install" in ran.err
    assert not (tmp_path / "run").exists()
