"""A request on its way through a function: streamed both ways, with the headers the platform adds."""

import asyncio
import contextlib
from collections.abc import Iterable

import h11

from lib.dev.functions import Function, Invocation
from lib.dev.router import FunctionCall
from lib.dev.runtime import FunctionFailed
from lib.dev.wire import Wire

MAX_BODY_BYTES = 4_500_000  # the platform's own limit
HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade", b"expect"}
SPOOFABLE = {
    b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip",
    b"x-vercel-id", b"x-vercel-forwarded-for",
}  # fmt: skip


class Refused(Exception):
    """The platform itself answers: `status` and the platform's name for the reason."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


async def forward(client: Wire, request: h11.Request, call: FunctionCall, function: Function) -> None:
    """Let `function` answer `request` to `client`.

    Raises Refused while the client has got nothing yet, and ConnectionAbortedError after that.
    """
    _refuse_large(request)
    try:
        invocation = await function.invoke()
    except FunctionFailed as error:
        raise Refused(500, "FUNCTION_INVOCATION_FAILED") from error
    try:
        upstream = await Wire.connect(invocation.instance.port)
    except OSError as error:
        function.end(invocation.number)
        raise await _explain(invocation) from error
    try:
        await upstream.send(_platform_request(client, request, call, invocation))
        await _exchange(client, upstream, invocation)
    finally:
        upstream.abort()


async def _exchange(client: Wire, upstream: Wire, invocation: Invocation) -> None:
    """Pump both ways until the answer is whole; a client that hangs up ends it."""
    upload = asyncio.create_task(_upload(client, upstream))
    download = asyncio.create_task(_download(client, upstream, invocation))
    try:
        await asyncio.wait((upload, download), return_when=asyncio.FIRST_COMPLETED)
        if download.done():
            download.result()
            return
        if error := upload.exception():
            raise error
        raise ConnectionAbortedError("the client hung up")
    finally:
        for task in (upload, download):
            task.cancel()
        await asyncio.gather(upload, download, return_exceptions=True)


async def _upload(client: Wire, upstream: Wire) -> None:
    """Pass the body on, then watch for the client's end."""
    received = 0
    while isinstance(event := await client.receive(), h11.Data | h11.EndOfMessage):
        if isinstance(event, h11.Data):
            received += len(event.data)
            if received > MAX_BODY_BYTES:
                raise Refused(413, "FUNCTION_PAYLOAD_TOO_LARGE")
        with contextlib.suppress(ConnectionError):  # a function may answer without reading its body
            await upstream.send(event)
        if isinstance(event, h11.EndOfMessage):
            break
    await client.hang_up()


async def _download(client: Wire, upstream: Wire, invocation: Invocation) -> None:
    """Pass the answer on, event by event."""
    answered = False
    try:
        while not isinstance(event := await upstream.receive(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                answered = True
                await client.send(_platform_response(event, invocation))
            elif isinstance(event, h11.Data):
                await client.send(event)
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("the function's process is gone")
    except (h11.RemoteProtocolError, ConnectionError) as error:
        if answered:
            raise ConnectionAbortedError("the answer broke off") from error
        raise await _explain(invocation) from error
    await client.send(event)


def _refuse_large(request: h11.Request) -> None:
    length = dict(request.headers).get(b"content-length", b"0")
    if int(length) > MAX_BODY_BYTES:
        raise Refused(413, "FUNCTION_PAYLOAD_TOO_LARGE")


async def _explain(invocation: Invocation) -> Refused:
    await invocation.instance.settle()
    if invocation.timed_out:
        return Refused(504, "FUNCTION_INVOCATION_TIMEOUT")
    return Refused(500, "FUNCTION_INVOCATION_FAILED")


def _platform_request(client: Wire, request: h11.Request, call: FunctionCall, invocation: Invocation) -> h11.Request:
    kept = _without(request.headers, HOP_BY_HOP | SPOOFABLE)
    host = dict(request.headers).get(b"host", b"localhost")
    peer = client.peer.encode()
    added = [
        (b"x-forwarded-for", peer),
        (b"x-real-ip", peer),
        (b"x-vercel-forwarded-for", peer),
        (b"x-forwarded-host", host),
        (b"x-forwarded-proto", b"http"),
        (b"connection", b"close"),
        *invocation.headers,
    ]
    return h11.Request(method=request.method, target=call.target.encode(), headers=[*kept, *added])


def _platform_response(response: h11.Response, invocation: Invocation) -> h11.Response:
    kept = _without(response.headers, HOP_BY_HOP)
    headers = [*kept, (b"x-vercel-id", invocation.id.encode())]
    return h11.Response(status_code=response.status_code, reason=response.reason, headers=headers)


def _without(headers: Iterable[tuple[bytes, bytes]], names: set[bytes]) -> list[tuple[bytes, bytes]]:
    """Headers without these, and without the platform's internal ones, which only it may set or see."""
    return [
        (name, value) for name, value in headers if name not in names and not name.startswith(b"x-vercel-internal-")
    ]
