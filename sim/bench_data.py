# SPDX-License-Identifier: Apache-2.0
"""Reads EB-ALFRED's files and checks them; what comes out is typed and safe to build from.

Neighbours: embodied_bench.py is the face, thor_scenes.py builds. Formats: README.md of the data folder.
Rules of the file: every complaint names the file, the line where there are lines, and the value; files are read
here and nowhere else, at run time, from the folder given.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from memory.geometry import Vector
from sim.errors import EpisodeNotLoaded, SuiteError
from sim.scoring import Condition
from sim.thor_scenes import Affordances, Placement, Setup, build_world
from sim.world import World

EPISODES = "eb_alfred_episodes.jsonl"
SCENES = "scenes.json"
AFFORDANCES = "alfred_affordances.json"
SKILLS = "skills.json"
SUBSETS = ("base", "common_sense", "complex_instruction", "spatial", "visual_appearance", "long_horizon")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """When an episode ends at the latest."""

    steps: int = 30
    invalid_actions: int = 10


@dataclass(frozen=True, slots=True)
class EpisodeData:
    """One episode, without what only a judge may see."""

    id: str
    subset: str
    index: int
    instruction: str
    setup: Setup


@dataclass(frozen=True, slots=True)
class Answer:
    """What only a judge may see: the goal, and a list of phrases that reaches it."""

    conditions: tuple[Condition, ...]
    oracle_skills: tuple[str, ...]
    task_type: str


class EmbodiedBenchData:
    """The suite as read: episodes, floor plans, affordances, the action list.

    Attributes:
        episodes: All of them, in the file's order.
        unloadable: Episode id -> why it cannot be built. These stay in `episodes` and count as failed.
    """

    def __init__(
        self,
        episodes: tuple[tuple[EpisodeData, Answer], ...],
        scenes: Mapping[str, Mapping[str, Any]],
        affordances: Affordances,
        base_actions: tuple[str, ...],
        limits: Limits,
    ) -> None:
        self.episodes = tuple(episode for episode, _ in episodes)
        self.affordances, self.base_actions, self.limits = affordances, base_actions, limits
        self._answers = {episode.id: answer for episode, answer in episodes}
        self._scenes = scenes
        self.unloadable = {e.id: reason for e in self.episodes if (reason := self._problem(e))}

    def subset(self, name: str) -> tuple[EpisodeData, ...]:
        """The episodes of one subset.

        Raises:
            SuiteError: there is no such subset.
        """
        if name not in SUBSETS:
            raise SuiteError(f"unknown subset {name!r}; there are {', '.join(SUBSETS)}")
        return tuple(e for e in self.episodes if e.subset == name)

    def answer(self, episode: EpisodeData) -> Answer:
        """What the judge needs. Never hand it to a brain."""
        return self._answers[episode.id]

    def build(self, episode: EpisodeData) -> World:
        """A fresh world for an episode.

        Raises:
            EpisodeNotLoaded: it cannot be built.
        """
        scene = self._scenes.get(episode.setup.scene)
        if scene is None:
            raise EpisodeNotLoaded(f"episode {episode.id}: unknown scene {episode.setup.scene!r}")
        try:
            return build_world(scene, episode.setup, self.affordances)
        except EpisodeNotLoaded as error:
            raise EpisodeNotLoaded(f"episode {episode.id}: {error}") from None

    def _problem(self, episode: EpisodeData) -> str:
        try:
            self.build(episode)
        except EpisodeNotLoaded as error:
            return str(error)
        return ""


def load_data(folder: str | Path) -> EmbodiedBenchData:
    """Read EB-ALFRED from a folder; each file may be gzipped (name + ".gz") or plain.

    Raises:
        SuiteError: the folder or a file is missing or broken; the message names it, the line and the value.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SuiteError(f"no EmbodiedBench data: {str(folder)!r} is no folder")
    skills = _section(_json(folder, SKILLS), "eb_alfred", SKILLS)
    base_actions = _named(SKILLS, lambda: tuple(_words(skills["base_actions"])))
    openable = _named(SKILLS, lambda: frozenset(_words(skills["openable"])))
    limits = _named(SKILLS, lambda: Limits(int(skills["max_steps"]), int(skills["max_invalid_actions"])))
    raw = _json(folder, AFFORDANCES)
    affordances = _named(AFFORDANCES, lambda: _affordances(raw, openable))
    scenes = _scenes(_json(folder, SCENES))
    return EmbodiedBenchData(tuple(_episodes(folder)), scenes, affordances, base_actions, limits)


# ---------------------------------------------------------------- files


def _open_text(folder: Path, name: str) -> tuple[str, str]:
    """Name and content of a file, zipped or plain."""
    for path in (folder / f"{name}.gz", folder / name):
        if not path.is_file():
            continue
        try:
            blob = path.read_bytes()
            if not blob:
                raise SuiteError(f"{path}: is empty")
            return path.name, (gzip.decompress(blob) if path.suffix == ".gz" else blob).decode("utf-8")
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise SuiteError(f"{path}: cannot be read ({error})") from error
    raise SuiteError(f"{folder}: there is no {name} and no {name}.gz")


def _json(folder: Path, name: str) -> Mapping[str, Any]:
    file, text = _open_text(folder, name)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise SuiteError(f"{folder / file}: no JSON ({error})") from error
    return _section({"": content}, "", file)


