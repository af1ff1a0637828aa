"""GET and POST /workflows."""

import json
from typing import Any

import pytest

from lib import db
from tests.api.client import Client
from tests.api.conftest import PURE, Publish
from tests.documents import document

pytestmark = pytest.mark.anyio

YAML = """\
document: {dsl: 1.0.3, namespace: default, name: from-yaml, version: 1.0.0}
do:
- greet:
    set: {on: yes}
"""


async def test_publishes_a_document(api: Client) -> None:
    found = await api("POST", "/workflows", json=document(PURE, "etl"))
    workflow = found.json()
    assert found.status == 201
    assert found.headers["location"] == f"/workflows/{workflow['id']}"
    assert (workflow["namespace"], workflow["name"], workflow["version"]) == ("default", "etl", "1.0.0")
    assert workflow["type"] == "linear"
    assert workflow["definition"] == document(PURE, "etl")
    assert (await api("GET", found.headers["location"])).json() == workflow


async def test_the_same_document_again_is_the_same_workflow(api: Client) -> None:
    first, again = [await api("POST", "/workflows", json=document(PURE)) for _ in range(2)]
    assert (first.status, again.status) == (201, 200)
    assert again.json() == first.json()


async def test_another_document_under_the_same_version_is_409(api: Client, publish: Publish) -> None:
    await publish()
    found = await api("POST", "/workflows", json=document([{"other": {"set": {"a": 1}}}]))
    assert found.status == 409
    assert "default/test@1.0.0" in found.json()["detail"]


@pytest.mark.parametrize("media_type", ["application/yaml", "application/x-yaml; charset=utf-8", "text/yaml"])
async def test_publishes_yaml(api: Client, media_type: str) -> None:
    found = await api("POST", "/workflows", body=YAML.encode(), headers={"content-type": media_type})
    assert found.status == 201
    assert found.json()["definition"]["do"] == [{"greet": {"set": {"on": "yes"}}}]


async def test_broken_yaml_is_422_with_line_and_column(api: Client) -> None:
    body = b"document:\n  name: [\n"
    found = await api("POST", "/workflows", body=body, headers={"content-type": "application/yaml"})
    assert found.status == 422
    assert found.json()["line"] > 1


async def test_a_text_that_cannot_be_stored_is_422_and_found_where_it_was_sent(api: Client) -> None:
    tasks = [{"greet": {"set": {"a": "b\0"}}}]
    for body, pointer in [
        (document(tasks), "/do/0/greet/set/a"),
        ({"name": "short", "definition": {"do": tasks}}, "/definition/do/0/greet/set/a"),
    ]:
        refused = await api("POST", "/workflows", json=body)
        assert refused.status == 422
        assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


async def test_fills_a_document_from_the_short_row(api: Client) -> None:
    found = await api("POST", "/workflows", json={"name": "short", "definition": {"do": PURE}})
    workflow = found.json()
    assert found.status == 201
    assert (workflow["namespace"], workflow["name"], workflow["version"]) == ("default", "short", "0.1.0")
    assert workflow["definition"]["document"]["name"] == "short"
    row = {"name": "short", "namespace": "team", "version": "2.0.0", "type": "graph", "definition": {"do": PURE}}
    workflow = (await api("POST", "/workflows", json=row)).json()
    assert (workflow["namespace"], workflow["version"], workflow["type"]) == ("team", "2.0.0", "graph")


async def test_a_shape_with_branches_is_a_graph(api: Client) -> None:
    tasks = [{"choose": {"switch": [{"always": {"then": "end"}}]}}]
    assert (await api("POST", "/workflows", json=document(tasks))).json()["type"] == "graph"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"do": PURE}, [""]),
        (document([{"bad": {"set": "${ .a + }"}}]), ["/do/0/bad/set"]),
        (document([{"a": {"set": {"b": 1}, "then": "nowhere"}}]), ["/do/0/a/then"]),
        ({"name": "short", "definition": {"do": [{"bad": {"set": "${ .a + }"}}]}}, ["/definition/do/0/bad/set"]),
        ({"name": "No Name!", "definition": {"do": PURE}}, ["/name"]),
        ({"name": "short", "version": "one", "definition": {"do": PURE}}, ["/version"]),
        ({"name": "short", "kind": 1, "definition": {"do": PURE}}, ["/kind"]),
        ({"name": "other", "version": "2.0.0", "definition": document(PURE)}, ["/name", "/version"]),
        (
            {
                "name": "short",
                "type": "linear",
                "definition": {"do": [{"choose": {"switch": [{"always": {"then": "end"}}]}}]},
            },
            ["/type"],
        ),
        ({"name": "short", "definition": []}, ["/definition"]),
        ([], [""]),
    ],
)
async def test_names_each_pointer_that_is_wrong(api: Client, body: Any, pointers: list[str]) -> None:
    found = await api("POST", "/workflows", json=body)
    assert found.status == 422
    assert [error["pointer"] for error in found.json()["errors"]] == pointers
    assert all(error["detail"] for error in found.json()["errors"])


