"""Postgres dies under load and comes back: whoever asks meanwhile is told to come again, and nothing is lost."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import psycopg
import pytest

from lib import db, migrate
from lib.dev.postgres import Server
from lib.dev.server import LocalPlatform
from tests.conftest import Configure
from tests.documents import calls, document
from tests.fire.cable import Cable
from tests.fire.conftest import Injected, StartRun, reckon
from tests.service import Service

pytestmark = pytest.mark.anyio
RUNS = 40
STRIKES = 3


@pytest.fixture
async def mortal(own_server: Server, configure: Configure) -> AsyncIterator[Cable]:
    """A database on a server that may be crashed; its address stays the same when the server does not."""
    own_server.drop_database("mortal")
    await migrate.migrate(own_server.create_database("mortal"))
    async with Cable(own_server.port) as cable:
        configure(DATABASE_URL=cable.url(own_server.url("mortal")), RATCHET_ALLOW_ADDRESSES="loopback")
        yield cable
        await db.close()


async def sweep_through(url: str, service: Service, strike: Callable[[], Awaitable[None]]) -> list[httpx.Response]:
    """Sweep on the real runtime until nothing is left, striking at a third, half and two thirds of the calls."""
    env = {"DATABASE_URL": url, "RATCHET_AFTER_RESPONSE": "off", "RATCHET_ALLOW_ADDRESSES": "loopback"}
    env["RATCHET_LEASE"] = "2"
    answers: list[httpx.Response] = []
    async with LocalPlatform(env=env) as platform, httpx.AsyncClient(base_url=platform.url, timeout=50) as client:

        async def sweep() -> None:
            while await _any_left(client):
                answers.append(await client.post("/sweep"))

        sweeping = asyncio.create_task(sweep())
        for share in (3, 2, 1.5):
            while len(service.requests) < 3 * RUNS / share:
                await asyncio.sleep(0.002)
            assert not sweeping.done()
            await strike()
        async with asyncio.timeout(45):
            await sweeping
    return answers


async def _any_left(client: httpx.AsyncClient) -> bool:
    """Whether a run has not ended, as far as anybody can tell right now."""
    for status in ("pending", "running", "waiting"):
        found = await client.get("/runs", params={"status": status, "limit": 1})
        if found.status_code != 200 or found.json()["runs"]:
            return True
    return False


def check_answers(answers: list[httpx.Response]) -> None:
    assert {answer.status_code for answer in answers} <= {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0
            assert b"psycopg" not in answer.content


async def test_a_server_process_that_is_killed_costs_nothing_but_time(
    mortal: Cable, own_server: Server, start: StartRun, service: Service, injected: Injected
):
    for _ in range(RUNS):
        await start(document(calls(service.url, 3)))

    async def strike() -> None:
        """SIGKILL to whoever serves a connection: Postgres throws everybody out and recovers from its log."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(own_server.url("mortal")) as conn:
                    [(pid,)] = await (await conn.execute("select pg_backend_pid()")).fetchall()
                    os.kill(pid, signal.SIGKILL)
                    with pytest.raises(psycopg.OperationalError):
                        await conn.execute("select 1")
            except psycopg.OperationalError:
                await asyncio.sleep(0.05)
            else:
                return

    check_answers(await sweep_through(mortal.url(own_server.url("mortal")), service, strike))
    await reckon(own_server.url("mortal"))
    assert len(service.keys()) == 3 * RUNS
    injected(
        "a crash of the database loses nothing",
        f"SIGKILL of a Postgres process under load: it recovers from its log, {RUNS} runs under way",
        times=STRIKES,
        outcome="sweeps answered 200 or 503 with Retry-After, all runs completed",
    )


async def test_a_server_that_is_stopped_at_once_and_started_again_costs_nothing_but_time(
    mortal: Cable, own_server: Server, start: StartRun, service: Service, injected: Injected
):
    for _ in range(RUNS):
        await start(document(calls(service.url, 3)))

    async def strike() -> None:
        os.kill(own_server.pid, signal.SIGQUIT)
        own_server.stop()
        own_server.start()
        mortal.target = own_server.port

    check_answers(await sweep_through(mortal.url(own_server.url("mortal")), service, strike))
    await reckon(own_server.url("mortal"))
    assert len(service.keys()) == 3 * RUNS
    injected(
        "a crash of the database loses nothing",
        f"Postgres stopped at once (SIGQUIT) and started again, {RUNS} runs under way",
        times=STRIKES,
        outcome="sweeps answered 200 or 503 with Retry-After, all runs completed",
    )
