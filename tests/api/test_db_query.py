"""POST /db/query: what is read, what is refused, and who may ask how often."""

import importlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lib.config import settings
from tests.api.client import Client
from tests.api.statements import RAISE, ask, code, rows, slots
from tests.conftest import Configure
from tests.history import move_clock, sql

pytestmark = pytest.mark.anyio


async def test_a_read_answers_its_rows(tool: Client):
    found = (await ask(tool, "select name, slots from stations where city = $1 order by slots", "Ghent")).json()
    assert found["kind"] == "read"
    assert found["columns"] == ["name", "slots"]
    assert found["rows"] == [["Station 1", 6], ["Station 4", 9], ["Station 7", 12]]
    assert (found["row_count"], found["truncated"]) == (3, False)


async def test_a_read_is_a_read_whatever_dry_run_says(tool: Client):
    for dry_run in (True, False):
        assert await rows(tool, "select count(*) from bikes", dry_run=dry_run) == [[40]]


async def test_takes_any_json_as_a_parameter(tool: Client):
    text = "select $1::jsonb -> 'a', $2::int[], $3::text is null, not $4::bool, $5::numeric, $6::text"
    sent = [{"a": [1]}, [1, None], None, True, 1.5, "it's; -- $1 %s"]
    assert await rows(tool, text, *sent) == [[[1], [1, None], True, False, "1.5", "it's; -- $1 %s"]]


async def test_answers_as_many_rows_as_asked_for_and_says_that_there_are_more(tool: Client):
    found = (await ask(tool, "select bike_id from bikes order by 1", max_rows=3)).json()
    assert (found["rows"], found["row_count"], found["truncated"]) == ([[1], [2], [3]], 3, True)


async def test_never_answers_more_rows_than_the_settings_allow(tool: Client, configure: Configure):
    configure(DB_TOOL_MAX_ROWS="5")
    assert len(await rows(tool, "select bike_id from bikes")) == 5
    refused = await ask(tool, "select 1", max_rows=6)
    assert (refused.status, refused.json()["limit"]) == (422, 5)


async def test_explains_a_statement_without_running_it(tool: Client):
    [[plan]] = await rows(tool, "explain (format json) select * from bikes where bike_id = $1", 1)
    assert plan[0]["Plan"]["Relation Name"] == "bikes"


async def test_the_plan_of_a_write_is_shown_to_who_may_write_and_nothing_is_written(tool: Client, configure: Configure):
    configure(RATCHET_API_KEYS=json.dumps({"reader": ["db:read"], "writer": ["db:write"]}))
    before = await slots()
    [[plan]] = await rows(tool, f"explain (format json) {RAISE}", "Ghent", key="writer")
    assert plan[0]["Plan"]["Node Type"] == "ModifyTable"
    assert await slots() == before
    refused = await ask(tool, f"explain {RAISE}", "Ghent", key="reader")
    assert (refused.status, refused.json()["scope"]) == (403, "db:write")


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("drop table stations", 1),
        ("select 1; select 2", 9),
        ("select pg_sleep(1)", 8),
        ("update stations set slots = 1", 8),
        ("select * from pg_authid", 15),
        ("", 1),
    ],
)
async def test_a_refusal_says_why_where_and_what_would_be_allowed(tool: Client, text: str, position: int):
    found = await ask(tool, text)
    assert found.status == 422
    problem = found.json()
    assert problem["title"] == "The guard does not let this statement reach the database."
    assert problem["code"]
    assert problem["allowed"].endswith(".")
    assert problem["position"] == position


async def test_an_error_of_the_database_has_its_sqlstate_and_none_of_the_data(tool: Client):
    found = await ask(tool, "select nope from stations")
    assert (found.status, found.json()["sqlstate"]) == (400, "42703")
    found = await ask(tool, "select email::integer from members")
    assert (found.status, found.json()["sqlstate"]) == (400, "22P02")
    assert b"example.org" not in found.body
    found = await ask(tool, "update stations set slots = -1 where city = $1", "Ghent")
    assert (found.status, found.json()["sqlstate"]) == (400, "23514")


async def test_a_column_the_login_may_not_see_stays_unseen(tool: Client):
    found = (await ask(tool, "select * from members")).json()
    assert found["sqlstate"] == "42501"
    assert found["detail"].endswith("name the columns you need; GET /db/schema lists those to read.")
    assert (await ask(tool, "select pin_hash from members")).json()["sqlstate"] == "42501"
    assert (await ask(tool, "select m from members m")).status == 400


async def test_a_statement_that_takes_too_long_is_stopped(tool: Client, configure: Configure):
    configure(DB_TOOL_TIMEOUT="1")
    found = await ask(tool, "select count(*) from bikes a, bikes b, bikes c, bikes d, bikes e, bikes f")
    assert (found.status, found.json()["sqlstate"]) == (400, "57014")


