"""A sweep claims what is due and advances it; two of them share the work and never an effect."""

import asyncio

import pytest

from lib import store
from lib.config import settings
from lib.engine.reactor import Reactor
from lib.engine.sweeping import advance_runs, sweep_all
from tests.documents import call, calls, document
from tests.history import event_types, move_clock, sql
from tests.service import Service

pytestmark = pytest.mark.anyio


async def test_completes_a_run_of_five_calls(start, reactor: Reactor, service: Service):
    run_id = await start(document(calls(service.url, 5)))
    report = await sweep_all(reactor, None)
    run = await store.get_run(run_id)
    assert (run.status, run.result["path"]) == ("completed", "/4")
    assert [request.path for request in service.requests] == ["/0", "/1", "/2", "/3", "/4"]
    assert [step.reference for step in await store.list_steps(run_id, after=None, limit=9)] == [
        f"/do/{number}/step{number}" for number in range(5)
    ]
    types = await event_types(run_id)
    assert types[:2] == ["workflow.status-changed", "workflow.started"]
    assert types[-1] == "workflow.completed"
    assert types.count("task.started") == types.count("task.completed") == 5
    assert (report.claimed, report.completed, report.effects, report.backlog, report.ended) == (1, 1, 5, 0, "drained")


async def test_a_run_of_n_effects_costs_n_plus_one_commits(start, reactor: Reactor, service: Service):
    await start(document(calls(service.url, 5)))
    assert (await sweep_all(reactor, None)).commits == 6


async def test_runs_share_commits(start, reactor: Reactor, service: Service):
    for _ in range(40):
        await start(document(calls(service.url, 3)))
    report = await sweep_all(reactor, None)
    assert report.completed == 40
    assert report.commits < 40 * 4 / 2


async def test_two_sweeps_share_200_runs_and_no_effect(start, database: str, service: Service):
    run_ids = [await start(document(calls(service.url, 2))) for _ in range(200)]
    first, second = await asyncio.gather(sweep_all(Reactor(), None), sweep_all(Reactor(), None))
    assert first.claimed + second.claimed == 200
    assert min(first.claimed, second.claimed) >= 50
    assert first.completed + second.completed == 200
    keys = service.keys()
    assert len(keys) == 400
    assert set(keys.values()) == {1}
    for run_id in run_ids[::20]:
        assert (await event_types(run_id))[-1] == "workflow.completed"


async def test_records_each_sweep(start, reactor: Reactor, service: Service):
    await start(document(calls(service.url, 1)))
    await sweep_all(reactor, None)
    await sweep_all(reactor, None)
    rows = await sql("select claimed, effects, commits, ended from ratchet.sweeps order by id")
    assert rows == [(1, 1, 2, "drained"), (0, 0, 0, "drained")]


async def test_a_failing_task_fails_its_run_with_a_problem(start, reactor: Reactor, service: Service):
    service.failures["/x"] = 9
    run_id = await start(document([{"broken": call(f"{service.url}/x")}]))
    await sweep_all(reactor, None)
    run = await store.get_run(run_id)
    assert run.status == "failed"
    assert run.error["status"] == 503
    assert run.error["instance"] == "/do/0/broken"
    assert run.result == {"error": run.error["detail"]}
    assert (await event_types(run_id))[-1] == "workflow.faulted"


async def test_a_retried_run_goes_on_from_its_failed_task(start, reactor: Reactor, service: Service):
    service.failures["/1"] = 1
    run_id = await start(document(calls(service.url, 3)))
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "failed"
    await store.retry_run(run_id)
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "completed"
    assert [request.path for request in service.requests] == ["/0", "/1", "/1", "/2"]
    assert service.requests[1].key == service.requests[2].key


async def test_a_long_wait_holds_nothing_and_is_due_when_it_ends(start, reactor: Reactor):
    run_id = await start(document([{"nap": {"wait": {"days": 30}}}, {"last": {"set": {"woke": True}}}]))
    report = await sweep_all(reactor, None)
    assert report.waiting == 1
    [(status, lease, days)] = await sql(
        "select status, lease, extract(epoch from due_at - created_at) / 86400 from ratchet.runs"
    )
    assert (status, lease, round(days)) == ("waiting", None, 30)
    await move_clock("29 days")
    assert (await sweep_all(reactor, None)).claimed == 0
    await move_clock("31 days")
    await sweep_all(reactor, None)
    run = await store.get_run(run_id)
    assert (run.status, run.result) == ("completed", {"woke": True})


async def test_a_sweep_forgets_what_the_database_tool_was_asked_long_ago(database: str):
    await store.begin_query(caller="", origin="http", statement="select 1", quota=None)
    for later, kept in (("29 days", 1), ("31 days", 0)):
        await move_clock(later)
        await sweep_all(Reactor(), None)
        assert await sql("select count(*) from ratchet.queries") == [(kept,)]


async def test_a_run_that_is_woken_too_early_waits_on(start, reactor: Reactor):
    run_id = await start(document([{"nap": {"wait": {"days": 30}}}]))
    await sweep_all(reactor, None)
    await sql("update ratchet.runs set due_at = ratchet.clock()")
    assert (await sweep_all(reactor, None)).waiting == 1
    assert (await store.get_run(run_id)).status == "waiting"


async def test_lingers_for_a_short_wait_instead_of_leaving_it_to_the_next_minute(start, reactor: Reactor):
    run_id = await start(document([{"nap": {"wait": {"milliseconds": 30}}}, {"last": {"set": {"woke": True}}}]))
    await advance_runs(reactor, [run_id], None)
    run = await store.get_run(run_id)
    assert (run.status, run.result) == ("completed", {"woke": True})


async def test_an_effect_that_does_not_fit_before_the_deadline_is_left_to_the_next_sweep(
    start, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RATCHET_MAX_DURATION", "40")
    settings.cache_clear()
    run_id = await start(document([{"long": call(service.url, timeout={"after": {"seconds": 29}})}]))
    from datetime import UTC, datetime, timedelta

    report = await sweep_all(reactor, datetime.now(UTC) + timedelta(seconds=30))
    assert (report.released, report.ended, report.backlog, service.requests) == (1, "deadline", 1, [])
    assert (await store.get_run(run_id)).status == "running"
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "completed"


async def test_old_runs_are_deleted_with_all_that_belongs_to_them(start, reactor: Reactor, service: Service):
    await start(document(calls(service.url, 1)))
    await sweep_all(reactor, None)
    await sql("update ratchet.runs set finished_at = finished_at - interval '31 days'")
    await sweep_all(reactor, None)
    for table in ("runs", "run_payloads", "chapters", "steps_apart"):
        assert await sql(f"select count(*) from ratchet.{table}") == [(0,)], table
