"""Streams: what so many clients of one function process cost in memory, CPU and queries, and how late events come."""

import asyncio
import os
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import cycle
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lib import db
from lib.config import settings
from lib.dev.runtime import Instance, start_instance
from tests.bench.contenders import Prepared
from tests.bench.lab import ROOT, Lab, percentile, say
from tests.bench.machine import resident
from tests.bench.rounds import NotRun
from tests.bench.worker import cpu_seconds
from tests.stream.tools import Hand, make_hand

RUNS = 60
COMMITS_PER_SECOND = 100
BUSY_SECONDS = 10.0
IDLE_SECONDS = 5.0
# A backend that has nothing more to do tells what it did after ten seconds: the opening is not to count as idling.
SETTLE_SECONDS = 11.0
REPORT_SECONDS = 1.1
STORM = 250  # clients that connect at the same moment
DELIVERY_SECONDS = 30.0
# Beside its clients' connections a process has files of its own.
SPARE_FILES = 200


@dataclass
class Cost:
    """Of one number of clients; queries and commits are per second, a commit is not among the queries."""

    clients: int
    opened_per_second: float = 0.0
    commits: float = 0.0
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


@dataclass(frozen=True)
class Watched:
    """What a database and a function did while some work was done; the transactions are those of a little longer."""

    seconds: float
    transactions: int
    cpu_seconds: float


@dataclass(frozen=True)
class Watcher:
    """Counts from outside: from another database of the same server."""

    conn: psycopg.AsyncConnection[tuple[int]]
    name: str
    pid: int

    async def watch(self, work: Awaitable[None]) -> Watched:
        """While this is done; the transactions are those until REPORT_SECONDS after it."""
        first, cpu, began = await self._transactions(), cpu_seconds([self.pid]), time.perf_counter()
        await work
        seconds, spent = time.perf_counter() - began, cpu_seconds([self.pid]) - cpu
        return Watched(seconds, await self._transactions() - first, spent)

    async def _transactions(self) -> int:
        await db.close()  # our own backends tell all they did when they end, and the function's within a second
        await asyncio.sleep(REPORT_SECONDS)
        query = "select xact_commit + xact_rollback from pg_stat_database where datname = %s"
        row = await (await self.conn.execute(query, (self.name,))).fetchone()
        assert row
        return int(row[0])


def measure(lab: Lab, ours: Prepared, clients: int) -> Cost:
    """On a fresh database and a fresh process."""
    with lab.copy(ours.template) as url, store_of(url):
        cost = asyncio.run(_measure(url, lab.url("postgres"), clients, ours.patience))
    say(f"  streams: {cost}")
    return cost


def allow_clients(clients: int) -> None:
    """Let this process and those it starts have as many open files; raises NotRun where that is too many."""
    wanted = clients + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise NotRun(f"{wanted:,} open files are needed, and a process may have {hard:,} here (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def store_of(url: str) -> Iterator[None]:
    """This process's own store speaks to that database within the block."""
    before = os.environ.get("DATABASE_URL")
    os.environ["DATABASE_URL"] = url
    settings.cache_clear()
    try:
        yield
    finally:
        os.environ.pop("DATABASE_URL")
        if before is not None:
            os.environ["DATABASE_URL"] = before
        settings.cache_clear()


async def _measure(url: str, outside: str, streams: int, patience: float) -> Cost:
    try:
        async with asyncio.timeout(patience):
            hand = await make_hand()
            run_ids = [await hand.start() for _ in range(RUNS)]
            await hand.claim(run_ids)
            clients = [Client(run_ids[turn % RUNS]) for turn in range(streams)]
            async with (
                function(url) as instance,
                await psycopg.AsyncConnection.connect(outside, autocommit=True) as conn,
            ):
                watcher = Watcher(conn, conninfo_to_dict(url)["dbname"], instance.pid)
                return await watch(instance, hand, clients, run_ids, watcher)
    finally:
        await db.close()


async def watch(instance: Instance, hand: Hand, clients: list[Client], run_ids: list[UUID], watcher: Watcher) -> Cost:
    """Open, wait, move, close."""
    cost = Cost(len(clients))
    warm, *others = clients
    await warm.open(instance.port)
    before, begin = resident(instance.pid), time.perf_counter()
    for some in range(0, len(others), STORM):
        await asyncio.gather(*(client.open(instance.port) for client in others[some : some + STORM]))
    cost.opened_per_second = len(others) / (time.perf_counter() - begin)
    await asyncio.sleep(SETTLE_SECONDS)
    cost.kb_per_client = (resident(instance.pid) - before) / 1024 / max(len(others), 1)
    idle = await watcher.watch(asyncio.sleep(IDLE_SECONDS))
    cost.idle_queries = idle.transactions / (idle.seconds + REPORT_SECONDS)
    committed: dict[tuple[UUID, int], float] = {}
    last: dict[UUID, int] = dict.fromkeys(run_ids, 1)
    busy = await watcher.watch(keep_moving(hand, last, committed))
    cost.commits = len(committed) / busy.seconds
    queries = busy.transactions - len(committed) - cost.idle_queries * REPORT_SECONDS
    cost.busy_queries = queries / busy.seconds
    cost.busy_cpu_percent = busy.cpu_seconds / busy.seconds * 100
    await wait_until_told(clients, last)
    delays = read_delays(clients, committed)
    cost.delivery_p50, cost.delivery_p99 = percentile(delays, 50), percentile(delays, 99)
    for client in clients:
        await client.close()
    return cost


async def wait_until_told(clients: list[Client], last: dict[UUID, int]) -> None:
    """Until every client has its run's last event; raises NotRun when one of them is never told."""
    until = time.monotonic() + DELIVERY_SECONDS
    while late := sum(max(client.arrived, default=1) < last[client.run_id] for client in clients):
        if time.monotonic() > until:
            raise NotRun(f"{late} of {len(clients)} clients were not told of a commit within {DELIVERY_SECONDS:g} s")
        await asyncio.sleep(0.1)


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


async def keep_moving(hand: Hand, last: dict[UUID, int], committed: dict[tuple[UUID, int], float]) -> None:
    """Commit one event at a time at a steady rate, run after run; `last` is each run's seq, before and after."""
    begin = time.perf_counter()
    for number, run_id in enumerate(cycle(last)):
        await asyncio.sleep(begin + number / COMMITS_PER_SECOND - time.perf_counter())
        if time.perf_counter() - begin >= BUSY_SECONDS:
            return
        last[run_id] = await hand.commit(run_id, last[run_id])
        committed[run_id, last[run_id]] = time.perf_counter()


@asynccontextmanager
async def function(url: str) -> AsyncIterator[Instance]:
    """The stream's function under the platform's runtime, told to take them all."""
    env = {"DATABASE_URL": url, "RATCHET_MAX_STREAMS": "10000"}
    instance = await start_instance(ROOT, ROOT / "api" / "run_stream.py", env, lambda *_: None)
    try:
        yield instance
    finally:
        await instance.stop()
