# SPDX-License-Identifier: Apache-2.0
"""What our homes are furnished with: kinds, furniture groups, what is kept where. Tables only.

Neighbours: home_plan.py sets the groups along the walls, homes.py fills them, home_words.py names the classes.
Rules of the file: metres; a group is drawn with its back to a wall, u along the wall, v into the room; boxes of one
group do not overlap; the sizes and habits are our own estimate of a European flat, not taken from any data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memory.geometry import Vector


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of thing: its box, and what can be done with it (words of `Thing`'s flags)."""

    size_m: Vector
    can: frozenset[str] = frozenset()
    hollow: bool = False  # things lie in it, not on it


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing of a furniture group: centre at (u, v), underside at z, and its box if it differs from its kind's."""

    label: str
    u_m: float
    v_m: float
    z_m: float
    size_m: Vector | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Furniture that is set up together: pieces over a footprint of width (along the wall) by depth."""

    width_m: float
    depth_m: float
    pieces: tuple[Piece, ...]
    freestanding: bool = False


def _kind(width_m: float, depth_m: float, height_m: float, can: str = "", hollow: bool = False) -> Kind:
    return Kind((width_m, depth_m, height_m), frozenset(can.split()), hollow)


FIXED: Mapping[str, Kind] = {
    "ArmChair": _kind(0.8, 0.75, 0.45, "receptacle"),
    "Bathtub": _kind(1.5, 0.7, 0.5, "receptacle", hollow=True),
    "Bed": _kind(1.4, 1.9, 0.5, "receptacle"),
    "Cabinet": _kind(0.5, 0.35, 0.6, "receptacle openable", hollow=True),
    "CoffeeMachine": _kind(0.2, 0.25, 0.3, "receptacle toggleable", hollow=True),
    "CoffeeTable": _kind(0.9, 0.55, 0.4, "receptacle"),
    "CounterTop": _kind(1.0, 0.6, 0.12, "receptacle"),
    "Desk": _kind(1.2, 0.6, 0.05, "receptacle"),
    "DeskLamp": _kind(0.15, 0.15, 0.4, "toggleable"),
    "DiningTable": _kind(1.2, 0.8, 0.05, "receptacle"),
    "Drawer": _kind(0.5, 0.5, 0.3, "receptacle openable", hollow=True),
    "Dresser": _kind(1.0, 0.5, 0.1, "receptacle"),
    "Faucet": _kind(0.06, 0.08, 0.25, "toggleable"),
    "FloorLamp": _kind(0.25, 0.25, 1.6, "toggleable"),
    "Fridge": _kind(0.7, 0.7, 1.7, "receptacle openable", hollow=True),
    "GarbageCan": _kind(0.35, 0.35, 0.5, "receptacle", hollow=True),
    "Microwave": _kind(0.5, 0.4, 0.3, "receptacle openable toggleable", hollow=True),
    "Shelf": _kind(0.8, 0.3, 0.03, "receptacle"),
    "SideTable": _kind(0.5, 0.45, 0.05, "receptacle"),
    "Sink": _kind(0.6, 0.45, 0.2, "receptacle", hollow=True),
    "Sofa": _kind(1.8, 0.8, 0.45, "receptacle"),
    "StoveBurner": _kind(0.26, 0.26, 0.02, "receptacle"),
    "TVStand": _kind(1.2, 0.45, 0.5, "receptacle"),
    "Television": _kind(0.9, 0.08, 0.55, "toggleable"),
    "Toilet": _kind(0.4, 0.65, 0.45, "receptacle"),
}

OBJECTS: Mapping[str, Kind] = {
    "AlarmClock": _kind(0.1, 0.06, 0.1),
    "Apple": _kind(0.08, 0.08, 0.08, "sliceable"),
    "Book": _kind(0.18, 0.14, 0.03),
    "Bowl": _kind(0.16, 0.16, 0.07, "receptacle"),
    "Box": _kind(0.28, 0.22, 0.18, "receptacle"),
    "Bread": _kind(0.18, 0.12, 0.12, "sliceable"),
    "ButterKnife": _kind(0.18, 0.03, 0.02),
    "CD": _kind(0.13, 0.13, 0.01),
    "Candle": _kind(0.07, 0.07, 0.1),
    "CellPhone": _kind(0.14, 0.07, 0.01),
    "Cloth": _kind(0.16, 0.12, 0.02),
    "CreditCard": _kind(0.09, 0.06, 0.01),
    "Cup": _kind(0.08, 0.08, 0.11, "receptacle"),
    "DishSponge": _kind(0.1, 0.07, 0.03),
    "Egg": _kind(0.05, 0.05, 0.06, "sliceable"),
    "Fork": _kind(0.18, 0.03, 0.02),
    "Kettle": _kind(0.18, 0.16, 0.2),
    "KeyChain": _kind(0.08, 0.05, 0.02),
    "Knife": _kind(0.2, 0.03, 0.02),
    "Ladle": _kind(0.2, 0.08, 0.05),
    "Laptop": _kind(0.3, 0.22, 0.03),
    "Lettuce": _kind(0.15, 0.15, 0.12, "sliceable"),
    "Mug": _kind(0.09, 0.09, 0.1, "receptacle"),
    "Newspaper": _kind(0.2, 0.15, 0.02),
    "Pan": _kind(0.22, 0.2, 0.06, "receptacle"),
    "Pen": _kind(0.14, 0.02, 0.02),
    "Pencil": _kind(0.15, 0.02, 0.02),
    "PepperShaker": _kind(0.05, 0.05, 0.09),
    "Pillow": _kind(0.36, 0.3, 0.12),
    "Plate": _kind(0.2, 0.2, 0.03, "receptacle"),
    "Pot": _kind(0.2, 0.2, 0.12, "receptacle"),
    "Potato": _kind(0.09, 0.07, 0.06, "sliceable"),
    "RemoteControl": _kind(0.16, 0.05, 0.02),
    "SaltShaker": _kind(0.05, 0.05, 0.09),
    "SoapBar": _kind(0.08, 0.06, 0.03),
    "SoapBottle": _kind(0.07, 0.07, 0.18),
    "Spatula": _kind(0.2, 0.06, 0.02),
    "Spoon": _kind(0.17, 0.04, 0.02),
    "SprayBottle": _kind(0.08, 0.08, 0.2),
    "Statue": _kind(0.12, 0.12, 0.2),
    "TissueBox": _kind(0.16, 0.12, 0.09),
    "ToiletPaper": _kind(0.11, 0.11, 0.1),
    "Tomato": _kind(0.07, 0.07, 0.07, "sliceable"),
    "Vase": _kind(0.12, 0.12, 0.22),
    "Watch": _kind(0.08, 0.06, 0.02),
    "WineBottle": _kind(0.08, 0.08, 0.22),
}

_FOOD = frozenset({"Apple", "Bread", "Egg", "Lettuce", "Potato", "Tomato"})
_SLICES = frozenset(f"{food}Sliced" for food in _FOOD)
_EATEN = _FOOD | _SLICES
_CUTLERY = frozenset({"Fork", "Spoon", "Knife", "ButterKnife", "Spatula", "Ladle"})
_DISHES = frozenset({"Plate", "Bowl", "Cup", "Mug"})
_PANS = frozenset({"Pot", "Pan", "Kettle"})
_TABLE = frozenset({"SaltShaker", "PepperShaker", "WineBottle"})
_POCKET = frozenset({"KeyChain", "CreditCard", "CellPhone", "Watch", "RemoteControl", "Pen", "Pencil", "CD"})
_PAPER = frozenset({"Book", "Newspaper"})
_DECOR = frozenset({"Vase", "Statue", "Candle", "TissueBox", "AlarmClock"})
_BATH = frozenset({"SoapBar", "SoapBottle", "ToiletPaper", "Cloth", "SprayBottle", "DishSponge"})
_SURFACE = _EATEN | _CUTLERY | _DISHES | _PANS | _TABLE | _POCKET | _PAPER | _DECOR | _BATH | {"Box", "Laptop"}

ACCEPTS: Mapping[str, frozenset[str]] = {
    "ArmChair": _POCKET | _PAPER | {"Box", "Laptop", "Pillow", "Cloth"},
    "Bathtub": frozenset({"Cloth", "SoapBar", "SprayBottle", "DishSponge"}),
    "Bed": _POCKET | _PAPER | {"Box", "Laptop", "Pillow", "Cloth"},
    "Bowl": _EATEN | _POCKET | {"Fork", "Spoon", "ButterKnife", "Knife", "DishSponge"},
    "Box": _POCKET | _PAPER | {"Candle", "Statue", "Cloth", "DishSponge", "TissueBox"},
    "Cabinet": _CUTLERY | _DISHES | _PANS | _TABLE | _BATH | {"Candle", "Vase", "Book", "Bread", "Potato"},
    "CoffeeMachine": frozenset({"Mug"}),
    "CoffeeTable": _SURFACE - _PANS,
    "CounterTop": _SURFACE,
    "Cup": frozenset({"Fork", "Spoon", "ButterKnife", "Pen", "Pencil", "Egg"}),
    "Desk": _SURFACE - _PANS,
    "DiningTable": _SURFACE,
    "Drawer": _CUTLERY | _POCKET | _PAPER | {"Candle", "Cloth", "SoapBar", "DishSponge", "SaltShaker", "PepperShaker"},
    "Dresser": _SURFACE - _PANS - _EATEN,
    "Fridge": _EATEN | _DISHES | {"Pot", "Pan", "WineBottle"},
    "GarbageCan": _EATEN | {"Newspaper", "CD", "Pen", "Pencil", "SoapBar", "DishSponge", "Cloth", "TissueBox"},
    "Microwave": _EATEN | _DISHES,
    "Mug": frozenset({"Fork", "Spoon", "ButterKnife", "Pen", "Pencil"}),
    "Pan": _EATEN | {"Fork", "Spoon", "Spatula", "Ladle", "Knife", "ButterKnife"},
    "Plate": _EATEN | {"Fork", "Spoon", "Spatula", "Knife", "ButterKnife", "Cup", "Mug", "Bowl"},
    "Pot": _EATEN | {"Fork", "Spoon", "Spatula", "Ladle", "Knife", "ButterKnife"},
    "Shelf": _DISHES | _TABLE | _POCKET | _PAPER | _DECOR | _BATH | {"Box", "Kettle"},
    "SideTable": _SURFACE - _PANS,
    "Sink": _EATEN | _CUTLERY | _DISHES | _PANS | {"Cloth", "DishSponge", "SoapBar"},
    "Sofa": _POCKET | _PAPER | {"Box", "Laptop", "Pillow", "Cloth"},
    "StoveBurner": _PANS,
    "TVStand": _POCKET | _PAPER | _DECOR | {"Box"},
    "Toilet": frozenset({"ToiletPaper", "SoapBar", "SoapBottle", "Cloth", "SprayBottle", "Candle", "TissueBox"}),
}

MOVABLE_RECEPTACLES = ("Bowl", "Box", "Cup", "Mug", "Pan", "Plate", "Pot")

# How many of a class a home has (least, most), and where its people tend to keep it, likeliest first.
KEPT: Mapping[str, tuple[tuple[int, int], tuple[str, ...]]] = {
    "AlarmClock": ((1, 1), ("SideTable", "Dresser", "Desk")),
    "Apple": ((2, 3), ("Fridge", "CounterTop", "DiningTable")),
    "Book": ((2, 3), ("Shelf", "SideTable", "Desk", "Bed", "CoffeeTable")),
    "Bowl": ((2, 2), ("Cabinet", "DiningTable", "CounterTop")),
    "Box": ((1, 1), ("Sofa", "Dresser", "Bed", "ArmChair")),
    "Bread": ((1, 1), ("CounterTop", "Cabinet")),
    "ButterKnife": ((1, 1), ("Drawer", "CounterTop", "DiningTable")),
    "CD": ((1, 2), ("Drawer", "TVStand", "Shelf", "Desk")),
    "Candle": ((1, 2), ("Shelf", "Toilet", "CoffeeTable", "Dresser")),
    "CellPhone": ((1, 2), ("SideTable", "Sofa", "Desk", "Bed", "CounterTop")),
    "Cloth": ((1, 2), ("Bathtub", "Cabinet", "Drawer")),
    "CreditCard": ((1, 1), ("Drawer", "Desk", "SideTable")),
    "Cup": ((1, 2), ("Cabinet", "DiningTable", "CounterTop")),
    "DishSponge": ((1, 1), ("Sink", "CounterTop")),
    "Egg": ((1, 2), ("Fridge",)),
    "Fork": ((1, 2), ("Drawer", "DiningTable", "CounterTop")),
    "Kettle": ((1, 1), ("StoveBurner", "CounterTop")),
    "KeyChain": ((1, 2), ("SideTable", "Drawer", "CounterTop", "Sofa")),
    "Knife": ((1, 1), ("CounterTop", "Drawer")),
    "Ladle": ((1, 1), ("Drawer", "CounterTop")),
    "Laptop": ((1, 1), ("Desk", "Sofa", "Bed", "CoffeeTable")),
    "Lettuce": ((1, 1), ("Fridge", "CounterTop")),
    "Mug": ((2, 3), ("Cabinet", "CounterTop", "CoffeeTable", "Desk", "DiningTable")),
    "Newspaper": ((1, 2), ("CoffeeTable", "Sofa", "ArmChair")),
    "Pan": ((1, 1), ("StoveBurner", "Cabinet")),
    "Pen": ((1, 2), ("Desk", "Drawer", "SideTable")),
    "Pencil": ((1, 2), ("Desk", "Drawer", "Shelf")),
    "PepperShaker": ((1, 1), ("DiningTable", "Cabinet", "CounterTop")),
    "Pillow": ((1, 2), ("Bed", "Sofa", "ArmChair")),
    "Plate": ((2, 2), ("Cabinet", "DiningTable", "CounterTop")),
    "Pot": ((1, 1), ("StoveBurner", "Cabinet")),
    "Potato": ((1, 2), ("CounterTop", "Cabinet", "Fridge")),
    "RemoteControl": ((1, 2), ("TVStand", "Sofa", "CoffeeTable", "ArmChair")),
    "SaltShaker": ((1, 1), ("DiningTable", "Cabinet", "CounterTop")),
    "SoapBar": ((1, 1), ("Sink", "Bathtub", "Toilet")),
    "SoapBottle": ((1, 2), ("Toilet", "Cabinet", "CounterTop")),
    "Spatula": ((1, 1), ("Drawer", "CounterTop")),
    "Spoon": ((1, 2), ("Drawer", "DiningTable", "CounterTop")),
    "SprayBottle": ((1, 1), ("Cabinet", "Toilet")),
    "Statue": ((1, 1), ("Shelf", "Dresser", "TVStand")),
    "TissueBox": ((1, 1), ("SideTable", "CoffeeTable", "Dresser", "Toilet")),
    "ToiletPaper": ((1, 2), ("Toilet", "Cabinet")),
    "Tomato": ((1, 2), ("Fridge", "CounterTop")),
    "Vase": ((1, 2), ("Shelf", "CoffeeTable", "DiningTable", "TVStand")),
    "Watch": ((1, 1), ("Dresser", "SideTable", "Drawer", "Desk")),
    "WineBottle": ((1, 1), ("Fridge", "CounterTop", "Cabinet")),
}

# What people use, ask for and move every day.
EVERYDAY = (
    "Mug",
    "RemoteControl",
    "KeyChain",
    "Book",
    "Apple",
    "CellPhone",
    "Newspaper",
    "Cup",
    "Pen",
    "Plate",
    "Pillow",
)

_WALL_CABINETS = (Piece("Cabinet", -0.25, 0.175, 1.35), Piece("Cabinet", 0.25, 0.175, 1.35))
_UNDER_DRAWERS = (Piece("Drawer", -0.25, 0.3, 0.45), Piece("Drawer", 0.25, 0.3, 0.45))

GROUPS: Mapping[str, Group] = {
    "armchair": Group(0.8, 0.75, (Piece("ArmChair", 0, 0.375, 0),)),
    "bath": Group(1.5, 0.7, (Piece("Bathtub", 0, 0.35, 0),)),
    "bathcabinet": Group(0.5, 0.35, (Piece("Cabinet", 0, 0.175, 0.9),)),
    "bed": Group(1.4, 1.9, (Piece("Bed", 0, 0.95, 0),)),
    "bookcase": Group(0.8, 0.3, tuple(Piece("Shelf", 0, 0.15, z) for z in (0.5, 0.9, 1.3))),
    "coffeecounter": Group(
        1.0, 0.6, (Piece("CounterTop", 0, 0.3, 0.78), Piece("CoffeeMachine", -0.38, 0.15, 0.9), *_WALL_CABINETS)
    ),
    "coffeetable": Group(0.9, 0.55, (Piece("CoffeeTable", 0, 0.275, 0),), freestanding=True),
    "counter": Group(1.0, 0.6, (Piece("CounterTop", 0, 0.3, 0.78), *_UNDER_DRAWERS, *_WALL_CABINETS)),
    "desk": Group(
        1.2, 0.6, (Piece("Desk", 0, 0.3, 0.7), Piece("Drawer", 0.35, 0.3, 0.38), Piece("DeskLamp", -0.48, 0.12, 0.75))
    ),
    "diningtable": Group(1.2, 0.8, (Piece("DiningTable", 0, 0.4, 0.7),), freestanding=True),
    "dresser": Group(
        1.0,
        0.5,
        (Piece("Dresser", 0, 0.25, 0.75), Piece("Drawer", -0.25, 0.25, 0.42), Piece("Drawer", 0.25, 0.25, 0.42)),
    ),
    "floorlamp": Group(0.3, 0.3, (Piece("FloorLamp", 0, 0.15, 0),)),
    "fridge": Group(0.7, 0.7, (Piece("Fridge", 0, 0.35, 0),)),
    "garbage": Group(0.4, 0.4, (Piece("GarbageCan", 0, 0.2, 0),)),
    "keytable": Group(0.5, 0.3, (Piece("SideTable", 0, 0.15, 0.7, (0.5, 0.3, 0.05)),)),
    "microwave": Group(
        1.0, 0.6, (Piece("CounterTop", 0, 0.3, 0.78), Piece("Microwave", -0.24, 0.22, 0.9), *_UNDER_DRAWERS)
    ),
    "nightstand": Group(
        0.5,
        0.45,
        (
            Piece("SideTable", 0, 0.225, 0.5),
            Piece("Drawer", 0, 0.22, 0.18, (0.45, 0.42, 0.3)),
            Piece("DeskLamp", -0.15, 0.1, 0.55),
        ),
    ),
    "sidetable": Group(
        0.5, 0.45, (Piece("SideTable", 0, 0.225, 0.5), Piece("Drawer", 0, 0.22, 0.18, (0.45, 0.42, 0.3)))
    ),
    "sink": Group(
        0.8,
        0.6,
        (
            Piece("Sink", 0, 0.33, 0.7),
            Piece("Faucet", 0, 0.05, 0.9),
            Piece("Cabinet", 0, 0.3, 0.05, (0.8, 0.55, 0.6)),
        ),
    ),
    "sofa": Group(1.8, 0.8, (Piece("Sofa", 0, 0.4, 0),)),
    "stove": Group(0.6, 0.6, (Piece("StoveBurner", -0.14, 0.35, 0.88), Piece("StoveBurner", 0.14, 0.35, 0.88))),
    "toilet": Group(0.5, 0.65, (Piece("Toilet", 0, 0.325, 0),)),
    "tv": Group(1.2, 0.45, (Piece("TVStand", 0, 0.225, 0), Piece("Television", 0, 0.06, 0.5))),
    "washbasin": Group(0.6, 0.5, (Piece("Sink", 0, 0.27, 0.7, (0.5, 0.42, 0.2)), Piece("Faucet", 0, 0.04, 0.9))),
}

# What a room must have, and what it has if there is space, largest first.
FURNISHING: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "kitchen": (
        ("fridge", "counter", "sink", "stove", "microwave", "garbage"),
        ("coffeecounter", "diningtable", "counter"),
    ),
    "living room": (
        ("sofa", "tv", "coffeetable", "floorlamp", "sidetable"),
        ("diningtable", "armchair", "bookcase", "dresser"),
    ),
    "bedroom": (("bed", "nightstand", "dresser"), ("desk", "armchair", "bookcase", "floorlamp")),
    "bathroom": (("bath", "toilet", "washbasin"), ("bathcabinet", "garbage")),
    "study": (("desk", "bookcase"), ("armchair", "sidetable", "floorlamp", "dresser", "garbage")),
    "hallway": (("keytable",), ()),
}
