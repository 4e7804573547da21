# SPDX-License-Identifier: Apache-2.0
"""`neuraxis memory`: look into a store, copy it, bring it back, correct it; over any store URL.

Neighbours: operations.py and copies.py do the work, printing.py makes the tables.
Rules of the file: with --json one object goes to stdout, everything else to stderr; an error is one sentence and exit
code 2; looking needs no writer's lock, so it works beside a running robot.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from memory import copies, operations, printing
from memory.encoders import ENCODERS, Encoder, open_encoder
from memory.errors import RejectedInput, StoreUnavailable
from memory.provenance import DEPTH, Explanation
from memory.records import Cue, Status

memory = typer.Typer(help="Look into a store, copy it, bring it back, correct it.", no_args_is_help=True)

Store = Annotated[str, typer.Argument(help="Store URL: sqlite:///robot.db, neo4j://host, ...", metavar="URL")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Robot = Annotated[str, typer.Option(help="Namespace; by default the only one in the store.")]


def register(application: typer.Typer) -> None:
    """Add the commands of this package."""
    application.add_typer(memory, name="memory")


@memory.command("stats")
def show_stats(store: Store, as_json: Json = False) -> None:
    """What it holds and weighs, and which limits are near."""
    with operations.opened(store) as backend:
        found = operations.stats(backend, store)
    _say(as_json, printing.stats_object(store, found), printing.stats_table(store, found))
    for warning in found.warnings:
        _aside("warning", warning)


@memory.command()
def recall(
    store: Store,
    text: Annotated[str, typer.Option(help="Words.")] = "",
    label: Annotated[str, typer.Option(help="Class of a thing.")] = "",
    subject: Annotated[str, typer.Option(help="Id or word the facts are about.")] = "",
    predicate: Annotated[str, typer.Option(help="Facts of this kind: inside, likes, ...")] = "",
    place: Annotated[str, typer.Option(help="Id of a place or receptacle.")] = "",
    kind: Annotated[list[str], typer.Option(help="Only records of this kind; may be given again.")] = [],  # noqa: B006
    near: Annotated[str, typer.Option(help="Nearest first: 'x y z' in metres.")] = "",
    since: Annotated[str, typer.Option(help="2026-01-01T00:00:00Z with its zone, or how long ago: 2h, 3d.")] = "",
    until: Annotated[str, typer.Option(help="Likewise; not included.")] = "",
    believed: Annotated[str, typer.Option(help="What was believed then, likewise.")] = "",
    now: Annotated[str, typer.Option(help="What ages are counted from, with its zone; by default this moment.")] = "",
    k: Annotated[int, typer.Option("--k", "-k", help="At most so many; 0 = all.")] = 10,
    deadline: Annotated[str, typer.Option(help="Answer by then, partial if it must.")] = "1s",
    encoder: Annotated[str, typer.Option(help="Find by meaning too, with the encoder of the store's vectors.")] = "",
    robot: Robot = "",
    as_json: Json = False,
) -> None:
    """What is remembered of a cue, how old it is and how far to trust it."""
    now_ns = printing.moment_ns(now, time.time_ns()) if now else time.time_ns()
    cue = Cue(
        text=text, label=label, subject=subject, predicate=predicate, place_id=place, kinds=tuple(kind), k=k,
        near_m=printing.place_m(near) if near else None,
        since_ns=printing.moment_ns(since, now_ns) if since else None,
        until_ns=printing.moment_ns(until, now_ns) if until else None,
        as_of_recorded_ns=printing.moment_ns(believed, now_ns) if believed else None,
        deadline_s=printing.span_s(deadline),
    )  # fmt: skip
    with operations.remembering(store, robot, encoder=_encoder(encoder)) as asked:
        found = asked.recall(cue, now_ns)
    if found.status is Status.FAILED:
        raise StoreUnavailable(f"no memory answered: {'; '.join(found.missing)}")
    _say(as_json, printing.recall_object(found), printing.recall_table(found))
    for word, sentences in (("missing", found.missing), ("note", found.notes)):
        for sentence in sentences:
            _aside(word, sentence)


@memory.command("explain")
def show_explanation(
    store: Store,
    record: Annotated[str, typer.Argument(help="Id of a record.", metavar="ID")],
    depth: Annotated[int, typer.Option(min=0, help="How far down to follow evidence and causes.")] = DEPTH,
    robot: Robot = "",
    as_json: Json = False,
) -> None:
    """Why it is believed: every version, what it rests on, what closed it."""
    with operations.remembering(store, robot) as asked:
        found = asked.explain(record, depth=depth)
    if not found.versions:
        raise RejectedInput(f"{store} holds no record {record!r}{f' ({found.note})' if found.note else ''}")
    _say(as_json, _explained(found), found.tree())


@memory.command("export")
def write_export(
    store: Store,
    file: Annotated[Path, typer.Argument(help="Where the lines go; replaced whole.")],
    as_json: Json = False,
) -> None:
    """Write everything as lines of JSON that any backend imports to an equal store."""
    with _progress("lines", None) as told:
        lines = copies.export_store(store, file, told)
    answer = {"store": store, "file": str(file), "lines": lines, "bytes": file.stat().st_size}
    _say(as_json, answer, f"{lines} lines, {printing.size(file.stat().st_size)}, in {file}")


@memory.command("import")
def read_export(store: Store, file: Annotated[Path, typer.Argument(help="An export.")], as_json: Json = False) -> None:
    """Fill an empty store with an export: all of it, or nothing."""
    if not file.is_file():
        raise StoreUnavailable(f"there is no export at {file}")
    with _progress("bytes", file.stat().st_size) as told:
        counts = copies.import_lines(store, file, told)
    _say(as_json, {"store": store, "file": str(file), "records": counts.records, "tallies": counts.tallies},
         f"{store} holds {counts.records} records")  # fmt: skip


@memory.command()
def verify(store: Store, as_json: Json = False) -> None:
    """Compare rows with their checksums, and indexes with the rows."""
    with operations.opened(store) as backend:
        said = backend.maintain("verify")
    _say(as_json, {"store": store, "ok": True, "said": said}, said)


@memory.command()
def rebuild(store: Store, as_json: Json = False) -> None:
    """Make every index anew from the rows."""
    with operations.opened(store, to_write=True) as backend:
        said = backend.maintain("rebuild")
    _say(as_json, {"store": store, "said": said}, said)


@memory.command("backup")
def write_backup(
    store: Store,
    file: Annotated[Path, typer.Argument(help="Where the copy goes.")],
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of an older backup.")] = False,
    as_json: Json = False,
) -> None:
    """Copy the store while the robot goes on writing. Pictures and the quarantine are files beside it."""
    said = copies.back_up(store, file, replace=replace)
    _say(as_json, {"store": store, "file": str(file), "bytes": file.stat().st_size, "said": said}, said)


@memory.command()
def restore(
    store: Store,
    file: Annotated[Path, typer.Argument(help="A backup, or an export.")],
    replace: Annotated[bool, typer.Option("--replace", help="Also where records are; they are kept aside.")] = False,
    as_json: Json = False,
) -> None:
    """Bring a backup back: verified first, then put in its place."""
    if not file.is_file():
        raise StoreUnavailable(f"there is no backup at {file}")
    with _progress("bytes", file.stat().st_size) as told:
        done = copies.restore(store, file, told, replace=replace)
    kept = f"; what was there is in {done.aside}" if done.aside else ""
    answer = {"store": store, "file": str(file), "records": done.counts.records, "aside": done.aside, "said": done.said}
    _say(as_json, answer, f"{done.said}{kept}")


@memory.command()
def forget(
    store: Store,
    person: Annotated[str, typer.Option(help="Name of a person: whatever mentions it under any alias.")] = "",
    instance: Annotated[str, typer.Option(help="Id of a thing or place.")] = "",
    region: Annotated[str, typer.Option(help="Box in a map: 'map x y z x y z', lowest corner first, metres.")] = "",
    token: Annotated[str, typer.Option(help="From the first call: erase what was counted then.")] = "",
    robot: Robot = "",
    as_json: Json = False,
) -> None:
    """Erase everything about one of them, for good. Two calls: the first only counts and gives a token.

    Backups, exports and the quarantine are files of their own, which it does not reach.
    """
    box = printing.region(region) if region else None
    if sum(map(bool, (person, instance, box))) != 1:
        raise RejectedInput("say one of --person, --instance and --region")
    with operations.remembering(store, robot, to_write=bool(token)) as asked:
        try:
            found = asked.forget(person=person, region=box, instance=instance, token=token)
        except ValueError as error:
            raise RejectedInput(str(error)) from error
    counts = {"records": found.records, "pictures": found.blobs, "rows": found.rows, "erased": bool(found.rows)}
    if found.rows:
        said = (
            f"{found.records} records erased, {found.rows} rows, {found.blobs} pictures; an audit says when, not what"
        )
    elif found.token:
        said = (
            f"{found.records} records and {found.blobs} pictures would be erased; to do it, add --token {found.token}"
        )
    else:
        said = "nothing is known about that"
    _say(as_json, {"store": store, **counts, "token": found.token}, said)


@memory.command()
def reembed(
    store: Store,
    encoder: Annotated[str, typer.Option(help=f"One of {', '.join(ENCODERS)}.")],
    as_json: Json = False,
) -> None:
    """Give every record a vector of this encoder. May be stopped and begun again."""
    chosen = _encoder(encoder)
    if chosen is None:
        raise RejectedInput("--encoder names no encoder")
    with operations.opened(store, to_write=True) as backend:
        with _progress("log entries", backend.last_sequence()) as told:
            done = operations.reembed(backend, chosen, told)
        backend.maintain("checkpoint")
    if done.failing and not done.embedded:
        raise StoreUnavailable(f"nothing could be embedded: {done.failing[-1]}")
    answer = {"store": store, "encoder": chosen.id, "embedded": done.embedded, "left": done.backlog}
    _say(as_json, answer, f"{done.embedded} records embedded by {chosen.id}, {done.backlog} left")
    for failing in done.failing:
        _aside("failing", failing)


# ---------------------------------------------------------------- what all of them share


def _encoder(name: str) -> Encoder | None:
    try:
        return open_encoder(name)
    except ValueError as error:
        raise RejectedInput(str(error)) from error


def _explained(node: Explanation) -> dict[str, Any]:
    versions = [printing.record_object(version) for version in node.versions]
    grounds = [_explained(ground) for ground in node.grounds]
    return {"id": node.id, "role": node.role, "note": node.note, "versions": versions, "grounds": grounds}


def _say(as_json: bool, answer: Mapping[str, Any], shown: Any) -> None:
    if as_json:
        print(json.dumps(answer))
    else:
        Console().print(printing.shown(shown) if isinstance(shown, str) else shown, highlight=False, soft_wrap=True)


def _aside(word: str, sentence: str) -> None:
    Console(stderr=True).print(f"[yellow]{word}:[/] {printing.shown(sentence)}", highlight=False, soft_wrap=True)


@contextmanager
def _progress(unit: str, total: int | None) -> Iterator[operations.Told]:
    """A bar on stderr, where that is a terminal; total None where the end is not known."""
    columns = (BarColumn(), TextColumn("{task.completed:,.0f} " + unit), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        shown = bar.add_task("", total=total)
        yield lambda done: bar.update(shown, completed=done)
