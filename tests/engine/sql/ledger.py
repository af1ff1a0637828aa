"""A ledger that shows how often something was written, tasks that write to it, and the logins to do so."""

import asyncio
from dataclasses import dataclass
from typing import Any

import psycopg

from lib import migrate
from lib.dbtool.setup import login_url, set_up
from lib.dbtool.walls import Wishes
from lib.dev.postgres import Server
from tests.history import sql

BOLTS = 100_000
WISHES = Wishes(read_role="ledger_reader", write_role="ledger_writer", schemas=("shop",))
PASSWORDS = {"ledger_reader": "reads", "ledger_writer": "writes"}

# No constraint keeps a line from being written twice: the engine does, or the tests see it.
SCHEMA = f"""
create schema shop;
create table shop.ledger (
  line bigint generated always as identity primary key,
  run text not null,
  entry text not null
);
create table shop.stock (
  item text primary key,
  pieces integer not null constraint stock_is_not_negative check (pieces >= 0)
);
insert into shop.stock values ('bolt', {BOLTS});
"""


@dataclass(frozen=True)
class Urls:
    """One database as its owner, its reader and its writer come to it."""

    owner: str
    reader: str
    writer: str

    @property
    def environment(self) -> dict[str, str]:
        """The settings that say so."""
        return {"DATABASE_URL": self.owner, "DB_TOOL_READ_URL": self.reader, "DB_TOOL_WRITE_URL": self.writer}


def find(owner: str) -> Urls:
    """The URLs of a database with a ledger, from its owner's."""
    reader, writer = (login_url(owner, role, password, "postgres") for role, password in PASSWORDS.items())
    return Urls(owner, reader, writer)


def lay_out(server: Server, name: str, template: str | None = None) -> Urls:
    """A new, migrated database with a ledger, and with logins that the setup and the migration made."""
    server.create_database(name, template=template)
    urls = find(server.url(name))
    with psycopg.connect(urls.owner, autocommit=True) as conn:
        conn.execute(SCHEMA.encode())
    asyncio.run(set_up(urls.owner, WISHES, PASSWORDS))
    asyncio.run(migrate.migrate(urls.owner, urls.writer))
    return urls


def write(entry: str, **more: Any) -> dict[str, Any]:
    """A task that writes one line of this name for its run."""
    return run_sql(
        "insert into shop.ledger (run, entry) values ($1, $2)", ["${ $workflow.id }", entry], confirm=True, **more
    )


def take(item: str, pieces: int = 1) -> dict[str, Any]:
    """A task that takes so many pieces out of the stock."""
    text = "update shop.stock set pieces = pieces - $1 where item = $2 returning pieces"
    return run_sql(text, [pieces, item], confirm=True)


def run_sql(text: str, params: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    """A task of this statement."""
    return {"call": "sql", "with": {"sql": text, "params": params or [], **more}}


async def lines() -> list[tuple[str, str, int]]:
    """What is in the ledger: each run's entries, and how often."""
    return await sql("select run, entry, count(*) from shop.ledger group by 1, 2 order by 1, 2")
