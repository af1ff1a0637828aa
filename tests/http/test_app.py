"""What every answer has in common, whatever the handler does."""

import asyncio
from typing import Any

import pytest

from lib.errors import DatabaseDown, Unauthorized
from lib.http import Request, Response, answer
from tests.call import call, exchange
from tests.http.conftest import ReadLog
from tests.http.serve import serve

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("configure")]


async def hello(_: Request) -> Response:
    return answer({"hello": "wörld"})


async def test_answers_json_that_nobody_may_keep_or_sniff() -> None:
    found = await call(serve(hello), "GET", "/api/x")
    assert found.json() == {"hello": "wörld"}
    assert found.headers["content-type"] == "application/json"
    assert found.headers["cache-control"] == "no-store"
    assert found.headers["x-content-type-options"] == "nosniff"
    assert int(found.headers["content-length"]) == len(found.body)


async def test_says_where_the_time_went() -> None:
    parts = (await call(serve(hello), "GET", "/x")).headers["server-timing"]
    names = [part.split(";")[0] for part in parts.split(", ")]
    assert names[-3:] == ["auth", "db", "total"]


async def test_only_the_first_answer_of_a_process_is_cold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.http.timing._warm", False)
    first, second = [(await call(serve(hello), "GET", "/x")).headers["server-timing"] for _ in range(2)]
    assert first.startswith('cold;desc="first request";dur=')
    assert "cold" not in second


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-vercel-id": "fra1::iad1::abc-1", "x-request-id": "mine"}, "fra1::iad1::abc-1"),
        ({"x-request-id": "mine"}, "mine"),
        ({"x-request-id": "two words"}, None),
        ({"x-request-id": "x" * 201}, None),
        ({}, None),
    ],
)
async def test_carries_one_request_id_through(headers: dict[str, str], expected: str | None, read_log: ReadLog) -> None:
    found = await call(serve(hello), "GET", "/x", headers=headers)
    [line] = read_log()
    assert line["request_id"] == found.headers["x-request-id"]
    assert found.headers["x-request-id"] == expected or (expected is None and len(line["request_id"]) == 36)


async def test_logs_one_line_for_each_request(read_log: ReadLog) -> None:
    await call(serve(hello, pattern="/x/{id}"), "GET", "/x/1?token=secret")
    [line] = read_log()
    assert line.pop("ms") >= 0
    assert len(line.pop("request_id")) == 36
    assert line == {"event": "request", "method": "GET", "status": 200, "route": "/x/{id}"}


async def test_a_log_line_names_the_error(read_log: ReadLog) -> None:
    await call(serve(hello), "GET", "/y")
    [line] = read_log()
    assert (line["status"], line["error"]) == (404, "NotFound")


async def test_head_is_get_without_a_body() -> None:
    got, head = [await call(serve(hello), method, "/x") for method in ("GET", "HEAD")]
    assert head.status == got.status
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.body == b""


async def test_options_names_the_verbs() -> None:
    found = await call(serve(hello), "OPTIONS", "/x")
    assert (found.status, found.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


async def test_a_wrong_verb_is_405_with_allow() -> None:
    found = await call(serve(hello), "DELETE", "/x")
    assert (found.status, found.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_a_problem_says_what_and_where() -> None:
    found = await call(serve(hello), "GET", "/api/y%2Fz?q=1")
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json() == {
        "type": "urn:ratchet:error:NotFound",
        "title": "There is no such thing here.",
        "status": 404,
        "detail": "There is no such thing here.",
        "instance": "/api/y%2Fz",
    }


async def test_a_bug_is_a_bare_500_and_a_logged_traceback(read_log: ReadLog) -> None:
    async def fail(_: Request) -> Response:
        raise ValueError("password=hunter2")

    found = await call(serve(fail), "GET", "/x")
    assert found.status == 500
    assert b"hunter2" not in found.body
    assert b"ValueError" not in found.body
    crash, line = read_log()
    assert "hunter2" in crash["traceback"]
    assert crash["request_id"] == line["request_id"] == found.headers["x-request-id"]


async def test_a_database_that_is_down_is_503_with_retry_after() -> None:
    async def fail(_: Request) -> Response:
        raise DatabaseDown

    found = await call(serve(fail), "GET", "/x")
    assert (found.status, found.headers["retry-after"]) == (503, "5")


async def test_works_on_after_the_response() -> None:
    gate, worked = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await gate.wait()
        worked.set()

    async def handle(_: Request) -> Response:
        return Response(202, b"accepted", after=work)

    async with exchange(serve(handle), "GET", "/x") as flight:
        assert await flight.read() == b"accepted"
        assert await flight.read() is None
        assert not worked.is_set()
        gate.set()
        await flight.finished()
    assert worked.is_set()


async def test_work_that_fails_after_the_response_is_logged(read_log: ReadLog) -> None:
    async def work() -> None:
        raise ValueError("late")

    async def handle(_: Request) -> Response:
        return Response(202, after=work)

    assert (await call(serve(handle), "GET", "/x")).status == 202
    assert [line["event"] for line in read_log()] == ["request", "after_response.crashed"]


async def test_headers_of_a_request_reach_its_errors_too() -> None:
    async def handle(request: Request) -> Response:
        request.answer_headers["ratelimit"] = "here"
        raise Unauthorized

    assert (await call(serve(handle), "GET", "/x")).headers["ratelimit"] == "here"


async def test_a_websocket_is_turned_away() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await serve(hello)({"type": "websocket"}, None, send)  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close"}]


async def test_starts_and_ends_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    async def close() -> None:
        closed.append("lib.db")

    monkeypatch.setattr("lib.db.close", close)
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[str] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await serve(hello)({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert closed == ["lib.db"]
