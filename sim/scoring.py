# SPDX-License-Identifier: Apache-2.0
"""The judge and the metrics: is the goal met in the world, and what do many episodes say.

Neighbours: embodied_bench.py asks the judge after every step; cli.py prints the summaries.
Rules of the file:
- success is read from the world, never from what a skill answered;
- as in ALFRED a goal names things by a SUBSTRING of their id: "Knife" also means a ButterKnife;
- an episode that could not be loaded is in every denominator, as a failure;
- every proportion comes with its 95 % interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.errors import SuiteError
from sim.household import held, visible
from sim.world import Thing, World

EPISODE_NOT_LOADED = "EPISODE_NOT_LOADED"
SUCCESS = "SUCCESS"
Z_95 = 1.959963984540054

Sight = Callable[[World, Thing], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a goal.

    Attributes:
        kind: One of KINDS.
        most: How many points it is worth at most.
    """

    kind: str
    object: str
    receptacle: str = ""
    movable: str = ""
    state: str = ""
    most: int = 1

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Condition:
        """From an episode's own spelling.

        Raises:
            SuiteError: unknown kind, or a field it needs is missing.
        """
        kind = raw.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            raise SuiteError(f"goal condition of unknown kind {kind!r}")
        needs = ("object", *_NEEDS.get(kind, ()))
        missing = [name for name in needs if not isinstance(raw.get(name), str) or not raw[name]]
        if missing:
            raise SuiteError(f"goal condition {kind!r} lacks {missing[0]!r}")
        most = raw.get("max", 1)
        if not isinstance(most, int) or isinstance(most, bool) or most < 1:
            raise SuiteError(f"goal condition {kind!r}: max is {most!r}, not a positive number")
        return cls(kind, most=most, **{name: raw[name] for name in needs})


@dataclass(frozen=True, slots=True)
class Detail:
    """How far one condition is met."""

    condition: Condition
    points: int

    @property
    def met(self) -> bool:
        """Are all its points made?"""
        return self.points >= self.condition.most


class Judge:
    """Reads from a world how far a goal is met. It belongs to the suite; no brain ever holds one."""

    def __init__(self, conditions: Iterable[Condition | Mapping[str, Any]], sight: Sight = visible) -> None:
        self.conditions = tuple(c if isinstance(c, Condition) else Condition.parse(c) for c in conditions)
        if not self.conditions:
            raise SuiteError("a goal without conditions is met by doing nothing")
        self._sight = sight

    def detail(self, world: World) -> tuple[Detail, ...]:
        """Every condition with its points."""
        return tuple(Detail(c, min(c.most, KINDS[c.kind](world, c, self._sight))) for c in self.conditions)

    def met(self, world: World) -> tuple[int, int]:
        """Points made, and points there are."""
        return sum(d.points for d in self.detail(world)), sum(c.most for c in self.conditions)

    def satisfied(self, world: World) -> bool:
        """Does everything hold now?"""
        made, possible = self.met(world)
        return made == possible


# ---------------------------------------------------------------- kinds of condition: how many things satisfy it


def _objects(world: World, name: str) -> list[Thing]:
    return [t for t in world.things.values() if t.pickupable and name in t.id]


def _is_in(world: World, thing: Thing, name: str) -> bool:
    holder = world.things.get(thing.parent) if thing.parent is not None else None
    return holder is not None and holder.receptacle and name in holder.id


def _in_receptacle(world: World, c: Condition, _: Sight) -> int:
    return sum(_is_in(world, t, c.receptacle) for t in _objects(world, c.object))


def _state(world: World, c: Condition, _: Sight) -> int:
    return sum((c.state, t.id) in world.ever for t in _objects(world, c.object))


def _in_receptacle_with_state(world: World, c: Condition, _: Sight) -> int:
    things = (t for t in _objects(world, c.object) if (c.state, t.id) in world.ever)
    return sum(_is_in(world, t, c.receptacle) for t in things)


def _count_in_one_receptacle(world: World, c: Condition, _: Sight) -> int:
    parents = [t.parent for t in _objects(world, c.object) if _is_in(world, t, c.receptacle)]
    return max((parents.count(p) for p in set(parents)), default=0)


