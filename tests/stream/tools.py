"""What the stream's tests share: a clock they own, a hand that moves runs, an eye that reads frames."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from lib import store, stream
from lib.stream.clock import Clock
from lib.stream.poller import Poller

PATIENCE_SECONDS = 10.0  # a machine under load may take its time; nothing waits this long when all is well


@dataclass(frozen=True, eq=False)
class OwnedTimer:
    """A call that comes when its test lets that much time pass."""

    others: "set[OwnedTimer]"
    at: float
    callback: Callable[[], None]

    def cancel(self) -> None:
        """It need not come any more."""
        self.others.discard(self)


class OwnedClock(Clock):
    """A clock that moves only when a test says so."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self._moved = asyncio.Event()
        self._waits: list[tuple[asyncio.Event, float]] = []
        self._timers: set[OwnedTimer] = set()
        self._news = asyncio.Event()

    def now(self) -> float:
        return self.time

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        wait = (event, self.time + seconds)
        self._waits.append(wait)
        self._news.set()
        try:
            while not event.is_set() and self.time < wait[1]:
                await _first(event, self._moved)
        finally:
            self._waits.remove(wait)
        return event.is_set()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> "OwnedTimer":
        timer = OwnedTimer(self._timers, self.time + seconds, callback)
        self._timers.add(timer)
        self._news.set()
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass for everyone who waits."""
        self.time += seconds
        for timer in [timer for timer in self._timers if timer.at <= self.time]:
            timer.cancel()
            timer.callback()
        self._moved.set()
        self._moved = asyncio.Event()

    async def until_waiting(self, count: int, unless: asyncio.Task[Any] | None = None) -> list[float]:
        """How long each still waits, once so many wait (the poller is one of them) or that task is done."""
        if unless:
            unless.add_done_callback(lambda _: self._news.set())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(left := self._left()) != count and not (unless and unless.done()):
                self._news.clear()
                await self._news.wait()
        return left

    def _left(self) -> list[float]:
        ends = [end for event, end in self._waits if not event.is_set() and end > self.time]
        ends += [timer.at for timer in self._timers]
        return sorted(end - self.time for end in ends)


async def _first(*events: asyncio.Event) -> None:
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


@dataclass
class Hand:
    """Moves runs as a sweep would, through the same store functions."""

    workflow_id: UUID
    lease: UUID

    async def start(self) -> UUID:
        """A new run that is ours, with its first event."""
        run, _ = await store.start_run(self.workflow_id, {"rows": [1, 2]}, "auto")
        return run.id

    async def claim(self, run_ids: Iterable[UUID]) -> None:
        """Hold these runs under our lease."""
        only = list(run_ids)
        await store.claim_runs(self.lease, limit=len(only), lease_seconds=3600, only=only)

    async def commit(self, run_id: UUID, base: int, count: int = 1, **outcome: Any) -> int:
        """Write so many events in one commit; the run's new seq."""
        (seq,) = await self.commit_all({run_id: base}, count, **outcome)
        return seq

    async def commit_all(
        self, bases: dict[UUID, int], count: int = 1, *, size: int = 0, status: str = "running"
    ) -> list[int]:
        """Write so many events to each of these runs in one transaction; their new seqs."""
        entries = [
            store.Entry(
                run_id=run_id,
                base=base,
                events=[event_text(base + step, size) for step in range(1, count + 1)],
                status=status,
                released=status != "running",
                due_at=None,
                result="{}" if status == "completed" else None,
            )
            for run_id, base in bases.items()
        ]
        verdicts = await store.commit_batch(self.lease, 3600, entries)
        seqs = {verdict.run_id: verdict.seq for verdict in verdicts}
        return [seqs[run_id] for run_id in bases]


def event_text(number: int, size: int = 0) -> str:
    """An event that says its own number."""
    data = {"task": f"/do/{number}", "text": "x" * size}
    return json.dumps({"type": "io.serverlessworkflow.task.completed.v1", "data": data})


async def make_hand() -> Hand:
    """A hand with a published workflow of its own."""
    definition = {"document": {"dsl": "1.0.0", "namespace": "test", "name": "streamed", "version": "1.0.0"}}
    workflow, _ = await store.publish_workflow("test", "streamed", "1.0.0", definition, "linear", uuid4().hex * 2)
    return Hand(workflow.id, uuid4())


@dataclass(frozen=True)
class Seen:
    """One frame with data: its id and what it says."""

    id: int
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        """The frame's type."""
        return str(self.body["type"])

    @property
    def seqs(self) -> list[int]:
        """The numbers of its events."""
        return [event["seq"] for event in self.body.get("events", [])]


def read_frames(data: bytes) -> list[Seen]:
    """The frames in these bytes, each of which must have an id and one line of data."""
    seen = []
    for block in data.decode("ascii").split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith((":", "retry:"))]
        if lines:
            number, body = lines
            seen.append(Seen(int(number.removeprefix("id: ")), json.loads(body.removeprefix("data: "))))
    return seen


async def ask_to_follow(
    run_id: UUID, after: int | None = None, deadline: float | None = None
) -> AsyncGenerator[bytes] | None:
    """What `stream.follow` answers; time passes for as long as the pace holds the question back, and no longer."""
    poller = stream._poller
    assert isinstance(poller.clock, OwnedClock)
    opening = asyncio.create_task(
        stream.follow(run_id, after, None if deadline is None else datetime.fromtimestamp(deadline, UTC))
    )
    try:
        while not opening.done():
            if poller._asked:
                poller.clock.advance(max(0.0, poller._free - poller.clock.now()))
            await asyncio.wait([opening], timeout=0.001)
    finally:
        opening.cancel()
    return opening.result()


async def follow(run_id: UUID, after: int | None = None, deadline: float | None = None) -> AsyncGenerator[bytes]:
    """A stream that has something left to say."""
    opened = await ask_to_follow(run_id, after, deadline)
    assert opened is not None
    return opened


async def next_write(stream: AsyncIterator[bytes]) -> bytes:
    """The next bytes of a stream."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await anext(stream)


async def read_all(stream: AsyncIterator[bytes]) -> list[Seen]:
    """Every frame until the stream ends."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return read_frames(b"".join([data async for data in stream]))


def seqs_of(seen: Iterable[Seen]) -> list[int]:
    """The numbers of all events in these frames, in the order of their arrival."""
    return [seq for frame in seen for seq in frame.seqs]


async def until_idle(poller: Poller) -> None:
    """Return once the poller has ended; nothing may be left of any client: no cursor, no ring, no task."""
    if poller._task:
        await asyncio.wait_for(poller._task, PATIENCE_SECONDS)
    assert (poller.streams, poller._rings, poller._asked, poller._task) == (0, {}, {}, None)
