"""Runs as their owners see them: started, read, listed, cancelled, suspended, resumed, retried."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from lib import db
from lib.errors import NotFound
from lib.store.values import encode, rfc3339

type Status = Literal["pending", "running", "waiting", "suspended", "completed", "failed", "cancelled"]
TERMINAL = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True)
class Run:
    """One run with its input and outcome; `seq` is the number of its latest event."""

    id: UUID
    workflow_id: UUID
    status: Status
    mode: Literal["auto", "manual"]
    input: Any
    result: Any
    error: Any
    seq: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def terminal(self) -> bool:
        """Whether nothing will happen to it any more (unless it is retried)."""
        return self.status in TERMINAL

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return {
            "id": str(self.id),
            "workflow_id": str(self.workflow_id),
            "status": self.status,
            "mode": self.mode,
            "input": self.input,
            "result": self.result,
            "error": self.error,
            "created_at": rfc3339(self.created_at),
            "started_at": rfc3339(self.started_at),
            "finished_at": rfc3339(self.finished_at),
        }


@dataclass(frozen=True)
class Idempotency:
    """SHA-256 of (who, where, Idempotency-Key) and of the request body."""

    key_hash: bytes
    request_hash: bytes


@dataclass(frozen=True)
class _Started(Run):
    replayed: bool


async def start_run(
    workflow_id: UUID, run_input: Any, mode: str, *, idempotency: Idempotency | None = None
) -> tuple[Run, bool]:
    """A pending run, and whether it is the first answer again.

    Raises NotFound, IdempotencyInFlight, IdempotencyMismatch.
    """
    row = await db.fetch_one(
        "select (s.run).*, s.replayed from ratchet.start_run(%s, %s, %s, %s, %s) s",
        (
            workflow_id,
            encode(run_input),
            mode,
            idempotency.key_hash if idempotency else None,
            idempotency.request_hash if idempotency else None,
        ),
        _Started,
    )
    return row, row.replayed


async def get_run(run_id: UUID) -> Run:
    """The run; raises NotFound."""
    rows = await db.fetch("select * from ratchet.run_details where id = %s", (run_id,), Run)
    if not rows:
        raise NotFound("There is no run with this id.")
    return rows[0]


async def list_runs(
    *,
    status: str | None = None,
    workflow_id: UUID | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    limit: int,
    before: UUID | None = None,
) -> list[Run]:
    """Newest first (ids sort by age); `before` is the last id of the page before."""
    return await db.fetch(
        "select * from ratchet.run_details"
        " where (%(status)s::text is null or status = %(status)s)"
        " and (%(workflow_id)s::uuid is null or workflow_id = %(workflow_id)s)"
        " and (%(created_after)s::timestamptz is null or created_at > %(created_after)s)"
        " and (%(created_before)s::timestamptz is null or created_at < %(created_before)s)"
        " and (%(before)s::uuid is null or id < %(before)s)"
        " order by id desc limit %(limit)s",
        {
            "status": status,
            "workflow_id": workflow_id,
            "created_after": created_after,
            "created_before": created_before,
            "before": before,
            "limit": limit,
        },
        Run,
    )


async def cancel_run(run_id: UUID) -> Run:
    """End it as cancelled; raises NotFound, Conflict once it has ended."""
    return await db.fetch_one("select * from ratchet.cancel_run(%s)", (run_id,), Run)


async def suspend_run(run_id: UUID) -> Run:
    """Suspend it, at once or when the effects in flight are committed; raises NotFound, Conflict."""
    return await db.fetch_one("select * from ratchet.suspend_run(%s)", (run_id,), Run)


async def resume_run(run_id: UUID) -> Run:
    """Make a suspended run due; in manual mode one more effect is let through; raises NotFound, Conflict."""
    return await db.fetch_one("select * from ratchet.resume_run(%s)", (run_id,), Run)


async def retry_run(run_id: UUID) -> Run:
    """Make a failed run due from its failed task; raises NotFound, Conflict."""
    return await db.fetch_one("select * from ratchet.retry_run(%s)", (run_id,), Run)
