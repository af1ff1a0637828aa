"""HTTP exchanges through httpx, over connections that are kept open for a while and shared, per event loop.

Rule: no proxies, no cookies, no retries, nothing from the environment. What fails on the wire is a
communication fault: 503 when there is no connection, 504 when it takes too long, 502 when it breaks or does
not speak HTTP.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import anyio
import httpcore
import httpx

from lib.calls.arguments import Request
from lib.calls.content import Collector
from lib.calls.guard import GuardedTransport
from lib.dsl import faults

MAX_RESPONSE_BYTES = 4 * 1024 * 1024
# Of an answer that is an error or a redirect, enough for a message.
MAX_GLIMPSE_BYTES = 8 * 1024
# For the name and its addresses, and once more for TLS.
CONNECT_SECONDS = 10.0
MAX_CONNECTIONS = 100
# Many servers close an idle connection after five seconds; a request must not meet that.
IDLE_SECONDS = 4.0


@dataclass(frozen=True)
class Reply:
    """An answer whose body is still on the wire; header names are lower case."""

    status: int
    headers: dict[str, str]
    response: httpx.Response

    async def read(self) -> bytes:
        """The whole body, unpacked; raises a Fault if it is larger than the limit."""
        body = await self._collect(MAX_RESPONSE_BYTES)
        return body.take()

    async def glimpse(self) -> bytes:
        """The body's beginning; never a Fault, for the status has more to say."""
        try:
            body = await self._collect(MAX_GLIMPSE_BYTES)
        except (faults.Fault, httpcore.ProtocolError, httpcore.NetworkError):
            return b""
        return body.peek()

    async def _collect(self, limit: int) -> Collector:
        """The body, raw from the wire: httpx's own unpacking knows no limit."""
        body = Collector(self.headers.get("content-encoding", "").strip().lower(), limit)
        async for chunk in self.response.aiter_raw():
            body.add(chunk)
            if body.full:
                break
        return body


@cache
def tls_context() -> ssl.SSLContext:
    """What every TLS connection is checked against; read once, as it takes 20 ms."""
    return httpx.create_ssl_context(trust_env=False)


class Pool:
    """What one event loop makes its exchanges with: a client, and so many places at once."""

    def __init__(self) -> None:
        self.places = asyncio.Semaphore(MAX_CONNECTIONS)
        self.client = httpx.AsyncClient(
            transport=GuardedTransport(tls_context(), MAX_CONNECTIONS, IDLE_SECONDS),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),  # the call's own covers the rest
            cookies=CookieJar(DefaultCookiePolicy(netscape=False)),  # takes none
            follow_redirects=False,
            trust_env=False,
        )


_pools: dict[asyncio.AbstractEventLoop, Pool] = {}


def _pool() -> Pool:
    loop = asyncio.get_running_loop()
    if loop not in _pools:
        for ended in [other for other in _pools if other.is_closed()]:
            del _pools[ended]
        _pools[loop] = Pool()
    return _pools[loop]


async def close() -> None:
    """Close this event loop's connections; the next exchange opens new ones."""
    if pool := _pools.pop(asyncio.get_running_loop(), None):
        await pool.client.aclose()


async def settle[T](work: Coroutine[Any, Any, T]) -> T:
    """What this work with exchanges returns or raises; however it is cancelled, its connections are given back.

    httpx shields its clean-up from anyio's cancellation only: a task's own `cancel()`, a timeout's too, would
    break into it and lose the connection's place for good.
    """
    try:
        async with anyio.create_task_group() as group:
            task = group.create_task(work)
    except ExceptionGroup as failed:
        (failure,) = failed.exceptions
        raise failure from failure.__cause__
    return task.return_value


@asynccontextmanager
async def exchange(request: Request) -> AsyncIterator[Reply]:
    """Send the request and hand out the answer as soon as its head is there; raises a Fault."""
    host = request.target.host
    try:
        pool = _pool()
        async with pool.places, aclosing(await pool.client.send(_written(request), stream=True)) as response:
            if not response.extensions["network_stream"].answered:
                raise httpcore.RemoteProtocolError("said before it was asked")
            yield Reply(response.status_code, dict(response.headers.items()), response)
    except httpcore.ProtocolError as exc:
        raise faults.communication(f"'{host}' does not answer in whole, valid HTTP.", 502) from exc
    except httpcore.ConnectTimeout as exc:
        raise faults.communication(f"'{host}' does not accept connections in time.", 504) from exc
    except httpcore.ConnectError as exc:  # the guard has its own words for everything before TLS
        raise faults.communication(f"No trusted TLS connection to '{host}' can be made.", 502) from exc
    except httpcore.NetworkError as exc:
        raise faults.communication(f"The connection to '{host}' broke.", 502) from exc


def _written(request: Request) -> httpx.Request:
    """The request in httpx's words: the origin, which it may log, and apart from it the target, which it may not."""
    target = request.target
    headers = {"host": target.authority, **request.headers}
    return httpx.Request(
        request.method,
        f"{target.scheme}://{target.authority}",
        headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        content=request.body,
        extensions={"target": target.request_target.encode()},
    )
