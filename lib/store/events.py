"""Events from outside: kept once, put into the inboxes of whoever listens, forgotten after a while."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lib import db
from lib.config import settings
from lib.store.mail import write_events


@dataclass(frozen=True)
class Delivery:
    """How many events were new, how many had come before, and the runs that have mail now."""

    accepted: int
    duplicates: int
    woken: list[UUID]


@dataclass(frozen=True)
class _Deleted:
    events: int


async def deliver_events(events: Sequence[Mapping[str, Any]]) -> Delivery:
    """Keep these CloudEvents and wake whoever listens; the same source and id again is a duplicate."""
    return await db.fetch_one(
        "select * from ratchet.deliver_events(%s::text[], %s::text[], %s::text[], %s::text[])",
        write_events(events),
        Delivery,
    )


async def delete_old_events(*, days: int, limit: int) -> int:
    """Forget up to `limit` events that came more than `days` ago and that nobody waits for; answers how many."""
    row = await db.fetch_one(
        "select ratchet.delete_old_events(%s, %s, %s::text[]) as events",
        (days, limit, list(settings().event_sinks)),
        _Deleted,
    )
    return row.events
