"""Takes emitted events to the webhook sinks: at least once each, always under the same key.

Nobody waits for a sink but the end of an invocation, and each sink only for itself: a failure ends its round.
"""

import asyncio
from contextvars import Context
from typing import Any

from lib import calls, dsl, store
from lib.config import settings
from lib.log import log
from lib.store import Letter

POST_SECONDS = 10.0
# Longer than an attempt and its commit: whoever has not settled by then has died.
LEASE_SECONDS = 60
# What one round may take: the rest is for the next sweep.
ROUND_SECONDS = 30.0
# For each sink; with ten sinks still below the file descriptors that effects leave.
AT_ONCE = 8


class Courier:
    """One per process; its task lives until nothing is due, the sinks fail or the round is over."""

    def __init__(self) -> None:
        self._wanted = False
        self._ends_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def go(self, seconds: float = ROUND_SECONDS) -> None:
        """Take along what is due, in the background and within this time; nothing at all without sinks."""
        if not settings().event_sinks:
            return
        self._ends_at = max(self._ends_at, asyncio.get_running_loop().time() + min(seconds, ROUND_SECONDS))
        self._wanted = True
        if self._task is None or self._task.done():
            # an empty context: the round is not the business of the request or run that began it
            self._task = asyncio.create_task(self._work(), context=Context())

    async def finish(self, seconds: float) -> None:
        """Wait for the round, at most this long: a frozen instance would keep the sink's answer from us."""
        if self._task and not self._task.done():
            await asyncio.wait([self._task], timeout=max(min(seconds, ROUND_SECONDS), 0.0))

    async def close(self) -> None:
        """Drop what is under way: its lease runs out, and the next sweep sends it again."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        while self._wanted:
            self._wanted = False
            await asyncio.gather(*(self._serve(sink, url) for sink, url in settings().event_sinks.items()))

    async def _serve(self, sink: str, url: str) -> None:
        try:
            while self._may_post():
                letters = await store.claim_outbox(sink, limit=AT_ONCE, lease_seconds=LEASE_SECONDS)
                delivered = await asyncio.gather(*(_deliver(sink, url, letter) for letter in letters))
                if not (delivered and all(delivered)):
                    return
        except Exception as exc:  # a database that is away, most likely; the leases run out
            log("sink.unserved", sink=sink, error=repr(exc))

    def _may_post(self) -> bool:
        return asyncio.get_running_loop().time() + POST_SECONDS <= self._ends_at


async def _deliver(sink: str, url: str, letter: Letter) -> bool:
    """Whether the sink has it now, or wants it no more."""
    status = await _post(url, letter.event)
    done = 200 <= status < 300 or status == 410
    given_up = await store.settle_outbox(sink, letter, done=done)
    if status == 410 or not done:
        outcome = "dropped" if done else "given_up" if given_up else "later"
        log("sink.refused", sink=sink, number=letter.number, attempts=letter.attempts, status=status, outcome=outcome)
    return done


async def _post(url: str, event: Any) -> int:
    """The status of the answer, or of the fault that came instead of one; never a text, it could hold the URL."""
    arguments = {
        "method": "post",
        "endpoint": url,
        "headers": {"content-type": "application/cloudevents+json; charset=utf-8"},
        "body": event,
        "output": "raw",
    }
    context = calls.CallContext(
        run_id="",
        reference="",
        visit=1,
        idempotency_key=f"{event['source']}:{event['id']}",
        timeout_seconds=POST_SECONDS,
        secrets=(url,),
    )
    try:
        await calls.run("http", arguments, context)
    except dsl.Fault as fault:
        return fault.status
    except Exception as exc:
        log("sink.bug", error=type(exc).__name__)
        return 500
    return 200
