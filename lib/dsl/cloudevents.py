"""CloudEvents 1.0 as JSON: what an emitted event needs to be one, and how a received one is read."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lib.dsl import faults

TEXTS = ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
# By these the database finds an event.
NAMES = ("source", "id", "type")
ATTRIBUTES = ("specversion", *TEXTS, "data")
_EXTENSION = re.compile(r"[a-z0-9]+", re.ASCII)
_JSON = re.compile(r"(?:application|text)/(?:[^;]+\+)?json\b", re.IGNORECASE)


def complete(attributes: Mapping[str, Any], defaults: Mapping[str, str]) -> dict[str, Any]:
    """The event of these attributes, with the defaults for those that are missing; raises an expression Fault."""
    given = {name: value for name, value in attributes.items() if value is not None or name == "data"}
    event = {"specversion": "1.0", **defaults, **given}
    for name, value in event.items():
        if (sentence := complaint(name, value)) is not None:
            raise faults.expression(f"the event's `{name}` {sentence}")
    return event


def complaint(name: str, value: Any) -> str | None:
    """What is wrong with an attribute of an event, or None."""
    if name == "data":
        return None
    if name == "specversion":
        return None if value == "1.0" else "can only be 1.0"
    if name == "time":
        return None if _is_moment(value) else "must be an RFC 3339 time like 2026-01-31T12:00:00Z"
    if name in TEXTS:
        return None if isinstance(value, str) and value else "must be a text that is not empty"
    if not _EXTENSION.fullmatch(name):
        return "is not a name that events know: their own attributes are small letters and digits"
    if not isinstance(value, str | bool | int):
        return "must be a text, a whole number, true or false"
    return None


def read(event: Mapping[str, Any], how: str) -> Any:
    """What a task that listens gets to see: the `data`, the `raw` data or the whole `envelope`."""
    if how == "envelope":
        return dict(event)
    encoded = event.get("data_base64")
    if "data" in event or not isinstance(encoded, str):
        return event.get("data")
    return encoded if how == "raw" else _decode(encoded, str(event.get("datacontenttype", "")))


def outline(event: Mapping[str, Any]) -> dict[str, Any]:
    """Which event it is, without anything of what it says."""
    return {name: event[name] for name in ("id", "source", "type") if name in event}


def _decode(encoded: str, content_type: str) -> Any:
    """Binary data as JSON or text where it is one, else as it came."""
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        return json.loads(text) if _JSON.match(content_type) else text
    except (binascii.Error, ValueError, RecursionError):
        return encoded


def _is_moment(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
