"""Webhook sinks: what a run emits is put into the outbox once, and taken to each sink until it says that it has it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from lib import store
from lib.engine import sinks
from lib.engine.reactor import Reactor
from lib.engine.sweeping import advance_runs, sweep_all
from tests.conftest import Configure
from tests.documents import document
from tests.history import move_clock, sql
from tests.mailroom import blocked, event, session
from tests.service import Request, Service

pytestmark = pytest.mark.anyio

type Emit = Callable[..., Any]


class Gone(Service):
    """Wants nothing any more."""

    def _decide(self, request: Request) -> tuple[int, Any]:
        return 410, None


@pytest.fixture
def emit(start, service: Service, configure: Configure) -> Emit:
    """Start a run that emits one event, with the service as sink unless others are named."""

    async def start_run(*urls: str) -> Any:
        configure(RATCHET_EVENT_SINKS=" ".join(urls) or f"{service.url}/hook?key=hidden")
        said = {"source": "https://tests.example", "type": "paid", "data": {"amount": 7}}
        return await start(document([{"say": {"emit": {"event": {"with": said}}}}]))

    return start_run


@pytest.fixture
async def other(database: str) -> Reactor:
    """Another function instance, which takes over."""
    return Reactor()


async def outbox() -> list[Any]:
    return await sql("select attempts, extract(epoch from due_at - ratchet.clock())::int from ratchet.outbox")


async def test_an_emitted_event_is_taken_to_the_sink_once_by_who_emitted_it(emit: Emit, reactor: Reactor, service):
    run_id = await emit()
    await advance_runs(reactor, [run_id], None)
    await sweep_all(reactor, None)
    [request] = service.requests
    sent = json.loads(request.body)
    assert (request.method, request.path) == ("POST", "/hook?key=hidden")
    assert request.headers["content-type"].startswith("application/cloudevents+json")
    assert (sent["specversion"], sent["type"], sent["data"]) == ("1.0", "paid", {"amount": 7})
    assert request.key == f"https://tests.example:{sent['id']}"
    assert await outbox() == []


async def test_an_event_from_outside_goes_to_no_sink(emit: Emit, reactor: Reactor, service: Service):
    await emit()
    await store.deliver_events([event("a")])
    assert await outbox() == []


async def test_without_sinks_nothing_is_put_into_the_outbox(emit: Emit, configure: Configure, reactor: Reactor):
    run_id = await emit()
    configure(RATCHET_EVENT_SINKS="")
    await advance_runs(reactor, [run_id], None)
    assert await sql("select count(*) from ratchet.cloud_events") == [(1,)]
    assert await outbox() == []


async def test_an_event_that_is_emitted_again_is_put_into_the_outbox_once(emit: Emit, reactor: Reactor, service):
    run_id = await emit()
    await advance_runs(reactor, [run_id], None)
    [(source, id, type, sent)] = await sql("select source, id, type, event::text from ratchet.cloud_events")
    again = "select ratchet.deliver_events(array[%s], array[%s], array[%s], array[%s], array['sink'])"
    await sql(again, source, id, type, sent)
    assert await outbox() == []


async def test_comes_again_after_a_503_not_before_its_time_and_later_each_time(
    emit: Emit, reactor: Reactor, service: Service, capsys: pytest.CaptureFixture[str]
):
    service.failures["/hook?key=hidden"] = 2
    run_id = await emit()
    await advance_runs(reactor, [run_id], None)
    await sweep_all(reactor, None)
    assert len(service.requests) == 1
    assert [attempts for attempts, _ in await outbox()] == [1]
    await move_clock("11 s")
    await sweep_all(reactor, None)
    assert await outbox() == [(2, 20)]
    await move_clock("32 s")
    await sweep_all(reactor, None)
    assert await outbox() == []
    assert list(service.keys().values()) == [3]
    assert "hidden" not in capsys.readouterr().out


async def test_after_a_crash_between_post_and_commit_the_same_event_comes_again(
    database: str, emit: Emit, reactor: Reactor, other: Reactor, service: Service
):
    run_id = await emit()
    service.gate.clear()
    emitting = asyncio.create_task(advance_runs(reactor, [run_id], None))
    await service.arrived.wait()
    async with session(database) as held:
        await held.execute("select from ratchet.outbox for update")
        service.gate.set()
        await blocked(emitting)  # the sink has answered, and nobody knows
        await reactor.courier.close()
        await emitting
    await sweep_all(other, None)
    assert len(service.requests) == 1  # its lease has not run out
    await move_clock("61 s")
    await sweep_all(other, None)
    first, second = service.requests
    assert (first.key, first.body) == (second.key, second.body)
    assert await outbox() == []


async def test_a_sink_that_hangs_stalls_neither_the_sweep_nor_the_other_sinks(
    emit: Emit, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sinks, "POST_SECONDS", 0.3)
    service.gate.clear()
    async with Service() as healthy:
        run_ids = [await emit(service.url, healthy.url) for _ in range(30)]
        async with asyncio.timeout(20):
            report = await sweep_all(reactor, None)
    assert report.completed == len(run_ids)
    assert len(healthy.requests) == len(run_ids)
    assert await sql("select count(*), count(distinct sink) from ratchet.outbox") == [(len(run_ids), 1)]
    assert len(service.requests) < len(run_ids)  # nobody goes on asking who does not answer


async def test_two_sweeps_at_once_send_it_once(emit: Emit, reactor: Reactor, other: Reactor, service: Service):
    service.failures["/hook?key=hidden"] = 1
    await advance_runs(reactor, [await emit()], None)
    await move_clock("11 s")
    await asyncio.gather(sweep_all(reactor, None), sweep_all(other, None))
    assert len(service.requests) == 2
    assert await outbox() == []


async def test_gives_up_after_three_days_and_says_so(
    emit: Emit, reactor: Reactor, service: Service, capsys: pytest.CaptureFixture[str]
):
    service.failures["/hook?key=hidden"] = 9
    await advance_runs(reactor, [await emit()], None)
    await move_clock("71 hours")
    await sweep_all(reactor, None)
    [(attempts, _)] = await outbox()
    assert attempts == 2
    assert await sql("select count(*) from ratchet.cloud_events") == [(1,)]  # kept past its own time
    await move_clock("73 hours")
    await sweep_all(reactor, None)
    assert await outbox() == []
    assert '"outcome":"given_up"' in capsys.readouterr().out
    await sweep_all(reactor, None)
    assert await sql("select count(*) from ratchet.cloud_events") == [(0,)]


async def test_waits_an_hour_at_most(database: str):
    await sql("insert into ratchet.outbox values (1, 's', now(), 1000, now() + interval '3 days')")
    await sql("select ratchet.settle_outbox(1, 's', 1000, false)")
    assert await outbox() == [(1000, 3600)]


async def test_an_attempt_that_was_overtaken_does_not_put_off_the_next(database: str):
    await sql("insert into ratchet.outbox values (1, 's', now() - interval '5 s', 2, now())")
    assert await sql("select ratchet.settle_outbox(1, 's', 1, false)") == [(False,)]
    assert await sql("select attempts, due_at < now() from ratchet.outbox") == [(2, True)]


async def test_a_sink_that_is_gone_is_sent_nothing_twice(emit: Emit, reactor: Reactor):
    async with Gone() as gone:
        await advance_runs(reactor, [await emit(gone.url)], None)
        assert await outbox() == []
        assert len(gone.requests) == 1


async def test_a_sink_at_an_address_that_calls_may_not_reach_is_not_reached(
    emit: Emit, configure: Configure, reactor: Reactor, service: Service, capsys: pytest.CaptureFixture[str]
):
    run_id = await emit()
    configure(RATCHET_ALLOW_ADDRESSES="")
    await advance_runs(reactor, [run_id], None)
    assert service.requests == []
    assert [attempts for attempts, _ in await outbox()] == [1]
    assert '"status":403' in capsys.readouterr().out
    assert (await store.get_run(run_id)).status == "completed"


async def test_what_was_meant_for_a_sink_of_the_past_is_forgotten_in_the_end(
    emit: Emit, configure: Configure, reactor: Reactor, service: Service
):
    service.failures["/hook?key=hidden"] = 1
    await advance_runs(reactor, [await emit()], None)
    configure(RATCHET_EVENT_SINKS="")
    await move_clock("73 hours")
    await sweep_all(reactor, None)
    assert await outbox() == []