def _sliced(world: World, c: Condition, _: Sight) -> int:
    return len(_objects(world, c.object))


def _holding(world: World, c: Condition, _: Sight) -> int:
    hand = held(world)
    return int(hand is not None and c.object in hand.id)


def _toggled_on_and_visible(world: World, c: Condition, sight: Sight) -> int:
    things = (t for t in world.things.values() if t.toggleable and t.is_on and c.object in t.id)
    return sum(sight(world, t) for t in things)


def _stacked_in_receptacle(world: World, c: Condition, _: Sight) -> int:
    movables = [m for m in _objects(world, c.movable) if m.receptacle and _is_in(world, m, c.receptacle)]
    ids = {m.id for m in movables}
    return sum(t.parent in ids for t in _objects(world, c.object))


KINDS: Mapping[str, Callable[[World, Condition, Sight], int]] = {
    "in_receptacle": _in_receptacle,
    "state": _state,
    "in_receptacle_with_state": _in_receptacle_with_state,
    "count_in_one_receptacle": _count_in_one_receptacle,
    "sliced_exists": _sliced,
    "sliced_count": _sliced,
    "holding": _holding,
    "toggled_on_and_visible": _toggled_on_and_visible,
    "stacked_in_receptacle": _stacked_in_receptacle,
}
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "in_receptacle": ("receptacle",),
    "state": ("state",),
    "in_receptacle_with_state": ("receptacle", "state"),
    "count_in_one_receptacle": ("receptacle",),
    "stacked_in_receptacle": ("receptacle", "movable"),
}


# ---------------------------------------------------------------- many episodes


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeResult:
    """What became of one episode.

    Attributes:
        progress: Share of the goal's points made at the end, in [0, 1].
        reason: Reason code of the end.
        loaded: False if it could not be built; it then counts as failed.
    """

    id: str
    suite: str
    subset: str = ""
    day: int = 0
    instruction: str = ""
    success: bool = False
    progress: float = 0.0
    steps: int = 0
    invalid_actions: int = 0
    planner_calls: int = 0
    llm_calls: int = 0
    distance_m: float = 0.0
    reason: str = ""
    loaded: bool = True


def not_loaded(id_: str, suite: str, subset: str = "", instruction: str = "") -> EpisodeResult:
    """The result of an episode that could not be built."""
    return EpisodeResult(
        id=id_, suite=suite, subset=subset, instruction=instruction, reason=EPISODE_NOT_LOADED, loaded=False
    )


