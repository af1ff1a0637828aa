"""Everything at once: runs that talk to each other and run each other, on three instances that keep being frozen."""

import asyncio
import random
from typing import Any

import pytest

from lib import dsl, store
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from tests.documents import document
from tests.history import event_types, sql
from tests.mailroom import event

pytestmark = pytest.mark.anyio

PAIRS, ROUNDS, OUTSIDE = 12, 4, 20


def wait_for(kind: str, **more: Any) -> dict[str, Any]:
    return {"listen": {"to": {"one": {"with": {"type": kind, **more}}}}}


def say(kind: str, subject: str) -> dict[str, Any]:
    return {"emit": {"event": {"with": {"source": "https://soak.example", "type": kind, "subject": subject}}}}


def talker(says: str, hears: str, *, begins: bool) -> list[dict[str, Any]]:
    """Says something and waits for the answer, or the other way round; then has a child double its number."""
    turn = [
        {"say": say(says, "${ $workflow.input.pair }")},
        {"hear": wait_for(hears, subject="${ . == $workflow.input.pair }")},
    ]
    child = {
        "workflow": {
            "namespace": "default",
            "name": "child",
            "version": "1.0.0",
            "input": {"n": "${ $workflow.input.n }"},
        }
    }
    return [
        {"rounds": {"for": {"each": "i", "in": f"${{ [range({ROUNDS})] }}"}, "do": turn if begins else turn[::-1]}},
        {"ask": {"run": child}},
    ]


async def test_nothing_is_lost_and_nothing_counts_twice(start, database: str):
    chance = random.Random(7)
    child = document(
        [{"nap": {"wait": {"milliseconds": 5}}}, {"double": {"set": {"twice": "${ $workflow.input.n * 2 }"}}}],
        name="child",
    )
    compiled = dsl.compile_document(child)
    await store.publish_workflow("default", "child", "1.0.0", child, compiled.type, compiled.hash)
    # not of every type: what it takes is not offered any more to whoever begins to listen later
    counts = {"any": [{"with": {"type": "noise"}}], "until": f"${{ length == {OUTSIDE} }}"}
    listener = await start(document([{"count": {"listen": {"to": counts}}}], name="counts"))
    await sweep_all(Reactor(), None)
    talkers = []
    for pair in range(PAIRS):
        for n, (says, hears, begins) in enumerate((("ping", "pong", True), ("pong", "ping", False))):
            definition = document(talker(says, hears, begins=begins), name=says)
            talkers.append((await start(definition, {"pair": f"p{pair}", "n": 10 * pair + n}), 10 * pair + n))

    async def instance() -> None:
        while await sql("select 1 from ratchet.runs where status not in ('completed', 'failed') limit 1"):
            await sweep_all(Reactor(), None)
            await asyncio.sleep(chance.random() / 50)

    async def disturb() -> None:
        for number in range(OUTSIDE):
            await store.deliver_events([event(str(number), type="noise")])
            await sql(
                "update ratchet.runs r set due_at = ratchet.clock() from (select id from ratchet.runs"
                " where lease is not null and random() < 0.2 order by id for update skip locked) chosen"
                " where r.id = chosen.id and r.lease is not null"
            )
            await asyncio.sleep(chance.random() / 20)

    async with asyncio.timeout(50):
        await asyncio.gather(disturb(), *(instance() for _ in range(3)))
    for run_id, n in talkers:
        run = await store.get_run(run_id)
        assert (run.status, run.result) == ("completed", {"twice": 2 * n}), run.error
        assert (await event_types(run_id))[-1] == "workflow.completed"
    assert (await store.get_run(listener)).status == "completed"
    sent = await sql("select type, count(*) from ratchet.cloud_events group by 1 order by 1")
    assert sent == [("noise", OUTSIDE), ("ping", PAIRS * ROUNDS), ("pong", PAIRS * ROUNDS)]
    assert await sql("select count(*) from ratchet.runs where parent_id is not null") == [(2 * PAIRS,)]
    assert (
        await sql("select count(*) from ratchet.inbox")
        == await sql("select count(*) from ratchet.subscriptions")
        == [(0,)]
    )
