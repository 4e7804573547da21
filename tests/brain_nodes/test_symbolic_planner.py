# SPDX-License-Identifier: Apache-2.0
"""Plans for every family of tasks that reach the goal when they are carried out, and honest answers where none does."""

from __future__ import annotations

import pytest

from brain_nodes.prefrontal.binding import bindings, ground
from brain_nodes.prefrontal.domain import State, operators, state_of
from brain_nodes.prefrontal.exploration import SEARCH
from brain_nodes.prefrontal.scene import Scene
from brain_nodes.prefrontal.symbolic_planner import SymbolicPlanner
from memory.records import Effect, Goal, Parameter, Plan, Skill
from tests.brain_nodes.conftest import HOUSEHOLD, goal, is_, not_, problem, scene

KITCHEN = {
    "CounterTop": (2.0, 0.0, 0.45), "Fridge": (2.0, 1.5, 0.9), "Sink": (2.0, -1.5, 0.75), "Faucet": (2.0, -1.4, 1.0),
    "Microwave": (3.0, 0.0, 1.0), "Sofa": (5.0, 0.0, 0.3), "Desk": (5.0, 2.0, 0.4), "DeskLamp": (5.0, 2.1, 1.0),
    "Mug": (2.0, 0.3, 0.95), "Knife": (2.0, -0.3, 0.95), "Bowl": (2.0, 0.5, 0.95), "Apple": (2.0, 1.5, 0.8),
    "Book_1": (5.0, 0.3, 0.65), "Book_2": (2.0, 0.8, 0.95),
}  # fmt: skip
INSIDE = {
    "Mug": "CounterTop", "Knife": "CounterTop", "Bowl": "CounterTop", "Apple": "Fridge", "Book_1": "Sofa",
    "Book_2": "CounterTop", "Faucet": "Sink", "DeskLamp": "Desk",
}  # fmt: skip
FAMILIES = {
    "place": goal("place", is_("inside", "o", "r"), o="Mug", r="Sofa"),
    "place in a shut thing": goal("place", is_("inside", "o", "r"), o="Mug", r="Fridge"),
    "place what is shut away": goal("place", is_("inside", "o", "r"), o="Apple", r="Sofa"),
    "place_two": goal("place_two", is_("inside", "o", "r"), is_("inside", "p", "r"), o="Book", p="Book", r="Desk"),
    "stack": goal("stack", is_("inside", "o", "m"), is_("inside", "m", "r"), o="Knife", m="Bowl", r="Sofa"),
    "clean": goal("clean", is_("clean", "o"), o="Mug"),
    "clean and place": goal("clean", is_("clean", "o"), is_("inside", "o", "r"), o="Mug", r="Sofa"),
    "heat": goal("heat", is_("hot", "o"), o="Apple"),
    "heat and place": goal("heat", is_("hot", "o"), is_("inside", "o", "r"), o="Apple", r="Sofa"),
    "cool and place": goal("cool", is_("cool", "o"), is_("inside", "o", "r"), o="Mug", r="CounterTop"),
    "light": goal("light", is_("holding", "o"), is_("on", "l"), o="Book", l="DeskLamp"),
    "fetch": goal("fetch", is_("holding", "o"), o="Apple"),
    "slice": goal("slice", is_("sliced", "o"), o="Apple"),
    "on": goal("on", is_("on", "l"), l="DeskLamp"),
    "open": goal("open", is_("open", "r"), r="Fridge"),
}  # fmt: skip
PLACE = FAMILIES["place"]


def kitchen(without: tuple[str, ...] = (), **fields: object) -> Scene:
    inside = {n: h for n, h in {**INSIDE, **fields.pop("inside", {})}.items() if h and n not in without}
    return scene({n: p for n, p in KITCHEN.items() if n not in without}, inside=inside, **fields)


def plan(believed: Scene, *goals: Goal, max_states: int = 4000, **more: object) -> Plan:
    return SymbolicPlanner(max_states).plan(problem(believed, *goals, **more))


def carried_out(made: Plan, believed: Scene) -> State:
    """The state after the plan, every step checked against the body's declarations."""
    names = tuple(believed.things)
    known = {(o.skill, o.arguments): o for o in operators(HOUSEHOLD, believed, names)}
    state = state_of(believed, names)
    for step in made.steps:
        operator = known[step.skill, step.arguments]
        assert operator.applicable(state), f"{step} cannot be taken; plan {[*map(str, made.steps)]}"
        state = operator.apply(state)
    return state


