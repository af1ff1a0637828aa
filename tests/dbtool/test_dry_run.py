"""Dry runs: a write is executed, shown and rolled back, and nothing but sequences remembers it."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from lib.dbtool.dry_run import DryRun, dry_run
from lib.errors import NotSetUp, QueryFailed, QueryRefused
from tests.conftest import Configure
from tests.dbtool.conftest import ToolDatabase
from tests.dbtool.raw import raw
from tests.dbtool.state import state_hash

pytestmark = pytest.mark.anyio


@pytest.fixture
def tool(kept_tool: ToolDatabase) -> ToolDatabase:
    """No test here changes anything, so one database serves them all."""
    return kept_tool


async def rehearse(sql: str, *parameters: Any, seconds: float = 5.0) -> DryRun:
    return await dry_run(raw(sql), parameters, seconds=seconds)


async def test_an_update_shows_its_rows_before_and_after(tool: ToolDatabase):
    done = await rehearse("update bikes set price = price + $1, state = 'repair' where bike_id = any($2)", 10, [3, 4])
    assert done.affected_rows == 2
    assert [(row["bike_id"], row["price"], row["state"]) for row in done.before] == [
        (3, "437.50", "repair"),
        (4, "450.00", "free"),
    ]
    assert [(row["bike_id"], row["price"], row["state"]) for row in done.after] == [
        (3, "447.50", "repair"),
        (4, "460.00", "repair"),
    ]
    assert done.before[0]["parts"] == {"bell": False, "chain": {"wear": 3}}
    assert done.after[0]["labels"] == ["city"]


WRITES = [
    ("update bikes set model = 'Crane' where bike_id = 1", 1, 1, 1),
    ("update bikes as b set model = 'Crane' where b.bike_id < 4", 3, 3, 3),
    ("update only bikes b set model = 'Crane' where b.bike_id < 4", 3, 3, 3),
    ("update rental.bikes * set model = 'Crane' where bikes.bike_id < 4", 3, 3, 3),
    ("update bikes set model = s.name from stations s where s.station_id = bikes.station_id and s.slots > 12", 8, 8, 8),
    (
        "update bikes b set model = 'x' from rentals r join members m using (member_id)"
        " where r.bike_id = b.bike_id and m.plan = 'basic' and b.bike_id < 3",
        2, 2, 2,
    ),
    ("update bikes set station_id = 1, labels = labels where model is distinct from 'Heron' and bike_id < 9", 6, 6, 6),
    ("update bikes set model = case when price is not distinct from 1 then 'a' end || 'b' where bike_id < 0", 0, 0, 0),
    ("update bikes set (model, price) = (select 'm', 5) where bike_id in (1, 2) returning bike_id as b", 2, 2, 2),
    ("with old as (select bike_id from bikes where bought < '2023-02-01') update bikes set model = 'Old' from old"
     " where old.bike_id = bikes.bike_id", 3, 3, 3),
    ("update bikes set price = price where price > 1", 40, 20, 20),
    ("update only (bikes) set price = 1 where bike_id = 1", 1, 0, 0),
    ("insert into stations(name, city) values ('North', 'Riga')", 1, 0, 1),
    ("delete from payments where rental_id < 10", 4, 4, 0),
    ("delete from payments p using rentals r where r.rental_id = p.rental_id and r.fee > 8", 8, 8, 0),
    ("delete from rentals where rental_id = 5 returning rental_id, fee", 1, 1, 1),
    ('delete from "order" as o where o."select" = 1', 1, 1, 0),
    ("with big as (delete from payments where amount > 8 returning rental_id) delete from rentals"
     " where rental_id in (select rental_id from big)", 16, 8, 0),
    ("insert into stations (name, city) values ('North', 'Riga'), ('South', 'Riga')", 2, 0, 2),
    ("insert into stations (name, city) select name || '!', city from stations where station_id < 4", 3, 0, 3),
    ("insert into stations as s (name, city) values ('Station 1', 'Riga')"
     " on conflict (name) do update set city = excluded.city where s.name <> 'x' returning s.station_id", 1, 0, 1),
    ("insert into stations (name, city) values ('Station 1', 'Riga') on conflict do nothing", 0, 0, 0),
    ("insert into ledger (what) values ('not to be read by this login')", 1, 0, 0),
    ("merge into bikes b using (values (1, 'M1'), (900, 'M2')) v(id, model) on b.bike_id = v.id"
     " when matched then update set model = v.model"
     " when not matched then insert (plate, model, bought, price) values ('ZZ900', v.model, '2025-01-01', 9)", 2, 0, 2),
    ("with moved as (update bikes set station_id = 1 where bike_id < 6) select 'done' as said", 5, 0, 1),
    ("with moved as (update bikes set station_id = 1 where bike_id < 6 returning bike_id),"
     " noted as (insert into ledger (what) select bike_id::text from moved) select bike_id from moved", 10, 0, 5),
    ("with m as (update bikes set station_id = 1 where false) select 1 where false", 0, 0, 0),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "affected", "before", "after"), WRITES, ids=lambda value: str(value)[:60])
async def test_every_form_of_write_is_counted_shown_and_rolled_back(
    tool: ToolDatabase, sql: str, affected: int, before: int, after: int
):
    async with await psycopg.AsyncConnection.connect(tool.owner, autocommit=True) as conn:
        state = await state_hash(conn, sequences=False)
        done = await rehearse(sql)
        assert (done.affected_rows, len(done.before), len(done.after)) == (affected, before, after)
        assert await state_hash(conn, sequences=False) == state


async def test_a_target_row_is_shown_once_however_often_it_is_joined(tool: ToolDatabase):
    done = await rehearse("update stations s set slots = slots + 1 from bikes b where b.station_id = s.station_id")
    assert done.affected_rows == len(done.before) == len(done.after) == 9


async def test_only_columns_that_the_login_may_read_are_shown(tool: ToolDatabase):
    done = await rehearse("update members set name = 'Ann' where member_id = 1")
    assert "pin_hash" not in done.before[0] | done.after[0]
    assert (done.before[0]["name"], done.after[0]["name"]) == ("Member 1", "Ann")


async def test_long_values_are_cut_in_previews_and_this_is_said(tool: ToolDatabase):
    done = await rehearse("update rentals set remark = repeat('x', 5000000) where rental_id = 1 returning remark")
    assert done.after == [{"remark": "x" * 1000}]
    assert any("characters" in warning for warning in done.warnings)


async def test_the_plan_has_its_cost(tool: ToolDatabase):
    plan = (await rehearse("update bikes set price = 1 where bike_id < 9")).plan
    assert plan["total_cost"] > 0
    assert plan["rows"] > 0
    assert plan["tree"]["Node Type"] == "ModifyTable"


async def test_triggers_constraints_and_cascades_are_named(tool: ToolDatabase):
    paid = await rehearse("insert into payments (rental_id, amount) values (1, 5)")
    assert paid.triggers == [
        {
            "name": "payments_are_noted",
            "timing": "after",
            "events": ["insert"],
            "for_each": "row",
            "function": "note_new_payment",
            "deferrable": False,
        }
    ]
    assert "payments_are_for_a_rental" in [each["name"] for each in paid.constraints if each["deferred"]]
    gone = await rehearse("delete from bikes where bike_id = 40")
    assert {"table": "rentals", "constraint": "rentals_bike_id_fkey", "on_delete": "cascade"} in gone.cascades
    assert any("rentals follow on delete" in warning for warning in gone.warnings)


async def test_sequences_that_are_not_given_back_are_named(tool: ToolDatabase):
    done = await rehearse("insert into stations (name, city) values ('North', 'Riga')")
    assert any("stations_station_id_seq" in warning and "not given back" in warning for warning in done.warnings)
    assert not any("sequence" in warning for warning in (await rehearse("delete from payments where false")).warnings)


async def test_what_cannot_be_shown_is_said(tool: ToolDatabase):
    done = await rehearse(
        "with a as (update bikes set price = 2 where bike_id = 1) update stations set slots = 1 where station_id = 1"
    )
    assert done.affected_rows == 2
    assert (done.before, len(done.after)) == ([], 1)
    assert any("before the change cannot be shown" in warning for warning in done.warnings)


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("insert into payments (rental_id, amount) values (99999, 1)", "23503"),  # a deferred constraint
        ("insert into stations (name, city) values ('Station 1', 'Riga')", "23505"),
        ("update bikes set price = -1 where bike_id = 1", "23514"),
        ("update bikes set plate = 'nonsense' where bike_id = 1", "23514"),
        ("update stations set name = null where station_id = 1", "23502"),
        ("delete from members where member_id = 1", "23503"),
        ("update nowhere set a = 1", "42P01"),
        ("truncate bikes", "42601"),
        ("drop table bikes", "42601"),
        ("create table mine ()", "42601"),
        ("update pg_catalog.pg_class set relname = 'x'", "42501"),
        ("select leave_mark('x')", "42501"),
    ],
)
async def test_what_would_fail_fails_in_the_dry_run(tool: ToolDatabase, sql: str, sqlstate: str):
    async with await psycopg.AsyncConnection.connect(tool.owner, autocommit=True) as conn:
        state = await state_hash(conn, sequences=False)
        with pytest.raises(QueryFailed) as failure:
            await rehearse(sql)
        assert failure.value.extra["sqlstate"] == sqlstate
        assert await state_hash(conn, sequences=False) == state


async def test_a_violated_constraint_is_named_without_the_values(tool: ToolDatabase):
    with pytest.raises(QueryFailed) as failure:
        await rehearse("insert into members (name, email) values ('A', 'member1@example.org')")
    assert "members_email_key" in failure.value.detail
    assert "member1@example.org" not in failure.value.detail


async def test_a_write_of_too_many_rows_is_refused(tool: ToolDatabase):
    with pytest.raises(QueryRefused) as refusal:
        await rehearse("insert into ledger (what) select 'x' from generate_series(1, 10001)")
    assert refusal.value.extra["code"] == "too_many_rows"
    assert (
        await rehearse("insert into ledger (what) select 'x' from generate_series(1, 10000)")
    ).affected_rows == 10000


async def test_a_column_that_is_called_like_a_clause_does_not_begin_one(tool: ToolDatabase):
    """PostgreSQL takes any word for a name behind a dot, without quotes."""
    done = await rehearse('update "order" as o set "Größe" = 5 where o.from = $1 and o.select < 5', "two")
    assert [row["select"] for row in done.before] == [2]
    done = await rehearse('update "order" as o set "Größe" = o.select, "from" = o.from where o.select = 1')
    assert [row["Größe"] for row in done.before] == ["1.5"]


async def test_two_statements_in_one_text_never_run(tool: ToolDatabase):
    two = replace(
        raw("update bikes set price = 1 where bike_id = 1"), text="update bikes set price = 1 where bike_id = 1; commit"
    )
    with pytest.raises(QueryFailed) as failure:
        await dry_run(two, (), seconds=5)
    assert failure.value.extra["sqlstate"] == "42601"


async def test_a_locked_row_does_not_keep_anybody_waiting_for_long(tool: ToolDatabase):
    async with await psycopg.AsyncConnection.connect(tool.owner) as other:
        await other.execute("update rental.bikes set price = 5 where bike_id = 1")
        with pytest.raises(QueryFailed) as failure:
            await rehearse("update bikes set price = 6 where bike_id = 1", seconds=1)
        assert failure.value.extra["sqlstate"] in ("55P03", "57014")


async def test_without_the_login_the_variable_is_named(tool: ToolDatabase, configure: Configure):
    configure(DB_TOOL_WRITE_URL="")
    with pytest.raises(NotSetUp, match="DB_TOOL_WRITE_URL"):
        await rehearse("update bikes set price = 1 where bike_id = 1")


@pytest.mark.parametrize(
    ("sql", "warning"),
    [
        ("update bikes set price = price + 1 where price > 0", "Every row of the table is changed."),
        ("update bikes b set model = 'x' where b.bike_id between 1 and 40", "Every row of the table is changed."),
        ("delete from payments where amount < 1000", "Every row of the table is deleted."),
        (
            "merge into stations s using (values (1)) v(id) on s.station_id = v.id"
            " when matched then update set slots = 4 when not matched then do nothing",
            None,
        ),
        ("update bikes set price = price + 1 where bike_id > 1", None),
        ("delete from payments where amount < 5", None),
        ("delete from payments where amount < 0", None),
    ],
)
async def test_a_write_that_spares_no_row_says_so_first(tool: ToolDatabase, sql: str, warning: str | None):
    done = await rehearse(sql)
    warnings = done.warnings
    assert ("every_row" in done.warning_codes) == bool(warning)
    assert len(done.warning_codes) == len(warnings)
    assert warnings[:1] == [warning] if warning else not any("Every row" in each for each in warnings)


async def test_a_merge_that_reaches_what_its_source_does_not_name_says_so_first(tool: ToolDatabase):
    async with await psycopg.AsyncConnection.connect(tool.owner) as conn:
        if conn.info.server_version < 170000:
            pytest.skip("not run: WHEN NOT MATCHED BY SOURCE is of PostgreSQL 17")
    done = await rehearse(
        "merge into stations s using (values (1)) v(id) on s.station_id = v.id"
        " when not matched by source then update set slots = 4"
    )
    assert "WHEN NOT MATCHED BY SOURCE" in done.warnings[0]
