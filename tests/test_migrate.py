"""Migrations: once each, all or nothing, safe when many start at once, and they say what they did."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from lib import migrate
from lib.dev.postgres import Server


@pytest.fixture
def empty(server: Server) -> Iterator[str]:
    """The URL of a database that was never migrated."""
    server.create_database("empty")
    yield server.url("empty")
    server.drop_database("empty")


def run_migrate(root: Path, url: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lib.migrate", *arguments],
        cwd=root,
        env={**os.environ, "DB_TOOL_WRITE_URL": "", "DATABASE_URL": url, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.anyio
async def test_eight_at_once_are_one(empty: str):
    ran = await asyncio.gather(*(migrate.migrate(empty) for _ in range(8)))
    tables = [path.stem for path in migrate.table_files()]
    assert sorted(ran, key=len) == [[]] * 7 + [tables]


def test_says_what_it_did_and_again_that_there_was_nothing_to_do(root: Path, empty: str):
    first, second = run_migrate(root, empty), run_migrate(root, empty)
    functions = len(migrate.function_files())
    tables = ", ".join(path.stem for path in migrate.table_files())
    assert first.stdout.splitlines()[0] == f"migrate: {tables}; {functions} functions replaced."
    assert second.stdout.splitlines()[0] == f"migrate: no new tables; {functions} functions replaced."


def test_says_whether_steps_that_write_are_exactly_once(root: Path, server: Server, empty: str):
    def said(write_url: str) -> str:
        done = run_migrate(root, empty, DB_TOOL_WRITE_URL=write_url)
        assert (done.returncode, len(done.stdout.splitlines())) == (0, 2)
        assert "s3cret" not in done.stdout + done.stderr
        return done.stdout.splitlines()[1]

    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute("create role late_writer login noinherit password 's3cret'")
    try:
        no = "migrate: the steps that write with `call: sql` are not made exactly once here, because "
        writer = make_conninfo(empty, user="late_writer", password="s3cret")
        assert said("") == f"{no}DB_TOOL_WRITE_URL is not set."
        assert said(writer) == "migrate: the database tool's write login commits its steps exactly once here."
        assert said(make_conninfo(writer, dbname="x")) == f"{no}DB_TOOL_WRITE_URL leads to another database."
        assert said(make_conninfo(writer, user="x")) == f"{no}the login of DB_TOOL_WRITE_URL does not exist here."
    finally:
        server.drop_database("empty")
        with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
            conn.execute("drop role late_writer")


def test_a_dry_run_prints_sql_that_makes_the_same_schema_and_changes_nothing(root: Path, empty: str, template: str):
    script = run_migrate(root, empty, "--dry-run").stdout
    columns = "select table_name, column_name, data_type from information_schema.columns where table_schema = 'ratchet'"
    with psycopg.connect(empty, autocommit=True) as conn:
        assert conn.execute(columns).fetchall() == []
        conn.execute(script)
        made = set(conn.execute(columns).fetchall())
    with psycopg.connect(empty.replace("/empty", f"/{template}")) as conn:
        assert made == set(conn.execute(columns).fetchall())


def test_a_broken_migration_changes_nothing(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = tmp_path / "9999_broken.sql"
    broken.write_text("create table ratchet.half_done (id int); select 1 / 0;")
    tables = [*migrate.table_files(), broken]
    monkeypatch.setattr(migrate, "table_files", lambda: tables)
    with pytest.raises(psycopg.errors.DivisionByZero):
        asyncio.run(migrate.migrate(empty))
    with psycopg.connect(empty) as conn:
        assert conn.execute("select to_regnamespace('ratchet')").fetchone() == (None,)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "Set DATABASE_URL"),
        ("postgresql://nobody@127.0.0.1:1/x", "onnection"),
        ("nonsense", "DATABASE_URL is not a connection string"),
    ],
)
def test_a_database_it_cannot_reach_is_one_sentence(root: Path, url: str, sentence: str):
    done = run_migrate(root, url)
    assert done.returncode == 1
    assert done.stderr.startswith("migrate: ")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_right_to_make_the_extension_all_else_is_made_and_it_says_so(
    root: Path, server: Server, empty: str
):
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute("create role small_owner login password 'x'")
        conn.execute("alter database empty owner to small_owner")
    try:
        done = run_migrate(root, make_conninfo(empty, user="small_owner", password="x"))
        assert done.returncode == 0
        assert "0001_workflows" in done.stdout
        reason = "this login may not create the extension pgvector"
        assert done.stderr == f"migrate: no documents and no embeddings, because {reason}; all else works.\n"
    finally:
        server.drop_database("empty")
        with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
            conn.execute("drop role small_owner")
