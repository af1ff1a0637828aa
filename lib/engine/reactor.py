"""The reactor: one per process, it owns the runs this process holds and commits for all of them at once.

Everything that ended while one commit was on its way goes into the next: a slow disk makes batches larger, not
the queue longer (group commit).
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from uuid import UUID, uuid4

from lib import dsl
from lib.config import settings
from lib.engine.admission import effect_seconds
from lib.engine.clock import DatabaseClock
from lib.engine.committing import Answer, commit_all
from lib.engine.effects import perform
from lib.engine.garbage import collect_seldom
from lib.engine.hold import Hold, Turn
from lib.engine.inbox import InboxReader
from lib.engine.session import Session
from lib.engine.sinks import Courier
from lib.engine.suspects import Suspects
from lib.log import log

# Effects in flight per process: 1,024 file descriptors are all an instance has.
MAX_EFFECTS = 128
# One statement's worth: a batch of 500 was within 10 % of the best rate measured, and stays below a few MB.
MAX_BATCH = 500
# Renew a little after half of the lease is used, so that the database, which decides, agrees that it is.
_RENEW_AT = 0.45
# After this much computing in a row, this process's connections and streams have their turn.
_TURN_SECONDS = 0.005
# An instance that is shut down has little time, and none for a database that is away.
SHUTDOWN_SECONDS = 2.0


class Reactor:
    """Holds runs for its sessions; its task lives exactly as long as a session is open."""

    def __init__(self) -> None:
        collect_seldom()
        self.lease = uuid4()
        self.loop = asyncio.get_running_loop()
        self.commits = 0
        self.wanted: dict[UUID, Session] = {}  # runs that requests of this process want to claim next
        self.claiming: asyncio.Task[None] | None = None
        self.courier = Courier()
        self.clock = DatabaseClock()
        self._holds: dict[UUID, Hold] = {}
        self._ready: dict[Hold, None] = {}
        # runs with a turn that is not committed yet, and whether they have something to do again after it
        self._turned: dict[UUID, bool] = {}
        self._turns: list[tuple[Hold, Turn]] = []
        self._committing: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._effects = asyncio.Semaphore(MAX_EFFECTS)
        self._sessions: set[Session] = set()
        self.suspects = Suspects(self._holds, self._sessions)
        self._longest_seconds = 0.0
        self._reader = InboxReader(self._mark)
        self._task: asyncio.Task[None] | None = None

    def open(self, deadline: datetime | None) -> Session:
        """A session for one invocation; close it when its runs are let go."""
        session = Session(deadline)
        self._longest_seconds = session.longest_seconds = max(self._longest_seconds, session.longest_seconds)
        self._sessions.add(session)
        self._keep_running()
        return session

    async def close_session(self, session: Session) -> None:
        """The invocation ends; what it still holds, because it was cut off, is handed back first."""
        self._leave(session)
        try:
            await session.drain()
        finally:
            self._sessions.discard(session)
            self._wake.set()

    def _leave(self, session: Session) -> None:
        session.leave()
        for hold in [one for one in self._holds.values() if one.session is session]:
            self._mark(hold)

    def _keep_running(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def adopt(self, hold: Hold) -> None:
        """Advance this run from now on."""
        held = self._holds.get(hold.run_id)
        if held:  # our own lease ran out: this instance was frozen, or very busy
            held.session.let_go(hold.run_id, "lost", None)
        hold.session.held.add(hold.run_id)
        # nobody has moved the run since: what is in flight still counts
        if held and held.base == hold.base and not held.releasing:
            held.session, held.leased_until, held.suspending = hold.session, hold.leased_until, hold.suspending
            held.mailbox.put(hold.claimed.inbox or ())
            hold = held
        elif held:
            held.give_up()
        self._holds[hold.run_id] = hold
        self._mark(hold)
        self._keep_running()

    def _mark(self, hold: Hold) -> None:
        if hold.run_id in self._turned:
            self._turned[hold.run_id] |= not hold.gone
        elif not hold.gone:
            self._ready[hold] = None
            self._wake.set()

    async def _run(self) -> None:
        try:
            while self._sessions or self._holds or self._committing:
                await self._sleep()
                self._look()
                self._send()
                self.suspects.settle()
        finally:  # it ends with the event loop, and sessions wait for these runs: nobody else would let them go
            self._lose(list(self._holds.values()))

    def _lose(self, holds: Iterable[Hold]) -> None:
        for hold in [one for one in holds if not one.gone]:
            self._drop(hold, "lost", None)

    async def _sleep(self) -> None:
        """Until something is ready, a timer is due, a lease wants renewing, or a commit has ended."""
        if self._ready and len(self._turns) < MAX_BATCH:
            await asyncio.sleep(0)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_to_next()):
                    await self._wake.wait()
        self._wake.clear()

    def _seconds_to_next(self) -> float | None:
        if len(self._turns) >= MAX_BATCH:
            return None
        now, clock = time.monotonic(), self.clock.now()
        holds = [hold for hold in self._holds.values() if hold.run_id not in self._turned]
        waits = [self._renew_in(hold, now) for hold in holds]
        waits += [(hold.wakes_at - clock).total_seconds() for hold in holds if hold.wakes_at]
        return max(min(waits), 0.0) if waits else None

    def _renew_in(self, hold: Hold, now: float) -> float:
        return hold.leased_until - now - settings().lease_seconds * _RENEW_AT

    def _look(self) -> None:
        """Move what is ready while the commit before is on its way; what takes too long stays ready."""
        clock, now = self.clock.now(), time.monotonic()
        renew = now + settings().lease_seconds * _RENEW_AT
        for run_id, hold in self._holds.items():
            wakes = hold.wakes_at and hold.wakes_at <= clock
            if (wakes or hold.leased_until <= renew) and run_id not in self._turned:
                self._ready[hold] = None
        for hold in [*self._ready]:
            if len(self._turns) >= MAX_BATCH or time.monotonic() - now >= _TURN_SECONDS:
                break
            del self._ready[hold]
            if not hold.gone:
                self._turn(hold, clock, now)

    def _turn(self, hold: Hold, clock: datetime, now: float) -> None:
        try:
            turn = hold.turn(clock)
        except Exception as exc:
            log("engine.bug", run_id=hold.run_id, error=repr(exc))
            self._lose([hold])
            return
        if turn.entry is None and self._renew_in(hold, now) <= 0:
            turn.entry = hold.renewal()
        if turn.entry is None:
            self._settle(hold, turn, None)
        else:
            self._turned[hold.run_id] = False
            self._turns.append((hold, turn))

    def _send(self) -> None:
        """Commit the turns there are, unless a commit is on its way; the entries leave at once."""
        if self._turns and not self._committing:
            turns, self._turns = self._turns, []
            task = asyncio.Task(self._commit_turns(turns), loop=self.loop, eager_start=True)
            self._committing = None if task.done() else task

    async def _commit_turns(self, turns: list[tuple[Hold, Turn]]) -> None:
        try:
            try:
                answers = await self._commit([turn for _, turn in turns])
            finally:
                self._committing = None
            self._send()  # the database need not wait until these are settled
            self._settle_all(turns, {answer.verdict.run_id: answer for answer in answers})
        except Exception as exc:  # sessions wait for these runs: let them go, their leases run out
            log("engine.bug", error=repr(exc))
            self._lose(hold for hold, _ in turns)
        finally:
            for hold, _ in turns:
                if self._turned.pop(hold.run_id, False) and (held := self._holds.get(hold.run_id)):
                    self._mark(held)
            self._wake.set()

    def _settle_all(self, turns: list[tuple[Hold, Turn]], answers: Mapping[UUID, Answer]) -> None:
        woken = {run_id for answer in answers.values() for run_id in answer.verdict.woken}
        for hold, turn in turns:
            self._settle(hold, turn, answers.get(hold.run_id))
        sessions = [hold.session for hold, turn in turns if turn.entry and turn.entry.mail and not hold.session.left]
        self.notice(woken, next(iter(sessions), None))  # not before: whom this commit has let go reads no mail here

    async def _commit(self, turns: list[Turn]) -> list[Answer]:
        """What the entries came to: one batch of them, and beside it each that has a transaction of its own."""
        batch = [turn.entry for turn in turns if turn.entry and not turn.transaction]
        apart = [(turn.transaction, turn.entry) for turn in turns if turn.entry and turn.transaction]
        answered = await commit_all(self.lease, batch, apart, self.clock.hear)
        self.commits += sum(map(bool, answered))
        if any(turn.entry and turn.entry.mail and turn.entry.mail.emitted for turn in turns):
            self.courier.go()
        return [answer for answers in answered for answer in answers]

    def _settle(self, hold: Hold, turn: Turn, answer: Answer | None) -> None:
        """After the commit: start what it said would start, or let go."""
        entry, verdict = turn.entry, answer.verdict if answer else None
        if hold.gone:
            return
        if turn.lost or (entry and not (verdict and verdict.held)):
            self._drop(hold, "lost", None)
            return
        if answer and verdict:
            hold.base = verdict.seq
            hold.suspending = verdict.suspend_requested
            hold.leased_until = answer.leased_until
            if verdict.mail and not (entry and entry.released):
                self._reader.fetch(hold)
        if entry and entry.events:
            hold.session.report.advanced += 1
        if entry and entry.released:
            self._drop(hold, entry.status, entry.due_at)
        elif turn.again or (hold.stopping and not hold.running):
            self._mark(hold)
        elif not hold.stopping:
            for effect in turn.starts:
                hold.session.report.effects += 1
                # at once, not a round of the loop later: what does not wait for anything ends right here
                task = asyncio.Task(self._perform(hold, effect), loop=self.loop, eager_start=True)
                if not task.done():
                    hold.running[effect.id] = task

    def notice(self, woken: Iterable[UUID], session: Session | None = None) -> None:
        """There is mail for these runs: those held here read it, the others are left to this session."""
        for run_id in woken:
            if hold := self._holds.get(run_id):
                self._reader.fetch(hold)
            elif session:
                session.wake(run_id)

    def _drop(self, hold: Hold, status: str, due_at: datetime | None) -> None:
        hold.give_up()
        del self._holds[hold.run_id]
        hold.session.let_go(hold.run_id, status, due_at)

    async def _perform(self, hold: Hold, effect: dsl.Effect) -> None:
        async with self._effects:
            if not hold.session.fits(effect_seconds(effect)):  # it has waited too long for its place
                hold.running.pop(effect.id, None)
                self._mark(hold)
                return
            arrived = await perform(hold, effect, self.clock.now)
        hold.receive(arrived)
        self._mark(hold)

    async def close(self) -> None:
        """Give every held run back, due at once; for an instance that is being shut down."""
        sessions = list(self._sessions)
        for session in sessions:
            self._leave(session)
        with suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_SECONDS):
                for session in sessions:
                    await session.drain()
        await self.courier.close()
        tasks = [task for task in (self._task, self._committing) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._turns, self._turned = [], {}


_reactor: Reactor | None = None


def current() -> Reactor:
    """This process's reactor (of the running event loop)."""
    global _reactor
    if _reactor is None or _reactor.loop is not asyncio.get_running_loop():
        _reactor = Reactor()
    return _reactor
