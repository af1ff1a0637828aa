"""The time of streams: nothing of theirs waits for it anywhere else, so that tests can own it."""

import asyncio
import time
from collections.abc import Callable
from math import inf
from typing import Protocol


class Timer(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """It need not come any more."""


class Clock:
    """The real time."""

    def now(self) -> float:
        """Seconds since the epoch, to be compared with a deadline."""
        return time.time()

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Whether the event happened within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                return await event.wait()
        except TimeoutError:
            return False

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call this once so many seconds have passed."""
        return asyncio.get_running_loop().call_later(seconds, callback)


class Alarm:
    """Sets an event at a moment that may be put off with every frame, which costs nothing.

    A timer for each wait would stay in the loop until its time although it was cancelled: with thousands of
    clients the collections of that garbage were what delayed the slowest frames.
    """

    __slots__ = ("_at", "_clock", "_event", "_timer")

    def __init__(self, clock: Clock, event: asyncio.Event) -> None:
        self._clock = clock
        self._event = event
        self._at = inf
        self._timer: Timer | None = None

    def set(self, at: float) -> None:
        """Go off at this moment, which is never earlier than the one said before."""
        self._at = at
        if self._timer is None:
            self._timer = self._clock.call_later(at - self._clock.now(), self._look)

    def cancel(self) -> None:
        """Never go off."""
        if self._timer:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if self._clock.now() >= self._at:
            self._event.set()
        else:
            self.set(self._at)
