"""The sample of `make dev`: real data, two small logins made by the tool's own setup, made once."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from lib.dbtool.walls import READER, WRITER, Wishes
from lib.dbtool.weaknesses import find_weaknesses
from lib.dev.postgres import Server
from lib.dev.sample import open_sample
from lib.migrate import migrate
from lib.store.tool import admit_writer, why_not_admitted

pytestmark = pytest.mark.anyio


@pytest.fixture
def url(server: Server, template: str) -> Iterator[str]:
    """A migrated database without a sample."""
    yield server.create_database("sample", template=template)
    server.drop_database("sample")


async def test_holds_the_world_and_a_diary(url: str) -> None:
    env = await open_sample(url)
    async with await psycopg.AsyncConnection.connect(env["DB_TOOL_READ_URL"]) as conn:
        cursor = await conn.execute("select count(*) from countries")
        assert await cursor.fetchone() == (249,)
        cursor = await conn.execute(
            "select c.name, p.name, latitude, longitude from places p join countries c on c.code = p.country"
            " where zone = 'America/Argentina/Ushuaia'"
        )
        assert [list(map(str, row)) for row in await cursor.fetchall()] == [
            ["Argentina", "Ushuaia", "-54.800", "-68.300"]
        ]
        cursor = await conn.execute("select count(*) = (select count(distinct zone) from places) from places")
        assert await cursor.fetchone() == (True,)


async def test_its_logins_have_no_weakness(url: str) -> None:
    await open_sample(url)
    async with await psycopg.AsyncConnection.connect(url) as conn:
        for role in (READER, WRITER):
            found = await find_weaknesses(conn, Wishes(), role)
            assert [weakness for weakness in found if weakness.rank == "weakness"] == []


async def test_its_writer_changes_the_diary_and_its_reader_cannot(url: str) -> None:
    env = await open_sample(url)
    change = "update visits set state = 'done', stars = 5 where state = 'planned' returning changed_at > day"
    async with await psycopg.AsyncConnection.connect(env["DB_TOOL_WRITE_URL"]) as conn:
        assert len(await (await conn.execute(change)).fetchall()) == 2
        await conn.execute("insert into visits (place_id, day) values (1, '2030-01-01')")
    async with await psycopg.AsyncConnection.connect(env["DB_TOOL_READ_URL"]) as conn:
        await conn.set_read_only(False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute(change)


async def test_a_second_start_keeps_what_was_written_and_the_same_logins(url: str) -> None:
    first = await open_sample(url)
    async with await psycopg.AsyncConnection.connect(first["DB_TOOL_WRITE_URL"]) as conn:
        await conn.execute("delete from visits where state = 'planned'")
    began = time.perf_counter()
    assert await open_sample(url) == first
    assert time.perf_counter() - began < 1
    async with await psycopg.AsyncConnection.connect(first["DB_TOOL_READ_URL"]) as conn:
        assert await (await conn.execute("select count(*) from visits")).fetchone() == (6,)


async def test_the_writer_may_commit_steps_and_call_nothing_else_of_ours(url: str) -> None:
    env = await open_sample(url)
    await migrate(url, env["DB_TOOL_WRITE_URL"])
    callable_names = (
        "select array_agg(proname order by proname) from pg_proc where pronamespace ="
        " (select oid from pg_namespace where nspname = 'ratchet') and has_function_privilege(oid, 'execute')"
    )
    readable = (
        "select count(*) from pg_class where relnamespace = (select oid from pg_namespace where nspname = 'ratchet')"
        " and relkind in ('r', 'S') and (has_table_privilege(oid, 'select') or has_table_privilege(oid, 'update'))"
    )
    async with await psycopg.AsyncConnection.connect(env["DB_TOOL_WRITE_URL"]) as conn:
        names = await (await conn.execute(callable_names)).fetchone()
        assert names == (["commit_statement", "is_key_held"],)
        assert await (await conn.execute(readable)).fetchone() == (0,)
        assert await (await conn.execute("select ratchet.is_key_held(1)")).fetchone() == (False,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute("select ratchet.clock()")
    async with await psycopg.AsyncConnection.connect(env["DB_TOOL_READ_URL"]) as conn:
        assert await (await conn.execute(callable_names)).fetchone() == (None,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute("select ratchet.is_key_held(1)")


async def test_only_a_login_of_this_very_database_is_let_in(url: str) -> None:
    await open_sample(url)
    async with await psycopg.AsyncConnection.connect(url) as conn:
        for write_url, obstacle in (
            (f"postgresql://{WRITER}.tenant:p@pooler.example/sample", None),
            (f"postgresql://{WRITER}:p@db.example/elsewhere", "leads to another database"),
            ("postgresql://nobody:p@db.example/sample", "does not exist here"),
            (url, "is a superuser"),  # the owner himself needs no letting in
        ):
            assert await admit_writer(conn, write_url) is (obstacle is None)
            found = await why_not_admitted(conn, write_url)
            assert found is None if obstacle is None else obstacle in (found or "")
        await conn.rollback()


@pytest.fixture
def data(root: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder for the data of a `make dev`, within the project as its own is."""
    place = root / ".ratchet" / f"test-{tmp_path.name}"
    yield place
    shutil.rmtree(place.resolve(), ignore_errors=True)
    place.unlink(missing_ok=True)


def test_make_dev_prints_a_query_that_works(root: Path, data: Path) -> None:
    code = "import lib.dev.__main__ as dev, pathlib, sys; dev.DATA = pathlib.Path(sys.argv[1]); dev.main()"
    hidden = ("RATCHET_", "VERCEL", "DATABASE_URL", "POSTGRES_URL", "DB_TOOL_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(data)],
        cwd=root, env={**env, "PORT": "0"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if "/db/query" in line:
                break
        assert any(re.match("sample +countries", line) for line in lines)
        done = subprocess.run(lines[-1] + " -s", shell=True, capture_output=True, text=True, check=True)
        assert '["United States", 29]' in done.stdout or '["United States",29]' in done.stdout
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_the_urls_name_no_secret_of_the_server(server: Server) -> None:
    url = server.create_database("sample_secret")
    try:
        env = asyncio.run(open_sample(url))
    finally:
        server.drop_database("sample_secret")
    own = urlsplit(url).password
    assert own
    assert not any(own in value for value in env.values())
