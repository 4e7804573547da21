# SPDX-License-Identifier: Apache-2.0
"""The interface packages as text, without ROS: every field is explained, codes and words are those of the code they
stand for, and the three descriptions of a package agree with its definitions."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

import brain_nodes.errors
import memory.errors
from memory import records

HERE = Path(__file__).resolve().parent
OURS = HERE.parents[1] / "brain_nodes" / "interfaces"
TEST_ONLY = ("control_msgs", "nav2_msgs", "tf2_msgs", "vision_msgs")
PACKAGES = {"neuraxis_interfaces": OURS, **{name: HERE / name for name in TEST_ONLY}}
CONTRACT = {
    "msg": {"Percepts", "Event", "RecordBatch", "Plan"},
    "srv": {"Recall", "Remember", "Forget", "Changes"},
    "action": {"RunInstruction", "ExecuteStep", "RunSkill"},
}  # the table of DESIGN section 6
LINE = re.compile(
    r"(?P<type>[\w/]+(?:\[\d*\])?) +(?P<name>\w+)(?: *(?P<constant>=) *| +)?(?P<value>[^#]*?) *(?:#(?P<comment>.*))?"
)

# How a field of a record is called where a message says it with a type of ROS or with a flag beside it.
SPELLED = {"position_m": "position", "size_m": "size", "near_m": "near", "stamp_ns": "header", "frame_id": "header",
           "gripper_holds": "gripper"}  # fmt: skip
CARRIED = [
    (records.Camera, "msg/Camera.msg", {"frame_id": "frame_id"}),
    (records.Detection, "msg/Detection.msg", {}),
    (records.Outcome, "msg/Outcome.msg", {}),
    (records.Observation, "msg/Observation.msg", {}),
    (records.Percept, "msg/Percept.msg", {}),
    (records.Percepts, "msg/Percepts.msg", {}),
    (records.Literal, "msg/Literal.msg", {}),
    (records.Effect, "msg/Effect.msg", {}),
    (records.Parameter, "msg/Parameter.msg", {}),
    (records.Skill, "msg/Skill.msg", {}),
    (records.Target, "msg/Target.msg", {}),
    (records.SkillCall, "msg/SkillCall.msg", {}),
    (records.Command, "msg/TickAction.msg", {}),
    (records.Hold, "msg/TickAction.msg", {}),
    (records.Variable, "msg/Variable.msg", {}),
    (records.Goal, "msg/Goal.msg", {}),
    (records.Step, "msg/Step.msg", {}),
    (records.StepResult, "msg/Event.msg", {}),
    (records.Plan, "msg/Plan.msg", {}),
    (records.Cue, "srv/Recall.srv", {"vector": "text", "encoder": "text"}),  # the node makes them of the text
    (records.Recollection, "msg/Recollection.msg", {}),
    (records.Recall, "srv/Recall.srv", {}),
]


@dataclass(frozen=True)
class Field:
    """One line of a definition that declares something."""

    file: str
    section: int
    type: str
    name: str
    value: str
    constant: bool
    comment: str

    @property
    def package(self) -> str:
        """Package of its type; "" for a plain type or one of the same package."""
        return self.type.partition("/")[0] if "/" in self.type else ""


@pytest.mark.parametrize("package", PACKAGES)
def test_every_field_and_constant_is_explained(package: str) -> None:
    bare = [f"{f.file}: {f.name}" for f in _fields(package) if len(f.comment.split()) < 2]

    assert not bare


def test_every_definition_says_what_it_is_for() -> None:
    silent = [f.name for f in _definitions(OURS) if not f.read_text(encoding="utf-8").startswith("# ")]

    assert not silent


def test_what_the_design_promises_is_there() -> None:
    there = {kind: {f.stem for f in OURS.glob(f"{kind}/*")} for kind in CONTRACT}

    assert not {kind: missing for kind, names in CONTRACT.items() if (missing := names - there[kind])}


def test_codes_are_those_of_the_errors() -> None:
    codes = {"NO_ERROR": 0, **_error_codes()}
    wrong = [f"{f.file}: {f.name}={f.value}" for f in _code_constants() if codes.get(f.name) != int(f.value)]

    assert not wrong


def test_an_instruction_can_end_with_every_error() -> None:
    named = {f.name for f in _code_constants() if f.file == "RunInstruction.action"}

    assert named == {"NO_ERROR", *_error_codes()}


def test_every_answer_that_can_fail_names_its_errors() -> None:
    answering = {f.file for f in _fields("neuraxis_interfaces") if f.name == "error_code"}
    named = {f.file for f in _code_constants()}
    calls = {f.name for f in _definitions(OURS) if f.suffix in {".srv", ".action"}}

    assert answering == named == calls - {"DescribeBody.srv"}


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (records.OutcomeCode, "Outcome.msg"),
        (records.Status, "Recall.srv"),
        (records.Epistemic, "Recollection.msg"),
    ],
)
def test_words_are_those_of_the_records(words: type[records.Status], file: str) -> None:
    said = {f.name: f.value for f in _fields("neuraxis_interfaces") if f.file == file and _is_word(f)}

    assert said == {w.name: f'"{w.value}"' for w in words}


def test_a_constant_has_one_value_wherever_it_stands() -> None:
    values: dict[tuple[str, str], set[str]] = {}
    for field in _fields("neuraxis_interfaces"):
        if field.constant:
            values.setdefault((field.type, field.name), set()).add(field.value)

    assert not {name: found for name, found in values.items() if len(found) > 1}


@pytest.mark.parametrize(("record", "file", "spelled"), CARRIED, ids=lambda v: getattr(v, "__name__", ""))
def test_no_field_of_a_record_is_lost_on_the_way(record: type, file: str, spelled: dict[str, str]) -> None:
    carried = {f.name for f in _fields("neuraxis_interfaces") if f.file == Path(file).name}
    names = {f.name for f in dataclasses.fields(record)}

    assert not {n for n in names if {**SPELLED, **spelled}.get(n, n) not in carried}


def test_what_may_be_missing_has_a_flag_beside_it() -> None:
    named = {(f.file, f.section): set() for f in _fields("neuraxis_interfaces")}
    for field in _fields("neuraxis_interfaces"):
        named[field.file, field.section].add(field.name)
    alone = [
        f"{f.file}: {f.name} is ignored unless {flag[1]}"
        for f in _fields("neuraxis_interfaces")
        if (flag := re.search(r"ignored unless (\w+)", f.comment)) and flag[1] not in named[f.file, f.section]
    ]

    assert not alone


@pytest.mark.parametrize("package", PACKAGES)
def test_package_xml_lists_what_the_definitions_use_and_nothing_else(package: str) -> None:
    described = ElementTree.parse(PACKAGES[package] / "package.xml").getroot()
    used = {f.package for f in _fields(package)} - {"", package}
    actions = {"action_msgs"} if list(PACKAGES[package].glob("action/*.action")) else set()

    assert described.findtext("name") == package
    assert _texts(described, "depend") == sorted(used | actions)
    assert _texts(described, "buildtool_depend") == ["ament_cmake", "rosidl_default_generators"]
    assert _texts(described, "exec_depend") == ["rosidl_default_runtime"]
    assert _texts(described, "member_of_group") == ["rosidl_interface_packages"]


@pytest.mark.parametrize("package", PACKAGES)
def test_package_xml_is_what_colcon_and_bloom_expect(package: str) -> None:
    described = ElementTree.parse(PACKAGES[package] / "package.xml").getroot()
    maintainer = described.find("maintainer")

    assert (described.tag, described.get("format")) == ("package", "3")
    assert described.findtext("export/build_type") == "ament_cmake"
    assert maintainer is not None and maintainer.get("email") == "maintainers@neuraxis.example"


def test_cmake_generates_every_definition_and_finds_every_package() -> None:
    text = re.sub(r"#.*", "", (OURS / "CMakeLists.txt").read_text(encoding="utf-8"))
    listed = re.findall(r"(?:msg|srv|action)/\w+\.\w+", text)
    needed = _texts(ElementTree.parse(OURS / "package.xml").getroot(), "depend")

    assert sorted(listed) == sorted(f.relative_to(OURS).as_posix() for f in _definitions(OURS))
    assert set(re.findall(r"find_package\((\w+)", text)) == {"ament_cmake", "rosidl_default_generators", *needed}
    assert re.findall(r"DEPENDENCIES ([\w ]+)\n\)", text) == [" ".join(needed)]


def test_the_wheel_asks_for_what_package_xml_lists() -> None:
    recipe = (OURS / "pyproject.toml").read_text(encoding="utf-8")
    described = ElementTree.parse(OURS / "package.xml").getroot()
    at_run_time = re.findall(r'"(ros-jazzy-[\w-]+)==', recipe.partition("dependencies = [")[2])

    assert f'version = "{described.findtext("version")}"' in recipe
    assert f'license = "{described.findtext("license")}"' in recipe
    assert at_run_time == [f"ros-jazzy-{d.replace('_', '-')}" for d in _texts(described, "depend")]


def test_the_version_is_that_of_the_package_it_belongs_to() -> None:
    top = ElementTree.parse(OURS.parents[1] / "package.xml").getroot()

    assert ElementTree.parse(OURS / "package.xml").getroot().findtext("version") == top.findtext("version")


def test_the_readme_names_the_licence_of_every_test_only_package() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*$", (HERE / "README.md").read_text(encoding="utf-8"), re.M)
    text = (HERE / "README.md").read_text(encoding="utf-8")

    assert sorted(rows) == sorted(TEST_ONLY) == sorted(f.parent.name for f in HERE.glob("*/package.xml"))
    for name in TEST_ONLY:
        licence = ElementTree.parse(HERE / name / "package.xml").getroot().findtext("license")
        assert re.search(rf"^\| `{name}` \|.*\b{licence}\b", text, re.M), name


def _definitions(folder: Path) -> list[Path]:
    return sorted(f for kind in ("msg", "srv", "action") for f in folder.glob(f"{kind}/*.{kind}"))


def _fields(package: str) -> Iterator[Field]:
    for file in _definitions(PACKAGES[package]):
        yield from _fields_of(file)


def _fields_of(file: Path) -> Iterator[Field]:
    """What a file declares; an indented comment line goes on with the comment of the line above."""
    found: list[Field] = []
    section = 0
    for line in file.read_text(encoding="utf-8").splitlines():
        section += line == "---"
        if line.startswith(" ") and line.strip():
            found[-1] = dataclasses.replace(found[-1], comment=f"{found[-1].comment} {line.strip(' #')}")
        elif line.strip() and line != "---" and not line.startswith("#"):
            parts = LINE.fullmatch(line)
            assert parts is not None, f"{file.name}: {line!r} declares nothing"
            constant = parts["constant"] is not None
            comment = (parts["comment"] or "").strip()
            found.append(Field(file.name, section, parts["type"], parts["name"], parts["value"], constant, comment))
    yield from (dataclasses.replace(f, type=re.sub(r"\[\d*\]$", "", f.type)) for f in found)


def _code_constants() -> list[Field]:
    return [f for f in _fields("neuraxis_interfaces") if f.constant and f.type == "uint16"]


def _is_word(field: Field) -> bool:
    return field.constant and field.type == "string"


def _error_codes() -> dict[str, int]:
    """Codes of all errors, by the name a constant has."""
    classes = [
        c
        for module in (memory.errors, brain_nodes.errors)
        for c in vars(module).values()
        if isinstance(c, type) and issubclass(c, memory.errors.NeuraxisError) and c is not memory.errors.NeuraxisError
    ]
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", c.__name__).upper(): c.code for c in classes}


def _texts(described: ElementTree.Element, tag: str) -> list[str]:
    return [e.text or "" for e in described.findall(tag)]
