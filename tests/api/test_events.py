"""POST /events takes CloudEvents in all three modes, once each, and goes on with whom they wake."""

import json
from typing import Any

import pytest

from lib import store
from tests.api.client import Client
from tests.api.conftest import Configure, StartRun
from tests.history import sql
from tests.mailroom import event

pytestmark = pytest.mark.anyio

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LISTENS = [{"wait": {"listen": {"to": {"one": {"with": {"type": "paid"}}}}}}]


async def send(api: Client, value: Any, media_type: str = ONE) -> Any:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return await api("POST", "/events", body=body, headers={"content-type": media_type})


async def kept() -> list[Any]:
    return [kept for (kept,) in await sql("select event from ratchet.cloud_events order by received_at")]


async def test_takes_one_event_as_json(api: Client):
    given = event("a", data={"n": 1}, subject="x", time="2026-01-31T12:00:00Z", traceparent="00-0af7-b7ad-01")
    found = await send(api, given)
    assert (found.status, found.json()) == (202, {"accepted": 1, "duplicates": 0})
    assert await kept() == [given]


async def test_takes_a_batch_and_counts_what_came_before(api: Client):
    await send(api, event("a"))
    found = await send(api, [event("b"), event("a"), event("c"), event("b")], BATCH)
    assert found.json() == {"accepted": 2, "duplicates": 2}
    assert [one["id"] for one in await kept()] == ["a", "b", "c"]
    assert (await send(api, [], BATCH)).json() == {"accepted": 0, "duplicates": 0}


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("application/json", b'{"n":1}', {"data": {"n": 1}, "datacontenttype": "application/json"}),
        ("application/vnd.x+json; charset=utf-8", b"[1]", {"data": [1]}),
        ("text/plain", "grün".encode(), {"data": "grün"}),
        ("text/plain; charset=latin1", b"gr\xfcn", {"data_base64": "Z3L8bg=="}),
        ("image/png", b"\x89PNG", {"data_base64": "iVBORw==", "datacontenttype": "image/png"}),
        ("", b"", {}),
    ],
)
async def test_takes_one_event_in_headers_with_any_body(api: Client, content_type: str, body: bytes, data: Any):
    headers = {"ce-specversion": "1.0", "ce-id": "a", "ce-source": "/s", "ce-type": "paid", "ce-subject": "%E2%82%AC"}
    if content_type:
        headers["content-type"] = content_type
    found = await api("POST", "/events", body=body, headers=headers)
    assert found.status == 202, found.body
    [one] = await kept()
    assert one["subject"] == "€"
    assert data.items() <= one.items()
    assert ("data" in one, "data_base64" in one) == ("data" in data, "data_base64" in data)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"id": None}, "/id"),
        ({"id": ""}, "/id"),
        ({"id": 7}, "/id"),
        ({"id": "\0"}, "/id"),
        ({"id": "x" * 1001}, "/id"),
        ({"type": "ü" * 501}, "/type"),
        ({"specversion": "0.3"}, "/specversion"),
        ({"time": "yesterday"}, "/time"),
        ({"time": "2026-01-31T12:00:00"}, "/time"),
        ({"Big": "x"}, "/Big"),
        ({"extra": {"no": "objects"}}, "/extra"),
        ({"extra": 1.5}, "/extra"),
        ({"data": 1, "data_base64": "eA=="}, "/data_base64"),
    ],
)
async def test_says_what_makes_it_no_event(api: Client, change: dict[str, Any], pointer: str):
    given = event("a") | change
    found = await send(api, {name: value for name, value in given.items() if value is not None})
    assert (found.status, [error["pointer"] for error in found.json()["errors"]]) == (422, [pointer])
    found = await send(api, [event("good"), {k: v for k, v in given.items() if v is not None}], BATCH)
    assert [error["pointer"] for error in found.json()["errors"]] == [f"/1{pointer}"]
    assert await kept() == []  # a batch counts wholly or not at all


async def test_refuses_what_is_no_event_at_all(api: Client):
    assert (await send(api, [event("a")])).status == 422
    assert (await send(api, event("a"), BATCH)).status == 422
    assert (await send(api, [7], BATCH)).status == 422
    assert (await send(api, b"{", ONE)).status == 400
    assert (await send(api, event("a"), "application/json")).status == 415
    assert (await send(api, [event(str(n)) for n in range(1001)], BATCH)).json()["limit"] == 1000


async def test_needs_its_own_scope(api: Client, configure: Configure):
    configure(RATCHET_API_KEYS=json.dumps({"events": ["events:write"], "runs": ["runs:write"]}))
    for key, status in (("events", 202), ("runs", 403)):
        headers = {"authorization": f"Bearer {key}", "content-type": ONE}
        assert (await api("POST", "/events", body=json.dumps(event("a")).encode(), headers=headers)).status == status


async def test_goes_on_after_the_answer_with_the_runs_it_woke(api: Client, configure: Configure, start: StartRun):
    run = await start(LISTENS)
    await api("POST", "/sweep")
    configure(RATCHET_AFTER_RESPONSE="on")
    await send(api, event("a", data={"amount": 3}))
    found = (await api("GET", f"/runs/{run['id']}")).json()
    assert (found["status"], found["result"]) == ("completed", [{"amount": 3}])


async def test_without_work_after_the_response_the_sweep_goes_on(api: Client, start: StartRun):
    run = await start(LISTENS)
    await api("POST", "/sweep")
    await send(api, event("a", data=1))
    assert (await store.get_run(run["id"])).status == "waiting"
    diagnosis = (await api("GET", f"/runs/{run['id']}/diagnosis")).json()
    assert diagnosis["cause"] == "due"
    await api("POST", "/sweep")
    assert (await store.get_run(run["id"])).status == "completed"


async def test_a_run_that_listens_says_so_in_its_diagnosis(api: Client, start: StartRun):
    run = await start(LISTENS)
    await api("POST", "/sweep")
    assert (await api("GET", f"/runs/{run['id']}/diagnosis")).json()["cause"] == "waiting_event"
