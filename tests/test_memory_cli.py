# SPDX-License-Identifier: Apache-2.0
"""`neuraxis memory`: every command over a real store, its JSON parsed, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from brain_nodes import cli
from memory import operations
from memory.backend import Batch
from memory.cli import register
from memory.embedding import pack
from memory.lifelong import LifelongMemory
from memory.query import Query
from memory.records import Event, Instance, Place, Relation, Source
from memory.samples import START_NS, S, mug
from memory.testing import exported

ROOT = Path(__file__).parents[1]
NOW = "2026-01-01T01:00:00Z"
DAY_S = 24 * 3600

if "memory" not in {point.name for point in metadata.entry_points(group=cli.GROUP)}:  # a checkout not installed
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
        assert self.code == 0, self.err
        (line,) = self.out.splitlines()
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer


@pytest.fixture
def neuraxis(monkeypatch, capsys) -> Callable[..., Ran]:
    """The console script, in this process."""
    monkeypatch.setenv("COLUMNS", "160")

    def command(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["neuraxis", "memory", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return Ran(ended.value.code or 0, printed.out, printed.err)

    return command


@pytest.fixture
def url(tmp_path) -> str:
    """A day in a kitchen: a mug that moved, a person's habit, a lesson, a look; something refused."""
    address = f"sqlite:///{tmp_path}/robot.db"
    with LifelongMemory.open(address, clock=lambda: START_NS) as memory:
        memory.spatial.add_place(Place(id="kitchen", label="room", name="kitchen", position_m=(0, 0, 0),
                                       valid_from_ns=START_NS))  # fmt: skip
        memory.spatial.see(mug("mug-1"))
        memory.commit()
        memory.spatial.see(mug("mug-1", at_ns=START_NS + 60 * S, x=2.0))
        memory.spatial.relate(Relation(id="r", subject="mug-1", predicate="inside", object="sink",
                                       valid_from_ns=START_NS + 60 * S, evidence=("look-1",)))  # fmt: skip
        memory.temporal.note(Event(id="look-1", name="looked", text="looked at the [bold]sink\x1b[2J",
                                   valid_from_ns=START_NS + 60 * S, subjects=("mug-1",)))  # fmt: skip
        memory.semantic.tell(Relation(id="x", subject="Sam", predicate="likes", object="coffee at nine",
                                      source=Source.TOLD, valid_from_ns=START_NS))  # fmt: skip
        memory.semantic.learn("where", "mug", "sink", True, START_NS + 60 * S, evidence=("look-1",))
        memory.quarantine.set_aside({"depth_m": float("nan")}, "not finite")
        memory.commit()
    return address


def refused(ran: Ran, offending: str) -> None:
    """Exit code 2, nothing on stdout, one sentence on stderr that says what was wrong."""
    assert (ran.code, ran.out.strip()) == (2, ""), ran
    (sentence,) = [line for line in ran.err.splitlines() if line.strip()]
    assert sentence.startswith("neuraxis: ")
    assert offending in sentence, sentence


def text_of(url: str) -> str:
    """The whole store as lines."""
    with operations.opened(url) as backend:
        return exported(backend)


# ---------------------------------------------------------------- looking


def test_stats_count_what_is_there(neuraxis, url):
    told = neuraxis("stats", url, "--json").answer
    assert (told["records"], told["current"], told["retired"]) == (8, 7, 1)
    assert told["by_kind"] == {"event": 1, "instance": 3, "lesson": 1, "place": 1, "relation": 2}
    assert told["robots"] == ["robot"]
    assert told["quarantine"] == {"not finite": 1}
    assert told["bytes"] == told["rows_bytes"] + told["index_bytes"] + told["blobs_bytes"] > 0
    assert (told["format"], told["export_format"], told["warnings"]) == (2, 2, [])
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
    assert (one["says"], one["memory"]) == ("Sam likes coffee at nine", "semantic")
    assert (one["source"], one["epistemic"], one["age_s"]) == ("told", "told", 3600.0)
    assert one["record"]["object"] == "coffee at nine"
    shown = neuraxis("recall", url, "--subject", "Sam", "--now", NOW).out
    assert all(word in shown for word in ("coffee at nine", "1h", "told"))


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


# ---------------------------------------------------------------- copies


