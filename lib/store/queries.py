"""What the database tool was asked to run: quota, audit, and the confirm tokens that were used."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from lib import db
from lib.store.values import rfc3339

type QueryVerdict = Literal["ran", "dry_run", "refused", "failed"]

# As the table demands: what a statement of many megabytes leaves behind is its beginning.
STATEMENT_CHARACTERS = 4_000


@dataclass(frozen=True)
class Begun:
    """A recorded attempt, or none (`id` is None) where the quota is used up; without a quota both numbers are None.

    `now` is the database's time. `remaining` statements are left, and in `wait_seconds` there is at least one more.
    """

    id: UUID | None
    now: datetime
    remaining: int | None
    wait_seconds: int | None


@dataclass(frozen=True)
class Query:
    """One attempt as the audit keeps it; `verdict` may also be "started": its end is not known.

    `caller` is None for the step of a workflow.
    """

    id: UUID
    created_at: datetime
    caller: str | None
    origin: str
    kind: str | None
    verdict: str
    code: str | None
    statement: str
    rows: int | None
    ms: int | None

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return {
            "id": str(self.id),
            "created_at": rfc3339(self.created_at),
            "caller": self.caller,
            "origin": self.origin,
            "kind": self.kind,
            "verdict": self.verdict,
            "code": self.code,
            "statement": self.statement,
            "rows": self.rows,
            "ms": self.ms,
        }


@dataclass(frozen=True)
class _Spent:
    first: bool


@dataclass(frozen=True)
class _Deleted:
    queries: int


async def begin_query(*, caller: str | None, origin: str, statement: str, quota: tuple[int, int] | None) -> Begun:
    """Record an attempt before it is made, if the caller's quota (statements, per seconds) allows one more."""
    allowed, seconds = quota or (None, None)
    return await db.fetch_one(
        "select * from ratchet.begin_query(%s, %s, %s, %s, %s)",
        (caller, origin, _keepable(statement), allowed, seconds),
        Begun,
    )


async def end_query(
    query_id: UUID,
    *,
    kind: str | None,
    verdict: QueryVerdict,
    code: str | None,
    statement: str | None,
    rows: int | None,
    ms: int,
) -> None:
    """Record how an attempt ended; `statement` is the canonical text, or None if it was never understood."""
    text = None if statement is None else _keepable(statement)
    async with db.connection() as conn:
        await conn.execute(
            "select ratchet.end_query(%s, %s, %s, %s, %s, %s, %s)", (query_id, kind, verdict, code, text, rows, ms)
        )


async def list_queries(
    *, caller: str | None, verdict: str | None, limit: int, before: UUID | None = None
) -> list[Query]:
    """Newest first (ids sort by age), all callers' if `caller` is None; `before` is the last id of the page before."""
    return await db.fetch(
        "select * from ratchet.queries"
        " where (%(caller)s::text is null or caller = %(caller)s)"
        " and (%(verdict)s::text is null or verdict = %(verdict)s)"
        " and (%(before)s::uuid is null or id < %(before)s)"
        " order by id desc limit %(limit)s",
        {"caller": caller, "verdict": verdict, "before": before, "limit": limit},
        Query,
    )


async def spend_confirmation(confirmation_id: str, expires_at: datetime) -> bool:
    """Whether nobody has used this confirm token before; from now on somebody has."""
    row = await db.fetch_one(
        "select ratchet.spend_confirmation(%s, %s) as first", (confirmation_id, expires_at), _Spent
    )
    return row.first


async def delete_old_queries(*, days: int, limit: int) -> int:
    """Delete up to `limit` attempts more than `days` old, and tokens long expired; answers how many attempts."""
    row = await db.fetch_one("select ratchet.delete_old_queries(%s, %s) as queries", (days, limit), _Deleted)
    return row.queries


def _keepable(statement: str) -> str:
    """The beginning of a text, without what a text in the database cannot hold (a sent one may be anything)."""
    text = statement[:STATEMENT_CHARACTERS].replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-8", "replace").decode()
