"""One HTTP/1.1 connection: asyncio carries the bytes, h11 keeps the protocol."""

import asyncio
from typing import Self

import h11

MAX_HEADER_BYTES = 64 * 1024
CHUNK_BYTES = 64 * 1024


class Wire:
    """Either end of a connection; events go out as they come, nothing is buffered beyond one chunk."""

    def __init__(
        self,
        role: type[h11.CLIENT] | type[h11.SERVER],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.protocol = h11.Connection(role, max_incomplete_event_size=MAX_HEADER_BYTES)
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int) -> Self:
        """A client's end, connected to a server on this machine."""
        return cls(h11.CLIENT, *await asyncio.open_connection("127.0.0.1", port))

    @property
    def peer(self) -> str:
        """The address at the other end."""
        return str((self._writer.get_extra_info("peername") or ["127.0.0.1"])[0])

    async def receive(self) -> h11.Event | type[h11.PAUSED]:
        """The next event; raises h11.RemoteProtocolError when the other end breaks the protocol or off."""
        while True:
            event = self.protocol.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]  # NEED_DATA is excluded above
            if self.protocol.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            self.protocol.receive_data(await self._reader.read(CHUNK_BYTES))

    async def send(self, *events: h11.Event) -> None:
        """Write these events and wait until the other end keeps up."""
        for event in events:
            data = self.protocol.send(event)
            if data:
                self._writer.write(data)
        await self._writer.drain()

    async def hang_up(self) -> None:
        """Return when the other end has closed; what it sends until then waits for the next cycle."""
        while data := await self._reader.read(CHUNK_BYTES):
            self.protocol.receive_data(data)

    def close(self) -> None:
        """Close after what was written has left."""
        self._writer.close()

    def abort(self) -> None:
        """Break off at once, so that the other end cannot take a half answer for a whole one."""
        self._writer.transport.abort()
