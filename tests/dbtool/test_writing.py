"""Confirmed writes: committed if they do what their dry run said, else nothing is changed."""

import asyncio
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from lib.dbtool import logins
from lib.dbtool.dry_run import dry_run
from lib.dbtool.writing import Written, open_write, write
from lib.errors import ConfirmationStale, DatabaseDown, QueryFailed, QueryRefused
from tests.dbtool.conftest import ToolDatabase
from tests.dbtool.raw import raw
from tests.dbtool.state import state_hash
from tests.dbtool.test_dry_run import WRITES

pytestmark = pytest.mark.anyio


async def confirm(sql: str, *parameters: Any, rows: int | None = None, seconds: float = 5.0) -> Written:
    return await write(raw(sql), parameters, expected_rows=rows, seconds=seconds)


async def owner(tool: ToolDatabase) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(tool.owner, autocommit=True)


async def one(tool: ToolDatabase, sql: str) -> Any:
    async with await owner(tool) as conn:
        return (await (await conn.execute(sql)).fetchone() or (None,))[0]


async def test_a_confirmed_write_is_committed_and_answers_its_rows(tool: ToolDatabase):
    done = await confirm(
        "update bikes set price = $1 where bike_id in (1, 2) returning bike_id, price, labels", "99.9", rows=2
    )
    assert (done.affected_rows, done.columns, done.truncated) == (2, ["bike_id", "price", "labels"], False)
    assert done.rows == [[1, "99.90", ["city"]], [2, "99.90", ["city"]]]
    assert await one(tool, "select count(*) from rental.bikes where price = 99.9") == 2


@pytest.mark.parametrize(("sql", "affected", "before", "after"), WRITES, ids=lambda value: str(value)[:60])
async def test_a_write_changes_as_many_rows_as_its_dry_run_said(
    kept_tool: ToolDatabase, sql: str, affected: int, before: int, after: int
):
    said = await dry_run(raw(sql), (), seconds=5)
    opened = await open_write(raw(sql), (), seconds=5)
    await opened.rollback()
    assert opened.affected_rows == said.affected_rows == affected


async def test_other_rows_than_the_dry_run_said_change_nothing(tool: ToolDatabase):
    sql = "delete from payments where rental_id < 10"
    said = await dry_run(raw(sql), (), seconds=5)
    async with await owner(tool) as conn:
        await conn.execute("delete from rental.payments where rental_id = 2")
        state = await state_hash(conn)
        with pytest.raises(ConfirmationStale) as stale:
            await confirm(sql, rows=said.affected_rows)
        assert stale.value.extra["code"] == "rows_changed"
        assert await state_hash(conn) == state


async def test_a_deferred_constraint_is_checked_before_the_commit(tool: ToolDatabase):
    with pytest.raises(QueryFailed) as failure:
        await confirm("insert into payments (rental_id, amount) values (99999, 1)", rows=1)
    assert failure.value.extra["sqlstate"] == "23503"


@pytest.mark.parametrize("sql", ["commit", "truncate stations", "drop table bikes", "set role postgres", "vacuum"])
async def test_what_is_no_write_does_not_run(tool: ToolDatabase, sql: str):
    async with await owner(tool) as conn:
        state = await state_hash(conn)
        with pytest.raises(QueryFailed) as failure:
            await confirm(sql)
        assert failure.value.extra["sqlstate"] == "42601"
        assert await state_hash(conn) == state


async def test_two_statements_in_one_text_never_run(tool: ToolDatabase):
    two = replace(
        raw("update bikes set price = 1 where bike_id = 1"), text="update bikes set price = 1 where bike_id = 1; commit"
    )
    with pytest.raises(QueryFailed) as failure:
        await write(two, (), expected_rows=1, seconds=5)
    assert failure.value.extra["sqlstate"] == "42601"
    assert await one(tool, "select price <> 1 from rental.bikes where bike_id = 1")


async def test_the_rows_of_a_write_are_bounded(tool: ToolDatabase):
    done = await confirm("insert into ledger (what) select 'x' from generate_series(1, 5000) returning 1 as one")
    assert (done.affected_rows, len(done.rows), done.truncated) == (5000, 1000, True)
    with pytest.raises(QueryRefused):
        await confirm("insert into ledger (what) select 'x' from generate_series(1, 10001)")
    assert await one(tool, "select count(*) from rental.ledger") == 5000


async def test_an_open_write_is_seen_by_nobody_until_it_is_committed(tool: ToolDatabase):
    opened = await open_write(raw("update bikes set price = 7 where bike_id < 4 returning bike_id"), (), seconds=5)
    assert (opened.affected_rows, opened.columns, opened.rows) == (3, ["bike_id"], [[1], [2], [3]])
    assert await one(tool, "select count(*) from rental.bikes where price = 7") == 0
    await opened.connection.execute("insert into rental.ledger (what) values ('with it')")
    await opened.commit()
    await opened.rollback()
    assert await one(tool, "select count(*) from rental.bikes where price = 7") == 3
    assert await one(tool, "select what from rental.ledger") == "with it"


