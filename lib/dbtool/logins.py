"""The tool's two logins, one to read and one to write, and the transactions in which everything of theirs runs.

The logins are the real boundary, so each is looked at before its first use: one that may do more than the tool
needs is refused. Nothing outlives a transaction, so that a transaction-mode pooler may stand in between.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, LiteralString
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from lib import db
from lib.config import settings
from lib.dbtool.failures import told, too_slow
from lib.errors import DatabaseDown, NotSetUp

type Connection = psycopg.AsyncConnection[Any]
type Login = Literal["read", "write"]

_LOCK_SECONDS = 3.0  # whoever waits longer for a lock stands in the way of the application
_BEGIN_SECONDS = 5.0
_SERVERS_SHARE = 0.95  # the server stops a slow statement before we do: that saves the connection
_ROLLBACK_SECONDS = 2.0
_GRACE_SECONDS = 10.0  # for what follows the statement in its transaction: the server ends one that nobody ends
_MOST_SCHEMAS = 50  # a search path is walked for every name
_TRANSACTION_TIMEOUT_SINCE = 170000

# Each of these reads or changes something outside the tables that were granted.
_MIGHTY_ROLES = (
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_execute_server_program",
    "pg_signal_backend",
    "pg_checkpoint",
    "pg_maintain",
    "pg_create_subscription",
    "pg_write_all_data",
)

# What the login is, or could make itself with SET ROLE; `other` is how the write login is called in its URL.
_INSPECTION: LiteralString = """
with may_be as (
  select r.* from pg_catalog.pg_roles r
  where pg_catalog.pg_has_role(session_user, r.oid, 'member') or pg_catalog.pg_has_role(current_user, r.oid, 'member')
)
select pg_catalog.bool_or(rolsuper), pg_catalog.bool_or(rolreplication), pg_catalog.bool_or(rolbypassrls),
  pg_catalog.bool_or(rolcreaterole), pg_catalog.bool_or(rolcreatedb),
  pg_catalog.array_agg(rolname::text) filter (where rolname::text = any(%(mighty)s::text[])),
  pg_catalog.bool_or(rolname::text in (%(other)s::text, pg_catalog.split_part(%(other)s::text, '.', 1)))
