"""Absurd: tasks in a queue made of SQL functions, a synchronous worker with a few threads' worth of claims."""

import sys
import threading
import time

import absurdctl
import psycopg
from absurd_sdk import Absurd
from protocol import STEPS_PER_RUN, TALLY, serve, time_runs

QUEUE = "bench"
BATCH = 10


def connect() -> Absurd:
    """A client that knows the task."""
    app = Absurd(sys.argv[1], queue_name=QUEUE)

    @app.register_task("linear")
    def linear(params, ctx):
        for number in range(STEPS_PER_RUN):
            ctx.step(f"step{number}", lambda number=number: TALLY.step(number))

    return app


def prepare() -> None:
    """The schema that the package brings, and one queue."""
    with psycopg.connect(sys.argv[1], autocommit=True) as conn:
        conn.execute(absurdctl.BUNDLED_SCHEMA_SQL)
    Absurd(sys.argv[1]).create_queue(QUEUE)


def enqueue(runs: int) -> None:
    """Spawn so many tasks."""
    app = connect()
    for _ in range(runs):
        app.spawn("linear", {})
    app.close()


def work(runs: int) -> None:
    """Work in the background for good."""
    threading.Thread(target=lambda: connect().start_worker(batch_size=BATCH), daemon=True).start()


def latency(runs: int) -> dict[str, list[float]]:
    """A worker with the default poll interval, and one task at a time, asked for every two milliseconds."""
    work(runs)
    app = connect()

    def run_once() -> None:
        task = app.spawn("linear", {})["task_id"]
        while app.fetch_task_result(task).state != "completed":
            time.sleep(0.002)

    return time_runs(runs, run_once)


if __name__ == "__main__":
    serve(prepare=prepare, start=lambda: None, enqueue=enqueue, work=work, latency=latency)