async def test_an_open_write_that_is_rolled_back_leaves_nothing(tool: ToolDatabase):
    async with await owner(tool) as conn:
        state = await state_hash(conn)
        opened = await open_write(raw("update bikes set price = 7 where bike_id < 4"), (), seconds=5)
        await opened.rollback()
        await opened.rollback()
        assert await state_hash(conn) == state


async def test_a_connection_serves_the_next_write_whatever_became_of_the_last(tool: ToolDatabase):
    for _ in range(10):  # more often than there are connections
        with pytest.raises(QueryFailed):
            await confirm("update bikes set price = -1 where bike_id = 1")
        await (await open_write(raw("update bikes set price = 7 where bike_id = 1"), (), seconds=5)).rollback()
    assert (await confirm("update bikes set price = 8 where bike_id = 1")).affected_rows == 1


async def test_a_writer_who_goes_away_changes_nothing(tool: ToolDatabase):
    slow = asyncio.create_task(confirm("update bikes set price = 3 where pg_sleep(0.2) is not null", seconds=30))
    async with await owner(tool) as conn, asyncio.timeout(10):
        query = "select count(*) from pg_stat_activity where usename = 'tool_writer' and wait_event = 'PgSleep'"
        while (await (await conn.execute(query)).fetchone() or (0,))[0] == 0:
            await asyncio.sleep(0.01)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
    assert await one(tool, "select count(*) from rental.bikes where price = 3") == 0
    assert (await confirm("update bikes set price = 8 where bike_id = 1")).affected_rows == 1


async def test_a_slow_write_is_stopped_and_changes_nothing(tool: ToolDatabase):
    with pytest.raises(QueryFailed) as failure:
        await confirm("update bikes set price = 3 where pg_sleep(0.2) is not null", seconds=0.5)
    assert failure.value.extra["sqlstate"] == "57014"
    assert await one(tool, "select count(*) from rental.bikes where price = 3") == 0


async def test_a_connection_lost_before_the_commit_says_that_nobody_knows(tool: ToolDatabase):
    opened = await open_write(raw("update bikes set price = 7 where bike_id = 1"), (), seconds=5)
    [(pid,)] = await (await opened.connection.execute("select pg_backend_pid()")).fetchall()
    await one(tool, f"select pg_terminate_backend({pid}, 5000)")
    with pytest.raises(DatabaseDown, match="look whether it has happened") as lost:
        await opened.commit()
    assert lost.value.extra["outcome"] == "unknown"


async def test_a_conflict_of_two_transactions_has_its_sqlstate(tool: ToolDatabase):
    first = await open_write(raw("update bikes set price = 7 where bike_id = 1"), (), seconds=5)
    try:
        with pytest.raises(QueryFailed) as failure:
            await confirm("update bikes set price = 8 where bike_id = 1", seconds=10)
        assert failure.value.extra["sqlstate"] == "55P03"
    finally:
        await first.rollback()


async def test_the_writer_reads_no_more_than_it_may(tool: ToolDatabase):
    with pytest.raises(QueryFailed) as failure:
        await confirm("update members set name = pin_hash where member_id = 1")
    assert failure.value.extra["sqlstate"] == "42501"


async def test_a_table_with_rules_is_written_by_them_and_this_is_said(tool: ToolDatabase):
    async with await owner(tool) as conn:
        await conn.execute("create table rental.notes (note text); grant insert, select on rental.notes to public")
        await conn.execute(
            "create rule noted as on insert to rental.notes do also insert into rental.ledger values (now(), new.note)"
        )
    said = await dry_run(raw("insert into notes values ('a'), ('b')"), (), seconds=5)
    assert said.affected_rows == 2
    assert any("rules" in warning for warning in said.warnings)
    assert (await confirm("insert into notes values ('a'), ('b')", rows=2)).affected_rows == 2
    assert await one(tool, "select count(*) from rental.ledger") == 2


async def test_a_session_keeps_nothing_of_a_write(tool: ToolDatabase):
    configured = "select current_setting('search_path') || current_setting('statement_timeout')"
    await confirm("update bikes set price = 8 where bike_id = 1")
    async with logins.transaction("write", seconds=5) as conn:
        await conn.execute("rollback")
        kept = await (await conn.execute(configured)).fetchone()
    async with await psycopg.AsyncConnection.connect(tool.write) as fresh:
        assert kept == await (await fresh.execute(configured)).fetchone()
