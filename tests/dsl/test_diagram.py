"""A document's picture shows every way through it, and no name or expression can draw anything of its own."""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from lib.dsl.diagram import draw
from lib.dsl.limits import DOCUMENT_TASKS
from lib.dsl.reading import YAML, read
from tests.dsl.generate import task_lists

HERE = Path(__file__).parent
EXAMPLES = sorted((HERE.parents[2] / "shared" / "serverless-workflow" / "examples").glob("*.yaml"))
CASES = read((HERE / "cases" / "diagrams.yaml").read_bytes(), YAML)
NODE = re.compile(r'(?P<id>\w+)[\[({>/]+"(?P<label>[^"]*)"[\])}/]+')
GROUP = re.compile(r'subgraph (?P<id>\w+)\["(?P<label>[^"]*)"\]')
EDGE = re.compile(r'(?P<a>\w+) (?P<line>-->|-\.->)(?:\|"(?P<label>[^"]*)"\|)? (?P<b>\w+)')
# Every text of a document that comes near Mermaid's own syntax.
HOSTILE = [
    'a"] --> b["c',
    "end",
    "subgraph x",
    "a\nend\nb --> c",
    "%%{init: {'theme': 'dark'}}%%",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "`**bold**`",
    "- list",
    "1. list",
    "1)",
    "#quot;",
    "&quot;&#34;",
    "$$x$$",
    "style:#f00;",
    "classDef x fill:#f00;",
    'click n1 "javascript:alert(1)"',
    "a|b|c",
    "a;b",
    "x:::y",
    "x@{ shape: circle }",
    "\u202eevil\u2028line",
    "---\ntitle: x\n---",
    "ﬂ°°35¶ß",
    "日本語 ü 🚀",
    "x" * 5000,
]


def plain(label: str) -> list[str]:
    """The lines of a label, as Mermaid shows them."""
    return [html.unescape(re.sub(r"#(\d+);", r"&#\1;", line)) for line in label.split("<br/>")]


def parse(text: str) -> tuple[dict[str, list[str]], dict[str, list[str]], list[str]]:
    """The nodes, groups and edges of a drawing; a line that is none of them is an error."""
    first, *lines = text.splitlines()
    assert first == "flowchart TD"
    nodes: dict[str, list[str]] = {}
    groups: dict[str, list[str]] = {}
    edges = []
    depth = 0
    for line in (line.strip() for line in lines):
        if line == "end":
            depth -= 1
        elif found := GROUP.fullmatch(line):
            depth += 1
            groups[found["id"]] = plain(found["label"])
        elif found := NODE.fullmatch(line):
            nodes[found["id"]] = plain(found["label"])
        else:
            found = EDGE.fullmatch(line)
            assert found, line
            assert depth == 0
            edges.append(found)
    assert depth == 0
    named = {id: lines[0] for id, lines in (nodes | groups).items()}
    return nodes, groups, [show(edge, named) for edge in edges]


def show(edge: re.Match[str], named: dict[str, str]) -> str:
    label = "".join(plain(edge["label"] or ""))
    left, right = ("-", "->") if edge["line"] == "-->" else (".", ".>")
    return f"{named[edge['a']]} {left}{label}{right} {named[edge['b']]}".replace("-->", "->")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_draws(case: dict[str, Any]):
    nodes, groups, edges = parse(draw(case))
    assert sorted(edges) == sorted(case["edges"])
    assert [lines[0] for lines in groups.values()] == case.get("groups", [])
    if "nodes" in case:
        assert ["/".join(lines) for id, lines in nodes.items() if id not in ("begin", "finish")] == case["nodes"]


def test_says_when_the_workflow_starts_by_itself():
    on = {"one": {"with": {"type": "order.placed"}}}
    nodes, _, _ = parse(draw({"schedule": {"cron": "0 0 * * *", "on": on}, "do": []}))
    assert nodes["begin"] == ["start", "cron 0 0 * * *", "on one order.placed"]


