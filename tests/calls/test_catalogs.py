"""Functions from catalogs and by URL: fetched once, at publishing, and pinned into the document."""

import json
from collections.abc import AsyncIterator

import pytest

from lib import calls, dsl
from lib.calls import catalogs
from lib.config import settings
from lib.errors import InvalidDocument
from tests.calls.server import Received, answer, serve
from tests.documents import document

pytestmark = pytest.mark.anyio

LOG = "set:\n  said: ${ .message }\n"


@pytest.fixture(autouse=True)
async def close() -> AsyncIterator[None]:
    yield
    await calls.close()


def one(name: str, **use: object) -> dict:
    return document([{"log": {"call": name, "with": {"message": "hi"}}}], use=use)


async def test_a_cataloged_function_becomes_part_of_the_document() -> None:
    async with serve(lambda _: answer(200, LOG)) as server:
        definition = one("log:1.0.0@ours", catalogs={"ours": {"endpoint": server.url + "/root/"}})
        pinned = await catalogs.pin(definition)
        assert await catalogs.pin(pinned) == pinned
    assert [request.target for request in server.received] == ["/root/functions/log/1.0.0/function.yaml"]
    assert pinned["use"]["functions"] == {"log:1.0.0@ours": {"set": {"said": "${ .message }"}}}
    assert "functions" not in definition["use"], "what was sent in is left as it is"
    assert dsl.compile_document(pinned)


async def test_a_function_is_fetched_by_its_url_and_so_is_what_it_calls() -> None:
    def handle(request: Received) -> bytes:
        inner = f"call: http://{request.headers['host']}/inner/function.yaml\nwith: {{}}\n"
        return answer(200, LOG if request.target.startswith("/inner") else inner)

    async with serve(handle) as server:
        pinned = await catalogs.pin(one(server.url + "/outer"))
    assert list(pinned["use"]["functions"]) == [server.url + "/outer", server.url + "/inner/function.yaml"]
    assert [request.target for request in server.received] == ["/outer/function.yaml", "/inner/function.yaml"]
    assert dsl.compile_document(pinned)


@pytest.mark.parametrize("name", ["set", "with", "input", "output"])
async def test_a_function_is_fetched_also_for_a_task_that_is_named_like_a_property(name: str) -> None:
    async with serve(lambda _: answer(200, LOG)) as server:
        pinned = await catalogs.pin(document([{"d": {"do": [{name: {"call": f"{server.url}/f"}}]}}]))
    assert list(pinned["use"]["functions"]) == [f"{server.url}/f"]
    assert dsl.compile_document(pinned)


async def test_a_catalog_is_asked_with_its_authentication(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKFLOW_SECRETS", json.dumps({"key": "s3same", "login": {"token": "t0ken"}}))
    settings.cache_clear()
    async with serve(lambda _: answer(200, LOG)) as server:
        for policy in ({"bearer": {"token": "${ $secrets.key }"}}, {"bearer": {"use": "login"}}, {"use": "shop"}):
            catalog = {"endpoint": {"uri": server.url, "authentication": policy}}
            shop = {"bearer": {"token": "plain"}}
            use = {"secrets": ["key", "login"], "authentications": {"shop": shop}}
            pinned = await catalogs.pin(one("log:1.0.0@ours", catalogs={"ours": catalog}, **use))
            assert "s3same" not in json.dumps(pinned)
    sent = [request.headers["authorization"] for request in server.received]
    assert sent == ["Bearer s3same", "Bearer t0ken", "Bearer plain"]


@pytest.mark.parametrize(
    ("url", "raw"),
    [
        (
            "https://github.com/o/r/tree/main/functions/log/1.0.0/function.yaml",
            "https://raw.githubusercontent.com/o/r/refs/heads/main/functions/log/1.0.0/function.yaml",
        ),
        ("https://github.com/o/r/blob/main/f.yaml", "https://raw.githubusercontent.com/o/r/refs/heads/main/f.yaml"),
        (
            "https://github.com/o/r/functions/log",
            "https://raw.githubusercontent.com/o/r/HEAD/functions/log/function.yaml",
        ),
        ("https://github.com/o/r/check@v1.0.0", "https://raw.githubusercontent.com/o/r/v1.0.0/check/function.yaml"),
        ("https://gitlab.com/g/p/-/tree/dev/a", "https://gitlab.com/g/p/-/raw/dev/a/function.yaml"),
        (
            "https://gitlab.com/g/p/functions/log/1/function.yaml",
            "https://gitlab.com/g/p/-/raw/HEAD/functions/log/1/function.yaml",
        ),
        ("https://x.test/log.json", "https://x.test/log.json"),
        ("https://x.test/log", "https://x.test/log/function.yaml"),
    ],
)
async def test_repositories_pages_lead_to_their_files(url: str, raw: str) -> None:
    assert catalogs._raw(url) == raw


@pytest.mark.parametrize(
    ("name", "reply", "text"),
    [
        ("log:1.0.0@theirs", answer(200, LOG), "there is no catalog `theirs`"),
        ("log@ours", answer(200, LOG), "name:version@catalog"),
        ("ftp://x.test/f", answer(200, LOG), "name:version@catalog"),
        ("http://169.254.169.254/f.yaml", answer(200, LOG), "169.254.169.254"),
        ("log:1.0.0@ours", answer(404), "404"),
        ("log:1.0.0@ours", answer(200, "- a"), "no function's definition"),
        ("log:1.0.0@ours", answer(200, "a: ["), ""),
        ("log:1.0.0@ours", answer(200, "\xff".encode("latin-1")), "UTF-8"),
    ],
)
async def test_a_function_that_cannot_be_had_is_a_problem_of_the_document(name: str, reply: bytes, text: str) -> None:
    async with serve(lambda _: reply) as server:
        with pytest.raises(InvalidDocument) as caught:
            await catalogs.pin(one(name, catalogs={"ours": {"endpoint": server.url}}))
    (problem,) = caught.value.extra["errors"]
    assert problem["pointer"] == "/do/0/log/call"
    assert problem["detail"].startswith(f"the function `{name}` cannot be fetched: ")
    assert text in problem["detail"]


async def test_what_only_looks_like_a_call_is_left_alone_and_endless_ones_end() -> None:
    data = document(
        [
            {"a": {"set": {"call": "http://127.0.0.1/f.yaml"}}},
            {"b": {"call": "http", "with": {"call": "a@b"}, "metadata": {"call": "ann@x.test"}}},
            {"c": {"set": "${ . }", "export": {"as": {"call": "a@b"}}}},
        ]
    )
    assert await catalogs.pin(data) == data
    assert await catalogs.pin(["no document"]) == ["no document"]
    for use in (None, [1], {"functions": [1]}, {"functions": None}):
        wrong = one("a:1@b") | {"use": use}
        assert await catalogs.pin(wrong) == wrong

    def endless(request: Received) -> bytes:
        return answer(200, f"call: http://{request.headers['host']}/x{request.target}")

    async with serve(endless) as server:
        with pytest.raises(InvalidDocument):
            await catalogs.pin(one(server.url + "/a.yaml"))
    assert len(server.received) == catalogs.MOST_FETCHED
