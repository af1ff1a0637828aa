"""One HTTP/1.1 connection to an address that the guard admitted: h11 speaks the protocol, asyncio moves the bytes.

Rule: the guard's address is connected to, the name stays in TLS and Host, so nothing can change in between.
"""

import asyncio
import select
import ssl
from functools import cache

import certifi
import h11

from lib.calls import addresses
from lib.calls.arguments import Request
from lib.calls.targets import Target

READ_BYTES = 64 * 1024
MAX_HEAD_BYTES = 64 * 1024
# One dead address must not use up the time of those behind it.
ATTEMPT_SECONDS = 3.0


@cache
def tls_context() -> ssl.SSLContext:
    """What every TLS connection is checked against; read once, as it takes 20 ms."""
    return ssl.create_default_context(cafile=certifi.where())


class Connection:
    """Requests and answers in turn; once `reusable` is false it can only be closed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)

    @property
    def reusable(self) -> bool:
        """Whether the last answer was read to its end and both sides keep the connection."""
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    @property
    def silent(self) -> bool:
        """Whether the other side has said nothing since, not even goodbye."""
        idle = select.poll()
        idle.register(self._writer.get_extra_info("socket"), select.POLLIN)
        return not self._writer.is_closing() and not self._reader.at_eof() and not idle.poll(0)

    def send(self, request: Request) -> None:
        """Start the next exchange; the bytes leave while the answer is awaited, which may come early."""
        if self.reusable:
            self._http.start_next_cycle()
        headers = {"host": request.target.authority, **request.headers}
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            headers["content-length"] = str(len(request.body))
        head = h11.Request(
            method=request.method,
            target=request.target.request_target,
            headers=[(name, value.encode("latin-1")) for name, value in headers.items()],
        )
        parts = [self._http.send(head), self._http.send(h11.Data(request.body)), self._http.send(h11.EndOfMessage())]
        self._writer.writelines(part for part in parts if part)

    async def receive_head(self) -> h11.Response:
        """The answer's status and headers."""
        while not isinstance(event := await self._next_event(), h11.Response):
            if not isinstance(event, h11.InformationalResponse) or event.status_code == 101:
                raise h11.RemoteProtocolError("no answer")
        return event

    async def receive_data(self) -> bytes | None:
        """The next bytes of the body, None after the last."""
        event = await self._next_event()
        return bytes(event.data) if isinstance(event, h11.Data) else None

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(READ_BYTES))
        return event

    def close(self) -> None:
        """Give the connection up, at once and without a word: every message said where it ended."""
        self._writer.transport.abort()


async def connect(target: Target) -> Connection:
    """A connection to the first of the target's addresses that answers; raises a Fault if the guard refuses any."""
    failure = OSError("no address")
    for address in await addresses.admit(target.host, target.port):
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                return Connection(*await _open(str(address), target))
        except OSError as exc:  # refused, unreachable, too slow, not trusted
            failure = exc
    raise failure


async def _open(address: str, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if target.scheme == "http":
        return await asyncio.open_connection(address, target.port)
    return await asyncio.open_connection(address, target.port, ssl=tls_context(), server_hostname=target.host)
