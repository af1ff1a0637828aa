"""DBOS without its queue: the calling process runs each workflow in a thread."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from dbos import DBOS
from protocol import STEPS_PER_RUN, TALLY, serve, time_runs

AT_ONCE = 10
_counting = threading.Lock()


@DBOS.step()
def step(number: int) -> dict[str, int]:
    """One durable step."""
    return TALLY.step(number)


@DBOS.workflow()
def linear() -> None:
    """Five steps, one after another."""
    for number in range(STEPS_PER_RUN):
        step(number)


def run_once() -> None:
    """One workflow, from its call to its last commit."""
    linear()
    with _counting:
        TALLY.finished += 1


def launch() -> None:
    """Make the schema if it is not there and become an executor."""
    DBOS(config={"name": "bench", "system_database_url": sys.argv[1], "log_level": "ERROR"})
    DBOS.launch()


def work(runs: int) -> None:
    """Run so many in the background."""
    pool = ThreadPoolExecutor(AT_ONCE)
    for _ in range(runs):
        pool.submit(run_once)
    pool.shutdown(wait=False)


if __name__ == "__main__":
    serve(
        prepare=launch,
        start=launch,
        enqueue=lambda runs: None,
        work=work,
        latency=lambda runs: time_runs(runs, run_once),
    )
