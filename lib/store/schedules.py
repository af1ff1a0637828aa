"""Workflows that start by themselves: which are due, and their moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lib import db
from lib.store.values import encode


@dataclass(frozen=True)
class DueSchedule:
    """A schedule to look at; `ended_at` is when the latest run of its name ended, None if it goes on or was cancelled.

    `turn` is 0 before its first move.
    """

    workflow_id: UUID
    document: bytes
    turn: int
    tick_at: datetime | None
    kept: Any
    last_run_id: UUID | None
    ended_at: datetime | None
    now: datetime


@dataclass(frozen=True)
class _Started:
    runs: list[UUID]


async def due_schedules(*, limit: int) -> list[DueSchedule]:
    """Up to `limit` schedules to look at, the longest due first."""
    return await db.fetch("select * from ratchet.due_schedules(%s)", (limit,), DueSchedule)


async def move_schedule(
    due: DueSchedule,
    *,
    tick_at: datetime | None,
    next_at: datetime | None,
    kept: Any = None,
    types: Sequence[str | None] = (),
    read: Sequence[int] = (),
    taken: Sequence[int] = (),
    inputs: Sequence[Any] = (),
) -> list[UUID]:
    """Move it on and start a run for each input; does nothing when somebody else has made this move."""
    row = await db.fetch_one(
        "select ratchet.move_schedule(%s, %s, %s, %s, %s::json, %s::text[], %s::bigint[], %s::bigint[], %s::text[])"
        " as runs",
        (
            due.workflow_id,
            due.turn,
            tick_at,
            next_at,
            None if kept is None else encode(kept),
            list(types),
            list(read),
            list(taken),
            [encode(value) for value in inputs],
        ),
        _Started,
    )
    return row.runs
