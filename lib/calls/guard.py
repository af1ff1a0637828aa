"""The way out for httpx: its connections, opened to no address but those the guard admits.

Rule: the name stays in TLS and Host, the admitted address is connected to, so nothing can change in between.
"""

import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Any, override

import anyio
import httpcore
import httpx

from lib.calls import addresses
from lib.dsl import faults

# One dead address must not use up the time of those behind it.
ATTEMPT_SECONDS = 3.0


class Wire(httpcore.AsyncNetworkStream):
    """A connection's bytes, and whether the other side has spoken since it was asked.

    httpcore keeps what came behind an answer and takes it for the next one.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self.answered = False  # whether anything was read since the last write

    @override
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.answered = True
        return await self._stream.read(max_bytes, timeout)

    @override
    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.answered = False
        await self._stream.write(buffer, timeout)

    @override
    async def aclose(self) -> None:
        await self._stream.aclose()

    @override
    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Wire":
        return Wire(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections where the guard allows it; raises its Fault, or 503 when nobody answers, 504 when too late."""

    def __init__(self) -> None:
        self._backend = httpcore.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> Wire:
        async def attempt(address: addresses.Address) -> Wire:
            stream = self._backend.connect_tcp(str(address), port, ATTEMPT_SECONDS, local_address, socket_options)
            return Wire(await stream)

        try:
            with anyio.fail_after(timeout):
                *others, last = await addresses.admit(host, port)
                for address in others:
                    with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                        return await attempt(address)
                return await attempt(last)
        except (TimeoutError, httpcore.ConnectTimeout) as exc:
            raise faults.communication(f"'{host}' does not accept connections in time.", 504) from exc
        except httpcore.ConnectError as exc:
            raise faults.communication(f"'{host}' does not accept connections.", 503) from exc


class _Body(httpx.AsyncByteStream):
    """An answer's body, as it comes from the wire."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    @override
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._answer.aiter_stream()

    @override
    async def aclose(self) -> None:
        await self._answer.aclose()


class _Response(httpx.Response):
    # httpx would read every Location, and fail where it cannot: whether and where to go on is judged by the call.
    has_redirect_location = False


class GuardedTransport(httpx.AsyncBaseTransport):
    """Requests over connections that are shared, kept for a while and guarded; raises httpcore's errors and Faults."""

    def __init__(self, tls: ssl.SSLContext, max_idle: int, idle_seconds: float) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=None,  # a request cancelled in httpcore's queue loses its place for good (issue 1093)
            max_keepalive_connections=max_idle,
            keepalive_expiry=idle_seconds,
            http1=True,
            http2=False,
            retries=0,
            network_backend=GuardedBackend(),
        )

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        place = request.url
        url = httpcore.URL(scheme=place.raw_scheme, host=place.raw_host, port=place.port, target=place.raw_path)
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                request.method, url, headers=request.headers.raw, content=request.content, extensions=request.extensions
            )
        )
        return _Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions)

    @override
    async def aclose(self) -> None:
        await self._pool.aclose()
