"""What streams cost on one function process: `python -m tests.stream.bench_streams [streams] [runs]`.

Prints the memory per client, the queries per second, idle and busy, and how long a committed event takes to
arrive, each against a throwaway Postgres on this machine.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import UUID

from lib import db
from lib.dev.postgres import Server
from lib.dev.runtime import Instance, start_instance
from lib.migrate import migrate
from tests.stream.tools import Hand, make_hand

ROOT = Path(__file__).parents[2]
COMMITS_PER_SECOND = 100
BUSY_SECONDS = 10.0
IDLE_SECONDS = 10.0
SETTLE_SECONDS = 2.0


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


async def main(streams: int = 300, runs: int = 60) -> None:
    """Open, wait, move, close; print what each cost."""
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder, "data"), durable=False) as server:
        url = server.create_database("bench")
        await migrate(url)
        os.environ["DATABASE_URL"] = url
        hand = await make_hand()
        run_ids = [await hand.start() for _ in range(runs)]
        await hand.claim(run_ids)
        async with function(url) as instance:
            await measure(instance, hand, [Client(run_ids[turn % runs]) for turn in range(streams)], run_ids)
        await db.close()


async def measure(instance: Instance, hand: Hand, clients: list[Client], run_ids: list[UUID]) -> None:
    """The figures, one a line."""
    warm, *others = clients
    await warm.open(instance.port)
    before = resident_kb(instance.pid)
    begin = time.perf_counter()
    for some in range(0, len(others), 50):
        await asyncio.gather(*(client.open(instance.port) for client in others[some : some + 50]))
    say("streams opened per second", len(others) / (time.perf_counter() - begin))
    await asyncio.sleep(SETTLE_SECONDS)
    say("KB per client", (resident_kb(instance.pid) - before) / len(others))
    await asyncio.sleep(SETTLE_SECONDS)
    say("idle: queries per second", (await during(instance, asyncio.sleep(IDLE_SECONDS)))[0])
    committed: dict[tuple[UUID, int], float] = {}
    queries, cpu = await during(instance, keep_moving(hand, run_ids, committed))
    say("busy: queries per second, commits excluded", queries - len(committed) / BUSY_SECONDS)
    say("busy: CPU of the function, %", cpu)
    await asyncio.sleep(SETTLE_SECONDS)
    report_delivery(clients, committed)
    for client in clients:
        await client.close()


def report_delivery(clients: list[Client], committed: dict[tuple[UUID, int], float]) -> None:
    """From the commit's answer to the frame that covers it, per client and commit."""
    delays = []
    for client in clients:
        for (run_id, seq), moment in committed.items():
            if run_id == client.run_id:
                covering = min(got for got in client.arrived if got >= seq)
                delays.append((client.arrived[covering] - moment) * 1000)
    cuts = quantiles(delays, n=100)
    say("deliveries", len(delays))
    say("delivery p50, ms", cuts[49])
    say("delivery p99, ms", cuts[98])


async def keep_moving(hand: Hand, run_ids: list[UUID], committed: dict[tuple[UUID, int], float]) -> None:
    """Commit one event at a time at a steady rate, run after run."""
    bases = dict.fromkeys(run_ids, 1)
    begin = time.perf_counter()
    for number in range(int(COMMITS_PER_SECOND * BUSY_SECONDS)):
        await asyncio.sleep(begin + number / COMMITS_PER_SECOND - time.perf_counter())
        run_id = run_ids[number % len(run_ids)]
        bases[run_id] = await hand.commit(run_id, bases[run_id])
        committed[run_id, bases[run_id]] = time.perf_counter()


async def during(instance: Instance, work: Any) -> tuple[float, float]:
    """Transactions per second of the database and CPU per cent of the function while this work is done."""
    first, cpu, begin = await transactions(), cpu_seconds(instance.pid), time.perf_counter()
    await work
    spent = time.perf_counter() - begin
    return (await transactions() - first) / spent, (cpu_seconds(instance.pid) - cpu) / spent * 100


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
    """The stream's function under the platform's runtime."""
    instance = await start_instance(ROOT, ROOT / "api" / "run_stream.py", {"DATABASE_URL": url}, lambda *_: None)
    yield instance
    await instance.stop()


def resident_kb(pid: int) -> int:
    """Memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def say(what: str, figure: float) -> None:
    """One line."""
    print(f"{what:45} {figure:10.1f}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
