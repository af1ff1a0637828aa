"""The ring: what it holds, what it forgets, and what clients then find in the table."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from lib import db, store
from lib.stream import ring as ring_module
from lib.stream.ring import CACHED_FRAMES, FRAME_BYTES, FRAME_EVENTS, RING_EVENTS, Ring
from tests.stream.tools import Hand, Seen, read_frames, seqs_of

pytestmark = pytest.mark.anyio
WHEN = datetime(2026, 11, 23, tzinfo=UTC)


def make_run(seq: int, status: Any = "running") -> store.Run:
    return store.Run(uuid4(), uuid4(), status, "auto", {}, None, None, seq, WHEN, None, None)


def make_events(first: int, last: int, size: int = 0) -> list[store.Event]:
    return [store.Event(seq, "t", {"text": "x" * size}, WHEN) for seq in range(first, last + 1)]


def filled(last: int, status: str = "running", size: int = 0) -> Ring:
    ring = Ring(uuid4(), 0)
    ring.take(make_run(last, status), make_events(1, last, size))
    return ring


async def walk(ring: Ring, cursor: int) -> list[list[Seen]]:
    """Every write from this cursor to the end of what there is."""
    writes = []
    while frame := await ring.next_frame(cursor):
        writes.append(read_frames(frame.data))
        cursor = frame.cursor
        if frame.is_last:
            break
    return writes


async def test_an_update_says_the_run_and_the_events_after_the_cursor() -> None:
    ring = filled(3)
    frame = await ring.next_frame(1)
    assert frame
    (update,) = read_frames(frame.data)
    assert update.id == frame.cursor == 3
    assert update.body["run"]["status"] == "running"
    assert update.body["events"][0] == {
        "seq": 2, "type": "t", "data": {"text": ""}, "created_at": "2026-11-23T00:00:00.000Z",
    }  # fmt: skip
    assert update.seqs == [2, 3]


async def test_says_nothing_twice() -> None:
    assert await filled(3).next_frame(3) is None


async def test_the_last_update_and_the_end_are_one_write() -> None:
    (write,) = await walk(filled(3, "completed"), 0)
    assert [(frame.kind, frame.id) for frame in write] == [("update", 3), ("complete", 3)]


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
async def test_every_terminal_status_is_the_end(status: str) -> None:
    assert [frame.kind for frame in (await walk(filled(2, status), 0))[-1]] == ["update", "complete"]


async def test_a_cursor_ahead_of_an_ended_run_is_told_the_end_at_its_own_place() -> None:
    (write,) = await walk(filled(3, "completed"), 99)
    assert [(frame.kind, frame.id) for frame in write] == [("complete", 99)]


async def test_frames_are_bounded_by_count() -> None:
    writes = await walk(filled(FRAME_EVENTS * 2 + 1, "completed"), 0)
    assert [len(seqs_of(write)) for write in writes] == [FRAME_EVENTS, FRAME_EVENTS, 1]
    assert [write[-1].kind for write in writes] == ["update", "update", "complete"]


async def test_frames_are_bounded_by_bytes_but_a_huge_event_still_goes() -> None:
    half = FRAME_BYTES // 2
    assert [seqs_of(write) for write in await walk(filled(3, size=half), 0)] == [[1], [2], [3]]
    assert [seqs_of(write) for write in await walk(filled(2, size=half * 3), 0)] == [[1], [2]]


async def test_an_older_state_of_the_run_changes_nothing() -> None:
    ring = filled(5, "completed")
    ring.take(make_run(4), make_events(1, 4))
    assert ring.head == 5
    assert ring.has_ended


async def test_a_run_that_is_retried_goes_on() -> None:
    ring = filled(5, "failed")
    ring.take(make_run(6), make_events(6, 6))
    (write,) = await walk(ring, 4)
    assert [frame.kind for frame in write] == ["update"]
    assert seqs_of(write) == [5, 6]


async def test_a_hole_in_history_is_a_gap() -> None:
    ring = filled(2)
    ring.take(make_run(9), make_events(8, 9))
    assert [[(f.kind, f.id, f.seqs) for f in write] for write in await walk(ring, 0)] == [
        [("update", 2, [1, 2])],
        [("gap", 7, []), ("update", 9, [8, 9])],
    ]
    (gap, _), *_ = await walk(ring, 4)
    assert gap.body == {"type": "gap", "from": 5, "to": 7}


async def test_clients_at_one_cursor_share_one_encoding() -> None:
    ring = filled(3)
    ring.clients = {asyncio.Event(), asyncio.Event()}
    first = await ring.next_frame(0)
    assert await ring.next_frame(0) is first
    ring.take(make_run(4), make_events(4, 4))
    assert await ring.next_frame(0) is not first


async def test_keeps_few_frames_and_none_for_a_lone_client() -> None:
    ring = filled(20)
    ring.clients = {asyncio.Event()}
    assert await ring.next_frame(0) is not await ring.next_frame(0)
    ring.clients = {asyncio.Event(), asyncio.Event()}
    for cursor in range(20):
        await ring.next_frame(cursor)
    assert len(ring._cache) == CACHED_FRAMES


async def test_holds_a_bounded_number_of_events_and_bytes() -> None:
    ring = filled(RING_EVENTS * 3)
    assert len(ring._entries) == RING_EVENTS
    ring.take(make_run(RING_EVENTS * 3 + 9), make_events(RING_EVENTS * 3 + 1, RING_EVENTS * 3 + 9, size=64 * 1024))
    assert ring._size == sum(len(entry.data) for entry in ring._entries) <= ring_module.RING_BYTES


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The cursors at which the table was read."""
    seen: list[int] = []
    list_events: Callable[..., Any] = store.list_events

    async def spy(run_id: UUID, *, after: int, limit: int) -> list[store.Event]:
        seen.append(after)
        found: list[store.Event] = await list_events(run_id, after=after, limit=limit)
        return found

    monkeypatch.setattr(store, "list_events", spy)
    return seen


