"""Who wakes the sweep: hints only, best effort; the cron sweep alone keeps every promise."""

from lib.dispatch.self_invocation import wake_sweep

__all__ = ["wake_sweep"]