def hostile(text: str) -> dict[str, Any]:
    """A document that says the text wherever it can."""
    return {
        "schedule": {"cron": text},
        "do": [
            {text: {"if": text, "set": text, "timeout": text}},
            {"s": {"switch": [{text: {"when": text, "then": "end"}}]}},
            {text + "2": {"do": [{text: {"raise": {"error": text}}}]}},
            {"l": {"for": {"each": text, "in": text}, "do": [{"w": {"wait": text}}]}},
            {"c": {"call": text, "with": {"method": text, "endpoint": text}}},
            {"e": {"emit": {"event": {"with": {"type": text}}}}},
            {"r": {"run": {"shell": {"command": text}}}},
            {"f": {"fork": {"branches": [{text: {"listen": {"to": {"any": [], "until": text}}}}]}}},
            {
                "t": {
                    "try": [{text: {"set": {}}}],
                    "catch": {"errors": {"with": {"type": text}}, "when": text, "retry": text},
                }
            },
        ],
    }


@pytest.mark.parametrize("text", HOSTILE, ids=[f"{text[:12]!a}" for text in HOSTILE])
def test_no_text_draws_anything_of_its_own(text: str):
    drawn, tame = draw(hostile(text)), draw(hostile("tame"))
    assert [re.sub(r'"[^"]*"', '""', line) for line in drawn.splitlines()] == [
        re.sub(r'"[^"]*"', '""', line) for line in tame.splitlines()
    ]
    for label in re.findall(r'"([^"]*)"', drawn):
        assert re.fullmatch(r"(?:[\w .,/()=!?-]|#\d+;|<br/>)+", label), label
        assert all(len(line) <= 60 for line in plain(label))


@pytest.mark.skipif(not EXAMPLES, reason="not run: the specification's examples are not here")
def test_draws_every_example():
    for path in EXAMPLES:
        definition = read(path.read_bytes(), YAML)
        nodes, _, edges = parse(draw(definition))
        assert len(nodes) > 2 or not definition["do"], path.name
        assert any(edge.startswith("start -> ") for edge in edges), path.name


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(tasks=task_lists(3, calm=False))
def test_every_task_of_any_document_is_drawn(tasks: list[dict[str, Any]]):
    nodes, groups, _ = parse(draw({"do": tasks}))
    shown = {line for lines in (nodes | groups).values() for line in lines}
    assert set(names(tasks)) <= shown


def names(tasks: list[dict[str, Any]]) -> list[str]:
    """The names of all tasks, however deep."""
    found = []
    for name, task in ((name, task) for item in tasks for name, task in item.items()):
        found.append(name)
        for inner in (
            task.get("do"),
            task.get("try"),
            task.get("catch", {}).get("do"),
            task.get("foreach", {}).get("do"),
            task.get("fork", {}).get("branches"),
        ):
            found += names(inner or [])
    return found


def test_a_document_of_every_task_there_may_be_is_drawn():
    tasks = [{f"t{number}": {"set": {"x": 1}, "then": "t0"}} for number in range(DOCUMENT_TASKS)]
    nodes, _, edges = parse(draw({"do": tasks}))
    assert (len(nodes), len(edges)) == (DOCUMENT_TASKS + 2, DOCUMENT_TASKS + 1)


@pytest.fixture(scope="session")
def mermaid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Mermaid's own parser: $MERMAID_HOME, or installed now."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("not run: node and npm are not here")
    home = os.environ.get("MERMAID_HOME")
    if not home:
        home = str(tmp_path_factory.mktemp("mermaid"))
        install = [
            "npm",
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--fetch-retries=0",
            "mermaid@11",
            "jsdom@26",
        ]
        try:
            subprocess.run(install, cwd=home, check=True, capture_output=True, timeout=100)
        except (subprocess.SubprocessError, OSError) as problem:
            pytest.skip(f"not run: npm cannot install mermaid here ({type(problem).__name__})")
    return Path(shutil.copy(HERE / "mermaid.mjs", home))


def test_the_parser_of_mermaid_takes_every_drawing(mermaid: Path):
    definitions = [*CASES, *(read(path.read_bytes(), YAML) for path in EXAMPLES), *(hostile(text) for text in HOSTILE)]
    texts = json.dumps([draw(definition) for definition in definitions])
    found = subprocess.run(["node", mermaid.name], cwd=mermaid.parent, input=texts, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert set(json.loads(found.stdout)) == {"flowchart-v2"}
