"""Procrastinate: a queue of jobs; a run is a chain in which each job defers the next."""

import asyncio
import logging
import sys

from procrastinate import App, PsycopgConnector
from protocol import STEPS_PER_RUN, TALLY, serve, time_runs_async

AT_ONCE = 10
app = App(connector=PsycopgConnector(conninfo=sys.argv[1], min_size=2, max_size=AT_ONCE + 2))
_ended = asyncio.Event()
_workers: set[asyncio.Task[None]] = set()


@app.task(name="step")
async def step(number: int) -> None:
    """One step, and the job of the next."""
    TALLY.step(number)
    if number + 1 < STEPS_PER_RUN:
        await step.defer_async(number=number + 1)
    else:
        TALLY.finished += 1
        _ended.set()


async def prepare() -> None:
    """The schema."""
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def enqueue(runs: int) -> None:
    """Defer the first jobs of so many chains."""
    for _ in range(runs):
        await step.defer_async(number=0)


async def start() -> None:
    """Open the pool."""
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    await app.open_async()


async def work(runs: int) -> None:
    """Work in the background for good."""
    worker = app.run_worker_async(concurrency=AT_ONCE, install_signal_handlers=False)
    _workers.add(asyncio.create_task(worker))


async def run_once() -> None:
    """One chain, from its first job's start to its last job's end."""
    _ended.clear()
    await enqueue(1)
    await _ended.wait()


async def latency(runs: int) -> dict[str, list[float]]:
    """With a worker that listens in the same process."""
    await work(runs)
    await asyncio.sleep(0.5)
    return await time_runs_async(runs, run_once)


if __name__ == "__main__":
    serve(prepare=prepare, start=start, enqueue=enqueue, work=work, latency=latency)
