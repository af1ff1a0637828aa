"""One invocation's share of the reactor: its deadline, the runs it brought, and what became of them."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from lib.config import settings
from lib.engine.report import SweepReport

# Kept free at the end of an invocation: cancelling what overran, one commit on a slow disk, the answer.
EFFECT_RESERVE_SECONDS = 5.0
# With less than this left, a claimed run would only be handed back: few effects still fit.
CLAIM_RESERVE_SECONDS = 15.0


class Session:
    """Ends when none of its runs is held any more; `changed` is set whenever one was let go.

    `longest_seconds` is how long the longest session of this process had at its beginning.
    """

    def __init__(self, deadline: datetime | None) -> None:
        left = (deadline - datetime.now(UTC)).total_seconds() if deadline else float(settings().max_duration_seconds)
        self._loop = asyncio.get_running_loop()
        self._ends_at = self._loop.time() + left
        self.longest_seconds = left
        self.held: set[UUID] = set()
        self.changed = asyncio.Event()
        self.report = SweepReport()
        self.waiting: list[tuple[datetime, UUID]] = []
        self.woken: set[UUID] = set()
        self.room = False
        self.out_of_time = False
        self.left = False

    def seconds_left(self) -> float:
        """Until the platform ends this invocation."""
        return self._ends_at - self._loop.time()

    def leave(self) -> None:
        """The invocation ends now, whatever it still holds: nothing is started or claimed for it any more."""
        self.left = True

    async def drain(self, *, to: int = 0) -> None:
        """Wait until at most this many of its runs are still held."""
        while len(self.held) > to:
            self.changed.clear()
            await self.changed.wait()

    async def rest(self, *, or_room: bool = False) -> None:
        """Wait until none of its runs is held, one of them has woken another, or there is room for a suspect."""
        while self.held and not (self.woken or (or_room and self.room)):
            self.changed.clear()
            await self.changed.wait()

    def fits(self, effect_seconds: float) -> bool:
        """Whether an effect of this length would end, and be committed, before the deadline."""
        return not self.left and effect_seconds + EFFECT_RESERVE_SECONDS <= self.seconds_left()

    def could_fit(self, effect_seconds: float) -> bool:
        """Whether an effect of this length would fit the longest session that this process has had."""
        return effect_seconds + EFFECT_RESERVE_SECONDS <= self.longest_seconds

    def may_claim(self, *, after_seconds: float = 0) -> bool:
        """Whether it is worth taking another run, now or in a while."""
        reserve = min(CLAIM_RESERVE_SECONDS, settings().max_duration_seconds / 4, self.longest_seconds / 4)
        return not self.left and not self.out_of_time and self.seconds_left() - after_seconds > reserve

    def wake(self, run_id: UUID) -> None:
        """This run has become due by what the session's runs did."""
        self.woken.add(run_id)
        self.changed.set()

    def has_room(self) -> None:
        """A run whose last holder was lost may be claimed."""
        self.room = True
        self.changed.set()

    def let_go(self, run_id: UUID, status: str, due_at: datetime | None) -> None:
        """One of its runs is no longer held: count what became of it, remember when it wants to go on."""
        self.held.discard(run_id)
        self.changed.set()
        match status:
            case "completed":
                self.report.completed += 1
            case "failed":
                self.report.failed += 1
            case "waiting" if due_at:
                self.report.waiting += 1
                self.waiting.append((due_at, run_id))
            case _:
                self.report.released += 1
                if due_at and not self.out_of_time:  # a suspension was taken back too late to be seen: go on
                    self.waiting.append((due_at, run_id))
