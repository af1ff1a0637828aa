"""One foreign statement from its text to its answer: recorded, judged, then read, tried or, once confirmed, written."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lib import store
from lib.calls.audit import Record, Tell, recorded
from lib.calls.shares import place_to_read
from lib.config import settings
from lib.dbtool import confirmations, dry_run, reading, writing
from lib.dbtool.catalog import read_catalog
from lib.dbtool.guard import Statement, judge
from lib.dbtool.refusals import CODES, miscounted, refused, stale
from lib.errors import Forbidden, QueryRefused, Unavailable, Unprocessable
from lib.store.values import rfc3339


@dataclass(frozen=True, kw_only=True)
class QueryRequest:
    """What is asked, and by whom.

    `params` are JSON values for `$1`, `$2` …; `max_rows`, of a read, is None for as many as the settings allow.
    `caller_name` is whose quota, record, places and confirm tokens these are. `origin` is for the record: `http`,
    `ask` or a step as `<run>:<reference>`. `seconds` is what the asker has left; the settings may allow less.
    """

    sql: str
    params: Sequence[Any] = ()
    dry_run: bool = True
    confirm: str | None = None
    max_rows: int | None = None
    caller_name: str
    scopes: frozenset[str]
    origin: str = "http"
    seconds: float = math.inf


async def run_query(request: QueryRequest, tell: Tell | None = None) -> dict[str, Any]:
    """The contract's answer to a read, a dry run or a confirmed write; `tell` learns what is left of the quota.

    Raises QueryRefused, QueryFailed, ConfirmationStale, Forbidden, TooManyRequests, TooManyReads, NotSetUp,
    Unavailable.
    """
    seconds = _seconds(request)
    most = settings().database_tool.max_rows
    if request.max_rows is not None and request.max_rows > most:
        raise Unprocessable(f"max_rows is {most} at most.", limit=most)
    async with recorded(request.caller_name, request.origin, request.sql, tell) as record:
        statement = await judge_query(request.sql, request.params)
        record.kind, record.statement = statement.kind, statement.whole
        scope = "db:write" if statement.changes else "db:read"
        if scope not in request.scopes:
            raise Forbidden(f"This key lacks the scope {scope}.", scope=scope)
        if statement.kind == "read":
            return await _read(statement, request, record, request.max_rows or most, seconds)
        if request.dry_run:
            return await _dry_run(statement, request, record, seconds)
        return await _write(statement, request, record, seconds)


async def judge_query(sql: str, params: Sequence[Any]) -> Statement:
    """The statement as the guard understands it with this database's catalog; raises QueryRefused, NotSetUp."""
    catalog = await read_catalog()
    try:
        statement = await asyncio.to_thread(judge, sql, catalog)
    except QueryRefused as refusal:
        if not CODES[refusal.extra["code"]].by_catalog:
            raise
        statement = await asyncio.to_thread(judge, sql, await read_catalog(fresh=True))
    if len(params) != statement.parameters:
        raise refused("parameters", detail=f"The statement {miscounted(statement.parameters, len(params))}.")
    return statement


def _seconds(request: QueryRequest) -> float:
    seconds = min(float(settings().database_tool.timeout_seconds), request.seconds)
    if seconds <= 0:
        raise Unavailable("This invocation has no time left for a statement: try again.")
    return seconds


async def _read(
    statement: Statement, request: QueryRequest, record: Record, max_rows: int, seconds: float
) -> dict[str, Any]:
    if request.confirm is not None:
        raise refused("confirm_unused", detail="A read is not confirmed.")
    async with place_to_read(request.caller_name, seconds) as waited:
        left = min(seconds, request.seconds - waited)
        found = await reading.read(statement, request.params, max_rows=max_rows, seconds=left)
    record.rows = found.row_count
    return {
        "kind": "read",
        "columns": found.columns,
        "types": found.types,
        "rows": found.rows,
        "row_count": found.row_count,
        "truncated": found.truncated,
        "ms": found.ms,
    }


async def _dry_run(statement: Statement, request: QueryRequest, record: Record, seconds: float) -> dict[str, Any]:
    if request.confirm is not None:
        raise refused("confirm_unused", detail="A dry run is not confirmed.")
    found = await dry_run.dry_run(statement, request.params, seconds=seconds)
    record.verdict, record.rows = "dry_run", found.affected_rows
    token, confirmation = confirmations.issue(
        statement,
        request.params,
        caller=request.caller_name,
        affected_rows=found.affected_rows,
        now=record.began_at,
    )
    return {
        "kind": "write",
        "dry_run": True,
        "affected_rows": found.affected_rows,
        "preview": {"before": found.before, "after": found.after},
        "plan": found.plan,
        "triggers": found.triggers,
        "constraints": found.constraints,
        "cascades": found.cascades,
        "warnings": found.warnings,
        "warning_codes": found.warning_codes,
        "confirm": token,
        "expires_at": rfc3339(confirmation.expires_at),
        "ms": found.ms,
    }


async def _write(statement: Statement, request: QueryRequest, record: Record, seconds: float) -> dict[str, Any]:
    if request.confirm is None:
        raise refused("confirm_required")
    confirmation = confirmations.check(
        request.confirm, statement, request.params, caller=request.caller_name, now=record.began_at
    )
    # Before the write, never after it: a crash in between costs a dry run, the other order could write twice.
    if not await store.spend_confirmation(confirmation.id, confirmation.expires_at):
        raise stale("confirm_used")
    record.writing = True
    done = await writing.write(statement, request.params, expected_rows=confirmation.rows, seconds=seconds)
    record.rows = done.affected_rows
    return {
        "kind": "write",
        "dry_run": False,
        "affected_rows": done.affected_rows,
        "columns": done.columns,
        "rows": done.rows,
        "truncated": done.truncated,
        "ms": done.ms,
    }
