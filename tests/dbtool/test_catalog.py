"""The catalog: what the read login may see, no more, and fresh when asked."""

import psycopg
import pytest

from lib.dbtool.catalog import EMPTY, Column, ForeignKey, read_catalog
from lib.dbtool.guard import judge
from lib.errors import QueryRefused
from tests.dbtool.conftest import ToolDatabase

pytestmark = pytest.mark.anyio


async def change(tool: ToolDatabase, sql: str) -> None:
    async with await psycopg.AsyncConnection.connect(tool.owner, autocommit=True) as conn:
        await conn.execute(sql.encode())


async def test_schemas_are_the_application_s_own_in_search_order(tool: ToolDatabase):
    assert (await read_catalog()).schemas == ("rental", "public")
    await change(tool, "create schema hidden; create schema zoo; grant usage on schema zoo to public")
    assert (await read_catalog(fresh=True)).schemas == ("rental", "public", "zoo")


async def test_tables_have_their_readable_columns_comments_and_keys(tool: ToolDatabase):
    catalog = await read_catalog()
    bikes = catalog.tables["rental", "bikes"]
    assert (bikes.kind, bikes.comment) == ("table", "Every bicycle the company owns.")
    assert bikes.primary_key == ("bike_id",)
    assert bikes.foreign_keys == (ForeignKey(("station_id",), ("rental", "stations"), ("station_id",)),)
    assert bikes.columns[0] == Column("bike_id", "integer", nullable=False)
    assert (
        Column("parts", "jsonb", nullable=False, comment="Serial numbers and wear by part, as JSON.") in bikes.columns
    )
    assert catalog.tables["rental", "city_income"].kind == "view"
    assert [column.name for column in catalog.tables["rental", "order"].columns] == [
        "select",
        "from",
        "Größe",
        'with "quotes"',
    ]


async def test_what_the_login_may_not_read_is_not_there(tool: ToolDatabase):
    catalog = await read_catalog()
    assert ("rental", "ledger") not in catalog.tables
    assert "pin_hash" not in [column.name for column in catalog.tables["rental", "members"].columns]
    assert {schema for schema, _ in catalog.tables} == {"rental"}


async def test_the_names_that_a_guard_must_know(tool: ToolDatabase):
    catalog = await read_catalog()
    assert {"leave_mark", "as_owner", "UPPER", "check_bike", "mark_all", "upper"} <= catalog.functions
    assert {"bike_state", "vector", "stations", "city_income"} <= catalog.types
    assert {"plate", "marked", "bikes"} == catalog.domains
    assert not catalog.types & {"plate", "marked", "bikes", "_bikes", "_bike_state"}
    assert catalog.enums["bike_state"] == ("free", "rented", "repair", "lost")


async def test_a_name_that_is_a_type_and_a_domain_is_taken_for_the_domain(tool: ToolDatabase):
    await change(tool, "create domain public.bike_state as text")
    catalog = await read_catalog(fresh=True)
    assert "bike_state" in catalog.domains
    assert "bike_state" not in catalog.types


async def test_a_type_that_has_a_domain_in_it_is_taken_for_one(tool: ToolDatabase):
    await change(
        tool,
        """create type public.pair as (mark rental.marked, n int);
        create type public.pairs as (all_of_them public.pair[], n int);
        create type public.marks as range (subtype = rental.marked);
        create type public.plain as (what text, n int);
        create type public.made as (what text);
        create function public.make(integer) returns public.made language sql as $$ select row('x')::public.made $$;
        create cast (integer as public.made) with function public.make(integer)""",
    )
    catalog = await read_catalog(fresh=True)
    assert {"pair", "pairs", "marks", "marks_multirange", "made"} <= catalog.domains
    assert {"plain", "vector", "bike_state"} <= catalog.types
    for acting in ("'(x,1)'::pair", "null::pairs", "'[a,b]'::marks", "5::made", "jsonb_populate_record(b, '{}')"):
        with pytest.raises(QueryRefused) as caught:
            judge(f"select {acting} from bikes b", catalog)
        assert caught.value.extra["code"] in {"type", "function"}
    assert judge("select ('(x,1)'::plain).what", catalog).kind == "read"


async def test_it_is_kept_until_a_fresh_one_is_asked_for(tool: ToolDatabase):
    before = await read_catalog()
    await change(tool, "create table rental.later (id int); grant select on rental.later to public")
    assert await read_catalog() is before
    assert ("rental", "later") in (await read_catalog(fresh=True)).tables


def test_nothing_is_known_in_the_empty_one():
    assert not any((EMPTY.schemas, EMPTY.tables, EMPTY.functions, EMPTY.types, EMPTY.domains, EMPTY.enums))


async def test_it_knows_functions_that_are_nobodys_but_the_applications(tool: ToolDatabase):
    await change(
        tool,
        "create function public.soundex(text) returns text language sql as 'select $1';"
        " create function public.upper(bytea) returns text language sql as 'select null::text'",
    )
    catalog = await read_catalog(fresh=True)
    assert {"soundex", "leave_mark"} <= catalog.own_functions
    assert not catalog.own_functions & {"upper", "cosine_distance"}
    with pytest.raises(QueryRefused) as caught:
        judge("select soundex('x')", catalog)
    assert caught.value.extra["code"] == "function"
    assert judge("select upper('x'), soundx from t", catalog).kind == "read"
