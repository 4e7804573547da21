# SPDX-License-Identifier: Apache-2.0
"""What the report of a run promises to the person who opens it."""

from __future__ import annotations

import dataclasses
import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from sim.report import write_report
from sim.results import as_object
from sim.runner import RunConfig, make_suite, play_run

MALICE = "<img src=x onerror=alert(1)> & 'cup'"


def played(folder: Path, **asked: Any) -> Path:
    config = RunConfig(suite="home", episodes=2, seed=7, **asked)
    run = play_run(config, make_suite(config), folder, lambda *_: None)
    content = {**as_object(run, 0.0), "results": [dataclasses.asdict(result) for result in run.results]}
    (folder / "results.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return played(tmp_path_factory.mktemp("walked"), mode="embodied")


@pytest.fixture
def folder(walked: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(walked, tmp_path / "run"))


def page_of(folder: Path) -> str:
    return write_report(folder).read_text(encoding="utf-8")


def results_of(folder: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return said


def rewrite(folder: Path, said: dict[str, Any]) -> None:
    (folder / "results.json").write_text(json.dumps(said), encoding="utf-8")


def floor_plan_of(folder: Path) -> Path:
    """The one home of a run."""
    [path] = (folder / "maps").glob("*.json")
    return path


def first_trace(folder: Path) -> Path:
    return min((folder / "traces").iterdir())


def end_of(trace: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(trace.read_text(encoding="utf-8").splitlines()[-1])
    return said


def with_end(trace: Path, **changed: Any) -> None:
    lines = trace.read_text(encoding="utf-8").splitlines()
    lines[-1] = json.dumps({**json.loads(lines[-1]), **changed})
    trace.write_text("\n".join(lines) + "\n", encoding="utf-8")


def believed(label: str, x_m: float, *, missing: bool = False) -> dict[str, Any]:
    return {"id": "it", "label": label, "position": [x_m, 1.0, 0.8], "inside": "", "missing": missing,
            "sighted": True, "size": [0.1, 0.1, 0.1]}  # fmt: skip


def first_section(page: str) -> str:
    return page[page.index('<details id="e1"') : page.index('<details id="e2"')]


def test_the_page_tells_every_instruction_and_how_it_ended(folder: Path) -> None:
    page = page_of(folder)
    for result in results_of(folder)["results"]:
        assert html.escape(result["instruction"]) in page
        assert f">{result['reason']}</span>" in page


def test_the_page_needs_no_network(folder: Path) -> None:
    page = page_of(folder).replace("http://www.w3.org/2000/svg", "")
    assert "This page needs no network." in page
    assert not re.search(r"https?://|<script src|<link|<img|@import|url\(", page)


def test_words_from_a_file_are_never_markup(folder: Path) -> None:
    said = results_of(folder)
    said["results"][0].update(instruction=MALICE, reason=MALICE, subset=MALICE)
    rewrite(folder, {**said, "memory": MALICE, "reasons": {MALICE: 2}, "by_subset": {MALICE: said["by_day"]["1"]}})
    trace = first_trace(folder)
    trace.write_text(trace.read_text(encoding="utf-8").replace('"phrase":"', '"phrase":"<img '), encoding="utf-8")
    with_end(trace, believed=[{**believed(MALICE, 1.0), "id": MALICE, "inside": MALICE}])
    page = page_of(folder)
    assert "<img" not in page
    assert html.escape(MALICE) in page


def test_words_of_a_floor_plan_are_never_markup(folder: Path) -> None:
    path = floor_plan_of(folder)
    plan = json.loads(path.read_text(encoding="utf-8"))
    plan["rooms"][0]["name"] = plan["furniture"][0]["id"] = plan["furniture"][0]["label"] = MALICE
    path.write_text(json.dumps(plan), encoding="utf-8")
    assert "<img" not in page_of(folder)


def test_the_same_folder_gives_the_same_bytes(folder: Path) -> None:
    assert write_report(folder).read_bytes() == write_report(folder).read_bytes()


def test_the_walk_and_the_rooms_are_drawn(folder: Path) -> None:
    page = page_of(folder)
    plan = json.loads(floor_plan_of(folder).read_text(encoding="utf-8"))
    assert all(f">{room['name']}</text>" in page for room in plan["rooms"])
    assert 'class="walk"' in first_section(page) and 'class="ended' in first_section(page)


def test_every_true_thing_and_every_belief_about_one_is_drawn(folder: Path) -> None:
    end, page = end_of(first_trace(folder)), first_section(page_of(folder))
    plan = json.loads(floor_plan_of(folder).read_text(encoding="utf-8"))
    fixed = {thing["label"] for thing in plan["furniture"]}
    carried = [belief for belief in end["believed"] if belief["label"] not in fixed]
    titles = re.findall(r"<title>believed: ([^ ,<]+)", page)
    assert len(re.findall(r'<path class="true', page)) == len(end["true"]) > 0
    assert {belief["id"] for belief in carried} <= set(titles)


@pytest.mark.parametrize(
    ("belief", "words", "kind"),
    [
        (believed("Spoon", 1.4), "1 believed of 1 true, 1 right within 0.5 m, 0 wrong, 0 known to be missing", "right"),
        (believed("Spoon", 1.6), "1 believed of 1 true, 0 right within 0.5 m, 1 wrong, 0 known to be missing", "wrong"),
        (believed("Fork", 1.0), "1 believed of 1 true, 0 right within 0.5 m, 1 wrong, 0 known to be missing", "wrong"),
        (
            believed("Spoon", 1.6, missing=True),
            "0 believed of 1 true, 0 right within 0.5 m, 0 wrong, 1 known to be missing", "gone",
        ),
    ],
)  # fmt: skip
def test_a_belief_is_judged_by_the_nearest_true_thing_of_its_class(
    folder: Path, belief: dict[str, Any], words: str, kind: str
) -> None:
    spoon = {"id": "Spoon|1", "label": "Spoon", "position": [1.0, 1.0, 0.8], "inside": ""}
    with_end(first_trace(folder), believed=[belief], true=[spoon])
    section = first_section(page_of(folder))
    assert f"Things to carry: {words}." in section
    assert f'<circle class="{kind}"' in section


def test_a_refusal_of_the_critic_is_told_at_its_step(folder: Path) -> None:
    trace = first_trace(folder)
    lines = trace.read_text(encoding="utf-8").splitlines()
    refused = {"accept": False, "code": "HAND_EMPTY", "reason": "nothing to put down"}
    lines[1] = json.dumps({**json.loads(lines[1]), "verdict": refused})
    trace.write_text("\n".join(lines), encoding="utf-8")
    assert "critic refused: HAND_EMPTY nothing to put down" in page_of(folder)


def test_north_is_up(folder: Path) -> None:
    things = [{"id": f"Cup|{y}", "label": "Cup", "position": [1.0, y, 0.8], "inside": ""} for y in (1.0, 3.0)]
    with_end(first_trace(folder), believed=[], true=things)
    heights = re.findall(r'<path class="true" d="M[\d.]+ ([\d.]+)l6', first_section(page_of(folder)))
    assert float(heights[1]) < float(heights[0])


def test_a_run_without_poses_shows_its_steps_and_no_drawing(tmp_path: Path) -> None:
    page = page_of(played(tmp_path / "run", mode="benchmark"))
    assert 'class="steps"' in page and "succeeded" in page
    assert 'class="home"' not in page and "nothing to draw" in page


def test_a_run_without_a_brain_shows_the_walk_alone(tmp_path: Path) -> None:
    page = page_of(played(tmp_path / "run", mode="embodied", planner="random"))
    assert "Where it went." in page and "What it believed" not in page


def test_the_rules_world_is_not_taken_for_ai2_thor(folder: Path) -> None:
    assert "AI2-THOR" not in page_of(folder)
    rewrite(folder, {**results_of(folder), "suite": "eb-alfred-sym", "mode": "benchmark"})
    assert "It is not AI2-THOR" in page_of(folder)


def test_the_second_day_stands_beside_the_first(folder: Path) -> None:
    said = results_of(folder)
    said["results"][1]["day"] = 2
    rewrite(folder, {**said, "by_day": {"1": said["by_day"]["1"], "2": said["by_day"]["1"]}})
    page = page_of(folder)
    assert "<h2>Day 1 against day 2</h2>" in page
    assert all(f'<a href="#e{n}"' in page for n in (1, 2))


def test_a_long_run_draws_its_failures_and_the_first_ten(folder: Path) -> None:
    said = results_of(folder)
    row = {**said["results"][0], "success": True}
    said["results"] = [{**row, "id": f"home-7/{n:02}", "success": n != 40} for n in range(50)]
    for n in (*range(10), 40):
        shutil.copy(first_trace(folder), folder / "traces" / f"home-7_{n:02}.jsonl")
    rewrite(folder, said)
    page = page_of(folder)
    assert re.findall(r'<details id="e(\d+)"', page) == [*map(str, range(1, 11)), "41"]
    assert "The other 39 episodes, all solved" in page and "home-7/49" in page


def test_an_episode_that_could_not_be_built_is_told_without_a_trace(folder: Path) -> None:
    said = results_of(folder)
    said["results"][0].update(loaded=False, success=False, reason="EPISODE_NOT_LOADED")
    first_trace(folder).unlink()
    rewrite(folder, said)
    assert "could not be built" in first_section(page_of(folder))


def test_a_missing_results_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"results\.json cannot be read: No such file"):
        write_report(tmp_path)


@pytest.mark.parametrize("nonsense", ["", "[]", "{}", '{"suite": ', '{"seed": NaN}'])
def test_a_results_file_that_says_nonsense_is_named(folder: Path, nonsense: str) -> None:
    (folder / "results.json").write_text(nonsense, encoding="utf-8")
    with pytest.raises(ValueError, match=r"results\.json is no whole json file"):
        write_report(folder)


def test_a_trace_that_ends_early_is_named_and_the_old_page_stays(folder: Path) -> None:
    before = write_report(folder).read_bytes()
    trace = first_trace(folder)
    trace.write_text("\n".join(trace.read_text(encoding="utf-8").splitlines()[:-1]), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(trace.name)):
        write_report(folder)
    assert (folder / "report.html").read_bytes() == before


def test_a_floor_plan_that_says_nonsense_is_named(folder: Path) -> None:
    path = floor_plan_of(folder)
    path.write_text('{"map_id": "m", "rooms": 3}', encoding="utf-8")
    with pytest.raises(ValueError, match=rf"{path.stem}\.json is no whole json file"):
        write_report(folder)
