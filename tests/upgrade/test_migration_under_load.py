"""The schema moves on while sweeps run: they hardly notice; a migration that cannot have its tables changes nothing."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from lib import migrate, store
from lib.dev.postgres import Server
from lib.engine.reactor import Reactor
from lib.engine.sweeping import sweep_all
from lib.errors import Unavailable
from tests.documents import calls, document
from tests.engine.conftest import start
from tests.history import sql
from tests.service import Service
from tests.upgrade.locks import find_harm
from tests.upgrade.signatures import read_signatures
from tests.upgrade.test_previous_release import make_database, previous

__all__ = ["previous", "start"]

pytestmark = pytest.mark.anyio

LOCK_TIMEOUT_SECONDS = 5.0
SLACK_SECONDS = 4.0  # a machine under load may take its time
RUNS = 60


@pytest.fixture
def next_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next release has one more table file, which changes a table that every commit writes."""
    file = tmp_path / "9999_notes.sql"
    file.write_text("alter table ratchet.runs add column note text;\n")
    files = [*migrate.table_files(), file]
    monkeypatch.setattr(migrate, "table_files", lambda: files)


async def sweep_until_ended(slowest: list[float]) -> None:
    """Sweep again and again until no run is live; notes how long the database took for the slowest look at it."""
    while await sql("select 1 from ratchet.runs where finished_at is null limit 1"):
        begin = time.monotonic()
        await store.backlog()
        slowest.append(time.monotonic() - begin)
        await sweep_all(Reactor(), None)


async def test_sweeps_go_on_while_the_schema_is_migrated_again_and_again(
    start, database: str, service: Service, next_table: None
):
    for _ in range(RUNS):
        await start(document(calls(service.url, 4)))
    sweeps = [asyncio.create_task(sweep_until_ended([])) for _ in range(2)]
    ran = []
    while not all(sweep.done() for sweep in sweeps):
        ran.append(await migrate.migrate(database))
    await asyncio.gather(*sweeps)
    assert ran[0] == ["9999_notes"]
    assert await sql("select status, count(*) from ratchet.runs group by 1") == [("completed", RUNS)]
    assert set(service.keys().values()) == {1}
    assert len(service.keys()) == RUNS * 4


async def test_a_table_that_stays_locked_ends_the_migration_and_holds_nobody_up_for_longer(
    start, database: str, direct_url: str, service: Service, next_table: None
):
    await start(document(calls(service.url, 1)))
    before = await read_signatures(direct_url)
    slowest: list[float] = []
    async with await psycopg.AsyncConnection.connect(direct_url) as other:
        await other.execute("select 1 from ratchet.runs limit 1")  # a report, say, that takes its time
        begin = time.monotonic()
        migration = asyncio.create_task(migrate.migrate(database))
        while not await sql("select 1 from pg_locks where not granted and mode = 'AccessExclusiveLock'"):
            assert not migration.done()
        sweep = asyncio.create_task(sweep_until_ended(slowest))
        with pytest.raises(Unavailable, match="nothing was changed"):
            await migration
        assert time.monotonic() - begin < LOCK_TIMEOUT_SECONDS + SLACK_SECONDS
        await sweep
    assert max(slowest) < LOCK_TIMEOUT_SECONDS + SLACK_SECONDS
    assert await sql("select status from ratchet.runs") == [("completed",)]
    assert await read_signatures(direct_url) == before
    assert await sql("select 1 from ratchet.migrations where name = '9999_notes'") == []


async def test_a_migration_that_a_deadlock_has_ended_is_tried_again(
    database: str, direct_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "9999_notes.sql"
    file.write_text(
        "alter table ratchet.runs add column note text;\nalter table ratchet.subscriptions add column note text;\n"
    )
    files = [*migrate.table_files(), file]
    monkeypatch.setattr(migrate, "table_files", lambda: files)
    async with await psycopg.AsyncConnection.connect(direct_url) as commit:
        await commit.execute("lock table ratchet.subscriptions in row exclusive mode")
        migration = asyncio.create_task(migrate.migrate(database))
        while not await sql("select 1 from pg_locks where not granted and mode = 'AccessExclusiveLock'"):
            assert not migration.done()
        await commit.execute("lock table ratchet.runs in row exclusive mode")  # the migration has waited longer
        await commit.rollback()
        assert await migration == ["9999_notes"]


@pytest.mark.parametrize(
    ("statement", "harm"),
    [
        ("alter table ratchet.runs add column x uuid default gen_random_uuid()", ["runs is written anew"]),
        ("alter table ratchet.runs alter column claims type integer", ["runs is written anew"]),
        ("alter table ratchet.runs alter column parent_id set not null", ["runs is read whole"]),
        ("alter table ratchet.runs add constraint never_late check (due_at is not null)", ["runs is read whole"]),
        ("create index on ratchet.chapters (created_at)", ["chapters takes no writes meanwhile"]),
        ("update ratchet.sweeps set ended = 'error'", ["sweeps is read whole"]),
    ],
)
async def test_a_change_that_takes_as_long_as_a_table_is_large_would_be_found(
    direct_url: str, statement: str, harm: list[str]
):
    async with await psycopg.AsyncConnection.connect(direct_url) as conn:
        assert set(harm) <= set(await find_harm(conn, statement))


@pytest.mark.parametrize(
    "statement",
    [
        "alter table ratchet.runs add column x text",
        "alter table ratchet.runs add column x integer not null default 0",
        "alter table ratchet.runs add constraint never_late check (due_at is not null) not valid",
        "create table ratchet.notes (id uuid primary key); create index on ratchet.notes (id)",
        "-- runs takes no writes meanwhile: it is small\ncreate index on ratchet.runs (due_at) where lease is not null",
    ],
)
async def test_a_change_that_takes_no_time_is_let_pass(direct_url: str, statement: str):
    async with await psycopg.AsyncConnection.connect(direct_url) as conn:
        assert await find_harm(conn, statement) == []


async def test_streams_that_go_on_reading_and_a_migration_do_not_wait_in_a_circle(
    grown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files = migrate.table_files()
    slow = tmp_path / files[-1].name  # as on a database with many runs: longer than it takes to look for a circle
    slow.write_text(files[-1].read_text().replace("\ndrop table", "\nselect pg_sleep(1.2);\ndrop table", 1))
    assert "pg_sleep" in slow.read_text()
    monkeypatch.setattr(migrate, "table_files", lambda: [*files[:-1], slow])
    migration = asyncio.create_task(migrate.migrate(grown))

    async def read() -> int:
        reads = 0
        async with await psycopg.AsyncConnection.connect(grown, autocommit=True) as conn:
            while not migration.done():
                await conn.execute("select * from ratchet.read_changes(array[gen_random_uuid()], '{0}', 100)")
                reads += 1
        return reads

    assert min(await asyncio.gather(read(), read())) > 0
    assert await migration == [slow.stem]


@pytest.fixture
def grown(server: Server, previous: Path) -> Iterator[str]:
    """The URL of a database that the release before has made."""
    yield make_database(server, previous, "grown")
    server.drop_database("grown")


async def test_no_new_table_file_takes_as_long_as_a_table_is_large(grown: str, previous: Path):
    known = {path.name for path in (previous / "sql" / "tables").glob("*.sql")}
    new = [path.read_text() for path in migrate.table_files() if path.name not in known]
    async with await psycopg.AsyncConnection.connect(grown) as conn:
        assert await find_harm(conn, "\n".join(new)) == []
