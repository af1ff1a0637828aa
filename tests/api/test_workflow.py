"""GET, PUT and DELETE /workflows/{id}."""

from typing import Any

import pytest

from tests.api.client import Client
from tests.api.conftest import PURE, Publish, StartRun
from tests.documents import document

pytestmark = pytest.mark.anyio

UNKNOWN = "00000000-0000-7000-8000-000000000001"


def versioned(version: str, **more: Any) -> dict[str, Any]:
    definition = document(PURE)
    definition["document"] |= {"version": version, **more}
    return definition


async def test_is_found_by_each_of_its_names(api: Client) -> None:
    old, new = [(await api("POST", "/workflows", json=versioned(version))).json() for version in ("1.0.0", "1.1.0")]
    for key, expected in [
        (old["id"], old),
        (new["id"], new),
        ("test", new),
        ("default%2Ftest", new),
        ("test@1.0.0", old),
        ("default%2ftest%401.0.0", old),
    ]:
        assert (await api("GET", f"/workflows/{key}")).json() == expected
        assert (await api("GET", f"/api/workflows/{key}")).json() == expected


async def test_the_path_alone_says_which(api: Client, publish: Publish) -> None:
    mine, other = await publish(name="mine"), await publish(name="other")
    assert (await api("GET", f"/workflows/mine?id={other['id']}")).json() == mine


async def test_an_unknown_one_is_404(api: Client, publish: Publish) -> None:
    await publish()
    for key in ("nope", UNKNOWN, "test@9.9.9", "team%2Ftest", "a%20b", "x" * 300, "%F0%9F%98%80"):
        for method in ("GET", "PUT", "DELETE"):
            assert (await api(method, f"/workflows/{key}")).status == 404, (method, key)


async def test_put_publishes_a_new_version(api: Client, publish: Publish) -> None:
    first = await publish()
    found = await api("PUT", "/workflows/test", json=versioned("2.0.0"))
    assert found.status == 201
    assert found.json()["version"] == "2.0.0"
    assert found.json()["id"] != first["id"]
    assert (await api("GET", "/workflows/test")).json() == found.json()
    assert (await api("GET", f"/workflows/{first['id']}")).json() == first


async def test_put_of_a_row_takes_the_next_version(api: Client, publish: Publish) -> None:
    await publish()
    row = {"name": "test", "definition": {"do": [{"other": {"set": {"a": 1}}}]}}
    found = await api("PUT", "/workflows/test", json=row)
    assert (found.status, found.json()["version"]) == (201, "1.0.1")


async def test_put_of_what_is_published_changes_nothing(api: Client, publish: Publish) -> None:
    first = await publish()
    found = await api("PUT", "/workflows/test", json=versioned("1.0.0"))
    assert (found.status, found.json()) == (200, first)
    changed = document([{"other": {"set": {"a": 1}}}])
    assert (await api("PUT", "/workflows/test", json=changed)).status == 409


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (versioned("2.0.0", name="other"), "/document/name"),
        (versioned("2.0.0", namespace="team"), "/document/name"),
        ({"name": "other", "definition": {"do": PURE}}, "/name"),
    ],
)
async def test_put_keeps_the_name(api: Client, publish: Publish, body: Any, pointer: str) -> None:
    await publish()
    found = await api("PUT", "/workflows/test", json=body)
    assert found.status == 422
    assert [error["pointer"] for error in found.json()["errors"]] == [pointer]


async def test_delete_leaves_its_finished_runs_readable(api: Client, start: StartRun) -> None:
    run = await start()
    await api("POST", f"/runs/{run['id']}/cancel")
    assert (await api("DELETE", "/workflows/test")).status == 204
    assert (await api("GET", "/workflows/test")).status == 404
    assert (await api("GET", f"/runs/{run['id']}")).status == 200


async def test_delete_is_refused_while_runs_are_live(api: Client, start: StartRun) -> None:
    run = await start()
    refused = await api("DELETE", "/workflows/test")
    assert refused.status == 409
    said = "This workflow has live runs (1); cancel them, or delete with ?cascade=cancel."
    assert refused.json()["detail"] == said
    assert (await api("DELETE", "/workflows/test?cascade=yes")).status == 400
    assert (await api("DELETE", "/workflows/test?cascade=cancel")).status == 204
    assert (await api("GET", f"/runs/{run['id']}")).json()["status"] == "cancelled"


async def test_is_drawn_as_mermaid_text(api: Client, publish: Publish) -> None:
    await publish([{'quo"ted': {"set": {"a": 1}}}], name="drawn")
    for path in ("/workflows/drawn/diagram", "/api/workflows/default%2Fdrawn/diagram"):
        found = await api("GET", path)
        assert found.status == 200
        assert found.headers["content-type"] == "text/vnd.mermaid; charset=utf-8"
        assert found.body.decode().startswith("flowchart TD\n")
        assert '["quo#34;ted<br/>set"]' in found.body.decode()
    assert (await api("GET", "/workflows/nobody/diagram")).status == 404
