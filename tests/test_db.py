"""The pool: a database that is away is a typed error, and comes back by itself."""

import pytest

from lib import db
from lib.config import settings
from lib.dev.postgres import Server
from lib.errors import DatabaseDown, NotConfigured
from tests.history import sql

pytestmark = pytest.mark.anyio


async def test_without_a_url_the_variable_is_named(database: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DATABASE_URL")
    settings.cache_clear()
    with pytest.raises(NotConfigured, match="DATABASE_URL"):
        await sql("select 1")


async def test_a_cut_connection_is_an_error_once_and_then_replaced(database: str):
    with pytest.raises(DatabaseDown):
        await sql("select pg_terminate_backend(pg_backend_pid())")
    assert await sql("select 1") == [(1,)]


async def test_a_server_that_is_gone_is_database_down(database: str, server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/none")
    monkeypatch.setattr(db, "_CONNECT_SECONDS", 0.5)
    settings.cache_clear()
    await db.close()
    with pytest.raises(DatabaseDown):
        await sql("select 1")


async def test_counts_the_milliseconds_spent_in_the_database(database: str):
    db.measure()
    await sql("select pg_sleep(0.02)")
    assert db.spent_ms() >= 20


async def test_never_opens_more_connections_than_allowed(database: str):
    import asyncio

    await asyncio.gather(*(sql("select pg_sleep(0.01)") for _ in range(20)))
    [(count,)] = await sql("select count(*) from pg_stat_activity where datname = current_database()")
    assert count <= settings().max_connections
