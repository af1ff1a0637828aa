"""One poller for all streams of a process: one query tells what every followed run did.

Rule: queries are at least 50 ms apart with up to 100 streams, and the more streams the further, up to 133 ms
from 267 on: fewer than eight a second for any number of them. Within this pace it looks as often as it may
while anything changes and backs off to a second; clients that join are answered by the next query, a lone one
at once.

It ends with the last client. A database that fails is asked again until it answers: clients keep their
heartbeats, and are told to reconnect when it has been gone for OUTAGE_SECONDS.
"""

import asyncio
from collections.abc import Iterable
from contextvars import Context
from itertools import batched
from uuid import UUID

from lib import store
from lib.config import settings
from lib.errors import RatchetError, Unavailable
from lib.log import log
from lib.stream.clock import Clock
from lib.stream.frames import Cursor
from lib.stream.ring import Ring

FASTEST_SECONDS = 0.05
# 100 streams at the fastest pace cost both sides 2 % of a core; a thousand would cost 9 %.
SECONDS_PER_STREAM = FASTEST_SECONDS / 100
QUERIES_PER_SECOND = 7.5  # eight are promised, and a client that joins may ask for one of its own
SLOWEST_SECONDS = 1.0
BACKOFF = 1.2
OUTAGE_SECONDS = 30.0
COMMITS_PER_READ = 50
# Asking costs 1 ms for one run, 5 for 1,000 and 18 for 5,000; what has changed costs 26 us and 4 KB for each run.
# Between two looks no database commits much, but an outage hides any number of changes: then we ask for a few.
RUNS_PER_QUERY = 5000
RUNS_PER_QUERY_AFTER_OUTAGE = 300
RETRY_AFTER_SECONDS = 5


class Poller:
    """The rings of every run that is followed in this process, kept up to date while there are any."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.streams = 0
        self._rings: dict[UUID, Ring] = {}
        self._task: asyncio.Task[None] | None = None
        self._asked: dict[Ring, asyncio.Future[Exception | None]] = {}
        self._wake = asyncio.Event()
        self._pause = FASTEST_SECONDS
        self._due = 0.0
        self._free = 0.0
        self._looked_at = 0.0
        self._failing_since: float | None = None

    def join(self, run_id: UUID, after: Cursor, woken: asyncio.Event) -> Ring:
        """One more client, woken by what its run does until it leaves; raises Unavailable when there are too many."""
        most = settings().max_streams
        if self.streams >= most:
            raise Unavailable(f"All {most} streams here are in use.", retry_after=RETRY_AFTER_SECONDS)
        ring = self._rings.setdefault(run_id, Ring(run_id, after))
        ring.clients.add(woken)
        self.streams += 1
        return ring

    def leave(self, ring: Ring, woken: asyncio.Event) -> None:
        """The client that joined this ring with this event is gone."""
        self.streams -= 1
        ring.clients.remove(woken)
        if not ring.clients:
            del self._rings[ring.run_id]
            self._asked.pop(ring, None)
        if not self._rings:
            self._wake.set()

    async def look(self, ring: Ring) -> None:
        """Bring this ring up to date; raises NotFound, or what the database answered instead.

        Clients that come together, or faster than queries may follow each other, are answered by one.
        """
        if self._task is None:
            self._wake = asyncio.Event()
            self._failing_since = None
            # A context of its own: it serves everyone's streams, and must not log as the request that began it.
            self._task = asyncio.get_running_loop().create_task(self._poll(), context=Context())
        asked = self._asked.get(ring)
        if asked is None:
            asked = self._asked[ring] = asyncio.get_running_loop().create_future()
        if len(self._asked) == 1:  # the next ones go with it
            self._wake.set()
        failure = await asyncio.shield(asked)
        if failure:
            raise failure
        if not ring.is_known:  # no such run, or a cursor that is ahead of it
            ring.take(await store.get_run(ring.run_id), [])

    async def _poll(self) -> None:
        try:
            while self._rings:
                now, at = self.clock.now(), self._free if self._asked else max(self._free, self._due)
                if (wait := at - now) > 0 and now >= self._looked_at:  # else the clock was set back: who knows how far
                    await self.clock.wait(self._wake, wait)
                    self._wake.clear()
                else:
                    await self._tick()
        finally:
            self._task = None

    async def _tick(self) -> None:
        """Look after all runs when they are due, else only after those whose clients have just joined."""
        asked, self._asked = self._asked, {}
        began = self._looked_at = self.clock.now()
        is_due = began >= self._due
        most = RUNS_PER_QUERY if self._failing_since is None else RUNS_PER_QUERY_AFTER_OUTAGE
        queries = list(batched(self._rings.values() if is_due else asked, most))
        failure = None
        try:
            moved = [await self._read(rings) for rings in queries]
        except Exception as exc:  # whatever it is, a stream must not hang on it in silence
            failure = exc
            self._fail(exc)
        else:
            self._recover()
            if any(moved):
                self._pause = FASTEST_SECONDS
            elif is_due:
                self._pause = min(self._pause * BACKOFF, SLOWEST_SECONDS)
        self._rest_after(began, len(queries), is_due)
        for answer in asked.values():
            answer.set_result(failure)

    def _rest_after(self, began: float, queries: int, was_due: bool) -> None:
        """Decide when the next query may follow these, and when all runs are due again."""
        pace = min(max(FASTEST_SECONDS, SECONDS_PER_STREAM * self.streams), 1 / QUERIES_PER_SECOND)
        self._free = began + pace * queries
        due = max(self._free, self.clock.now() + self._pause)
        self._due = due if was_due else min(self._due, due)

    async def _read(self, rings: Iterable[Ring]) -> bool:
        """Let these rings take what the database has for them; whether any has moved past its clients."""
        by_run = {ring.run_id: ring for ring in rings}
        cursors = {run_id: ring.asks_after for run_id, ring in by_run.items()}
        moved = False
        for change in await store.read_changes(cursors, limit_per_run=COMMITS_PER_READ):
            ring = by_run[change.run.id]
            moved = moved or change.run.seq > ring.head
            ring.take(change.run, change.events)
        return moved

    def _fail(self, exc: Exception) -> None:
        self._pause = SLOWEST_SECONDS
        if self._failing_since is None:
            self._failing_since = self.clock.now()
            log("stream.poll_failed", error=type(exc).__name__, streams=self.streams)
        elif self.clock.now() - self._failing_since >= OUTAGE_SECONDS:
            sentence = exc.detail if isinstance(exc, RatchetError) else "The run's events cannot be read."
            for ring in self._rings.values():
                ring.failure = sentence
                ring.notify()

    def _recover(self) -> None:
        if self._failing_since is not None:
            self._failing_since = None
            log("stream.poll_recovered", streams=self.streams)
            for ring in self._rings.values():
                ring.failure = None
                ring.notify()
