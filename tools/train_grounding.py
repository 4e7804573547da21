# SPDX-License-Identifier: Apache-2.0
"""Learn the weights of brain_nodes/prefrontal/grounding.py from ALFRED's human instructions, and the placement prior.

    python -m tools.train_grounding --data ../shared/alfred_language

Reads train.jsonl.gz, valid_unseen.jsonl.gz and placement_counts.json there, and our own glosses.json in
brain_nodes/prefrontal/data; writes grounding.npz, placement_prior.json and room_prior.json beside it; prints the
accuracy per slot. The same input gives the same bytes.
Neighbours: wording.py gives the features, grounding.py reads the result, grounding_rewording.py
and grounding_phrases.py make the examples that no person wrote.
Rules of the file: valid_unseen is only ever scored; no benchmark's instructions are read; every draw comes from one
seeded generator. What is learned beyond ALFRED's words: each named thing is also described in the words of its
gloss, exchanged for other classes, hidden (to learn that a slot may hold a word without a class), and set between
remarks that ask for nothing.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read by numpy's import: sums over threads differ in the last bits

import numpy as np

from brain_nodes.prefrontal import grounding, wording
from brain_nodes.prefrontal.grounding import ABSENT, NO_REQUEST, OPEN_CLASS, SLOTS
from memory.records import Goal
from tools.grounding_phrases import ASIDES_AFTER, ASIDES_BEFORE, CHATTER, FRAMES
from tools.grounding_rewording import Example, Glosses, Rewriter, Slots

DATA = Path(__file__).parents[1] / "brain_nodes" / "prefrontal" / "data"
FAMILY_OF = {
    "pick_and_place_simple": "place",
    "pick_two_obj_and_place": "place_two",
    "pick_and_place_with_movable_recep": "stack",
    "pick_clean_then_place_in_recep": "clean",
    "pick_heat_then_place_in_recep": "heat",
    "pick_cool_then_place_in_recep": "cool",
    "look_at_obj_in_light": "light",
}
FAMILY_OF_STEP = {"PickupObject": "fetch", "CleanObject": "clean", "HeatObject": "heat", "CoolObject": "cool"}
RENAMED = {"SinkBasin": "Sink", "BathtubBasin": "Bathtub"}
EVIDENCE = {
    family: frozenset(words.split())
    for family, words in {
        "clean": "clean cleaned cleaning wash washed washing rinse rinsed rinsing wet water scrub scrubbed faucet wipe",
        "heat": "heat heated heating hot warm warmed warming cook cooked cooking microwave microwaved microwaving bake "
        "baked boiled toast toasted roast roasted steamed fried fry warmed-up",
        "cool": "cool cooled cooling cold chill chilled chilling refrigerate refrigerated freeze frozen ice "
        "iced freezer",
        "place_two": "two both second another pair couple set each other too all 2 three also",
        "sliced": "slice sliced slicing cut cutting piece chop chopped half wedge chunk part section portion quarter",
    }.items()
}
INTO_FRIDGE = re.compile(r"\b(in|inside|into|to) (the |a )?(fridge|refrigerator)")
WALKING = frozenset("turn go walk head face".split())
LITERAL = 0.8
STEP_SHARE, STEP_WORDS = 0.12, 9
COPIES, FRAMED, CHATS = 2, 36000, 3000
KNOWN_AT, KEPT_AT = 3, 12
EPOCHS, AVERAGED, BATCH, RATE, DECAY = 6, 3, 64, 0.5, 1e-5
PRIOR_KEPT, PRIOR_SMOOTHING = 8, 2.0
ROOM_OF_HUNDRED = {0: "kitchen", 2: "living", 3: "bedroom", 4: "bathroom"}  # AI2-THOR numbers its rooms by kind


def read(path: Path) -> list[dict[str, Any]]:
    """The demonstrations of one split."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def instructions(demonstrations: Sequence[dict[str, Any]]) -> list[Example]:
    """What each person asked for, with the goal of the demonstration."""
    return [Example(text, _slots(d)) for d in demonstrations for text in d["descriptions"]]


def _slots(demonstration: dict[str, Any]) -> Slots:
    place = demonstration["parent"]
    return {
        "family": FAMILY_OF[demonstration["task_type"]],
        "object": demonstration["object"],
        "receptacle": RENAMED.get(place, place),
        "movable": demonstration["movable"],
        "lamp": demonstration["lamp"],
        "sliced": str(demonstration["sliced"]),
    }


