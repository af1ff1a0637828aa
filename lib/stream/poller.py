"""One poller for all streams of a process: one query tells what every followed run did.

It looks every 50 ms while anything changes and backs off to a second; a client that joins is answered at
once; it ends with the last client. A database that fails is asked again until it answers: clients keep
their heartbeats, and are told to reconnect when it has been gone for OUTAGE_SECONDS.
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
SLOWEST_SECONDS = 1.0
BACKOFF = 1.2
OUTAGE_SECONDS = 30.0
# A query costs 1 ms for one run, 3 for 300 and 7 for 900; these bound what one answer may hold in memory.
COMMITS_PER_READ = 50
RUNS_PER_QUERY = 300
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
        self._failing_since: float | None = None

    def join(self, run_id: UUID, after: Cursor) -> Ring:
        """One more client for this run, until it leaves; raises Unavailable when there are too many."""
        most = settings().max_streams
        if self.streams >= most:
            raise Unavailable(f"All {most} streams here are in use.", retry_after=RETRY_AFTER_SECONDS)
        ring = self._rings.setdefault(run_id, Ring(run_id, after))
        ring.clients += 1
        self.streams += 1
        return ring

    def leave(self, ring: Ring) -> None:
        """The client that joined this ring is gone."""
        self.streams -= 1
        ring.clients -= 1
        if not ring.clients:
            del self._rings[ring.run_id]
        if not self._rings:
            self._wake.set()

    async def look(self, ring: Ring) -> None:
        """Bring this ring up to date at once; raises NotFound, or what the database answered instead.

        Clients that come together are answered by one query.
        """
        if self._task is None:
            self._wake = asyncio.Event()
            self._failing_since = None
            # A context of its own: it serves everyone's streams, and must not log as the request that began it.
            self._task = asyncio.get_running_loop().create_task(self._poll(), context=Context())
        asked = self._asked.get(ring)
        if asked is None:
            asked = self._asked[ring] = asyncio.get_running_loop().create_future()
        self._wake.set()
        failure = await asyncio.shield(asked)
        if failure:
            raise failure
        if not ring.is_known:  # no such run, or a cursor that is ahead of it
            ring.take(await store.get_run(ring.run_id), [])

    async def _poll(self) -> None:
        try:
            while self._rings:
                await self.clock.wait(self._wake, self._due - self.clock.now())
                self._wake.clear()
                if self._rings:
                    await self._tick()
        finally:
            self._task = None

    async def _tick(self) -> None:
        """One query: all runs when they are due, else only those whose clients have just joined."""
        asked, self._asked = self._asked, {}
        rings = self._rings.values() if self.clock.now() >= self._due else asked
        failure = None
        try:
            changed = await self._read(list(rings))
        except Exception as exc:  # whatever it is, a stream must not hang on it in silence
            failure = exc
            self._fail(exc)
        else:
            self._recover()
            self._pause = FASTEST_SECONDS if changed or asked else min(self._pause * BACKOFF, SLOWEST_SECONDS)
        if rings is not asked:
            self._due = self.clock.now() + self._pause
        else:
            self._due = min(self._due, self.clock.now() + self._pause)
        for answer in asked.values():
            answer.set_result(failure)

    async def _read(self, rings: Iterable[Ring]) -> bool:
        """Let these rings take what the database has for them; whether there was anything."""
        changed = False
        for some in batched(rings, RUNS_PER_QUERY):
            by_run = {ring.run_id: ring for ring in some}
            cursors = {run_id: ring.asks_after for run_id, ring in by_run.items()}
            for change in await store.read_changes(cursors, limit_per_run=COMMITS_PER_READ):
                by_run[change.run.id].take(change.run, change.events)
                changed = True
        return changed

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
