# SPDX-License-Identifier: Apache-2.0
"""Ways to reach what is linked to what was found: plain functions over the graph of relations.

Neighbours: surroundings.py gives them Backend.expand and makes records of what they reach; spatial.py walks with khop.
Rules of the file: a round opens a whole frontier at once (one call out of it, one into it); never more than a cap of
links, and a cut is told; relations link both ways, and two facts between the same names add up. What a fact rests on
(its evidence) is linked one way, from the fact's names: what else rests on it no call can tell.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from memory.records import Relation

Expand = Callable[[tuple[str, ...], bool, int], Sequence[Relation]]

# Relations between two names; the object of the others ("open", "clean") is a value, and links nothing.
WALKED = ("inside", "in_room", "held_by", "usually_in", "alias_of", "likes")


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a walk arrived.

    Attributes:
        scores: Of each node, larger is nearer or more active; the seeds are among them.
        edges: The facts that were walked over, in the order they were met.
        rounds: Frontiers opened.
        truncated: The cap or the deadline cut the graph: nodes are missing, and scores are of what is left.
        residual: Upper bound on how far all the scores together are from exact ones; 0 = exact.
    """

    scores: Mapping[str, float]
    edges: tuple[Relation, ...] = ()
    rounds: int = 0
    truncated: bool = False
    residual: float = 0.0


class Graph:
    """The part of a graph that was looked at, frontier by frontier.

    Args:
        expand: (nodes, reverse, limit) -> relations, such as Backend.expand; a limit is never 0.
        cap: Most relations kept, and read by one call.
        evidence: Whether facts also link their names to what they rest on.
        end_s: Of time.monotonic(); no frontier is opened later.

    Attributes:
        edges: Facts met so far, by id.
        truncated: There were more.
        late: ... because of the time.
    """

    def __init__(self, expand: Expand, cap: int, *, evidence: bool = True, end_s: float | None = None) -> None:
        self._expand = expand
        self._cap = cap
        self._evidence = evidence
        self._end_s = end_s
        self._opened: set[str] = set()
        self._links: dict[str, dict[str, float]] = {}
        self.edges: dict[str, Relation] = {}
        self.rounds = 0
        self.truncated = False
        self.late = False

    def tie(self, one: str, other: str, weight: float = 1.0) -> None:
        """Link two nodes, both ways, beside what the relations say."""
        self._lead(one, other, weight)
        self._lead(other, one, weight)

    def open(self, nodes: Iterable[str]) -> None:
        """Read the links of the nodes, once each."""
        fresh = tuple(node for node in dict.fromkeys(nodes) if node not in self._opened)
        if not fresh or self._over():
            return
        self._opened.update(fresh)
        self.rounds += 1
        for reverse in (False, True):
            left = self._cap - len(self.edges)
            met = self._expand(fresh, reverse, self._cap + 1) if left > 0 else ()
            new = [edge for edge in met if edge.id not in self.edges]  # the way back is met again
            self.truncated = self.truncated or left <= 0 or len(new) > left or len(met) > self._cap
            for edge in new[:left]:
                self._add(edge)

    def links(self, node: str) -> Mapping[str, float]:
        """Neighbours of an opened node, with weights; empty where nothing leads on."""
        return self._links.get(node, {})

    def _add(self, edge: Relation) -> None:
        self.edges[edge.id] = edge
        self.tie(edge.subject, edge.object, edge.confidence)
        for shown in edge.evidence if self._evidence else ():
            for end in {edge.subject, edge.object} - {shown}:
                self._lead(end, shown, edge.confidence)

    def _lead(self, one: str, other: str, weight: float) -> None:
        links = self._links.setdefault(one, {})
        links[other] = links.get(other, 0.0) + weight

    def _over(self) -> bool:
        if self._end_s is not None and time.monotonic() >= self._end_s:
            self.late = self.truncated = True
        return self.late


def khop(graph: Graph, seeds: Mapping[str, float], *, hops: int = 2) -> Reached:
    """Every node within so many links of a seed; scores 1 / (1 + links)."""
    distances = distances_of(graph, seeds, hops)
    return _reached(graph, {node: 1.0 / (1 + distance) for node, distance in distances.items()})


