"""lib/LIMITS.md says what the code does, and leaves nothing out."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from lib.dsl import limits
from lib.http.cloud_events import MAX_BYTES

ROOT = Path(__file__).parent.parent
TABLE = (ROOT / "lib" / "LIMITS.md").read_text()
ROWS = re.findall(r"^\| (.+?) \| (\d+)[^|]*\| `([\w.]+)` \|", TABLE, re.MULTILINE)
SETTINGS = re.findall(r"`((?:RATCHET|DB_TOOL)_[A-Z_]+)`", TABLE)
# What nobody can run into from outside: caches, batches, and what is shown of something.
INTERNAL = {
    "lib.calls.arguments.MAX_KEY_CHARACTERS",
    "lib.calls.descriptions.MOST_KEPT",
    "lib.calls.tokens.MOST_TOKENS",
    "lib.calls.transport.MAX_GLIMPSE_BYTES",
    "lib.dbtool.model.MAX_RESPONSE_BYTES",
    "lib.dbtool.operators.MAX_LENGTH",
    "lib.dbtool.prompts.MAX_ANSWER_CHARACTERS",
    "lib.dbtool.prompts.MAX_COLUMNS",
    "lib.dbtool.prompts.MAX_COMMENT",
    "lib.dbtool.prompts.MAX_EXPLANATION",
    "lib.dbtool.prompts.MAX_SCHEMA_CHARACTERS",
    "lib.dbtool.samples.MAX_CHARACTERS",
    "lib.dbtool.samples.MAX_VALUES",
    "lib.dsl.guard_helper.LARGEST_RESULT",
    "lib.dsl.retries.LARGEST_EXPONENT",
    "lib.engine.committing.MAX_BATCH_CHARACTERS",
    "lib.http.cloud_events.MAX_BYTES",  # told as EVENT_NAME_BYTES
}


def find_limits() -> set[str]:
    """Every constant that is called a limit, and all of lib/dsl/limits.py."""
    found = set()
    for path in (ROOT / "lib").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if module.startswith("lib.dev."):
            continue
        for node in ast.parse(path.read_text()).body:
            names = [target.id for target in getattr(node, "targets", ()) if isinstance(target, ast.Name)]
            named = r"[A-Z_]+" if module == limits.__name__ else r"(MAX|MOST|LARGEST)_[A-Z_]+"
            found |= {f"{module}.{name}" for name in names if re.fullmatch(named, name)}
    return found - {"lib.dsl.limits.UNSTORABLE"}


@pytest.mark.parametrize(("said", "constant"), [pytest.param(row[1], row[2], id=row[0]) for row in ROWS])
def test_the_table_says_the_number_that_the_code_has(said: str, constant: str):
    module, _, name = constant.rpartition(".")
    assert int(said) == getattr(importlib.import_module(module), name)


def test_the_table_has_every_limit():
    assert sorted(find_limits() - {constant for _, _, constant in ROWS} - INTERNAL) == []


def test_nothing_is_excused_that_is_not_there():
    assert sorted(INTERNAL - find_limits()) == []


def test_an_event_has_the_same_room_whichever_way_it_comes():
    assert set(MAX_BYTES.values()) == {limits.EVENT_NAME_BYTES}


def test_every_setting_in_the_table_is_one():
    config = (ROOT / "lib" / "config.py").read_text()
    assert SETTINGS
    assert [name for name in SETTINGS if f'"{name}"' not in config] == []
