"""`call: sql`: what a step gets back, what it may do, and what its document meets when it may not."""

from typing import Any

import pytest

from lib import store
from lib.calls import sql as calls_sql
from lib.dbtool import logins, writing
from lib.dev.postgres import Server
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from lib.errors import QueryFailed
from tests.conftest import Configure
from tests.documents import document
from tests.engine.sql.ledger import BOLTS, Urls, find, lines, run_sql, take, write
from tests.history import sql

pytestmark = pytest.mark.anyio

ERRORS = "https://serverlessworkflow.io/spec/1.0.0/errors/"


async def run(start, *tasks: dict[str, Any], given: Any = None) -> store.Run:
    """A run of these tasks, as it ended."""
    run_id = await start(document([{f"step{number}": task} for number, task in enumerate(tasks)]), given)
    await sweep_all(Reactor(), None)
    return await store.get_run(run_id)


async def audit() -> list[tuple[Any, ...]]:
    return await sql("select origin, kind, verdict, code, rows from ratchet.queries order by id")


async def test_a_read_answers_columns_and_rows(start, database: str):
    text = "select item, pieces from shop.stock where item = $1"
    done = await run(start, run_sql(text, ["${ .item }"]), given={"item": "bolt"})
    answer = {"columns": ["item", "pieces"], "rows": [["bolt", BOLTS]], "row_count": 1, "truncated": False}
    assert done.result == answer
    assert await audit() == [(f"{done.id}:/do/0/step0", "read", "ran", None, 1)]


async def test_a_read_is_cut_to_the_rows_that_were_asked_for(start, database: str):
    done = await run(start, run_sql("select * from generate_series(1, 5)", maxRows=2))
    assert (done.result["rows"], done.result["truncated"]) == ([[1], [2]], True)


async def test_a_write_answers_what_it_changed_and_is_recorded_once(start, database: str):
    done = await run(start, take("bolt"))
    assert done.result == {"affected_rows": 1, "columns": ["pieces"], "rows": [[BOLTS - 1]]}
    assert await audit() == [(f"{done.id}:/do/0/step0", "write", "ran", None, 1)]


async def test_a_write_that_was_not_committed_is_recorded_as_that(start, database: str, monkeypatch):
    from lib.engine import effects

    monkeypatch.setattr(effects, "LARGEST_OUTPUT_BYTES", 10)
    done = await run(start, take("bolt"))
    assert await audit() == [(f"{done.id}:/do/0/step0", "write", "failed", "not_committed", None)]


async def test_a_write_that_the_document_does_not_confirm_is_never_made(start, database: str):
    """Publishing refuses such a document where it can see it; an expression it cannot."""
    done = await run(
        start, run_sql("${ .text }"), given={"text": "insert into shop.ledger (run, entry) values ('', '')"}
    )
    assert (done.status, done.error["type"]) == ("failed", f"{ERRORS}authorization")
    assert await lines() == []
    assert [row[1:4] for row in await audit()] == [("write", "refused", "confirm_required")]


@pytest.mark.parametrize(
    ("text", "params", "type", "said"),
    [
        ("drop table shop.ledger", [], "validation", "statement"),
        ("select pg_read_file('/etc/hostname')", [], "validation", "function"),
        ("select 1; select 2", [], "validation", "more_than_one_statement"),
        ("select $1::integer", [], "validation", "parameters"),
        ("select nothing from shop.stock", [], "validation", "42703"),
        ("select 1 / (pieces - pieces) from shop.stock", [], "validation", "22012"),
        ("select item::integer from shop.stock", [], "validation", "22P02"),
    ],
)
async def test_what_is_refused_is_a_fault_with_its_code(
    start, database: str, text: str, params: list[Any], type: str, said: str
):
    done = await run(start, run_sql(text, params))
    assert done.error["type"] == ERRORS + type
    assert f"({said})" in done.error["detail"]
    assert "bolt" not in done.error["detail"]


async def test_the_time_of_a_statement_is_bounded_by_its_task(start, database: str):
    endless = run_sql("select count(*) from generate_series(1, 1000000000)")
    done = await run(start, {**endless, "timeout": {"after": {"milliseconds": 300}}})
    assert done.error["type"] == f"{ERRORS}timeout"


async def test_more_steps_than_connections_wait_for_their_turn(start, database: str, configure: Configure):
    configure(RATCHET_MAX_CONNECTIONS="1")
    branches = [{f"b{number}": write(f"{number:02}")} for number in range(20)]
    done = await run(start, {"fork": {"branches": branches}})
    assert done.status == "completed"
    assert [times for _, _, times in await lines()] == [1] * 20


async def test_a_copy_of_our_database_is_not_our_database(
    start, database: str, configure: Configure, server: Server, ledger_template: str
):
    """It has our functions, our runs and our grants, too: a write there must not count as a step here."""
    server.create_database("elsewhere", template=ledger_template)
    other = find(server.url("elsewhere"))
    try:
        configure(DB_TOOL_READ_URL=other.reader, DB_TOOL_WRITE_URL=other.writer)
        done = await run(start, take("bolt"))
        assert (done.status, done.result["rows"]) == ("completed", [[BOLTS - 1]])
        assert await sql("select pieces from shop.stock") == [(BOLTS,)]
    finally:
        await logins.close()
        server.drop_database("elsewhere")


async def test_a_writer_that_may_not_commit_steps_writes_all_the_same(start, database: str):
    await sql("revoke execute on function ratchet.commit_statement from ledger_writer")
    done = await run(start, take("bolt"))
    assert (done.status, done.result["rows"]) == ("completed", [[BOLTS - 1]])
    [(stock, run_row)] = await sql("select (select xmin::text from shop.stock), (select xmin::text from ratchet.runs)")
    assert stock != run_row


async def test_the_writer_can_do_nothing_with_runs_that_it_does_not_hold(start, database: str, ledger: Urls):
    """The login's own words, without the guard in front of it."""
    import psycopg

    run_id = await start(document([{"nap": {"wait": {"hours": 1}}}]))
    await sweep_all(Reactor(), None)
    for forbidden in (
        "select * from ratchet.runs",
        "update ratchet.runs set status = 'completed'",
        f"select ratchet.cancel_run('{run_id}')",
        "select ratchet.claim_runs(gen_random_uuid(), 10, 60, null)",
    ):
        async with await psycopg.AsyncConnection.connect(ledger.writer) as conn:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await conn.execute(forbidden.encode())


async def test_without_a_login_the_fault_names_the_setting(start, database: str, configure: Configure):
    configure(DB_TOOL_READ_URL="", DB_TOOL_WRITE_URL="")
    done = await run(start, run_sql("select 1"))
    assert done.error["type"] == f"{ERRORS}configuration"
    assert "DB_TOOL_READ_URL" in done.error["detail"]


@pytest.mark.parametrize(("times", "status"), [(2, "completed"), (3, "failed")])
async def test_a_write_that_the_server_undid_for_another_is_made_again(
    start, database: str, monkeypatch: pytest.MonkeyPatch, times: int, status: str
):
    left = [QueryFailed("Deadlock detected.", sqlstate="40P01")] * times

    async def open_write(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise left.pop()
        return await writing.open_write(*args, **kwargs)

    monkeypatch.setattr(calls_sql, "open_write", open_write)
    done = await run(start, take("bolt"))
    assert done.status == status
    if status == "failed":
        assert (done.error["type"], done.error["status"]) == (f"{ERRORS}communication", 503)
