"""One bounded pool of connections per process, and the only way a query is sent.

Transaction-mode poolers always work: no LISTEN, no session state, no server-side prepared statements.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Any, LiteralString
from weakref import WeakKeyDictionary

import psycopg
from psycopg.rows import args_row, class_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from lib.config import settings
from lib.errors import DatabaseDown, NotConfigured, RatchetError

# A thawed instance finds its idle connections closed by the server or a pooler; a busy one need not ask.
_TRUST_SECONDS = 5.0
_CONNECT_SECONDS = 5
_QUERY_SECONDS = 30.0

type Connection = psycopg.AsyncConnection[Any]
type Parameters = Sequence[Any] | Mapping[str, Any]

_pool: AsyncConnectionPool[Connection] | None = None
_last_used: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()
_spent: ContextVar[list[float] | None] = ContextVar("spent", default=None)


def _errors_by_sqlstate(root: type[RatchetError]) -> dict[str, type[RatchetError]]:
    """Our SQL functions raise WF-codes; the error tree says which fact each one is."""
    found: dict[str, type[RatchetError]] = {}
    for error in root.__subclasses__():
        if code := error.__dict__.get("sqlstate"):
            found[code] = error
        found |= _errors_by_sqlstate(error)
    return found


ERRORS = _errors_by_sqlstate(RatchetError)


async def fetch[Row](query: LiteralString, params: Parameters, row: type[Row]) -> list[Row]:
    """All rows of one statement as `row` objects, by name, or by position if that is what a `row` goes by.

    Our own SQLSTATEs become their errors.
    """
    async with connection() as conn:
        return await fetch_on(conn, query, params, row)


async def fetch_on[Row](conn: Connection, query: LiteralString, params: Parameters, row: type[Row]) -> list[Row]:
    """The same on a connection of the caller's."""
    factory = args_row(row) if issubclass(row, tuple) else class_row(row)
    cursor = await conn.cursor(row_factory=factory).execute(query, params)
    return await cursor.fetchall()


async def fetch_one[Row](query: LiteralString, params: Parameters, row: type[Row]) -> Row:
    """The single row of a statement that always answers with one."""
    rows = await fetch(query, params, row)
    return rows[0]


@asynccontextmanager
async def connection() -> AsyncIterator[Connection]:
    """A connection for a few statements; raises DatabaseDown when there is none to be had."""
    begin = time.perf_counter()
    try:
        async with asyncio.timeout(_QUERY_SECONDS), (await _open_pool()).connection() as conn:
            yield conn
            trust(conn)
    except psycopg.Error as exc:
        known = ERRORS.get(exc.sqlstate or "")
        if known:
            raise known(exc.diag.message_primary) from exc
        if _is_away(exc):
            raise DatabaseDown from exc
        raise
    except TimeoutError as exc:
        raise DatabaseDown(f"The database did not answer within {_QUERY_SECONDS:g} s.") from exc
    finally:
        if (spent := _spent.get()) is not None:
            spent[0] += (time.perf_counter() - begin) * 1000


@asynccontextmanager
async def snapshot() -> AsyncIterator[Connection]:
    """A connection whose statements all see the database as the first of them found it."""
    async with connection() as conn, conn.transaction():
        await conn.execute("set transaction isolation level repeatable read, read only")
        yield conn


def _is_away(exc: psycopg.Error) -> bool:
    """Whether the same statement may work later; what is too large or too deep (class 54) never will."""
    passing = isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError | PoolTimeout)
    return passing and not (exc.sqlstate or "").startswith("54")


def measure() -> None:
    """Start counting this context's database milliseconds at zero."""
    _spent.set([0.0])


def spent_ms() -> float:
    """Milliseconds this context has waited for the database since `measure()`."""
    spent = _spent.get()
    return spent[0] if spent else 0.0


async def close() -> None:
    """Close this process's pool; the next query opens a new one."""
    global _pool
    pool, _pool = _pool, None
    if pool:
        await pool.close(timeout=1)


async def _open_pool() -> AsyncConnectionPool[Connection]:
    global _pool
    if _pool is None:
        pool = _make_pool()
        _pool = pool  # before the await: two first queries at once share one pool
        await pool.open(wait=False)
    return _pool


def _make_pool() -> AsyncConnectionPool[Connection]:
    url = settings().database_url
    if not url:
        raise NotConfigured("Set DATABASE_URL to the connection string of your Postgres.")
    return make_pool(url, settings().max_connections)


def make_pool(url: str, size: int, **session: str) -> AsyncConnectionPool[Connection]:
    """A pool of at most `size` connections, not open yet; `session` are libpq's words for each connection.

    Whoever has used one of its connections says so with `trust`.
    """
    return AsyncConnectionPool(
        url,
        kwargs={"autocommit": True, "prepare_threshold": None, "connect_timeout": _CONNECT_SECONDS, **session},
        min_size=0,
        max_size=size,
        timeout=_CONNECT_SECONDS,
        reconnect_timeout=0,  # a waiting request gets its 503 in seconds; the next one tries again
        check=_check,
        open=False,
    )


def trust(conn: Connection) -> None:
    """Take this connection for alive for a few seconds: it has just answered."""
    _last_used[conn] = time.monotonic()


async def _check(conn: Connection) -> None:
    if time.monotonic() - _last_used.get(conn, time.monotonic()) > _TRUST_SECONDS:
        await AsyncConnectionPool.check_connection(conn)


async def warm() -> None:
    """Open the first connection ahead of the first query; a database that is down is not an error yet."""
    with suppress(RatchetError):
        async with connection():
            pass
