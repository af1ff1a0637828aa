"""One run while this process holds its lease: what it does next, and what has to be committed before.

Results are resolved in memory first; result, next effects and state are then committed together, and only after
that do the next effects start.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from lib import dsl
from lib.calls import Transaction, texts_in
from lib.config import settings
from lib.dsl import faults
from lib.engine.admission import could_fit, fits_now, given_up, never_fits, too_long
from lib.engine.arrivals import Arrivals, Arrived
from lib.engine.keeper import NOT_WRITTEN, Keeper
from lib.engine.mail import Mailbox, answer_fault, check_sent, read_answers, read_events
from lib.engine.session import Session
from lib.log import log
from lib.store import Claimed, Entry, StepRow, write_event
from lib.store.values import encode

# Five functions died with this run in their hands and nothing was committed: the sixth would, too.
CLAIMS_WITHOUT_PROGRESS = 5
# A state is written at every commit of its run; past this it would slow its neighbours down.
LARGEST_STATE_BYTES = 16 * 1024 * 1024

_SUSPENDED = write_event("io.serverlessworkflow.workflow.suspended.v1", {})


@dataclass(slots=True)
class Turn:
    """What one look at a run came to: an entry to commit (None: nothing to say), then effects to start."""

    entry: Entry | None
    starts: list[dsl.Effect] = field(default_factory=list)
    again: bool = False  # the machine has more to do: look at it again soon
    transaction: Transaction | None = None  # what the entry is committed through: a step's statement is in it
    lost: bool = False  # let go of the run without a word: its claim counts as one without progress


def faulted_event(fault: dsl.Fault) -> str:
    """The last event of a run whose machine did not get to say that it faulted."""
    problem = fault.to_json()
    data = {key: problem[key] for key in ("type", "status", "title") if key in problem}
    return write_event("io.serverlessworkflow.workflow.faulted.v1", {"error": data})


def failure_entry(run_id: UUID, base: int, fault: dsl.Fault, events: list[str], steps: list[StepRow]) -> Entry:
    """The end of a run that faulted."""
    problem = fault.to_json()
    return Entry(
        run_id,
        base,
        events,
        "failed",
        released=True,
        steps=steps,
        result=encode({"error": fault.detail or fault.title}),
        error=encode(problem),
    )


class Hold:
    """A claimed run: its machine's state, the effects in flight, and what came back since the last commit."""

    def __init__(self, claimed: Claimed, document: dsl.Document, session: Session, leased_until: float) -> None:
        self.claimed = claimed
        self.run_id = claimed.run_id
        self.id_text = str(claimed.run_id)  # once: a UUID formats itself anew each time
        self.session = session
        self.document = document
        self.secrets = settings().secrets_named(document.secrets)
        self.hidden = texts_in(self.secrets)  # what no message may repeat
        self.keeper = Keeper(claimed.kept)
        self.state = dsl.State.load(claimed.state, claimed.kept) if claimed.state is not None else None
        # when the machine wants to be looked at even if nothing comes back
        self.wakes_at = dsl.wake_at(self.state) if self.state else None
        self.mailbox = Mailbox(claimed, self.state)
        self.base = claimed.seq
        self.grants = claimed.grants
        self.suspending = claimed.suspend_requested
        self.running: dict[int, asyncio.Task[None]] = {}
        self.taken_at = time.monotonic()
        self.leased_until = leased_until
        # an entry that lets it go, and leaves its seq alone, is on its way: whoever claims it now does so after that
        self.releasing = False
        self.gone = False  # let go of: what still comes back does not count
        self._arrivals = Arrivals()
        # what the moves since the last entry came to
        self._events: list[str] = []
        self._steps: list[StepRow] = []
        self._grants_used = 0

    def receive(self, arrived: Arrived) -> None:
        """An effect has ended; counts at the next turn, or soon after."""
        self.running.pop(arrived.arrival.effect_id, None)
        self._arrivals.put(arrived)

    @property
    def stopping(self) -> bool:
        """Whether nothing new may start: a suspension was asked for, or the invocation ends."""
        return self.suspending or self.session.left

    def stop_effects(self) -> None:
        """Cancel what is in flight: its results no longer count."""
        for task in self.running.values():
            task.cancel()
        self.running.clear()

    def give_up(self) -> None:
        """The run is let go: what is in flight, or came back and was not committed, no longer counts."""
        self.gone = True
        self.stop_effects()
        self._arrivals.give_up()

    def renewal(self) -> Entry:
        """Nothing is to be told yet, but the lease is to go on."""
        return Entry(self.run_id, self.base, (), "running", mail=self.mailbox.silence())

    def turn(self, now: datetime) -> Turn:
        """Move the machine as far as one budget goes; a bug in there fails this run, not its neighbours.

        It never awaits: an effect that came back in between would be neither running nor answered.
        """
        if self.session.left:
            self.stop_effects()
        turn = self._advance(now)
        if turn.entry:
            self.releasing = turn.entry.released and not turn.entry.events
            turn.transaction = self._arrivals.close()
        return turn

    def _advance(self, now: datetime) -> Turn:
        try:
            transition = self._move(now)
            if transition.more:
                return self._pause(now)
            return self._decide(transition.outcome, now)
        except dsl.Fault as fault:
            return self._fail(fault, faulted_event(fault))
        except Exception as exc:
            log("engine.bug", run_id=self.run_id, error=repr(exc))
            bug = faults.runtime("The workflow could not be advanced: internal error.")
            return self._fail(bug, faulted_event(bug))

    def _move(self, now: datetime) -> dsl.Transition:
        mail, arrived, before = self.mailbox.take(), self._arrivals.take(), self.state
        # Answers count at once, ahead of what came with transactions: the next entry forgets the mail they were in.
        arrived = [*[Arrived(*answer) for answer in read_answers(mail, before, now)], *arrived]
        transition = self._next_transition([*read_events(mail), *[one.arrival for one in arrived]], now)
        check_sent(transition)
        events = [write_event(event.type, event.data) for event in transition.events]
        # Nothing fails from here on: results count together with the state they led to, or not at all.
        self.state = transition.state
        self.wakes_at = dsl.wake_at(transition.state) if self.document.timed else None
        self._events += events
        self._steps += self._arrivals.count(arrived, before, transition)
        dropped = self.mailbox.note(mail, transition)
        cut_off = [self.running.pop(id_) for id_ in transition.cancelled if id_ in self.running]
        for task in cut_off:
            task.cancel()
        if self.claimed.mode == "manual":
            used = len(arrived) + len(cut_off) + dropped
            self._grants_used += used
            self.grants = max(self.grants - used, 0)
        return transition

    def _next_transition(self, arrivals: Sequence[dsl.Arrival], now: datetime) -> dsl.Transition:
        if self.state is None:
            if self.claimed.claims > CLAIMS_WITHOUT_PROGRESS:
                raise self._quarantine()
            return dsl.start(self.document, run_id=self.id_text, input=self.claimed.input, now=now)
        if self.base == self.claimed.seq and self.claimed.claims > CLAIMS_WITHOUT_PROGRESS:
            raise self._quarantine()
        if self.state.outcome is not None:
            return dsl.retry(self.document, self.state, now=now)
        return dsl.advance(self.document, self.state, arrivals, now=now)

    def _quarantine(self) -> dsl.Fault:
        effects = dsl.open_effects(self.state) if self.state else ()
        return given_up(self.claimed.claims - 1, effects, self.session)

    def _pause(self, now: datetime) -> Turn:
        """A long loop of pure tasks: others go on in between, and another invocation if this one ends."""
        if self.session.fits(0):
            locks = self._arrivals.counting is not None  # what a statement has locked is not kept for as long
            return Turn(self._entry(status="running", save=True) if locks else None, again=True)
        self.session.out_of_time = True
        self.stop_effects()
        return Turn(self._entry(status="running", released=True, due_at=now, save=True))

    def _decide(self, outcome: dsl.Outcome | None, now: datetime) -> Turn:
        if isinstance(outcome, dsl.Faulted):
            return self._fail(outcome.fault)
        if isinstance(outcome, dsl.Completed):
            return Turn(self._entry(status="completed", released=True, result=encode(outcome.output)))
        assert self.state is not None  # noqa: S101  set by every move
        idle = [effect for effect in dsl.open_effects(self.state) if not self._under_way(effect)]
        starts: list[dsl.Effect] = []
        here: list[dsl.Effect] = []
        for effect in self._admit(idle):
            (here if effect.remote or never_fits(effect) else starts).append(effect)
        again = self._answer_here(here, now)
        if starts or self.running or again:
            entry = self._entry(status="running") if self._events or self.mailbox.pending else None
            return Turn(entry, starts, again)
        idle = [effect for effect in idle if not self._under_way(effect)]
        return Turn(None, lost=True) if self._is_stuck(idle) else Turn(self._release(idle, now))

    def _under_way(self, effect: dsl.Effect) -> bool:
        return effect.id in self.running or effect.id in self._arrivals or self.mailbox.started(effect)

    def _answer_here(self, effects: list[dsl.Effect], now: datetime) -> bool:
        """Ask for children with the next entry, refuse calls that never fit; answers whether something came back."""
        assert self.state is not None  # noqa: S101  set by every move
        for effect in effects:
            try:
                if not effect.remote:
                    raise too_long(effect)
                self.mailbox.start_child(self.document, self.state, effect)
            except dsl.Fault as fault:
                self.receive(Arrived(*answer_fault(effect, fault, now)))
        return bool(self._arrivals)

    def _admit(self, idle: list[dsl.Effect]) -> list[dsl.Effect]:
        """Which may start now: only what fits the deadline."""
        return [effect for effect in self._allow(idle) if fits_now(effect, self.session)]

    def _allow(self, idle: list[dsl.Effect]) -> list[dsl.Effect]:
        """Which may start as far as their run goes: none while suspending, in manual mode those granted."""
        if self.suspending or not idle or self.state is None:
            return []
        if self.claimed.mode == "auto":
            return idle
        granted = {effect.id for effect in dsl.open_effects(self.state)[: self.grants]}
        return [effect for effect in idle if effect.id in granted]

    def _is_stuck(self, idle: list[dsl.Effect]) -> bool:
        """Whether this claim came to nothing, as the next one will: the platform is quicker than the settings say."""
        told = self.base != self.claimed.seq or self._events or self.mailbox.pending
        allowed = self._allow(idle)
        hopeless = allowed and not any(could_fit(effect, self.session) for effect in allowed)
        return bool(hopeless and not told and not self.session.left)

    def _release(self, idle: list[dsl.Effect], now: datetime) -> Entry:
        """Nothing can be done now: say when, or after whose call, it goes on."""
        if not idle:
            if self.wakes_at is None and not (self.state and self.mailbox.waits(self.state)):
                raise faults.runtime("The workflow waits for nothing: internal error.")
            return self._entry(status="waiting", released=True, due_at=self.wakes_at)
        if self.claimed.mode == "manual" and not self.suspending and self.grants == 0:
            self._events.append(_SUSPENDED)
            return self._entry(status="suspended", released=True)
        self.session.out_of_time |= not self.suspending
        return self._entry(status="running", released=True, due_at=now)

    def _fail(self, fault: dsl.Fault, *untold: str) -> Turn:
        events = [*self._events, *untold]
        entry = failure_entry(self.run_id, self.base, fault, events, self._steps)
        if self.state:
            written = self.keeper.write(self.state, whole=not events)
            self.keeper.accept(written)
            entry = written.add_to(entry)
        return Turn(entry._replace(began=self.claimed.created_at, mail=self.mailbox.close(None)))

    def _entry(self, *, status: str, save: bool = False, **more: Any) -> Entry:
        """What was done since the last entry."""
        ends = status == "completed"
        written = NOT_WRITTEN
        if self.state and not ends and (save or self._events):
            written = self.keeper.write(self.state, whole=not self._events)
            if written.size > LARGEST_STATE_BYTES:
                size, limit = written.size, LARGEST_STATE_BYTES
                raise faults.runtime(f"The run's data has grown to {size} bytes; the limit is {limit}.")
            self.keeper.accept(written)
        # by position, not by name: of the records that each step makes, this is the longest
        entry = Entry(
            self.run_id,
            self.base,
            self._events,
            status,
            written.state,
            written.base,
            written.is_based,
            written.kept,
            self.keeper.numbers if ends else written.forgotten,
            self._steps,
            self.claimed.created_at,
            self._grants_used,
            self.mailbox.close(None if ends else self.state),
            **more,
        )
        self._events, self._steps, self._grants_used = [], [], 0
        return entry
