"""A port of this machine, every connection to it a task that does not outlive it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import h11

from lib.dev.wire import Wire

BACKLOG = 2048  # hundreds of streams may be opened at once


class Listener:
    """Hands the server's end of each connection to `serve`, which answers on it until either side wants to close."""

    def __init__(self, serve: Callable[[Wire], Awaitable[None]]) -> None:
        self._serve = serve
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self, port: int) -> int:
        """Listen on this port (0: a free one) and say which it is; raises OSError when it is taken."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, backlog=BACKLOG)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Listen no longer, and break off what is still being answered."""
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task  # noqa: S101  # start_server runs this in a task
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        wire = Wire(h11.SERVER, reader, writer)
        with contextlib.suppress(ConnectionError, h11.ProtocolError, asyncio.CancelledError):
            await self._serve(wire)
        wire.abort() if wire.protocol.our_state is h11.SEND_BODY else wire.close()
