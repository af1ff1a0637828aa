"""The wire at its worst: slow, broken, huge, hostile; and TLS that checks the name."""

import asyncio
import gzip
import json
import ssl
import subprocess
import tracemalloc
import zlib

import pytest

from lib import calls
from lib.calls import addresses, connections, content, transport
from lib.dsl.faults import STANDARD, Fault
from tests.calls.conftest import CONTEXT, HttpCaller
from tests.calls.server import answer, json_answer, serve

pytestmark = pytest.mark.anyio


async def never(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def pieces(*parts: bytes):
    """An answer that writes these bytes and closes the connection."""

    async def write(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return write


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
        [b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nbytes"],
    ],
)
async def test_an_answer_that_breaks_off_or_is_not_http_is_a_communication_fault(http: HttpCaller, parts) -> None:
    async with serve(lambda _: pieces(*parts)) as server:
        with pytest.raises(Fault) as caught:
            await http(server.url)
    assert caught.value.type == STANDARD + "communication"
    assert caught.value.status in (101, 502)


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


async def test_an_answer_may_be_as_large_as_the_limit_and_no_larger(monkeypatch, http: HttpCaller) -> None:
    monkeypatch.setattr(transport, "MAX_RESPONSE_BYTES", 1000)
    sizes = iter([1000, 1001])
    async with serve(lambda _: answer(200, b"x" * next(sizes), content_type="text/plain")) as server:
        assert await http(server.url) == "x" * 1000
        with pytest.raises(Fault, match="larger than 1000 bytes") as caught:
            await http(server.url)
    assert caught.value.status == 502


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
        "[" * (content.MAX_DEPTH + 1) + "]" * (content.MAX_DEPTH + 1),
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
    ["[" * content.MAX_DEPTH + "]" * content.MAX_DEPTH, '"\\\\u0000 \\ud83d\\ude00"', "1e30", "0", '{"a":1,"a":2}'],
)
async def test_json_that_is_merely_unusual_is_read(http: HttpCaller, text) -> None:
    async with serve(lambda _: json_answer(text)) as server:
        assert await http(server.url) == json.loads(text)


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


def test_works_on_one_event_loop_after_the_other() -> None:
    """Connections belong to the loop that opened them; a loop that ended without closing leaves nothing behind."""

    async def one_call(close: bool) -> object:
        async with serve(lambda _: answer(200, "ok", content_type="text/plain", connection="close")) as server:
            result = await calls.run("http", {"method": "get", "endpoint": server.url}, CONTEXT)
        if close:
            await calls.close()
        return result

    assert asyncio.run(one_call(close=False)) == "ok"
    assert asyncio.run(one_call(close=True)) == "ok"
    assert not transport._pools


async def test_an_idle_connection_is_closed_before_the_server_would(monkeypatch, http: HttpCaller) -> None:
    monkeypatch.setattr(transport, "IDLE_SECONDS", 0)
    async with serve(lambda _: answer()) as server:
        await http(server.url)
        await asyncio.wait_for(server.gone.wait(), 5)
        await http(server.url)
    assert [request.connection for request in server.received] == [1, 2]


@pytest.mark.parametrize("at_once", [True, False], ids=["with the answer", "while idle"])
async def test_what_a_server_says_unasked_is_never_taken_for_the_next_answer(http: HttpCaller, at_once) -> None:
    """Some proxies end an idle connection with a 408 nobody asked for."""
    more = asyncio.Event()

    async def answer_and_more(writer: asyncio.StreamWriter) -> None:
        unasked = answer(200, "unasked", content_type="text/plain")
        writer.write(answer(200, "asked", content_type="text/plain") + (unasked if at_once else b""))
        if not at_once:
            await more.wait()
            writer.write(unasked)
        await writer.drain()

    async with serve(lambda _: answer_and_more) as server:
        assert await http(server.url) == "asked"
        more.set()
        if not at_once:
            await asyncio.wait_for(server.gone.wait(), 5)
        assert await http(server.url) == "asked"
    assert [request.connection for request in server.received] == [1, 2]


async def test_a_connection_the_server_closed_while_idle_is_not_used_again(http: HttpCaller) -> None:
    async with serve(lambda _: pieces(answer(200, "ok", content_type="text/plain"))) as server:
        for _ in range(3):
            assert await http(server.url) == "ok"
    assert len(server.received) == 3


async def test_only_so_many_connections_at_once_and_only_so_many_kept(monkeypatch, http: HttpCaller) -> None:
    monkeypatch.setattr(transport, "MAX_CONNECTIONS", 3)
    monkeypatch.setattr(transport, "MAX_IDLE_CONNECTIONS", 2)
    async with serve(lambda _: answer()) as server:
        await asyncio.gather(*(http(server.url) for _ in range(3)))
        used = {request.connection for request in server.received}
        await asyncio.gather(*(http(server.url) for _ in range(9)))
        assert used == {1, 2, 3}
        assert len(transport._pool()._idle) == 2


async def test_a_timeout_while_waiting_for_a_free_connection_is_a_timeout(monkeypatch, http: HttpCaller) -> None:
    monkeypatch.setattr(transport, "MAX_CONNECTIONS", 1)
    async with serve(lambda _: never) as server:
        outcomes = await asyncio.gather(
            *(http(server.url, about={"timeout_seconds": 0.1}) for _ in range(3)), return_exceptions=True
        )
    assert [outcome.status for outcome in outcomes if isinstance(outcome, Fault)] == [408] * 3
    assert len(server.received) == 1


async def test_closing_twice_or_before_any_call_is_fine() -> None:
    await calls.close()
    await calls.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A self-signed certificate for shop.example, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=shop.example", "-addext", "subjectAltName=DNS:shop.example"]
    subprocess.run(
        [*command, *names, "-keyout", key, "-out", certificate, "-days", "2"], check=True, capture_output=True
    )
    return certificate, key


@pytest.mark.parametrize(
    ("host", "trusted", "reached"),
    [("shop.example", True, True), ("other.example", True, False), ("shop.example", False, False)],
)
async def test_tls_checks_the_name_though_the_connection_goes_to_an_address(
    monkeypatch, http: HttpCaller, certificate, host, trusted, reached
) -> None:
    asked_for: list[str | None] = []

    def note(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        asked_for.append(name)

    async def resolve(name: str, port: int) -> list[addresses.Address]:
        return [addresses.IPv4Address("127.0.0.1")]

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate)
    tls.sni_callback = note
    ours = ssl.create_default_context(cafile=certificate[0] if trusted else None)
    monkeypatch.setattr(addresses, "resolve", resolve)
    monkeypatch.setattr(connections, "tls_context", lambda: ours)
    async with serve(lambda _: answer(200, "sold", content_type="text/plain"), tls) as server:
        call = http(f"https://{host}:{server.port}/")
        if reached:
            assert await call == "sold"
        else:
            with pytest.raises(Fault, match="No trusted TLS connection") as caught:
                await call
            assert caught.value.status == 502
    assert asked_for == [host]


def test_certificates_are_verified() -> None:
    tls = connections.tls_context()
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname
    assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2
