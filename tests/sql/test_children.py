"""A child starts once, its end reaches its parent once, and it ends when its parent does."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from lib import store
from lib.store import Child, Mail
from tests.history import event_types, move_clock, sql
from tests.mailroom import Held, blocked, event, hold, inbox, is_due, listener, publish, session

pytestmark = pytest.mark.anyio


def child(effect: int = 1, name: str = "child", version: str | None = None, *, awaited: bool = True) -> Child:
    return Child(effect, "default", name, version, {"for": effect}, awaited)


async def start_child(parent: Held, asked: Child | None = None) -> UUID:
    """Let this parent start a child and wait for it."""
    await publish("child")
    verdict = await parent.wait(children=[asked or child()])
    [id] = verdict.woken
    return id


async def outcomes(parent: UUID) -> list[Any]:
    return [mail["outcome"] for mail in await store.read_inbox(parent)]


async def status(run_id: UUID) -> str:
    return (await store.get_run(run_id)).status


async def test_a_child_starts_in_the_commit_that_asks_for_it_with_its_input(database: str):
    parent = await hold()
    id = await start_child(parent)
    run = await store.get_run(id)
    assert (run.status, run.input) == ("pending", {"for": 1})
    assert await event_types(id) == ["workflow.status-changed"]
    assert await sql("select parent_id, parent_effect, depth, awaited from ratchet.runs where id = %s", id) == [
        (parent.id, 1, 1, True)
    ]
    assert not await is_due(parent.id)


async def test_an_effect_starts_one_child_however_often_it_is_asked_for(database: str):
    parent = await hold()
    await publish("child")
    await parent.commit(Mail(children=[child(1), child(2)]))
    assert list((await parent.wait(children=[child(1), child(2)])).woken) == []
    assert await sql("select count(*) from ratchet.runs") == [(3,)]
    await sql("update ratchet.runs set due_at = ratchet.clock() where id = %s", parent.id)
    assert sorted((await hold(parent.id)).claimed.children) == [1, 2]


async def test_a_holder_that_lost_its_lease_starts_no_child(database: str):
    parent = await hold()
    await publish("child")
    await store.cancel_run(parent.id)
    await parent.commit(Mail(children=[child()]))
    assert await sql("select count(*) from ratchet.runs") == [(1,)]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (child(name="none"), "There is no workflow default/none."),
        (child(version="9.9.9"), "There is no workflow default/child@9.9.9."),
    ],
)
async def test_a_workflow_that_is_not_there_is_told_to_the_parent(database: str, asked: Child, sentence: str):
    parent = await hold()
    await publish("child")
    verdict = await parent.wait(children=[asked])
    assert verdict.mail
    assert await outcomes(parent.id) == [{"effect": 1, "refusal": sentence}]


async def test_children_are_nested_16_deep_and_no_deeper(database: str):
    run = await hold()
    for _ in range(16):
        run = await hold(await start_child(run))
    await run.wait(children=[child()])
    assert await outcomes(run.id) == [{"effect": 1, "refusal": "Sub-workflows are nested deeper than 16 levels."}]


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        ("completed", {"effect": 1, "output": {"done": 1}}),
        ("failed", {"effect": 1, "error": {"type": "t", "status": 500}}),
    ],
)
async def test_the_end_of_a_child_wakes_its_parent_with_the_outcome(database: str, end: str, outcome: Any):
    parent = await hold()
    held = await hold(await start_child(parent))
    assert held.claimed.awaited
    assert list((await held.end(end)).woken) == [parent.id]
    assert await is_due(parent.id)
    assert await outcomes(parent.id) == [outcome]


async def test_a_cancelled_child_is_told_to_its_parent(database: str):
    parent = await hold()
    await store.cancel_run(await start_child(parent))
    assert await outcomes(parent.id) == [{"effect": 1, "cancelled": True}]


async def test_the_end_of_a_child_that_nobody_waits_for_is_told_to_nobody(database: str):
    parent = await hold()
    await publish("child")
    verdict = await parent.wait(children=[child(awaited=False)])
    [id] = {*verdict.woken} - {parent.id}
    [mail] = await store.read_inbox(parent.id)
    assert mail["outcome"] == {"effect": 1, "output": str(id)}
    again = await hold(parent.id)
    await again.wait(read=[mail["id"]])
    held = await hold(id)
    assert not held.claimed.awaited
    await held.end()
    assert await outcomes(parent.id) == []


async def test_cancelling_a_parent_cancels_its_children_and_theirs(database: str):
    parent = await hold()
    middle = await hold(await start_child(parent))
    lowest = await start_child(middle)
    detached = await hold(lowest)
    [free] = (await detached.commit(Mail(children=[child(7, awaited=False)]))).woken[:1]
    await store.cancel_run(parent.id)
    assert [await status(id) for id in (parent.id, middle.id, lowest)] == ["cancelled"] * 3
    assert await status(free) == "pending"
    assert await sql("select count(*) from ratchet.inbox") == [(0,)]
    assert (await event_types(lowest))[-1] == "workflow.cancelled"


async def test_a_parent_that_fails_takes_its_children_with_it(database: str):
    parent = await hold()
    await publish("child")
    [id] = (await parent.commit(Mail(children=[child()]))).woken
    await parent.end("failed")
    assert await status(id) == "cancelled"


async def test_a_dropped_effect_cancels_its_child_alone_and_hears_nothing_of_it(database: str):
    parent = await hold()
    await publish("child")
    first, second = (await parent.commit(Mail(children=[child(1), child(2)]))).woken
    assert not (await parent.commit(Mail(dropped=[1]))).mail
    assert [await status(id) for id in (first, second)] == ["cancelled", "pending"]


async def test_deleting_a_workflow_cancels_a_parent_and_its_child_of_the_same_workflow(database: str):
    parent = await hold()
    id = await start_child(parent, child(name="test"))
    await store.delete_workflow(parent.claimed.workflow_id, cascade=True)
    assert [await status(run) for run in (parent.id, id)] == ["cancelled", "cancelled"]


async def test_a_parent_and_its_child_that_commit_at_once_wait_for_each_other_and_not_in_a_circle(database: str):
    parent = await hold()
    await publish("child")
    [id] = (await parent.commit(Mail(children=[child()]))).woken
    held = await hold(id)
    async with session(database) as other:  # somebody has the parent's row
        await other.execute("select 1 from ratchet.runs where id = %s for update", (parent.id,))
        ending = asyncio.create_task(held.end())
        await blocked(ending)
        cancelling = asyncio.create_task(store.cancel_run(parent.id))
        await blocked(cancelling)
        await other.commit()
        await asyncio.gather(ending, cancelling)
    assert await status(parent.id) == "cancelled"
    assert await status(id) in ("completed", "cancelled")


async def test_deliveries_and_commits_that_cross_do_not_wait_in_a_circle(database: str):
    runs = [await listener("paid") for _ in range(8)]
    await store.deliver_events([event("first")])
    held = [await hold(run.id) for run in runs]

    async def commit_all(order: list[Held], number: int) -> None:
        for run in order:
            await run.commit(Mail(emitted=[event(f"{number}-{run.id}")]))

    await asyncio.gather(
        commit_all(held[:4], 1),
        commit_all(held[4:][::-1], 2),
        *(store.deliver_events([event(f"x{n}")]) for n in range(20)),
    )
    for run in runs:
        assert len(await inbox(run.id)) == 1 + 8 + 20


async def test_the_outcome_outlives_the_child(database: str):
    parent = await hold()
    held = await hold(await start_child(parent))
    await store.suspend_run(parent.id)
    await held.end()
    await move_clock("31 days")
    await store.delete_old_runs(days=30, limit=10)
    await store.resume_run(parent.id)
    claimed = (await hold(parent.id)).claimed
    assert (claimed.children, [mail["outcome"]["output"] for mail in claimed.inbox or []]) == ([], [{"done": 1}])
