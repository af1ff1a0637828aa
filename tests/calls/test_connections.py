"""Connections: shared, bounded, never trusted for longer than they deserve; TLS that checks the name."""

import asyncio
import ssl
import subprocess

import pytest

from lib import calls
from lib.calls import addresses, targets, transport
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
    assert not transport._clients


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
    more, said = asyncio.Event(), asyncio.Event()

    async def answer_and_more(writer: asyncio.StreamWriter) -> None:
        unasked = answer(200, "unasked", content_type="text/plain")
        writer.write(answer(200, "asked", content_type="text/plain") + (unasked if at_once else b""))
        if not at_once:
            await more.wait()
            writer.write(unasked)
        said.set()
        await never(writer)

    async with serve(lambda _: answer_and_more) as server:
        assert await http(server.url) == "asked"
        more.set()
        await said.wait()
        assert await http(server.url) == "asked"
    assert [request.connection for request in server.received] == [1, 2]


async def test_a_connection_the_server_closed_while_idle_is_not_used_again(http: HttpCaller) -> None:
    async with serve(lambda _: pieces(answer(200, "ok", content_type="text/plain"))) as server:
        for _ in range(3):
            assert await http(server.url) == "ok"
    assert len(server.received) == 3


async def test_a_server_that_talks_on_while_nobody_reads_is_held_back() -> None:
    held: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 50_000_000)
        try:
            await asyncio.wait_for(writer.drain(), 0.5)
        except TimeoutError:
            held.set_result(True)
        else:
            held.set_result(False)
        writer.transport.abort()

    async with await asyncio.start_server(flood, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        connection = await connections.connect(targets.read(url))
        assert await held
        connection.close()


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
