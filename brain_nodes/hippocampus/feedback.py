# SPDX-License-Identifier: Apache-2.0
"""What a body's sentence tells about the world, as facts of source `told`.

Neighbours: hippocampus.py reads every failed outcome's reason with it.
Rules of the file: a sentence is data; only the shapes below mean anything, everything else means nothing.
"""

from __future__ import annotations

import re

from memory.records import INSIDE, Literal, Step

_HIDDEN = re.compile(r"\b(?P<thing>\w+) is not visible because it is in (?P<holder>\w+)")
_ABSENT = re.compile(r"Cannot find (?P<thing>\w+)\. This object may not exist")
_DOOR = re.compile(r"The (?P<thing>\w+) is already (?P<state>open|closed)")
_SHUT = re.compile(r"Putting the object on (?P<thing>\w+) failed\. First check whether the receptacle is open")
_SWITCH = re.compile(r"Turn (?P<state>on|off) action failed")
_FULL = re.compile(r"The (?P<thing>\w+) is full")
_FAR = re.compile(r"no (?P<thing>\w+) in reach")
_HOLDS = re.compile(r"currently holding (?P<thing>\w+)")


def told_by(sentence: str, step: Step) -> tuple[Literal, ...]:
    """Facts in the sentence a body answered a step with; a class in it means the step's target of that class.

    >>> from memory.records import Target
    >>> step = Step("pick_up", (Target("Mug_2", "Mug"), Target("somewhere")))
    >>> [str(t) for t in told_by("Mug is not visible because it is in Cabinet_3. Go there ...", step)]
    ['inside(Mug_2, Cabinet_3)', 'not open(Cabinet_3)', 'not near(Mug_2)']
    """
    if found := _HIDDEN.search(sentence):
        thing, holder = _meant(found["thing"], step), found["holder"]
        return (
            Literal(INSIDE, (thing, holder)),
            Literal("open", (holder,), negated=True),
            Literal("near", (thing,), negated=True),
        )
    if found := _ABSENT.search(sentence):
        return (Literal("absent", (_meant(found["thing"], step),)),)
    if found := _DOOR.search(sentence):
        return (Literal("open", (_meant(found["thing"], step),), negated=found["state"] == "closed"),)
    if found := _SHUT.search(sentence):
        return (Literal("open", (_meant(found["thing"], step),), negated=True),)
    if (found := _SWITCH.search(sentence)) and step.targets:  # it may be in that state already
        return (Literal("on", (step.targets[0].name,), negated=found["state"] == "off"),)
    if found := _FULL.search(sentence):
        return (Literal("full", (_meant(found["thing"], step),)),)
    if found := _FAR.search(sentence):
        return (Literal("near", (_meant(found["thing"], step),), negated=True),)
    if found := _HOLDS.search(sentence):
        return (Literal("holding", (_meant(found["thing"], step),)),)
    return ()


def out_of_reach(sentence: str, step: Step) -> str:
    """Name of the target that the body said it could not reach; "" if it said no such thing."""
    found = _FAR.search(sentence)
    return _meant(found["thing"], step) if found else ""


def _meant(word: str, step: Step) -> str:
    return next((t.name for t in step.targets if word in (t.name, t.label)), word)