def test_an_export_comes_back_equal_and_only_into_an_empty_store(neuraxis, url, tmp_path):
    first, second = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    told = neuraxis("export", url, first, "--json").answer
    assert told["lines"] == len(first.read_text().splitlines())
    copy = f"sqlite:///{tmp_path}/copy.db"
    assert neuraxis("import", copy, first, "--json").answer["records"] == 8
    neuraxis("export", copy, second)
    assert first.read_bytes() == second.read_bytes() == text_of(url).encode()
    refused(neuraxis("import", copy, first), "written before")
    assert not list(tmp_path.glob("*.partial"))


def test_a_broken_export_is_refused_by_its_line_and_imports_nothing(neuraxis, url, tmp_path):
    file = tmp_path / "export.jsonl"
    neuraxis("export", url, file)
    lines = file.read_bytes().splitlines(keepends=True)
    for broken, said in ((b"{}\n", "line 5"), (b"\xff\xfe\n", "no export")):
        file.write_bytes(b"".join([*lines[:4], broken, *lines[5:]]))
        copy = f"sqlite:///{tmp_path}/copy-{said[:4]}.db"
        refused(neuraxis("import", copy, file), said)
        assert neuraxis("stats", copy, "--json").answer["records"] == 0


def test_an_export_beside_a_writer_is_of_one_moment(neuraxis, url, tmp_path):
    """Every version of the moving mug but the last is retired, in whatever state the writer is meanwhile."""
    with writing(url):
        for n in range(3):
            neuraxis("export", url, tmp_path / f"{n}.jsonl", "--json")
            lines = map(json.loads, (tmp_path / f"{n}.jsonl").read_text().splitlines()[1:])
            cart = [line for line in lines if line.get("id") == "cart"]
            open_ended = [v for v in cart if v["retired_ns"] is None and v["valid_to_ns"] is None]
            assert len(open_ended) == 1


def test_a_backup_beside_a_busy_writer_ends_and_is_whole(neuraxis, url, tmp_path):
    with writing(url):
        neuraxis("backup", url, tmp_path / "copy.db", "--json")
    copy = f"sqlite:///{tmp_path}/copy.db"
    assert neuraxis("verify", copy, "--json").answer["ok"] is True
    assert text_of(url).startswith(text_of(copy)[:200])


class writing:
    """A robot whose cart never stands still."""

    def __init__(self, url: str) -> None:
        self.memory = LifelongMemory.open(url, clock=lambda: START_NS, continue_=True)
        self.begun, self.stop = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self) -> None:
        n = 0
        while not self.stop.is_set():
            n += 1
            self.memory.spatial.see(Instance(id="cart", label="cart", position_m=(float(n), 0, 0),
                                             valid_from_ns=START_NS + n * S))  # fmt: skip
            self.memory.commit()
            self.begun.set()

    def __enter__(self) -> None:
        self.thread.start()
        assert self.begun.wait(10)

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()
        self.memory.close()


def test_a_backup_is_brought_back_and_what_it_replaces_is_kept(neuraxis, url, tmp_path):
    before = text_of(url)
    neuraxis("backup", url, tmp_path / "copy.db")
    with operations.opened(url, to_write=True) as backend:
        backend.write(Batch(records=(mug("later"),)))
    after = text_of(url)
    refused(neuraxis("restore", url, tmp_path / "copy.db"), "holds 9 records; --replace")
    assert text_of(url) == after
    told = neuraxis("restore", url, tmp_path / "copy.db", "--replace", "--json").answer
    assert told["records"] == 8
    assert text_of(url) == before
    assert text_of(f"sqlite:///{told['aside']}") == after
    kept = {path.name for path in tmp_path.iterdir() if not path.name.startswith(("robot.db", "copy.db"))}
    assert kept == set()


def test_an_export_is_a_backup_too_and_brings_a_lost_store_back(neuraxis, url, tmp_path):
    before = text_of(url)
    neuraxis("export", url, tmp_path / "export.jsonl")
    new = f"sqlite:///{tmp_path}/new.db"
    assert neuraxis("restore", new, tmp_path / "export.jsonl", "--json").answer["aside"] == ""
    assert text_of(new) == before


def test_a_damaged_backup_changes_nothing(neuraxis, url, tmp_path):
    neuraxis("backup", url, tmp_path / "copy.db")
    content = bytearray((tmp_path / "copy.db").read_bytes())
    at = content.index(b"coffee at nine")
    content[at : at + 6] = b"poison"
    (tmp_path / "copy.db").write_bytes(content)
    before = text_of(url)
    refused(neuraxis("restore", url, tmp_path / "copy.db", "--replace"), "copy.db cannot be trusted")
    assert text_of(url) == before
    assert not list(tmp_path.glob("*replaced*"))
    assert not list(tmp_path.glob(".*"))


