# SPDX-License-Identifier: Apache-2.0
"""Instruction -> goals: what a person's sentence asks to be true of the world, as ranked candidates, without an LLM.

Neighbours: the planner tries the candidates in order and keeps the first that the remembered scene allows; wording.py
turns the sentence into features; tools/train_grounding.py makes data/grounding.npz from ALFRED's instructions (NOTICE).
How it decides: one linear model per slot of a goal (family, object, receptacle, movable, lamp, sliced) scores the
sentence; the scores are joined with how often such slots go together; labels that the robot knows and ALFRED does not
are found literally and fill the slot that the model reads as "a thing named in words I have no class for".
Rules of the file: the sentence alone decides the meaning, `labels` only re-rank and rename; what cannot be grounded
gives (), never a guess; no state but the weights, which are read once.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from brain_nodes.prefrontal import wording
from brain_nodes.prefrontal.grounding_weights import DATA, SLOTS, Weights
from memory.records import Goal, Literal, Variable

OPEN_CLASS = "?"  # the slot is named in the sentence, by words that belong to no class of the model
ABSENT = ""  # the goal has no such slot
NO_REQUEST = "none"  # the family of sentences that ask for nothing

# family -> the slots it needs; those with a trailing "?" may be absent
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "place": ("object", "receptacle", "sliced?"),
    "place_two": ("object", "receptacle", "sliced?"),
    "stack": ("object", "movable", "receptacle", "sliced?"),
    "clean": ("object", "receptacle?", "sliced?"),
    "heat": ("object", "receptacle?", "sliced?"),
    "cool": ("object", "receptacle?", "sliced?"),
    "light": ("object", "lamp"),
    "fetch": ("object", "sliced?"),
    "slice": ("object", "sliced"),
    "on": ("lamp",),
    "off": ("lamp",),
    "open": ("receptacle",),
    "close": ("receptacle",),
}

FLOOR = 0.12  # a sentence whose best reading is less likely than this is not understood
PAIR_WEIGHT = 0.2  # trust in "such slots go together", tuned on valid_unseen
UNHEARD = 0.7  # set-back of a reading for each class it leaves out that is called by its very name
UNSAID = 1.5  # ... for each class it brings in that is called by none of its names
NAME_WEIGHT = 0.4  # share of its namesakes' probability that a class takes when its very name is said
ABSENT_LABEL = 0.02  # factor for each label of a candidate that `labels` does not list
_WIDTH = {"family": 5, "object": 6, "receptacle": 6, "movable": 4, "lamp": 4, "sliced": 2}
_SPREAD = 7.0  # what is this much less likely than the best of its slot, in nats, is not tried
Filled = tuple[str, ...]  # a name or ABSENT for each of SLOTS


class Mention(NamedTuple):
    """A label of the robot's own, found in the sentence; role is "in" where the sentence says that things go there."""

    label: str
    role: str