from may_be
"""
_ATTRIBUTES = (
    "is a superuser",
    "may replicate the whole server (REPLICATION)",
    "is exempt from row level security (BYPASSRLS)",
    "may create roles (CREATEROLE)",
    "may create databases (CREATEDB)",
)


@dataclass
class _Pool:
    connections: AsyncConnectionPool[Connection]
    inspected: bool = False


_pools: dict[Login, _Pool] = {}
_owners: WeakKeyDictionary[Connection, AsyncConnectionPool[Connection]] = WeakKeyDictionary()


@asynccontextmanager
async def transaction(
    login: Login, *, seconds: float, schemas: Sequence[str] = (), read_only: bool = False
) -> AsyncIterator[Connection]:
    """A transaction of this login that is rolled back unless the body commits; always READ ONLY for the read login.

    `schemas` is the search path, the server's own names before it as always. After `seconds` by our clock, the server
    is told to stop and QueryFailed is raised, whatever the body waits for; DatabaseDown if there is no connection to
    be had.
    """
    with told():
        conn = await begin(login, seconds=seconds, schemas=schemas, read_only=read_only)
        try:
            async with asyncio.timeout(seconds):
                yield conn
        except TimeoutError:
            raise too_slow(seconds) from None
        finally:
            await end(conn)


async def begin(login: Login, *, seconds: float, schemas: Sequence[str] = (), read_only: bool = False) -> Connection:
    """A connection of this login in a new transaction; give it to `end`, whatever happens."""
    try:
        async with asyncio.timeout(min(seconds, _BEGIN_SECONDS)):
            conn = await _take(login)
            try:
                await conn.execute(_opening(conn, seconds, schemas, read_only=read_only or login == "read"))
            except BaseException:
                await end(conn)
                raise
            return conn
    except TimeoutError:
        raise DatabaseDown from None


async def end(conn: Connection) -> None:
    """Roll back what is not committed and give the connection back, closed if in doubt; never raises an Exception."""
    status = conn.info.transaction_status
    try:
        if status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            async with asyncio.timeout(_ROLLBACK_SECONDS):
                await conn.execute(b"rollback")
        if conn.info.transaction_status != TransactionStatus.IDLE:
            await conn.close()
        db.trust(conn)
    except (psycopg.Error, TimeoutError):
        await conn.close()
    except BaseException:
        await conn.close()
        raise
    finally:
        await _owners[conn].putconn(conn)


async def close() -> None:
    """Close both pools; the next transaction opens a new one."""
    for login in tuple(_pools):
        await _pools.pop(login).connections.close(timeout=1)


def _opening(conn: Connection, seconds: float, schemas: Sequence[str], *, read_only: bool) -> bytes:
    """BEGIN, our settings for this transaction only, and a query of our own, sent as one.

    Without that query a first statement of the caller's could still turn READ ONLY off. SET LOCAL rather than
    set_config(): a hardened server does not let everybody call that one.
    """
    # pg_temp is named last, else it would come first. pg_catalog comes first unnamed: current_schema is the first here.
    path = [*schemas[:_MOST_SCHEMAS], "pg_temp"]
    wanted = {
        "standard_conforming_strings": "on",
        "row_security": "on",
        "statement_timeout": _milliseconds(seconds * _SERVERS_SHARE),
        "idle_in_transaction_session_timeout": _milliseconds(seconds),
        "lock_timeout": _milliseconds(min(seconds, _LOCK_SECONDS)),
        "cursor_tuple_fraction": "1",  # the plan, and so the order of ties, that the statement has by itself
    }
    if conn.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
        wanted["transaction_timeout"] = _milliseconds(seconds + _GRACE_SECONDS)
    return (
        sql.SQL("; ")
        .join(
            [
                sql.SQL("begin read only") if read_only else sql.SQL("begin read write"),
                sql.SQL("set local search_path = {}").format(sql.SQL(", ").join(map(sql.Identifier, path))),
                *(sql.SQL("set local {} = {}").format(sql.Identifier(name), value) for name, value in wanted.items()),
                sql.SQL("select 1"),
            ]
        )
        .as_bytes(conn)
    )


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))  # 0 would mean no limit


async def _take(login: Login) -> Connection:
    """A connection of a login that was found harmless; its pool opens with its first use."""
    pool = _pools.get(login)
    if pool is None:
        pool = _pools[login] = _Pool(_make_pool(login))  # before the await: two first statements share one pool
        await pool.connections.open(wait=False)
    conn = await pool.connections.getconn()
    _owners[conn] = pool.connections
    if not pool.inspected:
        try:
            await _inspect(login, conn)
        except BaseException:
            await end(conn)
            raise
        pool.inspected = True
    return conn


def _make_pool(login: Login) -> AsyncConnectionPool[Connection]:
    return db.make_pool(_url(login), settings().max_connections, client_encoding="UTF8")


def _url(login: Login) -> str:
    tool = settings().database_tool
    url = tool.read_url if login == "read" else tool.write_url
    if not url:
        name = f"DB_TOOL_{login.upper()}_URL"
        raise NotSetUp(f"Set {name} to the connection string of a login that may only {login}.", variables=[name])
    return url


async def _inspect(login: Login, conn: Connection) -> None:
    """Refuse a login that may do more than the tool needs."""
    if settings().database_tool.allow_superuser:
        return
    writer = conninfo_to_dict(settings().database_tool.write_url or "").get("user")
    other = writer if login == "read" else None
    cursor = conn.cursor(row_factory=tuple_row)
    await cursor.execute(_INSPECTION, {"mighty": list(_MIGHTY_ROLES), "other": other})
    row = await cursor.fetchone()
    *attributes, memberships, is_writer = row or ()
    found = [words for has, words in zip(attributes, _ATTRIBUTES, strict=True) if has]
    found += [f"is a member of {name}" for name in memberships or ()]
    found += ["is, or may become, the login that writes"] if is_writer else []
    if found:
        raise NotSetUp(
            f"The login of DB_TOOL_{login.upper()}_URL {found[0]}: make one that may only {login} with"
            f" `python -m lib.dbtool.setup`, or set DB_TOOL_ALLOW_SUPERUSER=on to use it all the same.",
            weaknesses=found,
        )
