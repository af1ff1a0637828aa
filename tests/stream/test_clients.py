"""Real clients read our streams, through the real runtime, also when the function is killed under them."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse

from lib.dev.server import LocalPlatform
from tests.stream.tools import PATIENCE_SECONDS, Hand, Seen, read_frames, seqs_of
from tests.stream.watchers import Reports, install_npm_clients, watch_with_chromium, watch_with_node

pytestmark = pytest.mark.anyio
START_SECONDS = 60.0  # a browser on a busy machine


@pytest.fixture
async def platform(database: str) -> AsyncIterator[LocalPlatform]:
    """The functions as the platform runs them."""
    async with LocalPlatform(env={"DATABASE_URL": database}) as running:
        yield running


@pytest.fixture
async def run_id(hand: Hand) -> UUID:
    """A run of ours with one event."""
    run_id = await hand.start()
    await hand.claim([run_id])
    return run_id


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where node finds npm's clients."""
    return install_npm_clients(tmp_path_factory.mktemp("node"))


def stream_url(platform: LocalPlatform, run_id: UUID) -> str:
    """The address of a run's stream."""
    return f"{platform.url}/runs/{run_id}/stream"


async def test_curl_shows_the_story_and_ends(platform: LocalPlatform, hand: Hand, run_id: UUID) -> None:
    if not shutil.which("curl"):
        pytest.skip("needs curl")
    process = await asyncio.create_subprocess_exec(
        "curl", "-sN", "--fail", stream_url(platform, run_id), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    async with asyncio.timeout(PATIENCE_SECONDS):
        shown = await process.stdout.readuntil(b'"seq":1,')
        await hand.commit(run_id, 1, 3)
        shown += await process.stdout.readuntil(b'"seq":4,')
        await hand.commit(run_id, 4, status="completed")
        shown += await process.stdout.read()
        assert await process.wait() == 0
    seen = read_frames(shown)
    assert shown.startswith(b"retry: 500\nid: 0\n")
    assert [frame.kind for frame in seen] == ["connected", "update", "update", "update", "complete"]
    assert seqs_of(seen) == [1, 2, 3, 4, 5]


async def test_the_headers_let_nothing_in_between_hold_a_frame_back(
    platform: LocalPlatform, hand: Hand, run_id: UUID
) -> None:
    async with httpx.AsyncClient() as client, client.stream("GET", stream_url(platform, run_id)) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["cache-control"] == "no-cache, no-store, no-transform"
        assert answer.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in answer.headers


async def test_httpx_sse_gets_every_event_once_across_disconnects(
    platform: LocalPlatform, hand: Hand, run_id: UUID
) -> None:
    got: list[ServerSentEvent] = []
    seq = 1
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        for _ in range(4):
            headers = {"last-event-id": got[-1].id} if got else {}
            async with aconnect_sse(client, "GET", stream_url(platform, run_id), headers=headers) as source:
                async for event in source.aiter_sse():
                    got.append(event)
                    if int(event.id) >= seq:
                        break
            seq = await hand.commit(run_id, seq, 20)
        await hand.commit(run_id, seq, status="completed")
        headers = {"last-event-id": got[-1].id}
        async with aconnect_sse(client, "GET", stream_url(platform, run_id), headers=headers) as source:
            got += [event async for event in source.aiter_sse()]
        after = await client.get(stream_url(platform, run_id), headers={"last-event-id": got[-1].id})
        assert after.status_code == 204
    seen = [Seen(int(event.id), json.loads(event.data)) for event in got]
    assert seqs_of(seen) == list(range(1, seq + 2))
    assert seen[-1].kind == "complete"
    assert {event.event for event in got} == {"message"}


@pytest.mark.parametrize("script", ["eventsource.mjs", "fetch-event-source.mjs"])
async def test_npm_clients_reconnect_and_end(
    platform: LocalPlatform, hand: Hand, run_id: UUID, node_folder: Path, script: str
) -> None:
    await tell_a_story(platform, hand, run_id, watch_with_node(node_folder / script, stream_url(platform, run_id)))


async def test_chromium_reconnects_and_ends(platform: LocalPlatform, hand: Hand, run_id: UUID, tmp_path: Path) -> None:
    await tell_a_story(platform, hand, run_id, watch_with_chromium(tmp_path, stream_url(platform, run_id)))


async def tell_a_story(
    platform: LocalPlatform, hand: Hand, run_id: UUID, watching: AbstractAsyncContextManager[Reports]
) -> None:
    """Move a run under a client, kill the function in the middle; it must see each event once, then close."""
    seen: list[Seen] = []
    async with watching as reports:
        await take_until(reports, seen, 1)
        await hand.commit(run_id, 1, 3)
        await take_until(reports, seen, 4)
        platform.kill("run_stream")
        await hand.commit(run_id, 4, 150)
        await take_until(reports, seen, 154)
        await hand.commit(run_id, 154, status="completed")
        while True:
            async with asyncio.timeout(PATIENCE_SECONDS):
                report = await reports.get()
            if "closed" in report:
                break
            take(report, seen)
    assert seqs_of(seen) == list(range(1, 156))
    assert [frame.kind for frame in seen].count("connected") == 2
    assert seen[-1].kind == "complete"


async def take_until(reports: Reports, seen: list[Seen], seq: int) -> None:
    """Take what the client reports, up to this event."""
    async with asyncio.timeout(START_SECONDS):
        while not seen or seen[-1].id < seq:
            take(await reports.get(), seen)


def take(report: dict[str, str], seen: list[Seen]) -> None:
    """One message; one without data would be an error of ours."""
    seen.append(Seen(int(report["id"]), json.loads(report["data"])))
