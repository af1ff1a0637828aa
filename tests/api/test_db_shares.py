"""POST /db/query: one caller's slow reads leave connections to the others."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from lib.calls import shares
from lib.calls import sql as calls_sql
from lib.calls.context import CallContext
from tests.api.client import Client
from tests.api.statements import ask, rows
from tests.call import Exchange
from tests.conftest import Configure
from tests.history import sql

pytestmark = pytest.mark.anyio

SLOW = "select count(*) from bikes a, bikes b, bikes c, bikes d, bikes e, bikes f"
KEYS = json.dumps({"greedy": ["db:read"], "modest": ["db:read"]})


@pytest.fixture
def crowded(tool: Client, configure: Configure) -> Client:
    """Two connections to read with, so that one is a caller's half."""
    configure(RATCHET_MAX_CONNECTIONS="2", RATCHET_API_KEYS=KEYS, DB_TOOL_TIMEOUT="20")
    return tool


@asynccontextmanager
async def slow_reads(tool: Client, count: int, **headers: str) -> AsyncIterator[list[Exchange]]:
    """So many slow reads of one caller, of which as many run as may."""
    async with AsyncExitStack() as open_until:
        sent = [
            await open_until.enter_async_context(tool.open("POST", "/db/query", json={"sql": SLOW}, headers=headers))
            for _ in range(count)
        ]
        try:
            await running(1)
            yield sent
        finally:
            for one in sent:
                one.stop()
                with suppress(asyncio.CancelledError):
                    await one.finished()


async def running(least: int) -> int:
    """How many slow reads the server has under way, once there are so many."""
    end = time.monotonic() + 10
    while True:
        [(found,)] = await sql(
            "select count(*) from pg_stat_activity where state = 'active' and usename = 'api_reader'"
        )
        if found >= least:
            return int(found)
        assert time.monotonic() < end, "no slow read is under way"
        await asyncio.sleep(0.02)


async def test_slow_reads_of_one_key_do_not_keep_another_from_reading(crowded: Client):
    assert await rows(crowded, "select 1", key="modest") == [[1]]
    async with slow_reads(crowded, 8, authorization="Bearer greedy") as sent:
        for _ in range(5):
            assert await rows(crowded, "select count(*) from stations", key="modest") == [[9]]
        assert await running(1) == 1
        assert not any(one.status for one in sent), "the slow reads were over before the others had read"


async def test_who_has_waited_for_his_own_slow_reads_is_told_to_come_again(
    crowded: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shares, "_WAIT_SECONDS", 0.2)
    async with slow_reads(crowded, 1, authorization="Bearer greedy"):
        refused = await ask(crowded, "select 1", key="greedy")
        problem = refused.json()
        assert (refused.status, refused.headers["retry-after"]) == (429, "20")
        assert (problem["type"], problem["limit"]) == ("urn:ratchet:error:TooManyReads", 1)
        assert "at once here (1)" in problem["detail"]
    [(verdict, code)] = await sql("select verdict, code from ratchet.queries where statement = 'select 1'")
    assert (verdict, code) == ("failed", "TooManyReads")


async def test_quick_reads_beyond_the_half_wait_their_turn_and_are_all_answered(crowded: Client):
    found = await asyncio.gather(*(ask(crowded, "select 1", key="greedy") for _ in range(20)))
    assert {one.status for one in found} == {200}


async def test_a_caller_has_a_place_even_where_there_is_one_connection(crowded: Client, configure: Configure):
    configure(RATCHET_MAX_CONNECTIONS="1")
    assert await rows(crowded, "select 1", key="greedy") == [[1]]


async def test_requests_without_keys_leave_room_for_the_steps_of_workflows(crowded: Client, configure: Configure):
    configure(RATCHET_API_KEYS="")
    async with slow_reads(crowded, 8):
        context = CallContext("r", "/do/0/a", 0, "r:/do/0/a:0", timeout_seconds=2.0)
        assert (await calls_sql.call({"sql": "select 7"}, context))["rows"] == [[7]]


async def test_slow_steps_leave_room_for_requests(crowded: Client):
    context = CallContext("r", "/do/0/a", 0, "r:/do/0/a:0", timeout_seconds=20.0)
    steps = [asyncio.create_task(calls_sql.call({"sql": SLOW}, context)) for _ in range(8)]
    try:
        await running(1)
        assert await rows(crowded, "select 1", key="modest") == [[1]]
    finally:
        for step in steps:
            step.cancel()
        await asyncio.wait(steps)