@pytest.mark.parametrize("params", [[], [1, 2]])
async def test_takes_as_many_parameters_as_the_statement_names(tool: Client, params: list[Any]):
    assert code(await ask(tool, "select $1::int", *params)) == (422, "parameters")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"sql": 7}, "/sql"),
        ({"sql": None}, "/sql"),
        ({"params": {"a": 1}}, "/params"),
        ({"dry_run": "no"}, "/dry_run"),
        ({"dry_run": 0}, "/dry_run"),
        ({"confirm": 7}, "/confirm"),
        ({"max_rows": 0}, "/max_rows"),
        ({"max_rows": 1.5}, "/max_rows"),
        ({"execute": True}, "/execute"),
    ],
)
async def test_a_body_of_another_shape_is_refused_at_the_pointer(tool: Client, change: dict[str, Any], pointer: str):
    found = await tool("POST", "/db/query", json={"sql": "select 1", **change})
    assert (found.status, [error["pointer"] for error in found.json()["errors"]]) == (422, [pointer])


async def test_a_new_schema_and_a_new_type_are_known_at_once(tool: Client):
    await rows(tool, "select 1")
    await sql("create schema brand_new; create type rental.mood as enum ('good', 'bad')")
    await sql("create table brand_new.things as select 7 as id")
    await sql("grant usage on schema brand_new to api_reader")
    await sql("grant select on brand_new.things to api_reader")
    assert await rows(tool, "select id from brand_new.things") == [[7]]
    assert await rows(tool, "select 'good'::mood") == [["good"]]


async def test_reads_and_writes_need_a_scope_each(tool: Client, configure: Configure):
    configure(RATCHET_API_KEYS=json.dumps({"reader": ["db:read"], "writer": ["db:write"]}))
    assert (await ask(tool, "select 1", key="reader")).status == 200
    assert (await ask(tool, RAISE, "Ghent", key="writer")).status == 200
    for key, text, params, scope in (("reader", RAISE, ["Ghent"], "db:write"), ("writer", "select 1", [], "db:read")):
        refused = await ask(tool, text, *params, key=key)
        assert (refused.status, refused.json()["scope"]) == (403, scope)
        refused = await ask(tool, text, *params, key=key, dry_run=False)
        assert refused.status == 403


@pytest.mark.parametrize("missing", ["DB_TOOL_READ_URL", "DB_TOOL_WRITE_URL"])
async def test_is_501_with_the_name_of_the_setting_that_is_missing(tool: Client, configure: Configure, missing: str):
    configure(**{missing: ""})
    found = await ask(tool, RAISE, "Ghent")
    assert (found.status, found.json()["variables"]) == (501, [missing])


async def test_needs_no_write_login_to_read(tool: Client, configure: Configure):
    configure(DB_TOOL_WRITE_URL="")
    assert await rows(tool, "select 1") == [[1]]


async def test_is_503_where_the_tools_database_is_away(tool: Client, configure: Configure):
    configure(DB_TOOL_WRITE_URL="postgresql://nobody:s3cret@127.0.0.1:1/nothing")
    found = await ask(tool, RAISE, "Ghent")
    assert found.status == 503
    assert b"s3cret" not in found.body


async def test_starts_nothing_that_would_not_end_in_this_invocation(tool: Client, monkeypatch: pytest.MonkeyPatch):
    soon = datetime.now(UTC) + timedelta(seconds=5)
    monkeypatch.setattr(importlib.import_module("lib.http.deadline"), "get_deadline", lambda: soon)
    assert (await ask(tool, "select 1")).status == 503
    assert await sql("select from ratchet.queries") == []


async def test_a_login_that_may_do_anything_is_not_used(tool: Client, configure: Configure):
    configure(DB_TOOL_READ_URL=settings().database_url)
    found = await ask(tool, "select 1")
    assert (found.status, found.json()["weaknesses"][:1]) == (501, ["is a superuser"])


async def test_a_quota_is_kept_in_the_database_and_told(tool: Client, configure: Configure):
    configure(DB_TOOL_QUOTA="3/hour", RATCHET_RATE_LIMIT="100/min")
    found = [await ask(tool, text) for text in ("select 1", "drop table x", "select nope", "select 1")]
    assert [one.status for one in found] == [200, 422, 400, 429]
    assert all(one.headers["ratelimit-policy"] == '"default";q=100;w=60, "statements";q=3;w=3600' for one in found)
    assert [one.headers["ratelimit"].rpartition('"statements";')[2].split(";")[0] for one in found] == [
        "r=2",
        "r=1",
        "r=0",
        "r=0",
    ]
    assert 3590 <= int(found[3].headers["retry-after"]) <= 3600
    await move_clock("61 min")
    assert (await ask(tool, "select 1")).status == 200


async def test_each_key_has_a_quota_of_its_own(tool: Client, configure: Configure):
    configure(DB_TOOL_QUOTA="1/hour", RATCHET_API_KEYS=json.dumps({"a": ["db:read"], "b": ["db:read"]}))
    assert [(await ask(tool, "select 1", key=key)).status for key in ("a", "a", "b")] == [200, 429, 200]
