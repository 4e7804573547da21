# SPDX-License-Identifier: Apache-2.0
"""What a robot declares that it can do, as data: the planner builds its operators from these and from nothing else.

Neighbours: navigation.py, arm.py and forwarding.py each declare from here what they carry out.
Rules of the file: a skill is declared as a simulated body declares it (tests/ros/test_robot_skills.py compares them),
so that the same planner drives both; no effect is claimed that the motion alone does not bring about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from memory.records import Effect, Literal, Parameter, Skill

SOMEWHERE = "somewhere"


def _is(predicate: str, *arguments: str) -> Literal:
    return Literal(predicate, arguments)


def _is_not(predicate: str, *arguments: str) -> Literal:
    return Literal(predicate, arguments, negated=True)


def _now(predicate: str, *arguments: str, when: tuple[Literal, ...] = ()) -> Effect:
    return Effect(_is(predicate, *arguments), when)


def _now_not(predicate: str, *arguments: str) -> Effect:
    return Effect(_is_not(predicate, *arguments))


GO_TO = Skill(
    "go_to",
    (Parameter("target"),),
    effects=(
        _now_not("near", "?other"),
        _now("near", "?target"),
        _now("near", "?content", when=(_is("inside", "?content", "?target"),)),
        _now("near", "?holder", when=(_is("inside", "?target", "?holder"),)),
    ),
    phrase="go to the {target}",
)
OPEN_GRIPPER = Skill(  # whatever was held lies somewhere below
    "open_gripper",
    effects=(
        _now_not("holding", "?object"),
        _now("hand_empty"),
        _now("inside", "?object", SOMEWHERE, when=(_is("holding", "?object"),)),
    ),
    phrase="open the gripper",
)
CLOSE_GRIPPER = Skill("close_gripper", phrase="close the gripper")  # what it then holds, only looking can tell
_OBJECT = Parameter("object", "pickupable")
FORWARDED = {
    skill.name: skill
    for skill in (
        Skill("look_around", phrase="look around"),
        Skill(
            "pick_up",
            (_OBJECT, Parameter("source", "source")),
            (_is("near", "?object"), _is("hand_empty"), _is("inside", "?object", "?source"), _is("open", "?source")),
            (
                _now_not("hand_empty"),
                _now_not("inside", "?object", "?source"),
                _now_not("full", "?source"),
                _now("holding", "?object"),
            ),
            "pick up the {object} from the {source}",
        ),
        Skill(
            "put_down",
            (_OBJECT, Parameter("receptacle", "receptacle")),
            (
                _is("holding", "?object"),
                _is("near", "?receptacle"),
                _is("open", "?receptacle"),
                _is_not("full", "?receptacle"),
            ),
            (
                _now_not("holding", "?object"),
                _now("hand_empty"),
                _now("inside", "?object", "?receptacle"),
                _now("full", "?receptacle", when=(_is("tight", "?receptacle"),)),
                _now("near", "?object"),
            ),
            "put the {object} in or on the {receptacle}",
        ),
        Skill(
            "drop",
            (_OBJECT,),
            (_is("holding", "?object"),),
            (
                _now_not("holding", "?object"),
                _now_not("near", "?object"),
                _now("hand_empty"),
                _now("inside", "?object", SOMEWHERE),
            ),
            "drop the object in hand",
        ),
        Skill(
            "open",
            (Parameter("target", "openable"),),
            (_is("near", "?target"), _is_not("open", "?target")),
            (_now("open", "?target"),),
            "open the {target}",
        ),
        Skill(
            "close",
            (Parameter("target", "openable"),),
            (_is("near", "?target"), _is("open", "?target")),
            (_now_not("open", "?target"),),
            "close the {target}",
        ),
        Skill(
            "turn_on",
            (Parameter("target", "toggleable"),),
            (_is("near", "?target"), _is_not("on", "?target")),
            (_now("on", "?target"),),
            "turn on the {target}",
        ),
        Skill(
            "turn_off",
            (Parameter("target", "toggleable"),),
            (_is("near", "?target"), _is("on", "?target")),
            (_now_not("on", "?target"),),
            "turn off the {target}",
        ),
    )
}


def move_arm(postures: Iterable[str]) -> Skill:
    """Bring the arm into one of these postures."""
    return Skill("move_arm", (Parameter("posture", names=tuple(postures)),), phrase="move the arm to {posture}")


def of_classes(skill: Skill, labels: Mapping[str, tuple[str, ...]]) -> Skill:
    """The skill for things of these classes only, by the kind of a parameter; a source is a receptacle."""
    kinds = {**labels, "source": labels.get("receptacle", ())}
    parameters = tuple(replace(p, names=p.names or kinds.get(p.kind, ())) for p in skill.parameters)
    return replace(skill, parameters=parameters)
