# SPDX-License-Identifier: Apache-2.0
"""What the tests of `neuraxis memory` share: the command itself and a store to look into."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import pytest

from brain_nodes import cli
from memory import operations
from memory.cli import register
from memory.lifelong import LifelongMemory
from memory.records import Event, Place, Relation, Source
from memory.samples import START_NS, S, mug
from memory.testing import exported

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


@pytest.fixture(name="neuraxis")
def memory_command(monkeypatch, capsys) -> Callable[..., Ran]:
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


@pytest.fixture(name="url")
def kitchen_url(tmp_path) -> str:
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
