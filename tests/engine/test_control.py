"""Cancel, suspend, resume and manual mode, while a sweep holds the run and while nobody does."""

import asyncio

import pytest

from lib import store
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from lib.errors import Conflict
from tests.documents import calls, document
from tests.history import event_types
from tests.service import Service

pytestmark = pytest.mark.anyio


async def test_a_cancelled_run_ends_at_once_and_its_holder_loses_it(start, reactor: Reactor, service: Service):
    run_id = await start(document(calls(service.url, 2)))
    service.gate.clear()
    sweep = asyncio.create_task(sweep_all(reactor, None))
    await service.arrived.wait()
    assert (await store.cancel_run(run_id)).status == "cancelled"
    service.gate.set()
    await sweep
    assert (await store.get_run(run_id)).status == "cancelled"
    assert (await event_types(run_id))[-1] == "workflow.cancelled"
    assert len(service.requests) == 1


async def test_a_suspension_waits_for_the_effect_in_flight_and_keeps_its_result(
    start, reactor: Reactor, service: Service
):
    run_id = await start(document(calls(service.url, 2)))
    service.gate.clear()
    sweep = asyncio.create_task(sweep_all(reactor, None))
    await service.arrived.wait()
    await store.suspend_run(run_id)
    service.gate.set()
    await sweep
    assert (await store.get_run(run_id)).status == "suspended"
    assert (await event_types(run_id))[-1] == "workflow.suspended"
    await store.resume_run(run_id)
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "completed"
    assert set(service.keys().values()) == {1}


async def test_a_pending_run_is_suspended_at_once(start, reactor: Reactor, service: Service):
    run_id = await start(document(calls(service.url, 1)))
    assert (await store.suspend_run(run_id)).status == "suspended"
    await sweep_all(reactor, None)
    assert service.requests == []
    assert (await store.resume_run(run_id)).status == "pending"
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "completed"


async def test_a_manual_run_lets_one_effect_through_per_resume(start, reactor: Reactor, service: Service):
    run_id = await start(document(calls(service.url, 2)), mode="manual")
    for done in range(2):
        await sweep_all(reactor, None)
        assert (await store.get_run(run_id)).status == "suspended"
        assert len(service.requests) == done
        await store.resume_run(run_id)
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "completed"
    assert set(service.keys().values()) == {1}


async def test_a_finished_run_refuses_every_transition_saying_its_state(start, reactor: Reactor):
    run_id = await start(document([{"last": {"set": {"done": True}}}]))
    await sweep_all(reactor, None)
    for change in (store.cancel_run, store.suspend_run, store.resume_run, store.retry_run):
        with pytest.raises(Conflict, match="The run is completed"):
            await change(run_id)
