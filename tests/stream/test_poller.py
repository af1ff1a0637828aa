"""The poller: how often it asks, how it survives its database, and three hundred streams in one query."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lib import db, store
from lib.config import settings
from lib.errors import DatabaseDown
from lib.log import bind
from lib.stream import frames
from lib.stream.poller import FASTEST_SECONDS, OUTAGE_SECONDS, SLOWEST_SECONDS, Poller
from tests.stream.tools import Hand, OwnedClock, Seen, ask_to_follow, follow, next_write, read_all, read_frames, seqs_of

pytestmark = pytest.mark.anyio
STREAMS = 300
ROUNDS = 12
MOMENT = 0.0001
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"  # nothing listens there


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many runs each query of the poller asked for."""
    seen: list[int] = []
    read_changes: Callable[..., Any] = store.read_changes

    async def spy(cursors: Mapping[UUID, int], *, limit_per_run: int) -> list[store.Change]:
        seen.append(len(cursors))
        found: list[store.Change] = await read_changes(cursors, limit_per_run=limit_per_run)
        return found

    monkeypatch.setattr(store, "read_changes", spy)
    return seen


async def silent(hand: Hand) -> tuple[UUID, AsyncGenerator[bytes]]:
    """A run with one event and a client that has seen it."""
    run_id = await hand.start()
    await hand.claim([run_id])
    client = await follow(run_id)
    await next_write(client)
    await next_write(client)
    return run_id, client


async def next_pause(clock: OwnedClock) -> float:
    """How long the poller waits, once it does; only it waits."""
    (pause,) = await clock.until_waiting(1)
    return pause


async def test_asks_often_while_things_change_and_seldom_when_idle(
    poller: Poller, hand: Hand, clock: OwnedClock
) -> None:
    run_id, client = await silent(hand)
    pauses = []
    for _ in range(20):
        pauses.append(await next_pause(clock))
        clock.advance(pauses[-1] + MOMENT)
    assert pauses[0] == pytest.approx(FASTEST_SECONDS, abs=MOMENT)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(SLOWEST_SECONDS, abs=MOMENT)
    pause = await next_pause(clock)
    await hand.commit(run_id, 1)
    clock.advance(pause + MOMENT)
    assert await next_pause(clock) == pytest.approx(FASTEST_SECONDS, abs=MOMENT)
    await client.aclose()


async def test_a_new_client_is_answered_at_once_and_costs_no_question_about_the_others(
    poller: Poller, hand: Hand, clock: OwnedClock, queries: list[int]
) -> None:
    _, idle = await silent(hand)
    for _ in range(20):
        clock.advance(await next_pause(clock) + MOMENT)
    await next_pause(clock)
    queries.clear()
    _, client = await silent(hand)  # the clock stands still
    assert queries == [1]
    assert await next_pause(clock) == pytest.approx(FASTEST_SECONDS, abs=MOMENT)
    await idle.aclose()
    await client.aclose()


async def test_ends_with_its_last_client(poller: Poller, hand: Hand) -> None:
    _, client = await silent(hand)
    task = poller._task
    assert task
    await client.aclose()
    await asyncio.wait_for(task, 5)
    _, again = await silent(hand)
    assert poller._task not in (None, task)
    await again.aclose()


async def test_asks_for_many_runs_in_a_few_queries(
    poller: Poller, hand: Hand, monkeypatch: pytest.MonkeyPatch, queries: list[int]
) -> None:
    monkeypatch.setattr("lib.stream.poller.RUNS_PER_QUERY", 10)
    run_ids = [await hand.start() for _ in range(25)]
    clients = await asyncio.gather(*(follow(run_id) for run_id in run_ids))
    assert sum(queries) == 25
    assert max(queries) == 10
    for client in clients:
        await client.aclose()


