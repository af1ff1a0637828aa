"""Runs whose last holder was lost, taken one after the other: one of them may be what kills the processes that hold it.

The others then lose one lease to it, and hardly ever a second one.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from lib.engine.hold import Hold
from lib.engine.session import Session

# What kills its process mostly does so at once; what an instance was lost with, 200 slow effects say, must go on soon.
WATCH_SECONDS = 1.0


class Suspects:
    """Which of a reactor's holds are watched; while one is, no other run is taken whose last holder was lost."""

    def __init__(self, holds: Mapping[UUID, Hold], sessions: set[Session]) -> None:
        self._holds = holds
        self._sessions = sessions
        self._asked = False
        self._waited_for = False

    @contextmanager
    def room(self) -> Iterator[int]:
        """How many of them a claim may bring: one, if none is watched and no other claim is asking for one."""
        free = not self._asked and not self._is_one_watched()
        self._asked |= free
        self._waited_for = True
        try:
            yield int(free)
        finally:
            if free:
                self._asked = False
                self._waited_for = self._is_one_watched()
                longest = max(map(_seconds_watched, self._holds.values()), default=0.0)
                for seconds in {WATCH_SECONDS, longest}:  # the first if it gets anywhere, the other if not
                    asyncio.get_running_loop().call_later(seconds, self.settle)

    def settle(self) -> None:
        """Let sessions claim again once nobody is watched any more."""
        if self._waited_for and not self._asked and not self._is_one_watched():
            self._waited_for = False
            for session in self._sessions:
                session.has_room()

    def _is_one_watched(self) -> bool:
        return any(_is_watched(hold) for hold in self._holds.values())


def _is_watched(hold: Hold) -> bool:
    return time.monotonic() - hold.taken_at < _seconds_watched(hold)


def _seconds_watched(hold: Hold) -> float:
    """For a while at least, wherever it gets to: the next one may kill it. Lost again, for longer, unless it gets on.

    Never until its call has ended: 200 calls of a minute, lost twice, would follow each other for hours.
    """
    claims = hold.claimed.claims
    if claims < 2:
        return 0.0
    return WATCH_SECONDS * (4 ** min(claims - 2, 3) if hold.base == hold.claimed.seq else 1)
