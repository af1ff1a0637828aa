"""Publishing a workflow whose functions and schemas are elsewhere, and running a function of the user's own."""

import pytest

from lib import calls
from tests.api.client import Client
from tests.calls.server import answer, serve
from tests.documents import document

pytestmark = pytest.mark.anyio


async def test_what_was_published_holds_what_was_fetched(api: Client) -> None:
    async with serve(lambda _: answer(200, "set: {said: '${ .message }'}")) as server:
        use = {"catalogs": {"ours": {"endpoint": server.url}}}
        definition = document([{"log": {"call": "log:1.0.0@ours", "with": {"message": "hi"}}}], use=use)
        published = (await api("POST", "/workflows", json=definition)).json()
        again = await api("POST", "/workflows", json=definition)
    await calls.close()
    assert published["definition"]["use"]["functions"] == {"log:1.0.0@ours": {"set": {"said": "${ .message }"}}}
    assert again.status == 200


async def test_a_published_workflow_holds_the_schema_it_was_published_with(api: Client) -> None:
    async with serve(lambda _: answer(200, "type: object\nrequired: [id]\n")) as server:
        resource = {"name": "order", "endpoint": f"{server.url}/order.yaml"}
        definition = {**document([{"a": {"set": {"x": 1}}}]), "input": {"schema": {"resource": resource}}}
        published = (await api("POST", "/workflows", json=definition)).json()
    await calls.close()
    read = (await api("GET", f"/workflows/{published['id']}")).json()
    schema = {"type": "object", "required": ["id"]}
    assert read["definition"]["input"]["schema"] == {"resource": resource, "document": schema}
    ran = await api("POST", f"/workflows/{published['id']}/runs", json={"input": {}})
    assert ran.status < 300
    assert (await api("POST", "/workflows", json=read["definition"])).status == 200, "its own text is published already"


async def test_an_own_function_is_published_and_a_strange_one_refused(api: Client) -> None:
    assert (
        await api("POST", "/workflows", json=document([{"a": {"call": "slug", "with": {"text": "A b"}}}]))
    ).status == 201
    refused = await api("POST", "/workflows", json=document([{"a": {"call": "slugg"}}]))
    assert refused.status == 422
    assert refused.json()["errors"][0]["pointer"] == "/do/0/a/call"
