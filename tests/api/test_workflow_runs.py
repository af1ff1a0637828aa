"""POST and GET /workflows/{id}/runs."""

import asyncio
import json

import pytest

from lib import db
from tests.api.client import Client
from tests.api.conftest import PURE, Publish, StartRun
from tests.call import TIMEOUT_SECONDS
from tests.conftest import Configure
from tests.documents import call
from tests.history import sql
from tests.service import Service

pytestmark = pytest.mark.anyio

UNKNOWN = "00000000-0000-7000-8000-000000000001"

PATH = "/workflows/test/runs"


async def count_runs() -> int:
    [[count]] = await sql("select count(*) from ratchet.runs")
    return int(count)


async def test_answers_at_once_with_the_pending_run(api: Client, publish: Publish) -> None:
    workflow = await publish()
    found = await api("POST", PATH, json={"input": {"name": "Ada"}, "mode": "auto"})
    run = found.json()
    assert found.status == 202
    assert found.headers["location"] == f"/runs/{run['id']}"
    assert int(found.headers["retry-after"]) >= 1
    created_at = run.pop("created_at")
    assert created_at.endswith("Z")
    assert run == {
        "id": run["id"],
        "workflow_id": workflow["id"],
        "status": "pending",
        "mode": "auto",
        "input": {"name": "Ada"},
        "result": None,
        "error": None,
        "started_at": None,
        "finished_at": None,
        "stream_url": f"/runs/{run['id']}/stream",
    }
    assert run["id"][14] == "7"


async def test_starts_by_any_name_of_the_workflow(api: Client, publish: Publish) -> None:
    workflow = await publish()
    for key in (workflow["id"], "test", "default%2Ftest", "test@1.0.0"):
        found = await api("POST", f"/api/workflows/{key}/runs", json={})
        assert found.json()["workflow_id"] == workflow["id"], key


async def test_needs_no_body(api: Client, publish: Publish) -> None:
    await publish()
    run = (await api("POST", PATH)).json()
    assert (run["input"], run["mode"]) == ({}, "auto")


async def test_takes_any_json_as_input(api: Client, publish: Publish) -> None:
    await publish()
    for value in (None, 0, "text", [1, 2], {"a": {"b": [None]}}, 2**70, "\0 ä \u2028 😀"):
        run = (await api("POST", PATH, json={"input": value})).json()
        assert run["input"] == value
        assert (await api("GET", f"/runs/{run['id']}")).json()["input"] == value


async def test_a_wrong_body_is_422_and_starts_nothing(api: Client, publish: Publish) -> None:
    await publish()
    for body, pointer in [({"mode": "fast"}, "/mode"), ({"inputs": 1}, "/inputs"), ([], ""), ("x", "")]:
        refused = await api("POST", PATH, json=body)
        assert refused.status == 422
        assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert await count_runs() == 0


async def test_an_input_may_hold_nul(api: Client, publish: Publish) -> None:
    await publish()
    started = (await api("POST", PATH, json={"input": {"a": "b\0"}})).json()
    assert (await api("GET", f"/runs/{started['id']}")).json()["input"] == {"a": "b\0"}


async def test_an_unknown_workflow_is_404(api: Client, publish: Publish) -> None:
    await publish()
    for key in ("nope", UNKNOWN, "test@2.0.0"):
        for method in ("GET", "POST"):
            assert (await api(method, f"/workflows/{key}/runs")).status == 404, (method, key)


async def test_the_run_goes_on_after_the_answer(
    api: Client, publish: Publish, configure: Configure, service: Service
) -> None:
    configure(RATCHET_AFTER_RESPONSE="on")
    service.gate.clear()
    await publish([{"fetch": call(service.url + "/x")}])
    async with api.open("POST", PATH, json={}) as flight:
        run = json.loads(await flight.read() or b"")
        assert await flight.read() is None
        assert run["status"] == "pending"
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await service.arrived.wait()
        service.gate.set()
        await flight.finished()
    assert (await api("GET", f"/runs/{run['id']}")).json()["status"] == "completed"


async def test_leaves_the_run_to_the_sweep_where_that_is_wanted(api: Client, start: StartRun) -> None:
    run = await start()
    assert (await api("GET", f"/runs/{run['id']}")).json()["status"] == "pending"
    assert (await api("POST", "/sweep")).json()["completed"] == 1


async def test_waits_for_a_run_that_ends_in_time(api: Client, publish: Publish, configure: Configure) -> None:
    configure(RATCHET_AFTER_RESPONSE="on")
    await publish()
    found = await api("POST", PATH, json={"input": {"name": "Ada"}}, headers={"prefer": "wait=10"})
    assert found.status == 200
    assert found.headers["preference-applied"] == "wait=10"
    assert "retry-after" not in found.headers
    assert (found.json()["status"], found.json()["result"]) == ("completed", {"hello": "Ada"})


