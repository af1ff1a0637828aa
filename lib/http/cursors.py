"""Opaque, URL-safe places in a list."""

import base64
import json
from typing import Any

from lib.errors import BadRequest


def write_cursor(*place: str | int) -> str:
    """The cursor that continues behind the row with these sort values."""
    text = json.dumps(place, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str, *types: type) -> list[Any]:
    """The values of a cursor, of exactly these types; raises BadRequest for anything we did not write."""
    try:
        place = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        place = None
    if not isinstance(place, list) or [type(value) for value in place] != list(types):
        raise BadRequest("This cursor is not one of ours: pass `next` of the page before, unchanged.")
    return place
