"""GET /runs/{id} and its diagnosis; POST cancel, suspend, resume, retry."""

from typing import Any

import pytest

from tests.api.client import Client
from tests.api.conftest import Publish, StartRun
from tests.conftest import Configure
from tests.documents import call, calls
from tests.history import sql
from tests.service import Service

pytestmark = pytest.mark.anyio

UNKNOWN = "00000000-0000-7000-8000-000000000001"

WAIT = [{"pause": {"wait": {"hours": 1}}}]
FAIL = [{"fail": {"raise": {"error": {"type": "https://x.test/bad", "status": 418, "title": "Teapot"}}}}]


async def read(api: Client, run: dict[str, Any]) -> dict[str, Any]:
    found = await api("GET", f"/runs/{run['id']}")
    assert found.status == 200
    return found.json()


async def test_shows_a_run_from_start_to_end(api: Client, start: StartRun) -> None:
    run = await start(input={"name": "Ada"})
    assert await read(api, run) == run
    await api("POST", "/sweep")
    done = await read(api, run)
    assert (done["status"], done["result"], done["error"]) == ("completed", {"hello": "Ada"}, None)
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]


async def test_shows_why_a_run_failed(api: Client, start: StartRun) -> None:
    run = await start(FAIL)
    await api("POST", "/sweep")
    failed = await read(api, run)
    assert failed["status"] == "failed"
    assert failed["result"] == {"error": "Teapot"}
    assert failed["error"]["type"] == "https://x.test/bad"
    assert failed["error"]["instance"] == "/do/0/fail"


async def test_an_unknown_run_is_404(api: Client) -> None:
    plain = UNKNOWN.replace("-", "")
    for run_id in ("1", "junk", UNKNOWN, plain, "{" + UNKNOWN + "}", f"urn:uuid:{UNKNOWN}", "%00"):
        for method, below in [("GET", ""), ("GET", "/diagnosis"), ("POST", "/cancel"), ("POST", "/retry")]:
            assert (await api(method, f"/runs/{run_id}{below}")).status == 404, (run_id, below)


async def test_the_path_alone_says_which(api: Client, start: StartRun) -> None:
    run, other = await start(), await start()
    assert (await api("GET", f"/runs/{run['id']}?id={other['id']}")).json()["id"] == run["id"]


@pytest.mark.parametrize(
    ("state", "possible"),
    [
        ("pending", {"cancel": "cancelled", "suspend": "suspended"}),
        ("waiting", {"cancel": "cancelled", "suspend": "suspended"}),
        ("suspended", {"cancel": "cancelled", "resume": "pending"}),
        ("failed", {"retry": "running"}),
        ("completed", {}),
        ("cancelled", {}),
    ],
)
@pytest.mark.parametrize("verb", ["cancel", "suspend", "resume", "retry"])
async def test_changes_what_can_be_changed_and_says_what_cannot(
    api: Client, start: StartRun, state: str, possible: dict[str, str], verb: str
) -> None:
    run = await start({"waiting": WAIT, "failed": FAIL}.get(state, [{"a": {"set": {"b": 1}}}]))
    if state in ("suspended", "cancelled"):
        await api("POST", f"/runs/{run['id']}/{state.removesuffix('led').removesuffix('ed')}")
    elif state != "pending":
        await api("POST", "/sweep")
    assert (await read(api, run))["status"] == state
    found = await api("POST", f"/runs/{run['id']}/{verb}")
    if verb in possible:
        assert (found.status, found.json()["status"]) == (202, possible[verb])
    else:
        assert found.status == 409
        assert state in found.json()["detail"]


async def test_a_retried_run_keeps_what_succeeded(
    api: Client, start: StartRun, service: Service, configure: Configure
) -> None:
    service.failures["/1"] = 1
    run = await start(calls(service.url, 3))
    await api("POST", "/sweep")
    assert (await read(api, run))["status"] == "failed"
    configure(RATCHET_AFTER_RESPONSE="on")
    assert (await api("POST", f"/runs/{run['id']}/retry")).json()["status"] == "running"
    assert (await read(api, run))["status"] == "completed"
    assert [request.path for request in service.requests] == ["/0", "/1", "/1", "/2"]


