"""Where commits, claims and mail meet in one process: what one of them is told is not lost on the other."""

import asyncio
import json
import time
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from lib import store
from lib.engine import documents
from lib.engine.documents import load_document
from lib.engine.hold import Hold
from lib.engine.reactor import Reactor
from lib.engine.session import Session
from lib.engine.sweeping import advance_runs, sweep_all
from tests.documents import calls, document
from tests.engine.test_children import sub
from tests.engine.test_events import emit, listen, result
from tests.engine.test_turns import loop
from tests.history import expire_leases, sql
from tests.mailroom import event
from tests.service import Service

pytestmark = pytest.mark.anyio


async def know_documents() -> None:
    """Runs that are claimed together then move together."""
    for (digest,) in await sql("select distinct document from ratchet.runs"):
        await load_document(digest)


async def claim_lost(limit: int) -> None:
    """Let somebody take what is due, and be gone."""
    await store.claim_runs(uuid4(), limit=limit, lease_seconds=60)
    await expire_leases()


@pytest.mark.parametrize("order", [("emits", "hears"), ("hears", "emits")])
async def test_whom_an_event_finds_as_the_same_commit_lets_it_go_is_taken_again(start, reactor: Reactor, order):
    tasks = {"emits": [{"say": emit("paid", amount=3)}], "hears": [{"wait": listen()}]}
    runs = {name: await start(document(tasks[name], name=name)) for name in order}
    await know_documents()
    await advance_runs(reactor, runs.values(), None)
    assert reactor.commits <= 3
    assert await result(runs["hears"]) == [{"amount": 3}]


async def test_the_answer_of_a_release_does_not_drop_the_run_that_was_claimed_meanwhile(
    start, reactor: Reactor, monkeypatch: pytest.MonkeyPatch
):
    run_id = await start(document([{"wait": listen({"one": {"with": {"type": "paid", "subject": "me"}}})}]))
    await sweep_all(reactor, None)
    commit_batch, committed, answered = store.commit_batch, asyncio.Event(), asyncio.Event()

    async def commit_and_answer_late(lease, seconds, entries):
        verdicts = await commit_batch(lease, seconds, entries)
        committed.set()
        await answered.wait()
        return verdicts

    monkeypatch.setattr(store, "commit_batch", commit_and_answer_late)
    await store.deliver_events([event("a", subject="you")])
    first = asyncio.create_task(advance_runs(reactor, [run_id], None))
    await committed.wait()
    await store.deliver_events([event("b", subject="me", data=1)])
    second = asyncio.create_task(advance_runs(reactor, [run_id], None))
    async with asyncio.timeout(5):
        await first  # the second has taken over from it
    answered.set()
    await second
    assert await result(run_id) == [1]


async def test_mail_that_was_read_in_a_long_loop_is_kept_until_what_it_led_to_is(start, reactor: Reactor):
    run_id = await start(document([{"wait": listen()}, {"keep": {"set": {"got": "${ . }"}}}, {"loop": loop(20_000)}]))
    await sweep_all(reactor, None)
    await store.deliver_events([event("a", data=1)])
    [claimed] = await store.claim_runs(lease := uuid4(), limit=1, lease_seconds=60)
    hold = Hold(claimed, await load_document(claimed.document), Session(None), time.monotonic() + 60)
    turn = hold.turn(datetime.now(UTC))
    assert (turn.again, turn.entry) == (True, None)
    [verdict] = await store.commit_batch(lease, 60, [hold.renewal()])
    assert verdict.held
    await expire_leases()
    async with asyncio.timeout(20):
        await sweep_all(Reactor(), None)
    assert (await store.get_run(run_id)).status == "completed"


async def test_a_request_that_claims_does_not_keep_a_sweep_from_lost_runs(
    start, reactor: Reactor, service: Service, monkeypatch: pytest.MonkeyPatch
):
    lost = await start(document(calls(service.url, 1)))
    await claim_lost(1)
    claim_runs, asked, go_on = store.claim_runs, asyncio.Event(), asyncio.Event()

    async def claim_slowly(lease, *, only=None, **more):
        if only:
            asked.set()
            await go_on.wait()
        return await claim_runs(lease, only=only, **more)

    monkeypatch.setattr(store, "claim_runs", claim_slowly)
    request = asyncio.create_task(advance_runs(reactor, [UUID(int=1)], None))
    await asked.wait()
    report = await sweep_all(reactor, None)
    go_on.set()
    await request
    assert (report.claimed, report.backlog) == (1, 0)
    assert (await store.get_run(lost)).status == "completed"


async def test_the_parent_of_a_run_that_is_refused_is_told_by_whoever_refused_it(start, reactor: Reactor):
    await start(document([{"one": {"set": {"x": 1}}}], name="child"))
    await sweep_all(reactor, None)
    parent = await start(document([{"part": sub()}], name="parent"))
    documents._compiled.clear()
    await sql("alter table ratchet.runs alter claims set default 9")
    await sql(
        "update ratchet.documents set definition = %s::json where hash in"
        " (select w.document from ratchet.workflows w where w.name = 'child')",
        json.dumps(document([{"later": {"unheard": 1}}], name="child")),
    )
    await advance_runs(reactor, [parent], None)
    assert (await store.get_run(parent)).status == "failed"
