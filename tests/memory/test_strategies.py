# SPDX-License-Identifier: Apache-2.0
"""Walks over the graph of relations, each beside the slow and obvious computation over the whole of it."""

import random

import pytest

from memory.backend import Batch
from memory.query import FOREVER_NS
from memory.records import Relation
from memory.registry import open_backend
from memory.samples import START_NS, ContractClock
from memory.strategies import Graph, check, khop, ppr, spreading

SEEDS = {"n0": 2.0, "n7": 1.0}


def link(number, a, b, evidence=(), confidence=1.0):
    return Relation(
        id=f"r{number}", subject=a, predicate="likes", object=b, valid_from_ns=START_NS, evidence=evidence,
        confidence=confidence,
    )  # fmt: skip


def sample(seed, nodes=40, links=60):
    rng = random.Random(seed)
    names = [f"n{n}" for n in range(nodes)]
    some = [rng.sample(names, 2) for _ in range(links)]
    return [
        link(n, a, b, (f"seen-{n % 9}",) if n % 3 == 0 else (), rng.choice([0.5, 1.0])) for n, (a, b) in enumerate(some)
    ]


class Counted:
    """A graph over a store, and how often the store was asked."""

    def __init__(self, relations, cap=10_000, **more):
        self.calls = []
        backend = open_backend("memory://", ContractClock())
        backend.write(Batch(records=tuple(relations)))

        def expand(nodes, reverse, limit):
            self.calls.append(nodes)
            return backend.expand("robot", nodes, reverse=reverse, valid_at_ns=FOREVER_NS, limit=limit)

        self.graph = Graph(expand, cap, **more)


def whole(relations):
    """Weights of all links, both ways between names, one way to evidence."""
    weights = {}
    for r in relations:
        pairs = [(r.subject, r.object), (r.object, r.subject)]
        pairs += [(end, shown) for shown in r.evidence for end in (r.subject, r.object)]
        for a, b in pairs:
            weights.setdefault(a, {})
            weights[a][b] = weights[a].get(b, 0.0) + r.confidence
    return weights


def oracle_distances(weights, seeds, hops):
    reached = dict.fromkeys(seeds, 0)
    for hop in range(1, hops + 1):
        for node in [n for n, far in reached.items() if far == hop - 1]:
            for other in weights.get(node, {}):
                reached.setdefault(other, hop)
    return reached


def oracle_ppr(weights, seeds, damping=0.5):
    """Dense power iteration; a node that leads nowhere keeps what arrives."""
    start = {node: weight / max(1, len(weights.get(node, {}))) for node, weight in seeds.items()}
    moving = {node: value / sum(start.values()) for node, value in start.items()}
    scores = {}
    for _ in range(200):
        after = {}
        for node, value in moving.items():
            links = weights.get(node, {})
            stays = 1 - damping if links else 1.0
            scores[node] = scores.get(node, 0.0) + stays * value
            for other, weight in links.items():
                after[other] = after.get(other, 0.0) + damping * value * weight / sum(links.values())
        moving = after
    return scores


def oracle_spreading(weights, seeds, decay=0.3, rounds=3):
    active = {node: weight / max(seeds.values()) for node, weight in seeds.items()}
    for _ in range(rounds):
        after = {node: (1 - decay) * value for node, value in active.items()}
        for node, value in active.items():
            for other, weight in weights.get(node, {}).items():
                after[other] = after.get(other, 0.0) + weight * value / len(weights[node])
        active = {node: value for node, value in after.items() if value >= 0.01}
    return active


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("hops", [0, 1, 3])
def test_khop_reaches_what_breadth_first_search_reaches(seed, hops):
    relations = sample(seed)
    reached = khop(Counted(relations).graph, SEEDS, hops=hops).scores
    assert reached == {n: 1 / (1 + far) for n, far in oracle_distances(whole(relations), SEEDS, hops).items()}


@pytest.mark.parametrize("seed", range(20))
def test_pushing_forward_agrees_with_power_iteration_to_within_what_is_left(seed):
    relations = sample(seed)
    exact = oracle_ppr(whole(relations), SEEDS)
    reached = ppr(Counted(relations).graph, SEEDS, tolerance=1e-5, rounds=30)
    assert sum(exact.values()) == pytest.approx(1.0)
    assert sum(abs(exact.get(n, 0.0) - reached.scores.get(n, 0.0)) for n in exact) <= reached.residual + 1e-9
    assert reached.residual < 0.01
    rough = ppr(Counted(relations).graph, SEEDS)
    best = sorted(exact, key=exact.get, reverse=True)[:3]
    assert set(best) <= set(sorted(rough.scores, key=rough.scores.get, reverse=True)[:5])


@pytest.mark.parametrize("seed", range(20))
def test_activation_spreads_as_the_formula_says(seed):
    relations = sample(seed)
    reached = spreading(Counted(relations).graph, SEEDS, winners=1000).scores
    assert reached == pytest.approx(oracle_spreading(whole(relations), SEEDS))


def test_only_the_strongest_stay_active():
    relations = [link(n, "n0", f"x{n}", confidence=0.5 + n / 100) for n in range(30)]
    reached = spreading(Counted(relations).graph, {"n0": 1.0}, rounds=1, winners=4, threshold=0.0).scores
    assert sorted(reached) == ["n0", "x27", "x28", "x29"]


def test_a_name_that_everything_is_linked_to_tells_little():
    hub = [link(n, "hub", f"x{n}") for n in range(50)]
    reached = ppr(Counted([*hub, link(99, "rare", "y")]).graph, {"hub": 1.0, "rare": 1.0}).scores
    assert reached["y"] > 10 * reached["x1"]


@pytest.mark.parametrize("walk", [khop, ppr, spreading])
def test_a_round_asks_once_each_way_whatever_the_frontier_and_no_node_twice(walk):
    counted = Counted(sample(1))
    reached = walk(counted.graph, SEEDS)
    assert len(counted.calls) == 2 * reached.rounds
    asked = [node for nodes in counted.calls[::2] for node in nodes]
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("walk", [khop, ppr, spreading])
def test_a_hub_is_cut_at_the_cap_and_the_cut_is_told(walk):
    hub = [link(n, f"x{n}", "hub") for n in range(500)]
    reached = walk(Counted(hub, cap=100).graph, {"hub": 1.0})
    assert reached.truncated and len(reached.edges) == 100
    assert not walk(Counted(hub, cap=501).graph, {"hub": 1.0}).truncated


def test_no_frontier_is_opened_past_the_deadline():
    counted = Counted(sample(1), end_s=0.0)
    reached = khop(counted.graph, SEEDS)
    assert (counted.calls, reached.truncated, counted.graph.late) == ([], True, True)


@pytest.mark.parametrize("walk", [khop, ppr, spreading])
def test_nothing_reaches_nothing(walk):
    assert walk(Counted([]).graph, {}).scores == {}
    alone = walk(Counted([]).graph, {"n0": 1.0})
    assert list(alone.scores) == ["n0"] and alone.scores["n0"] > 0


def test_an_unknown_strategy_is_the_callers_mistake():
    check("")
    check("knn")
    with pytest.raises(ValueError, match=r"'osmosis'.*ppr"):
        check("osmosis")
