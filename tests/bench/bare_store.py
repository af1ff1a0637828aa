"""The ceiling of our own store: what the engine commits, claimed and committed as it does it, and no engine.

Fenced by lease and seq, with history, state and steps, in the store's own statements, for a hundred runs at once: what
lies between this and `bare` is what the contract costs, what lies between this and ratchet is the engine. Each run has
the same texts; no document is read, no call made.
"""

import hashlib
import sys
from datetime import UTC, datetime
from uuid import uuid4

from lib import db, store
from lib.migrate import migrate
from lib.store import Claimed, Entry, StepRow, write_event
from lib.store.values import encode
from tests.bench.bare import serve_draining
from tests.bench.peers.protocol import STEPS_PER_RUN, TALLY

NAME = "bench"
FUNCTION = "bench_step"
LEASE = uuid4()
LEASE_SECONDS = 60
_EVENT = "io.serverlessworkflow.{}.v1"
_WORKFLOW = {"workflow": {"namespace": "default", "name": NAME, "version": "1.0.0"}}
BEGUN = write_event(_EVENT.format("workflow.started"), _WORKFLOW)
ENDED = write_event(_EVENT.format("workflow.completed"), _WORKFLOW)
BASE = encode(
    {
        "format": 3,
        "started": 1_800_000_000_000_000,
        "input": 0,
        "frames": [
            {"input": 0},
            {"parent": 0, "attempt": 1, "input": 1, "open": True, "function": FUNCTION, "context": 0},
        ],
        "values": [{}],
    }
)


def _reference(number: int) -> str:
    return f"/do/{number}/step{number}"


def _tell(what: str, number: int, **more: str) -> str:
    return write_event(_EVENT.format(f"task.{what}"), {"task": _reference(number), "visit": 1, "attempt": 1, **more})


def _state(number: int) -> str:
    moving = [{"task": "/", "id": 0}, {"task": _reference(number), "started": 30_000 + number, "id": number + 1}]
    return encode({"moving": moving, "next_id": number + 2, "values": [None, {"number": number}]})


STARTED = [_tell("started", number, function=FUNCTION) for number in range(STEPS_PER_RUN)]
COMPLETED = [_tell("completed", number) for number in range(STEPS_PER_RUN)]
STATES = [_state(number) for number in range(STEPS_PER_RUN)]


async def prepare() -> None:
    """The schema and a workflow."""
    await migrate(sys.argv[1])
    digest = hashlib.sha256(NAME.encode()).hexdigest()
    await store.publish_workflow("default", NAME, "1.0.0", {}, "linear", digest)
    await db.close()


async def start() -> None:
    """Connect."""
    await db.warm()


async def enqueue(runs: int) -> None:
    """Start so many."""
    workflow = await store.find_workflow(NAME)
    for _ in range(runs):
        await store.start_run(workflow.id, {}, "auto")


def begin(run: Claimed) -> Entry:
    """A run's first commit, after which its first step may start."""
    events = [BEGUN, STARTED[0]]
    return Entry(run.run_id, run.seq, events, "running", STATES[0], BASE, based=True, began=run.created_at)


def take_step(run: Claimed, number: int) -> Entry:
    """Do a run's step; answers the entry that its commit takes."""
    started_at = datetime.now(UTC)
    output = TALLY.step(number)
    step = StepRow(_reference(number), 1, 1, FUNCTION, encode(output), None, started_at, datetime.now(UTC))
    told, base = [step], run.seq + 2 * (number + 1)
    if number + 1 < STEPS_PER_RUN:
        events, state = [COMPLETED[number], STARTED[number + 1]], STATES[number + 1]
        return Entry(run.run_id, base, events, "running", state, based=True, steps=told, began=run.created_at)
    events, result = [COMPLETED[number], ENDED], encode(output)
    return Entry(run.run_id, base, events, "completed", steps=told, began=run.created_at, released=True, result=result)


async def drain(batch: int) -> None:
    """Claim and commit until nothing is due."""
    while claimed := await store.claim_runs(LEASE, limit=batch, lease_seconds=LEASE_SECONDS):
        runs = sorted(claimed, key=lambda run: run.run_id.int)  # whoever locks several runs does so in this order
        await commit([begin(run) for run in runs])
        for number in range(STEPS_PER_RUN):
            await commit([take_step(run, number) for run in runs])


async def commit(entries: list[Entry]) -> None:
    """Entries of different runs, in one statement; each has to count."""
    verdicts = await store.commit_batch(LEASE, LEASE_SECONDS, entries)
    if not all(verdict.held for verdict in verdicts):
        raise RuntimeError("a commit did not count")


if __name__ == "__main__":
    serve_draining(drain, prepare, start, enqueue)
