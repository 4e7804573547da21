# SPDX-License-Identifier: Apache-2.0
"""`neuraxis run`: play episodes of a suite and leave a run folder; and `neuraxis bench ros`.

Neighbours: runner.py plays, results.py makes the tables, report.py the page.
Rules of the file: with --json only one object goes to stdout, everything else to stderr; a bad request ends with exit
code 2 before anything is written.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from brain_nodes.config import BrainConfig, HippocampusConfig
from memory.encoders import ENCODERS
from sim.bench_data import SUBSETS
from sim.errors import SuiteError
from sim.report import write_report
from sim.results import as_object, episode_table, paired_table, published_table, table
from sim.runner import ARMS, PLANNERS, RESULTS, SUITES, Run, RunConfig, check_folder, make_suite, play_run
from sim.scoring import EpisodeResult, paired
from sim.trace import write_whole

LISTED = 20  # a run of so many episodes is shown episode by episode as well
DATA_VARIABLE = "NEURAXIS_EB_DATA"


def register(application: typer.Typer) -> None:
    """Add the commands of this package."""
    application.command("run")(run)


def register_bench(bench: typer.Typer) -> None:
    """Add the measurements of this package to `neuraxis bench`."""
    bench.command("ros")(bench_over_ros)


def bench_over_ros(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """How long a trip over the ROS graph takes: recall, and from an observation to its action."""
    figures = _over_ros("sim.ros.bench").bench_ros()
    if as_json:
        print(json.dumps(figures))
        return
    shown = Table(title="over ROS 2, lockstep, ms")
    for column in ("", "p50", "p95", "p99"):
        shown.add_column(column)
    for name, quantiles in figures.items():
        if isinstance(quantiles, dict):
            shown.add_row(name, *(f"{quantiles[q]:.2f}" for q in ("p50_ms", "p95_ms", "p99_ms")))
    Console().print(shown)


def _over_ros(module: str) -> Any:
    """A module of sim/ros, which needs rclpy and our interfaces."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise SuiteError(
            f"{error.name} is not installed: --ros needs the extra [ros] and the wheel of brain_nodes/interfaces"
        ) from error


def run(
    suite: Annotated[str, typer.Option(help=f"Which episodes: {', '.join(SUITES)}.")] = "home",
    data: Annotated[str, typer.Option(help="Folder of EmbodiedBench's files.", envvar=DATA_VARIABLE)] = "",
    subset: Annotated[str, typer.Option(help="Only this subset (eb-alfred) or task family (home).")] = "",
    episodes: Annotated[int, typer.Option(help="How many; 0 = all (home: 10).")] = 0,
    mode: Annotated[str, typer.Option(help="benchmark (find teleports) or embodied (walk, look, open).")] = "benchmark",
    memory: Annotated[str, typer.Option(help=f"Arm: {', '.join(ARMS)}; or memories: spatial,yours.")] = "full",
    planner: Annotated[str, typer.Option(help=f"Who plays: {', '.join(PLANNERS)}.")] = "symbolic",
    against: Annotated[str, typer.Option(help="Play this memory arm too, and compare episode by episode.")] = "",
    store: Annotated[str, typer.Option(help="Store URL; by default a fresh SQLite file in the run folder.")] = "",
    continue_: Annotated[bool, typer.Option("--continue", help="Go on with a store that holds records.")] = False,
    encoder: Annotated[
        str, typer.Option(help=f"Find by meaning too: {', '.join(n for n in ENCODERS if 'hash' not in n)}.")
    ] = "",
    ros: Annotated[bool, typer.Option("--ros", help="The regions as ROS 2 nodes, in processes of their own.")] = False,
    seed: Annotated[int, typer.Option(help="Chooses homes, tasks and nights.")] = 0,
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("runs/latest"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Play episodes and say how it went."""
    console = Console(stderr=as_json)
    config = RunConfig(
        suite=suite, data=data, subset=subset, episodes=episodes, mode=mode, memory=memory, planner=planner,
        store=store, continue_=continue_, seed=seed,
        brain=BrainConfig(hippocampus=HippocampusConfig(encoder=encoder)),
    )  # fmt: skip
    arms = [config]
    if against:
        if store:
            raise SuiteError("--against plays on fresh stores, so it goes without --store")
        arms.append(dataclasses.replace(config, memory=against))
    folders = [out / arm.memory if against else out for arm in arms]
    for folder in folders:
        check_folder(folder)
    played = [_play_arm(arm, folder, console, ros) for arm, folder in zip(arms, folders, strict=True)]
    answer = played[0][1]
    if against:
        comparison = paired(played[0][0].results, played[1][0].results, step_limit=played[0][0].limit_steps)
        answer = {**answer, "against": played[1][1], "paired": dataclasses.asdict(comparison)}
        console.print(paired_table(comparison, memory, against))
    if suite == "eb-alfred" and mode == "benchmark" and planner == "symbolic":
        published = published_table(Path(data), [s for s in SUBSETS if not subset or s == subset])
        if published is not None:
            console.print(published)
    if as_json:
        print(json.dumps(answer))


def _play_arm(config: RunConfig, out: Path, console: Console, ros: bool) -> tuple[Run, dict[str, Any]]:
    player = _over_ros("sim.ros.run").play_run_over_ros if ros else play_run
    suite = make_suite(config)
    began = time.perf_counter()
    bar = _bar(console)
    shown = bar.add_task(f"{suite.name} {config.memory}", total=len(suite.tasks()), success="")
    solved = [0]

    def progress(number: int, total: int, result: EpisodeResult) -> None:
        bar.start()
        solved[0] += result.success
        bar.update(shown, completed=number, success=f"success {solved[0]}/{number}")

    try:
        played: Run = player(config, suite, out, progress)
    finally:
        if bar.live.is_started:
            bar.stop()
    answer = as_object(played, time.perf_counter() - began)
    content = {**answer, "results": [dataclasses.asdict(r) for r in played.results]}
    write_whole(out / RESULTS, [json.dumps(content, indent=1)])
    write_report(out)
    if len(played.results) <= LISTED:
        console.print(episode_table(played))
    console.print(table(played))
    console.print(f"report: {out / 'report.html'}", highlight=False)
    return played, answer


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[success]}"),
        TimeElapsedColumn(), console=console, transient=not console.is_terminal,
    )  # fmt: skip
