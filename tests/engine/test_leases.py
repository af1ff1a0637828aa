"""Ownership is a lease and nothing else: a late holder loses, a dead one is replaced, poison is found out."""

import asyncio

import psycopg
import pytest

from lib import store
from lib.engine.hold import CLAIMS_WITHOUT_PROGRESS
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from tests.documents import calls, document
from tests.history import event_types, expire_leases, sql
from tests.service import Service

pytestmark = pytest.mark.anyio


async def test_a_sweep_whose_lease_was_taken_over_commits_nothing(start, database: str, service: Service):
    run_id = await start(document(calls(service.url, 2)))
    service.gate.clear()
    late = asyncio.create_task(sweep_all(Reactor(), None))
    await service.arrived.wait()
    await expire_leases()
    service.arrived.clear()
    second = asyncio.create_task(sweep_all(Reactor(), None))
    await service.arrived.wait()
    service.gate.set()
    reports = await asyncio.gather(late, second)
    assert [report.completed for report in reports] == [0, 1]
    assert (await event_types(run_id)).count("task.completed") == 2
    assert len(await store.list_steps(run_id, after=None, limit=9)) == 2
    assert service.keys()[f"{run_id}:/do/0/step0:1"] == 2  # at least once: the same key both times
    assert service.keys()[f"{run_id}:/do/1/step1:1"] == 1


async def test_a_dead_holder_is_replaced_and_its_open_effect_runs_again_under_the_same_key(
    start, database: str, service: Service
):
    run_id = await start(document(calls(service.url, 3)))
    service.gate.clear()
    dead = asyncio.create_task(sweep_all(Reactor(), None))
    await service.arrived.wait()
    dead.cancel()
    await expire_leases()
    service.gate.set()
    report = await sweep_all(Reactor(), None)
    assert report.completed == 1
    assert (await event_types(run_id))[-1] == "workflow.completed"


async def test_a_run_that_kills_every_function_fails_with_the_reason(start, reactor: Reactor, service: Service):
    run_id = await start(document(calls(service.url, 1)))
    await sql("update ratchet.runs set claims = %s", CLAIMS_WITHOUT_PROGRESS)
    await sweep_all(reactor, None)
    run = await store.get_run(run_id)
    assert run.status == "failed"
    assert f"Given up after {CLAIMS_WITHOUT_PROGRESS} claims without progress" in run.error["detail"]
    assert (await event_types(run_id))[-1] == "workflow.faulted"
    assert service.requests == []


async def test_a_lease_is_renewed_while_an_effect_takes_long(
    start, database: str, service: Service, monkeypatch: pytest.MonkeyPatch
):
    from lib.config import settings

    monkeypatch.setenv("RATCHET_LEASE", "1")
    settings.cache_clear()
    run_id = await start(document(calls(service.url, 1)))
    service.gate.clear()
    sweep = asyncio.create_task(sweep_all(Reactor(), None))
    await service.arrived.wait()
    [(claimed_until,)] = await sql("select due_at from ratchet.runs")
    async with asyncio.timeout(5):
        while (await sql("select due_at from ratchet.runs"))[0][0] == claimed_until:
            await asyncio.sleep(0.02)
    assert (await sweep_all(Reactor(), None)).claimed == 0
    service.gate.set()
    await sweep
    assert (await store.get_run(run_id)).status == "completed"
    assert set(service.keys().values()) == {1}


async def test_a_commit_whose_answer_was_lost_counts_once(
    start, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    from lib.errors import DatabaseDown

    run_id = await start(document(calls(service.url, 3)))
    commit_batch, lost = store.commit_batch, []

    async def commit_and_lose_every_first_answer(lease, seconds, entries):
        verdicts = await commit_batch(lease, seconds, entries)
        key = (entries[0].run_id, entries[0].base)
        if key not in lost and not entries[0].released:
            lost.append(key)
            raise DatabaseDown
        return verdicts

    monkeypatch.setattr(store, "commit_batch", commit_and_lose_every_first_answer)
    await sweep_all(reactor, None)
    assert len(lost) == 3
    assert (await store.get_run(run_id)).status == "completed"
    assert set(service.keys().values()) == {1}
    assert (await event_types(run_id)).count("task.completed") == 3


async def test_an_entry_that_is_refused_while_the_schema_moves_is_sent_again(
    start, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    run_id = await start(document(calls(service.url, 2)))
    commit_batch, refused = store.commit_batch, []

    async def refuse_once(lease, seconds, entries):
        if not refused:
            refused.append(entries)
            raise psycopg.errors.UndefinedColumn("column r.seq does not exist")
        return await commit_batch(lease, seconds, entries)

    monkeypatch.setattr(store, "commit_batch", refuse_once)
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "completed"
    assert set(service.keys().values()) == {1}


async def test_one_refused_entry_does_not_take_its_batch_down(
    start, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    good, bad = await start(document(calls(service.url, 1))), await start(document(calls(service.url, 1)))
    await sql(
        "alter table ratchet.runs add constraint no_bad check (id <> %s::uuid or unsealed < 2)".replace(
            "%s", f"'{bad}'"
        )
    )
    await sweep_all(reactor, None)
    assert (await store.get_run(good)).status == "completed"
    assert (await store.get_run(bad)).status == "running"
