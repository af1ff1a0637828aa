"""The time of streams and the only place where they wait, so that tests can own both."""

import asyncio
import time


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
