"""Throughput: N linear runs of five trivial durable steps, in one process, then in two; and what they wrote."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench.contenders import VITAL, Prepared
from tests.bench.lab import POLL_SECONDS, Lab, middle
from tests.bench.peers.protocol import STEPS_PER_RUN
from tests.bench.rounds import NotRun, Rounds, interleave
from tests.bench.worker import Worker


@dataclass
class Measured:
    """One round of one contender."""

    steps_per_second: float
    cpu_ms_per_step: float
    wal_bytes: float
    table_bytes: float
    writes: float


def measure(lab: Lab, prepared: Prepared, processes: int, runs: int) -> Measured:
    """A fresh database, started processes, enqueued runs: the time from the first step's begin to the last commit."""
    contender = prepared.contender
    with lab.copy(prepared.template) as url, prepared.processes(url, processes) as workers:
        empty = lab.size(url)  # ahead of the runs: room that they take when they are started is room, too
        workers[0].ask("enqueue", runs=runs)
        with lab.usage(url) as usage:
            cpu = sum(worker.cpu_seconds() for worker in workers)
            for number, worker in enumerate(workers):
                worker.ask("work", runs=runs if number == 0 or contender.shares else 0)
            ended = wait_until_done(lab, url, prepared, workers, runs)
            cpu = sum(worker.cpu_seconds() for worker in workers) - cpu
        began, tables = read_begin(workers, runs), lab.size(url) - empty
    steps = runs * STEPS_PER_RUN
    return Measured(
        steps / (ended - began),
        cpu * 1000 / steps,
        usage.wal_bytes / steps,
        tables / steps,
        usage.writes / runs,
    )


def wait_until_done(lab: Lab, url: str, prepared: Prepared, workers: Sequence[Worker], runs: int) -> float:
    """The moment of the last run's end; raises when a process dies before, or it takes too long."""

    def check() -> None:
        for worker in workers:
            worker.check()

    if prepared.contender.unfinished:
        return lab.wait_for_none(url, prepared.contender.unfinished, prepared.patience, check)
    until = time.monotonic() + prepared.patience
    while time.monotonic() < until:
        if sum(worker.ask("tally")["finished"] for worker in workers) >= runs:
            return time.time()
        time.sleep(POLL_SECONDS)
    raise NotRun(f"not done within {prepared.patience:g} s")


def read_begin(workers: Sequence[Worker], runs: int) -> float:
    """The moment of the first step's begin; raises NotRun when not every step was done: failing is fast, too."""
    tallies = [worker.ask("tally") for worker in workers]
    done, wanted = sum(tally["steps"] for tally in tallies), runs * STEPS_PER_RUN
    if done < wanted:
        raise NotRun(f"it says that it is done after {done:,} of {wanted:,} steps")
    return float(min(tally["first"] for tally in tallies if tally["first"]))


def compare(lab: Lab, field: Sequence[Prepared], *, processes: int, runs: int, rounds: int) -> Rounds[Measured]:
    """Everybody who can share the work, round by round."""
    cases: dict[str, Callable[[], Measured]] = {
        prepared.contender.name: lambda prepared=prepared: measure(lab, prepared, processes, runs)
        for prepared in field
        if processes == 1 or prepared.contender.shares
    }
    return interleave(rounds, cases, vital=[one.name for one in VITAL])


def medians(rounds: Sequence[Measured]) -> Measured:
    """Of each figure."""
    names = Measured.__dataclass_fields__
    return Measured(*(middle([getattr(one, name) for one in rounds]) for name in names))
