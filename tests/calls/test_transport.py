"""The wire at its worst: slow, broken, endless, hostile."""

import asyncio

import pytest

from lib.calls import addresses, transport
from lib.dsl.faults import STANDARD, Fault
from tests.calls.conftest import HttpCaller
from tests.calls.server import answer, never, pieces, serve

pytestmark = pytest.mark.anyio


async def drip(writer: asyncio.StreamWriter) -> None:
    """A byte at a time, for ever: every read succeeds, the whole never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def drip_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("behaviour", [never, drip, drip_head])
async def test_the_timeout_covers_everything_up_to_the_last_byte(http: HttpCaller, behaviour) -> None:
    async with serve(lambda _: behaviour) as server:
        with pytest.raises(Fault) as caught:
            await http(server.url, about={"timeout_seconds": 0.15})
        if behaviour is not never:
            await asyncio.wait_for(server.gone.wait(), 5)  # the connection is given up, not left behind
    assert caught.value.type == STANDARD + "timeout"
    assert caught.value.status == 408


async def test_a_cancelled_call_lets_go_of_its_connection(http: HttpCaller) -> None:
    heard = asyncio.Event()

    async def answer_slowly(writer: asyncio.StreamWriter) -> None:
        heard.set()
        await drip(writer)

    async with serve(lambda _: answer_slowly) as server:
        task = asyncio.ensure_future(http(server.url))
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.gone.wait(), 5)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"HTTP/1.1 200 OK\r\ncontent-len"],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"],
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"],
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n"],
        [b"SSH-2.0-OpenSSH_9.6\r\n"],
        [b"HTTP/1.1 two hundred\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd"],
        [b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\n\r\n"],
    ],
)
async def test_an_answer_that_breaks_off_or_is_not_http_is_a_communication_fault(http: HttpCaller, parts) -> None:
    async with serve(lambda _: pieces(*parts)) as server:
        with pytest.raises(Fault) as caught:
            await http(server.url)
    assert caught.value.type == STANDARD + "communication"
    assert caught.value.status == 502


async def test_a_server_that_wants_another_protocol_is_not_waited_for(http: HttpCaller) -> None:
    async def switch(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")
        await never(writer)

    async with serve(lambda _: switch) as server:
        with pytest.raises(Fault) as caught:
            await http(server.url)
    assert caught.value.status == 502


async def test_an_informational_answer_is_not_the_answer(http: HttpCaller) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    async with serve(lambda _: hints + answer(200, "ok", content_type="text/plain")) as server:
        assert await http(server.url) == "ok"


async def test_nobody_listening_is_a_communication_fault(http: HttpCaller) -> None:
    async with serve(lambda _: answer()) as server:
        pass
    with pytest.raises(Fault, match="does not accept connections") as caught:
        await http(server.url)
    assert caught.value.status == 503


async def test_a_connection_that_never_comes_about_is_given_up_before_the_call_is(monkeypatch, http) -> None:
    async def resolve(host: str, port: int) -> list[addresses.Address]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(addresses, "resolve", resolve)
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.05)
    with pytest.raises(Fault, match="in time") as caught:
        await http("http://slow.example/")
    assert caught.value.status == 504


async def test_a_request_the_server_does_not_read_to_its_end_still_gets_its_answer(http: HttpCaller) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(413, "too much", connection="close"))
        await writer.drain()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(Fault) as caught:
            await http(url, method="post", body="x" * 4_000_000)
    assert caught.value.status == 413
