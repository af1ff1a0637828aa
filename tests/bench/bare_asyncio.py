"""The ceiling of engines that run effects of many runs at once: `bare`, with an asyncio task for each run in flight.

A task does its run's step and awaits the commit that takes it along, which a single flusher makes of all that wait.
Tables, claims and statements are those of `bare`, and there is no engine, history or lease either: what lies between
the two is what tasks and futures cost.
"""

import asyncio
from typing import Any

from tests.bench.bare import claim, commit, serve_draining, take_step
from tests.bench.peers.protocol import STEPS_PER_RUN


class Flusher:
    """Commits the rows of all runs that wait, again and again, each time in one statement."""

    def __init__(self) -> None:
        self._some = asyncio.Event()
        self._renew()

    def _renew(self) -> None:
        self._rows: list[dict[str, Any]] = []
        # One for all rows of a commit: resolving one for each costs more, and tells nobody more.
        self._committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, row: dict[str, Any]) -> asyncio.Future[None]:
        """For the next commit; answers what is resolved once that is made."""
        self._rows.append(row)
        self._some.set()
        return self._committed

    async def flush_on(self) -> None:
        """Commit whatever waits, for good; whoever waits is told of a failure."""
        while await self._some.wait():
            self._some.clear()
            rows, committed = self._rows, self._committed
            self._renew()
            try:
                await commit(rows)
            except Exception as error:
                committed.set_exception(error)
            else:
                committed.set_result(None)


async def advance(id: int, flusher: Flusher) -> None:
    """A whole run: no step begins before the result of the one before it is committed."""
    for number in range(STEPS_PER_RUN):
        await flusher.add(take_step(id, number))


async def drain(batch: int) -> None:
    """Claim until nothing is pending; the runs of a claim are in flight together."""
    flusher = Flusher()
    flushing = asyncio.create_task(flusher.flush_on())
    while claimed := await claim(batch):
        for task in [asyncio.create_task(advance(id, flusher)) for id in claimed]:
            await task
    flushing.cancel()


if __name__ == "__main__":
    serve_draining(drain)
