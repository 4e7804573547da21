# SPDX-License-Identifier: Apache-2.0
"""The words of an instruction: tokens, their roles in the sentence, and the features the grounding scores.

Neighbours: grounding.py reads an instruction with these functions, tools/train_grounding.py learns from the same ones,
so both always see the same text. Nothing here knows a class label or a weight.
Rules of the file: pure functions over plain Python; a longer text costs no more than MAX_TOKENS words of it.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

MAX_CHARACTERS = 1200
MAX_TOKENS = 120
THING = "xthing"  # stands for a label of the robot's own that the learned scores have never met
UNKNOWN = "xunknown"  # stands for a word that training did not see often enough to know

_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+|[.,;:!?]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W\d_]+")
_SENTENCE_ENDS = frozenset(".!?;:")
_NUMBERS = {"2": "two", "1": "one", "3": "three", "4": "four", "couple": "two", "pair": "two"}
_ENDINGS = ("ing", "ed", "er", "es", "d")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _table(rows: str) -> dict[str, str]:
    return {word: row.split(":")[0].strip() for row in rows.strip().splitlines() for word in row.split(":")[1].split()}


# What the noun phrase after this word is to the request: role of the last such word before it.
_ROLES = _table("""
    put: put place placing putting set setting move moving bring bringing leave leaving store storing drop relocate
    put: stow deposit transfer position lay throw discard toss dump hide return stash dispose
    put: gather collect transport hang keep arrange
    get: get getting take taking pick picking grab grabbing fetch carry carrying hold holding find retrieve locate
    clean: clean cleaning wash washing rinse rinsing scrub sanitize cleanse cleansing sanitise
    heat: heat heating reheat warm warming cook cooking microwave microwaving
    cool: cool cooling chill chilling refrigerate freeze
    slice: slice slicing cut cutting chop
    look: look examine examining inspect inspecting view read reading see study check
    turn: turn turning switch switching toggle light illuminate
    open: open opening close closing shut
    in: in into inside on onto to at upon within
    with: with containing holds has using
    from: from off out
    near: next near beside behind left right front under underneath below above by between across
    of: that which for whose used
""")
# A clause opened by one of these does not say what to do; it reaches to the next comma or the end of its sentence.
_ASIDES = _table("""
    though: although though despite albeit regardless even
    not: instead rather not don't never without except avoid ignore ignoring unlike stop
    when: while when whenever after before once as if until unless during
    why: because since so ensuring ensure