async def test_three_hundred_streams_see_every_event_once_in_one_query_a_tick(
    poller: Poller, hand: Hand, clock: OwnedClock, queries: list[int]
) -> None:
    run_ids = [await hand.start() for _ in range(STREAMS // 5)]
    await hand.claim(run_ids)
    clients = [Client(run_id) for run_id in run_ids for _ in range(5)]
    bases = dict.fromkeys(run_ids, 1)
    await asyncio.gather(*(client.read_until(1) for client in clients))
    for count in range(1, ROUNDS + 1):
        seqs = await hand.commit_all(bases, count, size=count * 500)
        bases = dict(zip(run_ids, seqs, strict=True))
        clock.advance(1)
        await asyncio.gather(
            *(client.read_until(seqs[0], leave=turn % 3 == count % 3) for turn, client in enumerate(clients))
        )
    await hand.commit_all(bases, 1, status="completed")
    clock.advance(1)
    await asyncio.gather(*(client.read_to_end() for client in clients))
    assert all(seqs_of(client.seen) == list(range(1, seqs[0] + 2)) for client in clients)
    assert all(client.seen[-1].kind == "complete" for client in clients)
    # A tick a round for those who wait, one for those who joined together, and none for each client alone.
    assert len(queries) <= 3 * (ROUNDS + 2)


class Client:
    """A client that reconnects where it was cut off."""

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id
        self.seen: list[Seen] = []
        self._stream: AsyncGenerator[bytes] | None = None

    async def read_until(self, seq: int, *, leave: bool = False) -> None:
        """Read up to this event; then perhaps go away without a word."""
        while not seqs_of(self.seen) or self.seen[-1].id < seq:
            self._stream = self._stream or await follow(self.run_id, self.seen[-1].id if self.seen else None)
            self.seen += read_frames(await next_write(self._stream))
        if leave and self._stream:
            await self._stream.aclose()
            self._stream = None

    async def read_to_end(self) -> None:
        """Read the rest."""
        self.seen += await read_all(self._stream or await follow(self.run_id, self.seen[-1].id))


async def kill_connections(url: str) -> None:
    """End every other connection to this database."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )


async def commit_surely(hand: Hand, run_id: UUID, base: int) -> None:
    """Commit one event, again if the connection it was to go over is dead."""
    with suppress(DatabaseDown):
        await hand.commit(run_id, base)
        return
    await commit_surely(hand, run_id, base)


async def test_killed_connections_cost_no_event(poller: Poller, hand: Hand, clock: OwnedClock, database: str) -> None:
    run_id, client = await silent(hand)
    seen: list[Seen] = []
    reader = asyncio.create_task(read_into(seen, client))
    for base in range(1, 6):
        await commit_surely(hand, run_id, base)
        await kill_connections(database)
        while seqs_of(seen)[-1:] != [base + 1]:
            await clock.until_waiting(2, unless=reader)
            clock.advance(SLOWEST_SECONDS)
            await clock.until_waiting(2, unless=reader)
    assert seqs_of(seen) == [2, 3, 4, 5, 6]
    reader.cancel()
    await asyncio.wait([reader])


async def read_into(seen: list[Any], client: AsyncGenerator[bytes], *, raw: bool = False) -> None:
    """Keep reading, as a client does."""
    async for data in client:
        seen += [data] if raw else read_frames(data)


async def point_at(url: str, monkeypatch: pytest.MonkeyPatch, *, patience_seconds: float = 5) -> None:
    """Let this process use another database from now on."""
    await db.close()
    monkeypatch.setattr(db, "_CONNECT_SECONDS", patience_seconds)
    monkeypatch.setenv("DATABASE_URL", url)
    settings.cache_clear()


async def test_a_short_outage_is_only_heartbeats(
    poller: Poller, hand: Hand, clock: OwnedClock, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, client = await silent(hand)
    writes: list[bytes] = []
    reader = asyncio.create_task(read_into(writes, client, raw=True))
    await point_at(NOWHERE, monkeypatch, patience_seconds=0.01)
    for _ in range(int(OUTAGE_SECONDS - 2)):
        await clock.until_waiting(2, unless=reader)
        clock.advance(SLOWEST_SECONDS)
    await clock.until_waiting(2, unless=reader)
    assert writes == [frames.HEARTBEAT] * 2
    await point_at(database, monkeypatch)
    await hand.commit(run_id, 1, status="completed")
    while not reader.done():
        clock.advance(SLOWEST_SECONDS)
        await clock.until_waiting(2, unless=reader)
    assert seqs_of(read_frames(writes[-1])) == [2]


async def test_a_long_outage_ends_with_an_error(
    poller: Poller,
    hand: Hand,
    clock: OwnedClock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with bind(request_id="of the first client"):
        _, client = await silent(hand)
    writes: list[bytes] = []
    reader = asyncio.create_task(read_into(writes, client, raw=True))
    await point_at(NOWHERE, monkeypatch, patience_seconds=0.01)
    started = clock.now()
    while not reader.done():
        await clock.until_waiting(2, unless=reader)
        clock.advance(SLOWEST_SECONDS)
        await clock.until_waiting(2, unless=reader)
    assert writes[:-1] == [frames.HEARTBEAT] * 2
    (error,) = read_frames(writes[-1])
    assert error.id == 1
    assert error.body == {"type": "error", "error": "The database cannot be reached right now."}
    assert OUTAGE_SECONDS <= clock.now() - started <= OUTAGE_SECONDS + 5
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"event": "stream.poll_failed", "error": "DatabaseDown", "streams": 1}


async def test_a_question_that_fails_for_any_reason_does_not_leave_clients_waiting(
    poller: Poller, hand: Hand, clock: OwnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, client = await silent(hand)
    async with db.connection() as conn:
        await conn.execute("drop function ratchet.read_changes")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        await ask_to_follow(run_id)
    writes: list[bytes] = []
    reader = asyncio.create_task(read_into(writes, client, raw=True))
    while not reader.done():
        clock.advance(SLOWEST_SECONDS)
        await clock.until_waiting(2, unless=reader)
    await reader
    assert read_frames(writes[-1])[0].body["error"] == "The run's events cannot be read."
