"""Runs that listen and emit: an event goes on with the run it was for, in whatever state it found it."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from lib import store
from lib.engine.reactor import Reactor
from lib.engine.sweeping import advance_runs, sweep_all
from tests.documents import call, document
from tests.history import event_types, expire_leases, move_clock, sql
from tests.mailroom import event
from tests.service import Service

pytestmark = pytest.mark.anyio


def listen(to: Any = None, **more: Any) -> dict[str, Any]:
    """A task that listens, for one event of the type `paid` unless told otherwise."""
    return {"listen": {"to": to or {"one": {"with": {"type": "paid"}}}}, **more}


def emit(type: str, **data: Any) -> dict[str, Any]:
    return {"emit": {"event": {"with": {"source": "https://tests.example", "type": type, "data": data}}}}


async def result(run_id: UUID) -> Any:
    run = await store.get_run(run_id)
    assert run.status == "completed", run
    return run.result


async def test_a_run_waits_for_an_event_without_anybody_holding_it_and_goes_on_with_its_data(start, reactor: Reactor):
    run_id = await start(document([{"wait": listen()}, {"last": {"set": {"got": "${ .[0].amount }"}}}]))
    await sweep_all(reactor, None)
    assert await sql("select status, due_at::text, lease from ratchet.runs") == [("waiting", "infinity", None)]
    assert (await sweep_all(reactor, None)).claimed == 0
    await store.deliver_events([event("a", data={"amount": 7})])
    await sweep_all(reactor, None)
    assert await result(run_id) == {"got": 7}
    assert await sql("select consumed from ratchet.cloud_events") == [(True,)]


async def test_an_event_that_does_not_fit_is_read_and_leaves_the_run_waiting(start, reactor: Reactor):
    wanted = {"one": {"with": {"type": "paid", "subject": "me"}}}
    run_id = await start(document([{"wait": listen(wanted)}]))
    await sweep_all(reactor, None)
    await store.deliver_events([event("a", subject="you")])
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "waiting"
    assert await sql("select count(*) from ratchet.inbox") == [(0,)]
    assert await sql("select consumed from ratchet.cloud_events") == [(False,)]
    await store.deliver_events([event("b", subject="me", data=1)])
    await sweep_all(reactor, None)
    assert await result(run_id) == [1]


async def test_an_event_from_another_source_than_the_document_names_disturbs_nobody(start, reactor: Reactor):
    wanted = {"any": [{"with": {"type": "paid", "source": source}} for source in ("/tests", "/till")]}
    run_id = await start(document([{"wait": listen(wanted)}]))
    await sweep_all(reactor, None)
    assert (await store.deliver_events([event("a", source="/elsewhere")])).woken == []
    assert (await sweep_all(reactor, None)).claimed == 0
    assert (await store.deliver_events([event("b", source="/till", data=1)])).woken == [run_id]
    await sweep_all(reactor, None)
    assert await result(run_id) == [1]


async def test_events_that_came_before_the_listener_are_its_own(start, reactor: Reactor):
    await store.deliver_events([event("a", data=1), event("b", data=2)])
    run_id = await start(document([{"first": listen()}, {"keep": {"set": {"first": "${ . }"}}}, {"second": listen()}]))
    await sweep_all(reactor, None)
    assert await result(run_id) == [2]


async def test_every_run_that_listens_gets_the_event(start, reactor: Reactor):
    runs = [await start(document([{"wait": listen()}])) for _ in range(60)]
    await sweep_all(reactor, None)
    await store.deliver_events([event("a", data=1)])
    assert (await sweep_all(reactor, None)).completed == 60
    assert [await result(run_id) for run_id in runs] == [[1]] * 60


async def test_one_run_emits_and_another_hears_it_in_the_same_sweep(start, reactor: Reactor):
    hears = await start(document([{"wait": listen()}], name="hears"))
    await sweep_all(reactor, None)
    emits = await start(document([{"say": emit("paid", amount=3)}], name="emits"))
    await sweep_all(reactor, None)
    assert await result(hears) == [{"amount": 3}]
    assert (await store.get_run(emits)).status == "completed"
    [(source,)] = await sql("select source from ratchet.cloud_events")
    assert source == "https://tests.example"


async def test_a_run_hears_what_another_branch_of_it_emits(start, reactor: Reactor):
    branches = [{"hears": listen()}, {"emits": {"do": [{"say": emit("paid", amount=1)}]}}]
    run_id = await start(document([{"both": {"fork": {"branches": branches}}}]))
    await sweep_all(reactor, None)
    assert (await result(run_id))[0] == [{"amount": 1}]


async def test_a_request_whose_run_emits_goes_on_with_whom_it_woke(start, reactor: Reactor):
    hears = await start(document([{"wait": listen()}], name="hears"))
    await advance_runs(reactor, [hears], None)
    await advance_runs(reactor, [await start(document([{"say": emit("paid", amount=3)}], name="emits"))], None)
    assert await result(hears) == [{"amount": 3}]


async def test_a_run_that_is_held_for_a_call_hears_an_event_at_once(start, database: str, service: Service):
    reactor = Reactor()
    branches = [{"called": call(service.url)}, {"heard": {"do": [{"wait": listen()}, {"say": emit("heard")}]}}]
    run_id = await start(document([{"both": {"fork": {"branches": branches}}}]))
    service.gate.clear()
    sweep = asyncio.create_task(sweep_all(reactor, None))
    await service.arrived.wait()
    reactor.notice((await store.deliver_events([event("a")])).woken)
    async with asyncio.timeout(5):
        while await sql("select count(*) from ratchet.cloud_events where type = 'heard'") != [(1,)]:
            await asyncio.sleep(0.01)
    service.gate.set()
    await sweep
    assert (await store.get_run(run_id)).status == "completed"


async def test_a_run_that_is_held_elsewhere_hears_an_event_with_its_next_commit(
    start, reactor: Reactor, service: Service
):
    branches = [{"called": call(service.url)}, {"heard": listen()}]
    run_id = await start(document([{"both": {"fork": {"branches": branches}}}]))
    service.gate.clear()
    sweep = asyncio.create_task(sweep_all(reactor, None))
    await service.arrived.wait()
    await store.deliver_events([event("a", data=1)])
    service.gate.set()
    assert (await sweep).completed == 1
    assert (await result(run_id))[1] == [1]


async def test_an_event_is_not_lost_with_the_function_that_had_read_it(start, database: str, monkeypatch):
    run_id = await start(document([{"wait": listen()}]))
    await sweep_all(Reactor(), None)
    await store.deliver_events([event("a", data=1)])
    dead = Reactor()
    await store.claim_runs(dead.lease, limit=1, lease_seconds=60)
    await expire_leases()
    await sweep_all(Reactor(), None)
    assert await result(run_id) == [1]


async def test_a_commit_whose_answer_was_lost_emits_once(start, reactor: Reactor, monkeypatch: pytest.MonkeyPatch):
    from lib.errors import DatabaseDown

    hears = await start(document([{"wait": listen({"any": [], "until": "${ . | length == 2 }"})}], name="hears"))
    await sweep_all(reactor, None)
    commit_batch, lost = store.commit_batch, []

    async def lose_the_first(lease, seconds, entries):
        verdicts = await commit_batch(lease, seconds, entries)
        if not lost and any(entry.mail and entry.mail.emitted for entry in entries):
            lost.append(1)
            raise DatabaseDown
        return verdicts

    monkeypatch.setattr(store, "commit_batch", lose_the_first)
    await start(document([{"say": emit("paid", n=1)}, {"nap": {"wait": {"milliseconds": 1}}}], name="emits"))
    await sweep_all(reactor, None)
    assert lost
    assert await sql("select count(*) from ratchet.cloud_events") == [(1,)]
    assert (await store.get_run(hears)).status == "waiting"


async def test_a_listener_that_takes_too_long_times_out(start, reactor: Reactor):
    run_id = await start(document([{"wait": listen(timeout={"after": {"hours": 1}})}]))
    await sweep_all(reactor, None)
    await move_clock("61 minutes")
    await sweep_all(reactor, None)
    run = await store.get_run(run_id)
    assert (run.status, run.error["status"]) == ("failed", 408)
    assert await sql("select count(*) from ratchet.subscriptions") == [(0,)]


async def test_a_failed_run_that_is_retried_listens_again(start, reactor: Reactor):
    run_id = await start(document([{"wait": listen(timeout={"after": {"hours": 1}})}]))
    await sweep_all(reactor, None)
    await move_clock("61 minutes")
    await sweep_all(reactor, None)
    await store.retry_run(run_id)
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "waiting"
    await store.deliver_events([event("a", data=1)])
    await sweep_all(reactor, None)
    assert await result(run_id) == [1]


async def test_each_event_is_processed_in_turn_by_foreach_even_when_many_come_at_once(
    start, reactor: Reactor, service: Service
):
    until = {"any": [{"with": {"type": "paid"}}], "until": {"one": {"with": {"type": "closed"}}}}
    each = {"foreach": {"item": "event", "do": [{"tell": call(service.url)}, {"keep": {"set": "${ $event.n }"}}]}}
    run_id = await start(document([{"wait": listen(until, **each)}]))
    await sweep_all(reactor, None)
    await store.deliver_events([event(str(n), data={"n": n}) for n in range(12)])
    await sweep_all(reactor, None)
    await store.deliver_events([event("end", type="closed")])
    await sweep_all(reactor, None)
    assert await result(run_id) == list(range(12))
    assert len(service.requests) == 12
    assert set(service.keys().values()) == {1}


async def test_more_events_than_one_reading_holds_are_all_read(start, reactor: Reactor):
    run_id = await start(document([{"wait": listen({"any": [], "until": "${ length == 2500 }"})}]))
    await sweep_all(reactor, None)
    await store.deliver_events([event(str(n), data=n) for n in range(2500)])
    await sweep_all(reactor, None)
    assert await result(run_id) == list(range(2500))


async def test_a_suspended_run_hears_what_came_meanwhile_when_it_is_resumed(start, reactor: Reactor):
    run_id = await start(document([{"wait": listen()}]))
    await sweep_all(reactor, None)
    await store.suspend_run(run_id)
    await store.deliver_events([event("a", data=1)])
    assert (await sweep_all(reactor, None)).claimed == 0
    await store.resume_run(run_id)
    await sweep_all(reactor, None)
    assert await result(run_id) == [1]
    assert "workflow.suspended" in await event_types(run_id)


async def test_whom_an_event_has_woken_is_advanced_by_the_process_that_took_it(start, reactor: Reactor):
    runs = [await start(document([{"wait": listen()}])) for _ in range(120)]
    await sweep_all(reactor, None)
    delivery = await store.deliver_events([event("a", data=1)])
    await advance_runs(reactor, delivery.woken, None)
    assert [await result(run_id) for run_id in runs] == [[1]] * 120


async def test_old_events_are_forgotten_by_the_sweep(database: str, reactor: Reactor):
    await store.deliver_events([event("a")])
    await move_clock("25 hours")
    await sweep_all(reactor, None)
    assert await sql("select count(*) from ratchet.cloud_events") == [(0,)]


async def test_a_run_without_events_commits_as_before(start, reactor: Reactor, service: Service, monkeypatch):
    commit_batch, mails = store.commit_batch, []

    async def watch(lease, seconds, entries):
        mails.extend(entry.mail for entry in entries)
        return await commit_batch(lease, seconds, entries)

    monkeypatch.setattr(store, "commit_batch", watch)
    await start(document([{"one": call(service.url)}]))
    await sweep_all(reactor, None)
    assert mails == [None, None]


async def test_an_event_that_cannot_be_kept_fails_its_run_with_the_reason(start, reactor: Reactor):
    run_id = await start(document([{"say": emit("paid", n=1)}]))
    long = {"emit": {"event": {"with": {"source": "https://tests.example", "type": "${ [range(2000)] | tostring }"}}}}
    bad_id = await start(document([{"say": long}], name="long"))
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "completed"
    run = await store.get_run(bad_id)
    assert (run.status, "the limit of 1000 bytes" in run.error["detail"]) == ("failed", True)


async def test_mail_that_a_second_claim_of_the_same_process_finds_is_not_lost(start, database: str, service: Service):
    reactor = Reactor()
    branches = [{"called": call(service.url)}, {"heard": listen()}]
    run_id = await start(document([{"both": {"fork": {"branches": branches}}}]))
    service.gate.clear()
    first = asyncio.create_task(sweep_all(reactor, None))
    await service.arrived.wait()
    await store.deliver_events([event("a", data=1)])
    await expire_leases()  # the instance was frozen
    second = asyncio.create_task(sweep_all(reactor, None))
    async with asyncio.timeout(5):
        while await sql("select count(*) from ratchet.inbox") != [(0,)]:
            await asyncio.sleep(0.01)
    service.gate.set()
    await asyncio.gather(first, second)
    assert (await result(run_id))[1] == [1]
    assert len(service.requests) == 1


async def test_a_request_that_has_no_time_left_for_whom_it_woke_leaves_them_to_the_sweep(start, reactor: Reactor):
    from datetime import UTC, datetime, timedelta

    run_id = await start(document([{"wait": listen()}]))
    await sweep_all(reactor, None)
    woken = (await store.deliver_events([event("a", data=1)])).woken
    await advance_runs(reactor, woken, datetime.now(UTC) + timedelta(seconds=8))
    assert (await store.get_run(run_id)).status == "waiting"
    await sweep_all(reactor, None)
    assert await result(run_id) == [1]
