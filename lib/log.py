"""One JSON object a line on stdout: the platform keeps stdout per request.

Never pass a secret, an input or an output: a log line names things, it does not contain them.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

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
