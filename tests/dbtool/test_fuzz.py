"""A bounded run of the fuzzer; the same statements every time."""

import asyncio
import dataclasses
import itertools
from collections.abc import AsyncIterator

import pytest

from lib.dbtool import logins
from lib.dbtool.catalog import Catalog, read_catalog
from lib.dbtool.guard import judge
from lib.dev.postgres import Server
from tests.conftest import Configure
from tests.dbtool.fuzz import Fault, Target, check_lexer, fuzz, prepare, shared_seeds, variables
from tests.dbtool.mutations import statements
from tests.dbtool.seeds import STATEMENTS

pytestmark = pytest.mark.anyio

LEXED, JUDGED = 8_000, 3_000  # statements, from our own seeds and from the shared ones


@pytest.fixture(params=["own", "shared"])
def seeds(request: pytest.FixtureRequest) -> list[str]:
    """The statements to start from."""
    found = STATEMENTS if request.param == "own" else shared_seeds()
    if not found:
        pytest.skip("not run: the shared corpus is not at hand")
    return found


@pytest.fixture(scope="session")
def fuzz_template(server: Server) -> str:
    """The name of a database with the sample schema and the login that may write; never connected to again."""
    asyncio.run(prepare(server.create_database("template_fuzz")))
    return "template_fuzz"


@pytest.fixture
async def target(server: Server, fuzz_template: str, configure: Configure) -> AsyncIterator[tuple[Target, Catalog]]:
    """A fresh copy of it, and its catalog."""
    url = server.create_database("fuzz", template=fuzz_template)
    configure(**variables(url))
    opened = await Target.open(url)
    yield opened, await read_catalog(fresh=True)
    await opened.close()
    await logins.close()
    server.drop_database("fuzz")


def test_postgres_reads_what_the_lexer_reads_in_every_mutation(seeds):
    read = [check_lexer(sql) is not None for sql in itertools.islice(statements(20, seeds), LEXED)]
    assert sum(read) > LEXED / 4


async def test_whatever_is_accepted_as_a_read_leaves_the_database_as_it_was(target, seeds):
    tally = await fuzz(statements(21, seeds), *target, lambda count: count >= JUDGED)
    assert tally.counts["run by the database"] > JUDGED / 100


async def test_every_seed_is_accepted_and_every_read_among_them_runs(target):
    database, catalog = target
    for sql in STATEMENTS:
        statement = judge(sql, catalog)
        assert statement.kind == "write" or await database.run(sql, statement), sql
    await database.check()


@pytest.mark.parametrize(
    "sql",
    ["select leave_mark('x')", "select nextval('receipt_numbers')", "select pg_advisory_lock(7)", "listen x",
     "select * from bikes for update", "select set_config('work_mem', '5MB', false)",
     "select b.check_bike from bikes b",
     "explain select leave_mark_early('x')", "select 'a'::marked", "create temp table x ()", "prepare x as select 1"],
)  # fmt: skip
async def test_the_fuzzer_would_notice_what_an_attack_changes(target, sql):
    database, catalog = target
    statement = judge("select 1", catalog)
    await database.run("select 1", statement)
    await database.check()
    await database.run(sql, dataclasses.replace(statement, text=sql))
    with pytest.raises(Fault):
        await database.check()


def test_the_same_seed_gives_the_same_statements():
    assert list(itertools.islice(statements(3, STATEMENTS), 50)) == list(
        itertools.islice(statements(3, STATEMENTS), 50)
    )