def single_steps(demonstrations: Sequence[dict[str, Any]], random: np.random.Generator) -> Iterator[Example]:
    """A share of the step wordings, as terse requests: fetch, clean, heat, cool, on; walking asks for nothing."""
    for demonstration in demonstrations:
        known = _slots(demonstration)
        blank = dict.fromkeys(SLOTS, ABSENT) | {"sliced": "False"}
        for steps in demonstration["steps"]:
            for (action, *arguments), text in zip(demonstration["plan"], steps, strict=False):
                if len(text.split()) > STEP_WORDS or random.random() > STEP_SHARE:
                    continue
                if action == "GotoLocation" and text.lower().split()[0] in WALKING and not _carries(text):
                    yield Example(text, blank | {"family": NO_REQUEST}, 0.5)
                elif action == "ToggleObject":
                    yield Example(text, blank | {"family": "on", "lamp": known["lamp"]}, 0.5)
                elif action in FAMILY_OF_STEP and [known["object"].lower(), "False"] == [arguments[0], known["sliced"]]:
                    yield Example(text, blank | {"family": FAMILY_OF_STEP[action], "object": known["object"]}, 0.5)


def _carries(text: str) -> bool:
    return any(w.role in ("put", "get") for w in wording.read_words(wording.tokenise(f"of {text}")))


def literal_readings(example: Example) -> Iterator[Example]:
    """The example as it is; where its words say nothing of a part of its goal, mostly the goal without that part.

    People left out what the video showed ("put the apple on the table" for a chilled one). Whoever instructs a robot
    means what the words say, so the omitted part remains only as a less likely alternative.
    """
    slots, said = dict(example.slots), {wording.singular(t) for t in wording.tokenise(example.text)}
    plural = any(w.plural for w in wording.read_words(wording.tokenise(example.text)))
    if slots["family"] in EVIDENCE and not said & EVIDENCE[slots["family"]]:
        said_otherwise = plural if slots["family"] == "place_two" else INTO_FRIDGE.search(example.text.lower())
        slots["family"] = slots["family"] if said_otherwise and slots["receptacle"] != "Fridge" else "place"
    if slots["sliced"] == "True" and not said & EVIDENCE["sliced"]:
        slots["sliced"] = "False"
    if slots == example.slots:
        yield example
    else:
        yield replace(example, slots=slots, weight=LITERAL * example.weight)
        yield replace(example, weight=(1.0 - LITERAL) * example.weight)


def enlarge(examples: list[Example], rewriter: Rewriter) -> list[Example]:
    """The examples, reworded and embedded copies of them, and sentences of our own."""
    result = list(examples)
    for _ in range(COPIES):
        for example in examples:
            reworded = rewriter.reword(example)
            if reworded is not None:
                result.append(rewriter.embed(reworded) if rewriter.chance(0.3) else reworded)
    result += [rewriter.embed(e) for e in examples if rewriter.chance(0.35)]
    framed = (rewriter.frame() for _ in range(FRAMED))
    result += [rewriter.embed(e) if rewriter.chance(0.3) else e for e in framed]
    return result + [rewriter.chat() for _ in range(CHATS)]


def known_words(examples: Sequence[Example], glosses: Glosses) -> frozenset[str]:
    """Stems met at least KNOWN_AT times in ALFRED, and every word of the glosses and of our own sentences."""
    counts = Counter(wording.singular(t) for e in examples for t in wording.tokenise(e.text))
    ours = [text for gloss in glosses.values() for key in ("names", "nouns", "looks", "uses") for text in gloss[key]]
    ours += [text for texts in (*FRAMES.values(), ASIDES_BEFORE, ASIDES_AFTER, CHATTER) for text in texts]
    ours_known = {wording.singular(t) for text in ours for t in wording.tokenise(text)}
    return frozenset(
        {w for w, n in counts.items() if n >= KNOWN_AT and w[0].isalpha()} | ours_known | wording.FUNCTION_WORDS
    ) - {",", "."}


def seen(text: str, known: frozenset[str]) -> set[str]:
    """The features of a text, unknown words hidden as the grounding hides them."""
    ours = (wording.THING, wording.UNKNOWN)
    tokens = [
        t if not t[0].isalnum() or wording.singular(t) in known or wording.singular(t) in ours else _known(t, known)
        for t in wording.tokenise(text)
    ]
    return wording.features(wording.read_words(tokens))


def _known(token: str, known: frozenset[str]) -> str:
    token = wording.respell(token, known)
    return token if wording.singular(token) in known else wording.UNKNOWN


