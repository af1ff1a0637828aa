"""Confirmed writes on the write login: committed only if they did what their dry run said."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus

from lib.config import settings
from lib.dbtool import logins
from lib.dbtool.catalog import read_catalog
from lib.dbtool.changing import Change, change
from lib.dbtool.described import describe_with
from lib.dbtool.dry_run import check_size
from lib.dbtool.failures import fail, told, too_slow
from lib.dbtool.logins import Connection
from lib.dbtool.parts import take_apart
from lib.dbtool.reading import since
from lib.dbtool.refusals import stale
from lib.dbtool.wire import run
from lib.errors import DatabaseDown, QueryFailed

if TYPE_CHECKING:
    from lib.dbtool.guard import Statement

_COMMIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Written:
    """A write that is committed: the rows it changed, and those that it answered (RETURNING)."""

    affected_rows: int
    columns: list[str]
    rows: list[list[Any]]
    truncated: bool
    ms: int


class OpenWrite:
    """A write that has run and is not committed: its `connection` is in its transaction.

    Call `commit` or `rollback` in the end, whatever happens; both give the connection back.
    """

    def __init__(self, connection: Connection, done: Change) -> None:
        self.connection = connection
        self.affected_rows = done.affected_rows
        self.columns = done.columns
        self.rows = done.rows
        self.truncated = done.truncated
        self._open = True

    async def commit(self) -> None:
        """Commit; raises QueryFailed if the database refuses, DatabaseDown if nobody knows whether it has committed."""
        self._open = False
        try:
            await _commit(self.connection)
        finally:
            await logins.end(self.connection)

    async def rollback(self) -> None:
        """Roll back unless it is over already; never raises an Exception."""
        if self._open:
            self._open = False
            await logins.end(self.connection)


async def write(
    statement: "Statement", parameters: Sequence[Any], *, expected_rows: int | None, seconds: float
) -> Written:
    """Execute and commit; raises ConfirmationStale, and changes nothing, if not `expected_rows` rows would change."""
    began = time.perf_counter()
    opened = await open_write(statement, parameters, seconds=seconds)
    try:
        if expected_rows is not None and opened.affected_rows != expected_rows:
            raise stale(
                "rows_changed",
                f"The statement would now change another number of rows ({opened.affected_rows}) than its dry run said"
                f" ({expected_rows}): nothing was changed.",
            )
        await opened.commit()
    finally:
        await opened.rollback()
    return Written(opened.affected_rows, opened.columns, opened.rows, opened.truncated, since(began))


async def open_write(statement: "Statement", parameters: Sequence[Any], *, seconds: float) -> OpenWrite:
    """Execute a write and check its deferred constraints, within `seconds`, and leave its transaction open."""
    schemas = (await read_catalog()).schemas
    with told():
        conn = await logins.begin("write", seconds=seconds, schemas=schemas)
        try:
            async with asyncio.timeout(seconds):
                described = await describe_with(conn, statement, parameters)
                most = settings().database_tool.max_rows
                done = await change(conn, statement, described, take_apart(statement), max_rows=most)
                check_size(done)
                await run(conn, "set constraints all immediate")
        except BaseException as exc:
            await logins.end(conn)
            if isinstance(exc, TimeoutError):
                raise too_slow(seconds) from None
            raise
    return OpenWrite(conn, done)


async def _commit(conn: Connection) -> None:
    """Commit, and never say that it has failed when it may have happened."""
    try:
        async with asyncio.timeout(_COMMIT_SECONDS):
            await run(conn, "commit")
    except (psycopg.Error, TimeoutError, QueryFailed) as exc:
        if isinstance(exc, psycopg.Error) and conn.info.transaction_status == TransactionStatus.IDLE:
            fail(exc)  # an answer of the server: a failed COMMIT has rolled back
        raise DatabaseDown(
            "The connection was lost while the write was being committed: look whether it has happened.",
            outcome="unknown",
        ) from None
