"""DBOS with its queue: workflows are enqueued, executors poll for them."""

import sys

from dbos import DBOS, DBOSClient
from protocol import STEPS_PER_RUN, TALLY, serve, time_runs

QUEUE = "bench"
POLL_SECONDS = 0.1  # a tenth of the default: more often costs it throughput, less often latency


@DBOS.step()
def step(number: int) -> dict[str, int]:
    """One durable step."""
    return TALLY.step(number)


@DBOS.workflow()
def linear() -> None:
    """Five steps, one after another."""
    for number in range(STEPS_PER_RUN):
        step(number)


def launch() -> None:
    """Make the schema if it is not there and become an executor of the queue."""
    DBOS(config={"name": "bench", "system_database_url": sys.argv[1], "log_level": "ERROR"})
    DBOS.launch()
    DBOS.register_queue(QUEUE, polling_interval_sec=POLL_SECONDS)


def enqueue(runs: int) -> None:
    """Put so many on the queue, as a client that runs none of them."""
    client = DBOSClient(system_database_url=sys.argv[1])
    for _ in range(runs):
        client.enqueue({"workflow_name": "linear", "queue_name": QUEUE})
    client.destroy()


def run_once() -> None:
    """One workflow, from its enqueueing to its result, which is asked for every two milliseconds."""
    DBOS.enqueue_workflow(QUEUE, linear).get_result(polling_interval_sec=0.002)


if __name__ == "__main__":
    serve(
        prepare=launch,
        start=lambda: None,
        enqueue=enqueue,
        work=lambda runs: launch(),
        latency=lambda runs: launch() or time_runs(runs, run_once),
    )