class Model:
    """The linear models of all slots, side by side in one table."""

    def __init__(self, examples: Sequence[Example], found: Sequence[set[str]]) -> None:
        """Choose the features worth keeping and the classes of every slot."""
        counts = Counter(f for features in found for f in features)
        self.codes = np.array(sorted({wording.feature_code(f) for f, n in counts.items() if n >= KEPT_AT}), np.uint32)
        self.classes = {slot: tuple(sorted({e.slots[slot] for e in examples})) for slot in SLOTS}
        self.width = sum(map(len, self.classes.values()))
        self.table = np.zeros((len(self.codes), self.width), np.float32)
        self.biases = np.zeros(self.width, np.float32)
        self._squares = np.full_like(self.table, 1e-3)
        self._bias_squares = np.full_like(self.biases, 1e-3)

    def columns(self, features: set[str]) -> np.ndarray:
        """Rows of the table that a sentence touches."""
        wanted = np.array(sorted({wording.feature_code(f) for f in features}), np.uint32)
        at = np.minimum(np.searchsorted(self.codes, wanted), len(self.codes) - 1)
        return np.asarray(at[self.codes[at] == wanted])

    def targets(self, examples: Sequence[Example]) -> np.ndarray:
        """int [N, slots], the column of each example's class within its slot."""
        index = {slot: {c: i for i, c in enumerate(names)} for slot, names in self.classes.items()}
        return np.array([[index[slot][e.slots[slot]] for slot in SLOTS] for e in examples])

    def learn(self, rows: Sequence[np.ndarray], targets: np.ndarray, shares: np.ndarray) -> None:
        """One step of Adagrad on the summed cross entropy of all slots."""
        touched, at = np.unique(np.concatenate(rows), return_inverse=True)
        present = np.zeros((len(rows), len(touched)), np.float32)
        present[np.repeat(np.arange(len(rows)), [len(r) for r in rows]), at] = 1.0
        present /= np.sqrt(np.maximum(present.sum(axis=1, keepdims=True), 1.0))
        gradient = self._errors(present @ self.table[touched] + self.biases, targets) * shares[:, None]
        step = present.T @ gradient * (8.0 / len(rows)) + DECAY * self.table[touched]
        self._squares[touched] += step * step
        self.table[touched] -= RATE * step / np.sqrt(self._squares[touched])
        bias_step = gradient.mean(axis=0)
        self._bias_squares += bias_step * bias_step
        self.biases -= 0.1 * bias_step / np.sqrt(self._bias_squares)

    def _errors(self, scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
        start = 0
        for column, slot in enumerate(SLOTS):
            part = scores[:, start : start + len(self.classes[slot])]
            part -= part.max(axis=1, keepdims=True)
            np.exp(part, out=part)
            part /= part.sum(axis=1, keepdims=True)
            part[np.arange(len(part)), targets[:, column]] -= 1.0
            start += part.shape[1]
        return scores


def train(examples: Sequence[Example], found: Sequence[set[str]], random: np.random.Generator) -> Model:
    """Fit the model to the examples."""
    model = Model(examples, found)
    rows, targets = [model.columns(f) for f in found], model.targets(examples)
    shares = np.array([e.weight for e in examples], np.float32)
    usable = np.array([i for i, r in enumerate(rows) if len(r)])
    average = np.zeros_like(model.table)
    for epoch in range(EPOCHS):
        order = random.permutation(usable)
        for batch in (order[i : i + BATCH] for i in range(0, len(order), BATCH)):
            model.learn([rows[i] for i in batch], targets[batch], shares[batch])
        average += model.table / AVERAGED if epoch >= EPOCHS - AVERAGED else 0.0
    model.table = average
    return model


Pairs = dict[tuple[str, str], np.ndarray]


def pair_tables(examples: Sequence[Example], classes: Mapping[str, tuple[str, ...]]) -> Pairs:
    """Log of how much more often than by chance two slots' classes meet in what people asked; 0 for the unmet."""
    tables: Pairs = {}
    for a, b in (("family", "receptacle"), ("object", "receptacle"), ("object", "movable")):
        met = np.zeros((len(classes[a]), len(classes[b])))
        for e in examples:
            met[classes[a].index(e.slots[a]), classes[b].index(e.slots[b])] += 1
        expected = met.sum(1, keepdims=True) * met.sum(0, keepdims=True) / met.sum()
        tables[a, b] = np.clip(np.log((met + 2.0) / (expected + 2.0)), -2.0, 2.0).astype(np.float16)
    return tables


def store(model: Model, known: frozenset[str], pairs: Pairs, path: Path) -> None:
    """Write the weights as int8 with one scale per class."""
    scales = np.maximum(np.abs(model.table).max(axis=0), 1e-6) / 127.0
    table = np.rint(model.table / scales).astype(np.int8)
    kept = np.abs(table).max(axis=1) > 2
    table[np.abs(table) < 2] = 0
    header = {"classes": model.classes, "pairs": list(pairs), "words": sorted(known)}
    arrays: dict[str, np.ndarray] = {
        "codes": model.codes[kept],
        "table": table[kept],
        "scales": scales.astype(np.float32),
        "biases": model.biases,
        "header": np.frombuffer(json.dumps(header, ensure_ascii=True).encode(), np.uint8),
        **{f"{a}_{b}": matrix for (a, b), matrix in pairs.items()},
    }
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def placement_prior(counts: Sequence[tuple[str, str, int]], glosses: Glosses) -> dict[str, dict[str, float]]:
    """Class -> receptacle class -> probability: the counts, smoothed with how often anything is there at all."""
    lower = {c.lower(): c for c in glosses} | {k.lower(): v for k, v in RENAMED.items()}
    met: dict[str, Counter[str]] = {}
    for thing, place, count in counts:
        if thing != place and place in lower and "receptacle" in glosses[lower[place]]["kinds"]:
            met.setdefault(lower[thing], Counter())[lower[place]] += count
    anywhere = sum(met.values(), Counter())
    total = sum(anywhere.values())
    prior = {}
    for thing, places in sorted(met.items()):
        share = {
            p: (places[p] + PRIOR_SMOOTHING * n / total) / (sum(places.values()) + PRIOR_SMOOTHING)
            for p, n in anywhere.items()
        }
        best = sorted(share.items(), key=lambda pair: (-pair[1], pair[0]))[:PRIOR_KEPT]
        prior[thing] = {place: round(p, 4) for place, p in best}
    return prior


def room_prior(demonstrations: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Class -> kind of room -> share of the demonstrations about it that took place there."""
    met: dict[str, Counter[str]] = {}
    for demonstration in demonstrations:
        room = ROOM_OF_HUNDRED[int(demonstration["scene"].removeprefix("FloorPlan")) // 100]
        things = (demonstration[slot] for slot in ("object", "movable", "parent", "lamp"))
        for thing in {RENAMED.get(t, t) for t in things if t}:
            met.setdefault(thing, Counter())[room] += 1
    return {
        thing: {room: round(n / sum(rooms.values()), 4) for room, n in sorted(rooms.items())}
        for thing, rooms in sorted(met.items())
    }


def report(name: str, examples: Sequence[Example], reader: grounding.Grounding) -> None:
    """Print the share of instructions whose best reading is right, per slot and in all, and within the best three."""
    hits: Counter[str] = Counter()
    for example in examples:
        goals = reader.ground(example.text)
        wanted = example.slots
        read_slots = [slots_of(g) for g in goals]
        for slot in SLOTS:
            hits[slot] += bool(goals) and read_slots[0][slot] == wanted[slot]
        for k in (1, 3, 5):
            hits[f"top {k}"] += wanted in read_slots[:k]
        hits["refused"] += not goals
    print(f"{name}: " + ", ".join(f"{key} {count / len(examples):.3f}" for key, count in hits.items()))


def slots_of(goal: Goal) -> Slots:
    """The slots that a goal was made of."""
    labels = {v.name: v.label for v in goal.variables}
    sliced = any(t.predicate == "sliced" for t in goal.literals)
    named = {slot: labels.get(slot, ABSENT) for slot in SLOTS[1:-1]}
    return {"family": goal.family, **named, "sliced": str(sliced)}


def main() -> None:
    """Train, write, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with ALFRED's instructions")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    random = np.random.default_rng(options.seed)
    glosses = json.loads((DATA / "glosses.json").read_text(encoding="utf-8"))
    demonstrations = read(options.data / "train.jsonl.gz")
    asked = instructions(demonstrations)
    known = known_words(asked, glosses)
    rewriter = Rewriter(glosses, random)
    read_literally = [e for example in asked for e in literal_readings(example)]
    examples = enlarge([*read_literally, *single_steps(demonstrations, random)], rewriter)
    model = train(examples, [seen(e.text, known) for e in examples], random)
    store(model, known, pair_tables(asked, model.classes), DATA / "grounding.npz")
    counts = json.loads((options.data / "placement_counts.json").read_text(encoding="utf-8"))
    prior = json.dumps(placement_prior(counts, glosses), indent=1)
    (DATA / "placement_prior.json").write_text(prior + "\n", encoding="utf-8")
    rooms = json.dumps(room_prior(demonstrations), indent=1)
    (DATA / "room_prior.json").write_text(rooms + "\n", encoding="utf-8")
    print(f"{len(examples)} examples, {len(model.codes)} features, {time.perf_counter() - started:.0f} s")
    reader = grounding.Grounding.load()
    unseen = instructions(read(options.data / "valid_unseen.jsonl.gz"))
    report("train (every 20th)", asked[::20], reader)
    report("valid_unseen", unseen, reader)
    described = Rewriter(glosses, np.random.default_rng(1))
    reworded = [e for e in map(described.reword, unseen) if e and OPEN_CLASS not in e.slots.values()]
    report("valid_unseen, described", reworded, reader)
    report("valid_unseen, with remarks", [described.embed(e) for e in unseen], reader)


if __name__ == "__main__":
    main()
