"""One turn of the reactor: what a long loop, a bug or a strange effect may do to its own run, and to no other."""

import asyncio
from collections import Counter

import pytest

from lib import calls, dsl, store
from lib.dsl import limits
from lib.engine.hold import Hold
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from tests.documents import call, document
from tests.history import event_types, sql

pytestmark = pytest.mark.anyio


def loop(times: int) -> dict:
    return {"for": {"each": "i", "in": f"${{ [range({times})] }}"}, "do": [{"one": {"set": {"x": 1}}}]}


@pytest.fixture
def performed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Effects done in this process: paths that say so take a while, fail once, or never end."""
    counted: Counter[str] = Counter()

    async def run(function, arguments, context):
        counted[context.idempotency_key] += 1
        path = str(arguments["endpoint"]).rpartition("/")[2]
        if path == "slow":
            await asyncio.sleep(0.05)
        if path == "cancelled":
            raise asyncio.CancelledError
        if path == "endless":
            await asyncio.Event().wait()
        return {"path": path}

    monkeypatch.setattr(calls, "run", run)
    return counted


async def test_an_effect_that_ends_during_a_long_loop_is_not_started_again(start, reactor: Reactor, performed):
    slow = {"slow": call("http://x/slow")}
    busy = {"busy": {"do": [{"first": call("http://x/fast")}, {"loop": loop(20_000)}]}}
    run_id = await start(document([{"both": {"fork": {"branches": [slow, busy]}}}]))
    async with asyncio.timeout(10):
        report = await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "completed"
    assert report.effects == len(performed) == 2
    assert set(performed.values()) == {1}


async def test_a_long_loop_lets_other_runs_finish_meanwhile(start, reactor: Reactor, performed):
    busy = await start(document([{"loop": loop(60_000)}], name="busy"))
    quick = [await start(document([{"one": call("http://x/fast")}], name="quick")) for _ in range(2)]
    await sweep_all(reactor, None)
    ends = [(await store.get_run(run_id)).finished_at for run_id in (*quick, busy)]
    assert ends == sorted(ends)
    assert ends[1] < ends[2]


async def test_a_turn_that_breaks_loses_only_its_run(start, reactor: Reactor, performed, monkeypatch):
    bad, good = [await start(document([{"one": call("http://x/fast")}])) for _ in range(2)]
    turn = Hold.turn

    def broken(hold, now):
        if hold.run_id == bad:
            raise RuntimeError("a bug")
        return turn(hold, now)

    monkeypatch.setattr(Hold, "turn", broken)
    async with asyncio.timeout(5):
        await sweep_all(reactor, None)
    assert (await store.get_run(good)).status == "completed"
    assert (await store.get_run(bad)).status == "running"


async def test_an_effect_that_is_cancelled_from_inside_fails_its_task(start, reactor: Reactor, performed):
    run_id = await start(document([{"odd": call("http://x/cancelled")}]))
    async with asyncio.timeout(5):
        await sweep_all(reactor, None)
    run = await store.get_run(run_id)
    assert (run.status, run.error["instance"]) == ("failed", "/do/0/odd")


async def test_a_fault_that_cannot_be_written_does_not_leave_its_run_waiting(start, reactor: Reactor, monkeypatch):
    async def run(function, arguments, context):
        raise dsl.Fault("http://x/odd", float("nan"), "odd")  # type: ignore[arg-type]

    monkeypatch.setattr(calls, "run", run)
    run_id = await start(document([{"odd": call("http://x/")}]))
    async with asyncio.timeout(5):
        await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "failed"


@pytest.mark.parametrize("state", ['{"format": 99}', '{"format": 1}'])
async def test_a_state_that_this_release_cannot_read_does_not_stop_the_sweep(
    start, reactor: Reactor, performed, state: str
):
    strange = await start(document([{"nap": {"wait": {"days": 1}}}], name="strange"))
    await sweep_all(reactor, None)
    await sql("update ratchet.runs set state_base = null, state = %s", state)
    await sql("update ratchet.runs set due_at = ratchet.clock()")
    good = await start(document([{"one": call("http://x/fast")}]))
    report = await sweep_all(reactor, None)
    assert (report.claimed, report.completed) == (2, 1)
    assert (await store.get_run(good)).status == "completed"
    for _ in range(5):
        await sql("update ratchet.runs set due_at = ratchet.clock() where id = %s", strange)
        await sweep_all(reactor, None)
    run = await store.get_run(strange)
    assert run.status == "failed"
    assert (await event_types(strange))[-1] == "workflow.faulted"


async def test_a_run_that_met_a_bug_can_be_retried(start, reactor: Reactor, performed, monkeypatch):
    run_id = await start(document([{"one": call("http://x/1")}, {"two": call("http://x/2")}]))
    advance, broken = dsl.advance, []

    def advance_badly_once(*arguments, **more):
        if not broken and len(arguments) > 2 and arguments[2]:
            broken.append(True)
            raise RuntimeError("a bug")
        return advance(*arguments, **more)

    monkeypatch.setattr(dsl, "advance", advance_badly_once)
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "failed"
    assert (await event_types(run_id))[-1] == "workflow.faulted"
    await store.retry_run(run_id)
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "completed"
    assert len(await store.list_steps(run_id, after=None, limit=9)) == 2


async def test_an_effect_of_a_manual_run_that_was_cut_off_uses_its_permission(start, reactor: Reactor, performed):
    caught = {"try": [{"endless": call("http://x/endless", timeout={"after": {"milliseconds": 900}})}], "catch": {}}
    run_id = await start(document([{"first": caught}, {"second": call("http://x/fast")}]), mode="manual")
    await sweep_all(reactor, None)
    await store.resume_run(run_id)
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "suspended"
    assert len(performed) == 1


async def test_an_entry_that_the_database_can_never_take_does_not_hold_up_its_batch(
    start, reactor: Reactor, performed, monkeypatch
):
    import random

    letters = random.Random(1)
    name = "".join(chr(letters.randrange(0x4E00, 0x9000)) for _ in range(3000))  # longer than a table takes it
    with monkeypatch.context() as patch:  # a release without this limit has published it
        patch.setattr(limits, "REFERENCE_BYTES", 10_000)
        bad = await start(document([{name: call("http://x/fast")}], name="bad"))
    await sql("alter table ratchet.runs add constraint short check (octet_length(recent) < 3000)")
    good = await start(document([{"one": call("http://x/fast")}], name="good"))
    async with asyncio.timeout(5):
        await sweep_all(reactor, None)
    assert (await store.get_run(good)).status == "completed"
    assert (await store.get_run(bad)).status == "running"
