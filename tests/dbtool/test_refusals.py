"""The table of refusals: every stable code there is, and the documentation has the same ones."""

import json
import re
from pathlib import Path

from lib.dbtool.refusals import CODES, refused, stale

ROOT = Path(__file__).parents[2]
_RAISED = re.compile(r"""(?:refused|stale)\(\s*(?:\w+\.)?"([a-z_]+)\"""")


def test_every_code_that_is_raised_is_in_the_table():
    sources = [*(ROOT / "lib/dbtool").glob("*.py"), *(ROOT / "lib/calls").glob("*.py")]
    raised = {code for path in sources for code in _RAISED.findall(path.read_text())}
    assert {"confirm_used", "parameters", "no_acceptable_sql", "empty"} <= raised <= CODES.keys()


def test_nobody_makes_a_refusal_past_the_table():
    for folder in ("dbtool", "calls", "http"):
        for path in (ROOT / "lib" / folder).glob("*.py"):
            made = re.findall(r"(?<!class )(?:QueryRefused|ConfirmationStale)\(", path.read_text())
            assert not made or path.name == "refusals.py", path


def test_the_documentation_lists_every_code():
    document = json.loads((ROOT / "public/openapi.json").read_text())
    assert document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == list(CODES)


def test_every_reason_is_a_sentence_and_says_what_would_be_allowed():
    for code, reason in CODES.items():
        assert reason.sentence.endswith("."), code
        assert reason.allowed, code


def test_a_refusal_has_its_code_and_a_place_only_where_there_is_one():
    assert refused("empty").extra == {"code": "empty", "allowed": CODES["empty"].allowed}
    assert refused("empty", 3, "Nothing.").extra["position"] == 3
    assert (refused("empty", 3, "Nothing.").detail, stale("confirm_used").status) == ("Nothing.", 409)
