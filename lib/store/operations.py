"""What operators ask: health, backlog, why a run does not move; what a sweep leaves behind; retention."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lib import db


@dataclass(frozen=True)
class Backlog:
    """Due runs (counted up to 10,000) and since when the oldest has been due."""

    due: int
    oldest_due_at: datetime | None


@dataclass(frozen=True)
class Health:
    """The latest migration, the backlog, and the latest sweep (None when there was none yet)."""

    schema_version: str
    backlog: int
    oldest_due_at: datetime | None
    last_sweep_at: datetime | None
    last_sweep_ended: str | None
    now: datetime


@dataclass(frozen=True)
class Diagnosis:
    """What decides whether a run moves; `due_at` is None when nothing but a call can make it due."""

    status: str
    mode: str
    due_at: datetime | None
    leased: bool
    claims: int
    suspend_requested: bool
    finished_at: datetime | None
    last_sweep_at: datetime | None
    now: datetime


@dataclass(frozen=True)
class Awaited:
    """A run that has not ended, and whose parent waits for that."""

    id: UUID
    status: str

    def to_json(self) -> dict[str, str]:
        """The contract's shape."""
        return {"id": str(self.id), "status": self.status}


@dataclass(frozen=True)
class _Deleted:
    runs: int


async def backlog() -> Backlog:
    """What is due right now."""
    return await db.fetch_one("select * from ratchet.backlog()", (), Backlog)


async def read_health() -> Health:
    """One look at the whole; raises DatabaseDown."""
    return await db.fetch_one(
        "select (select max(name) from ratchet.migrations) as schema_version, b.due as backlog, b.oldest_due_at,"
        " s.started_at as last_sweep_at, s.ended as last_sweep_ended, ratchet.clock() as now"
        " from ratchet.backlog() b"
        " left join lateral (select started_at, ended from ratchet.sweeps order by id desc limit 1) s on true",
        (),
        Health,
    )


async def read_diagnosis(run_id: UUID) -> Diagnosis:
    """The facts behind `GET /runs/{id}/diagnosis`; raises NotFound."""
    return await db.fetch_one("select * from ratchet.read_diagnosis(%s)", (run_id,), Diagnosis)


async def list_awaited(run_id: UUID, *, limit: int) -> list[Awaited]:
    """Up to `limit` runs that this one waits for, the oldest first."""
    return await db.fetch(
        "select id, status from ratchet.runs"
        " where parent_id = %s and awaited and status not in ('completed', 'failed', 'cancelled')"
        " order by id limit %s",
        (run_id, limit),
        Awaited,
    )


async def record_sweep(*, ms: int, claimed: int, effects: int, commits: int, ended: str) -> None:
    """Remember one sweep; `ended` is drained, deadline or error."""
    async with db.connection() as conn:
        await conn.execute("select ratchet.record_sweep(%s, %s, %s, %s, %s)", (ms, claimed, effects, commits, ended))


async def delete_old_runs(*, days: int, limit: int) -> int:
    """Delete up to `limit` runs that ended more than `days` ago; answers how many."""
    row = await db.fetch_one("select ratchet.delete_old_runs(%s, %s) as runs", (days, limit), _Deleted)
    return row.runs
