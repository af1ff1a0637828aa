"""The database's clock, carried on between two answers of the database."""

import time
from datetime import UTC, datetime, timedelta


class DatabaseClock:
    """Time as the database last told it, plus what has passed here since: instances' own clocks differ."""

    def __init__(self) -> None:
        self._told: datetime | None = None
        self._heard_at = 0.0

    def hear(self, told: datetime) -> None:
        """Take over the database's time."""
        self._told, self._heard_at = told.astimezone(UTC), time.monotonic()

    def now(self) -> datetime:
        """The database's time now; this machine's until the database has spoken."""
        if self._told is None:
            return datetime.now(UTC)
        return self._told + timedelta(seconds=time.monotonic() - self._heard_at)
