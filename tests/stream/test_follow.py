"""One client's stream over a real database, from connected to complete, at the test's own time."""

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID, uuid4

import pytest

from lib import db, store, stream
from lib.config import settings
from lib.errors import DatabaseDown, NotFound, Unavailable
from lib.stream import frames
from lib.stream.follower import CLOSE_BEFORE_DEADLINE_SECONDS, HEARTBEAT_SECONDS
from lib.stream.poller import Poller
from tests.stream.tools import (
    Hand,
    OwnedClock,
    Seen,
    ask_to_follow,
    follow,
    next_write,
    read_all,
    read_frames,
    seqs_of,
    until_idle,
)

pytestmark = pytest.mark.anyio


async def ended(hand: Hand, count: int = 3) -> tuple[UUID, int]:
    """A run that has completed."""
    run_id = await hand.start()
    await hand.claim([run_id])
    (seq,) = await hand.commit_all({run_id: 1}, count, status="completed")
    return run_id, seq


async def waiting(hand: Hand) -> UUID:
    """A run of ours with one event."""
    run_id = await hand.start()
    await hand.claim([run_id])
    return run_id


async def read_until(client: AsyncGenerator[bytes], seq: int) -> list[Seen]:
    """What this client gets up to the event `seq`."""
    seen: list[Seen] = []
    while not seen or seen[-1].id < seq:
        seen += read_frames(await next_write(client))
    return seen


async def test_connected_then_the_run_then_complete(poller: Poller, hand: Hand) -> None:
    run_id, seq = await ended(hand)
    seen = await read_all(await follow(run_id))
    assert [(frame.kind, frame.id) for frame in seen] == [
        ("connected", 0),
        ("update", seq),
        ("complete", seq),
    ]
    assert seen[0].body["runId"] == str(run_id)
    assert seen[1].body["run"] == (await store.get_run(run_id)).to_json()
    assert seen[1].body["events"] == [event.to_json() for event in await store.list_events(run_id, after=0, limit=100)]


async def test_events_arrive_as_they_happen(poller: Poller, hand: Hand, clock: OwnedClock) -> None:
    run_id = await waiting(hand)
    client = await follow(run_id)
    await read_until(client, 1)
    for base in (1, 2, 3):
        await hand.commit(run_id, base)
        clock.advance(1)
        assert read_frames(await next_write(client))[0].seqs == [base + 1]
    await hand.commit(run_id, 4, status="completed")
    clock.advance(1)
    last = read_frames(await next_write(client))
    assert [frame.kind for frame in last] == ["update", "complete"]
    with pytest.raises(StopAsyncIteration):
        await next_write(client)


async def test_each_event_once_across_reconnects(poller: Poller, hand: Hand, clock: OwnedClock) -> None:
    run_id = await waiting(hand)
    seen: list[Seen] = []
    seq = 1
    after: int | None = None
    for _ in range(8):
        client = await follow(run_id, after)
        seen += await read_until(client, seq)
        after = seen[-1].id
        await client.aclose()
        seq = await hand.commit(run_id, seq, 40)
    await hand.commit(run_id, seq, status="completed")
    seen += await read_all(await follow(run_id, after))
    assert seqs_of(seen) == list(range(1, seq + 2))
    assert await ask_to_follow(run_id, seq + 1) is None


async def test_a_client_cut_off_in_the_middle_of_a_commit_goes_on_there(poller: Poller, hand: Hand) -> None:
    run_id, seq = await ended(hand, 250)
    client = await follow(run_id)
    seen = await read_until(client, 100)
    await client.aclose()
    seen += await read_all(await follow(run_id, seen[-1].id))
    assert seqs_of(seen) == list(range(1, seq + 1))


async def test_connected_carries_the_clients_own_cursor(poller: Poller, hand: Hand) -> None:
    run_id, _ = await ended(hand)
    connected, update, _ = await read_all(await follow(run_id, 2))
    assert connected.id == 2
    assert update.seqs == [3, 4]


async def test_nothing_is_left_after_the_end(poller: Poller, hand: Hand) -> None:
    run_id, seq = await ended(hand)
    assert await ask_to_follow(run_id, seq) is None
    assert await ask_to_follow(run_id, seq + 5) is None


async def test_a_retried_run_is_followed_again_after_its_end(poller: Poller, hand: Hand) -> None:
    run_id = await waiting(hand)
    await hand.commit(run_id, 1, status="failed")
    assert await ask_to_follow(run_id, 2) is None
    await store.retry_run(run_id)
    client = await follow(run_id, 2)
    assert (await read_until(client, 3))[-1].body["run"]["status"] == "running"
    await client.aclose()


async def test_an_unknown_run_is_not_found(poller: Poller) -> None:
    for after in (None, 0, 7):
        with pytest.raises(NotFound):
            await ask_to_follow(uuid4(), after)
    await until_idle(poller)