class Grounding:
    """Reads instructions. Immutable; one may serve every session."""

    def __init__(self, weights: Weights, names: Mapping[str, Sequence[str]]) -> None:
        """Keep the weights and the names people use for each class (class -> names, the most usual first)."""
        self._weights = weights
        self._names = names

    @staticmethod
    @cache
    def load() -> Grounding:
        """The grounding that ships with the package; the weights are read at the first call."""
        glosses = json.loads((DATA / "glosses.json").read_text(encoding="utf-8"))
        return Grounding(Weights.load(), {label: gloss["names"] for label, gloss in glosses.items()})

    def ground(
        self, instruction: str, *, labels: Collection[str] = (), also: Collection[str] = (), k: int = 5
    ) -> tuple[Goal, ...]:
        """The goals the instruction may mean, the likeliest first.

        Args:
            instruction: One request in English.
            labels: Class labels known to exist, in the robot's own spelling; empty = anything may exist. Goals of
                absent classes are kept, behind those that can be carried out.
            also: Labels the robot's body can name; those that people's homes do not have are understood too, and
                nothing is taken to be absent for not being among them.
            k: Most candidates to return.

        Returns:
            At most k goals with their probabilities as confidence; () if no reading is likely enough.
        """
        novel = [label for label in also if self._class_of(label) is None]
        if novel:
            labels = {*(labels or self._names), *novel}
        own = {label: self._class_of(label) for label in sorted(labels)}
        tokens, mentions = self._recognise(
            wording.plainly(instruction), [label for label, known in own.items() if known is None]
        )
        words = wording.read_words(tokens)
        if not tokens or wording.forbids(words):
            return ()
        scores = self._weights.log_probabilities(wording.features(words))
        self._favour_names(scores, [w.stem for w in words if not w.aside])
        stems = [w.stem for w in words if not w.aside]
        named = frozenset(self._called_by_name(stems))
        said = self._called_by_any_name(stems) | {ABSENT, OPEN_CLASS}
        ranked = _ranked(self._readings(scores, {c for c in own.values() if c}, named, said), mentions)
        if max(ranked.values(), default=0.0) < FLOOR:
            return ()
        return _goals(instruction, ranked, _spellings(own), k)

    @cached_property
    def _classes(self) -> dict[str, str]:
        """Every name of a class, written as one word -> the class; the name's first owner has it."""
        classes = {"".join(wording.label_words(label)): label for label in self._names}
        for rank in range(max(map(len, self._names.values()))):
            for label, names in self._names.items():
                if rank < len(names):
                    classes.setdefault("".join(map(wording.singular, names[rank].split())), label)
        return classes

    def _class_of(self, label: str) -> str | None:
        return self._classes.get("".join(wording.label_words(label)))

    def _recognise(self, instruction: str, novel: Sequence[str]) -> tuple[list[str], list[Mention]]:
        """Tokens with every novel label replaced by THING and every unknown word by UNKNOWN, and the labels found."""
        tokens = wording.tokenise(instruction)
        targets = {"".join(wording.label_words(label)): label for label in novel}
        heads = {wording.label_words(label)[-1:]: label for label in reversed(novel)}
        words = wording.read_words(tokens)
        result: list[str] = []
        mentions: list[Mention] = []
        i = 0
        while i < len(tokens):
            sizes = (n for n in (4, 3, 2, 1) if i + n <= len(words))
            size = next((n for n in sizes if "".join(w.stem for w in words[i : i + n]) in targets), 0)
            label = targets.get("".join(w.stem for w in words[i : i + size]))
            if not size and words[i].stem not in self._weights.words:
                label = heads.get((words[i].stem,))
            if label:
                mentions.append(Mention(label, words[i].role))
                result.append(wording.THING + "s" * words[i + max(size, 1) - 1].plural)
            else:
                result.append(self._known(tokens[i]))
            i += max(size, 1)
        return result, mentions

    def _favour_names(self, scores: Mapping[str, np.ndarray], stems: Sequence[str]) -> None:
        """Where a class is called by its own name, take from the others of that name: people say "cup" for a mug."""
        for label in self._called_by_name(stems):
            for slot in SLOTS[1:-1]:
                classes = self._weights.classes[slot]
                others = [classes.index(o) for o in self._namesakes[label] if o in classes]
                if label in classes and others:
                    own = classes.index(label)
                    moved = NAME_WEIGHT * np.exp(scores[slot][others])
                    scores[slot][others] += math.log(1.0 - NAME_WEIGHT)
                    scores[slot][own] = math.log(math.exp(scores[slot][own]) + float(moved.sum()))

    def _called_by_name(self, stems: Sequence[str]) -> set[str]:
        called = set()
        for start, size in itertools.product(range(len(stems)), (1, 2)):
            label = self._own_names.get("".join(stems[start : start + size]))
            longer = ("".join(stems[max(start - 1, 0) : start + size]), "".join(stems[start : start + size + 1]))
            if label and not any(self._classes.get(phrase, label) != label for phrase in longer):
                called.add(label)
        return called

    def _called_by_any_name(self, stems: Sequence[str]) -> frozenset[str]:
        phrases = {"".join(stems[i : i + n]) for n in (1, 2, 3) for i in range(len(stems))}
        return frozenset(label for label, names in self._spelled.items() if names & phrases)

    @cached_property
    def _spelled(self) -> dict[str, set[str]]:
        """Class -> its label and all its names, each written as one word in the singular."""
        return {
            label: {"".join(map(wording.singular, n.split())) for n in names} | {"".join(wording.label_words(label))}
            for label, names in self._names.items()
        }

    @cached_property
    def _own_names(self) -> dict[str, str]:
        return {"".join(wording.label_words(label)): label for label in self._names}

    @cached_property
    def _namesakes(self) -> dict[str, list[str]]:
        """Class -> the other classes that people call by its name."""
        return {
            label: [other for other, names in self._spelled.items() if other != label and own in names]
            for own, label in self._own_names.items()
        }

    def _known(self, token: str) -> str:
        if not token[0].isalnum():
            return token
        token = wording.respell(token, self._weights.words)
        return token if wording.singular(token) in self._weights.words else wording.UNKNOWN

    def _readings(
        self, scores: Mapping[str, np.ndarray], present: Collection[str], named: frozenset[str], said: frozenset[str]
    ) -> list[tuple[dict[str, str], float]]:
        """Every combination of likely classes that forms a goal of some family, with its log-weight.

        A reading that does without a class that is called by its very name is set back: who says desk means a desk,
        however seldom apples are put on desks. So is one that brings in a class which is not called by any name.
        """
        columns = [scores[slot].tolist() for slot in SLOTS]
        readings = []
        for choice in self._combinations(columns, present):
            slots = {slot: self._weights.classes[slot][c] for slot, c in zip(SLOTS, choice, strict=True)}
            if not _into_itself(slots):
                together = sum(table[choice[a]][choice[b]] for a, b, table in self._pairs)
                weight = sum(column[c] for column, c in zip(columns, choice, strict=True))
                unheard = len(named.difference(slots.values()))
                unsaid = sum(slots[s] not in said for s in SLOTS[1:-1])
                setback = UNHEARD * unheard + UNSAID * unsaid
                readings.append((slots, weight + PAIR_WEIGHT * together - setback))
        return readings

    @cached_property
    def _pairs(self) -> list[tuple[int, int, list[list[float]]]]:
        return [(SLOTS.index(a), SLOTS.index(b), table.tolist()) for (a, b), table in self._weights.pairs.items()]

    def _combinations(self, columns: Sequence[Sequence[float]], present: Collection[str]) -> Iterator[tuple[int, ...]]:
        ranks = [self._set_back(slot, column, present) for slot, column in zip(SLOTS, columns, strict=True)]
        for family in _likeliest(columns[0], range(len(columns[0])), _WIDTH["family"]):
            needs = FAMILIES.get(self._weights.classes["family"][family], ())
            allowed = [_allowed(slot, needs, self._weights.classes[slot]) for slot in SLOTS[1:]]
            chosen = (
                _likeliest(rank, options, _WIDTH[slot])
                for slot, rank, options in zip(SLOTS[1:], ranks[1:], allowed, strict=True)
            )
            yield from itertools.product([family], *chosen)

    def _set_back(self, slot: str, column: Sequence[float], present: Collection[str]) -> Sequence[float]:
        """The column with what does not exist set back, so that what does is among the likeliest."""
        if not present or slot in ("family", "sliced"):
            return column
        kept = {ABSENT, OPEN_CLASS, *present}
        penalty = math.log(ABSENT_LABEL)
        return [s + (c not in kept) * penalty for s, c in zip(column, self._weights.classes[slot], strict=True)]


