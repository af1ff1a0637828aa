"""The database's disk is full, and then it is not."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from lib import db, migrate, store
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from tests.api.client import Client
from tests.conftest import Configure
from tests.documents import calls, document
from tests.fire.cable import Cable
from tests.fire.conftest import Injected, StartRun, reckon
from tests.fire.small_disk import is_possible
from tests.service import Service

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not is_possible(), reason="nobody may mount a small disk here: not run"),
]
REFUSALS = 3


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database whose tables are on a disk of a few megabytes."""
    command = [sys.executable, "-m", "tests.fire.small_disk", str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: ASYNC220  # takes no time
        assert process.stdin
        assert process.stdout
        try:
            url, disk = (await asyncio.to_thread(process.stdout.readline)).split()
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
                await conn.execute(f"create tablespace small location '{disk}'".encode())
                await conn.execute(b"create database small tablespace small")
            own = urlsplit(url)._replace(path="/small").geturl()
            await migrate.migrate(own)
            yield own
        finally:
            process.stdin.close()
            await asyncio.to_thread(process.wait, 20)


@pytest.fixture
async def cable(small: str, configure: Configure) -> AsyncIterator[Cable]:
    """The way to it, which hears what it says."""
    async with Cable(urlsplit(small).port or 0) as running:
        configure(DATABASE_URL=running.url(small), RATCHET_ALLOW_ADDRESSES="loopback", RATCHET_AFTER_RESPONSE="off")
        yield running
        await db.close()


async def insert_for_ever(conn: psycopg.AsyncConnection, size: int) -> None:
    while True:
        await conn.execute("insert into ballast select repeat('x', %s) from generate_series(1, 500)", (size,))


async def fill(url: str) -> None:
    """Write until there is no room for another page, in any table."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute("create table ballast (x text)")
        await conn.execute("alter table ballast alter x set storage plain")
        for size in (2000, 1):
            with pytest.raises(psycopg.errors.DiskFull):
                await insert_for_ever(conn, size)


async def test_runs_go_on_when_there_is_room_again(
    small: str, cable: Cable, start: StartRun, service: Service, injected: Injected
):
    # each result needs pages of its own: what is free inside the tables' pages is soon used up
    runs = [await start(document(calls(service.url, 3)), {"large": ["x" * 7000 + str(n)]}) for n in range(30)]
    service.gate.clear()
    sweep = asyncio.create_task(sweep_all(Reactor(), None))
    await service.arrived.wait()
    await fill(small)
    service.gate.set()
    async with asyncio.timeout(20):
        while cable.count_errors("53100") < REFUSALS:
            await asyncio.sleep(0.01)
    body = {"input": {"large": ["y" * 100_000]}}
    refusal = await Client()("POST", "/workflows/test/runs", json=body)
    assert (refusal.status, int(refusal.headers["retry-after"]) > 0) == (503, True)
    assert b"tablespace" not in refusal.body
    async with await psycopg.AsyncConnection.connect(small, autocommit=True) as conn:
        await conn.execute("drop table ballast")
    assert (await sweep).completed == len(runs)
    assert (await Client()("POST", "/workflows/test/runs", json=body)).status == 202
    assert set(service.keys().values()) == {1}
    await sweep_all(Reactor(), None)
    assert {(await store.get_run(run)).status for run in runs} == {"completed"}
    await reckon(small)
    injected(
        "a full disk loses nothing",
        f"the database's disk full (53100) under {len(runs)} runs, until it had refused commits {REFUSALS} times",
        times=1,
        outcome="commits sent again until there was room, no effect repeated; clients meanwhile: 503 with Retry-After",
    )
