"""The tool's logins: bounded, harmless, and with nothing left behind in a session."""

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from lib.dbtool import logins
from lib.dev.postgres import Server
from lib.errors import DatabaseDown, NotSetUp
from tests.conftest import Configure
from tests.dbtool.conftest import PASSWORD, ToolDatabase

pytestmark = pytest.mark.anyio


@pytest.fixture
def suspect(server: Server) -> Iterator[str]:
    """A login that a test may make mighty."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"create role suspect login noinherit password '{PASSWORD}'")
    yield "suspect"
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute("drop role suspect")


async def use(login: logins.Login, seconds: float = 5.0) -> None:
    async with logins.transaction(login, seconds=seconds) as conn:
        await conn.execute("select 1")


@pytest.mark.parametrize("login", ["read", "write"])
@pytest.mark.parametrize(
    ("mighty", "weakness"),
    [
        ("alter role suspect superuser", "is a superuser"),
        ("alter role suspect replication", "REPLICATION"),
        ("alter role suspect bypassrls", "BYPASSRLS"),
        ("alter role suspect createrole", "CREATEROLE"),
        ("alter role suspect createdb", "CREATEDB"),
        ("grant pg_read_server_files to suspect", "pg_read_server_files"),
        ("grant pg_execute_server_program to suspect", "pg_execute_server_program"),
        ("grant postgres to suspect", "is a superuser"),
    ],
)
async def test_a_mighty_login_is_refused_with_the_reason(
    tool: ToolDatabase, configure: Configure, server: Server, suspect: str,
    login: logins.Login, mighty: str, weakness: str,
):  # fmt: skip
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(mighty.encode())
    configure(**{f"DB_TOOL_{login.upper()}_URL": make_conninfo(tool.owner, user=suspect, password=PASSWORD)})
    for _ in range(2):  # also the second time
        with pytest.raises(NotSetUp) as refusal:
            await use(login)
        assert weakness in refusal.value.detail
        assert "lib.dbtool.setup" in refusal.value.detail
        assert PASSWORD not in str(refusal.value.problem("/"))
    configure(DB_TOOL_ALLOW_SUPERUSER="on")
    await use(login)
    await logins.close()


async def test_a_reader_that_may_become_the_writer_is_refused(
    tool: ToolDatabase, configure: Configure, server: Server, suspect: str
):
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute("grant tool_writer to suspect")
    configure(DB_TOOL_READ_URL=make_conninfo(tool.owner, user=suspect, password=PASSWORD))
    with pytest.raises(NotSetUp, match="the login that writes"):
        await use("read")
    await logins.close()


async def test_one_login_for_both_is_refused(tool: ToolDatabase, configure: Configure):
    configure(DB_TOOL_READ_URL=tool.write)
    with pytest.raises(NotSetUp, match="the login that writes"):
        await use("read")
    await use("write")


async def test_the_settings_hold_in_the_transaction_and_end_with_it(tool: ToolDatabase):
    query = """
      select current_setting('transaction_read_only'), current_setting('statement_timeout'),
        current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'),
        current_setting('search_path'), current_setting('standard_conforming_strings'),
        current_setting('row_security')
    """
    async with await psycopg.AsyncConnection.connect(tool.read) as conn:
        plain = await (await conn.execute(query)).fetchone()
    async with logins.transaction("read", seconds=20, schemas=["rental", 'odd"name']) as conn:
        inside = await (await conn.execute(query)).fetchone()
        await conn.execute("rollback")
        outside = await (await conn.execute(query)).fetchone()
    path = 'rental, "odd""name", pg_temp'
    assert inside == ("on", "19s", "3s", "20s", path, "on", "on")
    assert outside == plain != inside


async def test_no_more_connections_than_the_settings_allow(tool: ToolDatabase, configure: Configure):
    configure(RATCHET_MAX_CONNECTIONS="2")
    inside = 0
    most = 0
    full = asyncio.Event()

    async def stay() -> None:
        nonlocal inside, most
        async with logins.transaction("read", seconds=10) as conn:
            inside, most = inside + 1, max(most, inside + 1)
            if inside == 2:
                full.set()
            await full.wait()
            await conn.execute("select 1")
            inside -= 1

    await asyncio.gather(*(stay() for _ in range(20)))
    assert most == 2


async def test_an_uncommitted_change_is_rolled_back(tool: ToolDatabase):
    async with logins.transaction("write", seconds=5) as conn:
        await conn.execute("update rental.bikes set price = 1")
    async with logins.transaction("read", seconds=5) as conn:
        cursor = await conn.execute("select count(*) from rental.bikes where price = 1")
        assert await cursor.fetchone() == (0,)


async def test_a_connection_that_was_lost_is_replaced(tool: ToolDatabase):
    async with await psycopg.AsyncConnection.connect(tool.owner, autocommit=True) as owner:
        async with logins.transaction("read", seconds=5) as conn:
            first = await find_pid(conn)
        with pytest.raises(DatabaseDown):
            await be_cut_off(owner)
    async with logins.transaction("read", seconds=5) as conn:
        assert await find_pid(conn) != first


async def find_pid(conn: psycopg.AsyncConnection[Any]) -> int:
    """The server process of this transaction, whatever stands in between."""
    [(pid,)] = await (await conn.execute("select pg_backend_pid()")).fetchall()
    return int(pid)


async def be_cut_off(owner: psycopg.AsyncConnection[Any]) -> None:
    """Lose the server within a transaction."""
    async with logins.transaction("read", seconds=5) as conn:
        await owner.execute("select pg_terminate_backend(%s, 5000)", [await find_pid(conn)])
        await conn.execute("select 1")


async def test_names_and_passwords_are_in_no_error(tool: ToolDatabase, configure: Configure):
    configure(DB_TOOL_READ_URL="postgresql://me:top-secret@127.0.0.1:1/x?connect_timeout=1")
    with pytest.raises(Exception, match="cannot be reached") as failure:
        await use("read", seconds=0.5)
    assert "top-secret" not in repr(failure.value)
    await logins.close()
