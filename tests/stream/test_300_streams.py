"""Three hundred streams at once on one function process, each event exactly once for each of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from lib.dev.server import LocalPlatform
from tests.stream.tools import Hand, Seen, read_frames, seqs_of

pytestmark = pytest.mark.anyio
STREAMS = 300
RUNS = 30
ROUNDS = 8
PATIENCE_SECONDS = 60.0


class Client:
    """Reads one run's stream over HTTP, and reconnects where it was cut off, as an EventSource does."""

    def __init__(self, http: httpx.AsyncClient, run_id: UUID) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self._http = http
        self._url = f"/runs/{run_id}/stream"
        self._moved = asyncio.Event()
        self._task = asyncio.create_task(self._follow())

    def hang_up(self) -> None:
        """Go away in the middle and come back."""
        self._task.cancel()
        self._task = asyncio.create_task(self._follow())

    async def until(self, seq: int) -> None:
        """Wait until this event was seen."""
        while not self.seen or self.seen[-1].id < seq:
            self._moved.clear()
            await self._moved.wait()

    async def closed(self) -> None:
        """Wait until the server said that nothing is left."""
        await self._task

    async def _follow(self) -> None:
        while True:
            headers = {"last-event-id": str(self.seen[-1].id)} if self.seen else {}
            with suppress(httpx.TransportError):
                async with self._http.stream("GET", self._url, headers=headers) as answer:
                    if answer.status_code == 204:
                        return
                    assert answer.status_code == 200
                    self.connections += 1
                    await self._read(answer)

    async def _read(self, answer: httpx.Response) -> None:
        """Whole frames only: what was cut off in the middle was not received."""
        rest = b""
        async for data in answer.aiter_raw():
            whole, end, rest = (rest + data).rpartition(b"\n\n")
            self.seen += read_frames(whole + end)
            self._moved.set()


@pytest.fixture
async def platform(database: str) -> AsyncIterator[LocalPlatform]:
    """The functions as the platform runs them."""
    async with LocalPlatform(env={"DATABASE_URL": database}) as running:
        yield running


async def test_each_of_300_streams_sees_every_event_once_also_when_cut_off(platform: LocalPlatform, hand: Hand) -> None:
    run_ids = [await hand.start() for _ in range(RUNS)]
    await hand.claim(run_ids)
    bases = dict.fromkeys(run_ids, 1)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        httpx.AsyncClient(base_url=platform.url, limits=limits, timeout=None) as http,
    ):
        clients = [Client(http, run_id) for run_id in run_ids for _ in range(STREAMS // RUNS)]
        await asyncio.gather(*(client.until(1) for client in clients))
        pid = platform.pids["run_stream"]
        for turn in range(1, ROUNDS + 1):
            bases = dict(zip(run_ids, await hand.commit_all(bases, turn * 5), strict=True))
            for client in clients[turn % 4 :: 4]:
                client.hang_up()
            if turn == ROUNDS // 2:
                assert platform.pids["run_stream"] == pid
                platform.kill("run_stream")  # all at once
            if turn % 2 == 0:
                await asyncio.gather(*(client.until(bases[run_ids[0]]) for client in clients))
        pid = platform.pids["run_stream"]
        (last, *_) = await hand.commit_all(bases, status="completed")
        await asyncio.gather(*(client.closed() for client in clients))
        assert platform.pids["run_stream"] == pid
    for client in clients:
        assert seqs_of(client.seen) == list(range(1, last + 1))
        assert client.seen[-1].kind == "complete"
        assert client.connections >= 2
    assert await until_descriptors(pid, below=40)


async def until_descriptors(pid: int, *, below: int) -> bool:
    """Whether the process gives back what its clients held."""
    for _ in range(100):
        if count_descriptors(pid) < below:
            return True
        await asyncio.sleep(0.02)
    return False


def count_descriptors(pid: int) -> int:
    """Open files of a process; 0 where the system does not show them."""
    shown = Path(f"/proc/{pid}/fd")
    return len(list(shown.iterdir())) if shown.exists() else 0
