"""The ceiling: claim, then one batch commit per step of all claimed runs. No engine, no machine, no history.

Two tables, one statement per batch, one asyncio task: what this driver and this Postgres allow at most to
anybody who keeps each step's result and each run's state in committed rows. `bare_asyncio` has the same tables and
statements in another form.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import psycopg

from tests.bench.peers.protocol import STEPS_PER_RUN, TALLY, serve, time_runs_async

BATCH = 100
SCHEMA = """
create table bare_runs (
  id bigint generated always as identity primary key, status text not null, step integer not null, state json
) with (fillfactor = 70);
create index bare_due on bare_runs (id) where status = 'pending';
create table bare_steps (run_id bigint, step integer, output json, primary key (run_id, step));
"""
CLAIM = """
update bare_runs set status = 'running' where id in (
  select id from bare_runs where status = 'pending' order by id limit %s for update skip locked)
returning id
"""
COMMIT = """
with done as (select * from json_to_recordset(%s) as d (id bigint, step integer, output json, last boolean)),
kept as (insert into bare_steps select id, step, output from done)
update bare_runs r set step = d.step, state = d.output, status = case when d.last then 'done' else r.status end
from done d where r.id = d.id
"""


class Link:
    """This process's one connection."""

    conn: psycopg.AsyncConnection[Any]


_tasks: set[asyncio.Task[None]] = set()


async def prepare() -> None:
    """The schema."""
    await start()
    await Link.conn.execute(SCHEMA)


async def start() -> None:
    """Connect."""
    Link.conn = await psycopg.AsyncConnection.connect(sys.argv[1], autocommit=True, prepare_threshold=None)


async def enqueue(runs: int) -> None:
    """Insert so many."""
    await Link.conn.execute(
        "insert into bare_runs (status, step) select 'pending', 0 from generate_series(1, %s)", (runs,)
    )


async def claim(most: int) -> list[int]:
    """The ids of so many pending runs, which are running now."""
    return [id for (id,) in await (await Link.conn.execute(CLAIM, (most,))).fetchall()]


def take_step(id: int, number: int) -> dict[str, Any]:
    """Do a run's step; answers the row that its commit takes."""
    return {"id": id, "step": number, "output": TALLY.step(number), "last": number + 1 == STEPS_PER_RUN}


async def commit(rows: list[dict[str, Any]]) -> None:
    """Steps of any runs, one of each run at most, in one statement."""
    await Link.conn.execute(COMMIT, (json.dumps(rows),))


async def drain(batch: int) -> None:
    """Claim and commit until nothing is pending."""
    while claimed := await claim(batch):
        for number in range(STEPS_PER_RUN):
            await commit([take_step(id, number) for id in claimed])


def serve_draining(
    drain: Callable[[int], Coroutine[Any, Any, None]],
    prepare: Callable[[], Coroutine[Any, Any, None]] = prepare,
    start: Callable[[], Coroutine[Any, Any, None]] = start,
    enqueue: Callable[[int], Coroutine[Any, Any, None]] = enqueue,
) -> None:
    """Speak the protocol; `drain` does all pending runs, of which it claims so many at a time."""

    async def work(runs: int) -> None:
        _tasks.add(asyncio.create_task(drain(BATCH)))

    async def run_once() -> None:
        await enqueue(1)
        await drain(1)

    async def latency(runs: int) -> dict[str, list[float]]:
        return await time_runs_async(runs, run_once)

    serve(prepare=prepare, start=start, enqueue=enqueue, work=work, latency=latency)


if __name__ == "__main__":
    serve_draining(drain)
