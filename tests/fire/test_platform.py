"""Whole instances on the real runtime: frozen, ended by the platform, and many at once."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from lib import store
from lib.dev.server import LocalPlatform
from tests.conftest import Configure
from tests.documents import call, calls, document
from tests.fire.conftest import Injected, StartRun, reckon
from tests.fire.project import copy_project
from tests.history import event_types, expire_leases, sql
from tests.service import Service

pytestmark = pytest.mark.anyio
HELD = 20
RUNS = 200
LEASE_SECONDS = 60
# Short, but an effect of five seconds and the reserve still fit: else nothing would be started at all.
MAX_DURATION = 11
TIME_TO_LIVE_SECONDS = 0.5


class Instance:
    """The functions of one deployment, each a process of its own, and a client of theirs."""

    def __init__(self, platform: LocalPlatform, client: httpx.AsyncClient) -> None:
        self.platform, self.client = platform, client

    def sweep(self) -> "asyncio.Task[httpx.Response]":
        """Call the cron's URL."""
        return asyncio.create_task(self.client.post("/sweep"))

    def signal(self, which: signal.Signals) -> None:
        """Send this to the process that sweeps."""
        os.kill(self.platform.pids["sweep"], which)


@asynccontextmanager
async def instance(database: str, root: Path | None = None, **options: float) -> AsyncIterator[Instance]:
    env = {"DATABASE_URL": database, "RATCHET_AFTER_RESPONSE": "off", "RATCHET_ALLOW_ADDRESSES": "loopback"}
    env |= {"CRON_SECRET": "tick", "RATCHET_LEASE": str(LEASE_SECONDS), "RATCHET_MAX_DURATION": "15"}
    place = {"root": root} if root else {}
    async with (
        LocalPlatform(**place, env=env, **options) as platform,
        httpx.AsyncClient(base_url=platform.url, timeout=50, headers={"authorization": "Bearer tick"}) as client,
    ):
        yield Instance(platform, client)


@pytest.fixture(autouse=True)
def loopback(database: str, configure: Configure) -> None:
    """Documents may name the test's own service."""
    configure(RATCHET_ALLOW_ADDRESSES="loopback")


async def test_a_frozen_process_that_wakes_after_its_lease_commits_nothing(
    database: str, start: StartRun, service: Service, injected: Injected
):
    run = await start(document(calls(service.url, 1)))
    async with instance(database) as late, instance(database) as other:
        service.gate.clear()
        sweep = late.sweep()
        await service.arrived.wait()
        late.signal(signal.SIGSTOP)
        service.gate.set()  # the answer waits in the frozen process's socket: it will believe that it has a result
        await expire_leases()
        assert (await other.sweep()).json()["completed"] == 1
        before = await event_types(run)
        late.signal(signal.SIGCONT)
        report = (await sweep).json()
    assert (report["claimed"], report["completed"]) == (1, 0)
    assert await event_types(run) == before
    assert (await store.get_run(run)).result["number"] == 2  # what the second call was answered
    assert service.keys() == {f"{run}:/do/0/step0:1": 2}
    await reckon(database)
    injected(
        "who has lost its lease commits nothing",
        "process frozen (SIGSTOP) with an effect in flight, woken after another had finished the run",
        times=1,
        outcome="its commit was refused, the other's result stands; both calls carried the same Idempotency-Key",
    )


async def test_an_instance_that_is_ended_with_500_ms_to_live_hands_its_runs_back(
    database: str, start: StartRun, service: Service, injected: Injected
):
    runs = [await start(document(calls(service.url, 2))) for _ in range(HELD)]
    took: list[float] = []
    while not took or (took[-1] >= TIME_TO_LIVE_SECONDS and len(took) < 3):  # the machine may be a busy one
        service.gate.clear()
        took.append(await _seconds_to_hand_back(database, service))
        service.gate.set()
    print(f"handed back after {', '.join(f'{seconds * 1000:.0f} ms' for seconds in took)}")
    assert took[-1] < TIME_TO_LIVE_SECONDS
    async with instance(database) as next_one:
        assert (await next_one.sweep()).json()["completed"] == HELD
    assert {(await store.get_run(run)).status for run in runs} == {"completed"}
    await reckon(database)
    injected(
        "an instance that is ended hands its runs back",
        f"SIGTERM with 500 ms to live, {HELD} runs held with an effect in flight",
        times=len(took),
        outcome="all of them claimable again before it was killed; the next sweep completed them",
    )