def _likeliest(scores: Sequence[float], options: Iterable[int], count: int) -> list[int]:
    best = sorted(options, key=lambda c: -scores[c])[:count]
    return [c for c in best if scores[c] > scores[best[0]] - _SPREAD]


def _into_itself(slots: Mapping[str, str]) -> bool:
    named = [slots[s] for s in ("object", "movable", "receptacle") if slots[s] not in (ABSENT, OPEN_CLASS)]
    return len(set(named)) < len(named)


def _allowed(slot: str, needs: Sequence[str], classes: Sequence[str]) -> list[int]:
    if slot == "sliced":
        wanted = {"True"} if slot in needs else {"True", "False"} if "sliced?" in needs else {"False"}
        return [i for i, c in enumerate(classes) if c in wanted]
    if slot in needs:
        return [i for i, c in enumerate(classes) if c != ABSENT]
    return [i for i, c in enumerate(classes) if c == ABSENT or f"{slot}?" in needs]


def _softmax(weights: Sequence[float]) -> list[float]:
    top = max(weights)
    raised = [math.exp(w - top) for w in weights]
    total = sum(raised)
    return [r / total for r in raised]


def _fill(slots: Mapping[str, str], mentions: Sequence[Mention]) -> Filled | None:
    """The reading with every OPEN_CLASS replaced by a label found in the sentence; None if there are too few."""
    if slots["family"] == NO_REQUEST:
        return None
    left = list(dict.fromkeys(mentions))
    filled = dict(slots)
    for slot in ("receptacle", "movable", "lamp", "object"):
        if slots[slot] != OPEN_CLASS:
            continue
        if not left:
            return None
        goes_in = [m for m in left if (m.role == "in") == (slot in ("receptacle", "movable"))]
        chosen = (goes_in or left)[-1 if slot == "receptacle" else 0]
        left = [m for m in left if m.label != chosen.label]
        filled[slot] = chosen.label
    return tuple(filled[slot] for slot in SLOTS)