def reaches(wanted: Goal, state: State, believed: Scene) -> bool:
    return any(ground(wanted, binding) <= state for binding in bindings(wanted, believed))


@pytest.mark.parametrize("wanted", FAMILIES.values(), ids=FAMILIES)
def test_the_plan_of_each_family_reaches_its_goal(wanted):
    made = plan(kitchen(), wanted)

    assert made.steps
    assert made.goal == wanted
    assert reaches(wanted, carried_out(made, kitchen()), kitchen())


@pytest.mark.parametrize("wanted", FAMILIES.values(), ids=FAMILIES)
def test_a_hand_that_is_full_of_something_else_hinders_no_family(wanted):
    believed = kitchen(without=("Mug",), holding="Bowl") if wanted.family == "stack" else kitchen(holding="Knife")
    believed.inside.pop(believed.holding)

    made = plan(believed, wanted)

    assert bool(made.steps) == (not made.reason)
    assert made.steps
    assert reaches(wanted, carried_out(made, believed), believed)


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        (goal("off", not_("on", "l"), l="DeskLamp"), {"power": {"DeskLamp": "on"}}),
        (goal("close", not_("open", "r"), r="Fridge"), {"doors": {"Fridge": "open"}}),
    ],
)
def test_what_is_to_be_no_longer_so_is_undone(wanted, fields):
    made = plan(kitchen(**fields), wanted)

    assert made.steps
    literal = wanted.literals[0]
    name = {"on": "DeskLamp", "open": "Fridge"}[literal.predicate]
    assert (literal.predicate, name) not in carried_out(made, kitchen(**fields))


def test_goods_in_a_shut_container_are_reached_by_opening_it_first():
    skills = [s.skill for s in plan(kitchen(), FAMILIES["place what is shut away"]).steps]

    assert skills.index("open") < skills.index("pick_up")


def test_goods_in_an_open_container_are_taken_without_opening_it():
    assert "open" not in [s.skill for s in plan(kitchen(doors={"Fridge": "open"}), FAMILIES["fetch"]).steps]


def test_a_bowl_in_a_shut_fridge_is_reached_by_opening_the_fridge():
    believed = kitchen(inside={"Apple": "Bowl", "Bowl": "Fridge"})

    made = plan(believed, FAMILIES["fetch"])

    assert "open(Fridge)" in map(str, made.steps)
    assert ("holding", "Apple") in carried_out(made, believed)


def test_a_full_receptacle_is_emptied_first():
    believed = kitchen(inside={"Knife": "Sink"}, full={"Sink"}, tight={"Sink"})
    wanted = goal("place", is_("inside", "o", "r"), o="Mug", r="Sink")

    made = plan(believed, wanted)

    assert reaches(wanted, carried_out(made, believed), believed)
    assert "Knife" in made.steps[[s.skill for s in made.steps].index("pick_up")].arguments


def test_two_lamps_are_turned_on_by_two_calls_on_two_lamps():
    believed = scene({"FloorLamp_245": (1.0, 0.0, 1.0), "FloorLamp_1001": (3.0, 0.0, 1.0)})
    wanted = goal("on", is_("on", "a"), is_("on", "b"), a="FloorLamp", b="FloorLamp")

    made = plan(believed, wanted)

    assert {s.arguments[0] for s in made.steps if s.skill == "turn_on"} == {"FloorLamp_245", "FloorLamp_1001"}


def test_what_is_gone_is_in_no_plan():
    made = plan(kitchen(gone={"Book_2"}), goal("place", is_("inside", "o", "r"), o="Book", r="Desk"))

    assert made.steps
    assert "Book_2" not in {n for s in made.steps for n in s.arguments}


def test_the_nearest_faucet_and_its_own_basin_are_used():
    far = {"Sink_2": (9.0, 0.0, 0.75), "Faucet_2": (9.0, 0.1, 1.0)}
    believed = scene({**KITCHEN, **far}, inside={**INSIDE, "Faucet_2": "Sink_2"})

    used = {n for s in plan(believed, FAMILIES["clean"]).steps for n in s.arguments}

    assert {"Faucet", "Sink"} <= used
    assert not {"Faucet_2", "Sink_2"} & used


def test_a_step_is_told_where_its_things_are():
    for step in plan(kitchen(), PLACE).steps:
        assert all(t.position_m == KITCHEN[t.name] and t.label == t.name.split("_")[0] for t in step.targets)


