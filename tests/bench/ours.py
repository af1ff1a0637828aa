"""Ratchet as a contender: the store and the engine in one process, swept as `api/sweep.py` does it."""

import asyncio
import sys
import time
from typing import Any

from lib import db, dsl, engine, store
from lib.calls.functions import function, names
from lib.migrate import migrate
from tests.bench.peers.protocol import STEPS_PER_RUN, TALLY, serve, time_runs_async
from tests.bench.phases import sampled
from tests.documents import document

DOCUMENT = document(
    [{f"step{n}": {"call": "bench_step", "with": {"number": n}}} for n in range(STEPS_PER_RUN)], "bench"
)
# One run of many effects: as many as its input says, in a loop that carries nothing but their number; or one for each
# item of its input, all of which it carries along.
LONG = document(
    [
        {"step": {"call": "bench_step", "with": {"number": 1}, "output": {"as": "${ {tasks: ($input.tasks - 1)} }"}}},
        {"again": {"switch": [{"more": {"when": ".tasks > 0", "then": "step"}}]}},
    ],
    "long",
)
EACH = document(
    [
        {
            "all": {
                "for": {"in": "${ .items }"},
                "do": [{"step": {"call": "bench_step", "with": {"number": "${ $item }"}}}],
            }
        }
    ],
    "each",
)
IDLE_SECONDS = 0.005
_tasks: set[asyncio.Task[None]] = set()


@function
async def bench_step(number: int) -> dict[str, int]:
    """The step as a function of one's own."""
    return TALLY.step(number)


async def prepare() -> None:
    """The schema and the workflows."""
    await migrate(sys.argv[1])
    for definition in (DOCUMENT, LONG, EACH):
        compiled = dsl.compile_document(definition, functions=names())
        about = (compiled.namespace, compiled.name, compiled.version)
        await store.publish_workflow(*about, definition, compiled.type, compiled.hash)
    await db.close()


async def start() -> None:
    """Import and connect: an empty sweep."""
    await engine.sweep(None)


async def enqueue(runs: int) -> None:
    """Start so many, as so many POSTs would."""
    workflow = await store.find_workflow("bench")
    for _ in range(runs):
        await store.start_run(workflow.id, {}, "auto")


async def enqueue_long(tasks: int, shape: str) -> None:
    """Start one run of so many effects, one after another, of this workflow."""
    workflow = await store.find_workflow(shape)
    await store.start_run(workflow.id, {"tasks": tasks} if shape == "long" else {"items": [*range(tasks)]}, "auto")


async def sweep_on() -> None:
    """Sweep after sweep."""
    while True:
        await engine.sweep(None)
        await asyncio.sleep(IDLE_SECONDS)


async def work(runs: int) -> None:
    """Sweep in the background for good."""
    _tasks.add(asyncio.create_task(sweep_on()))


async def sample(runs: int) -> dict[str, Any]:
    """What the CPU of one sweep over so many runs went into: its seconds, and samples by phase."""
    await enqueue(runs)
    begin = time.process_time()
    with sampled() as phases:
        await engine.sweep(None)
    return {"seconds": time.process_time() - begin, "phases": phases}


async def run_once() -> None:
    """What a POST does: start, and go on with the run after the response."""
    run, _ = await engine.start("bench", {}, "auto")
    await engine.advance_run(run.id, None)


async def latency(runs: int) -> dict[str, list[float]]:
    """One run at a time."""
    return await time_runs_async(runs, run_once)


if __name__ == "__main__":
    serve(
        prepare=prepare,
        start=start,
        enqueue=enqueue,
        enqueue_long=enqueue_long,
        work=work,
        sample=sample,
        latency=latency,
    )
