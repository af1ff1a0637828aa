"""The database takes a statement back: it took too long, or waited in a circle."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import psycopg
import pytest

from lib import store
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from tests.api.client import Client
from tests.conftest import Configure
from tests.documents import calls, document
from tests.fire.cable import Cable
from tests.fire.conftest import Injected, StartRun, reckon
from tests.history import event_types
from tests.service import Service

pytestmark = pytest.mark.anyio
TIMEOUTS = 3
# A session looks for a circle once, this long after it began to wait: the circle has to be closed by then.
DEADLOCK_MS = 1500


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """Somebody else's session; deadlocks are found by whoever we are."""
    async with await psycopg.AsyncConnection.connect(database_url) as conn:
        await conn.execute("set deadlock_timeout = '60s'")
        await conn.commit()
        yield conn


async def lock(conn: psycopg.AsyncConnection, run: UUID) -> None:
    await conn.execute("select 1 from ratchet.runs where id = %s for update", (run,))


async def blocked(url: str, count: int = 1) -> None:
    """Until that many sessions wait for a lock."""
    query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn, asyncio.timeout(10):
        while (await (await conn.execute(query)).fetchone()) != (count,):
            await asyncio.sleep(0.01)


async def refused(cable: Cable, sqlstate: str, times: int) -> None:
    """Until the server has said so often that it took a statement back."""
    async with asyncio.timeout(10):
        while cable.count_errors(sqlstate) < times:
            await asyncio.sleep(0.01)


async def test_a_commit_that_times_out_is_sent_again_until_it_is_done(
    cable: Cable,
    other: psycopg.AsyncConnection,
    configure: Configure,
    database_url: str,
    start: StartRun,
    reactor: Reactor,
    service: Service,
    injected: Injected,
):
    configure(DATABASE_URL=cable.url(database_url, options="-c statement_timeout=150"), RATCHET_LEASE="30")
    run = await start(document(calls(service.url, 2)))
    service.gate.clear()
    sweep = asyncio.create_task(sweep_all(reactor, None))
    await service.arrived.wait()
    await lock(other, run)
    service.gate.set()
    await refused(cable, "57014", TIMEOUTS)
    refusal = await Client()("POST", f"/runs/{run}/cancel")
    assert (refusal.status, int(refusal.headers["retry-after"]) > 0) == (503, True)
    assert b"psycopg" not in refusal.body
    await other.rollback()
    assert (await sweep).completed == 1
    assert service.keys() == {f"{run}:/do/{n}/step{n}:1": 1 for n in range(2)}
    await reckon(database_url)
    injected(
        "a statement timeout loses nothing",
        "statement timeout (57014) of a commit",
        times=TIMEOUTS,
        outcome="sent again until it was done, no effect was repeated; a client's call meanwhile: 503 with Retry-After",
    )


async def test_a_commit_that_waits_in_a_circle_is_sent_again(
    cable: Cable,
    other: psycopg.AsyncConnection,
    configure: Configure,
    database_url: str,
    start: StartRun,
    reactor: Reactor,
    service: Service,
    injected: Injected,
):
    configure(DATABASE_URL=cable.url(database_url, options=f"-c deadlock_timeout={DEADLOCK_MS}"), RATCHET_LEASE="30")
    first, second = [await start(document(calls(service.url, 2))) for _ in range(2)]
    circles: list[asyncio.Task[None]] = []

    async def close_the_circle() -> None:
        await blocked(database_url)
        await lock(other, first)
        await other.rollback()

    async def lock_in_the_other_order() -> None:
        await lock(other, second)
        circles.append(asyncio.create_task(close_the_circle()))

    cable.hold("ratchet.commit_batch", lock_in_the_other_order)
    report = await sweep_all(reactor, None)
    await circles[0]
    assert cable.count_errors("40P01") == 1
    assert report.completed == 2
    assert set(service.keys().values()) == {1}
    assert [(await event_types(run))[-1] for run in (first, second)] == ["workflow.completed"] * 2
    await reckon(database_url)
    injected(
        "a deadlock loses nothing",
        "deadlock (40P01) of a commit of two runs with a session that locks them the other way round",
        times=1,
        outcome="the commit is sent again; both runs completed, no effect was repeated",
    )


async def test_a_client_whose_statement_was_a_deadlocks_victim_is_told_to_come_again(
    cable: Cable,
    other: psycopg.AsyncConnection,
    configure: Configure,
    database_url: str,
    start: StartRun,
    injected: Injected,
):
    configure(DATABASE_URL=cable.url(database_url, options=f"-c deadlock_timeout={DEADLOCK_MS}"))
    first, second = [await start(document([{"nap": {"wait": {"days": 1}}}])) for _ in range(2)]
    workflow = (await store.get_run(first)).workflow_id
    await lock(other, second)
    deletion = asyncio.create_task(Client()("DELETE", f"/workflows/{workflow}?cascade=cancel"))
    await blocked(database_url)
    await lock(other, first)
    refusal = await deletion
    assert (refusal.status, int(refusal.headers["retry-after"]) > 0) == (503, True)
    assert b"eadlock" not in refusal.body
    await other.rollback()
    assert (await Client()("DELETE", f"/workflows/{workflow}?cascade=cancel")).status == 204
    assert {(await store.get_run(run)).status for run in (first, second)} == {"cancelled"}
    await reckon(database_url)
    injected(
        "a client never sees what the database says of itself",
        "deadlock (40P01) of a deletion that cancels runs",
        times=1,
        outcome="503 with Retry-After, nothing half done; the same call again deletes",
    )
