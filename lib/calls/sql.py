"""`call: sql`: one statement, judged, recorded and run as the database tool does it.

Rule: a write that its document does not confirm is never made. One in our own database counts exactly once: it stays
open here, for the engine to commit together with what the run comes to by it. In any other database it is committed
at once and, like every effect, may be made again if nobody lived to tell of it.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from lib import errors, store
from lib.calls.audit import Record, recorded
from lib.calls.context import CallContext
from lib.calls.failures import as_fault
from lib.calls.queries import judge_query
from lib.calls.shares import places_of_steps
from lib.config import settings
from lib.db import Connection
from lib.dbtool.failures import too_slow
from lib.dbtool.guard import Statement
from lib.dbtool.reading import read
from lib.dbtool.writing import OpenWrite, open_write
from lib.dsl import faults

# A write's transaction is open for longer than its statement may take: it has yet to be committed.
COMMIT_SECONDS = 15.0
# Two transactions stood in each other's way, and the server has undone this one: it may simply be made again.
_UNLUCKY = ("40001", "40P01")
_TRIES = 3
_LOCKED = "55P03"
_STOPPED = "57014"
# Which logins may commit steps changes when somebody runs the migration.
_ASK_AGAIN_SECONDS = 60.0

_KNOWN = frozenset({"sql", "params", "confirm", "maxRows"})

_shared: dict[tuple[str, str], tuple[bool, float]] = {}


@dataclass(frozen=True, slots=True)
class Asked:
    """The arguments of a call."""

    sql: str
    params: list[Any]
    confirmed: bool
    max_rows: int


class RecordedWrite:
    """An open write, and all that ends with it: its record, and its place among those that wait for a connection."""

    def __init__(self, write: OpenWrite, record: Record, ending: AsyncExitStack) -> None:
        self._write = write
        self._record = record
        self._ending = ending

    @property
    def connection(self) -> Connection:
        """Where its transaction is open."""
        return self._write.connection

    async def commit(self) -> None:
        """Commit; raises QueryFailed if the database refuses, DatabaseDown if nobody knows whether it has committed."""
        async with self._ending.pop_all():
            self._record.writing = True
            await self._write.commit()

    async def rollback(self) -> None:
        """Roll back unless it has ended; never raises an Exception."""
        with suppress(Exception):
            async with self._ending.pop_all():
                raise errors.Conflict("The step was not committed.", code="not_committed")


async def call(arguments: Any, context: CallContext) -> Any:
    """The rows of a read, or how many a write has changed and what it returns of them; raises a Fault."""
    asked = _read_arguments(arguments)
    seconds = min(context.timeout_seconds, float(settings().database_tool.timeout_seconds))
    try:
        async with AsyncExitStack() as ending:
            origin = f"{context.run_id}:{context.reference}"
            record = await ending.enter_async_context(recorded(None, origin, asked.sql))
            statement = await judge_query(asked.sql, asked.params)
            record.kind, record.statement = statement.kind, statement.whole
            await ending.enter_async_context(places_of_steps(writing=statement.kind != "read"))
            if statement.changes and not asked.confirmed:
                raise errors.Forbidden(
                    "A statement that writes needs `confirm: true` in the document.", code="confirm_required"
                )
            if statement.kind == "read":
                return await _read(statement, asked, record, seconds)
            write = await _open(statement, asked, seconds)
            ending.push_async_callback(write.rollback)
            record.rows = write.affected_rows
            await _finish(write, record, ending, context)
            return {"affected_rows": write.affected_rows, "columns": write.columns, "rows": write.rows}
    except errors.RatchetError as exc:
        raise _as_fault(exc) from None


async def _read(statement: Statement, asked: Asked, record: Record, seconds: float) -> dict[str, Any]:
    found = await read(statement, asked.params, max_rows=asked.max_rows, seconds=seconds)
    record.rows = found.row_count
    answer = {"columns": found.columns, "rows": found.rows}
    return {**answer, "row_count": found.row_count, "truncated": found.truncated}


async def _open(statement: Statement, asked: Asked, seconds: float) -> OpenWrite:
    """The statement, run and not committed."""
    tries = _TRIES
    while True:
        tries -= 1
        try:
            async with asyncio.timeout(seconds):
                return await open_write(statement, asked.params, seconds=seconds + COMMIT_SECONDS)
        except TimeoutError:
            raise too_slow(seconds) from None
        except errors.QueryFailed as exc:
            if not tries or exc.extra.get("sqlstate") not in _UNLUCKY:
                raise


async def _finish(write: OpenWrite, record: Record, ending: AsyncExitStack, context: CallContext) -> None:
    """Leave the write open for the engine, if that can commit it; else commit it now."""
    if await _is_ours(write):
        context.transactions.append(RecordedWrite(write, record, ending.pop_all()))
    else:
        record.writing = True
        await write.commit()


async def _is_ours(write: OpenWrite) -> bool:
    """Whether the write is open in Ratchet's own database, by a login that may commit steps there."""
    urls = (settings().database_url, settings().database_tool.write_url)
    shared, asked_at = _shared.get(urls, (False, -_ASK_AGAIN_SECONDS))
    if not shared and time.monotonic() - asked_at >= _ASK_AGAIN_SECONDS:
        shared = await store.shares_database(write.connection)
        _shared[urls] = shared, time.monotonic()
    return shared


def _as_fault(error: errors.RatchetError) -> faults.Fault:
    code = error.extra.get("code") or error.extra.get("sqlstate")
    detail = f"{error.detail} ({code})" if code else error.detail
    if code == _STOPPED:
        return faults.timeout(detail)
    if code in (*_UNLUCKY, _LOCKED):
        return faults.communication(detail, 503)
    return as_fault(type(error)(detail))


def _read_arguments(arguments: Any) -> Asked:
    """The arguments as they were evaluated; raises a Fault that names what is wrong, never its value."""
    if not isinstance(arguments, Mapping) or not arguments.keys() <= _KNOWN:
        raise faults.validation("call: sql takes " + ", ".join(sorted(_KNOWN)) + ".")
    ceiling = settings().database_tool.max_rows
    sql, params = arguments.get("sql"), arguments.get("params", [])
    confirmed, most = arguments.get("confirm", False), arguments.get("maxRows", ceiling)
    if not isinstance(sql, str) or not isinstance(params, list) or not isinstance(confirmed, bool):
        raise faults.validation("sql must be text, params a list, confirm true or false.")
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= ceiling:
        raise faults.validation(f"maxRows must be a whole number from 1 to {ceiling}.")
    return Asked(sql, params, confirmed, most)
