# SPDX-License-Identifier: Apache-2.0
"""The report of a run: one page that shows what was played, where the robot went and what it believed.

Neighbours: report_reading.py reads the run's folder, report_belief.py judges, report_drawing.py draws; cli.py asks.
Rules of the file: the page needs nothing but itself; every word that comes from a file is escaped; the same folder
gives the same bytes; of a long run only the failures and the first episodes are drawn.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sim.report_belief import compare, in_words, wrong_in_words
from sim.report_drawing import draw_belief, draw_days, draw_walk, plan_symbols, shade
from sim.report_reading import (
    EpisodeTrace,
    Figures,
    FloorPlan,
    ReportedRun,
    TracedStep,
    read_plan,
    read_run,
    read_trace,
)
from sim.report_style import SCRIPT, STYLE
from sim.scoring import EpisodeResult
from sim.trace import write_whole

PAGE = "report.html"
ALL_SHOWN, FIRST_SHOWN = 40, 10  # a run of more than ALL_SHOWN episodes shows its failures and the first ones
RULES_WORLD = (
    "eb-alfred-sym is the embedded rules world: EmbodiedBench's tasks and action list, played by symbolic rules. "
    "It is not AI2-THOR: no camera, no physics. These figures do not compare with published EB-ALFRED results."
)
REASONS = {
    "SUCCESS": "the judge found every condition of the goal met",
    "GOAL_BELIEVED": "the brain believed the goal reached, the judge did not agree",
    "STEP_LIMIT": "no steps, or no time, left",
    "INVALID_LIMIT": "too many steps that the world refused",
    "NO_PLAN": "no plan leads to the goal as it was understood",
    "NOT_FOUND": "a thing of the goal was looked for and not found",
    "NOT_UNDERSTOOD": "no goal could be read from the instruction",
    "BUDGET_SPENT": "too many plans for one episode",
    "LOOP": "the same steps over and over",
    "EPISODE_NOT_LOADED": "the world of this episode could not be built; counts as failed",
    "SCRIPT_ENDED": "the script had no more steps",
}


@dataclass(slots=True)
class Plans:
    """The floor plans of a run, read when first asked for.

    Attributes:
        drawn: Names of the plans that some drawing uses.
    """

    folder: Path
    read: dict[str, FloorPlan] = field(default_factory=dict)
    drawn: list[str] = field(default_factory=list)

    def played_in(self, result: EpisodeResult, trace: EpisodeTrace) -> tuple[str, FloorPlan] | None:
        """The plan of an episode's home and the key of its symbol, None if the run kept no such plan."""
        name = trace.map_id or self._guessed(result, trace)
        if not name:
            return None
        plan = self._plan(name)
        if name not in self.drawn:
            self.drawn.append(name)
        return f"plan-{self.drawn.index(name)}", plan

    def symbols(self) -> list[str]:
        """Every plan that is drawn, once."""
        return [plan_symbols(self.read[name], f"plan-{n}") for n, name in enumerate(self.drawn)]

    def _plan(self, name: str) -> FloorPlan:
        if name not in self.read:
            self.read[name] = read_plan(self.folder / f"{name}.json")
        return self.read[name]

    def _guessed(self, result: EpisodeResult, trace: EpisodeTrace) -> str:
        """For a trace that does not name its map: the home in the episode's id, or the furniture that things are in."""
        names = sorted(path.stem for path in self.folder.glob("*.json"))
        if (home := result.id.partition("/")[0]) in names:
            return home
        parents = {thing.inside for thing in trace.true}
        fits = [(len(parents & {t.id for t in self._plan(name).furniture}), name) for name in names]
        best, name = max(fits, default=(0, ""))
        return name if best else ""


def write_report(folder: Path) -> Path:
    """Write report.html of a run's folder and return its path.

    Raises:
        ValueError: a file of the folder is missing or says nonsense; the message names it.
    """
    run = read_run(folder / "results.json")
    shown = _shown(run.results)
    plans = Plans(folder / "maps")
    episodes = [_episode(at, run.results[at], folder, plans, first=at == shown[0]) for at in shown]
    page = folder / PAGE
    write_whole(page, [
        "<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(run.suite)}: report of a run</title>", f"<style>{STYLE}</style></head><body>", *plans.symbols(),
        "<main>", *_head(run), *_days(run, shown), "<h2>Episodes</h2>", _legend() if plans.drawn else "", *episodes,
        *_rest(run.results, shown), *_foot(folder), "</main>", f"<script>{SCRIPT}</script></body></html>",
    ])  # fmt: skip
    return page


def _shown(results: Sequence[EpisodeResult]) -> list[int]:
    """Which episodes get a section of their own."""
    everything = len(results) <= ALL_SHOWN
    return [at for at, result in enumerate(results) if everything or at < FIRST_SHOWN or not result.success]


