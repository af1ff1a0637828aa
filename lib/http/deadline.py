"""When the platform ends this invocation."""

from datetime import datetime

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
