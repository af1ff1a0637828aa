"""How Python values become JSON text, and times become RFC 3339."""

import json
from datetime import UTC, datetime
from typing import Any

# Nothing here is circular: what a function of one's own returns is made into plain values first.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)


def encode(value: Any) -> str:
    """Compact ASCII JSON; raises ValueError for NaN and infinities, which JSON does not have."""
    return _ENCODER.encode(value)


def rfc3339(moment: datetime | None) -> str | None:
    """UTC with milliseconds and a Z."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
