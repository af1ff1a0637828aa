"""Scale-out: 1, 2, 4 and 8 sweeping processes on one Postgres, beside it and at some distance from it."""

from collections.abc import Callable
from contextlib import nullcontext

from tests.bench.contenders import Prepared
from tests.bench.delay import delayed
from tests.bench.lab import Lab
from tests.bench.peers.protocol import STEPS_PER_RUN
from tests.bench.rounds import interleave
from tests.bench.throughput import read_begin, wait_until_done

DISTANCE_MS = 5.0


def measure(lab: Lab, ours: Prepared, processes: int, runs: int, distance_ms: float) -> float:
    """Steps per second of all processes together, from the first step's begin to the last commit."""
    with lab.copy(ours.template) as url:
        way = delayed(url, lab.server.port, distance_ms) if distance_ms else nullcontext(url)
        with ours.processes(url, 1) as (starter,):
            starter.ask("enqueue", runs=runs)
        with way as far, ours.processes(far, processes) as workers:
            for worker in workers:
                worker.ask("work", runs=0)
            ended = wait_until_done(lab, url, ours, workers, runs)
            began = read_begin(workers, runs)
    return runs * STEPS_PER_RUN / (ended - began)


def compare(
    lab: Lab, ours: Prepared, *, counts: list[int], runs: int, rounds: int
) -> dict[tuple[int, float], list[float]]:
    """Steps per second of every round, by number of processes and milliseconds of distance."""
    cases: dict[str, Callable[[], float]] = {}
    keys: dict[str, tuple[int, float]] = {}
    for distance in (0.0, DISTANCE_MS):
        for count in counts:
            name = f"{count} processes, {distance:g} ms away"
            keys[name] = (count, distance)
            cases[name] = lambda count=count, distance=distance: measure(lab, ours, count, runs, distance)
    found = interleave(rounds, cases, vital=cases).found
    return {keys[name]: several for name, several in found.items()}