async def test_a_manual_run_is_let_through_effect_by_effect(
    api: Client, start: StartRun, service: Service, configure: Configure
) -> None:
    configure(RATCHET_AFTER_RESPONSE="on")
    run = await start(calls(service.url, 2), mode="manual")
    for done in range(2):
        assert (await read(api, run))["status"] == "suspended"
        assert len(service.requests) == done
        assert (await api("POST", f"/runs/{run['id']}/resume")).status == 202
    assert (await read(api, run))["status"] == "completed"


async def diagnose(api: Client, run: dict[str, Any]) -> dict[str, Any]:
    return (await api("GET", f"/runs/{run['id']}/diagnosis")).json()


async def test_diagnoses_a_run_that_nobody_has_swept(api: Client, start: StartRun) -> None:
    run = await start()
    assert (await diagnose(api, run))["cause"] == "due"
    await sql("update ratchet.runs set due_at = now() - interval '10 minutes'")
    late = await diagnose(api, run)
    assert (late["cause"], late["call"]) == ("sweep_late", "POST /sweep")
    assert late["evidence"]["last_sweep_at"] is None


async def test_diagnoses_a_run_that_waits(api: Client, start: StartRun) -> None:
    run = await start(WAIT)
    await api("POST", "/sweep")
    found = await diagnose(api, run)
    assert found["cause"] == "sleeping_until"
    assert found["until"] == found["evidence"]["due_at"]


async def test_diagnoses_a_backoff(api: Client, start: StartRun, service: Service) -> None:
    service.failures["/x"] = 9
    retry = {"retry": {"delay": {"hours": 1}, "limit": {"attempt": {"count": 3}}}}
    run = await start([{"guard": {"try": [{"fetch": call(service.url + "/x")}], "catch": retry}}])
    await api("POST", "/sweep")
    assert (await diagnose(api, run))["cause"] == "backoff"


@pytest.mark.parametrize(
    ("more", "cause"), [({}, "waiting_event"), ({"timeout": {"after": {"days": 2}}}, "sleeping_until")]
)
async def test_diagnoses_a_parent_by_naming_the_child_that_it_waits_for(
    api: Client, start: StartRun, publish: Publish, more: dict[str, Any], cause: str
) -> None:
    await publish([{"listens": {"listen": {"to": {"one": {"with": {"type": "never"}}}}}}], "child")
    child = {"run": {"workflow": {"namespace": "default", "name": "child", "version": "latest"}}}
    run = await start([{"ask": {**child, **more}}])
    await api("POST", "/sweep")
    [(child_id,)] = await sql("select id::text from ratchet.runs where parent_id = %s", run["id"])
    found = await diagnose(api, run)
    assert (found["cause"], found["call"]) == (cause, f"GET /runs/{child_id}/diagnosis")
    assert f"the run {child_id}, which it has started, is waiting." in found["fix"]
    assert found["evidence"]["awaited"] == [{"id": child_id, "status": "waiting"}]
    method, path = found["call"].split(" ")
    assert (await api(method, path)).json()["fix"] == "Send the event it listens for."


async def test_a_parent_that_goes_on_does_not_wait_for_its_child(
    api: Client, start: StartRun, publish: Publish
) -> None:
    await publish(WAIT, "child")
    child = {"run": {"workflow": {"namespace": "default", "name": "child", "version": "latest"}, "await": False}}
    run = await start([{"ask": child}, *WAIT])
    await api("POST", "/sweep")
    found = await diagnose(api, run)
    assert (found["fix"], found["evidence"]["awaited"]) == ("Wait: a sweep wakes it then.", [])


async def test_the_call_of_a_diagnosis_helps(api: Client, start: StartRun) -> None:
    run = await start()
    await api("POST", f"/runs/{run['id']}/suspend")
    found = await diagnose(api, run)
    assert found["cause"] == "suspended"
    method, path = found["call"].split(" ")
    assert (await api(method, path)).status == 202
    assert (await diagnose(api, run))["cause"] == "due"


async def test_diagnoses_the_end(api: Client, start: StartRun) -> None:
    done, failed = await start(), await start(FAIL, "fails")
    await api("POST", "/sweep")
    assert (await diagnose(api, done))["cause"] == "finished"
    found = await diagnose(api, failed)
    assert (found["cause"], found["call"]) == ("failed", f"POST /runs/{failed['id']}/retry")
