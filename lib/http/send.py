"""Hand an answer to the server: whole, or frame by frame until it ends or the client leaves."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from lib.http.request import Request
from lib.http.response import EventStream, Response

type Send = Callable[[Mapping[str, Any]], Awaitable[None]]


async def send_response(request: Request, response: Response, send: Send) -> None:
    """Send an answer; HEAD gets the same headers and no body."""
    if isinstance(response, EventStream):
        await _start(response, send)
        if request.method == "HEAD":
            await response.frames.aclose()
        else:
            await _send_frames(request, response, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    if response.status != 204:
        response.headers["content-length"] = str(len(response.body))
    await _start(response, send)
    body = b"" if request.method == "HEAD" else response.body
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _start(response: Response, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})


async def _send_frames(request: Request, response: EventStream, send: Send) -> None:
    """Send until the frames end, or stop them when the client has gone; their error is ours."""
    pump = asyncio.create_task(_pump(response, send))
    watch = asyncio.create_task(request.disconnected())
    try:
        await asyncio.wait({pump, watch}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone = not pump.done()
        pump.cancel()
        watch.cancel()
        await asyncio.wait({pump, watch})
    if not gone:
        pump.result()


async def _pump(response: EventStream, send: Send) -> None:
    async with aclosing(response.frames) as frames:
        async for frame in frames:
            await send({"type": "http.response.body", "body": frame, "more_body": True})
