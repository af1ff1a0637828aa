"""Runs whose last holder was lost are taken one after the other: one of them may be what has killed it."""

import asyncio
from uuid import UUID, uuid4

import pytest

from lib import store
from lib.engine import suspects
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from tests.documents import calls, document
from tests.history import expire_leases, sql
from tests.service import Service

pytestmark = pytest.mark.anyio
NAP = [{"nap": {"wait": {"days": 1}}}]


async def claim(limit: int = 9, suspects: int | None = None) -> list[UUID]:
    return [run.run_id for run in await store.claim_runs(uuid4(), limit=limit, lease_seconds=60, suspects=suspects)]


async def lose(start, count: int) -> list[UUID]:
    """Runs that somebody claimed who is gone."""
    lost = [await start(document(NAP)) for _ in range(count)]
    await claim()
    await expire_leases()
    return lost


async def test_a_claim_brings_as_many_as_it_asks_for_and_new_runs_beside_them(start, database: str):
    lost = await lose(start, 3)
    fresh = [await start(document(NAP)) for _ in range(2)]
    taken = await claim(suspects=1)
    assert set(fresh) < set(taken)
    assert len(set(lost) & set(taken)) == 1
    assert await claim(suspects=0) == []
    assert len(await claim()) == 2


async def test_it_counts_towards_the_limit(start, database: str):
    await lose(start, 2)
    await start(document(NAP))
    assert len(await claim(limit=1, suspects=1)) == 1


async def test_who_was_lost_more_often_comes_later(start, database: str):
    often, once = await lose(start, 2)
    await sql("update ratchet.runs set claims = 3 where id = %s", often)
    assert await claim(suspects=1) == [once]
    assert await claim(suspects=1) == [often]


async def test_a_loss_counts_even_after_progress(start, database: str):
    [run] = await lose(start, 1)
    await sql("update ratchet.runs set claims = 0")
    await claim()
    assert await sql("select claims from ratchet.runs where id = %s", run) == [(2,)]


async def test_one_sweep_brings_all_of_a_lost_instances_runs_to_their_end(start, reactor: Reactor, service: Service):
    for _ in range(20):
        await start(document(calls(service.url, 2)))
    await claim(limit=20)
    await expire_leases()
    report = await sweep_all(reactor, None)
    assert (report.claimed, report.completed, report.backlog) == (20, 20, 0)
    assert set(service.keys().values()) == {1}


async def test_runs_that_were_lost_twice_do_not_wait_for_each_others_calls(
    start, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(suspects, "WATCH_SECONDS", 0.02)
    for _ in range(4):
        await start(document(calls(service.url, 1)))
    service.gate.clear()
    first = asyncio.create_task(sweep_all(Reactor(), None))  # their calls have begun
    async with asyncio.timeout(10):
        while len(service.requests) < 4:
            await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await sql("update ratchet.runs set claims = 2, lease = %s, due_at = ratchet.clock()", uuid4())
        sweep = asyncio.create_task(sweep_all(reactor, None))
        while len(service.requests) < 8:
            await asyncio.sleep(0.01)
    service.gate.set()
    assert (await sweep).completed == 4
