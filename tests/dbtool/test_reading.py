"""Reads through the read login: the same rows as plain Postgres, in bounded size, and nothing changed."""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from lib.dbtool import logins
from lib.dbtool.reading import Rows, read
from lib.dbtool.values import look_up, restore
from lib.errors import DatabaseDown, NotSetUp, QueryFailed
from tests.conftest import Configure
from tests.dbtool.conftest import ToolDatabase
from tests.dbtool.raw import raw
from tests.dbtool.state import state_hash

pytestmark = pytest.mark.anyio


@pytest.fixture
def tool(kept_tool: ToolDatabase) -> ToolDatabase:
    """No test here changes anything, so one database serves them all."""
    return kept_tool


async def ask(sql: str, *parameters: Any, max_rows: int = 100, seconds: float = 5.0, **how: Any) -> Rows:
    return await read(raw(sql, **how), parameters, max_rows=max_rows, seconds=seconds)


async def value(sql: str, *parameters: Any) -> Any:
    answer = await ask(sql, *parameters)
    assert len(answer.rows) == 1
    return answer.rows[0][0]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from bikes order by bike_id",
        "select model, model, count(*) from bikes group by 1, 2 order by 1 desc",
        "select * from rentals r join stations s on s.station_id = r.from_station order by r.rental_id limit 50",
        "table stations",
        "values (1, 'a'), (2, null)",
        "with recursive n(i) as (values (1) union all select i + 1 from n where i < 20) select i, i * i from n",
        "select state, rank() over (partition by model order by price desc, bike_id) from bikes",
        "select s.name, x.* from stations s, lateral (select count(*) from bikes where station_id = s.station_id) x",
        'select * from "order"',
        "select m as whole, m.title from manuals m",
        "select kilometres from rentals order by kilometres, fee limit 30",
        "(select 1 union select 2) order by 1 desc",
        "select generate_series(1, 30)",
    ],
)
async def test_rows_are_those_of_plain_postgres_in_the_same_order(tool: ToolDatabase, sql: str):
    answer = await ask(sql, max_rows=1000)
    async with await psycopg.AsyncConnection.connect(tool.read) as conn:
        await conn.execute("set search_path = pg_catalog, rental, public")
        plain = await conn.execute(sql)
        result = plain.pgresult
        assert result is not None
        names = [(result.fname(n) or b"").decode() for n in range(result.nfields)]
        texts = [
            [None if (v := result.get_value(r, c)) is None else v.decode() for c in range(result.nfields)]
            for r in range(result.ntuples)
        ]
        types = [result.ftype(column) for column in range(result.nfields)]
        kinds = await look_up(conn, types)
    assert answer.columns == names
    assert not answer.truncated
    assert answer.rows == [[restore(text, kinds[oid]) for text, oid in zip(row, types, strict=True)] for row in texts]


async def test_a_select_without_columns_has_rows_without_values(tool: ToolDatabase):
    answer = await ask("select from stations")
    assert (answer.columns, answer.row_count, answer.rows[0]) == ([], 9, [])


async def test_a_query_without_rows_still_has_its_columns(tool: ToolDatabase):
    answer = await ask("select bike_id, plate, labels from bikes where false")
    assert (answer.columns, answer.types) == (["bike_id", "plate", "labels"], ["integer", "text", "text[]"])
    assert (answer.rows, answer.truncated) == ([], False)


async def test_names_that_repeat_are_all_kept(tool: ToolDatabase):
    answer = await ask("select 1 as a, 2 as a, 3 as a")
    assert (answer.columns, answer.rows) == (["a", "a", "a"], [[1, 2, 3]])


async def test_no_more_rows_than_asked_for_and_says_so(tool: ToolDatabase):
    exact = await ask("select generate_series(1, 40)", max_rows=40)
    more = await ask("select generate_series(1, 41)", max_rows=40)
    assert (exact.row_count, exact.truncated) == (40, False)
    assert (more.row_count, more.truncated) == (40, True)


async def test_a_long_value_is_cut_on_the_server(tool: ToolDatabase):
    answer = await ask("select repeat('ä', 50000), repeat('x', 10000), 7")
    long, exact, number = answer.rows[0]
    assert (long, exact, number, answer.truncated) == ("ä" * 10_000, "x" * 10_000, 7, True)


