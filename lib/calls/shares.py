"""The places of those that read: nobody's slow reads take more than half of the read login's connections.

A place is one party's: a key's, that of all who have none (they cannot be told apart), or that of all the steps of
workflows. Past its half a party waits its turn, oldest first, and stands in nobody else's way. Steps that write have
places, too: a pool gives up on who waits much sooner than a step has to.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from lib.config import settings
from lib.errors import TooManyReads

# As long as anybody waits for a connection.
_WAIT_SECONDS = 5.0

# Who the steps are among the callers of the database tool, whose names are hashes.
_STEPS = "steps"
_WRITING_STEPS = "steps that write"

type _Places = dict[tuple[str, int], asyncio.Semaphore]

_places: WeakKeyDictionary[asyncio.AbstractEventLoop, _Places] = WeakKeyDictionary()


def most_reads() -> int:
    """How many reads one party may have under way in this process."""
    return max(1, settings().max_connections // 2)


def places_of_steps(*, writing: bool) -> asyncio.Semaphore:
    """Where the steps of workflows wait for a connection, for as long as their task may take."""
    return _places_of(_WRITING_STEPS, settings().max_connections) if writing else _places_of(_STEPS, most_reads())


@asynccontextmanager
async def place_to_read(caller_name: str, seconds: float) -> AsyncIterator[float]:
    """One of this caller's places, and how many seconds it had to wait for it.

    Raises TooManyReads if none becomes free within `seconds`, or five.
    """
    places, began = _places_of(caller_name, most_reads()), time.monotonic()
    try:
        async with asyncio.timeout(min(seconds, _WAIT_SECONDS)):
            await places.acquire()
    except TimeoutError:
        raise TooManyReads(
            f"All the reads that one caller may have under way at once here ({most_reads()}) are slow ones:"
            " try again when one of them has ended.",
            limit=most_reads(),
            retry_after=settings().database_tool.timeout_seconds,
        ) from None
    try:
        yield time.monotonic() - began
    finally:
        places.release()


def _places_of(party: str, most: int) -> asyncio.Semaphore:
    places = _places.setdefault(asyncio.get_running_loop(), {})
    return places.setdefault((party, most), asyncio.Semaphore(most))
