"""The pace: how many queries any number of clients may cost, and how long any of them waits for one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from lib import db, store, stream
from lib.config import settings
from lib.stream.clock import Alarm
from lib.stream.poller import FASTEST_SECONDS, QUERIES_PER_SECOND, Poller
from tests.stream.tools import Hand, OwnedClock, follow, next_write, read_frames, seqs_of

pytestmark = pytest.mark.anyio
MOMENT = 0.0001
SLOWEST_PACE = 1 / QUERIES_PER_SECOND
BUSY_SECONDS = 10
STORM = 500
STORM_RUNS = 40
STEP = 0.005


@dataclass(frozen=True)
class Query:
    """One query of the poller: when, and after which runs."""

    at: float
    runs: set[UUID]


def gaps_of(queries: list[Query]) -> list[float]:
    """The seconds between one query and the next."""
    return [later.at - earlier.at for earlier, later in pairwise(queries)]


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch, clock: OwnedClock) -> list[Query]:
    """The poller's queries so far."""
    seen: list[Query] = []
    read_changes: Callable[..., Any] = store.read_changes

    async def spy(cursors: Mapping[UUID, int], *, limit_per_run: int) -> list[store.Change]:
        seen.append(Query(clock.now(), set(cursors)))
        found: list[store.Change] = await read_changes(cursors, limit_per_run=limit_per_run)
        return found

    monkeypatch.setattr(store, "read_changes", spy)
    return seen


