"""Each kind of weakness is found by its name, and what is printed as its fix mends it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lib.dbtool.setup import set_up
from lib.dbtool.walls import Wishes, read_walls
from lib.dbtool.weaknesses import Weakness, find_weaknesses
from lib.dev.postgres import Server
from lib.errors import NotConfigured

pytestmark = pytest.mark.anyio

READER, WRITER = "weak_reader", "weak_writer"
WISHES = Wishes(read_role=READER, write_role=WRITER, schemas=("rental",))

# What somebody does to a database that was set up, which login shows it, what it is called, what is found.
CASES = [
    ("alter role weak_reader createdb", READER, "attributes", "may create databases"),
    ("alter role weak_reader bypassrls", READER, "attributes", "sees every row"),
    ("alter role weak_writer replication inherit", WRITER, "attributes", "may replicate"),
    ("grant pg_read_server_files to weak_reader", READER, "memberships", "pg_read_server_files"),
    ("grant weak_writer to weak_reader", READER, "memberships", "weak_writer"),
    ("grant temporary on database weak to public", READER, "creating", "temporary on database weak"),
    ("grant create on database weak to weak_writer", WRITER, "creating", "create on database weak"),
    ("grant create on schema rental to weak_writer", WRITER, "creating", "create in schema rental"),
    ("grant create on schema public to public", READER, "creating", "create in schema public"),
    ("grant update (model) on rental.bikes to weak_reader", READER, "tables", "update on rental.bikes"),
    ("grant delete on rental.bikes to public", READER, "tables", "delete on rental.bikes"),
    ("grant truncate, trigger on rental.bikes to weak_writer", WRITER, "tables", "trigger, truncate on rental.bikes"),
    ("grant references on rental.bikes to weak_writer", WRITER, "tables", "references on rental.bikes"),
    ("grant usage on sequence rental.receipt_numbers to weak_reader", READER, "sequences", "receipt_numbers"),
    ("grant update on sequence rental.receipt_numbers to public", WRITER, "sequences", "receipt_numbers"),
    ("grant select on rental.members to weak_reader", READER, "secrets", "select on rental.members.pin_hash"),
    ("grant select (pin_hash) on rental.members to public", WRITER, "secrets", "select on rental.members.pin_hash"),
    ("grant select on rental.marked_members to weak_reader", READER, "views", "calls rental.leave_mark(text)"),
    (
        "create view rental.pins as select pin_hash as p from rental.members;"
        " create view rental.pins_again as select p from rental.pins; grant select on rental.pins_again to weak_reader",
        READER, "views", "pins_again shows rental.members.pin_hash",
    ),
    (
        "create view rental.naps as select pg_sleep(1)::text as nap from rental.bikes;"
        " grant select (nap) on rental.naps to public",
        READER, "views", "calls pg_sleep",
    ),
    ("grant execute on function rental.leave_mark(text) to public", READER, "functions", "rental.leave_mark(text)"),
    ("create procedure rental.tidy() language sql as ''; grant execute on procedure rental.tidy() to public",
     WRITER, "functions", "rental.tidy()"),
    ("create function public.loud() returns text language sql as $$ select 'x' $$;"
     " grant execute on function public.loud() to public", READER, "functions", "public.loud()"),
    ("grant execute on function rental.as_owner(text) to weak_reader", READER, "definers", "which runs as postgres"),
    ("create extension tablefunc schema public; grant execute on function public.crosstab(text) to public",
     READER, "extensions", "crosstab(text)"),
    ("create extension dblink schema public; grant execute on function public.dblink_connect(text) to weak_writer",
     WRITER, "extensions", "dblink_connect(text)"),
    ("create extension postgres_fdw; create server far foreign data wrapper postgres_fdw;"
     " grant usage on foreign server far to public", READER, "foreign", "foreign server far"),
    ("create extension file_fdw; create server files foreign data wrapper file_fdw;"
     " create foreign table rental.passwd (line text) server files options (filename '/dev/null');"
     " grant select on rental.passwd to weak_reader", READER, "foreign", "foreign table rental.passwd"),
    ("create schema ratchet; create table ratchet.secrets (); grant select on ratchet.secrets to public",
     READER, "own_schema", "select on table ratchet.secrets"),
    ("alter role weak_reader reset default_transaction_read_only", READER, "settings", "default_transaction_read_only"),
    ("alter role weak_writer set statement_timeout = 0", WRITER, "settings", "statement_timeout is not set"),
    ("alter role weak_writer connection limit -1", WRITER, "settings", "connections are not limited"),
    ("grant set on parameter log_statement to weak_writer", WRITER, "parameters", "set on parameter log_statement"),
    ("select lo_create(4711); grant select on large object 4711 to public", READER, "large_objects", "1 large objects"),
    ("alter table rental.ledger owner to weak_writer", WRITER, "ownership", "owns rental.ledger"),
]  # fmt: skip
BY_HAND = {"large_objects", "ownership"}  # their fixes leave a name to fill in


type Owner = psycopg.AsyncConnection[Any]


@pytest.fixture(scope="session")
def url(server: Server, root: Path) -> Iterator[str]:
    """The owner's URL of a database that was set up."""
    made = server.create_database("weak")
    with psycopg.connect(made, autocommit=True) as conn:
        conn.execute((root / "tests" / "dbtool" / "schema.sql").read_bytes())
        conn.execute("alter policy only_the_own_tenant on rental.tenant_notes using (tenant = current_user)")
    asyncio.run(set_up(made, WISHES, {READER: "r", WRITER: "w"}))
    yield made
    server.drop_database("weak")


