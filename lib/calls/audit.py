"""The record of every statement: made before it runs, ended with what became of it, and counted against a quota.

Rule: what cannot be recorded does not run. Who dies in between leaves a record that says "started".
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from lib import store
from lib.config import settings
from lib.errors import ConfirmationStale, DatabaseDown, Forbidden, QueryRefused, RatchetError, TooManyRequests
from lib.log import log

type Tell = Callable[[tuple[int, int], int, int], None]

_REFUSALS = (QueryRefused, ConfirmationStale, Forbidden)


@dataclass
class Record:
    """What will be said of one attempt, filled in as it becomes known.

    `began_at` is by the database's clock, `statement` the canonical text, `rows` how many it answered or changed. Set
    `writing` right before something is executed that will be committed: if its end stays unknown, so does the record's.
    """

    id: UUID
    began_at: datetime
    kind: Literal["read", "write"] | None = None
    statement: str | None = None
    verdict: Literal["ran", "dry_run"] = "ran"
    rows: int | None = None
    writing: bool = False


@asynccontextmanager
async def recorded(caller: str | None, origin: str, sql: str, tell: Tell | None = None) -> AsyncIterator[Record]:
    """Record the attempt that the body makes; its error, if there is one, becomes the verdict and goes on.

    `caller` is None for the step of a workflow, which counts against nobody's quota. `tell` learns where the caller
    stands: the quota (statements, per seconds), what is left of it, and the seconds until there is more. Raises
    TooManyRequests, and DatabaseDown when nothing can be recorded.
    """
    began = time.perf_counter()
    record = await _begin(caller, origin, sql, tell)
    try:
        yield record
    except BaseException as exc:
        if not (record.writing and _is_uncertain(exc)):
            refused = isinstance(exc, _REFUSALS)
            await _end(record, "refused" if refused else "failed", _name(exc), None, began)
        raise
    await _end(record, record.verdict, None, record.rows, began)


async def _begin(caller: str | None, origin: str, sql: str, tell: Tell | None) -> Record:
    quota = settings().database_tool.quota if caller is not None else None
    begun = await store.begin_query(caller=caller, origin=origin, statement=sql, quota=quota)
    if quota and tell and begun.remaining is not None and begun.wait_seconds is not None:
        tell(quota, begun.remaining, begun.wait_seconds)
    if begun.id:
        return Record(begun.id, begun.now)
    statements, seconds = quota or (0, 0)
    raise TooManyRequests(
        f"More statements than {statements} in {seconds} s: try again in {begun.wait_seconds} s.",
        retry_after=begun.wait_seconds,
    )


async def _end(record: Record, verdict: store.QueryVerdict, code: str | None, rows: int | None, began: float) -> None:
    """Say how it ended; when that fails, it has ended all the same, and its answer must not be lost."""
    try:
        await store.end_query(
            record.id,
            kind=record.kind,
            verdict=verdict,
            code=code,
            statement=record.statement,
            rows=rows,
            ms=round((time.perf_counter() - began) * 1000),
        )
    except DatabaseDown as exc:
        log("query.record_not_ended", query_id=record.id, verdict=verdict, error=repr(exc))


def _is_uncertain(exc: BaseException) -> bool:
    """Whether a commit may have happened all the same: its answer was lost, or ours was."""
    return not isinstance(exc, RatchetError) or exc.extra.get("outcome") == "unknown"


def _name(exc: BaseException) -> str:
    """The word that the caller was told, or that he would look for."""
    extra = exc.extra if isinstance(exc, RatchetError) else {}
    lacks_scope = "scope" if "scope" in extra else None
    return str(extra.get("code") or extra.get("sqlstate") or lacks_scope or type(exc).__name__)
