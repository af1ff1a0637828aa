"""What a call sends and takes is bounded, to the byte: at the limit it is made, past it the fault says the number."""

from collections.abc import AsyncIterator

import pytest

from lib.calls.arguments import MAX_BODY_BYTES, MAX_HEADER_BYTES
from lib.calls.http import MAX_REDIRECTS
from lib.calls.targets import MAX_URL_CHARACTERS
from lib.calls.transport import MAX_RESPONSE_BYTES
from lib.dsl.faults import Fault
from tests.calls.conftest import HttpCaller
from tests.calls.server import Received, Server, answer, serve

pytestmark = pytest.mark.anyio


def reply(request: Received) -> bytes:
    """As many bytes as `/bytes/<count>` asks for, or so many redirects more as `/hops/<count>` does."""
    _, kind, count, *_ = f"{request.target}/0".split("/")
    if kind == "hops" and count != "0":
        return answer(302, location=f"/hops/{int(count) - 1}")
    return answer(200, "x" * int(count) if kind == "bytes" else "ok", content_type="text/plain")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serve(reply) as running:
        yield running


async def test_a_body(http: HttpCaller, server: Server):
    assert await http(server.url, method="post", body="x" * MAX_BODY_BYTES) == "ok"
    assert len(server.received[-1].body) == MAX_BODY_BYTES
    with pytest.raises(Fault, match=f"may have {MAX_BODY_BYTES} bytes, this one has {MAX_BODY_BYTES + 1}"):
        await http(server.url, method="post", body="x" * (MAX_BODY_BYTES + 1))


async def test_the_headers(http: HttpCaller, server: Server):
    assert await http(server.url, headers={"a": "x" * (MAX_HEADER_BYTES - 2), "b": ""}) == "ok"
    with pytest.raises(Fault, match=f"may have {MAX_HEADER_BYTES} bytes"):
        await http(server.url, headers={"a": "x" * (MAX_HEADER_BYTES - 2), "b": "y"})


async def test_the_url(http: HttpCaller, server: Server):
    room = MAX_URL_CHARACTERS - len(f"{server.url}/")
    assert await http(f"{server.url}/{'x' * room}") == "ok"
    with pytest.raises(Fault, match=f"may have {MAX_URL_CHARACTERS} characters, this one has {MAX_URL_CHARACTERS + 1}"):
        await http(f"{server.url}/{'x' * (room + 1)}")


async def test_redirects(http: HttpCaller, server: Server):
    assert await http(f"{server.url}/hops/{MAX_REDIRECTS}", redirect=True) == "ok"
    with pytest.raises(Fault, match=f"more than {MAX_REDIRECTS} times"):
        await http(f"{server.url}/hops/{MAX_REDIRECTS + 1}", redirect=True)


async def test_an_answer(http: HttpCaller, server: Server):
    assert len(await http(f"{server.url}/bytes/{MAX_RESPONSE_BYTES}")) == MAX_RESPONSE_BYTES
    with pytest.raises(Fault, match=f"larger than {MAX_RESPONSE_BYTES} bytes"):
        await http(f"{server.url}/bytes/{MAX_RESPONSE_BYTES + 1}")
