"""What people send every day is accepted, and answers and changes what it does without the tool."""

import math
from typing import Any, LiteralString, cast

import psycopg
import pytest

from lib.dbtool.catalog import read_catalog
from lib.dbtool.dry_run import dry_run
from lib.dbtool.guard import judge
from lib.dbtool.reading import read
from lib.dbtool.wire import cells
from lib.dbtool.writing import write
from tests.dbtool.conftest import ToolDatabase
from tests.dbtool.state import state_hash
from tests.dbtool.verdicts import Case, read_cases

pytestmark = pytest.mark.anyio

CASES = read_cases("everyday.sql")
PATH: LiteralString = "set search_path = rental, public"

type Answer = tuple[list[str], list[list[Any]]]


async def plain(conn: psycopg.AsyncConnection[Any], sql: str) -> Answer:
    """The names and values of a statement as the client library reads them; what JSON has no type for as text."""
    cursor = await conn.execute(cast("LiteralString", sql))
    if cursor.description is None:
        return [], []
    result = cursor.pgresult
    assert result is not None
    rows = zip(await cursor.fetchall(), cells(result), strict=True)
    return [column.name for column in cursor.description], [
        [told(value, text) for value, text in zip(row, texts, strict=True)] for row, texts in rows
    ]


def told(value: Any, text: str | None) -> Any:
    if isinstance(value, list):
        return [told(each, str(each)) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return text
    return value if value is None or isinstance(value, bool | int | float | str | dict) else text


@pytest.mark.parametrize("case", [case for case in CASES if case.verdict == "read"], ids=str)
async def test_a_read_answers_what_plain_postgres_answers(kept_tool: ToolDatabase, case: Case):
    statement = judge(case.sql, await read_catalog())
    rows = await read(statement, [], max_rows=1_000, seconds=5)
    async with await psycopg.AsyncConnection.connect(kept_tool.read) as conn:
        await conn.execute(PATH)
        names, values = await plain(conn, case.sql)
    assert (statement.kind, rows.truncated) == ("read", False)
    assert (rows.columns, rows.rows) == (names, values)


async def test_a_confirmed_write_does_what_plain_postgres_does(tool: ToolDatabase):
    catalog = await read_catalog()
    async with await psycopg.AsyncConnection.connect(tool.owner, autocommit=True) as conn:
        await conn.execute(PATH)
        for case in CASES:
            if case.verdict == "read":
                continue
            before = await state_hash(conn, sequences=False)
            async with unused_sequences(conn), conn.transaction(force_rollback=True):
                names, values = await plain(conn, case.sql)
                meant = await state_hash(conn, sequences=False)
            statement = judge(case.sql, catalog)
            async with unused_sequences(conn):
                said = await dry_run(statement, [], seconds=5)
            assert await state_hash(conn, sequences=False) == before, case
            done = await write(statement, [], expected_rows=said.affected_rows, seconds=5)
            assert (done.columns, done.rows) == (names, values), case
            assert await state_hash(conn, sequences=False) == meant != before, case


class unused_sequences:  # noqa: N801  reads like a function
    """Gives back what is taken from the sequences meanwhile."""

    def __init__(self, conn: psycopg.AsyncConnection[Any]) -> None:
        self._conn = conn

    async def __aenter__(self) -> None:
        cursor = await self._conn.execute(
            "select schemaname, sequencename, start_value, last_value from pg_sequences where schemaname = 'rental'"
        )
        self._values = await cursor.fetchall()

    async def __aexit__(self, *_: object) -> None:
        for schema, name, start, last in self._values:
            await self._conn.execute(
                "select setval(format('%%I.%%I', %s::text, %s::text)::regclass, %s, %s)",
                [schema, name, start if last is None else last, last is not None],
            )


def test_every_part_of_the_language_has_its_cases():
    parts = {(case.verdict, case.title.partition(":")[0]) for case in CASES}
    assert len(parts) >= 18
    assert {verdict for verdict, _ in parts} == {"read", "write"}
