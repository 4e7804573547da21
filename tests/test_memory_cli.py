# SPDX-License-Identifier: Apache-2.0
"""`neuraxis memory`: looking and correcting over a real store, its JSON parsed, and what it refuses."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from memory import operations, serialization
from memory.backend import Batch
from memory.backends import sqlite_schema
from memory.cli import memory
from memory.embedding import pack
from memory.encoders import HashEncoder
from memory.lifelong import LifelongMemory
from memory.query import Query
from memory.samples import START_NS, mug
from tests.memory_commands import Ran, kitchen_url, memory_command, refused, text_of  # noqa: F401

ROOT = Path(__file__).parents[1]
NOW = "2026-01-01T01:00:00Z"


# ---------------------------------------------------------------- looking


def test_stats_count_what_is_there(neuraxis, url):
    told = neuraxis("stats", url, "--json").answer
    assert (told["records"], told["current"], told["retired"]) == (8, 7, 1)
    assert told["by_kind"] == {"event": 1, "instance": 3, "lesson": 1, "place": 1, "relation": 2}
    assert told["robots"] == ["robot"]
    assert told["quarantine"] == {"not finite": 1}
    assert told["bytes"] == told["rows_bytes"] + told["index_bytes"] + told["blobs_bytes"] > 0
    assert (told["format"], told["export_format"], told["warnings"]) == (sqlite_schema.FORMAT, serialization.FORMAT, [])
    shown = neuraxis("stats", url).out
    assert "8: 7 current, 1 retired" in shown
    assert "1 refused: 1 not finite" in shown


def test_stats_warn_before_the_wall_and_of_mixed_vectors(neuraxis, url, monkeypatch):
    with operations.opened(url, to_write=True) as backend:
        for n, encoder in enumerate(("a@1", "b@1")):
            backend.write(Batch(records=(replace(mug(f"v{n}"), embedding=pack([1.0]), encoder=encoder),)))
    monkeypatch.setattr(operations, "RECORDS", 5)
    monkeypatch.setattr(operations, "BACKLOG", 2)
    ran = neuraxis("stats", url, "--json")
    assert ran.answer["by_encoder"] == {"a@1": 1, "b@1": 1}
    assert [sum(word in one for one in ran.answer["warnings"]) for word in ("records", "wait", "reembed")] == [1, 1, 1]
    assert ran.err.count("warning:") == 3
    free = operations.shutil.disk_usage("/")._replace(free=10)
    monkeypatch.setattr(operations.shutil, "disk_usage", lambda folder: free)
    assert "no backup and no migration would fit" in neuraxis("stats", url).err


def test_recall_says_what_how_old_and_how_far_to_trust_it(neuraxis, url):
    told = neuraxis("recall", url, "--subject", "Sam", "--now", NOW, "--json").answer
    assert (told["status"], told["missing"]) == ("found", [])
    (one,) = told["recollections"]
    assert (one["says"], one["memory"]) == ('"Sam likes coffee at nine"', "semantic")
    assert (one["source"], one["epistemic"], one["age_s"]) == ("told", "told", 3600.0)
    assert one["record"]["object"] == "coffee at nine"
    shown = neuraxis("recall", url, "--subject", "Sam", "--now", NOW).out
    assert all(word in shown for word in ("coffee at nine", "1 h", "told"))


def test_every_part_of_a_cue_narrows(neuraxis, url):
    def ids(*cue: str) -> set[str]:
        found = neuraxis("recall", url, *cue, "--now", NOW, "--json").answer
        return {f"{one['kind']} {one['record'].get('version')}" for one in found["recollections"]}

    assert ids("--near", "0 0 0", "--kind", "instance") == {"instance 3"}
    assert ids("--text", "looked") == {"event 1"}
    assert ids("--predicate", "inside") == {"relation 1"}
    assert "event 1" in ids("--since", "59m30s", "--until", "2026-01-01T01:00:00+00:00")
    assert ids("--since", "30m", "--text", "looked") == set()
    assert len(neuraxis("recall", url, "--k", "1", "--json").answer["recollections"]) == 1
    assert neuraxis("recall", url, "--text", "zeppelin", "--json").answer["status"] == "none"


def test_planted_text_moves_no_terminal_and_no_markup(neuraxis, url):
    for ran in (neuraxis("recall", url, "--text", "looked"), neuraxis("explain", url, "look-1")):
        assert "\x1b" not in ran.out
        assert "[bold]sink" in ran.out


def test_explain_shows_versions_and_what_they_rest_on(neuraxis, url):
    with operations.opened(url) as backend:
        (fact,) = backend.find(Query(equals=(("predicate", "inside"),))).records
    told = neuraxis("explain", url, fact.id, "--json").answer
    assert told["versions"][0]["object"] == "sink"
    assert [(ground["role"], ground["id"]) for ground in told["grounds"]] == [("evidence", "look-1")]
    assert len(neuraxis("explain", url, "mug-1", "--json").answer["versions"]) == 3
    assert "evidence look-1" in neuraxis("explain", url, fact.id).out


def test_looking_works_beside_a_running_robot_and_writing_says_who_holds_it(neuraxis, url, tmp_path):
    with LifelongMemory.open(url, clock=lambda: START_NS, continue_=True) as robot:
        robot.spatial.see(mug("mug-9"))
        robot.commit()
        assert neuraxis("stats", url, "--json").answer["records"] == 9
        assert neuraxis("recall", url, "--subject", "mug-9", "--json").answer["status"] == "found"
        assert neuraxis("verify", url, "--json").answer["ok"] is True
        assert neuraxis("export", url, tmp_path / "out.jsonl", "--json").answer["lines"] > 8
        assert neuraxis("backup", url, tmp_path / "copy.db", "--json").code == 0
        for writing in (("rebuild", url), ("restore", url, tmp_path / "copy.db", "--replace")):
            refused(neuraxis(*writing), "held by another writer: pid")


# ---------------------------------------------------------------- correcting


def test_forgetting_takes_two_steps_and_reaches_what_rests_on_it(neuraxis, url):
    first = neuraxis("forget", url, "--person", "Sam", "--json").answer
    assert (first["records"], first["erased"], first["rows"]) == (1, False, 0)
    assert neuraxis("recall", url, "--subject", "Sam", "--json").answer["status"] == "found"
    refused(neuraxis("forget", url, "--person", "Sam", "--token", "0" * 16), "'0000000000000000'")
    done = neuraxis("forget", url, "--person", "Sam", "--token", first["token"], "--json").answer
    assert (done["erased"], done["rows"]) == (True, 1)
    assert neuraxis("recall", url, "--subject", "Sam", "--json").answer["status"] == "none"
    assert neuraxis("stats", url, "--json").answer["audits"] == 1
    assert neuraxis("forget", url, "--person", "Sam", "--json").answer["records"] == 0
    assert neuraxis("forget", url, "--instance", "mug-1", "--json").answer["records"] >= 3, "and what rests on it"
    assert neuraxis("forget", url, "--region", "map-0 -1 -1 -1 3 3 3", "--json").answer["records"] >= 4


def test_a_token_is_for_one_state_of_the_store(neuraxis, url):
    token = neuraxis("forget", url, "--person", "Sam", "--json").answer["token"]
    with operations.opened(url, to_write=True) as backend:
        backend.write(Batch(records=(mug("later"),)))
    refused(neuraxis("forget", url, "--person", "Sam", "--token", token), "as the store stands now")


def test_rebuild_makes_the_indexes_anew(neuraxis, url):
    before = text_of(url)
    assert "made anew" in neuraxis("rebuild", url, "--json").answer["said"]
    assert text_of(url) == before


def test_embedding_again_may_be_stopped_and_begun_anew(neuraxis, url, monkeypatch):
    with operations.opened(url, to_write=True) as backend:
        old = [replace(mug(f"old{n}"), embedding=pack([1.0]), encoder="letters@1") for n in range(300)]
        backend.write(Batch(records=tuple(old)))
        stopped = iter((None, KeyboardInterrupt))
        monkeypatch.setattr(operations, "_AT_ONCE", 64)
        with pytest.raises(KeyboardInterrupt):
            operations.reembed(backend, HashEncoder(), lambda done: raised(next(stopped)))
    begun = neuraxis("stats", url, "--json").answer["by_encoder"]
    assert 0 < begun["letters@1"] < 300 > begun["hash-64@0"] > 0
    told = neuraxis("reembed", url, "--encoder", "hash-64", "--json").answer
    assert (told["encoder"], told["left"]) == ("hash-64@0", 0)
    assert told["embedded"] >= begun["letters@1"]
    assert set(neuraxis("stats", url, "--json").answer["by_encoder"]) == {"hash-64@0"}
    assert neuraxis("reembed", url, "--encoder", "hash-64", "--json").answer["embedded"] == 0
    refused(neuraxis("reembed", url, "--encoder", "numbers"), "'numbers'; there are")
    found = neuraxis("recall", url, "--text", "coffee at nine", "--encoder", "hash-64", "--json").answer
    assert found["nearest"] > 0.5
    assert found["notes"] == []


def raised(error):
    if error is not None:
        raise error


# ---------------------------------------------------------------- what is refused

REFUSED = {
    "a_store_that_is_not_there": (("stats", "sqlite:///{tmp}/typo.db"), "no store at {tmp}/typo.db"),
    "a_rebuild_of_nothing": (("rebuild", "sqlite:///{tmp}/typo.db"), "no store at {tmp}/typo.db"),
    "an_export_of_nothing": (("export", "sqlite:///{tmp}/typo.db", "{tmp}/out"), "no store at {tmp}/typo.db"),
    "a_store_in_memory": (("recall", "memory://"), "memory://"),
    "an_import_into_thin_air": (("import", "memory://", "{tmp}/robot.db"), "ends with this command"),
    "an_unknown_scheme": (("stats", "mongo://host"), "'mongo'"),
    "no_url": (("stats", "robot.db"), "'robot.db' is no store URL"),
    "a_naive_time": (("recall", "{url}", "--since", "2026-01-01T00:00:00"), "no time zone"),
    "a_negative_duration": (("recall", "{url}", "--since", "-2h"), "-2h"),
    "a_naive_now": (("recall", "{url}", "--now", "2026-01-01 00:00"), "no time zone"),
    "no_place": (("recall", "{url}", "--near", "1 2"), "'1 2' is no place"),
    "an_infinite_place": (("recall", "{url}", "--near", "1 2 inf"), "not finite"),
    "less_than_nothing": (("recall", "{url}", "--k", "-3"), "k -3"),
    "no_deadline": (("recall", "{url}", "--deadline", "soon"), "'soon' is no duration"),
    "an_unknown_robot": (("recall", "{url}", "--robot", "Robbie"), "'Robbie'; it holds 'robot'"),
    "an_unknown_record": (("explain", "{url}", "mug-77"), "'mug-77'"),
    "an_export_into_no_folder": (("export", "{url}", "{tmp}/nowhere/out.jsonl"), "{tmp}/nowhere"),
    "an_unknown_encoder": (("recall", "{url}", "--encoder", "tarot"), "'tarot'"),
    "forgetting_nothing": (("forget", "{url}"), "one of --person"),
    "forgetting_two_at_once": (("forget", "{url}", "--person", "Sam", "--instance", "mug-1"), "one of --person"),
    "forgetting_nobody": (("forget", "{url}", "--person", "!?"), "'!?' is no name"),
    "no_box": (("forget", "{url}", "--region", "map-0 1 2 3"), "is no box"),
    "a_box_inside_out": (("forget", "{url}", "--region", "map-0 1 1 1 0 0 0"), "is no box"),
    "no_export": (("import", "sqlite:///{tmp}/new.db", "{tmp}/none.jsonl"), "{tmp}/none.jsonl"),
    "no_backup": (("restore", "{url}", "{tmp}/none.db"), "{tmp}/none.db"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_refuses_in_one_sentence_and_touches_nothing(case, neuraxis, url, tmp_path):
    arguments, offending = REFUSED[case]
    before = files(tmp_path)
    spelled = [a.replace("{tmp}", str(tmp_path)).replace("{url}", url) for a in arguments]
    refused(neuraxis(*spelled), offending.replace("{tmp}", str(tmp_path)))
    assert files(tmp_path) == before


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if not path.name.endswith((".lock", "-shm", "-wal"))}


def test_two_robots_in_one_store_are_told_apart(neuraxis, url):
    with operations.opened(url, to_write=True) as backend:
        backend.write(Batch(records=(mug("m", robot="other"),)))
    refused(neuraxis("recall", url), "'other', 'robot': say which with --robot")
    told = neuraxis("recall", url, "--robot", "other", "--json").answer
    assert {one["record"]["robot"] for one in told["recollections"]} == {"other"}


# ---------------------------------------------------------------- as it is documented


def test_the_readmes_commands_run_in_their_order(neuraxis, url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Memory from the command line")[2]
    lines = [
        shlex.split(line, comments=True) for line in section.partition("```sh\n")[2].partition("```")[0].splitlines()
    ]
    assert len(lines) == 8
    for program, group, *arguments in lines:
        assert (program, group) == ("neuraxis", "memory")
        ran = neuraxis(*arguments)
        assert ran.code == 0, (arguments, ran.err)
        assert ran.out.strip()


def test_every_command_says_what_it_does_and_prints_json():
    commands = typer.main.get_command(memory).commands
    assert set(commands) == set(
        "stats recall explain export import verify rebuild backup restore forget reembed".split()
    )
    for name, command in commands.items():
        assert command.help, name
        assert "--json" in {option for parameter in command.params for option in parameter.opts}, name


# ---------------------------------------------------------------- as people run it

CONSOLE = """
from importlib import metadata
from brain_nodes import cli
from memory.cli import register
if "memory" not in {point.name for point in metadata.entry_points(group=cli.GROUP)}:
    register(cli.app)
cli.main()
"""


def in_a_process(*arguments: str) -> Ran:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, "-c", CONSOLE, "memory", *arguments], cwd=ROOT, env=env, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_process_of_its_own_answers_beside_the_writer(url):
    with LifelongMemory.open(url, clock=lambda: START_NS, continue_=True):
        told = in_a_process("recall", url, "--subject", "Sam", "--now", NOW, "--json").answer
    assert [one["says"] for one in told["recollections"]] == ['"Sam likes coffee at nine"']


def test_a_process_of_its_own_ends_with_code_2_and_one_sentence(url, tmp_path):
    refused(in_a_process("stats", f"sqlite:///{tmp_path}/typo.db", "--json"), "no store at")
