# SPDX-License-Identifier: Apache-2.0
"""What anyone knows of homes before having seen one: where things usually are, which furniture is in which room.

Neighbours: search.py orders its looks by it, until this home's own habits (lessons) say better.
Rules of the file: general knowledge only; the placement and room tables are learned from people's homes (see NOTICE),
the furniture of rooms they do not speak of is our own.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources

ROOM_FURNITURE = {
    "kitchen": (
        "CounterTop", "Fridge", "Microwave", "Sink", "Faucet", "StoveBurner", "Cabinet", "Drawer", "DiningTable",
        "GarbageCan", "CoffeeMachine", "Toaster", "Shelf",
    ),
    "living": ("Sofa", "ArmChair", "CoffeeTable", "TVStand", "SideTable", "FloorLamp", "Shelf", "Ottoman", "Dresser"),
    "dining": ("DiningTable", "SideTable", "Shelf", "Cabinet"),
    "bedroom": ("Bed", "Dresser", "Desk", "DeskLamp", "SideTable", "ArmChair", "Drawer", "Shelf", "Safe"),
    "bathroom": (
        "Toilet", "Sink", "Faucet", "Bathtub", "Cabinet", "GarbageCan", "TowelHolder", "HandTowelHolder",
        "ToiletPaperHanger", "Shelf", "CounterTop", "Cart",
    ),
    "study": ("Desk", "DeskLamp", "Shelf", "ArmChair", "Drawer", "SideTable", "GarbageCan"),
    "office": ("Desk", "DeskLamp", "Shelf", "ArmChair", "Drawer", "SideTable", "GarbageCan"),
    "hall": ("Dresser", "SideTable", "Shelf", "Cabinet", "FloorLamp"),
}  # fmt: skip
MOVABLE_RECEPTACLES = frozenset({"Bowl", "Box", "Cup", "Mug", "Plate", "Pan", "Pot"})
LEARNED_ROOMS = ("kitchen", "living", "bedroom", "bathroom")
SELDOM_ASKED = frozenset({"Safe", "Ottoman", "Cart", "TVStand", "LaundryHamper", "Stool", "Chair", "TowelHolder"})
UNKNOWN_ROOM = 0.3
FLOOR = 0.002  # anything may be anywhere


@lru_cache(maxsize=1)
def placement_prior() -> dict[str, dict[str, float]]:
    """Object class -> receptacle class -> share of the placements seen in people's homes."""
    path = resources.files("brain_nodes.prefrontal") / "data" / "placement_prior.json"
    table: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
    return table


@lru_cache(maxsize=1)
def room_prior() -> dict[str, dict[str, float]]:
    """Object or furniture class -> kind of room -> share of what people asked about it."""
    path = resources.files("brain_nodes.prefrontal") / "data" / "room_prior.json"
    table: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
    return table


@lru_cache(maxsize=1)
def furniture() -> frozenset[str]:
    """Classes that things are kept in or on and that stay where they are."""
    kept = frozenset(r for placed in placement_prior().values() for r in placed)
    return kept - MOVABLE_RECEPTACLES - frozenset(placement_prior())


def can_hold(label: str) -> bool:
    """Can something be put in or on a thing of this class?"""
    return label in MOVABLE_RECEPTACLES or label in furniture() or label in SELDOM_ASKED


def chance_in(label: str, receptacle_label: str) -> float:
    """How likely a thing of this class is in or on a receptacle of that class."""
    return placement_prior().get(label, {}).get(receptacle_label, FLOOR)


def chance_in_room(label: str, room_name: str) -> float:
    """How likely a thing (or a piece of furniture) of this class is in a room of this name.

    >>> chance_in_room("Fridge", "kitchen") > chance_in_room("Fridge", "bedroom 2")
    True
    """
    learned = next((r for r in LEARNED_ROOMS if r in room_name.lower()), "")
    if learned and label in room_prior():
        return max(FLOOR, room_prior()[label].get(learned, 0.0))
    furniture = next((f for key, f in ROOM_FURNITURE.items() if key in room_name.lower()), None)
    if furniture is None:
        return UNKNOWN_ROOM
    if label in furniture:
        return 1.0
    if label not in placement_prior():
        return FLOOR
    return max(FLOOR, sum(chance_in(label, f) for f in furniture if chance_in(label, f) > FLOOR))
