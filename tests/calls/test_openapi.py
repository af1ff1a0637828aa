"""`call: openapi` against a real server: what a description says becomes the request that goes out."""

import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from lib import calls
from lib.calls import descriptions
from lib.dsl.faults import STANDARD, Fault
from tests.calls.conftest import CONTEXT
from tests.calls.server import Received, Server, answer, json_answer, serve

pytestmark = pytest.mark.anyio

type Caller = Callable[..., Coroutine[Any, Any, Any]]


@pytest.fixture
async def openapi() -> AsyncIterator[Caller]:
    """`await openapi(server, id, …)`: one call; keywords are parameters, `more` other arguments."""
    descriptions.forget()

    async def call(server: Server, name: str, more: Any = None, **parameters: Any) -> Any:
        document = {"endpoint": server.url + "/docs/api"}
        arguments = {"document": document, "operationId": name, "parameters": parameters, **(more or {})}
        return await calls.run("openapi", arguments, replace(CONTEXT, authorizations=[]))

    yield call
    descriptions.forget()
    await calls.close()


def service(description: dict[str, Any], media: str = "application/json") -> Callable[[Received], bytes]:
    """A server with a description, that answers everything else with what it heard."""

    def handle(request: Received) -> bytes:
        if request.target == "/docs/api":
            return answer(200, json.dumps(description), content_type=media)
        heard = {"method": request.method, "target": request.target, "headers": request.headers}
        return json_answer(json.dumps({**heard, "body": request.body.decode()}))

    return handle


def three(*parameters: dict[str, Any], path: str = "/pets", method: str = "get", **more: Any) -> dict[str, Any]:
    operation = {"operationId": "pets", "parameters": list(parameters), **more}
    return {"openapi": "3.1.0", "servers": [{"url": "/v1"}], "paths": {path: {method: operation}}}


def two(*parameters: dict[str, Any], path: str = "/pets", **more: Any) -> dict[str, Any]:
    return {
        "swagger": "2.0",
        "basePath": "/v2",
        "paths": {path: {"post": {"operationId": "pets", "parameters": list(parameters), **more}}},
    }


@pytest.mark.parametrize(
    ("parameter", "value", "target"),
    [
        ({"in": "query"}, "a b", "/v1/pets?p=a%20b"),
        ({"in": "query"}, [1, 2], "/v1/pets?p=1&p=2"),
        ({"in": "query"}, {"x": 1, "y": 2}, "/v1/pets?x=1&y=2"),
        ({"in": "query", "explode": False}, [1, 2], "/v1/pets?p=1%2C2"),
        ({"in": "query", "style": "pipeDelimited"}, [1, 2], "/v1/pets?p=1%7C2"),
        ({"in": "query", "style": "spaceDelimited"}, [1, 2], "/v1/pets?p=1%202"),
        ({"in": "query", "style": "deepObject"}, {"x": 1}, "/v1/pets?p%5Bx%5D=1"),
        ({"in": "query", "content": {"application/json": {}}}, {"x": 1}, "/v1/pets?p=%7B%22x%22%3A1%7D"),
        ({"in": "path"}, "a/b", "/v1/pets/a%2Fb"),
        ({"in": "path"}, [1, 2], "/v1/pets/1,2"),
        ({"in": "path"}, {"x": 1}, "/v1/pets/x,1"),
        ({"in": "path", "explode": True}, {"x": 1}, "/v1/pets/x=1"),
        ({"in": "path", "style": "label"}, [1, 2], "/v1/pets/.1,2"),
        ({"in": "path", "style": "matrix"}, 1, "/v1/pets/;p=1"),
        ({"in": "path", "style": "matrix", "explode": True}, [1, 2], "/v1/pets/;p=1;p=2"),
    ],
)
async def test_puts_parameters_into_path_and_query(openapi: Caller, parameter, value, target) -> None:
    path = "/pets/{p}" if parameter["in"] == "path" else "/pets"
    async with serve(service(three({"name": "p", **parameter}, path=path))) as server:
        assert (await openapi(server, "pets", p=value))["target"] == target


async def test_puts_parameters_into_headers_cookies_and_body(openapi: Caller) -> None:
    places = (
        {"name": "X-Trace", "in": "header"},
        {"name": "session", "in": "cookie"},
        {"name": "lang", "in": "cookie"},
    )
    body = {"content": {"text/plain": {}, "application/vnd.pet+json": {}}}
    description = three(*places, method="post", requestBody=body)
    async with serve(service(description)) as server:
        heard = await openapi(server, "pets", **{"X-Trace": [1, 2], "session": "s 1", "lang": "en", "body": [1]})
        rest = await openapi(server, "pets", kind="dog", age=3)
    assert heard["headers"]["x-trace"] == "1,2"
    assert heard["headers"]["cookie"] == "session=s%201; lang=en"
    assert (heard["body"], heard["headers"]["content-type"]) == ("[1]", "application/vnd.pet+json")
    assert json.loads(rest["body"]) == {"kind": "dog", "age": 3}


@pytest.mark.parametrize(
    ("parameters", "given", "body", "target"),
    [
        ([{"name": "pet", "in": "body"}], {"pet": {"a": 1}}, '{"a":1}', "/v2/pets"),
        (
            [{"name": "a", "in": "formData"}, {"name": "b", "in": "formData"}],
            {"a": "x y", "b": 1},
            "a=x+y&b=1",
            "/v2/pets",
        ),
        ([{"name": "a", "in": "query", "type": "array"}], {"a": [1, 2]}, "", "/v2/pets?a=1%2C2"),
        ([{"name": "a", "in": "query", "collectionFormat": "multi"}], {"a": [1, 2]}, "", "/v2/pets?a=1&a=2"),
        ([{"name": "a", "in": "query", "collectionFormat": "pipes"}], {"a": [1, 2]}, "", "/v2/pets?a=1%7C2"),
    ],
)
async def test_understands_swagger_2(openapi: Caller, parameters, given, body, target) -> None:
    async with serve(service(two(*parameters))) as server:
        heard = await openapi(server, "pets", **given)
    assert (heard["method"], heard["target"], heard["body"]) == ("POST", target, body)


