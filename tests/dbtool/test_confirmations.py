"""Confirm tokens are good for one statement, its parameters, its caller and a short time."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lib.dbtool.confirmations import VALID, Confirmation, check, issue
from lib.errors import ConfirmationStale, QueryRefused
from tests.conftest import Configure
from tests.dbtool.raw import raw

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
WRITE = raw("update bikes set price = $1 where bike_id = $2")
URL = "postgresql://writer:secret@db.example/shop"


@pytest.fixture(autouse=True)
def _write_login(configure: Configure) -> None:
    configure(DB_TOOL_WRITE_URL=URL)


def token(**changed: Any) -> str:
    how: dict[str, Any] = {"statement": WRITE, "parameters": [5, 1], "caller": "ann", "affected_rows": 3, "now": NOW}
    how |= changed
    return issue(how.pop("statement"), how.pop("parameters"), **how)[0]


def confirm(text: str, **changed: Any) -> Confirmation:
    how: dict[str, Any] = {"statement": WRITE, "parameters": [5, 1], "caller": "ann", "now": NOW}
    how |= changed
    return check(text, how.pop("statement"), how.pop("parameters"), **how)


def test_a_token_says_what_was_issued():
    text, issued = issue(WRITE, [5, 1], caller="ann", affected_rows=3, now=NOW)
    assert confirm(text) == issued
    assert (issued.rows, issued.expires_at) == (3, NOW + VALID)
    assert text.replace(".", "").replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "changed",
    [
        {"caller": "bob"},
        {"parameters": [5, 2]},
        {"parameters": [5, "1"]},
        {"parameters": [5, True]},
        {"parameters": [5]},
        {"statement": raw("update bikes set price = $1 where bike_id <> $2")},
    ],
)
def test_a_token_is_for_nothing_else(changed: dict[str, Any]):
    with pytest.raises(QueryRefused) as refusal:
        confirm(token(), **changed)
    assert refusal.value.extra["code"] == "confirm_mismatch"


def test_two_parts_cannot_be_shifted_into_each_other():
    shifted = token(caller="nn", parameters=["x"])
    with pytest.raises(QueryRefused):
        confirm(shifted, caller="n", parameters=["xn"])


def test_comments_and_blanks_make_no_other_statement():
    assert confirm(token(), statement=raw("update bikes  set price=$1 /* new */ where bike_id = $2")).rows == 3


def test_another_database_does_not_take_the_token(configure: Configure):
    text = token()
    configure(DB_TOOL_WRITE_URL=URL.replace("shop", "shop2"))
    with pytest.raises(QueryRefused):
        confirm(text)


def test_a_token_has_its_time():
    text = token()
    confirm(text, now=NOW + VALID - timedelta(seconds=1))
    with pytest.raises(ConfirmationStale) as stale:
        confirm(text, now=NOW + VALID)
    assert stale.value.extra["code"] == "confirm_expired"


def test_each_token_is_another_one():
    assert confirm(token()).id != confirm(token()).id


def forged(text: str, **changes: Any) -> str:
    content, signature = text.split(".")
    fields = json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
    for place, value in changes.items():
        fields[int(place.removeprefix("field"))] = value
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=") + "." + signature


@pytest.mark.parametrize("changes", [{"field0": "other"}, {"field1": 4}, {"field2": 4_000_000_000}])
def test_what_a_token_says_cannot_be_changed(changes: dict[str, Any]):
    with pytest.raises(QueryRefused) as refusal:
        confirm(forged(token(), **changes))
    assert refusal.value.extra["code"] == "confirm_mismatch"


@pytest.mark.parametrize("text", ["", ".", "a.b", "ä.ö", "a.b.c", "AAAA", "x" * 100_000, "W10.W10", "\0.\0"])
def test_any_other_text_is_refused(text: str):
    with pytest.raises(QueryRefused) as refusal:
        confirm(text)
    assert refusal.value.extra["code"] == "confirm_mismatch"


def test_a_token_holds_neither_statement_nor_parameters():
    text = token(parameters=["a secret", 1])
    content = base64.urlsafe_b64decode(text.split(".")[0] + "==")
    assert b"secret" not in content
    assert b"bikes" not in content
