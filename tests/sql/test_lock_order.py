"""Whoever locks workflows, event types and runs does so in that order: nobody waits in a circle."""

import asyncio

import psycopg
import pytest

from lib import store
from lib.store import Mail
from lib.store.mail import Child
from tests import mailroom
from tests.history import sql

pytestmark = pytest.mark.anyio


async def is_held(conn: psycopg.AsyncConnection, table: str, key: str, id: object) -> bool:
    """Whether somebody else holds this row so that it cannot be changed."""
    query = f"select 1 from ratchet.{table} where {key} = %s for update nowait"
    async with conn.transaction(force_rollback=True):
        try:
            await conn.execute(query.encode(), (id,))
        except psycopg.errors.LockNotAvailable:
            return True
    return False


async def test_a_run_that_starts_a_child_waits_for_a_deletion_before_it_locks_itself(database: str):
    child = await mailroom.publish("child")
    parent = await mailroom.hold()
    asked = Child(1, "default", "child", "1.0.0", {}, awaited=True)
    async with mailroom.session(database) as deleting, mailroom.session(database) as looking:
        await deleting.execute("select 1 from ratchet.workflows where id = %s for update", (child,))
        commit = asyncio.create_task(parent.commit(Mail(children=[asked])))
        await mailroom.blocked(commit)
        assert not await is_held(looking, "runs", "id", parent.id)
        await deleting.execute("select ratchet.delete_workflow(%s, true)", (child,))
        await deleting.commit()
        await commit
    assert await sql("select count(*) from ratchet.runs where parent_id is not null") == [(0,)]


async def test_a_schedule_that_starts_a_run_waits_for_a_deletion_before_it_locks_itself(database: str):
    workflow = await mailroom.publish("scheduled")
    await sql(
        "insert into ratchet.schedules (workflow_id, namespace, name, next_at)"
        " values (%s, 'default', 'scheduled', ratchet.clock())",
        workflow,
    )
    [due] = await store.due_schedules(limit=9)
    async with mailroom.session(database) as deleting, mailroom.session(database) as looking:
        await deleting.execute("select 1 from ratchet.workflows where id = %s for update", (workflow,))
        move = asyncio.create_task(store.move_schedule(due, tick_at=None, next_at=None, inputs=[{}]))
        await mailroom.blocked(move)
        assert not await is_held(looking, "schedules", "workflow_id", workflow)
        await deleting.execute("select ratchet.delete_workflow(%s, true)", (workflow,))
        await deleting.commit()
        assert await move == []
    assert await sql("select count(*) from ratchet.runs") == [(0,)]
