# SPDX-License-Identifier: Apache-2.0
"""The `neuraxis` command; every subcommand is a plug-in of the entry point group `neuraxis.commands`.

Neighbours: sim/cli.py registers `run`. A plug-in is a function that takes the typer application; one of the group
`neuraxis.bench` takes the application of `neuraxis bench` and adds a measurement.
Rules of the file: an error of ours is one sentence on stderr and exit code 2, never a traceback.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import typer

from memory.errors import NeuraxisError

GROUP = "neuraxis.commands"
BENCH_GROUP = "neuraxis.bench"
FLOORS = ("memory", "brain_nodes", "sim")

app = typer.Typer(
    name="neuraxis", help="A brain for robots that remembers.", no_args_is_help=True, pretty_exceptions_enable=False,
    add_completion=False,
)  # fmt: skip


@app.callback()
def _start() -> None:
    """A brain for robots that remembers."""
    intruder = one_distribution()
    if intruder:
        raise NeuraxisError(intruder)


bench = typer.Typer(help="Measure; figures are of this machine, now.", no_args_is_help=True)
app.add_typer(bench, name="bench")


@bench.callback()
def _bench() -> None:
    """Measure; figures are of this machine, now."""


def one_distribution() -> str:
    """One sentence naming an import package that does not lie beside the others; "" if all is well."""
    import importlib.util

    homes = {}
    for name in FLOORS:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            return f"import package {name!r} is missing or has no __init__.py"
        homes[name] = Path(spec.origin).resolve().parent.parent
    strangers = [name for name in FLOORS if homes[name] != Path(__file__).resolve().parent.parent]
    return f"import package {strangers[0]!r} comes from {homes[strangers[0]]}, not from Neuraxis" if strangers else ""


def load_commands(application: typer.Typer) -> None:
    """Let every installed plug-in add its commands."""
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda p: p.name):
        point.load()(application)
    for point in sorted(metadata.entry_points(group=BENCH_GROUP), key=lambda p: p.name):
        point.load()(bench)


def main() -> None:
    """Console script."""
    load_commands(app)
    try:
        app()
    except NeuraxisError as error:
        print(f"neuraxis: {error}", file=sys.stderr)
        raise SystemExit(2) from None
