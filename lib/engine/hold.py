"""One run while this process holds its lease: what it does next, and what has to be committed before.

Results are resolved in memory first; result, next effects and state are then committed together, and only after
that do the next effects start.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from lib import dsl
from lib.config import settings
from lib.dsl import faults
from lib.engine.session import Session
from lib.log import log
from lib.store import Claimed, Entry, StepRow
from lib.store.values import encode

# Five functions died with this run in their hands and nothing was committed: the sixth would, too.
CLAIMS_WITHOUT_PROGRESS = 5
DEFAULT_EFFECT_SECONDS = 60.0
# A state is written at every commit of its run; past this it would slow its neighbours down.
LARGEST_STATE_BYTES = 16 * 1024 * 1024

_SUSPENDED = encode({"type": "io.serverlessworkflow.workflow.suspended.v1", "data": {}})


@dataclass
class Turn:
    """What one look at a run came to: an entry to commit (None: nothing to say), then effects to start."""

    entry: Entry | None
    starts: list[dsl.Effect] = field(default_factory=list)


def effect_seconds(effect: dsl.Effect) -> float:
    """How long this effect may take: its own timeout, else a minute, if a minute fits an invocation."""
    return effect.timeout_seconds or min(DEFAULT_EFFECT_SECONDS, settings().longest_effect_seconds)


def failure_entry(
    run_id: UUID,
    base: int,
    fault: dsl.Fault,
    events: list[str],
    steps: list[StepRow],
    *,
    state: str | None = None,
) -> Entry:
    """The end of a run that faulted; its last event says so, also where the machine did not get to say it."""
    problem = fault.to_json()
    if not events:
        data = {key: problem[key] for key in ("type", "status", "title") if key in problem}
        events = [encode({"type": "io.serverlessworkflow.workflow.faulted.v1", "data": {"error": data}})]
    return Entry(
        run_id,
        base,
        events,
        "failed",
        released=True,
        steps=steps,
        state=state,
        result=encode({"error": fault.detail or fault.title}),
        error=encode(problem),
    )


class Hold:
    """A claimed run: its machine's state, the effects in flight, and what came back since the last commit."""

    def __init__(self, claimed: Claimed, document: dsl.Document, session: Session) -> None:
        self.claimed = claimed
        self.run_id = claimed.run_id
        self.session = session
        self.document = document
        self.state = dsl.State.load(claimed.state) if claimed.state is not None else None
        self.base = claimed.seq
        self.grants = claimed.grants
        self.suspending = claimed.suspend_requested
        self.running: dict[int, asyncio.Task[None]] = {}
        self.leased_until = 0.0
        self._arrivals: list[dsl.Arrival] = []
        self._steps: list[StepRow] = []

    def receive(self, arrival: dsl.Arrival, step: StepRow) -> None:
        """An effect has ended; counts at the next turn."""
        self.running.pop(arrival.effect_id, None)
        self._arrivals.append(arrival)
        self._steps.append(step)

    def wake_at(self) -> datetime | None:
        """When the machine wants to be looked at even if nothing comes back."""
        return dsl.wake_at(self.state) if self.state else None

    def stop_effects(self) -> None:
        """Cancel what is in flight: its results no longer count."""
        for task in self.running.values():
            task.cancel()
        self.running.clear()

    def renewal(self) -> Entry:
        """Nothing happened, but the lease is to go on."""
        return Entry(self.run_id, self.base, (), "running")

    def handback(self, now: datetime) -> Entry:
        """Somebody else shall go on, at once; what was in flight will run again."""
        return Entry(self.run_id, self.base, (), "running", released=True, due_at=now)

    async def turn(self, now: datetime) -> Turn:
        """Move the machine as far as it goes without the world; a bug in there fails this run, not its neighbours."""
        arrivals, self._arrivals = self._arrivals, []
        steps, self._steps = self._steps, []
        try:
            events, outcome = await self._move(arrivals, now)
            return self._decide(events, outcome, steps, len(arrivals), now)
        except dsl.Fault as fault:
            return self._fail(fault, [], steps)
        except Exception as exc:
            log("engine.bug", run_id=self.run_id, error=repr(exc))
            return self._fail(faults.runtime("The workflow could not be advanced: internal error."), [], steps)

    async def _move(self, arrivals: list[dsl.Arrival], now: datetime) -> tuple[list[str], dsl.Outcome | None]:
        transition = self._first_move(arrivals, now)
        events: list[str] = []
        while True:
            self.state = transition.state
            events += [encode({"type": event.type, "data": event.data}) for event in transition.events]
            for effect_id in transition.cancelled:
                if task := self.running.pop(effect_id, None):
                    task.cancel()
            if not transition.more:
                return events, transition.outcome
            await asyncio.sleep(0)  # a long loop of pure tasks lets others go on in between
            transition = dsl.advance(self.document, self.state, (), now=now)

    def _first_move(self, arrivals: list[dsl.Arrival], now: datetime) -> dsl.Transition:
        if self.state is None:
            if self.claimed.claims > CLAIMS_WITHOUT_PROGRESS:
                raise self._quarantine()
            return dsl.start(self.document, run_id=str(self.run_id), input=self.claimed.input, now=now)
        if self.base == self.claimed.seq and self.claimed.claims > CLAIMS_WITHOUT_PROGRESS:
            raise self._quarantine()
        if self.state.outcome is not None:
            return dsl.retry(self.document, self.state, now=now)
        return dsl.advance(self.document, self.state, arrivals, now=now)

    def _quarantine(self) -> dsl.Fault:
        return faults.runtime(
            f"Given up after {self.claimed.claims - 1} claims without progress: each function that took this run "
            "ended before it could commit anything (killed, out of memory, or too slow)."
        )

    def _decide(
        self,
        events: list[str],
        outcome: dsl.Outcome | None,
        steps: list[StepRow],
        finished: int,
        now: datetime,
    ) -> Turn:
        if isinstance(outcome, dsl.Faulted):
            return self._fail(outcome.fault, events, steps)
        if isinstance(outcome, dsl.Completed):
            return Turn(self._entry(events, steps, status="completed", released=True, result=encode(outcome.output)))
        assert self.state is not None  # noqa: S101  set by every move
        used = finished if self.claimed.mode == "manual" else 0
        self.grants = max(self.grants - used, 0)
        idle = [effect for effect in dsl.open_effects(self.state) if effect.id not in self.running]
        starts = self._admit(idle)
        if starts or self.running:
            entry = self._entry(events, steps, status="running", grants_used=used) if events else None
            return Turn(entry, starts)
        return Turn(self._release(events, steps, idle, used, now))

    def _admit(self, idle: list[dsl.Effect]) -> list[dsl.Effect]:
        """Which may start now: none while suspending, in manual mode those granted, only what fits the deadline."""
        if self.suspending or not idle or self.state is None:
            return []
        if self.claimed.mode == "manual":
            granted = {effect.id for effect in dsl.open_effects(self.state)[: self.grants]}
            idle = [effect for effect in idle if effect.id in granted]
        return [effect for effect in idle if self.session.fits(effect_seconds(effect))]

    def _release(
        self, events: list[str], steps: list[StepRow], idle: list[dsl.Effect], used: int, now: datetime
    ) -> Entry:
        """Nothing can be done now: say when, or after whose call, it goes on."""
        release = partial(self._entry, events, steps, released=True, grants_used=used)
        if not idle:
            wake_at = self.wake_at()
            if wake_at is None:
                raise faults.runtime("The workflow waits for nothing: internal error.")
            return release(status="waiting", due_at=wake_at)
        if self.claimed.mode == "manual" and not self.suspending and self.grants == 0:
            events.append(_SUSPENDED)
            return release(status="suspended")
        self.session.out_of_time = not self.suspending
        return release(status="running", due_at=now)

    def _fail(self, fault: dsl.Fault, events: list[str], steps: list[StepRow]) -> Turn:
        state = encode(self.state.dump()) if self.state else None
        return Turn(failure_entry(self.run_id, self.base, fault, events, steps, state=state))

    def _entry(self, events: list[str], steps: list[StepRow], *, status: str, **more: Any) -> Entry:
        state = encode(self.state.dump()) if self.state and events and status != "completed" else None
        if state and len(state) > LARGEST_STATE_BYTES:
            raise faults.runtime(f"The run's data has grown to {len(state)} bytes; the limit is {LARGEST_STATE_BYTES}.")
        return Entry(self.run_id, self.base, events, status, state=state, steps=steps, **more)
