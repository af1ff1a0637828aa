"""Runs moved by hand, for tests of mail: started, claimed and committed through the store, without a machine."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg

from lib import store
from lib.config import settings
from lib.store import Claimed, Entry, Mail, Verdict
from tests.history import sql

STARTED = '{"type":"io.serverlessworkflow.workflow.started.v1","data":{}}'


def event(id: str, type: str = "paid", **more: Any) -> dict[str, Any]:
    """A CloudEvent."""
    return {"specversion": "1.0", "source": "/tests", "id": id, "type": type, **more}


async def publish(name: str = "test") -> UUID:
    """A workflow that nobody will ask a machine about."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    workflow, _ = await store.publish_workflow("default", name, "1.0.0", {}, "linear", digest)
    return workflow.id


class Held:
    """One run under a lease of its own."""

    def __init__(self, claimed: Claimed, lease: UUID) -> None:
        self.claimed, self.lease = claimed, lease
        self.id, self.seq = claimed.run_id, claimed.seq

    @property
    def inbox(self) -> list[dict[str, Any]]:
        """What the claim found in its inbox."""
        return self.claimed.inbox or []

    def entry(self, mail: Mail | None, **more: Any) -> Entry:
        """What would be committed for it."""
        return Entry(self.id, self.seq, [STARTED], **{"status": "running", "state": "{}", "mail": mail, **more})

    async def commit(self, mail: Mail | None = None, **more: Any) -> Verdict:
        """Commit one event with this mail, and go on from there."""
        [verdict] = await store.commit_batch(self.lease, settings().lease_seconds, [self.entry(mail, **more)])
        self.seq = verdict.seq
        return verdict

    async def wait(self, **mail: Any) -> Verdict:
        """Commit, and let go until something comes."""
        return await self.commit(Mail(**mail), status="waiting", released=True)

    async def end(self, status: str = "completed", **mail: Any) -> Verdict:
        """Commit its end."""
        outcome = {"error": '{"type":"t","status":500}'} if status == "failed" else {}
        return await self.commit(Mail(**mail), status=status, released=True, result='{"done":1}', **outcome)


async def hold(run_id: UUID | None = None) -> Held:
    """Claim this run, or a new one."""
    if run_id is None:
        run, _ = await store.start_run(await publish(), {}, "auto")
        run_id = run.id
    lease = uuid4()
    [claimed] = await store.claim_runs(lease, limit=1, lease_seconds=settings().lease_seconds, only=[run_id])
    return Held(claimed, lease)


async def listener(*types: str | None) -> Held:
    """A run that waits for events of these types (None: of any)."""
    held = await hold()
    await held.wait(listens=[(1, None if None in types else [type for type in types if type], {})])
    return held


async def inbox(run_id: UUID) -> list[str | None]:
    """The ids of the events in a run's inbox, in order; None for an outcome."""
    rows = await sql(
        "select e.id from ratchet.inbox i left join ratchet.cloud_events e on e.number = i.event"
        " where i.run_id = %s order by i.id",
        run_id,
    )
    return [id for (id,) in rows]


async def is_due(run_id: UUID) -> bool:
    """Whether the next sweep would take it."""
    [(due,)] = await sql("select due_at <= ratchet.clock() and lease is null from ratchet.runs where id = %s", run_id)
    return bool(due)


@asynccontextmanager
async def session(url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Another session, with a transaction that stays open until the test ends it."""
    async with await psycopg.AsyncConnection.connect(url) as conn:
        yield conn


async def blocked(task: asyncio.Task[Any], waits_for: Sequence[str] = ("advisory", "tuple", "transactionid")) -> None:
    """Return once somebody waits for a lock of these kinds; fails if the task gets by without."""
    async with asyncio.timeout(10):
        while True:
            assert not task.done(), task
            rows = await sql(
                "select a.wait_event from pg_stat_activity a"
                " where a.datname = current_database() and a.wait_event_type = 'Lock'"
            )
            if {kind for (kind,) in rows} & set(waits_for):
                return
            await asyncio.sleep(0.005)