@dataclass(frozen=True, slots=True)
class Rate:
    """A proportion with its 95 % interval."""

    successes: int
    total: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What many episodes say. Means are over the episodes that were loaded where they describe how they went.

    Attributes:
        goal_condition: Mean share of the goal's points, failures to load counting 0.
        invalid_action_ratio: Invalid actions over steps, of all episodes together; 0 without steps.
        reasons: How often each reason code ended an episode.
        by_subset: The same for each subset, in the order they first appear; empty within a subset.
    """

    episodes: int
    not_loaded: int
    success_rate: Rate
    goal_condition: float
    steps_mean: float
    invalid_action_ratio: float
    planner_calls_mean: float
    llm_calls_mean: float
    distance_m_mean: float
    reasons: Mapping[str, int]
    by_subset: Mapping[str, Summary]


def wilson(successes: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """Interval of a proportion.

    Source: Wilson, JASA 1927; no continuity correction.

    >>> tuple(round(v, 4) for v in wilson(5, 10))
    (0.2366, 0.7634)
    >>> wilson(0, 0)
    (0.0, 1.0)
    """
    if not 0 <= successes <= total:
        raise ValueError(f"{successes} successes of {total}")
    if total == 0:
        return (0.0, 1.0)
    share, weight = successes / total, 1 + z * z / total
    middle = (share + z * z / (2 * total)) / weight
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / weight
    return (max(0.0, middle - half), min(1.0, middle + half))


def rate(successes: int, total: int) -> Rate:
    """A proportion with its interval; 0 of 0 has the value 0 and the whole interval."""
    return Rate(successes, total, successes / total if total else 0.0, *wilson(successes, total))


def summarise(results: Sequence[EpisodeResult], *, subsets: bool = True) -> Summary:
    """The figures of a run."""
    loaded = [r for r in results if r.loaded]
    names = dict.fromkeys(r.subset for r in results) if subsets else {}
    reasons = [r.reason for r in results]
    steps = sum(r.steps for r in results)
    return Summary(
        episodes=len(results),
        not_loaded=len(results) - len(loaded),
        success_rate=rate(sum(r.success and r.loaded for r in results), len(results)),
        goal_condition=_mean([r.progress if r.loaded else 0.0 for r in results]),
        steps_mean=_mean([r.steps for r in loaded]),
        invalid_action_ratio=sum(r.invalid_actions for r in results) / steps if steps else 0.0,
        planner_calls_mean=_mean([r.planner_calls for r in loaded]),
        llm_calls_mean=_mean([r.llm_calls for r in loaded]),
        distance_m_mean=_mean([r.distance_m for r in loaded]),
        reasons={reason: reasons.count(reason) for reason in sorted(set(reasons))},
        by_subset={n: summarise([r for r in results if r.subset == n], subsets=False) for n in names},
    )


@dataclass(frozen=True, slots=True)
class Paired:
    """Two runs over the same episodes, a against b; differences are a - b.

    Attributes:
        only_a, only_b: Episodes that one solved and the other did not.
        p_value: Exact two-sided McNemar test of success.
        both_solved: Episodes both solved; steps_difference is their mean, 0 if there are none.
        fewer_steps, more_steps: Of the episodes both solved, those a solved in fewer and in more steps than b.
        steps_p_value: Exact two-sided sign test of fewer_steps against more_steps.
        steps_difference_at_limit: Mean over all episodes, where a failure counts as step_limit steps.
    """

    episodes: int
    success_difference: float
    only_a: int
    only_b: int
    p_value: float
    both_solved: int
    steps_difference: float
    fewer_steps: int
    more_steps: int
    steps_p_value: float
    steps_difference_at_limit: float


def sign_test(wins: int, losses: int) -> float:
    """Two-sided exact binomial test of wins against losses at 1/2; McNemar's exact test on discordant pairs.

    >>> round(sign_test(9, 1), 6), sign_test(0, 0)
    (0.021484, 1.0)
    """
    total = wins + losses
    tail, ways = 0, 1  # ways = total choose k
    for k in range(min(wins, losses) + 1):
        tail += ways
        ways = ways * (total - k) // (k + 1)
    return min(1.0, tail / (1 << total) * 2)


def paired(a: Sequence[EpisodeResult], b: Sequence[EpisodeResult], *, step_limit: int = 30) -> Paired:
    """Compare two runs episode by episode.

    Raises:
        ValueError: the runs are not over the same episodes, or an id comes twice.
    """
    by_a, by_b = {r.id: r for r in a}, {r.id: r for r in b}
    if len(by_a) != len(a) or len(by_b) != len(b):
        raise ValueError("an episode id comes twice in one run")
    if by_a.keys() != by_b.keys():
        raise ValueError(f"the runs differ in episodes {sorted(by_a.keys() ^ by_b.keys())[:5]}")
    pairs = [(by_a[i], by_b[i]) for i in by_a]
    only_a = sum(x.success and not y.success for x, y in pairs)
    only_b = sum(y.success and not x.success for x, y in pairs)
    both = [x.steps - y.steps for x, y in pairs if x.success and y.success]
    limited = [_steps(x, step_limit) - _steps(y, step_limit) for x, y in pairs]
    return Paired(
        episodes=len(pairs),
        success_difference=(only_a - only_b) / len(pairs) if pairs else 0.0,
        only_a=only_a,
        only_b=only_b,
        p_value=sign_test(only_a, only_b),
        both_solved=len(both),
        steps_difference=_mean(both),
        fewer_steps=(fewer := sum(d < 0 for d in both)),
        more_steps=(more := sum(d > 0 for d in both)),
        steps_p_value=sign_test(fewer, more),
        steps_difference_at_limit=_mean(limited),
    )


def _steps(result: EpisodeResult, limit: int) -> int:
    return result.steps if result.success else limit


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
