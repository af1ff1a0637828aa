"""GET /runs/{id}/stream: what is HTTP about it; the frames have their own tests."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.api.client import Client
from tests.api.conftest import StartRun, TakeDown
from tests.call import Exchange
from tests.conftest import Configure

pytestmark = pytest.mark.anyio

KEYS = json.dumps({"owner": ["workflows:write", "runs:read", "runs:write"]})
OWNER = {"authorization": "Bearer owner"}


async def read_frames(flight: Exchange) -> list[dict[str, Any]]:
    """All frames until the server closes."""
    data = b""
    while (chunk := await flight.read()) is not None:
        data += chunk
    lines = data.decode("ascii").splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


async def test_streams_a_finished_run_to_its_end(api: Client, start: StartRun) -> None:
    run = await start()
    await api("POST", "/sweep")
    async with api.open("GET", run["stream_url"]) as flight:
        frames = await read_frames(flight)
        await flight.finished()
    assert flight.status == 200
    assert flight.headers["content-type"] == "text/event-stream"
    assert flight.headers["cache-control"] == "no-cache, no-store, no-transform"
    assert flight.headers["x-accel-buffering"] == "no"
    assert [frame["type"] for frame in frames] == ["connected", "update", "complete"]
    assert frames[1]["run"]["status"] == "completed"


async def test_follows_a_run_while_it_moves(api: Client, start: StartRun) -> None:
    run = await start()
    async with api.open("GET", f"/api/runs/{run['id']}/stream") as flight:
        assert b"connected" in (await flight.read() or b"")
        assert b"pending" in (await flight.read() or b"")
        await api("POST", "/sweep")
        assert [frame["type"] for frame in await read_frames(flight)][-1] == "complete"


@pytest.mark.parametrize("where", ["header", "query"])
async def test_goes_on_after_what_was_seen(api: Client, start: StartRun, where: str) -> None:
    run = await start()
    await api("POST", "/sweep")
    path, headers = f"/runs/{run['id']}/stream", {}
    if where == "header":
        path, headers = path + "?after=0", {"last-event-id": "1"}
    else:
        path += "?after=1"
    async with api.open("GET", path, headers=headers) as flight:
        frames = await read_frames(flight)
    assert next(event["seq"] for frame in frames for event in frame.get("events", [])) == 2


async def test_a_client_that_has_seen_all_gets_204(api: Client, start: StartRun) -> None:
    run = await start()
    await api("POST", "/sweep")
    events = (await api("GET", f"/runs/{run['id']}/events")).json()["events"]
    found = await api("GET", run["stream_url"], headers={"last-event-id": str(events[-1]["seq"])})
    assert (found.status, found.body) == (204, b"")


async def test_an_unknown_run_is_404(api: Client) -> None:
    for run_id in ("junk", uuid4()):
        assert (await api("GET", f"/runs/{run_id}/stream")).status == 404


async def test_a_last_event_id_that_is_none_is_400(api: Client, start: StartRun) -> None:
    run = await start()
    for seen in ("x", "-1", "1.5", "9999999999999999999"):
        assert (await api("GET", run["stream_url"], headers={"last-event-id": seen})).status == 400
        assert (await api("GET", f"{run['stream_url']}?after={seen}")).status == 400


async def test_the_link_in_a_run_opens_its_stream_without_a_header(
    api: Client, start: StartRun, configure: Configure
) -> None:
    configure(RATCHET_API_KEYS=KEYS, CRON_SECRET="tick")
    api.headers = OWNER
    run, other = await start(), await start()
    api.headers = {}
    await api("POST", "/sweep", headers={"authorization": "Bearer tick"})
    async with api.open("GET", run["stream_url"]) as flight:
        assert (await read_frames(flight))[-1]["type"] == "complete"
    token = run["stream_url"].partition("?")[2]
    for path in (f"/runs/{other['id']}/stream?{token}", f"/runs/{run['id']}/stream", f"/runs/{run['id']}?{token}"):
        assert (await api("GET", path)).status == 401


async def test_a_token_means_nothing_where_there_are_no_keys(api: Client, start: StartRun) -> None:
    run = await start()
    await api("POST", "/sweep")
    async with api.open("GET", f"{run['stream_url']}?token=junk") as flight:
        assert (await read_frames(flight))[-1]["type"] == "complete"


async def test_a_token_does_not_expire_while_its_run_lives(
    api: Client, start: StartRun, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(RATCHET_API_KEYS=KEYS, CRON_SECRET="tick")
    api.headers = OWNER
    run = await start()
    api.headers = {}
    monkeypatch.setattr("lib.http.tokens.time.time", lambda: 4e9)
    async with api.open("GET", run["stream_url"], headers={"last-event-id": "0"}) as flight:
        assert b"connected" in (await flight.read() or b"")
    await api("POST", "/sweep", headers={"authorization": "Bearer tick"})
    assert (await api("GET", run["stream_url"])).status == 401


async def test_a_database_that_is_down_tells_a_reconnecting_client_to_come_again(
    api: Client, start: StartRun, take_database_down: TakeDown
) -> None:
    run = await start()
    await take_database_down()
    async with api.open("GET", run["stream_url"], headers={"last-event-id": "1"}) as flight:
        body = await flight.read() or b""
        await flight.finished()
    assert flight.status == 200
    assert body.startswith(b"retry: ")
    assert b"data:" not in body
    assert (await api("GET", run["stream_url"])).status == 503
