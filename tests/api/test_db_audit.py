"""GET /db/queries: every attempt is on record before it is made, and says nothing that it should not."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lib.config import settings
from lib.dbtool import logins
from tests.api.client import Client
from tests.api.conftest import TOOL_LOGINS, TakeDown
from tests.api.statements import RAISE, ask, slots
from tests.conftest import Configure
from tests.history import sql

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
KEYS = {"a": ["db:read", "db:write"], "b": ["db:read", "db:write"], "auditor": ["db:audit"]}

WAITS_FOR_A_LOCK = "usename = 'api_writer' and wait_event_type = 'Lock'"

# Sends one confirmed write in a process of its own.
SENDER = """
import asyncio, json, sys
from api.db_query import app
from tests.call import call

asyncio.run(call(app, "POST", "/db/query", json=json.loads(sys.argv[1])))
"""


async def read(tool: Client, query: str = "", key: str = "") -> list[dict[str, Any]]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    found = await tool("GET", f"/db/queries{query}", headers=headers)
    assert found.status == 200, found.body
    return list(found.json()["queries"])


async def test_tells_what_became_of_each_attempt(tool: Client):
    await ask(tool, "select  bike_id -- mine\n from bikes", max_rows=7)
    token = (await ask(tool, RAISE, "Ghent")).json()["confirm"]
    await ask(tool, RAISE, "Ghent", dry_run=False, confirm=token)
    await ask(tool, RAISE, "Ghent", dry_run=False, confirm=token)
    await ask(tool, "drop  table stations")
    await ask(tool, "select nope from stations")
    found = await read(tool)
    told = [(one["kind"], one["verdict"], one["code"], one["rows"]) for one in reversed(found)]
    assert told == [
        ("read", "ran", None, 7),
        ("write", "dry_run", None, 3),
        ("write", "ran", None, 3),
        ("write", "refused", "confirm_used", None),
        (None, "refused", found[1]["code"], None),
        ("read", "failed", "42703", None),
    ]
    assert found[-1]["statement"] == "select bike_id from bikes", "as it was executed"
    assert found[1]["statement"] == "drop  table stations", "as it was sent"
    assert all(one["origin"] == "http" and one["ms"] >= 0 for one in found)
    assert [one["code"] for one in await read(tool, "?verdict=failed")] == ["42703"]


async def test_a_write_that_was_only_explained_does_not_look_like_one_that_ran(tool: Client):
    await ask(tool, f"explain {RAISE}", "Ghent")
    await ask(tool, "explain  (costs  false)  select 1")
    plain, explained = await read(tool)
    assert plain["statement"] == "explain (costs false) select 1"
    assert (explained["kind"], explained["statement"]) == ("read", f"explain {RAISE}")


async def test_never_keeps_parameters_or_rows(tool: Client):
    await ask(tool, "select name, $1::text from members where name = $2", "a-secret-parameter", "Member 7")
    await ask(tool, "select $1::integer", "a-secret-parameter")
    [(kept,)] = await sql("select string_agg(q::text, ' ') from ratchet.queries q")
    assert "a-secret-parameter" not in kept
    assert "Member 7" not in kept


async def test_keeps_no_more_than_the_beginning_of_a_long_statement(tool: Client):
    await ask(tool, "select '" + "x" * 30_000 + "'")
    await ask(tool, "drop table " + "x" * 100_000)
    assert [len(one["statement"]) for one in await read(tool)] == [4000, 4000]


async def test_keys_see_their_own_and_an_auditor_everybodys(tool: Client, configure: Configure):
    configure(RATCHET_API_KEYS=json.dumps(KEYS))
    for key in ("a", "b"):
        await ask(tool, f"select '{key}'", key=key)
    [mine] = await read(tool, key="a")
    assert mine["statement"] == "select 'a'"
    assert [one["statement"] for one in await read(tool, key="auditor")] == ["select 'b'", "select 'a'"]
    assert await read(tool, f"?caller={mine['caller']}", key="auditor") == [mine]
    assert await read(tool, f"?caller={mine['caller']}", key="a") == [mine]
    refused = await tool("GET", f"/db/queries?caller={mine['caller']}", headers={"authorization": "Bearer b"})
    assert (refused.status, refused.json()["scope"]) == (403, "db:audit")


async def test_pages_meet_without_gap_or_overlap(tool: Client):
    for number in range(5):
        await ask(tool, f"select {number}")
    found, place = [], ""
    while True:
        page = (await tool("GET", f"/db/queries?limit=2{place}")).json()
        found += [one["statement"] for one in page["queries"]]
        if page["next"] is None:
            break
        place = f"&cursor={page['next']}"
    assert found == [f"select {number}" for number in reversed(range(5))]


@pytest.mark.parametrize("query", ["?limit=0", "?verdict=maybe", "?cursor=junk"])
async def test_junk_is_a_400(tool: Client, query: str):
    assert (await tool("GET", f"/db/queries{query}")).status == 400


async def test_nothing_runs_that_cannot_be_recorded(tool: Client, take_database_down: TakeDown):
    url = settings().database_url
    token = (await ask(tool, RAISE, "Ghent")).json()["confirm"]
    await take_database_down()
    assert (await ask(tool, RAISE, "Ghent", dry_run=False, confirm=token)).status == 503
    assert (await ask(tool, "select 1")).status == 503
    with psycopg.connect(url) as conn:
        found = conn.execute("select slots from rental.stations where city = 'Ghent' order by 1").fetchall()
        assert found == [(6,), (9,), (12,)]
        assert conn.execute("select count(*) from ratchet.spent_confirmations").fetchone() == (0,)


async def test_a_write_that_was_made_is_answered_though_its_end_cannot_be_recorded(
    tool: Client, take_database_down: TakeDown
):
    url = settings().database_url
    token = (await ask(tool, RAISE, "Ghent")).json()["confirm"]
    async with await psycopg.AsyncConnection.connect(url) as blocker:
        await blocker.execute("select from rental.stations for update")
        sent = asyncio.create_task(ask(tool, RAISE, "Ghent", dry_run=False, confirm=token))
        await until(f"select count(*) = 1 from pg_stat_activity where {WAITS_FOR_A_LOCK}")
        await take_database_down()
    found = await sent
    assert (found.status, found.json()["affected_rows"]) == (200, 3)
    with psycopg.connect(url) as conn:
        assert conn.execute("select slots from rental.stations where name = 'Station 1'").fetchone() == (7,)
        assert conn.execute("select verdict from ratchet.queries order by id desc limit 1").fetchone() == ("started",)


async def test_the_log_holds_no_secret_no_statement_and_no_data(tool: Client, capsys: pytest.CaptureFixture[str]):
    token = (await ask(tool, RAISE, "Ghent")).json()["confirm"]
    await ask(tool, RAISE, "Ghent", dry_run=False, confirm=token)
    await ask(tool, "select email::integer from members where name <> $1", "a-secret-parameter")
    await ask(tool, "drop table a_secret_table")
    printed = "".join(capsys.readouterr())
    assert printed.count('"event":"request"') == 4
    for secret in (*TOOL_LOGINS.values(), token, "Ghent", "stations", "a-secret", "a_secret", "example.org"):
        assert secret not in printed, secret


async def test_who_dies_over_a_write_has_not_written_and_never_will(tool: Client):
    token = (await ask(tool, RAISE, "Ghent")).json()["confirm"]
    body = {"sql": RAISE, "params": ["Ghent"], "dry_run": False, "confirm": token}
    async with await psycopg.AsyncConnection.connect(settings().database_url) as blocker:
        await blocker.execute("select from rental.stations for update")
        sender = send_in_a_process_of_its_own(body)
        try:
            await until(f"select count(*) = 1 from pg_stat_activity where {WAITS_FOR_A_LOCK}")
        finally:
            os.kill(sender.pid, signal.SIGKILL)
            sender.wait()
        assert await sql("select count(*) from ratchet.spent_confirmations") == [(1,)]
    await until("select count(*) = 0 from pg_stat_activity where usename = 'api_writer' and state <> 'idle'")
    assert await slots() == [6, 9, 12]
    newest, *_ = await read(tool)
    assert (newest["verdict"], newest["ms"]) == ("started", None), "nobody lived to tell its end"
    again = await ask(tool, RAISE, "Ghent", dry_run=False, confirm=token)
    assert (again.status, again.json()["code"]) == (409, "confirm_used")
    assert await slots() == [6, 9, 12]


async def test_any_instance_takes_the_token_of_another(tool: Client):
    token = (await ask(tool, RAISE, "Ghent")).json()["confirm"]
    sender = send_in_a_process_of_its_own({"sql": RAISE, "params": ["Ghent"], "dry_run": False, "confirm": token})
    assert await asyncio.to_thread(sender.wait, 20) == 0
    assert await slots() == [7, 10, 13]
    assert [one["verdict"] for one in await read(tool)] == ["ran", "dry_run"]


async def test_a_write_whose_commit_got_no_answer_is_recorded_as_neither_made_nor_failed(tool: Client):
    token = (await ask(tool, RAISE, "Ghent")).json()["confirm"]
    async with commits_wait_for("api_writer"):
        sent = asyncio.create_task(ask(tool, RAISE, "Ghent", dry_run=False, confirm=token))
        await until("select count(*) = 1 from pg_stat_activity where usename = 'api_writer' and wait_event = 'SyncRep'")
        await sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'api_writer'")
        found = await sent
    assert (found.status, found.json()["outcome"]) == (503, "unknown")
    assert await slots() == [7, 10, 13], "this time it was made"
    assert [one["verdict"] for one in await read(tool)] == ["started", "dry_run"]


@asynccontextmanager
async def commits_wait_for(role: str) -> AsyncIterator[None]:
    """A standby that never comes: this role's commits are written, and wait for it before they are answered."""
    await logins.close()  # a role's settings begin with its next session
    await sql(f"alter role {role} set synchronous_commit = on")
    await sql("alter system set synchronous_standby_names = 'nobody'")
    await sql("select pg_reload_conf()")
    try:
        await until("select current_setting('synchronous_standby_names') = 'nobody'")
        yield
    finally:
        await sql("alter system reset synchronous_standby_names")
        await sql(f"alter role {role} reset synchronous_commit")
        await sql("select pg_reload_conf()")


def send_in_a_process_of_its_own(body: dict[str, Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", SENDER, json.dumps(body)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def until(question: str) -> None:
    """Return once the database says yes."""
    async with asyncio.timeout(20):
        while await sql(question) != [(True,)]:
            await asyncio.sleep(0.02)
