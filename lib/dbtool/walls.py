"""The database's own walls around the two logins: what is wished for, and the queries that read the catalogs for it.

A file of `walls/` is one query whose answer is SQL again: statements to run, or what is weak with its fix. It
begins with `-- <rank>: <sentence>`, sees the common part of `scope.sql`, and reads wishes as settings.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

type Connection = psycopg.AsyncConnection[Any]

FOLDER = Path(__file__).parent / "walls"
READER = "ratchet_reader"
WRITER = "ratchet_writer"
GRANTING = ("needed", "wanted")  # ranks of queries that answer one text; the others answer two


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the logins are called and what they are for.

    `schemas` and `write_tables` empty: all of the application's. Columns are `table.column`, perhaps with the
    schema before it: `hide` is closed to both logins, `show` is open although its name looks like a secret's.
    """

    read_role: str = READER
    write_role: str = WRITER
    schemas: tuple[str, ...] = ()
    write_tables: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    harden: bool = False


@dataclass(frozen=True, slots=True)
class Wall:
    """One file: its name, its rank (`needed`, `wanted`, `weakness`, `advice`), its sentence and its query."""

    name: str
    rank: str
    sentence: str
    query: str


def read_walls(folder: str) -> list[Wall]:
    """The files of `walls/<folder>`, in their order."""
    return [read_wall(path) for path in sorted((FOLDER / folder).glob("*.sql"))]


def read_wall(path: Path) -> Wall:
    """One file, taken apart."""
    first, _, query = path.read_text().partition("\n")
    rank, _, sentence = first.removeprefix("-- ").partition(": ")
    return Wall(path.stem, rank, sentence, query)


async def begin(conn: Connection, wishes: Wishes, login: str = "") -> None:
    """Tell the open transaction what is wished for; `login` is the one that is examined.

    SET rather than set_config: a hardened database has closed that function.
    """
    said = {
        "search_path": "pg_catalog",
        "db_tool.reader": wishes.read_role,
        "db_tool.writer": wishes.write_role,
        "db_tool.login": login,
        "db_tool.schemas": json.dumps(wishes.schemas),
        "db_tool.hide": json.dumps(wishes.hide),
        "db_tool.show": json.dumps(wishes.show),
        "db_tool.writable": json.dumps(wishes.write_tables),
    }
    text = sql.SQL("set local {} = {}")
    lines = [text.format(sql.SQL(name), sql.Literal(value)) for name, value in said.items()]
    await conn.execute(sql.SQL("; ").join(lines))


async def ask(conn: Connection, walls: Sequence[Wall]) -> list[tuple[Wall, list[str]]]:
    """What the queries answer, in the order of the files, within a transaction that `begin` was told of.

    They are sent as one: the common part, which costs most, is read and worked out once.
    """
    width = "first" if walls[0].rank in GRANTING else "first, second"
    parts = [
        f"select {place} as place, row_number() over () as line, {width} from ({wall.query}) as wall({width})"  # noqa: S608  # our own files
        for place, wall in enumerate(walls)
    ]
    query = f"{(FOLDER / 'scope.sql').read_text()}{'\nunion all\n'.join(parts)}\norder by place, line"
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(query.encode())
        return [(walls[place], texts) for place, _, *texts in await cursor.fetchall()]
