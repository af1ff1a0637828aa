"""A cable between an engine and its Postgres that can be cut at a chosen message, or led to another port."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal, Self

from psycopg.conninfo import make_conninfo

# How an answer ends: "ready for the next statement, outside a transaction". What was asked for is then committed.
READY = b"Z\x00\x00\x00\x05I"
CHUNK_BYTES = 1 << 16

type Moment = Literal["before it arrived", "after it was done"]
type Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Cable:
    """Forwards connections from `port` on loopback to `target`; use it as an `async with` block."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.cuts = 0
        self.port = 0
        self._marker = b""
        self._cuts_left = 0
        self._spared = False
        self._moment: Moment = "before it arrived"
        self._before: Callable[[], Awaitable[None]] | None = None
        self._heard: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was closed is gone with the loop's next round

    def url(self, direct: str, **more: str) -> str:
        """The same database, through the cable."""
        return make_conninfo(direct, host="127.0.0.1", port=str(self.port), **more)

    def cut(self, statement: str, moment: Moment, *, times: int) -> None:
        """Break the connection of every other message that holds this text, so often; its answer never comes."""
        self._marker, self._moment, self._cuts_left, self._spared = statement.encode(), moment, times, False

    def hold(self, statement: str, before: Callable[[], Awaitable[None]]) -> None:
        """Do this once before the next message that holds this text is passed on."""
        self._marker, self._before = statement.encode(), before

    def count_errors(self, sqlstate: str) -> int:
        """How often the server has answered with this SQLSTATE."""
        return sum(data.count(b"C" + sqlstate.encode() + b"\0") for data in self._heard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with suppress(OSError):  # nobody there: the client finds out by our hanging up
                far = await asyncio.open_connection("127.0.0.1", self.target)
                await self._join((reader, writer), far)
        finally:
            writer.close()

    async def _join(self, near: Pipe, far: Pipe) -> None:
        """Pass on both ways until one side hangs up, or the cable is cut."""
        swallows = asyncio.Event()
        ways = [
            asyncio.create_task(way)
            for way in (self._ask(near[0], far[1], swallows), self._answer(far[0], near[1], swallows))
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far[1].close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, swallows: asyncio.Event) -> None:
        while data := await reader.read(CHUNK_BYTES):
            if self._marker and self._marker in data:
                if before := self._before:
                    self._before = None
                    await before()
                if self._is_to_be_cut():
                    self.cuts += 1
                    if self._moment == "before it arrived":
                        return
                    swallows.set()
            writer.write(data)
            await writer.drain()

    def _is_to_be_cut(self) -> bool:
        if not self._cuts_left:
            return False
        self._spared = not self._spared
        self._cuts_left -= self._spared
        return self._spared

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, swallows: asyncio.Event
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            if b"C4" in data or b"C5" in data:
                self._heard.append(data)
            if swallows.is_set():
                if data.endswith(READY):
                    return
                continue
            writer.write(data)
            await writer.drain()
