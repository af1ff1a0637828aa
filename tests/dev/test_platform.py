import asyncio
import os
import select
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from lib.dev.errors import DevError
from lib.dev.server import LocalPlatform

pytestmark = pytest.mark.anyio


@pytest.fixture
async def lines() -> list[str]:
    """What the platform logs."""
    return []


@pytest.fixture
async def platform(project: Path, lines: list[str]) -> AsyncIterator[LocalPlatform]:
    log = lambda source, line: lines.append(f"{source}: {line}")  # noqa: E731
    async with LocalPlatform(project, env={"RATCHET_LEASE": "2"}, log=log) as running:
        yield running


@pytest.fixture
async def client(platform: LocalPlatform) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=platform.url, timeout=20) as each:
        yield each


async def test_serves_public_and_hides_the_source(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert (page.status_code, page.text) == (200, "<h1>hello</h1>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert (await client.head("/deep/page.css")).headers["content-length"] == "5"
    assert (await client.post("/")).status_code == 405
    for path in ("/secret.txt", "/api/toy.py/x", "/vercel.json", "/nothing"):
        refused = await client.get(path)
        assert (refused.status_code, refused.headers["x-vercel-error"]) == (404, "NOT_FOUND")


async def test_a_function_sees_what_the_platform_tells_it(client: httpx.AsyncClient) -> None:
    spoofed = {"x-forwarded-for": "6.6.6.6", "x-vercel-internal-deadline": "never", "x-own": "kept"}
    response = await client.post("/things/a%2Fb/echo?x=1", content=b"12345", headers=spoofed)
    seen = response.json()
    assert seen["target"] == "/things/a%2Fb/echo?x=1&id=a%2Fb&action=echo"
    assert seen["received"] == 5
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert seen["headers"]["x-own"] == "kept"
    assert seen["headers"]["x-vercel-id"] == response.headers["x-vercel-id"]
    assert not [name for name in seen["headers"] if name.startswith("x-vercel-internal-")]
    assert not [name for name in response.headers if name.startswith("x-vercel-internal-")]
    left = datetime.fromisoformat(seen["deadline"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < left < timedelta(seconds=60)


async def test_starts_a_process_at_the_first_request_and_keeps_it(
    platform: LocalPlatform, client: httpx.AsyncClient
) -> None:
    assert platform.pids == {}
    answers = await asyncio.gather(*(client.get("/things/a/echo") for _ in range(5)))
    assert {answer.json()["pid"] for answer in answers} == {platform.pids["toy"]}


async def test_streams_each_piece_when_it_is_sent(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/things/a/stream") as response:
        pieces = response.aiter_raw()
        assert await anext(pieces) == b"first"
        await client.get("/things/a/open")  # only now may the function go on: nobody held its first piece back
        assert await anext(pieces) == b"second"


async def test_tells_the_function_when_the_client_hangs_up(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/things/a/gone") as response:
        assert await anext(response.aiter_raw()) == b"first"
    assert (await client.get("/things/a/wait")).status_code == 200  # waits for the end of the first request


async def test_refuses_a_body_the_platform_would_refuse(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield bytes(1_000_000)

    with_length = await client.post("/things/a/echo", content=bytes(5_000_000))
    assert (with_length.status_code, with_length.headers["x-vercel-error"]) == (
        413,
        "FUNCTION_PAYLOAD_TOO_LARGE",
    )
    assert (await client.post("/things/a/echo", content=chunks())).status_code == 413
    assert (await client.post("/things/a/echo", content=bytes(4_000_000))).json()["received"] == 4_000_000


async def test_kills_the_instance_at_max_duration_with_all_that_runs_in_it(project: Path) -> None:
    async with (
        LocalPlatform(project, max_duration=0.6) as platform,
        httpx.AsyncClient(base_url=platform.url, timeout=20) as client,
    ):
        await client.get("/things/a/echo")
        before = platform.pids["toy"]
        first, second = await asyncio.gather(client.get("/things/a/hang"), _later(client, "/things/a/hang"))
        assert (first.status_code, first.headers["x-vercel-error"]) == (504, "FUNCTION_INVOCATION_TIMEOUT")
        assert (second.status_code, second.headers["x-vercel-error"]) == (500, "FUNCTION_INVOCATION_FAILED")
        assert (await client.get("/things/a/echo")).json()["pid"] != before


async def test_work_after_the_response_counts_towards_max_duration(project: Path, lines: list[str]) -> None:
    killed = asyncio.Event()

    def log(_source: str, line: str) -> None:
        if line.startswith("killed"):
            killed.set()

    async with (
        LocalPlatform(project, max_duration=0.6, log=log) as platform,
        httpx.AsyncClient(base_url=platform.url, timeout=20) as client,
    ):
        assert (await client.get("/things/a/linger")).status_code == 200
        await asyncio.wait_for(killed.wait(), 10)


async def test_lets_functions_run_on_if_told_not_to_enforce(project: Path) -> None:
    async with (
        LocalPlatform(project, max_duration=0.1, enforce=False) as platform,
        httpx.AsyncClient(base_url=platform.url, timeout=20) as client,
        client.stream("GET", "/things/a/stream") as response,
    ):
        await anext(pieces := response.aiter_raw())
        await _later(client, "/things/a/open")
        assert await anext(pieces) == b"second"


async def test_a_crash_is_a_500_and_the_next_request_gets_a_new_process(
    platform: LocalPlatform, client: httpx.AsyncClient, lines: list[str]
) -> None:
    first = (await client.get("/things/a/echo")).json()["pid"]
    assert (await client.get("/things/a/die")).headers["x-vercel-error"] == "FUNCTION_INVOCATION_FAILED"
    second = (await client.get("/things/a/echo")).json()["pid"]
    platform.kill("toy")
    third = (await client.get("/things/a/echo")).json()["pid"]
    assert len({first, second, third}) == 3
    assert "toy: process ended with code 3" in lines


async def test_a_killed_function_breaks_its_streams_off(platform: LocalPlatform, client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/things/a/stream") as response:
        pieces = response.aiter_raw()
        await anext(pieces)
        platform.kill("toy")
        with pytest.raises(httpx.TransportError):
            await anext(pieces)


async def test_a_function_that_cannot_start_says_why(client: httpx.AsyncClient, lines: list[str]) -> None:
    for _ in range(2):
        response = await client.get("/broken")
        assert (response.status_code, response.headers["x-vercel-error"]) == (
            500,
            "FUNCTION_INVOCATION_FAILED",
        )
    assert "broken: ModuleNotFoundError: No module named 'nothing_like_this'" in lines


async def test_what_a_function_prints_arrives_in_whole_lines(client: httpx.AsyncClient, lines: list[str]) -> None:
    await client.get("/things/a/speak")
    await client.get("/things/a/echo")
    assert "toy: one line" in lines


async def test_calls_the_crons_with_the_secret_again_and_again(project: Path) -> None:
    env = {"CRON_SECRET": "open sesame"}
    async with (
        LocalPlatform(project, env=env, cron_seconds=0.05) as platform,
        httpx.AsyncClient(base_url=platform.url, timeout=20) as client,
        client.stream("GET", "/things/a/stream") as response,
    ):
        pieces = response.aiter_raw()
        assert await anext(pieces) == b"first"
        assert await anext(pieces) == b"second"  # the cron's path opens the gate
        calls = (await client.get("/things/a/crons")).json()["crons"]
    assert {call["user-agent"] for call in calls} == {"vercel-cron/1.0"}
    assert {call["authorization"] for call in calls} == {"Bearer open sesame"}


async def test_a_port_in_use_is_one_sentence(platform: LocalPlatform, project: Path) -> None:
    with pytest.raises(DevError, match=f"Port {platform.port} is in use: choose another"):
        await LocalPlatform(project, port=platform.port).__aenter__()


async def test_leaves_no_process_behind(project: Path) -> None:
    async with (
        LocalPlatform(project) as platform,
        httpx.AsyncClient(base_url=platform.url) as client,
    ):
        await client.get("/things/a/echo")
        pid = platform.pids["toy"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_what_a_function_has_started_ends_with_it_and_keeps_nobody_waiting(project: Path) -> None:
    async with (
        asyncio.timeout(20),
        LocalPlatform(project) as platform,
        httpx.AsyncClient(base_url=platform.url) as client,
    ):
        child = os.pidfd_open((await client.get("/things/a/spawn")).json()["child"])
    assert select.select([child], [], [], 10)[0]
    os.close(child)


async def _later(client: httpx.AsyncClient, path: str) -> httpx.Response:
    await client.get("/things/a/echo")
    return await client.get(path)
