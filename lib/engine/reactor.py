"""The reactor: one per process, it owns the runs this process holds and commits for all of them at once.

Everything that ended while one commit was on its way goes into the next: a slow disk makes batches larger, not
the queue longer (group commit).
"""

import asyncio
import time
from datetime import datetime
from uuid import UUID, uuid4

from lib import dsl, store
from lib.config import settings
from lib.engine.clock import DatabaseClock
from lib.engine.effects import perform
from lib.engine.hold import Hold, Turn
from lib.engine.session import Session
from lib.errors import DatabaseDown
from lib.log import log
from lib.store import Entry, Verdict

# Effects in flight per process: 1,024 file descriptors are all an instance has.
MAX_EFFECTS = 128
# One statement's worth: a batch of 500 was within 10 % of the best rate measured, and stays below a few MB.
MAX_BATCH = 500
# Renew a little after half of the lease is used, so that the database, which decides, agrees that it is.
_RENEW_AT = 0.45


class Reactor:
    """Holds runs for its sessions; its task lives exactly as long as a session is open."""

    def __init__(self) -> None:
        self.lease = uuid4()
        self.loop = asyncio.get_running_loop()
        self.commits = 0
        self.wanted: dict[UUID, Session] = {}  # runs that requests of this process want to claim next
        self.claiming: asyncio.Task[None] | None = None
        self._clock = DatabaseClock()
        self._holds: dict[UUID, Hold] = {}
        self._ready: dict[UUID, Hold] = {}
        self._wake = asyncio.Event()
        self._effects = asyncio.Semaphore(MAX_EFFECTS)
        self._sessions: set[Session] = set()
        self._task: asyncio.Task[None] | None = None

    def open(self, deadline: datetime | None) -> Session:
        """A session for one invocation; close it when its runs are let go."""
        session = Session(deadline)
        self._sessions.add(session)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return session

    def close_session(self, session: Session) -> None:
        """The invocation ends."""
        self._sessions.discard(session)
        self._wake.set()

    def hear(self, now: datetime) -> None:
        """Take over the database's clock."""
        self._clock.hear(now)

    def adopt(self, hold: Hold) -> None:
        """Advance this run from now on."""
        if stale := self._holds.pop(hold.run_id, None):  # our own lease ran out while this instance was frozen
            stale.stop_effects()
            stale.session.let_go(hold.run_id, "lost", None)
        hold.leased_until = time.monotonic() + settings().lease_seconds
        hold.session.held.add(hold.run_id)
        self._holds[hold.run_id] = hold
        self._mark(hold)

    def _mark(self, hold: Hold) -> None:
        self._ready[hold.run_id] = hold
        self._wake.set()

    async def _run(self) -> None:
        while self._sessions:
            await self._sleep()
            if ready := self._take_ready():
                await self._turn(ready)

    async def _sleep(self) -> None:
        """Until something is ready, a timer is due, or a lease wants renewing."""
        if not self._ready:
            try:
                async with asyncio.timeout(self._seconds_to_next()):
                    await self._wake.wait()
            except TimeoutError:
                pass
        self._wake.clear()

    def _seconds_to_next(self) -> float | None:
        now, clock = time.monotonic(), self._clock.now()
        waits = [self._renew_in(hold, now) for hold in self._holds.values()]
        wakes = [hold.wake_at() for hold in self._holds.values()]
        waits += [(wake - clock).total_seconds() for wake in wakes if wake]
        return max(min(waits), 0.0) if waits else None

    def _renew_in(self, hold: Hold, now: float) -> float:
        return hold.leased_until - now - settings().lease_seconds * _RENEW_AT

    def _take_ready(self) -> list[Hold]:
        """At most a batch of runs with something to do; what is left stays ready."""
        clock, now = self._clock.now(), time.monotonic()
        for run_id, hold in self._holds.items():
            wake = hold.wake_at()
            if (wake and wake <= clock) or self._renew_in(hold, now) <= 0:
                self._ready[run_id] = hold
        taken: list[Hold] = []
        while self._ready and len(taken) < MAX_BATCH:
            hold = self._ready.pop(next(iter(self._ready)))
            if self._holds.get(hold.run_id) is hold:
                taken.append(hold)
        return taken

    async def _turn(self, holds: list[Hold]) -> None:
        clock, now = self._clock.now(), time.monotonic()
        turns = [(hold, await hold.turn(clock)) for hold in holds]
        for hold, turn in turns:
            if turn.entry is None and self._renew_in(hold, now) <= 0:
                turn.entry = hold.renewal()
        entries = [turn.entry for _, turn in turns if turn.entry]
        verdicts = {verdict.run_id: verdict for verdict in await self._commit(entries)} if entries else {}
        for hold, turn in turns:
            self._settle(hold, turn, verdicts.get(hold.run_id))

    async def _commit(self, entries: list[Entry]) -> list[Verdict]:
        """Commit, again while the database is away: an entry whose answer was lost is never done twice."""
        give_up_at = time.monotonic() + settings().lease_seconds
        pause = 0.1
        while True:
            try:
                verdicts = await store.commit_batch(self.lease, settings().lease_seconds, entries)
            except DatabaseDown:
                if time.monotonic() > give_up_at:
                    log("engine.commit_given_up", runs=len(entries))
                    return []
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
            except Exception as exc:
                return await self._commit_apart(entries, exc)
            else:
                self.commits += 1
                self._clock.hear(verdicts[0].now)
                return verdicts

    async def _commit_apart(self, entries: list[Entry], exc: Exception) -> list[Verdict]:
        """The database refused the batch: let only the run that it refuses suffer (its claims will be counted)."""
        if len(entries) == 1:
            log("engine.entry_refused", run_id=entries[0].run_id, error=repr(exc))
            return []
        return [verdict for entry in entries for verdict in await self._commit([entry])]

    def _settle(self, hold: Hold, turn: Turn, verdict: Verdict | None) -> None:
        """After the commit: start what it said would start, or let go."""
        entry = turn.entry
        if self._holds.get(hold.run_id) is not hold:
            return
        if entry and not (verdict and verdict.held):
            self._drop(hold, "lost", None)
            return
        if verdict:
            hold.base = verdict.seq
            hold.suspending = verdict.suspend_requested
            self._renewed(hold)
        if entry and entry.events:
            hold.session.report.advanced += 1
        if entry and entry.released:
            self._drop(hold, entry.status, entry.due_at)
        elif hold.suspending and not hold.running:
            self._mark(hold)
        elif not hold.suspending:
            for effect in turn.starts:
                hold.session.report.effects += 1
                hold.running[effect.id] = asyncio.create_task(self._perform(hold, effect))

    def _renewed(self, hold: Hold) -> None:
        now = time.monotonic()
        if hold.leased_until - now < settings().lease_seconds / 2:
            hold.leased_until = now + settings().lease_seconds

    def _drop(self, hold: Hold, status: str, due_at: datetime | None) -> None:
        hold.stop_effects()
        del self._holds[hold.run_id]
        hold.session.let_go(hold.run_id, status, due_at)

    async def _perform(self, hold: Hold, effect: dsl.Effect) -> None:
        async with self._effects:
            arrival, step = await perform(hold, effect, self._clock.now)
        hold.receive(arrival, step)
        self._mark(hold)

    def seconds_until(self, moment: datetime) -> float:
        """From now to this moment, by the database's clock."""
        return (moment - self._clock.now()).total_seconds()

    async def close(self) -> None:
        """Give every held run back, due at once; for an instance that is being shut down."""
        holds, self._holds = list(self._holds.values()), {}
        for hold in holds:
            hold.stop_effects()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if holds:
            entries = [hold.handback(self._clock.now()) for hold in holds]
            await store.commit_batch(self.lease, settings().lease_seconds, entries)
            for hold in holds:
                hold.session.let_go(hold.run_id, "released", None)


_reactor: Reactor | None = None


def current() -> Reactor:
    """This process's reactor (of the running event loop)."""
    global _reactor
    if _reactor is None or _reactor.loop is not asyncio.get_running_loop():
        _reactor = Reactor()
    return _reactor
