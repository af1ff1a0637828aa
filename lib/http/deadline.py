"""When the platform ends this invocation."""

import math
from datetime import UTC, datetime

from lib.config import RESERVE_SECONDS

try:
    from vercel_runtime import get_deadline  # type: ignore[import-untyped]  # it ships no py.typed
except ImportError:  # the platform injects its runtime; elsewhere nothing ends an invocation

    def get_deadline() -> datetime | None:
        """No platform, no deadline."""
        return None


def deadline() -> datetime | None:
    """The moment this invocation must have ended, in UTC; None where nothing ends it."""
    end: datetime | None = get_deadline()
    return end


def seconds_left() -> float:
    """How long a handler may still take and answer in time; infinite where nothing ends the invocation."""
    end = deadline()
    return (end - datetime.now(UTC)).total_seconds() - RESERVE_SECONDS if end else math.inf
