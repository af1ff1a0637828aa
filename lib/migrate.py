"""`python -m lib.migrate`: bring the database to this release's schema.

Run it from CI before a deployment is promoted; never at import, never in a preview build. Tables are files run
once, in order; functions are replaced every time. One transaction under an advisory lock: eight at once are one.
What needs the extension pgvector comes last, and only where the extension is or can be had: nothing else needs it.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from lib.config import settings
from lib.errors import NotConfigured, RatchetError, Unavailable
from lib.store.tool import admit_writer, why_not_admitted

SQL = Path(__file__).parent.parent / "sql"
_LOCK = 7_245_388_012  # any fixed number: it only has to be the same in every release
_TRIES = 5
_BOOTSTRAP: LiteralString = """
create schema if not exists ratchet;
create table if not exists ratchet.migrations (
  name        text primary key,
  applied_at  timestamptz not null default now()
);
"""
# Whether the extension is there, new enough for its HNSW index (0.5), and where; else whether the server has it.
_VECTOR: LiteralString = """
select e.extversion is null, string_to_array(coalesce(e.extversion, a.default_version), '.')::integer[] >= '{0,5}'
from pg_available_extensions a left join pg_extension e on e.extname = a.name
where a.name = 'vector'
"""
_CREATE_VECTOR: LiteralString = "create extension if not exists vector"
# The functions keep this path: wherever the extension was put, its type and its operators are found.
_VECTOR_PATH: LiteralString = """
do $$ begin
  execute format(
    'set local search_path = %s', (select extnamespace::regnamespace from pg_extension where extname = 'vector'));
end $$;
"""


def table_files() -> list[Path]:
    """What runs once, in this order."""
    return sorted((SQL / "tables").glob("*.sql"))


def function_files() -> list[Path]:
    """What is replaced every time; bodies are checked at first call, so any order will do."""
    return sorted((SQL / "functions").glob("*.sql"))


def vector_files() -> list[Path]:
    """What needs pgvector: tables, whose names begin with a number and run once, then functions."""
    return sorted((SQL / "vector").glob("*.sql"))


async def migrate(url: str, write_url: str = "") -> list[str]:
    """Apply what is missing and replace all functions; answers the names of the table files it ran.

    `write_url` is the database tool's write login: where it is one of this database, it may commit steps.
    Raises Unavailable, with nothing changed, if a table stays locked for five seconds.
    """
    tries = _TRIES
    while True:
        tries -= 1
        try:
            return await _migrate(url, write_url)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as exc:
            # A sweep takes its locks in another order than several files one after the other: the next try may pass it.
            if not tries or isinstance(exc, psycopg.errors.LockNotAvailable):
                raise Unavailable(
                    "Another transaction holds a table that has to change: nothing was changed. End it, or try again."
                ) from exc


async def _migrate(url: str, write_url: str) -> list[str]:
    async with await psycopg.AsyncConnection.connect(url, connect_timeout=5, prepare_threshold=None) as conn:
        # A transaction-level lock: session locks leak through transaction-mode poolers.
        await conn.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        # A sweep may hold these tables: give up with an error rather than queue everybody behind us.
        await conn.execute("set local lock_timeout = '5s'")
        await conn.execute("set local check_function_bodies = off")
        await conn.execute("set local client_min_messages = warning")
        await conn.execute(_BOOTSTRAP)
        applied = {name for (name,) in await (await conn.execute("select name from ratchet.migrations")).fetchall()}
        pending = [path for path in table_files() if path.stem not in applied]
        for path in pending:
            await conn.execute(path.read_text())
            await conn.execute("insert into ratchet.migrations (name) values (%s)", (path.stem,))
        for path in function_files():
            await conn.execute(path.read_text())
        if await _have_vector(conn):
            await conn.execute(_VECTOR_PATH)
            await _apply_vectors(conn, applied)
        if write_url:
            await admit_writer(conn, write_url)
        return [path.stem for path in pending]


async def _apply_vectors(conn: psycopg.AsyncConnection[Any], applied: set[str]) -> None:
    await conn.execute(_VECTOR_PATH)
    for path in vector_files():
        if path.stem not in applied:
            await conn.execute(path.read_text())
        if path.stem[0].isdigit() and path.stem not in applied:
            await conn.execute("insert into ratchet.migrations (name) values (%s)", (path.stem,))


async def _have_vector(conn: psycopg.AsyncConnection[Any]) -> bool:
    """Whether pgvector is installed, now if not before."""
    found = await (await conn.execute(_VECTOR)).fetchone()
    if found is None or not found[1]:
        return False
    if found[0]:
        try:
            async with conn.transaction():
                await conn.execute(_CREATE_VECTOR)
        except psycopg.errors.InsufficientPrivilege:
            return False
    return True


async def why_no_vectors(url: str) -> str | None:
    """Why a migrated database has no place for embeddings; None if it has one."""
    async with await psycopg.AsyncConnection.connect(url, connect_timeout=5, prepare_threshold=None) as conn:
        made = await (await conn.execute("select to_regclass('ratchet.memories')")).fetchone()
        found = await (await conn.execute(_VECTOR)).fetchone()
    if made and made[0]:
        return None
    if found is None:
        return "this server does not have the extension pgvector"
    return "this login may not create the extension pgvector" if found[1] else "pgvector is older than 0.5"


async def say_who_writes(url: str, write_url: str) -> str:
    """A sentence on whether steps that write are exactly once in this database, and if not, why."""
    why = "DB_TOOL_WRITE_URL is not set"
    if write_url:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=5, prepare_threshold=None) as conn:
            why = await why_not_admitted(conn, write_url) or ""
    if why:
        return f"the steps that write with `call: sql` are not made exactly once here, because {why}"
    return "the database tool's write login commits its steps exactly once here"


def render() -> str:
    """The whole schema as one SQL script, in the order in which it is applied."""
    parts = [f"-- {path.relative_to(SQL.parent)}\n{path.read_text()}" for path in table_files() + function_files()]
    vectors = [f"-- {path.relative_to(SQL.parent)}\n{path.read_text()}" for path in vector_files()]
    return "\n".join(
        [
            *("begin;", _BOOTSTRAP, "set local check_function_bodies = off;", *parts, "commit;"),
            "-- From here on only with the extension pgvector, 0.5 or newer: nothing above needs it.",
            *("begin;", f"{_CREATE_VECTOR};", _VECTOR_PATH, *vectors, "commit;\n"),
        ]
    )


def main(arguments: list[str]) -> int:
    """The command line; answers the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m lib.migrate", description="Bring DATABASE_URL to this release's schema."
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the SQL of an empty database's migration and change nothing",
    )
    if parser.parse_args(arguments).dry_run:
        sys.stdout.write(render())
        return 0
    try:
        url = settings().database_url
        if not url:
            raise NotConfigured("Set DATABASE_URL to the connection string of your Postgres.")
        ran = asyncio.run(migrate(url, settings().database_tool.write_url))
        lack = asyncio.run(why_no_vectors(url))
        writes = asyncio.run(say_who_writes(url, settings().database_tool.write_url))
    except (RatchetError, psycopg.Error) as exc:
        sys.stderr.write(f"migrate: {str(exc).strip()}\n")
        return 1
    done = ", ".join(ran) or "no new tables"
    sys.stdout.write(f"migrate: {done}; {len(function_files())} functions replaced.\n")
    sys.stdout.write(f"migrate: {writes}.\n")
    if lack:
        sys.stderr.write(f"migrate: no documents and no embeddings, because {lack}; all else works.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
