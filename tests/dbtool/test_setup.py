"""The two logins that the setup makes: they can do their duty, nothing else, and nobody else loses anything."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lib.dbtool.grants import MARK
from lib.dbtool.setup import set_up
from lib.dbtool.walls import Wishes
from lib.dbtool.weaknesses import find_weaknesses
from lib.dev.postgres import Server
from lib.errors import NotConfigured

pytestmark = pytest.mark.anyio

READER, WRITER, PASSWORDS = "setup_reader", "setup_writer", {"setup_reader": "r", "setup_writer": "w"}
WISHES = Wishes(read_role=READER, write_role=WRITER, schemas=("rental",))
DENIED = psycopg.errors.InsufficientPrivilege

# Expressions that run as whoever writes or reads, each through a function of the application's own.
BUSY = """
create schema busy;
create function busy.next_code() returns text language sql volatile as $$ select 'code' || random() $$;
create function busy.is_fine(text) returns boolean language sql immutable as $$ select $1 <> 'bad' $$;
create function busy.twice(integer) returns integer language sql immutable as $$ select $1 * 2 $$;
create function busy.squeeze(text) returns text language sql immutable as $$ select pg_catalog.lower($1) $$;
create function busy.mine(text) returns boolean language sql stable as $$ select $1 <> 'hidden' $$;
create function busy.unused() returns text language sql volatile as $$ select 'x' $$;
create domain busy.word as text check (busy.is_fine(value));
create table busy.things (
  thing_id serial primary key,
  code text default busy.next_code(),
  word busy.word not null,
  number integer constraint numbers_are_fine check (busy.is_fine(number::text)),
  double integer generated always as (busy.twice(number)) stored
);
create index on busy.things (busy.squeeze(word));
alter table busy.things enable row level security;
create policy not_the_hidden on busy.things using (busy.mine(word));
"""


@pytest.fixture
def url(server: Server, tool_schema: bytes) -> Iterator[str]:
    """The owner's URL of a fresh database with the sample application."""
    name = server.create_database("setup")
    with psycopg.connect(name, autocommit=True) as conn:
        conn.execute(tool_schema)
    yield name
    server.drop_database("setup")


@pytest.fixture(scope="session")
def ready(server: Server, tool_schema: bytes) -> Iterator[str]:
    """The owner's URL of a database that is set up already, for tests that change nothing."""
    made = server.create_database("setup_ready")
    with psycopg.connect(made, autocommit=True) as conn:
        conn.execute(tool_schema)
    asyncio.run(set_up(made, WISHES, PASSWORDS))
    yield made
    server.drop_database("setup_ready")


@pytest.fixture(scope="session")
def tool_schema(root: Path) -> bytes:
    return (root / "tests" / "dbtool" / "schema.sql").read_bytes()