async def _seconds_to_hand_back(database: str, service: Service) -> float:
    """How long an instance that holds every run, each with a call on its way, needs to let go of them on SIGTERM."""
    before = len(service.requests)
    async with instance(database) as ended:
        sweep = ended.sweep()
        async with asyncio.timeout(20):
            while len(service.requests) < before + HELD:
                await asyncio.sleep(0.01)
        begin = time.monotonic()
        ended.signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            while (await sql("select count(*) from ratchet.runs where lease is not null")) != [(0,)]:
                assert time.monotonic() - begin < LEASE_SECONDS / 2, "they have to wait for the end of their lease"
                await asyncio.sleep(0.002)
        seconds = time.monotonic() - begin
        await asyncio.wait([sweep])
    return seconds


async def test_a_function_killed_at_its_maximum_duration_loses_no_run(
    database: str, service: Service, tmp_path: Path, injected: Injected
):
    diary = tmp_path / "diary"
    blocks = {"call": "block_once", "with": {"diary": str(diary), "seconds": 60}}
    neighbour = call(f"{service.url}/1")
    async with instance(database, copy_project(tmp_path / "project"), max_duration=MAX_DURATION) as killed:
        for name, task in (("blocks", blocks), ("neighbour", neighbour)):
            published = await killed.client.post("/workflows", json=document([{"one": task}], name=name))
            assert published.status_code == 201, published.text
            assert (await killed.client.post(f"/workflows/{name}/runs", json={})).status_code == 202
        first = await killed.sweep()
        assert (first.status_code, first.headers["x-vercel-error"]) == (504, "FUNCTION_INVOCATION_TIMEOUT")
        await expire_leases()
        assert (await killed.sweep()).status_code == 200
    assert await sql("select distinct status from ratchet.runs") == [("completed",)]
    assert len(diary.read_text().splitlines()) == 2
    await reckon(database)
    injected(
        "a function killed at maxDuration loses no run",
        "the platform kills the process that sweeps at its maxDuration, in the middle of an effect",
        times=1,
        outcome="504 to the cron; the next sweep did the effect again, under the same key, and completed the run",
    )


async def test_eight_sweeps_at_once_and_a_cron_that_overlaps_do_each_effect_once(
    database: str, start: StartRun, service: Service, injected: Injected
):
    for _ in range(RUNS):
        await start(document(calls(service.url, 2)))
    async with AsyncExitStack() as stack:
        deployments = [await stack.enter_async_context(instance(database)) for _ in range(4)]
        await asyncio.gather(*(each.client.get("/sweep", headers={"authorization": ""}) for each in deployments))
        answers = await asyncio.gather(*(each.sweep() for each in deployments for _ in range(2)))
        twice = await asyncio.gather(*(deployments[0].sweep() for _ in range(2)))  # the cron comes twice, for nothing
    assert {answer.status_code for answer in (*answers, *twice)} == {200}
    assert sum(answer.json()["completed"] for answer in answers) == RUNS
    assert sum(answer.json()["claimed"] for answer in twice) == 0
    assert len(service.keys()) == 2 * RUNS
    assert set(service.keys().values()) == {1}
    await reckon(database)
    injected(
        "overlapping crons do nothing twice",
        f"eight sweeps at once in four processes, {RUNS} runs; two more when nothing is left",
        times=10,
        outcome=f"{2 * RUNS} effects, each done and committed once",
    )
