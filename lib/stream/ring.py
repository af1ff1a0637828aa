"""The latest events of one run, encoded once for every client that follows it.

A client has no queue here, only a cursor: what the ring no longer holds is read from the table again.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from lib import store
from lib.stream import frames
from lib.stream.frames import Cursor

RING_EVENTS = 256
RING_BYTES = 256 * 1024
FRAME_EVENTS = 100
FRAME_BYTES = 64 * 1024
# Clients of one run move nearly in step: a few frames serve them all, and a lone client keeps none.
CACHED_FRAMES = 4


class Entry(NamedTuple):
    """One event, as it goes over the wire."""

    seq: Cursor
    data: bytes


class Frame(NamedTuple):
    """What a client is sent in one write, and where it stands afterwards."""

    data: bytes
    cursor: Cursor
    is_last: bool


class Ring:
    """One run as the poller last saw it; holds every event in (floor, head] that history still has."""

    def __init__(self, run_id: UUID, after: Cursor) -> None:
        self.run_id = run_id
        self.clients: set[asyncio.Event] = set()
        self.head = after
        self.has_ended = False
        self.failure: str | None = None
        self._floor = after
        self._run: bytes | None = None
        self._entries: deque[Entry] = deque()
        self._size = 0
        self._cache: dict[Cursor, Frame] = {}
        self._reading = asyncio.Lock()

    @property
    def is_known(self) -> bool:
        """Whether the database has ever answered for this run."""
        return self._run is not None

    @property
    def asks_after(self) -> Cursor:
        """What the poller asks from: one less at first, so that a run without news is told from no run."""
        return self.head if self.is_known else self.head - 1

    def take(self, run: store.Run, events: Iterable[store.Event]) -> None:
        """Move on to this state of the run; an older one than we have is ignored."""
        if self.is_known and run.seq <= self.head:
            return
        fresh = [event for event in events if event.seq > self.head]
        if fresh and fresh[-1].seq == run.seq:
            self._append(Entry(event.seq, frames.encode(event.to_json())) for event in fresh)
        else:  # more than one reading holds, or nothing kept: clients find what there is in the table
            self._entries.clear()
            self._size, self._floor = 0, run.seq
        self.head = run.seq
        self.has_ended = run.terminal
        self._run = frames.encode(run.to_json())
        self._cache.clear()
        self.notify()

    def notify(self) -> None:
        """Wake every client of this run."""
        for woken in self.clients:
            woken.set()

    async def next_frame(self, cursor: Cursor) -> Frame | None:
        """What comes after this cursor, None if nothing does; raises DatabaseDown if it had to be read."""
        if cursor >= self.head:
            return Frame(frames.complete(cursor), cursor, is_last=True) if self.has_ended else None
        if cursor < self._floor:
            return await self._read_frame(cursor)
        if frame := self._cache.get(cursor):
            return frame
        return self._make_frame(cursor, [entry for entry in self._entries if entry.seq > cursor], self.head)

    async def _read_frame(self, cursor: Cursor) -> Frame:
        """A frame out of the table: one client reads, the others at the same cursor find it in the cache."""
        async with self._reading:
            if frame := self._cache.get(cursor):
                return frame
            head = self.head
            events = await store.list_events(self.run_id, after=cursor, limit=FRAME_EVENTS)
            kept = [Entry(event.seq, frames.encode(event.to_json())) for event in events if event.seq <= head]
            return self._make_frame(cursor, kept, head)

    def _make_frame(self, cursor: Cursor, kept: list[Entry], head: Cursor) -> Frame:
        """One write: the gap before the kept events if there is one, an update, and the end if it is."""
        sent = _bound(kept)
        before = sent[0].seq - 1 if sent else head
        last = sent[-1].seq if sent else head
        parts = [frames.gap(cursor + 1, before)] if before > cursor else []
        parts.append(frames.update(self._run or b"null", [entry.data for entry in sent], last))
        is_last = self.has_ended and last >= self.head
        if is_last:
            parts.append(frames.complete(last))
        frame = Frame(b"".join(parts), last, is_last)
        self._remember(cursor, frame)
        return frame

    def _remember(self, cursor: Cursor, frame: Frame) -> None:
        if len(self.clients) > 1:
            if len(self._cache) >= CACHED_FRAMES:
                del self._cache[next(iter(self._cache))]
            self._cache[cursor] = frame

    def _append(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._entries.append(entry)
            self._size += len(entry.data)
        while len(self._entries) > RING_EVENTS or self._size > RING_BYTES:
            gone = self._entries.popleft()
            self._size -= len(gone.data)
            self._floor = gone.seq


def _bound(entries: list[Entry]) -> list[Entry]:
    """The first entries that fit one frame and follow each other without a gap; at least one."""
    size = 0
    for count, entry in enumerate(entries):
        size += len(entry.data)
        is_full = count == FRAME_EVENTS or size > FRAME_BYTES
        if count and (is_full or entry.seq != entries[count - 1].seq + 1):
            return entries[:count]
    return entries
