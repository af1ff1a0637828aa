"""GET /runs."""

import pytest

from tests.api.client import Client
from tests.api.conftest import Publish, StartRun
from tests.history import sql

pytestmark = pytest.mark.anyio

JUNK = [
    "limit=0",
    "limit=101",
    "limit=-1",
    "limit=ten",
    "limit=",
    "limit=1e1",
    "limit=%D9%A1",
    "cursor=",
    "cursor=junk",
    "cursor=WzFd",
    "cursor=WyJqdW5rIl0",
    "status=done",
    "workflow_id=test",
    "created_after=yesterday",
    "created_after=2026-01-01",
    "created_before=2026-01-01T00:00:00",
    "created_before=9999-12-31T23:59:59-23:00",
]


async def read_ids(api: Client, path: str) -> list[str]:
    return [run["id"] for run in (await api("GET", path)).json()["runs"]]


async def test_walks_all_pages_newest_first(api: Client, start: StartRun) -> None:
    ids = [(await start())["id"] for _ in range(7)]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api("GET", f"/api/runs?limit=3&cursor={cursor}" if cursor else "/api/runs?limit=3")).json()
        assert len(page["runs"]) <= 3
        seen += [run["id"] for run in page["runs"]]
        cursor = page["next"]
    assert seen == ids[::-1]


async def test_a_last_page_that_is_full_has_no_next(api: Client, start: StartRun) -> None:
    for _ in range(2):
        await start()
    assert (await api("GET", "/runs?limit=2")).json()["next"] is None


async def test_shows_20_unless_asked(api: Client, start: StartRun) -> None:
    for _ in range(21):
        await start()
    page = (await api("GET", "/runs")).json()
    assert len(page["runs"]) == 20
    assert page["next"]


async def test_filters_by_status_and_workflow(api: Client, start: StartRun, publish: Publish) -> None:
    pending, cancelled = (await start())["id"], (await start())["id"]
    await api("POST", f"/runs/{cancelled}/cancel")
    other = await publish(name="other")
    await api("POST", "/workflows/other/runs", json={})
    workflow_id = (await api("GET", f"/runs/{pending}")).json()["workflow_id"]
    assert await read_ids(api, "/runs?status=cancelled") == [cancelled]
    assert await read_ids(api, f"/runs?workflow_id={workflow_id}") == [cancelled, pending]
    assert await read_ids(api, f"/runs?workflow_id={workflow_id}&status=pending") == [pending]
    assert len(await read_ids(api, f"/runs?workflow_id={other['id']}")) == 1


async def test_filters_by_age(api: Client, start: StartRun) -> None:
    old, new = (await start())["id"], (await start())["id"]
    await sql("update ratchet.runs set created_at = '2026-01-01T12:00:00Z' where id = %s", old)
    assert await read_ids(api, "/runs?created_after=2026-06-01T00:00:00Z") == [new]
    assert await read_ids(api, "/runs?created_before=2026-06-01T00:00:00+02:00") == [old]
    assert await read_ids(
        api, "/runs?created_after=2026-01-01T12:59:00%2B01:00&created_before=2026-02-01T00:00:00Z"
    ) == [old]


async def test_a_parameter_that_means_nothing_is_400_and_named(api: Client) -> None:
    for query in JUNK:
        refused = await api("GET", f"/runs?{query}")
        assert refused.status == 400, query
        assert query.partition("=")[0] in refused.json()["detail"]
