# SPDX-License-Identifier: Apache-2.0
"""`neuraxis bench memory`.

Neighbours: benchmark.py measures, results.py prints; brain_nodes/cli.py loads `register`.
Rules of the file: with --json only one object goes to stdout, everything else to stderr; nothing heavy is imported
before the command runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from memory.errors import NeuraxisError

_CACHE = Path("~/.cache/neuraxis/bench")
_HISTORY = Path("tests") / "benchmarks" / "history.jsonl"


class BenchmarkError(NeuraxisError):
    """The benchmark was asked for something it does not have."""


def register(bench: typer.Typer) -> None:
    """Add the command to `neuraxis bench`."""
    bench.command("memory")(bench_memory)


def bench_memory(
    size: Annotated[str, typer.Option(help="Records in the store: 100k or 1m (kept; first run is long).")] = "100k",
    neo4j: Annotated[str, typer.Option(help="Measure this server too, such as bolt://localhost:7687.")] = "",
    peers: Annotated[bool, typer.Option("--peers", help="Measure others on the same records, if installed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Say where the time of a recall goes.")] = False,
    record: Annotated[bool, typer.Option("--record", help=f"Append a line to {_HISTORY}.")] = False,
    cache: Annotated[Path, typer.Option(help="Where stores and vectors are kept.")] = _CACHE,
    sentences: Annotated[
        Path | None, typer.Option(help="Folder of ALFRED's train.jsonl.gz and valid_unseen.jsonl.gz.")
    ] = None,
) -> None:
    """How fast and how large the memory is, with real sentences, here and now."""
    from memory.bench.benchmark import SIZES, Settings, run_benchmark
    from memory.bench.results import append_history, commit_of, read_history

    if size not in SIZES:
        raise BenchmarkError(f"--size {size!r}: known are {', '.join(SIZES)}")
    settings = Settings(
        size=size, records=SIZES[size], neo4j=neo4j, peers=peers, profile=profile, cache=cache, sentences=sentences
    )  # fmt: skip
    errors = Console(stderr=True)
    result = run_benchmark(settings, lambda told: errors.print(told, style="dim", highlight=False))
    checkout = Path(__file__).parents[2]
    history = checkout / _HISTORY
    if as_json:
        print(json.dumps(result.as_object()))
    else:
        console = Console()
        console.print(result.table(read_history(history)))
        for note in result.notes:
            console.print(note, highlight=False)
        if result.profile:
            console.print_json(json.dumps(result.profile))
    if record:
        append_history(history, result.history_line(commit_of(checkout)))
