"""Streams: what so many clients of one function process cost in memory, CPU and queries, and how late events come."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lib import db
from lib.config import settings
from lib.dev.runtime import Instance, start_instance
from tests.bench.contenders import Prepared
from tests.bench.lab import ROOT, Lab, percentile, say
from tests.bench.machine import resident
from tests.bench.throughput import cpu_seconds
from tests.stream.tools import Hand, make_hand

RUNS = 60
COMMITS_PER_SECOND = 100
BUSY_SECONDS = 10.0
IDLE_SECONDS = 5.0
SETTLE_SECONDS = 2.0
OWN_QUERIES = 2  # of counting twice
STORM = 250  # clients that connect at the same moment


@dataclass
class Cost:
    """Of one number of clients; queries are per second, the commits themselves not counted."""

    clients: int
    opened_per_second: float = 0.0
    kb_per_client: float = 0.0
    idle_queries: float = 0.0
    busy_queries: float = 0.0
    busy_cpu_percent: float = 0.0
    delivery_p50: float = 0.0
    delivery_p99: float = 0.0


class Client:
    """One raw connection; knows when each event arrived."""

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id
        self.arrived: dict[int, float] = {}

    async def open(self, port: int) -> None:
        """Ask for the stream and wait for the first event."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        self._writer.write(b"GET /runs/%b/stream HTTP/1.1\r\nHost: x\r\n\r\n" % str(self.run_id).encode())
        while b'"update"' not in await self._reader.readuntil(b"\n\n"):
            pass
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            frame = await self._reader.readuntil(b"\n\n")
            seq = int(frame.partition(b"id: ")[2].partition(b"\n")[0])
            self.arrived[seq] = time.perf_counter()

    async def close(self) -> None:
        """Hang up."""
        self._task.cancel()
        self._writer.close()


def measure(lab: Lab, ours: Prepared, clients: int) -> Cost:
    """On a fresh database and a fresh process."""
    with lab.copy(ours.template) as url:
        os.environ["DATABASE_URL"] = url
        settings.cache_clear()
        cost = asyncio.run(_measure(url, clients))
    say(f"  streams: {cost}")
    return cost


async def _measure(url: str, streams: int) -> Cost:
    hand = await make_hand()
    run_ids = [await hand.start() for _ in range(RUNS)]
    await hand.claim(run_ids)
    clients = [Client(run_ids[turn % RUNS]) for turn in range(streams)]
    async with function(url) as instance:
        cost = await watch(instance, hand, clients, run_ids)
    await db.close()
    return cost


async def watch(instance: Instance, hand: Hand, clients: list[Client], run_ids: list[UUID]) -> Cost:
    """Open, wait, move, close."""
    cost = Cost(len(clients))
    warm, *others = clients
    await warm.open(instance.port)
    before, begin = resident(instance.pid), time.perf_counter()
    for some in range(0, len(others), STORM):
        await asyncio.gather(*(client.open(instance.port) for client in others[some : some + STORM]))
    cost.opened_per_second = len(others) / (time.perf_counter() - begin)
    await asyncio.sleep(SETTLE_SECONDS)
    cost.kb_per_client = (resident(instance.pid) - before) / 1024 / len(others)
    cost.idle_queries, _ = await during(instance, asyncio.sleep(IDLE_SECONDS), [])
    committed: dict[tuple[UUID, int], float] = {}
    moving = keep_moving(hand, run_ids, committed)
    cost.busy_queries, cost.busy_cpu_percent = await during(instance, moving, committed)
    await asyncio.sleep(SETTLE_SECONDS)
    delays = read_delays(clients, committed)
    cost.delivery_p50, cost.delivery_p99 = percentile(delays, 50), percentile(delays, 99)
    for client in clients:
        await client.close()
    return cost


def read_delays(clients: list[Client], committed: dict[tuple[UUID, int], float]) -> list[float]:
    """Milliseconds from the commit's answer to the frame that covers it, per client and commit.

    Of the first second none: until its first look the poller rests for up to a second, whenever that is.
    """
    delays = []
    busy_from = min(committed.values()) + 1
    for client in clients:
        for (run_id, seq), moment in committed.items():
            if run_id == client.run_id and moment >= busy_from:
                covering = min(got for got in client.arrived if got >= seq)
                delays.append((client.arrived[covering] - moment) * 1000)
    return delays


async def keep_moving(hand: Hand, run_ids: list[UUID], committed: dict[tuple[UUID, int], float]) -> None:
    """Commit one event at a time at a steady rate, run after run."""
    bases = dict.fromkeys(run_ids, 1)
    begin = time.perf_counter()
    for number in range(int(COMMITS_PER_SECOND * BUSY_SECONDS)):
        await asyncio.sleep(begin + number / COMMITS_PER_SECOND - time.perf_counter())
        run_id = run_ids[number % len(run_ids)]
        bases[run_id] = await hand.commit(run_id, bases[run_id])
        committed[run_id, bases[run_id]] = time.perf_counter()


async def during(instance: Instance, work: Any, committed: Collection[Any]) -> tuple[float, float]:
    """Queries per second, without those that this work has committed, and CPU per cent of the function meanwhile."""
    first, counted_from = await transactions(), time.perf_counter()
    cpu, begin = cpu_seconds(instance.pid), time.perf_counter()
    await work
    percent = (cpu_seconds(instance.pid) - cpu) / (time.perf_counter() - begin) * 100
    queries = await transactions() - first - OWN_QUERIES - len(committed)
    return queries / (time.perf_counter() - counted_from), percent


async def transactions() -> int:
    """How many transactions this database has seen, once all of them are counted."""
    await asyncio.sleep(1.1)  # a backend reports its counts at most once a second
    async with db.connection() as conn:
        await conn.execute("select pg_stat_force_next_flush()")
        cursor = await conn.execute(
            "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0


@asynccontextmanager
async def function(url: str) -> AsyncIterator[Instance]:
    """The stream's function under the platform's runtime, told to take them all."""
    env = {"DATABASE_URL": url, "RATCHET_MAX_STREAMS": "10000"}
    instance = await start_instance(ROOT, ROOT / "api" / "run_stream.py", env, lambda *_: None)
    yield instance
    await instance.stop()
