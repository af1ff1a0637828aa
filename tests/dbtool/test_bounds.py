"""What one instance takes of a server's connections, all its pools together."""

import asyncio
from typing import Any

import psycopg
import pytest

from lib.dbtool.reading import read
from lib.dbtool.writing import write
from tests.conftest import Configure
from tests.dbtool.conftest import ToolDatabase
from tests.dbtool.raw import raw
from tests.history import sql

pytestmark = pytest.mark.anyio

MOST = 3
COUNT = (
    "select usename::text, count(*) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid() group by 1"
)


async def count(owner: psycopg.AsyncConnection[Any]) -> dict[str, int]:
    return dict(await (await owner.execute(COUNT)).fetchall())


async def test_each_of_three_pools_keeps_to_the_setting(tool: ToolDatabase, configure: Configure):
    configure(RATCHET_MAX_CONNECTIONS=str(MOST))
    slow = raw("select pg_sleep(0.02) is null")
    change = raw("update bikes set price = price + 1 where bike_id = $1 and pg_sleep(0.02) is not null")

    async def use(number: int) -> None:
        await asyncio.gather(
            sql("select pg_sleep(0.02)"),
            read(slow, [], max_rows=1, seconds=10),
            write(change, [number], expected_rows=1, seconds=10),
        )

    async with await psycopg.AsyncConnection.connect(tool.owner, autocommit=True, prepare_threshold=None) as owner:
        ours = owner.info.user
        everything = asyncio.gather(*(use(number) for number in range(1, 13)))
        most: dict[str, int] = {}
        while not everything.done():
            for user, connections in (await count(owner)).items():
                most[user] = max(most.get(user, 0), connections)
            await asyncio.sleep(0)
        await everything
    looking = most.pop(ours) - MOST  # behind a pooler, ours and the one that looks are mixed
    assert looking in (0, 1)
    assert most == {"tool_reader": MOST, "tool_writer": MOST}
