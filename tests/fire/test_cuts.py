"""The connection breaks in the middle of a statement, and nobody knows whether it was carried out."""

import asyncio
from uuid import UUID

import pytest

from lib import store
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from lib.errors import Conflict, DatabaseDown
from tests.api.client import Client
from tests.documents import calls, document
from tests.fire.cable import Cable, Moment
from tests.fire.conftest import Injected, StartRun, reckon
from tests.history import event_types, sql
from tests.mailroom import event
from tests.service import Service

pytestmark = pytest.mark.anyio
MOMENTS = pytest.mark.parametrize("moment", ["before it arrived", "after it was done"])
WAITS = [{"hear": {"listen": {"to": {"any": [{"with": {"type": "paid"}}], "until": "${ length == 3 }"}}}}]


async def sweep_until_ended(reactor: Reactor, *runs: UUID) -> None:
    """As the cron does, again and again: a sweep that fails is followed by the next."""
    async with asyncio.timeout(20):
        while any([not (await store.get_run(run)).terminal for run in runs]):
            try:
                await sweep_all(reactor, None)
            except DatabaseDown:
                await asyncio.sleep(0.05)


@MOMENTS
async def test_a_commit_counts_once(
    moment: Moment,
    cable: Cable,
    start: StartRun,
    reactor: Reactor,
    service: Service,
    database_url: str,
    injected: Injected,
):
    run = await start(document(calls(service.url, 3)))
    cable.cut("ratchet.commit_batch", moment, times=4)
    await sweep_until_ended(reactor, run)
    assert cable.cuts == 4
    assert (await event_types(run)).count("task.completed") == 3
    assert service.keys() == {f"{run}:/do/{n}/step{n}:1": 1 for n in range(3)}
    await reckon(database_url)
    injected(
        "a commit counts exactly once",
        f"connection cut during the commit, {moment}",
        times=cable.cuts,
        outcome="sent again by the same process, counted once; no effect was repeated",
    )


@MOMENTS
async def test_a_claim_whose_answer_is_lost_costs_one_lease_at_most(
    moment: Moment,
    cable: Cable,
    start: StartRun,
    reactor: Reactor,
    service: Service,
    database_url: str,
    injected: Injected,
):
    runs = [await start(document(calls(service.url, 2))) for _ in range(5)]
    cable.cut("ratchet.claim_runs", moment, times=2)
    await sweep_until_ended(reactor, *runs)
    assert cable.cuts == 2
    assert set(service.keys().values()) == {1}
    await reckon(database_url)
    injected(
        "no run is lost with its claim",
        f"connection cut during the claim, {moment}",
        times=cable.cuts,
        outcome="the next sweep has the runs" + ("" if moment == "before it arrived" else " when the lease is over"),
    )


@MOMENTS
async def test_a_start_that_is_sent_again_with_its_key_is_one_run(
    moment: Moment, cable: Cable, start: StartRun, reactor: Reactor, database_url: str, configure, injected: Injected
):
    configure(RATCHET_AFTER_RESPONSE="off")
    await store.cancel_run(await start(document([{"one": {"set": {"x": 1}}}])))
    api, key = Client(), {"idempotency-key": "order-1"}
    cable.cut("ratchet.start_run", moment, times=1)
    lost = await api("POST", "/workflows/test/runs", json={}, headers=key)
    assert (lost.status, int(lost.headers["retry-after"]) > 0) == (503, True)
    again = await api("POST", "/workflows/test/runs", json={}, headers=key)
    assert again.status == 202
    assert ("idempotency-replayed" in again.headers) == (moment == "after it was done")
    assert await sql("select count(*) from ratchet.runs where status <> 'cancelled'") == [(1,)]
    await sweep_until_ended(reactor, UUID(again.json()["id"]))
    await reckon(database_url)
    injected(
        "a start with an Idempotency-Key is one run",
        f"connection cut during the start, {moment}",
        times=cable.cuts,
        outcome="503 with Retry-After; the same request again is answered with the one run",
    )


@MOMENTS
async def test_a_cancellation_that_is_sent_again_has_happened_once(
    moment: Moment, cable: Cable, start: StartRun, database_url: str, injected: Injected
):
    run = await start(document(WAITS))
    cable.cut("ratchet.cancel_run", moment, times=1)
    with pytest.raises(DatabaseDown):
        await store.cancel_run(run)
    if moment == "before it arrived":
        await store.cancel_run(run)
    with pytest.raises(Conflict):
        await store.cancel_run(run)
    assert (await event_types(run)).count("workflow.cancelled") == 1
    await reckon(database_url)
    injected(
        "a cancellation happens once",
        f"connection cut during the cancellation, {moment}",
        times=cable.cuts,
        outcome="503, then " + ("it is cancelled" if moment == "before it arrived" else "409: it was cancelled"),
    )


@MOMENTS
async def test_an_event_that_is_sent_again_counts_once(
    moment: Moment, cable: Cable, start: StartRun, reactor: Reactor, database_url: str, injected: Injected
):
    run = await start(document(WAITS))
    await sweep_all(reactor, None)
    cable.cut("ratchet.deliver_events", moment, times=3)
    for id in ("1", "2", "3"):
        with pytest.raises(DatabaseDown):
            await store.deliver_events([event(id)])
        again = await store.deliver_events([event(id)])
        assert again.duplicates == (moment == "after it was done")
    await sweep_until_ended(reactor, run)
    found = await store.get_run(run)
    assert (found.status, len(found.result)) == ("completed", 3)
    assert await sql("select count(*) from ratchet.cloud_events") == [(3,)]
    await reckon(database_url)
    injected(
        "an event counts once, by its source and id",
        f"connection cut during the delivery, {moment}",
        times=cable.cuts,
        outcome="503; sent again, each event is heard once",
    )
