"""Moments as whole microseconds since 1970, so that a state keeps them exactly in any JSON store."""

from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# Nothing wakes later: the calendar ends here.
LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND


def to_micros(moment: datetime) -> int:
    """The moment as microseconds since the epoch; the moment must know its time zone."""
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """The moment that `to_micros` was given, in UTC."""
    return EPOCH + min(micros, LAST) * MICROSECOND


def describe(micros: int) -> dict[str, Any]:
    """The moment as the expression arguments `$workflow.startedAt` and `$task.startedAt` show it."""
    text = from_micros(micros).isoformat().replace("+00:00", "Z")
    return {
        "iso8601": text,
        "epoch": {"seconds": micros // 1_000_000, "milliseconds": micros // 1_000},
    }
