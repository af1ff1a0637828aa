"""POST /db/query as an attacker with a key would use it: nothing is told, held, taken or written that should not be."""

import asyncio
import base64
import json

import psycopg
import pytest

from lib.config import settings
from tests.api.client import Client
from tests.api.statements import RAISE, ask, code, confirm, rows, slots, try_out
from tests.conftest import Configure
from tests.history import sql

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "text",
    [
        "select email::integer from members",
        "select array_agg(email)::integer[] from members",
        "select to_tsquery('english', name || ' (') from members",
        "select (email || ' ''')::tsquery from members",
        "select ('$.' || email || '[')::jsonpath from members",
        "select decode(email, email) from members",
        "select date_trunc(email, now()) from members",
        "select format('%' || email) from members",
        "select ('{' || email)::jsonb from members",
        "select chr(-ascii(email)) from members",
        "insert into members (name, email) select 'x', email from members where member_id = 1",
        "update bikes set state = (select email from members limit 1)::bike_state where bike_id = 1",
    ],
)
async def test_no_error_repeats_what_is_in_a_row(tool: Client, text: str):
    found = await ask(tool, text)
    assert found.status == 400
    assert b"example.org" not in found.body
    assert b"Member" not in found.body


@pytest.mark.parametrize(
    "text",
    [
        "update members set name = pin_hash where member_id = 1",
        "update members set name = 'x' where member_id = 1 returning *",
        "insert into ledger (what) select pin_hash from members",
        "merge into stations s using members m on s.station_id = m.member_id"
        " when matched then update set name = m.pin_hash",
        "insert into members (name, email) values ('a', 'member1@example.org')"
        " on conflict (email) do update set name = members.pin_hash",
        "with x as (update stations set slots = 1 where station_id = 1 returning 1) select pin_hash from x, members",
        "select count(m) from members m",
        "select to_jsonb(m) from members m",
        "select 1 from members order by pin_hash",
    ],
)
async def test_no_statement_leads_to_a_closed_column(tool: Client, text: str):
    found = await ask(tool, text)
    assert (found.status, found.json()["sqlstate"]) == (400, "42501")
    assert b"secret" not in found.body


async def test_rows_of_another_tenant_are_neither_read_nor_written(tool: Client):
    assert await rows(tool, "select * from tenant_notes") == []
    found = await try_out(tool, "update tenant_notes set note = 'mine' where note_id = 2")
    assert (found["affected_rows"], found["preview"]) == (0, {"before": [], "after": []})
    refused = await ask(tool, "insert into tenant_notes values (9, 'south', 'x')")
    assert (refused.status, refused.json()["sqlstate"]) == (400, "42501")


@pytest.mark.parametrize(
    "text",
    [
        "select string_agg(repeat('x', 1000), '')::integer from generate_series(1, 60000)",
        "explain verbose select x || x || x || x || x || x || x || x"
        " from (select y || y || y || y || y as x from (select repeat('a', 900000) as y) a) b",
    ],
)
async def test_no_message_of_the_server_is_held_that_is_too_long(tool: Client, text: str):
    found = await ask(tool, text)
    assert (found.status, found.json()["sqlstate"]) == (400, "54000")
    assert "longer than 20 MB" in found.json()["detail"]
    assert await rows(tool, "select 1") == [[1]]


@pytest.mark.parametrize("character", ["€", "\x01", '"'])
async def test_an_answer_fits_into_a_response_whatever_its_characters(tool: Client, character: str):
    found = await ask(tool, "select repeat($1, 9000) from generate_series(1, 900)", character)
    assert found.json()["truncated"]
    assert len(found.body) < 4_500_000


async def test_a_token_has_one_spelling_and_is_good_once_however_many_race(tool: Client):
    token = (await try_out(tool, RAISE, "Ghent"))["confirm"]
    content, signature = token.split(".")
    identity, count, expires = json.loads(base64.urlsafe_b64decode(content + "=="))
    longer = base64.urlsafe_b64encode(json.dumps([identity, count, expires + 9999]).encode()).decode().rstrip("=")
    for forged in (f"{longer}.{signature}", f"{token}=", f"{token}\n", f" {token}", f"{content}.", ".", "", "x" * 9000):
        assert code(await confirm(tool, forged, RAISE, "Ghent")) == (422, "confirm_mismatch")
    raced = await asyncio.gather(*(confirm(tool, token, RAISE, "Ghent") for _ in range(5)))
    assert sorted(map(code, raced), key=str) == [(200, None), *[(409, "confirm_used")] * 4]
    assert await slots() == [7, 10, 13]


@pytest.mark.parametrize("other", [1.0, True, "1"])
async def test_a_parameter_that_only_looks_alike_was_not_confirmed(tool: Client, other: object):
    text = "update stations set slots = 7 where station_id = $1"
    token = (await try_out(tool, text, 1))["confirm"]
    assert code(await confirm(tool, token, text, other)) == (422, "confirm_mismatch")


async def test_a_burst_gets_no_more_than_its_quota_and_leaves_a_record_of_each(tool: Client, configure: Configure):
    configure(DB_TOOL_QUOTA="3/hour")
    found = await asyncio.gather(*(ask(tool, "select 1") for _ in range(9)))
    assert sorted(each.status for each in found) == [200] * 3 + [429] * 6
    assert await sql("select verdict, count(*) from ratchet.queries group by 1") == [("ran", 3)]


async def test_a_dry_run_gives_up_soon_when_the_application_holds_the_row(tool: Client, configure: Configure):
    configure(DB_TOOL_TIMEOUT="1")
    async with await psycopg.AsyncConnection.connect(settings().database_url) as application:
        await application.execute("update rental.stations set slots = slots where station_id = 1")
        found = await ask(tool, RAISE, "Ghent")
        await application.rollback()
    assert (found.status, found.json()["sqlstate"] in ("55P03", "57014")) == (400, True)
    assert (await try_out(tool, RAISE, "Ghent"))["affected_rows"] == 3


async def test_a_dry_run_fits_into_a_response_whatever_its_rows_hold(tool: Client):
    columns = ", ".join(f"c{number} text default repeat('€', 1000)" for number in range(30))
    await sql(f"create table rental.wide (id integer primary key, {columns})")
    await sql("insert into rental.wide select generate_series(1, 30)")
    await sql("grant select, update on rental.wide to api_reader, api_writer")
    found = await ask(tool, "update wide set c1 = c1 || 'x' where id < 25")
    assert found.json()["affected_rows"] == 24
    assert found.json()["warnings"][0].startswith("Not all rows")
    assert len(found.body) < 4_500_000