@pytest.fixture(autouse=True)
def room_for_all(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More streams than a process takes by default."""
    monkeypatch.setenv("RATCHET_MAX_STREAMS", "10000")
    settings.cache_clear()


async def begin(hand: Hand) -> UUID:
    """A run of ours with one event."""
    run_id = await hand.start()
    await hand.claim([run_id])
    return run_id


@contextmanager
def crowd(poller: Poller, size: int) -> Iterator[set[UUID]]:
    """So many clients, each of a run of its own that never does anything; gone at the end."""
    rings = []
    for _ in range(size):
        woken = asyncio.Event()
        rings.append((poller.join(uuid4(), 0, woken), woken))
    try:
        yield {ring.run_id for ring, _ in rings}
    finally:
        for ring, woken in rings:
            poller.leave(ring, woken)


async def pass_time(clock: OwnedClock, seconds: float, hand: Hand | None = None, run_id: UUID | None = None) -> None:
    """Let so many seconds pass, from one wait of the poller to the next; with a commit before each if asked for."""
    until, base = clock.now() + seconds, 1
    while clock.now() < until:
        left = await clock.until_waiting(1)
        if hand and run_id:
            base = await hand.commit(run_id, base)
        clock.advance(left[0] + MOMENT)
    await clock.until_waiting(1)


async def cut_off(clock: OwnedClock) -> None:
    """Let one look of the poller fail."""
    (left,) = await clock.until_waiting(1)
    async with db.connection() as conn:
        await conn.execute("alter function ratchet.read_changes rename to away")
    clock.advance(left + MOMENT)
    await clock.until_waiting(1)
    async with db.connection() as conn:
        await conn.execute("alter function ratchet.away rename to read_changes")


@asynccontextmanager
async def watching(poller: Poller, run_id: UUID) -> AsyncIterator[None]:
    """A client whose run is found, and with which the poller begins."""
    woken = asyncio.Event()
    ring = poller.join(run_id, 0, woken)
    try:
        await poller.look(ring)
        yield
    finally:
        poller.leave(ring, woken)


@pytest.mark.parametrize(
    ("streams", "most_a_second"),
    [(10, 20), (100, 20), (150, 14), (1000, QUERIES_PER_SECOND), (5000, QUERIES_PER_SECOND)],
)
async def test_however_many_runs_are_followed_queries_keep_to_the_pace_and_none_waits_longer(
    poller: Poller, hand: Hand, clock: OwnedClock, queries: list[Query], streams: int, most_a_second: int
) -> None:
    run_id = await begin(hand)
    with crowd(poller, streams - 1) as others:
        async with watching(poller, run_id):
            await pass_time(clock, BUSY_SECONDS, hand, run_id)
    assert all(query.runs == others | {run_id} for query in queries)
    assert BUSY_SECONDS * most_a_second * 0.9 <= len(queries) <= BUSY_SECONDS * most_a_second + 1
    assert max(gaps_of(queries)) <= 1 / most_a_second + 0.01


async def test_more_runs_than_a_query_asks_after_cost_no_more_queries_and_share_the_wait(
    poller: Poller, hand: Hand, clock: OwnedClock, queries: list[Query], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.stream.poller.RUNS_PER_QUERY", 100)
    run_id = await begin(hand)
    with crowd(poller, 399) as others:
        async with watching(poller, run_id):
            await pass_time(clock, BUSY_SECONDS, hand, run_id)
    assert {len(query.runs) for query in queries} == {100}
    assert len(queries) <= BUSY_SECONDS * QUERIES_PER_SECOND + 2 * 4  # the first look, and the last
    for one in others | {run_id}:
        assert max(gaps_of([query for query in queries if one in query.runs])) <= 4 * SLOWEST_PACE + 0.01


async def test_a_thousand_idle_streams_cost_a_query_a_second(
    poller: Poller, hand: Hand, clock: OwnedClock, queries: list[Query]
) -> None:
    run_id = await begin(hand)
    with crowd(poller, 999):
        async with watching(poller, run_id):
            await pass_time(clock, 10)
            queries.clear()
            await pass_time(clock, 120)
    assert 119 <= len(queries) <= 120


async def test_clients_of_one_moment_share_a_query_and_the_first_of_them_does_not_wait(
    poller: Poller, hand: Hand, clock: OwnedClock, queries: list[Query]
) -> None:
    run_ids = [await hand.start() for _ in range(6)]
    first = await stream.follow(run_ids[0], None, None)  # the clock stands still
    assert first
    clients = await asyncio.gather(*(follow(run_id) for run_id in run_ids[1:]))
    assert [len(query.runs) for query in queries] in ([1, 5], [1, 6])
    assert gaps_of(queries) == [pytest.approx(FASTEST_SECONDS)]
    for client in [first, *clients]:
        await client.aclose()


async def test_a_storm_of_clients_keeps_to_the_pace_and_each_is_answered_by_the_next_query(
    poller: Poller, hand: Hand, clock: OwnedClock, queries: list[Query]
) -> None:
    run_ids = [await hand.start() for _ in range(STORM_RUNS)]
    openings: dict[asyncio.Task[Any], float] = {}
    waits: dict[asyncio.Task[Any], float] = {}
    while len(waits) < STORM:
        if len(openings) < STORM:  # two hundred a second
            run_id = run_ids[len(openings) % STORM_RUNS]
            openings[asyncio.create_task(stream.follow(run_id, None, None))] = clock.now()
        await asyncio.sleep(0)  # it joins
        await clock.until_waiting(1)
        clock.advance(STEP)
        await clock.until_waiting(1)
        for opening in openings.keys() - waits.keys():
            if opening.done():
                waits[opening] = clock.now() - openings[opening]
    for opening in openings:
        await opening.result().aclose()
    assert max(waits.values()) <= SLOWEST_PACE + 3 * STEP
    assert min(gaps_of(queries)) >= FASTEST_SECONDS - MOMENT
    crowded = [query for query in queries if query.at >= queries[0].at + 250 * STEP]
    assert min(gaps_of(crowded)) >= SLOWEST_PACE - MOMENT


async def test_a_client_that_comes_back_to_a_silent_run_does_not_hurry_the_poller(
    poller: Poller, hand: Hand, clock: OwnedClock, queries: list[Query]
) -> None:
    run_id, other = await begin(hand), await begin(hand)
    async with watching(poller, run_id):
        await pass_time(clock, 10)
        queries.clear()
        client = await follow(other, 1)
        assert [query.runs for query in queries] == [{other}]
        await pass_time(clock, 5)
        assert len(queries) <= 7
        await client.aclose()


async def test_after_an_outage_a_query_asks_after_fewer_runs_until_all_are_known_again(
    poller: Poller, hand: Hand, clock: OwnedClock, queries: list[Query], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.stream.poller.RUNS_PER_QUERY_AFTER_OUTAGE", 10)
    run_id = await begin(hand)
    with crowd(poller, 24):
        async with watching(poller, run_id):
            await cut_off(clock)
            queries.clear()
            await pass_time(clock, 5)
    assert [len(query.runs) for query in queries[:4]] == [10, 10, 5, 25]
    assert {query.at for query in queries[:3]} == {queries[0].at}


async def test_a_clock_that_is_set_back_keeps_nobody_waiting(
    poller: Poller, hand: Hand, clock: OwnedClock, queries: list[Query]
) -> None:
    run_id, other = await begin(hand), await begin(hand)
    async with watching(poller, run_id):
        (left,) = await clock.until_waiting(1)
        clock.advance(left - 3600)
        client = await stream.follow(other, None, None)
        assert client
        assert other in queries[-1].runs
        await hand.commit(run_id, 1)
        await pass_time(clock, 1)
        assert run_id in queries[-1].runs
        await client.aclose()


async def test_an_alarm_goes_off_at_the_last_moment_it_was_told(clock: OwnedClock) -> None:
    woken = asyncio.Event()
    alarm = Alarm(clock, woken)
    alarm.set(clock.now() + 10)
    clock.advance(9)
    alarm.set(clock.now() + 10)
    clock.advance(9.5)
    assert not woken.is_set()
    clock.advance(0.5)
    assert woken.is_set()
    assert await clock.until_waiting(0) == []


async def test_a_cancelled_alarm_never_goes_off(clock: OwnedClock) -> None:
    woken = asyncio.Event()
    alarm = Alarm(clock, woken)
    alarm.set(clock.now() + 10)
    alarm.cancel()
    assert await clock.until_waiting(0) == []
    clock.advance(11)
    assert not woken.is_set()


async def test_a_busy_client_keeps_one_timer(poller: Poller, hand: Hand, clock: OwnedClock) -> None:
    run_id = await begin(hand)
    client = await follow(run_id)
    await next_write(client)
    await next_write(client)
    for base in range(1, 21):
        blocked = asyncio.create_task(next_write(client))
        await clock.until_waiting(2)
        await hand.commit(run_id, base)
        clock.advance(1)
        assert seqs_of(read_frames(await blocked)) == [base + 1]
    assert len(clock._timers) == 1
    await client.aclose()
    assert not clock._timers