@asynccontextmanager
async def login(url: str, role: str, password: str = "") -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A connection whose statements stand alone."""
    given = make_conninfo(url, user=role, password=password or PASSWORDS[role])
    async with await psycopg.AsyncConnection.connect(given, autocommit=True) as conn:
        yield conn


async def ask(conn: psycopg.AsyncConnection[Any], query: LiteralString) -> list[Any]:
    return await (await conn.execute(query)).fetchall()


async def test_both_read_what_is_shown_and_nothing_that_looks_like_a_secret(ready: str) -> None:
    for role in (READER, WRITER):
        async with login(ready, role) as conn:
            assert await ask(conn, "select count(*), min(name) from members") == [(30, "Member 1")]
            assert await ask(conn, "select count(*) from city_income") == [(3,)]
            assert await ask(conn, "select row_to_json(b)->>'model' from bikes b where bike_id = 1") == [("Swift",)]
            for query in ("select pin_hash from members", "select * from members", "select m from members m"):
                with pytest.raises(DENIED):
                    await conn.execute(query)


@pytest.mark.parametrize(
    "statement",
    [
        "update bikes set state = 'lost' where bike_id = 1",
        "insert into ledger (what) values ('x')",
        "delete from ledger",
        "create table rental.mine ()",
        "create table public.mine ()",
        "create temporary table mine ()",
        "create schema mine",
        "select leave_mark('x')",
        "select as_owner('select pin_hash from rental.members')",
        "select upper(1)",
        "select b.check_bike from bikes b",
        "select 'a' operator(rental.<<>>) 'b'",
        "select 'x'::marked",
        "select mark_all(name) from members",
        "select * from marked_members",
        "select nextval('receipt_numbers')",
        "select setval('receipt_numbers', 1)",
        "set role postgres",
        "select * from pg_authid",
        "copy bikes to '/dev/null'",
        "copy bikes to program 'cat'",
        "select pg_read_file('PG_VERSION')",
    ],
)
async def test_the_reader_is_stopped_by_the_database_itself(ready: str, statement: LiteralString) -> None:
    async with login(ready, READER) as conn:
        await conn.execute("set default_transaction_read_only = off")
        with pytest.raises(DENIED):
            await conn.execute(statement)


async def test_the_reader_reads_only_by_default(ready: str) -> None:
    async with login(ready, READER) as conn:
        assert await ask(conn, "show transaction_read_only") == [("on",)]
        assert await ask(conn, "show statement_timeout") == [("30s",)]
        assert await ask(conn, "show search_path") == [("rental, public",)]


async def test_the_writer_changes_rows_with_all_that_hangs_on_them(url: str) -> None:
    await set_up(url, WISHES, PASSWORDS)
    async with login(url, WRITER) as conn:
        await conn.execute("insert into stations (name, city) values ('New', 'Porto')")
        await conn.execute("insert into payments (rental_id, amount) values (1, 9)")
        assert await ask(conn, "select what from ledger") == [("payment of 9.00",)]
        await conn.execute("update bikes set price = 500, parts = '{}' where bike_id = 2")
        assert await ask(conn, "select yearly_cost from bikes where bike_id = 2") == [(100,)]
        await conn.execute("delete from bikes where bike_id = 3")
        assert await ask(conn, "select count(*) from rentals where bike_id = 3") == [(0,)]


@pytest.mark.parametrize(
    "statement",
    [
        "truncate ledger",
        "drop table ledger",
        "alter table ledger add column x text",
        "create trigger t before insert on ledger for each row execute function note_new_payment()",
        "lock table ledger in access exclusive mode; truncate ledger",
        "update members set pin_hash = 'known' where member_id = 1",
        "insert into members (name, pin_hash) values ('x', 'known')",
        "select setval('receipt_numbers', 1)",
        "select leave_mark('x')",
        "create table rental.mine ()",
        "create temporary table mine ()",
    ],
)
async def test_the_writer_does_nothing_but_change_rows(ready: str, statement: LiteralString) -> None:
    async with login(ready, WRITER) as conn:
        with pytest.raises(DENIED):
            await conn.execute(statement)


async def test_expressions_of_tables_still_run(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(BUSY)
    await set_up(url, Wishes(read_role=READER, write_role=WRITER, schemas=("busy",)), PASSWORDS)
    async with login(url, WRITER) as conn:
        await conn.execute("insert into things (word, number) values ('fine', 4)")
        assert await ask(conn, "select thing_id, left(code, 4), double from things") == [(1, "code", 8)]
        with pytest.raises(psycopg.errors.CheckViolation):
            await conn.execute("insert into things (word) values ('bad')")
        with pytest.raises(DENIED):
            await conn.execute("select unused()")
    async with login(url, READER) as conn:
        assert await ask(conn, "select count(*) from things where word = 'fine'") == [(1,)]
        with pytest.raises(DENIED):
            await conn.execute("select next_code()")


async def test_who_lived_on_what_everybody_has_keeps_it(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create role clerk login password 'c'; grant usage on schema rental to clerk")
        conn.execute("grant insert on rental.ledger to clerk; create role stranger login password 's'")
    await set_up(url, WISHES, PASSWORDS)
    try:
        async with login(url, "clerk", "c") as conn:
            assert await ask(conn, "select rental.leave_mark('by the clerk')") == [("by the clerk",)]
            await conn.execute("create temporary table scratch ()")
        with psycopg.connect(url) as conn:
            held = "select has_function_privilege('stranger', 'rental.leave_mark(text)', 'execute')"
            assert conn.execute(held).fetchone() == (False,)
    finally:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("drop owned by clerk, stranger; drop role clerk; drop role stranger")


async def test_only_the_named_tables_are_written_and_the_named_columns_shown(url: str) -> None:
    wishes = Wishes(
        read_role=READER, write_role=WRITER, schemas=("rental",), write_tables=("bikes", "rental.stations"),
        hide=("members.email", "rental.bikes.parts"), show=("members.pin_hash",),
    )  # fmt: skip
    await set_up(url, wishes, PASSWORDS)
    async with login(url, WRITER) as conn:
        await conn.execute("update stations set slots = 9 where station_id = 1")
        await conn.execute("update bikes set model = 'x' where bike_id = 1")
        await conn.execute("select pin_hash from members")
        for statement in (
            "update members set plan = 'plus' where member_id = 1",
            "select email from members",
            "select parts from bikes",
            "update bikes set parts = '{}' where bike_id = 1",
        ):
            with pytest.raises(DENIED):
                await conn.execute(statement)


PRIVILEGES: LiteralString = """
select c.relname, coalesce(c.relacl, acldefault('r', c.relowner))::text, array(
  select a.attname || a.attacl::text from pg_attribute a
  where a.attrelid = c.oid and a.attacl is not null order by 1)::text