def _section(content: Mapping[str, Any], key: str, file: str) -> Mapping[str, Any]:
    value = content.get(key)
    if not isinstance(value, dict):
        raise SuiteError(f"{file}: {key or 'the file'!r} holds {type(value).__name__}, not an object")
    return value


def _named(file: str, read: Callable[[], T]) -> T:
    """Read a part of a file; whatever is wrong with it becomes one sentence about that file."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SuiteError(f"{file}: {_complaint(error)}") from error


def _complaint(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)


def _affordances(raw: Mapping[str, Any], more_openable: frozenset[str]) -> Affordances:
    return Affordances(
        accepts={str(k): frozenset(_words(v)) for k, v in raw["receptacle_accepts"].items()},
        movable_receptacles=frozenset(_words(raw["movable_receptacles"])),
        openable=frozenset(_words(raw["openable"])) | more_openable,
        sliceable=frozenset(_words(raw["sliceable"])),
        toggleable=frozenset(_words(raw["lamps"])) | {"Faucet", "Microwave"},
    )


def _scenes(raw: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Floor plans by name, each checked for everything build_world takes from it."""
    for name, scene in raw.items():
        _named(f"{SCENES}: {name}", partial(_check_scene, scene))
    return raw


def _check_scene(scene: Mapping[str, Any]) -> None:
    if float(scene["grid"]) <= 0:
        raise ValueError(f"grid is {scene['grid']!r}, not a positive length")
    _word(scene["room"], "room")
    for cell in scene["reachable"]:
        _numbers(cell, 2, "reachable")
    for entry in scene["static"]:
        id_ = _word(entry["id"], "id")
        _word(entry["type"], "type")
        _word(entry["kind"], "kind")
        _numbers(entry["pos"], 3, f"pos of {id_}")
        if "view" in entry:
            _numbers(entry["view"], 4, f"view of {id_}")
        if "surface" in entry:
            surface = entry["surface"]
            _numbers([*surface["x"], *surface["z"], surface["y"]], 5, f"surface of {id_}")


# ---------------------------------------------------------------- episodes


def _episodes(folder: Path) -> Iterator[tuple[EpisodeData, Answer]]:
    file, text = _open_text(folder, EPISODES)
    seen: set[str] = set()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            episode, answer = _episode(json.loads(line))
        except (KeyError, TypeError, ValueError, AttributeError, SuiteError) as error:
            raise SuiteError(f"{folder / file}, line {number}: {_complaint(error)}") from error
        if episode.id in seen:
            raise SuiteError(f"{folder / file}, line {number}: episode {episode.id!r} comes twice")
        seen.add(episode.id)
        yield episode, answer


def _episode(raw: Mapping[str, Any]) -> tuple[EpisodeData, Answer]:
    if not isinstance(raw, dict):
        raise ValueError(f"an episode is an object, not {raw!r}"[:120])
    subset = _word(raw["subset"], "subset")
    if subset not in SUBSETS:
        raise ValueError(f"unknown subset {subset!r}; there are {', '.join(SUBSETS)}")
    episode = EpisodeData(
        id=_word(raw["id"], "id"),
        subset=subset,
        index=int(raw["index"]),
        instruction=_word(raw["instruction"], "instruction"),
        setup=_setup(raw),
    )
    answer = Answer(
        conditions=tuple(Condition.parse(c) for c in raw["goal"]["conditions"]),
        oracle_skills=tuple(_words(raw["oracle_skills"])),
        task_type=_word(raw["task_type"], "task_type"),
    )
    if not answer.conditions:
        raise ValueError("goal has no conditions")
    return episode, answer


def _setup(raw: Mapping[str, Any]) -> Setup:
    agent = raw["agent"]
    yaw_deg, horizon_deg = _numbers([agent["yaw"], agent["horizon"]], 2, "agent yaw and horizon")
    return Setup(
        scene=_word(raw["scene"], "scene"),
        position_m=_vector(agent["pos"], "agent pos"),
        yaw_deg=yaw_deg,
        horizon_deg=horizon_deg,
        placements=tuple(_placement(o) for o in raw["objects"]),
        lamps_on=frozenset(_word(t["objectType"], "objectType") for t in raw["toggles"] if t["isOn"]),
    )


def _placement(raw: Mapping[str, Any]) -> Placement:
    parent = raw["in"]
    if parent is not None:
        _word(parent, "in")
    id_ = _word(raw["id"], "object id")
    return Placement(id_, _word(raw["type"], "object type"), _vector(raw["pos"], f"pos of {id_}"), parent)


def _vector(values: Any, what: str) -> Vector:
    x, y, z = _numbers(values, 3, what)
    return (x, y, z)


def _numbers(values: Any, count: int, what: str) -> tuple[float, ...]:
    good = isinstance(values, list) and len(values) == count
    if not good or not all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values):
        raise ValueError(f"{what} is {values!r}, not {count} numbers")
    return tuple(float(v) for v in values)


def _word(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{what} is {value!r}, not a word")
    return value


def _words(values: Any) -> list[str]:
    if not isinstance(values, list):
        raise ValueError(f"expected a list of words, not {values!r}"[:120])
    return [_word(v, "a word of a list") for v in values]
