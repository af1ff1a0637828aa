"""A call starts only where it fits; one that never fits is told, and never tried for ever."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from lib import store
from lib.dev.server import LocalPlatform
from lib.engine import session
from lib.engine.hold import CLAIMS_WITHOUT_PROGRESS
from lib.engine.reactor import Reactor
from lib.engine.session import EFFECT_RESERVE_SECONDS, Session
from lib.engine.sweeping import sweep_all
from tests.conftest import Configure
from tests.documents import call, document
from tests.history import event_types, expire_leases, sql
from tests.service import Service

pytestmark = pytest.mark.anyio


def lasting(url: str, seconds: int | str) -> dict[str, object]:
    """A call that may take so long."""
    return call(url, timeout={"after": {"seconds": seconds} if isinstance(seconds, int) else seconds})


def ends_in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "fits"), [(0.0, True), (54.999, True), (55.0, True), (55.001, False)])
async def test_what_starts_ends_a_reserve_before_the_deadline(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, seconds: float, fits: bool
):
    monkeypatch.setattr(Session, "seconds_left", lambda _: 55.0 + EFFECT_RESERVE_SECONDS)
    assert Session(None).fits(seconds) is fits


@pytest.mark.parametrize(("left", "may"), [(15.001, True), (15.0, False)])
async def test_a_run_is_claimed_while_something_still_fits(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, left: float, may: bool
):
    monkeypatch.setattr(Session, "seconds_left", lambda _: left)
    assert Session(None).may_claim() is may


async def test_the_longest_call_there_may_be_fits_a_fresh_invocation(configure: Configure):
    configure(RATCHET_MAX_DURATION="60")
    assert Session(ends_in(60)).fits(session.settings().longest_effect_seconds)


async def test_a_timeout_that_only_the_run_knows_is_refused_at_once_and_can_be_caught(
    start, configure: Configure, service: Service
):
    configure(RATCHET_MAX_DURATION="60")
    catch = {"errors": {"with": {"status": 400}}, "as": "e", "do": [{"say": {"set": {"said": "${ $e.detail }"}}}]}
    task = {"try": [{"slow": lasting(service.url, "${ .after }")}], "catch": catch}
    run_id = await start(document([{"attempt": task}]), {"after": "PT51S"})
    await sweep_all(Reactor(), None)
    run = await store.get_run(run_id)
    assert (run.status, run.result) == (
        "completed", {"said": "The call may take 51 s, but a function has time for 50 s."}
    )  # fmt: skip
    assert service.requests == []


async def test_a_function_that_is_ended_sooner_than_told_fails_the_run_with_both_numbers(start, service: Service):
    run_id = await start(document([{"slow": lasting(service.url, 100)}]))
    reports = []
    for _ in range(CLAIMS_WITHOUT_PROGRESS + 2):
        reports.append(await sweep_all(Reactor(), ends_in(60)))
        await expire_leases()
    run = await store.get_run(run_id)
    assert run.status == "failed"
    assert run.error["type"].endswith("/configuration")
    assert "may take 100 s" in run.error["detail"]
    assert "ends after 60 s" in run.error["detail"]
    assert [(report.claimed, report.ended) for report in reports][1:] == [(1, "drained")] * 6
    assert (await event_types(run_id)).count("task.started") == 1
    assert service.requests == []


async def test_meanwhile_it_waits_for_its_lease_and_keeps_no_sweep_busy(start, service: Service):
    await start(document([{"slow": lasting(service.url, 100)}]))
    await sweep_all(Reactor(), ends_in(60))
    await sweep_all(Reactor(), ends_in(60))
    assert (await sweep_all(Reactor(), ends_in(60))).claimed == 0
    assert await sql("select claims, due_at > ratchet.clock() from ratchet.runs") == [(1, True)]


async def test_what_does_not_fit_the_rest_of_an_invocation_is_the_next_ones_and_costs_nothing(start, service: Service):
    run_id = await start(document([{"slow": lasting(service.url, 100)}]))
    reactor = Reactor()
    await reactor.close_session(reactor.open(ends_in(300)))
    for _ in range(CLAIMS_WITHOUT_PROGRESS + 2):
        assert (await sweep_all(reactor, ends_in(60))).released == 1
        assert await sql("select claims, lease is null from ratchet.runs") == [(0, True)]
    await sweep_all(reactor, ends_in(300))
    assert (await store.get_run(run_id)).status == "completed"


async def test_a_platform_of_seconds_still_claims(start, service: Service):
    run_id = await start(document([{"quick": lasting(service.url, 2)}]))
    assert (await sweep_all(Reactor(), ends_in(10))).completed == 1
    assert (await store.get_run(run_id)).status == "completed"


async def test_so_it_is_on_the_platform_itself(start, database: str, service: Service):
    run_id = await start(document([{"slow": lasting(service.url, 100)}]))
    env = {"DATABASE_URL": database, "RATCHET_ALLOW_ADDRESSES": "loopback"}
    async with LocalPlatform(env=env, max_duration=60) as platform, httpx.AsyncClient(base_url=platform.url) as http:
        for _ in range(CLAIMS_WITHOUT_PROGRESS + 2):
            assert (await http.get("/sweep", timeout=30)).status_code == 200
            await expire_leases()
    detail = (await store.get_run(run_id)).error["detail"]
    assert "may take 100 s" in detail
    assert "ends after 60 s" in detail
