"""The README's table of constructs: none is missing, and every test it names is there."""

import re
from pathlib import Path

from lib.dsl import models
from lib.dsl.document import KINDS
from lib.dsl.event_models import Run

ROOT = Path(__file__).parents[2]
README = (ROOT / "lib" / "dsl" / "README.md").read_text()
SECTION = README.partition("\n## Constructs\n")[2].partition("\n## ")[0]
ROWS = dict(re.findall(r"^\| `([^`]+)` \| [^|]+ \| (.+) \|$", SECTION, re.MULTILINE))


def test_every_construct_has_a_row():
    parts = {field.alias or name for name, field in models.Workflow.model_fields.items()} - {"use"}
    used = {f"use.{name}" for name in models.Use.model_fields}
    run = {f"run: {name}" for name in Run.model_fields} - {"run: awaited", "run: result"}
    assert {*KINDS, *parts, *used, *run, "export", "if", "then"} == set(ROWS)


def test_every_test_that_is_named_is_there():
    named = {name for tests in ROWS.values() for name in re.findall(r"`(\w+)`", tests)}
    assert {name for name in named if not (ROOT / "tests" / "dsl" / f"{name}.py").is_file()} == set()
