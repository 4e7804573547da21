# SPDX-License-Identifier: Apache-2.0
"""Say the same differently: the examples of the grounding that no person wrote.

Neighbours: train_grounding.py asks for them, grounding_phrases.py holds the sentences, the glosses the words.
Rules of the file: every draw comes from the generator given; a rewritten example weighs half of a written one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from brain_nodes.prefrontal import wording
from brain_nodes.prefrontal.grounding import ABSENT, NO_REQUEST, OPEN_CLASS, SLOTS
from tools.grounding_phrases import ASIDES_AFTER, ASIDES_BEFORE, CHATTER, FRAMES

KINDS = {
    "object": ("object",),
    "receptacle": ("receptacle",),
    "movable": ("movable",),
    "lamp": ("lamp", "switch"),
}
REWORDED, HIDDEN = 0.75, 0.12

Glosses = Mapping[str, Mapping[str, Sequence[str]]]
Slots = dict[str, str]


@dataclass(frozen=True)
class Example:
    """One sentence and the slots it stands for; weight is its share in the loss."""

    text: str
    slots: Slots
    weight: float = 1.0


@dataclass
class Rewriter:
    """Says the same differently: the source of every example that no person wrote."""

    glosses: Glosses
    random: np.random.Generator
    members: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.members = {
            slot: [c for c, g in self.glosses.items() if set(g["kinds"]) & set(kinds)] for slot, kinds in KINDS.items()
        }

    def pick(self, options: Sequence[str]) -> str:
        """One of the options, evenly."""
        return options[int(self.random.integers(len(options)))]

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return bool(self.random.random() < share)

    def describe(self, label: str, *, plural: bool = False) -> str:
        """A name of the class, or some of the words of its gloss."""
        gloss = self.glosses[label]
        names = gloss["names"][:1] if self.chance(0.4) else gloss["names"]
        head = self.pick(names if self.chance(0.5) else gloss["nouns"])
        if plural and not head.endswith("s"):
            head += "s"
        if head in gloss["names"] and self.chance(0.6):
            return head
        looks = self.pick(gloss["looks"]) + " " if self.chance(0.6) else ""
        if self.chance(0.15):
            looks += self.pick(gloss["looks"]) + " "
        use = " " + self.pick(gloss["uses"]) if self.chance(0.6) else ""
        if self.chance(0.12):
            return f"{self.pick(['something', 'item', 'thing', 'object'])}{use or ' ' + self.pick(gloss['uses'])}"
        return f"{looks}{head}{use}"

    def name(self, slot: str) -> str:
        """Any name of any class that the slot may hold: for remarks beside the request."""
        return self.pick(self.glosses[self.pick(self.members[slot])]["names"])

    def reword(self, example: Example) -> Example | None:
        """Replace what names one or more slots, sometimes by another class; None if no name is found in the text."""
        tokens, slots, changed = wording.tokenise(example.text), dict(example.slots), False
        hidden = self._hidden_share()
        for slot in ("object", "receptacle", "movable", "lamp"):
            span = self._span(tokens, slots[slot]) if slots[slot] else None
            if span is None or not self.chance(REWORDED):
                continue
            start, end = span
            plural = wording.singular(tokens[end - 1]) != tokens[end - 1]
            slots[slot], words = self._replacement(slot, slots[slot], plural, hidden)
            tokens[start:end] = words.split()
            changed = True
        return replace(example, text=" ".join(tokens), slots=slots, weight=0.5 * example.weight) if changed else None

    def _hidden_share(self) -> float:
        return 0.8 if self.chance(HIDDEN) else 0.04  # a robot's own labels come together

    def _replacement(self, slot: str, label: str, plural: bool, hidden_share: float) -> tuple[str, str]:
        if self.chance(hidden_share):
            hidden = wording.THING if self.chance(0.6) else wording.UNKNOWN
            return OPEN_CLASS, hidden + ("s" if plural and hidden == wording.THING else "")
        label = self.pick(self.members[slot]) if self.chance(0.5) else label
        return label, self.describe(label, plural=plural)

    def _span(self, tokens: Sequence[str], label: str) -> tuple[int, int] | None:
        stems = [wording.singular(t) for t in tokens]
        names = sorted((n.split() for n in self.glosses[label]["names"]), key=lambda n: -len(n))
        for name in ([wording.singular(w) for w in n] for n in names):
            for i in range(len(stems) - len(name) + 1):
                if stems[i : i + len(name)] == name:
                    return i, i + len(name)
        return None

    def embed(self, example: Example) -> Example:
        """Put a remark that asks for nothing before or after the request."""
        text = example.text.strip().rstrip(".")
        if self.chance(0.55):
            text = f"{self._filled(self.pick(ASIDES_BEFORE))} {text[:1].lower()}{text[1:]}"
        if self.chance(0.55):
            text = f"{text}{self._filled(self.pick(ASIDES_AFTER))}"
        return replace(example, text=text, weight=0.5 * example.weight)

    def _filled(self, remark: str) -> str:
        return remark.format(o=self.name("object"), o2=self.name("object"), r=self.name("receptacle"))

    def frame(self) -> Example:
        """A sentence of our own for a family and classes drawn evenly."""
        family, hidden = self.pick(list(FRAMES)), self._hidden_share()
        slots = dict.fromkeys(SLOTS, ABSENT) | {"family": family, "sliced": "False"}
        text, _, slots["receptacle"] = self.pick(FRAMES[family]).partition(" @")
        if "{s}" in text:
            slots["sliced"] = "True"
        words = {"s": self.pick(["slice", "piece"]), "q": self.name("receptacle")}
        for slot, letter in (("object", "o"), ("receptacle", "r"), ("movable", "m"), ("lamp", "l")):
            if f"{{{letter}}}" in text:
                label = self.pick(self.members[slot])
                slots[slot], words[letter] = self._replacement(slot, label, family == "place_two", hidden)
        return Example(text.format(**words), slots, 0.5)

    def chat(self) -> Example:
        """A sentence that asks for nothing."""
        slots = dict.fromkeys(SLOTS, ABSENT) | {"family": NO_REQUEST, "sliced": "False"}
        unknown = " ".join([wording.UNKNOWN] * int(self.random.integers(1, 8)))
        text = unknown if self.chance(0.15) else self._filled(self.pick(CHATTER))
        return Example(text, slots)
