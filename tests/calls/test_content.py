"""Bodies: as large as the limit and no larger, unpacked or not; JSON that every later room can hold."""

import asyncio
import gzip
import json
import tracemalloc
import zlib

import pytest

from lib import json_text
from lib.calls import transport
from lib.dsl.faults import Fault
from tests.calls.conftest import HttpCaller
from tests.calls.server import answer, json_answer, pieces, serve

pytestmark = pytest.mark.anyio


async def test_an_answer_may_be_as_large_as_the_limit_and_no_larger(monkeypatch, http: HttpCaller) -> None:
    monkeypatch.setattr(transport, "MAX_RESPONSE_BYTES", 1000)
    sizes = iter([1000, 1001])
    async with serve(lambda _: answer(200, b"x" * next(sizes), content_type="text/plain")) as server:
        assert await http(server.url) == "x" * 1000
        with pytest.raises(Fault, match="larger than 1000 bytes") as caught:
            await http(server.url)
    assert caught.value.status == 502


async def test_an_answer_that_comes_faster_than_it_is_read_comes_whole(http: HttpCaller) -> None:
    body = "0123456789abcdef" * 200_000
    async with serve(lambda _: answer(200, body, content_type="text/plain")) as server:
        assert await http(server.url) == body


async def test_an_endless_answer_is_not_read_to_its_end(monkeypatch, http: HttpCaller) -> None:
    monkeypatch.setattr(transport, "MAX_RESPONSE_BYTES", 100_000)

    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
        while True:
            writer.write(b"x" * 50_000)
            await writer.drain()

    async with serve(lambda _: endless) as server:
        with pytest.raises(Fault, match="larger than"):
            await http(server.url)


async def test_an_endless_error_still_tells_its_status(http: HttpCaller) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Oh\r\ncontent-type: text/plain\r\n\r\nbroken ")
        while True:
            writer.write(b"x" * 50_000)
            await writer.drain()

    async with serve(lambda _: endless) as server:
        with pytest.raises(Fault, match="with 500: broken xxx") as caught:
            await http(server.url)
    assert caught.value.status == 500


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
async def test_an_error_with_a_broken_body_still_tells_its_status(http: HttpCaller, encoding) -> None:
    head = f"HTTP/1.1 429 Slow\r\ncontent-encoding: {encoding}\r\ncontent-length: 99\r\n\r\nno".encode()
    async with serve(lambda _: pieces(head)) as server:
        with pytest.raises(Fault) as caught:
            await http(server.url)
    assert caught.value.status == 429


def gzipped(data: bytes, **headers: str):
    return lambda _: answer(200, data, content_type="text/plain", content_encoding="gzip", **headers)


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_stopped_at_the_limit(http: HttpCaller) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b"\0" * 1_000_000) for _ in range(200)) + packer.flush()
    assert len(bomb) < 250_000
    async with serve(gzipped(bomb)) as server:
        tracemalloc.start()
        try:
            with pytest.raises(Fault, match="larger than"):
                await http(server.url)
            assert tracemalloc.get_traced_memory()[1] < 4 * transport.MAX_RESPONSE_BYTES
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (gzip.compress(b"one") + gzip.compress(b"two"), "onetwo"),
        (gzip.compress(b"one") + b"\0" * 20, "one"),
        (gzip.compress(b""), None),
        (b"", None),
    ],
    ids=["members", "padding", "empty", "nothing"],
)
async def test_reads_gzip_of_several_members_and_with_padding(http: HttpCaller, data, text) -> None:
    async with serve(gzipped(data)) as server:
        assert await http(server.url) == text


@pytest.mark.parametrize(
    "data",
    [b"plain", gzip.compress(b"one" * 99)[:-9], gzip.compress(b"x") + b"\x1f\x8b"],
    ids=["not gzip", "cut", "second member cut"],
)
async def test_gzip_that_is_broken_or_cut_is_a_communication_fault(http: HttpCaller, data) -> None:
    async with serve(gzipped(data)) as server:
        with pytest.raises(Fault) as caught:
            await http(server.url)
    assert caught.value.status == 502


async def test_a_content_coding_that_nobody_asked_for_is_a_communication_fault(http: HttpCaller) -> None:
    async with serve(lambda _: answer(200, b"abc", content_encoding="br")) as server:
        with pytest.raises(Fault, match="content coding"):
            await http(server.url)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "nothing",
        "NaN",
        "[Infinity]",
        "1e999",
        '"\\ud800"',
        '"a\\u0000b"',
        '{"\\u0000": 1}',
        "[" * 100_000,
        "[" * (json_text.MAX_DEPTH + 1) + "]" * (json_text.MAX_DEPTH + 1),
        "1" * 5000,
        "\udcff",
    ],
)
async def test_json_that_is_none_or_that_no_database_can_hold_is_a_communication_fault(http, text) -> None:
    body = text.encode(errors="surrogateescape")
    async with serve(lambda _: answer(200, body, content_type="application/json")) as server:
        with pytest.raises(Fault) as caught:
            await http(server.url)
    assert caught.value.status == 502


@pytest.mark.parametrize(
    "text",
    ["[" * json_text.MAX_DEPTH + "]" * json_text.MAX_DEPTH, '"\\\\u0000 \\ud83d\\ude00"', "1e30", "0", '{"a":1,"a":2}'],
)
async def test_json_that_is_merely_unusual_is_read(http: HttpCaller, text) -> None:
    async with serve(lambda _: json_answer(text)) as server:
        assert await http(server.url) == json.loads(text)