def _ranked(readings: Sequence[tuple[dict[str, str], float]], mentions: Sequence[Mention]) -> dict[Filled, float]:
    """Probability of every reading that the sentence gives all names for; what is missing to 1 is not understood."""
    ranked: dict[Filled, float] = {}
    for (slots, _), chance in zip(readings, _softmax([weight for _, weight in readings]), strict=True):
        filled = _fill(slots, mentions)
        if filled is not None:
            ranked[filled] = ranked.get(filled, 0.0) + chance
    return ranked


def _spellings(own: Mapping[str, str | None]) -> dict[str, list[str]]:
    """Class -> the robot's labels for it; under "" the labels of no class."""
    spelled: dict[str, list[str]] = {}
    for label, known in own.items():
        spelled.setdefault(known or "", []).append(label)
    return spelled | {label: [label] for label, known in own.items() if known == label}


def _goals(
    instruction: str, ranked: Mapping[Filled, float], spelled: Mapping[str, Sequence[str]], k: int
) -> tuple[Goal, ...]:
    """Spell the classes as the robot does, set back those it does not have, and keep the k likeliest."""
    weighted = [
        (chance * factor, renamed)
        for filled, chance in ranked.items()
        for renamed, factor in _respelled(filled, spelled)
    ]
    total = sum(w for w, _ in weighted) + max(1.0 - sum(ranked.values()), 0.0)
    best = sorted(weighted, key=lambda pair: (-pair[0], pair[1]))[:k]
    return tuple(make_goal(instruction, dict(zip(SLOTS, filled, strict=True)), w / total) for w, filled in best)


def _respelled(filled: Filled, spelled: Mapping[str, Sequence[str]]) -> Iterator[tuple[Filled, float]]:
    if not spelled:
        yield filled, 1.0
        return
    family, *things, sliced = filled
    kept = {ABSENT, *spelled.get("", ())}
    options: list[list[tuple[str, float]]] = [
        [(c, 1.0)] if c in kept else [(label, 1.0) for label in spelled.get(c, ())] or [(c, ABSENT_LABEL)]
        for c in things
    ]
    for choice in itertools.product(*options):
        yield (family, *(label for label, _ in choice), sliced), math.prod(factor for _, factor in choice)


def make_goal(instruction: str, slots: Mapping[str, str], confidence: float) -> Goal:
    """The goal record for one reading.

    >>> print(make_goal("", {"family": "clean", "object": "Mug", "receptacle": "Shelf", "sliced": "False"}, 1.0))
    clean(Mug) & inside(Mug, Shelf)
    """
    family = slots["family"]
    names = [n.rstrip("?") for n in FAMILIES[family]]
    labels = {n: slots[n] for n in names if n != "sliced" and slots[n] != ABSENT}
    if family == "place_two":
        labels = {"object": labels["object"], "second": labels["object"], "receptacle": labels["receptacle"]}
    literals = _literals(family, labels)
    if slots.get("sliced") == "True":
        literals = (*literals, Literal("sliced", ("object",)))
    variables = tuple(Variable(name, label) for name, label in labels.items())
    return Goal(instruction, family, variables, literals, min(confidence, 1.0))


def _literals(family: str, labels: Mapping[str, str]) -> tuple[Literal, ...]:
    at = (Literal("inside", ("object", "receptacle")),) if {"object", "receptacle"} <= set(labels) else ()
    if family in ("clean", "heat", "cool"):
        return (Literal("hot" if family == "heat" else family, ("object",)), *at)
    return {
        "place": at,
        "place_two": (*at, Literal("inside", ("second", "receptacle"))),
        "stack": (Literal("inside", ("object", "movable")), Literal("inside", ("movable", "receptacle"))),
        "light": (Literal("holding", ("object",)), Literal("on", ("lamp",))),
        "fetch": (Literal("holding", ("object",)),),
        "slice": (),
        "on": (Literal("on", ("lamp",)),),
        "off": (Literal("on", ("lamp",), negated=True),),
        "open": (Literal("open", ("receptacle",)),),
        "close": (Literal("open", ("receptacle",), negated=True),),
    }[family]
