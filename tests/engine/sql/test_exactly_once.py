"""A write in Ratchet's own database, its step, the run's next state and its events: one transaction, or nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from lib import store
from lib.dbtool import writing
from lib.engine import effects
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from lib.errors import DatabaseDown
from tests.conftest import Configure
from tests.documents import document
from tests.engine.sql.ledger import BOLTS, Urls, lines, take, write
from tests.history import event_types, expire_leases, sql

pytestmark = pytest.mark.anyio

OPEN = "select count(*) from pg_stat_activity where usename = 'ledger_writer' and xact_start is not null"
WAITING = "select count(*) from pg_stat_activity where usename = 'ledger_writer' and wait_event_type = 'Lock'"


@asynccontextmanager
async def locked(url: str) -> AsyncIterator[None]:
    """Writes to the ledger and the stock wait until the body ends."""
    async with await psycopg.AsyncConnection.connect(url) as conn:
        await conn.execute("lock table shop.ledger, shop.stock in exclusive mode")
        yield
        await conn.rollback()


async def until(query: str, number: int) -> None:
    """Wait until the query counts that many."""
    async with asyncio.timeout(10):
        while (await sql(query))[0][0] != number:
            await asyncio.sleep(0.005)


async def taken() -> int:
    """How many bolts are missing."""
    return BOLTS - (await sql("select pieces from shop.stock where item = 'bolt'"))[0][0]


async def test_a_write_its_step_and_its_events_are_one_transaction(start, reactor: Reactor):
    run_id = await start(document([{"note": write("a")}]))
    await sweep_all(reactor, None)
    run = await store.get_run(run_id)
    assert (run.status, run.result) == ("completed", {"affected_rows": 1, "columns": [], "rows": []})
    assert await lines() == [(str(run_id), "a", 1)]
    assert await sql("select count(*) from ratchet.steps") == [(1,)]
    [(line, run_row)] = await sql("select (select xmin::text from shop.ledger), (select xmin::text from ratchet.runs)")
    assert line == run_row


async def test_a_run_that_is_cancelled_while_its_statement_runs_has_written_nothing(start, database: str):
    run_id = await start(document([{"take": take("bolt")}]))
    async with locked(database):
        sweep = asyncio.create_task(sweep_all(Reactor(), None))
        await until(WAITING, 1)
        await store.cancel_run(run_id)
    await sweep
    assert (await store.get_run(run_id)).status == "cancelled"
    assert await taken() == 0
    assert await sql("select count(*) from ratchet.steps") == [(0,)]
    assert (await event_types(run_id))[-1] == "workflow.cancelled"


async def test_a_sweep_whose_lease_was_taken_over_has_written_nothing(start, database: str):
    run_id = await start(document([{"take": take("bolt")}]))
    async with locked(database):
        late = asyncio.create_task(sweep_all(Reactor(), None))
        await until(WAITING, 1)
        await expire_leases()
        second = asyncio.create_task(sweep_all(Reactor(), None))
        await until(WAITING, 2)
    reports = await asyncio.gather(late, second)
    assert [report.completed for report in reports] == [0, 1]
    assert await taken() == 1
    assert (await store.get_run(run_id)).result["rows"] == [[BOLTS - 1]]
    assert (await event_types(run_id)).count("task.completed") == 1


async def test_one_process_that_claims_its_run_again_writes_once(start, reactor: Reactor, database: str):
    """The lease is the same then, and so is what both have to say: only one of them may say it."""
    await start(document([{"take": take("bolt")}]))
    async with locked(database):
        late = asyncio.create_task(sweep_all(reactor, None))
        await until(WAITING, 1)
        reactor._lose(list(reactor._holds.values()))
        await late
        await expire_leases()
        again = asyncio.create_task(sweep_all(reactor, None))
        await until(WAITING, 1)
    assert (await again).completed == 1
    assert await taken() == 1


async def test_an_entry_that_was_written_before_is_not_written_with_another_statement(
    start, reactor: Reactor, ledger: Urls
):
    """commit_batch answers `held` to an entry that comes again; with a statement beside it that would be twice."""
    await start(document([{"note": write("a")}, {"rest": {"wait": {"hours": 1}}}]))
    commit_statement, entries = store.commit_statement, []

    async def commit_and_remember(connection, lease, seconds, entry):
        entries.append((lease, entry))
        return await commit_statement(connection, lease, seconds, entry)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "commit_statement", commit_and_remember)
        await sweep_all(reactor, None)
    [(lease, entry)] = entries
    await sql("update ratchet.runs set lease = %s, status = 'running', due_at = now() + '1 min'", lease)
    async with await psycopg.AsyncConnection.connect(ledger.writer) as conn:
        with pytest.raises(psycopg.Error) as refused:
            await commit_statement(conn, lease, 60, entry)
    assert refused.value.sqlstate == "WF409"


async def test_writes_side_by_side_each_count_with_their_own_step(start, reactor: Reactor, database: str):
    branches = [{f"b{number}": take("bolt")} for number in range(6)]
    run_id = await start(document([{"all": {"fork": {"branches": branches}}}]))
    async with locked(database):
        sweep = asyncio.create_task(sweep_all(reactor, None))
        await until(WAITING, 4)  # as many as the process has connections for; the others wait for those
    await sweep
    assert (await store.get_run(run_id)).status == "completed"
    assert await taken() == 6
    [(steps, commits)] = await sql("select count(*), count(distinct seq) from ratchet.steps")
    assert (steps, commits) == (6, 6)
    assert await sql(OPEN) == [(0,)]


async def test_what_loses_a_race_has_not_happened(start, reactor: Reactor, database: str):
    branches = [{name: write(name)} for name in ("a", "b", "c")]
    run_id = await start(document([{"race": {"fork": {"compete": True, "branches": branches}}}]))
    async with locked(database):
        sweep = asyncio.create_task(sweep_all(reactor, None))
        await until(WAITING, 3)
    await sweep
    await until(OPEN, 0)
    assert (await store.get_run(run_id)).status == "completed"
    [(_, winner, times)] = await lines()
    assert times == 1
    assert await sql("select reference from ratchet.steps") == [
        (f"/do/0/race/fork/branches/{'abc'.index(winner)}/{winner}",)
    ]


@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_whose_answer_was_lost_is_not_sent_again(
    start, reactor: Reactor, monkeypatch: pytest.MonkeyPatch, committed: bool
):
    run_id = await start(document([{"first": write("a")}, {"second": write("b")}]))
    commit = writing.OpenWrite.commit

    async def commit_and_lose_the_answer(self):
        await (commit(self) if committed else self.rollback())
        raise DatabaseDown

    with monkeypatch.context() as patch:
        patch.setattr(writing.OpenWrite, "commit", commit_and_lose_the_answer)
        await sweep_all(reactor, None)
        assert len(await lines()) == committed
        await expire_leases()
        await sweep_all(reactor, None)
    await expire_leases()
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "completed"
    assert await lines() == [(str(run_id), "a", 1), (str(run_id), "b", 1)]
    assert (await event_types(run_id)).count("task.completed") == 2


async def test_a_suspension_waits_for_the_statement_and_keeps_its_result(start, reactor: Reactor, database: str):
    run_id = await start(document([{"first": write("a")}, {"second": write("b")}]))
    async with locked(database):
        sweep = asyncio.create_task(sweep_all(reactor, None))
        await until(WAITING, 1)
        await store.suspend_run(run_id)
    await sweep
    assert (await store.get_run(run_id)).status == "suspended"
    assert await lines() == [(str(run_id), "a", 1)]
    await store.resume_run(run_id)
    await sweep_all(reactor, None)
    assert await lines() == [(str(run_id), "a", 1), (str(run_id), "b", 1)]


async def test_a_long_statement_keeps_its_lease(start, reactor: Reactor, database: str, configure: Configure):
    configure(RATCHET_LEASE="1")
    run_id = await start(document([{"note": write("a")}]))
    async with locked(database):
        sweep = asyncio.create_task(sweep_all(reactor, None))
        await until(WAITING, 1)
        [(claimed_until,)] = await sql("select due_at from ratchet.runs")
        await until(f"select count(*) from ratchet.runs where due_at > '{claimed_until}'::timestamptz + '1 s'", 1)
    await sweep
    assert (await store.get_run(run_id)).status == "completed"
    assert await lines() == [(str(run_id), "a", 1)]


async def test_a_result_that_cannot_be_kept_undoes_its_statement(
    start, reactor: Reactor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(effects, "LARGEST_OUTPUT_BYTES", 10)
    run_id = await start(document([{"note": write("a")}]))
    await sweep_all(reactor, None)
    assert (await store.get_run(run_id)).status == "failed"
    assert await lines() == []
    assert await sql(OPEN) == [(0,)]


async def test_an_invocation_that_ends_undoes_the_statement_in_flight(start, database: str):
    run_id = await start(document([{"take": take("bolt")}]))
    async with locked(database):
        cut_off = Reactor()
        sweep = asyncio.create_task(sweep_all(cut_off, None))
        await until(WAITING, 1)
        sweep.cancel()
        await asyncio.gather(sweep, return_exceptions=True)
    await until(OPEN, 0)
    assert await taken() == 0
    await sweep_all(Reactor(), None)
    assert (await store.get_run(run_id)).status == "completed"
    assert await taken() == 1


async def test_what_a_statement_has_locked_is_free_before_a_long_loop_ends(start, reactor: Reactor):
    loop = {"for": {"each": "i", "in": "${ [range(5000)] }"}, "do": [{"one": {"set": {"x": 1}}}]}
    await start(document([{"note": write("a")}, {"busy": loop}]))
    await sweep_all(reactor, None)
    [(written, ended)] = await sql("select (select xmin::text from shop.ledger), (select xmin::text from ratchet.runs)")
    assert written != ended


async def test_a_statement_that_fails_is_a_fault_without_data_and_leaves_nothing_open(start, reactor: Reactor):
    caught = {
        "try": [{"take": take("bolt", BOLTS + 1)}],
        "catch": {"as": "why", "do": [{"tell": {"set": "${ $why }"}}]},
    }
    run_id = await start(document([{"careful": caught}]))
    await sweep_all(reactor, None)
    why = (await store.get_run(run_id)).result
    assert (why["status"], "23514" in why["detail"]) == (400, True)
    assert "bolt" not in why["detail"]
    assert await taken() == 0
    assert await sql(OPEN) == [(0,)]


async def test_what_is_emitted_after_a_write_is_sent_with_it(start, reactor: Reactor):
    event = {"emit": {"event": {"with": {"source": "https://shop.example", "type": "taken"}}}}
    await start(document([{"take": take("bolt")}, {"say": event}]))
    await sweep_all(reactor, None)
    [(stock, sent)] = await sql(
        "select (select xmin::text from shop.stock where item = 'bolt'), (select xmin::text from ratchet.cloud_events)"
    )
    assert stock == sent


async def test_a_parent_hears_of_a_child_that_ends_with_a_write(start, reactor: Reactor):
    await start(document([{"take": take("bolt")}], name="child"))
    await sweep_all(reactor, None)
    child = {"workflow": {"namespace": "default", "name": "child", "version": "1.0.0"}}
    run_id = await start(document([{"ask": {"run": child}}], name="parent"))
    await sweep_all(reactor, None)
    run = await store.get_run(run_id)
    assert (run.status, run.result["rows"]) == ("completed", [[BOLTS - 2]])


async def test_a_child_that_answers_while_writes_are_committed_is_not_forgotten_by_them(
    start, reactor: Reactor, database: str, monkeypatch: pytest.MonkeyPatch
):
    """The holder dies right after it has committed two writes, and with the second the mail that had come meanwhile."""
    await start(document([{"greet": {"set": {"hello": 1}}}], name="child"))
    await sweep_all(reactor, None)
    child = {"run": {"workflow": {"namespace": "default", "name": "child", "version": "1.0.0"}}}
    branches = [{"a": write("a")}, {"b": write("b")}, {"ask": child}]
    run_id = await start(document([{"all": {"fork": {"branches": branches}}}], name="parent"))
    commit, read_inbox, first, read = writing.OpenWrite.commit, store.read_inbox, asyncio.Event(), asyncio.Event()
    commits = 0

    async def read_after_the_first_commit_was_sent(asked):
        await first.wait()
        mail = await read_inbox(asked)
        asyncio.get_running_loop().call_soon(read.set)
        return mail

    async def commit_and_die(self):
        nonlocal commits
        first.set()
        await read.wait()
        await commit(self)
        commits += 1
        if commits == 2:
            reactor._lose(list(reactor._holds.values()))

    with monkeypatch.context() as patch:
        patch.setattr(store, "read_inbox", read_after_the_first_commit_was_sent)
        patch.setattr(writing.OpenWrite, "commit", commit_and_die)
        async with locked(database):
            sweep = asyncio.create_task(sweep_all(reactor, None))
            await until("select count(*) from ratchet.runs where status = 'completed'", 2)
            await until(WAITING, 2)
        await sweep
    assert commits == 2
    await expire_leases()
    await sweep_all(Reactor(), None)
    assert (await store.get_run(run_id)).status == "completed"
    assert sorted(await lines()) == [(str(run_id), "a", 1), (str(run_id), "b", 1)]
