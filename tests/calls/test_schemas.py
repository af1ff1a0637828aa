"""Schemas by `resource`: fetched once, at publishing, and pinned into the document beside where they came from."""

import copy
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lib import calls, dsl
from lib.calls import schemas
from lib.config import settings
from lib.errors import InvalidDocument
from lib.http.caller import ANYONE
from lib.http.documents import _compile
from tests.calls.server import Received, answer, serve
from tests.documents import document

pytestmark = pytest.mark.anyio

NUMBER = '{"type": "number"}'


@pytest.fixture(autouse=True)
async def close() -> AsyncIterator[None]:
    yield
    await calls.close()


def elsewhere(url: str, **schema: Any) -> dict[str, Any]:
    return {"schema": {"resource": {"endpoint": url}, **schema}}


def with_input(endpoint: Any, **parts: Any) -> dict[str, Any]:
    return {**document([{"a": {"set": {"x": 1}}}], **parts), "input": elsewhere(endpoint)}


def places(value: Any, pointer: str = "") -> list[str]:
    """Where schemas stand that have a document."""
    if isinstance(value, list):
        return [place for index, item in enumerate(value) for place in places(item, f"{pointer}/{index}")]
    if not isinstance(value, dict):
        return []
    inner = [place for name, item in value.items() for place in places(item, f"{pointer}/{name}")]
    return [pointer, *inner] if {"resource", "document"} <= set(value) else inner


async def test_a_schema_is_fetched_wherever_data_flows() -> None:
    async with serve(lambda request: answer(200, f'{{"title": "{request.target}"}}')) as server:

        def flow(name: str, *parts: str) -> dict[str, Any]:
            return {part: elsewhere(f"{server.url}/{name}/{part}") for part in parts}

        def task(name: str) -> dict[str, Any]:
            return {"set": {"x": 1}, **flow(name, "input", "output")}

        one = {"one": {"with": {"type": "t"}}}
        tasks: list[Any] = [
            {"with": {"do": [{"a": task("a")}], **flow("b", "export")}},
            {"set": {"try": [{"c": task("c")}], "catch": {"do": [{"d": task("d")}]}}},
            {"e": {"fork": {"branches": [{"f": task("f")}]}}},
            {"g": {"listen": {"to": one}, "foreach": {"do": [{"h": task("h")}], **flow("i", "output", "export")}}},
        ]
        use = {"functions": {"j/k": task("j")}, "extensions": [{"l": {"extend": "set", "before": [{"m": task("m")}]}}]}
        definition = {**document(tasks, use=use), **flow("w", "input", "output")}
        pinned = await schemas.pin(definition)
        asked = [request.target for request in server.received]
    assert len(asked) == len(set(asked)) == len(places(pinned)) == 19
    assert pinned["do"][3]["g"]["foreach"]["output"]["schema"] == {
        "resource": {"endpoint": f"{server.url}/i/output"},
        "document": {"title": "/i/output"},
    }
    assert places(definition) == [], "what was sent in is left as it is"
    assert dsl.compile_document(pinned)


async def test_a_pinned_schema_is_not_fetched_again_and_judges_what_comes_in() -> None:
    async with serve(lambda _: answer(200, "# a schema\ntype: number\n")) as server:
        definition = with_input(server.url + "/s.yaml")
        definition["output"] = copy.deepcopy(definition["input"])
        pinned = await schemas.pin(definition)
        assert await schemas.pin(pinned) == pinned
    assert len(server.received) == 1, "one place is asked once"
    assert pinned["output"]["schema"]["document"] == pinned["input"]["schema"]["document"] == {"type": "number"}


async def test_an_own_document_counts_and_what_is_data_is_left_alone() -> None:
    async with serve(lambda _: answer(200, NUMBER)) as server:
        given = elsewhere(server.url)
        run = {"run": {"workflow": {"namespace": "n", "name": "n", "version": "1.0.0", "input": given}}}
        tasks = [{"a": {"set": {"input": given, "do": [{"b": {"input": given}}]}}}, {"c": run}]
        unknown = elsewhere(server.url, format="avro")
        definition = {**document(tasks), "input": elsewhere(server.url, document=True), "output": unknown}
        assert await schemas.pin(definition) == definition
        assert await schemas.pin(["no document"]) == ["no document"]
    assert server.received == []


