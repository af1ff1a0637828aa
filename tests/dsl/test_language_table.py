"""The README's table of the language is complete, and what it promises is there: rows, tests, refusals."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.dsl import models
from lib.dsl.document import KINDS
from lib.dsl.event_models import Run
from lib.dsl.reading import YAML, read
from lib.dsl.unsupported import UNSUPPORTED

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT.parent / "shared" / "serverless-workflow" / "schema" / "workflow.yaml"
README = (ROOT / "lib" / "dsl" / "README.md").read_text()
SECTION = README.partition("\n## Constructs\n")[2].partition("\n## ")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")] for line in SECTION.splitlines() if line.startswith("| `")
]
# The schema's own names, where the reference calls it otherwise.
NAMES = {
    "authenticationPolicy": "authentication",
    "eventConsumptionStrategy": "strategy",
    "oauth2AuthenticationProperties": "oauth2",
    "referenceableAuthenticationPolicy": "authentication",
    "retryPolicy": "retry",
    "runtimeExpression": "expression",
    "secretBasedAuthenticationPolicy": "authentication",
    "taskBase": "task",
}
# Not constructs: what a list is, and what a task can be.
SKIPPED = {"task", "taskList"}
# Rows of `unsupported` by what the table calls them: the construct, and its property if it is only one.
REFUSED = {
    "call": ("call: {}", ""),
    "mcp": ("call: mcp", "transport.{}"),
    "run": ("run: {}", ""),
    "script": ("run: script", "{}"),
    "authentication": ("authentication", "{}"),
    "evaluate": ("evaluate", "{}"),
    "extend": ("extend", "{}"),
}

# What is part of something that is refused as a whole.
OWNERS = {
    "asyncApiInboundMessage": "call: asyncapi",
    "asyncApiMessageConsumptionPolicy": "call: asyncapi",
    "asyncApiOutboundMessage": "call: asyncapi",
    "asyncApiServer": "call: asyncapi",
    "asyncApiSubscription": "call: asyncapi",
    "containerLifetime": "run: container",
}


def subject_of(row: list[str]) -> str:
    return re.findall(r"`([^`]+)`", row[0])[0]


def properties_of(row: list[str]) -> list[str]:
    return re.findall(r"`([^`]+)`", row[0])[1:]


def belongs(name: str, property: str) -> bool:
    """Whether a property is this one or a part of it."""
    return name == property or name.startswith(f"{property}.")


def listed() -> set[tuple[str, str]]:
    """Every construct and property that has a row."""
    found = {(subject_of(row), name) for row in ROWS for name in properties_of(row)}
    return found | {(subject_of(row), "") for row in ROWS}


def leaves(schema: Any) -> Iterator[str]:
    """The paths of all properties of a part of the schema that have none themselves."""
    if not isinstance(schema, dict):
        return
    for name, part in (schema.get("properties") or {}).items():
        if part is False:  # what must not be there
            continue
        inner = list(leaves(part))
        yield from (f"{name}.{path}" for path in inner) if inner else [name]
    for way in ("oneOf", "anyOf", "allOf"):
        for part in schema.get(way) or ():
            yield from leaves(part)
    for way in ("then", "else", "items", "additionalProperties"):
        yield from leaves(schema.get(way))


def constructs() -> Iterator[tuple[str, str]]:
    """Everything that the specification's schema names."""
    schema = read(SCHEMA.read_bytes(), YAML)
    for part in ("document", "use", "schedule"):
        yield from ((part, path) for path in leaves(schema["properties"][part]))
    yield from (("workflow", name) for name in schema["properties"])
    for name, part in schema["$defs"].items():
        if name == "callTask":
            for call in part["oneOf"]:
                kind = re.search(r"'const': '(\w+)'", str(call))
                yield from (_call(kind[1] if kind else "function", path) for path in leaves(call) if path != "call")
        elif name not in SKIPPED:
            subject = NAMES.get(name, name.removesuffix("Task"))
            paths = list(leaves(part))
            yield from (_split(subject, path) for path in paths) if paths else [(subject, "")]


def _call(kind: str, path: str) -> tuple[str, str]:
    return f"call: {kind}", path.removeprefix("with.")


