"""Connections: shared, bounded, never trusted for longer than they deserve; TLS that checks the name."""

import asyncio
import ssl
import subprocess

import pytest

from lib import calls
from lib.calls import addresses, arguments, transport
from lib.dsl.faults import Fault
from tests.calls.conftest import CONTEXT, HttpCaller
from tests.calls.server import answer, never, pieces, serve

pytestmark = pytest.mark.anyio


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


async def test_a_connection_that_was_idle_for_too_long_is_not_used_again(monkeypatch, http: HttpCaller) -> None:
    monkeypatch.setattr(transport, "IDLE_SECONDS", 0)
    async with serve(lambda _: answer()) as server:
        await http(server.url)
        await http(server.url)
    assert [request.connection for request in server.received] == [1, 2]


async def test_what_a_server_says_unasked_while_idle_ends_the_connection(http: HttpCaller) -> None:
    """Some proxies end an idle connection with a 408 nobody asked for."""
    more, said = asyncio.Event(), asyncio.Event()

    async def answer_and_more(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, "asked", content_type="text/plain"))
        await more.wait()
        writer.write(answer(200, "unasked", content_type="text/plain"))
        said.set()
        await never(writer)

    async with serve(lambda _: answer_and_more) as server:
        assert await http(server.url) == "asked"
        more.set()
        await said.wait()
        assert await http(server.url) == "asked"
    assert [request.connection for request in server.received] == [1, 2]


@pytest.mark.parametrize("unasked", [answer(200, "unasked", content_type="text/plain"), answer(204), answer(408)])
async def test_what_a_server_says_behind_an_answer_is_never_taken_for_the_next_one(http: HttpCaller, unasked) -> None:
    async with serve(lambda _: answer(200, "asked", content_type="text/plain") + unasked) as server:
        assert await http(server.url) == "asked"
        with pytest.raises(Fault, match="valid HTTP") as caught:
            await http(server.url)
        assert await http(server.url) == "asked"
    assert caught.value.status == 502
    assert server.received[-1].connection == 2


async def test_a_connection_the_server_closed_while_idle_is_not_used_again(http: HttpCaller) -> None:
    async with serve(lambda _: pieces(answer(200, "ok", content_type="text/plain"))) as server:
        for _ in range(3):
            assert await http(server.url) == "ok"
    assert len(server.received) == 3


async def test_a_server_that_talks_on_while_nobody_reads_is_held_back(http: HttpCaller) -> None:
    held: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 50_000_000)
        try:
            await asyncio.wait_for(writer.drain(), 0.5)
        except TimeoutError:
            held.set_result(True)
        else:
            held.set_result(False)
        writer.transport.abort()

    async with serve(lambda _: flood) as server:
        request = arguments.read({"method": "get", "endpoint": server.url}, "key").request
        async with transport.exchange(request):
            assert await held


async def test_only_so_many_exchanges_at_once(monkeypatch, http: HttpCaller) -> None:
    monkeypatch.setattr(transport, "MAX_CONNECTIONS", 3)
    inside, full, counts = set[asyncio.StreamWriter](), asyncio.Event(), []

    async def answer_when_full(writer: asyncio.StreamWriter) -> None:
        inside.add(writer)
        counts.append(len(inside))
        if len(inside) == 3:
            full.set()
        await full.wait()
        inside.remove(writer)
        writer.write(answer())

    async with serve(lambda _: answer_when_full) as server:
        await asyncio.gather(*(http(server.url) for _ in range(12)))
    assert max(counts) == 3
    assert len(counts) == 12


async def test_only_so_many_connections_are_kept(monkeypatch, http: HttpCaller) -> None:
    monkeypatch.setattr(transport, "MAX_CONNECTIONS", 1)
    async with serve(lambda _: answer()) as one, serve(lambda _: answer()) as other:
        await http(one.url)
        await http(other.url)
        await asyncio.wait_for(one.gone.wait(), 5)
        await http(other.url)
    assert [request.connection for request in other.received] == [1, 1]


@pytest.mark.parametrize("again", [0, 1, 2])
async def test_a_call_gives_its_connection_back_whenever_it_is_cancelled(monkeypatch, http: HttpCaller, again) -> None:
    """Also when it is cancelled again while it cleans up, as by two timeouts of the same length."""
    monkeypatch.setattr(transport, "MAX_CONNECTIONS", 2)
    async with serve(lambda _: answer(200, "x" * 100_000, content_type="text/plain")) as server:
        for moment in range(100):
            tasks = [asyncio.ensure_future(http(server.url)) for _ in range(3)]
            for steps in (moment, *[1] * again):
                for _ in range(steps):
                    await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert await http(server.url) == "x" * 100_000
        async with asyncio.timeout(5):
            while server.open > 2:
                await asyncio.sleep(0.01)


async def test_no_cookie_is_kept(http: HttpCaller) -> None:
    async with serve(lambda _: answer(200, "", set_cookie="session=1")) as server:
        await http(server.url)
    assert not transport._pool().client.cookies


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
    monkeypatch.setattr(transport, "tls_context", lambda: ours)
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
    tls = transport.tls_context()
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname
    assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2
