"""What a test may look at behind the store: rows as they are, and the history of a run as the database tells it."""

from typing import Any
from uuid import UUID

from lib import db, store
from lib.config import settings
from tests.pooler import forget_sessions


async def sql(query: str, *params: Any) -> list[Any]:
    """Plain SQL, for looking at rows and for moving leases."""
    async with db.connection() as conn:
        cursor = await conn.execute(query, params)
        return await cursor.fetchall() if cursor.description else []


async def expire_leases() -> None:
    """What time does to a lease whose holder has died."""
    await sql("update ratchet.runs set due_at = ratchet.clock() where lease is not null")


async def move_clock(interval: str) -> None:
    """Let every connection made from now on live that much later."""
    [(name, later)] = await sql("select current_database(), (now() + %s::interval)::text", interval)
    await sql(f"alter database {name} set ratchet.now = '{later}'")
    await db.close()
    await forget_sessions(settings().database_url)


async def event_types(run_id: UUID) -> list[str]:
    """The run's event types in order, short; checks on the way that seq has no gap."""
    events = await store.list_events(run_id, after=0, limit=10_000)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return [event.type.removeprefix("io.serverlessworkflow.").removesuffix(".v1") for event in events]