async def test_waits_for_a_run_that_somebody_else_ends(api: Client, publish: Publish) -> None:
    await publish()

    async def sweep_until_there_is_one() -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not (await api("POST", "/sweep")).json()["completed"]:
                pass

    sweeping = asyncio.create_task(sweep_until_there_is_one())
    found = await api("POST", PATH, json={}, headers={"prefer": "wait=10"})
    await sweeping
    assert (found.status, found.json()["status"]) == (200, "completed")


async def test_waits_no_longer_than_asked_and_goes_on_afterwards(
    api: Client, publish: Publish, configure: Configure, service: Service
) -> None:
    configure(RATCHET_AFTER_RESPONSE="on")
    service.gate.clear()
    await publish([{"fetch": call(service.url + "/x")}])
    async with api.open("POST", PATH, json={}, headers={"prefer": "wait=1"}) as flight:
        await flight.started()
        assert (flight.status, flight.headers["preference-applied"]) == (202, "wait=1")
        run = json.loads(await flight.read() or b"")
        assert run["status"] == "running"
        service.gate.set()
        await flight.finished()
    assert (await api("GET", f"/runs/{run['id']}")).json()["status"] == "completed"


async def test_a_wait_of_nothing_is_no_wait(api: Client, publish: Publish) -> None:
    await publish()
    found = await api("POST", PATH, json={}, headers={"prefer": "wait=0"})
    assert (found.status, found.headers["preference-applied"]) == (202, "wait=0")


async def test_the_same_key_and_body_get_the_first_answer_again(api: Client, publish: Publish) -> None:
    await publish()
    headers = {"idempotency-key": "order-1"}
    first = await api("POST", PATH, json={"input": {"a": 1, "b": 2}}, headers=headers)
    await api("POST", "/sweep")
    again = await api("POST", "/api" + PATH, json={"input": {"b": 2, "a": 1}, "mode": "auto"}, headers=headers)
    assert (again.status, again.json()) == (202, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await count_runs() == 1


async def test_the_same_key_with_another_body_is_422(api: Client, publish: Publish) -> None:
    await publish()
    headers = {"idempotency-key": "order-1"}
    await api("POST", PATH, json={"input": 1}, headers=headers)
    assert (await api("POST", PATH, json={"input": 2}, headers=headers)).status == 422
    assert await count_runs() == 1


async def test_a_key_whose_request_is_in_flight_is_409_or_answered(api: Client, publish: Publish) -> None:
    await publish()
    headers = {"idempotency-key": "order-1"}
    answers = await asyncio.gather(*(api("POST", PATH, json={}, headers=headers) for _ in range(8)))
    assert {found.status for found in answers} <= {202, 409}
    assert len({found.json()["id"] for found in answers if found.status == 202}) == 1
    assert await count_runs() == 1


async def test_a_key_held_by_another_request_is_409(api: Client, publish: Publish) -> None:
    await publish()
    headers = {"idempotency-key": "order-1"}
    await api("POST", PATH, json={}, headers=headers)
    async with db.connection() as other, other.transaction():
        await other.execute(
            "select pg_advisory_xact_lock(hashtextextended(encode(key_hash, 'hex'), 0)) from ratchet.idempotency_keys"
        )
        assert (await api("POST", PATH, json={}, headers=headers)).status == 409
    assert (await api("POST", PATH, json={}, headers=headers)).status == 202


async def test_keys_of_other_callers_and_other_workflows_are_other_keys(
    api: Client, publish: Publish, configure: Configure
) -> None:
    await publish()
    await publish(name="other")
    scopes = ["runs:write"]
    configure(RATCHET_API_KEYS=json.dumps({"one": scopes, "two": scopes}))
    for key in ("one", "two"):
        headers = {"authorization": f"Bearer {key}", "idempotency-key": "order-1"}
        for path in (PATH, "/workflows/other/runs"):
            found = await api("POST", path, json={}, headers=headers)
            assert (found.status, "idempotency-replayed" in found.headers) == (202, False)
    assert await count_runs() == 4


async def test_a_key_that_is_none_is_400_naming_the_limit(api: Client, publish: Publish) -> None:
    await publish()
    for key in ("", "x" * 256, "two words", "ä"):
        refused = await api("POST", PATH, json={}, headers={"idempotency-key": key})
        assert (refused.status, refused.json()["limit"]) == (400, 255)


async def test_lists_the_runs_of_this_workflow_alone(api: Client, publish: Publish) -> None:
    await publish(PURE, "other")
    await publish()
    ids = [(await api("POST", PATH, json={})).json()["id"] for _ in range(3)]
    await api("POST", "/workflows/other/runs", json={})
    page = (await api("GET", f"{PATH}?limit=2")).json()
    rest = (await api("GET", f"{PATH}?limit=2&cursor={page['next']}")).json()
    assert [run["id"] for run in page["runs"] + rest["runs"]] == ids[::-1]
    assert (await api("GET", f"{PATH}?status=completed")).json() == {"runs": [], "next": None}