async def test_a_dry_run_publishes_nothing(api: Client) -> None:
    found = await api("POST", "/workflows?dry_run=true", json=document(PURE))
    assert (found.status, found.json()["valid"]) == (200, True)
    assert (await api("GET", "/workflows")).json() == {"workflows": [], "next": None}
    assert (await api("POST", "/workflows?dry_run=true", json={})).status == 422
    assert (await api("POST", "/workflows?dry_run=perhaps", json=document(PURE))).status == 400


async def test_lists_the_newest_first(api: Client, publish: Publish) -> None:
    published = [await publish(name=f"flow-{number}") for number in range(5)]
    first = (await api("GET", "/workflows?limit=3")).json()
    second = (await api("GET", f"/workflows?limit=3&cursor={first['next']}")).json()
    assert first["workflows"] + second["workflows"] == published[::-1]
    assert second["next"] is None


async def test_filters_by_name_namespace_and_text(api: Client, publish: Publish) -> None:
    for name in ("etl-a", "etl-b", "other"):
        await publish(name=name)
    for query, names in [
        ("name=etl-a", ["etl-a"]),
        ("name=etl", []),
        ("namespace=default", ["other", "etl-b", "etl-a"]),
        ("namespace=team", []),
        ("q=ETL", ["etl-b", "etl-a"]),
        ("q=%25", []),
        ("q=etl&name=other", []),
    ]:
        found = (await api("GET", f"/workflows?{query}")).json()
        assert [workflow["name"] for workflow in found["workflows"]] == names, query


async def test_a_document_too_deep_to_read_is_422_naming_the_limit(api: Client) -> None:
    body = b'{"document":' * 1000 + b"1" + b"}" * 1000
    found = await api("POST", "/workflows", body=body, headers={"content-type": "application/json"})
    assert (found.status, found.json()["limit"]) == (422, 128)


async def test_keeps_a_document_to_the_letter(api: Client) -> None:
    definition = document([{"z": {"set": {"b": 2**60, "a": 1.50, "ä": "\u2028"}}}])
    workflow = (await api("POST", "/workflows", json=definition)).json()
    assert json.dumps(workflow["definition"]) == json.dumps(definition)


KEY = {"idempotency-key": "release-7"}


async def test_the_same_key_and_body_get_the_first_answer_again(api: Client) -> None:
    first, again = [await api("POST", "/workflows", json=document(PURE), headers=KEY) for _ in range(2)]
    assert (first.status, again.status) == (201, 201)
    assert again.json() == first.json()


async def test_a_first_answer_of_200_stays_200(api: Client, publish: Publish) -> None:
    await publish()
    answers = [await api("POST", "/workflows", json=document(PURE), headers=KEY) for _ in range(2)]
    assert [found.status for found in answers] == [200, 200]


async def test_the_same_key_with_another_body_is_422(api: Client) -> None:
    await api("POST", "/workflows", json=document(PURE), headers=KEY)
    assert (await api("POST", "/workflows", json=document(PURE, "other"), headers=KEY)).status == 422
    assert len((await api("GET", "/workflows")).json()["workflows"]) == 1


async def test_a_key_whose_workflow_was_deleted_publishes_again(api: Client) -> None:
    await api("POST", "/workflows", json=document(PURE), headers=KEY)
    await api("DELETE", "/workflows/test")
    assert (await api("POST", "/workflows", json=document(PURE), headers=KEY)).status == 201
    assert (await api("GET", "/workflows/test")).status == 200


async def test_a_key_held_by_another_request_is_409(api: Client) -> None:
    await api("POST", "/workflows", json=document(PURE), headers=KEY)
    async with db.connection() as other, other.transaction():
        await other.execute(
            "select pg_advisory_xact_lock(hashtextextended(encode(key_hash, 'hex'), 0)) from ratchet.idempotency_keys"
        )
        assert (await api("POST", "/workflows", json=document(PURE), headers=KEY)).status == 409
