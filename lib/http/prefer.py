"""`Prefer: wait=N` (RFC 7240): how long a client would rather wait for the end."""

import re

from lib.http.deadline import seconds_left
from lib.http.request import Request

# Proxies give up on a silent answer after a minute or so.
MAX_WAIT_SECONDS = 60
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)


def read_wait(request: Request) -> int | None:
    """The whole seconds to wait, bounded by ours and the platform's limits; None if not asked for."""
    match = _WAIT.search(request.headers.get("prefer", ""))
    if not match:
        return None
    return max(0, int(min(int(match[1]), MAX_WAIT_SECONDS, seconds_left())))
