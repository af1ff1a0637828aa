"""What a handler answers with: bytes, JSON, a problem or an event stream, and what to do afterwards."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from lib.errors import RatchetError

type After = Callable[[], Awaitable[None]]

STREAM_HEADERS = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache, no-store, no-transform",
    "x-accel-buffering": "no",
}


@dataclass
class Response:
    """An answer; `after` runs once its last byte was handed over, within the same invocation."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    after: After | None = None


class EventStream(Response):
    """An answer whose body is frames as they come; the frames are closed when the client leaves."""

    def __init__(self, frames: AsyncGenerator[bytes]) -> None:
        super().__init__(headers=dict(STREAM_HEADERS))
        self.frames = frames


def answer(
    value: Any, status: int = 200, headers: dict[str, str] | None = None, after: After | None = None
) -> Response:
    """A value as a JSON answer."""
    return Response(status, write_json(value), {"content-type": "application/json", **(headers or {})}, after)


def answer_problem(error: RatchetError, instance: str) -> Response:
    """An error as problem+json with the headers its status asks for."""
    headers = {"content-type": "application/problem+json", **_headers_of(error)}
    return Response(error.status, write_json(error.problem(instance)), headers)


def write_json(value: Any) -> bytes:
    """A value as one line of ASCII JSON, with a newline for people at a terminal.

    ASCII, because a run may have kept half of a surrogate pair, which UTF-8 cannot say.
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def _headers_of(error: RatchetError) -> dict[str, str]:
    match error.status:
        case 401:
            return {"www-authenticate": 'Bearer realm="ratchet"'}
        case 403:
            return {"www-authenticate": 'Bearer realm="ratchet", error="insufficient_scope"'}
        case 405:
            return {"allow": ", ".join(error.extra["allow"])}
        case 429 | 503:
            return {"retry-after": str(error.extra.get("retry_after", 5))}
    return {}