from pg_class c where c.relnamespace = 'rental'::regnamespace and c.relkind in ('r', 'v')
union all
select p.oid::regprocedure::text, p.proacl::text, '' from pg_proc p where p.pronamespace = 'rental'::regnamespace
union all
select datname, array(select a::text from unnest(datacl) a order by 1)::text, '' from pg_database
where datname = current_database()
union all
select n.nspname, n.nspacl::text, '' from pg_namespace n where n.nspname in ('public', 'rental')
union all
select rolname, rolconfig::text, to_jsonb(r)::text from pg_roles r where rolname in ('setup_reader', 'setup_writer')
order by 1, 2
"""


async def test_doing_it_again_changes_nothing_and_keeps_the_passwords(url: str) -> None:
    await set_up(url, WISHES, PASSWORDS)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        first = await ask(conn, PRIVILEGES)
        outcome = await set_up(url, WISHES)
        assert outcome.passwords == {}
        assert outcome.undone == []
        assert await ask(conn, PRIVILEGES) == first
    async with login(url, READER) as conn:
        await conn.execute("select 1")


async def test_a_function_granted_by_hand_stays_granted(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create function rental.greet() returns text language sql immutable as $$ select 'hello' $$")
        await set_up(url, WISHES, PASSWORDS)
        conn.execute("grant execute on function rental.greet() to setup_reader")
    await set_up(url, WISHES)
    async with login(url, READER) as conn:
        assert await ask(conn, "select greet()") == [("hello",)]
        assert "functions" not in {each.code for each in await find_weaknesses(conn, WISHES, READER)}


async def test_a_narrower_wish_takes_back_what_a_wider_one_gave(url: str) -> None:
    await set_up(url, WISHES, PASSWORDS)
    narrow = Wishes(
        read_role=READER, write_role=WRITER, schemas=("rental",), write_tables=("bikes",), hide=("members.email",)
    )
    await set_up(url, narrow)
    async with login(url, WRITER) as conn:
        for statement in ("delete from ledger where what = ''", "select email from members"):
            with pytest.raises(DENIED):
                await conn.execute(statement)


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({"schemas": ("rental", "nowhere")}, "There is no schema nowhere "),
        ({"schemas": ("ratchet",)}, "There is no schema ratchet "),
        ({"schemas": ("pg_catalog",)}, "There is no schema pg_catalog "),
        ({"hide": ("members.pasword",)}, "There is no column members.pasword "),
        ({"write_tables": ("city_income",)}, "There is no table city_income "),
        ({"read_role": "postgres"}, "The role postgres exists and was not made by this command: name another."),
        ({"write_role": READER}, "The two logins need two names"),
    ],
)
async def test_refuses_what_it_cannot_know_or_must_not_touch(
    url: str, wishes: Mapping[str, Any], sentence: str
) -> None:
    await set_up(url, WISHES, PASSWORDS)
    with pytest.raises(NotConfigured, match=sentence) as refusal:
        await set_up(url, Wishes(**{"read_role": READER, "write_role": WRITER, **wishes}))
    assert "hand it over" not in str(refusal.value)


async def test_takes_over_a_role_only_when_told_to(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("drop role if exists console_reader")
        conn.execute("create role console_reader login createdb inherit")
        wishes = Wishes(read_role="console_reader", write_role=WRITER, schemas=("rental",))
        with pytest.raises(NotConfigured, match="hand it over: comment on role"):
            await set_up(url, wishes)
        conn.execute(sql.SQL("comment on role console_reader is {}").format(MARK))
        await set_up(url, wishes)
        query = "select rolcreatedb, rolinherit, rolconnlimit from pg_roles where rolname = 'console_reader'"
        assert conn.execute(query).fetchone() == (False, False, 20)
        conn.execute("drop owned by console_reader; drop role console_reader")


async def test_an_owner_who_is_no_superuser_gets_all_but_what_only_one_may(server: Server, tool_schema: bytes) -> None:
    admin = server.create_database("owned")
    reader, writer = "owned_reader", "owned_writer"
    try:
        with psycopg.connect(admin, autocommit=True) as conn:
            conn.execute("create extension if not exists vector")
            conn.execute("create role landlord login createrole password 'l'; alter database owned owner to landlord")
        url = make_conninfo(admin, user="landlord", password="l")
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(tool_schema)
        wishes = Wishes(read_role=reader, write_role=writer, harden=True)
        outcome = await set_up(url, wishes)
        undone = [each.statement for each in outcome.undone]
        assert [text for text in undone if "temp_file_limit" not in text and "execute on function" not in text] == []
        assert len(undone) == 4
        async with login(url, writer, outcome.passwords[writer]) as conn:
            await conn.execute("update bikes set model = 'x' where bike_id = 1")
        async with login(url, reader, outcome.passwords[reader]) as conn:
            assert await ask(conn, "select count(*) from bikes") == [(40,)]
            found = await find_weaknesses(conn, wishes, reader)
            assert {each.code for each in found} == {"policies", "builtins"}
    finally:
        server.drop_database("owned")
        with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
            conn.execute("drop role if exists owned_reader, owned_writer, landlord")


async def test_hardening_closes_what_acts_to_the_logins_alone(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create role clerk login password 'c'")
    await set_up(url, Wishes(read_role=READER, write_role=WRITER, schemas=("rental",), harden=True), PASSWORDS)
    async with login(url, READER) as conn:
        for query in (
            "select set_config('rental.tenant', 'south', true)",
            "select pg_notify('a', 'b')",
            "select pg_advisory_lock(1)",
            "select query_to_xml('select 1', true, true, '')",
        ):
            with pytest.raises(DENIED):
                await conn.execute(query)
        assert len(await ask(conn, "select gen_random_uuid(), random(), clock_timestamp(), now()")) == 1
        wishes = Wishes(read_role=READER, write_role=WRITER)
        assert "builtins" not in {each.code for each in await find_weaknesses(conn, wishes, READER)}
    async with login(url, "clerk", "c") as conn:
        assert await ask(conn, "select set_config('a.b', 'c', false)") == [("c",)]
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("drop owned by clerk; drop role clerk")
