"""Throughput: N linear runs of five trivial durable steps, in one process, then in two; and what they wrote."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.contenders import Prepared, Worker
from tests.bench.lab import Lab, interleave, middle
from tests.bench.peers.protocol import STEPS_PER_RUN

PATIENCE_SECONDS = 600.0
WARM_UP = 20


@dataclass
class Measured:
    """One round of one contender."""

    steps_per_second: float
    cpu_ms_per_step: float
    wal_bytes: float
    table_bytes: float
    transactions: float


def measure(lab: Lab, prepared: Prepared, processes: int, runs: int) -> Measured:
    """A fresh database, started processes, enqueued runs: the time from the first step's begin to the last commit."""
    contender = prepared.contender
    with lab.copy(prepared.template) as url, prepared.processes(url, processes) as workers:
        workers[0].ask("enqueue", runs=runs)
        with lab.usage(url) as usage:
            cpu = sum(cpu_seconds(worker.pid) for worker in workers)
            for number, worker in enumerate(workers):
                worker.ask("work", runs=runs if number == 0 or contender.shares else 0)
            ended = wait_until_done(lab, url, prepared, workers, runs)
            cpu = sum(cpu_seconds(worker.pid) for worker in workers) - cpu
            tallies = [worker.ask("tally") for worker in workers]
        began = min(tally["first"] for tally in tallies if tally["first"])
    steps = runs * STEPS_PER_RUN
    return Measured(
        steps / (ended - began),
        cpu * 1000 / steps,
        usage.wal_bytes / steps,
        usage.table_bytes / steps,
        usage.transactions / runs,
    )


def wait_until_done(lab: Lab, url: str, prepared: Prepared, workers: Sequence[Worker], runs: int) -> float:
    """The moment of the last run's end."""
    if prepared.contender.unfinished:
        return lab.wait(url, prepared.contender.unfinished, lambda open_runs: open_runs == 0, PATIENCE_SECONDS)
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if sum(worker.ask("tally")["finished"] for worker in workers) >= runs:
            return time.time()
        time.sleep(0.005)
    raise TimeoutError(f"{prepared.contender.name}: not done within {PATIENCE_SECONDS:g} s")


def compare(
    lab: Lab, field: Sequence[Prepared], *, processes: int, runs: int, rounds: int
) -> dict[str, list[Measured]]:
    """Everybody, round by round."""
    cases: dict[str, Callable[[], Measured]] = {
        prepared.contender.name: lambda prepared=prepared: measure(lab, prepared, processes, runs)
        for prepared in field
        if processes == 1 or prepared.contender.shares
    }
    return interleave(rounds, cases)


def medians(rounds: Sequence[Measured]) -> Measured:
    """Of each figure."""
    names = Measured.__dataclass_fields__
    return Measured(*(middle([getattr(one, name) for one in rounds]) for name in names))


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, in hundredths of a second (Linux; 0 elsewhere)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