def test_a_destroyed_store_is_replaced_by_its_backup(neuraxis, url, tmp_path):
    before = text_of(url)
    neuraxis("backup", url, tmp_path / "copy.db")
    (tmp_path / "robot.db").write_bytes(b"not a database at all, " * 500)
    refused(neuraxis("verify", url), "robot.db")
    refused(neuraxis("restore", url, tmp_path / "copy.db"), "robot.db")
    assert neuraxis("restore", url, tmp_path / "copy.db", "--replace", "--json").code == 0
    assert text_of(url) == before


def test_a_backup_overwrites_nothing_unasked_least_of_all_the_store(neuraxis, url, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    refused(neuraxis("backup", url, tmp_path / "thesis.tex"), "--replace")
    refused(neuraxis("backup", url, tmp_path / "robot.db", "--replace"), "is the store itself")
    refused(neuraxis("backup", url, tmp_path / "nowhere" / "copy.db"), "no such folder")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


# ---------------------------------------------------------------- correcting


def test_forgetting_takes_two_steps_and_reaches_what_rests_on_it(neuraxis, url):
    first = neuraxis("forget", url, "Sam", "--json").answer
    assert (first["records"], first["erased"], first["rows"]) == (1, False, 0)
    assert neuraxis("recall", url, "--subject", "Sam", "--json").answer["status"] == "found"
    refused(neuraxis("forget", url, "Sam", "--token", "0" * 16), "'0000000000000000'")
    done = neuraxis("forget", url, "Sam", "--token", first["token"], "--json").answer
    assert (done["erased"], done["rows"]) == (True, 1)
    assert neuraxis("recall", url, "--subject", "Sam", "--json").answer["status"] == "none"
    assert neuraxis("stats", url, "--json").answer["audits"] == 1
    assert neuraxis("forget", url, "look-1", "--json").answer["records"] == 3, "the fact and the lesson rest on it"


def test_a_token_is_for_one_state_of_the_store(neuraxis, url):
    token = neuraxis("forget", url, "Sam", "--json").answer["token"]
    with operations.opened(url, to_write=True) as backend:
        backend.write(Batch(records=(mug("later"),)))
    refused(neuraxis("forget", url, "Sam", "--token", token), "as the store stands now")


def test_rebuild_makes_the_indexes_anew(neuraxis, url):
    before = text_of(url)
    assert "made anew" in neuraxis("rebuild", url, "--json").answer["said"]
    assert text_of(url) == before


class Letters:
    """Counts letters; `broken_after` calls it fails once."""

    id = "letters@2"
    broken_after = 0

    def encode(self, texts):
        Letters.broken_after -= 1
        if Letters.broken_after == 0:
            raise KeyboardInterrupt
        return [pack([float(text.count(letter)) for letter in "aeiou"]) for text in texts]


@pytest.fixture
def letters(monkeypatch):
    class Point:
        name = "letters"

        def load(self):
            return Letters

    monkeypatch.setattr(operations, "entry_points", lambda group: [Point()] if group == operations.ENCODERS else [])
    monkeypatch.setattr(Letters, "broken_after", 0)


def test_embedding_again_may_be_stopped_and_begun_anew(neuraxis, url, letters, monkeypatch):
    with operations.opened(url, to_write=True) as backend:
        old = [replace(mug(f"old{n}"), embedding=pack([1.0]), encoder="letters@1") for n in range(150)]
        backend.write(Batch(records=tuple(old)))
    monkeypatch.setattr(Letters, "broken_after", 2)
    with operations.opened(url, to_write=True) as backend, pytest.raises(KeyboardInterrupt):
        operations.reembed(backend, Letters(), lambda done: None)
    assert neuraxis("stats", url, "--json").answer["by_encoder"] == {"letters@1": 94, "letters@2": 64}
    told = neuraxis("reembed", url, "--encoder", "letters", "--json").answer
    assert told == {"store": url, "encoder": "letters@2", "embedded": 94}
    assert neuraxis("stats", url, "--json").answer["by_encoder"] == {"letters@2": 158}
    assert neuraxis("reembed", url, "--encoder", "letters", "--json").answer["embedded"] == 0
    refused(neuraxis("reembed", url, "--encoder", "numbers"), "'numbers'; there are letters")


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
    assert [one["says"] for one in told["recollections"]] == ["Sam likes coffee at nine"]


def test_a_process_of_its_own_ends_with_code_2_and_one_sentence(url, tmp_path):
    refused(in_a_process("stats", f"sqlite:///{tmp_path}/typo.db", "--json"), "no store at")
