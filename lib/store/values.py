"""How Python values become JSON text, and times become RFC 3339."""

import json
from datetime import UTC, datetime
from json import encoder
from typing import Any

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)
# What JSONEncoder.encode makes anew for each value, made once: that is two thirds of what a small one costs.
# Nothing here is circular: what a function of one's own returns is made into plain values first.
_CHUNKS = encoder.c_make_encoder(  # type: ignore[attr-defined]  # not in typeshed
    None,
    _ENCODER.default,
    encoder.encode_basestring_ascii,
    _ENCODER.indent,
    _ENCODER.key_separator,
    _ENCODER.item_separator,
    _ENCODER.sort_keys,
    _ENCODER.skipkeys,
    _ENCODER.allow_nan,
)


def encode(value: Any) -> str:
    """Compact ASCII JSON; raises ValueError for NaN and infinities, which JSON does not have."""
    return "".join(_CHUNKS(value, 0))


def rfc3339(moment: datetime | None) -> str | None:
    """UTC with milliseconds and a Z."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
