# SPDX-License-Identifier: Apache-2.0
"""How the people of our homes ask for things.

Neighbours: home_tasks.py decides what is asked for, this file says it; the brain reads nothing else of a task.
Rules of the file: everyday words, several for most classes; every phrasing says the whole goal and no more than that;
{object} {things} {receptacle} {movable} {lamp} {slice} are filled with words, {in} and {into} with the preposition
that goes with the receptacle, {on} with the one that goes with the movable receptacle.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

NOUNS: Mapping[str, tuple[str, ...]] = {
    "AlarmClock": ("alarm clock", "alarm"),
    "ArmChair": ("armchair", "arm chair", "easy chair"),
    "Bathtub": ("bathtub", "bath", "tub"),
    "Bed": ("bed",),
    "Book": ("book",),
    "Bowl": ("bowl",),
    "Box": ("box", "cardboard box"),
    "Bread": ("bread", "loaf of bread"),
    "ButterKnife": ("butter knife",),
    "CD": ("CD", "disc"),
    "Cabinet": ("cabinet", "cupboard"),
    "CellPhone": ("cell phone", "phone", "mobile phone", "smartphone"),
    "Cloth": ("cloth", "rag"),
    "CoffeeMachine": ("coffee machine", "coffee maker"),
    "CoffeeTable": ("coffee table",),
    "CounterTop": ("counter", "countertop", "kitchen counter"),
    "CreditCard": ("credit card", "bank card"),
    "Cup": ("cup",),
    "Desk": ("desk", "writing desk"),
    "DeskLamp": ("desk lamp", "table lamp", "reading lamp"),
    "DiningTable": ("dining table", "dinner table"),
    "DishSponge": ("sponge", "dish sponge"),
    "Drawer": ("drawer",),
    "Dresser": ("dresser", "chest of drawers"),
    "FloorLamp": ("floor lamp", "standing lamp"),
    "Fridge": ("fridge", "refrigerator"),
    "GarbageCan": ("garbage can", "bin", "trash can", "trash"),
    "KeyChain": ("keys", "key chain", "set of keys"),
    "Laptop": ("laptop", "laptop computer"),
    "Lettuce": ("lettuce", "head of lettuce"),
    "Mug": ("mug", "coffee mug"),
    "Newspaper": ("newspaper", "paper"),
    "Pan": ("pan", "frying pan"),
    "Pen": ("pen",),
    "PepperShaker": ("pepper shaker", "pepper"),
    "Pillow": ("pillow", "cushion"),
    "Pot": ("pot", "cooking pot"),
    "RemoteControl": ("remote", "remote control", "TV remote"),
    "SaltShaker": ("salt shaker", "salt"),
    "Shelf": ("shelf",),
    "SideTable": ("side table", "small table", "end table"),
    "Sink": ("sink",),
    "SoapBar": ("bar of soap", "soap"),
    "SoapBottle": ("soap bottle", "soap dispenser"),
    "Sofa": ("sofa", "couch"),
    "Statue": ("statue", "figurine"),
    "StoveBurner": ("stove burner", "stove", "burner"),
    "TVStand": ("TV stand", "television stand"),
    "TissueBox": ("tissue box", "box of tissues"),
    "Toilet": ("toilet",),
    "ToiletPaper": ("toilet paper", "toilet roll", "roll of toilet paper"),
    "Watch": ("watch", "wristwatch"),
    "WineBottle": ("wine bottle", "bottle of wine"),
}
INTO = frozenset({"Bathtub", "Bowl", "Box", "Cabinet", "Cup", "Drawer", "Fridge", "GarbageCan", "Mug", "Pot", "Sink"})
_FIRST_WORD_PLURALS = re.compile(r"^(\w+) of ")
_PLURALS = {"keys": "sets of keys", "box": "boxes", "watch": "watches", "bread": "loaves of bread"}

_UNCOUNTED = re.compile(
    r"\b[Aa]n? (?=(?:keys|bread|soap|lettuce|salt|pepper|toilet paper)\b(?! shaker| bottle| dispenser))"
)

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "place": (
        "Put the {object} {in} the {receptacle}.",
        "Please put the {object} {in} the {receptacle}.",
        "{object} {into} the {receptacle}.",
        "Could you bring the {object} to the {receptacle}, {in} which it should stay?",
        "Take the {object} and place it {in} the {receptacle}.",
        "I would like the {object} {in} the {receptacle}, please.",
        "Find the {object} wherever it is and put it {in} the {receptacle}.",
        "The {object} belongs {in} the {receptacle}. Please put it there.",
        "Can you move a {object} {into} the {receptacle} for me?",
        "Be so kind and set the {object} {in} the {receptacle}.",
        "Someone left the {object} lying around; it should go {in} the {receptacle}.",
        "Get the {object} {into} the {receptacle}.",
        "Before our guests come, make sure that there is a {object} {in} the {receptacle}.",
        "Leave a {object} {in} the {receptacle}, thank you.",
    ),
    "place_two": (
        "Put two {things} {in} the {receptacle}.",
        "Please put two {things} {in} one {receptacle}.",
        "Two {things} {into} the {receptacle}.",
        "I need two {things} {in} the same {receptacle}.",
        "Collect two {things} and place both of them {in} the {receptacle}.",
        "Could you find two {things} and leave them {in} the {receptacle}?",
        "Bring two {things} to the {receptacle} and put them both {in} it, one after the other.",
        "Move a pair of {things} {into} the {receptacle}, please.",
        "There should be two {things} {in} the {receptacle}.",
        "Get me two {things} {into} the {receptacle}.",
        "Gather two of the {things} of this house {in} a single {receptacle}.",
        "Set two {things} down {in} the {receptacle}, would you?",
        "We want two {things} together {in} the {receptacle} this evening.",
    ),
    "stack": (
        "Put the {object} {on} the {movable} and then the {movable} {in} the {receptacle}.",
        "Please put a {movable} with a {object} {on} it {in} the {receptacle}.",
        "{movable} with a {object} {on} it {into} the {receptacle}.",
        "Place a {object} {on} a {movable}, then set the {movable} {in} the {receptacle}.",
        "I would like a {movable} holding a {object} {in} the {receptacle}.",
        "Bring the {object} {on} a {movable} and leave both {in} the {receptacle}.",
        "Could you take a {movable}, put a {object} {on} it and put it all {in} the {receptacle}?",
        "Set a {movable} {in} the {receptacle} with a {object} {on} it, please.",
        "The {object} goes {on} the {movable}, the {movable} goes {in} the {receptacle}.",
        "Leave the {object} {on} the {movable} {in} the {receptacle}.",
        "Have the {object} ready {on} the {movable} and that {movable} {in} the {receptacle}.",
        "Move a {object} {on} a {movable} first; afterwards carry the {movable} {into} the {receptacle}.",
    ),
    "clean": (
        "Put a clean {object} {in} the {receptacle}.",
        "Wash the {object} and put it {in} the {receptacle}.",
        "Please rinse the {object}, then place it {in} the {receptacle}.",
        "Clean {object} {into} the {receptacle}.",
        "The {object} is dirty. Clean it and leave it {in} the {receptacle}.",
        "Could you wash a {object} in the sink and bring it to the {receptacle}, {in} which it should stay?",
        "I need a freshly washed {object} {in} the {receptacle}.",
        "Rinse the {object} under the tap and set it {in} the {receptacle}.",
        "Give the {object} a wash, and then move it {into} the {receptacle}, please.",
        "Clean the {object}, put it {in} the {receptacle}.",
        "After washing a {object}, place it {in} the {receptacle}.",
        "Make sure that a {object} is washed and then put {in} the {receptacle}.",
        "Would you clean the {object} and leave it {in} the {receptacle}?",
    ),
    "heat": (
        "Put a hot {object} {in} the {receptacle}.",
        "Heat the {object} and put it {in} the {receptacle}.",
        "Please warm up the {object} in the microwave, then place it {in} the {receptacle}.",
        "Warm {object} {into} the {receptacle}.",
        "Microwave the {object} and leave it {in} the {receptacle}.",
        "Could you heat a {object} and set it {in} the {receptacle}?",
        "I would like a warm {object} {in} the {receptacle}.",
        "Warm the {object} and bring it to the {receptacle}, {in} which it should stay.",
        "The {object} is cold. Heat it up and put it {in} the {receptacle}, please.",
        "Heat {object}, put {in} {receptacle}.",
        "After heating a {object}, place it {in} the {receptacle}.",
        "Make the {object} hot and then move it {into} the {receptacle}.",
        "Would you be so kind to warm a {object} and leave it {in} the {receptacle}?",
    ),
    "cool": (
        "Put a cold {object} {in} the {receptacle}.",
        "Cool the {object} and put it {in} the {receptacle}.",
        "Please chill the {object} in the fridge, then place it {in} the {receptacle}.",
        "Chilled {object} {into} the {receptacle}.",
        "Cool down the {object} and leave it {in} the {receptacle}.",
        "Could you chill a {object} and set it {in} the {receptacle}?",
        "I would like a cold {object} {in} the {receptacle}.",
        "Chill the {object} and bring it to the {receptacle}, {in} which it should stay.",
        "The {object} is too warm. Cool it and put it {in} the {receptacle}, please.",
        "Cool {object}, put {in} {receptacle}.",
        "After chilling a {object}, place it {in} the {receptacle}.",
        "Make the {object} cold and then move it {into} the {receptacle}.",
        "Would you be so kind to cool a {object} and leave it {in} the {receptacle}?",
    ),
    "slice": (
        "Put a slice of {object} {in} the {receptacle}.",
        "Slice the {object} and put a slice {in} the {receptacle}.",
        "Please cut the {object} and place one piece {in} the {receptacle}.",
        "{object} slice {into} the {receptacle}.",
        "Cut a slice of {object} and leave it {in} the {receptacle}.",
        "Could you slice a {object} and set a slice of it {in} the {receptacle}?",
        "I would like a slice of {object} {in} the {receptacle}.",
        "Take a knife, cut the {object} and bring a slice {into} the {receptacle}.",
        "Slice {object}, one slice {in} {receptacle}.",
        "There should be a slice of {object} {in} the {receptacle}, please.",
        "Cut up the {object}; one of the slices goes {in} the {receptacle}.",
        "Would you chop a {object} and move one slice {into} the {receptacle}?",
    ),
    "heat_slice": (
        "Put a hot slice of {object} {in} the {receptacle}.",
        "Slice the {object}, heat a slice and put it {in} the {receptacle}.",
        "Please cut the {object}, warm one slice in the microwave and place it {in} the {receptacle}.",
        "Warm {object} slice {into} the {receptacle}.",
        "I would like a warm slice of {object} {in} the {receptacle}.",
        "Microwave a slice of {object} and leave it {in} the {receptacle}.",
        "Could you heat a slice of {object} and set it {in} the {receptacle}?",
    ),
    "cool_slice": (
        "Put a cold slice of {object} {in} the {receptacle}.",
        "Slice the {object}, chill a slice and put it {in} the {receptacle}.",
        "Please cut the {object}, cool one slice in the fridge and place it {in} the {receptacle}.",
        "Chilled {object} slice {into} the {receptacle}.",
        "I would like a cold slice of {object} {in} the {receptacle}.",
        "Could you chill a slice of {object} and set it {in} the {receptacle}?",
    ),
    "light": (
        "Look at the {object} under the {lamp}.",
        "Examine the {object} by the light of the {lamp}.",
        "Please hold the {object} and switch on the {lamp}.",
        "{object} under the {lamp}, with the light on.",
        "Turn on the {lamp} while you hold the {object}.",
        "Could you inspect the {object} in the light of a {lamp}?",
        "Pick up the {object} and turn the {lamp} on.",
        "I want to see the {object} in the light of the {lamp}.",
        "Carry the {object} to the {lamp} and switch the {lamp} on.",
        "Take the {object} in your hand and look at it with the {lamp} turned on.",
        "Bring the {object} over to a {lamp} and switch it on, so that I can look at the {object}.",
        "Have a look at the {object} with the help of the {lamp}, please.",
    ),
}


def phrase(rng: random.Random, pattern: str, labels: Mapping[str, str]) -> str:
    """An instruction for these classes, in one of the ways people would put it.

    Args:
        pattern: A key of TEMPLATES.
        labels: "object", and whichever of "receptacle", "movable", "lamp" the pattern needs.
    """
    words = {role: rng.choice(nouns(label)) for role, label in labels.items()}
    if pattern.endswith("slice"):
        words["object"] = nouns(labels["object"])[0]  # no "slice of loaf of bread"
    receptacle, movable = labels.get("receptacle", ""), labels.get("movable", "")
    words["in"], words["into"] = ("in", "into") if receptacle in INTO else ("on", "onto")
    words["on"] = "in" if movable in INTO | {"Pan"} else "on"
    words["things"] = plural(words["object"])
    sentence = _with_articles(rng.choice(TEMPLATES[pattern]).format(**words))
    return sentence[0].upper() + sentence[1:]


def nouns(label: str) -> tuple[str, ...]:
    """Words for a class, the usual one first.

    >>> nouns("Sofa"), nouns("SprayBottle")
    (('sofa', 'couch'), ('spray bottle',))
    """
    return NOUNS.get(label) or (re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label).lower(),)


def plural(noun: str) -> str:
    """More than one of it.

    >>> plural("mug"), plural("bottle of wine"), plural("box")
    ('mugs', 'bottles of wine', 'boxes')
    """
    if noun in _PLURALS:
        return _PLURALS[noun]
    if _FIRST_WORD_PLURALS.match(noun):
        return _FIRST_WORD_PLURALS.sub(lambda m: f"{plural(m[1])} of ", noun)
    if noun.endswith("knife"):
        return noun.removesuffix("fe") + "ves"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh", "to")) else "s")


def _with_articles(sentence: str) -> str:
    """An apple, not a apple; the keys, not a keys."""
    sentence = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", sentence)
    return _UNCOUNTED.sub("the ", sentence)
