"""Follow one run, from POST to completed, through the real runtime: the README's tour as a test.

The same five calls complete with the after-response work, with the sweep alone, and when the sweeping function
is killed in the middle.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from lib.dev.server import LocalPlatform
from tests.documents import calls, document
from tests.history import event_types, expire_leases
from tests.service import Service

pytestmark = pytest.mark.anyio

type Platform = Callable[..., LocalPlatform]


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """What the five tasks call."""
    async with Service() as running:
        yield running


@pytest.fixture
def platform(database: str) -> Platform:
    """The local platform over this test's database; functions may call loopback."""

    def make(**env: str) -> LocalPlatform:
        return LocalPlatform(env={"DATABASE_URL": database, "RATCHET_ALLOW_ADDRESSES": "loopback", **env})

    return make


async def publish(http: httpx.AsyncClient, service: Service) -> str:
    answer = await http.post("/workflows", json=document(calls(service.url, 5), "tour"))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def post_run(http: httpx.AsyncClient, workflow: str) -> dict[str, Any]:
    answer = await http.post(f"/workflows/{workflow}/runs", json={"input": {}, "mode": "auto"})
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert answer.headers["location"] == f"/runs/{answer.json()['id']}"
    return dict(answer.json())


async def wait_for(http: httpx.AsyncClient, run_id: str, status: str) -> dict[str, Any]:
    """Poll as a client does."""
    async with asyncio.timeout(20):
        while (run := (await http.get(f"/runs/{run_id}")).json())["status"] != status:
            await asyncio.sleep(0.05)
    return dict(run)


async def read_stream(http: httpx.AsyncClient, run_id: str) -> list[dict[str, Any]]:
    """Every frame's payload until the server closes."""
    async with http.stream("GET", f"/runs/{run_id}/stream") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in answer.aiter_lines()]
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


async def test_follow_one_run(platform: Platform, service: Service):
    async with platform() as running, httpx.AsyncClient(base_url=running.url, timeout=30) as http:
        # 1. A document becomes a workflow; a POST becomes a pending row, answered at once.
        workflow = await publish(http, service)
        run = await post_run(http, workflow)

        # 2. The same invocation goes on after its response; a stream shows each commit as it happens.
        frames = await read_stream(http, run["id"])
        assert (frames[0]["type"], frames[-1]["type"]) == ("connected", "complete")
        updates = [frame for frame in frames if frame["type"] == "update"]
        seqs = [event["seq"] for frame in updates for event in frame["events"]]
        assert seqs == list(range(1, len(seqs) + 1))
        assert updates[-1]["run"]["status"] == "completed"

        # 3. Each task was one effect, done once, with a key of its own; its result is a step.
        assert [request.path for request in service.requests] == ["/0", "/1", "/2", "/3", "/4"]
        assert set(service.keys().values()) == {1}
        steps = (await http.get(f"/runs/{run['id']}/steps")).json()["steps"]
        assert [step["reference"] for step in steps] == [f"/do/{number}/step{number}" for number in range(5)]

        # 4. The last task's output is the run's result; the history tells it all, without a gap.
        done = await wait_for(http, run["id"], "completed")
        assert done["result"]["path"] == "/4"
        events = (await http.get(f"/runs/{run['id']}/events?limit=100")).json()["events"]
        assert [event["seq"] for event in events] == seqs

        # 5. Whoever reconnects after the end is told that there is nothing more.
        headers = {"last-event-id": str(seqs[-1])}
        assert (await http.get(f"/runs/{run['id']}/stream", headers=headers)).status_code == 204


async def test_the_sweep_alone_completes_it(platform: Platform, service: Service):
    async with (
        platform(RATCHET_AFTER_RESPONSE="off", CRON_SECRET="tick") as running,
        httpx.AsyncClient(base_url=running.url, timeout=30) as http,
    ):
        run = await post_run(http, await publish(http, service))
        assert service.requests == []
        assert (await http.get("/sweep")).status_code == 401
        report = (await http.get("/sweep", headers={"authorization": "Bearer tick"})).json()
        assert (report["claimed"], report["completed"], report["backlog"]) == (1, 1, 0)
        await wait_for(http, run["id"], "completed")
        assert set(service.keys().values()) == {1}


async def test_another_sweep_completes_it_when_the_first_is_killed(platform: Platform, service: Service):
    async with (
        platform(RATCHET_AFTER_RESPONSE="off", RATCHET_LEASE="1") as running,
        httpx.AsyncClient(base_url=running.url, timeout=30) as http,
    ):
        run = await post_run(http, await publish(http, service))
        service.gate.clear()
        sweep = asyncio.create_task(http.post("/sweep"))
        await service.arrived.wait()
        running.kill("sweep")
        assert (await sweep).status_code >= 500
        service.gate.set()
        await expire_leases()
        report = (await http.post("/sweep")).json()
        assert (report["claimed"], report["completed"]) == (1, 1)
        await wait_for(http, run["id"], "completed")
        types = await event_types(UUID(run["id"]))
        assert types.count("task.completed") == 5
        assert types[-1] == "workflow.completed"
        # the one effect that was in flight ran again, under the same Idempotency-Key
        assert sorted(service.keys().values()) == [1, 1, 1, 1, 2]


async def test_two_functions_that_sweep_at_once_share_the_work(platform: Platform, service: Service):
    async with (
        platform(RATCHET_AFTER_RESPONSE="off") as one,
        platform(RATCHET_AFTER_RESPONSE="off") as other,
        httpx.AsyncClient(timeout=60) as http,
    ):
        async with httpx.AsyncClient(base_url=one.url, timeout=60) as first:
            workflow = await publish(first, service)
            await asyncio.gather(*(http.post(f"{each.url}/sweep") for each in (one, other)))  # both processes are warm
            await asyncio.gather(*(post_run(first, workflow) for _ in range(200)))
        answers = await asyncio.gather(*(http.post(f"{each.url}/sweep") for each in (one, other)))
        reports = [answer.json() for answer in answers]
        assert sum(report["completed"] for report in reports) == 200
        assert min(report["completed"] for report in reports) > 0
        assert len(service.keys()) == 1000
        assert set(service.keys().values()) == {1}