def _head(run: ReportedRun) -> Iterable[str]:
    low, high = run.interval
    whole, episodes = run.whole, max(1, run.whole.episodes)
    yield f"<h1>{_text(run.suite)} <span>{_text(run.mode)}</span></h1>"
    yield '<dl class="about">' + "".join(f"<div><dt>{_text(k)}</dt><dd>{_text(v)}</dd></div>" for k, v in run.about)
    yield "</dl>"
    if run.suite == "eb-alfred-sym":
        yield f'<p class="note">{RULES_WORLD}</p>'
    yield '<div class="tiles">'
    yield _tile("success rate", f"{whole.success_rate:.0%}", f"95% interval {low:.0%} to {high:.0%}", _whisker(run))
    yield _tile("goal conditions met", f"{whole.goal_condition:.0%}", f"of {whole.episodes} episodes, on average")
    walked = f"; {run.distance_m_mean:.1f} m walked" * (run.distance_m_mean > 0)
    yield _tile("steps", f"{whole.steps_mean:.1f}", f"an episode{walked}")
    yield _tile("invalid actions", f"{whole.invalid_action_ratio:.1%}", "of all steps, refused by the world")
    yield _tile(
        "thoughts", f"{run.planner_calls / episodes:.1f}", f"planner calls an episode; {run.llm_calls} LLM calls"
    )
    yield "</div>"
    yield f'<div class="beside">{_figures_table([*run.days, *run.subsets, run.whole])}{_ends_table(run.reasons)}</div>'


def _tile(name: str, figure: str, said: str, drawn: str = "") -> str:
    return (
        f'<div class="tile"><div class="what">{name}</div><div class="figure">{figure}</div>{drawn}<p>{said}</p></div>'
    )


def _whisker(run: ReportedRun) -> str:
    """The success rate as a bar with its interval over it."""
    low, high = (f"{100 * bound:.1f}" for bound in run.interval)
    rate = f"{100 * run.whole.success_rate:.1f}"
    return (
        '<svg class="whisker" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rail" y="3" width="100" height="4"/>'
        f'<rect class="solved" y="3" width="{rate}" height="4"/>'
        f'<path class="spread" d="M{low} 5H{high}M{low} 1v8M{high} 1v8"/></svg>'
    )


def _figures_table(rows: Sequence[Figures]) -> str:
    heads = "".join(f"<th>{name}</th>" for name in ("", "episodes", "success", "goal conditions", "steps", "invalid"))
    return f'<table class="figures"><tr>{heads}</tr>{"".join(map(_figures_row, rows))}</table>'


def _ends_table(reasons: Sequence[tuple[str, int]]) -> str:
    rows = (f"<tr><td>{n}</td><td>{_text(r)}<small>{_text(REASONS.get(r, ''))}</small></td></tr>" for r, n in reasons)
    return f'<table class="ends"><tr><th></th><th>how episodes ended</th></tr>{"".join(rows)}</table>'


def _figures_row(part: Figures) -> str:
    bar = f'<span class="rate"><i style="width:{100 * part.success_rate:.0f}%"></i></span>'
    cells = (
        _text(part.name.replace("_", " ")), part.episodes, f'{bar}<span class="share">{part.success_rate:.0%}</span>',
        f"{part.goal_condition:.0%}", f"{part.steps_mean:.1f}", f"{part.invalid_action_ratio:.1%}",
    )  # fmt: skip
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _days(run: ReportedRun, shown: Sequence[int]) -> Iterable[str]:
    if run.suite == "home" and any(r.day for r in run.results):
        yield f"<h2>{_text(' against '.join(day.name for day in run.days).capitalize())}</h2>"
        yield (
            '<p class="said">Each bar is an episode, as high as the steps it took; '
            '<b class="ok">solved</b>, <b class="bad">not solved</b>; the dashed line is the mean. Same homes on every '
            "day, but other tasks, so this is a glance and no paired comparison.</p>"
        )
        yield draw_days(run.results, frozenset(shown))


def _legend() -> str:
    ramp = ", ".join(shade(n / 4) for n in range(5))
    circle = '<svg viewBox="0 0 12 12"><circle class="{}" cx="6" cy="6" r="4.5"/></svg>'
    cross = '<svg viewBox="0 0 12 12"><path class="true {}" d="M3 3l6 6m0-6l-6 6"/></svg>'
    return (
        f'<p class="legend"><span><i class="ramp" style="background:linear-gradient(90deg,{ramp})"></i>walk, start to '
        f"end</span><span>{circle.format('right')}believed, right within 0.5 m</span>"
        f"<span>{circle.format('wrong')}believed, wrong</span><span>{circle.format('gone')}known to be missing</span>"
        f"<span>{cross.format('known-true')}true and known</span><span>{cross.format('')}true, not known</span>"
        '<span><i class="box"></i>furniture it knows</span></p>'
    )