async def test_a_cursor_ahead_of_a_live_run_waits_and_harms_nobody(
    poller: Poller, hand: Hand, clock: OwnedClock
) -> None:
    run_id = await waiting(hand)
    ahead, honest = await follow(run_id, 99), await follow(run_id)
    await read_until(honest, 1)
    await next_write(ahead)
    await hand.commit(run_id, 1, status="completed")
    clock.advance(1)
    assert seqs_of(read_frames(await next_write(honest))) == [2]
    assert [(f.kind, f.id) for f in read_frames(await next_write(ahead))] == [("complete", 99)]
    await honest.aclose()
    await ahead.aclose()


async def test_refuses_the_stream_too_many(poller: Poller, hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = await waiting(hand)
    monkeypatch.setenv("RATCHET_MAX_STREAMS", "2")
    settings.cache_clear()
    first, second = await follow(run_id), await follow(run_id)
    with pytest.raises(Unavailable) as refused:
        await ask_to_follow(run_id)
    assert refused.value.extra["retry_after"] > 0
    await first.aclose()
    third = await follow(run_id)
    await third.aclose()
    await second.aclose()


async def test_a_client_that_reconnects_to_a_full_process_is_told_to_come_again(
    poller: Poller, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await waiting(hand)
    monkeypatch.setenv("RATCHET_MAX_STREAMS", "1")
    settings.cache_clear()
    first = await follow(run_id)
    (only,) = [data async for data in await follow(run_id, 0)]
    assert only.startswith(b"retry: ")
    assert only.count(b"\n") == 2
    assert b"\n\n" not in only
    await first.aclose()


@pytest.mark.parametrize("reads", [0, 1, 2])
async def test_a_client_that_leaves_frees_everything(poller: Poller, hand: Hand, reads: int) -> None:
    client = await follow(await waiting(hand))
    for _ in range(reads):
        await next_write(client)
    await client.aclose()
    await until_idle(poller)


async def test_a_cancelled_client_frees_everything(poller: Poller, hand: Hand, clock: OwnedClock) -> None:
    client = await follow(await waiting(hand))
    await next_write(client)
    await next_write(client)
    blocked = asyncio.create_task(next_write(client))
    await clock.until_waiting(2)
    blocked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await blocked
    await until_idle(poller)


async def test_a_client_cancelled_while_it_opens_frees_everything(poller: Poller, hand: Hand) -> None:
    run_id = await waiting(hand)
    both = [asyncio.create_task(stream.follow(run_id, None, None)) for _ in range(2)]
    while not poller._asked:
        await asyncio.sleep(0)
    both[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await both[0]
    client = await both[1]
    assert client
    assert poller.streams == 1
    await client.aclose()


async def test_a_silent_run_is_a_heartbeat_every_twelve_seconds(poller: Poller, hand: Hand, clock: OwnedClock) -> None:
    client = await follow(await waiting(hand))
    await read_until(client, 1)
    for _ in range(3):
        blocked = asyncio.create_task(next_write(client))
        assert (await clock.until_waiting(2))[-1] == HEARTBEAT_SECONDS
        clock.advance(HEARTBEAT_SECONDS - 0.5)
        await clock.until_waiting(2)
        assert not blocked.done()
        clock.advance(0.5)
        assert await blocked == frames.HEARTBEAT
    await client.aclose()


async def test_ends_itself_before_the_deadline(poller: Poller, hand: Hand, clock: OwnedClock) -> None:
    run_id = await waiting(hand)
    client = await follow(run_id, None, clock.now() + CLOSE_BEFORE_DEADLINE_SECONDS + 7)
    rest = asyncio.create_task(read_all(client))
    assert (await clock.until_waiting(2))[-1] == 7
    clock.advance(7)
    assert [frame.kind for frame in await rest] == ["connected", "update"]


async def test_a_deadline_that_is_near_still_lets_a_client_move_on(
    poller: Poller, hand: Hand, clock: OwnedClock
) -> None:
    run_id, seq = await ended(hand, 250)
    after: int | None = None
    seen: list[Seen] = []
    while client := await ask_to_follow(run_id, after, clock.now()):
        seen += await read_all(client)
        after = seen[-1].id
    assert seqs_of(seen) == list(range(1, seq + 1))
    assert [frame.kind for frame in seen].count("connected") == 3


async def test_a_deleted_history_is_said(poller: Poller, hand: Hand) -> None:
    run_id, seq = await ended(hand)
    async with db.connection() as conn:
        await conn.execute("update ratchet.runs set sealed_seq = sealed_seq + unsealed, unsealed = 0, recent = ''")
    seen = await read_all(await follow(run_id, 1))
    assert [(frame.kind, frame.id) for frame in seen] == [
        ("connected", 1), ("gap", seq), ("update", seq), ("complete", seq),
    ]  # fmt: skip


async def test_a_database_that_is_down_refuses_a_first_client_and_delays_the_others(
    poller: Poller, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await waiting(hand)
    await db.close()
    monkeypatch.setattr(db, "_CONNECT_SECONDS", 0.01)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    settings.cache_clear()
    with pytest.raises(DatabaseDown):
        await ask_to_follow(run_id)
    (only,) = [data async for data in await follow(run_id, 1)]
    assert only.startswith(b"retry: ")
    assert b"\n\n" not in only
