"""What the effects of a held run came to, until its machine is given it.

Rule: a result that came with a transaction counts with it or not at all. One commit ends one transaction, so they are
taken one at a time; a transaction whose result does not count any more is rolled back.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lib import dsl
from lib.calls import Transaction
from lib.store import StepRow

_ending: set[asyncio.Task[None]] = set()


class Arrived(NamedTuple):
    """What one effect came to."""

    arrival: dsl.Result | dsl.Failure
    step: StepRow
    transaction: Transaction | None = None


class Arrivals:
    """Those not yet taken, and the transactions that nobody has ended yet."""

    def __init__(self) -> None:
        self.counting: Transaction | None = None  # its result is part of the next entry
        self._waiting: list[Arrived] = []
        self._open: list[Transaction] = []

    def put(self, arrived: Arrived) -> None:
        """An effect has ended."""
        self._waiting.append(arrived)
        if arrived.transaction:
            self._open.append(arrived.transaction)

    def __contains__(self, effect_id: int) -> bool:
        return bool(self._waiting) and any(one.arrival.effect_id == effect_id for one in self._waiting)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self) -> list[Arrived]:
        """What has come, up to the first with a transaction."""
        if not self._open:
            taken, self._waiting = self._waiting, []
            return taken
        ends = next((position for position, one in enumerate(self._waiting, 1) if one.transaction), len(self._waiting))
        taken, self._waiting = self._waiting[:ends], self._waiting[ends:]
        return taken

    def count(self, taken: Sequence[Arrived], before: dsl.State | None, transition: dsl.Transition) -> list[StepRow]:
        """The steps of what was taken in this transition, but that of a statement nobody waited for any more."""
        if not taken or not (transaction := taken[-1].transaction):
            return [one.step for one in taken]
        open_ids = {effect.id for effect in dsl.open_effects(before)} if before else set()
        if taken[-1].arrival.effect_id in open_ids - {*transition.cancelled}:
            self.counting = transaction
            return [one.step for one in taken]
        self._roll_back([transaction])
        return [one.step for one in taken[:-1]]

    def close(self) -> Transaction | None:
        """What the entry that tells of the last transition has to be committed through."""
        transaction, self.counting = self.counting, None
        if transaction:
            self._open.remove(transaction)
        return transaction

    def give_up(self) -> None:
        """The run is let go: what nobody has committed does not count."""
        self._roll_back(self._open.copy())

    def _roll_back(self, transactions: Iterable[Transaction]) -> None:
        for transaction in transactions:
            self._open.remove(transaction)
            task = asyncio.create_task(transaction.rollback())  # nobody has to wait for it
            _ending.add(task)
            task.add_done_callback(_ending.discard)
