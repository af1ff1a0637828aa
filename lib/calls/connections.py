"""One HTTP/1.1 connection to an address that the guard admitted: h11 speaks the protocol, asyncio moves the bytes.

Rule: the guard's address is connected to, the name stays in TLS and Host, so nothing can change in between.
Why h11 itself and not httpx, which is built on it: httpx has no public place for the guard, and measured on
loopback (0.28) one call after the other takes 0.25 ms instead of 0.8, fifty at once 0.25 ms each instead of 1.8
(its pool looks at every connection for every request), the import half as long.
"""

import asyncio
import select
import ssl
from functools import cache
from typing import cast

import h11

from lib.calls import addresses
from lib.calls.arguments import Request
from lib.calls.targets import Target

UNREAD_BYTES = 128 * 1024
MAX_HEAD_BYTES = 64 * 1024
# One dead address must not use up the time of those behind it.
ATTEMPT_SECONDS = 3.0


@cache
def tls_context() -> ssl.SSLContext:
    """What every TLS connection is checked against; read once, as it takes 20 ms."""
    import certifi  # 5 ms, for the first https call only

    return ssl.create_default_context(cafile=certifi.where())


class Connection(asyncio.Protocol):
    """Requests and answers in turn; once `reusable` is false it can only be closed."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._arrived = bytearray()
        self._ended = False
        self._failure: Exception | None = None
        self._news: asyncio.Future[None] | None = None

    @property
    def reusable(self) -> bool:
        """Whether the last answer was read to its end, nothing followed it, and both sides keep the connection."""
        done = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        return done and not self._http.trailing_data[0] and self.silent

    @property
    def silent(self) -> bool:
        """Whether the other side has nothing to say out of turn, such as goodbye."""
        if self._arrived or self._ended or self._transport.is_closing():
            return False
        waiting = select.poll()  # what the loop has not come round to yet
        waiting.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not waiting.poll(0)

    def send(self, request: Request) -> None:
        """Start the next exchange; the bytes leave while the answer is awaited, which may come early."""
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        headers = {"host": request.target.authority, **request.headers}
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            headers["content-length"] = str(len(request.body))
        head = h11.Request(
            method=request.method,
            target=request.target.request_target,
            headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        )
        events = (head, h11.Data(request.body), h11.EndOfMessage())
        self._transport.write(b"".join(self._http.send(event) or b"" for event in events))

    async def receive_head(self) -> h11.Response:
        """The answer's status and headers."""
        while not isinstance(event := await self._next_event(), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("no answer")
        return event

    async def receive_data(self) -> bytes | None:
        """The next bytes of the body, None after the last."""
        event = await self._next_event()
        return bytes(event.data) if isinstance(event, h11.Data) else None

    async def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._read())
        return event

    async def _read(self) -> bytes:
        """What has arrived, empty at the end; what came before a failure counts."""
        while not self._arrived and not self._ended:
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        if not self._arrived and self._failure:
            raise self._failure
        arrived = bytes(self._arrived)
        self._arrived.clear()
        self._transport.resume_reading()
        return arrived

    def close(self) -> None:
        """Give the connection up, at once and without a word: every message said where it ended."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection stands, after the TLS handshake if there is one."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came; past a limit the rest waits in the other side's hands."""
        self._arrived += data
        if len(self._arrived) > UNREAD_BYTES:
            self._transport.pause_reading()
        self._tell()

    def eof_received(self) -> None:
        """asyncio: the other side will send no more."""
        self._ended = True
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self._ended, self._failure = True, exc
        self._tell()

    def _tell(self) -> None:
        if self._news and not self._news.done():
            self._news.set_result(None)


async def connect(target: Target) -> Connection:
    """A connection to the first of the target's addresses that answers; raises a Fault if the guard refuses any."""
    failure = OSError("no address")
    for address in await addresses.admit(target.host, target.port):
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                return await _open(str(address), target)
        except OSError as exc:  # refused, unreachable, too slow, not trusted
            failure = exc
    raise failure


async def _open(address: str, target: Target) -> Connection:
    secure = target.scheme == "https"
    _, connection = await asyncio.get_running_loop().create_connection(
        Connection,
        address,
        target.port,
        ssl=tls_context() if secure else None,
        server_hostname=target.host if secure else None,
    )
    return connection
