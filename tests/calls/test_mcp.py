"""`call: mcp` against a real server: the session it opens, what it asks, how it hears the answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from lib import calls
from lib.dsl.call_checks import MCP_METHODS
from lib.dsl.faults import STANDARD, Fault
from tests.calls.conftest import CONTEXT
from tests.calls.server import Answer, Received, Server, answer, json_answer, serve

pytestmark = pytest.mark.anyio

type Caller = Callable[..., Coroutine[Any, Any, Any]]


@pytest.fixture
async def mcp() -> AsyncIterator[Caller]:
    """`await mcp(server, method, parameters)`: one call; `http` are parts of its transport, `more` other arguments."""

    async def call(server: Server, method: str, parameters: Any = None, http: Any = None, **more: Any) -> Any:
        transport = {"http": {"endpoint": server.url + "/mcp", **(http or {})}}
        arguments = {"method": method, "parameters": parameters, "transport": transport, **more}
        return await calls.run("mcp", arguments, replace(CONTEXT, authorizations=[]))

    yield call
    await calls.close()


def event(*messages: Any) -> bytes:
    return b"".join(f"event: message\ndata: {json.dumps(message)}\n\n".encode() for message in messages)


def result(id: int, value: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "result": value}


@dataclass
class Tools:
    """An MCP server with one tool; `session` is the id it gives, `reply` how it answers what is not the opening."""

    session: str = "s-1"
    reply: Callable[[dict[str, Any]], Answer] | None = None
    heard: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: Received) -> Answer:
        if request.method == "DELETE":
            return answer(405)
        message = json.loads(request.body)
        self.heard.append(message)
        if "id" not in message:
            return answer(202)
        if message["method"] == "initialize":
            opened = json.dumps(result(message["id"], {"protocolVersion": "2025-03-26", "capabilities": {}}))
            given = {"mcp_session_id": self.session} if self.session else {}
            return answer(200, opened, content_type="application/json", **given)
        if self.reply:
            return self.reply(message)
        return json_answer(json.dumps(result(message["id"], {"echo": message.get("params")})))


async def test_opens_a_session_asks_and_ends_it(mcp: Caller) -> None:
    tools = Tools()
    async with serve(tools) as server:
        parameters = {"name": "greet", "arguments": {"to": "ann"}}
        assert await mcp(server, "tools/call", parameters) == {"echo": parameters}
    assert [message["method"] for message in tools.heard] == ["initialize", "notifications/initialized", "tools/call"]
    opening = tools.heard[0]["params"]
    assert (opening["protocolVersion"], opening["clientInfo"]["name"]) == ("2025-06-18", "ratchet")
    first, *others = server.received
    assert "mcp-session-id" not in first.headers
    assert first.headers["accept"] == "application/json, text/event-stream"
    for request in others:
        assert request.headers["mcp-session-id"] == "s-1"
        assert request.headers["mcp-protocol-version"] == "2025-03-26"
    assert others[-1].method == "DELETE"
    keys = [request.headers["idempotency-key"] for request in server.received if b'"id"' in request.body]
    assert keys == [f"{CONTEXT.idempotency_key}:1", f"{CONTEXT.idempotency_key}:2"]


@pytest.mark.parametrize("method", [method for method in MCP_METHODS if method != "tools/call"])
async def test_asks_for_everything_the_language_names(mcp: Caller, method: str) -> None:
    tools = Tools(session="")
    async with serve(tools) as server:
        client = {"name": "me", "version": "2"}
        assert await mcp(server, method, client=client, protocolVersion="2024-11-05") == {"echo": None}
    assert tools.heard[0]["params"]["clientInfo"] == client
    assert tools.heard[0]["params"]["protocolVersion"] == "2024-11-05"
    assert tools.heard[-1]["method"] == method
    assert all(request.method == "POST" for request in server.received), "no session, nothing to end"


async def test_hears_its_answer_in_a_stream_that_stays_open(mcp: Caller) -> None:
    def stream(message: dict[str, Any]) -> Answer:
        async def write(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\n")
            told = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}
            asked = {"jsonrpc": "2.0", "id": message["id"], "method": "ping"}
            writer.write(event(told, asked, result(99, "other")))
            await writer.drain()
            text = json.dumps(result(message["id"], {"two": "lines"}), indent=1)
            writer.write("".join(f"data: {line}\r\n" for line in text.split("\n")).encode() + b"\r\n")
            await writer.drain()
            await asyncio.Event().wait()

        return write

    async with serve(Tools(reply=stream)) as server:
        assert await mcp(server, "tools/list") == {"two": "lines"}


async def test_authenticates_and_sends_headers(mcp: Caller) -> None:
    async with serve(Tools()) as server:
        endpoint = {"uri": server.url + "/mcp", "authentication": {"bearer": {"token": "s3same"}}}
        await mcp(server, "tools/list", http={"endpoint": endpoint, "headers": {"X-Team": "a"}})
    for request in server.received:
        assert (request.headers["authorization"], request.headers["x-team"]) == ("Bearer s3same", "a")


def refuse(message: dict[str, Any]) -> bytes:
    return json_answer(json.dumps({"id": message["id"], "error": {"code": -32602, "message": "no s3same tool"}}))


def stream(*messages: Any) -> bytes:
    return answer(200, event(*messages), content_type="text/event-stream")


@pytest.mark.parametrize(
    ("reply", "status", "kind", "text"),
    [
        (refuse, 500, "runtime", "-32602 no .redacted. tool"),
        (lambda message: stream({"id": message["id"], "error": "x"}), 500, "runtime", "an error"),
        (lambda _: answer(500, "s3same broke"), 500, "communication", "500: .redacted. broke"),
        (lambda _: answer(302, location="/x"), 302, "communication", "302"),
        (lambda _: json_answer("[]"), 502, "communication", "no result"),
        (lambda _: json_answer("{"), 502, "communication", "says it is JSON"),
        (lambda _: stream(result(9, 1)), 502, "communication", "no result"),
    ],
)
async def test_what_goes_wrong_is_a_fault_that_repeats_no_secret(mcp: Caller, reply, status, kind, text) -> None:
    async with serve(Tools(reply=reply)) as server:
        endpoint = {"uri": server.url, "authentication": {"bearer": {"token": "s3same"}}}
        with pytest.raises(Fault, match=text) as caught:
            await mcp(server, "tools/call", {"name": "x"}, http={"endpoint": endpoint})
    assert (caught.value.status, caught.value.type) == (status, STANDARD + kind)
    assert "s3same" not in caught.value.detail


async def test_takes_no_longer_than_its_timeout(mcp: Caller) -> None:
    from tests.calls.server import never

    async with serve(Tools(reply=lambda _: never)) as server:
        with pytest.raises(Fault, match=r"longer than 0\.05 s") as caught:
            await mcp(server, "tools/list", timeout={"milliseconds": 50})
    assert caught.value.status == 408


@pytest.mark.parametrize(
    "change",
    [
        {"method": 1},
        {"parameters": [1]},
        {"timeout": "soon"},
        {"transport": {}},
        {"more": 1},
        {"transport": {"http": {}}},
    ],
)
async def test_refuses_arguments_that_cannot_be_sent(change: dict[str, Any]) -> None:
    arguments = {"method": "tools/list", "transport": {"http": {"endpoint": "http://127.0.0.1:9/"}}, **change}
    with pytest.raises(Fault) as caught:
        await calls.run("mcp", arguments, CONTEXT)
    assert caught.value.type == STANDARD + "validation"


async def test_the_server_is_judged_like_any_address(mcp: Caller) -> None:
    async with serve(Tools()) as server:
        with pytest.raises(Fault) as caught:
            await mcp(server, "tools/list", http={"endpoint": "http://169.254.169.254/"})
    assert caught.value.type == STANDARD + "authorization"
