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
                asyncio.get_running_loop().call_later(WATCH_SECONDS, self.settle)

    def settle(self) -> None:
        """Let sessions claim again once nobody is watched any more."""
        if self._waited_for and not self._asked and not self._is_one_watched():
            self._waited_for = False
            for session in self._sessions:
                session.has_room()

    def _is_one_watched(self) -> bool:
        return any(_is_watched(hold) for hold in self._holds.values())


def _is_watched(hold: Hold) -> bool:
    """For a while at least, wherever it gets to: the next one may kill it. Lost again, until it gets anywhere."""
    claims = hold.claimed.claims
    young = time.monotonic() - hold.taken_at < WATCH_SECONDS
    return claims > 1 and (young or (claims > 2 and hold.base == hold.claimed.seq))