def test_a_step_says_what_it_should_bring_about():
    made = plan(kitchen(), PLACE)

    assert is_("holding", "Mug") in next(s for s in made.steps if s.skill == "pick_up").expects
    assert is_("inside", "Mug", "Sofa") in made.steps[-1].expects


def test_a_body_that_declares_another_skill_gets_another_plan():
    throw = Skill(
        "throw", (Parameter("object"), Parameter("receptacle")), (), (Effect(is_("inside", "?object", "?receptacle")),)
    )

    assert [str(s) for s in plan(kitchen(), PLACE, skills=(throw,)).steps] == ["throw(Mug, Sofa)"]


def test_a_body_without_the_skills_has_no_plan():
    legs = tuple(s for s in HOUSEHOLD if s.name in ("go_to", "look_around"))

    made = plan(kitchen(), PLACE, skills=legs)

    assert (made.steps, made.reason) == ((), "NO_PLAN")


def test_a_banned_step_is_in_no_plan():
    banned = frozenset({("pick_up", ("Book_2", "CounterTop"))})

    made = plan(kitchen(), goal("place", is_("inside", "o", "r"), o="Book", r="Desk"), banned=banned)

    assert made.steps
    assert ("pick_up", ("Book_2", "CounterTop")) not in {(s.skill, s.arguments) for s in made.steps}


def test_no_goal_is_not_understood():
    assert plan(kitchen()) == Plan(reason="NOT_UNDERSTOOD", planner="symbolic")


def test_a_goal_that_is_believed_takes_no_step():
    made = plan(kitchen(inside={"Mug": "Sofa"}), PLACE)

    assert (made.steps, made.reason) == ((), "GOAL_BELIEVED")


def test_a_goal_served_by_another_thing_of_the_class_is_believed():
    made = plan(kitchen(), goal("place", is_("inside", "o", "r"), o="Book", r="Sofa"))

    assert made.reason == "GOAL_BELIEVED"


def test_a_goal_that_is_only_remembered_to_hold_is_gone_to_see():
    made = plan(kitchen(inside={"Mug": "Sofa"}, fresh=set()), PLACE)

    assert [(s.skill, s.purpose) for s in made.steps] == [("go_to", "see for oneself")]


def test_what_is_lacking_is_looked_for():
    made = plan(kitchen(without=("Mug",)), PLACE)

    assert {s.purpose for s in made.steps} == {f"{SEARCH}Mug"}


def test_a_tool_that_is_lacking_is_looked_for():
    made = plan(kitchen(without=("Knife",)), FAMILIES["slice"])

    assert made.steps
    assert all("Knife" in s.purpose for s in made.steps)


def test_what_was_looked_for_everywhere_is_not_found():
    believed = kitchen(without=("Mug",))
    believed.looked = dict.fromkeys(believed.things, problem(believed).began_ns)

    made = plan(believed, PLACE)

    assert (made.steps, made.reason) == ((), "NOT_FOUND")


def test_a_likely_second_reading_is_worked_on_while_the_first_cannot_be():
    first = goal("place", is_("inside", "o", "r"), confidence=0.5, o="Cup", r="Sofa")
    second = goal("place", is_("inside", "o", "r"), confidence=0.4, o="Mug", r="Sofa")

    assert plan(kitchen(), first, second).goal == second


def test_an_unlikely_reading_waits_until_the_first_was_looked_for():
    first = goal("place", is_("inside", "o", "r"), confidence=0.9, o="Cup", r="Sofa")
    second = goal("place", is_("inside", "o", "r"), confidence=0.05, o="Mug", r="Sofa")

    assert plan(kitchen(), first, second).goal == first


def test_a_search_that_may_open_no_state_gives_no_plan():
    assert plan(kitchen(), PLACE, max_states=0).reason == "NO_PLAN"


def test_the_same_problem_has_the_same_plan():
    assert len({tuple(map(str, plan(kitchen(), FAMILIES["clean and place"]).steps)) for _ in range(3)}) == 1


def test_a_plan_names_what_it_rests_on():
    believed = kitchen()
    believed.grounds = {name: (f"{name} is there", f"{name} stands") for name in believed.things}

    made = plan(believed, PLACE)

    named = dict.fromkeys(name for step in made.steps for name in step.arguments if name in believed.things)
    assert len(named) < len(believed.things)
    assert made.assumes == tuple(one for name in named for one in believed.grounds[name])
