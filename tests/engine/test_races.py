"""Two transactions about one run: whoever comes second sees what the first one did."""

import asyncio
from uuid import UUID, uuid4

import psycopg
import pytest

from lib import store
from lib.store import Entry
from tests.documents import document
from tests.history import sql

pytestmark = pytest.mark.anyio
NAP = [{"nap": {"wait": {"days": 1}}}]


async def blocked() -> None:
    """Until somebody waits for a lock."""
    async with asyncio.timeout(5):
        while not await sql(
            "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        ):
            await asyncio.sleep(0.01)


async def claim(lease: UUID) -> None:
    await store.claim_runs(lease, limit=9, lease_seconds=60)


async def test_a_renewal_that_waited_for_a_cancellation_is_not_held(start, database: str):
    run_id, lease = await start(document(NAP)), uuid4()
    await claim(lease)
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("select ratchet.cancel_run(%s)", (run_id,))
        renewal = asyncio.create_task(store.commit_batch(lease, 60, [Entry(run_id, 1, (), "running")]))
        await blocked()
        await other.commit()
    assert [verdict.held for verdict in await renewal] == [False]


async def test_a_cascade_passes_by_a_run_that_has_just_ended(start, database: str):
    ending, live, lease = await start(document(NAP)), await start(document(NAP)), uuid4()
    await claim(lease)
    workflow_id = (await store.get_run(live)).workflow_id
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute(
            "update ratchet.runs set status = 'completed', lease = null, due_at = 'infinity', finished_at = now()"
            " where id = %s",
            (ending,),
        )
        deletion = asyncio.create_task(store.delete_workflow(workflow_id, cascade=True))
        await blocked()
        await other.commit()
    await deletion
    assert (await store.get_run(ending)).status == "completed"
    assert (await store.get_run(live)).status == "cancelled"


async def test_a_history_with_a_null_character_can_be_read(start, database: str):
    run_id, lease = await start(document(NAP)), uuid4()
    await claim(lease)
    event = '{"type":"io.serverlessworkflow.task.faulted.v1","data":{"title":"a\\u0000b"}}'
    await store.commit_batch(lease, 60, [Entry(run_id, 1, [event], "running")])
    events = await store.list_events(run_id, after=1, limit=10)
    assert [(event.seq, event.data) for event in events] == [(2, {"title": "a\0b"})]
    assert [event.seq for event in await store.list_events(run_id, after=0, limit=1)] == [1]