def _episode(at: int, result: EpisodeResult, folder: Path, plans: Plans, *, first: bool) -> str:
    """The section of one episode."""
    content = [f'<details id="e{at + 1}"{" open" * first}><summary>{_badge(result)}', _summary(result), "</summary>"]
    if result.loaded:
        trace = read_trace(folder / "traces" / f"{result.id.replace('/', '_')}.jsonl")
        content += [_understood(result, trace), *_drawings(result, trace, plans), _steps_table(trace.steps)]
    else:
        content.append(f'<p class="said">{_text(REASONS.get(result.reason, result.reason))}</p>')
    return "".join([*content, "</details>"])


def _badge(result: EpisodeResult) -> str:
    kind = "ok" if result.success else "bad"
    return f'<span class="badge {kind}" title="{_text(REASONS.get(result.reason, ""))}">{_text(result.reason)}</span>'


def _summary(result: EpisodeResult) -> str:
    said = [result.id, result.subset.replace("_", " "), _count(result.steps, "step")]
    said += [_count(result.planner_calls, "thought")] * (result.planner_calls > 0)
    said += [f"{result.distance_m:.1f} m"] * (result.distance_m > 0)
    said += [f"{result.invalid_actions} invalid"] * (result.invalid_actions > 0)
    said += [f"goal {result.progress:.0%}"] * (not result.success)
    return f"<b>{_text(result.instruction)}</b><small>{_text(' · '.join(filter(None, said)))}</small>"


def _understood(result: EpisodeResult, trace: EpisodeTrace) -> str:
    goal = f"Understood as <code>{_text(trace.goal)}</code>. " if trace.goal else ""
    ended = f"{_text(result.reason)}: {_text(REASONS.get(result.reason, 'ended'))}."
    rejected = f" {_count(trace.rejected, 'percept')} turned away." if trace.rejected else ""
    unposed = "" if trace.posed else " The robot was not told where it is, so there is nothing to draw."
    return f'<p class="said">{goal}{ended}{rejected}{unposed}</p>'


def _drawings(result: EpisodeResult, trace: EpisodeTrace, plans: Plans) -> Iterable[str]:
    """The walk, and belief beside truth; nothing where the robot had no pose."""
    found = plans.played_in(result, trace) if trace.posed else None
    if found is None:
        return
    key, plan = found
    yield f'<div class="pair"><figure>{draw_walk(plan, key, trace)}<figcaption><b>Where it went.</b> '
    yield "From S to E, straight from tick to tick; a dot where a skill ended, with the numbers of the steps below, "
    yield "ringed red where one failed.</figcaption></figure>"
    if not trace.thinking:
        yield "</div>"
        return
    carried, furniture = compare(trace, plan)
    yield f"<figure>{draw_belief(plan, key, carried, furniture)}<figcaption>"
    yield f"<b>What it believed, over what was true.</b> {_text(in_words(carried))} {_text(in_words(furniture))}"
    yield f'<br><span class="bad">{_text(wrong_in_words((carried, furniture)))}</span></figcaption></figure></div>'


def _steps_table(steps: Sequence[TracedStep]) -> str:
    heads = "".join(f"<th>{name}</th>" for name in ("", "skill", "purpose", "body", "remarks"))
    return f'<div class="wide"><table class="steps"><tr>{heads}</tr>{"".join(map(_step_row, steps))}</table></div>'


def _step_row(step: TracedStep) -> str:
    remarks = ['<b class="plan">new plan</b>'] * step.new_plan
    remarks += [f'<b class="bad">critic refused: {_text(step.refusal)}</b>'] * bool(step.refusal)
    remarks += [_text(step.remark)] * (bool(step.remark) and step.remark != "Last action executed successfully.")
    kind = {"succeeded": "ok", "": "none"}.get(step.outcome, "bad")
    return (
        f"<tr><td>{step.number or ''}</td><td>{_text(step.phrase)}<small>{_text(step.targets)}</small></td>"
        f'<td>{_text(step.purpose)}</td><td class="{kind}">{_text(step.outcome or "–")}</td>'
        f"<td>{' · '.join(remarks)}</td></tr>"
    )


def _rest(results: Sequence[EpisodeResult], shown: Sequence[int]) -> Iterable[str]:
    """The episodes of a long run that are not shown, a row each."""
    rest = [r for at, r in enumerate(results) if at not in set(shown)]
    if rest:
        yield f"<h2>The other {len(rest)} episodes, all solved</h2>"
        rows = (f'<tr><td>{_badge(r)}</td><td class="row">{_summary(r)}</td></tr>' for r in rest)
        yield f'<table class="rest">{"".join(rows)}</table>'


def _foot(folder: Path) -> Iterable[str]:
    kept = [
        ("results.json", "the figures"), ("traces/", "a trace for each episode, a line for each tick"),
        ("maps/", "the floor plans"), ("memory.jsonl", "what the memory held at the end"),
    ]  # fmt: skip
    told = [f"<code>{name}</code> ({said})" for name, said in kept if (folder / name).exists()]
    yield f"<footer><p>Beside this page: {', '.join(told)}.</p><p>This page needs no network.</p></footer>"


def _count(number: int, of: str) -> str:
    return f"{number} {of}{'s' * (number != 1)}"


def _text(said: str) -> str:
    return html.escape(said)
