"""Workflows that start by themselves: once per tick, after each other, or for events."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from lib import dsl, engine, store
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from tests.documents import document
from tests.history import move_clock, sql
from tests.mailroom import event

pytestmark = pytest.mark.anyio

TASKS = [{"greet": {"set": {"hello": "${ . }"}}}]


@pytest.fixture
def clock(database: str):
    """Moves the clock to that long after this test began, and sweeps."""
    begun: list[Any] = []

    async def move(interval: str) -> list[Any]:
        if not begun:
            [(now,)] = await sql("select date_trunc('hour', now()) + interval '1 hour'")
            begun.append(now)
        [(gap,)] = await sql("select (%s::timestamptz + %s::interval - now())::text", begun[0], interval)
        await move_clock(gap)
        await sweep_all(Reactor(), None)
        return await runs()

    return move


async def publish(schedule: dict[str, Any], version: str = "1.0.0", **more: Any) -> UUID:
    definition = document(more.pop("tasks", TASKS), schedule=schedule, **more)
    definition["document"]["version"] = version
    if not schedule:
        del definition["schedule"]
    compiled = dsl.compile_document(definition)
    workflow, _ = await store.publish_workflow(
        compiled.namespace, compiled.name, version, definition, compiled.type, compiled.hash
    )
    return workflow.id


async def runs() -> list[Any]:
    """The inputs of all runs, in the order of their starts."""
    return [found for (found,) in await sql("select input from ratchet.run_details order by id")]


async def test_every_so_often_a_run_starts_from_its_publication_on(clock):
    await clock("0")
    await publish({"every": {"minutes": 10}})
    assert await clock("1 second") == []
    assert await clock("10 minutes") == []
    assert await clock("10 minutes 2 seconds") == [{}]
    assert await clock("19 minutes") == [{}]
    assert await clock("20 minutes 2 seconds") == [{}, {}]
    assert {run.status for run in await store.list_runs(limit=9)} == {"completed"}


async def test_ticks_that_no_sweep_saw_are_not_made_up_for(clock):
    await clock("0")
    await publish({"every": {"minutes": 10}})
    await clock("1 second")
    assert await clock("55 minutes") == [{}]
    assert await clock("59 minutes") == [{}]
    assert await clock("60 minutes 2 seconds") == [{}, {}]


async def test_a_cron_expression_names_the_minutes(clock):
    await clock("0")
    await publish({"cron": "*/15 * * * *"})
    assert await clock("1 minute") == []
    assert await clock("15 minutes") == [{}]
    assert await clock("16 minutes") == [{}]
    assert await clock("31 minutes") == [{}, {}]


async def test_many_sweeps_at_once_start_one_run_per_tick(clock):
    await clock("0")
    await publish({"every": {"minutes": 10}})
    await clock("1 second")
    await move_clock("3 hours")
    await asyncio.gather(*(sweep_all(Reactor(), None) for _ in range(4)))
    assert await runs() == [{}]


async def test_after_counts_from_the_end_of_the_latest_run(clock):
    await clock("0")
    id = await publish({"after": {"minutes": 5}}, tasks=[{"nap": {"wait": {"minutes": 30}}}])
    assert await clock("20 minutes") == []  # "again" needs a first time
    await store.start_run(id, {"first": 1}, "auto")
    assert len(await clock("21 minutes")) == 1
    assert len(await clock("52 minutes")) == 1  # it has just ended
    assert len(await clock("56 minutes")) == 1
    assert await clock("58 minutes") == [{"first": 1}, {}]
    [latest, _] = await store.list_runs(limit=9)
    await store.cancel_run(latest.id)
    assert len(await clock("5 hours")) == 2  # cancelled: it is not to start again


async def test_an_event_starts_a_run_with_itself_as_input(database: str):
    await publish({"on": {"one": {"with": {"type": "paid"}}}})
    await sweep_all(Reactor(), None)
    await store.deliver_events([event("a", data=1), event("x", type="other"), event("b", data=2)])
    await sweep_all(Reactor(), None)
    # ids of one millisecond sort by chance
    assert sorted([one["id"] for one in given] for given in await runs()) == [["a"], ["b"]]
    assert await sql("select id from ratchet.cloud_events where consumed order by id") == [("a",), ("b",)]
    await sweep_all(Reactor(), None)
    assert len(await runs()) == 2


async def test_events_that_belong_together_start_one_run_however_late_they_come(database: str):
    both = {"all": [{"with": {"type": "paid"}}, {"with": {"type": "packed"}}]}
    await publish({"on": both})
    await sweep_all(Reactor(), None)
    await store.deliver_events([event("a")])
    await sweep_all(Reactor(), None)
    assert await runs() == []
    await store.deliver_events([event("b", type="packed")])
    await sweep_all(Reactor(), None)
    assert [[one["id"] for one in given] for given in await runs()] == [["a", "b"]]


async def test_an_event_between_the_publication_and_the_first_sweep_counts_and_an_earlier_one_does_not(database: str):
    await store.deliver_events([event("early")])
    await publish({"on": {"any": []}})
    await store.deliver_events([event("a")])
    await sweep_all(Reactor(), None)
    await sweep_all(Reactor(), None)
    assert [[one["id"] for one in given] for given in await runs()] == [["a"]]


async def test_two_sweeps_at_once_start_one_run_per_event(database: str):
    await publish({"on": {"one": {"with": {"type": "paid"}}}})
    await sweep_all(Reactor(), None)
    await store.deliver_events([event(str(n)) for n in range(30)])
    await asyncio.gather(*(sweep_all(Reactor(), None) for _ in range(3)))
    await sweep_all(Reactor(), None)
    assert sorted(int(given[0]["id"]) for given in await runs()) == list(range(30))


async def test_the_process_that_took_the_event_starts_the_run_at_once(database: str):
    await publish({"on": {"one": {"with": {"type": "paid"}}}})
    await sweep_all(Reactor(), None)
    await engine.advance_woken((await store.deliver_events([event("a")])).woken, None)
    [run] = await store.list_runs(limit=9)
    assert run.status == "completed"


async def test_only_the_newest_version_is_scheduled(clock):
    await clock("0")
    await publish({"every": {"minutes": 10}})
    await publish({"every": {"minutes": 10}}, "2.0.0")
    await clock("1 second")
    assert len(await clock("11 minutes")) == 1
    await publish({}, "3.0.0")
    assert len(await clock("31 minutes")) == 1
    assert await sql("select count(*) from ratchet.schedules") == [(0,)]


async def test_deleting_the_newest_version_schedules_the_one_before(database: str):
    first = await publish({"every": {"minutes": 10}})
    second = await publish({"on": {"any": []}}, "2.0.0")
    await sweep_all(Reactor(), None)
    await store.delete_workflow(second, cascade=True)
    assert await sql("select workflow_id from ratchet.schedules") == [(first,)]
    assert await sql("select count(*) from ratchet.subscriptions") == [(0,)]
    await store.delete_workflow(first, cascade=True)
    assert await sql("select count(*) from ratchet.schedules") == [(0,)]
