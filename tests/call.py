"""Drive an ASGI application directly, without a server or a socket: whole answers, or chunk by chunk.

httpx's ASGITransport collects a stream before it shows any of it, so streams could not be tested through it.
"""

import asyncio
import json as json_module
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import EllipsisType
from typing import Any
from urllib.parse import unquote_to_bytes

TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Answer:
    """What came back, once the application was done with the exchange, its work after the response included."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json_module.loads(self.body)


class Exchange:
    """One request in flight; checks that the application keeps to the ASGI protocol."""

    def __init__(self, scope: Mapping[str, Any], chunks: Sequence[bytes]) -> None:
        self.scope = scope
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body_ended = False
        self.unsent = list(chunks)
        self._gone = asyncio.Event()
        self._begun = asyncio.Event()
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def begin(self, app: Any) -> None:
        """Hand the request to the application."""
        self._task = asyncio.create_task(app(self.scope, self._receive, self._send))
        self._task.add_done_callback(lambda _: (self._begun.set(), self._chunks.put_nowait(None)))

    async def started(self) -> None:
        """Wait for status and headers."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._begun.wait()
        if not self.status:
            await self.finished()

    async def read(self) -> bytes | None:
        """The next chunk of the body, None at its end."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await self._chunks.get()

    def disconnect(self) -> None:
        """The client goes away."""
        self._gone.set()

    async def finished(self) -> None:
        """Wait until the application returns; raises what it raised."""
        assert self._task
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._task

    async def answer(self) -> Answer:
        """The whole answer."""
        await self.finished()
        chunks = []
        while (chunk := await self.read()) is not None:
            chunks.append(chunk)
        assert self.body_ended, "the application returned before it ended the body"
        return Answer(self.status, self.headers, b"".join(chunks))

    def stop(self) -> None:
        """End whatever still runs."""
        if self._task:
            self._task.cancel()

    async def _receive(self) -> dict[str, Any]:
        if self.unsent:
            chunk = self.unsent.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(self.unsent)}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Mapping[str, Any]) -> None:
        assert not self.body_ended, f"{message['type']} after the end of the body"
        if message["type"] == "http.response.start":
            assert not self.status, "a second http.response.start"
            self.status = message["status"]
            names = [name for name, _ in message["headers"]]
            assert names == [name.lower() for name in names], "header names must be lower case"
            assert len(set(names)) == len(names), "a header was sent twice"
            self.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
            self._begun.set()
            return
        assert message["type"] == "http.response.body"
        assert self.status, "a body before http.response.start"
        if message.get("body"):
            self._chunks.put_nowait(message["body"])
        if not message.get("more_body"):
            self.body_ended = True
            self._gone.set()  # as uvicorn does: nothing more is to be received
            self._chunks.put_nowait(None)


@asynccontextmanager
async def exchange(
    app: Any,
    method: str,
    path: str,
    *,
    json: Any | EllipsisType = ...,
    body: bytes | Sequence[bytes] = b"",
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[Exchange]:
    """An exchange that is under way; whatever is left of it is stopped at the end of the block."""
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    if json is not ...:
        body = json_module.dumps(json).encode()
        sent.setdefault("content-type", "application/json")
    chunks = [body] if isinstance(body, bytes) else list(body)
    flight = Exchange(_scope(method, path, sent), chunks)
    flight.begin(app)
    try:
        yield flight
    finally:
        flight.stop()


async def call(app: Any, method: str, path: str, **parts: Any) -> Answer:
    """One request and its whole answer; parts as in `exchange`."""
    async with exchange(app, method, path, **parts) as flight:
        return await flight.answer()


def _scope(method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    raw_path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 3000),
        "state": {},
    }
