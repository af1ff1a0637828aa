"""Streams: frame by frame, and closed when either side leaves."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from lib.http import EventStream, Request, Response
from tests.call import call, exchange
from tests.http.conftest import ReadLog
from tests.http.serve import serve

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("configure")]


class Frames:
    """A stream of numbered frames that knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.more = asyncio.Event()

    async def generate(self) -> AsyncGenerator[bytes]:
        try:
            yield b"data: 1\n\n"
            await self.more.wait()
            yield b"data: 2\n\n"
        finally:
            self.closed.set()


async def test_streams_frame_by_frame() -> None:
    frames = Frames()

    async def handle(_: Request) -> Response:
        return EventStream(frames.generate())

    async with exchange(serve(handle), "GET", "/x") as flight:
        assert await flight.read() == b"data: 1\n\n"
        assert flight.headers["content-type"] == "text/event-stream"
        assert flight.headers["cache-control"] == "no-cache, no-store, no-transform"
        assert flight.headers["x-accel-buffering"] == "no"
        assert "content-length" not in flight.headers
        frames.more.set()
        assert await flight.read() == b"data: 2\n\n"
        await flight.finished()
        assert flight.body_ended
    assert frames.closed.is_set()


async def test_closes_the_stream_of_a_client_that_left() -> None:
    frames = Frames()

    async def handle(_: Request) -> Response:
        return EventStream(frames.generate())

    async with exchange(serve(handle), "GET", "/x") as flight:
        await flight.read()
        flight.disconnect()
        await flight.finished()
    assert frames.closed.is_set()


async def test_head_of_a_stream_has_its_headers_and_closes_it() -> None:
    frames = Frames()

    async def handle(_: Request) -> Response:
        generator = frames.generate()
        await anext(generator)
        return EventStream(generator)

    found = await call(serve(handle), "HEAD", "/x")
    assert (found.headers["content-type"], found.body) == ("text/event-stream", b"")
    assert frames.closed.is_set()


async def test_a_stream_that_breaks_does_not_look_complete(read_log: ReadLog) -> None:
    async def generate() -> AsyncGenerator[bytes]:
        yield b"data: 1\n\n"
        raise ValueError("broken")

    async def handle(_: Request) -> Response:
        return EventStream(generate())

    async with exchange(serve(handle), "GET", "/x") as flight:
        with pytest.raises(ValueError, match="broken"):
            await flight.finished()
        assert not flight.body_ended
    assert [line["event"] for line in read_log()] == ["request"]
