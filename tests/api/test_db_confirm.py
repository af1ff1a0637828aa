"""POST /db/query with a write: it is tried first, then confirmed, and then made exactly once."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.client import Client
from tests.api.statements import RAISE, ask, code, confirm, slots, try_out
from tests.conftest import Configure
from tests.history import move_clock, sql

pytestmark = pytest.mark.anyio


async def test_a_write_is_tried_and_rolled_back(tool: Client):
    found = await try_out(tool, RAISE, "Ghent")
    assert (found["kind"], found["dry_run"], found["affected_rows"]) == ("write", True, 3)
    assert [row["slots"] for row in found["preview"]["before"]] == [6, 9, 12]
    assert [row["slots"] for row in found["preview"]["after"]] == [7, 10, 13]
    assert found["plan"]["total_cost"] > 0
    assert await slots() == [6, 9, 12]


async def test_a_condition_that_spares_no_row_is_warned_of_in_a_word_that_stays(tool: Client):
    """Each is a condition on a column, true of every row all the same: no guard can see that."""
    for condition in ("bike_id % 1 = 0", "bike_id > -1", "length(plate) = 5"):
        found = await try_out(tool, f"update bikes set price = price + 1 where {condition}")
        assert found["affected_rows"] == 40
        assert dict(zip(found["warning_codes"], found["warnings"], strict=True))["every_row"].startswith("Every row")
    assert "every_row" not in (await try_out(tool, RAISE, "Ghent"))["warning_codes"]


async def test_a_write_that_would_reach_a_row_more_than_its_dry_run_said_is_not_made(tool: Client):
    text = "update bikes set price = 1 where bike_id % 1 = 0"
    token = (await try_out(tool, text))["confirm"]
    await sql("insert into rental.bikes (plate, model, bought, price) values ('NE100', 'city', '2026-01-01', 9)")
    found = await confirm(tool, token, text)
    assert code(found) == (409, "rows_changed")
    assert "(41) than its dry run said (40)" in found.json()["detail"]
    assert await sql("select count(*) from rental.bikes where price = 1") == [(0,)]


async def test_a_confirmed_write_is_made(tool: Client):
    token = (await try_out(tool, RAISE, "Ghent"))["confirm"]
    found = (await confirm(tool, token, RAISE, "Ghent")).json()
    assert (found["kind"], found["dry_run"], found["affected_rows"]) == ("write", False, 3)
    assert await slots() == [7, 10, 13]


async def test_a_confirmed_write_answers_what_it_returns(tool: Client):
    text = "update stations set slots = 99 where name = $1 returning name, slots"
    token = (await try_out(tool, text, "Station 1"))["confirm"]
    found = (await confirm(tool, token, text, "Station 1")).json()
    assert (found["columns"], found["rows"]) == (["name", "slots"], [["Station 1", 99]])


async def test_a_token_is_for_the_statement_and_not_for_its_spelling(tool: Client):
    token = (await try_out(tool, RAISE, "Ghent"))["confirm"]
    spelled = RAISE.replace(" where", " /* only these */\n  where") + " ;"
    assert (await confirm(tool, token, spelled, "Ghent")).status == 200


async def test_a_write_is_not_made_without_a_token(tool: Client):
    found = await ask(tool, RAISE, "Ghent", dry_run=False)
    assert code(found) == (422, "confirm_required")
    assert "dry_run" in found.json()["allowed"]
    assert await slots() == [6, 9, 12]


async def test_a_token_where_none_is_asked_for_is_a_mistake(tool: Client):
    token = (await try_out(tool, RAISE, "Ghent"))["confirm"]
    assert code(await ask(tool, RAISE, "Ghent", confirm=token)) == (422, "confirm_unused")
    assert code(await ask(tool, "select 1", confirm=token, dry_run=False)) == (422, "confirm_unused")
    assert (await confirm(tool, token, RAISE, "Ghent")).status == 200, "nobody has used it up"


async def test_a_token_is_good_once(tool: Client):
    token = (await try_out(tool, RAISE, "Ghent"))["confirm"]
    await confirm(tool, token, RAISE, "Ghent")
    assert code(await confirm(tool, token, RAISE, "Ghent")) == (409, "confirm_used")
    assert await slots() == [7, 10, 13]


async def test_the_same_token_ten_times_at_once_writes_once(tool: Client):
    token = (await try_out(tool, RAISE, "Ghent"))["confirm"]
    found = await asyncio.gather(*(confirm(tool, token, RAISE, "Ghent") for _ in range(10)))
    assert sorted(code(one) for one in found) == [(200, None), *[(409, "confirm_used")] * 9]
    assert await slots() == [7, 10, 13]


async def test_a_token_is_good_for_ten_minutes(tool: Client):
    token = (await try_out(tool, RAISE, "Ghent"))["confirm"]
    await move_clock("9 min")
    assert code(await confirm(tool, token, RAISE, "Porto")) == (422, "confirm_mismatch")
    await move_clock("11 min")
    assert code(await confirm(tool, token, RAISE, "Ghent")) == (409, "confirm_expired")
    assert await slots() == [6, 9, 12]


async def test_two_dry_runs_are_two_writes(tool: Client):
    tokens = [(await try_out(tool, RAISE, "Ghent"))["confirm"] for _ in range(2)]
    assert [(await confirm(tool, token, RAISE, "Ghent")).status for token in tokens] == [200, 200]
    assert await slots() == [8, 11, 14]


def _flip(token: str, place: int) -> str:
    other = "A" if token[place] != "A" else "B"
    return token[:place] + other + token[place + 1 :]


@pytest.mark.parametrize(
    "forge",
    [
        lambda _: "",
        lambda _: "no token",
        lambda _: "ü€\0",
        lambda token: token[:-1],
        lambda token: token * 2,
        lambda token: _flip(token, 0),
        lambda token: _flip(token, len(token) // 2),
        lambda token: _flip(token, len(token) - 2),
        lambda token: token.upper(),
        lambda _: "x" * 100_000,
    ],
)
async def test_a_forged_token_writes_nothing(tool: Client, forge: Callable[[str], str]):
    token = (await try_out(tool, RAISE, "Ghent"))["confirm"]
    assert (await confirm(tool, forge(token), RAISE, "Ghent")).status == 422
    assert await slots() == [6, 9, 12]
    assert (await confirm(tool, token, RAISE, "Ghent")).status == 200, "a forger must not use it up"


@pytest.mark.parametrize(
    ("text", "params"),
    [
        (RAISE, ["Porto"]),
        (RAISE.replace("+ 1", "+ 2"), ["Ghent"]),
        (RAISE.replace("$1", "'Ghent'"), []),
        ("delete from stations where city = $1", ["Ghent"]),
    ],
)
async def test_a_token_is_for_nothing_else(tool: Client, text: str, params: list[Any]):
    token = (await try_out(tool, RAISE, "Ghent"))["confirm"]
    assert (await confirm(tool, token, text, *params)).status == 422
    assert await slots() == [6, 9, 12]


async def test_a_token_is_for_the_key_that_got_it(tool: Client, configure: Configure):
    configure(RATCHET_API_KEYS=json.dumps({"mine": ["db:write"], "other": ["db:write"]}))
    token = (await try_out(tool, RAISE, "Ghent", key="mine"))["confirm"]
    assert (await confirm(tool, token, RAISE, "Ghent", key="other")).status == 422
    assert await slots() == [6, 9, 12]
    assert (await confirm(tool, token, RAISE, "Ghent", key="mine")).status == 200


async def test_nothing_is_written_when_other_rows_would_be(tool: Client):
    token = (await try_out(tool, RAISE, "Ghent"))["confirm"]
    await sql("update rental.stations set city = 'Ghent' where name = 'Station 2'")
    found = await confirm(tool, token, RAISE, "Ghent")
    assert code(found) == (409, "rows_changed")
    assert await slots() == [6, 7, 9, 12]
    assert code(await confirm(tool, token, RAISE, "Ghent")) == (409, "confirm_used")