@pytest.mark.parametrize(
    ("servers", "target"),
    [
        ([], "/pets"),
        ([{"url": "v3"}], "/docs/v3/pets"),
        ([{"url": "{base}/x", "variables": {"base": {"default": "/b"}}}], "/b/x/pets"),
    ],
)
async def test_finds_the_server_beside_the_description(openapi: Caller, servers, target) -> None:
    async with serve(service({**three(), "servers": servers})) as server:
        assert (await openapi(server, "pets"))["target"] == target


async def test_the_nearest_server_and_the_operations_own_parameter_win(openapi: Caller) -> None:
    description = three({"$ref": "#/components/parameters/own"}, servers=[{"url": "/own"}])
    description["components"] = {"parameters": {"own": {"name": "p", "in": "query", "style": "pipeDelimited"}}}
    description["paths"]["/pets"]["parameters"] = [{"name": "p", "in": "query"}, {"name": "q", "in": "query"}]
    async with serve(service(description)) as server:
        assert (await openapi(server, "pets", p=[1, 2], q=3))["target"] == "/own/pets?p=1%7C2&q=3"


async def test_reads_yaml_and_keeps_a_description_for_a_while(openapi: Caller, monkeypatch) -> None:
    text = "openapi: 3.0.3\npaths:\n  /a:\n    get: {operationId: a}\n"

    def handle(request: Received) -> bytes:
        return answer(200, text) if request.target == "/docs/api" else json_answer("1")

    async with serve(handle) as server:
        assert [await openapi(server, "a") for _ in range(3)] == [1, 1, 1]
        assert [request.target for request in server.received] == ["/docs/api", "/a", "/a", "/a"]
        now = descriptions.time.monotonic()
        monkeypatch.setattr(descriptions.time, "monotonic", lambda: now + 301)
        await openapi(server, "a")
    assert [request.target for request in server.received].count("/docs/api") == 2


async def test_authenticates_the_operation_and_the_description_each_for_itself(openapi: Caller) -> None:
    async with serve(service(three())) as server:
        one, other = ({"basic": {"username": "u", "password": word}} for word in ("one-pass", "other-pass"))
        document = {"endpoint": {"uri": server.url + "/docs/api", "authentication": one}}
        heard = await openapi(server, "pets", {"document": document, "authentication": other, "output": "response"})
        await openapi(server, "pets", {"document": document})
        await openapi(server, "pets")
    first, second, third, fourth, _ = server.received
    assert first.headers["authorization"] != second.headers["authorization"]
    assert heard["content"]["headers"]["authorization"] == second.headers["authorization"]
    assert "authorization" not in third.headers
    assert fourth.target == "/docs/api", "who cannot authenticate does not get what was kept for one who can"


async def test_follows_redirects_only_if_told(openapi: Caller) -> None:
    def handle(request: Received) -> bytes:
        if request.target == "/v1/pets":
            return answer(302, location="/there")
        return service(three())(request)

    async with serve(handle) as server:
        assert (await openapi(server, "pets", {"redirect": True}))["target"] == "/there"
        with pytest.raises(Fault) as caught:
            await openapi(server, "pets")
    assert caught.value.status == 302


@pytest.mark.parametrize(
    ("description", "given", "kind", "text"),
    [
        (three(path="/cats"), {"operationId": "dogs"}, "configuration", "no operation 'dogs'; it has: pets"),
        (three({"name": "p", "in": "query", "required": True}), {}, "validation", "needs the parameter 'p'"),
        (three({"name": "p", "in": "query"}), {"parameters": {"q": 1}}, "validation", "no parameter 'q'; it has: p"),
        (three(method="post", requestBody={"required": True}), {}, "validation", "needs a body"),
        (three({"$ref": "other.json#/p"}), {}, "configuration", "another document"),
        (three({"$ref": "#/paths/~1pets/get/parameters/0"}), {}, "configuration", "circle"),
        (three({"$ref": "#/components/a"}), {}, "configuration", "does not have"),
        (
            three({"name": "p", "in": "path"}, path="/{p}"),
            {"parameters": {"p": {"a": {}}}},
            "validation",
            "made of texts",
        ),
        (three({"name": "p", "in": "path"}, path="/{p}"), {"parameters": {"p": ".."}}, "validation", "segment"),
        ({"swagger": "1.2"}, {}, "configuration", "no OpenAPI 3"),
        ([], {}, "configuration", "no OpenAPI 3"),
        (three(), {"operationId": None}, "validation", "operationId"),
        ({**three(), "servers": [{"url": "http://169.254.169.254/"}]}, {}, "authorization", "169"),
    ],
)
async def test_says_what_cannot_be_called(openapi: Caller, description, given, kind, text) -> None:
    async with serve(service(description)) as server:
        with pytest.raises(Fault, match=text) as caught:
            await openapi(server, "pets", given)
    assert caught.value.type == STANDARD + kind


async def test_a_description_that_cannot_be_read_or_had_is_a_fault(openapi: Caller) -> None:
    async with serve(lambda _: answer(200, "{")) as server:
        with pytest.raises(Fault, match="cannot be read") as caught:
            await openapi(server, "pets")
    assert caught.value.type == STANDARD + "configuration"
    async with serve(lambda _: answer(404)) as server:
        with pytest.raises(Fault) as caught:
            await openapi(server, "pets")
    assert caught.value.status == 404
