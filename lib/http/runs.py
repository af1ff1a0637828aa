"""A run as its owner sees it, and the wait for its end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from lib import store
from lib.http.caller import Caller
from lib.http.response import After
from lib.http.tokens import write_stream_url

type Change = Callable[[UUID], Awaitable[store.Run]]

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0


def show_run(run: store.Run, caller: Caller) -> dict[str, Any]:
    """The contract's shape, with a link to the run's stream that this caller may open."""
    return {**run.to_json(), "stream_url": write_stream_url(run.id, caller)}


async def wait_for_end(run: store.Run, seconds: float, work: After | None) -> tuple[store.Run, After | None]:
    """Start the work, and answer the run once it has ended or `seconds` are over, with the rest of the work.

    The work may not be what ends the run: another sweep can hold it. So the row is asked, too.
    """
    if not seconds:
        return run, work
    task = asyncio.ensure_future(work()) if work else None
    clock = asyncio.get_running_loop().time
    give_up_at = clock() + seconds
    pause = _FIRST_PAUSE_SECONDS
    while not run.terminal and (left := give_up_at - clock()) > 0:
        if task and not task.done():
            await asyncio.wait({task}, timeout=min(pause, left))
        else:
            await asyncio.sleep(min(pause, left))
        run = await store.get_run(run.id)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
    return run, (lambda: task) if task else None
