"""CloudEvents 1.0 as they come over HTTP: one as JSON, a batch of them, or one in headers with any body.

What this lets in is an event in its JSON format, whichever way it came.
"""

import base64
import re
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from lib import json_text
from lib.errors import BadRequest, Unprocessable, UnsupportedMediaType
from lib.http.request import Request

type CloudEvent = dict[str, Any]

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MAX_BATCH = 1000
# An index holds source and id together, and another the type; both have room for 2,700 bytes.
MAX_BYTES = {"source": 1000, "id": 1000, "type": 1000}
_REQUIRED = ("specversion", "id", "source", "type")
_TEXTS = ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data_base64")
_NAME = re.compile(r"[a-z0-9]{1,100}", re.ASCII)
_JSON = re.compile(r"[\w.!#$&^-]+/(?:[\w.!#$&^-]+\+)?json\s*(?:;.*)?", re.ASCII | re.IGNORECASE)


async def read_events(request: Request) -> list[CloudEvent]:
    """The events of this request, in order.

    Raises UnsupportedMediaType for what is none of the three, Unprocessable with a pointer to what makes an event none.
    """
    body = await request.body()
    structured = request.headers.get("content-type", "").lower().startswith("application/cloudevents")
    if not structured and any(name.startswith("ce-") for name in request.headers):
        event = _read_binary(request, body)
        return _check([event], _complaints(event, "/"))
    media_type = request.media_type(ONE, BATCH)
    value = json_text.parse(body)
    if media_type == ONE:
        return _check([value], _complaints(value, "/"))
    if not isinstance(value, list):
        raise Unprocessable("A batch is an array of events.", errors=[_error("", "This is no array.")])
    if len(value) > MAX_BATCH:
        raise Unprocessable(f"A batch has at most {MAX_BATCH} events.", limit=MAX_BATCH)
    errors = [error for place, event in enumerate(value) for error in _complaints(event, f"/{place}/")]
    return _check(value, errors)


def _read_binary(request: Request, body: bytes) -> CloudEvent:
    """Attributes from the `ce-` headers, data from the body: JSON if it is, text if it is, else in base64."""
    try:
        event: CloudEvent = {
            name.removeprefix("ce-"): unquote(value, errors="strict")
            for name, value in request.headers.items()
            if name.startswith("ce-")
        }
    except UnicodeDecodeError:
        raise BadRequest("The ce- headers must be percent-encoded UTF-8.") from None
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the event's data not compressed.")
    content_type = request.headers.get("content-type", "")
    if content_type:
        event["datacontenttype"] = content_type
    if not body:
        return event
    if _JSON.fullmatch(content_type):
        return {**event, "data": json_text.parse(body)}
    if content_type.lower().startswith("text/"):
        try:
            return {**event, "data": body.decode()}
        except UnicodeDecodeError:
            pass  # another charset: kept as it came
    return {**event, "data_base64": base64.b64encode(body).decode()}


def _check(events: list[CloudEvent], errors: list[dict[str, str]]) -> list[CloudEvent]:
    if errors:
        raise Unprocessable("This is not a CloudEvent of version 1.0.", errors=errors[:100])
    return events


def _complaints(event: Any, place: str) -> list[dict[str, str]]:
    if not isinstance(event, dict):
        return [_error(place[:-1], "An event is an object.")]
    errors = [_error(place + name, "An event needs this.") for name in _REQUIRED if name not in event]
    found = ((name, _complaint(name, value)) for name, value in event.items() if name != "data")
    errors += [_error(place + name[:100], sentence) for name, sentence in found if sentence]
    if "data" in event and "data_base64" in event:
        errors.append(_error(f"{place}data_base64", "An event has data or data_base64, not both."))
    return errors


def _complaint(name: str, value: Any) -> str | None:
    """What is wrong with this attribute."""
    if name == "specversion":
        return None if value == "1.0" else 'This must be "1.0".'
    if name not in _TEXTS and not _NAME.fullmatch(name):
        return "The names of attributes are small letters and digits."
    if name in _TEXTS and not (isinstance(value, str) and value):
        return "This must be a text that is not empty."
    if not isinstance(value, str):
        return None if isinstance(value, bool | int) else "This must be a text, a whole number, true or false."
    if "\0" in value:
        return "This holds a NUL character."
    if len(value.encode()) > MAX_BYTES.get(name, len(value) * 4):
        return f"This is longer than the limit of {MAX_BYTES[name]} bytes."
    return "This must be an RFC 3339 time with its zone." if name == "time" and not _is_moment(value) else None


def _is_moment(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _error(pointer: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "detail": detail}
