"""GET /runs/{id}/events and /steps."""

from typing import Any
from uuid import uuid4

import pytest

from tests.api.client import Client
from tests.api.conftest import StartRun
from tests.documents import calls
from tests.service import Service

pytestmark = pytest.mark.anyio


@pytest.fixture
async def run(api: Client, start: StartRun, service: Service) -> dict[str, Any]:
    """A run of five calls that has completed."""
    started = await start(calls(service.url, 5))
    await api("POST", "/sweep")
    return started


async def read_all(api: Client, path: str, plural: str, parameter: str) -> list[Any]:
    items: list[Any] = []
    following: str | None = None
    while True:
        more = f"&{parameter}={following}" if following else ""
        page = (await api("GET", f"{path}?limit=3{more}")).json()
        assert len(page[plural]) <= 3
        items += page[plural]
        following = page["next"]
        if following is None:
            return items


@pytest.mark.parametrize("parameter", ["after", "cursor"])
async def test_events_have_every_number_once(api: Client, run: dict[str, Any], parameter: str) -> None:
    events = await read_all(api, f"/runs/{run['id']}/events", "events", parameter)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "io.serverlessworkflow.workflow.completed.v1"
    tasks = [event["data"]["task"] for event in events if event["type"].endswith("task.completed.v1")]
    assert tasks == [f"/do/{number}/step{number}" for number in range(5)]


async def test_events_after_a_seq(api: Client, run: dict[str, Any]) -> None:
    page = (await api("GET", f"/runs/{run['id']}/events?after=4&limit=2")).json()
    assert [event["seq"] for event in page["events"]] == [5, 6]
    assert page["next"] == "6"
    assert (await api("GET", f"/runs/{run['id']}/events?after=9999")).json() == {"events": [], "next": None}


async def test_steps_in_the_order_of_their_commits(api: Client, run: dict[str, Any]) -> None:
    steps = await read_all(api, f"/api/runs/{run['id']}/steps", "steps", "cursor")
    assert [step["reference"] for step in steps] == [f"/do/{number}/step{number}" for number in range(5)]
    assert {(step["function"], step["status"]) for step in steps} == {("http", "completed")}
    assert steps[0]["output"]["path"] == "/0"


async def test_an_unknown_run_is_404(api: Client) -> None:
    for run_id in ("junk", uuid4()):
        for plural in ("events", "steps"):
            assert (await api("GET", f"/runs/{run_id}/{plural}")).status == 404


async def test_a_parameter_that_means_nothing_is_400(api: Client, start: StartRun) -> None:
    run = await start()
    junk = {
        "events": ["after=-1", "after=x", "cursor=x", "after=9999999999999999999", "limit=0"],
        "steps": ["cursor=x", "cursor=WzFd", "limit=101"],
    }
    for plural, queries in junk.items():
        for query in queries:
            assert (await api("GET", f"/runs/{run['id']}/{plural}?{query}")).status == 400, query
