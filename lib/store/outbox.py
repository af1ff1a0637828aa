"""Emitted events on their way to webhook sinks: put there by the commit that emits, gone when a sink has them."""

from dataclasses import dataclass
from typing import Any

from lib import db


@dataclass(frozen=True)
class Letter:
    """An event for one sink, ours until its lease is over; `attempts` counts this one, too."""

    number: int
    attempts: int
    event: Any


@dataclass(frozen=True)
class _Settled:
    given_up: bool


async def claim_outbox(sink: str, *, limit: int, lease_seconds: int) -> list[Letter]:
    """Up to `limit` events that are due at this sink; two callers never get the same one at once."""
    return await db.fetch(
        "select * from ratchet.claim_outbox(%s, %s, %s)",
        (sink, limit, lease_seconds),
        Letter,
    )


async def settle_outbox(sink: str, letter: Letter, *, done: bool) -> bool:
    """Forget it, or try again later; answers whether it has been tried for so long that this was the last time."""
    row = await db.fetch_one(
        "select ratchet.settle_outbox(%s, %s, %s, %s) as given_up",
        (letter.number, sink, letter.attempts, done),
        _Settled,
    )
    return row.given_up
