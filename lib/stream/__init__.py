"""A run's events as they happen, for any number of clients of this process.

Rule: a client that reconnects is never refused with an error status, because that ends an EventSource for
good; it is told when to come again.
"""

import random
from collections.abc import AsyncGenerator
from datetime import datetime
from uuid import UUID

from lib.errors import Unavailable
from lib.stream import frames
from lib.stream.clock import Clock
from lib.stream.follower import follow_run
from lib.stream.poller import Poller

_poller = Poller(Clock())


async def follow(run_id: UUID, after: int | None, deadline: datetime | None) -> AsyncGenerator[bytes] | None:
    """Frames of this run after event `after`, to be closed with `aclose`; None when there is nothing left.

    `after` is None for a client that comes for the first time. Raises NotFound, and for such a first client
    Unavailable when the database is down or this process has all the streams it can hold.
    """
    stream = follow_run(_poller, run_id, after or 0, deadline)
    try:
        await anext(stream)
    except StopAsyncIteration:
        return None
    except Unavailable as exc:
        if after is None:
            raise
        return _come_again(exc.detail)
    return stream


async def _come_again(sentence: str) -> AsyncGenerator[bytes]:
    # Spread out: whatever turned one client away turned away all of them in the same second.
    yield frames.come_again(sentence, random.randint(2000, 5000))  # noqa: S311  not a secret
