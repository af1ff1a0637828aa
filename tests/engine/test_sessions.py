"""An invocation may end at any await: its runs are handed back or taken over, and nothing waits for ever."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from lib import store
from lib.config import settings
from lib.engine.reactor import Reactor
from lib.engine.sweeping import advance_runs, sweep_all
from lib.errors import DatabaseDown
from tests.documents import call, calls, document
from tests.history import expire_leases, sql
from tests.service import Service

pytestmark = pytest.mark.anyio

FREE = "select lease is null and status = 'running' and due_at <= ratchet.clock() from ratchet.runs"


async def test_a_cancelled_invocation_hands_its_runs_back_at_once(start, reactor: Reactor, service: Service):
    run_id = await start(document(calls(service.url, 2)))
    service.gate.clear()
    cut_off = asyncio.create_task(advance_runs(reactor, [run_id], None))
    await service.arrived.wait()
    other = reactor.open(None)  # another invocation keeps the reactor going
    cut_off.cancel()
    await asyncio.wait({cut_off})
    assert await sql(FREE) == [(True,)]
    await reactor.close_session(other)
    service.gate.set()
    assert (await sweep_all(Reactor(), None)).completed == 1


async def test_closing_hands_back_and_claims_no_more(start, reactor: Reactor, service: Service):
    await start(document(calls(service.url, 1)))
    service.gate.clear()
    sweep = asyncio.create_task(sweep_all(reactor, None))
    await service.arrived.wait()
    await reactor.close()
    async with asyncio.timeout(5):
        report = await sweep
    assert (report.claimed, report.released, report.ended) == (1, 1, "deadline")
    assert await sql(FREE) == [(True,)]
    service.gate.set()


async def test_an_event_loop_that_ends_with_runs_in_hand_is_not_waited_for(start, reactor: Reactor, service: Service):
    run_id = await start(document(calls(service.url, 1)))
    service.gate.clear()
    before = asyncio.all_tasks()
    advance = asyncio.create_task(advance_runs(reactor, [run_id], None))
    await service.arrived.wait()
    ended = asyncio.all_tasks() - before
    for task in ended:  # what asyncio.run does in the end: all of them at once
        task.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(*ended, return_exceptions=True)
    assert advance.done()
    service.gate.set()


async def test_closing_without_a_database_does_not_wait_for_it(
    start, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    async def down(*_):
        raise DatabaseDown

    monkeypatch.setattr("lib.engine.reactor.SHUTDOWN_SECONDS", 0.1)
    await start(document(calls(service.url, 1)))
    service.gate.clear()
    sweep = asyncio.create_task(sweep_all(reactor, None))
    await service.arrived.wait()
    monkeypatch.setattr(store, "commit_batch", down)
    async with asyncio.timeout(5):
        await reactor.close()
        await sweep
    service.gate.set()


async def test_a_claim_that_fails_lets_what_is_held_end_first(
    start, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    for _ in range(50):
        await start(document(calls(service.url, 1)))
    claim_runs, claims = store.claim_runs, []

    async def claim_once(*arguments, **more):
        claims.append(True)
        if len(claims) > 1:
            raise DatabaseDown
        return await claim_runs(*arguments, **more)

    monkeypatch.setattr(store, "claim_runs", claim_once)
    with pytest.raises(DatabaseDown):
        await sweep_all(reactor, None)
    assert await sql("select status, count(*) from ratchet.runs group by 1") == [("completed", 50)]


async def test_a_request_whose_claim_failed_wants_nothing_any_more(
    start, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    run_ids = [await start(document(calls(service.url, 1))) for _ in range(3)]
    claim_runs = store.claim_runs

    async def down(*_, **__):
        await asyncio.sleep(0.01)
        raise DatabaseDown

    monkeypatch.setattr(store, "claim_runs", down)
    requests = [asyncio.create_task(advance_runs(reactor, [run_ids[0]], None))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    requests += [asyncio.create_task(advance_runs(reactor, [run_id], None)) for run_id in run_ids[1:]]
    assert [type(end) for end in await asyncio.gather(*requests, return_exceptions=True)] == [DatabaseDown] * 3
    monkeypatch.setattr(store, "claim_runs", claim_runs)
    assert reactor.wanted == {}


async def test_a_full_house_starts_no_effect_that_would_outlive_the_invocation(
    start, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RATCHET_MAX_DURATION", "16")
    settings.cache_clear()
    reactor._effects = asyncio.Semaphore(1)
    short = {"timeout": {"after": {"seconds": 2}}}
    branches = [{name: call(f"{service.url}/{name}", **short)} for name in ("a", "b")]
    await start(document([{"both": {"fork": {"branches": branches}}}]))
    service.gate.clear()
    sweep = asyncio.create_task(sweep_all(reactor, datetime.now(UTC) + timedelta(seconds=7.4)))
    await service.arrived.wait()
    await asyncio.sleep(0.5)  # 6.9 s are left, and 2 s and a reserve of 5 s are wanted
    service.gate.set()
    report = await sweep
    assert len(service.requests) == 1
    assert (report.released, report.ended) == (1, "deadline")
    assert await sql(FREE) == [(True,)]
    await sweep_all(Reactor(), None)
    assert set(service.keys().values()) == {1}


async def test_a_run_that_its_own_process_claims_again_goes_on_where_it_is(start, reactor: Reactor, service: Service):
    run_id = await start(document(calls(service.url, 2)))
    service.gate.clear()
    slept = asyncio.create_task(sweep_all(reactor, None))
    await service.arrived.wait()
    await expire_leases()
    woken = asyncio.create_task(advance_runs(reactor, [run_id], None))
    async with asyncio.timeout(5):
        while (await sql("select claims from ratchet.runs"))[0][0] != 1:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        service.gate.set()
        await asyncio.gather(slept, woken)
    assert (await store.get_run(run_id)).status == "completed"
    assert set(service.keys().values()) == {1}


async def test_a_suspension_taken_back_in_time_does_not_cost_a_minute(start, reactor: Reactor, service: Service):
    run_id = await start(document([{"both": {"fork": {"branches": calls(service.url, 2)}}}, *calls(service.url, 1)]))
    service.gate.clear()
    own = asyncio.create_task(advance_runs(reactor, [run_id], None))
    await service.arrived.wait()
    hold = reactor._holds[run_id]
    hold.suspending = True  # what the last commit said, taken back since
    service.gate.set()
    await own
    assert (await store.get_run(run_id)).status == "completed"


async def test_a_lease_is_counted_from_when_the_database_gave_it(
    start, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RATCHET_LEASE", "1")
    settings.cache_clear()
    await start(document(calls(service.url, 1)))
    commit_batch, first = store.commit_batch, []

    async def slow_answer(*arguments):
        verdicts = await commit_batch(*arguments)
        if not first:
            first.append(True)
            await asyncio.sleep(0.7)
        return verdicts

    monkeypatch.setattr(store, "commit_batch", slow_answer)
    service.gate.clear()
    sweep = asyncio.create_task(sweep_all(reactor, None))
    await service.arrived.wait()
    await asyncio.sleep(0.4)
    taken_over = await store.claim_runs(uuid4(), limit=1, lease_seconds=60)
    service.gate.set()
    await sweep
    assert taken_over == []
    assert set(service.keys().values()) == {1}


async def test_a_retention_that_fails_does_not_fail_the_sweep(
    start, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    async def down(**_):
        raise DatabaseDown

    monkeypatch.setattr(store, "delete_old_runs", down)
    await start(document(calls(service.url, 1)))
    assert (await sweep_all(reactor, None)).completed == 1


async def test_a_request_that_is_cut_off_while_it_claims_keeps_nothing(
    start, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    run_id = await start(document(calls(service.url, 1)))
    claim_runs, asked, answer = store.claim_runs, asyncio.Event(), asyncio.Event()

    async def slow_answer(*arguments, **more):
        claimed = await claim_runs(*arguments, **more)
        asked.set()
        await answer.wait()
        return claimed

    monkeypatch.setattr(store, "claim_runs", slow_answer)
    request = asyncio.create_task(advance_runs(reactor, [run_id], None))
    await asked.wait()
    request.cancel()
    await asyncio.wait({request})
    answer.set()
    async with asyncio.timeout(5):
        while await sql(FREE) != [(True,)]:
            await asyncio.sleep(0.01)
    assert service.requests == []