async def test_a_cut_document_is_text_and_a_whole_one_is_json(tool: ToolDatabase):
    answer = await ask("select to_jsonb(repeat('x', n)) from (values (10), (20000)) t(n)")
    assert answer.rows[0][0] == "x" * 10
    assert answer.rows[1][0] == '"' + "x" * 9_999
    assert answer.truncated


async def test_the_whole_answer_is_bounded(tool: ToolDatabase):
    answer = await ask("select repeat('x', 9000), n from generate_series(1, 900) n", max_rows=1000)
    assert answer.truncated
    assert 400 < answer.row_count < 450
    assert len(json.dumps(answer.rows)) < 4_100_000


WIDE = "with b as (select * from bikes) select {columns} from b"  # 1,600 columns; a row may have 1,664


async def test_a_row_as_wide_as_the_server_allows(tool: ToolDatabase):
    answer = await ask(WIDE.format(columns=", ".join(["b.*"] * 160)), max_rows=50)
    assert len(answer.columns) == 160 * 10
    assert answer.row_count == 40


async def test_a_percent_sign_has_no_meaning(tool: ToolDatabase):
    assert await value("select 'a%s' || (7 % 4) || '%%'") == "a%s3%%"
    assert await value("select '100%' || $1::text", "%s") == "100%%s"


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("select * from nowhere", "42P01"),
        ("select missing from bikes", "42703"),
        ("select from where", "42601"),
        ("select 1/0", "22012"),
        ("select 1 / (n - 5000) from generate_series(1, 6000) n", "22012"),
        ("select pin_hash from members", "42501"),
        ("select * from ledger", "42501"),
        ("insert into stations (name, city) values ('x', 'y')", "42601"),
        ("with gone as (delete from payments returning *) select * from gone", "0A000"),
        ("with gone as (delete from payments returning *) table gone", "0A000"),
        ("select leave_mark('x')", "42501"),
        ("select * from bikes for update", "25006"),
        ("select nextval('receipt_numbers')", "42501"),
        ("update bikes set price = 1", "42601"),
    ],
)
async def test_what_the_database_refuses_is_told_with_its_sqlstate_and_changes_nothing(
    tool: ToolDatabase, sql: str, sqlstate: str
):
    async with await psycopg.AsyncConnection.connect(tool.owner, autocommit=True) as conn:
        before = await state_hash(conn)
        with pytest.raises(QueryFailed) as failure:
            await ask(sql, max_rows=10_000)
        assert failure.value.extra["sqlstate"] == sqlstate
        assert await state_hash(conn) == before


async def test_an_error_says_where_in_the_text_as_sent(tool: ToolDatabase):
    sent = "select /* a comment */ bike_id,\n  missing from bikes"
    with pytest.raises(QueryFailed) as failure:
        await ask(sent)
    assert failure.value.extra["position"] == sent.index("missing") + 1


async def test_an_error_does_not_read_data_to_the_caller(tool: ToolDatabase):
    with pytest.raises(QueryFailed) as failure:
        await ask("select remark::integer from rentals where remark is not null")
    assert "drop table" not in failure.value.detail
    assert "integer" in failure.value.detail
    assert failure.value.__cause__ is None


async def test_an_endless_query_is_stopped_in_time(tool: ToolDatabase):
    began = time.monotonic()
    with pytest.raises(QueryFailed) as failure:
        await ask("select count(*) from generate_series(1, 100000000) a, generate_series(1, 1000) b", seconds=0.5)
    assert failure.value.extra["sqlstate"] == "57014"
    assert time.monotonic() - began < 3
    assert await value("select 1") == 1


async def test_the_time_counts_across_all_fetches(tool: ToolDatabase):
    columns = ", ".join(["pg_sleep(0.05) is null", *["b.*"] * 160])
    with pytest.raises(QueryFailed) as failure:  # one row a fetch: none of them is slow
        await ask(WIDE.format(columns=columns), seconds=0.8)
    assert failure.value.extra["sqlstate"] == "57014"


async def test_a_reader_who_goes_away_stops_the_query_on_the_server(tool: ToolDatabase):
    slow = asyncio.create_task(ask("select count(*), 'gone' from generate_series(1, 1000000000) a"))
    async with await psycopg.AsyncConnection.connect(tool.owner, autocommit=True) as conn:
        await until(conn, running=1)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        await until(conn, running=0)
    assert await value("select 1") == 1