""")
_REMARK_STARTS = frozenset("it it's this that that's they these there there's i'm he she we everything".split())
_VERBS = frozenset("put get clean heat cool slice look turn open".split())
_FILLERS = frozenset("both of up off back down all each".split())
_PRONOUNS = frozenset("it them one those these".split())
_SINGULARS = {
    "knives": "knife", "shelves": "shelf", "loaves": "loaf", "leaves": "leaf", "halves": "half", "dishes": "dish",
    "glasses": "glass", "keys": "key", "boxes": "box", "couches": "couch", "watches": "watch", "chess": "chess",
}  # fmt: skip


class Word(NamedTuple):
    """One word of an instruction: its stem, whether it was a plural, its role, and the aside it stands in, if any."""

    stem: str
    plural: bool
    role: str
    aside: str


# Ways of asking that say the same as a plain command, and the command: (pattern, command) over lower-case text.
_PLAIN = tuple(
    (re.compile(pattern), command)
    for pattern, command in (
        (r"\b(?:(?:would|could|will|can) you )?(?:please )?be so kind(?: as| and)?(?: to)?\b", "please"),
        (r"\b(?:make sure|see to it|ensure)(?: that)? there (?:is|are)\b", "put"),
        (r"\bthere (?:should|must|has to|have to|needs to|need to) be\b", "put"),
        (r"\b(?:i|we)(?: would|'d)? (?:like|want|need)(?: to have)?(?= [^.,;]* (?:in|on|into|onto|inside) )", "put"),
        (r"\b(it|they|(?:the|a|an|my|our|your) [a-z]+(?: [a-z]+){0,2}?) (?:should go|must go|goes|go|belongs|belong)"
         r"(?= (?:in|on|into|onto|inside|to)\b)", r"put \1"),
        (r"\bwhile (?:you |you are )?(?:hold|carry|holding|carrying)\b", "while holding"),
        (r"\bwherever (?:it is|they are)\b", ""),
        (r"[;,] afterwards\b", ", then"),
    )
)  # fmt: skip


def plainly(text: str) -> str:
    """The text in lower case, with wishes and polite questions turned into commands.

    >>> plainly("There should be two cups on the shelf.")
    'put two cups on the shelf.'
    """
    text = text.lower()
    for pattern, command in _PLAIN:
        text = pattern.sub(command, text)
    return text


def tokenise(text: str) -> list[str]:
    """Lower-case words, number words and punctuation of the text, at most MAX_TOKENS of them.

    >>> tokenise("Put 2 mugs on the shelf, please!")
    ['put', 'two', 'mugs', 'on', 'the', 'shelf', ',', 'please', '!']
    """
    plain = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).lower().replace("\u2019", "'")
    tokens = [_NUMBERS.get(t, t) for t in _TOKEN.findall(plain)[:MAX_TOKENS]]
    return [t.removesuffix("'s") for t in tokens]


def singular(word: str) -> str:
    """The singular of an English noun, by rule; a word that is none comes back as it was.

    >>> [singular(w) for w in ("mugs", "boxes", "knives", "glass", "potatoes", "bus")]
    ['mug', 'box', 'knife', 'glass', 'potato', 'bus']
    """
    if word in _SINGULARS:
        return _SINGULARS[word]
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("oes", "shes", "ches", "xes", "sses", "zes")):
        return word[:-2]
    return word[:-1]


FUNCTION_WORDS = frozenset(map(singular, (*_ROLES, *_ASIDES, *_REMARK_STARTS)))  # never unknown


def label_words(label: str) -> tuple[str, ...]:
    """The words a class label is made of, in the singular.

    >>> label_words("ToolBox"), label_words("coffee_mug-2"), label_words("TVStand")
    (('tool', 'box'), ('coffee', 'mug'), ('tv', 'stand'))
    """
    return tuple(singular(w.lower()) for w in _CAMEL.split(label) if w)


def read_words(tokens: Sequence[str]) -> list[Word]:
    """Give every token its stem, its role and the aside that it stands in; punctuation keeps the role "," or "."."""
    words = []
    role, aside, starts = "put", "", True
    for token, following in zip(tokens, [*tokens[1:], ""], strict=False):
        if token == "," or token in _SENTENCE_ENDS:
            starts, aside, role = token != ",", "", "put" if token != "," else role
            words.append(Word("," if token == "," else ".", False, ",", ""))
            continue
        aside = _aside(token, following, aside, starts)
        role = _ROLES.get(token, role)
        stem = singular(token)
        words.append(Word(stem, stem != token, role, aside))
        starts = False
    return _resolved(words)


def _resolved(words: list[Word]) -> list[Word]:
    """Where the request itself says only "it", what stood before it is no aside: "if you see a mug, move it"."""
    verb = next((i for i, w in enumerate(words) if not w.aside and _ROLES.get(w.stem, "") in _VERBS), None)
    if verb is None:
        return words
    follows = next((w.stem for w in words[verb + 1 :] if w.stem not in _FILLERS), "")
    if follows not in _PRONOUNS:
        return words
    return [w._replace(aside="") for w in words[:verb]] + words[verb:]


def _aside(token: str, following: str, aside: str, starts: bool) -> str:
    opened = _ASIDES.get(token, "")
    if opened == "when" and following.endswith("ing"):  # "before placing it in ..." does say what to do
        return aside
    return opened or aside or ("remark" if starts and token in _REMARK_STARTS else "")


def forbids(words: Sequence[Word]) -> bool:
    """True if all that the sentence says to do, it says not to do.

    >>> [forbids(read_words(tokenise(s))) for s in ("don't open the fridge", "don't open it, close it")]
    [True, False]
    """
    verbs = [w.aside for w in words if _ROLES.get(w.stem, "") in _VERBS]
    return "not" in verbs and "" not in verbs


def features(words: Sequence[Word]) -> set[str]:
    """What the linear models see of an instruction: words, runs of two and three, and words with their role."""
    found = set(_runs([w.stem for w in words if not w.aside]))
    arrivals = [i for i, w in enumerate(words) if w.role == "in" and not w.aside]
    for i, word in enumerate(words):
        if word.plural:
            found.add(f"plural|{word.stem}")
            found.add(f"plural|{word.role}|")
        found.add(f"{word.aside or word.role}~{word.stem}" if word.aside else f"{word.role}|{word.stem}")
        if len(word.stem) > 4 and not word.aside:
            found.add(f"^{word.stem[:4]}")  # serve, serving and served share it
        if word.aside and i:
            found.add(f"{word.aside}~{words[i - 1].stem} {word.stem}")
    if arrivals:
        last = arrivals[-1]
        found.update(f"last|{words[i].stem}" for i in arrivals if last - i < 5)
    return found


def _runs(stems: Sequence[str]) -> Iterator[str]:
    padded = ["<", *stems, ">"]
    for i in range(1, len(padded)):
        yield padded[i]
        yield f"{padded[i - 1]} {padded[i]}"
        if i > 1:
            yield f"{padded[i - 2]} {padded[i - 1]} {padded[i]}"


def feature_code(feature: str) -> int:
    """The 32-bit code a feature is stored under: a checksum, so that no list of strings has to ship."""
    return zlib.crc32(feature.encode())


def respell(token: str, known: Collection[str]) -> str:
    """The known word that the token is another form or a slip of the keyboard of; the token itself if there is none.

    >>> respell("lettuse", {"lettuce", "let"}), respell("chopped", {"chopping"}), respell("zorp", {"zoo"})
    ('lettuce', 'chopping', 'zorp')
    """
    if len(token) < 5 or not token.isascii() or singular(token) in known:
        return token
    return next((w for w in itertools.chain(_other_forms(token), _slips(token)) if singular(w) in known), token)


def _other_forms(token: str) -> Iterator[str]:
    ending = next((e for e in _ENDINGS if token.endswith(e) and len(token) - len(e) > 2), "")
    root = token.removesuffix(ending)
    for stem in (root, root + root[-1], root[:-1] if root[-1] == root[-2] else root):
        yield from (stem + e for e in ("", "e", *_ENDINGS))


def _slips(token: str) -> Iterator[str]:
    halves = [(token[:i], token[i:]) for i in range(1, len(token) + 1)]
    yield from (a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1)
    yield from (a + b[1:] for a, b in halves if b)
    yield from (a + c + b for a, b in halves for c in _LETTERS)
    yield from (a + c + b[1:] for a, b in halves if b for c in _LETTERS)