async def grown(hand: Hand, commits: int, each: int, size: int = 0) -> tuple[UUID, int]:
    run_id = await hand.start()
    await hand.claim([run_id])
    seq = 1
    for _ in range(commits):
        [seq] = await hand.commit_all({run_id: seq}, each, size=size)
    return run_id, seq


async def ring_of(run_id: UUID, after: int, commits: int = 2) -> Ring:
    ring = Ring(run_id, after)
    for change in await store.read_changes({run_id: ring.asks_after}, limit_per_run=commits):
        ring.take(change.run, change.events)
    return ring


async def test_a_cursor_that_fell_out_of_the_ring_reads_the_table(hand: Hand, reads: list[int]) -> None:
    run_id, seq = await grown(hand, 2, 300)
    ring = await ring_of(run_id, 1, commits=3)
    frames = [frame for write in await walk(ring, 1) for frame in write]
    assert seqs_of(frames) == list(range(2, seq + 1))
    assert reads == [1, 101, 201, 301]  # and the ring gave the rest


async def test_history_longer_than_one_reading_comes_from_the_table(hand: Hand, reads: list[int]) -> None:
    run_id, seq = await grown(hand, 4, 3, size=400)  # a chapter for each commit but the last
    ring = await ring_of(run_id, 0)
    assert seqs_of([frame for write in await walk(ring, 0) for frame in write]) == list(range(1, seq + 1))
    assert reads == [0]


async def test_clients_that_fell_behind_together_read_the_table_once(hand: Hand, reads: list[int]) -> None:
    run_id, seq = await grown(hand, 4, 60)
    ring = await ring_of(run_id, 0)
    ring.clients = {asyncio.Event() for _ in range(20)}
    walks = await asyncio.gather(*(walk(ring, 0) for _ in ring.clients))
    assert all(seqs_of([f for write in one for f in write]) == list(range(1, seq + 1)) for one in walks)
    assert reads == [0, 100, 200]


async def test_history_trimmed_in_the_table_is_a_gap(hand: Hand) -> None:
    run_id, seq = await grown(hand, 3, 4, size=300)
    async with db.connection() as conn:
        await conn.execute("delete from ratchet.chapters where seq <= 5")
    first, *_ = (await walk(await ring_of(run_id, 0), 0))[0]
    assert first.body == {"type": "gap", "from": 1, "to": 5}
    async with db.connection() as conn:
        await conn.execute("delete from ratchet.chapters")
        await conn.execute("update ratchet.runs set sealed_seq = sealed_seq + unsealed, unsealed = 0, recent = ''")
    (write,) = await walk(await ring_of(run_id, 0), 0)
    assert [(frame.kind, frame.id) for frame in write] == [("gap", seq), ("update", seq)]
    assert write[1].body["run"]["status"] == "running"