def distances_of(graph: Graph, seeds: Iterable[str], hops: int) -> dict[str, int]:
    """Every node within so many links of a seed, with how many."""
    distances = dict.fromkeys(seeds, 0)
    frontier = list(distances)
    for hop in range(1, hops + 1):
        graph.open(frontier)
        fresh = dict.fromkeys(other for node in frontier for other in graph.links(node) if other not in distances)
        distances |= dict.fromkeys(fresh, hop)
        frontier = list(fresh)
    return distances


def ppr(
    graph: Graph, seeds: Mapping[str, float], *, damping: float = 0.5, tolerance: float = 1e-4, rounds: int = 8
) -> Reached:
    """Personalised PageRank by forward push, a frontier a round.

    Args:
        seeds: Where walks start, by weight; each weight is divided by how many links its node has, since a name that
            everything is linked to tells little (node specificity, HippoRAG: Gutierrez et al., NeurIPS 2024).
        damping: Chance to walk on; a node that leads nowhere keeps what arrives.
        tolerance: A node with less left to hand on is not opened.

    Source: Andersen, Chung and Lang, FOCS 2006, in rounds instead of node by node.
    """
    graph.open(seeds)
    weights = {node: weight / max(1, len(graph.links(node))) for node, weight in seeds.items()}
    total = math.fsum(weights.values()) or 1.0
    left = {node: weight / total for node, weight in weights.items()}
    scores: dict[str, float] = dict.fromkeys(seeds, 0.0)
    for _ in range(rounds):
        frontier = [node for node, rest in left.items() if rest > tolerance]
        if not frontier:
            break
        graph.open(frontier)
        for node in frontier:
            _push(graph.links(node), node, left, scores, damping)
    return _reached(graph, scores, math.fsum(left.values()))


def spreading(
    graph: Graph,
    seeds: Mapping[str, float],
    *,
    decay: float = 0.3,
    rounds: int = 3,
    threshold: float = 0.01,
    winners: int = 30,
) -> Reached:
    """Activation that decays, and spreads over links: a_j <- (1 - decay) a_j + sum over i of w_ij a_i / links of i.

    After each round what is under the threshold falls silent, and only the strongest `winners` stay active (lateral
    inhibition). Source: Collins and Loftus, Psychological Review 82(6), 1975.
    """
    strongest = max(seeds.values(), default=0.0) or 1.0
    active = {node: weight / strongest for node, weight in seeds.items()}
    for _ in range(rounds):
        graph.open(active)
        after = {node: (1 - decay) * value for node, value in active.items()}
        for node, value in active.items():
            links = graph.links(node)
            for other, weight in links.items():
                after[other] = after.get(other, 0.0) + weight * value / len(links)
        loud = sorted((pair for pair in after.items() if pair[1] >= threshold), key=lambda pair: (-pair[1], pair[0]))
        active = dict(loud[:winners])
    return _reached(graph, active)


def walk(strategy: str, graph: Graph, seeds: Mapping[str, float]) -> Reached:
    """Run the strategy of a cue."""
    return STRATEGIES[strategy](graph, seeds)


def check(strategy: str) -> None:
    """Raises:
    ValueError: no strategy has that name.
    """
    if strategy and strategy not in (*STRATEGIES, KNN):
        raise ValueError(f"no strategy is called {strategy!r}; there are {', '.join((KNN, *STRATEGIES))}")


KNN = "knn"  # nearest by vector alone: no words, no links
STRATEGIES: Mapping[str, Callable[[Graph, Mapping[str, float]], Reached]] = {
    "khop": khop,
    "ppr": ppr,
    "spreading": spreading,
}


def _push(links: Mapping[str, float], node: str, left: dict[str, float], scores: dict[str, float], on: float) -> None:
    rest = left.pop(node)
    if not links:
        scores[node] = scores.get(node, 0.0) + rest
        return
    scores[node] = scores.get(node, 0.0) + (1 - on) * rest
    whole = math.fsum(links.values())
    for other, weight in links.items():
        left[other] = left.get(other, 0.0) + on * rest * weight / whole


def _reached(graph: Graph, scores: Mapping[str, float], residual: float = 0.0) -> Reached:
    return Reached(scores, tuple(graph.edges.values()), graph.rounds, graph.truncated, residual)