def _split(subject: str, path: str) -> tuple[str, str]:
    if found := re.fullmatch(r"run\.(container|script|shell|workflow)\.(.+)", path):
        return f"run: {found[1]}", found[2]
    return subject, path.removeprefix(f"{subject}.")


@pytest.mark.skipif(not SCHEMA.is_file(), reason="not run: the specification's schema is not here")
def test_every_construct_of_the_schema_has_a_row():
    assert sorted(set(constructs()) - listed()) == []


def test_every_part_that_validation_knows_has_a_row():
    parts = {("workflow", field.alias or name) for name, field in models.Workflow.model_fields.items()}
    used = {("use", name) for name in models.Use.model_fields}
    run = {(f"run: {name}", "") for name in Run.model_fields if name not in ("awaited", "result")}
    assert (
        sorted({*((kind, "") for kind in KINDS if kind not in ("call", "run")), *parts, *used, *run} - listed()) == []
    )


def test_no_construct_has_two_rows():
    found = [(subject_of(row), name) for row in ROWS for name in properties_of(row) or [""]]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].replace("`", ""))
def test_what_a_row_names_is_there(row: list[str]):
    assert len(row) == 4, row
    assert re.fullmatch(r"(\[[\w /-]+\]\(\S+dsl(?:-reference)?\.md#[\w-]+\)(, )?)+", row[1]), row[1]
    rooms = re.findall(r"`([\w/.]+)`", row[2])
    assert rooms
    assert [room for room in rooms if not _is_room(room)] == []
    named = re.findall(r"`([^`]+)`", row[3])
    assert named
    assert [name for name in named if not _is_test(name)] == []


def _is_room(room: str) -> bool:
    return room == "refused" or any(
        (ROOT / place).exists() for place in (f"lib/dsl/{room}.py", room, f"{room}.py", f"lib/{room}")
    )


def _is_test(name: str) -> bool:
    """A pytest node below tests/, or a file of scenarios."""
    file, *inner = name.split("::")
    path = ROOT / "tests" / file
    if not inner:
        return path.is_file() and path.parent.name == "scenarios"
    names = {node.name for node in ast.walk(ast.parse(path.read_text())) if hasattr(node, "name")}
    return set(inner) <= names


@pytest.mark.parametrize("row", [row for row in ROWS if "scenarios/" in row[3]], ids=lambda row: row[0])
def test_what_a_row_shows_by_scenarios_is_said_in_them(row: list[str]):
    files = re.findall(r"`(dsl/scenarios/\w+\.yaml)`", row[3])
    others = len(re.findall(r"`[^`]+`", row[3])) - len(files)
    said = set().union(*(_keys(read((ROOT / "tests" / file).read_bytes(), YAML)) for file in files))
    silent = [name for name in properties_of(row) if name.rpartition(".")[2] not in said]
    assert others or silent == []


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | set().union(*(_keys(inner) for inner in value.values()))
    return set().union(*(_keys(inner) for inner in value)) if isinstance(value, list) else set()


@pytest.mark.parametrize(
    ("place", "name"), [(place, name) for place, names in UNSUPPORTED.items() for name in sorted(names)]
)
def test_what_is_not_run_is_marked_as_refused(place: str, name: str):
    subject, property = refused(place, name)
    rows = [row for row in ROWS if subject_of(row) == subject and _has(row, property)]
    assert rows
    assert all(row[2] == "`refused`" for row in rows)


@pytest.mark.parametrize("row", [row for row in ROWS if row[2] == "`refused`"], ids=lambda row: row[0])
def test_what_is_marked_as_refused_is_not_run(row: list[str]):
    """Whoever makes a construct run says so in the table, too."""
    subject = OWNERS.get(subject_of(row), subject_of(row))
    known = [refused(place, name) for place, names in UNSUPPORTED.items() for name in names]
    properties = [property for owner, property in known if owner == subject]
    assert "" in properties or all(
        any(_within(name, property) for property in properties) for name in properties_of(row)
    ), properties


def refused(place: str, name: str) -> tuple[str, str]:
    """A row of `unsupported`, as the table calls it."""
    subject, property = REFUSED[place]
    return subject.format(name), property.format(name)


def _has(row: list[str], property: str) -> bool:
    return not property or any(_within(name, property) for name in properties_of(row))


def _within(name: str, property: str) -> bool:
    return name == property or name.startswith(f"{property}.")
