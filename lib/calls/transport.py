"""HTTP exchanges over connections that are kept open for a while and shared, per event loop.

Rule: no proxies, no cookies, no retries, nothing from the environment. What fails on the wire is a
communication fault: 503 when there is no connection, 504 when it takes too long, 502 when it breaks or does
not speak HTTP.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import h11

from lib.calls.arguments import Request
from lib.calls.connections import Connection, connect
from lib.calls.content import Collector
from lib.calls.targets import Target
from lib.dsl import faults

MAX_RESPONSE_BYTES = 4 * 1024 * 1024
# Of an answer that is an error or a redirect, enough for a message.
MAX_GLIMPSE_BYTES = 8 * 1024
CONNECT_SECONDS = 10.0
MAX_CONNECTIONS = 100
MAX_IDLE_CONNECTIONS = 50
# Many servers close an idle connection after five seconds; a request must not meet that.
IDLE_SECONDS = 4.0


@dataclass(frozen=True)
class Reply:
    """An answer whose body is still on the wire; header names are lower case."""

    status: int
    headers: dict[str, str]
    connection: Connection

    async def read(self) -> bytes:
        """The whole body, unpacked; raises a Fault if it is larger than the limit."""
        body = await self._collect(MAX_RESPONSE_BYTES)
        return body.take()

    async def glimpse(self) -> bytes:
        """The body's beginning; never a Fault, for the status has more to say."""
        try:
            body = await self._collect(MAX_GLIMPSE_BYTES)
        except (faults.Fault, h11.ProtocolError, OSError):
            return b""
        return body.peek()

    async def _collect(self, limit: int) -> Collector:
        body = Collector(self.headers.get("content-encoding", "").strip().lower(), limit)
        while not body.full and (chunk := await self.connection.receive_data()) is not None:
            body.add(chunk)
        return body


class Pool:
    """The connections of one event loop: so many at once, and those that wait for their origin's next request."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._idle: dict[Connection, tuple[tuple[str, str, int], asyncio.TimerHandle]] = {}

    @asynccontextmanager
    async def connection(self, target: Target) -> AsyncIterator[Connection]:
        """A connection for one exchange; kept afterwards if the exchange was ended properly, else closed."""
        async with self._slots:
            connection = self._take(target.origin) or await _connect(target)
            try:
                yield connection
            finally:
                self._put(target.origin, connection)

    def _take(self, origin: tuple[str, str, int]) -> Connection | None:
        """The idle connection of this origin that was used last, as the one most likely alive."""
        for connection, (kept_for, _) in reversed(list(self._idle.items())):
            if kept_for == origin:
                self._idle.pop(connection)[1].cancel()
                if connection.silent:
                    return connection
                connection.close()
        return None

    def _put(self, origin: tuple[str, str, int], connection: Connection) -> None:
        if connection.reusable and len(self._idle) < MAX_IDLE_CONNECTIONS:
            timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._drop, connection)
            self._idle[connection] = origin, timer
        else:
            connection.close()

    def _drop(self, connection: Connection) -> None:
        self._idle.pop(connection)[1].cancel()
        connection.close()

    def close(self) -> None:
        """Close what is idle; what is in use is closed by its exchange."""
        for connection in list(self._idle):
            self._drop(connection)


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
        pool.close()
        await asyncio.sleep(0)  # the loop closes the sockets in its next round


async def _connect(target: Target) -> Connection:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await connect(target)
    except TimeoutError as exc:
        raise faults.communication(f"'{target.host}' does not accept connections in time.", 504) from exc
    except ssl.SSLError as exc:
        raise faults.communication(f"No trusted TLS connection to '{target.host}' can be made.", 502) from exc
    except OSError as exc:
        raise faults.communication(f"'{target.host}' does not accept connections.", 503) from exc


@asynccontextmanager
async def exchange(request: Request) -> AsyncIterator[Reply]:
    """Send the request and hand out the answer as soon as its head is there; raises a Fault."""
    host = request.target.host
    async with _pool().connection(request.target) as connection:
        try:
            connection.send(request)
            head = await connection.receive_head()
            yield Reply(head.status_code, _joined(head), connection)
        except h11.ProtocolError as exc:
            raise faults.communication(f"'{host}' does not answer in whole, valid HTTP.", 502) from exc
        except OSError as exc:
            raise faults.communication(f"The connection to '{host}' broke.", 502) from exc


def _joined(head: h11.Response) -> dict[str, str]:
    joined: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
