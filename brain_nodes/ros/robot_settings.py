# SPDX-License-Identifier: Apache-2.0
"""What the body of a real robot may be told: its map, its action servers, and how long it is patient with them.

Neighbours: robot_body_node.py declares these as parameters; navigation.py, arm.py and forwarding.py each read theirs.
Rules of the file: a list of pairs is spelled `name:=value`, one string each; what cannot be is refused here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from brain_nodes.ros.settings import told


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotSettings:
    """The body as a whole."""

    map_id: str = told("map-0", "Map the robot stands in; a goal of another one is refused.")
    map_revision: str = told("0", "Revision of that map.")
    heartbeat_timeout_s: float = told(1.0, "It holds when the brainstem's heartbeat is older than this.")
    answer_deadline_s: float = told(2.0, "An action server accepts or refuses a goal by then.")
    cancel_deadline_s: float = told(2.0, "An action server confirms a cancel by then.")
    forward: tuple[str, ...] = told((), "skill:=action of type RunSkill that carries it out, one each.")
    forward_deadline_s: float = told(120.0, "A forwarded skill ends by then, or is cancelled as stuck.")
    labels: tuple[str, ...] = told((), "kind:=classes such as pickupable:=Mug Cup; without one, any class.")

    def __post_init__(self) -> None:
        _refuse_what_is_not_positive(self)
        if not self.map_id or not self.map_revision:
            raise ValueError(f"map_id {self.map_id!r} and map_revision {self.map_revision!r} must be named")
        pairs(self.forward, "forward")
        pairs(self.labels, "labels")


@dataclass(frozen=True, slots=True, kw_only=True)
class NavigationSettings:
    """Driving with Nav2."""

    navigate: str = told("navigate_to_pose", "Nav2's action of type NavigateToPose; empty = it does not drive.")
    map_frame: str = told("map", "Frame of the goals sent to Nav2, and name of the map in tf.")
    base_frame: str = told("base_link", "Name of the robot's base in tf.")
    places: tuple[str, ...] = told((), "name:=x y yaw in the map, metres and radians; driven to exactly.")
    standoff_m: float = told(0.6, "It stops so far from the middle of a thing, on its own side of it.")
    arrival_m: float = told(0.5, "Nav2's success farther than this from the goal is a failure.")
    pose_age_s: float = told(1.0, "A pose in tf older than this is not where the robot is.")
    stuck_after_s: float = told(15.0, "Without feedback, or without coming nearer, for so long it is stuck.")
    progress_m: float = told(0.05, "Nearer by so much counts as coming nearer.")
    drive_deadline_s: float = told(600.0, "A drive ends by then, or is cancelled as stuck.")

    def __post_init__(self) -> None:
        _refuse_what_is_not_positive(self)
        place_poses(self.places)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSettings:
    """An arm and a gripper behind ros2_control's action servers."""

    gripper: str = told("", "Action of type GripperCommand; empty = no gripper.")
    open_position_m: float = told(0.08, "Gap of the open gripper.")
    closed_position_m: float = told(0.0, "Gap it closes to, where nothing is in between.")
    max_effort_n: float = told(20.0, "Highest force of the gripper.")
    arm: str = told("", "Action of type FollowJointTrajectory; empty = no arm.")
    postures: tuple[str, ...] = told((), "name:=joint=radians ... duration_s=seconds, one posture each.")
    arm_deadline_s: float = told(10.0, "A motion that takes so much longer than told is cancelled as stuck.")

    def __post_init__(self) -> None:
        _refuse_what_is_not_positive(self, but=("open_position_m", "closed_position_m"))
        if not all(map(math.isfinite, (self.open_position_m, self.closed_position_m))):
            raise ValueError(f"the gripper cannot go to {self.open_position_m} m or {self.closed_position_m} m")
        if self.arm and not self.postures:
            raise ValueError(f"arm {self.arm!r} has no postures to go to")
        joint_postures(self.postures)


@dataclass(frozen=True, slots=True)
class Posture:
    """Where the joints of an arm are, and how long the way there takes."""

    positions_rad: dict[str, float]
    duration_s: float


def pairs(given: tuple[str, ...], what: str) -> dict[str, str]:
    """`name:=value` strings as a table.

    >>> pairs(("pick_up:=/arm/run_skill",), "forward")
    {'pick_up': '/arm/run_skill'}
    """
    table: dict[str, str] = {}
    for one in given:
        name, between, value = (part.strip() for part in one.partition(":="))
        if not name or not between or not value or name in table:
            raise ValueError(f"{what}: {one!r} is not name:=value with a name of its own")
        table[name] = value
    return table


def place_poses(given: tuple[str, ...]) -> dict[str, tuple[float, float, float]]:
    """Named places: x and y in metres, yaw in radians.

    >>> place_poses(("kitchen:=1.5 -2 3.14",))
    {'kitchen': (1.5, -2.0, 3.14)}
    """
    found = {}
    for name, words in pairs(given, "places").items():
        numbers = [_number(word, f"place {name!r}") for word in words.split()]
        if len(numbers) != 3:
            raise ValueError(f"place {name!r}: {words!r} is not x y yaw")
        found[name] = (numbers[0], numbers[1], numbers[2])
    return found


def joint_postures(given: tuple[str, ...]) -> dict[str, Posture]:
    """Named postures of an arm.

    >>> joint_postures(("home:=shoulder=0.5 elbow=-1 duration_s=3",))
    {'home': Posture(positions_rad={'shoulder': 0.5, 'elbow': -1.0}, duration_s=3.0)}
    """
    found = {}
    for name, words in pairs(given, "postures").items():
        values = {}
        for word in words.split():
            joint, _, number = word.partition("=")
            if not joint or joint in values:
                raise ValueError(f"posture {name!r}: {word!r} is not joint=radians with a joint of its own")
            values[joint] = _number(number, f"posture {name!r}, {joint}")
        duration_s = values.pop("duration_s", 0.0)
        if duration_s <= 0 or not values:
            raise ValueError(f"posture {name!r}: {words!r} needs joints and a positive duration_s")
        found[name] = Posture(values, duration_s)
    return found


def _number(word: str, what: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"{what}: {word!r} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{what}: {word!r} is not finite")
    return value


def _refuse_what_is_not_positive(settings: Any, but: tuple[str, ...] = ()) -> None:
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, float) and field.name not in but and not 0 < value < math.inf:
            raise ValueError(f"{field.name} {value} must be positive")
