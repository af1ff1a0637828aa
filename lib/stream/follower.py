"""One client's way through a run: connected, every event once, complete."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from math import inf
from uuid import UUID

from lib.errors import Unavailable
from lib.stream import frames
from lib.stream.clock import Alarm
from lib.stream.frames import Cursor
from lib.stream.poller import Poller
from lib.stream.ring import Frame, Ring

HEARTBEAT_SECONDS = 12.0
# The platform cuts a stream at its deadline; ended by us it ends between two frames.
CLOSE_BEFORE_DEADLINE_SECONDS = 5.0


async def follow_run(poller: Poller, run_id: UUID, cursor: Cursor, deadline: datetime | None) -> AsyncGenerator[bytes]:
    """First nothing, once the run is found and this client has its place; then frames; empty after the end.

    Whatever ends it (the run, the deadline, `aclose`, a cancelled task) gives the place back.
    """
    woken = asyncio.Event()
    ring = poller.join(run_id, cursor, woken)
    alarm = Alarm(poller.clock, woken)
    try:
        await poller.look(ring)
        if ring.has_ended and cursor >= ring.head:
            return
        yield b""
        yield frames.connected(run_id, cursor)
        closes_at = deadline.timestamp() - CLOSE_BEFORE_DEADLINE_SECONDS if deadline else inf
        beats_at = poller.clock.now() + HEARTBEAT_SECONDS
        while True:
            woken.clear()
            if frame := await _next_frame(ring, cursor):
                cursor = frame.cursor
                yield frame.data
                if frame.is_last:
                    return
                beats_at = poller.clock.now() + HEARTBEAT_SECONDS
            elif ring.failure:
                yield frames.error(ring.failure, cursor)
                return
            elif poller.clock.now() >= beats_at:
                yield frames.HEARTBEAT
                beats_at = poller.clock.now() + HEARTBEAT_SECONDS
            else:
                alarm.set(min(beats_at, closes_at))
                await woken.wait()
            if poller.clock.now() >= closes_at:
                return
    finally:
        alarm.cancel()
        poller.leave(ring, woken)


async def _next_frame(ring: Ring, cursor: Cursor) -> Frame | None:
    """What comes next; a table that cannot be read now is asked again at the next change or heartbeat."""
    try:
        return await ring.next_frame(cursor)
    except Unavailable:
        return None