@pytest.fixture
async def owner(url: str) -> AsyncIterator[Owner]:
    """The owner in a transaction that is rolled back: roles and the database are the same for each test."""
    async with await psycopg.AsyncConnection.connect(url) as conn:
        yield conn
        await conn.rollback()


async def look(conn: Owner, role: str, rank: str = "weakness") -> list[Weakness]:
    return [each for each in await find_weaknesses(conn, WISHES, role) if each.rank == rank]


@pytest.mark.parametrize("role", [READER, WRITER])
async def test_a_database_that_was_set_up_has_none(owner: Owner, role: str) -> None:
    assert await look(owner, role) == []


@pytest.mark.parametrize(("mistake", "role", "code", "what"), CASES, ids=[case[0][:60] for case in CASES])
async def test_is_found_and_mended_by_its_fix(owner: Owner, mistake: str, role: str, code: str, what: str) -> None:
    await owner.execute(mistake.encode())
    found = await look(owner, role)
    assert any(what in weakness.what for weakness in found if weakness.code == code), found
    if code in BY_HAND:
        return
    for weakness in found:
        await owner.execute(weakness.fix.encode())
    assert await look(owner, role) == []


def test_every_kind_has_a_case() -> None:
    tried = {case[2] for case in CASES} | {"one_login", "policies", "builtins", "languages", "reachable"}
    assert {wall.name.partition("_")[2] for wall in read_walls("weaknesses")} == tried


def test_every_wall_says_its_rank_and_what_for() -> None:
    for folder, ranks in (("grants", {"needed", "wanted"}), ("weaknesses", {"weakness", "advice"})):
        for wall in read_walls(folder):
            assert wall.rank in ranks, wall.name
            assert wall.sentence.endswith((".", ")")), wall.name


async def test_a_login_that_is_not_there_has_not_been_found_harmless(owner: Owner) -> None:
    with pytest.raises(NotConfigured, match="no role nobody"):
        await look(owner, "nobody")


@pytest.mark.parametrize(
    ("column", "looks_secret"),
    [
        ("password", True), ("passwordHash", True), ("pw_hash", True), ("auth_token", True), ("authtoken", True),
        ("client_secret", True), ("api_keys", True), ("private_key", True), ("otp", True), ("credentials", True),
        ("secretary", False), ("passenger", False), ("hashtag", False), ("opinion", False), ("monkey", False),
    ],
)  # fmt: skip
async def test_secrets_are_told_by_whole_words(owner: Owner, column: str, looks_secret: bool) -> None:
    made = sql.SQL("create table rental.kept ({0} text, {1} timestamptz); grant select on rental.kept to weak_reader")
    await owner.execute(made.format(sql.Identifier(column), sql.Identifier(f"{column}_changed_at")))
    found = [weakness.what for weakness in await look(owner, READER) if weakness.code == "secrets"]
    name = column if column.islower() else f'"{column}"'
    assert found == ([f"select on rental.kept.{name}"] if looks_secret else [])


async def test_one_login_for_both_is_a_weakness(owner: Owner) -> None:
    both = Wishes(read_role=WRITER, write_role=WRITER)
    assert "one_login" in {each.code for each in await find_weaknesses(owner, both, WRITER)}


async def test_a_policy_that_trusts_a_setting_is_a_weakness(owner: Owner) -> None:
    policy = "create policy by_setting on rental.tenant_notes using (tenant = current_setting('rental.tenant', true))"
    await owner.execute(policy)
    assert [each.code for each in await look(owner, READER)] == ["policies"]


async def test_a_superuser_is_named_as_one_and_nothing_else_of_him(owner: Owner) -> None:
    found = await look(owner, "postgres")
    assert {each.code for each in found} == {"attributes", "settings"}
    assert "is a superuser" in {each.what for each in found}


async def test_what_takes_a_superuser_or_another_release_is_advice(owner: Owner) -> None:
    await owner.execute("create extension lo; create language sly handler plpgsql_call_handler")
    found = await look(owner, READER, "advice")
    assert [each.code for each in found] == ["builtins", "languages", "reachable"]
    assert "set_config(text,text,boolean)" in found[0].what


async def test_a_login_examines_itself(url: str, owner: Owner) -> None:
    await owner.execute("grant truncate on rental.bikes to public; grant select on rental.members to weak_reader")
    await owner.commit()
    given = make_conninfo(url, user=READER, password="r")
    try:
        async with await psycopg.AsyncConnection.connect(given) as reader:
            found = await look(reader, READER)
        assert [each.code for each in found] == ["tables", "secrets"]
        assert found == await look(owner, READER)
    finally:
        for weakness in await look(owner, READER):
            await owner.execute(weakness.fix.encode())
        await owner.commit()
