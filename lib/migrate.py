"""`python -m lib.migrate`: bring the database to this release's schema.

Run it from CI before a deployment is promoted; never at import, never in a preview build. Tables are files run
once, in order; functions are replaced every time. One transaction under an advisory lock: eight at once are one.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import LiteralString

import psycopg

from lib.config import settings
from lib.errors import NotConfigured, RatchetError

SQL = Path(__file__).parent.parent / "sql"
_LOCK = 7_245_388_012  # any fixed number: it only has to be the same in every release
_BOOTSTRAP: LiteralString = """
create schema if not exists ratchet;
create table if not exists ratchet.migrations (
  name        text primary key,
  applied_at  timestamptz not null default now()
);
"""


def table_files() -> list[Path]:
    """What runs once, in this order."""
    return sorted((SQL / "tables").glob("*.sql"))


def function_files() -> list[Path]:
    """What is replaced every time; bodies are checked at first call, so any order will do."""
    return sorted((SQL / "functions").glob("*.sql"))


async def migrate(url: str) -> list[str]:
    """Apply what is missing and replace all functions; answers the names of the table files it ran."""
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
        return [path.stem for path in pending]


def render() -> str:
    """The whole schema as one SQL script, in the order in which it is applied."""
    parts = [f"-- {path.relative_to(SQL.parent)}\n{path.read_text()}" for path in table_files() + function_files()]
    return "\n".join(["begin;", _BOOTSTRAP, "set local check_function_bodies = off;", *parts, "commit;"])


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
        ran = asyncio.run(migrate(url))
    except (RatchetError, psycopg.Error) as exc:
        sys.stderr.write(f"migrate: {str(exc).strip()}\n")
        return 1
    done = ", ".join(ran) or "no new tables"
    sys.stdout.write(f"migrate: {done}; {len(function_files())} functions replaced.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