async def until(conn: psycopg.AsyncConnection[Any], running: int) -> None:
    """Wait until so many statements of the reader run."""
    query = "select count(*) from pg_stat_activity where usename = 'tool_reader' and state = 'active'"
    async with asyncio.timeout(10):
        while (await (await conn.execute(query)).fetchone() or (None,))[0] != running:
            await asyncio.sleep(0.01)


async def test_a_plan_is_answered_and_nothing_runs(tool: ToolDatabase):
    answer = await ask("select * from bikes where bike_id = $1", 3, explain="")
    assert answer.columns == ["QUERY PLAN"]
    assert "bikes" in answer.rows[0][0]
    answer = await ask("select * from bikes", explain="format json, costs off")
    assert answer.rows[0][0][0]["Plan"]["Relation Name"] == "bikes"


async def test_a_text_is_one_statement_even_without_parameters(tool: ToolDatabase):
    two = replace(raw("select 1"), text="select 1; select 2")
    with pytest.raises(QueryFailed) as failure:
        await read(two, (), max_rows=5, seconds=5)
    assert failure.value.extra["sqlstate"] == "42601"


async def test_read_only_cannot_be_turned_off(tool: ToolDatabase):
    async with logins.transaction("read", seconds=5) as conn:
        with pytest.raises(psycopg.errors.ActiveSqlTransaction):
            await conn.execute("set transaction read write")


async def test_a_session_keeps_nothing_of_a_read(tool: ToolDatabase):
    configured = "select current_setting('search_path') || current_setting('statement_timeout')"
    async with logins.transaction("read", seconds=5) as conn:
        pid = conn.info.backend_pid
    await ask("select 1")
    async with logins.transaction("read", seconds=5) as conn:
        assert conn.info.backend_pid == pid
        await conn.execute("rollback")
        kept = await (await conn.execute(configured)).fetchone()
    async with await psycopg.AsyncConnection.connect(tool.read) as fresh:
        assert kept == await (await fresh.execute(configured)).fetchone()


async def test_a_name_means_the_application_s_own_table(tool: ToolDatabase):
    assert await value("select count(*) from bikes") == 40
    assert await value("select count(*) from rental.bikes") == 40


async def test_without_the_login_the_variable_is_named(tool: ToolDatabase, configure: Configure):
    configure(DB_TOOL_READ_URL="")
    with pytest.raises(NotSetUp, match="DB_TOOL_READ_URL"):
        await ask("select 1")


async def test_a_server_that_is_away_is_not_the_statement_s_fault(tool: ToolDatabase, configure: Configure):
    configure(DB_TOOL_READ_URL="postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseDown):
        async with logins.transaction("read", seconds=0.5):
            pytest.fail("there is no server")


MEMORY = """
import asyncio, re, sys
from pathlib import Path
from tests.dbtool.raw import raw
from lib.dbtool.reading import read
from lib.dbtool import logins
from lib.errors import QueryFailed
def peak():  # of this program alone: getrusage() would count what it was forked from
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
async def main():
    await read(raw("select 1"), (), max_rows=5, seconds=20)
    before = peak()
    answer = await read(raw(sys.argv[1]), (), max_rows=1000, seconds=50)
    assert answer.truncated
    print((peak() - before) // 1024, answer.row_count)
    await logins.close()
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a program's memory: not run")
@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("select repeat('x', 200000000)", 1),
        ("select n, md5(n::text) from generate_series(1, 1000000) n", 1000),
    ],
    ids=["200 MB in one value", "a million rows"],
)
async def test_a_huge_answer_costs_this_process_little_memory(tool: ToolDatabase, sql: str, rows: int):
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", MEMORY, sql],
        env={"DB_TOOL_READ_URL": tool.read, "PATH": "/usr/bin:/bin", "PYTHONPATH": "."},
        capture_output=True,
        check=True,
        text=True,
    )
    megabytes, kept = map(int, done.stdout.split())
    print(f"{sql}: {megabytes} MB for {kept} rows")
    assert (kept, megabytes < 30) == (rows, True)