async def test_an_endpoint_is_asked_with_its_authentication(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKFLOW_SECRETS", json.dumps({"key": "s3same", "login": {"token": "t0ken"}}))
    settings.cache_clear()
    async with serve(lambda _: answer(200, NUMBER)) as server:
        for policy in ({"bearer": {"token": "${ $secrets.key }"}}, {"bearer": {"use": "login"}}, {"use": "shop"}):
            use = {"secrets": ["key", "login"], "authentications": {"shop": {"bearer": {"token": "plain"}}}}
            pinned = await schemas.pin(with_input({"uri": server.url, "authentication": policy}, use=use))
            assert "s3same" not in json.dumps(pinned)
            assert dsl.compile_document(pinned)
    sent = [request.headers["authorization"] for request in server.received]
    assert sent == ["Bearer s3same", "Bearer t0ken", "Bearer plain"]


async def test_what_is_wrong_with_the_rest_is_left_to_the_documents_own_checks() -> None:
    async with serve(lambda _: answer(200, NUMBER)) as server:
        pinned = await schemas.pin({**with_input(server.url, use={"secrets": 5}), "output": 3, "do": {"a": []}})
    assert pinned["input"]["schema"]["document"] == {"type": "number"}


async def test_json_is_read_as_json() -> None:
    async with serve(lambda _: answer(200, '{"const": "\\ud83d\\ude00"}')) as server:
        pinned = await schemas.pin(with_input(server.url))
    assert pinned["input"]["schema"]["document"] == {"const": "\U0001f600"}


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (answer(404), "404"),
        (answer(200, "- a"), "no JSON Schema"),
        (answer(200), "no JSON Schema"),
        (answer(200, "a: ["), ""),
        (answer(200, '{"a": 1, "a": 2}'), ""),
        (answer(200, "\xff".encode("latin-1")), "UTF-8"),
        (answer(200, "[" * 200 + "]" * 200), "nested"),
        (answer(200, json.dumps("x" * 1_100_000)), "bytes"),
    ],
    ids=["missing", "list", "empty", "broken", "twice", "bytes", "deep", "large"],
)
async def test_a_schema_that_cannot_be_had_is_a_problem_of_the_document(reply: bytes, text: str) -> None:
    async with serve(lambda _: reply) as server:
        with pytest.raises(InvalidDocument) as caught:
            await schemas.pin(with_input(server.url))
    (problem,) = caught.value.extra["errors"]
    assert problem["pointer"] == "/input/schema/resource"
    assert problem["detail"].startswith("the schema cannot be fetched: ")
    assert text in problem["detail"]


async def test_the_guard_stands_before_schemas() -> None:
    with pytest.raises(InvalidDocument) as caught:
        await schemas.pin(with_input("http://169.254.169.254/s.json"))
    assert "169.254.169.254" in caught.value.extra["errors"][0]["detail"]


async def test_a_fetched_text_that_is_no_schema_and_one_that_refers_elsewhere_are_refused() -> None:
    for body in ('{"type": "objekt"}', '{"$ref": "other.json"}'):
        async with serve(lambda _, body=body: answer(200, body)) as server:
            with pytest.raises(InvalidDocument) as caught:
                await _compile(with_input(server.url), ANYONE)
        (problem,) = caught.value.extra["errors"]
        assert (problem["pointer"], problem["detail"][:25]) == ("/input/schema", "the schema cannot be used")


async def test_a_document_has_only_so_many_schemas_from_elsewhere() -> None:
    def handle(request: Received) -> bytes:
        return answer(200, NUMBER)

    async with serve(handle) as server:
        tasks = [
            {f"t{at}": {"set": {"x": 1}, "input": elsewhere(f"{server.url}/{at}")}}
            for at in range(schemas.MOST_FETCHED + 1)
        ]
        with pytest.raises(InvalidDocument) as caught:
            await schemas.pin(document(tasks))
    assert len(server.received) == schemas.MOST_FETCHED
    assert (
        caught.value.extra["errors"][0]["pointer"]
        == f"/do/{schemas.MOST_FETCHED}/t{schemas.MOST_FETCHED}/input/schema/resource"
    )


async def test_a_fetched_function_brings_its_schemas() -> None:
    def handle(request: Received) -> bytes:
        schema = f"schema: {{resource: {{endpoint: http://{request.headers['host']}/s.json}}}}"
        return answer(200, NUMBER if request.target == "/s.json" else f"set: {{x: 1}}\ninput: {{{schema}}}\n")

    async with serve(handle) as server:
        name = server.url + "/f.yaml"
        compiled = await _compile(document([{"a": {"call": name}}]), ANYONE)
    assert compiled.definition["use"]["functions"][name]["input"]["schema"]["document"] == {"type": "number"}


async def test_one_large_schema_cannot_be_multiplied() -> None:
    async with serve(lambda _: answer(200, json.dumps({"title": "x" * 400_000}))) as server:
        tasks = [{f"t{at}": {"set": {"x": 1}, "input": elsewhere(server.url)}} for at in range(100)]
        with pytest.raises(InvalidDocument) as caught:
            await schemas.pin(document(tasks))
    assert len(server.received) == 1
    (problem,) = caught.value.extra["errors"]
    assert problem["pointer"] == "/do/2/t2/input/schema/resource"
    assert "all schemas together" in problem["detail"]


async def test_nothing_compiles_that_was_not_fetched() -> None:
    with pytest.raises(InvalidDocument) as caught:
        dsl.compile_document(with_input("https://x.test/s.json"))
    assert caught.value.extra["errors"] == [
        {"pointer": "/input/schema", "detail": "the schema was not fetched from its `resource`"}
    ]
