"""One JSON object a line on stdout: the platform keeps stdout per request.

Never pass a secret, an input or an output: a log line names things, it does not contain them.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# These tell of every URL and header they send, and the runtime writes what it is told; both may hold a secret.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_bound: ContextVar[dict[str, Any] | None] = ContextVar("bound", default=None)


@contextmanager
def bind(**fields: Any) -> Iterator[None]:
    """Add these fields (a request id, a run id) to every line written inside the block."""
    token = _bound.set({**(_bound.get() or {}), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def log(event: str, **fields: Any) -> None:
    """Write one line: what happened, then what was bound, then these fields."""
    line = json.dumps({"event": event, **(_bound.get() or {}), **fields}, default=str, separators=(",", ":"))
    print(line, flush=True)  # noqa: T201  stdout is the log on this platform
