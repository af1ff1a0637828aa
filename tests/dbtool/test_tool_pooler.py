"""The tool through a PgBouncer in transaction mode, with two connections for all of it, and nothing left behind."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from lib.dbtool import logins
from lib.dbtool.dry_run import dry_run
from lib.dbtool.reading import read
from lib.dbtool.writing import open_write, write
from lib.errors import QueryFailed
from tests.conftest import Configure
from tests.dbtool.conftest import ToolDatabase
from tests.dbtool.raw import raw
from tests.pooler import PGBOUNCER, Pooler
from tests.test_pooler import narrow, read_leftovers

__all__ = ["narrow"]

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer not found: not run"),
]


@pytest.fixture
async def pooled_tool(tool_database: ToolDatabase, narrow: Pooler, configure: Configure) -> AsyncIterator[None]:
    """Both logins through the pooler (which knows one user only), and no session may keep anything."""
    url = narrow.url(tool_database.owner)
    configure(DB_TOOL_READ_URL=url, DB_TOOL_WRITE_URL=url, DB_TOOL_ALLOW_SUPERUSER="on")
    yield
    await logins.close()
    assert await read_leftovers(url) == []


async def test_reads_dry_runs_and_writes_share_two_connections(pooled_tool: None):
    wanted = raw("select b.*, $1::int from bikes b where bike_id < $1 order by bike_id")
    change = raw("update bikes set price = price + 1 where bike_id = $1")

    async def read_some(number: int) -> int:
        return (await read(wanted, [number], max_rows=100, seconds=10)).row_count

    counts = await asyncio.gather(*(read_some(number) for number in range(1, 21)))
    assert counts == list(range(20))
    runs = await asyncio.gather(*(dry_run(change, [number], seconds=10) for number in range(1, 11)))
    assert [run.affected_rows for run in runs] == [1] * 10
    done = await asyncio.gather(*(write(change, [number], expected_rows=1, seconds=10) for number in range(1, 11)))
    assert [each.affected_rows for each in done] == [1] * 10


async def test_an_open_write_keeps_its_connection_until_its_end(pooled_tool: None):
    opened = await open_write(raw("update bikes set price = 7 where bike_id = 1"), [], seconds=10)
    other = await read(raw("select price from bikes where bike_id = 1"), [], max_rows=1, seconds=10)
    await opened.commit()
    after = await read(raw("select price from bikes where bike_id = 1"), [], max_rows=1, seconds=10)
    assert (other.rows, after.rows) == ([["412.50"]], [["7.00"]])


async def test_a_statement_that_fails_or_is_stopped_leaves_nothing(pooled_tool: None):
    for sql in ("select 1 / 0", "select nowhere", "select count(*) from generate_series(1, 1000000000)"):
        with pytest.raises(QueryFailed):
            await read(raw(sql), [], max_rows=1, seconds=0.4)
    assert (await read(raw("select 1"), [], max_rows=1, seconds=5)).rows == [[1]]
