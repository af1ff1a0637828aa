"""GET and POST /sweep."""

import asyncio

import pytest

from tests.api.client import Client
from tests.api.conftest import StartRun
from tests.conftest import Configure

pytestmark = pytest.mark.anyio

COUNTS = {"claimed", "advanced", "completed", "failed", "waiting", "released", "backlog", "ms"}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_advances_what_is_due_and_counts_it(api: Client, start: StartRun, method: str) -> None:
    for _ in range(3):
        await start()
    report = (await api(method, "/api/sweep")).json()
    assert report.keys() >= COUNTS
    assert (report["claimed"], report["completed"], report["backlog"]) == (3, 3, 0)
    assert (await api(method, "/sweep")).json()["claimed"] == 0


async def test_is_safe_to_call_twice_at_once(api: Client, start: StartRun) -> None:
    for _ in range(5):
        await start()
    reports = [found.json() for found in await asyncio.gather(*(api("POST", "/sweep") for _ in range(2)))]
    assert sum(report["completed"] for report in reports) == 5


async def test_opens_to_the_cron_secret_and_to_no_api_key(api: Client, configure: Configure) -> None:
    configure(CRON_SECRET="tick", RATCHET_API_KEYS="everything", VERCEL="1")
    assert (await api("GET", "/sweep", headers={"authorization": "Bearer tick"})).status == 200
    for headers in ({}, {"authorization": "Bearer everything"}, {"authorization": "tick"}):
        assert (await api("GET", "/sweep", headers=headers)).status == 401


async def test_on_the_platform_without_a_secret_names_the_variable(api: Client, configure: Configure) -> None:
    configure(RATCHET_API_KEYS="everything", VERCEL="1")
    refused = await api("POST", "/sweep", headers={"authorization": "Bearer everything"})
    assert refused.status == 503
    assert "CRON_SECRET" in refused.json()["detail"]
